/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Descriptors.
 */
#ifndef BASE_FD_H
#define BASE_FD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Make sure that 0, 1 and 2 are open, on /dev/null where they were not, so
 * that no socket or file opened later can land there and be taken for stdout.
 * -1 and errno if /dev/null cannot be opened.
 */
int	fd_fill_standard(void);

/* Make fd /dev/null; -1 and errno. */
int	fd_point_at_null(int fd);

/*
 * Close every descriptor but the n in keep (any order; -1 is passed over).
 * Takes no longer however high RLIMIT_NOFILE is.
 */
void	fd_keep_only(const int *keep, size_t n);

bool	fd_is_open(int fd);

/* close() once and forget; -1 is passed over.  errno stays as it was. */
void	fd_close(int *fd);

/* All of buf, however often that takes; -1 and errno. */
int	fd_write_all(int fd, const void *buf, size_t len);

#endif

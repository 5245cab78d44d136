/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The run-time directory, where a server's board is, and those who look for
 * it find it.
 */
#ifndef BOARD_RUNDIR_H
#define BOARD_RUNDIR_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The name of the directory: $RUNTIME_DIRECTORY (the first, if a service
 * manager gave several); for root RUNSTATEDIR/smiled; for anybody else
 * $XDG_RUNTIME_DIR/smiled, or /tmp/smiled-UID.  -1 and ENAMETOOLONG.
 */
int	rundir_name(char *buf, size_t size);

/*
 * Whether what is found there can be believed: it was named by who runs us, or
 * it belongs to us or to root.  Anybody could make one in /tmp.
 */
bool	rundir_is_trusted(const char *dir);

/*
 * Make it if it is not there, and make sure that nobody but its owner, who
 * must be us or root, can put files there.  -1 and errno; EPERM: it is
 * somebody else's, or open to others.
 */
int	rundir_make(const char *dir);

#endif

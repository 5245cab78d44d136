/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A file that holds the master's pid, for those who ask for one.  It is
 * locked as long as the master lives (fcntl(2), F_SETLK), so that a pid that
 * has since become somebody else's cannot be taken for ours.
 */
#ifndef MASTER_PIDFILE_H
#define MASTER_PIDFILE_H

#include <limits.h>

struct pidfile {
	char	path[PATH_MAX];		/* "": there is none */
	int	fd;
};

/* -1 and errno; EBUSY: a living server has it. */
int	pidfile_create(struct pidfile *, const char *path);

/* Let another master lock it, which it can do from now on. */
void	pidfile_release(struct pidfile *);

/* It is the other's now. */
void	pidfile_forget(struct pidfile *);

/* Remove it, if it is still ours. */
void	pidfile_remove(struct pidfile *);

#endif

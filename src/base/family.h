/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The children of a process, its own and those that were left to it by the
 * death of their parents (PR_SET_CHILD_SUBREAPER, prctl(2)).
 *
 * Some of them live on with our consent: those that are known to who asks,
 * and the helpers.  All others are strangers, and can be ended.
 */
#ifndef BASE_FAMILY_H
#define BASE_FAMILY_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define FAMILY_HELPERS	256	/* that are remembered */

struct family {
	int	proc;			/* /proc, opened before any chroot; or
					 * -1: there is none, or not ours */
	bool	(*is_known)(void *, pid_t);	/* NULL: nobody is */
	void	*arg;
	pid_t	helper[FAMILY_HELPERS];
	size_t	helpers;
};

/* Become the one to whom they are left.  -1 and errno. */
int	family_init(struct family *, bool (*is_known)(void *, pid_t),
	    void *arg);

/* Whether it cannot be known who there is: nobody is killed or remembered. */
bool	family_is_hidden(const struct family *);

/* All strangers that there are now are helpers. */
void	family_accept(struct family *);

/* Kill all strangers that there are now.  Returns how many. */
unsigned	family_kill(struct family *);

/* A child has been waited for. */
void	family_forget(struct family *, pid_t);

#endif

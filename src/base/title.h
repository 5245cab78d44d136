/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What ps(1) shows for a process.  The kernel shows the memory where the
 * arguments stand, so a title is written there; the environment, which
 * follows it, is moved away first to make room.
 */
#ifndef BASE_TITLE_H
#define BASE_TITLE_H

#include <stddef.h>

struct title {
	char	*area;		/* NULL: titles cannot be set */
	size_t	 size;
	char	**env;		/* the environment in its new place */
	char	*strings;	/* what it has, and had: setenv(3) forgets */
};

/* Call once, before argv and environ have been handed to anybody. */
void	title_init(struct title *, int argc, char **argv);

/* At the very end: gives back the memory, and the environment with it. */
void	title_free(struct title *);

void	title_set(const struct title *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

#endif

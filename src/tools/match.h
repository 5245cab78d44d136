/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Whether a text occurs in a stream of bytes that comes in pieces.  However
 * the stream is cut, and whatever bytes it has, nothing of it is kept (Knuth,
 * Morris, Pratt: Fast Pattern Matching in Strings, 1977).
 */
#ifndef TOOLS_MATCH_H
#define TOOLS_MATCH_H

#include <stdbool.h>
#include <stddef.h>

struct match {
	const char	*text;
	size_t		 len;
	size_t		*border;	/* see match.c */
	size_t		 got;		/* so much of text stands at the end */
	bool		 found;
};

/*
 * Look for text, which must not be empty and stays the caller's.  -1 and
 * ENOMEM.  match_free() gives the memory back.
 */
int	match_init(struct match *, const char *text);
void	match_free(struct match *);

/* The next n bytes of the stream; match->found tells. */
void	match_feed(struct match *, const char *buf, size_t n);

#endif

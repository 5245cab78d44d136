/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A line of the configuration as words, and a word as it is written there.
 *
 * Words are separated by blanks and tabs.  Single quotes take everything
 * literally; double quotes know the escapes of C; a backslash outside of
 * quotes takes the next byte literally; parts that touch are one word, as in
 * the shell.  A # where a word could begin starts a comment.
 */
#ifndef CONF_WORD_H
#define CONF_WORD_H

#include <stdio.h>

#include "base/mem.h"
#include "conf/complaint.h"

#define WORDS_MAX	1024	/* in a line */

struct word {
	const char	*text;		/* terminated; may hold NUL bytes */
	size_t		 len;
	unsigned	 column;	/* where it begins, from 1 */
};

/* The words of a line. */
struct words {
	struct word	*word;
	size_t		 n;
};

/*
 * Split the len bytes of a line, its newline not among them.  -1: the line is
 * wrong, and at, whose column is set for it, was complained of.
 */
int	words_split(struct words *, const char *line, size_t len,
	    struct arena *, struct origin *at, struct complaints *);

/* Write a word so that it is read as the same again, quoted if need be. */
void	word_write(FILE *, const char *text, size_t len);

#endif

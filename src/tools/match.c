/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See match.h.  border[i] is the length of the longest string shorter than
 * the first i + 1 bytes of the text that both begins and ends them: what is
 * still of use when the byte after them is not the one hoped for.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/match.h"

/* With got bytes of the text at the end of the stream, c follows. */
static size_t
advance(const struct match *match, size_t got, char c)
{
	while (got > 0 && match->text[got] != c)
		got = match->border[got - 1];
	return match->text[got] == c ? got + 1 : 0;
}

int
match_init(struct match *match, const char *text)
{
	memset(match, 0, sizeof *match);
	match->text = text;
	match->len = strlen(text);
	match->border = calloc(match->len, sizeof match->border[0]);
	if (match->border == NULL)
		return -1;
	for (size_t i = 1; i < match->len; i++)
		match->border[i] = advance(match, match->border[i - 1],
		    text[i]);
	return 0;
}

void
match_free(struct match *match)
{
	free(match->border);
	match->border = NULL;
}

void
match_feed(struct match *match, const char *buf, size_t n)
{
	for (size_t i = 0; i < n && !match->found; i++) {
		match->got = advance(match, match->got, buf[i]);
		match->found = match->got == match->len;
	}
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See word.h.
 */
#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "conf/word.h"

/* A line being split. */
struct splitter {
	const char		*line;
	size_t			 len;
	size_t			 pos;
	char			*out;	/* all words, one behind the other */
	size_t			 outlen;
	struct origin		*at;
	struct complaints	*complaints;
};

static const char plain_bytes[] = "abcdefghijklmnopqrstuvwxyz"
    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./:=@%+,*-[]~^!?";

/* Complain of the byte at pos. */
static int
wrong(struct splitter *s, size_t pos, const char *what)
{
	s->at->column = (unsigned)pos + 1;
	complain(s->complaints, s->at, "%s", what);
	return -1;
}

static void
put(struct splitter *s, char c)
{
	s->out[s->outlen++] = c;
}

static int
hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

/* \xHH: exactly two digits, so that what follows cannot be mistaken. */
static int
hex_escape(struct splitter *s)
{
	int high = -1, low = -1;

	if (s->pos + 1 < s->len) {
		high = hex_digit(s->line[s->pos]);
		low = hex_digit(s->line[s->pos + 1]);
	}
	if (high == -1 || low == -1)
		return wrong(s, s->pos - 2, "\\x needs two hexadecimal digits");
	s->pos += 2;
	put(s, (char)(high * 16 + low));
	return 0;
}

/* \0 to \377. */
static void
octal_escape(struct splitter *s)
{
	unsigned value = 0;

	for (int i = 0; i < 3 && s->pos < s->len && s->line[s->pos] >= '0' &&
	    s->line[s->pos] <= '7' && value < 32; i++)
		value = value * 8 + (unsigned)(s->line[s->pos++] - '0');
	put(s, (char)value);
}

/* What follows a backslash within double quotes. */
static int
escape(struct splitter *s)
{
	static const char names[] = "abefnrtv\\\"'$";
	static const char bytes[] = "\a\b\033\f\n\r\t\v\\\"'$";
	const char *p;
	char c;

	if (s->pos == s->len)
		return 0;		/* the quotes are not closed either */
	c = s->line[s->pos];
	if (c >= '0' && c <= '7') {
		octal_escape(s);
		return 0;
	}
	s->pos++;
	if (c == 'x')
		return hex_escape(s);
	p = c != '\0' ? strchr(names, c) : NULL;
	if (p == NULL)
		return wrong(s, s->pos - 2, "unknown escape; a backslash "
		    "itself is written \\\\ within double quotes");
	put(s, bytes[p - names]);
	return 0;
}

static int
quoted_part(struct splitter *s, char quote)
{
	size_t begin = s->pos++;

	while (s->pos < s->len && s->line[s->pos] != quote) {
		char c = s->line[s->pos++];

		if (c != '\\' || quote == '\'')
			put(s, c);
		else if (escape(s) == -1)
			return -1;
	}
	if (s->pos == s->len)
		return wrong(s, begin, quote == '"' ?
		    "the double quotes that begin here are not closed" :
		    "the single quotes that begin here are not closed");
	s->pos++;
	return 0;
}

static int
bare_byte(struct splitter *s)
{
	unsigned char c = (unsigned char)s->line[s->pos];

	if (c == '\\') {
		if (++s->pos == s->len)
			return wrong(s, s->pos - 1, "a backslash cannot end a "
			    "line; a value stands on one line");
		c = (unsigned char)s->line[s->pos];
	} else if (c < ' ' || c == 0x7f) {
		return wrong(s, s->pos, "a control byte; within double quotes "
		    "it can be written as an escape");
	}
	s->pos++;
	put(s, (char)c);
	return 0;
}

static int
is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static int
read_word(struct splitter *s, struct word *w)
{
	int result = 0;
	size_t begin = s->outlen;

	w->column = (unsigned)s->pos + 1;
	w->text = s->out + begin;
	while (result == 0 && s->pos < s->len && !is_blank(s->line[s->pos])) {
		char c = s->line[s->pos];

		result = c == '"' || c == '\'' ? quoted_part(s, c) :
		    bare_byte(s);
	}
	w->len = s->outlen - begin;
	put(s, '\0');
	return result;
}

/* Whether there is another word; pos is then where it begins. */
static int
find_word(struct splitter *s)
{
	while (s->pos < s->len && is_blank(s->line[s->pos]))
		s->pos++;
	return s->pos < s->len && s->line[s->pos] != '#';
}

int
words_split(struct words *words, const char *line, size_t len,
    struct arena *arena, struct origin *at, struct complaints *complaints)
{
	struct splitter s = {
		.line = line, .len = len, .at = at, .complaints = complaints
	};
	struct word found[WORDS_MAX];

	*words = (struct words){ 0 };
	if (!find_word(&s))
		return 0;
	/* No word is longer than it is written with the blank behind it. */
	s.out = arena_take(arena, len + 1);
	if (s.out == NULL) {
		complain(complaints, at, "%s", strerror(errno));
		return -1;
	}
	do {
		if (words->n == WORDS_MAX)
			return wrong(&s, s.pos, "too many words in a line");
		if (read_word(&s, &found[words->n++]) == -1)
			return -1;
	} while (find_word(&s));
	words->word = arena_take(arena, words->n * sizeof found[0]);
	if (words->word == NULL) {
		complain(complaints, at, "%s", strerror(errno));
		return -1;
	}
	memcpy(words->word, found, words->n * sizeof found[0]);
	return 0;
}

static void
write_byte(FILE *f, unsigned char c)
{
	static const char bytes[] = "\n\r\t\\\"", names[] = "nrt\\\"";
	const char *p = c != '\0' ? strchr(bytes, c) : NULL;

	if (p != NULL)
		fprintf(f, "\\%c", names[p - bytes]);
	else if (c < ' ' || c > '~')
		fprintf(f, "\\x%02x", c);
	else
		putc(c, f);
}

void
word_write(FILE *f, const char *text, size_t len)
{
	if (len > 0 && strspn(text, plain_bytes) == len) {
		fputs(text, f);
		return;
	}
	putc('"', f);
	for (size_t i = 0; i < len; i++)
		write_byte(f, (unsigned char)text[i]);
	putc('"', f);
}

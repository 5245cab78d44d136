/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A line of the log on its way through the pipe, and what becomes of it at the
 * end.  All processes make lines of one form, which says nothing of where they
 * go: that is the log process's business, and can change at any time.
 *
 *	TIME LEVEL[TAG] MESSAGE and, for each field, FIELD NAME TEXT VALUE
 *
 * FIELD and TEXT (or NUMBER) are control bytes, which neither a message nor a
 * value can have in it, since both are escaped.
 */
#ifndef LOG_LINE_H
#define LOG_LINE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/level.h"
#include "base/text.h"

#define LINE_NUMBER	'\x1d'	/* before a value that is a number */
#define LINE_TEXT	'\x1e'	/* before one that is a text */
#define LINE_FIELD	'\x1f'	/* before a field's name */

/* The parts of a line, in the memory of that. */
struct line {
	const char	*time;		/* 2026-11-22T16:45:01.123Z */
	size_t		 time_len;	/* 0: it is none of ours */
	enum level	 level;
	const char	*tag;		/* "smile/2" */
	size_t		 tag_len;	/* 0: the master's */
	const char	*rest;		/* the message and the fields */
	size_t		 len;
};

/* "warn" */
const char	*line_level(enum level);

/* Begin a line that is said now: "TIME LEVEL[TAG] ". */
void	line_add_head(struct text *, enum level, const char *tag);

/* Take apart a line of len bytes, without its newline. */
void	line_parse(struct line *, const char *, size_t len);

/*
 * Add "TIME LEVEL[TAG] MESSAGE NAME VALUE", without TIME if that is left to
 * somebody else; whatever is not printable has become a question mark.
 */
void	line_add_text(struct text *, const struct line *, bool with_time);

/*
 * Add an object of JSON (RFC 8259), in ASCII.  If there is little room, the
 * message is cut.  Its text is the same as in the other form, escapes and all:
 * who shows it need not know what a client may have put into it.
 */
void	line_add_json(struct text *, const struct line *);

#endif

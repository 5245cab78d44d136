/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Text in fixed buffers, words read as numbers and times, and the word that
 * somebody probably meant.
 */
#ifndef BASE_TEXT_H
#define BASE_TEXT_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

/*
 * A line under construction in somebody else's buffer.  What does not fit is
 * cut off and never an error: the makers of lines (messages, titles) prefer a
 * short line to none.  buf is always terminated.
 */
struct text {
	char	*buf;
	size_t	 size;		/* of buf, the terminator included */
	size_t	 len;		/* always below size */
};

void	text_init(struct text *, char *buf, size_t size);
void	text_add(struct text *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));
void	text_add_list(struct text *, const char *fmt, va_list)
	    __attribute__((format(printf, 2, 0)));

/*
 * Add len bytes of src so that a client's bytes can neither forge a line nor
 * colour a terminal: whatever is not printable ASCII, and the backslash,
 * becomes \n, \r, \t, \\ or \xNN.
 */
void	text_add_escaped(struct text *, const char *src, size_t len);

/*
 * Read a whole word as a decimal number, digits only.  Returns 0; or -1 with
 * errno EINVAL if it is no such number, ERANGE if it is outside min to max.
 */
int	text_number(const char *word, uint64_t min, uint64_t max,
	    uint64_t *value);

/*
 * Read a whole word as a length of time: digits and one of ms, s, m, h
 * (seconds if there is no unit).  The value is in milliseconds, at most
 * TEXT_TIME_MAX.  Returns 0; or -1 with errno as text_number().
 */
#define TEXT_TIME_MAX	(INT64_C(366) * 24 * 3600 * 1000)
int	text_time(const char *word, int64_t *ms);

/*
 * How many letters must be changed, added, dropped or swapped with their
 * neighbour to make a into b.  Words longer than 63 letters are never near.
 */
unsigned	text_distance(const char *a, const char *b);

/* The largest distance at which word is still taken for a slip of the pen. */
unsigned	text_slip(const char *word);

/*
 * The name that was probably meant by word; NULL: none is near.  The names are
 * those of a table's rows: name is where the first row has its, step the size
 * of a row, and the last row's name is NULL.
 */
const char	*text_near(const char *word, const char *const *name,
		    size_t step);

#endif

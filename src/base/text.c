/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See text.h.  Nothing here allocates: these functions also run where memory
 * may be short, and in workers that are sealed.
 */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"

#define WORD_MAX	63	/* letters that text_distance() compares */

void
text_init(struct text *t, char *buf, size_t size)
{
	t->buf = buf;
	t->size = size;
	t->len = 0;
	buf[0] = '\0';
}

void
text_add_list(struct text *t, const char *fmt, va_list ap)
{
	size_t room = t->size - t->len;
	int n = vsnprintf(t->buf + t->len, room, fmt, ap);

	if (n > 0)
		t->len += (size_t)n < room ? (size_t)n : room - 1;
}

void
text_add(struct text *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_add_list(t, fmt, ap);
	va_end(ap);
}

/* Put one byte as it is, if there is room for it. */
static void
add_byte(struct text *t, char c)
{
	if (t->len + 1 < t->size) {
		t->buf[t->len++] = c;
		t->buf[t->len] = '\0';
	}
}

void
text_add_escaped(struct text *t, const char *src, size_t len)
{
	static const char hex[] = "0123456789abcdef";
	static const char plain[] = "\n\r\t\\", name[] = "nrt\\";

	for (size_t i = 0; i < len && t->len + 5 < t->size; i++) {
		unsigned char c = (unsigned char)src[i];
		const char *p = c == '\0' ? NULL : strchr(plain, c);

		if (p != NULL) {
			add_byte(t, '\\');
			add_byte(t, name[p - plain]);
		} else if (c >= ' ' && c <= '~') {
			add_byte(t, (char)c);
		} else {
			add_byte(t, '\\');
			add_byte(t, 'x');
			add_byte(t, hex[c >> 4]);
			add_byte(t, hex[c & 15]);
		}
	}
}

/*
 * Read the digits that word begins with; *end is what comes after them.
 * strtoull(3) is no help: it takes blanks, signs and other bases as well.
 */
static int
read_digits(const char *word, uint64_t *value, const char **end)
{
	uint64_t v = 0;

	if (*word < '0' || *word > '9') {
		errno = EINVAL;
		return -1;
	}
	for (; *word >= '0' && *word <= '9'; word++) {
		unsigned digit = (unsigned)(*word - '0');

		/* Stay at the top once there: too large is too large. */
		v = v > (UINT64_MAX - digit) / 10 ? UINT64_MAX : v * 10 + digit;
	}
	*value = v;
	*end = word;
	return 0;
}

int
text_number(const char *word, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *end;
	uint64_t v;

	if (read_digits(word, &v, &end) == -1)
		return -1;
	if (*end != '\0') {
		errno = EINVAL;
		return -1;
	}
	if (v < min || v > max) {
		errno = ERANGE;
		return -1;
	}
	*value = v;
	return 0;
}

int
text_time(const char *word, int64_t *ms)
{
	static const struct {
		const char	*name;
		uint64_t	 ms;
	} units[] = {
		{ "", 1000 }, { "ms", 1 }, { "s", 1000 }, { "m", 60000 },
		{ "h", 3600000 }
	};
	const char *end;
	uint64_t v;

	if (read_digits(word, &v, &end) == -1)
		return -1;
	for (size_t i = 0; i < sizeof units / sizeof units[0]; i++) {
		if (strcmp(end, units[i].name) != 0)
			continue;
		if (v > TEXT_TIME_MAX / units[i].ms) {
			errno = ERANGE;
			return -1;
		}
		*ms = (int64_t)(v * units[i].ms);
		return 0;
	}
	errno = EINVAL;
	return -1;
}

static unsigned
least(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
text_distance(const char *a, const char *b)
{
	/* Three rows of the table of optimal string alignment. */
	unsigned row[3][WORD_MAX + 1];
	size_t la = strlen(a), lb = strlen(b);

	if (la > WORD_MAX || lb > WORD_MAX)
		return UINT_MAX;
	for (size_t j = 0; j <= lb; j++)
		row[0][j] = (unsigned)j;
	for (size_t i = 1; i <= la; i++) {
		unsigned *now = row[i % 3], *last = row[(i - 1) % 3];

		now[0] = (unsigned)i;
		for (size_t j = 1; j <= lb; j++) {
			unsigned same = a[i - 1] == b[j - 1] ? 0 : 1;

			now[j] = least(last[j - 1] + same,
			    least(last[j], now[j - 1]) + 1);
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] &&
			    a[i - 2] == b[j - 1])
				now[j] = least(now[j],
				    row[(i - 2) % 3][j - 2] + 1);
		}
	}
	return row[la % 3][lb];
}

unsigned
text_slip(const char *word)
{
	size_t len = strlen(word);

	return len < 3 ? 0 : len < 6 ? 1 : 2;
}

const char *
text_near(const char *word, const char *const *name, size_t step)
{
	unsigned least = text_slip(word) + 1;
	const char *best = NULL;

	while (*name != NULL) {
		unsigned d = text_distance(word, *name);

		if (d < least) {
			least = d;
			best = *name;
		}
		name = (const void *)((const char *)name + step);
	}
	return best;
}

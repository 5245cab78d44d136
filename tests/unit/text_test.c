/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a word is read as a number it is not, a client's bytes forge a
 * line, a misspelt word is taken for another.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <string.h>

#include "base/text.h"
#include "unit/tap.h"

const char program_name[] = "text_test";

static void
numbers(struct tap *tap)
{
	static const struct {
		const char	*word;
		int		 error;	/* 0: good */
		uint64_t	 value;
	} rows[] = {
		{ "0", ERANGE, 0 }, { "1", 0, 1 }, { "65535", 0, 65535 },
		{ "65536", ERANGE, 0 }, { "", EINVAL, 0 }, { " 1", EINVAL, 0 },
		{ "+1", EINVAL, 0 }, { "-1", EINVAL, 0 }, { "1 ", EINVAL, 0 },
		{ "0x10", EINVAL, 0 }, { "007", 0, 7 }, { "1e3", EINVAL, 0 },
		{ "18446744073709551615", ERANGE, 0 },
		{ "18446744073709551616", ERANGE, 0 },
		{ "99999999999999999999999999999999", ERANGE, 0 },
		{ "\xd9\xa1", EINVAL, 0 }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t value = 0;
		int error = 0;

		if (text_number(rows[i].word, 1, 65535, &value) == -1)
			error = errno;
		ok(tap, error == rows[i].error && value == rows[i].value,
		    "number '%s'", rows[i].word);
	}
}

static void
times(struct tap *tap)
{
	static const struct {
		const char	*word;
		int		 error;
		int64_t		 ms;
	} rows[] = {
		{ "5", 0, 5000 }, { "0", 0, 0 }, { "500ms", 0, 500 },
		{ "10s", 0, 10000 }, { "5m", 0, 300000 }, { "1h", 0, 3600000 },
		{ "8784h", 0, TEXT_TIME_MAX }, { "8785h", ERANGE, 0 },
		{ "1w", EINVAL, 0 }, { "s", EINVAL, 0 }, { "-1", EINVAL, 0 },
		{ "1e9", EINVAL, 0 }, { "1 s", EINVAL, 0 }, { "", EINVAL, 0 },
		{ "18446744073709551616ms", ERANGE, 0 },
		{ "9223372036854775807", ERANGE, 0 }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t ms = 0;
		int error = 0;

		if (text_time(rows[i].word, &ms) == -1)
			error = errno;
		ok(tap, error == rows[i].error && ms == rows[i].ms,
		    "time '%s'", rows[i].word);
	}
}

static void
escapes(struct tap *tap)
{
	char buf[64], all[256];
	struct text t;
	bool clean = true;

	text_init(&t, buf, sizeof buf);
	text_add_escaped(&t, "a\n\033[31m\0\\\xff", 10);
	ok(tap, strcmp(buf, "a\\n\\x1b[31m\\x00\\\\\\xff") == 0,
	    "control bytes, NUL, backslash, high bytes: %s", buf);

	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	for (size_t size = 1; size < sizeof buf; size++) {
		text_init(&t, buf, size);
		text_add_escaped(&t, all, sizeof all);
		clean = clean && t.len < size && buf[t.len] == '\0';
		for (size_t i = 0; i < t.len; i++)
			clean = clean && buf[i] >= ' ' && buf[i] <= '~';
	}
	ok(tap, clean, "every byte into every size of buffer");

	text_init(&t, buf, 8);
	text_add(&t, "%s", "0123456789");
	text_add(&t, "%s", "more");
	ok(tap, strcmp(buf, "0123456") == 0 && t.len == 7,
	    "what does not fit is cut off");
}

static void
distances(struct tap *tap)
{
	static const struct {
		const char	*a, *b;
		unsigned	 distance;
	} rows[] = {
		{ "", "", 0 }, { "a", "", 1 }, { "", "abc", 3 },
		{ "workers", "workers", 0 }, { "workres", "workers", 1 },
		{ "worker", "workers", 1 }, { "wrkrs", "workers", 2 },
		{ "kitten", "sitting", 3 }
	};
	char longer[65];

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ok(tap, text_distance(rows[i].a, rows[i].b) ==
		    rows[i].distance, "from '%s' to '%s'", rows[i].a,
		    rows[i].b);
	memset(longer, 'x', 64);
	longer[64] = '\0';
	ok(tap, text_distance(longer, "x") == UINT_MAX,
	    "a word too long is near to none");
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	numbers(&tap);
	times(&tap);
	escapes(&tap);
	distances(&tap);
	return tap_end(&tap);
}

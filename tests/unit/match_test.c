/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a text is found that did not come, or one that came is missed,
 * because the network cut the reply in the wrong place.
 */
#include <stdint.h>
#include <string.h>

#include "tools/match.h"
#include "unit/tap.h"

const char program_name[] = "match_test";

/* A stream may have NULs; the text looked for has none. */
static bool
is_in(const char *text, const char *buf, size_t n)
{
	size_t len = strlen(text);

	for (size_t i = 0; i + len <= n; i++)
		if (memcmp(buf + i, text, len) == 0)
			return true;
	return false;
}

/* What match says of buf, fed in two pieces of which the first has cut. */
static bool
found_in_two(const char *text, const char *buf, size_t n, size_t cut)
{
	struct match match;
	bool found;

	if (match_init(&match, text) == -1)
		return false;
	match_feed(&match, buf, cut);
	match_feed(&match, buf + cut, n - cut);
	found = match.found;
	match_free(&match);
	return found;
}

/* The same byte by byte; and found is to be true from when it is. */
static bool
right_by_bytes(const char *text, const char *buf, size_t n)
{
	struct match match;
	bool right = true;

	if (match_init(&match, text) == -1)
		return false;
	for (size_t i = 0; i < n; i++) {
		match_feed(&match, buf + i, 1);
		right = right && match.found == is_in(text, buf, i + 1);
	}
	match_free(&match);
	return right;
}

/* Whether match agrees with the simple search, however buf is cut. */
static bool
agrees(const char *text, const char *buf, size_t n)
{
	bool want = is_in(text, buf, n), right = right_by_bytes(text, buf, n);

	for (size_t cut = 0; cut <= n; cut++)
		right = right && found_in_two(text, buf, n, cut) == want;
	return right;
}

static void
picked(struct tap *tap)
{
#define ROW(text, buf, found)	{ text, buf, sizeof buf - 1, found }
	static const struct {
		const char	*text, *buf;
		size_t		 n;
		bool		 found;
	} rows[] = {
		ROW("a", "", false),
		ROW("a", "a", true),
		ROW("a", "b", false),
		ROW("ab", "a", false),
		ROW("ab", "aab", true),
		ROW("aab", "aaaab", true),
		ROW("aabaaa", "aabaabaaa", true),
		ROW("aabaabaa", "aabaab aabaaa", false),
		ROW("abcabd", "abcabcabd", true),
		ROW("abacabab", "abacabacabab", true),
		ROW("ababb", "abababab", false),
		ROW("Smile", "Smile from the server\n", true),
		ROW("server\n", "Smile from the server\n", true),
		ROW("Smile!", "Smile from the server\n", false),
		ROW("Smile", "SmilSmile", true),
		ROW("ab", "a\0b", false),
		ROW("ab", "\0\0ab\0", true),
		ROW("\xff\x80", "\x80\xff\xff\x80", true)
	};
#undef ROW

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ok(tap, is_in(rows[i].text, rows[i].buf, rows[i].n) ==
		    rows[i].found && agrees(rows[i].text, rows[i].buf,
		    rows[i].n), "row %zu, in every two pieces and in bytes",
		    i);
}

/* The same numbers each time. */
static uint32_t
next_random(uint32_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 17;
	*state ^= *state << 5;
	return *state;
}

/* Few letters make for much that is almost the text. */
static void
random_ones(struct tap *tap, unsigned letters)
{
	uint32_t state = 20260101 + letters;
	unsigned found = 0, tries = 4000;
	bool right = true;

	for (unsigned t = 0; t < tries; t++) {
		char text[9], buf[40];
		size_t len = 1 + next_random(&state) % 8;
		size_t n = next_random(&state) % sizeof buf;

		memset(text, 0, sizeof text);
		for (size_t i = 0; i < len; i++)
			text[i] = (char)('a' + next_random(&state) % letters);
		for (size_t i = 0; i < n; i++)
			buf[i] = (char)('a' + next_random(&state) % letters);
		right = right && agrees(text, buf, n);
		found += is_in(text, buf, n);
	}
	ok(tap, right && found > 0 && found < tries,
	    "%u random texts of %u letters, %u of them found", tries, letters,
	    found);
}

/* Longer than any buffer, and with a border of all but one of its bytes. */
static void
long_one(struct tap *tap)
{
	static char text[70001], buf[140001];
	struct match match;
	bool early;

	memset(text, 'a', sizeof text - 1);
	memset(buf, 'a', sizeof buf);
	text[sizeof text - 2] = 'b';
	buf[sizeof buf - 1] = 'b';
	if (!ok(tap, match_init(&match, text) == 0, "a text of 70000 bytes"))
		return;
	match_feed(&match, buf, sizeof buf - 1);
	early = match.found;
	match_feed(&match, buf + sizeof buf - 1, 1);
	ok(tap, !early && match.found, "it is found with its last byte");
	match_feed(&match, "c", 1);
	ok(tap, match.found, "and stays found");
	match_free(&match);
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	picked(&tap);
	for (unsigned letters = 2; letters <= 4; letters++)
		random_ones(&tap, letters);
	long_one(&tap);
	return tap_end(&tap);
}

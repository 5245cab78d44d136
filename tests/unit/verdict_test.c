/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: the load generator calls a lost connection good, or a good one
 * lost, or ends with a status that says less than the counts.
 */
#include <errno.h>
#include <stdint.h>
#include <string.h>

#include "tools/verdict.h"
#include "unit/tap.h"

const char program_name[] = "verdict_test";

/* The words of smilebench(1), in its order. */
static void
names(struct tap *tap)
{
	static const char *const words[] = {
		"ok", "refused", "reset", "short", "wrong", "timeout"
	};
	bool right = VERDICT_COUNT == sizeof words / sizeof words[0];

	for (int i = 0; right && i < VERDICT_COUNT; i++)
		right = strcmp(verdict_name(i), words[i]) == 0;
	ok(tap, right, "each has its word");
	ok(tap, strcmp(verdict_name(VERDICT_NONE), "none") == 0,
	    "none is none");
}

/* As load.c does it, for a reply that comes in two pieces and then ends. */
static enum verdict
judge(const struct verdict_reply *want, const char *buf, size_t n, size_t cut)
{
	if (!verdict_agrees(want, 0, buf, cut) ||
	    !verdict_agrees(want, cut, buf + cut, n - cut))
		return VERDICT_WRONG;
	return verdict_at_end(want, n);
}

static bool
always(const struct verdict_reply *want, const char *buf, size_t n,
    enum verdict verdict)
{
	bool right = true;

	for (size_t cut = 0; cut <= n; cut++)
		right = right && judge(want, buf, n, cut) == verdict;
	return right;
}

static void
replies(struct tap *tap)
{
	static const char text[] = "Smile from the server\n";
	const struct verdict_reply want = { text, sizeof text - 1 };
	const struct verdict_reply empty = { "", 0 };
	char buf[sizeof text + 1];
	bool right;

	ok(tap, always(&want, text, want.len, VERDICT_OK),
	    "the whole reply, in every two pieces: ok");

	right = true;
	for (size_t n = 0; n < want.len; n++)
		right = right && always(&want, text, n, VERDICT_SHORT);
	ok(tap, right, "each beginning of it: short");

	right = true;
	for (size_t i = 0; i < want.len; i++)
		for (int bit = 0; bit < 8; bit++) {
			memcpy(buf, text, sizeof text);
			buf[i] = (char)(buf[i] ^ 1 << bit);
			right = right && always(&want, buf, want.len,
			    VERDICT_WRONG) && always(&want, buf, i + 1,
			    VERDICT_WRONG);
		}
	ok(tap, right, "any bit of it another: wrong, even if it is short");

	/* text's own NUL must not make it longer. */
	ok(tap, always(&want, text, want.len + 1, VERDICT_WRONG),
	    "a NUL more: wrong");
	memcpy(buf, text, sizeof text);
	buf[want.len] = '\n';
	ok(tap, always(&want, buf, want.len + 1, VERDICT_WRONG),
	    "a newline more: wrong");
	ok(tap, !verdict_agrees(&want, want.len, "S", 1),
	    "the reply again: wrong");
	ok(tap, always(&empty, "", 0, VERDICT_OK) &&
	    always(&empty, "x", 1, VERDICT_WRONG),
	    "of no reply, nothing is ok and anything is wrong");
}

static void
errors(struct tap *tap)
{
	static const struct {
		int		 error;
		enum verdict	 verdict;
	} rows[] = {
		{ ECONNREFUSED, VERDICT_REFUSED },
		{ EHOSTUNREACH, VERDICT_REFUSED },
		{ EHOSTDOWN, VERDICT_REFUSED },
		{ ENETUNREACH, VERDICT_REFUSED },
		{ ENETDOWN, VERDICT_REFUSED },
		{ ENOENT, VERDICT_REFUSED },
		{ ECONNRESET, VERDICT_RESET },
		{ ECONNABORTED, VERDICT_RESET },
		{ EPIPE, VERDICT_RESET },
		{ ETIMEDOUT, VERDICT_TIMEOUT }
	};
	size_t n = sizeof rows / sizeof rows[0];
	bool right = true;

	for (size_t i = 0; i < n; i++)
		right = right && verdict_of_error(rows[i].error) ==
		    rows[i].verdict;
	ok(tap, right, "errors that say something of the server");

	right = true;
	for (int error = 0; error < 200; error++) {
		size_t i = 0;

		while (i < n && rows[i].error != error)
			i++;
		if (i == n)
			right = right &&
			    verdict_of_error(error) == VERDICT_NONE;
	}
	ok(tap, right, "all others say nothing of it, 0 among them");
}

/* The table of smilebench(1), told by which verdicts there were at all. */
static enum status
status_by_table(unsigned present)
{
	unsigned bad = present & ~(1u << VERDICT_OK);

	if (bad == 0)
		return present != 0 ? STATUS_OK : STATUS_OTHER;
	if (bad == 1u << VERDICT_REFUSED)
		return STATUS_UNAVAILABLE;
	if (bad == 1u << VERDICT_TIMEOUT)
		return STATUS_TIMED_OUT;
	return STATUS_PROTOCOL;
}

static void
statuses(struct tap *tap)
{
	static const uint64_t amounts[] = {
		1, 3, UINT32_MAX, UINT64_C(1) << 33
	};

	for (size_t a = 0; a < sizeof amounts / sizeof amounts[0]; a++) {
		bool right = true;

		for (unsigned present = 0; present < 1u << VERDICT_COUNT;
		    present++) {
			uint64_t counts[VERDICT_COUNT];

			for (int i = 0; i < VERDICT_COUNT; i++)
				counts[i] = present >> i & 1 ? amounts[a] : 0;
			right = right && verdict_status(counts) ==
			    status_by_table(present);
		}
		ok(tap, right, "the status of each mixture, with %ju of each",
		    (uintmax_t)amounts[a]);
	}
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	names(&tap);
	replies(&tap);
	errors(&tap);
	statuses(&tap);
	return tap_end(&tap);
}

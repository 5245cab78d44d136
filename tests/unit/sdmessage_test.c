/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a program's words are taken for others, or what is no message at
 * all is read beyond its end.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "master/sdmessage.h"
#include "unit/tap.h"

const char program_name[] = "sdmessage_test";

/* In memory of just that size, so that whoever reads beyond it is caught. */
static struct sdmessage
read_bytes(const char *bytes, size_t len)
{
	char *copy = malloc(len > 0 ? len : 1);
	struct sdmessage m;

	memcpy(copy, bytes, len);
	sdmessage_read(&m, copy, len);
	free(copy);
	return m;
}

static struct sdmessage
read_text(const char *text)
{
	return read_bytes(text, strlen(text));
}

static void
words(struct tap *tap)
{
	static const struct {
		const char	*text;
		const char	*means;	/* r, e, l, h, s: what is set */
	} rows[] = {
		{ "READY=1", "r" }, { "READY=1\n", "r" }, { "\nREADY=1", "r" },
		{ "READY=0", "" }, { "READY=11", "" }, { "READY=", "" },
		{ " READY=1", "" }, { "READY=1\r\n", "" }, { "ready=1", "" },
		{ "xREADY=1", "" }, { "", "" }, { "\n\n\n", "" },
		{ "STOPPING=1", "e" }, { "WATCHDOG=1", "l" },
		{ "WATCHDOG=trigger", "h" }, { "WATCHDOG=triggers", "" },
		{ "STATUS=", "s" }, { "STATUS=x", "s" }, { "STATUS", "" },
		{ "MAINPID=1\nFDSTORE=1\nREADY=1\nSTATUS=up\n", "rs" },
		{ "STATUS=READY=1", "s" }, { "A=B=READY=1", "" },
		{ "READY=1\nSTOPPING=1\nWATCHDOG=1\nWATCHDOG=trigger", "relh" }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct sdmessage m = read_text(rows[i].text);
		const char *means = rows[i].means;

		ok(tap, m.ready == (strchr(means, 'r') != NULL) &&
		    m.is_ending == (strchr(means, 'e') != NULL) &&
		    m.lives == (strchr(means, 'l') != NULL) &&
		    m.hangs == (strchr(means, 'h') != NULL) &&
		    m.has_status == (strchr(means, 's') != NULL),
		    "message %zu means \"%s\"", i, means);
	}
}

static void
statuses(struct tap *tap)
{
	char text[300] = "STATUS=";
	struct sdmessage m = read_text("STATUS=one\nSTATUS=two \033[1m\n");

	ok(tap, strcmp(m.status, "two \\x1b[1m") == 0,
	    "the last status counts, escaped");
	memset(text + 7, 'x', sizeof text - 7);
	m = read_bytes(text, sizeof text);
	ok(tap, strlen(m.status) < sizeof m.status &&
	    strlen(m.status) > sizeof m.status - 8, "a long one is cut");
	m = read_bytes("READY=1\0", 8);
	ok(tap, !m.ready, "a NUL byte belongs to the line");
}

/* Every beginning of a message, and bytes of every kind. */
static void
anything(struct tap *tap)
{
	static const char text[] =
	    "READY=1\nSTATUS=s\nWATCHDOG=trigger\nSTOPPING=1\n";
	unsigned char bytes[512];
	uint32_t dice = 1;
	struct sdmessage m;

	for (size_t len = 0; len < sizeof text; len++)
		m = read_bytes(text, len);
	ok(tap, m.ready && m.hangs && m.is_ending, "every beginning");
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < sizeof bytes; i++) {
			dice = dice * 1664525 + 1013904223;
			bytes[i] = (dice >> 24) % 7 == 0 ? '\n' :
			    (unsigned char)(dice >> 16);
		}
		m = read_bytes((const char *)bytes, dice % sizeof bytes);
	}
	ok(tap, strlen(m.status) < sizeof m.status, "any bytes");
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	words(&tap);
	statuses(&tap);
	anything(&tap);
	return tap_end(&tap);
}

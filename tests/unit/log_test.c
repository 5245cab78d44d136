/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a line of the log is torn, forged or too long for its pipe; or
 * lines are lost and nobody is told how many.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <regex.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/line.h"
#include "log/log.h"
#include "unit/tap.h"

const char program_name[] = "log_test";

#define HEAD	"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\\.[0-9]{3}Z "

/* Whether text is all of what the pattern, after a line's head, describes. */
static bool
is_line(const char *text, const char *pattern)
{
	char whole[512];
	regex_t re;
	bool matches;

	snprintf(whole, sizeof whole, "%s%s$", HEAD, pattern);
	if (regcomp(&re, whole, REG_EXTENDED | REG_NOSUB) != 0)
		return false;
	matches = regexec(&re, text, 0, NULL, 0) == 0;
	regfree(&re);
	return matches;
}

/*
 * What one write(2) has brought, without the newline that must be its last
 * byte and its only one; NULL if nothing came.
 */
static const char *
take(int fd, char *buf, size_t size)
{
	ssize_t n = recv(fd, buf, size, MSG_DONTWAIT);

	if (n <= 0 || n > PIPE_BUF || buf[n - 1] != '\n' ||
	    memchr(buf, '\0', (size_t)n) != NULL)
		return NULL;
	buf[n - 1] = '\0';
	return buf;
}

static bool
is_written(int fd, const char *pattern)
{
	char buf[2 * PIPE_BUF];
	const char *line = take(fd, buf, sizeof buf);

	if (line != NULL && is_line(line, pattern))
		return true;
	printf("# got %.200s\n", line != NULL ? line : "no line");
	return false;
}

static bool
is_nothing_written(int fd)
{
	char byte;

	return recv(fd, &byte, 1, MSG_DONTWAIT) == -1 && errno == EAGAIN;
}

/* A socket keeps writes apart, as a pipe does not. */
static void
lines(struct tap *tap)
{
	int ends[2];

	if (!ok(tap, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0,
	    "a socket"))
		return;
	log_open(ends[1]);
	log_info("one %d", 1);
	log_error("two");
	ok(tap, is_written(ends[0], "info one 1") &&
	    is_written(ends[0], "error two") && is_nothing_written(ends[0]),
	    "a line is one write, and has a time and a level");
	log_bug("b");
	log_warn("w");
	log_debug("d");
	ok(tap, is_written(ends[0], "bug b") && is_written(ends[0], "warn w") &&
	    is_nothing_written(ends[0]), "debug is not said unless asked for");
	log_set_level(LEVEL_DEBUG);
	log_debug("d");
	ok(tap, is_written(ends[0], "debug d"), "and is when asked for");
	log_set_level(LEVEL_INFO);
	log_set_tag("smile/2");
	log_warn("w");
	log_set_tag(NULL);
	log_warn("x");
	ok(tap, is_written(ends[0], "warn\\[smile/2\\] w") &&
	    is_written(ends[0], "warn x"), "the speaker's tag");
	errno = ENOTTY;
	log_info("e");
	ok(tap, errno == ENOTTY, "errno is let alone");
	log_open(-1);
	log_error("nobody hears");
	ok(tap, is_written(ends[0], "info e") && is_nothing_written(ends[0]),
	    "-1: nothing is said");
	(void)close(ends[0]);
	(void)close(ends[1]);
}

static void
escapes(struct tap *tap)
{
	char buf[2 * PIPE_BUF], longest[2 * PIPE_BUF];
	const char *line;
	int ends[2];

	if (!ok(tap, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0,
	    "a socket"))
		return;
	log_open(ends[1]);
	log_info("%s", "a\n2026-01-01T00:00:00.000Z error forged\r\033[31m"
	    "\xff\\");
	ok(tap, is_written(ends[0], "info a\\\\n2026-01-01T00:00:00.000Z error "
	    "forged\\\\r\\\\x1b\\[31m\\\\xff\\\\\\\\") &&
	    is_nothing_written(ends[0]), "no byte forges or colours a line");

	for (int i = 0; i < 2; i++) {
		/* Letters, and what grows fourfold when it is escaped. */
		memset(longest, i == 0 ? 'x' : '\a', sizeof longest - 1);
		longest[sizeof longest - 1] = '\0';
		log_info("%s", longest);
		line = take(ends[0], buf, sizeof buf);
		ok(tap, line != NULL && strlen(line) > PIPE_BUF - 16,
		    "what is too long for a pipe is cut, not torn (%d)",
		    line != NULL ? (int)strlen(line) : -1);
		ok(tap, line != NULL && strspn(line + 25, i == 0 ?
		    "info x" : "info \\x07") == strlen(line + 25),
		    "and nothing else is in it");
	}
	(void)close(ends[0]);
	(void)close(ends[1]);
}

/* Fill a pipe to the last byte. */
static void
fill(int fd)
{
	static const char junk[PIPE_BUF];

	while (write(fd, junk, sizeof junk) > 0 || write(fd, junk, 1) > 0)
		;
}

static void
drain(int fd)
{
	char buf[PIPE_BUF];

	while (read(fd, buf, sizeof buf) > 0)
		;
}

/* The next line that comes out of a pipe. */
static bool
is_next(int fd, const char *pattern)
{
	char buf[PIPE_BUF + 1];
	size_t n = 0;

	while (n < PIPE_BUF && read(fd, &buf[n], 1) == 1 && buf[n] != '\n')
		n++;
	buf[n] = '\0';
	if (is_line(buf, pattern))
		return true;
	printf("# got %.200s\n", buf);
	return false;
}

static void
dropped(struct tap *tap)
{
	char byte;
	int ends[2];

	if (!ok(tap, pipe2(ends, O_NONBLOCK) == 0, "a pipe"))
		return;
	log_open(ends[1]);
	fill(ends[1]);
	for (int i = 0; i < 3; i++)
		log_info("lost %d", i);
	drain(ends[0]);
	log_info("after");
	ok(tap, is_next(ends[0], "warn 3 log lines were dropped: .*") &&
	    is_next(ends[0], "info after"),
	    "three lines that did not fit are counted, and the count is said");
	log_info("later");
	ok(tap, is_next(ends[0], "info later"), "once");
	ok(tap, read(ends[0], &byte, 1) == -1, "and no more is there");

	fill(ends[1]);
	log_info("lost");
	drain(ends[0]);
	log_debug("not said");
	log_info("after");
	ok(tap, is_next(ends[0], "warn 1 log lines were dropped: .*") &&
	    is_next(ends[0], "info after"), "the count begins anew");
	(void)close(ends[0]);
	(void)close(ends[1]);
	log_open(-1);
}

/* What becomes of the next line that is said, as JSON or as text. */
static const char *
next_as(int fd, bool is_json, char out[PIPE_BUF], size_t size)
{
	char buf[2 * PIPE_BUF];
	const char *line = take(fd, buf, sizeof buf);
	struct line parts;
	struct text text;

	text_init(&text, out, size);
	if (line == NULL)
		return out;
	line_parse(&parts, line, strlen(line));
	if (is_json)
		line_add_json(&text, &parts);
	else
		line_add_text(&text, &parts, false);
	return out;
}

static void
fields(struct tap *tap)
{
	static const struct log_field facts[] = {
		{ "peer", "192.0.2.1:4711", false },
		{ "bytes", "120", true },
		{ "odd", "a\"\n\x1f" "b\\", false },
		{ "none", "007", true }
	};
	char out[PIPE_BUF], longest[2 * PIPE_BUF];
	const char *json;
	int ends[2];

	if (!ok(tap, socketpair(AF_UNIX, SOCK_SEQPACKET, 0, ends) == 0,
	    "a socket"))
		return;
	log_open(ends[1]);
	log_set_tag("smile/2");
	for (int i = 0; i < 2; i++)
		log_fields(LEVEL_INFO, facts, 4, "served \"%d\"", 7);
	ok(tap, strcmp(next_as(ends[0], false, out, sizeof out),
	    "info[smile/2] served \"7\" peer 192.0.2.1:4711 bytes 120 "
	    "odd a\"\\n\\x1fb\\\\ none 007") == 0, "fields as text: %s", out);
	json = next_as(ends[0], true, out, sizeof out);
	ok(tap, strstr(json, "\"level\":\"info\",\"service\":\"smile\","
	    "\"worker\":2,\"peer\":\"192.0.2.1:4711\",\"bytes\":120,"
	    "\"odd\":\"a\\\"\\\\n\\\\x1fb\\\\\\\\\",\"none\":\"007\","
	    "\"message\":\"served \\\"7\\\"\"}") != NULL,
	    "and as JSON: %s", json);
	memset(longest, '"', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	log_fields(LEVEL_INFO, facts, 4, "%s", longest);
	json = next_as(ends[0], true, out, sizeof out);
	ok(tap, strlen(json) > PIPE_BUF - 16 && strlen(json) < PIPE_BUF &&
	    strstr(json, "\"bytes\":120,") != NULL &&
	    strcmp(json + strlen(json) - 4, "\\\"\"}") == 0,
	    "a message that is too long is cut, and nothing else");
	log_set_tag(NULL);
	log_bytes(LEVEL_INFO, "x: ", "a\0b", 3);
	ok(tap, strcmp(next_as(ends[0], false, out, sizeof out),
	    "info x: a\\x00b") == 0, "a NUL byte ends nothing: %s", out);
	(void)close(ends[0]);
	(void)close(ends[1]);
	log_open(-1);
}

static void
brake(struct tap *tap)
{
	struct log_brake b = { 0, 0 };
	uint64_t held = 99;
	int passed = 0;

	ok(tap, log_brake(&b, &held) == 1 && held == 0,
	    "the first of its kind is said");
	held = 99;
	for (int i = 0; i < 1000; i++)
		passed += log_brake(&b, &held);
	ok(tap, passed == 0 && held == 99,
	    "a thousand more in the same period are not");
	ok(tap, b.next > clock_now() &&
	    b.next <= clock_now() + LOG_BRAKE_PERIOD, "for one period");
	b.next = clock_now();
	ok(tap, log_brake(&b, &held) == 1 && held == 1000,
	    "then one is said, and how many were held back");
	ok(tap, log_brake(&b, &held) == 0, "and the next period begins");
	b.next = clock_now();
	ok(tap, log_brake(&b, &held) == 1 && held == 1, "with its own count");
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	lines(&tap);
	escapes(&tap);
	dropped(&tap);
	fields(&tap);
	brake(&tap);
	return tap_end(&tap);
}

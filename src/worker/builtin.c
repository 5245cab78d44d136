/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See builtin.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "log/log.h"
#include "worker/builtin.h"
#include "worker/observe.h"

/*
 * The short way, for a reply of one segment: it is held back (MSG_MORE) until
 * the shutdown sends it together with the end, in a single packet.  Whatever
 * the client sends from then on cannot take it back.  Only if nothing unread
 * has come before; then the long way has to be gone.  false: go the long way,
 * with bytes_out telling how much is already on its way.
 *
 * The close could send it as well, and save a call; but a close throws away
 * what is held back if a byte has come since it was last looked.
 */
static bool
send_at_once(struct conn *c, const char *text, size_t len)
{
	ssize_t n = send(c->fd, text, len, MSG_MORE | MSG_DONTWAIT |
	    MSG_NOSIGNAL);

	if (n > 0)
		c->bytes_out = (uint64_t)n;
	if (n != (ssize_t)len)
		return false;
	(void)shutdown(c->fd, SHUT_WR);
	return !conn_has_unread(c);
}

void
builtin_reply(struct conn *c, const char *text, size_t len)
{
	if (len <= CONN_SEGMENT && send_at_once(c, text, len))
		return;
	if (conn_send(c, text + c->bytes_out, len - c->bytes_out))
		conn_linger(c);
}

static void
serve_send(struct conn *c)
{
	builtin_reply(c, c->service->message.bytes, c->service->message.len);
}

/* The file as it is now: its descriptor was opened by the master. */
static void
serve_sendfile(struct conn *c)
{
	int file = c->service->file_fd;
	char buf[CONN_SEGMENT + 1];
	ssize_t n = pread(file, buf, sizeof buf, 0);

	if (n == -1) {
		log_error("cannot read %s: %s", c->service->file,
		    strerror(errno));
		c->outcome = BOARD_FAILED;
		return;
	}
	if (n <= CONN_SEGMENT)
		builtin_reply(c, buf, (size_t)n);
	else if (conn_send_file(c, file))
		conn_linger(c);
}

/* RFC 862: whatever comes goes back, until the client ends its side. */
static void
serve_echo(struct conn *c)
{
	char buf[65536];
	ssize_t n;

	while ((n = conn_receive(c, buf, sizeof buf)) > 0)
		if (!conn_send(c, buf, (size_t)n))
			return;
	if (n == 0)
		conn_linger(c);
}

/* RFC 863: whatever comes is thrown away. */
static void
serve_discard(struct conn *c)
{
	char buf[65536];

	while (conn_receive(c, buf, sizeof buf) > 0)
		;
}

#define PATTERN		95		/* printing characters, blank first */
#define WIDTH		72		/* of them in a line */
#define LINE		(WIDTH + 2)	/* CR and LF */

/* RFC 864's popular pattern: each line begins one character further on. */
static void
fill_lines(char *lines)
{
	for (int i = 0; i < PATTERN; i++) {
		char *line = lines + i * LINE;

		for (int j = 0; j < WIDTH; j++)
			line[j] = (char)(' ' + (i + j) % PATTERN);
		line[WIDTH] = '\r';
		line[WIDTH + 1] = '\n';
	}
}

/*
 * RFC 864: until the client closes, which it does by breaking off; what it
 * sends is thrown away.  That it has ended its own side means nothing.
 */
static void
serve_chargen(struct conn *c)
{
	char lines[PATTERN * LINE];
	bool reads = true;

	fill_lines(lines);
	while (conn_send(c, lines, sizeof lines))
		reads = reads && conn_drop(c);
	if (c->outcome == BOARD_RESET)
		c->outcome = BOARD_OK;
}

/*
 * RFC 867, the first of its popular forms.  UTC: the files that tell of other
 * zones need not be there.
 */
static void
serve_daytime(struct conn *c)
{
	static const char *const days[] = {
		"Sunday", "Monday", "Tuesday", "Wednesday", "Thursday",
		"Friday", "Saturday"
	};
	static const char *const months[] = {
		"January", "February", "March", "April", "May", "June",
		"July", "August", "September", "October", "November",
		"December"
	};
	time_t now = time(NULL);
	char text[80];
	struct tm tm;
	int n;

	(void)gmtime_r(&now, &tm);
	n = snprintf(text, sizeof text, "%s, %s %d, %d %02d:%02d:%02d-UTC\r\n",
	    days[tm.tm_wday], months[tm.tm_mon], tm.tm_mday,
	    tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
	builtin_reply(c, text, (size_t)n);
}

/* Seconds from 1900 to 1970. */
#define EPOCH		UINT32_C(2208988800)

/* RFC 868: seconds since 1900, modulo 2 to the 32nd, in network order. */
static void
serve_time(struct conn *c)
{
	uint32_t word = htonl((uint32_t)time(NULL) + EPOCH);

	builtin_reply(c, (const char *)&word, sizeof word);
}

void
builtin_serve(struct conn *c, const struct board *board)
{
	switch (c->service->action) {
	case ACTION_SEND:
		serve_send(c);
		break;
	case ACTION_SENDFILE:
		serve_sendfile(c);
		break;
	case ACTION_ECHO:
		serve_echo(c);
		break;
	case ACTION_DISCARD:
		serve_discard(c);
		break;
	case ACTION_CHARGEN:
		serve_chargen(c);
		break;
	case ACTION_DAYTIME:
		serve_daytime(c);
		break;
	case ACTION_TIME:
		serve_time(c);
		break;
	case ACTION_STATUS:
		observe_status(c, board);
		break;
	case ACTION_METRICS:
		observe_metrics(c, board);
		break;
	case ACTION_EXEC:
	case ACTION_RUN:
		log_bug("no way to serve this");
		c->outcome = BOARD_FAILED;
		break;
	}
}

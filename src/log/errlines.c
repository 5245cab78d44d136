/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See errlines.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <unistd.h>

#include "base/clock.h"
#include "log/log.h"
#include "log/errlines.h"

#define PERIOD		1000	/* ms */
#define AT_ONCE		16384	/* bytes */
#define AT_END		(128 * 1024)	/* a pipe that is full, and more */

int
errlines_init(struct errlines *e)
{
	int ends[2];

	*e = (struct errlines){
		.in = -1, .out = -1, .sink = -1, .rate = ERRLINES_RATE,
		.most = AT_ONCE
	};
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	e->in = ends[0];
	e->out = ends[1];
	/* Ours alone: programs expect theirs to block. */
	return fcntl(e->in, F_SETFL, O_NONBLOCK);
}

int
errlines_open(struct errlines *e, int in, int sink)
{
	*e = (struct errlines){
		.in = in, .out = -1, .sink = sink, .most = ERRLINES_PART
	};
	return fcntl(in, F_SETFL, O_NONBLOCK);
}

static void
say_held(struct errlines *e, const char *id)
{
	if (e->held > 0)
		log_warn("%s%s%ju lines of its output were not logged: too "
		    "many at once", id != NULL ? id : "", id != NULL ? ": " :
		    "", (uintmax_t)e->held);
	e->held = 0;
}

static bool
is_writable(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLOUT };

	return poll(&pfd, 1, 0) > 0;
}

/* Whether the log takes one more line. */
static bool
has_room(struct errlines *e)
{
	return (e->sink == -1 || is_writable(e->sink)) &&
	    (e->rate == 0 || e->count++ < e->rate);
}

static void
log_line(struct errlines *e, const char *id)
{
	int64_t now = clock_now();
	char prefix[64];

	if (now - e->period >= PERIOD) {
		if (e->rate != 0)
			say_held(e, id);
		e->period = now;
		e->count = 0;
	}
	snprintf(prefix, sizeof prefix, "%s%s", id != NULL ? id : "",
	    id != NULL ? ": " : "");
	if (!has_room(e))
		e->held++;
	else
		log_bytes(LEVEL_INFO, prefix, e->line, e->len);
	e->len = 0;
	/* Without a rate they were held only as long as there was no room. */
	if (e->rate == 0 && e->held > 0 && has_room(e))
		say_held(e, id);
}

static void
take_byte(struct errlines *e, const char *id, char c)
{
	if (c != '\n')
		e->line[e->len++] = c;
	/* An end right behind a cut ends no line. */
	if (e->len == sizeof e->line || (c == '\n' &&
	    (e->len > 0 || !e->is_cut)))
		log_line(e, id);
	e->is_cut = c != '\n' && e->len == 0;
}

bool
errlines_read(struct errlines *e, const char *id)
{
	char buf[AT_ONCE];
	ssize_t n = read(e->in, buf, e->most);

	for (ssize_t i = 0; i < n; i++)
		take_byte(e, id, buf[i]);
	if (n == 0 || (n == -1 && errno != EAGAIN && errno != EINTR))
		e->is_ended = true;
	return n > 0;
}

void
errlines_end(struct errlines *e, const char *id)
{
	if (e->in == -1)
		return;
	/* What it wrote itself fits the pipe; a helper may write for ever. */
	for (size_t n = 0; n < AT_END && errlines_read(e, id); n += e->most)
		;
	if (e->len > 0)
		log_line(e, id);
	e->is_cut = false;
	say_held(e, id);
}

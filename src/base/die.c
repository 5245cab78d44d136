/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See die.h.  One write(2) a line, so that lines of several processes on the
 * same terminal or pipe do not run into each other.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/text.h"

/* Who wants to hear it; -1: whoever reads stderr. */
static int listener = -1;

void
say_to(int socket)
{
	listener = socket;
}

/* Whether it was taken. */
static bool
tell_listener(const char *line)
{
	char message[2048];
	int n = snprintf(message, sizeof message, "%c%s", SAY_MARK, line);

	return listener != -1 && send(listener, message, (size_t)n <
	    sizeof message ? (size_t)n : sizeof message - 1, MSG_DONTWAIT |
	    MSG_NOSIGNAL) != -1;
}

/* One line, escaped. */
static void
say_line(const char *name, const char *message)
{
	char line[4096];
	struct text out;

	text_init(&out, line, sizeof line - 1);
	text_add(&out, "%s", name);
	text_add_escaped(&out, message, strlen(message));
	if (tell_listener(line + strlen(name)))
		return;
	line[out.len++] = '\n';
	(void)fd_write_all(STDERR_FILENO, line, out.len);
}

static void
say_list(const char *fmt, va_list ap)
{
	char message[2048], name[32];
	struct text text;

	text_init(&text, message, sizeof message);
	text_add_list(&text, fmt, ap);
	snprintf(name, sizeof name, "%s: ", program_name);
	say_line(name, message);
}

void
say_bare(const char *line)
{
	say_line("", line);
}

void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
}

void
die(enum status status, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	say_list(fmt, ap);
	va_end(ap);
	exit(status);
}

void
die_if_unwritten(void)
{
	if (fflush(stdout) != 0)
		die(STATUS_OTHER, "cannot write to standard output: %s",
		    strerror(errno));
}

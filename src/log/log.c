/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See log.h.  It knows one descriptor and nothing of who reads it.  Together
 * with the notes in base/sig.c this is the only changing data at file scope
 * in the server: every corner must be able to say something.
 */
#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "log/line.h"
#include "log/log.h"

#define FIELDS_MAX	1024	/* bytes of a line that they may take */

static struct {
	int		fd;
	enum level	level;
	char		tag[64];
	uint64_t	dropped;	/* lines that did not fit */
} state = { .fd = STDERR_FILENO, .level = LEVEL_INFO };

void
log_open(int fd)
{
	state.fd = fd;
}

void
log_set_level(enum level level)
{
	state.level = level;
}

void
log_set_tag(const char *tag)
{
	snprintf(state.tag, sizeof state.tag, "%s", tag != NULL ? tag : "");
}

/* Fields that do not fit are left out, each as a whole. */
static void
add_fields(struct text *t, const struct log_field *fields, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		size_t was = t->len;

		text_add(t, "%c%s%c", LINE_FIELD, fields[i].name,
		    fields[i].is_number ? LINE_NUMBER : LINE_TEXT);
		text_add_escaped(t, fields[i].value, strlen(fields[i].value));
		if (t->len + 5 >= t->size)
			t->buf[t->len = was] = '\0';
	}
}

/* What there is to say. */
struct saying {
	enum level		 level;
	const char		*message;
	size_t			 len;
	const struct log_field	*fields;
	size_t			 n;
};

/* Hand it over as one line.  -1 if there was no room for it. */
static int
put_line(const struct saying *s)
{
	char buf[PIPE_BUF], facts[FIELDS_MAX];
	struct text line, fields;
	ssize_t n;

	text_init(&fields, facts, sizeof facts);
	add_fields(&fields, s->fields, s->n);
	text_init(&line, buf, sizeof buf - 1 - fields.len);
	line_add_head(&line, s->level, state.tag);
	text_add_escaped(&line, s->message, s->len);
	memcpy(buf + line.len, facts, fields.len);
	line.len += fields.len;
	buf[line.len++] = '\n';
	do
		n = write(state.fd, buf, line.len);
	while (n == -1 && errno == EINTR);
	return n == -1 ? -1 : 0;
}

static void
say_dropped(void)
{
	char message[80];
	int n = snprintf(message, sizeof message,
	    "%ju log lines were dropped: the log could not take them in time",
	    (uintmax_t)state.dropped);

	if (put_line(&(struct saying){ .level = LEVEL_WARN,
	    .message = message, .len = (size_t)n }) == 0)
		state.dropped = 0;
}

static bool
is_said(enum level level)
{
	return state.fd != -1 && level <= state.level;
}

/* Leaves errno alone, so that it can be called while an error is handled. */
static void
say_all(const struct saying *s)
{
	int saved = errno;

	if (state.dropped > 0)
		say_dropped();
	if (put_line(s) == -1)
		state.dropped++;
	errno = saved;
}

static void
log_list(struct saying *s, const char *fmt, va_list ap)
{
	char message[PIPE_BUF];
	struct text text;
	int saved = errno;

	if (!is_said(s->level))
		return;
	text_init(&text, message, sizeof message);
	text_add_list(&text, fmt, ap);
	errno = saved;
	s->message = message;
	s->len = text.len;
	say_all(s);
}

void
log_bytes(enum level level, const char *prefix, const char *bytes, size_t len)
{
	char message[PIPE_BUF];
	struct text text;

	if (!is_said(level))
		return;
	text_init(&text, message, sizeof message);
	text_add(&text, "%s", prefix);
	/* They may end early for printf(3): a NUL is one of them. */
	if (len > text.size - text.len)
		len = text.size - text.len;
	memcpy(message + text.len, bytes, len);
	say_all(&(struct saying){
		.level = level, .message = message, .len = text.len + len
	});
}

void
log_fields(enum level level, const struct log_field *fields, size_t n,
    const char *fmt, ...)
{
	struct saying s = { .level = level, .fields = fields, .n = n };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

void
log_bug(const char *fmt, ...)
{
	struct saying s = { .level = LEVEL_BUG };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

void
log_error(const char *fmt, ...)
{
	struct saying s = { .level = LEVEL_ERROR };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

void
log_warn(const char *fmt, ...)
{
	struct saying s = { .level = LEVEL_WARN };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

void
log_info(const char *fmt, ...)
{
	struct saying s = { .level = LEVEL_INFO };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

void
log_debug(const char *fmt, ...)
{
	struct saying s = { .level = LEVEL_DEBUG };
	va_list ap;

	va_start(ap, fmt);
	log_list(&s, fmt, ap);
	va_end(ap);
}

int
log_brake(struct log_brake *brake, uint64_t *held)
{
	int64_t now = clock_now();

	if (now < brake->next) {
		brake->held++;
		return 0;
	}
	*held = brake->held;
	brake->held = 0;
	brake->next = now + LOG_BRAKE_PERIOD;
	return 1;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See line.h.  What comes out of the pipe is not trusted: a worker that has
 * gone mad may have written it.
 */
#include <string.h>
#include <time.h>

#include "log/line.h"

#define TIME_MAX	32	/* bytes; more is no time */
#define NOT_FOUND	((size_t)-1)

static const char *const levels[] = {
	[LEVEL_BUG] = "bug", [LEVEL_ERROR] = "error", [LEVEL_WARN] = "warn",
	[LEVEL_INFO] = "info", [LEVEL_DEBUG] = "debug"
};

const char *
line_level(enum level level)
{
	return levels[level];
}

/* UTC needs no files to be read. */
void
line_add_head(struct text *t, enum level level, const char *tag)
{
	struct timespec now;
	struct tm tm;

	(void)clock_gettime(CLOCK_REALTIME, &now);
	if (gmtime_r(&now.tv_sec, &tm) == NULL)
		memset(&tm, 0, sizeof tm);
	text_add(t, "%04d-%02d-%02dT%02d:%02d:%02d.%03ldZ %s",
	    tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
	    tm.tm_min, tm.tm_sec, now.tv_nsec / 1000000, levels[level]);
	if (tag[0] != '\0')
		text_add(t, "[%s]", tag);
	text_add(t, " ");
}

/* -- Taking it apart -- */

static size_t
find(const char *p, size_t len, char c)
{
	const char *found = len > 0 ? memchr(p, c, len) : NULL;

	return found != NULL ? (size_t)(found - p) : NOT_FOUND;
}

/* How many bytes the name of a level takes at p; 0: there is none. */
static size_t
parse_level(enum level *level, const char *p, size_t len)
{
	for (size_t i = 0; i < sizeof levels / sizeof levels[0]; i++) {
		size_t n = strlen(levels[i]);

		if (len > n && memcmp(p, levels[i], n) == 0 &&
		    (p[n] == ' ' || p[n] == '[')) {
			*level = (enum level)i;
			return n;
		}
	}
	return 0;
}

void
line_parse(struct line *line, const char *p, size_t len)
{
	const char *end = p + len;
	size_t time = find(p, len < TIME_MAX ? len : TIME_MAX, ' '), n;

	*line = (struct line){ .level = LEVEL_INFO, .rest = p, .len = len };
	if (time == NOT_FOUND)
		return;
	p += time + 1;
	n = parse_level(&line->level, p, (size_t)(end - p));
	if (n == 0)
		return;
	p += n;
	if (*p == '[') {
		n = find(p, (size_t)(end - p), ']');
		if (n == NOT_FOUND)
			return;
		line->tag = p + 1;
		line->tag_len = n - 1;
		p += n + 1;
	}
	line->time = line->rest;
	line->time_len = time;
	if (p < end)
		p++;
	line->rest = p;
	line->len = (size_t)(end - p);
}

/* -- Text -- */

static void
add_byte(struct text *t, char c)
{
	if (t->len + 1 < t->size) {
		t->buf[t->len++] = c;
		t->buf[t->len] = '\0';
	}
}

static char
printable(char c)
{
	return c >= ' ' && c <= '~' ? c : '?';
}

static void
add_plain(struct text *t, const char *p, size_t len)
{
	for (size_t i = 0; i < len; i++)
		add_byte(t, p[i] >= LINE_NUMBER && p[i] <= LINE_FIELD ?
		    ' ' : printable(p[i]));
}

void
line_add_text(struct text *t, const struct line *line, bool with_time)
{
	if (with_time && line->time_len > 0) {
		add_plain(t, line->time, line->time_len);
		add_byte(t, ' ');
	}
	text_add(t, "%s", levels[line->level]);
	if (line->tag_len > 0) {
		add_byte(t, '[');
		add_plain(t, line->tag, line->tag_len);
		add_byte(t, ']');
	}
	add_byte(t, ' ');
	add_plain(t, line->rest, line->len);
}

/* -- JSON -- */

/* A byte of a string is added as a whole or not at all. */
static void
add_string(struct text *t, const char *p, size_t len)
{
	for (size_t i = 0; i < len && t->len + 2 < t->size; i++) {
		char c = printable(p[i]);

		if (c == '"' || c == '\\')
			add_byte(t, '\\');
		add_byte(t, c);
	}
}

static void
add_member(struct text *t, const char *name, size_t name_len,
    const char *value, size_t len)
{
	add_byte(t, '"');
	add_string(t, name, name_len);
	text_add(t, "\":\"");
	add_string(t, value, len);
	text_add(t, "\",");
}

/* Whether it may stand without quotes: digits, with no 0 before them. */
static bool
is_number(const char *p, size_t len)
{
	size_t digits = 0;

	while (digits < len && p[digits] >= '0' && p[digits] <= '9')
		digits++;
	return digits == len && len > 0 && len < 20 &&
	    (p[0] != '0' || len == 1);
}

static void
add_number(struct text *t, const char *name, size_t name_len,
    const char *value, size_t len)
{
	add_byte(t, '"');
	add_string(t, name, name_len);
	text_add(t, "\":%.*s,", (int)len, value);
}

/* "smile/2" is worker 2 of service smile. */
static void
add_tag(struct text *t, const char *tag, size_t len)
{
	const char *slash = len > 0 ? memrchr(tag, '/', len) : NULL;
	size_t name = slash != NULL ? (size_t)(slash - tag) : len;

	if (len == 0)
		return;
	add_member(t, "service", strlen("service"), tag, name);
	if (slash != NULL && is_number(slash + 1, len - name - 1))
		add_number(t, "worker", strlen("worker"), slash + 1,
		    len - name - 1);
}

/* A field, from its name on. */
static void
add_field(struct text *t, const char *p, size_t len)
{
	size_t name = 0;

	while (name < len && p[name] != LINE_TEXT && p[name] != LINE_NUMBER)
		name++;
	if (name == len)
		return;
	if (p[name] == LINE_NUMBER && is_number(p + name + 1, len - name - 1))
		add_number(t, p, name, p + name + 1, len - name - 1);
	else
		add_member(t, p, name, p + name + 1, len - name - 1);
}

/* All of them, each as a whole or not at all; p is where the first begins. */
static void
add_fields(struct text *t, const char *p, size_t len)
{
	while (len > 0) {
		size_t n = find(p + 1, len - 1, LINE_FIELD), was = t->len;

		if (n == NOT_FOUND)
			n = len - 1;
		add_field(t, p + 1, n);
		/* Not quite full, or it may have been cut. */
		if (t->len + 2 >= t->size)
			t->buf[t->len = was] = '\0';
		p += n + 1;
		len -= n + 1;
	}
}

void
line_add_json(struct text *t, const struct line *line)
{
	static const char end[] = "\"}";
	const size_t size = t->size;
	size_t message = find(line->rest, line->len, LINE_FIELD);

	if (message == NOT_FOUND)
		message = line->len;
	add_byte(t, '{');
	if (line->time_len > 0)
		add_member(t, "time", strlen("time"), line->time,
		    line->time_len);
	add_member(t, "level", strlen("level"), levels[line->level],
	    strlen(levels[line->level]));
	/* Room for the message's name and some of it, and for the end. */
	t->size = size > 128 ? size - 64 : size;
	add_tag(t, line->tag, line->tag_len < 64 ? line->tag_len : 64);
	add_fields(t, line->rest + message, line->len - message);
	t->size = size - strlen(end);
	text_add(t, "\"message\":\"");
	add_string(t, line->rest, message);
	t->size = size;
	text_add(t, "%s", end);
}

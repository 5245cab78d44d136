/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See output.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/logfile.h"
#include "log/output.h"

/* -- Opening and closing -- */

void
output_wish(struct output_wish *wish, const struct conf *conf)
{
	/* Two of the same are the same to the last byte. */
	memset(wish, 0, sizeof *wish);
	wish->to = (int32_t)conf->log.to;
	wish->format = conf->log_format;
	if (conf->log.to == LOG_TO_SYSLOG)
		wish->facility = conf->log.facility;
	if (conf->log.to == LOG_TO_FILE)
		snprintf(wish->path, sizeof wish->path, "%s", conf->log.path);
}

/* Whether stderr is the journal's; who starts us tells its device and inode. */
static bool
is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	char ours[64];
	struct stat st;

	if (stream == NULL || fstat(STDERR_FILENO, &st) == -1)
		return false;
	snprintf(ours, sizeof ours, "%ju:%ju", (uintmax_t)st.st_dev,
	    (uintmax_t)st.st_ino);
	return strcmp(stream, ours) == 0;
}

/* To write to a regular file takes its time, but waits for nobody. */
static void
look(struct output *o)
{
	struct stat st;

	o->is_file = o->fd != -1 && fstat(o->fd, &st) == 0 &&
	    S_ISREG(st.st_mode);
	o->is_journal = o->wish.to == LOG_TO_STDERR && is_journal();
}

void
output_init(struct output *o, const struct output_wish *wish, int fd,
    pid_t pid)
{
	memset(o, 0, sizeof *o);
	o->pid = pid;
	o->wish = *wish;
	o->fd = wish->to == LOG_TO_STDERR ? STDERR_FILENO : fd;
	o->syslog.fd = -1;
	look(o);
}

void
output_become(struct output *o, const struct output_wish *wish, int fd)
{
	/* Another format needs no other file. */
	if (fd != -1 || wish->to != o->wish.to ||
	    strcmp(wish->path, o->wish.path) != 0) {
		output_close(o);
		o->fd = wish->to == LOG_TO_STDERR ? STDERR_FILENO : fd;
		/* Only the old one has the begin of it. */
		if (o->rest_len > 0)
			o->lost++;
		o->rest_len = o->rest_pos = 0;
		o->has_failed = false;
	}
	o->wish = *wish;
	look(o);
}

void
output_close(struct output *o)
{
	if (o->wish.to != LOG_TO_STDERR)
		fd_close(&o->fd);
	syslog_close(&o->syslog);
}

int
output_reopen(struct output *o, const char **why)
{
	int fd;

	if (o->wish.to == LOG_TO_SYSLOG)
		syslog_close(&o->syslog);
	if (o->wish.to != LOG_TO_FILE)
		return 0;
	fd = logfile_open(o->wish.path, why);
	if (fd == -1)
		return -1;
	fd_close(&o->fd);
	o->fd = fd;
	o->has_failed = false;
	/* The line that has begun in the old one is whole in the new one. */
	o->rest_pos = 0;
	look(o);
	return 0;
}

/* Whether there is something to write to.  -1 and errno. */
static int
be_open(struct output *o)
{
	const char *why;

	if (o->wish.to == LOG_TO_SYSLOG)
		return syslog_connect(&o->syslog);
	if (o->fd != -1)
		return 0;
	o->fd = logfile_open(o->wish.path, &why);
	look(o);
	return o->fd == -1 ? -1 : 0;
}

int
output_awaited(const struct output *o)
{
	return o->wish.to == LOG_TO_SYSLOG ? o->syslog.fd : o->fd;
}

bool
output_has_rest(const struct output *o)
{
	/* After a failure it waits for the next line instead. */
	return o->rest_len > 0 && !o->has_failed;
}

/* -- Lines -- */

/* One line as it will be written, in at most PIPE_BUF bytes.  Its length. */
static size_t
render(const struct output *o, char buf[PIPE_BUF], const char *p, size_t len)
{
	const bool is_syslog = o->wish.to == LOG_TO_SYSLOG;
	struct line line;
	struct text t;

	line_parse(&line, p, len);
	text_init(&t, buf, PIPE_BUF);
	if (is_syslog)
		syslog_add_head(&t, o->wish.facility, &line, o->pid);
	else if (o->is_journal)
		text_add(&t, "<%d>", syslog_severity(line.level));
	if (o->wish.format == LOG_FORMAT_JSON)
		line_add_json(&t, &line);
	else
		line_add_text(&t, &line, !is_syslog && !o->is_journal);
	buf[t.len++] = '\n';
	return t.len;
}

/*
 * Make as many lines ready as can be written at once.  *used is how many bytes
 * of p they were; their length is returned.
 */
static size_t
make_ready(struct output *o, const char *p, size_t len, size_t *used)
{
	size_t most = o->is_file ? sizeof o->ready : PIPE_BUF, ready = 0;
	char line[PIPE_BUF];
	const char *end;

	*used = 0;
	while ((end = memchr(p, '\n', len)) != NULL) {
		size_t one = (size_t)(end - p) + 1;
		size_t n = render(o, line, p, one - 1);

		if (n > most - ready)
			break;
		memcpy(o->ready + ready, line, n);
		ready += n;
		p += one;
		len -= one;
		*used += one;
		if (o->wish.to == LOG_TO_SYSLOG)
			break;
	}
	return ready;
}

/* All whole lines are lost; errno says why.  Returns their bytes. */
static size_t
lose(struct output *o, const char *p, size_t len)
{
	size_t whole = 0;
	const char *end;

	o->error = errno;
	o->has_failed = true;
	while ((end = memchr(p + whole, '\n', len - whole)) != NULL) {
		whole = (size_t)(end - p) + 1;
		o->lost++;
	}
	return whole;
}

/* -1 and errno. */
static ssize_t
put(struct output *o, char *buf, size_t len)
{
	ssize_t n;

	if (o->wish.to == LOG_TO_SYSLOG)
		return syslog_send(&o->syslog, buf, len);
	do
		n = write(o->fd, buf, len);
	while (n == -1 && errno == EINTR);
	return n;
}

/* Write what is left of a line that has begun.  -1 and errno. */
static int
put_rest(struct output *o)
{
	ssize_t n = put(o, o->rest + o->rest_pos, o->rest_len - o->rest_pos);

	if (n == -1) {
		/* What a new connection brings does not belong to it. */
		if (o->wish.to == LOG_TO_SYSLOG && errno != EAGAIN) {
			o->rest_len = 0;
			o->lost++;
		}
		return -1;
	}
	o->has_failed = false;
	o->rest_pos += (size_t)n;
	if (o->rest_pos == o->rest_len)
		o->rest_len = o->rest_pos = 0;
	return 0;
}

/*
 * Write len bytes of lines that are ready; of one that does not go out whole
 * the rest is kept.  Returns how many lines are done with, or -1 and errno.
 */
static ssize_t
put_ready(struct output *o, size_t len)
{
	size_t begin = 0, n;
	ssize_t put_len = put(o, o->ready, len), lines = 0;
	const char *end;

	if (put_len == -1)
		return -1;
	o->has_failed = false;
	for (n = (size_t)put_len; begin < n; lines++) {
		end = memchr(o->ready + begin, '\n', len - begin);
		/* Of syslog's there is one, which ends otherwise. */
		size_t next = end != NULL ? (size_t)(end - o->ready) + 1 : len;

		if (next > n) {
			o->rest_len = next - begin;
			o->rest_pos = n - begin;
			memcpy(o->rest, o->ready + begin, o->rest_len);
		}
		begin = next;
	}
	return lines;
}

/* How many bytes n lines are. */
static size_t
bytes_of(const char *p, size_t len, ssize_t n)
{
	size_t bytes = 0;

	for (; n > 0 && bytes < len; n--)
		bytes += (size_t)((const char *)memchr(p + bytes, '\n',
		    len - bytes) - (p + bytes)) + 1;
	return bytes;
}

/* Say how many were lost.  -1 and errno. */
static int
put_count(struct output *o)
{
	char text[256];
	struct text t;
	size_t used, len;

	text_init(&t, text, sizeof text);
	line_add_head(&t, LEVEL_WARN, "");
	text_add(&t, "%ju log lines were lost: %s\n", (uintmax_t)o->lost,
	    strerror(o->error));
	len = make_ready(o, text, t.len, &used);
	if (put_ready(o, len) == -1)
		return -1;
	o->lost = 0;
	return 0;
}

size_t
output_write(struct output *o, const char *p, size_t len)
{
	size_t ready, used = 0;
	ssize_t lines;
	int done;

	if (be_open(o) == -1)
		return lose(o, p, len);
	if (o->rest_len > 0)
		done = put_rest(o);
	else if (o->lost > 0)
		done = put_count(o);
	else if ((ready = make_ready(o, p, len, &used)) == 0)
		return 0;
	else if ((lines = put_ready(o, ready)) != -1)
		return bytes_of(p, used, lines);
	else
		done = -1;
	return done == 0 || errno == EAGAIN ? 0 : lose(o, p, len);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See log/syslog.h.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/fd.h"
#include "log/syslog.h"

/* -1 and errno. */
static int
try_connect(struct syslog *s, int type)
{
	static const struct sockaddr_un addr = {
		.sun_family = AF_UNIX, .sun_path = SYSLOG_PATH
	};

	s->fd = socket(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (s->fd == -1)
		return -1;
	s->is_stream = type == SOCK_STREAM;
	if (connect(s->fd, (const struct sockaddr *)&addr, sizeof addr) == 0)
		return 0;
	fd_close(&s->fd);
	return -1;
}

int
syslog_connect(struct syslog *s)
{
	if (s->fd != -1)
		return 0;
	/* The zone may have changed since. */
	tzset();
	if (try_connect(s, SOCK_DGRAM) == 0)
		return 0;
	if (errno == EPROTOTYPE && try_connect(s, SOCK_STREAM) == 0)
		return 0;
	/* There is no descriptor to be polled for this room. */
	if (errno == EAGAIN)
		errno = EBUSY;
	return -1;
}

void
syslog_close(struct syslog *s)
{
	fd_close(&s->fd);
}

static ssize_t
try_send(const struct syslog *s, char *message, size_t len)
{
	ssize_t n;

	message[len - 1] = '\0';
	do
		n = send(s->fd, message, s->is_stream ? len : len - 1,
		    MSG_NOSIGNAL);
	while (n == -1 && errno == EINTR);
	/* A datagram goes as a whole. */
	return n == -1 || s->is_stream ? n : (ssize_t)len;
}

ssize_t
syslog_send(struct syslog *s, char *message, size_t len)
{
	const bool is_fresh = s->fd == -1;
	ssize_t n;

	if (syslog_connect(s) == -1)
		return -1;
	n = try_send(s, message, len);
	if (n != -1 || errno == EAGAIN || errno == EMSGSIZE)
		return n;
	syslog_close(s);
	if (is_fresh || syslog_connect(s) == -1)
		return -1;
	return try_send(s, message, len);
}

int
syslog_severity(enum level level)
{
	static const int severities[] = {
		[LEVEL_BUG] = LOG_CRIT, [LEVEL_ERROR] = LOG_ERR,
		[LEVEL_WARN] = LOG_WARNING, [LEVEL_INFO] = LOG_INFO,
		[LEVEL_DEBUG] = LOG_DEBUG
	};

	return severities[level];
}

/* "2026-11-22T16:45:01" in UTC as a local time; what is none is now. */
static void
local_time(struct tm *tm, const char *text, size_t len)
{
	char copy[sizeof "2026-11-22T16:45:01"];
	struct tm utc = { .tm_isdst = 0 };
	time_t t = time(NULL);

	snprintf(copy, sizeof copy, "%.*s", (int)len, len > 0 ? text : "");
	if (sscanf(copy, "%4d-%2d-%2dT%2d:%2d:%2d", &utc.tm_year, &utc.tm_mon,
	    &utc.tm_mday, &utc.tm_hour, &utc.tm_min, &utc.tm_sec) == 6) {
		utc.tm_year -= 1900;
		utc.tm_mon--;
		t = timegm(&utc);
	}
	if (localtime_r(&t, tm) == NULL)
		*tm = utc;
}

void
syslog_add_head(struct text *t, int facility, const struct line *line,
    pid_t pid)
{
	static const char *const months[] = {
		"Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep",
		"Oct", "Nov", "Dec"
	};
	struct tm tm;

	local_time(&tm, line->time, line->time_len);
	text_add(t, "<%d>%s %2d %02d:%02d:%02d smiled[%ld]: ",
	    facility | syslog_severity(line->level),
	    months[tm.tm_mon >= 0 && tm.tm_mon < 12 ? tm.tm_mon : 0],
	    tm.tm_mday, tm.tm_hour, tm.tm_min, tm.tm_sec, (long)pid);
}

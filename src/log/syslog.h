/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A client of the system's log daemon that never waits for it: the socket
 * /dev/log, and messages as RFC 3164 and the C library have them.  syslog(3)
 * itself would wait.
 */
#ifndef LOG_SYSLOG_H
#define LOG_SYSLOG_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/level.h"
#include "base/text.h"
#include "log/line.h"

#define SYSLOG_PATH	"/dev/log"

struct syslog {
	int	fd;		/* -1: not connected */
	bool	is_stream;	/* a message ends with a NUL byte */
};

/* Connect, if that is to be done.  -1 and errno. */
int	syslog_connect(struct syslog *);

void	syslog_close(struct syslog *);

/*
 * Send a message, which ends with a byte that is the end of a line elsewhere.
 * If the daemon was started anew meanwhile, so is the connection.  -1 and
 * errno; EAGAIN: its queue is full, fd can be polled for room.  Of a message
 * through a stream only a part may be sent: what is returned is less than len.
 */
ssize_t	syslog_send(struct syslog *, char *message, size_t len);

/* What a line means to a daemon, 0 to 7: the less, the more it matters. */
int	syslog_severity(enum level);

/*
 * Add "<PRI>Nov 22 16:45:01 smiled[PID]: ": the line's own time, but local, as
 * daemons expect it.
 */
void	syslog_add_head(struct text *, int facility, const struct line *,
	    pid_t);

#endif

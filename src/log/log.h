/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The log line.  Any process of the server says what it has to say with one
 * of these functions; each makes one line and hands it over with a single
 * write(2) that never blocks.  On its way the line passes a pipe whose other
 * end the log process reads (logger.h); at most PIPE_BUF bytes long, it is
 * never torn or mixed with another (pipe(7)).  A line that does not fit into
 * a full pipe is counted, and the count is said when there is room again.
 *
 *	2026-11-22T16:45:01.123Z warn[smile/2] message
 *
 * is what the log process makes of it, or JSON, or whatever it is told to.
 *
 * Messages are escaped: a client's bytes can neither forge nor colour a line.
 */
#ifndef LOG_LOG_H
#define LOG_LOG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/level.h"

/* Write to fd, which must not block, from now on; -1: say nothing. */
void	log_open(int fd);

/* The last level that is still said; LEVEL_INFO until told otherwise. */
void	log_set_level(enum level);

/* Who is speaking, "smile/2"; NULL or "" for the master. */
void	log_set_tag(const char *tag);

void	log_bug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_warn(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void	log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * A fact beside the message, for those who read logs by program: in a text it
 * follows as "peer 192.0.2.1:4711", in JSON it is a member of its own.  The
 * name is a word that is no other member's: not time, level, service, worker
 * or message.
 */
struct log_field {
	const char	*name;
	const char	*value;		/* any bytes */
	bool		 is_number;	/* digits only, and to be one */
};

void	log_fields(enum level, const struct log_field *, size_t n,
	    const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* What somebody else has written, bytes of any kind, after prefix. */
void	log_bytes(enum level, const char *prefix, const char *, size_t len);

/*
 * The brake for a message that could come thousands of times a second: one
 * for each such message, zeroed at first.  It is passed once a period.
 */
struct log_brake {
	int64_t		next;		/* the moment it opens again */
	uint64_t	held;		/* messages held back since */
};

#define LOG_BRAKE_PERIOD	10000	/* milliseconds */

/*
 * Whether to say it now.  If so, *held is how many were held back since it
 * was last said.
 */
int	log_brake(struct log_brake *, uint64_t *held);

#endif

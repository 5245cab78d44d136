/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Where the log goes, and as what: stderr, syslog or a file; text or JSON.
 * It belongs to one process, which takes lines out of the pipe (log/line.h)
 * and hands them on here.
 *
 * Lines are written whole: the rest of one that could not be written to its
 * end comes before all others.  What cannot be written at all is lost, but
 * counted, and the count is the first to be written when that can be done
 * again.  That is tried with each line, and never without one: nothing wakes
 * up for it.
 */
#ifndef LOG_OUTPUT_H
#define LOG_OUTPUT_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "conf/conf.h"
#include "log/syslog.h"

/* What is wanted; the master can send it to another process. */
struct output_wish {
	int32_t		to;		/* enum conf_log_to */
	int32_t		facility;
	int32_t		format;		/* enum conf_log_format */
	char		path[PATH_MAX];	/* of the file */
};

struct output {
	struct output_wish wish;
	pid_t		pid;		/* the master's */
	int		fd;		/* -1: to be opened */
	bool		is_file;	/* it takes any number of bytes */
	bool		is_journal;	/* see sd-daemon(3) */
	struct syslog	syslog;
	uint64_t	lost;		/* lines */
	int		error;		/* why */
	bool		has_failed;	/* the last time */
	char		rest[PIPE_BUF];	/* a line of which rest_pos bytes */
	size_t		rest_len, rest_pos;	/* are written */
	char		ready[65536];	/* lines as they will be written */
};

/* The wish for what the configuration says. */
void	output_wish(struct output_wish *, const struct conf *);

/*
 * fd is the open file, the output's from now on; -1: it is opened when it is
 * needed.  For stderr and syslog it is -1.
 */
void	output_init(struct output *, const struct output_wish *, int fd,
	    pid_t);

/* The same for one that is in use; what it owes stays owed. */
void	output_become(struct output *, const struct output_wish *, int fd);

/*
 * Open the file, or the connection, anew.  -1 if that cannot be done, and
 * *why is a text: the old one is kept.
 */
int	output_reopen(struct output *, const char **why);

void	output_close(struct output *);

/* What is to be polled for room; -1: it need not be. */
int	output_awaited(const struct output *);

/* Whether the rest of a line waits for room. */
bool	output_has_rest(const struct output *);

/*
 * Write some of the whole lines that are at the begin of len bytes, or what
 * must come before them, without a wait if there is room.  Returns how many
 * of the bytes are done with, written or lost.
 */
size_t	output_write(struct output *, const char *, size_t len);

#endif

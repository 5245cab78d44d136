/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The log process as its parent sees it: started first, ended last, replaced
 * if it dies.  The master holds both ends of the pipe, so that what is in it
 * outlives the process that reads it.
 */
#ifndef MASTER_LOGKEEPER_H
#define MASTER_LOGKEEPER_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/level.h"
#include "base/title.h"
#include "log/logger.h"

/* What a program of run prints goes here. */
struct logkeeper_source {
	struct logger_source	 source;
	bool			 is_sent;	/* the log process has it */
	bool			 is_over;	/* nobody writes any more */
};

struct logkeeper {
	pid_t			 pid;		/* 0: none lives */
	int			 in;		/* the pipe's end to read */
	int			 out;		/* the end to write to */
	int			 orders;	/* to the process; -1: none */
	unsigned		 failures;	/* in a row */
	int64_t			 due;		/* next start */
	int64_t			 born;
	const struct title	*title;
	bool			 drops_stderr;	/* see detach.h */
	struct logkeeper_source	*source;	/* kept for its successor */
	size_t			 n;
	size_t			 unsent;	/* of them */
	unsigned		 news;		/* not sent: each kind of
						 * order is a bit */
	enum level		 level;
	struct output_wish	 wish;		/* where the log goes */
	int			 file;		/* it, until it is sent; -1 */
};

/*
 * Make the pipe for a log on stderr and point the log at it; no process yet.
 * -1 and errno.
 */
int	logkeeper_init(struct logkeeper *, const struct title *);

/* Start the process if it is due.  Returns when to call again. */
int64_t	logkeeper_settle(struct logkeeper *, int64_t now);

/* The descriptor to be polled for room, for what settle could not say; -1. */
int	logkeeper_awaited(const struct logkeeper *);

/*
 * Have what comes out of a pipe logged, each line with this tag.  The pipe's
 * end stays open here, so that its writers outlive a log process.  -1 and
 * errno: the descriptor is still the caller's.
 */
int	logkeeper_add(struct logkeeper *, int fd, const char *tag);

/* Close it here; the log process reads on until its end. */
void	logkeeper_drop(struct logkeeper *, int fd);

/* The last level that is logged, also of what programs print. */
void	logkeeper_set_level(struct logkeeper *, enum level);

/*
 * Open the file that a configuration wants the log to go to, unless it goes
 * there already.  conf has it then.  -1: it cannot be, and *why is a text.
 */
int	logkeeper_open(const struct logkeeper *, struct conf *,
	    const char **why);

/* Have the log go where that says, as it says, and take the file from it. */
void	logkeeper_set_output(struct logkeeper *, struct conf *);

/* Whether pid was the log process; if so, it is noted dead. */
bool	logkeeper_died(struct logkeeper *, pid_t pid, int status, int64_t now);

/* USR1: let it open its file anew. */
void	logkeeper_reopen(struct logkeeper *);

/*
 * The last words have been said: let go of the pipe, so that the process
 * writes what is left and ends.  If there is none, write it here.
 */
void	logkeeper_finish(struct logkeeper *);

/* It takes too long. */
void	logkeeper_kill(const struct logkeeper *);

/* At the very end. */
void	logkeeper_free(struct logkeeper *);

#endif

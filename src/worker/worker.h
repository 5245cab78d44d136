/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The one way from the master into a worker, and all that a worker says back.
 */
#ifndef WORKER_WORKER_H
#define WORKER_WORKER_H

#include <stdint.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "base/title.h"
#include "board/board.h"
#include "conf/conf.h"

/* A listening socket, and its address as people write it. */
struct worker_socket {
	int		 fd;
	const char	*name;
};

/*
 * What the master hands to a fresh child.  The descriptors named here are the
 * only ones the worker keeps, with 0, 1 and 2; descriptor 0 is /dev/null.
 */
struct worker_birth {
	const struct service	*service;
	unsigned		 number;	/* within its pool, from 1 */
	unsigned		 generation;
	const struct worker_socket *sockets;	/* one; of run, perhaps more */
	unsigned		 nsockets;
	const char		*path;		/* its; NULL: it is TCP's */
	int			 gate;		/* to wait at; -1: none */
	int			 report;	/* where to say "ready" */
	const char		*notify;	/* where programs of run do */
	int			 output;	/* what these print; else -1 */
	int			 log;
	enum level		 log_level;
	struct board		*board;
	unsigned		 slot;		/* on the board */
	unsigned		 recycle;	/* connections; 0: all */
	pid_t			 master;
	const struct title	*title;
};

/*
 * A worker's word to the master: one datagram, whose sender the kernel names
 * (SO_PASSCRED, unix(7)), so that nobody can speak for another.
 */
enum report_kind {
	REPORT_READY = 1,
	REPORT_EXECUTES,	/* as a program of run in the next moment */
	REPORT_SHORT,		/* its pool is short of idle workers */
	REPORT_WORN		/* it has served its share; it serves on */
};

struct report {
	uint32_t	kind;		/* enum report_kind */
};

/*
 * How a worker's life ended, as its exit status: EX_DONE when it was told to
 * go, else one of base/status.h, with the reason in the log.
 */

/*
 * Become a worker, or the program of a service with run.  Call in a fresh child
 * with all signals blocked.
 */
noreturn void	worker_run(const struct worker_birth *);

#endif

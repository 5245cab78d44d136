/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A program for each connection: started, seen to its end, and its reply to
 * the client.
 */
#ifndef WORKER_EXEC_H
#define WORKER_EXEC_H

#include <signal.h>

#include "base/family.h"
#include "log/log.h"
#include "worker/conn.h"
#include "worker/environ.h"
#include "log/errlines.h"

/* What a worker of such a service keeps from connection to connection. */
struct exec {
	const struct service		*service;
	const char			*path;	/* unix socket; NULL: TCP */
	const volatile sig_atomic_t	*quits;	/* 2: end it now */
	volatile sig_atomic_t		*has_program;	/* the second waits */
	struct environ			 environ;
	struct errlines			 errlines;
	uint64_t			 cpu;	/* limit; UINT64_MAX: none */
	struct log_brake		 brake;	/* on programs not started */
	struct family			 family;
	bool				 has_children;	/* between programs */
	sigset_t			 open;	/* the mask while waiting */
};

/* Before the root directory is changed.  -1 and errno. */
int	exec_init(struct exec *, const struct service *, const char *path,
	    const volatile sig_atomic_t *quits,
	    volatile sig_atomic_t *has_program);

/* Let a child's end interrupt what waits. */
void	exec_hear_of_children(void);

/* Run the program for a connection, until both are at their end. */
void	exec_serve(struct exec *, struct conn *);

/* Take leave of what programs have left behind and has ended since. */
void	exec_reap(struct exec *);

#endif

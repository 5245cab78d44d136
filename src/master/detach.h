/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Going into the background (-b), and telling whoever waits that the server
 * is ready.
 */
#ifndef MASTER_DETACH_H
#define MASTER_DETACH_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"

/*
 * Those who wait to hear that the server is ready: the process that was
 * started with -b, and whoever reads the descriptor of --notify-fd.
 */
struct waiting {
	int	parent;		/* a pipe; -1: none */
	int	notify;		/* -1: none */
	bool	drops_stderr;	/* it is let go of when we are ready: the log
				 * goes elsewhere */
};

/*
 * Become a process of its own: a new session, no terminal.  Returns in the
 * new process; the old one waits for our word, at most patience milliseconds,
 * and exits with what we tell it.  -1 and errno.
 */
int	detach(struct waiting *, int64_t patience);

/* The server is ready: a newline on notify, status 0 to the parent. */
void	detach_say_ready(struct waiting *);

/* It never will be.  Does nothing once ready was said. */
void	detach_say_failed(struct waiting *, enum status);

#endif

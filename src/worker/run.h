/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A program that accepts by itself, on listening sockets that it inherits: the
 * worker becomes that program.
 */
#ifndef WORKER_RUN_H
#define WORKER_RUN_H

#include "worker/worker.h"

/*
 * Become the program, as a child of the master with all signals blocked.  It
 * gets
 *	- the sockets from descriptor 3 on, and their number, names and owner
 *	  (LISTEN_FDS, LISTEN_FDNAMES, LISTEN_PID, sd_listen_fds(3);
 *	  SERVER_STARTER_PORT); with run-fd 0 the first as descriptor 0, too;
 *	- the pipe to the log as descriptors 1 and 2;
 *	- a way to say that it is ready, lives or ends (NOTIFY_SOCKET,
 *	  WATCHDOG_USEC, sd_notify(3));
 *	- a session and a group of its own, the service's rights and limits,
 *	  default signals, an empty mask, and nothing else.
 * What cannot be done is logged, and ends the process.
 */
noreturn void	run_become(const struct worker_birth *);

#endif

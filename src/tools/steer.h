/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What smilectl does to a server, and how it comes to know how that went.
 */
#ifndef TOOLS_STEER_H
#define TOOLS_STEER_H

#include <stdbool.h>
#include <stdint.h>

#include "base/status.h"
#include "tools/server.h"

/* What every command is given. */
struct order {
	struct server_wish	 wish;
	bool			 json;
	bool			 now;		/* stop */
	int64_t			 timeout;	/* milliseconds */
	const char		*what;		/* wait: what for */
};

/*
 * Each returns the status to exit with, or dies: STATUS_NOT_RUNNING,
 * STATUS_NO_PERMISSION, STATUS_TIMED_OUT.
 */

/* HUP, and then the verdict on a reload that began after that. */
enum status	steer_reload(const struct order *);
enum status	steer_upgrade(const struct order *);

/* USR1. */
enum status	steer_reopen(const struct order *);

/* TERM, or INT, and then its end. */
enum status	steer_stop(const struct order *);

/* Until one is ready, or none is there. */
enum status	steer_wait(const struct order *);

#endif

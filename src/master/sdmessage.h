/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a program says in the words of sd_notify(3): lines of NAME=VALUE in one
 * datagram.
 */
#ifndef MASTER_SDMESSAGE_H
#define MASTER_SDMESSAGE_H

#include <stdbool.h>
#include <stddef.h>

#define SDMESSAGE_MAX	4096	/* bytes; what is longer is cut */

struct sdmessage {
	bool	ready;		/* READY=1 */
	bool	is_ending;	/* STOPPING=1 */
	bool	lives;		/* WATCHDOG=1 */
	bool	hangs;		/* WATCHDOG=trigger */
	bool	has_status;	/* STATUS=TEXT */
	char	status[80];	/* cut, and escaped */
};

/* Anything may come; what is not understood means nothing. */
void	sdmessage_read(struct sdmessage *, const char *bytes, size_t len);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A closed loop of connections: so many at once, each one read until the
 * server closes it, given its verdict, and followed by the next.  Sends
 * nothing to the server, and says nothing to the user.
 */
#ifndef TOOLS_LOAD_H
#define TOOLS_LOAD_H

#include <stddef.h>
#include <stdint.h>

#include "tools/dial.h"
#include "tools/histogram.h"
#include "tools/verdict.h"

/* What to do; the caller's, and not changed. */
struct load_order {
	const struct dial_list	*list;
	struct verdict_reply	 reply;
	size_t			 connections;	/* at once */
	uint64_t		 total;		/* begin no more than these */
	int64_t			 duration;	/* begin none after so many ms;
						   CLOCK_NEVER: no bound */
	int64_t			 timeout;	/* ms, for each connection */
};

/* Where the first wrong reply left the right way, and how it went on. */
struct load_stray {
	size_t	at;		/* so many bytes were right */
	size_t	len;		/* 0: no reply was wrong */
	char	bytes[40];
};

/* What came of it. */
struct load_result {
	uint64_t		 counts[VERDICT_COUNT];
	struct histogram	 latency;	/* us, of the ok ones, from
						   connect to end of file */
	int64_t			 elapsed;	/* us */
	struct load_stray	 stray;
};

/*
 * Run to the end; each connection that was begun has its verdict then.
 * SIGINT and SIGTERM are caught once the load begins: the first one ends the
 * run as though its time were over, the next one kills.
 *
 * If the list has several addresses they are raced once at the start, and the
 * winner, which is the first of the connections and counts as one (from when
 * it was connected), decides for all.  If none accepts, which is no failure of
 * the run, connections go to all of the list in turn until one is accepted,
 * and from then on to its address.
 *
 * -1 and errno if the system, not the server, made it impossible to go on:
 * EMFILE, ENOMEM; EADDRNOTAVAIL after a second in which no port was free for
 * our end; ...
 */
int	load_run(const struct load_order *, struct load_result *);

#endif

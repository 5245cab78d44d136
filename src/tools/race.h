/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Connecting to whichever of a host's addresses answers first ("happy
 * eyeballs", RFC 8305), and saying why none did.  Knows nothing of what the
 * connection is for.
 */
#ifndef TOOLS_RACE_H
#define TOOLS_RACE_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"
#include "tools/dial.h"

enum race_state {
	RACE_TRYING,
	RACE_FAILED,
	RACE_WON
};

/* One address, and what became of it.  Written by race_run() alone. */
struct race_attempt {
	const struct dial_address	*to;
	enum race_state			 state;
	int				 fd;	/* while trying, or when won */
	int				 error;	/* why it failed; if it won,
						   see race.broken */
};

struct race {
	struct race_attempt	at[DIAL_MAX];
	size_t			begun;		/* so many of them count */
	int64_t			next;		/* begin another then */
	int			broken;		/* the winner: 0, or the error
						   its connection has had
						   already */
};

/* Told of every attempt as it begins, fails or wins. */
typedef void race_watch(void *arg, const struct race_attempt *);

/*
 * Try the addresses of list, which must outlive the race, in their order: the
 * next one as soon as the last one begun has failed, or RFC 8305's 250 ms
 * after it.  Returns the first socket that is connected, non-blocking and the
 * caller's to close; or -1 and the errno that tells most about the failure,
 * once all have failed or the deadline has passed.  An attempt still under way
 * at the deadline has failed with ETIMEDOUT.  watch may be NULL.
 *
 * A connection that was made and is reset already wins, too, for there may be
 * a reply in it.  recv(2) will then show the end of file after it: whoever
 * reads must look at broken.
 */
int		race_run(struct race *, const struct dial_list *list,
		    int64_t deadline, race_watch *watch, void *arg);

/*
 * Why race_run() answered -1: a line for the user in buf (DIAL_LINE_MAX) that
 * names every address tried, with its reason, and what to do next; and the
 * status that goes with it.
 */
enum status	race_explain(const struct race *, const struct dial_wish *,
		    char *buf, size_t size);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A master that was started by another, to take its place (upgrade.h is the
 * other's side).  It comes up like any server, but with the sockets it was
 * handed; its workers wait at their gate until the old master says "go".
 * Then both accept, and when none of the old one's workers does any more,
 * what there can be only one of changes hands: the board's name, the pid file,
 * and at last the word to the service manager, who listens to nobody of whom
 * the old master has not told it.
 *
 * If the old master is gone at any of these moments, nobody else serves: then
 * the new one goes on alone.
 */
#ifndef MASTER_HEIR_H
#define MASTER_HEIR_H

#include "master/handover.h"

enum heir_step {
	HEIR_NONE,		/* an ordinary server, or one by now */
	HEIR_COMING,
	HEIR_READY,		/* and has said so */
	HEIR_GO,		/* it may serve */
	HEIR_SERVING		/* and has said so */
};

struct heir {
	enum heir_step		 step;
	int			 control;	/* to the old master, until it
						 * has told of us; -1 */
	bool			 is_alone;	/* the old master is gone */
	bool			 has_all;	/* or has let go of it */
	struct handover_set	 set;
};

/*
 * Look for a hand-over, and take what names it out of the environment.  What
 * is none is said and left alone.
 */
void	heir_take(struct heir *);

/* The descriptor to be polled for what the old master says; -1. */
int	heir_awaited(const struct heir *);

/* Tell the old master what is wrong. */
void	heir_tell(const struct heir *, const char *line);

#endif

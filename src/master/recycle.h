/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Workers that have served their share (recycle N) are replaced: the successor
 * is ready first, and few are replaced at a time.
 */
#ifndef MASTER_RECYCLE_H
#define MASTER_RECYCLE_H

#include "master/pool.h"
#include "master/slot.h"

/* How many members more than wanted it should have, to be successors. */
unsigned	recycle_wanted(const struct pool *, const struct slots *,
		    int64_t now);

/* Those whose successors are ready shall leave. */
void	recycle_settle(struct pool *, struct slots *, int64_t now);

#endif

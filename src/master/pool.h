/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A pool: how many workers there should be, and which of them go when there
 * are too many.
 */
#ifndef MASTER_POOL_H
#define MASTER_POOL_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "master/generation.h"
#include "master/listener.h"

struct slot;
struct slots;

/* How long a pool has had more idle workers than it needs: see supply.c. */
struct supply {
	int64_t		since;		/* CLOCK_NEVER: it has not */
	unsigned	surplus;	/* the smallest that was seen since */
};

/*
 * The workers of one service on one listener, or its programs that accept by
 * themselves on all its listeners, of one generation.  It outlives its time in
 * charge for as long as one of its workers does.
 */
struct pool {
	struct pool		*next;		/* of all there are */
	struct generation	*generation;
	const struct service	*service;
	unsigned		 before;	/* numbers of the service's
						 * other pools */
	unsigned		 wanted;	/* how many there should be */
	unsigned		 members;	/* slots not leaving */
	unsigned		 ready;		/* of these, SLOT_SERVING */
	unsigned		 leaving;	/* slots on their way out */
	bool			 is_retired;	/* nobody is wanted any more */
	bool			 is_parked;	/* but it may be revived */
	unsigned		 number;	/* on the board, from 1: no two
						 * that live have the same */
	unsigned		 place;		/* there, of its first
						 * listener */
	unsigned		 busy, idle;	/* members, by what they say of
						 * themselves: hints, no more */
	struct supply		 supply;
	unsigned		 nlisteners;
	struct listener		*listener[];	/* in the order asked for */
};

/*
 * Put a new pool at the head of the list, with room for its listeners, which
 * are to be added one by one.  NULL and errno ENOMEM.
 */
struct pool	*pool_new(struct pool **list, struct generation *,
		    const struct service *, unsigned before, size_t room);

void	pool_add_listener(struct pool *, struct listener *);

bool	pool_has_listener(const struct pool *, const struct listener *);

/* Whether all its listeners are handed over to another master. */
bool	pool_is_kept(const struct pool *);

/* The nearest to n that the service may have of workers in a pool. */
unsigned	pool_clamp(const struct service *, uint64_t n);

/* How many workers it may have, as things are: as it has, if that is fixed. */
unsigned	pool_least(const struct pool *);
unsigned	pool_most(const struct pool *);

/* Whether it would have more workers if it lacked idle ones. */
bool	pool_can_grow(const struct pool *);

/* Whether one of its listeners is shut, so that it must serve on. */
bool	pool_is_emptying(const struct pool *);

/* It goes over to another generation, which has it as this service. */
void	pool_adopt(struct pool *, struct generation *,
	    const struct service *);

/*
 * Free those that nobody is in and nobody is wanted in.  Whether there were
 * any.
 */
bool	pools_free_empty(struct pool **list);

/* Free those of a generation that never began. */
void	pools_drop(struct pool **list, const struct generation *);

/*
 * Make the number of members what is wanted, as far as slots are free; those
 * that have served their share (recycle) get successors and then leave.
 */
void	pool_settle(struct pool *, struct slots *, int64_t now);

/* Tell one member to go when it has finished its connection. */
void	pool_retire_slot(struct slot *, int64_t now);

/* Every member is replaced by another; the new ones do not wait for that. */
void	pool_renew(struct pool *, struct slots *, int64_t now);

/*
 * Every member shall finish what it has, within the service's limits, and none
 * takes its place.
 */
void	pool_retire(struct pool *, struct slots *, int64_t now);

/* It has as many members again as a new one would have. */
void	pool_revive(struct pool *);

#endif

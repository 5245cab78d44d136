/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See pool.h.
 */
#include <stdlib.h>

#include "base/clock.h"
#include "master/pool.h"
#include "master/recycle.h"
#include "master/slot.h"

#define SLACK	1000	/* ms that a deadline of a worker may be late */

static unsigned
free_pool_number(const struct pool *pools)
{
	unsigned number = 1;

	for (; pools != NULL; pools = pools->next)
		if (pools->number >= number)
			number = pools->number + 1;
	return number;
}

unsigned
pool_clamp(const struct service *service, uint64_t n)
{
	if (n < service->workers.least)
		return service->workers.least;
	return n < service->workers.most ? (unsigned)n :
	    service->workers.most;
}

struct pool *
pool_new(struct pool **list, struct generation *generation,
    const struct service *service, unsigned before, size_t room)
{
	struct pool *pool = calloc(1, sizeof *pool +
	    room * sizeof pool->listener[0]);

	if (pool == NULL)
		return NULL;
	pool->generation = generation;
	pool->service = service;
	pool->before = before;
	pool->number = free_pool_number(*list);
	pool->wanted = pool_clamp(service, service->spare);
	pool->supply.since = CLOCK_NEVER;
	pool->place = BOARD_NO_PLACE;
	pool->next = *list;
	*list = pool;
	generation->pools++;
	return pool;
}

void
pool_add_listener(struct pool *pool, struct listener *l)
{
	pool->listener[pool->nlisteners++] = l;
	l->pools++;
}

bool
pool_has_listener(const struct pool *pool, const struct listener *l)
{
	for (unsigned i = 0; i < pool->nlisteners; i++)
		if (pool->listener[i] == l)
			return true;
	return false;
}

unsigned
pool_least(const struct pool *pool)
{
	return service_is_adaptive(pool->service) ?
	    pool->service->workers.least : pool->wanted;
}

unsigned
pool_most(const struct pool *pool)
{
	return service_is_adaptive(pool->service) ?
	    pool->service->workers.most : pool->wanted;
}

bool
pool_can_grow(const struct pool *pool)
{
	return pool->wanted < pool_most(pool);
}

bool
pool_is_kept(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->nlisteners; i++)
		if (!pool->listener[i]->is_kept)
			return false;
	return true;
}

bool
pool_is_emptying(const struct pool *pool)
{
	for (unsigned i = 0; i < pool->nlisteners; i++)
		if (listener_is_shut(pool->listener[i]))
			return true;
	return false;
}

void
pool_adopt(struct pool *pool, struct generation *generation,
    const struct service *service)
{
	pool->generation->pools--;
	generation->pools++;
	pool->generation = generation;
	pool->service = service;
	pool->wanted = pool_clamp(service, service->spare);
}

/* Take the first of a list away. */
static void
free_first(struct pool **list)
{
	struct pool *pool = *list;

	*list = pool->next;
	pool->generation->pools--;
	for (unsigned i = 0; i < pool->nlisteners; i++)
		pool->listener[i]->pools--;
	free(pool);
}

bool
pools_free_empty(struct pool **list)
{
	bool any = false;

	while (*list != NULL) {
		struct pool *pool = *list;

		if (pool->is_parked ||
		    pool->wanted + pool->members + pool->leaving > 0) {
			list = &pool->next;
		} else {
			free_first(list);
			any = true;
		}
	}
	return any;
}

void
pools_drop(struct pool **list, const struct generation *g)
{
	while (*list != NULL)
		if ((*list)->generation != g)
			list = &(*list)->next;
		else
			free_first(list);
}

/* When a worker told to go now shall be hurried. */
static int64_t
patience(const struct service *service, int64_t now)
{
	/* How long a connection of a program's own takes is not for us. */
	int64_t longest = service->action == ACTION_RUN ||
	    service->timeout == CLOCK_NEVER ? CLOCK_NEVER :
	    service->timeout + service->linger + SLACK;

	return clock_after(now, clock_earlier(longest,
	    service->retire_timeout));
}

/*
 * One that has not said "ready" has no connection, or only just; it may also
 * hang for ever, so it is given no more time than it had to become ready.
 */
void
pool_retire_slot(struct slot *slot, int64_t now)
{
	const struct service *service = slot->pool->service;
	int64_t hurry_at = patience(service, now);

	if (slot->state == SLOT_STARTING)
		hurry_at = clock_after(slot->due, service->linger);
	slot_leave(slot, now, hurry_at,
	    clock_after(hurry_at, service_grace(service)));
}

/*
 * The member that is missed least: nobody, one that seems to wait, one that
 * starts, one that serves; and of these the last.
 */
static struct slot *
superfluous(const struct pool *pool, struct slots *slots)
{
	static const int rank[] = {
		[SLOT_DUE] = 3, [SLOT_STARTING] = 1, [SLOT_SERVING] = 0
	};
	struct slot *last = NULL;
	int of_last = 0;

	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];
		int r;

		if (slot->pool != pool || slot->state == SLOT_LEAVING)
			continue;
		r = slot_seems_idle(slots, slot) ? 2 : rank[slot->state];
		if (last == NULL || r > of_last ||
		    (r == of_last && slot->number > last->number)) {
			last = slot;
			of_last = r;
		}
	}
	return last;
}

void
pool_settle(struct pool *pool, struct slots *slots, int64_t now)
{
	unsigned more = recycle_wanted(pool, slots, now);

	while (pool->members < pool->wanted + more)
		if (slots_take(slots, pool, now) == NULL) {
			slots_hurry_oldest(slots, now);
			break;
		}
	recycle_settle(pool, slots, now);
	more = recycle_wanted(pool, slots, now);
	while (pool->members > pool->wanted + more)
		pool_retire_slot(superfluous(pool, slots), now);
}

void
pool_renew(struct pool *pool, struct slots *slots, int64_t now)
{
	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];

		if (slot->pool == pool && slot->state != SLOT_LEAVING &&
		    slot->pid != 0)
			pool_retire_slot(slot, now);
	}
}

void
pool_retire(struct pool *pool, struct slots *slots, int64_t now)
{
	pool->wanted = 0;
	pool->is_retired = true;
	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];

		if (slot->pool == pool && slot->state != SLOT_LEAVING)
			pool_retire_slot(slot, now);
	}
}

void
pool_revive(struct pool *pool)
{
	pool->wanted = pool_clamp(pool->service, pool->service->spare);
	pool->is_retired = false;
}

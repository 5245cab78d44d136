/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See recycle.h.
 *
 * Nobody is the successor of somebody: a pool with worn members is allowed to
 * have more members than are wanted, and when more than wanted are ready, a
 * worn one goes.  All is counted anew each time, so whoever dies meanwhile, or
 * is not wanted any more, cannot leave a wrong figure behind.
 */
#include "master/recycle.h"

#define AT_A_TIME	8	/* one in so many, at least one */

static bool
is_worn(const struct pool *pool, const struct slot *slot, int64_t now)
{
	return slot->pool == pool && slot->state == SLOT_SERVING &&
	    slot->worn_at <= now;
}

static unsigned
count_worn(const struct pool *pool, const struct slots *slots, int64_t now)
{
	unsigned n = 0;

	for (unsigned i = 0; i < slots->used; i++)
		n += is_worn(pool, &slots->slot[i], now);
	return n;
}

static unsigned
smaller(unsigned a, unsigned b)
{
	return a < b ? a : b;
}

unsigned
recycle_wanted(const struct pool *pool, const struct slots *slots, int64_t now)
{
	unsigned most = pool->wanted / AT_A_TIME, there = 0, n;

	/* Those who left but have long connections must not pile up. */
	if (pool->service->recycle == 0 || pool->leaving >= pool->wanted)
		return 0;
	n = smaller(count_worn(pool, slots, now), most > 0 ? most : 1);
	if (n == 0)
		return 0;
	/* Nobody who is leaving is hurried for a successor. */
	if (pool->members > pool->wanted)
		there = pool->members - pool->wanted;
	return smaller(n, there + slots_free_count(slots));
}

/* The worn member to go next: rather one that seems to wait. */
static struct slot *
next_worn(const struct pool *pool, struct slots *slots, int64_t now)
{
	struct slot *worn = NULL;

	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];

		if (is_worn(pool, slot, now) && (worn == NULL ||
		    slot_seems_idle(slots, slot)))
			worn = slot;
	}
	return worn;
}

void
recycle_settle(struct pool *pool, struct slots *slots, int64_t now)
{
	while (pool->service->recycle > 0 && pool->ready > pool->wanted) {
		struct slot *worn = next_worn(pool, slots, now);

		if (worn == NULL)
			return;
		pool_retire_slot(worn, now);
	}
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How many workers a pool of variable size should have.
 *
 * It grows by an event: a worker that becomes busy and sees too few idle ones
 * sends a report, and whatever wakes the master, it then looks at the slots
 * of all such pools.  What it needs to know is all there: so a report is a
 * doorbell, and one that finds the socket full is not missed, since then there
 * is another to be read, and we look after that.  Nor is a count kept that the
 * death of a worker could leave wrong.
 *
 * What workers say of themselves are hints.  One that lies can have the pool
 * be as large or as small as the configuration allows.
 *
 * It shrinks by time, and only while there is a surplus, or may be one, does
 * the master wake up for that.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "log/log.h"
#include "master/master.h"

#define PATIENCE	10000	/* ms for which a surplus must have lasted */
#define SAMPLE		1000	/* ms between looks at one */

/* Count anew who is busy and who waits, in all pools. */
static void
count(struct master *m)
{
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		p->busy = p->idle = 0;
	/* What we have said and read is done before: see board_lacks_idle(). */
	atomic_thread_fence(memory_order_seq_cst);
	for (unsigned i = 0; i < m->slots.used; i++) {
		const struct slot *slot = &m->slots.slot[i];

		if (slot->state != SLOT_STARTING &&
		    slot->state != SLOT_SERVING)
			continue;
		if (slot_seems_idle(&m->slots, slot))
			slot->pool->idle++;
		else if (slot->is_stopped || atomic_load(
		    &m->board.slots[i].state) == BOARD_SERVING)
			slot->pool->busy++;
	}
}

static bool
is_ours(const struct master *m, const struct pool *pool)
{
	return pool->generation == m->current && !pool->is_retired &&
	    service_is_adaptive(pool->service);
}

static bool
are_any(const struct master *m)
{
	const struct pool *p = m->pools;

	while (p != NULL && !is_ours(m, p))
		p = p->next;
	return p != NULL;
}

/*
 * How many clients wait to be accepted.  Of a unix socket one can only know
 * whether there is any: as many as there are workers, then.
 */
static unsigned
queue_of(const struct pool *pool)
{
	struct pollfd pfd = { .fd = pool->listener[0]->fd, .events = POLLIN };
	struct tcp_info info = { .tcpi_state = 0 };
	socklen_t size = sizeof info;

	if (getsockopt(pfd.fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
	    info.tcpi_state == TCP_LISTEN)
		return info.tcpi_unacked;
	return poll(&pfd, 1, 0) > 0 && (pfd.revents & POLLIN) ?
	    pool->members : 0;
}

/* Whether it is to have more. */
static bool
grow(struct master *m, struct pool *pool)
{
	const struct service *service = pool->service;
	unsigned wanted, free;

	if (pool->idle >= service->spare || !pool_can_grow(pool))
		return false;
	wanted = pool_clamp(service, (uint64_t)pool->busy + service->spare +
	    queue_of(pool));
	if (wanted <= pool->wanted)
		return false;
	/* No client of one who is leaving is given up for this. */
	free = slots_free_count(&m->slots);
	if (wanted - pool->wanted > free)
		wanted = pool->wanted + free;
	if (wanted == pool->wanted)
		return false;
	log_debug("%s: workers %u -> %u, %u of them busy", service->name,
	    pool->wanted, wanted, pool->busy);
	pool->wanted = wanted;
	if (!pool_can_grow(pool))
		log_warn("%s: all %u workers that it may have are wanted",
		    service->name, wanted);
	return true;
}

/* How many idle workers could be done without. */
static unsigned
surplus_of(const struct pool *pool)
{
	const struct service *service = pool->service;
	unsigned kept = pool_clamp(service, service->spare), idle;

	if (pool->wanted <= kept || pool->idle <= service->spare)
		return 0;
	idle = pool->idle - service->spare;
	return idle < pool->wanted - kept ? idle : pool->wanted - kept;
}

/*
 * Half of a surplus that has lasted is retired.  Returns when to look again;
 * now: it is to have fewer.
 */
static int64_t
shrink(struct pool *pool, int64_t now)
{
	const struct service *service = pool->service;
	unsigned surplus = surplus_of(pool), fewer;
	struct supply *s = &pool->supply;

	if (surplus == 0) {
		s->since = CLOCK_NEVER;
		/* Those who are busy may be idle by then. */
		return pool->wanted > pool_clamp(service, service->spare) ?
		    now + PATIENCE : CLOCK_NEVER;
	}
	if (s->since == CLOCK_NEVER) {
		s->since = now;
		s->surplus = surplus;
	}
	if (surplus < s->surplus)
		s->surplus = surplus;
	if (now < s->since + PATIENCE)
		return clock_earlier(now + SAMPLE, s->since + PATIENCE);
	fewer = (s->surplus + 1) / 2;
	log_debug("%s: workers %u -> %u, %u of them busy", service->name,
	    pool->wanted, pool->wanted - fewer, pool->busy);
	pool->wanted -= fewer;
	s->since = CLOCK_NEVER;
	return now;
}

/*
 * To be called when the slots have been settled and shown: whoever became busy
 * before, and did not see what is shown, is seen now.
 */
int64_t
supply_settle(struct master *m, int64_t now)
{
	int64_t next = CLOCK_NEVER;

	if (m->current == NULL || m->phase >= PHASE_LEAVING || !are_any(m))
		return next;
	count(m);
	for (struct pool *p = m->pools; p != NULL; p = p->next) {
		int64_t due = now;

		if (!is_ours(m, p))
			continue;
		if (!grow(m, p))
			due = shrink(p, now);
		if (due == now)
			m->has_news = true;
		next = clock_earlier(next, due);
	}
	return next;
}

/* The pool that another takes over from; NULL: there is none. */
static const struct pool *
predecessor(const struct master *m, const struct pool *pool)
{
	const struct pool *p = m->pools;

	while (p != NULL && (p->generation != m->current ||
	    strcmp(p->service->name, pool->service->name) != 0 ||
	    !pool_has_listener(p, pool->listener[0])))
		p = p->next;
	return p;
}

/* The numbers of a service's workers go on from pool to pool. */
static void
number_on(struct pool *pool)
{
	pool->before = 0;
	for (const struct pool *p = pool->next; p != NULL; p = p->next)
		if (p->generation == pool->generation &&
		    p->service == pool->service)
			pool->before += p->wanted;
}

void
supply_begin(struct master *m)
{
	count(m);
	for (struct pool *p = m->pools; p != NULL; p = p->next) {
		const struct pool *old;

		if (p->generation != m->coming ||
		    !service_is_adaptive(p->service))
			continue;
		old = predecessor(m, p);
		if (old != NULL)
			p->wanted = pool_clamp(p->service,
			    (uint64_t)old->busy + p->service->spare);
	}
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		if (p->generation == m->coming)
			number_on(p);
}

/* As many workers as the pools in charge may come to have. */
unsigned
supply_most(const struct master *m)
{
	unsigned n = 0;

	for (const struct pool *p = m->pools; p != NULL; p = p->next)
		if (p->generation == m->current)
			n += pool_most(p);
	return n;
}

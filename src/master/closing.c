/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Listening sockets on their way out, because a reload has dropped them or
 * the server stops.  While one is emptied, its workers serve on; then they
 * are told to leave, and it is closed.
 */
#include "base/clock.h"
#include "master/master.h"

void
closing_announce(struct master *m, unsigned generation)
{
	atomic_store(&m->board.head->door_shut, generation);
}

/* It is empty: nobody is needed there any more. */
static void
finish(struct master *m, struct listener *l, int64_t now)
{
	listener_close(l);
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		if (pool_has_listener(p, l) && !pool_is_emptying(p))
			pool_retire(p, &m->slots, now);
}

int64_t
closing_settle(struct master *m, int64_t now)
{
	int64_t next = listeners_settle(&m->listeners, now);

	/* At a stop they go together, when the last one is empty. */
	if (m->phase > PHASE_DRAINING)
		return next;
	for (struct listener *l = m->listeners.first; l != NULL; l = l->next)
		/* A reload may just ask for it again. */
		if (l->phase == LISTENER_EMPTY && l->coming == NULL)
			finish(m, l, now);
	return next;
}

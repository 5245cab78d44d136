/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a program of run can do to a listening socket that it shares with
 * others: shut it down, so that nobody can accept any more, or make it
 * non-blocking, which those who do not expect that stumble over.  The first is
 * mended at once, the second when nobody is left who may have wanted it.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/clock.h"
#include "log/log.h"
#include "master/master.h"

/* One that is shut down again and again is mended so often in that time. */
#define MENDS_MAX	100
#define MENDS_PERIOD	10000	/* ms */

/* A service whose programs have this socket; NULL: none. */
static const struct service *
find_run(const struct master *m, const struct listener *l)
{
	const struct pool *p = m->pools;

	while (p != NULL && (p->service->action != ACTION_RUN ||
	    !pool_has_listener(p, l)))
		p = p->next;
	return p != NULL ? p->service : NULL;
}

/* A unix socket that has no name yet is put right when it has one. */
static bool
may_be_mended(const struct listener *l)
{
	return l->fd != -1 && !l->is_lost && (l->phase == LISTENER_OPEN ||
	    (l->phase == LISTENER_EARLY && l->spec.kind != LISTEN_UNIX));
}

bool
abuse_is_watched(const struct master *m, const struct listener *l)
{
	return may_be_mended(l) && clock_now() >= l->mend_at &&
	    find_run(m, l) != NULL;
}

/* The others have a socket that is of no use any more: make them anew. */
static void
replace_all(struct master *m, const struct listener *l, int64_t now)
{
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		if (pool_has_listener(p, l))
			pool_renew(p, &m->slots, now);
}

static void
mend(struct master *m, struct listener *l, const struct service *s,
    int64_t now)
{
	bool is_other = false;
	uint64_t held;

	if (now - l->mend_period >= MENDS_PERIOD) {
		l->mend_period = now;
		l->mends = 0;
	}
	if (++l->mends >= MENDS_MAX)
		l->mend_at = l->mend_period + MENDS_PERIOD;
	if (listener_mend(l, s->backlog, m->listeners.first, &is_other) ==
	    -1) {
		log_error("%s: a program has shut down %s for all who share "
		    "it, and it cannot be opened again: %s", s->name, l->name,
		    strerror(errno));
		l->is_lost = true;
		return;
	}
	if (log_brake(&l->mend_brake, &held))
		log_warn("%s: a program has shut down %s for all who share "
		    "it; opened again%s (%ju more like this not logged)",
		    s->name, l->name, is_other ? ", for programs started "
		    "anew" : "", (uintmax_t)held);
	if (is_other) {
		replace_all(m, l, now);
		m->has_news = true;
	}
}

/* Whether anybody lives who has it. */
static bool
is_in_use(const struct master *m, const struct listener *l)
{
	for (unsigned i = 0; i < m->slots.used; i++) {
		const struct slot *slot = &m->slots.slot[i];

		if (slot->state != SLOT_FREE && slot->pid != 0 &&
		    pool_has_listener(slot->pool, l))
			return true;
	}
	return false;
}

static void
look_at_flags(const struct master *m, struct listener *l,
    const struct service *s)
{
	int flags = fcntl(l->fd, F_GETFL);

	if (flags == -1 || !(flags & O_NONBLOCK))
		return;
	if (!l->is_flipped)
		log_info("%s: a program has made %s non-blocking for all who "
		    "share it", s->name, l->name);
	l->is_flipped = true;
	if (is_in_use(m, l))
		return;
	/* Who comes next finds it as it was. */
	(void)fcntl(l->fd, F_SETFL, flags & ~O_NONBLOCK);
	l->is_flipped = false;
}

int64_t
abuse_settle(struct master *m, int64_t now)
{
	int64_t next = CLOCK_NEVER;

	for (struct listener *l = m->listeners.first; l != NULL; l = l->next) {
		const struct service *s = find_run(m, l);

		if (s == NULL || !may_be_mended(l))
			continue;
		if (now < l->mend_at)
			next = clock_earlier(next, l->mend_at);
		else if (listener_is_down(l))
			mend(m, l, s, now);
		look_at_flags(m, l, s);
	}
	return next;
}

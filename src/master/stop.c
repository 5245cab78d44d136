/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The way out.  A graceful stop loses nobody: the listening sockets are
 * emptied while the workers serve on (listener.h), and only then are these
 * told to leave.  Everything is done by stop-timeout: the means grow harder
 * in time.
 */
#include <limits.h>
#include <signal.h>

#include "base/clock.h"
#include "log/log.h"
#include "master/master.h"

#define LOG_PATIENCE	1000	/* ms for the log to be written out */
#define DEATH_PATIENCE	2000	/* ms after KILL; then we go alone */
#define HURRY		20	/* ms for an idle worker to leave by itself */

/*
 * Every worker shall leave, and be hurried when there is just the time left
 * that it needs, or when patience is at its end; the earlier moments win.
 */
static void
tell_all(struct master *m, int64_t now, int64_t patience, int64_t kill_at)
{
	for (unsigned i = 0; i < m->slots.used; i++) {
		struct slot *slot = &m->slots.slot[i];

		if (slot->state == SLOT_FREE)
			continue;
		slot_leave(slot, now, clock_earlier(patience, kill_at -
		    service_grace(slot->pool->service)), kill_at);
	}
}

/* No more births: the pools are as good as gone. */
static void
enter_leaving(struct master *m, int64_t now, int64_t patience,
    int64_t kill_at)
{
	m->phase = PHASE_LEAVING;
	m->phase_due = clock_after(kill_at, DEATH_PATIENCE);
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		p->wanted = 0;
	tell_all(m, now, patience, kill_at);
	if (m->coming != NULL)
		generation_open_gate(m->coming);
	listeners_close(&m->listeners);
}

static void
enter_log(struct master *m, int64_t now)
{
	m->phase = PHASE_LOG;
	m->phase_due = now + LOG_PATIENCE;
	log_info(m->upgrade.step == UPGRADE_OVER ? "the last connection of "
	    "the old server is served" : "stopped");
	logkeeper_finish(&m->logkeeper);
}

void
stop_gracefully(struct master *m, int64_t now)
{
	if (upgrade_defers_stop(m))
		return;
	upgrade_abandon(m, "the server is stopping");
	reload_cut_short(m, now);
	notify_stopping(&m->manager, m->conf->stop_timeout + DEATH_PATIENCE +
	    LOG_PATIENCE, "stopping");
	m->phase = PHASE_EMPTYING;
	m->stop_due = now + m->conf->stop_timeout;
	m->phase_due = m->stop_due - CONF_KILL_GRACE;
	closing_announce(m, UINT_MAX);
	listeners_shut(&m->listeners, now, m->phase_due);
}

void
stop_at_once(struct master *m, int64_t now)
{
	if (m->phase >= PHASE_LOG)
		return;
	if (upgrade_defers_stop(m))
		(void)kill(m->upgrade.pid, SIGINT);
	upgrade_abandon(m, "the server is stopping");
	reload_cut_short(m, now);
	notify_stopping(&m->manager, 0, "stopping at once");
	enter_leaving(m, now, now + HURRY, now + CONF_KILL_GRACE);
}

/* The last connections of a server that another has replaced. */
static void
settle_draining(struct master *m, int64_t now)
{
	if (slots_living(&m->slots) == 0 && listeners_are_empty(&m->listeners))
		enter_leaving(m, now, CLOCK_NEVER, now);
}

static void
settle_emptying(struct master *m, int64_t now)
{
	if (listeners_are_empty(&m->listeners))
		enter_leaving(m, now, CLOCK_NEVER, m->stop_due);
}

/*
 * Whether there is still something of what a killed worker's program has
 * started; each death may leave us more of it, and brings us here again.
 */
static bool
has_leftovers(struct master *m, int64_t now)
{
	return now < m->sweep_until && family_kill(&m->family) > 0;
}

static void
settle_leaving(struct master *m, int64_t now)
{
	unsigned living = slots_living(&m->slots) +
	    (m->upgrade.pid != 0 && m->upgrade.step != UPGRADE_OVER);

	if (now < m->phase_due && (living > 0 || has_leftovers(m, now)))
		return;
	if (living > 0)
		log_error("%u workers cannot be ended, not even by KILL; "
		    "leaving them to the system", living);
	enter_log(m, now);
}

static void
settle_log(struct master *m, int64_t now)
{
	if (m->logkeeper.pid != 0 && now < m->phase_due)
		return;
	logkeeper_kill(&m->logkeeper);
	m->phase = PHASE_GONE;
}

int64_t
stop_settle(struct master *m, int64_t now)
{
	if (m->phase == PHASE_DRAINING)
		settle_draining(m, now);
	if (m->phase == PHASE_EMPTYING)
		settle_emptying(m, now);
	if (m->phase == PHASE_LEAVING)
		settle_leaving(m, now);
	if (m->phase == PHASE_LOG)
		settle_log(m, now);
	/* While emptying, the sockets say when to look again. */
	return m->phase >= PHASE_LEAVING ? m->phase_due : CLOCK_NEVER;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See slot.h.  It knows when a worker is born, hurried, killed and replaced,
 * but not how many there should be: that is the pool's (pool.c).
 *
 * A pid here is one that fork(2) gave us and waitid(2) has not yet taken
 * back, so a signal sent to it can reach nobody else.
 */
#include <errno.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/sig.h"
#include "base/text.h"
#include "log/log.h"
#include "master/birth.h"
#include "master/means.h"
#include "master/slot.h"

#define RETRY_FIRST	100	/* ms before a failed slot is filled again */
#define RETRY_LAST	30000
#define YOUNG		1000	/* ms: who dies younger has failed */

int
slots_init(struct slots *slots, unsigned n)
{
	slots->slot = calloc(n, sizeof *slots->slot);
	slots->taken = calloc(n + 2, sizeof *slots->taken);
	slots->n = n;
	slots->used = 0;
	slots->dice = (uint32_t)getpid() | 1;
	return slots->slot == NULL || slots->taken == NULL ? -1 : 0;
}

bool
slot_is_run(const struct slot *slot)
{
	return slot->pool->service->action == ACTION_RUN;
}

void
slots_free(struct slots *slots)
{
	free(slots->slot);
	free(slots->taken);
	slots->slot = NULL;
	slots->taken = NULL;
}

struct slot *
slots_find(struct slots *slots, pid_t pid)
{
	for (unsigned i = 0; i < slots->used; i++)
		if (slots->slot[i].pid == pid)
			return &slots->slot[i];
	return NULL;
}

unsigned
slots_living(const struct slots *slots)
{
	unsigned living = 0;

	for (unsigned i = 0; i < slots->used; i++)
		living += slots->slot[i].pid != 0;
	return living;
}

static unsigned
index_of(const struct slots *slots, const struct slot *slot)
{
	return (unsigned)(slot - slots->slot);
}

unsigned
slots_free_count(const struct slots *slots)
{
	unsigned n = slots->n;

	for (unsigned i = 0; i < slots->used; i++)
		n -= slots->slot[i].state != SLOT_FREE;
	return n;
}

bool
slot_seems_idle(const struct slots *slots, const struct slot *slot)
{
	return slot->pid != 0 && !slot->is_stopped &&
	    atomic_load(&slots->board->slots[index_of(slots, slot)].state) ==
	    BOARD_WAITING;
}

/* The lowest number that no worker of the service has, in this generation. */
static unsigned
free_number(struct slots *slots, const struct pool *pool)
{
	unsigned number = 1;

	memset(slots->taken, 0, (slots->n + 2) * sizeof *slots->taken);
	for (unsigned i = 0; i < slots->used; i++) {
		const struct slot *slot = &slots->slot[i];

		if (slot->state != SLOT_FREE && slot->state != SLOT_LEAVING &&
		    slot->pool->service == pool->service &&
		    slot->number <= slots->n)
			slots->taken[slot->number] = true;
	}
	while (slots->taken[number])
		number++;
	return number;
}

struct slot *
slots_take(struct slots *slots, struct pool *pool, int64_t now)
{
	struct slot *slot = NULL;

	for (unsigned i = 0; i < slots->n && slot == NULL; i++)
		if (slots->slot[i].state == SLOT_FREE)
			slot = &slots->slot[i];
	if (slot == NULL)
		return NULL;
	/* Number after number, unless somebody in the middle has left. */
	*slot = (struct slot){
		.state = SLOT_DUE, .pool = pool, .due = now, .output = -1,
		.number = pool->generation->proven ?
		    free_number(slots, pool) :
		    pool->before + pool->members + 1
	};
	pool->members++;
	if (index_of(slots, slot) >= slots->used)
		slots->used = index_of(slots, slot) + 1;
	return slot;
}

static void
set_free(struct slot *slot)
{
	*slot = (struct slot){ .state = SLOT_FREE, .output = -1 };
}

/* xorshift32: to spread what is done, not to keep secrets. */
static uint32_t
roll(struct slots *slots)
{
	slots->dice ^= slots->dice << 13;
	slots->dice ^= slots->dice >> 17;
	slots->dice ^= slots->dice << 5;
	return slots->dice;
}

/* How many connections the next worker may serve: a tenth more or less. */
static unsigned
share_of(struct slots *slots, const struct service *service)
{
	const uint64_t n = service->recycle, tenth = n / 10;
	uint64_t share = n - tenth + roll(slots) % (2 * tenth + 1);

	return share < UINT_MAX ? (unsigned)share : UINT_MAX;
}

/* Put a failed slot off for longer each time, give or take a quarter. */
static void
back_off(struct slots *slots, struct slot *slot, int64_t now)
{
	int64_t wait = RETRY_LAST;

	if (slot->failures < 9)
		wait = (int64_t)RETRY_FIRST << slot->failures;
	if (wait > RETRY_LAST)
		wait = RETRY_LAST;
	wait += (int64_t)(roll(slots) % (uint32_t)(wait / 2)) - wait / 4;
	slot->failures++;
	slot->due = now + wait;
	log_info("%s/%u: trying again in %.1f s", slot->pool->service->name,
	    slot->number, (double)wait / 1000);
}

/*
 * A generation that has yet to prove itself fails with its first worker: the
 * first reason counts.
 */
static void
fail_generation(struct pool *pool, const char *why)
{
	struct generation *g = pool->generation;

	if (g->proven || g->failed)
		return;
	g->failed = true;
	snprintf(g->why, sizeof g->why, "%s", why);
}

static int64_t
start_timeout(const struct slot *slot)
{
	return slot->pool->generation->conf->start_timeout;
}

static void
give_birth(struct slots *slots, struct slot *slot, int64_t now)
{
	char why[128];
	pid_t pid;

	board_prepare(slots->board, index_of(slots, slot));
	slot->recycle = share_of(slots, slot->pool->service);
	slot->worn_at = CLOCK_NEVER;
	pid = birth_fork(slots, slot);
	if (pid == -1) {
		snprintf(why, sizeof why, "cannot fork a worker for %s/%u: %s",
		    slot->pool->service->name, slot->number, strerror(errno));
		log_error("%s", why);
		fail_generation(slot->pool, why);
		back_off(slots, slot, now);
		return;
	}
	slot->pid = pid;
	slot->state = SLOT_STARTING;
	slot->born = now;
	slot->due = clock_after(now, start_timeout(slot));
	slot->ready_at = slot->alive_until = CLOCK_NEVER;
	slot->is_ending = slot->is_stopped = false;
	slot->status[0] = '\0';
}

/* It should have been ready by now. */
static void
give_up_waiting(struct slot *slot)
{
	char why[128];

	snprintf(why, sizeof why, "worker %s/%u (pid %ld) was not ready "
	    "within %.1f s", slot->pool->service->name, slot->number,
	    (long)slot->pid, (double)start_timeout(slot) / 1000);
	log_error("%s", why);
	fail_generation(slot->pool, why);
	means_kill(slot);
	slot->due = CLOCK_NEVER;
}

/* The next means for one who does not leave; when to try the one after. */
static int64_t
press(struct slot *slot, int64_t now)
{
	if (now >= slot->kill_at) {
		log_warn("worker %s/%u (pid %ld) did not leave in time; "
		    "killed", slot->pool->service->name, slot->number,
		    (long)slot->pid);
		means_kill(slot);
		slot->hurry_at = slot->kill_at = CLOCK_NEVER;
	} else if (now >= slot->hurry_at) {
		slot->hurry_at = means_tell(slot, now);
	}
	return clock_earlier(slot->hurry_at, slot->kill_at);
}

static int64_t
settle_starting(struct slot *slot, int64_t now)
{
	if (now >= slot->ready_at) {
		slot->ready_at = CLOCK_NEVER;
		slot_ready(slot, now);
	}
	if (slot->state == SLOT_SERVING)
		return slot->alive_until;
	if (now >= slot->due)
		give_up_waiting(slot);
	return clock_earlier(slot->due, slot->ready_at);
}

static int64_t
settle_serving(struct slot *slot, int64_t now)
{
	if (now >= slot->alive_until) {
		slot_hangs(slot, "has given no sign of life in time "
		    "(watchdog)", now);
		return now;
	}
	return clock_earlier(slot->alive_until, slot->worn_at > now ?
	    slot->worn_at : CLOCK_NEVER);
}

static int64_t
slot_settle(struct slots *slots, struct slot *slot, int64_t now)
{
	switch (slot->state) {
	case SLOT_DUE:
		/* One failure is the end of a generation that is prepared. */
		if (now >= slot->due && !slot->pool->generation->failed)
			give_birth(slots, slot, now);
		return slot->due;
	case SLOT_STARTING:
		return settle_starting(slot, now);
	case SLOT_SERVING:
		return settle_serving(slot, now);
	case SLOT_LEAVING:
		return press(slot, now);
	case SLOT_FREE:
		break;
	}
	return CLOCK_NEVER;
}

/* For all who look at the board. */
static void
show(const struct slots *slots, const struct slot *slot)
{
	static const enum board_seat_state states[] = {
		[SLOT_FREE] = SEAT_FREE, [SLOT_DUE] = SEAT_BACKING_OFF,
		[SLOT_STARTING] = SEAT_STARTING,
		[SLOT_SERVING] = SEAT_SERVING, [SLOT_LEAVING] = SEAT_RETIRING
	};
	struct board_seating is = { .state = states[slot->state] };

	if (slot->pool != NULL)
		is = (struct board_seating){
			.state = is.state, .pid = slot->pid,
			.place = slot->pool->place, .number = slot->number,
			.generation = slot->pool->generation->number,
			.failures = slot->failures,
			.pool = slot->pool->number,
			.hears = slot->state != SLOT_LEAVING &&
			    pool_can_grow(slot->pool),
			.is_stopped = slot->is_stopped, .due = slot->due
		};
	board_seat(slots->board, index_of(slots, slot), &is);
}

int64_t
slots_settle(struct slots *slots, int64_t now)
{
	int64_t next = CLOCK_NEVER;

	for (unsigned i = 0; i < slots->used; i++) {
		next = clock_earlier(next,
		    slot_settle(slots, &slots->slot[i], now));
		show(slots, &slots->slot[i]);
	}
	return next;
}

void
slots_give_time(struct slots *slots, int64_t now)
{
	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];

		/* It is never once it was given up. */
		if (slot->state == SLOT_STARTING && slot->due != CLOCK_NEVER)
			slot->due = clock_after(now, start_timeout(slot));
		if (slot->alive_until != CLOCK_NEVER)
			slot_lives(slot, now);
	}
}

void
slots_hurry_oldest(struct slots *slots, int64_t now)
{
	struct slot *oldest = NULL;

	for (unsigned i = 0; i < slots->used; i++) {
		struct slot *slot = &slots->slot[i];

		if (slot->state == SLOT_LEAVING && slot->hurry_at > now &&
		    slot->kill_at > now + service_grace(slot->pool->service) &&
		    (oldest == NULL || slot->told < oldest->told))
			oldest = slot;
	}
	if (oldest == NULL)
		return;
	log_warn("no slot is free: hurrying worker %s/%u (pid %ld), which was "
	    "told to leave %.1f s ago", oldest->pool->service->name,
	    oldest->number, (long)oldest->pid,
	    (double)(now - oldest->told) / 1000);
	slot_leave(oldest, now, now,
	    now + service_grace(oldest->pool->service));
}

/*
 * Its worker may belong to another user by now, and a root that is kept short
 * has no say over others: such workers could never be told to leave.
 */
static bool
can_be_told(const struct slot *slot)
{
	char why[160];

	if (kill(slot->pid, 0) == 0 || errno != EPERM)
		return true;
	snprintf(why, sizeof why, "cannot signal worker %s/%u, which is "
	    "another user's; the server needs the capability CAP_KILL, or "
	    "'user root'", slot->pool->service->name, slot->number);
	log_error("%s", why);
	fail_generation(slot->pool, why);
	return false;
}

void
slot_ready(struct slot *slot, int64_t now)
{
	if (slot->state != SLOT_STARTING || !can_be_told(slot))
		return;
	slot->state = SLOT_SERVING;
	slot->pool->ready++;
	if (slot_is_run(slot))
		slot_lives(slot, now);
}

void
slot_executes(struct slot *slot, int64_t now)
{
	const struct conf_ready *ready = &slot->pool->service->ready;

	if (slot->state == SLOT_STARTING && !ready->is_told)
		slot->ready_at = clock_after(now, ready->time);
}

void
slot_lives(struct slot *slot, int64_t now)
{
	if (slot->state == SLOT_SERVING)
		slot->alive_until = clock_after(now,
		    slot->pool->service->watchdog);
}

/* One who wears out at once may be mad, and shall not have us fork for ever. */
void
slot_worn(struct slot *slot, int64_t now)
{
	if (slot->state != SLOT_SERVING || slot->recycle == 0 ||
	    slot->worn_at != CLOCK_NEVER)
		return;
	slot->worn_at = slot->born + YOUNG > now ? slot->born + YOUNG : now;
}

void
slot_says_end(struct slot *slot)
{
	slot->is_ending = true;
}

void
slot_says_status(struct slot *slot, const char *status)
{
	if (strncmp(slot->status, status, sizeof slot->status - 1) == 0)
		return;
	snprintf(slot->status, sizeof slot->status, "%s", status);
	log_debug("%s/%u: its status is: %s", slot->pool->service->name,
	    slot->number, slot->status);
}

/* Its place is free for another at once. */
void
slot_hangs(struct slot *slot, const char *why, int64_t now)
{
	const struct service *service = slot->pool->service;

	if (slot->state != SLOT_SERVING)
		return;
	log_error("worker %s/%u (pid %ld) %s; ending it", service->name,
	    slot->number, (long)slot->pid, why);
	slot_leave(slot, now, now, clock_after(now, service->kill_grace));
}

void
slot_leave(struct slot *slot, int64_t now, int64_t hurry_at, int64_t kill_at)
{
	struct pool *pool = slot->pool;

	if (slot->state == SLOT_LEAVING) {
		slot->hurry_at = clock_earlier(slot->hurry_at, hurry_at);
		slot->kill_at = clock_earlier(slot->kill_at, kill_at);
		return;
	}
	pool->members--;
	if (slot->state == SLOT_SERVING)
		pool->ready--;
	if (slot->pid == 0) {
		set_free(slot);
		return;
	}
	pool->leaving++;
	slot->state = SLOT_LEAVING;
	slot->told = now;
	slot->hurry_at = hurry_at;
	slot->kill_at = kill_at;
	means_ask(slot);
}

/* How a worker's life ended. */
struct end {
	int	status;		/* of waitpid(2) */
	bool	served;		/* it was of use */
	bool	died_serving;	/* a connection has ended with it */
};

/* A program ended as it said it would: as good as being replaced. */
static bool
is_peaceful(const struct slot *slot, const struct end *e)
{
	return slot->is_ending && e->status == 0 &&
	    slot->state == SLOT_SERVING;
}

static void
tell_end(const struct slot *slot, const struct end *e, char *why, size_t size)
{
	char death[64];
	struct text t;

	text_init(&t, why, size);
	text_add(&t, "worker %s/%u (pid %ld) %s", slot->pool->service->name,
	    slot->number, (long)slot->pid, sig_death(e->status, death,
	    sizeof death));
	if (slot->state == SLOT_STARTING)
		text_add(&t, " before it was ready");
	else if (e->died_serving)
		text_add(&t, " while serving a connection");
	if (slot->status[0] != '\0')
		text_add(&t, "; its status was: %s", slot->status);
	if (is_peaceful(slot, e))
		log_info("%s", why);
	else
		log_error("%s", why);
}

/* A worker that was not told to leave is gone. */
static void
replace(struct slots *slots, struct slot *slot, const struct end *e,
    int64_t now)
{
	struct pool *pool = slot->pool;
	bool was_starting = slot->state == SLOT_STARTING;
	char why[256];

	tell_end(slot, e, why, sizeof why);
	if (was_starting)
		fail_generation(pool, why);
	else
		pool->ready--;
	slot->state = SLOT_DUE;
	slot->pid = 0;
	slot->is_stopped = false;
	slot->due = now;
	if (was_starting || !e->served || now - slot->born < YOUNG)
		back_off(slots, slot, now);
	else
		slot->failures = 0;
}

/* Whether it left as one who was told to. */
static bool
left_well(const struct slot *slot, const struct end *e)
{
	if (e->died_serving)
		return false;
	return e->status == 0 || (slot_is_run(slot) && WIFSIGNALED(e->status) &&
	    WTERMSIG(e->status) == slot->pool->service->stop_signal);
}

static void
leave(struct slot *slot, const struct end *e)
{
	char death[64];

	if (!left_well(slot, e))
		log_warn("worker %s/%u (pid %ld) %s while leaving%s",
		    slot->pool->service->name, slot->number, (long)slot->pid,
		    sig_death(e->status, death, sizeof death),
		    e->died_serving ? ", with a connection" : "");
	slot->pool->leaving--;
	set_free(slot);
}

void
slot_died(struct slots *slots, struct slot *slot, int status, int64_t now)
{
	struct end e = { .status = status };

	board_bury(slots->board, index_of(slots, slot), &e.served,
	    &e.died_serving);
	/* What a program has served is its own business. */
	if (slot_is_run(slot))
		e.served = slot->state == SLOT_SERVING;
	birth_drop_output(slots, slot);
	if (slot->state == SLOT_LEAVING)
		leave(slot, &e);
	else
		replace(slots, slot, &e, now);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See view.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "board/view.h"

#define TRIES	3	/* at a moment in which nobody is buried */

#define get(field)	atomic_load_explicit(&(field), memory_order_relaxed)

const char *const view_states[VIEW_STATES] = {
	[VIEW_IDLE] = "idle", [VIEW_SERVING] = "serving",
	[VIEW_RUNNING] = "running", [VIEW_STARTING] = "starting",
	[VIEW_BACKING_OFF] = "backing off", [VIEW_STOPPED] = "stopped",
	[VIEW_RETIRING] = "retiring", [VIEW_INVALID] = "invalid"
};

const char *const view_outcomes[BOARD_OUTCOMES] = {
	[BOARD_OK] = "ok", [BOARD_TIMEOUT] = "timeout", [BOARD_IDLE] = "idle",
	[BOARD_RESET] = "reset", [BOARD_FAILED] = "failed",
	[BOARD_PROGRAM] = "program", [BOARD_KILLED] = "killed"
};

/* -- Places -- */

static void
copy_text(char *to, size_t size, const char *from)
{
	snprintf(to, size, "%.*s", (int)size - 1, from);
}

static void
see_place(struct view_place *to, const struct board_place *from)
{
	uint32_t state = atomic_load(&from->state);

	*to = (struct view_place){
		.state = state < PLACE_STATES ? state : PLACE_FREE,
		.wanted = get(from->wanted), .shares = get(from->shares) != 0,
		.least = get(from->least), .most = get(from->most),
		.rank = get(from->rank),
		.due = CLOCK_NEVER,
		.queue = {
			.inode = get(from->inode),
			.is_unix = get(from->is_unix) != 0
		}
	};
	copy_text(to->service, sizeof to->service, from->service);
	copy_text(to->action, sizeof to->action, from->action);
	copy_text(to->address, sizeof to->address, from->address);
	to->counts = strcmp(to->action, "run") != 0;
	board_add_count(&to->sum, &from->dead);
}

/* All places, those that are free as well: slots know them by number. */
static void
see_places(struct view *v, const struct board *board)
{
	unsigned used = atomic_load(&board->head->places_used);

	if (used > board->nplaces)
		used = board->nplaces;
	for (unsigned i = 0; i < used; i++)
		see_place(&v->place[i], &board->places[i]);
	v->nplaces = used;
}

/* -- Workers -- */

static void
add(struct board_sum *to, const struct board_sum *more)
{
	to->accepted += more->accepted;
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		to->outcome[i] += more->outcome[i];
	to->bytes_out += more->bytes_out;
	to->accept_errors += more->accept_errors;
}

/*
 * Read a slot's figures; those of what has ended before those of what has
 * begun, so that an honest worker never seems to have ended more.
 */
static bool
read_figures(const struct board_slot *slot, struct board_sum *sum)
{
	uint64_t ended = 0;

	*sum = (struct board_sum){ 0 };
	for (int i = 0; i < BOARD_OUTCOMES; i++) {
		sum->outcome[i] = atomic_load(&slot->count.outcome[i]);
		if (sum->outcome[i] > UINT32_MAX)
			return false;
		ended += sum->outcome[i];
	}
	sum->bytes_out = get(slot->count.bytes_out);
	sum->accept_errors = get(slot->count.accept_errors);
	sum->accepted = atomic_load(&slot->count.accepted);
	return sum->accepted <= UINT32_MAX && ended <= sum->accepted &&
	    sum->bytes_out < UINT64_MAX / 2 &&
	    sum->accept_errors < UINT64_MAX / 2;
}

/* Whether what a worker says of itself can be true. */
static bool
is_sound(const struct board_slot *slot, const struct board_seat *seat)
{
	uint32_t pid = get(slot->pid), seat_state = get(seat->state);
	int64_t since = get(slot->since);

	if (get(slot->state) >= BOARD_STATES ||
	    get(slot->peer.family) > PEER_UNIX ||
	    get(slot->peer.port) > UINT16_MAX || since < 0)
		return false;
	/* It goes on working while we look: it is now that counts. */
	atomic_thread_fence(memory_order_seq_cst);
	if (since > clock_now())
		return false;
	/* It has its pid from when it enters, before the master has told it. */
	return pid == 0 || pid == get(seat->pid) ||
	    (seat_state != SEAT_SERVING && seat_state != SEAT_RETIRING);
}

static void
name_peer(char *buf, size_t size, const struct board_peer *peer)
{
	const uint64_t addr[2] = { get(peer->addr[0]), get(peer->addr[1]) };
	unsigned port = get(peer->port);
	char text[INET6_ADDRSTRLEN] = "?";

	switch (get(peer->family)) {
	case PEER_IP4:
		(void)inet_ntop(AF_INET, addr, text, sizeof text);
		snprintf(buf, size, "%s:%u", text, port);
		break;
	case PEER_IP6:
		(void)inet_ntop(AF_INET6, addr, text, sizeof text);
		snprintf(buf, size, "[%s]:%u", text, port);
		break;
	case PEER_UNIX:
		snprintf(buf, size, "unix");
		break;
	default:
		buf[0] = '\0';
	}
}

/* What it is at, by the master's word and then by its own. */
static enum view_state
state_of(const struct board_slot *slot, const struct board_seat *seat,
    bool is_run)
{
	if (get(seat->is_stopped) != 0)
		return VIEW_STOPPED;
	switch (get(seat->state)) {
	case SEAT_BACKING_OFF:
		return VIEW_BACKING_OFF;
	case SEAT_STARTING:
		return VIEW_STARTING;
	case SEAT_RETIRING:
		return VIEW_RETIRING;
	default:
		if (is_run)
			return VIEW_RUNNING;
		return get(slot->state) == BOARD_SERVING ? VIEW_SERVING :
		    VIEW_IDLE;
	}
}

/* Add a worker to what is known of the place it works for, and of all. */
static void
count_worker(struct view *v, const struct view_worker *w,
    const struct board_sum *sum)
{
	struct view_place *place;

	v->workers[w->state]++;
	if (w->state != VIEW_INVALID)
		add(&v->sum, sum);
	if (w->place == VIEW_NOWHERE)
		return;
	place = &v->place[w->place];
	place->workers[w->state]++;
	if (w->state != VIEW_INVALID)
		add(&place->sum, sum);
	if (w->state == VIEW_BACKING_OFF)
		place->due = clock_earlier(place->due, w->due);
}

static void
see_worker(struct view *v, const struct board *board, unsigned i, int64_t now)
{
	const struct board_seat *seat = &board->seats[i];
	const struct board_slot *slot = &board->slots[i];
	struct view_worker *w = &v->worker[v->nworkers];
	uint32_t place = get(seat->place);
	struct board_sum sum;
	bool is_run;

	if (atomic_load(&seat->state) == SEAT_FREE)
		return;
	*w = (struct view_worker){
		.place = place < v->nplaces ? place : VIEW_NOWHERE,
		.number = get(seat->number), .pid = (pid_t)get(seat->pid),
		.generation = get(seat->generation),
		.since = now - get(seat->since), .due = get(seat->due) - now
	};
	w->service = w->place == VIEW_NOWHERE ? "" :
	    v->place[w->place].service;
	is_run = w->place != VIEW_NOWHERE && !v->place[w->place].counts;
	w->state = state_of(slot, seat, is_run);
	if (w->due < 0)
		w->due = 0;
	if (!read_figures(slot, &sum) || !is_sound(slot, seat)) {
		w->state = VIEW_INVALID;
	} else {
		w->connections = sum.accepted;
		w->bytes_out = sum.bytes_out;
		w->has_client = get(slot->state) == BOARD_SERVING;
		if (w->has_client)
			name_peer(w->peer, sizeof w->peer, &slot->peer);
		if (w->state == VIEW_IDLE || w->state == VIEW_SERVING)
			w->since = now - get(slot->since);
	}
	if (w->since < 0)
		w->since = 0;
	count_worker(v, w, &sum);
	v->nworkers++;
}

/* -- All of it -- */

static void
see_ledger(struct view_ledger *v, const struct board_ledger *ledger,
    int64_t now)
{
	v->done = atomic_load(&ledger->done);
	v->started = get(ledger->started);
	v->has_last = ledger_read(ledger, v->done, &v->last);
	v->age = v->has_last ? now - v->last.at : 0;
}

static void
see_head(struct view *v, const struct board *board, int64_t now)
{
	const struct board_head *head = board->head;
	uint32_t phase = get(head->phase);

	copy_text(v->release, sizeof v->release, head->release);
	copy_text(v->instance, sizeof v->instance, head->instance);
	v->pid = (pid_t)get(head->pid);
	v->phase = phase < BOARD_PHASES ? phase : BOARD_IN_SERVICE;
	v->generation = get(head->generation);
	v->started = get(head->started);
	v->uptime = now - get(head->since);
	v->strangers = get(head->strangers);
	see_ledger(&v->reloads, &head->reloads, now);
	see_ledger(&v->upgrades, &head->upgrades, now);
	board_add_count(&v->sum, &head->dead);
}

static void
look_once(struct view *v, const struct board *board)
{
	unsigned used = atomic_load(&board->head->slots_used);
	int64_t now = clock_now();

	v->sum = (struct board_sum){ 0 };
	memset(v->workers, 0, sizeof v->workers);
	v->nworkers = 0;
	see_head(v, board, now);
	see_places(v, board);
	for (unsigned i = 0; i < v->nplaces; i++)
		add(&v->sum, &v->place[i].sum);
	for (unsigned i = 0; i < used && i < board->nslots; i++)
		see_worker(v, board, i, now);
}

/* By service, the newest generation first, and there by number. */
static int
by_name(const void *a, const void *b)
{
	const struct view_worker *x = a, *y = b;
	int order = strcmp(x->service, y->service);

	if (order == 0)
		order = (x->generation < y->generation) -
		    (x->generation > y->generation);
	if (order == 0)
		order = (x->number > y->number) - (x->number < y->number);
	return order;
}

/* The current ones before those that come and go. */
static int
by_rank(const void *a, const void *b)
{
	const struct view_place *x = *(struct view_place *const *)a;
	const struct view_place *y = *(struct view_place *const *)b;

	if ((x->state == PLACE_CURRENT) != (y->state == PLACE_CURRENT))
		return x->state == PLACE_CURRENT ? -1 : 1;
	return (x->rank > y->rank) - (x->rank < y->rank);
}

static void
put_in_order(struct view *v)
{
	for (unsigned i = 0; i < v->nplaces; i++)
		if (v->place[i].state != PLACE_FREE)
			v->shown[v->nshown++] = &v->place[i];
	qsort(v->shown, v->nshown, sizeof *v->shown, by_rank);
}

/* Ask for all queues at once. */
static void
see_queues(struct view *v)
{
	struct queue *q = calloc(v->nplaces + 1, sizeof *q);

	for (unsigned i = 0; i < v->nplaces; i++)
		if (q != NULL)
			q[i] = v->place[i].queue;
	if (q != NULL)
		queues_ask(q, v->nplaces);
	for (unsigned i = 0; i < v->nplaces; i++)
		if (q != NULL)
			v->place[i].queue = q[i];
		else
			v->place[i].queue.length = -1;
	free(q);
}

int
view_take(struct view *v, const struct board *board)
{
	unsigned before;

	*v = (struct view){
		.place = calloc(board->nplaces + 1, sizeof *v->place),
		.shown = calloc(board->nplaces + 1, sizeof *v->shown),
		.worker = calloc(board->nslots + 1, sizeof *v->worker)
	};
	if (v->place == NULL || v->shown == NULL || v->worker == NULL) {
		view_free(v);
		errno = ENOMEM;
		return -1;
	}
	for (int i = 0; i < TRIES; i++) {
		before = atomic_load(&board->head->burials);
		look_once(v, board);
		atomic_thread_fence(memory_order_seq_cst);
		if (before % 2 == 0 &&
		    before == atomic_load(&board->head->burials))
			break;
	}
	qsort(v->worker, v->nworkers, sizeof *v->worker, by_name);
	put_in_order(v);
	see_queues(v);
	return 0;
}

void
view_free(struct view *v)
{
	free(v->place);
	free(v->shown);
	free(v->worker);
	*v = (struct view){ .place = NULL };
}

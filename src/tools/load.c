/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See load.h.  The loop shares the processors with the server it judges, so a
 * connection costs as few system calls as can be: nobody asks whether it has
 * been established, because recv(2) tells that, too.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"
#include "tools/load.h"
#include "tools/race.h"

/* Milliseconds: */
#define AFTER_REFUSED	10	/* let a server that is down come up */
#define PORT_WAIT	10	/* until a port may be free again */
#define QUEUE_WAIT	5	/* until a unix socket's queue may have room */

#define PORT_TRIES	100

enum slot_state {
	SLOT_IDLE,		/* no connection is to come any more */
	SLOT_RESTING,		/* the next one is to begin when due */
	SLOT_KNOCKING,		/* it has begun; connect(2) again when due */
	SLOT_OPEN		/* connecting or reading; timed out when due */
};

/* A place for one connection at a time. */
struct slot {
	enum slot_state	state;
	int64_t		due;		/* ms; CLOCK_NEVER when idle */
	int64_t		began;		/* us */
	size_t		address;	/* in the list */
	size_t		got;		/* bytes, all as expected */
	unsigned	tries;		/* in vain, for want of a port */
};

struct load {
	const struct load_order	*order;
	struct load_result	*result;
	struct slot		*slots;
	struct pollfd		*fds;		/* slot by slot; -1: not open */
	size_t			 active;	/* slots that are not idle */
	uint64_t		 begun;
	int64_t			 now;		/* ms, see loop() */
	int64_t			 end;		/* ms: begin none after this */
	bool			 stopping;	/* as though end had come */
	bool			 settled;	/* address is the one to use */
	size_t			 address;
	int			 error;		/* that makes us give up */
	char			 buf[16384];
};

/* The clock of base/clock.h, in microseconds. */
static int64_t
now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000 + ts.tv_nsec / 1000;
}

static int64_t
deadline_of(const struct load *load, const struct slot *slot)
{
	return clock_after(slot->began / 1000, load->order->timeout);
}

/* The connection in slot i is over. */
static void
settle(struct load *load, size_t i, enum verdict verdict)
{
	struct slot *slot = &load->slots[i];

	if (verdict == VERDICT_OK)
		histogram_add(&load->result->latency,
		    (uint64_t)(now_us() - slot->began));
	fd_close(&load->fds[i].fd);
	load->result->counts[verdict]++;
	if (!load->settled && verdict != VERDICT_REFUSED &&
	    verdict != VERDICT_TIMEOUT) {
		load->settled = true;
		load->address = slot->address;
	}
	slot->state = SLOT_RESTING;
	slot->due = load->now;
	if (verdict == VERDICT_REFUSED)
		slot->due += AFTER_REFUSED;
}

static void
settle_error(struct load *load, size_t i, int error)
{
	enum verdict verdict = verdict_of_error(error);

	if (verdict == VERDICT_NONE)
		load->error = error;
	else
		settle(load, i, verdict);
}

/* Have the connection of slot i made. */
static void
knock(struct load *load, size_t i)
{
	struct slot *slot = &load->slots[i];
	const struct dial_address *to = &load->order->list->at[slot->address];
	bool is_unix = to->sa.ss_family == AF_UNIX;
	int fd = dial_begin(to);

	if (fd != -1) {
		load->fds[i].fd = fd;
		slot->state = SLOT_OPEN;
		slot->due = deadline_of(load, slot);
	} else if (errno == EAGAIN && is_unix) {
		/* The server's queue is full: TCP would wait for us. */
		slot->state = SLOT_KNOCKING;
		slot->due = load->now + QUEUE_WAIT;
	} else if ((errno == EAGAIN || errno == EADDRNOTAVAIL) &&
	    slot->tries < PORT_TRIES) {
		slot->tries++;
		slot->state = SLOT_KNOCKING;
		slot->due = load->now + PORT_WAIT;
	} else {
		settle_error(load, i, errno == EAGAIN ? EADDRNOTAVAIL : errno);
	}
}

/* Begin the next connection in slot i, if there is to be one. */
static void
begin(struct load *load, size_t i)
{
	const struct load_order *order = load->order;
	struct slot *slot = &load->slots[i];

	slot->began = now_us();
	if (load->stopping || load->begun >= order->total ||
	    slot->began / 1000 >= load->end) {
		slot->state = SLOT_IDLE;
		slot->due = CLOCK_NEVER;
		load->active--;
		return;
	}
	slot->address = load->settled ? load->address :
	    (size_t)(load->begun % order->list->n);
	slot->got = 0;
	slot->tries = 0;
	load->begun++;
	knock(load, i);
}

static void
knock_again(struct load *load, size_t i)
{
	struct slot *slot = &load->slots[i];

	if (slot->tries > 0) {
		/* The server did not know of us: its time begins now. */
		slot->began = now_us();
		knock(load, i);
	} else if (load->now >= deadline_of(load, slot)) {
		settle(load, i, VERDICT_TIMEOUT);
	} else {
		knock(load, i);
	}
}

static void
wake(struct load *load, size_t i)
{
	switch (load->slots[i].state) {
	case SLOT_IDLE:
		break;
	case SLOT_RESTING:
		begin(load, i);
		break;
	case SLOT_KNOCKING:
		knock_again(load, i);
		break;
	case SLOT_OPEN:
		settle(load, i, VERDICT_TIMEOUT);
		break;
	}
}

/* The last n bytes were not all as expected: keep the first such case. */
static void
keep_stray(struct load *load, size_t so_far, size_t n)
{
	const struct verdict_reply *want = &load->order->reply;
	struct load_stray *stray = &load->result->stray;
	size_t i = 0;

	if (stray->len > 0)
		return;
	while (so_far + i < want->len && load->buf[i] == want->text[so_far + i])
		i++;
	stray->at = so_far + i;
	stray->len = n - i < sizeof stray->bytes ? n - i : sizeof stray->bytes;
	memcpy(stray->bytes, load->buf + i, stray->len);
}

/* Read what there is; it cannot be much more than the reply should be. */
static void
read_reply(struct load *load, size_t i)
{
	const struct verdict_reply *want = &load->order->reply;
	struct slot *slot = &load->slots[i];

	for (;;) {
		ssize_t n = recv(load->fds[i].fd, load->buf, sizeof load->buf,
		    0);

		if (n > 0 && verdict_agrees(want, slot->got, load->buf,
		    (size_t)n)) {
			slot->got += (size_t)n;
			continue;
		}
		if (n > 0) {
			keep_stray(load, slot->got, (size_t)n);
			settle(load, i, VERDICT_WRONG);
		} else if (n == 0) {
			settle(load, i, verdict_at_end(want, slot->got));
		} else if (errno != EAGAIN && errno != EINTR) {
			settle_error(load, i, errno);
		}
		return;
	}
}

/* Do all there is to do; returns when to look again, come what may. */
static int64_t
pass(struct load *load, bool news)
{
	int64_t next = CLOCK_NEVER;

	for (size_t i = 0; i < load->order->connections; i++) {
		struct slot *slot = &load->slots[i];

		if (news && load->fds[i].fd != -1 && load->fds[i].revents != 0)
			read_reply(load, i);
		if (load->error != 0)
			break;
		if (slot->due <= load->now)
			wake(load, i);
		next = clock_earlier(next, slot->due);
	}
	return next;
}

static void
heed_signals(struct load *load)
{
	struct sig_note note;

	if (sig_take(&note) == 0)
		return;
	load->stopping = true;
	/* Whoever asks again does not want to wait for the verdicts. */
	(void)signal(SIGINT, SIG_DFL);
	(void)signal(SIGTERM, SIG_DFL);
}

/*
 * The time that deadlines are held against is that of before the wait: who is
 * found late by it was not ready during the wait either, however long we
 * ourselves were kept from running since.
 */
static void
loop(struct load *load)
{
	int64_t next = clock_now();

	while (load->active > 0 && load->error == 0) {
		struct timespec ts;
		int n;

		load->now = clock_now();
		n = ppoll(load->fds, load->order->connections,
		    clock_left(load->now, next, &ts), sig_wait_mask());
		if (n == -1 && errno != EINTR)
			load->error = errno;
		heed_signals(load);
		next = pass(load, n > 0);
	}
}

/*
 * Which address it shall be; if that took a connection, slot 0 has it, or its
 * verdict is in already.
 */
static void
choose_address(struct load *load)
{
	const struct load_order *order = load->order;
	struct slot *slot = &load->slots[0];
	struct race race;
	int fd;

	if (order->list->n == 1)
		return;
	fd = race_run(&race, order->list,
	    clock_after(clock_now(), order->timeout), NULL, NULL);
	if (fd == -1)
		return;
	while (race.at[load->address].state != RACE_WON)
		load->address++;
	load->settled = true;
	load->fds[0].fd = fd;
	load->begun = 1;
	slot->state = SLOT_OPEN;
	slot->began = now_us();
	slot->due = deadline_of(load, slot);
	if (race.broken != 0)
		settle_error(load, 0, race.broken);
}

static void
catch_signals(void)
{
	sigset_t ours;

	sigemptyset(&ours);
	sigaddset(&ours, SIGINT);
	sigaddset(&ours, SIGTERM);
	(void)sigprocmask(SIG_BLOCK, &ours, NULL);
	sig_catch(SIGINT);
	sig_catch(SIGTERM);
}

static void
run(struct load *load)
{
	int64_t start;

	load->active = load->order->connections;
	for (size_t i = 0; i < load->order->connections; i++) {
		load->slots[i].state = SLOT_RESTING;
		load->fds[i].fd = -1;
		load->fds[i].events = POLLIN;
	}
	choose_address(load);
	catch_signals();
	start = now_us();
	load->end = clock_after(start / 1000, load->order->duration);
	loop(load);
	load->result->elapsed = now_us() - start;
	for (size_t i = 0; i < load->order->connections; i++)
		fd_close(&load->fds[i].fd);
}

int
load_run(const struct load_order *order, struct load_result *result)
{
	struct load *load = calloc(1, sizeof *load);
	int error = ENOMEM;

	memset(result, 0, sizeof *result);
	if (load != NULL) {
		load->order = order;
		load->result = result;
		load->slots = calloc(order->connections, sizeof *load->slots);
		load->fds = calloc(order->connections, sizeof *load->fds);
		if (load->slots != NULL && load->fds != NULL) {
			run(load);
			error = load->error;
		}
		free(load->slots);
		free(load->fds);
	}
	free(load);
	errno = error;
	return error == 0 ? 0 : -1;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A view: what a board says at one moment, copied and checked, so that those
 * who show it need not ask what can be believed.
 *
 * Whatever cannot be true in what a worker says makes it "invalid"; its
 * figures are then in no sum.
 */
#ifndef BOARD_VIEW_H
#define BOARD_VIEW_H

#include "board/board.h"
#include "board/ledger.h"
#include "board/queue.h"

/* What a worker is at, all told. */
enum view_state {
	VIEW_IDLE,		/* waits for a client */
	VIEW_SERVING,
	VIEW_RUNNING,		/* a program that accepts by itself */
	VIEW_STARTING,
	VIEW_BACKING_OFF,	/* it has failed and will be tried again */
	VIEW_STOPPED,		/* by a signal */
	VIEW_RETIRING,		/* told to leave when it has finished */
	VIEW_INVALID,		/* what it says of itself cannot be true */
	VIEW_STATES
};

/* "backing off" */
extern const char *const view_states[VIEW_STATES];

/* "timeout", as in the log. */
extern const char *const view_outcomes[BOARD_OUTCOMES];

struct view_worker {
	unsigned	place;		/* in view.place; or VIEW_NOWHERE */
	const char	*service;	/* of its place; "" */
	unsigned	number, generation;
	pid_t		pid;		/* 0: none */
	enum view_state	state;
	bool		has_client;	/* serving, or retiring with one */
	int64_t		since;		/* ms that it has been so */
	int64_t		due;		/* backing off: ms to the next try */
	uint64_t	connections;
	uint64_t	bytes_out;
	char		peer[64];	/* its client; "" */
};

#define VIEW_NOWHERE	UINT32_MAX

struct view_place {
	enum board_place_state	state;
	char			service[BOARD_NAME_MAX];
	char			action[12];
	char			address[BOARD_ADDRESS_MAX];
	uint32_t		rank;		/* in the configuration */
	bool			counts;		/* its connections are ours */
	bool			shares;		/* its workers are shown with
						 * the address before */
	unsigned		wanted;
	unsigned		least, most;	/* what that may be */
	unsigned		workers[VIEW_STATES];
	int64_t			due;		/* ms to the next try; or
						 * CLOCK_NEVER */
	struct board_sum	sum;
	struct queue		queue;
};

/* Reloads, or upgrades. */
struct view_ledger {
	unsigned		 started, done;
	bool			 has_last;
	struct board_told	 last;
	int64_t			 age;		/* of its verdict, ms */
};

struct view {
	char			 release[24];
	char			 instance[BOARD_NAME_MAX];
	pid_t			 pid;
	enum board_phase	 phase;
	unsigned		 generation;
	int64_t			 started;	/* wall clock, seconds */
	int64_t			 uptime;	/* milliseconds */
	unsigned		 strangers;
	struct view_ledger	 reloads;
	struct view_ledger	 upgrades;	/* of this process, and the
						 * one that it came by */
	struct board_sum	 sum;		/* of all */
	unsigned		 workers[VIEW_STATES];
	struct view_place	*place;		/* some of them free */
	unsigned		 nplaces;
	struct view_place	**shown;	/* those in use, in order */
	unsigned		 nshown;
	struct view_worker	*worker;
	unsigned		 nworkers;
};

/* Take one; to be freed.  -1 and errno ENOMEM. */
int	view_take(struct view *, const struct board *);

void	view_free(struct view *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Slots, and the life of the worker in one: born, ready, told to leave,
 * helped to leave, buried, and after a fall born again, a little later each
 * time.  What a slot holds is the master's own knowledge; the board is only
 * told of it.
 */
#ifndef MASTER_SLOT_H
#define MASTER_SLOT_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/title.h"
#include "board/board.h"
#include "master/pool.h"

enum slot_state {
	SLOT_FREE,
	SLOT_DUE,		/* to be filled when its time comes */
	SLOT_STARTING,		/* forked, has not said "ready" */
	SLOT_SERVING,
	SLOT_LEAVING		/* told to leave */
};

/* One place for a worker, and how to make it again. */
struct slot {
	enum slot_state	 state;
	pid_t		 pid;		/* 0: nobody; never taken from others */
	struct pool	*pool;		/* NULL: free */
	unsigned	 number;	/* within the pool, from 1 */
	unsigned	 failures;	/* in a row */
	int64_t		 born;
	int64_t		 due;		/* next birth; or end of starting */
	int		 output;	/* what a program of run prints; -1 */
	int64_t		 ready_at;	/* it has proven itself by then */
	int64_t		 alive_until;	/* the next sign of life is due */
	unsigned	 recycle;	/* connections it may serve; 0: all */
	int64_t		 worn_at;	/* it is to be replaced from then on */
	bool		 is_ending;	/* it said that it is about to */
	bool		 is_stopped;	/* by a signal, until it is continued */
	char		 status[80];	/* what it said of itself */
	int64_t		 told;		/* when it was told to leave */
	int64_t		 hurry_at;	/* leaving: the second QUIT */
	int64_t		 kill_at;	/* leaving: KILL */
};

/* All slots, and what every worker gets from the master at its birth. */
struct slots {
	struct slot		*slot;
	unsigned		 n;
	unsigned		 used;		/* none above was ever used */
	uint32_t		 dice;		/* for jitter */
	bool			*taken;		/* numbers, while one is looked
						 * for */
	struct board		*board;
	struct logkeeper	*logkeeper;
	const struct title	*title;
	int			 report;
	const char		*notify;	/* for programs; NULL: none */
	bool			 drops_stderr;	/* see detach.h */
	int			 log;
	pid_t			 master;
};

/* -1 and errno ENOMEM. */
int	slots_init(struct slots *, unsigned n);
void	slots_free(struct slots *);

/* The slot this child lives in; NULL: not a worker. */
struct slot	*slots_find(struct slots *, pid_t);

/* A free slot for a pool, due now; NULL if there is none. */
struct slot	*slots_take(struct slots *, struct pool *, int64_t now);

/*
 * Do for every slot what its time asks: births, the end of patience with
 * those that start, the next means for those that do not leave.  Returns the
 * next such moment.
 */
int64_t	slots_settle(struct slots *, int64_t now);

/* Who has missed a deadline may not be to blame: all begin anew. */
void	slots_give_time(struct slots *, int64_t now);

/* Free room is short: hurry the one that was told to leave first. */
void	slots_hurry_oldest(struct slots *, int64_t now);

/* How many more slots could be taken. */
unsigned	slots_free_count(const struct slots *);

/* Whether its worker says that it waits for a client; that is a hint. */
bool	slot_seems_idle(const struct slots *, const struct slot *);

/* Its worker says that it has served its share. */
void	slot_worn(struct slot *, int64_t now);

/* Whether it is for a program that accepts by itself. */
bool	slot_is_run(const struct slot *);

/* How many slots have a living worker. */
unsigned	slots_living(const struct slots *);

/* Its worker says that it is ready. */
void	slot_ready(struct slot *, int64_t now);

/* -- Of programs that accept by themselves -- */

/* It is about to be executed. */
void	slot_executes(struct slot *, int64_t now);

/* It says that it lives; that it ends by itself; what it is at. */
void	slot_lives(struct slot *, int64_t now);
void	slot_says_end(struct slot *);
void	slot_says_status(struct slot *, const char *status);

/* It hangs, or says that it must be replaced. */
void	slot_hangs(struct slot *, const char *why, int64_t now);

/*
 * Its worker shall finish what it has and leave: QUIT now (once, however
 * often this is called), again and again from hurry_at on, and KILL at
 * kill_at.  The earlier moments win.
 */
void	slot_leave(struct slot *, int64_t now, int64_t hurry_at,
	    int64_t kill_at);

/* Its worker has died, as waitpid(2) says. */
void	slot_died(struct slots *, struct slot *, int status, int64_t now);

#endif

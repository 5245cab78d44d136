/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The board: what the server does just now, in memory that its processes
 * share, and in a file that others may read without asking anybody.
 *
 * The head is written by the master alone and mapped read-only in workers: who
 * the server is, how its last reloads ended, a place for each address of each
 * service, and a seat for each slot, which says who lives there.  Behind it
 * stand the slots; a slot is written by the worker in it, and by the master
 * only while no worker is there.  One writer for each field, lock-free
 * atomics, no locks: a worker may be killed at any instruction.
 *
 * Nobody decides anything by what a slot says.  A worker that has gone mad
 * can write garbage there, and then there is garbage on a screen, no more:
 * the master has its own table of who lives where.
 */
#ifndef BOARD_LAYOUT_H
#define BOARD_LAYOUT_H

#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define BOARD_MAGIC	UINT64_C(0x736d696c65640a01)	/* "smiled\n\001" */
#define BOARD_VERSION	6
#define BOARD_TEXT_MAX	4096
#define BOARD_NAME_MAX	64	/* of a service, as far as it is shown */
#define BOARD_ADDRESS_MAX 160	/* of an address */
#define BOARD_VERDICTS	4	/* that are kept */

_Static_assert(ATOMIC_INT_LOCK_FREE == 2 && ATOMIC_LLONG_LOCK_FREE == 2,
    "the board needs atomics that work without locks");

/* What a worker is at, by its own word. */
enum board_state {
	BOARD_EMPTY,		/* nobody in the slot */
	BOARD_STARTING,
	BOARD_WAITING,		/* in accept */
	BOARD_SERVING,
	BOARD_RUNNING,		/* a program that accepts by itself */
	BOARD_STATES
};

/* The same by the master's. */
enum board_seat_state {
	SEAT_FREE,
	SEAT_BACKING_OFF,	/* nobody yet, or again; see due */
	SEAT_STARTING,		/* forked, not ready */
	SEAT_SERVING,
	SEAT_RETIRING,		/* told to leave */
	SEAT_STATES
};

/* What the server as a whole is at.  Each keeps its number: see board_head. */
enum board_phase {
	BOARD_BOOTING,		/* the first workers are not ready */
	BOARD_IN_SERVICE,
	BOARD_RELOADING,
	BOARD_UPGRADING,
	BOARD_STOPPING,
	BOARD_PHASES
};

/* How a connection ended. */
enum board_outcome {
	BOARD_OK,		/* the reply was sent whole */
	BOARD_TIMEOUT,		/* the service's timeout ran out */
	BOARD_IDLE,		/* nothing moved for idle-timeout */
	BOARD_RESET,		/* the client broke off */
	BOARD_FAILED,		/* we could not do it */
	BOARD_PROGRAM,		/* the program failed, or was killed */
	BOARD_KILLED,		/* the worker died, or had to end it */
	BOARD_OUTCOMES
};

enum board_verdict {
	BOARD_NO_VERDICT,
	BOARD_ACCEPTED,
	BOARD_REFUSED
};

/* Connections and bytes, added up. */
struct board_count {
	_Atomic uint64_t	accepted;
	_Atomic uint64_t	outcome[BOARD_OUTCOMES];
	_Atomic uint64_t	bytes_out;
	_Atomic uint64_t	accept_errors;
};

/* Who a client is. */
enum board_family {
	PEER_NONE,
	PEER_IP4,
	PEER_IP6,
	PEER_UNIX
};

struct board_peer {
	_Atomic uint32_t	family;		/* enum board_family */
	_Atomic uint32_t	port;
	_Atomic uint64_t	addr[2];	/* as in a packet */
};

/*
 * What one worker says of itself.  Two cache lines, so that a busy worker does
 * not slow down its neighbour.
 */
struct board_slot {
	alignas(128) _Atomic uint32_t	state;	/* enum board_state */
	_Atomic uint32_t		pid;	/* for readers only */
	_Atomic int64_t			since;	/* this state; clock_now() */
	struct board_peer		peer;	/* the last client */
	struct board_count		count;
};

/* What the master says of a slot: who should be there, and who is. */
struct board_seat {
	_Atomic uint32_t	state;		/* enum board_seat_state */
	_Atomic uint32_t	pid;		/* 0: nobody */
	_Atomic uint32_t	place;		/* what it works for */
	_Atomic uint32_t	number;		/* smile/2: 2 */
	_Atomic uint32_t	generation;
	_Atomic uint32_t	failures;	/* in a row */
	_Atomic uint32_t	is_stopped;	/* by a signal */
	_Atomic uint32_t	pool;		/* the same in those of one */
	_Atomic uint32_t	hears;		/* 1: the master wants to hear
						 * if that lacks idle ones */
	_Atomic int64_t		due;		/* backing off: the next try */
	_Atomic int64_t		since;		/* this state; clock_now() */
};

/* Whose a place is. */
enum board_place_state {
	PLACE_FREE,
	PLACE_COMING,		/* of a generation that is not ready */
	PLACE_CURRENT,
	PLACE_GOING,		/* of none but retiring workers */
	PLACE_STATES
};

/*
 * An address of a service.  Its texts are written before its state says that
 * there is anything; it stays the same while the server has the same address
 * for a service of the same name, so that its counters go on.
 */
struct board_place {
	_Atomic uint32_t	state;		/* enum board_place_state */
	_Atomic uint32_t	wanted;		/* workers; for programs that
						 * accept by themselves at the
						 * first of their addresses */
	_Atomic uint32_t	least, most;	/* as many as may be wanted */
	_Atomic uint32_t	shares;		/* 1: its workers are counted
						 * at another address */
	_Atomic uint32_t	inode;		/* of its socket; 0: none */
	_Atomic uint32_t	is_unix;
	_Atomic uint32_t	rank;		/* in the configuration */
	char			action[12];	/* "exec" */
	char			service[BOARD_NAME_MAX];
	char			address[BOARD_ADDRESS_MAX];
	struct board_count	dead;		/* of workers that have gone */
};

/* How a reload or an upgrade ended. */
struct board_entry {
	_Atomic uint32_t	number;		/* from 1; 0 while written */
	_Atomic uint32_t	verdict;	/* enum board_verdict */
	_Atomic int64_t		at;		/* clock_now() */
	char			text[BOARD_TEXT_MAX];
};

/*
 * Reloads, or upgrades: how many were begun and how many have their verdict.
 * That of number N is in entry[N % BOARD_VERDICTS], for some time.
 */
struct board_ledger {
	_Atomic uint32_t	started;
	_Atomic uint32_t	done;
	struct board_entry	entry[BOARD_VERDICTS];
};

/*
 * The master's part; written by the master only.
 *
 * What is up to upgrades_at, and a ledger, are the same in every version: so
 * those who steer a server of another release than their own can do so, and
 * learn how it went.
 */
struct board_head {
	uint64_t		magic;
	uint32_t		version;
	_Atomic uint32_t	pid;
	_Atomic uint32_t	phase;		/* enum board_phase */
	uint32_t		reloads_at;	/* where the ledgers begin */
	uint32_t		upgrades_at;
	uint32_t		nslots;		/* and as many seats */
	uint32_t		slots_at;	/* where they begin, in bytes:
						 * all before is the master's */
	uint32_t		slot_size;
	uint32_t		seats_at;
	uint32_t		seat_size;
	uint32_t		places_at;
	uint32_t		place_size;
	uint32_t		nplaces;
	char			release[24];	/* of the program */
	char			instance[BOARD_NAME_MAX];
	_Atomic uint32_t	burials;	/* twice, and other changes
						 * in several steps; odd while
						 * one is on */
	_Atomic uint32_t	generation;	/* 0 until the first is ready */
	_Atomic uint32_t	slots_used;	/* none above was ever used */
	_Atomic uint32_t	places_used;
	_Atomic int64_t		started;	/* wall clock, seconds */
	_Atomic int64_t		since;		/* the same as clock_now() */
	_Atomic uint32_t	strangers;	/* children we did not know */
	_Atomic uint32_t	door_shut;	/* for generations up to it */
	struct board_count	dead;		/* of places that are gone */

	struct board_ledger	reloads;
	struct board_ledger	upgrades;
};

_Static_assert(offsetof(struct board_head, version) == 8 &&
    offsetof(struct board_head, pid) == 12 &&
    offsetof(struct board_head, phase) == 16 &&
    offsetof(struct board_head, reloads_at) == 20 &&
    offsetof(struct board_head, upgrades_at) == 24 &&
    offsetof(struct board_ledger, entry) == 8 &&
    offsetof(struct board_entry, text) == 16 &&
    sizeof(struct board_entry) == 16 + 4096,
    "what all versions have in common has changed");

#endif

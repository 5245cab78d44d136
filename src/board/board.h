/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Making, filling and reading the board (layout.h).
 */
#ifndef BOARD_BOARD_H
#define BOARD_BOARD_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/types.h>

#include "board/layout.h"

/* A board as one process has it mapped. */
struct board {
	struct board_head	*head;
	struct board_place	*places;
	struct board_seat	*seats;
	struct board_slot	*slots;
	unsigned		 nslots, nplaces;
	size_t			 head_size;	/* bytes, whole pages: all but
						 * the slots */
	size_t			 size;		/* bytes, of all */
	int			 fd;		/* holds the lock; of a reader:
						 * asks who does */
	int			 read_fd;	/* the same file, read-only */
	char			 path[PATH_MAX]; /* "": in memory only */
	char			 hidden[PATH_MAX]; /* another name; "": none */
};

/* -- The master's half -- */

/*
 * Make the board of a new server: the file DIR/INSTANCE.board, fresh, of full
 * size, locked for as long as this process lives (fcntl(2) F_SETLK: F_GETLK
 * names the living master to everybody).  A file that a server left behind is
 * replaced, never written to: its last workers may still have it mapped.
 * -1 and errno; EADDRINUSE: a living server has it, and *owner is its pid.
 */
int	board_create(struct board *, const char *dir, const char *instance,
	    unsigned nslots, unsigned nplaces, pid_t *owner);

/*
 * The same for a server that will take the place of a living one: nobody finds
 * its board before board_publish(), which gives it the name DIR/INSTANCE.board,
 * if nobody else than the server with pid from has that.  -1 and errno.
 */
int	board_create_hidden(struct board *, const char *dir,
	    const char *instance, unsigned nslots, unsigned nplaces);
int	board_publish(struct board *, pid_t from);

/*
 * For that other: to keep its board under a hidden name, while it is not yet
 * certain who stays; board_publish() has it found again, board_forget() leaves
 * the name to the other for good.
 */
void	board_keep(struct board *);
void	board_forget(struct board *);

/* Remove what a server that was killed has left behind. */
void	board_sweep(const struct board *, pid_t of);

/* The same in memory that nobody can find. -1 and errno. */
int	board_create_anonymous(struct board *, unsigned nslots,
	    unsigned nplaces);

/* Remove the file, if it is still ours. */
void	board_remove(struct board *);

/*
 * A worker has left its slot: add its figures to those of the dead, with
 * whatever cannot be true cut down, and empty the slot.  died_serving says
 * whether the worker had a connection when it died (as far as it told).
 */
void	board_bury(struct board *, unsigned slot, bool *served,
	    bool *died_serving);

/* A slot is about to get a worker. */
void	board_prepare(struct board *, unsigned slot);

/* What the master says of a slot.  Times are those of clock_now(). */
struct board_seating {
	enum board_seat_state	state;
	pid_t			pid;
	unsigned		place, number, generation, failures;
	unsigned		pool;
	bool			is_stopped, hears;
	int64_t			due;
};

void	board_seat(struct board *, unsigned slot,
	    const struct board_seating *);

/*
 * The place of an address of a service: the one that it has already, or one
 * that was free and is PLACE_COMING now.  BOARD_NO_PLACE: there is none.
 */
#define BOARD_NO_PLACE	UINT32_MAX
unsigned	board_take_place(struct board *, const char *service,
		    const char *action, const char *address);

/* Its service has another action now; its figures go on. */
void	board_set_action(struct board *, unsigned place, const char *action);

/* Nobody is there any more: its figures go to those of the server. */
void	board_free_place(struct board *, unsigned place);

/* -- The worker's half -- */

/*
 * In a fresh worker: make the head read-only, in a way that cannot be undone
 * with the descriptors a worker has.  Returns the worker's own slot.  NULL and
 * errno.
 */
struct board_slot	*board_enter(struct board *, unsigned slot);

void	board_set_state(struct board_slot *, enum board_state);
void	board_accepted(struct board_slot *, const struct sockaddr_storage *);
void	board_finished(struct board_slot *, enum board_outcome,
	    uint64_t bytes_out);
void	board_accept_failed(struct board_slot *);

/*
 * The worker of slot self has just become busy: whether fewer than spare of its
 * pool are idle now, and the master wants to hear of it.  *from is for us to
 * remember where the last idle one was found.
 */
bool	board_lacks_idle(const struct board *, unsigned self, unsigned spare,
	    unsigned *from);

/* Since when it has been in its state: clock_now() of then. */
int64_t	board_since(const struct board_slot *);

/* -- The reader's half -- */

/*
 * Map a board's file to look at it.  -1 and errno; EPROTO: not one of ours, or
 * of another version.
 */
int	board_look(struct board *, const char *path);

/*
 * The same for one of any version, only to steer its server: of the head, what
 * all versions have in common can be used, and the ledgers.
 */
int	board_look_to_steer(struct board *, const char *path);

void	board_look_away(struct board *);

/* A ledger of a board that is looked at: what is at reloads_at, for example. */
const struct board_ledger	*board_ledger(const struct board *,
				    uint32_t at);

/*
 * Who else holds the lock of a board that is open: the pid of the living
 * master; 0: somebody who has no pid here (another pid namespace); -1: nobody,
 * the board is a dead server's.
 */
pid_t	board_owner(int fd);

/* Figures of the living and the dead, added up. */
struct board_sum {
	uint64_t	accepted;
	uint64_t	outcome[BOARD_OUTCOMES];
	uint64_t	bytes_out;
	uint64_t	accept_errors;
	unsigned	workers[BOARD_STATES];
};
void	board_add_up(const struct board *, struct board_sum *);

/* Add one to it. */
void	board_add_count(struct board_sum *, const struct board_count *);

#endif

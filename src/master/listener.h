/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A listening socket and its life: bound, open, and when it is no longer
 * wanted, emptied so that nobody who came in time is lost (door.h).
 */
#ifndef MASTER_LISTENER_H
#define MASTER_LISTENER_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/un.h>

#include "conf/conf.h"
#include "log/log.h"
#include "master/handover.h"

enum listener_phase {
	LISTENER_BOUND,		/* nobody can connect yet */
	LISTENER_EARLY,		/* it listens for programs that are tried;
				 * a unix socket has no name yet */
	LISTENER_OPEN,
	LISTENER_DOOR,		/* nobody new gets in */
	LISTENER_ROOM,		/* those in the queue are served */
	LISTENER_EMPTY,		/* nobody is left in it */
	LISTENER_CLOSED
};

/* One socket.  It outlives the configurations that ask for it. */
struct listener {
	struct listener		*next;
	int			 fd;		/* -1: closed */
	enum listener_phase	 phase;
	struct conf_listen	 spec;		/* what it was bound to */
	struct sockaddr_un	 un;		/* room for its path */
	uint16_t		 port;		/* the real one */
	char			 name[LISTEN_TEXT_MAX];
	bool			 is_adopted;	/* others have it, too */
	bool			 is_handed;	/* so far by the master before
						 * us, and afterwards: */
	bool			 was_adopted;
	bool			 is_kept;	/* by a master after us */
	const struct service	*coming;	/* who will have it; or NULL */
	unsigned		 place;		/* among those of coming */
	const char		*last;		/* name of who has it */
	unsigned		 pools;		/* that refer to it */
	dev_t			 dev;		/* unix: the file it made */
	ino_t			 ino;
	int64_t			 phase_due;	/* the end of patience */
	int64_t			 room_due;

	/* What programs that share it have done to it: see abuse.c. */
	bool			 is_flipped;	/* made non-blocking; said */
	bool			 is_lost;	/* shut down for good */
	unsigned		 mends;		/* in this period */
	int64_t			 mend_period;	/* when it began */
	int64_t			 mend_at;	/* not to be mended before */
	struct log_brake	 mend_brake;
};

/*
 * Bind a socket to what is asked for.  A port of 0 becomes port, if that is
 * not 0.  Among others are our own that have to make room for it.  -1 and
 * errno; the name is set in any case.
 */
int	listener_bind(struct listener *, const struct conf_listen *,
	    uint16_t port, struct listener *others);

/* Take over a socket that is bound and listens. */
void	listener_adopt(struct listener *, const struct conf_listen *, int fd);

/*
 * The same for one that the master before us has bound, or adopted, and has
 * until it lets go.  It is then taken.  -1 and errno.
 */
int	listener_take_over(struct listener *, const struct conf_listen *,
	    struct handover_socket *);

/* Let go of it, without a trace: another master has it. */
void	listener_give_up(struct listener *);

/*
 * Let clients connect: with a queue of backlog, 0 for the longest the system
 * allows; a unix socket gets its name now.  Also for one that is being
 * emptied.  -1 and errno.
 */
int	listener_open(struct listener *, unsigned backlog,
	    struct listener *others);

/*
 * Let clients wait for programs that accept by themselves, which are started
 * before it is certain that they stay.  -1 and errno.
 */
int	listener_open_early(struct listener *, unsigned backlog,
	    struct listener *others);

/* Begin to empty it: nobody new from now on, and all by room_due. */
void	listener_shut(struct listener *, int64_t now, int64_t room_due);

/* Whether it is being emptied, or is empty and not yet closed. */
bool	listener_is_shut(const struct listener *);

/* Go on with that.  Returns when to come again. */
int64_t	listener_settle(struct listener *, int64_t now);

/* Whether somebody who shares it has shut it down (shutdown(2)). */
bool	listener_is_down(const struct listener *);

/*
 * Let clients connect again to one that was shut down.  If *is_other, it is
 * another socket now, and those who share the old one will not hear of them.
 * -1 and errno.
 */
int	listener_mend(struct listener *, unsigned backlog,
	    struct listener *others, bool *is_other);

/* Close it, and remove what it made. */
void	listener_close(struct listener *);

#endif

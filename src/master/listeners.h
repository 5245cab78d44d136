/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * All listening sockets.  A reload asks for a set of addresses: those that
 * are there stay as they are, the others are bound.  When it is certain, the
 * new ones are opened, and those that nobody wants any more are emptied and
 * closed; when it is refused, the new ones are gone as if never bound.
 */
#ifndef MASTER_LISTENERS_H
#define MASTER_LISTENERS_H

#include "master/inherited.h"
#include "master/listener.h"

struct listeners {
	struct listener	*first;
};

/* Which address could not be had, and why. */
struct listen_failure {
	char		name[LISTEN_TEXT_MAX];
	uint16_t	port;		/* 0: a unix socket's path */
	int		error;		/* errno */
};

/* "cannot listen on *:80: ..." with the next step.  Returns buf. */
const char	*listen_failure_text(const struct listen_failure *, char *buf,
		    size_t size);

/*
 * Have a socket for every address of the configuration; its coming is then
 * the service.  -1, with failure, and what was done is undone.
 */
int	listeners_prepare(struct listeners *, const struct conf *,
	    struct inherited *, struct listen_failure *);

/* Open those that are new and that programs accept on by themselves. */
int	listeners_open_early(struct listeners *, struct listen_failure *);

/* Open those that have only been bound.  -1, with failure; nothing undone. */
int	listeners_open(struct listeners *, struct listen_failure *);

/* What was prepared counts: begin to empty, by room_due, all others. */
void	listeners_commit(struct listeners *, int64_t now, int64_t room_due);

/*
 * What was prepared is gone, and what was there before is as it was; those
 * that listened early are emptied by room_due.
 */
void	listeners_abandon(struct listeners *, int64_t now, int64_t room_due);

/* Begin to empty them all. */
void	listeners_shut(struct listeners *, int64_t now, int64_t room_due);

/*
 * Another master has those that it keeps: let go of them.  Begin to empty, by
 * room_due, all others.
 */
void	listeners_give_up(struct listeners *, int64_t now, int64_t room_due);

/* Whether one of them is being emptied, or is empty and not yet closed. */
bool	listeners_any_shut(const struct listeners *);

/* Whether all of them are empty. */
bool	listeners_are_empty(const struct listeners *);

/* Go on with emptying.  Returns when to come again. */
int64_t	listeners_settle(struct listeners *, int64_t now);

/* Forget those that are closed and that no pool refers to. */
void	listeners_forget(struct listeners *);

/* Close them all. */
void	listeners_close(struct listeners *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A server as somebody outside of it sees it: found by its board, known to
 * live by the lock on that, and told things by signals.
 *
 * A pid alone may be another program's by the time it is used.  So it is taken
 * from the lock, which only its owner can hold and which ends with it, turned
 * into a descriptor of the process (pidfd_open(2)), and then the lock is asked
 * again: if it still has the same owner, the descriptor is of that one.
 */
#ifndef TOOLS_SERVER_H
#define TOOLS_SERVER_H

#include <limits.h>
#include <stdbool.h>
#include <stdnoreturn.h>
#include <sys/types.h>

#include "board/board.h"

/* Where to look for it. */
struct server_wish {
	const char	*dir;		/* NULL: where servers' boards are */
	const char	*instance;	/* NULL: the only one there is */
	bool		 to_steer;	/* its board may be of any version:
					 * see board_look_to_steer() */
};

struct server {
	struct board	board;
	char		path[PATH_MAX];
	pid_t		pid;		/* 0: it has none here */
	int		process;	/* a descriptor of it; -1: none */
};

/* What was found. */
enum server_found {
	SERVER_FOUND,
	SERVER_NONE,		/* none lives */
	SERVER_SEVERAL,		/* and none was named */
	SERVER_UNREADABLE	/* there is something; errno says more */
};

/*
 * Find a living server.  why gets a line of what to say unless it was found.
 */
enum server_found	server_find(struct server *,
			    const struct server_wish *, char *why,
			    size_t size);

/* The same, or die. */
void	server_must_find(struct server *, const struct server_wish *);

/* Say why, errno as server_find() left it, and exit with a fitting status. */
noreturn void	server_die_unfound(enum server_found, const char *why);

void	server_leave(struct server *);

/* Whether it still lives. */
bool	server_lives(const struct server *);

/* Wait until it has died, or for so long at most. */
void	server_wait(const struct server *, int ms);

/* Send it a signal.  -1 and errno; ESRCH: it has no pid here, or is gone. */
int	server_signal(const struct server *, int signo);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The environment of a program: what every one gets, laid out once, and what
 * tells of the connection, written anew for each (ucspi-tcp's environment(5)
 * and ucspi-unix's, whose names programs know).
 */
#ifndef WORKER_ENVIRON_H
#define WORKER_ENVIRON_H

#include "conf/conf.h"
#include "worker/conn.h"

#define ENVIRON_OWN	24	/* variables that are ours to set */
#define ENVIRON_ROOM	512	/* bytes for the value of each of them */

struct environ {
	char	**vars;			/* for execve(2) */
	size_t	  n;			/* of them */
	size_t	  fixed;		/* that tell of no connection */
	char	  own[ENVIRON_OWN][ENVIRON_ROOM];
	char	  id[CONN_ID_MAX];	/* of the connection */
};

/* Lay out what is the same for all.  -1 and errno ENOMEM. */
int	environ_init(struct environ *, const struct service *);

/*
 * Set "NAME=VALUE", whatever the configuration says of it; it must live as
 * long as the environment.
 */
void	environ_force(struct environ *, const char *var);

/*
 * Write what tells of a connection.  path: of its unix socket; NULL: it came
 * by TCP.
 */
void	environ_tell(struct environ *, const struct conn *,
	    const char *path);

#endif

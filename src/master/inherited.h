/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Listening sockets that whoever started us has opened for us, in the way of
 * systemd: LISTEN_FDS of them from descriptor 3 on, if LISTEN_PID is us
 * (sd_listen_fds(3)).  Each goes to the address of the configuration that it
 * is bound to.
 */
#ifndef MASTER_INHERITED_H
#define MASTER_INHERITED_H

#include <stddef.h>

#include "conf/listen.h"
#include "master/handover.h"

#define INHERITED_MAX	64

struct inherited {
	int	fd[INHERITED_MAX];
	size_t	n;
	struct handover_set	*handed;	/* by a master before us; or
						 * NULL */
};

/* Look for them, and take what names them out of the environment. */
void	inherited_take(struct inherited *);

/* Hand over the one that has this address; -1: there is none. */
int	inherited_find(struct inherited *, const struct conf_listen *);

/* Close those that nobody has asked for, and say so. */
void	inherited_close(struct inherited *);

#endif

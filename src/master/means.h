/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The means by which a process in a slot is made to leave: a worker of ours is
 * sent QUIT, a program of run the signal of its service; then they grow harder.
 *
 * A pid here is one that fork(2) gave us and waitid(2) has not yet taken back,
 * and a group is that of such a process: so a signal can reach nobody else.
 */
#ifndef MASTER_MEANS_H
#define MASTER_MEANS_H

#include <stdint.h>

#include "master/slot.h"

/* Finish what you have, and leave. */
void	means_ask(const struct slot *);

/* Leave now, a program with its group.  Returns when to say it again. */
int64_t	means_tell(const struct slot *, int64_t now);

/* KILL, a program with its group. */
void	means_kill(const struct slot *);

/* A program has ended and has not been waited for: KILL for its group. */
void	means_kill_rest(const struct slot *);

#endif

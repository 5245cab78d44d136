/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How a slot gets its process, with all that this needs from the master.
 */
#ifndef MASTER_BIRTH_H
#define MASTER_BIRTH_H

#include <sys/types.h>

#include "master/slot.h"

/*
 * Fork a worker, or a program of run, whose output then goes to the log.
 * Returns its pid; -1 and errno.
 */
pid_t	birth_fork(struct slots *, struct slot *);

/* It has died: the log process reads on while somebody has the other end. */
void	birth_drop_output(struct slots *, struct slot *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * One program started from a worker, with as little between as can be: the
 * child shares our memory until it is another program (vfork(2)).
 */
#ifndef WORKER_SPAWN_H
#define WORKER_SPAWN_H

#include <stdint.h>
#include <sys/types.h>

/* What the program gets. */
struct spawn {
	const char *const	*argv;		/* argv[0]: the file, too */
	char *const		*envp;
	int			 conn;		/* its descriptors 0 and 1 */
	int			 err;		/* its descriptor 2 */
	uint64_t		 cpu;		/* seconds; UINT64_MAX: none */
};

/*
 * Start it in a session and group of its own, with default signals, an empty
 * mask and no other descriptors; it is killed if we die (prctl(2),
 * PR_SET_PDEATHSIG).  We must be deaf by sig_deafen_by_mask(), and all signals
 * must be blocked.  Returns its pid; -1 and errno, that of a failed execve(2)
 * included: then nothing is left of it.
 */
pid_t	spawn(const struct spawn *);

#endif

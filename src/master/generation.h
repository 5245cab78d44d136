/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A generation: all workers that were started by one reading of the
 * configuration, in a pool for each address.
 *
 * Those of a generation that is being prepared wait at a gate before they
 * accept.  It opens at the commit: so no client is served by a configuration
 * that is then refused.  Programs that accept by themselves cannot be kept
 * from it; whether they work is found out by letting them.
 *
 * The gate has another use at the end: a worker holds its end for as long as
 * it may accept.  When the last of them has let go, none of the generation can
 * take a client any more.
 */
#ifndef MASTER_GENERATION_H
#define MASTER_GENERATION_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "master/listeners.h"

struct pool;

/* It lives, and its configuration with it, as long as one of its pools. */
struct generation {
	struct generation	*next;		/* of all there are */
	struct conf		*conf;		/* its own */
	unsigned		 number;	/* from 1 */
	unsigned		 pools;		/* that there are of it */
	int			 gate[2];	/* ours and theirs */
	int64_t			 due;		/* when it must be proven */
	bool			 proven;	/* was complete once */
	bool			 failed;	/* will never be, and why */
	char			 why[256];
};

/*
 * Make one with a pool for each listener that is coming, and one for all of a
 * service whose programs accept by themselves, unless those of the generation
 * before, if there is one, stay.  It takes over the configuration.  NULL and
 * errno, and nothing was done.
 */
struct generation	*generation_new(struct generation **list,
			    struct pool **pools, struct conf *,
			    const struct listeners *,
			    const struct generation *before, int64_t now);

/* All the time that it has to be proven begins now. */
void	generation_give_time(struct generation *, int64_t now);

/* Take over from the generation before what stays. */
void	generation_take_over(struct generation *, struct pool *,
	    const struct generation *before);

/* Whether every pool of it has as many ready workers as are wanted. */
bool	generation_is_ready(const struct generation *, const struct pool *);

/* How many workers it should have. */
unsigned	generation_wanted(const struct generation *,
		    const struct pool *);

/* "2 services, 8 workers, generation 3".  Returns buf. */
#define GENERATION_TEXT_MAX	80
const char	*generation_text(const struct generation *,
		    const struct pool *, char *buf, size_t size);

/* Let its workers accept. */
void	generation_open_gate(const struct generation *);

/*
 * It never comes to anything, and its workers have been told to leave: they
 * must not wait for that for ever.  Those of it that stay, because they have
 * let clients in, have the same care as any.
 */
void	generation_give_up(struct generation *);

/*
 * Its workers have been told to leave.  Returns a descriptor, for the caller
 * to close, that hangs up (poll(2)) when none of them can accept any more.
 */
int	generation_last_gate(struct generation *);

/* Have a gate again, which is open.  -1 and errno. */
int	generation_renew_gate(struct generation *);

/* Free those that have no pool left, but for two in use. */
void	generations_free_empty(struct generation **list,
	    const struct generation *, const struct generation *);

#endif

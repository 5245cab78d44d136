/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Memory for things that are made one by one and die together, such as all
 * that was read from one configuration.
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include <stddef.h>

/* Zeroed, it is empty. */
struct arena {
	struct arena_block	*blocks;
	size_t			 left;	/* bytes, in the first block */
};

/* size bytes, zeroed, good for any type.  NULL and errno ENOMEM. */
void	*arena_take(struct arena *, size_t size);

/* A copy of len bytes with a terminator behind them.  NULL and ENOMEM. */
char	*arena_copy(struct arena *, const void *, size_t len);

/* Everything taken from it is gone. */
void	arena_free(struct arena *);

#endif

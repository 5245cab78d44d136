/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See mem.h.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

#define BLOCK	16384

struct arena_block {
	struct arena_block	*next;
	size_t			 size;
	alignas(max_align_t) char room[];
};

void *
arena_take(struct arena *a, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct arena_block *b = a->blocks;

	if (size > SIZE_MAX / 2) {
		errno = ENOMEM;
		return NULL;
	}
	size = (size + align - 1) / align * align;
	if (size > a->left) {
		size_t room = size > BLOCK ? size : BLOCK;

		b = calloc(1, sizeof *b + room);
		if (b == NULL)
			return NULL;
		b->size = room;
		b->next = a->blocks;
		a->blocks = b;
		a->left = room;
	}
	a->left -= size;
	return b->room + (b->size - a->left - size);
}

char *
arena_copy(struct arena *a, const void *src, size_t len)
{
	char *copy = arena_take(a, len + 1);

	if (copy != NULL && len > 0)
		memcpy(copy, src, len);
	return copy;
}

void
arena_free(struct arena *a)
{
	while (a->blocks != NULL) {
		struct arena_block *b = a->blocks;

		a->blocks = b->next;
		free(b);
	}
	a->left = 0;
}

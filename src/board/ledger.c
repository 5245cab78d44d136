/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See ledger.h.
 */
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "board/ledger.h"

#define get(field)	atomic_load_explicit(&(field), memory_order_relaxed)
#define set(field, v)	atomic_store_explicit(&(field), v, \
			    memory_order_relaxed)

void
ledger_begin(struct board_ledger *l)
{
	atomic_fetch_add_explicit(&l->started, 1, memory_order_relaxed);
}

void
ledger_end(struct board_ledger *l, enum board_verdict verdict,
    const char *text)
{
	uint32_t number = get(l->done) + 1;
	struct board_entry *e = &l->entry[number % BOARD_VERDICTS];

	/* Who reads it meanwhile sees that it is not what it was. */
	set(e->number, 0);
	atomic_thread_fence(memory_order_release);
	set(e->verdict, verdict);
	set(e->at, clock_now());
	snprintf(e->text, sizeof e->text, "%s", text);
	atomic_store_explicit(&e->number, number, memory_order_release);
	/* Whoever sees the new count sees the verdict it counts. */
	atomic_store_explicit(&l->done, number, memory_order_release);
}

bool
ledger_read(const struct board_ledger *l, unsigned number,
    struct board_told *told)
{
	const struct board_entry *e = &l->entry[number % BOARD_VERDICTS];

	if (number == 0 || atomic_load(&e->number) != number)
		return false;
	told->number = number;
	told->verdict = (enum board_verdict)atomic_load(&e->verdict);
	told->at = atomic_load(&e->at);
	memcpy(told->text, e->text, sizeof told->text);
	told->text[sizeof told->text - 1] = '\0';
	atomic_thread_fence(memory_order_acquire);
	return get(e->number) == number;
}

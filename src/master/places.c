/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What the board says of the addresses of services: one place for each that
 * a pool has, for as long as one has it.
 */
#include <stdlib.h>
#include <sys/stat.h>

#include "conf/keyword.h"
#include "log/log.h"
#include "master/master.h"

/* What a pool makes of its places. */
static enum board_place_state
claim_of(const struct master *m, const struct pool *pool)
{
	if (pool->generation == m->current)
		return PLACE_CURRENT;
	return pool->generation == m->coming ? PLACE_COMING : PLACE_GOING;
}

/* If several pools have it, the one that is in charge counts most. */
static bool
outranks(enum board_place_state a, enum board_place_state b)
{
	static const int order[] = {
		[PLACE_FREE] = 0, [PLACE_GOING] = 1, [PLACE_COMING] = 2,
		[PLACE_CURRENT] = 3
	};

	return order[a] > order[b];
}

static uint32_t
inode_of(const struct listener *l)
{
	struct stat st;

	return l->fd != -1 && fstat(l->fd, &st) == 0 ? (uint32_t)st.st_ino : 0;
}

/* Where it stands in the configuration: by service, and there by address. */
static uint32_t
rank_of(const struct pool *pool, const struct listener *l)
{
	const struct service *s = pool->generation->conf->services;
	uint32_t rank = l->place;

	for (; s != NULL && s != pool->service; s = s->next)
		rank += UINT16_MAX + 1;
	return rank;
}

static unsigned
place_of(struct master *m, const struct pool *pool, unsigned nth)
{
	return board_take_place(&m->board, pool->service->name,
	    keyword_of_action(pool->service->action)->name,
	    pool->listener[nth]->name);
}

/* Say what is at the place of a pool's listener, if it is the pool's. */
static void
fill(struct master *m, const struct pool *pool, unsigned nth,
    const enum board_place_state *state)
{
	const struct listener *l = pool->listener[nth];
	unsigned i = place_of(m, pool, nth);
	struct board_place *place;

	if (i == BOARD_NO_PLACE || state[i] != claim_of(m, pool))
		return;
	place = &m->board.places[i];
	board_set_action(&m->board, i,
	    keyword_of_action(pool->service->action)->name);
	atomic_store(&place->wanted, nth == 0 ? pool->wanted : 0);
	atomic_store(&place->least, nth == 0 ? pool_least(pool) : 0);
	atomic_store(&place->most, nth == 0 ? pool_most(pool) : 0);
	atomic_store(&place->shares, nth != 0);
	atomic_store(&place->rank, rank_of(pool, l));
	atomic_store(&place->inode, inode_of(l));
	atomic_store(&place->is_unix, l->spec.kind == LISTEN_UNIX);
}

/* The place of a pool's listener, of which state[] says whose it is. */
static unsigned
settle_place(struct master *m, const struct pool *pool, unsigned nth,
    enum board_place_state *state)
{
	unsigned i = place_of(m, pool, nth);

	if (i == BOARD_NO_PLACE)
		log_warn("%s: the board has no room for %s; its figures are "
		    "those of the server alone", pool->service->name,
		    pool->listener[nth]->name);
	else if (outranks(claim_of(m, pool), state[i]))
		state[i] = claim_of(m, pool);
	return i;
}

void
places_settle(struct master *m)
{
	enum board_place_state *state = calloc(m->board.nplaces,
	    sizeof *state);
	unsigned used;

	/* Another time, then: it is only looked at. */
	if (state == NULL)
		return;
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		for (unsigned i = p->nlisteners; i-- > 0; )
			p->place = settle_place(m, p, i, state);
	/* Nothing of what is going is to be seen where somebody has come. */
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		for (unsigned i = 0; i < p->nlisteners; i++)
			fill(m, p, i, state);
	used = atomic_load(&m->board.head->places_used);
	for (unsigned i = 0; i < used; i++)
		if (state[i] != PLACE_FREE)
			atomic_store(&m->board.places[i].state, state[i]);
		else if (atomic_load(&m->board.places[i].state) != PLACE_FREE)
			board_free_place(&m->board, i);
	free(state);
	m->has_news = false;
}

void
places_show_phase(const struct master *m)
{
	enum board_phase phase = BOARD_IN_SERVICE;

	if (m->phase != PHASE_SERVING)
		phase = BOARD_STOPPING;
	else if (m->current == NULL)
		phase = BOARD_BOOTING;
	else if (m->coming != NULL || m->retiring != -1)
		phase = BOARD_RELOADING;
	else if (upgrade_is_under_way(m))
		phase = BOARD_UPGRADING;
	atomic_store(&m->board.head->phase, phase);
}

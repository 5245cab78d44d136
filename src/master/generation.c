/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See generation.h.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "base/fd.h"
#include "master/generation.h"
#include "master/pool.h"

#define SLACK	1000	/* ms that a deadline of a worker may be late */

/* The numbers of a service's workers go on from pool to pool. */
static unsigned
workers_before(const struct generation *g, const struct pool *pools,
    const struct service *service)
{
	unsigned n = 0;

	for (; pools != NULL; pools = pools->next)
		if (pools->generation == g && pools->service == service)
			n += pools->wanted;
	return n;
}

/*
 * The pool of a generation whose programs a service keeps, since nothing has
 * changed for it; NULL: none.
 */
static struct pool *
find_kept(struct pool *pools, const struct generation *before,
    const struct service *service)
{
	if (before == NULL || service->action != ACTION_RUN ||
	    service->on_reload != ON_RELOAD_KEEP)
		return NULL;
	while (pools != NULL && (pools->generation != before ||
	    !service_is_same(pools->service, service)))
		pools = pools->next;
	return pools;
}

/* Add a service's listeners to its only pool, in the order asked for. */
static void
add_in_order(struct pool *pool, const struct listeners *listeners)
{
	unsigned place = 0, before;

	do {
		before = place;
		for (struct listener *l = listeners->first; l != NULL;
		    l = l->next)
			if (l->coming == pool->service && l->place == place) {
				pool_add_listener(pool, l);
				place++;
			}
	} while (place > before);
}

static int
make_pools_of_run(struct generation *g, struct pool **pools,
    const struct conf *conf, const struct listeners *listeners,
    const struct generation *before)
{
	for (const struct service *s = conf->services; s != NULL;
	    s = s->next) {
		struct pool *pool;
		size_t n = 0;

		if (s->action != ACTION_RUN ||
		    find_kept(*pools, before, s) != NULL)
			continue;
		for (const struct listener *l = listeners->first; l != NULL;
		    l = l->next)
			n += l->coming == s;
		pool = pool_new(pools, g, s, 0, n);
		if (pool == NULL)
			return -1;
		add_in_order(pool, listeners);
	}
	return 0;
}

/* A pool for each listener that is coming; -1 and errno. */
static int
make_pools(struct generation *g, struct pool **pools,
    const struct listeners *listeners)
{
	for (struct listener *l = listeners->first; l != NULL; l = l->next) {
		struct pool *pool;

		if (l->coming == NULL || l->coming->action == ACTION_RUN)
			continue;
		pool = pool_new(pools, g, l->coming,
		    workers_before(g, *pools, l->coming), 1);
		if (pool == NULL)
			return -1;
		pool_add_listener(pool, l);
	}
	return 0;
}

static void
close_gate(struct generation *g)
{
	fd_close(&g->gate[0]);
	fd_close(&g->gate[1]);
}

/*
 * Not a pipe: to shut a socket down is heard by all who read from it, whoever
 * else may still have our end.
 */
static int
make_gate(struct generation *g)
{
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, g->gate) == 0)
		return 0;
	g->gate[0] = g->gate[1] = -1;
	return -1;
}

void
generation_give_time(struct generation *g, int64_t now)
{
	g->due = now + g->conf->start_timeout + SLACK;
}

struct generation *
generation_new(struct generation **list, struct pool **pools,
    struct conf *conf, const struct listeners *listeners,
    const struct generation *before, int64_t now)
{
	struct generation *g = calloc(1, sizeof *g);
	int saved;

	if (g == NULL)
		return NULL;
	g->number = before == NULL ? 1 : before->number + 1;
	g->conf = conf;
	generation_give_time(g, now);
	if (make_gate(g) == 0 && make_pools(g, pools, listeners) == 0 &&
	    make_pools_of_run(g, pools, conf, listeners, before) == 0) {
		g->next = *list;
		*list = g;
		return g;
	}
	saved = errno;
	pools_drop(pools, g);
	close_gate(g);
	free(g);
	errno = saved;
	return NULL;
}

void
generation_take_over(struct generation *g, struct pool *pools,
    const struct generation *before)
{
	for (const struct service *s = g->conf->services; s != NULL;
	    s = s->next) {
		struct pool *kept = find_kept(pools, before, s);

		if (kept != NULL)
			pool_adopt(kept, g, s);
	}
}

bool
generation_is_ready(const struct generation *g, const struct pool *pools)
{
	for (; pools != NULL; pools = pools->next)
		if (pools->generation == g && pools->ready != pools->wanted)
			return false;
	return true;
}

unsigned
generation_wanted(const struct generation *g, const struct pool *pools)
{
	unsigned n = 0;

	for (; pools != NULL; pools = pools->next)
		if (pools->generation == g)
			n += pools->wanted;
	return n;
}

const char *
generation_text(const struct generation *g, const struct pool *pools,
    char *buf, size_t size)
{
	unsigned services = 0, workers = generation_wanted(g, pools);

	for (const struct service *s = g->conf->services; s != NULL;
	    s = s->next)
		services++;
	snprintf(buf, size, "%u service%s, %u worker%s, generation %u",
	    services, services == 1 ? "" : "s", workers,
	    workers == 1 ? "" : "s", g->number);
	return buf;
}

void
generation_open_gate(const struct generation *g)
{
	(void)shutdown(g->gate[0], SHUT_WR);
}

void
generation_give_up(struct generation *g)
{
	generation_open_gate(g);
	g->failed = false;
	g->proven = true;
}

int
generation_last_gate(struct generation *g)
{
	int fd = g->gate[0];

	fd_close(&g->gate[1]);
	g->gate[0] = -1;
	return fd;
}

int
generation_renew_gate(struct generation *g)
{
	close_gate(g);
	if (make_gate(g) == -1)
		return -1;
	generation_open_gate(g);
	return 0;
}

void
generations_free_empty(struct generation **list, const struct generation *a,
    const struct generation *b)
{
	while (*list != NULL) {
		struct generation *g = *list;

		if (g == a || g == b || g->pools > 0) {
			list = &g->next;
			continue;
		}
		*list = g->next;
		close_gate(g);
		conf_free(g->conf);
		free(g);
	}
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See listeners.h.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "master/listeners.h"

/* A configuration that sockets are looked for. */
struct wish {
	struct listeners	*set;
	struct inherited	*inherited;
	const struct service	*service;
	unsigned		 places;	/* given in it */
	struct listen_failure	*failure;
};

/*
 * Of those with this address that nobody has asked for yet, the one that the
 * service has already; else any.  A unix socket that is being emptied has
 * lost its name for good.
 */
static struct listener *
find_kept(const struct wish *w, const struct conf_listen *spec)
{
	struct listener *any = NULL;

	for (struct listener *l = w->set->first; l != NULL; l = l->next) {
		if (l->fd == -1 || l->coming != NULL ||
		    !listen_is_same(&l->spec, spec) ||
		    (spec->kind == LISTEN_UNIX && l->phase != LISTENER_OPEN))
			continue;
		if (l->last != NULL && strcmp(l->last, w->service->name) == 0)
			return l;
		any = l;
	}
	return any;
}

/* What to do about it. */
static void
add_advice(struct text *t, const struct listen_failure *f)
{
	if (f->error == EADDRINUSE && f->port != 0)
		text_add(t, "; see who has it (ss -ltnp 'sport = :%u') or "
		    "choose another port", (unsigned)f->port);
	else if (f->error == EADDRINUSE)
		text_add(t, "; another server listens there; choose another "
		    "path");
	else if (f->error == EEXIST)
		text_add(t, " there that is no socket; remove it or choose "
		    "another path");
	else if (f->error == EACCES && f->port != 0 && f->port < 1024)
		text_add(t, "; ports below 1024 need root or the capability "
		    "CAP_NET_BIND_SERVICE (setcap cap_net_bind_service=ep "
		    "PROGRAM), or choose a higher port");
	else if (f->error == EADDRNOTAVAIL)
		text_add(t, "; see which addresses there are (ip addr)");
}

const char *
listen_failure_text(const struct listen_failure *f, char *buf, size_t size)
{
	const char *why = f->error == EADDRINUSE ? "address in use" :
	    f->error == EACCES ? "permission denied" :
	    f->error == EEXIST ? "a file is" : strerror(f->error);
	struct text t;

	text_init(&t, buf, size);
	text_add(&t, "cannot listen on %s: %s", f->name, why);
	add_advice(&t, f);
	return buf;
}

/* Remember which address it was, before anything is undone. */
static int
fail(const struct wish *w, const struct listener *l, int error)
{
	if (l != NULL)
		memcpy(w->failure->name, l->name, sizeof l->name);
	w->failure->port = l != NULL ? l->port : 0;
	w->failure->error = error;
	return -1;
}

/* In the order they were asked for, so that messages have that order. */
static void
append(struct listeners *set, struct listener *l)
{
	struct listener **last = &set->first;

	while (*last != NULL)
		last = &(*last)->next;
	*last = l;
}

static struct listener *
make(const struct wish *w, const struct conf_listen *spec, uint16_t port)
{
	struct listener *l = calloc(1, sizeof *l);
	struct handover_socket *handed = w->inherited->handed == NULL ? NULL :
	    handover_find(w->inherited->handed, spec, w->service->name);
	int fd;

	if (l == NULL) {
		(void)fail(w, NULL, errno);
		return NULL;
	}
	fd = handed == NULL ? inherited_find(w->inherited, spec) : -1;
	if (fd != -1) {
		listener_adopt(l, spec, fd);
	} else if ((handed != NULL ? listener_take_over(l, spec, handed) :
	    listener_bind(l, spec, port, w->set->first)) == -1) {
		(void)fail(w, l, errno);
		free(l);
		return NULL;
	}
	append(w->set, l);
	return l;
}

/* A socket for one address; NULL: there is none, and failure says why. */
static struct listener *
claim(struct wish *w, const struct conf_listen *spec, uint16_t port)
{
	struct listener *l = find_kept(w, spec);

	if (l == NULL)
		l = make(w, spec, port);
	if (l == NULL)
		return NULL;
	l->coming = w->service;
	l->place = w->places++;
	return l;
}

/* Both addresses of localhost, on one port; without IPv6, one is enough. */
static int
claim_localhost(struct wish *w, const struct conf_listen *asked)
{
	struct conf_listen spec = *asked;
	const struct listener *l;

	spec.kind = LISTEN_INET;
	spec.inet.s_addr = htonl(INADDR_LOOPBACK);
	l = claim(w, &spec, 0);
	if (l == NULL)
		return -1;
	spec.kind = LISTEN_INET6;
	spec.inet6 = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	if (claim(w, &spec, l->port) != NULL)
		return 0;
	return w->failure->error == EAFNOSUPPORT ||
	    w->failure->error == EADDRNOTAVAIL ? 0 : -1;
}

static int
claim_all(struct wish *w)
{
	w->places = 0;
	for (const struct conf_listen *spec = w->service->listens;
	    spec != NULL; spec = spec->next)
		if ((spec->kind == LISTEN_LOCALHOST ?
		    claim_localhost(w, spec) :
		    claim(w, spec, 0) != NULL ? 0 : -1) == -1)
			return -1;
	return 0;
}

int
listeners_prepare(struct listeners *set, const struct conf *conf,
    struct inherited *inherited, struct listen_failure *failure)
{
	struct wish w = {
		.set = set, .inherited = inherited, .failure = failure
	};

	*failure = (struct listen_failure){ .error = 0 };
	for (w.service = conf->services; w.service != NULL;
	    w.service = w.service->next)
		if (claim_all(&w) == -1) {
			/* Nothing listens early yet. */
			listeners_abandon(set, 0, 0);
			return -1;
		}
	return 0;
}

/* Open what is new, with one of the ways to do it. */
static int
open_new(struct listeners *set, bool is_early, struct listen_failure *failure)
{
	const struct wish w = { .failure = failure };

	for (struct listener *l = set->first; l != NULL; l = l->next) {
		int result = 0;

		if (is_early && l->phase == LISTENER_BOUND &&
		    l->coming->action == ACTION_RUN)
			result = listener_open_early(l, l->coming->backlog,
			    set->first);
		else if (!is_early && l->phase < LISTENER_OPEN)
			result = listener_open(l, l->coming->backlog,
			    set->first);
		if (result == -1)
			return fail(&w, l, errno);
	}
	return 0;
}

int
listeners_open_early(struct listeners *set, struct listen_failure *failure)
{
	return open_new(set, true, failure);
}

int
listeners_open(struct listeners *set, struct listen_failure *failure)
{
	return open_new(set, false, failure);
}

void
listeners_commit(struct listeners *set, int64_t now, int64_t room_due)
{
	for (struct listener *l = set->first; l != NULL; l = l->next) {
		if (l->coming != NULL) {
			/* Again, for those that stay: their queue's length. */
			(void)listener_open(l, l->coming->backlog,
			    set->first);
			l->last = l->coming->name;
		} else if (l->fd != -1) {
			listener_shut(l, now, room_due);
			l->last = NULL;
		}
		l->coming = NULL;
	}
}

void
listeners_abandon(struct listeners *set, int64_t now, int64_t room_due)
{
	for (struct listener *l = set->first; l != NULL; l = l->next) {
		bool is_new = l->last == NULL && l->phase <= LISTENER_OPEN;
		/* Nobody has heard of those; but of these, perhaps. */
		bool is_served = l->phase != LISTENER_BOUND &&
		    l->coming != NULL && l->coming->action == ACTION_RUN;

		l->coming = NULL;
		if (is_new && is_served)
			listener_shut(l, now, room_due);
		else if (is_new)
			listener_close(l);
	}
	listeners_forget(set);
}

void
listeners_shut(struct listeners *set, int64_t now, int64_t room_due)
{
	for (struct listener *l = set->first; l != NULL; l = l->next)
		if (l->fd != -1)
			listener_shut(l, now, room_due);
}

void
listeners_give_up(struct listeners *set, int64_t now, int64_t room_due)
{
	for (struct listener *l = set->first; l != NULL; l = l->next)
		if (l->is_kept)
			listener_give_up(l);
		else if (l->fd != -1)
			listener_shut(l, now, room_due);
}

bool
listeners_any_shut(const struct listeners *set)
{
	const struct listener *l = set->first;

	while (l != NULL && !listener_is_shut(l))
		l = l->next;
	return l != NULL;
}

bool
listeners_are_empty(const struct listeners *set)
{
	const struct listener *l = set->first;

	while (l != NULL && (l->phase == LISTENER_EMPTY ||
	    l->phase == LISTENER_CLOSED))
		l = l->next;
	return l == NULL;
}

int64_t
listeners_settle(struct listeners *set, int64_t now)
{
	int64_t next = CLOCK_NEVER;

	for (struct listener *l = set->first; l != NULL; l = l->next)
		next = clock_earlier(next, listener_settle(l, now));
	return next;
}

void
listeners_forget(struct listeners *set)
{
	struct listener **link = &set->first;

	while (*link != NULL) {
		struct listener *l = *link;

		if (l->fd != -1 || l->pools > 0) {
			link = &l->next;
			continue;
		}
		*link = l->next;
		free(l);
	}
}

void
listeners_close(struct listeners *set)
{
	for (struct listener *l = set->first; l != NULL; l = l->next)
		if (l->fd != -1)
			listener_close(l);
}

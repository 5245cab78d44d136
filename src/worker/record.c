/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See record.h.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/sig.h"
#include "board/view.h"
#include "log/log.h"
#include "worker/record.h"

#define FIELDS		7
#define NUMBER_MAX	24

/* A line under construction. */
struct line {
	struct log_field	field[FIELDS];
	size_t			n;
};

static void
add(struct line *l, const char *name, const char *value, bool is_number)
{
	l->field[l->n++] = (struct log_field){ name, value, is_number };
}

static void
add_number(struct line *l, const char *name, uint64_t n, char *buf)
{
	snprintf(buf, NUMBER_MAX, "%" PRIu64, n);
	add(l, name, buf, true);
}

/* Whether the service wants to know of it. */
static bool
is_wanted(const struct conn *c)
{
	switch (c->service->log_connections) {
	case LOG_CONNECTIONS_ALL:
		return true;
	case LOG_CONNECTIONS_FAILURES:
		return c->outcome != BOARD_OK;
	default:
		return false;
	}
}

/* How it ended, in a word or two. */
static const char *
outcome_of(const struct conn *c, char *buf, size_t size)
{
	char name[16];

	if (c->outcome != BOARD_PROGRAM)
		return view_outcomes[c->outcome];
	if (WIFSIGNALED(c->status))
		snprintf(buf, size, "signal %s", sig_name(WTERMSIG(c->status),
		    name, sizeof name));
	else
		snprintf(buf, size, "exit %d", WEXITSTATUS(c->status));
	return buf;
}

/* An address, or on a unix socket the user. */
static const char *
peer_of(const struct conn *c, const struct sockaddr_storage *from, char *buf,
    size_t size)
{
	struct ucred cred;
	socklen_t len = sizeof cred;

	if (from->ss_family != AF_UNIX)
		return addr_text((const struct sockaddr *)from,
		    from->ss_family == AF_INET ?
		    sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6),
		    buf, size);
	if (getsockopt(c->fd, SOL_SOCKET, SO_PEERCRED, &cred, &len) == -1)
		return "unix";
	snprintf(buf, size, "uid:%lu", (unsigned long)cred.uid);
	return buf;
}

void
record_connection(struct conn *c, const struct sockaddr_storage *from,
    int64_t since)
{
	char id[CONN_ID_MAX], peer[ADDR_TEXT_MAX], outcome[32], ms[NUMBER_MAX];
	char in[NUMBER_MAX], out[NUMBER_MAX];
	struct line l = { .n = 0 };

	if (!is_wanted(c))
		return;
	conn_id(c, id, sizeof id);
	add(&l, "id", id, false);
	add(&l, "peer", peer_of(c, from, peer, sizeof peer), false);
	add(&l, "outcome", outcome_of(c, outcome, sizeof outcome), false);
	add_number(&l, "ms", (uint64_t)(clock_now() - since), ms);
	if (conn_count(c)) {
		add_number(&l, "in", c->count_in, in);
		add_number(&l, "out", c->count_out, out);
	} else {
		add(&l, "in", "-", false);
		add(&l, "out", "-", false);
	}
	log_fields(LEVEL_INFO, l.field, l.n, "connection");
}

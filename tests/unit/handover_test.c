/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a server that is started takes what somebody has left in its
 * environment for what an old server hands over, and serves on sockets that
 * are none, or believes lengths that are not so; or it does not find the
 * socket that a service had.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "master/handover.h"
#include "unit/tap.h"

const char program_name[] = "handover_test";

/* What an old server would hand over: two sockets, one of each kind. */
struct giver {
	struct handover_set	set;
	struct conf_listen	inet, unix_;
	int			control[2], listener[2];
};

static int
listening_socket(void)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd == -1 || listen(fd, 1) == -1 ? -1 : fd;
}

static bool
set_up(struct giver *g)
{
	memset(g, 0, sizeof *g);
	g->inet = (struct conf_listen){
		.kind = LISTEN_INET, .port = 7890,
		.inet.s_addr = htonl(INADDR_LOOPBACK)
	};
	g->unix_ = (struct conf_listen){
		.kind = LISTEN_UNIX, .path = "/run/x", .mode = 0660,
		.uid = 12, .gid = 34
	};
	g->listener[0] = listening_socket();
	g->listener[1] = listening_socket();
	if (g->listener[0] == -1 || g->listener[1] == -1 ||
	    socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0,
	    g->control) == -1)
		return false;
	g->set.head.from = (uint32_t)getpid();
	g->set.head.control = g->control[1];
	g->set.head.generation = 7;
	strcpy(g->set.head.board, "/run/smiled/smiled.board");
	return handover_add(&g->set, g->listener[0], &g->inet, "a", true, 0,
	    0) == 0 && handover_add(&g->set, g->listener[1], &g->unix_, "b",
	    false, 5, 6) == 0;
}

static void
tear_down(struct giver *g)
{
	for (int i = 0; i < 2; i++) {
		fd_close(&g->control[i]);
		fd_close(&g->listener[i]);
	}
	handover_free(&g->set);
}

static void
round_trip(struct tap *tap, struct giver *g)
{
	struct handover_set set;
	struct handover_socket *s;
	struct conf_listen other = g->inet;
	int fd = handover_write(&g->set);

	ok(tap, handover_read(&set, fd) == 0 && set.head.n == 2 &&
	    set.head.generation == 7 && strcmp(set.head.board,
	    g->set.head.board) == 0, "what is written is read");
	s = handover_find(&set, &g->inet, "a");
	ok(tap, s != NULL && s->fd == g->listener[0] && s->is_adopted == 1,
	    "a socket is found by what was asked for");
	ok(tap, handover_find(&set, &g->inet, "other") == s,
	    "also for another service");
	other.port++;
	ok(tap, handover_find(&set, &other, "a") == NULL,
	    "none is found for another port");
	s = handover_find(&set, &g->unix_, "b");
	ok(tap, s != NULL && s->fd == g->listener[1] && s->dev == 5 &&
	    s->ino == 6 && s->is_adopted == 0, "so is a unix socket");
	if (s != NULL)
		s->fd = -1;
	ok(tap, handover_find(&set, &g->unix_, "b") == NULL,
	    "each is given but once");
	handover_free(&set);
	fd_close(&fd);
}

/* Whether sealed memory with these bytes is refused. */
static bool
is_refused(const void *bytes, size_t size, bool is_sealed)
{
	struct handover_set set;
	int fd = memfd_create("test", MFD_ALLOW_SEALING | MFD_CLOEXEC);
	bool refused;

	if (fd == -1 || fd_write_all(fd, bytes, size) == -1 || (is_sealed &&
	    fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE |
	    F_SEAL_SEAL) == -1))
		return false;
	refused = handover_read(&set, fd) == -1 && set.socket == NULL &&
	    set.head.n == 0;
	handover_free(&set);
	fd_close(&fd);
	return refused;
}

/* A good one in memory, to be spoilt. */
struct image {
	struct handover		head;
	struct handover_socket	socket[2];
};

static void
spoilt(struct tap *tap, const struct image *good)
{
	struct image bad;

#define REFUSED(what, change) do {					\
	bad = *good;							\
	change;								\
	ok(tap, is_refused(&bad, sizeof bad, true), "refused: %s", what); \
} while (0)
	ok(tap, !is_refused(good, sizeof *good, true), "a good one is not");
	REFUSED("no mark", bad.head.magic++);
	REFUSED("another form", bad.head.version++);
	REFUSED("a head of another size", bad.head.size--);
	REFUSED("sockets of another size", bad.head.socket_size++);
	REFUSED("more sockets than there are", bad.head.n = 3);
	REFUSED("any number of sockets", bad.head.n = UINT32_MAX);
	REFUSED("a path without end", memset(bad.head.board, 'x',
	    sizeof bad.head.board));
	REFUSED("a pid file without end", memset(bad.head.pidfile, 'x',
	    sizeof bad.head.pidfile));
	REFUSED("from another process", bad.head.from++);
	REFUSED("no socket to speak with", bad.head.control = 0);
	REFUSED("a negative one", bad.head.control = -1);
	REFUSED("a listener that is none", bad.socket[1].fd =
	    good->head.control);
	REFUSED("a descriptor that is not open", bad.socket[0].fd = 999);
	REFUSED("another listener than was meant", bad.socket[0].fd =
	    good->socket[1].fd);
	REFUSED("a service without end", memset(bad.socket[0].service, 'x',
	    sizeof bad.socket[0].service));
	REFUSED("a unix path without end", memset(bad.socket[1].path, 'x',
	    sizeof bad.socket[1].path));
#undef REFUSED
	ok(tap, is_refused(good, sizeof *good, false),
	    "refused: memory that can still change");
	ok(tap, is_refused(good, sizeof good->head - 1, true) &&
	    is_refused(good, sizeof *good - 1, true) &&
	    is_refused(good, 0, true), "refused: cut short");
}

static void
what_is_no_memory(struct tap *tap)
{
	struct handover_set set;
	int null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	ok(tap, handover_read(&set, null) == -1 && handover_read(&set, -1) ==
	    -1 && handover_read(&set, 999) == -1, "refused: no memory at all");
	fd_close(&null);
}

static void
words(struct tap *tap, const struct giver *g)
{
	char buf[8];
	size_t len = 0;
	int number = 5, end;

	ok(tap, handover_hear(g->control[1], buf, sizeof buf, &len) == 0,
	    "nothing has been said");
	(void)handover_say(g->control[0], WORD_KEPT, &number, sizeof number);
	handover_say_text(g->control[0], "too long for it");
	ok(tap, handover_hear(g->control[1], buf, sizeof buf, &len) ==
	    WORD_KEPT && len == sizeof number && memcmp(buf, &number,
	    sizeof number) == 0, "a word and what is behind it");
	ok(tap, handover_hear(g->control[1], buf, sizeof buf, &len) ==
	    WORD_TEXT && len == sizeof buf && memcmp(buf, "too long",
	    sizeof buf) == 0, "a text is cut to the room there is");
	end = g->control[0];
	(void)shutdown(end, SHUT_RDWR);
	ok(tap, handover_hear(g->control[1], buf, sizeof buf, &len) == -1 &&
	    !handover_say(g->control[1], WORD_GO, NULL, 0),
	    "the end is an end");
}

int
main(void)
{
	struct tap tap = { 0 };
	struct giver g;
	struct image good;
	int fd;

	if (!set_up(&g))
		return 71;
	round_trip(&tap, &g);
	fd = handover_write(&g.set);
	if (pread(fd, &good, sizeof good, 0) != (ssize_t)sizeof good)
		return 71;
	fd_close(&fd);
	spoilt(&tap, &good);
	what_is_no_memory(&tap);
	words(&tap, &g);
	tear_down(&g);
	return tap_end(&tap);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See listener.h.  How a unix socket gets its name is in unixpath.c.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/fd.h"
#include "log/log.h"
#include "master/door.h"
#include "master/listener.h"
#include "master/unixpath.h"

#define STEP_PATIENCE	1000	/* ms for handshakes under way */
#define LOOK_AGAIN	5	/* ms; the kernel has no event for "empty" */

/* -- Binding -- */

/* A socket of this family; -1 and errno. */
static int
new_socket(int family, int v6only)
{
	const int on = 1;
	int fd = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	/* Not to be kept waiting by connections of a server before us. */
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == -1 ||
	    (family == AF_INET6 && setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY,
	    &v6only, sizeof v6only) == -1))
		fd_close(&fd);
	return fd;
}

/*
 * An address that is a part of another, both on one port, can be bound and
 * listened on while the other is only if both sockets have SO_REUSEPORT at
 * that moment (socket(7)).  Afterwards they must not: somebody else of our
 * user could join them.  false: nobody of ours is in the way.
 */
static bool
make_room(struct listener *others, int fd, const struct conf_listen *spec,
    int on)
{
	bool found = false;

	for (struct listener *l = others; l != NULL; l = l->next) {
		if (l->fd == -1 || l->fd == fd ||
		    l->spec.kind == LISTEN_UNIX ||
		    !listen_overlaps(&l->spec, spec))
			continue;
		(void)setsockopt(l->fd, SOL_SOCKET, SO_REUSEPORT, &on,
		    sizeof on);
		found = true;
	}
	/* The kernel remembers a port that was once shared: never in vain. */
	if (found)
		(void)setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &on, sizeof on);
	return found;
}

static int
bind_making_room(int fd, const struct sockaddr *sa, socklen_t len,
    struct listener *others, const struct conf_listen *spec)
{
	int result, saved;

	if (bind(fd, sa, len) == 0)
		return 0;
	saved = errno;
	if (saved != EADDRINUSE || !make_room(others, fd, spec, 1)) {
		errno = saved;
		return -1;
	}
	result = bind(fd, sa, len);
	saved = errno;
	(void)make_room(others, fd, spec, 0);
	errno = saved;
	return result;
}

static int
bind_family(int family, const struct conf_listen *spec, uint16_t port,
    struct listener *others)
{
	const struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_port = htons(port),
		.sin6_addr = spec->inet6, .sin6_scope_id = spec->scope
	};
	const struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr = spec->inet
	};
	int fd = new_socket(family, spec->kind != LISTEN_ANY), result;

	if (fd == -1)
		return -1;
	result = family == AF_INET6 ?
	    bind_making_room(fd, (const void *)&sin6, sizeof sin6, others,
	    spec) :
	    bind_making_room(fd, (const void *)&sin, sizeof sin, others,
	    spec);
	if (result == -1)
		fd_close(&fd);
	return fd;
}

/* Whether an error says that the system has no IPv6. */
static int
means_no_ipv6(int error)
{
	return error == EAFNOSUPPORT || error == EPROTONOSUPPORT ||
	    error == EADDRNOTAVAIL;
}

static void
take_spec(struct listener *l, const struct conf_listen *spec)
{
	*l = (struct listener){ .fd = -1, .spec = *spec, .port = spec->port };
	/* It outlives the configuration that it came from. */
	l->spec.next = NULL;
	l->spec.user = l->spec.group = NULL;
	l->spec.origin = (struct origin){ .file = NULL };
	if (spec->kind == LISTEN_UNIX) {
		snprintf(l->un.sun_path, sizeof l->un.sun_path, "%s",
		    spec->path);
		l->spec.path = l->un.sun_path;
	}
	(void)listen_text(&l->spec, l->name, sizeof l->name);
}

/* The port that the kernel chose, in place of 0. */
static int
learn_port(struct listener *l)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;
	struct conf_listen real = l->spec;

	if (getsockname(l->fd, (struct sockaddr *)&ss, &len) == -1)
		return -1;
	real.port = l->port = addr_port((const struct sockaddr *)&ss);
	if (real.kind == LISTEN_ANY && ss.ss_family == AF_INET)
		real.kind = LISTEN_INET;
	(void)listen_text(&real, l->name, sizeof l->name);
	return 0;
}

int
listener_bind(struct listener *l, const struct conf_listen *spec,
    uint16_t port, struct listener *others)
{
	take_spec(l, spec);
	if (spec->kind == LISTEN_UNIX) {
		l->fd = unixpath_bind(l, others);
		return l->fd == -1 ? -1 : 0;
	}
	if (port == 0)
		port = spec->port;
	l->fd = bind_family(spec->kind == LISTEN_INET ? AF_INET : AF_INET6,
	    spec, port, others);
	if (l->fd == -1 && spec->kind == LISTEN_ANY && means_no_ipv6(errno))
		l->fd = bind_family(AF_INET, spec, port, others);
	if (l->fd != -1 && learn_port(l) == -1)
		fd_close(&l->fd);
	return l->fd == -1 ? -1 : 0;
}

void
listener_adopt(struct listener *l, const struct conf_listen *spec, int fd)
{
	take_spec(l, spec);
	l->fd = fd;
	l->is_adopted = true;
	l->phase = LISTENER_OPEN;
	/* Whoever had it may have left it with its door shut. */
	door_open(fd);
}

int
listener_take_over(struct listener *l, const struct conf_listen *spec,
    struct handover_socket *handed)
{
	take_spec(l, spec);
	l->fd = handed->fd;
	handed->fd = -1;
	l->is_adopted = l->is_handed = true;
	l->was_adopted = handed->is_adopted != 0;
	l->dev = (dev_t)handed->dev;
	l->ino = (ino_t)handed->ino;
	l->phase = LISTENER_OPEN;
	return spec->kind == LISTEN_UNIX ? 0 : learn_port(l);
}

void
listener_give_up(struct listener *l)
{
	fd_close(&l->fd);
	l->phase = LISTENER_CLOSED;
}

/* -- Opening and emptying -- */

static int
listen_making_room(struct listener *l, int backlog, struct listener *others)
{
	int result, saved;

	if (listen(l->fd, backlog) == 0)
		return 0;
	saved = errno;
	if (saved != EADDRINUSE || !make_room(others, l->fd, &l->spec, 1)) {
		errno = saved;
		return -1;
	}
	result = listen(l->fd, backlog);
	saved = errno;
	(void)make_room(others, l->fd, &l->spec, 0);
	errno = saved;
	return result;
}

/* The kernel cuts the queue to what the administrator allows. */
static int
queue_length(unsigned backlog)
{
	return backlog == 0 ? INT_MAX : (int)backlog;
}

int
listener_open_early(struct listener *l, unsigned backlog,
    struct listener *others)
{
	if (listen_making_room(l, queue_length(backlog), others) == -1)
		return -1;
	l->phase = LISTENER_EARLY;
	return 0;
}

int
listener_open(struct listener *l, unsigned backlog, struct listener *others)
{
	bool is_new = l->phase == LISTENER_BOUND ||
	    l->phase == LISTENER_EARLY;

	if (listener_is_shut(l))
		door_open(l->fd);
	if (!l->is_adopted && listen_making_room(l, queue_length(backlog),
	    others) == -1)
		return -1;
	if (is_new && l->spec.kind == LISTEN_UNIX && unixpath_name(l) == -1)
		return -1;
	l->phase = LISTENER_OPEN;
	return 0;
}

void
listener_shut(struct listener *l, int64_t now, int64_t room_due)
{
	if (l->phase > LISTENER_OPEN) {
		l->room_due = clock_earlier(l->room_due, room_due);
		return;
	}
	l->phase = LISTENER_DOOR;
	l->phase_due = now + STEP_PATIENCE;
	l->room_due = room_due;
	if (l->is_adopted)
		/* Who comes now waits for those who have it besides us. */
		l->phase = LISTENER_EMPTY;
	else if (l->spec.kind == LISTEN_UNIX)
		unixpath_remove(l);
	else if (door_shut(l->fd) == -1)
		log_warn("cannot shut the door of %s: %s; clients that come "
		    "at the last moment may be reset", l->name,
		    strerror(errno));
}

bool
listener_is_shut(const struct listener *l)
{
	return l->phase == LISTENER_DOOR || l->phase == LISTENER_ROOM ||
	    l->phase == LISTENER_EMPTY;
}

/* Connecting to a unix socket is one step: nobody is ever half way in. */
static bool
is_step_empty(const struct listener *l)
{
	return l->spec.kind == LISTEN_UNIX ||
	    door_is_somebody_on_step(l->port) == 0;
}

int64_t
listener_settle(struct listener *l, int64_t now)
{
	if (l->phase == LISTENER_DOOR && (is_step_empty(l) ||
	    now >= l->phase_due))
		l->phase = LISTENER_ROOM;
	if (l->phase == LISTENER_ROOM && (!door_is_room_taken(l->fd) ||
	    now >= l->room_due))
		l->phase = LISTENER_EMPTY;
	return l->phase == LISTENER_DOOR || l->phase == LISTENER_ROOM ?
	    now + LOOK_AGAIN : CLOCK_NEVER;
}

/* -- Mending -- */

bool
listener_is_down(const struct listener *l)
{
	struct pollfd pfd = { .fd = l->fd, .events = POLLRDHUP };

	return poll(&pfd, 1, 0) > 0;
}

/*
 * The socket itself listens again, which all who share it profit from.  Of a
 * port that the kernel chose it has let go, and it is given another then.
 */
static bool
listens_again(struct listener *l, unsigned backlog, struct listener *others)
{
	struct sockaddr_storage ss;
	socklen_t len = sizeof ss;

	return l->spec.kind != LISTEN_UNIX &&
	    listen_making_room(l, queue_length(backlog), others) == 0 &&
	    getsockname(l->fd, (struct sockaddr *)&ss, &len) == 0 &&
	    addr_port((const struct sockaddr *)&ss) == l->port;
}

int
listener_mend(struct listener *l, unsigned backlog, struct listener *others,
    bool *is_other)
{
	struct listener fresh;
	int result;

	*is_other = false;
	if (listens_again(l, backlog, others))
		return 0;
	if (l->is_adopted) {
		errno = ENOTCONN;
		return -1;
	}
	if (listener_bind(&fresh, &l->spec, l->port, others) == -1)
		return -1;
	result = l->phase == LISTENER_EARLY ?
	    listener_open_early(&fresh, backlog, others) :
	    listener_open(&fresh, backlog, others);
	if (result == 0)
		result = dup3(fresh.fd, l->fd, O_CLOEXEC);
	if (result == -1) {
		listener_close(&fresh);
		return -1;
	}
	fd_close(&fresh.fd);
	l->dev = fresh.dev;
	l->ino = fresh.ino;
	*is_other = true;
	return 0;
}

void
listener_close(struct listener *l)
{
	if (l->spec.kind == LISTEN_UNIX && !l->is_adopted)
		unixpath_remove(l);
	fd_close(&l->fd);
	l->phase = LISTENER_CLOSED;
}

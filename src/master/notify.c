/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See notify.h.  Each message goes through a socket of its own, so that a
 * manager that has made its socket anew is found again; one that has no room
 * is kept, to be polled.
 */
#include <errno.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "master/notify.h"

#define WATCHDOG_MIN	2000		/* us; half of it is a millisecond */
#define WATCHDOG_MAX	(UINT64_C(1000) * TEXT_TIME_MAX)

/* What can be said, in the order in which it is. */
enum word {
	RELOADING,
	READY,
	STOPPING,
	SUCCEEDED,
	STATUS,
	ALIVE,
	WORDS
};

/* -- Who is to be told -- */

/* The value of a variable, which nobody will find any more. */
static const char *
take(const char *var)
{
	const char *value = getenv(var);

	(void)unsetenv(var);
	return value;
}

void
notify_take(struct notify *n)
{
	const char *pid;
	uint64_t whose = 0;

	*n = (struct notify){ .fd = -1, .known_pid = getpid() };
	n->name = take("NOTIFY_SOCKET");
	n->watchdog = take("WATCHDOG_USEC");
	pid = take("WATCHDOG_PID");
	/* With -b the master is another process, and its life is meant. */
	if (pid != NULL && (text_number(pid, 1, INT32_MAX, &whose) == -1 ||
	    (pid_t)whose != n->known_pid))
		n->watchdog = NULL;
}

/* "@NAME" is one in the abstract namespace, unix(7).  -1 and errno. */
static int
set_address(struct notify *n, const char *name)
{
	const size_t len = strlen(name);

	if (name[0] == '/')
		return addr_unix(name, &n->address, &n->address_len);
	if (name[0] != '@' || len == 1) {
		errno = EAFNOSUPPORT;
		return -1;
	}
	if (len > sizeof n->address.sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	n->address.sun_family = AF_UNIX;
	memcpy(n->address.sun_path + 1, name + 1, len - 1);
	n->address_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) +
	    len);
	return 0;
}

static void
set_watchdog(struct notify *n, int64_t now)
{
	uint64_t usec;

	if (text_number(n->watchdog, WATCHDOG_MIN, WATCHDOG_MAX, &usec) == -1) {
		log_warn("WATCHDOG_USEC=%s is no time to keep: no signs of "
		    "life for the service manager", n->watchdog);
		return;
	}
	n->period = (int64_t)(usec / 2000);
	n->due = now + n->period;
}

void
notify_open(struct notify *n, int64_t now)
{
	n->fd = -1;
	n->due = CLOCK_NEVER;
	if (n->name == NULL || n->name[0] == '\0')
		return;
	if (set_address(n, n->name) == -1) {
		log_warn("NOTIFY_SOCKET=%s is %s: the service manager is told "
		    "nothing", n->name, errno == ENAMETOOLONG ? "too long" :
		    "no path and no abstract name");
		return;
	}
	if (n->watchdog != NULL)
		set_watchdog(n, now);
}

/* -- Saying it -- */

/* Write one message, without an end of line. */
static void
compose(const struct notify *n, enum word word, struct text *t)
{
	switch (word) {
	case RELOADING:
		text_add(t, "RELOADING=1\nMONOTONIC_USEC=%ju",
		    (uintmax_t)n->reload_usec);
		return;
	case READY:
		text_add(t, "READY=1\n");
		/* Whom it has started ends when we are ready (-b). */
		if (getpid() != n->known_pid)
			text_add(t, "MAINPID=%ld\n", (long)getpid());
		break;
	case STOPPING:
		text_add(t, "STOPPING=1\n");
		if (n->patience > 0)
			text_add(t, "EXTEND_TIMEOUT_USEC=%jd\n",
			    (intmax_t)n->patience * 1000);
		break;
	case SUCCEEDED:
		text_add(t, "MAINPID=%ld", (long)n->successor);
		return;
	case STATUS:
		break;
	default:
		text_add(t, "WATCHDOG=1");
		return;
	}
	text_add(t, "STATUS=%s", n->status);
}

/* A socket that leads to the manager; -1 and errno. */
static int
reach(const struct notify *n)
{
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (const void *)&n->address,
	    n->address_len) == -1)
		fd_close(&fd);
	return fd;
}

/* Whether it is done with, perhaps in vain; else there is no room. */
static bool
say_word(struct notify *n, enum word word)
{
	char buf[NOTIFY_STATUS_MAX + 128];
	struct text t;

	text_init(&t, buf, sizeof buf);
	compose(n, word, &t);
	fd_close(&n->fd);
	n->fd = reach(n);
	if (n->fd != -1 && send(n->fd, buf, t.len, MSG_DONTWAIT |
	    MSG_NOSIGNAL) != -1) {
		n->has_failed = false;
	} else if (n->fd != -1 && errno == EAGAIN) {
		return false;
	} else if (!n->has_failed) {
		log_warn("cannot tell the service manager: %s",
		    strerror(errno));
		n->has_failed = true;
	}
	fd_close(&n->fd);
	return true;
}

static void
say(struct notify *n)
{
	for (int word = 0; word < WORDS; word++) {
		if ((n->wanted & 1U << word) == 0)
			continue;
		if (!say_word(n, (enum word)word))
			return;
		n->wanted &= ~(1U << word);
	}
}

/* -- What is wanted -- */

/* Say it, and none of what it leaves behind. */
static void
want(struct notify *n, enum word word, unsigned instead_of)
{
	n->wanted &= ~instead_of;
	n->wanted |= 1U << word;
	say(n);
}

static void
set_status(struct notify *n, const char *fmt, va_list ap)
{
	char plain[NOTIFY_STATUS_MAX];
	struct text text;

	text_init(&text, plain, sizeof plain);
	text_add_list(&text, fmt, ap);
	text_init(&text, n->status, sizeof n->status);
	text_add_escaped(&text, plain, strlen(plain));
}

static bool
is_deaf(const struct notify *n)
{
	return n->address_len == 0 || n->is_over || n->is_mute;
}

void
notify_reloading(struct notify *n)
{
	struct timespec ts;

	if (is_deaf(n))
		return;
	/* By it the manager knows this reload from the one before. */
	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	n->reload_usec = (uint64_t)ts.tv_sec * 1000000 +
	    (uint64_t)ts.tv_nsec / 1000;
	want(n, RELOADING, 1U << READY | 1U << STATUS);
}

void
notify_ready(struct notify *n, const char *fmt, ...)
{
	va_list ap;

	if (is_deaf(n))
		return;
	va_start(ap, fmt);
	set_status(n, fmt, ap);
	va_end(ap);
	want(n, READY, 1U << STATUS);
}

void
notify_status(struct notify *n, const char *fmt, ...)
{
	va_list ap;

	if (is_deaf(n))
		return;
	va_start(ap, fmt);
	set_status(n, fmt, ap);
	va_end(ap);
	want(n, STATUS, 0);
}

void
notify_stopping(struct notify *n, int64_t patience, const char *fmt, ...)
{
	va_list ap;

	if (is_deaf(n))
		return;
	va_start(ap, fmt);
	set_status(n, fmt, ap);
	va_end(ap);
	n->is_over = true;
	n->patience = patience;
	want(n, STOPPING, 1U << STATUS);
}

void
notify_succeeded(struct notify *n, pid_t successor)
{
	if (is_deaf(n))
		return;
	n->is_over = true;
	n->successor = successor;
	n->due = CLOCK_NEVER;
	want(n, SUCCEEDED, 1U << READY | 1U << STATUS | 1U << ALIVE);
}

int64_t
notify_settle(struct notify *n, int64_t now)
{
	if (now >= n->due) {
		n->due = now + n->period;
		if (!n->is_mute)
			n->wanted |= 1U << ALIVE;
	}
	say(n);
	return n->due;
}

int
notify_awaited(const struct notify *n)
{
	return n->wanted != 0 ? n->fd : -1;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a worker told to stop at the wrong instant sleeps on in accept,
 * or drops the connection it has just been given.
 *
 * The worker is the server's own; only accept4(2) is wrapped by the linker
 * (-Wl,--wrap=accept4), so that QUIT can be raised at the very instant: right
 * before the system call is entered, and right after it has returned a
 * connection.  Asleep in accept is where /proc says it is.  Then the same at
 * moments left to chance, TRIES times.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"
#include "unit/tap.h"
#include "worker/worker.h"

#define TRIES	2000
#define LIMIT	20000	/* ms for anything to happen */

const char program_name[] = "stop_race_test";

/* When the wrapped accept4 shall raise QUIT. */
enum instant {
	NEVER,
	BEFORE,			/* about to enter the system call */
	AFTER			/* it has just returned a connection */
};
static enum instant instant;

int	__real_accept4(int, struct sockaddr *, socklen_t *, int);
int	__wrap_accept4(int, struct sockaddr *, socklen_t *, int);

int
__wrap_accept4(int fd, struct sockaddr *sa, socklen_t *len, int flags)
{
	int conn;

	if (instant == BEFORE) {
		instant = NEVER;
		(void)raise(SIGQUIT);
	}
	conn = __real_accept4(fd, sa, len, flags);
	if (instant == AFTER && conn != -1) {
		instant = NEVER;
		(void)raise(SIGQUIT);
	}
	return conn;
}

/* What a try needs. */
struct place {
	struct conf		*conf;
	struct board		board;
	int			listener;
	struct sockaddr_in	addr;
	int			report[2];
};

static int
prepare(struct place *place)
{
	const struct conf_source nothing = { .dir = "" };
	socklen_t len = sizeof place->addr;
	struct complaints complaints;

	place->conf = conf_read(&nothing, &complaints);
	memset(&place->addr, 0, sizeof place->addr);
	place->addr.sin_family = AF_INET;
	place->addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	place->listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	return place->conf == NULL || place->listener == -1 ||
	    bind(place->listener, (struct sockaddr *)&place->addr, len) == -1 ||
	    listen(place->listener, 100) == -1 ||
	    getsockname(place->listener, (struct sockaddr *)&place->addr,
	    &len) == -1 ||
	    socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0,
	    place->report) == -1 ||
	    fd_point_at_null(STDIN_FILENO) == -1 ||
	    board_create_anonymous(&place->board, 8, 8) == -1 ? -1 : 0;
}

/* Fork a worker and wait until it is ready. */
static pid_t
start_worker(struct place *place, enum instant when)
{
	static const struct title no_title;
	const struct worker_socket socket = { place->listener, "test" };
	struct worker_birth birth = {
		.service = place->conf->services, .number = 1,
		.generation = 1, .gate = -1, .log_level = LEVEL_INFO,
		.sockets = &socket, .nsockets = 1,
		.report = place->report[1], .output = -1,
		.log = STDERR_FILENO, .board = &place->board, .slot = 0,
		.master = getpid(), .title = &no_title
	};
	struct report report;
	pid_t pid = fork();

	if (pid == 0) {
		instant = when;
		worker_run(&birth);
	}
	if (recv(place->report[0], &report, sizeof report, 0) == -1)
		return -1;
	return pid;
}

/* Wait for the worker's end; its status, or -1 if it does not end. */
static int
end_of(pid_t pid)
{
	int64_t end = clock_now() + LIMIT;
	int status;

	while (waitpid(pid, &status, WNOHANG) == 0) {
		if (clock_now() >= end) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, &status, 0);
			return -1;
		}
		(void)poll(NULL, 0, 1);
	}
	return status;
}

static int
connect_to(const struct place *place)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && connect(fd, (const struct sockaddr *)&place->addr,
	    sizeof place->addr) == -1)
		fd_close(&fd);
	return fd;
}

/* Whether the message comes, whole, and then the end. */
static bool
is_served(const struct place *place, int fd)
{
	char buf[256];
	size_t len = 0;
	ssize_t n;

	while ((n = recv(fd, buf + len, sizeof buf - len, 0)) > 0)
		len += (size_t)n;
	return n == 0 && len == place->conf->services->message.len &&
	    memcmp(buf, place->conf->services->message.bytes, len) == 0;
}

/*
 * Nobody has accepted this connection, or somebody has served it: take it
 * from the queue if it is there.  The last step into the queue may come after
 * connect(2) has returned.  false: it was taken and then dropped.
 */
static bool
is_queued_or_served(const struct place *place, int fd)
{
	struct pollfd pfd[2] = {
		{ .fd = place->listener, .events = POLLIN },
		{ .fd = fd, .events = POLLIN }
	};

	if (poll(pfd, 2, LIMIT) < 1)
		return false;
	if (pfd[0].revents != 0) {
		int conn = __real_accept4(place->listener, NULL, NULL, 0);

		return conn != -1 && close(conn) == 0;
	}
	return is_served(place, fd);
}

static bool
sleeps_in_accept(pid_t pid)
{
	char path[64], buf[32] = "";
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/syscall", (long)pid);
	f = fopen(path, "r");
	if (f == NULL || fgets(buf, sizeof buf, f) == NULL)
		buf[0] = '\0';
	if (f != NULL)
		(void)fclose(f);
	return atoi(buf) == SYS_accept4;
}

static void
test_before(struct tap *tap, struct place *place)
{
	pid_t pid = start_worker(place, BEFORE);

	ok(tap, end_of(pid) == 0, "QUIT before accept is entered: it ends");
}

static void
test_asleep(struct tap *tap, struct place *place)
{
	pid_t pid = start_worker(place, NEVER);
	int64_t end = clock_now() + LIMIT;

	while (!sleeps_in_accept(pid) && clock_now() < end)
		(void)poll(NULL, 0, 1);
	ok(tap, sleeps_in_accept(pid), "the worker sleeps in accept");
	(void)kill(pid, SIGQUIT);
	ok(tap, end_of(pid) == 0, "QUIT asleep in accept: it ends");
}

static void
test_after(struct tap *tap, struct place *place)
{
	pid_t pid = start_worker(place, AFTER);
	int fd = connect_to(place);

	ok(tap, is_served(place, fd),
	    "QUIT after accept has returned: the client is served");
	ok(tap, end_of(pid) == 0, "and then it ends");
	(void)close(fd);
}

/* The null device must not be served as if it were a listener. */
static void
test_second(struct tap *tap, struct place *place)
{
	pid_t pid = start_worker(place, NEVER);

	(void)kill(pid, SIGQUIT);
	(void)kill(pid, SIGQUIT);
	ok(tap, end_of(pid) == 0, "two QUITs at once: it ends");
}

static void
test_chance(struct tap *tap, struct place *place)
{
	int slept_on = 0, lost = 0;

	for (int i = 0; i < TRIES; i++) {
		pid_t pid = start_worker(place, NEVER);
		int fd = connect_to(place);

		for (volatile int spin = rand() % 30000; spin > 0; spin--)
			;
		(void)kill(pid, SIGQUIT);
		slept_on += end_of(pid) != 0;
		lost += !is_queued_or_served(place, fd);
		(void)close(fd);
	}
	ok(tap, slept_on == 0, "%d moments left to chance: all end (%d do "
	    "not)", TRIES, slept_on);
	ok(tap, lost == 0, "and no client is lost (%d are)", lost);
}

int
main(void)
{
	struct tap tap = { 0, 0 };
	struct place place;
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	if (!ok(&tap, prepare(&place) == 0, "a listener and a board"))
		return tap_end(&tap);
	test_before(&tap, &place);
	test_asleep(&tap, &place);
	test_after(&tap, &place);
	test_second(&tap, &place);
	test_chance(&tap, &place);
	conf_free(place.conf);
	return tap_end(&tap);
}

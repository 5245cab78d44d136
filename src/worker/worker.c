/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The worker: accept a connection, serve it, accept again.
 *
 * How it stops.  A flag tested before accept(2) would leave a gap: the signal
 * may come after the test, and accept then sleeps on.  So nothing is tested.
 * The handler of QUIT puts /dev/null in the place of the listener with one
 * dup2(2), and from then on waiting is impossible: an accept that sleeps gets
 * EINTR, one about to begin gets ENOTSOCK, and one that has just returned a
 * connection sees it served first.  Only this process's descriptor changes;
 * the socket and its queue are untouched, and this process no longer holds
 * them.  A second QUIT ends the process, connection or not; but first the
 * program, if there is one (exec.c).
 *
 * It knows nothing of the master but its pid and the socket for reports.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "base/status.h"
#include "log/log.h"
#include "worker/builtin.h"
#include "worker/conn.h"
#include "worker/exec.h"
#include "worker/priv.h"
#include "worker/record.h"
#include "worker/run.h"
#include "worker/worker.h"

#define PAUSE_FIRST	10	/* milliseconds, then doubled */
#define PAUSE_LAST	1000

/* What the handler of QUIT needs to know. */
static volatile sig_atomic_t quit_listener = -1;
static volatile sig_atomic_t quit_gate = -1;
static volatile sig_atomic_t quits;
static volatile sig_atomic_t has_program;	/* which must be ended first */

/* A worker's working life. */
struct worker {
	const struct service	*service;
	unsigned		 generation;
	int			 listener;
	const struct board	*board;
	uint64_t		 count;		/* of connections */
	int			 report;	/* to the master; -1: nothing */
	unsigned		 index;		/* of our slot */
	unsigned		 spare;		/* 0: nobody asks */
	unsigned		 seen_idle;	/* a slot: look there first */
	unsigned		 recycle;	/* 0: never */
	bool			 is_worn;	/* and the master knows */
	struct exec		 exec;
	struct board_slot	*slot;
	int			 pause;		/* after the next error */
	struct log_brake	 brake;		/* on accept's errors */
	struct log_brake	 flipped;	/* others set O_NONBLOCK */
};

static void
quit(int signo)
{
	int saved = errno;

	(void)signo;
	if (quits++ > 0 && !has_program)
		_exit(STATUS_OK);
	(void)dup2(STDIN_FILENO, quit_listener);
	/* Only then: the master hears of it that we cannot accept. */
	if (quit_gate != -1)
		(void)dup2(STDIN_FILENO, quit_gate);
	errno = saved;
}

/* Deaf to all but QUIT and KILL, from now on. */
static void
listen_to_quit(const struct worker_birth *birth)
{
	struct sigaction sa;

	quit_listener = birth->sockets[0].fd;
	quit_gate = birth->gate;
	sig_default_all();
	memset(&sa, 0, sizeof sa);
	sa.sa_handler = quit;		/* no SA_RESTART: accept must end */
	sigfillset(&sa.sa_mask);
	(void)sigaction(SIGQUIT, &sa, NULL);
	if (birth->service->action == ACTION_EXEC) {
		exec_hear_of_children();
		sig_deafen_by_mask();
	} else {
		sig_deafen();
		(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
	}
}

/*
 * Learn of the master's death as a QUIT.  It may have died before this was
 * asked for, and then whoever has adopted us is our parent.
 */
static void
follow(pid_t master)
{
	(void)prctl(PR_SET_PDEATHSIG, SIGQUIT);
	if (getppid() != master)
		(void)raise(SIGQUIT);
}

/*
 * The door has been shut, perhaps by a hop limit (master/door.h), and this
 * connection came about after that: it would be deaf to its client.
 */
static void
lift_hop_limit(int fd)
{
	const int none = 0;

	(void)setsockopt(fd, IPPROTO_IP, IP_MINTTL, &none, sizeof none);
	(void)setsockopt(fd, IPPROTO_IPV6, IPV6_MINHOPCOUNT, &none,
	    sizeof none);
}

/* Each time twice as long; a signal ends it. */
static void
wait_longer(struct worker *w)
{
	(void)poll(NULL, 0, w->pause);
	w->pause = w->pause * 2 < PAUSE_LAST ? w->pause * 2 : PAUSE_LAST;
}

/*
 * Have the master hear something, without waiting for it.  false: it has not,
 * but has something else to read.
 */
static bool
say(const struct worker *w, enum report_kind kind)
{
	const struct report report = { .kind = kind };

	return send(w->report, &report, sizeof report, MSG_DONTWAIT |
	    MSG_NOSIGNAL) == (ssize_t)sizeof report;
}

/*
 * Just busy.  If there are too few left that are not, the master may want to
 * make more; if it cannot be told, it reads what others have said, and after
 * that looks at all of us.
 */
static void
look_around(struct worker *w)
{
	if (board_lacks_idle(w->board, w->index, w->spare, &w->seen_idle))
		(void)say(w, REPORT_SHORT);
}

/* If it cannot be told now, it is told after the next connection. */
static void
say_worn(struct worker *w)
{
	if (w->count >= w->recycle && !w->is_worn)
		w->is_worn = say(w, REPORT_WORN);
}

static void
serve(struct worker *w, int fd, const struct sockaddr_storage *from)
{
	const int on = 1;
	struct conn conn;

	if (atomic_load_explicit(&w->board->head->door_shut,
	    memory_order_acquire) >= w->generation)
		lift_hop_limit(fd);
	if (w->service->keepalive)
		(void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
	board_accepted(w->slot, from);
	if (w->spare > 0)
		look_around(w);
	conn_start(&conn, fd, w->service, ++w->count);
	if (w->service->action == ACTION_EXEC)
		exec_serve(&w->exec, &conn);
	else
		builtin_serve(&conn, w->board);
	record_connection(&conn, from, board_since(w->slot));
	(void)close(fd);
	board_finished(w->slot, conn.outcome, conn.bytes_out);
	if (w->recycle > 0)
		say_worn(w);
	if (conn.outcome == BOARD_FAILED)
		wait_longer(w);
	else
		w->pause = PAUSE_FIRST;
}

/* Somebody made the shared socket non-blocking: wait for it by poll. */
static void
wait_flipped(struct worker *w)
{
	struct pollfd pfd = { .fd = w->listener, .events = POLLIN };
	uint64_t held;

	if (log_brake(&w->flipped, &held))
		log_warn("the listening socket was made non-blocking by "
		    "somebody who shares it; coping");
	(void)poll(&pfd, 1, -1);
}

/* Resources are short: leave the client queued, and try again later. */
static void
wait_for_resources(struct worker *w, int error)
{
	uint64_t held;

	if (log_brake(&w->brake, &held))
		log_warn("cannot accept: %s; trying again in %d ms (%ju more "
		    "like this not logged)", strerror(error), w->pause,
		    (uintmax_t)held);
	wait_longer(w);
}

/*
 * accept(2) failed.  Whether it is worth another try; if not, *status is how
 * to exit.
 */
static bool
try_again(struct worker *w, int error, enum status *status)
{
	uint64_t held;

	switch (error) {
	case EINTR:
		if (w->service->action == ACTION_EXEC)
			exec_reap(&w->exec);
		return true;
	case EAGAIN:
		wait_flipped(w);
		return true;
	case EBADF:
	case ENOTSOCK:
	case EINVAL:
		*status = quits > 0 ? STATUS_OK : STATUS_INTERNAL;
		if (quits == 0)
			log_error("cannot accept: %s; the listening socket is "
			    "gone", strerror(error));
		return false;
	case EMFILE:
	case ENFILE:
	case ENOBUFS:
	case ENOMEM:
		board_accept_failed(w->slot);
		wait_for_resources(w, error);
		return true;
	default:
		/* One client's trouble: accept(2) lists them. */
		board_accept_failed(w->slot);
		if (log_brake(&w->brake, &held))
			log_info("accept: %s; going on (%ju more like this "
			    "not logged)", strerror(error), (uintmax_t)held);
		return true;
	}
}

static enum status
work(struct worker *w)
{
	enum status status;

	for (;;) {
		struct sockaddr_storage from;
		socklen_t size = sizeof from;
		int fd = accept4(w->listener, (struct sockaddr *)&from, &size,
		    SOCK_CLOEXEC);

		if (fd != -1)
			serve(w, fd, &from);
		else if (!try_again(w, errno, &status))
			return status;
	}
}

/* Take leave of the master's things and take up our own. */
static void
settle_in(struct worker *w, const struct worker_birth *birth)
{
	const int keep[] = {
		STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO, w->listener,
		birth->gate, birth->report, birth->log,
		birth->service->file_fd
	};
	const char *what;

	w->slot = board_enter(birth->board, birth->slot);
	if (w->slot == NULL) {
		log_error("cannot map the board: %s", strerror(errno));
		_exit(STATUS_SYSTEM);
	}
	fd_keep_only(keep, sizeof keep / sizeof keep[0]);
	if (birth->service->action == ACTION_EXEC && exec_init(&w->exec,
	    birth->service, birth->path, &quits, &has_program) == -1) {
		log_error("cannot get ready for programs: %s",
		    strerror(errno));
		_exit(STATUS_SYSTEM);
	}
	if (priv_drop(birth->service, &what) == -1) {
		log_error("%s: %s", what, strerror(errno));
		_exit(STATUS_NO_PERMISSION);
	}
	listen_to_quit(birth);
	follow(birth->master);
}

static void
say_ready(struct worker *w)
{
	const struct report ready = { .kind = REPORT_READY };

	/*
	 * This may wait while the master is busy with many; if it has died,
	 * QUIT has come or comes.
	 */
	while (send(w->report, &ready, sizeof ready, MSG_NOSIGNAL) == -1 &&
	    errno == EINTR && quits == 0)
		;
	if (w->spare == 0 && w->recycle == 0)
		fd_close(&w->report);
}

/*
 * Until the master has made sure that all others are ready as well, and its
 * sockets open.  false: it never will, or it is gone; the signal that says so
 * may not reach us.  The gate stays ours, as long as we may accept.
 */
static bool
wait_at_gate(const struct worker *w, int gate)
{
	char nothing;

	if (gate == -1)
		return true;
	while (read(gate, &nothing, 1) == -1 && errno == EINTR && quits == 0)
		;
	return atomic_load(&w->board->head->generation) >= w->generation;
}

/* Who we are, for the log and for ps(1). */
static void
take_name(const struct worker_birth *birth)
{
	char tag[64];

	snprintf(tag, sizeof tag, "%s/%u", birth->service->name,
	    birth->number);
	log_set_tag(tag);
	log_set_level(birth->log_level);
	title_set(birth->title, "smiled: worker %s", tag);
}

noreturn void
worker_run(const struct worker_birth *birth)
{
	struct worker w = {
		.service = birth->service, .generation = birth->generation,
		.listener = birth->sockets[0].fd,
		.board = birth->board, .pause = PAUSE_FIRST,
		.report = birth->report, .index = birth->slot,
		.spare = service_is_adaptive(birth->service) ?
		    birth->service->spare : 0,
		.seen_idle = birth->slot, .recycle = birth->recycle
	};

	take_name(birth);
	if (birth->service->action == ACTION_RUN)
		run_become(birth);
	settle_in(&w, birth);
	board_set_state(w.slot, BOARD_WAITING);
	say_ready(&w);
	_exit(wait_at_gate(&w, birth->gate) ? work(&w) : STATUS_OK);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See exec.h.
 *
 * The worker keeps its own copy of the connection, so that the program's end
 * is not yet the connection's: what the client has not taken is waited for
 * (conn_linger), and a client's bytes that nobody read cannot cut it short.
 *
 * A pid or a group is only ever signalled while its leader is our child and
 * has not been waited for: until then the number is nobody else's.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <linux/tcp.h>

#include "base/clock.h"
#include "base/sig.h"
#include "log/log.h"
#include "worker/exec.h"
#include "worker/spawn.h"

#define ROUNDS		200	/* looks for escapees, 5 ms apart */
#define SILENCE		60000	/* ms a client may take nothing of a reply
				 * whose program has ended */

/* The kernel's name for it is in no header that goes with linux/tcp.h. */
#define STATE_CLOSE	7

/* How hard the program has been told to end. */
enum rung {
	RUNG_NONE,
	RUNG_TERM,
	RUNG_KILL
};

/* One program and its connection. */
struct course {
	struct exec		*exec;
	struct conn		*conn;
	pid_t			 pid;
	bool			 watches_client;
	uint64_t		 bytes;		/* moved either way, when last
						 * asked */
	int64_t			 due;		/* the end of timeout */
	int64_t			 idle_due;
	enum rung		 rung;
	int64_t			 rung_due;	/* the next */
};

static uint64_t
cpu_limit(const struct service *service)
{
	uint64_t limit = UINT64_MAX;

	for (const struct conf_rlimit *l = service->rlimits; l != NULL;
	    l = (const void *)l->item.next)
		if (l->resource == RLIMIT_CPU)
			limit = l->limit;
	return limit;
}

static void
note_child(int signo)
{
	(void)signo;
}

int
exec_init(struct exec *e, const struct service *service, const char *path,
    const volatile sig_atomic_t *quits, volatile sig_atomic_t *has_program)
{
	*e = (struct exec){
		.service = service, .path = path, .quits = quits,
		.has_program = has_program, .cpu = cpu_limit(service),
		.errlines = { .in = -1, .out = -1 }
	};
	if (family_init(&e->family, NULL, NULL) == -1 ||
	    environ_init(&e->environ, service) == -1)
		return -1;
	return service->stderr_to == STDERR_LOG ?
	    errlines_init(&e->errlines) : 0;
}

void
exec_hear_of_children(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = note_child;	/* only to be woken by it */
	sigemptyset(&sa.sa_mask);
	(void)sigaction(SIGCHLD, &sa, NULL);
}

/* -- The client -- */

static bool
ask_tcp(const struct course *c, struct tcp_info *info)
{
	socklen_t len = sizeof *info;

	return getsockopt(c->conn->fd, IPPROTO_TCP, TCP_INFO, info, &len) == 0;
}

/*
 * Whether there is no connection any more and the program has not ended its
 * side.  The client's acknowledgement of that end counts as a byte, but the
 * end is none that was sent.
 */
static bool
is_cut(const struct tcp_info *info)
{
	return info->tcpi_state == STATE_CLOSE && info->tcpi_bytes_acked <=
	    info->tcpi_bytes_sent - info->tcpi_bytes_retrans;
}

/*
 * A reset is an error, unless a call of the program's has taken that away.
 * When both have ended their sides, nobody is missed: the program has said
 * all, and may have more to do.  A unix socket does not tell the difference.
 */
static bool
is_client_gone(const struct course *c, short revents)
{
	struct tcp_info info;

	if (revents & POLLERR)
		return true;
	if (!c->exec->service->half_close && (revents & POLLRDHUP))
		return true;
	return (revents & POLLHUP) && (c->exec->path != NULL ||
	    (ask_tcp(c, &info) && is_cut(&info)));
}

/* Nothing has moved, or so it seems: when it is time to ask again. */
static int64_t
look_idle(struct course *c, int64_t now)
{
	const int64_t idle = c->exec->service->idle_timeout;
	struct tcp_info info;
	uint64_t bytes;
	int64_t quiet;

	if (!ask_tcp(c, &info))
		return CLOCK_NEVER;
	bytes = info.tcpi_bytes_acked + info.tcpi_bytes_received;
	if (bytes == c->bytes)
		return now;
	c->bytes = bytes;
	quiet = info.tcpi_last_data_sent < info.tcpi_last_data_recv ?
	    info.tcpi_last_data_sent : info.tcpi_last_data_recv;
	/* Something has moved since the last look: count from then. */
	return clock_after(now, quiet < idle ? idle - quiet : idle);
}

/* -- The program's end -- */

static int64_t
earliest(const struct course *c)
{
	return clock_earlier(c->rung_due, c->rung != RUNG_NONE ? CLOCK_NEVER :
	    clock_earlier(c->due, c->idle_due));
}

/* Tell the program and its group to end; each time it is told harder. */
static void
climb(struct course *c, int64_t now)
{
	if (c->rung == RUNG_NONE) {
		c->rung = RUNG_TERM;
		c->rung_due = clock_after(now, c->exec->service->kill_grace);
		(void)kill(-c->pid, SIGTERM);
		/* One that is stopped would not hear it. */
		(void)kill(-c->pid, SIGCONT);
	} else {
		c->rung = RUNG_KILL;
		c->rung_due = CLOCK_NEVER;
		(void)kill(-c->pid, SIGKILL);
	}
}

static void
end_for(struct course *c, enum board_outcome outcome, int64_t now)
{
	if (c->rung != RUNG_NONE)
		return;
	c->conn->outcome = outcome;
	climb(c, now);
}

/* What the time asks for. */
static void
check_time(struct course *c, int64_t now)
{
	if (c->rung == RUNG_NONE && *c->exec->quits > 1)
		end_for(c, BOARD_KILLED, now);
	if (c->rung != RUNG_NONE && now >= c->rung_due)
		climb(c, now);
	if (c->rung == RUNG_NONE && now >= c->due)
		end_for(c, BOARD_TIMEOUT, now);
	if (c->rung == RUNG_NONE && now >= c->idle_due) {
		c->idle_due = look_idle(c, now);
		if (c->idle_due <= now)
			end_for(c, BOARD_IDLE, now);
	}
}

/* Wait for whatever comes first, with signals open. */
static void
wait_for_news(struct course *c)
{
	struct pollfd pfds[2] = {
		{ .fd = c->watches_client ? c->conn->fd : -1,
		  .events = c->exec->service->half_close ? 0 : POLLRDHUP },
		{ .fd = c->exec->errlines.in, .events = POLLIN }
	};
	struct timespec left;

	if (ppoll(pfds, 2, clock_left(clock_now(), earliest(c), &left),
	    &c->exec->open) <= 0)
		return;
	if (pfds[1].revents != 0)
		(void)errlines_read(&c->exec->errlines,
		    c->exec->environ.id);
	if (pfds[0].revents == 0)
		return;
	/* It would be said again and again. */
	c->watches_client = false;
	if (is_client_gone(c, pfds[0].revents))
		end_for(c, BOARD_RESET, clock_now());
}

/*
 * Whether the program has ended, and with what status.  One that was told to
 * stays ours a moment longer: its group is ours to signal as long as it is not
 * waited for.
 */
static bool
has_ended(const struct course *c, int *status)
{
	siginfo_t info = { .si_pid = 0 };

	if (c->rung == RUNG_NONE)
		return waitpid(c->pid, status, WNOHANG) != 0;
	if (waitid(P_PID, (id_t)c->pid, &info, WEXITED | WNOHANG |
	    WNOWAIT) == 0 && info.si_pid == 0)
		return false;
	(void)kill(-c->pid, SIGKILL);
	(void)waitpid(c->pid, status, 0);
	return true;
}

/* All that is known of how it ended. */
static void
judge(struct course *c, int status)
{
	char death[64];

	if (c->conn->outcome != BOARD_OK || status == 0)
		return;
	c->conn->outcome = BOARD_PROGRAM;
	c->conn->status = status;
	log_debug("%s: %s %s", c->exec->environ.id,
	    c->exec->service->program.argv[0],
	    sig_death(status, death, sizeof death));
}

/* What left the group, and what that leaves when it dies. */
static void
end_escapees(struct exec *e)
{
	for (int i = 0; i < ROUNDS && family_kill(&e->family) > 0; i++) {
		(void)poll(NULL, 0, 5);
		exec_reap(e);
	}
}

static void
see_to_its_end(struct course *c)
{
	int status = 0;

	/* If it has ended before the wait, a signal that is pending ends it. */
	do {
		check_time(c, clock_now());
		wait_for_news(c);
	} while (!has_ended(c, &status));
	if (c->rung != RUNG_NONE)
		end_escapees(c->exec);
	errlines_end(&c->exec->errlines, c->exec->environ.id);
	judge(c, status);
}

/* -- From its beginning -- */

static pid_t
start(struct exec *e, const struct conn *conn)
{
	const struct spawn what = {
		.argv = e->service->program.argv, .envp = e->environ.vars,
		.conn = conn->fd, .cpu = e->cpu,
		.err = e->service->stderr_to == STDERR_CLIENT ? conn->fd :
		    e->service->stderr_to == STDERR_NULL ? STDIN_FILENO :
		    e->errlines.out
	};

	return spawn(&what);
}

static void
tell_failure(struct exec *e, int error)
{
	uint64_t held;

	if (log_brake(&e->brake, &held))
		log_error("%s: cannot run %s: %s (%ju more like this not "
		    "logged)", e->environ.id, e->service->program.argv[0],
		    strerror(error), (uintmax_t)held);
}

/* Returns when its time is over; or 0 if there is no reply to see to. */
static int64_t
run(struct exec *e, struct conn *conn)
{
	int64_t now = clock_now();
	struct course c = {
		.exec = e, .conn = conn, .watches_client = true,
		.due = clock_after(now, e->service->timeout),
		.idle_due = clock_after(now, e->path != NULL ? CLOCK_NEVER :
		    e->service->idle_timeout),
		.rung_due = CLOCK_NEVER
	};

	/* Whoever is there now is not this program's. */
	if (e->has_children)
		family_accept(&e->family);
	c.pid = start(e, conn);
	if (c.pid == -1) {
		conn->outcome = BOARD_FAILED;
		tell_failure(e, errno);
		return c.due;
	}
	see_to_its_end(&c);
	return c.rung == RUNG_NONE ? c.due : 0;
}

void
exec_serve(struct exec *e, struct conn *conn)
{
	sigset_t all;
	int64_t due;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &e->open);
	environ_tell(&e->environ, conn, e->path);
	*e->has_program = 1;
	due = run(e, conn);
	*e->has_program = 0;
	(void)sigprocmask(SIG_SETMASK, &e->open, NULL);
	if (due != 0)
		conn_linger_until(conn, due, SILENCE);
	/* What the program has written went past us. */
	if (conn_count(conn))
		conn->bytes_out = conn->count_out;
	/* What ended meanwhile wakes nobody any more. */
	exec_reap(e);
}

void
exec_reap(struct exec *e)
{
	pid_t pid;

	while ((pid = waitpid(-1, NULL, WNOHANG)) > 0)
		family_forget(&e->family, pid);
	e->has_children = pid == 0;
}

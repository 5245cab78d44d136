/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See upgrade.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"
#include "log/log.h"
#include "master/master.h"

#define SLACK	3000	/* ms more than the new server gives itself */
#define HEARING	1000	/* ms for our workers to hear that they shall leave */

/* -- How it ended -- */

/* A verdict of one line, and what the new server has said. */
static void
give_verdict(struct master *m, enum board_verdict verdict, const char *line)
{
	char buf[BOARD_TEXT_MAX];
	struct text t;

	text_init(&t, buf, sizeof buf);
	text_add(&t, "%s: %s", verdict == BOARD_ACCEPTED ? "accepted" :
	    "refused", line);
	if (verdict == BOARD_REFUSED)
		text_add(&t, "%s", m->upgrade.buf);
	ledger_end(&m->board.head->upgrades, verdict, buf);
}

static void
refuse(struct master *m, const char *why)
{
	struct upgrade *u = &m->upgrade;

	u->step = UPGRADE_NONE;
	u->due = CLOCK_NEVER;
	fd_close(&u->control);
	places_show_phase(m);
	give_verdict(m, BOARD_REFUSED, why);
	log_error("upgrade refused: %s; pid %ld serves on", why,
	    (long)getpid());
	notify_status(&m->manager, "upgrade refused: %s", why);
}

/* -- Starting it -- */

static int
collect(const struct master *m, struct handover_set *set)
{
	struct handover *h = &set->head;

	h->from = (uint32_t)getpid();
	h->generation = m->current->number;
	h->has_file = m->conf->has_file;
	snprintf(h->board, sizeof h->board, "%s", m->board.path);
	snprintf(h->pidfile, sizeof h->pidfile, "%s", m->pidfile.path);
	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next)
		if (l->phase == LISTENER_OPEN && handover_add(set, l->fd,
		    &l->spec, l->last, l->is_adopted, l->dev, l->ino) == -1)
			return -1;
	return 0;
}

/* For the verdict; the process does not come to anything. */
static noreturn void
cannot(int control, const char *what, const char *path)
{
	const int error = errno;
	char line[PATH_MAX + 128];

	snprintf(line, sizeof line, "cannot %s %s: %s%s", what, path,
	    strerror(error), error == ENOENT && access(path, F_OK) == 0 ?
	    " (the interpreter that it names is missing)" : "");
	handover_say_text(control, line);
	_exit(STATUS_SYSTEM);
}

static void
keep_over_exec(int fd)
{
	(void)fcntl(fd, F_SETFD, 0);
}

/* What we took out of the environment, and the hand-over. */
static int
set_environment(const struct master *m, int memory)
{
	char number[16];

	snprintf(number, sizeof number, "%d", memory);
	return setenv(HANDOVER_VARIABLE, number, 1) == -1 ||
	    (m->manager.name != NULL && setenv("NOTIFY_SOCKET",
	    m->manager.name, 1) == -1) ||
	    (m->manager.watchdog != NULL && setenv("WATCHDOG_USEC",
	    m->manager.watchdog, 1) == -1) ? -1 : 0;
}

/*
 * In the child: become the new program, as we were started.  All signals stay
 * blocked, and with their default actions, so that one that comes in between
 * is kept for it.
 */
static noreturn void
become(const struct master *m, const struct handover_set *set, int memory,
    int control)
{
	sig_default_all();
	keep_over_exec(memory);
	keep_over_exec(control);
	for (size_t i = 0; i < set->head.n; i++)
		keep_over_exec(set->socket[i].fd);
	if (m->self.dir != NULL && chdir(m->self.dir) == -1)
		cannot(control, "enter", m->self.dir);
	if (set_environment(m, memory) == 0)
		(void)execve(m->self.path, m->self.argv, environ);
	cannot(control, "run", m->self.path);
}

static int
start(struct master *m)
{
	struct handover_set set = { .socket = NULL };
	int ends[2] = { -1, -1 }, memory = -1, saved;
	pid_t pid = -1;

	if (collect(m, &set) == 0 && socketpair(AF_UNIX, SOCK_SEQPACKET |
	    SOCK_CLOEXEC, 0, ends) == 0) {
		set.head.control = ends[1];
		memory = handover_write(&set);
	}
	if (memory != -1)
		pid = fork();
	if (pid == 0)
		become(m, &set, memory, ends[1]);
	saved = errno;
	handover_free(&set);
	fd_close(&memory);
	fd_close(&ends[1]);
	if (pid == -1) {
		fd_close(&ends[0]);
		errno = saved;
		return -1;
	}
	m->upgrade.pid = pid;
	m->upgrade.control = ends[0];
	return 0;
}

/* What forbids it, or NULL. */
static const char *
obstacle(const struct master *m)
{
	if (getpid() == 1)
		return "process 1 cannot be replaced, since everything in its "
		    "namespace ends with it; start a new container";
	if (m->self.path == NULL)
		return "the program's file was not to be found when it was "
		    "started; start it by a path";
	return NULL;
}

void
upgrade_begin(struct master *m, int64_t now)
{
	struct upgrade *u = &m->upgrade;
	const char *why = obstacle(m);

	if (u->step != UPGRADE_NONE) {
		log_warn("upgrade: one is under way");
		return;
	}
	/* One thing at a time. */
	u->is_wanted = m->heir.step != HEIR_NONE || reload_is_under_way(m);
	if (u->is_wanted)
		return;
	text_init(&u->said, u->buf, sizeof u->buf);
	ledger_begin(&m->board.head->upgrades);
	if (why != NULL) {
		refuse(m, why);
	} else if (start(m) == -1) {
		refuse(m, strerror(errno));
	} else {
		u->step = UPGRADE_STARTING;
		u->due = clock_after(now, m->conf->start_timeout + SLACK);
		log_info("upgrade: %s starts as pid %ld", m->self.path,
		    (long)u->pid);
		notify_status(&m->manager, "upgrading");
	}
}

/* -- Handing over -- */

static void
keep(struct master *m, const char *buf, size_t len)
{
	int fd;

	for (; len >= sizeof fd; buf += sizeof fd, len -= sizeof fd) {
		memcpy(&fd, buf, sizeof fd);
		for (struct listener *l = m->listeners.first; l != NULL;
		    l = l->next)
			if (fd != -1 && l->fd == fd)
				l->is_kept = true;
	}
}

static void
note(struct upgrade *u, const char *line, size_t len)
{
	text_add(&u->said, "\n");
	text_add_escaped(&u->said, line, len);
	log_error("upgrade: %.*s", (int)len, line);
}

static void
let_go(struct master *m, int64_t now)
{
	m->upgrade.step = UPGRADE_GOING;
	m->upgrade.due = clock_after(now, m->conf->start_timeout);
	(void)handover_say(m->upgrade.control, WORD_GO, NULL, 0);
}

/* Whether our pools, once empty, may yet be filled again. */
static void
park(struct master *m, bool is_parked)
{
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		p->is_parked = is_parked && p->generation == m->current;
}

/* The new server accepts: ours finish what they have. */
static void
retire(struct master *m, int64_t now)
{
	struct upgrade *u = &m->upgrade;

	u->step = UPGRADE_HEARING;
	u->due = now + HEARING;
	park(m, true);
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		if (pool_is_kept(p))
			pool_retire(p, &m->slots, now);
	u->hearing = generation_last_gate(m->current);
}

/* Whoever comes by a socket that the new server does not want is served yet. */
static bool
has_unwanted(const struct master *m)
{
	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next)
		if (l->fd != -1 && !l->is_kept)
			return true;
	return false;
}

/* None of ours accepts: what there is one of is the new master's. */
static void
give(struct master *m, int64_t now)
{
	struct upgrade *u = &m->upgrade;

	u->step = UPGRADE_GIVING;
	u->due = clock_after(now, m->conf->start_timeout);
	fd_close(&u->hearing);
	board_keep(&m->board);
	pidfile_release(&m->pidfile);
	(void)handover_say(u->control, WORD_OVER, NULL, 0);
}

/* It has everything. */
static void
finish(struct master *m, int64_t now)
{
	struct upgrade *u = &m->upgrade;
	char line[64];

	u->step = UPGRADE_OVER;
	u->due = CLOCK_NEVER;
	park(m, false);
	snprintf(line, sizeof line, "pid %ld serves in place of pid %ld",
	    (long)u->pid, (long)getpid());
	give_verdict(m, BOARD_ACCEPTED, line);
	log_info("upgrade accepted: %s", line);
	notify_succeeded(&m->manager, u->pid);
	board_forget(&m->board);
	pidfile_forget(&m->pidfile);
	m->phase = PHASE_DRAINING;
	title_set(&m->title, "smiled: master, its last connections");
	if (has_unwanted(m))
		closing_announce(m, UINT_MAX);
	listeners_give_up(&m->listeners, now, now + m->conf->stop_timeout);
	/* What we were told meanwhile is for the server. */
	if (m->once_more)
		(void)kill(u->pid, SIGHUP);
	m->once_more = false;
	if (u->stop_wanted) {
		(void)kill(u->pid, SIGTERM);
		stop_gracefully(m, now);
	}
}

void
upgrade_hear(struct master *m, int64_t now)
{
	struct upgrade *u = &m->upgrade;
	char buf[2048];
	size_t len;
	int word = 0;

	while (u->control != -1 &&
	    (word = handover_hear(u->control, buf, sizeof buf, &len)) > 0) {
		if (word == WORD_TEXT)
			note(u, buf, len);
		else if (word == WORD_KEPT)
			keep(m, buf, len);
		else if (word == WORD_READY && u->step == UPGRADE_STARTING)
			let_go(m, now);
		else if (word == WORD_SERVING && u->step == UPGRADE_GOING)
			retire(m, now);
		else if (word == WORD_DONE && u->step == UPGRADE_GIVING)
			finish(m, now);
	}
	/* Its end is told by its death. */
	if (u->control != -1 && word == -1)
		fd_close(&u->control);
}

/* -- Going back -- */

/* Our workers were told to leave: have others. */
static void
revive(struct master *m)
{
	fd_close(&m->upgrade.hearing);
	if (generation_renew_gate(m->current) == -1)
		log_error("cannot make a gate: %s", strerror(errno));
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		if (p->is_parked && p->is_retired)
			pool_revive(p);
	park(m, false);
	m->has_news = true;
}

/* What was given away is ours again. */
static void
take_back(struct master *m)
{
	const char *path = m->conf->pid_file;

	if (m->board.hidden[0] != '\0' && board_publish(&m->board,
	    m->upgrade.pid) == -1)
		log_warn("cannot put the board back in its place: %s",
		    strerror(errno));
	pidfile_forget(&m->pidfile);
	if (path != NULL && pidfile_create(&m->pidfile, path) == -1)
		log_warn("cannot take back the pid file %s: %s", path,
		    strerror(errno));
}

static void
go_back(struct master *m, const char *why, int64_t now)
{
	struct upgrade *u = &m->upgrade;

	if (u->step >= UPGRADE_GIVING)
		take_back(m);
	if (u->step >= UPGRADE_HEARING)
		revive(m);
	board_sweep(&m->board, u->pid);
	for (struct listener *l = m->listeners.first; l != NULL; l = l->next)
		l->is_kept = false;
	u->pid = 0;
	refuse(m, why);
	if (u->stop_wanted)
		stop_gracefully(m, now);
	u->stop_wanted = false;
}

bool
upgrade_died(struct master *m, pid_t pid, int status, int64_t now)
{
	struct upgrade *u = &m->upgrade;
	char death[64], why[128];

	if (pid != u->pid)
		return false;
	/* What it said at the last, or that it had everything. */
	upgrade_hear(m, now);
	(void)sig_death(status, death, sizeof death);
	snprintf(why, sizeof why, "the new server (pid %ld) %s before it had "
	    "taken over", (long)pid, death);
	if (u->step == UPGRADE_OVER)
		log_error("the server that took over (pid %ld) %s", (long)pid,
		    death);
	else if (u->step != UPGRADE_NONE)
		go_back(m, why, now);
	else
		/* It may have been making its board when it was killed. */
		board_sweep(&m->board, pid);
	u->pid = 0;
	return true;
}

void
upgrade_abandon(struct master *m, const char *why)
{
	struct upgrade *u = &m->upgrade;

	u->is_wanted = false;
	if (u->step != UPGRADE_STARTING)
		return;
	/* It has not been told that it may serve. */
	(void)kill(u->pid, SIGKILL);
	board_sweep(&m->board, u->pid);
	refuse(m, why);
}

bool
upgrade_defers_stop(struct master *m)
{
	struct upgrade *u = &m->upgrade;

	if (u->step <= UPGRADE_STARTING || u->step == UPGRADE_OVER)
		return false;
	u->stop_wanted = true;
	return true;
}

bool
upgrade_is_under_way(const struct master *m)
{
	return m->heir.step != HEIR_NONE ||
	    (m->upgrade.step != UPGRADE_NONE &&
	    m->upgrade.step != UPGRADE_OVER);
}

static bool
is_heard(const struct upgrade *u, int64_t now)
{
	struct pollfd pfd = { .fd = u->hearing };

	return poll(&pfd, 1, 0) != 0 || now >= u->due;
}

int64_t
upgrade_settle(struct master *m, int64_t now)
{
	static const char late[] = "it was not ready in time";
	struct upgrade *u = &m->upgrade;

	if (u->is_wanted && m->phase == PHASE_SERVING)
		upgrade_begin(m, now);
	if (u->step == UPGRADE_HEARING && is_heard(u, now))
		give(m, now);
	/* From then on the new one speaks to the service manager. */
	if (u->step == UPGRADE_OVER && notify_awaited(&m->manager) == -1)
		fd_close(&u->control);
	if (u->step == UPGRADE_NONE || u->step == UPGRADE_OVER)
		return CLOCK_NEVER;
	if (now >= u->due && u->pid != 0) {
		note(u, late, strlen(late));
		(void)kill(u->pid, SIGKILL);
		u->due = CLOCK_NEVER;
	}
	return u->due;
}

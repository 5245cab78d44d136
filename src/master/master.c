/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See master.h.  Here: how the master comes up, its one wait and its one
 * switch over signals.
 *
 * Signals are blocked from the first line of main and open only inside the
 * wait, so none can come between a look at the facts and the wait for the
 * next; their handlers only note them (base/sig.h).
 */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "board/rundir.h"
#include "log/log.h"
#include "master/master.h"

/* Addresses that the board has room for: as many as workers, but */
#define PLACES_LEAST	64
#define PLACES_MOST	1024

#define OVERSLEPT	100	/* ms too late: we were stopped, or starved */

void
master_listen(struct master *m)
{
	struct listen_failure failure;
	char text[512];

	if (listeners_prepare(&m->listeners, m->conf, &m->inherited,
	    &failure) == 0 && listeners_open(&m->listeners, &failure) == 0) {
		inherited_close(&m->inherited);
		handover_close_rest(&m->heir.set);
		return;
	}
	/* Names of unix sockets would stay. */
	listeners_close(&m->listeners);
	inherited_close(&m->inherited);
	die(failure.error == EACCES || failure.error == EPERM ?
	    STATUS_NO_PERMISSION : STATUS_UNAVAILABLE, "%s",
	    listen_failure_text(&failure, text, sizeof text));
}

/* The run-time directory, given or not. */
static int
name_rundir(const struct master *m, char *dir, size_t size)
{
	if (m->conf->run_dir == NULL)
		return rundir_name(dir, size);
	snprintf(dir, size, "%s", m->conf->run_dir);
	return 0;
}

/* Whether the master before us has its board there. */
static bool
follows_board(const struct master *m, const char *dir)
{
	char path[PATH_MAX + NAME_MAX];

	snprintf(path, sizeof path, "%s/%s.board", dir, m->conf->instance);
	return strcmp(path, m->heir.set.head.board) == 0;
}

static unsigned
places_for(unsigned workers)
{
	if (workers < PLACES_LEAST)
		return PLACES_LEAST;
	return workers < PLACES_MOST ? workers : PLACES_MOST;
}

/* The board, in a file if that can be, else where nobody can see it. */
static int
open_board(struct master *m)
{
	unsigned nslots = 2 * m->conf->max_workers;
	unsigned nplaces = places_for(m->conf->max_workers);
	char dir[PATH_MAX];
	pid_t owner = 0;

	if (name_rundir(m, dir, sizeof dir) == 0 && rundir_make(dir) == 0 &&
	    (follows_board(m, dir) ? board_create_hidden(&m->board, dir,
	    m->conf->instance, nslots, nplaces) : board_create(&m->board, dir,
	    m->conf->instance, nslots, nplaces, &owner)) == 0)
		return 0;
	if (errno == EADDRINUSE)
		log_warn("%s/%s.board belongs to the server with pid %ld; "
		    "this one keeps its board to itself", dir,
		    m->conf->instance, (long)owner);
	else
		log_warn("cannot make a board in %s: %s; keeping it in memory",
		    dir, strerror(errno));
	return board_create_anonymous(&m->board, nslots, nplaces);
}

/* Say what cannot be done; the status to end with. */
static enum status
cannot(const char *what)
{
	say("cannot %s: %s", what, strerror(errno));
	return STATUS_SYSTEM;
}

static enum status
set_up_pidfile(struct master *m)
{
	const char *path = m->conf->pid_file;

	/* The master before us has it; it is handed over later. */
	if (path != NULL && strcmp(path, m->heir.set.head.pidfile) == 0)
		return STATUS_OK;
	if (path == NULL || pidfile_create(&m->pidfile, path) == 0)
		return STATUS_OK;
	say("cannot make the pid file %s: %s", path, errno == EBUSY ?
	    "another server has it, and lives" : strerror(errno));
	return STATUS_CANNOT_CREATE;
}

/* Where the log goes; until then it is said on stderr what is wrong. */
static enum status
set_up_log(struct master *m)
{
	const char *why;

	if (logkeeper_init(&m->logkeeper, &m->title) == -1)
		return cannot("make the pipe of the log");
	if (logkeeper_open(&m->logkeeper, m->conf, &why) == -1) {
		say("cannot open the log %s: %s", m->conf->log.path, why);
		return STATUS_CANNOT_CREATE;
	}
	logkeeper_set_output(&m->logkeeper, m->conf);
	m->logkeeper.drops_stderr = m->waiting.drops_stderr;
	return STATUS_OK;
}

/* What everything below needs. */
static enum status
set_up(struct master *m)
{
	enum status status = set_up_log(m);

	if (status != STATUS_OK)
		return status;
	notify_open(&m->manager, clock_now());
	m->manager.is_mute = m->heir.step != HEIR_NONE;
	if (open_board(m) == -1)
		return cannot("make the board");
	status = set_up_pidfile(m);
	if (status != STATUS_OK)
		return status;
	if (report_open(m->report) == -1)
		return cannot("make the report socket");
	m->notify = report_open_notify(m->notify_name,
	    sizeof m->notify_name);
	if (m->notify == -1)
		return cannot("make the socket that programs speak to");
	if (slots_init(&m->slots, m->board.nslots) == -1)
		return cannot("make the table of slots");
	if (reap_init(m) == -1)
		return cannot("adopt what programs leave behind");
	m->slots.board = &m->board;
	m->slots.logkeeper = &m->logkeeper;
	m->slots.notify = m->notify_name;
	m->slots.title = &m->title;
	m->slots.report = m->report[1];
	m->slots.log = m->logkeeper.out;
	m->slots.drops_stderr = m->waiting.drops_stderr;
	m->slots.master = getpid();
	return STATUS_OK;
}

static void
catch_signals(void)
{
	static const int caught[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGUSR1, SIGUSR2, SIGTTIN,
		SIGTTOU, SIGCHLD
	};

	for (size_t i = 0; i < sizeof caught / sizeof caught[0]; i++)
		sig_catch(caught[i]);
	sig_deafen();
}

/* TTIN and TTOU may come from a terminal, and then mean something else. */
static bool
has_terminal(void)
{
	int fd = open("/dev/tty", O_RDONLY | O_NOCTTY | O_CLOEXEC);
	bool has = fd != -1;

	fd_close(&fd);
	return has;
}

/* One worker more or one fewer in a fixed pool, until the next reload. */
static void
resize_pool(struct master *m, struct pool *pool, int more)
{
	unsigned all = supply_most(m);
	const char *name = pool->service->name;
	unsigned wanted = more > 0 ? pool->wanted + 1 : pool->wanted - 1;

	if (wanted < 1 || (more > 0 && all >= m->conf->max_workers)) {
		log_info("%s: workers stay at %u", name, pool->wanted);
		return;
	}
	log_info("%s: workers %u -> %u", name, pool->wanted, wanted);
	pool->wanted = wanted;
	m->has_news = true;
}

static void
resize(struct master *m, int more)
{
	char what[GENERATION_TEXT_MAX];

	if (m->current == NULL || m->phase != PHASE_SERVING) {
		log_info("ignored: the server is %s", m->phase ==
		    PHASE_SERVING ? "starting" : "stopping");
		return;
	}
	if (has_terminal()) {
		log_info("ignored: a terminal controls this server");
		return;
	}
	for (struct pool *pool = m->pools; pool != NULL; pool = pool->next)
		if (pool->generation == m->current && !pool->is_retired &&
		    !service_is_adaptive(pool->service))
			resize_pool(m, pool, more);
	notify_status(&m->manager, "serving: %s", generation_text(m->current,
	    m->pools, what, sizeof what));
}

/* What a signal means, in words; NULL: not worth a line. */
static const char *
meaning(const struct master *m, int signo)
{
	switch (signo) {
	case SIGHUP:
		return m->phase == PHASE_SERVING ? "reloading" :
		    m->phase == PHASE_DRAINING ? "not reloading, since "
		    "another master serves" :
		    "not reloading, since the server is stopping";
	case SIGTERM:
	case SIGQUIT:
		return m->phase <= PHASE_DRAINING ? "stopping when all "
		    "connections are served" : "stopping at once";
	case SIGINT:
		return "stopping at once";
	case SIGUSR1:
		return "reopening the log";
	case SIGUSR2:
		return m->phase == PHASE_SERVING ? "upgrading" :
		    "not upgrading, since the server is stopping";
	case SIGTTIN:
		return "one worker more";
	case SIGTTOU:
		return "one worker fewer";
	default:
		return NULL;
	}
}

static void
act_on(struct master *m, const struct sig_note *note, int64_t now)
{
	const char *what = meaning(m, note->signo);
	char name[16];

	if (what != NULL)
		log_info("%s from pid %ld (uid %lu): %s",
		    sig_name(note->signo, name, sizeof name), (long)note->pid,
		    (unsigned long)note->uid, what);
	switch (note->signo) {
	case SIGCHLD:
		reap(m, now);
		break;
	case SIGHUP:
		if (m->phase == PHASE_SERVING)
			reload_begin(m, now);
		break;
	case SIGTERM:
	case SIGQUIT:
		if (m->phase <= PHASE_DRAINING) {
			stop_gracefully(m, now);
			break;
		}
		/* FALLTHROUGH */
	case SIGINT:
		stop_at_once(m, now);
		break;
	case SIGUSR1:
		logkeeper_reopen(&m->logkeeper);
		break;
	case SIGUSR2:
		if (m->phase == PHASE_SERVING)
			upgrade_begin(m, now);
		break;
	case SIGTTIN:
		resize(m, 1);
		break;
	case SIGTTOU:
		resize(m, -1);
		break;
	}
}

/* Pools have the members they should; those with nobody left are gone. */
static void
settle_pools(struct master *m, int64_t now)
{
	if (m->phase < PHASE_LEAVING)
		for (struct pool *p = m->pools; p != NULL; p = p->next)
			pool_settle(p, &m->slots, now);
	if (pools_free_empty(&m->pools))
		m->has_news = true;
	generations_free_empty(&m->generations, m->current, m->coming);
	listeners_forget(&m->listeners);
}

/* Make the facts match the wish.  Returns when time alone asks for more. */
static int64_t
settle(struct master *m, int64_t now)
{
	int64_t next;

	next = logkeeper_settle(&m->logkeeper, now);
	next = clock_earlier(next, notify_settle(&m->manager, now));
	heir_settle(m);
	next = clock_earlier(next, upgrade_settle(m, now));
	next = clock_earlier(next, closing_settle(m, now));
	next = clock_earlier(next, abuse_settle(m, now));
	next = clock_earlier(next, stop_settle(m, now));
	settle_pools(m, now);
	if (m->has_news)
		places_settle(m);
	next = clock_earlier(next, slots_settle(&m->slots, now));
	next = clock_earlier(next, supply_settle(m, now));
	next = clock_earlier(next, reload_settle(m, now));
	places_show_phase(m);
	if (m->status != STATUS_OK && m->phase < PHASE_LEAVING) {
		stop_at_once(m, now);
		next = now;
	}
	return next;
}

/* Add a descriptor to what is waited for. */
static void
watch(struct master *m, size_t *n, int fd, short events)
{
	if (*n == m->watch.room) {
		size_t room = 2 * m->watch.room + 8;
		struct pollfd *pfd = realloc(m->watch.pfd,
		    room * sizeof *pfd);

		if (pfd == NULL)
			return;
		m->watch.pfd = pfd;
		m->watch.room = room;
	}
	m->watch.pfd[(*n)++] = (struct pollfd){ .fd = fd, .events = events };
}

/* The one wait: for a signal, a report, a few rare things, the moment due. */
static void
wait_until(struct master *m, int64_t due)
{
	const struct timespec none = { 0, 0 };
	struct timespec left;
	size_t n = 0;

	watch(m, &n, m->report[0], POLLIN);
	watch(m, &n, m->notify, POLLIN);
	watch(m, &n, m->retiring, 0);
	watch(m, &n, logkeeper_awaited(&m->logkeeper), POLLOUT);
	watch(m, &n, notify_awaited(&m->manager), POLLOUT);
	watch(m, &n, m->upgrade.control, POLLIN);
	watch(m, &n, m->upgrade.hearing, 0);
	watch(m, &n, heir_awaited(&m->heir), POLLIN);
	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next)
		if (abuse_is_watched(m, l))
			watch(m, &n, l->fd, POLLRDHUP);
	/*
	 * Where there is something to read, no signal is let in, so those who
	 * talk without end could keep them all away.
	 */
	if (ppoll(m->watch.pfd, n, clock_left(clock_now(), due, &left),
	    sig_wait_mask()) > 0)
		(void)ppoll(NULL, 0, &none, sig_wait_mask());
}

/*
 * We have slept for longer than we should.  Others have not, perhaps, but what
 * they had to say in time may still be waiting for room to be said in.
 */
static void
make_up_for_sleep(struct master *m, int64_t now)
{
	slots_give_time(&m->slots, now);
	if (m->coming != NULL)
		generation_give_time(m->coming, now);
}

static void
loop(struct master *m)
{
	int64_t now = clock_now();
	struct sig_note note;

	for (;;) {
		int64_t due = settle(m, now);

		if (m->phase == PHASE_GONE)
			return;
		wait_until(m, due);
		/* What was said until now is heard before anybody is judged. */
		now = clock_now();
		if (now - due > OVERSLEPT)
			make_up_for_sleep(m, now);
		report_read(m);
		upgrade_hear(m, clock_now());
		heir_hear(m);
		while (sig_take(&note) != 0)
			act_on(m, &note, clock_now());
	}
}

static void
tear_down(struct master *m)
{
	board_remove(&m->board);
	pidfile_remove(&m->pidfile);
	listeners_close(&m->listeners);
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		p->wanted = p->members = p->leaving = 0;
	m->current = m->coming = NULL;
	settle_pools(m, clock_now());
	slots_free(&m->slots);
	logkeeper_free(&m->logkeeper);
	free(m->watch.pfd);
	title_free(&m->title);
	handover_free(&m->heir.set);
	self_free(&m->self);
}

enum status
master_run(struct master *m)
{
	m->retiring = -1;
	m->upgrade = (struct upgrade){
		.control = -1, .hearing = -1, .due = CLOCK_NEVER
	};
	title_set(&m->title, "smiled: master");
	log_set_level((enum level)m->conf->log_level);
	catch_signals();
	m->status = set_up(m);
	if (m->status == STATUS_OK) {
		reload_start(m, clock_now());
		loop(m);
	} else {
		conf_free(m->conf);
	}
	tear_down(m);
	/* Heard by those who were not told "ready": stopped is no success. */
	detach_say_failed(&m->waiting, m->status != STATUS_OK ? m->status :
	    STATUS_OTHER);
	return m->status;
}

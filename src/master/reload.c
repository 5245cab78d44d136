/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A reload is a transaction.  Prepare: read the configuration, bind the
 * sockets that are new, and fill a new generation while the old one serves.
 * Commit, when the last new worker has said that it is ready: open the new
 * sockets, let the new workers accept, and tell the old ones to finish what
 * they have and leave.  Anything that fails before ends what is new and
 * touches nothing else.  The verdict is given when the last old worker has
 * heard it: who connects after that is served by a new one.
 *
 * The start of the server is the first reload: there is no old generation,
 * and a failure is the end.
 */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "master/master.h"

#define HEARING	1000	/* ms for old workers to hear that they shall leave */

/* -- How it ended -- */

/* The verdict, as a text of several lines. */
struct verdict {
	struct text	text;
	char		buf[BOARD_TEXT_MAX];
};

static void
verdict_line(struct verdict *v, const char *line)
{
	text_add(&v->text, "\n");
	text_add_escaped(&v->text, line, strlen(line));
}

static void
verdict_begin(struct verdict *v, const char *line)
{
	text_init(&v->text, v->buf, sizeof v->buf);
	text_add(&v->text, "%s", line);
}

/* The service manager has room for one line only, and is told why. */
static void
refused(struct master *m, const struct verdict *v, const char *why)
{
	places_show_phase(m);
	ledger_end(&m->board.head->reloads, BOARD_REFUSED, v->buf);
	log_error("reload %.*s; generation %u serves on",
	    (int)strcspn(v->buf, "\n"), v->buf, m->current->number);
	notify_ready(&m->manager, "reload refused: %s", why);
}

/* Refused for one reason. */
static void
refuse(struct master *m, const char *why)
{
	struct verdict v;

	verdict_begin(&v, "refused: ");
	text_add(&v.text, "%s", why);
	refused(m, &v, why);
}

/* Refused for all that is wrong with the configuration. */
static void
refuse_complaints(struct master *m, const struct complaints *c)
{
	struct verdict v;
	char summary[96];

	verdict_begin(&v, "refused: ");
	text_add(&v.text, "%s", complaints_summary(c, summary,
	    sizeof summary));
	for (unsigned i = 0; i < complaints_kept(c); i++) {
		verdict_line(&v, c->line[i]);
		log_error("%s", c->line[i]);
	}
	refused(m, &v, c->line[0]);
}

/* -- Prepare -- */

/* A log that is new is opened before anything has changed. */
static void
open_log(const struct master *m, struct conf *conf, struct complaints *c)
{
	const struct origin *origin =
	    &conf->origins[keyword_index(keyword_find("log"))];
	const char *why;

	if (logkeeper_open(&m->logkeeper, conf, &why) == -1)
		complain(c, origin, "log: cannot open '%.200s': %s",
		    conf->log.path, why);
	if (conf->log.to == LOG_TO_STDERR && m->waiting.drops_stderr)
		complain(c, origin, "log: a server in the background has no "
		    "stderr unless it has logged there from its start");
}

/* Returns what is new, or says why there is nothing. */
static struct conf *
read_again(struct master *m)
{
	struct complaints complaints;
	struct conf *conf;

	/* A file that was there and is gone is not the same as none. */
	if (m->conf->has_file)
		m->source->must_exist = true;
	conf = conf_read(m->source, &complaints);
	if (conf != NULL)
		conf_check_fixed(m->conf, conf, &complaints);
	if (complaints.n == 0)
		open_log(m, conf, &complaints);
	if (complaints.n == 0)
		return conf;
	conf_free(conf);
	refuse_complaints(m, &complaints);
	return NULL;
}

/* Sockets and workers for a configuration, which is then theirs. */
static int
prepare(struct master *m, struct conf *conf, int64_t now)
{
	struct listen_failure failure;
	char why[512];

	if (listeners_prepare(&m->listeners, conf, &m->inherited,
	    &failure) == -1) {
		refuse(m, listen_failure_text(&failure, why, sizeof why));
		return -1;
	}
	m->coming = generation_new(&m->generations, &m->pools, conf,
	    &m->listeners, m->current, now);
	m->has_news = true;
	if (m->coming == NULL) {
		listeners_abandon(&m->listeners, now, now);
		refuse(m, strerror(errno));
		return -1;
	}
	supply_begin(m);
	if (listeners_open_early(&m->listeners, &failure) == -1)
		reload_abandon(m, listen_failure_text(&failure, why,
		    sizeof why), now);
	return 0;
}

bool
reload_is_under_way(const struct master *m)
{
	return m->coming != NULL || m->retiring != -1;
}

void
reload_begin(struct master *m, int64_t now)
{
	struct conf *conf;

	if (reload_is_under_way(m) || upgrade_is_under_way(m)) {
		m->once_more = true;
		return;
	}
	notify_reloading(&m->manager);
	ledger_begin(&m->board.head->reloads);
	conf = read_again(m);
	if (conf != NULL && prepare(m, conf, now) == -1)
		conf_free(conf);
}

void
reload_start(struct master *m, int64_t now)
{
	m->coming = generation_new(&m->generations, &m->pools, m->conf,
	    &m->listeners, NULL, now);
	m->has_news = true;
	if (m->coming == NULL)
		reload_abandon(m, strerror(errno), now);
	else if (m->heir.step != HEIR_NONE)
		m->coming->number = m->heir.set.head.generation + 1;
}

void
reload_abandon(struct master *m, const char *why, int64_t now)
{
	struct generation *g = m->coming;

	m->coming = NULL;
	m->has_news = true;
	if (m->current != NULL)
		listeners_abandon(&m->listeners, now,
		    now + m->conf->stop_timeout);
	/* But those who have let clients in already serve them. */
	for (struct pool *p = m->pools; g != NULL && p != NULL; p = p->next)
		if (p->generation == g && !pool_is_emptying(p))
			pool_retire(p, &m->slots, now);
	/* They were told to leave before they could come to accept. */
	if (g != NULL)
		generation_give_up(g);
	if (m->current == NULL) {
		log_error("cannot start: %s", why);
		/* Whoever started it may look there first. */
		if (m->heir.step != HEIR_NONE)
			heir_tell(&m->heir, why);
		else if (m->conf->log.to != LOG_TO_STDERR)
			say("cannot start: %s", why);
		notify_stopping(&m->manager, 0, "cannot start: %s", why);
		m->status = STATUS_SYSTEM;
		return;
	}
	refuse(m, why);
}

/* -- Commit -- */

void
reload_tell_manager(struct master *m)
{
	char what[GENERATION_TEXT_MAX];

	notify_ready(&m->manager, "serving: %s", generation_text(m->current,
	    m->pools, what, sizeof what));
}

/* The first generation is complete: say so to all who wait to hear it. */
static void
started(struct master *m)
{
	unsigned workers = generation_wanted(m->current, m->pools), n = 0;
	char where[LISTEN_TEXT_MAX];

	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next)
		n++;
	snprintf(where, sizeof where, "%u addresses", n);
	log_info("smiled: listening on %s, %u worker%s, pid %ld",
	    n == 1 ? m->listeners.first->name : where, workers,
	    workers == 1 ? "" : "s", (long)getpid());
	/* Before the process that the manager has started ends (-b). */
	reload_tell_manager(m);
	detach_say_ready(&m->waiting);
	heir_serves(m);
}

static void
say_difference(void *arg, const char *line)
{
	verdict_line(arg, line);
	log_info("%s", line);
}

/* What has changed, for the log now and for the verdict later. */
static void
tell_changes(struct master *m, const struct conf *was)
{
	unsigned workers = generation_wanted(m->current, m->pools);
	struct verdict v;

	verdict_begin(&v, "accepted: ");
	text_add(&v.text, "generation %u, %u worker%s", m->current->number,
	    workers, workers == 1 ? "" : "s");
	conf_differences(was, m->conf, say_difference, &v);
	memcpy(m->verdict, v.buf, sizeof m->verdict);
}

static void
accepted(struct master *m)
{
	fd_close(&m->retiring);
	places_show_phase(m);
	ledger_end(&m->board.head->reloads, BOARD_ACCEPTED, m->verdict);
	log_info("reload %.*s", (int)strcspn(m->verdict, "\n"), m->verdict);
	reload_tell_manager(m);
}

/* All workers of older generations finish what they have and leave. */
static void
retire(struct master *m, int64_t now)
{
	for (struct pool *p = m->pools; p != NULL; p = p->next)
		/* But those in a queue that ends are theirs to serve. */
		if (p->generation != m->current && !pool_is_emptying(p))
			pool_retire(p, &m->slots, now);
}

/* Where a service can be found from now on; with port 0, nobody else knows. */
static void
tell_new_listeners(const struct master *m)
{
	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next)
		if (l->coming != NULL && l->last == NULL)
			log_info("%s: listening on %s", l->coming->name,
			    l->name);
}

/* A user that was written down, where it cannot be had. */
static void
tell_unused_users(const struct master *m)
{
	size_t user = keyword_index(keyword_find("user"));

	if (geteuid() == 0)
		return;
	for (const struct service *s = m->conf->services; s != NULL;
	    s = s->next)
		if (s->origins[user].file != NULL && s->user.uid != geteuid())
			log_warn("%s: user %s has no effect: only a server "
			    "that root started can change to it", s->name,
			    s->user.name);
}

/* A shell that starts another program is in the way of that. */
static void
tell_shells(const struct master *m)
{
	static const char *const shells[] = {
		"sh", "ash", "bash", "csh", "dash", "fish", "ksh", "mksh",
		"tcsh", "zsh"
	};

	for (const struct service *s = m->conf->services; s != NULL;
	    s = s->next) {
		const char *name = s->program.argv == NULL ? "" :
		    strrchr(s->program.argv[0], '/') + 1;

		for (size_t i = 0; s->action == ACTION_RUN &&
		    i < sizeof shells / sizeof shells[0]; i++)
			if (strcmp(name, shells[i]) == 0)
				log_warn("%s: run starts a shell; what a shell "
				    "starts as its child is not given the "
				    "sockets, since LISTEN_PID names the "
				    "shell: name the program itself, or let "
				    "the shell exec it", s->name);
	}
}

/* The sockets change hands. */
static void
hand_over(struct master *m, const struct generation *old, int64_t now)
{
	/* The line that says "ready" tells of a single one. */
	if (old != NULL || m->listeners.first->next != NULL)
		tell_new_listeners(m);
	tell_unused_users(m);
	tell_shells(m);
	/* Some may have connected behind a door that opens again. */
	if (listeners_any_shut(&m->listeners))
		closing_announce(m, m->current->number);
	else if (old != NULL)
		closing_announce(m, old->number);
	listeners_commit(&m->listeners, now, now + m->conf->stop_timeout);
}

static void
commit(struct master *m, int64_t now)
{
	struct generation *old = m->current;
	const struct conf *was = m->conf;
	struct listen_failure failure;
	char why[512];

	if (listeners_open(&m->listeners, &failure) == -1) {
		reload_abandon(m, listen_failure_text(&failure, why,
		    sizeof why), now);
		return;
	}
	m->current = m->coming;
	m->current->proven = true;
	m->coming = NULL;
	m->conf = m->current->conf;
	log_set_level((enum level)m->conf->log_level);
	logkeeper_set_level(&m->logkeeper, (enum level)m->conf->log_level);
	if (old != NULL)
		generation_take_over(m->current, m->pools, old);
	/* A server stopped before it had started only empties its queues. */
	if (m->phase == PHASE_SERVING)
		hand_over(m, old, now);
	atomic_store(&m->board.head->generation, m->current->number);
	places_settle(m);
	places_show_phase(m);
	generation_open_gate(m->current);
	if (m->phase == PHASE_SERVING && old == NULL)
		started(m);
	if (old == NULL)
		return;
	tell_changes(m, was);
	/* What has been said so far goes where it went. */
	logkeeper_set_output(&m->logkeeper, m->conf);
	retire(m, now);
	m->retiring = generation_last_gate(old);
	m->retiring_due = now + HEARING;
}

/*
 * Give the verdict when no old worker can accept any more; one that is
 * stopped, or has a queue to empty, is not waited for long.
 */
static int64_t
settle_retiring(struct master *m, int64_t now)
{
	struct pollfd pfd = { .fd = m->retiring };

	if (poll(&pfd, 1, 0) == 0 && now < m->retiring_due &&
	    m->phase == PHASE_SERVING)
		return m->retiring_due;
	accepted(m);
	/* An upgrade may have waited for this, and looked before it. */
	return now;
}

/* The server is stopping: the verdict is due now. */
void
reload_cut_short(struct master *m, int64_t now)
{
	if (m->retiring != -1)
		accepted(m);
	else if (m->coming != NULL && m->current != NULL)
		reload_abandon(m, "the server is stopping", now);
}

/* The next step, or when to look again. */
static int64_t
step(struct master *m, int64_t now)
{
	struct generation *g = m->coming;

	if (g->failed)
		reload_abandon(m, g->why, now);
	else if (generation_is_ready(g, m->pools) && heir_may_commit(m))
		commit(m, now);
	else if (now >= g->due)
		reload_abandon(m, m->heir.step == HEIR_READY ?
		    "the old server did not let go in time" :
		    "the new workers were not ready in time", now);
	else
		return g->due;
	return now;
}

int64_t
reload_settle(struct master *m, int64_t now)
{
	int64_t next = CLOCK_NEVER;

	if (m->retiring != -1)
		next = settle_retiring(m, now);
	else if (m->coming != NULL && m->phase < PHASE_LEAVING)
		next = step(m, now);
	/* HUPs that came meanwhile make one more reload. */
	if (m->once_more && !reload_is_under_way(m) &&
	    !upgrade_is_under_way(m) && m->phase == PHASE_SERVING) {
		m->once_more = false;
		reload_begin(m, now);
		next = now;
	}
	return next;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See heir.h.  The hand-over's own descriptor is closed with all others that
 * nobody has asked for.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/text.h"
#include "log/log.h"
#include "master/master.h"

/* -- What it was born with -- */

static void
close_on_exec(const struct heir *h)
{
	(void)fcntl(h->control, F_SETFD, FD_CLOEXEC);
	for (size_t i = 0; i < h->set.head.n; i++)
		(void)fcntl(h->set.socket[i].fd, F_SETFD, FD_CLOEXEC);
}

void
heir_take(struct heir *h)
{
	const char *value = getenv(HANDOVER_VARIABLE);
	uint64_t fd = 0;

	*h = (struct heir){ .control = -1 };
	if (value == NULL)
		return;
	(void)unsetenv(HANDOVER_VARIABLE);
	if (text_number(value, 3, INT_MAX, &fd) == -1 ||
	    handover_read(&h->set, (int)fd) == -1) {
		say("%s=%s is no hand-over from a server that started this "
		    "one; ignored", HANDOVER_VARIABLE, value);
		return;
	}
	h->step = HEIR_COMING;
	h->control = h->set.head.control;
	close_on_exec(h);
	/* Why it fails is the old master's verdict. */
	say_to(h->control);
}

int
heir_awaited(const struct heir *h)
{
	return h->is_alone ? -1 : h->control;
}

void
heir_tell(const struct heir *h, const char *line)
{
	if (h->step == HEIR_COMING || h->step == HEIR_READY)
		handover_say_text(h->control, line);
}

/* -- Becoming the server -- */

/* Name all sockets that we keep; whether that was taken. */
static bool
name_kept(const struct master *m)
{
	int fds[HANDOVER_KEPT_MAX];
	size_t n = 0;

	for (const struct listener *l = m->listeners.first; l != NULL;
	    l = l->next) {
		if (!l->is_handed)
			continue;
		fds[n++] = l->fd;
		if (n == HANDOVER_KEPT_MAX && !handover_say(m->heir.control,
		    WORD_KEPT, fds, sizeof fds))
			return false;
		n %= HANDOVER_KEPT_MAX;
	}
	return n == 0 || handover_say(m->heir.control, WORD_KEPT, fds,
	    n * sizeof fds[0]);
}

/* A socket that was not named would be shut: all of it, or not ready. */
static void
say_ready(struct master *m)
{
	if (name_kept(m) && handover_say(m->heir.control, WORD_READY, NULL,
	    0))
		m->heir.step = HEIR_READY;
}

bool
heir_may_commit(struct master *m)
{
	struct heir *h = &m->heir;

	if (h->step == HEIR_COMING && !h->is_alone)
		say_ready(m);
	/* There is nobody left to ask. */
	if (h->step < HEIR_GO && h->is_alone)
		h->step = HEIR_GO;
	return h->step == HEIR_NONE || h->step == HEIR_GO;
}

void
heir_serves(struct master *m)
{
	if (m->heir.step != HEIR_GO)
		return;
	say_to(-1);
	m->heir.step = HEIR_SERVING;
	(void)handover_say(m->heir.control, WORD_SERVING, NULL, 0);
}

static void
take_board(struct master *m)
{
	const pid_t from = (pid_t)m->heir.set.head.from;

	if (m->board.hidden[0] == '\0')
		return;
	if (board_publish(&m->board, from) == -1)
		log_warn("cannot put the board in its place %s: %s; smilectl "
		    "will not find this server", m->board.path,
		    strerror(errno));
	if (m->heir.is_alone)
		board_sweep(&m->board, from);
}

static void
take_pidfile(struct master *m)
{
	const char *old = m->heir.set.head.pidfile;
	const char *path = m->conf->pid_file;

	if (path != NULL && strcmp(path, old) == 0 &&
	    pidfile_create(&m->pidfile, path) == -1)
		log_error("cannot take over the pid file %s: %s", path,
		    errno == EBUSY ? "another server has it" :
		    strerror(errno));
	if (old[0] != '\0' && (path == NULL || strcmp(path, old) != 0))
		(void)unlink(old);
}

/* They are ours, as if we had bound them. */
static void
take_listeners(struct master *m)
{
	for (struct listener *l = m->listeners.first; l != NULL; l = l->next)
		if (l->is_handed) {
			l->is_adopted = l->was_adopted;
			l->is_handed = false;
		}
}

/* The service manager knows of us, or nobody is left to tell it. */
static void
speak_up(struct master *m)
{
	fd_close(&m->heir.control);
	m->manager.is_mute = false;
	if (m->phase == PHASE_SERVING)
		reload_tell_manager(m);
}

static void
take_all(struct master *m)
{
	struct heir *h = &m->heir;
	char text[96];

	/* Before anybody can see the board, and take it for a later verdict. */
	snprintf(text, sizeof text, "accepted: pid %ld serves in place of pid "
	    "%lu", (long)getpid(), (unsigned long)h->set.head.from);
	ledger_begin(&m->board.head->upgrades);
	ledger_end(&m->board.head->upgrades, BOARD_ACCEPTED, text);
	take_board(m);
	take_pidfile(m);
	take_listeners(m);
	(void)handover_say(h->control, WORD_DONE, NULL, 0);
	handover_free(&h->set);
	h->step = HEIR_NONE;
	if (h->is_alone)
		speak_up(m);
}

/* -- What the old master says -- */

void
heir_hear(struct master *m)
{
	struct heir *h = &m->heir;
	size_t len;
	int word = 0;

	while (h->control != -1 && !h->is_alone &&
	    (word = handover_hear(h->control, NULL, 0, &len)) > 0) {
		if (word == WORD_GO && h->step == HEIR_READY)
			h->step = HEIR_GO;
		if (word == WORD_OVER && h->step == HEIR_SERVING)
			h->has_all = true;
	}
	if (word == -1 && h->step == HEIR_NONE) {
		speak_up(m);
	} else if (word == -1) {
		log_warn("the server that started this one (pid %lu) is gone; "
		    "going on alone", (unsigned long)h->set.head.from);
		h->is_alone = true;
	}
}

void
heir_settle(struct master *m)
{
	struct heir *h = &m->heir;

	if (h->step == HEIR_SERVING && (h->has_all || h->is_alone))
		take_all(m);
}

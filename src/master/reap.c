/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The one place where children are waited for.  Several deaths may make one
 * SIGCHLD, so all are taken each time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "log/log.h"
#include "master/master.h"
#include "master/means.h"

#define SWEEP		1000	/* ms for what a killed worker leaves to us */

/*
 * Whether a living program of run has started it: it has what they are told in
 * its environment (run.c), unless it has thrown that away.
 */
static bool
is_of_program(struct master *m, pid_t pid)
{
	static const char mark[] = "SMILED_PID=";
	char path[48], *var = NULL;
	bool found = false;
	size_t size = 0;
	FILE *f;

	snprintf(path, sizeof path, "/proc/%ld/environ", (long)pid);
	f = fopen(path, "re");
	while (f != NULL && !found && getdelim(&var, &size, '\0', f) > 0)
		if (strncmp(var, mark, sizeof mark - 1) == 0)
			found = slots_find(&m->slots, (pid_t)strtol(var +
			    sizeof mark - 1, NULL, 10)) != NULL;
	free(var);
	if (f != NULL)
		(void)fclose(f);
	return found;
}

static bool
is_known(void *arg, pid_t pid)
{
	struct master *m = arg;

	return pid == m->logkeeper.pid || pid == m->upgrade.pid ||
	    slots_find(&m->slots, pid) != NULL || is_of_program(m, pid);
}

/* Those who write "kill-grace" count on it. */
static void
tell_hidden(const struct master *m)
{
	const struct service *s = m->conf->services;

	while (s != NULL && !(s->action & ACTIONS_PROGRAM))
		s = s->next;
	if (s != NULL && family_is_hidden(&m->family))
		log_warn("/proc does not show the processes of this system or "
		    "container: what programs start and leave behind is not "
		    "found, and not ended with them");
}

int
reap_init(struct master *m)
{
	if (family_init(&m->family, is_known, m) == -1)
		return -1;
	tell_hidden(m);
	/* Children of whatever became us by execve(2). */
	family_accept(&m->family);
	return 0;
}

/*
 * A worker that had a program, or was one, is gone, and what it had is left to
 * us.  It left in peace: helpers live on.  It was killed, or failed: what the
 * program has started dies with it.
 */
static void
take_over(struct master *m, const struct service *service, bool in_peace,
    int64_t now)
{
	if (!(service->action & ACTIONS_PROGRAM))
		return;
	if (!in_peace)
		m->sweep_until = now + SWEEP;
	else if (now >= m->sweep_until)
		family_accept(&m->family);
}

/* A program that was told to leave may do so by not catching the signal. */
static bool
is_peaceful(const struct slot *slot, int status)
{
	const struct service *service = slot->pool->service;

	if (!slot_is_run(slot))
		return !WIFSIGNALED(status);
	return slot->state == SLOT_LEAVING && (status == 0 ||
	    (WIFSIGNALED(status) &&
	    WTERMSIG(status) == service->stop_signal));
}

static void
worker_died(struct master *m, struct slot *slot, int status, int64_t now)
{
	const struct service *service = slot->pool->service;
	bool in_peace = is_peaceful(slot, status);

	slot_died(&m->slots, slot, status, now);
	take_over(m, service, in_peace, now);
}

/* Stopped, or going on again; of all others it is of no interest. */
static void
changed(struct master *m, const siginfo_t *info)
{
	struct slot *slot = slots_find(&m->slots, info->si_pid);
	char name[16];

	if (slot == NULL)
		return;
	slot->is_stopped = info->si_code != CLD_CONTINUED;
	if (info->si_code == CLD_CONTINUED)
		log_info("worker %s/%u (pid %ld) goes on",
		    slot->pool->service->name, slot->number, (long)slot->pid);
	else
		log_warn("worker %s/%u (pid %ld) was stopped by signal %s; it "
		    "keeps its place until it is continued",
		    slot->pool->service->name, slot->number, (long)slot->pid,
		    sig_name(info->si_status, name, sizeof name));
}

static void
stranger_died(struct master *m, pid_t pid)
{
	family_forget(&m->family, pid);
	atomic_fetch_add(&m->board.head->strangers, 1);
	log_debug("reaped pid %ld, which is nobody we know", (long)pid);
}

/* It is a zombie until it has been waited for here. */
static void
died(struct master *m, pid_t pid, int64_t now)
{
	struct slot *slot = slots_find(&m->slots, pid);
	int status = 0;

	if (slot != NULL)
		means_kill_rest(slot);
	(void)waitpid(pid, &status, 0);
	if (slot != NULL)
		worker_died(m, slot, status, now);
	else if (!logkeeper_died(&m->logkeeper, pid, status, now) &&
	    !upgrade_died(m, pid, status, now))
		stranger_died(m, pid);
}

void
reap(struct master *m, int64_t now)
{
	const int kinds = WEXITED | WSTOPPED | WCONTINUED | WNOHANG;
	siginfo_t info = { .si_pid = 0 };

	while (waitid(P_ALL, 0, &info, kinds | WNOWAIT) == 0 &&
	    info.si_pid != 0) {
		const pid_t pid = info.si_pid;

		if (info.si_code == CLD_STOPPED ||
		    info.si_code == CLD_TRAPPED ||
		    info.si_code == CLD_CONTINUED) {
			/* Not its end, should that have come meanwhile. */
			if (waitid(P_PID, (id_t)pid, &info, WSTOPPED |
			    WCONTINUED | WNOHANG) == 0 && info.si_pid != 0)
				changed(m, &info);
		} else {
			died(m, pid, now);
		}
		info.si_pid = 0;
	}
	/* Each death may leave us more of them. */
	if (now < m->sweep_until)
		(void)family_kill(&m->family);
}

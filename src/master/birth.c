/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See birth.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/status.h"
#include "master/birth.h"
#include "master/logkeeper.h"
#include "worker/worker.h"

/* In the child: become the worker.  It never comes back. */
static noreturn void
be_born(const struct slots *slots, const struct slot *slot, int output)
{
	const struct pool *pool = slot->pool;
	struct worker_socket *sockets = calloc(pool->nlisteners,
	    sizeof *sockets);
	const struct worker_birth birth = {
		.service = pool->service,
		.number = slot->number,
		.sockets = sockets,
		.nsockets = pool->nlisteners,
		.path = pool->listener[0]->spec.path,
		.generation = pool->generation->number,
		.gate = pool->generation->gate[1],
		.report = slots->report,
		.notify = slots->notify,
		.output = output,
		.log = slots->log,
		.log_level = (enum level)pool->generation->conf->log_level,
		.board = slots->board,
		.slot = (unsigned)(slot - slots->slot),
		.recycle = slot->recycle,
		.master = slots->master,
		.title = slots->title,
	};

	say_to(-1);
	if (sockets == NULL || (slots->drops_stderr &&
	    fd_point_at_null(STDERR_FILENO) == -1))
		_exit(STATUS_SYSTEM);
	for (unsigned i = 0; i < pool->nlisteners; i++)
		sockets[i] = (struct worker_socket){
			pool->listener[i]->fd, pool->listener[i]->name
		};
	worker_run(&birth);
}

/*
 * A pipe for what a program prints: its end to write to, for the child, is in
 * *output; other workers print nothing.  -1 and errno.
 */
static int
open_output(struct slots *slots, struct slot *slot, int *output)
{
	char tag[LOGGER_TAG_MAX];
	int ends[2];

	*output = -1;
	if (!slot_is_run(slot))
		return 0;
	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	snprintf(tag, sizeof tag, "%s/%u", slot->pool->service->name,
	    slot->number);
	if (logkeeper_add(slots->logkeeper, ends[0], tag) == -1) {
		fd_close(&ends[0]);
		fd_close(&ends[1]);
		return -1;
	}
	slot->output = ends[0];
	*output = ends[1];
	return 0;
}

void
birth_drop_output(struct slots *slots, struct slot *slot)
{
	if (slot->output != -1)
		logkeeper_drop(slots->logkeeper, slot->output);
	slot->output = -1;
}

pid_t
birth_fork(struct slots *slots, struct slot *slot)
{
	int output;
	pid_t pid;

	if (open_output(slots, slot, &output) == -1)
		return -1;
	pid = fork();
	if (pid == 0)
		be_born(slots, slot, output);
	fd_close(&output);
	if (pid == -1)
		birth_drop_output(slots, slot);
	return pid;
}

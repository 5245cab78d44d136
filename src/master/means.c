/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See means.h.
 */
#include <signal.h>

#include "base/clock.h"
#include "master/means.h"

#define HURRY_AGAIN	50	/* ms between QUITs to one who is hurried */

/* A program's group, if it has made one yet; it never comes too late. */
static void
signal_group(const struct slot *slot, int signo)
{
	if (kill(-slot->pid, signo) == -1)
		(void)kill(slot->pid, signo);
}

void
means_ask(const struct slot *slot)
{
	if (!slot_is_run(slot)) {
		(void)kill(slot->pid, SIGQUIT);
		return;
	}
	(void)kill(slot->pid, slot->pool->service->stop_signal);
	/* One that is stopped would not hear it. */
	(void)kill(slot->pid, SIGCONT);
}

int64_t
means_tell(const struct slot *slot, int64_t now)
{
	if (slot_is_run(slot)) {
		signal_group(slot, SIGTERM);
		signal_group(slot, SIGCONT);
		return CLOCK_NEVER;
	}
	/*
	 * It may not have seen the first QUIT yet, and two that wait together
	 * are one: so this is repeated.
	 */
	(void)kill(slot->pid, SIGQUIT);
	return now + HURRY_AGAIN;
}

void
means_kill(const struct slot *slot)
{
	if (slot_is_run(slot))
		signal_group(slot, SIGKILL);
	else
		(void)kill(slot->pid, SIGKILL);
}

void
means_kill_rest(const struct slot *slot)
{
	if (slot_is_run(slot))
		(void)kill(-slot->pid, SIGKILL);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: who has started a server in the background hears the wrong word
 * of it, or waits for ever for one that does not come.
 */
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "master/detach.h"
#include "unit/tap.h"

#define PATIENCE	300	/* ms that the starter waits in vain */
#define LONG		20000	/* ms that nobody should need */

const char program_name[] = "detach_test";

/* What the server in the background does. */
enum deed {
	SAYS_READY,
	SAYS_FAILED,
	SAYS_BOTH,
	DIES,
	SAYS_NOTHING
};

/*
 * In the background: what there is to be seen there goes to seen, a byte.
 * Ends when hold has no writer any more.
 */
static void
be_server(enum deed deed, struct waiting *w, int hold, int seen)
{
	char byte = getsid(0) != getpid() && getsid(0) == getpgrp() &&
	    w->parent != -1 ? 'y' : 'n';

	(void)fd_write_all(seen, &byte, 1);
	if (deed == SAYS_READY || deed == SAYS_BOTH)
		detach_say_ready(w);
	if (deed == SAYS_FAILED || deed == SAYS_BOTH)
		detach_say_failed(w, STATUS_SYSTEM);
	if (deed != DIES)
		(void)!read(hold, &byte, 1);
	_exit(0);
}

/* The status of a starter, and whether its server was a process apart. */
static int
status_of(enum deed deed, int notify, bool *apart)
{
	struct waiting w = { .parent = -1, .notify = notify };
	int hold[2], seen[2], status;
	char byte = 'n';
	pid_t pid;

	if (pipe(hold) == -1 || pipe(seen) == -1 || (pid = fork()) == -1)
		return -1;
	if (pid == 0) {
		(void)close(hold[1]);
		if (detach(&w, deed == SAYS_NOTHING ? PATIENCE : LONG) == -1)
			_exit(99);
		be_server(deed, &w, hold[0], seen[1]);
	}
	(void)close(hold[0]);
	(void)close(seen[1]);
	(void)waitpid(pid, &status, 0);
	(void)close(hold[1]);
	*apart = read(seen[0], &byte, 1) == 1 && byte == 'y';
	(void)close(seen[0]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void
words(struct tap *tap)
{
	static const struct {
		enum deed	 deed;
		int		 status;
		const char	*name;
	} rows[] = {
		{ SAYS_READY, 0, "status 0: it says that it is ready" },
		{ SAYS_FAILED, 71, "status 71: it says that it has failed" },
		{ SAYS_BOTH, 0, "status 0: it was ready, and failed later" },
		{ DIES, 71, "status 71: it dies and says nothing" },
		{ SAYS_NOTHING, 75, "status 75: it is not ready in time" }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		int64_t begin = clock_now(), took;
		bool apart;
		int status = status_of(rows[i].deed, -1, &apart);

		took = clock_now() - begin;
		ok(tap, status == rows[i].status, "%s (%d)", rows[i].name,
		    status);
		ok(tap, apart, "in a session that it does not lead");
		ok(tap, rows[i].status == 75 ? took >= PATIENCE && took < LONG :
		    took < LONG, "after %d ms", (int)took);
	}
}

/* What is written to the descriptor of --notify-fd, up to its end. */
static void
notify(struct tap *tap, enum deed deed, const char *expected, const char *name)
{
	char got[16] = "";
	bool apart;
	int ends[2];
	ssize_t n;

	if (!ok(tap, pipe(ends) == 0, "a pipe"))
		return;
	(void)status_of(deed, ends[1], &apart);
	(void)close(ends[1]);
	n = read(ends[0], got, sizeof got - 1);
	ok(tap, n == (ssize_t)strlen(expected) && strcmp(got, expected) == 0 &&
	    read(ends[0], got, 1) == 0, "%s", name);
	(void)close(ends[0]);
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	(void)signal(SIGPIPE, SIG_IGN);
	words(&tap);
	notify(&tap, SAYS_READY, "\n", "ready: a newline, once, and the end");
	notify(&tap, SAYS_BOTH, "\n", "ready, then failed: the same");
	notify(&tap, SAYS_FAILED, "", "failed: nothing, and the end");
	return tap_end(&tap);
}

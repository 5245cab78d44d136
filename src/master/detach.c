/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See detach.h.  The parent's word is one byte, an exit status; the pipe's
 * end without it means that the new process has died.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/sig.h"
#include "master/detach.h"

/* The old process: wait, then leave with what was said. */
static noreturn void
wait_for_word(int fd, int64_t patience)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };
	int64_t due = clock_after(clock_now(), patience);
	unsigned char word;
	int n;

	/* Ctrl-C ends the waiting. */
	(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
	do
		n = poll(&pfd, 1, clock_left_ms(clock_now(), due));
	while (n == -1 && errno == EINTR);
	if (n == 0)
		die(STATUS_TIMED_OUT, "the server in the background is not "
		    "ready after %jd s", (intmax_t)(patience / 1000));
	if (read(fd, &word, 1) != 1)
		die(STATUS_SYSTEM, "the server in the background died before "
		    "it was ready");
	_exit(word);
}

int
detach(struct waiting *waiting, int64_t patience)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid > 0) {
		(void)close(ends[1]);
		wait_for_word(ends[0], patience);
	}
	(void)close(ends[0]);
	(void)setsid();
	/* Not the leader of the session: no terminal can ever take us. */
	pid = fork();
	if (pid == -1)
		return -1;
	if (pid > 0)
		_exit(STATUS_OK);
	waiting->parent = ends[1];
	return fd_point_at_null(STDOUT_FILENO);
}

static void
tell_parent(struct waiting *waiting, enum status status)
{
	const unsigned char word = (unsigned char)status;

	if (waiting->parent != -1)
		(void)fd_write_all(waiting->parent, &word, 1);
	fd_close(&waiting->parent);
}

void
detach_say_ready(struct waiting *waiting)
{
	if (waiting->notify != -1)
		(void)fd_write_all(waiting->notify, "\n", 1);
	fd_close(&waiting->notify);
	if (waiting->drops_stderr)
		(void)fd_point_at_null(STDERR_FILENO);
	tell_parent(waiting, STATUS_OK);
}

void
detach_say_failed(struct waiting *waiting, enum status status)
{
	fd_close(&waiting->notify);
	tell_parent(waiting, status);
}

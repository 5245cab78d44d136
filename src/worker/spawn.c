/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See spawn.h.
 */
#include <errno.h>
#include <signal.h>
#include <stdnoreturn.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "worker/spawn.h"

#define CANNOT	127	/* what a shell exits with then */

/* Descriptors 0 to 2 as they shall be, and nothing else. */
static int
arrange_descriptors(const struct spawn *s)
{
	static const int standard[] = {
		STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO
	};

	/* The last first: err may be our descriptor 0, /dev/null. */
	if (dup2(s->err, STDERR_FILENO) == -1 ||
	    dup2(s->conn, STDIN_FILENO) == -1 ||
	    dup2(s->conn, STDOUT_FILENO) == -1)
		return -1;
	fd_keep_only(standard, sizeof standard / sizeof standard[0]);
	return 0;
}

/* In the child, which has our memory: system calls only, and no return. */
static noreturn void
become(const struct spawn *s, pid_t parent, volatile int *error)
{
	const struct rlimit cpu = { s->cpu, s->cpu };

	(void)setsid();
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(CANNOT);
	if (s->cpu != UINT64_MAX)
		(void)setrlimit(RLIMIT_CPU, &cpu);
	if (arrange_descriptors(s) == 0) {
		sig_default_child();
		(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
		(void)execve(s->argv[0], (char *const *)s->argv, s->envp);
	}
	*error = errno;
	_exit(CANNOT);
}

pid_t
spawn(const struct spawn *s)
{
	const pid_t parent = getpid();
	volatile int error = 0;
	pid_t pid = vfork();

	if (pid == 0)
		become(s, parent, &error);
	if (pid == -1 || error == 0)
		return pid;
	while (waitpid(pid, NULL, 0) == -1 && errno == EINTR)
		;
	errno = error;
	return -1;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See sig.h.  The notes are one of the two places in the program with
 * changing data at file scope (the other is the log): a handler has no other
 * way to hand something over.
 */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/sig.h"

#define SIG_COUNT	65	/* Linux has signals 1 to 64 */
#define KEPT_FIRST	32	/* of those the C library keeps to itself */

static struct {
	volatile sig_atomic_t	seen;
	volatile pid_t		pid;
	volatile uid_t		uid;
} notes[SIG_COUNT];

static void
take_note(int signo, siginfo_t *info, void *context)
{
	(void)context;
	notes[signo].seen = 1;
	notes[signo].pid = info->si_pid;
	notes[signo].uid = info->si_uid;
}

/*
 * The C library keeps some signals to itself (32 to 34) and lets nobody touch
 * them; but anybody who may can send them, and their default is to kill.  So
 * the kernel is asked, whose struct begins with the handler (on machines where
 * it does not, or has more signals, it refuses, and all stays as it was).
 */
static void
set_raw(int signo, void (*handler)(int))
{
	const struct {
		void		(*handler)(int);
		unsigned long	rest[7];
	} action = { handler, { 0 } };

	(void)syscall(SYS_rt_sigaction, signo, &action, NULL, (size_t)8);
}

void
sig_default_all(void)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_handler = SIG_DFL;
	sigemptyset(&sa.sa_mask);
	for (int signo = 1; signo < SIG_COUNT; signo++)
		if (sigaction(signo, &sa, NULL) == -1)
			set_raw(signo, SIG_DFL);
}

void
sig_start(void)
{
	const struct itimerval none = { { 0, 0 }, { 0, 0 } };
	sigset_t all;

	sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, NULL);
	sig_default_all();
	(void)setitimer(ITIMER_REAL, &none, NULL);
	(void)setitimer(ITIMER_VIRTUAL, &none, NULL);
	(void)setitimer(ITIMER_PROF, &none, NULL);
}

void
sig_catch(int signo)
{
	struct sigaction sa;

	memset(&sa, 0, sizeof sa);
	sa.sa_sigaction = take_note;
	sa.sa_flags = SA_SIGINFO;
	/* No handler interrupts another: notes need no locks. */
	sigfillset(&sa.sa_mask);
	(void)sigaction(signo, &sa, NULL);
}

/*
 * Those the C library keeps to itself are what lies between the signals of
 * old and the first it gives away; it does not let them be blocked, either.
 */
static void
set_kept(void (*handler)(int))
{
	for (int signo = KEPT_FIRST; signo < SIGRTMIN; signo++)
		set_raw(signo, handler);
}

/* Whether sig_deafen() leaves the default action of this signal alone. */
static int
is_spared(int signo)
{
	static const int spared[] = {
		SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGABRT, SIGSYS, SIGTRAP,
		SIGXCPU, SIGCHLD, SIGKILL,
		SIGSTOP, SIGTSTP, SIGCONT
	};

	for (size_t i = 0; i < sizeof spared / sizeof spared[0]; i++)
		if (signo == spared[i])
			return 1;
	return 0;
}

void
sig_deafen(void)
{
	for (int signo = 1; signo < SIG_COUNT; signo++) {
		struct sigaction sa;

		if (is_spared(signo))
			continue;
		if (sigaction(signo, NULL, &sa) == -1) {
			set_raw(signo, SIG_IGN);
			continue;
		}
		if ((sa.sa_flags & SA_SIGINFO) != 0 || sa.sa_handler != SIG_DFL)
			continue;
		sa.sa_handler = SIG_IGN;
		(void)sigaction(signo, &sa, NULL);
	}
}

void
sig_deafen_by_mask(void)
{
	sigset_t deaf_to;

	set_kept(SIG_IGN);
	sigemptyset(&deaf_to);
	/* It refuses those that are kept. */
	for (int signo = 1; signo < SIG_COUNT; signo++)
		if (!is_spared(signo) && signo != SIGQUIT)
			(void)sigaddset(&deaf_to, signo);
	(void)sigprocmask(SIG_SETMASK, &deaf_to, NULL);
}

void
sig_default_child(void)
{
	(void)signal(SIGQUIT, SIG_DFL);
	(void)signal(SIGCHLD, SIG_DFL);
	set_kept(SIG_DFL);
}

const sigset_t *
sig_wait_mask(void)
{
	static sigset_t nothing;

	sigemptyset(&nothing);
	return &nothing;
}

int
sig_take(struct sig_note *note)
{
	for (int signo = 1; signo < SIG_COUNT; signo++) {
		if (!notes[signo].seen)
			continue;
		note->signo = signo;
		note->pid = notes[signo].pid;
		note->uid = notes[signo].uid;
		notes[signo].seen = 0;
		return signo;
	}
	return 0;
}

const char *
sig_name(int signo, char *buf, size_t size)
{
	static const char *const names[] = {
		[SIGHUP] = "HUP", [SIGINT] = "INT", [SIGQUIT] = "QUIT",
		[SIGILL] = "ILL", [SIGTRAP] = "TRAP", [SIGABRT] = "ABRT",
		[SIGBUS] = "BUS", [SIGFPE] = "FPE", [SIGKILL] = "KILL",
		[SIGUSR1] = "USR1", [SIGSEGV] = "SEGV", [SIGUSR2] = "USR2",
		[SIGPIPE] = "PIPE", [SIGALRM] = "ALRM", [SIGTERM] = "TERM",
		[SIGCHLD] = "CHLD", [SIGCONT] = "CONT", [SIGSTOP] = "STOP",
		[SIGTSTP] = "TSTP", [SIGTTIN] = "TTIN", [SIGTTOU] = "TTOU",
		[SIGURG] = "URG", [SIGXCPU] = "XCPU", [SIGXFSZ] = "XFSZ",
		[SIGVTALRM] = "VTALRM", [SIGPROF] = "PROF",
		[SIGWINCH] = "WINCH", [SIGIO] = "IO", [SIGPWR] = "PWR",
		[SIGSYS] = "SYS",
#ifdef SIGSTKFLT
		[SIGSTKFLT] = "STKFLT",
#endif
	};

	if (signo > 0 && (size_t)signo < sizeof names / sizeof names[0] &&
	    names[signo] != NULL)
		snprintf(buf, size, "%s", names[signo]);
	else if (signo == SIGRTMIN)
		snprintf(buf, size, "RTMIN");
	else if (signo > SIGRTMIN && signo <= SIGRTMAX)
		snprintf(buf, size, "RTMIN+%d", signo - SIGRTMIN);
	else
		snprintf(buf, size, "%d", signo);
	return buf;
}

const char *
sig_death(int status, char *buf, size_t size)
{
	char name[16];

	if (WIFSIGNALED(status))
		snprintf(buf, size, "was killed by signal %s%s",
		    sig_name(WTERMSIG(status), name, sizeof name),
		    WCOREDUMP(status) ? " (core dumped)" : "");
	else
		snprintf(buf, size, "exited with status %d",
		    WEXITSTATUS(status));
	return buf;
}

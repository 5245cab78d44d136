/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Signals: how a process of ours starts with them, and how one that waits
 * for them reads them as values.  A signal caught with sig_catch() is only
 * noted by its handler; the process keeps all signals blocked, opens them
 * inside its one wait (ppoll(2) with sig_wait_mask()), and afterwards takes
 * the notes.  So no signal is lost between a test and the wait, and no work
 * is ever done in a handler.
 */
#ifndef BASE_SIG_H
#define BASE_SIG_H

#include <signal.h>
#include <stddef.h>
#include <sys/types.h>

/* What is known of a signal that came. */
struct sig_note {
	int	signo;
	pid_t	pid;		/* who sent it; 0: the kernel */
	uid_t	uid;
};

/*
 * Block every signal and undo what we inherited: dispositions back to
 * default, alarms cancelled.
 */
void	sig_start(void);

/*
 * For a fresh child, before it sets up its own: all dispositions to default;
 * the mask stays as it is.
 */
void	sig_default_all(void);

/* Note this signal from now on. */
void	sig_catch(int signo);

/*
 * Ignore every signal whose default action would end the process and that is
 * not caught, but for those that tell of an error of our own (SIGSEGV ...),
 * of a limit (SIGXCPU ...), and those that stop and continue.
 */
void	sig_deafen(void);

/*
 * Be as deaf, but by this process's mask, which this sets, so call it with
 * nothing ignored: for who starts programs.  They begin with a mask of their
 * own anyway, whereas what is ignored outlives execve(2), and to undo that
 * takes each child a system call a signal.
 */
void	sig_deafen_by_mask(void);

/*
 * For the child of such a process, before it opens its mask and becomes
 * another program: what would outlive that is undone, and no handler of a
 * worker's (SIGQUIT, SIGCHLD) can run in it any more.
 */
void	sig_default_child(void);

/* The mask for the wait: nothing blocked. */
const sigset_t	*sig_wait_mask(void);

/* Take one note; 0 if there is none.  Call with signals blocked. */
int	sig_take(struct sig_note *);

/* "TERM", "RTMIN+3": without SIG; for messages. */
const char	*sig_name(int signo, char *buf, size_t size);

/*
 * How a child ended, from waitpid(2): "exited with status 71", "was killed
 * by signal KILL (core dumped)".
 */
const char	*sig_death(int status, char *buf, size_t size);

#endif

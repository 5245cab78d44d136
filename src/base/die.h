/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a program says to the person who started it: one line on stderr that
 * begins with the program's name.  Once the server has its log, it says
 * things there instead (log/log.h).
 */
#ifndef BASE_DIE_H
#define BASE_DIE_H

#include <stdnoreturn.h>

#include "base/status.h"

/* Each program's main file defines its name. */
extern const char program_name[];

/*
 * "NAME: MESSAGE\n" on stderr, in one write; the message is escaped, so that
 * an argument or a server's bytes cannot make two lines of it.
 */
void	say(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/*
 * From now on, each line goes to a socket instead, as one message that begins
 * with SAY_MARK and has neither the name nor the newline, as long as somebody
 * takes it; -1: no more.
 */
#define SAY_MARK	'T'
void	say_to(int socket);

/* The same without the name: what begins with that of a file, say. */
void	say_bare(const char *line);

/* say(), then exit(status). */
noreturn void	die(enum status status, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Flush stdout; if what was printed cannot be written, die of it. */
void	die_if_unwritten(void);

#endif

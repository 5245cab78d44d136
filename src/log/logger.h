/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The log process.  It is the only one that touches what may block: a full
 * disk, a stopped terminal, a pipe nobody reads.
 *
 * Besides the lines of the server it writes what the programs of run print:
 * each has a pipe, whose other end comes here with a tag for its lines.
 */
#ifndef LOG_LOGGER_H
#define LOG_LOGGER_H

#include <stddef.h>
#include <stdint.h>
#include <stdnoreturn.h>

#include "log/output.h"

#define LOGGER_TAG_MAX	64

/* A program's pipe, and what its lines are tagged with: "app/1". */
struct logger_source {
	int	fd;
	char	tag[LOGGER_TAG_MAX];
};

/* What a fresh log process is given; all of these are its own. */
struct logger_birth {
	int				 in;	/* the server's lines */
	const struct output_wish	*wish;
	int				 file;	/* of it; -1: to be opened */
	int				 orders;	/* a socket: struct
							 * logger_order */
	const struct logger_source	*sources;
	size_t				 n;
};

/*
 * The master's word to it: one datagram (SOCK_SEQPACKET), of which the end may
 * be left out: that of the path, or all of a wish that is none.
 */
enum logger_order_kind {
	LOGGER_SOURCE = 1,	/* a descriptor comes with it, SCM_RIGHTS */
	LOGGER_LEVEL,
	LOGGER_REOPEN,
	LOGGER_OUTPUT		/* perhaps with a descriptor, of the file */
};

struct logger_order {
	uint32_t		kind;	/* enum logger_order_kind */
	uint32_t		level;	/* enum level, from now on */
	char			tag[LOGGER_TAG_MAX];
	struct output_wish	wish;
};

/*
 * Be the log process, in a fresh child: move what comes out of the pipes to
 * where it is wanted, until every writer of in is gone.  What is said before
 * an order to write elsewhere still goes where it went, as far as that takes
 * it without a wait.  What programs print never waits: when the output takes
 * nothing, it is dropped and counted.
 */
noreturn void	logger_run(const struct logger_birth *);

/*
 * Without such a process: write what is in the pipe, as far as that goes
 * without a wait.
 */
void	logger_write_left(int in, const struct output_wish *, int file);

#endif

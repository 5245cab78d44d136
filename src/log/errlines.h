/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a program prints for the log: a pipe, read line by line; none longer
 * than fits one line of the log, and if that is asked for, only so many a
 * second.
 */
#ifndef LOG_ERRLINES_H
#define LOG_ERRLINES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define ERRLINES_LINE	1000	/* bytes; a longer line becomes several */
#define ERRLINES_RATE	100	/* lines a second, where that is bounded */

/*
 * Bytes that are read at once where the lines go into a pipe: as lines of the
 * log they fit it, were each a line of its own.
 */
#define ERRLINES_PART	512

struct errlines {
	int		in;		/* -1: there is none */
	int		out;		/* for the program */
	unsigned	rate;		/* lines a second; 0: any */
	size_t		most;		/* bytes to be read at once */
	int		sink;		/* to be written only when there is
					 * room in it; -1: no need to look */
	bool		is_ended;	/* nobody has the other end */
	char		line[ERRLINES_LINE];
	size_t		len;
	bool		is_cut;		/* what follows is the same line */
	int64_t		period;		/* when the count began */
	unsigned	count;		/* lines logged since */
	uint64_t	held;		/* lines not logged since */
};

/* Make the pipe, for at most ERRLINES_RATE lines a second.  -1 and errno. */
int	errlines_init(struct errlines *);

/*
 * Take over the end of a pipe, for any number of lines, if they have room in
 * sink.  -1 and errno.
 */
int	errlines_open(struct errlines *, int in, int sink);

/*
 * Log some of what has come; id, if not NULL, is put before each line.  false:
 * nothing had.
 */
bool	errlines_read(struct errlines *, const char *id);

/* The program is at its end: so is its last line. */
void	errlines_end(struct errlines *, const char *id);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What is wrong with a configuration: all of it, not the first thing only.
 * Nothing here allocates, so that "no memory" can be said as well.
 */
#ifndef CONF_COMPLAINT_H
#define CONF_COMPLAINT_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/origin.h"

#define COMPLAINTS_KEPT	64
#define COMPLAINT_MAX	512

struct complaints {
	unsigned	n;		/* how many there were */
	bool		has_file;	/* set by who reads one */
	bool		in_file;	/* not of the command line only */
	char		line[COMPLAINTS_KEPT][COMPLAINT_MAX];
};

void	complaints_init(struct complaints *);

/*
 * Add "FILE:LINE:COL: MESSAGE", or without what is not known of the place.
 * Who shows it must escape it: there may be any bytes in it but NUL.
 */
void	complain(struct complaints *, const struct origin *, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* How many of the lines there are. */
unsigned	complaints_kept(const struct complaints *);

/* To stderr, a line each, and the summary if it is about a file. */
void	complaints_say(const struct complaints *);

/* "3 errors; configuration not used", and how many are not shown. */
const char	*complaints_summary(const struct complaints *, char *buf,
		    size_t size);

#endif

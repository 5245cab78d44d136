/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * From text to settings: which keyword was given which words, where, and in
 * the section of which service.  Each value is checked for itself; what they
 * mean together is the business of build.c.
 */
#ifndef CONF_PARSE_H
#define CONF_PARSE_H

#include <stdbool.h>
#include <stddef.h>

#include "base/mem.h"
#include "conf/complaint.h"
#include "conf/keyword.h"
#include "conf/word.h"

/* A keyword and the words after it. */
struct setting {
	struct setting		*next;
	const struct keyword	*keyword;
	struct words		 words;		/* the keyword is the first */
	struct origin		 origin;
	const char		*dir;		/* for relative paths */
	bool			 is_said;	/* on the command line */
	bool			 is_bad;	/* and was complained of */
};

/* The settings of one service, or of the place above all of them. */
struct section {
	struct section	*next;
	const char	*name;		/* NULL: above all services */
	struct origin	 begun;
	struct setting	*settings;	/* in the order of their lines */
	bool		 is_unclear;	/* a line of it could not be read */
};

/* A configuration as it is written. */
struct draft {
	struct arena		*arena;		/* of all that is kept */
	struct complaints	*complaints;
	struct section		 head;		/* its next: the services */
	struct section		*into;		/* where the next line goes */
	unsigned		 files;		/* read so far */
	unsigned		 lines;		/* that said something */
	bool			 is_said;	/* reading the command line */
};

void	draft_init(struct draft *, struct arena *, struct complaints *);

/*
 * Read a file, and those it includes.  One that is not there is complained of
 * only if it must exist.  Whether it could be read.
 */
bool	draft_add_file(struct draft *, const char *path, bool must_exist);

/*
 * Read a line of the command line.  The first of them begins anew above all
 * services; said_by names what gave it.
 */
void	draft_add_said(struct draft *, const char *line, const char *said_by,
	    const char *dir);

/* The section of a service; NULL: there is none of that name. */
struct section	*draft_find(const struct draft *, const char *name);

/* Make one; the name must be new.  NULL and errno ENOMEM. */
struct section	*draft_begin(struct draft *, const char *name,
		    const struct origin *);

#endif

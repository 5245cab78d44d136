/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The words a configuration is written with.  One table describes them all;
 * the parser, --help, -T and the tests of the manual and the sample go by it.
 */
#ifndef CONF_KEYWORD_H
#define CONF_KEYWORD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define KEYWORDS_MAX	80	/* rows there is room for */

/* What is done with a connection; bits, since keywords go with several. */
enum action {
	ACTION_SEND = 1 << 0,
	ACTION_SENDFILE = 1 << 1,
	ACTION_ECHO = 1 << 2,
	ACTION_DISCARD = 1 << 3,
	ACTION_CHARGEN = 1 << 4,
	ACTION_DAYTIME = 1 << 5,
	ACTION_TIME = 1 << 6,
	ACTION_STATUS = 1 << 7,
	ACTION_METRICS = 1 << 8,
	ACTION_EXEC = 1 << 9,
	ACTION_RUN = 1 << 10
};

#define ACTIONS_BUILTIN	((unsigned)ACTION_EXEC - 1)
#define ACTIONS_CONN	(ACTIONS_BUILTIN | ACTION_EXEC)	/* we accept */
#define ACTIONS_PROGRAM	((unsigned)ACTION_EXEC | ACTION_RUN)
#define ACTIONS_ALL	(ACTIONS_CONN | ACTION_RUN)

/* Where a keyword may stand. */
enum keyword_place {
	PLACE_GLOBAL,		/* above the first service */
	PLACE_SERVICE,		/* in a service */
	PLACE_BOTH,		/* in a service; above, it is for all */
	PLACE_ANYWHERE		/* what makes up the file itself */
};

/* What else is to be known of it; bits. */
enum keyword_flag {
	KEYWORD_LIST = 1,	/* may be given several times */
	KEYWORD_ACTION = 2,	/* what the service does: one of them */
	KEYWORD_FIXED = 4,	/* only a restart can change it */
	KEYWORD_LATER = 8	/* checked, but what it asks for is not here */
};

struct type;

struct keyword {
	const char		*name;
	const char		*value;	/* what is to be written, for people */
	const struct type	*type;	/* see value.h */
	uint64_t		 min, max;	/* of numbers */
	const char *const	*choices;	/* of words; ends with NULL */
	const char		*standard;	/* the default; NULL: none */
	unsigned		 except;	/* actions with another one: */
	const char		*exception;
	enum keyword_place		 place;
	unsigned		 actions;	/* that it goes with */
	unsigned		 flags;
	size_t			 offset;	/* of the value in its struct */
	const char		*help;
};

/* The table ends with a row that has no name. */
extern const struct keyword keywords[];

/* The row of a name; NULL if there is none. */
const struct keyword	*keyword_find(const char *name);

/* The name that was probably meant; NULL: none is near. */
const char	*keyword_near(const char *name);

/* The default of a keyword for a service with this action; NULL: none. */
const char	*keyword_default(const struct keyword *, enum action);

/* The row of an action. */
const struct keyword	*keyword_of_action(enum action);

/* Its number in the table. */
size_t	keyword_index(const struct keyword *);

/* All that work in this build, with a line each, for --help. */
void	keyword_help(void);

#endif

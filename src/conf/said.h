/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What the command line says of the configuration: the file, and lines that
 * win over it.  Dies if there is no memory: it is used at the start only.
 */
#ifndef CONF_SAID_H
#define CONF_SAID_H

#include "conf/conf.h"

struct said {
	struct conf_source	  source;	/* made of what is below */
	char			 *file;
	char			 *dir;		/* where we were started */
	char			**lines;
	const char		**by;
};

/* No line, and the default file if it is there. */
void	said_init(struct said *);

/* "none", or a file that must be there. */
void	said_file(struct said *, const char *file);

/* A line as it is; a keyword with a value of one word; and a message with a
 * newline at its end unless it has one.  by: "option '-w'", kept. */
void	said_line(struct said *, const char *by, const char *line);
void	said_value(struct said *, const char *by, const char *keyword,
	    const char *value);
void	said_message(struct said *, const char *by, const char *text);

/* A keyword with a value of several words, which end with NULL. */
void	said_words(struct said *, const char *by, const char *keyword,
	    char *const *words);

void	said_free(struct said *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The types of values: how each is read from words and written again.  What
 * is written is read as the same value.
 */
#ifndef CONF_VALUE_H
#define CONF_VALUE_H

#include <stdio.h>

#include "conf/complaint.h"
#include "conf/keyword.h"
#include "conf/word.h"

/* A keyword with its value, on its way from text to a field. */
struct reading {
	const struct keyword	*keyword;
	const struct words	*words;		/* the keyword is the first */
	const char		*dir;		/* paths are relative to it */
	struct origin		 at;
	struct arena		*arena;
	struct complaints	*complaints;
};

struct type {
	unsigned	least, most;	/* how many words a value has */
	int		(*read)(struct reading *, void *to);
	void		(*write)(FILE *, const struct keyword *,
			    const void *from);
};

extern const struct type type_nothing;	/* no value at all */
extern const struct type type_number;	/* unsigned */
extern const struct type type_time;	/* int64_t; "none": CLOCK_NEVER */
extern const struct type type_yesno;	/* bool */
extern const struct type type_choice;	/* int: which of the choices */
extern const struct type type_name;	/* const char *: letters, digits .-_ */
extern const struct type type_text;	/* struct conf_text */
extern const struct type type_path;	/* const char *, absolute */
extern const struct type type_workers;	/* struct conf_workers */
extern const struct type type_user;	/* struct conf_user */
extern const struct type type_program;	/* struct conf_program */
extern const struct type type_umask;	/* unsigned */
extern const struct type type_nice;	/* int */
extern const struct type type_signal;	/* int: its number */
extern const struct type type_ready;	/* struct conf_ready */
extern const struct type type_log;	/* struct conf_log */

/* Lists: the field is the first item; reading adds one, writing writes one. */
extern const struct type type_listen;	/* struct conf_listen * */
extern const struct type type_rlimit;	/* struct conf_rlimit * */
extern const struct type type_env, type_names;	/* struct conf_words * */

/* Of what is not built in: read to check it, and forgotten. */
extern const struct type type_prefixes, type_rate;
extern const struct type type_paths;
extern const struct type type_include, type_service;

/*
 * Read the value into the field to; NULL: only check it.  -1: it was
 * complained of.
 */
int	value_read(struct reading *, void *to);

/* Complain of word i, at its column.  Returns -1. */
int	value_wrong(struct reading *, size_t i, const char *fmt, ...)
	    __attribute__((format(printf, 3, 4)));

/*
 * Add an item of size bytes to the end of a list; it begins with a struct
 * conf_item.  NULL, complained of.
 */
void	*value_add_item(struct reading *, void *list, size_t size);

/* Word i as a string; NULL, complained of, if it has a NUL byte in it. */
const char	*value_string(struct reading *, size_t i);

/* A path as an absolute one, kept.  NULL, complained of. */
const char	*value_path(struct reading *, size_t i, const char *path);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A file of the configuration, read into memory at once and only if it can be
 * one: whatever the name leads to, it takes bounded time and memory.
 */
#ifndef CONF_SOURCE_H
#define CONF_SOURCE_H

#include <stddef.h>
#include <sys/types.h>

#define SOURCE_MAX	(1024 * 1024)	/* bytes in a file */

struct source {
	char	*text;
	size_t	 len;
	dev_t	 dev;		/* which file it is */
	ino_t	 ino;
};

/*
 * -1, and *why says what is wrong with it, or is strerror(3) of errno, which
 * is 0 in the first case.
 */
int	source_read(struct source *, const char *path, const char **why);

void	source_free(struct source *);

#endif

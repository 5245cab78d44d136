/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See self.h.
 */
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/self.h"

/* NAME seen from a directory; what is absolute stays.  NULL: too long. */
static char *
join(const char *dir, const char *name)
{
	char path[PATH_MAX];
	int n;

	if (name[0] == '/')
		return strdup(name);
	if (dir == NULL)
		return NULL;
	n = snprintf(path, sizeof path, "%s/%s", dir, name);
	return n < 0 || (size_t)n >= sizeof path ? NULL : strdup(path);
}

static bool
is_program(const char *path)
{
	struct stat st;

	return path != NULL && access(path, X_OK) == 0 &&
	    stat(path, &st) == 0 && S_ISREG(st.st_mode);
}

/* In the first directory of PATH that has it; "" is where we are. */
static char *
look_in_path(const struct self *self, const char *name)
{
	const char *next = getenv("PATH");
	char path[PATH_MAX], *found = NULL;

	while (next != NULL && found == NULL) {
		size_t len = strcspn(next, ":");

		snprintf(path, sizeof path, "%.*s%s%s", (int)len, next,
		    len > 0 ? "/" : "", name);
		found = join(self->dir, path);
		if (!is_program(found)) {
			free(found);
			found = NULL;
		}
		next = next[len] == ':' ? next + len + 1 : NULL;
	}
	return found;
}

void
self_remember(struct self *self, char **argv)
{
	*self = (struct self){ .dir = getcwd(NULL, 0), .argv = argv };
	if (argv[0] == NULL)
		return;
	self->path = strchr(argv[0], '/') != NULL ?
	    join(self->dir, argv[0]) : look_in_path(self, argv[0]);
}

void
self_free(struct self *self)
{
	free(self->path);
	free(self->dir);
	*self = (struct self){ .path = NULL };
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See rundir.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "board/rundir.h"

int
rundir_name(char *buf, size_t size)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	const char *xdg = getenv("XDG_RUNTIME_DIR");
	int n;

	if (given != NULL && given[0] == '/')
		n = snprintf(buf, size, "%.*s", (int)strcspn(given, ":"),
		    given);
	else if (geteuid() == 0)
		n = snprintf(buf, size, "%s/smiled", RUNSTATEDIR);
	else if (xdg != NULL && xdg[0] == '/')
		n = snprintf(buf, size, "%s/smiled", xdg);
	else
		n = snprintf(buf, size, "/tmp/smiled-%ju",
		    (uintmax_t)geteuid());
	if (n < 0 || (size_t)n >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	return 0;
}

bool
rundir_is_trusted(const char *dir)
{
	const char *given = getenv("RUNTIME_DIRECTORY");
	struct stat st;

	if (given != NULL && given[0] == '/')
		return true;
	return lstat(dir, &st) == -1 || st.st_uid == geteuid() ||
	    st.st_uid == 0;
}

/* Make what is missing of the directories above dir. */
static void
make_parents(const char *dir)
{
	char path[PATH_MAX];

	snprintf(path, sizeof path, "%s", dir);
	for (char *p = strchr(path + 1, '/'); p != NULL; p = strchr(p, '/')) {
		*p = '\0';
		(void)mkdir(path, 0755);
		*p++ = '/';
	}
}

int
rundir_make(const char *dir)
{
	struct stat st;

	if (mkdir(dir, geteuid() == 0 ? 0755 : 0700) == -1 && errno == ENOENT) {
		make_parents(dir);
		(void)mkdir(dir, geteuid() == 0 ? 0755 : 0700);
	}
	if (lstat(dir, &st) == -1)
		return -1;
	if (!S_ISDIR(st.st_mode)) {
		errno = ENOTDIR;
		return -1;
	}
	if ((st.st_uid != geteuid() && st.st_uid != 0) ||
	    (st.st_mode & (S_IWGRP | S_IWOTH)) != 0) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

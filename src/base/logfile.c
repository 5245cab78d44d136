/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See logfile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/logfile.h"

#define HOW	(O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK)
#define MODE	0640

static int
fail(const char **why, const char *text)
{
	*why = text;
	return -1;
}

/* The directory that something is in; -1 and errno. */
static int
name_directory(const char *path, char *dir, size_t size)
{
	const char *slash = strrchr(path, '/');
	size_t len = slash == path ? 1 : (size_t)(slash - path);

	if (len >= size) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memcpy(dir, path, len);
	dir[len] = '\0';
	return 0;
}

/* Whether only root, and who we are, could have put there what is there. */
static bool
is_ours_alone(const char *path)
{
	char dir[PATH_MAX];
	struct stat st;

	return name_directory(path, dir, sizeof dir) == 0 &&
	    stat(dir, &st) == 0 &&
	    (st.st_uid == 0 || st.st_uid == geteuid()) &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0;
}

/* NULL, or what is wrong with such a thing as a log. */
static const char *
fault_of(mode_t mode)
{
	if (S_ISREG(mode) || S_ISFIFO(mode) || S_ISCHR(mode))
		return NULL;
	return S_ISDIR(mode) ? strerror(EISDIR) :
	    "it is neither a file, a fifo nor a character device";
}

static int
try_open(const char *path, int how)
{
	int fd = open(path, how | HOW | O_NOFOLLOW, MODE);

	if (fd == -1 && errno == ELOOP && is_ours_alone(path))
		fd = open(path, how | HOW, MODE);
	return fd;
}

/*
 * With an end of our own to read from, a fifo takes lines for a reader who is
 * not there yet, and none is lost when one goes.  The first end is closed
 * after that: a reader who waits would else see the end of it.
 */
static int
hold_fifo(const char *path, int fd)
{
	int both = try_open(path, O_RDWR);

	fd_close(&fd);
	return both;
}

int
logfile_open(const char *path, const char **why)
{
	int fd = try_open(path, O_WRONLY | O_CREAT);
	struct stat st;

	/* A fifo nobody reads; whatever else says so, says it again. */
	if (fd == -1 && errno == ENXIO)
		fd = hold_fifo(path, -1);
	else if (fd != -1 && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode))
		fd = hold_fifo(path, fd);
	if (fd == -1 || fstat(fd, &st) == -1) {
		*why = errno == ELOOP ? "it is a symbolic link that others "
		    "could have made" : strerror(errno);
		fd_close(&fd);
		return -1;
	}
	*why = fault_of(st.st_mode);
	if (*why != NULL)
		fd_close(&fd);
	return fd;
}

/* What is not there can be made if its directory lets us. */
static int
check_directory(const char *path, const char **why)
{
	char dir[PATH_MAX];

	if (name_directory(path, dir, sizeof dir) == -1 ||
	    faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == -1)
		return fail(why, strerror(errno));
	return 0;
}

int
logfile_check(const char *path, const char **why)
{
	struct stat st;

	if (lstat(path, &st) == 0 && S_ISLNK(st.st_mode) &&
	    !is_ours_alone(path))
		return fail(why, "it is a symbolic link that others could "
		    "have made");
	if (stat(path, &st) == -1)
		return errno == ENOENT ? check_directory(path, why) :
		    fail(why, strerror(errno));
	*why = fault_of(st.st_mode);
	if (*why != NULL)
		return -1;
	if (faccessat(AT_FDCWD, path, W_OK | (S_ISFIFO(st.st_mode) ? R_OK :
	    0), AT_EACCESS) == -1)
		return fail(why, strerror(errno));
	return 0;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See unixpath.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "master/unixpath.h"

/* The directory of a path, open; -1 and errno.  *name: the rest. */
static int
open_parent(const char *path, const char **name)
{
	char dir[sizeof ((struct sockaddr_un *)NULL)->sun_path];
	const char *slash = strrchr(path, '/');

	*name = slash + 1;
	snprintf(dir, sizeof dir, "%.*s", (int)(slash - path), path);
	return open(dir[0] != '\0' ? dir : "/", O_PATH | O_DIRECTORY |
	    O_CLOEXEC);
}

/* Whether somebody answers at path; what is left of a dead one does not. */
static bool
is_alive(const char *path)
{
	struct sockaddr_un sun;
	socklen_t len;
	bool alive;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
	    0);

	/* In doubt, it is. */
	if (fd == -1 || addr_unix(path, &sun, &len) == -1)
		return true;
	alive = connect(fd, (struct sockaddr *)&sun, len) == 0 ||
	    (errno != ECONNREFUSED && errno != ENOENT);
	fd_close(&fd);
	return alive;
}

static bool
is_own_file(const struct listener *l, const struct stat *st)
{
	return st->st_dev == l->dev && st->st_ino == l->ino;
}

static bool
is_one_of(const struct listener *l, const struct stat *st)
{
	while (l != NULL && (l->fd == -1 || !is_own_file(l, st)))
		l = l->next;
	return l != NULL;
}

/*
 * What is at path must be nothing, or what a dead server has left, or what
 * one of ours has there, which is then replaced.
 */
static int
check_free(const struct listener *l, const struct listener *others)
{
	struct stat st;

	if (lstat(l->spec.path, &st) == -1)
		return errno == ENOENT ? 0 : -1;
	if (!S_ISSOCK(st.st_mode)) {
		errno = EEXIST;
		return -1;
	}
	if (!is_one_of(others, &st) && is_alive(l->spec.path)) {
		errno = EADDRINUSE;
		return -1;
	}
	return 0;
}

/* The name it has until it gets its own; no other socket of ours has it. */
static void
other_name(int fd, char *buf, size_t size)
{
	snprintf(buf, size, ".smiled.%ld.%d", (long)getpid(), fd);
}

/* Bind in the current directory, for nobody to use yet. */
static int
bind_hidden(int fd, const char *name)
{
	struct sockaddr_un sun;
	socklen_t len;
	mode_t mask;
	int result;

	(void)unlink(name);
	if (addr_unix(name, &sun, &len) == -1)
		return -1;
	mask = umask(0777);
	result = bind(fd, (struct sockaddr *)&sun, len);
	(void)umask(mask);
	return result;
}

/* The owner first: to give it away clears bits of the mode. */
static int
give_rights(struct listener *l, int dir, const char *name)
{
	struct stat st;

	if ((l->spec.uid != (uid_t)-1 || l->spec.gid != (gid_t)-1) &&
	    fchownat(dir, name, l->spec.uid, l->spec.gid,
	    AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	if (fchmodat(dir, name, l->spec.mode, 0) == -1 ||
	    fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == -1)
		return -1;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return 0;
}

/* The short name is why: PATH and more might not fit into an address. */
static int
bind_in(struct listener *l, int fd, int dir)
{
	char name[48];
	int result = -1, saved;

	other_name(fd, name, sizeof name);
	if (fchdir(dir) == 0) {
		result = bind_hidden(fd, name);
		saved = errno;
		if (chdir("/") == -1)
			return -1;
		errno = saved;
	}
	if (result == 0 && give_rights(l, dir, name) == -1) {
		saved = errno;
		(void)unlinkat(dir, name, 0);
		errno = saved;
		return -1;
	}
	return result;
}

int
unixpath_bind(struct listener *l, const struct listener *others)
{
	const char *name;
	int fd, dir, result;

	if (check_free(l, others) == -1)
		return -1;
	dir = open_parent(l->spec.path, &name);
	if (dir == -1)
		return -1;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	result = fd == -1 ? -1 : bind_in(l, fd, dir);
	fd_close(&dir);
	if (result == -1)
		fd_close(&fd);
	return fd;
}

int
unixpath_name(struct listener *l)
{
	char hidden[48];
	const char *name;
	int dir = open_parent(l->spec.path, &name), result;

	if (dir == -1)
		return -1;
	other_name(l->fd, hidden, sizeof hidden);
	result = renameat(dir, hidden, dir, name);
	fd_close(&dir);
	return result;
}

static void
remove_if_own(const struct listener *l, int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	    is_own_file(l, &st))
		(void)unlinkat(dir, name, 0);
}

void
unixpath_remove(const struct listener *l)
{
	char hidden[48];
	const char *name;
	int dir;

	if (l->fd == -1 || l->ino == 0)
		return;
	dir = open_parent(l->spec.path, &name);
	if (dir == -1)
		return;
	other_name(l->fd, hidden, sizeof hidden);
	remove_if_own(l, dir, hidden);
	remove_if_own(l, dir, name);
	fd_close(&dir);
}

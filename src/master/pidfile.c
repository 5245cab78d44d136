/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See pidfile.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "master/pidfile.h"

/* Lock it and write our pid into it. */
static int
fill(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };
	char text[24];
	int n = snprintf(text, sizeof text, "%ld\n", (long)getpid());

	if (fcntl(fd, F_SETLK, &lock) == -1) {
		if (errno == EAGAIN || errno == EACCES)
			errno = EBUSY;
		return -1;
	}
	return ftruncate(fd, 0) == -1 ? -1 :
	    fd_write_all(fd, text, (size_t)n);
}

int
pidfile_create(struct pidfile *p, const char *path)
{
	/* Neither through a link, nor into what is no file. */
	int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
	    O_NONBLOCK | O_NOCTTY, 0644);
	struct stat st;

	if (fd == -1)
		return -1;
	if (fstat(fd, &st) == 0 && !S_ISREG(st.st_mode)) {
		fd_close(&fd);
		errno = EEXIST;
		return -1;
	}
	if (fill(fd) == -1) {
		fd_close(&fd);
		return -1;
	}
	snprintf(p->path, sizeof p->path, "%s", path);
	p->fd = fd;
	return 0;
}

void
pidfile_release(struct pidfile *p)
{
	if (p->path[0] != '\0')
		fd_close(&p->fd);
}

void
pidfile_forget(struct pidfile *p)
{
	pidfile_release(p);
	p->path[0] = '\0';
}

void
pidfile_remove(struct pidfile *p)
{
	struct stat a, b;

	if (p->path[0] == '\0')
		return;
	if (lstat(p->path, &a) == 0 && fstat(p->fd, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino)
		(void)unlink(p->path);
	fd_close(&p->fd);
	p->path[0] = '\0';
}

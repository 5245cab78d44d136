/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See fd.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/fd.h"

int
fd_fill_standard(void)
{
	int fd;

	do {
		fd = open("/dev/null", O_RDWR | O_CLOEXEC);
		if (fd == -1)
			return -1;
		/* Standard ones are meant to outlive an exec. */
		if (fd <= STDERR_FILENO)
			(void)fcntl(fd, F_SETFD, 0);
	} while (fd <= STDERR_FILENO);
	return close(fd);
}

int
fd_point_at_null(int fd)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int result;

	if (null == -1)
		return -1;
	result = dup2(null, fd);
	fd_close(&null);
	return result == -1 ? -1 : 0;
}

/*
 * Close first to last by walking the list the kernel keeps: for kernels and
 * debuggers without close_range(2).  Closing while reading the directory may
 * make it skip some, so it is read until nothing more is found.
 */
static void
close_listed(unsigned first, unsigned last)
{
	bool found;

	do {
		DIR *dir = opendir("/proc/self/fd");
		struct dirent *entry;

		found = false;
		if (dir == NULL)
			return;
		while ((entry = readdir(dir)) != NULL) {
			unsigned long fd = strtoul(entry->d_name, NULL, 10);

			if (entry->d_name[0] != '.' && fd >= first &&
			    fd <= last && (int)fd != dirfd(dir) &&
			    close((int)fd) == 0)
				found = true;
		}
		closedir(dir);
	} while (found);
}

static void
close_between(unsigned first, unsigned last)
{
	if (first > last)
		return;
#ifdef SYS_close_range
	if (syscall(SYS_close_range, first, last, 0U) == 0)
		return;
#endif
	close_listed(first, last);
}

void
fd_keep_only(const int *keep, size_t n)
{
	unsigned first = 0;

	/* Close the gap below the lowest one kept, then go on above it. */
	for (;;) {
		unsigned next = ~0U;

		for (size_t i = 0; i < n; i++)
			if (keep[i] >= 0 && (unsigned)keep[i] >= first &&
			    (unsigned)keep[i] < next)
				next = (unsigned)keep[i];
		if (next == ~0U)
			break;
		if (next > 0)
			close_between(first, next - 1);
		first = next + 1;
	}
	close_between(first, ~0U);
}

bool
fd_is_open(int fd)
{
	return fcntl(fd, F_GETFD) != -1;
}

void
fd_close(int *fd)
{
	int saved = errno;

	if (*fd != -1)
		(void)close(*fd);
	*fd = -1;
	errno = saved;
}

int
fd_write_all(int fd, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = write(fd, p, len);

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
		} else if (errno == EAGAIN) {
			/* Somebody shares the file and made it so. */
			struct pollfd pfd = { .fd = fd, .events = POLLOUT };

			(void)poll(&pfd, 1, -1);
		} else if (errno != EINTR) {
			return -1;
		}
	}
	return 0;
}

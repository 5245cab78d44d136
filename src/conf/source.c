/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See source.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "conf/source.h"

static int
refuse(const char **why, const char *text)
{
	errno = 0;
	*why = text;
	return -1;
}

static int
read_all(struct source *s, int fd, const char **why)
{
	/* One byte more than may be: the file may grow while we read. */
	s->text = malloc(SOURCE_MAX + 1);
	s->len = 0;
	if (s->text == NULL)
		return -1;
	while (s->len <= SOURCE_MAX) {
		ssize_t n = read(fd, s->text + s->len,
		    SOURCE_MAX + 1 - s->len);

		if (n == 0)
			return 0;
		if (n > 0)
			s->len += (size_t)n;
		else if (errno != EINTR)
			return -1;
	}
	return refuse(why, "it is longer than a configuration can be (1 MiB)");
}

static int
read_open(struct source *s, int fd, const char **why)
{
	struct stat st;

	if (fstat(fd, &st) == -1)
		return -1;
	s->dev = st.st_dev;
	s->ino = st.st_ino;
	if (S_ISDIR(st.st_mode))
		return refuse(why, "it is a directory");
	if (!S_ISREG(st.st_mode))
		return refuse(why, "it is not a regular file");
	return read_all(s, fd, why);
}

int
source_read(struct source *s, const char *path, const char **why)
{
	/* A FIFO without a writer must not keep us waiting. */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int result = -1, saved;

	*s = (struct source){ .text = NULL };
	*why = NULL;
	if (fd != -1)
		result = read_open(s, fd, why);
	saved = errno;
	if (result == -1 && *why == NULL)
		*why = strerror(errno);
	fd_close(&fd);
	if (result == -1)
		source_free(s);
	errno = saved;
	return result;
}

void
source_free(struct source *s)
{
	free(s->text);
	s->text = NULL;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See handover.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "base/fd.h"
#include "master/handover.h"

#define MAGIC		UINT64_C(0x736d696c65640b02)	/* "smiled\v\002" */
#define FORM		1	/* counted up with each change */
#define SOCKETS_MAX	65536
#define SEALS		(F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | \
			    F_SEAL_SEAL)

/* -- Words -- */

bool
handover_say(int control, enum handover_word word, const void *what,
    size_t len)
{
	char mark = (char)word;
	struct iovec iov[] = {
		{ .iov_base = &mark, .iov_len = 1 },
		{ .iov_base = (void *)what, .iov_len = len }
	};
	const struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };

	return sendmsg(control, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) != -1;
}

void
handover_say_text(int control, const char *line)
{
	char message[2048];
	int n = snprintf(message, sizeof message, "%c%s", WORD_TEXT, line);

	(void)send(control, message, (size_t)n < sizeof message ? (size_t)n :
	    sizeof message - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
}

int
handover_hear(int control, char *buf, size_t size, size_t *len)
{
	unsigned char word = 0;
	struct iovec iov[] = {
		{ .iov_base = &word, .iov_len = 1 },
		{ .iov_base = buf, .iov_len = size }
	};
	struct msghdr msg = { .msg_iov = iov, .msg_iovlen = 2 };
	ssize_t n;

	do
		n = recvmsg(control, &msg, MSG_DONTWAIT);
	while (n == -1 && errno == EINTR);
	if (n <= 0)
		return n == -1 && errno == EAGAIN ? 0 : -1;
	*len = (size_t)n - 1;
	return word;
}

/* -- Writing -- */

int
handover_add(struct handover_set *set, int fd, const struct conf_listen *spec,
    const char *service, bool is_adopted, dev_t dev, ino_t ino)
{
	struct handover_socket *s = realloc(set->socket,
	    (set->head.n + 1) * sizeof *s);
	struct stat st;

	if (s == NULL || fstat(fd, &st) == -1)
		return -1;
	set->socket = s;
	s += set->head.n++;
	*s = (struct handover_socket){
		.fd = fd, .kind = spec->kind, .port = spec->port,
		.scope = spec->scope, .is_adopted = is_adopted,
		.mode = spec->mode, .uid = spec->uid, .gid = spec->gid,
		.inode = st.st_ino, .dev = dev, .ino = ino
	};
	memcpy(s->inet, &spec->inet, sizeof s->inet);
	memcpy(s->inet6, &spec->inet6, sizeof s->inet6);
	snprintf(s->service, sizeof s->service, "%s", service);
	if (spec->kind == LISTEN_UNIX)
		snprintf(s->path, sizeof s->path, "%s", spec->path);
	return 0;
}

int
handover_write(struct handover_set *set)
{
	int fd = memfd_create("smiled upgrade", MFD_ALLOW_SEALING |
	    MFD_CLOEXEC), saved;

	if (fd == -1)
		return -1;
	set->head.magic = MAGIC;
	set->head.version = FORM;
	set->head.size = sizeof set->head;
	set->head.socket_size = sizeof *set->socket;
	if (fd_write_all(fd, &set->head, sizeof set->head) == 0 &&
	    fd_write_all(fd, set->socket, set->head.n *
	    sizeof *set->socket) == 0 && fcntl(fd, F_ADD_SEALS, SEALS) == 0)
		return fd;
	saved = errno;
	fd_close(&fd);
	errno = saved;
	return -1;
}

/* -- Reading -- */

static bool
is_sealed(int fd)
{
	int seals = fcntl(fd, F_GET_SEALS);

	return seals != -1 && (seals & SEALS) == SEALS;
}

static bool
is_sound(const struct handover *h)
{
	return h->magic == MAGIC && h->version == FORM &&
	    h->size == sizeof *h &&
	    h->socket_size == sizeof(struct handover_socket) &&
	    h->n <= SOCKETS_MAX &&
	    memchr(h->board, '\0', sizeof h->board) != NULL &&
	    memchr(h->pidfile, '\0', sizeof h->pidfile) != NULL;
}

/* Whether the other end was made by who says so. */
static bool
is_from(int control, pid_t from)
{
	struct ucred who;
	socklen_t len = sizeof who;

	return getsockopt(control, SOL_SOCKET, SO_PEERCRED, &who, &len) ==
	    0 && who.pid == from;
}

/* Whether a socket is the one that was described, and still listens. */
static bool
is_true(const struct handover_socket *s)
{
	int value = 0;
	socklen_t len = sizeof value;
	struct stat st;

	return fstat(s->fd, &st) == 0 && S_ISSOCK(st.st_mode) &&
	    st.st_ino == s->inode && getsockopt(s->fd, SOL_SOCKET,
	    SO_ACCEPTCONN, &value, &len) == 0 && value == 1 &&
	    memchr(s->service, '\0', sizeof s->service) != NULL &&
	    memchr(s->path, '\0', sizeof s->path) != NULL;
}

static int
read_sockets(struct handover_set *set, int fd)
{
	const size_t size = set->head.n * sizeof *set->socket;

	set->socket = calloc((size_t)set->head.n + 1, sizeof *set->socket);
	if (set->socket == NULL || pread(fd, set->socket, size,
	    sizeof set->head) != (ssize_t)size)
		return -1;
	for (size_t i = 0; i < set->head.n; i++)
		if (!is_true(&set->socket[i]))
			return -1;
	return 0;
}

int
handover_read(struct handover_set *set, int fd)
{
	*set = (struct handover_set){ .socket = NULL };
	if (is_sealed(fd) && pread(fd, &set->head, sizeof set->head, 0) ==
	    (ssize_t)sizeof set->head && is_sound(&set->head) &&
	    is_from(set->head.control, (pid_t)set->head.from) &&
	    read_sockets(set, fd) == 0)
		return 0;
	handover_free(set);
	return -1;
}

/* -- Giving out -- */

static struct conf_listen
spec_of(const struct handover_socket *s)
{
	struct conf_listen spec = {
		.kind = (enum listen_kind)s->kind, .port = (uint16_t)s->port,
		.scope = s->scope, .path = s->path, .mode = s->mode,
		.uid = s->uid, .gid = s->gid
	};

	memcpy(&spec.inet, s->inet, sizeof spec.inet);
	memcpy(&spec.inet6, s->inet6, sizeof spec.inet6);
	return spec;
}

struct handover_socket *
handover_find(struct handover_set *set, const struct conf_listen *asked,
    const char *service)
{
	struct handover_socket *any = NULL;

	for (size_t i = 0; i < set->head.n; i++) {
		struct handover_socket *s = &set->socket[i];
		const struct conf_listen spec = spec_of(s);

		if (s->fd == -1 || !listen_is_same(&spec, asked))
			continue;
		if (strncmp(s->service, service, sizeof s->service - 1) == 0)
			return s;
		any = s;
	}
	return any;
}

void
handover_close_rest(struct handover_set *set)
{
	for (size_t i = 0; i < set->head.n; i++)
		fd_close(&set->socket[i].fd);
}

void
handover_free(struct handover_set *set)
{
	free(set->socket);
	*set = (struct handover_set){ .socket = NULL };
}

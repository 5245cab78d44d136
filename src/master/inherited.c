/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See inherited.h.
 */
#include <fcntl.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/text.h"
#include "master/inherited.h"

#define FIRST		3
#define COUNT_MAX	1024	/* more than that is no number */

void
inherited_take(struct inherited *in)
{
	const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
	uint64_t whose = 0, count = 0;

	*in = (struct inherited){ .n = 0 };
	if (pid != NULL && n != NULL &&
	    text_number(pid, 1, INT32_MAX, &whose) == 0 &&
	    (pid_t)whose == getpid())
		(void)text_number(n, 0, COUNT_MAX, &count);
	if (count > INHERITED_MAX) {
		say("of %ju sockets that were passed on, %d are looked at",
		    (uintmax_t)count, INHERITED_MAX);
		count = INHERITED_MAX;
	}
	for (uint64_t i = 0; i < count; i++)
		if (fcntl(FIRST + (int)i, F_SETFD, FD_CLOEXEC) == 0)
			in->fd[in->n++] = FIRST + (int)i;
	/* Not for the programs that we start. */
	(void)unsetenv("LISTEN_PID");
	(void)unsetenv("LISTEN_FDS");
	(void)unsetenv("LISTEN_FDNAMES");
}

static int
option_of(int fd, int level, int name)
{
	int value = 0;
	socklen_t len = sizeof value;

	return getsockopt(fd, level, name, &value, &len) == 0 ? value : -1;
}

static bool
is_bound_to_inet6(int fd, const struct sockaddr_in6 *sin6,
    const struct conf_listen *l)
{
	bool only = option_of(fd, IPPROTO_IPV6, IPV6_V6ONLY) == 1;

	if (ntohs(sin6->sin6_port) != l->port)
		return false;
	if (l->kind == LISTEN_ANY)
		return IN6_IS_ADDR_UNSPECIFIED(&sin6->sin6_addr) && !only;
	/* A certain address of IPv6 is not bound to any of IPv4. */
	return l->kind == LISTEN_INET6 &&
	    IN6_ARE_ADDR_EQUAL(&sin6->sin6_addr, &l->inet6) &&
	    (only || !IN6_IS_ADDR_UNSPECIFIED(&l->inet6)) &&
	    sin6->sin6_scope_id == l->scope;
}

static bool
is_bound_to(int fd, const struct conf_listen *l)
{
	struct sockaddr_storage ss;
	const struct sockaddr_in *sin = (const void *)&ss;
	const struct sockaddr_un *sun = (const void *)&ss;
	socklen_t len = sizeof ss - 1;

	memset(&ss, 0, sizeof ss);
	if (option_of(fd, SOL_SOCKET, SO_TYPE) != SOCK_STREAM ||
	    option_of(fd, SOL_SOCKET, SO_ACCEPTCONN) != 1 ||
	    getsockname(fd, (struct sockaddr *)&ss, &len) == -1)
		return false;
	switch (ss.ss_family) {
	case AF_INET:
		return l->kind == LISTEN_INET &&
		    ntohs(sin->sin_port) == l->port &&
		    sin->sin_addr.s_addr == l->inet.s_addr;
	case AF_INET6:
		return is_bound_to_inet6(fd, (const void *)&ss, l);
	case AF_UNIX:
		return l->kind == LISTEN_UNIX &&
		    strcmp(sun->sun_path, l->path) == 0;
	default:
		return false;
	}
}

int
inherited_find(struct inherited *in, const struct conf_listen *l)
{
	for (size_t i = 0; i < in->n; i++) {
		int fd = in->fd[i];

		if (!is_bound_to(fd, l))
			continue;
		in->fd[i] = in->fd[--in->n];
		return fd;
	}
	return -1;
}

void
inherited_close(struct inherited *in)
{
	struct sockaddr_storage ss;
	char name[ADDR_TEXT_MAX];

	while (in->n > 0) {
		int fd = in->fd[--in->n];
		socklen_t len = sizeof ss;

		if (getsockname(fd, (struct sockaddr *)&ss, &len) == 0)
			say("the socket that was passed on for %s is for no "
			    "service here; closed",
			    addr_text((struct sockaddr *)&ss, len, name,
			    sizeof name));
		else
			say("descriptor %d, which was passed on, is no "
			    "listening socket; closed", fd);
		fd_close(&fd);
	}
}

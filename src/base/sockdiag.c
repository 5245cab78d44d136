/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See sockdiag.h.
 */
#include <errno.h>
#include <stdalign.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

#include <linux/sock_diag.h>

#include "base/fd.h"
#include "base/sockdiag.h"

#define PATIENCE	1	/* seconds; the kernel answers at once */

static int
send_question(int fd, const void *body, size_t size)
{
	struct nlmsghdr head = {
		.nlmsg_len = (uint32_t)NLMSG_LENGTH(size),
		.nlmsg_type = SOCK_DIAG_BY_FAMILY,
		.nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP
	};
	const struct iovec iov[] = {
		{ .iov_base = &head, .iov_len = sizeof head },
		{ .iov_base = (void *)body, .iov_len = size }
	};

	return writev(fd, iov, 2) == -1 ? -1 : 0;
}

/* All messages of one datagram.  1: more are to come; -1 and errno. */
static int
take_in(const char *buf, size_t len,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	const struct nlmsghdr *h = (const void *)buf;

	for (; NLMSG_OK(h, len); h = NLMSG_NEXT(h, len)) {
		if (h->nlmsg_type == NLMSG_DONE)
			return 0;
		if (h->nlmsg_type == NLMSG_ERROR) {
			errno = EOPNOTSUPP;
			return -1;
		}
		take(arg, h);
	}
	return 1;
}

/* The answer is datagram after datagram, each with several messages. */
static int
read_answer(int fd, void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	alignas(struct nlmsghdr) char buf[32768];
	int more = 1;

	while (more == 1) {
		ssize_t n = recv(fd, buf, sizeof buf, 0);

		if (n > 0)
			more = take_in(buf, (size_t)n, take, arg);
		else if (n == 0 || errno != EINTR)
			more = -1;
	}
	return more;
}

int
sockdiag_ask(const void *body, size_t size,
    void (*take)(void *, const struct nlmsghdr *), void *arg)
{
	const struct timeval patience = { .tv_sec = PATIENCE };
	int fd = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC,
	    NETLINK_SOCK_DIAG);
	int result, saved;

	if (fd == -1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
	    sizeof patience);
	result = send_question(fd, body, size);
	if (result == 0)
		result = read_answer(fd, take, arg);
	saved = errno;
	fd_close(&fd);
	errno = saved;
	return result;
}

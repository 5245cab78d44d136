/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See door.h.  All of it is Linux's: socket filters (socket(7),
 * SO_ATTACH_FILTER), least hop limits (IP_MINTTL, IPV6_MINHOPCOUNT; the kernel
 * asks for them only once it has found no handshake under way that a packet
 * belongs to), and the list of sockets (sock_diag(7)).
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/filter.h>
#include <linux/inet_diag.h>

#include "base/sockdiag.h"
#include "master/door.h"

/* Where the flags stand in a TCP header (RFC 9293 3.1), and two of them. */
#define FLAGS_OFFSET	13
#define FLAG_SYN	0x02
#define FLAG_ACK	0x10

#define HOPS_MOST	255	/* what a packet cannot have come with */

static int
shut_by_filter(int fd)
{
	/* Drop what has SYN and not ACK; take all the rest, whole. */
	struct sock_filter code[] = {
		BPF_STMT(BPF_LD | BPF_B | BPF_ABS, FLAGS_OFFSET),
		BPF_STMT(BPF_ALU | BPF_AND | BPF_K, FLAG_SYN | FLAG_ACK),
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, FLAG_SYN, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, 0),
		BPF_STMT(BPF_RET | BPF_K, 0xffffffff),
	};
	const struct sock_fprog program = {
		.len = sizeof code / sizeof code[0], .filter = code
	};

	return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program,
	    sizeof program);
}

static int
ask_hop_limit(int fd, int least)
{
	int domain;
	socklen_t len = sizeof domain;

	if (getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &len) == -1 ||
	    (domain == AF_INET6 && setsockopt(fd, IPPROTO_IPV6,
	    IPV6_MINHOPCOUNT, &least, sizeof least) == -1))
		return -1;
	/* Those who come by IPv4 to a socket of both families, too. */
	return setsockopt(fd, IPPROTO_IP, IP_MINTTL, &least, sizeof least);
}

int
door_shut(int fd)
{
	return shut_by_filter(fd) == 0 ? 0 : ask_hop_limit(fd, HOPS_MOST);
}

void
door_open(int fd)
{
	const int unused = 0;

	(void)setsockopt(fd, SOL_SOCKET, SO_DETACH_FILTER, &unused,
	    sizeof unused);
	(void)ask_hop_limit(fd, 0);
}

static void
note(void *found, const struct nlmsghdr *h)
{
	(void)h;
	*(bool *)found = true;
}

/* 1 if the kernel knows of one in this family, 0 if not; -1 and errno. */
static int
ask(uint8_t family, uint16_t port)
{
	struct inet_diag_req_v2 body;
	bool found = false;

	memset(&body, 0, sizeof body);
	body.sdiag_family = family;
	body.sdiag_protocol = IPPROTO_TCP;
	body.idiag_states = 1U << TCP_SYN_RECV;
	body.id.idiag_sport = htons(port);
	return sockdiag_ask(&body, sizeof body, note, &found) == -1 ? -1 :
	    found;
}

int
door_is_somebody_on_step(uint16_t port)
{
	int found = ask(AF_INET, port);

	return found != 0 ? found : ask(AF_INET6, port);
}

int
door_is_room_taken(int fd)
{
	struct pollfd pfd = { .fd = fd, .events = POLLIN };

	/* POLLHUP: somebody has shut it down, and nobody is in there. */
	return poll(&pfd, 1, 0) > 0 && !(pfd.revents & POLLHUP);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See queue.h.  One question for all listening sockets of a kind.
 */
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include <linux/inet_diag.h>
#include <linux/unix_diag.h>

#include "base/sockdiag.h"
#include "board/queue.h"

#define LISTENS		(1U << TCP_LISTEN)	/* a set of states */

/* What the kernel says of one socket. */
struct answer {
	uint32_t	inode;
	uint32_t	length, limit;
};

static void
note(struct queue *q, size_t n, const struct answer *a)
{
	for (size_t i = 0; i < n; i++)
		if (q[i].inode == a->inode) {
			q[i].length = a->length;
			q[i].limit = a->limit;
		}
}

/* Whether a message says what we want to know. */
static bool
read_inet(const struct nlmsghdr *h, struct answer *a)
{
	const struct inet_diag_msg *m = NLMSG_DATA(h);

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
		return false;
	*a = (struct answer){ m->idiag_inode, m->idiag_rqueue,
	    m->idiag_wqueue };
	return true;
}

static bool
read_unix(const struct nlmsghdr *h, struct answer *a)
{
	const struct unix_diag_msg *m = NLMSG_DATA(h);
	const char *end = (const char *)h + h->nlmsg_len;
	const struct unix_diag_rqlen *queue;
	const struct nlattr *attr;

	if (h->nlmsg_len < NLMSG_LENGTH(sizeof *m))
		return false;
	a->inode = m->udiag_ino;
	for (const char *p = (const char *)(m + 1);
	    end - p >= (ptrdiff_t)sizeof *attr;
	    p += NLMSG_ALIGN(attr->nla_len)) {
		attr = (const void *)p;
		if (attr->nla_len < sizeof *attr || attr->nla_len > end - p)
			return false;
		if (attr->nla_type != UNIX_DIAG_RQLEN ||
		    attr->nla_len < sizeof *attr + sizeof *queue)
			continue;
		queue = (const void *)(attr + 1);
		a->length = queue->udiag_rqueue;
		a->limit = queue->udiag_wqueue;
		return true;
	}
	return false;
}

/* Those that are asked for, and how many. */
struct question {
	struct queue	*queue;
	size_t		 n;
};

static void
take(void *arg, const struct nlmsghdr *h)
{
	const struct question *q = arg;
	struct answer a;

	/* Both kinds begin with the family. */
	if (*(const unsigned char *)NLMSG_DATA(h) == AF_UNIX ?
	    read_unix(h, &a) : read_inet(h, &a))
		note(q->queue, q->n, &a);
}

static void
ask_inet(int family, struct question *q)
{
	const struct inet_diag_req_v2 body = {
		.sdiag_family = (uint8_t)family,
		.sdiag_protocol = IPPROTO_TCP, .idiag_states = LISTENS
	};

	(void)sockdiag_ask(&body, sizeof body, take, q);
}

static void
ask_unix(struct question *q)
{
	const struct unix_diag_req body = {
		.sdiag_family = AF_UNIX, .udiag_states = LISTENS,
		.udiag_show = UDIAG_SHOW_RQLEN
	};

	(void)sockdiag_ask(&body, sizeof body, take, q);
}

void
queues_ask(struct queue *queue, size_t n)
{
	struct question q = { queue, n };
	bool is_inet = false, is_unix = false;

	for (size_t i = 0; i < n; i++) {
		queue[i].length = queue[i].limit = -1;
		is_unix = is_unix || queue[i].is_unix;
		is_inet = is_inet || !queue[i].is_unix;
	}
	if (is_inet) {
		ask_inet(AF_INET, &q);
		ask_inet(AF_INET6, &q);
	}
	if (is_unix)
		ask_unix(&q);
}

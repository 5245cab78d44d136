/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What the kernel knows of sockets, also of those of others (sock_diag(7)).
 */
#ifndef BASE_SOCKDIAG_H
#define BASE_SOCKDIAG_H

#include <stddef.h>

#include <linux/netlink.h>

/*
 * Ask for all sockets that a request's body describes, and hand each message
 * of the answer to take.  -1 and errno; EOPNOTSUPP: the kernel cannot tell.
 */
int	sockdiag_ask(const void *body, size_t size,
	    void (*take)(void *arg, const struct nlmsghdr *), void *arg);

#endif

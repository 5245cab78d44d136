/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How many clients wait in the queues of listening sockets.  The kernel is
 * asked (sock_diag(7)), by whoever wants to know: the server is not.
 */
#ifndef BOARD_QUEUE_H
#define BOARD_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A socket one wants to know of, and what there is to know. */
struct queue {
	uint32_t	inode;
	bool		is_unix;
	int64_t		length;		/* -1: it is not known */
	int64_t		limit;
};

/*
 * Fill in the lengths of n queues, as far as this process may see them: those
 * of its own network namespace.
 */
void	queues_ask(struct queue *, size_t n);

#endif

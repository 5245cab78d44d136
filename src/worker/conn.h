/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * One accepted connection and its deadlines.  The socket itself stays
 * blocking (programs will inherit it); what must not block asks for that with
 * MSG_DONTWAIT and waits here.
 */
#ifndef WORKER_CONN_H
#define WORKER_CONN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "board/layout.h"
#include "conf/conf.h"

/* What surely fits one segment on any path (RFC 8200 5: 1,280 less headers). */
#define CONN_SEGMENT	1200

/* On the worker's stack for as long as the connection lasts. */
struct conn {
	int			 fd;
	const struct service	*service;
	uint64_t		 nth;		/* of this worker's, from 1 */
	int64_t			 due;		/* the end of its timeout */
	int64_t			 idle_due;	/* the end of its patience */
	int64_t			 idle_timeout;	/* the service's, mostly */
	uint64_t		 bytes_out;	/* handed to the kernel */
	int			 queued;	/* unacknowledged when last
						 * asked */
	bool			 is_counted;	/* by conn_count() */
	uint64_t		 count_in, count_out;
	enum board_outcome	 outcome;	/* BOARD_OK until not */
	int			 status;	/* BOARD_PROGRAM: the program's,
						 * as waitpid(2) has it */
};

void	conn_start(struct conn *, int fd, const struct service *,
	    uint64_t nth);

/* Its name: no other connection of the server's has the same. */
#define CONN_ID_MAX	48
void	conn_id(const struct conn *, char *buf, size_t size);

/*
 * Send all of buf.  false: it could not be done, and the outcome says why.
 */
bool	conn_send(struct conn *, const void *buf, size_t len);

/*
 * Receive what there is, waiting until there is something.  0: the client has
 * ended its side; -1: it could not be done, and the outcome says why.
 */
ssize_t	conn_receive(struct conn *, void *buf, size_t size);

/*
 * Drop what has come, without a wait.  false: the client has ended its side,
 * or broken off.
 */
bool	conn_drop(struct conn *);

/* Send a file from its beginning to its end. */
bool	conn_send_file(struct conn *, int file);

/*
 * End a connection so that the reply arrives whole.  close(2) alone would let
 * the kernel answer unread or late bytes of the client with a reset, and a
 * reset makes it throw away what the client has not acknowledged (RFC 1122
 * 4.2.2.13, RFC 9293 3.10.7.1).  So: no more from us, then read and drop what
 * the client still sends, until it closes as well, or until the service's
 * linger has passed, or CONN_DROP_MAX bytes have come, since it had
 * acknowledged everything.
 */
#define CONN_DROP_MAX	(1024 * 1024)
void	conn_linger(struct conn *);

/*
 * The same after a program, with another end than the service's timeout (a
 * moment), and for a client that takes nothing for so long (milliseconds).
 * It does not wait if the reply is of one segment, the client has acknowledged
 * all of it, and has itself never sent anything: then it has the reply, and
 * does not break off half-way in what it wants to say, whenever it begins.
 */
void	conn_linger_until(struct conn *, int64_t due, int64_t idle);

/*
 * The bytes of a client, and those for it, sent or about to be, by the kernel's
 * count (tcp(7), TCP_INFO): count_in and count_out.  It is asked but once, when
 * all is over.  false: it is no TCP.
 */
bool	conn_count(struct conn *);

/*
 * Whether the client has sent something that nobody has read.  If it has
 * broken off, the outcome says so.
 */
bool	conn_has_unread(struct conn *);

#endif

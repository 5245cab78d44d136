/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A connection's record: one line of the log for one that is over, with who
 * it was, how long it took, how much went to and fro, and how it ended.
 */
#ifndef WORKER_RECORD_H
#define WORKER_RECORD_H

#include "worker/conn.h"

/*
 * Log that of a connection that came from there and began then (clock_now()),
 * if the service wants that, by one write.  To be called while the socket is
 * open: the kernel is asked for the bytes (tcp(7), TCP_INFO), so that those of
 * programs are known, too.
 */
void	record_connection(struct conn *, const struct sockaddr_storage *from,
	    int64_t since);

#endif

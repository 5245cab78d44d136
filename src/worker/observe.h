/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The services that tell what the server does.  They read the board, as
 * anybody may; the master is not asked.
 */
#ifndef WORKER_OBSERVE_H
#define WORKER_OBSERVE_H

#include "board/board.h"
#include "worker/conn.h"

/* What "smilectl status" prints. */
void	observe_status(struct conn *, const struct board *);

/*
 * HTTP, as far as a monitor speaks it: GET and HEAD of / and /metrics, one
 * request a connection (RFC 9112).
 */
void	observe_metrics(struct conn *, const struct board *);

#endif

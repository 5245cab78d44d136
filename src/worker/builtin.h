/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a connection gets when it is served inside the worker.
 */
#ifndef WORKER_BUILTIN_H
#define WORKER_BUILTIN_H

#include "board/board.h"
#include "worker/conn.h"

/* Do what the service does, and end the connection, its close apart. */
void	builtin_serve(struct conn *, const struct board *);

/* Send all of a text, and the end. */
void	builtin_reply(struct conn *, const char *text, size_t len);

#endif

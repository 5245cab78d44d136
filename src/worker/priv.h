/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Giving up what a worker does not need: the root directory, the user, the
 * capabilities (credentials(7), capabilities(7)).
 */
#ifndef WORKER_PRIV_H
#define WORKER_PRIV_H

#include "conf/conf.h"

/*
 * Become what the service wants a worker to be, for good, and make sure that
 * there is no way back.  Started by an ordinary user, only the last.  -1 and
 * errno, *what names what could not be done: the worker must not serve.
 */
int	priv_drop(const struct service *, const char **what);

#endif

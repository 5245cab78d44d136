/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The name of a unix socket in the file system.  It is bound under a name
 * beside its own, given its owner and mode, made to listen, and renamed: so
 * nobody ever finds the name without a server behind it.
 */
#ifndef MASTER_UNIXPATH_H
#define MASTER_UNIXPATH_H

#include "master/listener.h"

/*
 * A socket bound beside the path of l->spec; dev and ino are those of its
 * file.  -1 and errno; EADDRINUSE: somebody else than one of our others
 * listens there, EEXIST: what is there is no socket.
 */
int	unixpath_bind(struct listener *, const struct listener *others);

/* Give it its name, in place of what a dead server has left.  -1 and errno. */
int	unixpath_name(struct listener *);

/* Remove the file, under either name, if it is still ours. */
void	unixpath_remove(const struct listener *);

#endif

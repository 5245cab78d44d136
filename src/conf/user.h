/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Users and groups by name or number.
 */
#ifndef CONF_USER_H
#define CONF_USER_H

#include <sys/types.h>

/* -1 and errno ENOENT: there is none. gid is that of the user's own group. */
int	user_find(const char *name, uid_t *, gid_t *gid);
int	group_find(const char *name, gid_t *);

#endif

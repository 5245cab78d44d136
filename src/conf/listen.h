/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The addresses a service listens on, as they are written: numeric, or
 * "localhost"; no name is ever looked up.
 */
#ifndef CONF_LISTEN_H
#define CONF_LISTEN_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <sys/types.h>

#include "conf/origin.h"

enum listen_kind {
	LISTEN_ANY,		/* PORT, *:PORT: IPv6 and IPv4, if there are */
	LISTEN_INET,		/* 192.0.2.1:PORT */
	LISTEN_INET6,		/* [2001:db8::1]:PORT, and [::]:PORT alone */
	LISTEN_LOCALHOST,	/* 127.0.0.1 and, if there is IPv6, [::1] */
	LISTEN_UNIX		/* unix:PATH */
};

/* One address; it begins as every item of a list does (conf.h). */
struct conf_listen {
	struct conf_listen	*next;
	struct origin		 origin;
	enum listen_kind	 kind;
	uint16_t		 port;		/* 0: the kernel chooses one */
	struct in_addr		 inet;
	struct in6_addr		 inet6;
	uint32_t		 scope;		/* of a link-local address */
	const char		*path;		/* unix, absolute */
	mode_t			 mode;		/* of the path */
	const char		*user, *group;	/* to own it; NULL: ours */
	uid_t			 uid;		/* the same; -1: ours */
	gid_t			 gid;
};

/* Room for one as text, a path apart. */
#define LISTEN_TEXT_MAX	192

/*
 * "*:7890", "[::1]:80", "unix:/run/x": as it is written, but for a unix
 * socket's mode and owner; cut if it is too long.
 */
const char	*listen_text(const struct conf_listen *, char *buf,
		    size_t size);

/* Whether they ask for the very same thing. */
bool	listen_is_same(const struct conf_listen *, const struct conf_listen *);

/* Whether a client's address could belong to both. */
bool	listen_overlaps(const struct conf_listen *,
	    const struct conf_listen *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * From what the user wrote (HOST and PORT, or PATH) to addresses, and from an
 * address to a socket that connects.  Knows nothing of several attempts at
 * once (race.h), of what is said over the connection, or of verdicts.
 */
#ifndef TOOLS_DIAL_H
#define TOOLS_DIAL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "base/status.h"

/* No more addresses of a host than these are looked at. */
#define DIAL_MAX	32

/* Room for what dial_name() and the dial_explain functions write. */
#define DIAL_NAME_MAX	512
#define DIAL_LINE_MAX	1900

/* Where the user wants to go; the strings are the caller's. */
struct dial_wish {
	const char	*path;		/* a unix socket; NULL: host, port */
	const char	*host;
	uint16_t	 port;
	int		 family;	/* AF_UNSPEC, AF_INET or AF_INET6 */
	bool		 numeric;	/* host is an address; no look-up */
};

struct dial_address {
	struct sockaddr_storage	sa;
	socklen_t		len;
	/* The kernel might choose this very port for our own end. */
	bool			may_be_us;
};

/* All addresses of one wish, in the order in which to try them. */
struct dial_list {
	struct dial_address	at[DIAL_MAX];
	size_t			n;
};

/*
 * Find the addresses.  They are ordered as RFC 8305, section 4, has it: the
 * order of getaddrinfo(3), which is that of RFC 6724, with the two families
 * taken in turns, IPv6 first.  Returns 0, and at least one is in the list; or
 * a code of getaddrinfo(3), with errno set if that is EAI_SYSTEM (a unix path
 * that is too long is EAI_SYSTEM and ENAMETOOLONG).  A name may take as long
 * as the system's resolver does: there is no deadline.  "localhost" is this
 * machine, also where the resolver knows nothing of it (RFC 6761, section 6.3).
 */
int		dial_resolve(const struct dial_wish *, struct dial_list *);

/*
 * Why dial_resolve() answered code, with errno still as it left it: the line
 * for the user in buf (DIAL_LINE_MAX), and the status that goes with it.
 */
enum status	dial_explain_resolve(const struct dial_wish *, int code,
		    char *buf, size_t size);

/*
 * A new close-on-exec, non-blocking socket that is connected to the address
 * or about to be; the caller closes it.  -1 and errno of socket(2) or
 * connect(2); for a unix socket whose queue is full this is EAGAIN, and
 * nothing can be waited for.
 *
 * Where nobody listens, TCP allows a socket to connect to itself, if chance
 * gives it the port it calls (simultaneous open, RFC 9293, section 3.5).  To
 * us that is ECONNREFUSED.
 */
int		dial_begin(const struct dial_address *);

/*
 * "localhost port 7890" or "unix:/run/x" in buf (DIAL_NAME_MAX), as the user
 * wrote it: for say(), which escapes what might forge a line.
 */
const char	*dial_name(const struct dial_wish *, char *buf, size_t size);

/* The address alone, as addr_text() writes it; buf: ADDR_TEXT_MAX. */
const char	*dial_text(const struct dial_address *, char *buf,
		    size_t size);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Socket addresses as text.
 */
#ifndef BASE_ADDR_H
#define BASE_ADDR_H

#include <stdint.h>
#include <sys/socket.h>

/* Room for any address as text. */
#define ADDR_TEXT_MAX	128

/*
 * "192.0.2.1:80", "[2001:db8::1]:80", "unix:/run/x"; an IPv4-mapped address
 * is shown as the IPv4 address it is.  A path is copied as it is: whoever
 * says it, escapes it.  Returns buf.
 */
const char	*addr_text(const struct sockaddr *, socklen_t, char *buf,
		    size_t size);

/* The port, in the host's byte order; 0 if the family has none. */
uint16_t	addr_port(const struct sockaddr *);

/*
 * Fill in a unix socket's address.  -1 and ENAMETOOLONG if path does not fit
 * (unix(7): 108 bytes, of which we leave the last one for the terminator).
 */
struct sockaddr_un;
int	addr_unix(const char *path, struct sockaddr_un *, socklen_t *);

#endif

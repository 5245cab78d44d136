/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See addr.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

#include "base/addr.h"
#include "base/text.h"

static void
add_ipv6(struct text *out, const struct sockaddr_in6 *sin6)
{
	char ip[INET6_ADDRSTRLEN];
	unsigned port = ntohs(sin6->sin6_port);

	if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr)) {
		inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12], ip, sizeof ip);
		text_add(out, "%s:%u", ip, port);
	} else if (sin6->sin6_scope_id != 0) {
		inet_ntop(AF_INET6, &sin6->sin6_addr, ip, sizeof ip);
		text_add(out, "[%s%%%u]:%u", ip, (unsigned)sin6->sin6_scope_id,
		    port);
	} else {
		inet_ntop(AF_INET6, &sin6->sin6_addr, ip, sizeof ip);
		text_add(out, "[%s]:%u", ip, port);
	}
}

const char *
addr_text(const struct sockaddr *sa, socklen_t len, char *buf, size_t size)
{
	const struct sockaddr_in *sin = (const void *)sa;
	const struct sockaddr_un *sun = (const void *)sa;
	char ip[INET_ADDRSTRLEN];
	struct text out;

	text_init(&out, buf, size);
	switch (sa->sa_family) {
	case AF_INET:
		inet_ntop(AF_INET, &sin->sin_addr, ip, sizeof ip);
		text_add(&out, "%s:%u", ip, (unsigned)ntohs(sin->sin_port));
		break;
	case AF_INET6:
		add_ipv6(&out, (const void *)sa);
		break;
	case AF_UNIX:
		text_add(&out, "unix:");
		if (len > offsetof(struct sockaddr_un, sun_path))
			text_add(&out, "%.*s", (int)(len -
			    offsetof(struct sockaddr_un, sun_path)),
			    sun->sun_path);
		break;
	default:
		text_add(&out, "family %d", (int)sa->sa_family);
	}
	return buf;
}

uint16_t
addr_port(const struct sockaddr *sa)
{
	if (sa->sa_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)(const void *)sa)
		    ->sin_port);
	if (sa->sa_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)(const void *)sa)
		    ->sin6_port);
	return 0;
}

int
addr_unix(const char *path, struct sockaddr_un *sun, socklen_t *len)
{
	size_t n = strlen(path);

	if (n >= sizeof sun->sun_path) {
		errno = ENAMETOOLONG;
		return -1;
	}
	memset(sun, 0, sizeof *sun);
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, n + 1);
	*len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	return 0;
}

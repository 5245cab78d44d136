/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See dial.h.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/fd.h"
#include "base/text.h"
#include "tools/dial.h"

struct port_range {
	unsigned	low, high;
};

/* The ports the kernel gives to our end; all, if it does not tell. */
static struct port_range
own_ports(void)
{
	struct port_range all = { 1, 65535 }, range;
	FILE *file = fopen("/proc/sys/net/ipv4/ip_local_port_range", "re");
	int n;

	if (file == NULL)
		return all;
	n = fscanf(file, "%u %u", &range.low, &range.high);
	(void)fclose(file);
	return n == 2 ? range : all;
}

static bool
is_listed(const struct dial_list *list, const struct addrinfo *ai)
{
	for (size_t i = 0; i < list->n; i++)
		if (list->at[i].len == ai->ai_addrlen &&
		    memcmp(&list->at[i].sa, ai->ai_addr, ai->ai_addrlen) == 0)
			return true;
	return false;
}

/* /etc/hosts may name an address twice; trying it twice tells nothing new. */
static void
add_address(struct dial_list *list, const struct addrinfo *ai,
    struct port_range own)
{
	struct dial_address *address = &list->at[list->n];
	unsigned port;

	if (list->n == DIAL_MAX || is_listed(list, ai))
		return;
	memset(address, 0, sizeof *address);
	memcpy(&address->sa, ai->ai_addr, ai->ai_addrlen);
	address->len = ai->ai_addrlen;
	port = addr_port(ai->ai_addr);
	address->may_be_us = port >= own.low && port <= own.high;
	list->n++;
}

static const struct addrinfo *
next_of(const struct addrinfo *ai, int family)
{
	while (ai != NULL && ai->ai_family != family)
		ai = ai->ai_next;
	return ai;
}

static void
interleave(struct dial_list *list, const struct addrinfo *all)
{
	const struct addrinfo *v6 = next_of(all, AF_INET6);
	const struct addrinfo *v4 = next_of(all, AF_INET);
	struct port_range own = own_ports();

	while (v6 != NULL || v4 != NULL) {
		if (v6 != NULL) {
			add_address(list, v6, own);
			v6 = next_of(v6->ai_next, AF_INET6);
		}
		if (v4 != NULL) {
			add_address(list, v4, own);
			v4 = next_of(v4->ai_next, AF_INET);
		}
	}
}

static int
resolve_unix(const char *path, struct dial_list *list)
{
	struct dial_address *address = &list->at[0];

	memset(address, 0, sizeof *address);
	if (addr_unix(path, (struct sockaddr_un *)(void *)&address->sa,
	    &address->len) == -1)
		return EAI_SYSTEM;
	list->n = 1;
	return 0;
}

int
dial_resolve(const struct dial_wish *wish, struct dial_list *list)
{
	struct addrinfo hints, *all;
	char port[8];
	int code;

	list->n = 0;
	if (wish->path != NULL)
		return resolve_unix(wish->path, list);

	memset(&hints, 0, sizeof hints);
	hints.ai_family = wish->family;
	hints.ai_socktype = SOCK_STREAM;
	/*
	 * Not AI_ADDRCONFIG: it takes the loopback address for no address and
	 * so hides ::1 or 127.0.0.1 on a machine without a network.
	 */
	hints.ai_flags = AI_NUMERICSERV | (wish->numeric ? AI_NUMERICHOST : 0);
	snprintf(port, sizeof port, "%u", (unsigned)wish->port);
	code = getaddrinfo(wish->host, port, &hints, &all);
	/* It is this machine, though nobody knows of it (RFC 6761 6.3). */
	if (code != 0 && !wish->numeric &&
	    strcasecmp(wish->host, "localhost") == 0)
		code = getaddrinfo(NULL, port, &hints, &all);
	if (code != 0)
		return code;
	interleave(list, all);
	freeaddrinfo(all);
	return list->n > 0 ? 0 : EAI_NONAME;
}

static const char *
resolve_hint(const struct dial_wish *wish, int code)
{
	if (wish->numeric)
		return "with -n, HOST must be a numeric address";
	if (code == EAI_AGAIN)
		return "is the network up? (a numeric address needs no "
		    "look-up)";
	if (wish->family == AF_INET)
		return "check the name, and whether it has an IPv4 address";
	if (wish->family == AF_INET6)
		return "check the name, and whether it has an IPv6 address";
	return "check the name, or give a numeric address";
}

enum status
dial_explain_resolve(const struct dial_wish *wish, int code, char *buf,
    size_t size)
{
	bool too_long = code == EAI_SYSTEM && errno == ENAMETOOLONG;
	const char *reason = code == EAI_SYSTEM ? strerror(errno) :
	    gai_strerror(code);
	char name[DIAL_NAME_MAX];
	struct text out;

	text_init(&out, buf, size);
	if (wish->path != NULL) {
		text_add(&out, "%s: %s; at most %zu bytes are possible",
		    dial_name(wish, name, sizeof name), reason,
		    sizeof ((struct sockaddr_un *)NULL)->sun_path - 1);
		return too_long ? STATUS_USAGE : STATUS_SYSTEM;
	}
	text_add(&out, "cannot find host '%.256s': %s", wish->host, reason);
	if (code == EAI_SYSTEM || code == EAI_MEMORY)
		return STATUS_SYSTEM;
	text_add(&out, "; %s", resolve_hint(wish, code));
	return STATUS_NO_HOST;
}

static bool
same_ipv4(const struct sockaddr_in *us, const struct sockaddr_in *to)
{
	/* Calling 0.0.0.0 means calling oneself. */
	return us->sin_port == to->sin_port &&
	    (us->sin_addr.s_addr == to->sin_addr.s_addr ||
	    to->sin_addr.s_addr == htonl(INADDR_ANY));
}

static bool
same_ipv6(const struct sockaddr_in6 *us, const struct sockaddr_in6 *to)
{
	return us->sin6_port == to->sin6_port &&
	    (IN6_ARE_ADDR_EQUAL(&us->sin6_addr, &to->sin6_addr) ||
	    IN6_IS_ADDR_UNSPECIFIED(&to->sin6_addr));
}

/* Whether the kernel gave fd the very address it connects to. */
static bool
calls_itself(int fd, const struct dial_address *to)
{
	struct sockaddr_storage us;
	socklen_t len = sizeof us;

	if (!to->may_be_us)
		return false;
	memset(&us, 0, sizeof us);
	if (getsockname(fd, (struct sockaddr *)&us, &len) == -1 ||
	    us.ss_family != to->sa.ss_family)
		return false;
	return us.ss_family == AF_INET ?
	    same_ipv4((const void *)&us, (const void *)&to->sa) :
	    same_ipv6((const void *)&us, (const void *)&to->sa);
}

int
dial_begin(const struct dial_address *to)
{
	const struct linger abort_it = { 1, 0 };
	int fd = socket(to->sa.ss_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (connect(fd, (const struct sockaddr *)&to->sa, to->len) == -1 &&
	    errno != EINPROGRESS) {
		fd_close(&fd);
	} else if (calls_itself(fd, to)) {
		/* Leave no TIME-WAIT on the port a server may want now. */
		(void)setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it,
		    sizeof abort_it);
		fd_close(&fd);
		errno = ECONNREFUSED;
	}
	return fd;
}

const char *
dial_name(const struct dial_wish *wish, char *buf, size_t size)
{
	struct text out;

	text_init(&out, buf, size);
	if (wish->path != NULL)
		text_add(&out, "unix:%s", wish->path);
	else
		text_add(&out, "%.256s port %u", wish->host,
		    (unsigned)wish->port);
	return buf;
}

const char *
dial_text(const struct dial_address *address, char *buf, size_t size)
{
	return addr_text((const struct sockaddr *)&address->sa, address->len,
	    buf, size);
}

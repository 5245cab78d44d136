/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See environ.h.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/text.h"
#include "worker/environ.h"

#define PATH_DEFAULT	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:" \
			"/sbin:/bin"

static size_t
count_words(const struct conf_words *list)
{
	size_t n = 0;

	for (; list != NULL; list = (const void *)list->item.next)
		n += list->n;
	return n;
}

/* The place of a variable among those that are there; else a new one. */
static char **
place_of(struct environ *e, const char *var)
{
	size_t len = strcspn(var, "=") + 1;
	char **p = e->vars;

	while (*p != NULL && strncmp(*p, var, len) != 0)
		p++;
	return p;
}

/*
 * Set it, in place of one of the same name; but what the configuration has
 * stays for every connection.  Whether it was set.
 */
static bool
set(struct environ *e, const char *var)
{
	char **p = place_of(e, var);

	if (*p == NULL)
		e->n++;
	else if (e->fixed > 0)
		return false;
	*p = (char *)var;
	return true;
}

/* One of our own, "NAME=VALUE"; without room for it, not at all. */
static void __attribute__((format(printf, 2, 3)))
set_own(struct environ *e, const char *fmt, ...)
{
	char (*own)[ENVIRON_ROOM] = e->own;
	va_list ap;
	int n;

	while ((*own)[0] != '\0')
		own++;
	va_start(ap, fmt);
	n = vsnprintf(*own, ENVIRON_ROOM, fmt, ap);
	va_end(ap);
	if (n <= 0 || n >= ENVIRON_ROOM || !set(e, *own))
		(*own)[0] = '\0';
}

/* A variable of the environment we were started with. */
static void
pass_on(struct environ *e, const char *name)
{
	size_t len = strlen(name);

	for (char **p = environ; *p != NULL; p++)
		if (strncmp(*p, name, len) == 0 && (*p)[len] == '=')
			(void)set(e, *p);
}

int
environ_init(struct environ *e, const struct service *service)
{
	const struct conf_user *user = &service->user;

	memset(e, 0, sizeof *e);
	e->vars = calloc(ENVIRON_OWN + count_words(service->env) +
	    count_words(service->pass_env) + 1, sizeof e->vars[0]);
	if (e->vars == NULL)
		return -1;
	(void)set(e, "PATH=" PATH_DEFAULT);
	pass_on(e, "TZ");
	pass_on(e, "LANG");
	set_own(e, "HOME=%s", user->home);
	set_own(e, "SHELL=%s", user->shell);
	set_own(e, "USER=%s", user->login);
	set_own(e, "LOGNAME=%s", user->login);
	for (const struct conf_words *w = service->pass_env; w != NULL;
	    w = (const void *)w->item.next)
		for (size_t i = 0; i < w->n; i++)
			pass_on(e, w->word[i]);
	for (const struct conf_words *w = service->env; w != NULL;
	    w = (const void *)w->item.next)
		(void)set(e, w->word[0]);
	set_own(e, "SMILED_SERVICE=%s", service->name);
	e->fixed = e->n;
	return 0;
}

void
environ_force(struct environ *e, const char *var)
{
	char **p = place_of(e, var);

	if (*p == NULL)
		e->fixed = ++e->n;
	*p = (char *)var;
}

/* An address of a connection, IPv4 in IPv6 as the IPv4 address it is. */
static void
write_address(const struct sockaddr_storage *ss, char *ip, unsigned *port)
{
	const struct sockaddr_in *sin = (const void *)ss;
	const struct sockaddr_in6 *sin6 = (const void *)ss;

	*port = addr_port((const struct sockaddr *)ss);
	if (ss->ss_family == AF_INET)
		inet_ntop(AF_INET, &sin->sin_addr, ip, INET6_ADDRSTRLEN);
	else if (IN6_IS_ADDR_V4MAPPED(&sin6->sin6_addr))
		inet_ntop(AF_INET, &sin6->sin6_addr.s6_addr[12], ip,
		    INET6_ADDRSTRLEN);
	else
		inet_ntop(AF_INET6, &sin6->sin6_addr, ip, INET6_ADDRSTRLEN);
}

static void
tell_tcp(struct environ *e, const struct sockaddr_storage *here,
    const struct sockaddr_storage *there)
{
	char ip[INET6_ADDRSTRLEN];
	unsigned port;

	set_own(e, "PROTO=TCP");
	write_address(here, ip, &port);
	set_own(e, "TCPLOCALIP=%s", ip);
	set_own(e, "TCPLOCALPORT=%u", port);
	write_address(there, ip, &port);
	set_own(e, "TCPREMOTEIP=%s", ip);
	set_own(e, "TCPREMOTEPORT=%u", port);
	set_own(e, "REMOTE_ADDR=%s", ip);
	set_own(e, "REMOTE_PORT=%u", port);
}

static void
tell_unix(struct environ *e, int conn, const char *path)
{
	struct ucred peer;
	socklen_t len = sizeof peer;

	set_own(e, "PROTO=IPC");
	set_own(e, "IPCLOCALPATH=%s", path);
	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &len) == -1)
		return;
	set_own(e, "IPCREMOTEEUID=%lu", (unsigned long)peer.uid);
	set_own(e, "IPCREMOTEEGID=%lu", (unsigned long)peer.gid);
	set_own(e, "IPCREMOTEPID=%ld", (long)peer.pid);
}

/* Forget what the connection before had. */
static void
cut_back(struct environ *e)
{
	for (char **p = e->vars + e->fixed; *p != NULL; p++) {
		**p = '\0';
		*p = NULL;
	}
	e->n = e->fixed;
}

void
environ_tell(struct environ *e, const struct conn *c, const char *path)
{
	struct sockaddr_storage here, there;
	socklen_t herelen = sizeof here, therelen = sizeof there;

	cut_back(e);
	conn_id(c, e->id, sizeof e->id);
	set_own(e, "SMILED_CONNECTION=%s", e->id);
	if (path != NULL)
		tell_unix(e, c->fd, path);
	else if (getsockname(c->fd, (struct sockaddr *)&here, &herelen) == 0 &&
	    getpeername(c->fd, (struct sockaddr *)&there, &therelen) == 0)
		tell_tcp(e, &here, &there);
}

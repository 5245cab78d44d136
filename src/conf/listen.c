/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See listen.h.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/un.h>

#include "base/text.h"
#include "conf/conf.h"
#include "conf/user.h"
#include "conf/value.h"

#define MODE_DEFAULT	0666	/* as open as a port */

static int
read_port(struct reading *r, struct conf_listen *l, const char *port)
{
	uint64_t n;

	if (text_number(port, 0, 65535, &n) == -1)
		return errno == ERANGE ?
		    value_wrong(r, 1, "port '%.40s' is not between 0 and "
		    "65535", port) :
		    value_wrong(r, 1, "port '%.40s' is not a number", port);
	l->port = (uint16_t)n;
	return 0;
}

/* An interface by name or by number. */
static int
read_scope(const char *word, uint32_t *scope)
{
	uint64_t n;

	*scope = if_nametoindex(word);
	if (*scope != 0)
		return 0;
	if (text_number(word, 1, UINT32_MAX, &n) == -1)
		return -1;
	*scope = (uint32_t)n;
	return 0;
}

/* "[2001:db8::1]:80", "[fe80::1%eth0]:80" */
static int
read_inet6(struct reading *r, struct conf_listen *l, const char *word)
{
	const char *end = strchr(word, ']');
	char host[INET6_ADDRSTRLEN + IF_NAMESIZE];
	char *scope;

	if (end == NULL || end[1] != ':' ||
	    (size_t)(end - word) > sizeof host)
		return value_wrong(r, 1, "'%.60s' is not [ADDRESS]:PORT",
		    word);
	memcpy(host, word + 1, (size_t)(end - word - 1));
	host[end - word - 1] = '\0';
	scope = strchr(host, '%');
	if (scope != NULL) {
		*scope++ = '\0';
		if (read_scope(scope, &l->scope) == -1)
			return value_wrong(r, 1, "there is no network "
			    "interface '%.40s'", scope);
	}
	if (inet_pton(AF_INET6, host, &l->inet6) != 1)
		return value_wrong(r, 1, "'%.60s' is not an IPv6 address",
		    host);
	if (IN6_IS_ADDR_V4MAPPED(&l->inet6))
		return value_wrong(r, 1, "'%.60s' is an IPv4 address; write "
		    "it as one", host);
	l->kind = LISTEN_INET6;
	return read_port(r, l, end + 2);
}

/* "192.0.2.1:80", "*:80", "localhost:80" */
static int
read_host(struct reading *r, struct conf_listen *l, const char *word,
    const char *colon)
{
	char host[64];

	if ((size_t)(colon - word) >= sizeof host)
		return value_wrong(r, 1, "'%.60s' is not an address", word);
	memcpy(host, word, (size_t)(colon - word));
	host[colon - word] = '\0';
	if (strcmp(host, "*") == 0)
		l->kind = LISTEN_ANY;
	else if (strcmp(host, "localhost") == 0)
		l->kind = LISTEN_LOCALHOST;
	else if (inet_pton(AF_INET, host, &l->inet) == 1)
		l->kind = LISTEN_INET;
	else if (strchr(host, ':') != NULL)
		return value_wrong(r, 1, "an IPv6 address needs brackets: "
		    "[%.60s]:%.10s", host, colon + 1);
	else
		return value_wrong(r, 1, "'%.60s' is not a numeric address; "
		    "names are not looked up", host);
	return read_port(r, l, colon + 1);
}

/* One of mode=0660, user=NAME, group=NAME. */
static int
read_owner(struct reading *r, struct conf_listen *l, size_t i)
{
	const char *word = value_string(r, i);
	char *end;

	if (word == NULL)
		return -1;
	if (strncmp(word, "mode=", 5) == 0) {
		unsigned long mode = strtoul(word + 5, &end, 8);

		if (word[5] < '0' || word[5] > '7' || *end != '\0' ||
		    mode > 0777)
			return value_wrong(r, i, "'%.40s' is not a mode such "
			    "as 0660", word + 5);
		l->mode = (mode_t)mode;
	} else if (strncmp(word, "user=", 5) == 0) {
		gid_t unused;

		l->user = word + 5;
		if (user_find(l->user, &l->uid, &unused) == -1)
			return value_wrong(r, i, "there is no user '%.40s'",
			    l->user);
	} else if (strncmp(word, "group=", 6) == 0) {
		l->group = word + 6;
		if (group_find(l->group, &l->gid) == -1)
			return value_wrong(r, i, "there is no group '%.40s'",
			    l->group);
	} else {
		return value_wrong(r, i, "'%.40s' is none of mode=, user= "
		    "and group=", word);
	}
	return 0;
}

static int
read_unix(struct reading *r, struct conf_listen *l, const char *path)
{
	const size_t room = sizeof ((struct sockaddr_un *)NULL)->sun_path;
	int result = 0;

	l->kind = LISTEN_UNIX;
	l->mode = MODE_DEFAULT;
	l->path = value_path(r, 1, path);
	if (l->path == NULL)
		return -1;
	if (strlen(l->path) >= room)
		result = value_wrong(r, 1, "a socket's path can have %zu "
		    "bytes, and this has %zu", room - 1, strlen(l->path));
	else if (l->path[strlen(l->path) - 1] == '/')
		result = value_wrong(r, 1, "'%.60s' is a directory's name",
		    path);
	for (size_t i = 2; i < r->words->n; i++)
		if (read_owner(r, l, i) == -1)
			result = -1;
	return result;
}

static int
read_address(struct reading *r, struct conf_listen *l, const char *word)
{
	const char *colon = strrchr(word, ':');

	if (strncmp(word, "unix:", 5) == 0)
		return read_unix(r, l, word + 5);
	if (r->words->n > 2)
		return value_wrong(r, 2, "'%.40s': only unix sockets have "
		    "an owner and a mode", r->words->word[2].text);
	if (word[0] == '[')
		return read_inet6(r, l, word);
	if (colon != NULL)
		return read_host(r, l, word, colon);
	if (word[0] == '/')
		return value_wrong(r, 1, "a unix socket is written "
		    "unix:%.60s", word);
	l->kind = LISTEN_ANY;
	return read_port(r, l, word);
}

static int
read_listen(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	struct conf_listen *l;

	if (word == NULL)
		return -1;
	l = value_add_item(r, to, sizeof *l);
	if (l == NULL)
		return -1;
	l->uid = (uid_t)-1;
	l->gid = (gid_t)-1;
	return read_address(r, l, word);
}

const char *
listen_text(const struct conf_listen *l, char *buf, size_t size)
{
	char ip[INET6_ADDRSTRLEN];
	unsigned port = l->port;
	struct text t;

	text_init(&t, buf, size);
	switch (l->kind) {
	case LISTEN_ANY:
		text_add(&t, "*:%u", port);
		break;
	case LISTEN_LOCALHOST:
		text_add(&t, "localhost:%u", port);
		break;
	case LISTEN_INET:
		text_add(&t, "%s:%u", inet_ntop(AF_INET, &l->inet, ip,
		    sizeof ip), port);
		break;
	case LISTEN_INET6:
		text_add(&t, "[%s", inet_ntop(AF_INET6, &l->inet6, ip,
		    sizeof ip));
		if (l->scope != 0)
			text_add(&t, "%%%u", (unsigned)l->scope);
		text_add(&t, "]:%u", port);
		break;
	case LISTEN_UNIX:
		text_add(&t, "unix:%s", l->path);
		break;
	}
	return buf;
}

static void
write_owner(FILE *f, const char *key, const char *name)
{
	if (name == NULL)
		return;
	fprintf(f, " %s=", key);
	word_write(f, name, strlen(name));
}

static void
write_listen(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_listen *l = from;
	char buf[LISTEN_TEXT_MAX];

	(void)k;
	listen_text(l, buf, sizeof buf);
	word_write(f, buf, strlen(buf));
	if (l->kind != LISTEN_UNIX)
		return;
	fprintf(f, " mode=%04o", (unsigned)l->mode);
	write_owner(f, "user", l->user);
	write_owner(f, "group", l->group);
}

const struct type type_listen = { 1, 4, read_listen, write_listen };

bool
listen_is_same(const struct conf_listen *a, const struct conf_listen *b)
{
	if (a->kind != b->kind || a->port != b->port)
		return false;
	switch (a->kind) {
	case LISTEN_INET:
		return a->inet.s_addr == b->inet.s_addr;
	case LISTEN_INET6:
		return IN6_ARE_ADDR_EQUAL(&a->inet6, &b->inet6) &&
		    a->scope == b->scope;
	case LISTEN_UNIX:
		return strcmp(a->path, b->path) == 0 && a->mode == b->mode &&
		    a->uid == b->uid && a->gid == b->gid;
	case LISTEN_ANY:
	case LISTEN_LOCALHOST:
		break;
	}
	return true;
}

/* Whether it takes in all, or one certain, IPv4 or IPv6 address. */
struct reach {
	bool		inet, inet6;
	struct in_addr	inet_addr;	/* INADDR_ANY: all */
	struct in6_addr	inet6_addr;
};

static struct reach
reach_of(const struct conf_listen *l)
{
	struct reach reach = {
		.inet = l->kind != LISTEN_INET6,
		.inet6 = l->kind != LISTEN_INET,
		.inet_addr = l->inet, .inet6_addr = l->inet6
	};

	if (l->kind == LISTEN_LOCALHOST) {
		reach.inet_addr.s_addr = htonl(INADDR_LOOPBACK);
		reach.inet6_addr = (struct in6_addr)IN6ADDR_LOOPBACK_INIT;
	}
	return reach;
}

bool
listen_overlaps(const struct conf_listen *a, const struct conf_listen *b)
{
	struct reach x = reach_of(a), y = reach_of(b);

	if (a->kind == LISTEN_UNIX || b->kind == LISTEN_UNIX)
		return a->kind == b->kind && strcmp(a->path, b->path) == 0;
	if (a->port != b->port || a->port == 0)
		return false;
	if (x.inet && y.inet && (x.inet_addr.s_addr == y.inet_addr.s_addr ||
	    x.inet_addr.s_addr == 0 || y.inet_addr.s_addr == 0))
		return true;
	if (a->scope != b->scope && a->scope != 0 && b->scope != 0)
		return false;
	return x.inet6 && y.inet6 &&
	    (IN6_ARE_ADDR_EQUAL(&x.inet6_addr, &y.inet6_addr) ||
	    IN6_IS_ADDR_UNSPECIFIED(&x.inet6_addr) ||
	    IN6_IS_ADDR_UNSPECIFIED(&y.inet6_addr));
}

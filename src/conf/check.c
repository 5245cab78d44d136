/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See build.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/logfile.h"
#include "conf/build.h"

static const struct origin *
origin_of(const struct origin *origins, const char *keyword)
{
	return &origins[keyword_index(keyword_find(keyword))];
}

/* How many pools a service has: one for each listening socket. */
static unsigned
count_pools(const struct service *s)
{
	unsigned n = 0;

	/* A program that accepts by itself has all of them. */
	if (s->action == ACTION_RUN)
		return 1;
	for (const struct conf_listen *l = s->listens; l != NULL; l = l->next)
		n += l->kind == LISTEN_LOCALHOST ? 2 : 1;
	return n;
}

bool
service_is_adaptive(const struct service *s)
{
	return s->workers.least < s->workers.most;
}

unsigned
conf_workers(const struct conf *conf)
{
	uint64_t sum = 0;

	for (const struct service *s = conf->services; s != NULL; s = s->next)
		sum += (uint64_t)count_pools(s) * s->workers.most;
	return sum > UINT_MAX ? UINT_MAX : (unsigned)sum;
}

static void
check_sum(const struct conf *conf, struct complaints *c)
{
	unsigned sum = conf_workers(conf);

	if (sum > conf->max_workers)
		complain(c, origin_of(conf->origins, "max-workers"),
		    "max-workers is %u, and the services have %u workers, "
		    "each of their addresses with its own", conf->max_workers,
		    sum);
}

/* b comes after a, so it is b that is complained of. */
static bool
check_overlap(const struct conf_listen *a, const struct conf_listen *b,
    struct complaints *c)
{
	char x[LISTEN_TEXT_MAX], y[LISTEN_TEXT_MAX];

	if (!listen_overlaps(a, b))
		return true;
	complain(c, &b->origin, "listen: %s is in the way of %s, which was "
	    "given before", listen_text(b, x, sizeof x),
	    listen_text(a, y, sizeof y));
	return false;
}

/* Compare one address with all that come before it, up to the first fault. */
static void
check_address(const struct conf *conf, const struct conf_listen *b,
    struct complaints *c)
{
	for (const struct service *s = conf->services; s != NULL; s = s->next)
		for (const struct conf_listen *a = s->listens; a != NULL;
		    a = a->next) {
			if (a == b || !check_overlap(a, b, c))
				return;
		}
}

/* The directory of a path must be there. */
static void
check_parent(const char *path, const struct origin *origin, const char *what,
    struct complaints *c)
{
	const char *slash = strrchr(path, '/');
	char dir[PATH_MAX];
	struct stat st;

	if ((size_t)(slash - path) >= sizeof dir) {
		complain(c, origin, "%s: %s", what, strerror(ENAMETOOLONG));
		return;
	}
	memcpy(dir, path, (size_t)(slash - path));
	dir[slash - path] = '\0';
	if (slash != path && stat(dir, &st) == -1)
		complain(c, origin, "%s: %s: %s", what, dir, strerror(errno));
	else if (slash != path && !S_ISDIR(st.st_mode))
		complain(c, origin, "%s: %s: %s", what, dir,
		    strerror(ENOTDIR));
}

static void
check_listens(const struct conf *conf, const struct service *s,
    struct complaints *c)
{
	for (const struct conf_listen *l = s->listens; l != NULL;
	    l = l->next) {
		check_address(conf, l, c);
		if (l->kind == LISTEN_UNIX)
			check_parent(l->path, &l->origin, "listen", c);
	}
}

static void
check_file(struct service *s, struct complaints *c)
{
	const struct origin *origin = origin_of(s->origins, "sendfile");
	struct stat st;

	if (s->action != ACTION_SENDFILE || s->file == NULL)
		return;
	s->file_fd = open(s->file, O_RDONLY | O_CLOEXEC | O_NONBLOCK |
	    O_NOCTTY);
	if (s->file_fd == -1 || fstat(s->file_fd, &st) == -1)
		complain(c, origin, "sendfile: cannot open '%.200s': %s",
		    s->file, strerror(errno));
	else if (!S_ISREG(st.st_mode))
		complain(c, origin, "sendfile: '%.200s' is not a regular "
		    "file", s->file);
}

static void
check_chroot(const struct service *s, struct complaints *c)
{
	const struct origin *origin = origin_of(s->origins, "chroot");
	struct stat st;

	if (s->chroot == NULL)
		return;
	if (geteuid() != 0)
		complain(c, origin, "chroot: only a server that root started "
		    "can have one");
	if (stat(s->chroot, &st) == -1)
		complain(c, origin, "chroot: %.200s: %s", s->chroot,
		    strerror(errno));
	else if (!S_ISDIR(st.st_mode))
		complain(c, origin, "chroot: '%.200s' is not a directory",
		    s->chroot);
}

/* As the service will see it: below its root directory. */
static void
check_program(const struct service *s, struct complaints *c)
{
	const struct keyword *action;
	const struct origin *origin;
	char path[PATH_MAX];
	struct stat st;

	if (!(s->action & ACTIONS_PROGRAM) || s->program.argv == NULL)
		return;
	action = keyword_of_action(s->action);
	origin = origin_of(s->origins, action->name);
	if ((size_t)snprintf(path, sizeof path, "%s%s", s->chroot != NULL ?
	    s->chroot : "", s->program.argv[0]) >= sizeof path)
		complain(c, origin, "%s: %s", action->name,
		    strerror(ENAMETOOLONG));
	else if (stat(path, &st) == -1)
		complain(c, origin, "%s: %.200s: %s", action->name, path,
		    strerror(errno));
	else if (!S_ISREG(st.st_mode) || (st.st_mode & 0111) == 0)
		complain(c, origin, "%s: '%.200s' is not a program that can "
		    "be executed", action->name, path);
}

/* When more of them are needed, only they could know. */
static void
check_workers(const struct service *s, struct complaints *c)
{
	if (s->action == ACTION_RUN && service_is_adaptive(s))
		complain(c, origin_of(s->origins, "workers"), "workers: the "
		    "programs of run are so many as it says; %u..%u is for "
		    "workers that accept", s->workers.least,
		    s->workers.most);
}

/* It would never be ready in time. */
static void
check_ready(const struct conf *conf, const struct service *s,
    struct complaints *c)
{
	if (s->action == ACTION_RUN && !s->ready.is_told &&
	    s->ready.time >= conf->start_timeout)
		complain(c, origin_of(s->origins, "ready"), "ready: it must "
		    "be less than start-timeout, which is %.1f s",
		    (double)conf->start_timeout / 1000);
}

static void
check_log(const struct conf *conf, struct complaints *c)
{
	const char *why;

	/* One that cannot be read has been complained of. */
	if (conf->log.to == LOG_TO_FILE && conf->log.path != NULL &&
	    logfile_check(conf->log.path, &why) == -1)
		complain(c, origin_of(conf->origins, "log"), "log: cannot "
		    "open '%.200s': %s", conf->log.path, why);
}

void
check(struct conf *conf, struct complaints *c)
{
	check_log(conf, c);
	if (conf->run_dir != NULL)
		check_parent(conf->run_dir, origin_of(conf->origins,
		    "run-dir"), "run-dir", c);
	if (conf->pid_file != NULL)
		check_parent(conf->pid_file, origin_of(conf->origins,
		    "pid-file"), "pid-file", c);
	check_sum(conf, c);
	for (struct service *s = conf->services; s != NULL; s = s->next) {
		check_listens(conf, s, c);
		check_file(s, c);
		check_chroot(s, c);
		check_program(s, c);
		check_workers(s, c);
		check_ready(conf, s, c);
	}
}

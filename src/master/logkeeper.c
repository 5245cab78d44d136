/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See logkeeper.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/logfile.h"
#include "base/sig.h"
#include "base/status.h"
#include "log/log.h"
#include "log/logger.h"
#include "master/logkeeper.h"

#define RETRY_FIRST	100	/* milliseconds, doubled with each failure */
#define RETRY_DOUBLED	8	/* times at most */
#define YOUNG		1000	/* ms: who dies younger has failed */

int
logkeeper_init(struct logkeeper *k, const struct title *title)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) == -1)
		return -1;
	/* This end only: whoever has something to say must never wait. */
	if (fcntl(ends[1], F_SETFL, O_NONBLOCK) == -1)
		return -1;
	*k = (struct logkeeper){
		.in = ends[0], .out = ends[1], .orders = -1, .title = title,
		.wish = { .to = LOG_TO_STDERR }, .file = -1
	};
	log_open(k->out);
	return 0;
}

/* -- The process -- */

/* In the child, which has all that we have. */
static noreturn void
be_logger(const struct logkeeper *k, int orders)
{
	int *keep = calloc(6 + k->n, sizeof *keep);
	struct logger_source *sources = calloc(k->n + 1, sizeof *sources);
	const struct logger_birth birth = {
		.in = k->in, .wish = &k->wish, .file = k->file,
		.orders = orders, .sources = sources, .n = k->n
	};

	say_to(-1);
	if (keep == NULL || sources == NULL || (k->drops_stderr &&
	    fd_point_at_null(STDERR_FILENO) == -1))
		_exit(STATUS_SYSTEM);
	title_set(k->title, "smiled: log");
	keep[0] = STDIN_FILENO;
	keep[1] = STDOUT_FILENO;
	keep[2] = STDERR_FILENO;
	keep[3] = k->in;
	keep[4] = orders;
	keep[5] = k->file;
	for (size_t i = 0; i < k->n; i++) {
		sources[i] = k->source[i].source;
		keep[6 + i] = sources[i].fd;
	}
	fd_keep_only(keep, 6 + k->n);
	logger_run(&birth);
}

/* -- Orders -- */

/* Send one, perhaps with a descriptor.  -1 and errno. */
static int
send_order(const struct logkeeper *k, struct logger_order *order, int fd)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} control = { .room = { 0 } };
	struct iovec iov = {
		.iov_base = order,
		.iov_len = order->kind != LOGGER_OUTPUT ?
		    offsetof(struct logger_order, wish) :
		    offsetof(struct logger_order, wish.path) +
		    strlen(order->wish.path) + 1
	};
	struct msghdr msg = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct cmsghdr *c = &control.head;

	if (fd != -1) {
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(sizeof fd);
		memcpy(CMSG_DATA(c), &fd, sizeof fd);
		msg.msg_control = &control;
		msg.msg_controllen = sizeof control;
	}
	return sendmsg(k->orders, &msg, MSG_DONTWAIT | MSG_NOSIGNAL) == -1 ?
	    -1 : 0;
}

/* Whether it is done with; what there is no room for will be sent later. */
static bool
try_order(const struct logkeeper *k, struct logger_order *order, int fd)
{
	if (send_order(k, order, fd) == 0)
		return true;
	if (errno == EAGAIN)
		return false;
	/* If the process is dead, the next one is born with it. */
	if (errno != EPIPE && errno != ECONNRESET)
		log_error("cannot tell the log process of %s: %s",
		    order->kind == LOGGER_SOURCE ? order->tag :
		    order->kind == LOGGER_OUTPUT ? "its output" :
		    order->kind == LOGGER_LEVEL ? "its level" :
		    "a log to be opened anew", strerror(errno));
	return true;
}

static bool
send_source(struct logkeeper *k, struct logkeeper_source *s)
{
	struct logger_order order = { .kind = LOGGER_SOURCE };

	memcpy(order.tag, s->source.tag, sizeof order.tag);
	if (!try_order(k, &order, s->source.fd))
		return false;
	s->is_sent = true;
	k->unsent--;
	return true;
}

/* What nobody writes to any more, and the log process has. */
static void
close_those_over(struct logkeeper *k)
{
	size_t i = 0;

	while (i < k->n)
		if (k->source[i].is_over && k->source[i].is_sent) {
			(void)close(k->source[i].source.fd);
			k->source[i] = k->source[--k->n];
		} else {
			i++;
		}
}

/* What has changed.  Whether there was room to tell of it. */
static bool
send_news(struct logkeeper *k)
{
	static const enum logger_order_kind kinds[] = {
		LOGGER_OUTPUT, LOGGER_REOPEN, LOGGER_LEVEL
	};
	struct logger_order order = {
		.level = (uint32_t)k->level, .wish = k->wish
	};

	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		if (!(k->news & 1U << kinds[i]))
			continue;
		order.kind = kinds[i];
		if (!try_order(k, &order, kinds[i] == LOGGER_OUTPUT ?
		    k->file : -1))
			return false;
		k->news &= ~(1U << kinds[i]);
		if (kinds[i] == LOGGER_OUTPUT)
			fd_close(&k->file);
	}
	return true;
}

/* Say what it has not been told yet, as far as there is room. */
static void
send_orders(struct logkeeper *k)
{
	bool has_room = k->orders != -1;

	if (has_room && k->news != 0)
		has_room = send_news(k);
	for (size_t i = 0; i < k->n && k->unsent > 0 && has_room; i++)
		if (!k->source[i].is_sent)
			has_room = send_source(k, &k->source[i]);
	close_those_over(k);
}

int
logkeeper_awaited(const struct logkeeper *k)
{
	return k->unsent > 0 || k->news != 0 ? k->orders : -1;
}

int
logkeeper_open(const struct logkeeper *k, struct conf *conf, const char **why)
{
	struct output_wish wish;

	output_wish(&wish, conf);
	if (wish.to != LOG_TO_FILE || strcmp(wish.path, k->wish.path) == 0)
		return 0;
	conf->log_fd = logfile_open(wish.path, why);
	return conf->log_fd == -1 ? -1 : 0;
}

void
logkeeper_set_output(struct logkeeper *k, struct conf *conf)
{
	struct output_wish wish;

	output_wish(&wish, conf);
	if (memcmp(&wish, &k->wish, sizeof wish) == 0)
		return;
	/* One still on its way is opened again if it is wanted. */
	fd_close(&k->file);
	k->wish = wish;
	k->file = conf->log_fd;
	conf->log_fd = -1;
	k->news |= 1U << LOGGER_OUTPUT;
}

int
logkeeper_add(struct logkeeper *k, int fd, const char *tag)
{
	struct logkeeper_source *source = realloc(k->source,
	    (k->n + 1) * sizeof *source);

	if (source == NULL)
		return -1;
	k->source = source;
	source += k->n++;
	*source = (struct logkeeper_source){ .source = { .fd = fd } };
	snprintf(source->source.tag, sizeof source->source.tag, "%s", tag);
	k->unsent++;
	return 0;
}

void
logkeeper_drop(struct logkeeper *k, int fd)
{
	for (size_t i = 0; i < k->n; i++)
		if (k->source[i].source.fd == fd)
			k->source[i].is_over = true;
	/* What was printed at the last is still to be read. */
	send_orders(k);
}

void
logkeeper_set_level(struct logkeeper *k, enum level level)
{
	k->level = level;
	k->news |= 1U << LOGGER_LEVEL;
}

/* Try again, later each time. */
static void
back_off(struct logkeeper *k, int64_t now)
{
	k->due = now + ((int64_t)RETRY_FIRST << k->failures);
	if (k->failures < RETRY_DOUBLED)
		k->failures++;
}

/* Fork it, with a way to tell it things.  -1 and errno. */
static int
give_birth(struct logkeeper *k)
{
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	k->pid = fork();
	if (k->pid == 0)
		be_logger(k, ends[1]);
	fd_close(&ends[1]);
	if (k->pid == -1) {
		k->pid = 0;
		fd_close(&ends[0]);
		return -1;
	}
	k->orders = ends[0];
	/* What it was born with it need not be told. */
	k->unsent = 0;
	k->news = 0;
	fd_close(&k->file);
	for (size_t i = 0; i < k->n; i++)
		k->source[i].is_sent = true;
	close_those_over(k);
	return 0;
}

int64_t
logkeeper_settle(struct logkeeper *k, int64_t now)
{
	send_orders(k);
	if (k->pid != 0 || k->in == -1)
		return CLOCK_NEVER;
	if (now < k->due)
		return k->due;
	if (give_birth(k) == -1) {
		back_off(k, now);
		log_error("cannot fork the log process: %s", strerror(errno));
		return k->due;
	}
	k->born = now;
	return CLOCK_NEVER;
}

bool
logkeeper_died(struct logkeeper *k, pid_t pid, int status, int64_t now)
{
	char death[64];

	if (pid != k->pid)
		return false;
	k->pid = 0;
	fd_close(&k->orders);
	/* What it had not read is for the next one. */
	k->unsent = k->n;
	for (size_t i = 0; i < k->n; i++)
		k->source[i].is_sent = false;
	if (k->in == -1)
		return true;
	log_error("the log process (pid %ld) %s; starting another",
	    (long)pid, sig_death(status, death, sizeof death));
	k->due = now;
	if (now - k->born < YOUNG)
		back_off(k, now);
	else
		k->failures = 0;
	return true;
}

void
logkeeper_reopen(struct logkeeper *k)
{
	/* One that is yet to be born opens it then. */
	if (k->pid != 0)
		k->news |= 1U << LOGGER_REOPEN;
}

void
logkeeper_finish(struct logkeeper *k)
{
	log_open(-1);
	send_orders(k);
	/* Perhaps since nobody could be forked. */
	if (k->pid == 0)
		logger_write_left(k->in, &k->wish, k->file);
	fd_close(&k->file);
	fd_close(&k->in);
	fd_close(&k->out);
	fd_close(&k->orders);
}

void
logkeeper_kill(const struct logkeeper *k)
{
	if (k->pid != 0)
		(void)kill(k->pid, SIGKILL);
}

void
logkeeper_free(struct logkeeper *k)
{
	for (size_t i = 0; i < k->n; i++)
		(void)close(k->source[i].source.fd);
	free(k->source);
}

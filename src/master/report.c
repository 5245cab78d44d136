/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What processes say to the master, on two sockets: the workers' reports, and
 * what programs of run say with sd_notify(3).  Who says it is what the kernel
 * says (SCM_CREDENTIALS, unix(7)), and what it says is never more than a word
 * about itself.
 */
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "log/log.h"
#include "master/master.h"
#include "master/sdmessage.h"
#include "worker/worker.h"

#define AT_ONCE		1000	/* messages */
#define FDS_MAX		253	/* the most one can carry, SCM_MAX_FD */

/* -- The sockets -- */

static int
have_senders_named(int fd)
{
	const int on = 1;

	return setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on);
}

int
report_open(int ends[2])
{
	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0, ends) == -1)
		return -1;
	return have_senders_named(ends[0]);
}

/*
 * Bound to an abstract name that the kernel chooses, which needs no directory
 * and is found from inside of any root directory.
 */
int
report_open_notify(char *name, size_t size)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	socklen_t len = sizeof sun.sun_family;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd == -1)
		return -1;
	if (bind(fd, (const struct sockaddr *)&sun, len) == -1 ||
	    have_senders_named(fd) == -1) {
		fd_close(&fd);
		return -1;
	}
	len = sizeof sun;
	if (getsockname(fd, (struct sockaddr *)&sun, &len) == -1) {
		fd_close(&fd);
		return -1;
	}
	snprintf(name, size, "@%.*s", (int)(len -
	    offsetof(struct sockaddr_un, sun_path) - 1), sun.sun_path + 1);
	return fd;
}

/* -- Taking messages -- */

/* Descriptors that came along are none of our business. */
static void
close_descriptors(const struct cmsghdr *c)
{
	const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

	for (size_t i = 0; i < n; i++) {
		int fd;

		memcpy(&fd, CMSG_DATA(c) + i * sizeof fd, sizeof fd);
		(void)close(fd);
	}
}

/*
 * Take one message.  Returns its length, and who sent it in *from, 0 if that
 * is not known; -1: there is none.
 */
static ssize_t
take(int fd, void *buf, size_t size, pid_t *from)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(struct ucred)) +
				    CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = buf, .iov_len = size };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control
	};
	struct ucred cred;
	ssize_t n;

	*from = 0;
	do
		n = recvmsg(fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n == -1 && errno == EINTR);
	if (n == -1)
		return -1;
	for (struct cmsghdr *c = CMSG_FIRSTHDR(&msg); c != NULL;
	    c = CMSG_NXTHDR(&msg, c)) {
		if (c->cmsg_level != SOL_SOCKET)
			continue;
		if (c->cmsg_type == SCM_RIGHTS)
			close_descriptors(c);
		if (c->cmsg_type == SCM_CREDENTIALS) {
			memcpy(&cred, CMSG_DATA(c), sizeof cred);
			*from = cred.pid;
		}
	}
	return n;
}

/* -- Workers -- */

static void
hear_worker(struct slot *slot, enum report_kind kind, int64_t now)
{
	const bool is_run = slot->pool->service->action == ACTION_RUN;

	if (kind == REPORT_READY && !is_run)
		slot_ready(slot, now);
	else if (kind == REPORT_EXECUTES && is_run)
		slot_executes(slot, now);
	else if (kind == REPORT_WORN)
		slot_worn(slot, now);
	/* REPORT_SHORT has done its work by waking us: see supply.c. */
}

static void
read_reports(struct master *m, int64_t now)
{
	/* A worker gone mad may talk without end: the rest has its turn. */
	for (int i = 0; i < AT_ONCE; i++) {
		struct report report;
		pid_t pid;
		ssize_t n = take(m->report[0], &report, sizeof report, &pid);
		struct slot *slot;

		if (n == -1)
			return;
		slot = pid == 0 ? NULL : slots_find(&m->slots, pid);
		if (slot != NULL && n == sizeof report)
			hear_worker(slot, (enum report_kind)report.kind, now);
		else
			log_debug("a report from pid %ld means nothing",
			    (long)pid);
	}
}

/* -- Programs -- */

/* The program, or whatever it has started that is still in its session. */
static struct slot *
find_program(struct slots *slots, pid_t pid)
{
	struct slot *slot = pid == 0 ? NULL : slots_find(slots, pid);

	if (slot == NULL && pid != 0) {
		pid = getsid(pid);
		slot = pid <= 0 ? NULL : slots_find(slots, pid);
	}
	return slot != NULL && slot->pool->service->action == ACTION_RUN ?
	    slot : NULL;
}

static void
hear_program(struct slot *slot, const struct sdmessage *said, int64_t now)
{
	if (said->has_status)
		slot_says_status(slot, said->status);
	if (said->is_ending)
		slot_says_end(slot);
	if (said->ready && slot->pool->service->ready.is_told)
		slot_ready(slot, now);
	if (said->lives)
		slot_lives(slot, now);
	if (said->hangs)
		slot_hangs(slot, "says that it hangs (WATCHDOG=trigger)",
		    now);
}

static void
read_notes(struct master *m, int64_t now)
{
	for (int i = 0; i < AT_ONCE && m->notify != -1; i++) {
		char buf[SDMESSAGE_MAX];
		struct sdmessage said;
		struct slot *slot;
		pid_t pid;
		ssize_t n = take(m->notify, buf, sizeof buf, &pid);

		if (n == -1)
			return;
		slot = find_program(&m->slots, pid);
		if (slot == NULL)
			continue;
		sdmessage_read(&said, buf, (size_t)n);
		hear_program(slot, &said, now);
	}
}

void
report_read(struct master *m)
{
	int64_t now = clock_now();

	read_reports(m, now);
	read_notes(m, now);
}

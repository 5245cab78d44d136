/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * notifycat NAME [COMMAND]: what a service manager hears on the socket NAME, a
 * path or, with a leading @, an abstract name.  For each datagram a line
 *
 *	-- PID MILLISECONDS
 *
 * with its sender, as the kernel knows it, and CLOCK_MONOTONIC; then what is in
 * it, and at last what COMMAND, done then and there, prints.  The first line is
 * "bound".  It ends with whoever started it.
 */
#include <signal.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"

const char program_name[] = "notifycat";

static int
open_socket(const char *name)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	const socklen_t len = (socklen_t)(offsetof(struct sockaddr_un,
	    sun_path) + strlen(name) + (name[0] != '@'));
	const int on = 1;
	int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	/* An abstract name ends where the address does, at its last byte. */
	if (fd == -1 || len > sizeof sun)
		die(STATUS_SYSTEM, "cannot make a socket %s", name);
	memcpy(sun.sun_path, name, strlen(name));
	if (name[0] == '@')
		sun.sun_path[0] = '\0';
	if (bind(fd, (const void *)&sun, len) == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof on) == -1)
		die(STATUS_SYSTEM, "cannot bind %s", name);
	return fd;
}

static pid_t
sender(struct msghdr *msg)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(msg); c != NULL;
	    c = CMSG_NXTHDR(msg, c))
		if (c->cmsg_level == SOL_SOCKET &&
		    c->cmsg_type == SCM_CREDENTIALS) {
			struct ucred cred;

			memcpy(&cred, CMSG_DATA(c), sizeof cred);
			return cred.pid;
		}
	return 0;
}

static void
hear(int fd, const char *command)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(struct ucred))];
	} control;
	char buf[8192];
	struct iovec iov = { .iov_base = buf, .iov_len = sizeof buf };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control
	};
	ssize_t n = recvmsg(fd, &msg, MSG_CMSG_CLOEXEC);

	if (n == -1)
		die(STATUS_SYSTEM, "cannot receive");
	printf("-- %ld %jd\n%.*s\n", (long)sender(&msg),
	    (intmax_t)clock_now(), (int)n, buf);
	fflush(stdout);
	if (command != NULL && system(command) == -1)
		die(STATUS_SYSTEM, "cannot run %s", command);
}

int
main(int argc, char **argv)
{
	const pid_t parent = getppid();
	int fd;

	if (argc < 2 || argc > 3)
		die(STATUS_USAGE, "usage: notifycat NAME [COMMAND]");
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		return 1;
	fd = open_socket(argv[1]);
	puts("bound");
	fflush(stdout);
	for (;;)
		hear(fd, argv[2]);
}

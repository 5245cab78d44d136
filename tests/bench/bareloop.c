/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * bareloop WORKERS PORT [PROGRAM ARG...]: the least a pre-forking server can
 * do, to measure against: N processes that accept, send with MSG_MORE, look for
 * unread bytes and close; or run a program and wait for it.  No signals, no
 * log, no counters, no deadlines.  It says "listening on *:PORT" on stderr, and
 * lives until TERM.
 */
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

static const char message[] = "Smile from the server\n";

static void
serve(int listener)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		char byte;

		if (fd == -1)
			continue;
		(void)!send(fd, message, sizeof message - 1,
		    MSG_MORE | MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)!recv(fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);
		(void)close(fd);
	}
}

static pid_t
start(int fd, char **argv)
{
	pid_t pid = vfork();

	if (pid != 0)
		return pid;
	(void)dup2(fd, 0);
	(void)dup2(fd, 1);
	(void)execv(argv[0], argv);
	_exit(127);
}

static void
run(int listener, char **argv)
{
	for (;;) {
		int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);

		if (fd == -1)
			continue;
		(void)waitpid(start(fd, argv), NULL, 0);
		(void)close(fd);
	}
}

int
main(int argc, char **argv)
{
	struct sockaddr_in6 sin6 = {
		.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_ANY_INIT
	};
	socklen_t len = sizeof sin6;
	const int on = 1, off = 0;
	int listener = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (argc < 3)
		return 64;
	sin6.sin6_port = htons((unsigned short)atoi(argv[2]));
	if (setsockopt(listener, SOL_SOCKET, SO_REUSEADDR, &on,
	    sizeof on) == -1 || setsockopt(listener, IPPROTO_IPV6,
	    IPV6_V6ONLY, &off, sizeof off) == -1 ||
	    bind(listener, (struct sockaddr *)&sin6, sizeof sin6) == -1 ||
	    listen(listener, 1 << 20) == -1 ||
	    getsockname(listener, (struct sockaddr *)&sin6, &len) == -1)
		return 71;
	for (int i = 0; i < atoi(argv[1]); i++)
		if (fork() == 0) {
			(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
			if (argc > 3)
				run(listener, argv + 3);
			serve(listener);
		}
	fprintf(stderr, "listening on *:%u\n",
	    (unsigned)ntohs(sin6.sin6_port));
	(void)close(listener);
	(void)pause();
	return 0;
}

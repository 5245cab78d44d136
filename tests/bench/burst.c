/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * burst N PORT [TEXT]: N slow clients at once: each connects to 127.0.0.1, sends
 * TEXT (a line with an x), and when the first byte of a reply has come, which
 * says that somebody serves it, stays where it is and says no more.  Prints
 * after how many milliseconds a half, and all, were being served; 1 if that does
 * not happen within a minute.
 *
 * burst N fork: the same for N children, that do nothing but say that they are
 * there: how fast this machine can fork.
 */
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define LIMIT	60000	/* ms */

static double
now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static int
come(unsigned short port)
{
	struct sockaddr_in sin = {
		.sin_family = AF_INET, .sin_port = htons(port),
		.sin_addr = { .s_addr = htonl(INADDR_LOOPBACK) }
	};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0);

	if (fd == -1 || (connect(fd, (const struct sockaddr *)&sin,
	    sizeof sin) == -1 && errno != EINPROGRESS)) {
		perror("burst: connect");
		exit(1);
	}
	return fd;
}

/* Children, one after the other, as fast as can be. */
static int
fork_many(int n)
{
	double start = now(), half = 0;
	int ends[2];
	char byte;

	(void)signal(SIGCHLD, SIG_IGN);
	if (pipe(ends) == -1)
		return 1;
	for (int i = 0; i < n; i++)
		if (fork() == 0) {
			(void)!write(ends[1], "x", 1);
			(void)close(ends[1]);
			_exit(0);
		}
	for (int i = 0; i < n; i++) {
		if (read(ends[0], &byte, 1) != 1)
			return 1;
		if (half == 0 && 2 * (i + 1) >= n)
			half = now() - start;
	}
	printf("%.1f %.1f\n", half, now() - start);
	return 0;
}

/* It can send, or it has been answered.  Whether that was the answer. */
static int
go_on(struct pollfd *pfd, const char *text)
{
	char byte;

	if (pfd->events == POLLOUT) {
		pfd->events = POLLIN;
		if (send(pfd->fd, text, strlen(text), MSG_NOSIGNAL) > 0)
			return 0;
	} else if (recv(pfd->fd, &byte, 1, 0) == 1) {
		pfd->events = 0;
		return 1;
	}
	fprintf(stderr, "burst: a client was turned away\n");
	exit(1);
}

int
main(int argc, char **argv)
{
	const char *text = argc > 3 ? argv[3] : "x\n";
	int n = argc > 2 ? atoi(argv[1]) : 0, served = 0;
	struct pollfd *pfd = calloc((size_t)n + 1, sizeof *pfd);
	double start, half = 0;

	if (n < 1 || pfd == NULL)
		return 64;
	if (strcmp(argv[2], "fork") == 0)
		return fork_many(n);
	start = now();
	for (int i = 0; i < n; i++)
		pfd[i] = (struct pollfd){
			come((unsigned short)atoi(argv[2])), POLLOUT, 0
		};
	while (served < n) {
		if (poll(pfd, (nfds_t)n, LIMIT) <= 0 ||
		    now() - start > LIMIT) {
			fprintf(stderr, "burst: %d of %d are being served\n",
			    served, n);
			return 1;
		}
		for (int i = 0; i < n; i++)
			if (pfd[i].revents != 0)
				served += go_on(&pfd[i], text);
		if (half == 0 && 2 * served >= n)
			half = now() - start;
	}
	printf("%.1f %.1f\n", half, now() - start);
	return 0;
}

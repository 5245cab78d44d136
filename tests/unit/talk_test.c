/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: of what the socket takes only in part, the rest is lost.  The
 * systems we know give TCP buffers so large that it takes all or nothing of
 * ours, so here is a socket with the smallest there is.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/talk.h"
#include "unit/tap.h"

const char program_name[] = "talk_test";

#define PATIENCE 20000	/* milliseconds */

static char given[1000003], got[sizeof given + 1];

/* The server: read and answer in small pieces, to the end of file. */
static void
echo(int fd)
{
	char buf[1000];
	ssize_t n, w;

	while ((n = read(fd, buf, sizeof buf)) > 0)
		for (ssize_t done = 0; done < n; done += w)
			if ((w = write(fd, buf + done,
			    (size_t)(n - done))) == -1)
				_exit(1);
	_exit(0);
}

/* One end of a connection to an echo server; -1 and errno. */
static int
call_echo(void)
{
	const int least = 1;
	int ends[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, ends) == -1 ||
	    setsockopt(ends[0], SOL_SOCKET, SO_SNDBUF, &least,
	    sizeof least) == -1 || fcntl(ends[0], F_SETFL, O_NONBLOCK) == -1)
		return -1;
	if (fork() == 0) {
		(void)close(ends[0]);
		echo(ends[1]);
	}
	(void)close(ends[1]);
	return ends[0];
}

static void
talk_to_echo(struct tap *tap, const char *name, const char *message)
{
	static struct talk talk;
	FILE *in = tmpfile(), *out = tmpfile();
	int sock = call_echo();
	enum talk_end end;
	size_t n;

	if (in == NULL || out == NULL || sock == -1 ||
	    fwrite(given, sizeof given, 1, in) != 1 || fflush(in) != 0) {
		(void)ok(tap, false, "files and a socket");
		return;
	}
	rewind(in);
	talk_init(&talk, sock, fileno(in), fileno(out), message,
	    sizeof given);
	end = talk_run(&talk, clock_now() + PATIENCE);
	(void)close(sock);
	(void)wait(NULL);
	rewind(out);
	n = fread(got, 1, sizeof got, out);
	(void)ok(tap, end == TALK_CLOSED && n == sizeof given &&
	    memcmp(got, given, n) == 0, "%s: all of it comes back", name);
	(void)ok(tap, talk.sent == n && talk.received == n,
	    "%s: it is counted", name);
	(void)fclose(in);
	(void)fclose(out);
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	for (size_t i = 0; i < sizeof given; i++)
		given[i] = (char)(i % 251);
	talk_to_echo(&tap, "a message", given);
	talk_to_echo(&tap, "a file", NULL);
	return tap_end(&tap);
}

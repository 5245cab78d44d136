/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See talk.h.  Each direction has one buffer and reads only when that is
 * empty, so whoever is slow is waited for by the one who feeds him, and by
 * nobody else.
 */
#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/clock.h"
#include "tools/talk.h"

enum { SOCK, IN, OUT, FDS };

/*
 * Output blocks, or may, and there must be no waiting in write(2): the input
 * would wait, too, and no deadline would be kept.  A pipe that poll(2) calls
 * writable takes PIPE_BUF bytes (POSIX); a file takes any number.
 */
static size_t
most_in_one_write(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 && S_ISREG(st.st_mode) ? TALK_BUFFER :
	    PIPE_BUF;
}

void
talk_init(struct talk *talk, int sock, int in, int out, const char *message,
    size_t len)
{
	talk->sock = sock;
	talk->in = message != NULL ? -1 : in;
	talk->out = out;
	talk->out_most = most_in_one_write(out);
	talk->sending = true;
	talk->receiving = true;
	talk->error = 0;
	talk->sent = 0;
	talk->received = 0;
	talk->match = NULL;
	talk->to_sock = message;
	talk->to_sock_left = message != NULL ? len : 0;
	talk->to_out_left = 0;
}

static bool
passes(int error)
{
	return error == EAGAIN || error == EINTR;
}

static void
note_error(struct talk *talk, int error)
{
	if (talk->error == 0)
		talk->error = error;
}

static void
finish_sending(struct talk *talk)
{
	talk->sending = false;
	talk->to_sock_left = 0;
	/* If the connection is gone by now, recv(2) will tell. */
	(void)shutdown(talk->sock, SHUT_WR);
}

static enum talk_end
read_input(struct talk *talk)
{
	ssize_t n = read(talk->in, talk->from_in, sizeof talk->from_in);

	if (n == -1 && !passes(errno)) {
		note_error(talk, errno);
		return TALK_INPUT_FAILED;
	}
	if (n == 0)
		talk->in = -1;
	if (n > 0) {
		talk->to_sock = talk->from_in;
		talk->to_sock_left = (size_t)n;
	}
	return TALK_GOING_ON;
}

static void
send_some(struct talk *talk)
{
	ssize_t n = send(talk->sock, talk->to_sock, talk->to_sock_left,
	    MSG_NOSIGNAL);

	if (n >= 0) {
		talk->to_sock += n;
		talk->to_sock_left -= (size_t)n;
		talk->sent += (uint64_t)n;
	} else if (!passes(errno)) {
		/*
		 * EPIPE: they have closed in good order, and only do not want
		 * to hear more; what they said can still be read.  ECONNRESET
		 * must be kept, because the socket tells of it only once.
		 */
		if (errno != EPIPE)
			note_error(talk, errno);
		finish_sending(talk);
	}
}

static void
receive_some(struct talk *talk)
{
	ssize_t n = recv(talk->sock, talk->from_sock, sizeof talk->from_sock,
	    0);

	if (n > 0) {
		talk->to_out = talk->from_sock;
		talk->to_out_left = (size_t)n;
		talk->received += (uint64_t)n;
		if (talk->match != NULL)
			match_feed(talk->match, talk->from_sock, (size_t)n);
	} else if (n == 0) {
		talk->receiving = false;
	} else if (!passes(errno)) {
		note_error(talk, errno);
		talk->receiving = false;
	}
}

static enum talk_end
write_output(struct talk *talk)
{
	size_t most = talk->to_out_left < talk->out_most ? talk->to_out_left :
	    talk->out_most;
	ssize_t n = write(talk->out, talk->to_out, most);

	if (n == -1 && !passes(errno)) {
		talk->error = errno;
		return TALK_OUTPUT_FAILED;
	}
	if (n > 0) {
		talk->to_out += n;
		talk->to_out_left -= (size_t)n;
	}
	return TALK_GOING_ON;
}

/* Whom to wait for; a descriptor nothing is wanted of must not wake us. */
static void
choose(const struct talk *talk, struct pollfd *fds)
{
	short wish = 0;

	if (talk->receiving && talk->to_out_left == 0)
		wish |= POLLIN;
	if (talk->sending && talk->to_sock_left > 0)
		wish |= POLLOUT;
	fds[SOCK].fd = wish != 0 ? talk->sock : -1;
	fds[SOCK].events = wish;
	fds[IN].fd = talk->sending && talk->to_sock_left == 0 ? talk->in : -1;
	fds[IN].events = POLLIN;
	fds[OUT].fd = talk->to_out_left > 0 ? talk->out : -1;
	fds[OUT].events = POLLOUT;
}

/* Move what can be moved without waiting. */
static enum talk_end
move(struct talk *talk, const struct pollfd *fds)
{
	enum talk_end end = TALK_GOING_ON;

	if ((fds[SOCK].events & POLLIN) != 0 &&
	    (fds[SOCK].revents & ~POLLOUT) != 0)
		receive_some(talk);
	if ((fds[SOCK].events & POLLOUT) != 0 &&
	    (fds[SOCK].revents & ~POLLIN) != 0)
		send_some(talk);
	if (fds[IN].revents != 0)
		end = read_input(talk);
	if (fds[OUT].revents != 0 && end == TALK_GOING_ON)
		end = write_output(talk);
	return end;
}

static enum talk_end
step(struct talk *talk, int64_t deadline)
{
	struct pollfd fds[FDS];
	int64_t now;

	if (talk->sending && talk->in == -1 && talk->to_sock_left == 0)
		finish_sending(talk);
	if (!talk->receiving && talk->to_out_left == 0)
		return talk->error != 0 ? TALK_BROKEN : TALK_CLOSED;
	now = clock_now();
	if (now >= deadline)
		return TALK_TIMED_OUT;
	choose(talk, fds);
	if (poll(fds, FDS, clock_left_ms(now, deadline)) <= 0)
		return TALK_GOING_ON;
	return move(talk, fds);
}

enum talk_end
talk_run(struct talk *talk, int64_t deadline)
{
	enum talk_end end;

	do
		end = step(talk, deadline);
	while (end == TALK_GOING_ON);
	return end;
}

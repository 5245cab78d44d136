/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See conn.h.  It knows sockets and deadlines, not what is sent on them.
 */
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <unistd.h>

#include <linux/sockios.h>
#include <linux/tcp.h>

#include "base/clock.h"
#include "worker/conn.h"

/*
 * How often a lingering connection is asked whether everything has been
 * acknowledged: no event tells of it.
 */
#define ACK_POLL	50	/* milliseconds */

#define FILE_PART	(1024 * 1024)	/* bytes of a file in one call */

/* States of TCP, which <linux/tcp.h> does not name. */
enum {
	TCP_FIN_WAIT1 = 4,
	TCP_TIME_WAIT = 6,
	TCP_CLOSE,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_CLOSING = 11
};

void
conn_start(struct conn *c, int fd, const struct service *service,
    uint64_t nth)
{
	*c = (struct conn){
		.fd = fd, .service = service, .nth = nth,
		.outcome = BOARD_OK, .idle_timeout = service->idle_timeout
	};
}

void
conn_id(const struct conn *c, char *buf, size_t size)
{
	snprintf(buf, size, "%ld.%" PRIu64, (long)getpid(), c->nth);
}

/*
 * A clock is read only for a connection that has to wait; most do not.  Its
 * deadlines count from the first wait.
 */
static void
start_clock(struct conn *c)
{
	int64_t now = clock_now();

	if (c->due != 0)
		return;
	c->due = clock_after(now, c->service->timeout);
	c->idle_due = clock_after(now, c->idle_timeout);
}

/* Something moved: patience begins anew. */
static void
moved(struct conn *c)
{
	if (c->due != 0)
		c->idle_due = clock_after(clock_now(),
		    c->idle_timeout);
}

/* The outcome of an error the socket gave. */
static enum board_outcome
broken(void)
{
	return errno == ETIMEDOUT ? BOARD_TIMEOUT : BOARD_RESET;
}

/* Bytes the client has not acknowledged, or on a unix socket not read. */
static int
unacknowledged(const struct conn *c)
{
	int n;

	return ioctl(c->fd, SIOCOUTQ, &n) == 0 ? n : 0;
}

/*
 * A client that reads slowly is not idle, but poll(2) tells of room only when
 * a good part of the buffer is free: so ask what it has taken meanwhile.
 */
static void
note_progress(struct conn *c)
{
	int queued = unacknowledged(c);

	if (queued < c->queued)
		moved(c);
	c->queued = queued;
}

/*
 * Wait until one of events, or until the moment until; false, with the
 * outcome set, if the connection's own time ran out first.
 */
static bool
wait_for(struct conn *c, short events, int64_t until)
{
	struct pollfd pfd = { .fd = c->fd, .events = events };
	int64_t now, end;

	start_clock(c);
	if (events & POLLOUT)
		note_progress(c);
	end = clock_earlier(c->due, c->idle_due);
	now = clock_now();
	if (now >= end) {
		c->outcome = now >= c->due ? BOARD_TIMEOUT : BOARD_IDLE;
		return false;
	}
	/* A signal or an early wake-up sends the caller round once more. */
	(void)poll(&pfd, 1, clock_left_ms(now, clock_earlier(end, until)));
	return true;
}

/* A call has failed: whether it is worth another try, after a wait for it. */
static bool
try_again(struct conn *c, short events)
{
	if (errno == EAGAIN)
		return wait_for(c, events, CLOCK_NEVER);
	if (errno == EINTR)
		return true;
	c->outcome = broken();
	return false;
}

static void
sent(struct conn *c, ssize_t n)
{
	c->bytes_out += (uint64_t)n;
	moved(c);
}

bool
conn_send(struct conn *c, const void *buf, size_t len)
{
	const char *p = buf;

	while (len > 0) {
		ssize_t n = send(c->fd, p, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
			sent(c, n);
		} else if (!try_again(c, POLLOUT)) {
			return false;
		}
	}
	return true;
}

bool
conn_send_file(struct conn *c, int file)
{
	const int on = 1;
	off_t offset = 0;

	/* sendfile(2) has no flag for this; the socket is ours alone. */
	(void)ioctl(c->fd, FIONBIO, &on);
	for (;;) {
		ssize_t n = sendfile(c->fd, file, &offset, FILE_PART);

		if (n == 0)
			return true;
		if (n > 0)
			sent(c, n);
		else if (!try_again(c, POLLOUT))
			return false;
	}
}

ssize_t
conn_receive(struct conn *c, void *buf, size_t size)
{
	for (;;) {
		ssize_t n = recv(c->fd, buf, size, MSG_DONTWAIT);

		if (n >= 0) {
			moved(c);
			return n;
		}
		if (!try_again(c, POLLIN))
			return -1;
	}
}

/*
 * Drop what has come.  Returns how much; 0 if the client has closed; -1 if
 * nothing has come; -2 if the connection broke.
 */
static ssize_t
drop_some(struct conn *c)
{
	char waste[16384];
	ssize_t n = recv(c->fd, waste, sizeof waste, MSG_DONTWAIT);

	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? -1 : -2;
}

bool
conn_drop(struct conn *c)
{
	ssize_t n;

	while ((n = drop_some(c)) > 0)
		moved(c);
	return n == -1;
}

/* Our side has ended: read and drop until the client's has, or end. */
static void
linger(struct conn *c)
{
	int64_t end = CLOCK_NEVER;	/* known once all is acknowledged */
	size_t dropped = 0;

	while (dropped < CONN_DROP_MAX) {
		ssize_t n = drop_some(c);
		int left;

		if (n == 0)
			return;
		left = unacknowledged(c);
		if (n == -2) {
			/* A reset after the last ACK cut nothing. */
			if (left > 0)
				c->outcome = broken();
			return;
		}
		if (left == 0 && end == CLOCK_NEVER)
			end = clock_after(clock_now(), c->service->linger);
		if (n > 0 && left == 0)
			dropped += (size_t)n;
		if (n > 0 || left != c->queued)
			moved(c);
		c->queued = left;
		if (clock_now() >= end)
			return;
		if (n == -1 && !wait_for(c, POLLIN, left > 0 ?
		    clock_now() + ACK_POLL : end))
			return;
	}
}

void
conn_linger(struct conn *c)
{
	(void)shutdown(c->fd, SHUT_WR);
	linger(c);
}

/*
 * Whether a silent client has acknowledged a reply of one segment.  The end
 * of a side counts as a byte: ours may be under way still, theirs has not
 * come.  (A unix socket does not tell.)
 */
static bool
has_small_reply(const struct conn *c)
{
	struct tcp_info info = { .tcpi_bytes_acked = UINT64_MAX };
	socklen_t len = sizeof info;

	return unacknowledged(c) <= 1 && getsockopt(c->fd, IPPROTO_TCP,
	    TCP_INFO, &info, &len) == 0 && info.tcpi_bytes_received == 0 &&
	    info.tcpi_bytes_acked <= CONN_SEGMENT + 1;
}

void
conn_linger_until(struct conn *c, int64_t due, int64_t idle)
{
	(void)shutdown(c->fd, SHUT_WR);
	if (has_small_reply(c))
		return;
	c->idle_timeout = clock_earlier(c->idle_timeout, idle);
	start_clock(c);
	c->due = due;
	linger(c);
}

bool
conn_has_unread(struct conn *c)
{
	char byte;
	ssize_t n = recv(c->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n == -1 && errno != EAGAIN)
		c->outcome = broken();
	return n > 0;
}

/* Whether the client has ended its side, by the state of the connection. */
static bool
has_ended(const struct conn *c, unsigned state)
{
	switch (state) {
	case TCP_CLOSE_WAIT:
	case TCP_LAST_ACK:
	case TCP_CLOSING:
		return true;
	case TCP_TIME_WAIT:
	case TCP_CLOSE:
		/* What was broken off is closed as well. */
		return c->outcome != BOARD_RESET;
	default:
		return false;
	}
}

/* Whether our end has been said, and not yet heard. */
static bool
is_ending(unsigned state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_CLOSING ||
	    state == TCP_LAST_ACK;
}

bool
conn_count(struct conn *c)
{
	struct tcp_info info;
	socklen_t len = sizeof info;

	if (c->is_counted)
		return true;
	memset(&info, 0, sizeof info);
	if (getsockopt(c->fd, IPPROTO_TCP, TCP_INFO, &info, &len) == -1)
		return false;
	c->is_counted = true;
	/* The end of a side takes a sequence number (RFC 9293 3.4). */
	c->count_in = info.tcpi_bytes_received;
	if (c->count_in > 0 && has_ended(c, info.tcpi_state))
		c->count_in--;
	c->count_out = info.tcpi_bytes_sent - info.tcpi_bytes_retrans +
	    info.tcpi_notsent_bytes;
	if (info.tcpi_notsent_bytes > 0 && is_ending(info.tcpi_state))
		c->count_out--;
	return true;
}

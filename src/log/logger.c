/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See logger.h.  It knows nothing of masters and workers: it ends when the
 * last of them has let go of the pipe, so that their last words are written,
 * however they died.
 *
 * Only whole lines are written, and to what may block, at most PIPE_BUF bytes
 * at once, which do not where poll(2) tells of room (pipe(7)): so it can go on
 * reading from programs, who would wait for it otherwise, while it waits
 * itself.  What it has to say itself, and of programs, goes through a pipe of
 * its own, and from there the way of all lines.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/sig.h"
#include "base/status.h"
#include "log/errlines.h"
#include "log/log.h"
#include "log/logger.h"

#define LAST_PATIENCE	5000	/* ms for room, when nobody is left to write */
#define PARTS		32	/* of one program's, before the next one's */

/* A pipe that brings lines, and what has not been written of them yet. */
struct stream {
	int	fd;
	char	buf[65536];
	size_t	len;
};

/* A program that prints. */
struct source {
	struct errlines	lines;
	char		tag[LOGGER_TAG_MAX];
};

/* Those that are always there, before the sources. */
enum { SAID, OWN, OUT, ORDERS, FIRST_SOURCE };

struct logger {
	struct stream	 stream[2];	/* SAID and OWN */
	int		 own;		/* the end of OWN to write to */
	unsigned	 turn;		/* whose lines come next */
	int		 orders;
	struct output	 output;
	struct source	**source;
	size_t		 n;
	struct pollfd	*pfd;		/* room for all of them */
};

/* -- Lines -- */

static bool
has_lines(const struct stream *s)
{
	return memchr(s->buf, '\n', s->len) != NULL;
}

/* Read at most this many bytes.  Returns what read(2) does. */
static ssize_t
read_some(struct stream *s, size_t most)
{
	size_t room;
	ssize_t n;

	/* What is no line will never be one: nobody of ours wrote it. */
	if (s->len == sizeof s->buf && !has_lines(s))
		s->len = 0;
	room = sizeof s->buf - s->len;
	n = read(s->fd, s->buf + s->len, room < most ? room : most);
	if (n > 0)
		s->len += (size_t)n;
	return n;
}

/* Whether there is anything to be written. */
static bool
has_work(const struct logger *l)
{
	return has_lines(&l->stream[SAID]) || has_lines(&l->stream[OWN]) ||
	    output_has_rest(&l->output);
}

static void
write_some(struct logger *l)
{
	struct stream *s = &l->stream[l->turn];
	size_t n;

	if (!has_lines(s))
		s = &l->stream[l->turn = 1 - l->turn];
	n = output_write(&l->output, s->buf, s->len);
	s->len -= n;
	memmove(s->buf, s->buf + n, s->len);
	/* Neither keeps the other waiting. */
	if (n > 0)
		l->turn = 1 - l->turn;
}

/* Whether the output has room; after patience, in milliseconds, no longer. */
static bool
has_room(const struct logger *l, int patience)
{
	struct pollfd pfd = {
		.fd = output_awaited(&l->output), .events = POLLOUT
	};
	int n;

	if (pfd.fd == -1)
		return true;
	do
		n = poll(&pfd, 1, patience);
	while (n == -1 && errno == EINTR);
	return n > 0;
}

/* Write what there is, as long as there is room. */
static void
write_all(struct logger *l, int patience)
{
	while (has_work(l) && has_room(l, patience))
		write_some(l);
}

/* What is in the pipe by now. */
static void
write_pipe(struct logger *l)
{
	struct stream *s = &l->stream[SAID];
	int left = 0;
	ssize_t n;

	(void)ioctl(s->fd, FIONREAD, &left);
	do {
		write_all(l, 0);
		n = left > 0 && s->len < sizeof s->buf ?
		    read_some(s, (size_t)left) : 0;
		left -= (int)n;
	} while (n > 0);
	write_all(l, 0);
}

/* -- What programs print -- */

static void
add_source(struct logger *l, int fd, const char *tag)
{
	struct source **source = realloc(l->source,
	    (l->n + 1) * sizeof *source);
	struct pollfd *pfd;

	if (source != NULL)
		l->source = source;
	pfd = realloc(l->pfd, (FIRST_SOURCE + l->n + 1) * sizeof *pfd);
	if (pfd != NULL)
		l->pfd = pfd;
	if (source == NULL || pfd == NULL ||
	    (source[l->n] = calloc(1, sizeof **source)) == NULL ||
	    errlines_open(&source[l->n]->lines, fd, l->own) == -1) {
		log_error("cannot take what %s prints: %s", tag,
		    strerror(errno));
		fd_close(&fd);
		return;
	}
	memcpy(source[l->n]->tag, tag, LOGGER_TAG_MAX);
	source[l->n++]->tag[LOGGER_TAG_MAX - 1] = '\0';
}

/* Write what we have said ourselves, so that there is room for more. */
static void
write_own(struct logger *l)
{
	do
		write_all(l, 0);
	while (read_some(&l->stream[OWN], SIZE_MAX) > 0);
}

/* Part after part, since what they make must find room. */
static void
read_parts(struct logger *l, struct source *s)
{
	for (int n = 0; n < PARTS && errlines_read(&s->lines, NULL); n++)
		write_own(l);
}

static void
read_source(struct logger *l, size_t i)
{
	struct source *s = l->source[i];

	log_set_tag(s->tag);
	read_parts(l, s);
	if (s->lines.is_ended) {
		errlines_end(&s->lines, NULL);
		fd_close(&s->lines.in);
		free(s);
		l->source[i] = l->source[--l->n];
	}
	log_set_tag(NULL);
}

/* -- Orders -- */

/* Take one.  Its descriptor is in *fd, -1 if it has none; false: no more. */
static bool
take_order(int orders, struct logger_order *order, int *fd)
{
	union {
		struct cmsghdr	head;
		char		room[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = { .iov_base = order, .iov_len = sizeof *order };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = &control, .msg_controllen = sizeof control
	};
	const struct cmsghdr *c;
	ssize_t n = recvmsg(orders, &msg, MSG_CMSG_CLOEXEC | MSG_DONTWAIT);

	*fd = -1;
	if (n == -1 && (errno == EINTR || errno == EAGAIN)) {
		order->kind = 0;
		return true;
	}
	if (n < (ssize_t)offsetof(struct logger_order, wish))
		return false;
	order->wish.path[sizeof order->wish.path - 1] = '\0';
	c = CMSG_FIRSTHDR(&msg);
	if (c != NULL && c->cmsg_level == SOL_SOCKET &&
	    c->cmsg_type == SCM_RIGHTS)
		memcpy(fd, CMSG_DATA(c), sizeof *fd);
	return true;
}

static void
reopen(struct logger *l)
{
	const char *why;

	if (output_reopen(&l->output, &why) == -1)
		log_error("cannot open the log %s anew: %s; going on with "
		    "the old one", l->output.wish.path, why);
}

static void
obey(struct logger *l)
{
	struct logger_order order = { .kind = 0 };
	int fd;

	if (!take_order(l->orders, &order, &fd)) {
		fd_close(&l->orders);
		return;
	}
	switch (order.kind) {
	case LOGGER_LEVEL:
		log_set_level((enum level)order.level);
		break;
	case LOGGER_REOPEN:
		reopen(l);
		break;
	case LOGGER_OUTPUT:
		write_pipe(l);
		output_become(&l->output, &order.wish, fd);
		break;
	case LOGGER_SOURCE:
		if (fd != -1)
			add_source(l, fd, order.tag);
		break;
	}
}

/* -- All of it -- */

static void
wait_for_any(struct logger *l)
{
	bool is_busy = has_work(l);
	int out = output_awaited(&l->output);

	for (size_t i = SAID; i <= OWN; i++)
		l->pfd[i] = (struct pollfd){
			.fd = has_lines(&l->stream[i]) ? -1 :
			    l->stream[i].fd, .events = POLLIN
		};
	l->pfd[OUT] = (struct pollfd){
		.fd = is_busy ? out : -1, .events = POLLOUT
	};
	l->pfd[ORDERS] = (struct pollfd){ .fd = l->orders, .events = POLLIN };
	for (size_t i = 0; i < l->n; i++)
		l->pfd[FIRST_SOURCE + i] = (struct pollfd){
			.fd = l->source[i]->lines.in, .events = POLLIN
		};
	/* What is not open will be when it is written to. */
	while (poll(l->pfd, FIRST_SOURCE + l->n, is_busy && out == -1 ? 0 :
	    -1) == -1 && errno == EINTR)
		;
	if (is_busy && out == -1)
		l->pfd[OUT].revents = POLLOUT;
}

/* The last writer is gone: nothing is left to wait for but the writing. */
static noreturn void
finish(struct logger *l)
{
	write_all(l, LAST_PATIENCE);
	for (size_t i = 0; i < l->n; i++) {
		log_set_tag(l->source[i]->tag);
		read_parts(l, l->source[i]);
		errlines_end(&l->source[i]->lines, NULL);
		while (read_some(&l->stream[OWN], SIZE_MAX) > 0)
			write_all(l, LAST_PATIENCE);
	}
	_exit(STATUS_OK);
}

/* What is there to be done.  false: nobody is left to write. */
static bool
work(struct logger *l)
{
	ssize_t n = 1;

	if (l->pfd[SAID].revents != 0)
		n = read_some(&l->stream[SAID], SIZE_MAX);
	if (n == 0 || (n == -1 && errno != EINTR && errno != EAGAIN))
		return false;
	if (l->pfd[OWN].revents != 0)
		(void)read_some(&l->stream[OWN], SIZE_MAX);
	if (l->pfd[OUT].revents != 0)
		write_some(l);
	/* From the last: what is taken away is replaced from there. */
	for (size_t i = l->n; i-- > 0; )
		if (l->pfd[FIRST_SOURCE + i].revents != 0)
			read_source(l, i);
	if (l->pfd[ORDERS].revents != 0)
		obey(l);
	return true;
}

/* With an output, and a way for what we have to say.  NULL and errno. */
static struct logger *
make(int in, const struct output_wish *wish, int file, pid_t master)
{
	struct logger *l = calloc(1, sizeof *l);
	int ends[2];

	if (l == NULL || pipe2(ends, O_CLOEXEC | O_NONBLOCK) == -1)
		return NULL;
	l->stream[SAID].fd = in;
	l->stream[OWN].fd = ends[0];
	l->own = ends[1];
	l->orders = -1;
	output_init(&l->output, wish, file, master);
	log_open(l->own);
	log_set_tag(NULL);
	return l;
}

noreturn void
logger_run(const struct logger_birth *birth)
{
	struct logger *l = make(birth->in, birth->wish, birth->file,
	    getppid());

	/*
	 * Deaf to all but KILL: a Ctrl-C or a TERM to the whole group is the
	 * master's to answer, and what it says of it must still be written.
	 */
	sig_default_all();
	sig_deafen();
	(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
	if (l == NULL || (l->pfd = calloc(FIRST_SOURCE,
	    sizeof *l->pfd)) == NULL)
		_exit(STATUS_SYSTEM);
	l->orders = birth->orders;
	for (size_t i = 0; i < birth->n; i++)
		add_source(l, birth->sources[i].fd, birth->sources[i].tag);
	do
		wait_for_any(l);
	while (work(l));
	finish(l);
}

void
logger_write_left(int in, const struct output_wish *wish, int file)
{
	struct logger *l = make(in, wish, file, getpid());

	if (l != NULL) {
		write_pipe(l);
		output_close(&l->output);
		fd_close(&l->stream[OWN].fd);
		fd_close(&l->own);
	}
	log_open(-1);
	free(l);
}

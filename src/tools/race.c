/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See race.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/fd.h"
#include "base/text.h"
#include "tools/race.h"

/* RFC 8305, section 8: the recommended Connection Attempt Delay. */
#define ATTEMPT_DELAY	250

/* An address with its reason, the hint, and some to spare. */
#define HINT_ROOM	320

/* What the steps of one race share. */
struct run {
	struct race			*race;
	const struct dial_list		*list;
	int64_t				 deadline;
	race_watch			*watch;
	void				*arg;
};

static void
become(const struct run *run, struct race_attempt *attempt,
    enum race_state state)
{
	attempt->state = state;
	if (run->watch != NULL)
		run->watch(run->arg, attempt);
}

static void
fail(const struct run *run, struct race_attempt *attempt, int error)
{
	struct race *race = run->race;

	fd_close(&attempt->fd);
	attempt->error = error;
	if (attempt == &race->at[race->begun - 1])
		race->next = clock_now();
	become(run, attempt, RACE_FAILED);
}

/*
 * A unix socket whose queue is full tells a non-blocking caller to go away,
 * and there is no event to wait for.  But a blocking connect(2) waits in the
 * kernel until there is room, for as long as SO_SNDTIMEO says (unix(7)).
 */
static int
connect_unix(int fd, const struct dial_address *to, int64_t deadline)
{
	int left = clock_left_ms(clock_now(), deadline);
	/* All zero would mean for ever. */
	const struct timeval wait = { left / 1000, left % 1000 * 1000 + 1 };
	int result;

	if (left >= 0 && setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &wait,
	    sizeof wait) == -1)
		return -1;
	do
		result = connect(fd, (const struct sockaddr *)&to->sa, to->len);
	while (result == -1 && errno == EINTR);
	if (result == -1 && errno == EAGAIN)
		errno = ETIMEDOUT;
	return result;
}

static int
begin_unix(const struct dial_address *to, int64_t deadline)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd != -1 && (connect_unix(fd, to, deadline) == -1 ||
	    fcntl(fd, F_SETFL, O_NONBLOCK) == -1))
		fd_close(&fd);
	return fd;
}

static void
begin(const struct run *run)
{
	struct race *race = run->race;
	struct race_attempt *attempt = &race->at[race->begun];

	attempt->to = &run->list->at[race->begun];
	attempt->error = 0;
	attempt->fd = -1;
	race->begun++;
	race->next = clock_now() + ATTEMPT_DELAY;
	become(run, attempt, RACE_TRYING);
	attempt->fd = attempt->to->sa.ss_family == AF_UNIX ?
	    begin_unix(attempt->to, run->deadline) : dial_begin(attempt->to);
	if (attempt->fd == -1)
		fail(run, attempt, errno);
}

/*
 * See what became of an attempt of which poll(2) has something to tell.  A
 * connection may be reset by now, with the reply in it; a reset before there
 * is one reads ECONNREFUSED.  A socket tells of its error only once, so it is
 * kept.  EPIPE is a reset after the end of file, and that is all recv(2) will
 * tell of it.
 */
static void
look_at(const struct run *run, struct race_attempt *attempt)
{
	int error = 0;
	socklen_t len = sizeof error;

	if (getsockopt(attempt->fd, SOL_SOCKET, SO_ERROR, &error, &len) == -1)
		error = errno;
	if (error == EPIPE)
		error = 0;
	if (error != 0 && error != ECONNRESET) {
		fail(run, attempt, error);
	} else {
		attempt->error = error;
		become(run, attempt, RACE_WON);
	}
}

static bool
is_under_way(const struct race *race)
{
	for (size_t i = 0; i < race->begun; i++)
		if (race->at[i].state == RACE_TRYING)
			return true;
	return false;
}

/* Wait until something happens to an attempt, or until due. */
static void
wait_for_news(const struct run *run, int64_t due)
{
	struct race *race = run->race;
	struct pollfd fds[DIAL_MAX];

	for (size_t i = 0; i < race->begun; i++)
		fds[i] = (struct pollfd){
			.fd = race->at[i].state == RACE_TRYING ?
			    race->at[i].fd : -1,
			.events = POLLOUT
		};
	if (poll(fds, race->begun, clock_left_ms(clock_now(), due)) <= 0)
		return;
	for (size_t i = 0; i < race->begun; i++)
		if (fds[i].revents != 0)
			look_at(run, &race->at[i]);
}

static struct race_attempt *
winner(struct race *race)
{
	for (size_t i = 0; i < race->begun; i++)
		if (race->at[i].state == RACE_WON)
			return &race->at[i];
	return NULL;
}

/* Errors by how much they tell of the server, the most telling first. */
static const struct {
	int		error;
	enum status	status;
} reasons[] = {
	{ ECONNREFUSED, STATUS_UNAVAILABLE },
	{ ENOENT, STATUS_UNAVAILABLE },
	{ ECONNRESET, STATUS_UNAVAILABLE },
	{ EHOSTUNREACH, STATUS_UNAVAILABLE },
	{ EHOSTDOWN, STATUS_UNAVAILABLE },
	{ ENETUNREACH, STATUS_UNAVAILABLE },
	{ ENETDOWN, STATUS_UNAVAILABLE },
	{ EADDRNOTAVAIL, STATUS_UNAVAILABLE },
	{ EAFNOSUPPORT, STATUS_UNAVAILABLE },
	{ EACCES, STATUS_NO_PERMISSION },
	{ EPERM, STATUS_NO_PERMISSION },
	{ ETIMEDOUT, STATUS_TIMED_OUT }
};
#define REASONS	(sizeof reasons / sizeof reasons[0])

static size_t
rank_of(int error)
{
	size_t i = 0;

	while (i < REASONS && reasons[i].error != error)
		i++;
	return i;
}

static int
most_telling(const struct race *race)
{
	int best = race->at[0].error;

	for (size_t i = 1; i < race->begun; i++)
		if (rank_of(race->at[i].error) < rank_of(best))
			best = race->at[i].error;
	return best;
}

int
race_run(struct race *race, const struct dial_list *list, int64_t deadline,
    race_watch *watch, void *arg)
{
	const struct run run = {
		.race = race, .list = list, .deadline = deadline,
		.watch = watch, .arg = arg
	};
	struct race_attempt *won = NULL;

	race->begun = 0;
	race->next = clock_now();
	while (won == NULL) {
		int64_t now = clock_now();
		bool more = race->begun < list->n;

		if (race->begun > 0 && now >= deadline)
			break;
		if (more && now >= race->next) {
			begin(&run);
		} else if (more || is_under_way(race)) {
			wait_for_news(&run, more ?
			    clock_earlier(race->next, deadline) : deadline);
			won = winner(race);
		} else {
			break;
		}
	}
	for (size_t i = 0; i < race->begun; i++)
		if (won == NULL && race->at[i].state == RACE_TRYING)
			fail(&run, &race->at[i], ETIMEDOUT);
		else if (&race->at[i] != won)
			fd_close(&race->at[i].fd);
	race->broken = won != NULL ? won->error : 0;
	if (won == NULL)
		errno = most_telling(race);
	return won != NULL ? won->fd : -1;
}

static const char *
hint(const struct dial_wish *wish, int error)
{
	bool is_unix = wish->path != NULL;

	switch (error) {
	case ECONNREFUSED:
		return "is the server running?";
	case ENOENT:
		return "is the path right, and the server running?";
	case EACCES:
	case EPERM:
		return is_unix ? "may you write to the socket, and search its "
		    "directory?" : "does a firewall forbid it?";
	case ETIMEDOUT:
		return is_unix ? "is the server stopped or overloaded?" :
		    "does a firewall drop it, or is the address wrong?";
	case EPROTOTYPE:
		return "only a stream socket will do";
	case EMFILE:
		return "see ulimit -n";
	case ENFILE:
		return "see fs.file-max";
	case ENOBUFS:
	case ENOMEM:
		return "the system is short of memory";
	default:
		return "is the address right, and the network up?";
	}
}

enum status
race_explain(const struct race *race, const struct dial_wish *wish,
    char *buf, size_t size)
{
	char name[DIAL_NAME_MAX], address[ADDR_TEXT_MAX];
	int error = most_telling(race);
	struct text out;

	text_init(&out, buf, size);
	text_add(&out, "cannot connect to %s: ",
	    dial_name(wish, name, sizeof name));
	for (size_t i = 0; i < race->begun; i++) {
		const struct race_attempt *attempt = &race->at[i];

		if (out.size - out.len < HINT_ROOM) {
			text_add(&out, "%zu more; ", race->begun - i);
			break;
		}
		/* A unix socket has one address, and it is its name. */
		if (wish->path == NULL)
			text_add(&out, "%s ", dial_text(attempt->to, address,
			    sizeof address));
		text_add(&out, "%s; ", strerror(attempt->error));
	}
	text_add(&out, "%s", hint(wish, error));
	if (error == ECONNREFUSED && wish->path == NULL)
		text_add(&out, " (smiled %u starts one)",
		    (unsigned)wish->port);
	return rank_of(error) < REASONS ? reasons[rank_of(error)].status :
	    STATUS_SYSTEM;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See steer.h.  A server that dies wakes whoever waits here; what changes on
 * its board is looked at again and again, some milliseconds apart.
 */
#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/clock.h"
#include "base/die.h"
#include "board/show.h"
#include "tools/steer.h"

#define LOOK	10	/* milliseconds */

/* -- Signals -- */

static void
tell(const struct server *server, int signo)
{
	if (server_signal(server, signo) == 0)
		return;
	if (errno == EPERM)
		die(STATUS_NO_PERMISSION, "the server with pid %ld is another "
		    "user's: %s", (long)server->pid, strerror(errno));
	if (server->pid == 0)
		die(STATUS_NO_PERMISSION, "the server of %s has no pid here: "
		    "it runs in another pid namespace", server->path);
	die(STATUS_NOT_RUNNING, "the server with pid %ld has ended",
	    (long)server->pid);
}

static noreturn void
too_late(const struct order *order, const char *what)
{
	char time[SHOW_TIME_MAX];

	die(STATUS_TIMED_OUT, "%s within %s", what, show_time(order->timeout,
	    time));
}

/* -- Reload -- */

static noreturn void
no_verdict(const struct server *server)
{
	if (server_lives(server))
		die(STATUS_UNAVAILABLE, "the server with pid %ld is stopping "
		    "and does nothing else", (long)server->pid);
	die(STATUS_NOT_RUNNING, "the server with pid %ld has ended without a "
	    "verdict", (long)server->pid);
}

static bool
is_stopping(const struct server *server)
{
	return atomic_load(&server->board.head->phase) == BOARD_STOPPING ||
	    !server_lives(server);
}

/* Wait for the verdict of this number in a ledger, or for a later one. */
static void
await(const struct order *order, const struct server *server,
    const struct board_ledger *ledger, unsigned number,
    struct board_told *told)
{
	const bool is_reload = ledger == board_ledger(&server->board,
	    server->board.head->reloads_at);
	const int64_t due = clock_after(clock_now(), order->timeout);

	while (!ledger_read(ledger, number, told)) {
		unsigned done = atomic_load(&ledger->done);

		/* That of another has its place; it tells no less. */
		if ((int32_t)(done - number) >= BOARD_VERDICTS) {
			number = done;
			continue;
		}
		if (clock_now() >= due)
			too_late(order, is_reload ?
			    "the reload had no verdict" :
			    "the upgrade had no verdict");
		if (is_stopping(server) &&
		    !ledger_read(ledger, number, told))
			no_verdict(server);
		server_wait(server, LOOK);
	}
}

/* All lines of a verdict. */
static void
print_verdict(const struct order *order, const struct board_told *told)
{
	if (order->json)
		show_verdict_json(stdout, told);
	else if (told->verdict == BOARD_ACCEPTED)
		printf("%s\n", told->text);
	else
		fprintf(stderr, "%s\n", told->text);
	die_if_unwritten();
}

/*
 * Have one begin after now, and wait for its verdict.  One that is under way
 * may have read the file before it was as it is now: it has its number, and
 * the next one is the one we ask for.  Whether it was accepted.
 */
static bool
ask_for(const struct order *order, const struct server *server, int signo,
    const struct board_ledger *ledger)
{
	struct board_told told;
	unsigned before = atomic_load(&ledger->started);

	tell(server, signo);
	await(order, server, ledger, before + 1, &told);
	print_verdict(order, &told);
	return told.verdict == BOARD_ACCEPTED;
}

enum status
steer_reload(const struct order *order)
{
	struct server server;
	bool is_accepted;

	server_must_find(&server, &order->wish);
	is_accepted = ask_for(order, &server, SIGHUP,
	    board_ledger(&server.board, server.board.head->reloads_at));
	server_leave(&server);
	return is_accepted ? STATUS_OK : STATUS_CONFIG;
}

/* -- Upgrade -- */

enum status
steer_upgrade(const struct order *order)
{
	struct server server;
	const struct board_ledger *ledger;
	bool is_accepted;

	server_must_find(&server, &order->wish);
	ledger = board_ledger(&server.board, server.board.head->upgrades_at);
	/* There is never a second one at a time. */
	if (atomic_load(&ledger->started) != atomic_load(&ledger->done))
		die(STATUS_UNAVAILABLE, "the server with pid %ld is being "
		    "upgraded already", (long)server.pid);
	is_accepted = ask_for(order, &server, SIGUSR2, ledger);
	server_leave(&server);
	return is_accepted ? STATUS_OK : STATUS_OTHER;
}

/* -- The others -- */

enum status
steer_reopen(const struct order *order)
{
	struct server server;

	server_must_find(&server, &order->wish);
	tell(&server, SIGUSR1);
	server_leave(&server);
	return STATUS_OK;
}

enum status
steer_stop(const struct order *order)
{
	const int64_t due = clock_after(clock_now(), order->timeout);
	struct server server;

	server_must_find(&server, &order->wish);
	tell(&server, order->now ? SIGINT : SIGTERM);
	while (server_lives(&server)) {
		if (clock_now() >= due)
			too_late(order, "the server has not ended");
		server_wait(&server, LOOK);
	}
	server_leave(&server);
	return STATUS_OK;
}

/* What can be found just now; what no wait will change is the end. */
static enum server_found
look_for(struct server *server, const struct server_wish *wish)
{
	char why[2 * PATH_MAX + 256];
	enum server_found found = server_find(server, wish, why, sizeof why);

	/* A board that is just being made is none for a moment. */
	if (found == SERVER_SEVERAL ||
	    (found == SERVER_UNREADABLE && errno != EPROTO))
		server_die_unfound(found, why);
	return found;
}

/* Whether it serves: from its first workers on, and until it stops. */
static bool
is_ready(const struct server_wish *wish)
{
	struct server server;
	uint32_t phase;

	if (look_for(&server, wish) != SERVER_FOUND)
		return false;
	phase = atomic_load(&server.board.head->phase);
	server_leave(&server);
	return phase != BOARD_BOOTING && phase != BOARD_STOPPING;
}

static bool
is_gone(const struct server_wish *wish)
{
	struct server server;
	enum server_found found = look_for(&server, wish);

	if (found == SERVER_FOUND)
		server_leave(&server);
	return found == SERVER_NONE;
}

enum status
steer_wait(const struct order *order)
{
	const int64_t due = clock_after(clock_now(), order->timeout);
	bool (*is_so)(const struct server_wish *) =
	    strcmp(order->what, "ready") == 0 ? is_ready : is_gone;

	while (!is_so(&order->wish)) {
		if (clock_now() >= due)
			too_late(order, is_so == is_ready ?
			    "no server was ready" : "the server has not "
			    "ended");
		(void)poll(NULL, 0, LOOK);
	}
	return STATUS_OK;
}

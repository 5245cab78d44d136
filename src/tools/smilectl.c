/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * smilectl, to see and steer a server.  What it shows it reads from the
 * server's board, without its help; what it wants done it says by a signal,
 * and waits on the board for how it went.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "base/option.h"
#include "base/text.h"
#include "board/metrics.h"
#include "board/show.h"
#include "tools/steer.h"
#include "tools/top.h"

#define DEFAULT_TIMEOUT	60000	/* ms */

const char program_name[] = "smilectl";

static const struct option_row options[] = {
	{ 'd', "run-dir", "DIR", "where the server's board is" },
	{ 'h', "help", NULL, "show this and exit" },
	{ 'i', "instance", "NAME", "which server, if there are several" },
	{ 'j', "json", NULL, "print JSON" },
	{ 'N', "now", NULL, "stop: at once, not gracefully" },
	{ 't', "timeout", "TIME", "how long to wait (1m)" },
	{ 'V', "version", NULL, "show the version and exit" },
	{ 0, NULL, NULL, NULL }
};

static const char synopsis[] =
    "smilectl [-jNV] [-d DIR] [-i NAME] [-t TIME] COMMAND\n";

static const char about[] =
    "See what a server does, and have it do something.\n";

/* -- Looking -- */

static void
look(const struct order *order, struct view *view)
{
	struct server server;

	server_must_find(&server, &order->wish);
	if (view_take(view, &server.board) == -1)
		die(STATUS_SYSTEM, "there is no memory for it");
	server_leave(&server);
}

static enum status
print(const struct order *order, void (*show)(FILE *, const struct view *))
{
	struct view view;

	look(order, &view);
	show(stdout, &view);
	view_free(&view);
	die_if_unwritten();
	return STATUS_OK;
}

static enum status
print_status(const struct order *order)
{
	return print(order, order->json ? show_status_json : show_status);
}

static enum status
print_workers(const struct order *order)
{
	return print(order, order->json ? show_workers_json : show_workers);
}

static enum status
print_metrics(const struct order *order)
{
	return print(order, show_metrics);
}

/* -- Commands -- */

enum takes {
	TAKES_JSON = 1,
	TAKES_NOW = 2,
	TAKES_TIMEOUT = 4,
	TAKES_WORD = 8,		/* ready or gone */
	STEERS = 16		/* a server of any release */
};

static const struct command {
	const char	*name;
	const char	*operand;
	enum status	(*run)(const struct order *);
	unsigned	 takes;
	const char	*help;
} commands[] = {
	{ "status", NULL, print_status, TAKES_JSON,
	    "what it serves, where, how busy it is, the last reload" },
	{ "workers", NULL, print_workers, TAKES_JSON,
	    "a row for each worker" },
	{ "top", NULL, top_run, TAKES_JSON,
	    "the same, live; q ends it, s sorts" },
	{ "reload", NULL, steer_reload, TAKES_JSON | TAKES_TIMEOUT | STEERS,
	    "read the configuration again, and say how that went" },
	{ "upgrade", NULL, steer_upgrade, TAKES_JSON | TAKES_TIMEOUT | STEERS,
	    "put a new program in its place, and say how that went" },
	{ "reopen", NULL, steer_reopen, STEERS, "open the log's file anew" },
	{ "stop", NULL, steer_stop, TAKES_NOW | TAKES_TIMEOUT | STEERS,
	    "stop when all connections are served, and wait for that" },
	{ "wait", " ready|gone", steer_wait,
	    TAKES_WORD | TAKES_TIMEOUT | STEERS,
	    "until a server is ready, or none runs" },
	{ "metrics", NULL, print_metrics, 0,
	    "figures for monitoring, as OpenMetrics text" },
	{ NULL, NULL, NULL, 0, NULL }
};

static noreturn void
help(void)
{
	option_help(synopsis, about, options);
	printf("\nCommands:\n");
	for (const struct command *c = commands; c->name != NULL; c++) {
		char left[64];

		snprintf(left, sizeof left, "%s%s", c->name,
		    c->operand != NULL ? c->operand : "");
		printf("  %-24s %s\n", left, c->help);
	}
	option_help_end("smilectl");
	exit(STATUS_OK);
}

static noreturn void
unknown_command(const char *word)
{
	const char *guess = text_near(word, &commands[0].name,
	    sizeof commands[0]);

	if (guess != NULL)
		die(STATUS_USAGE, "unknown command '%s'; did you mean '%s'? "
		    "(smilectl --help lists them)", word, guess);
	die(STATUS_USAGE, "unknown command '%s'; smilectl --help lists them",
	    word);
}

static const struct command *
find_command(const char *word)
{
	const struct command *c = commands;

	while (c->name != NULL && strcmp(c->name, word) != 0)
		c++;
	if (c->name == NULL)
		unknown_command(word);
	return c;
}

/* -- The command line -- */

/* Which of them were given: bits of enum takes. */
static unsigned
read_options(struct order *order, int argc, char **argv)
{
	unsigned given = 0;
	int letter;

	while ((letter = option_next(argc, argv, options)) != -1)
		switch (letter) {
		case 'd':
			order->wish.dir = optarg;
			break;
		case 'h':
			help();
		case 'i':
			if (optarg[0] == '\0' || strchr(optarg, '/') != NULL)
				die(STATUS_USAGE, "option '-i': '%s' is not "
				    "the name of a server", optarg);
			order->wish.instance = optarg;
			break;
		case 'j':
			order->json = true;
			given |= TAKES_JSON;
			break;
		case 'N':
			order->now = true;
			given |= TAKES_NOW;
			break;
		case 't':
			order->timeout = option_time('t', optarg);
			given |= TAKES_TIMEOUT;
			break;
		case 'V':
			option_version();
			exit(STATUS_OK);
		}
	return given;
}

/* What a command is given that means nothing to it. */
static void
check_options(const struct command *c, unsigned given)
{
	static const struct {
		unsigned	 bit;
		const char	*option;
	} rows[] = {
		{ TAKES_JSON, "--json" }, { TAKES_NOW, "--now" },
		{ TAKES_TIMEOUT, "--timeout" }
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		if ((given & ~c->takes & rows[i].bit) != 0)
			die(STATUS_USAGE, "'%s' takes no %s", c->name,
			    rows[i].option);
}

int
main(int argc, char **argv)
{
	struct order order = { .timeout = DEFAULT_TIMEOUT };
	unsigned given = read_options(&order, argc, argv);
	const struct command *c;

	if (optind == argc)
		die(STATUS_USAGE, "a command is missing; smilectl --help "
		    "lists them");
	c = find_command(argv[optind++]);
	check_options(c, given);
	order.wish.to_steer = (c->takes & STEERS) != 0;
	if ((c->takes & TAKES_WORD) != 0) {
		order.what = optind < argc ? argv[optind++] : "";
		if (strcmp(order.what, "ready") != 0 &&
		    strcmp(order.what, "gone") != 0)
			die(STATUS_USAGE, "'%s' wants 'ready' or 'gone'",
			    c->name);
	}
	option_no_more(argc, argv, "one command at a time");
	return c->run(&order);
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * smilebench, the load generator.  Here are the command line, the report and
 * the exit status; load.c makes the connections, verdict.c judges them.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/option.h"
#include "base/text.h"
#include "tools/dial.h"
#include "tools/line.h"
#include "tools/load.h"

#define DEFAULT_CONNECTIONS	8
#define DEFAULT_TOTAL		1000
#define DEFAULT_TIMEOUT		10000	/* ms */
#define DEFAULT_REPLY		"Smile from the server"

#define CONNECTIONS_MAX		10000
#define OTHER_FILES		16	/* descriptors besides connections */

const char program_name[] = "smilebench";

struct order {
	struct dial_wish	 wish;
	uint64_t		 connections;
	uint64_t		 total;		/* 0: not given */
	int64_t			 duration;	/* ms; 0: not given */
	int64_t			 timeout;	/* ms */
	const char		*expect;
};

static const struct option_row options[] = {
	{ 'c', "connections", "CONNS", "hold CONNS connections at once (8)" },
	{ 'd', "duration", "TIME", "begin connections for TIME (500ms, 10s, "
	    "5m)" },
	{ 'e', "expect", "TEXT", "the reply must be TEXT and a newline" },
	{ 'h', "help", NULL, "show this help" },
	{ 'n', "total", "TOTAL", "make TOTAL connections (1000)" },
	{ 't', "timeout", "TIME", "give each connection TIME (10s)" },
	{ 'U', "unix", "PATH", "connect to the unix socket PATH" },
	{ 'V', "version", NULL, "show the version" },
	{ 0, NULL, NULL, NULL }
};

static noreturn void
help_or_version(int letter)
{
	if (letter == 'V') {
		option_version();
	} else {
		option_help("smilebench [-c CONNS] [-n TOTAL | -d TIME] "
		    "[-e TEXT] [-t TIME]\n                  [-U PATH] "
		    "[HOST [PORT]]\n",
		    "Connect to a server again and again, many at once, and "
		    "judge every reply.\nHOST is localhost and PORT 7890 "
		    "unless given.\n", options);
		option_help_end("smilebench");
	}
	exit(STATUS_OK);
}

static void
take_option(struct order *order, int letter)
{
	switch (letter) {
	case 'c':
		order->connections = option_number('c', optarg, 1,
		    CONNECTIONS_MAX);
		break;
	case 'd':
		order->duration = option_time('d', optarg);
		break;
	case 'e':
		order->expect = optarg;
		break;
	case 'n':
		order->total = option_number('n', optarg, 1, UINT32_MAX);
		break;
	case 't':
		order->timeout = option_time('t', optarg);
		break;
	case 'U':
		if (optarg[0] == '\0')
			die(STATUS_USAGE, "option '-U': the path is empty");
		order->wish.path = optarg;
		break;
	default:
		help_or_version(letter);
	}
}

static void
take_operands(struct order *order, int argc, char **argv)
{
	struct dial_wish *wish = &order->wish;

	if (order->total != 0 && order->duration != 0)
		die(STATUS_USAGE, "-n and -d both say when to end; give one "
		    "of them");
	if (wish->path != NULL)
		option_no_more(argc, argv, "with -U there is no HOST or PORT");
	if (optind < argc)
		wish->host = argv[optind++];
	if (optind < argc)
		wish->port = option_port(argv[optind++], 1);
	option_no_more(argc, argv, "at most a HOST and a PORT may be given");
}

/* Ask for as many open files as the connections take. */
static void
raise_limit(uint64_t connections)
{
	uint64_t need = connections + OTHER_FILES;
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) == -1 || limit.rlim_cur >= need)
		return;
	limit.rlim_cur = limit.rlim_max;
	if (limit.rlim_max < need || setrlimit(RLIMIT_NOFILE, &limit) == -1)
		die(STATUS_SYSTEM, "-c %ju takes %ju open files, but the hard "
		    "limit is %ju; use fewer, or raise it (ulimit -Hn)",
		    (uintmax_t)connections, (uintmax_t)need,
		    (uintmax_t)limit.rlim_max);
}

static void
resolve(const struct dial_wish *wish, struct dial_list *list)
{
	int code = dial_resolve(wish, list);
	char line[DIAL_LINE_MAX];
	enum status status;

	if (code == 0)
		return;
	status = dial_explain_resolve(wish, code, line, sizeof line);
	die(status, "%s", line);
}

/* The run could not go on: say which limit it met. */
static noreturn void
die_of_limit(const struct dial_wish *wish, int error)
{
	enum status status = STATUS_SYSTEM;
	const char *hint = "use fewer connections (-c)";
	char name[DIAL_NAME_MAX];

	switch (error) {
	case EMFILE:
		hint = "use fewer connections (-c), or raise ulimit -n";
		break;
	case ENFILE:
		hint = "the system has too many open files (fs.file-max)";
		break;
	case EADDRNOTAVAIL:
		hint = "no port is free for our end "
		    "(net.ipv4.ip_local_port_range), or the address is not "
		    "to be reached from here";
		break;
	case EACCES:
	case EPERM:
		hint = "may this user connect to it?";
		status = STATUS_NO_PERMISSION;
		break;
	}
	die(status, "cannot go on connecting to %s: %s; %s",
	    dial_name(wish, name, sizeof name), strerror(error), hint);
}

static uint64_t
count_all(const struct load_result *result)
{
	uint64_t all = 0;

	for (int i = 0; i < VERDICT_COUNT; i++)
		all += result->counts[i];
	return all;
}

/* smilebench(1) promises these lines, in this order. */
static void
report(const struct load_result *result)
{
	const struct histogram *latency = &result->latency;
	double seconds = (double)result->elapsed / 1e6;
	uint64_t all = count_all(result);

	printf("%s: %ju connections in %.2f s, %.0f a second\n", program_name,
	    (uintmax_t)all, seconds,
	    seconds > 0 ? (double)all / seconds : 0.0);
	for (int i = 0; i < VERDICT_COUNT; i++)
		printf("%s %ju\n", verdict_name(i),
		    (uintmax_t)result->counts[i]);
	printf("p50 %.3f ms\n", (double)histogram_percentile(latency, 50) /
	    1e3);
	printf("p99 %.3f ms\n", (double)histogram_percentile(latency, 99) /
	    1e3);
	printf("max %.3f ms\n", (double)latency->max / 1e3);
	die_if_unwritten();
}

/* On stderr, only if something is wrong. */
static void
complain(const struct dial_wish *wish, const struct load_result *result)
{
	const struct load_stray *stray = &result->stray;
	uint64_t all = count_all(result);
	uint64_t bad = all - result->counts[VERDICT_OK];
	char line[DIAL_LINE_MAX], name[DIAL_NAME_MAX];
	struct text out;

	if (all > 0 && bad == 0)
		return;
	text_init(&out, line, sizeof line);
	(void)dial_name(wish, name, sizeof name);
	if (all == 0)
		text_add(&out, "no connection to %s was made", name);
	else
		text_add(&out, "%ju of %ju connections to %s were not ok",
		    (uintmax_t)bad, (uintmax_t)all, name);
	if (all > 0 && result->counts[VERDICT_REFUSED] == all)
		text_add(&out, "; is the server running?");
	/* Up to a NUL; whatever else there is, say() makes it harmless. */
	if (stray->len > 0)
		text_add(&out, "; the first wrong reply has, after %zu right "
		    "bytes: %.*s", stray->at, (int)stray->len, stray->bytes);
	say("%s", line);
}

int
main(int argc, char **argv)
{
	struct order order = {
		.wish = { .host = "localhost", .port = 7890 },
		.connections = DEFAULT_CONNECTIONS,
		.timeout = DEFAULT_TIMEOUT,
		.expect = DEFAULT_REPLY
	};
	struct load_order load = { .duration = CLOCK_NEVER };
	bool can_print = fd_is_open(STDOUT_FILENO);
	struct load_result result;
	struct dial_list list;
	char *reply;
	int letter;

	if (fd_fill_standard() == -1)
		die(STATUS_SYSTEM, "cannot open /dev/null: %s",
		    strerror(errno));
	if (!can_print)
		die(STATUS_OTHER, "standard output is closed; there is "
		    "nowhere to print the report");
	while ((letter = option_next(argc, argv, options)) != -1)
		take_option(&order, letter);
	take_operands(&order, argc, argv);
	raise_limit(order.connections);
	resolve(&order.wish, &list);

	reply = line_of(order.expect);
	if (reply == NULL)
		die(STATUS_SYSTEM, "no memory for the text of -e");
	load.list = &list;
	load.reply.text = reply;
	load.reply.len = strlen(reply);
	load.connections = order.connections;
	load.timeout = order.timeout;
	load.total = order.total != 0 ? order.total : DEFAULT_TOTAL;
	if (order.duration != 0) {
		load.duration = order.duration;
		load.total = UINT64_MAX;
	}
	if (load_run(&load, &result) == -1)
		die_of_limit(&order.wish, errno);
	free(reply);
	report(&result);
	complain(&order.wish, &result);
	return verdict_status(result.counts);
}

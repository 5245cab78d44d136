/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * smile, the client: connect, send what comes on standard input, print what
 * the server says until it closes.  Here are the command line, the words and
 * the exit status; the work is done in dial.c, race.c and talk.c.
 */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/addr.h"
#include "base/clock.h"
#include "base/die.h"
#include "base/fd.h"
#include "base/option.h"
#include "base/text.h"
#include "tools/dial.h"
#include "tools/line.h"
#include "tools/match.h"
#include "tools/race.h"
#include "tools/talk.h"

#define DEFAULT_HOST	"localhost"
#define DEFAULT_PORT	7890
#define CONNECT_TIMEOUT	30000	/* milliseconds, if there is no -t */

const char program_name[] = "smile";

enum voice { QUIET, NORMAL, VERBOSE };

/* What the command line asks for; not changed after it has been read. */
struct order {
	struct dial_wish	 wish;
	int64_t			 timeout;	/* ms; 0: not given */
	const char		*message;	/* NULL: standard input */
	const char		*expect;	/* NULL: anything will do */
	enum voice		 voice;
};

static const struct option_row options[] = {
	{ '4', "ipv4", NULL, "use IPv4 addresses only" },
	{ '6', "ipv6", NULL, "use IPv6 addresses only" },
	{ 'e', "expect", "TEXT", "fail unless the reply contains TEXT" },
	{ 'h', "help", NULL, "show this help" },
	{ 'm', "message", "TEXT", "send TEXT and a newline, not standard "
	    "input" },
	{ 'n', "numeric", NULL, "HOST is an address: look nothing up" },
	{ 'q', "quiet", NULL, "no messages: the exit status tells" },
	{ 't', "timeout", "TIME", "give up after TIME (500ms, 10s, 5m)" },
	{ 'U', "unix", "PATH", "connect to the unix socket PATH" },
	{ 'v', "verbose", NULL, "tell of each address, and count bytes" },
	{ 'V', "version", NULL, "show the version" },
	{ 0, NULL, NULL, NULL }
};

static noreturn void
help_or_version(int letter)
{
	if (letter == 'V') {
		option_version();
	} else {
		option_help("smile [-46nqv] [-U PATH] [-t TIME] [-m TEXT] "
		    "[-e TEXT] [HOST [PORT]]\n",
		    "Connect to a server, send it standard input, and print "
		    "its reply\nuntil it closes.  HOST is localhost and PORT "
		    "7890 unless given.\n", options);
		option_help_end("smile");
	}
	exit(STATUS_OK);
}

static void
take_family(struct order *order, int family)
{
	if (order->wish.family != AF_UNSPEC && order->wish.family != family)
		die(STATUS_USAGE, "-4 and -6 leave no address to use; give "
		    "one of them");
	order->wish.family = family;
}

static void
take_option(struct order *order, int letter)
{
	switch (letter) {
	case '4':
		take_family(order, AF_INET);
		break;
	case '6':
		take_family(order, AF_INET6);
		break;
	case 'e':
		if (optarg[0] == '\0')
			die(STATUS_USAGE, "option '-e': every reply contains "
			    "an empty TEXT; give some");
		order->expect = optarg;
		break;
	case 'm':
		order->message = optarg;
		break;
	case 'n':
		order->wish.numeric = true;
		break;
	case 'q':
		order->voice = QUIET;
		break;
	case 't':
		order->timeout = option_time('t', optarg);
		break;
	case 'U':
		if (optarg[0] == '\0')
			die(STATUS_USAGE, "option '-U': the path is empty");
		order->wish.path = optarg;
		break;
	case 'v':
		order->voice = VERBOSE;
		break;
	default:
		help_or_version(letter);
	}
}

static void
take_operands(struct order *order, int argc, char **argv)
{
	struct dial_wish *wish = &order->wish;

	if (wish->path != NULL) {
		option_no_more(argc, argv, "with -U there is no HOST or PORT");
		if (wish->family != AF_UNSPEC || wish->numeric)
			die(STATUS_USAGE, "-4, -6 and -n say nothing about a "
			    "unix socket; leave them out with -U");
	}
	if (optind < argc)
		wish->host = argv[optind++];
	if (optind < argc)
		wish->port = option_port(argv[optind++], 1);
	option_no_more(argc, argv, "at most a HOST and a PORT may be given");
}

/* Say why, unless told to be quiet, and end. */
static noreturn void
give_up(const struct order *order, enum status status, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

static noreturn void
give_up(const struct order *order, enum status status, const char *fmt, ...)
{
	char line[DIAL_LINE_MAX];
	struct text out;
	va_list ap;

	text_init(&out, line, sizeof line);
	va_start(ap, fmt);
	text_add_list(&out, fmt, ap);
	va_end(ap);
	if (order->voice != QUIET)
		say("%s", line);
	exit(status);
}

static void
tell(void *arg, const struct race_attempt *attempt)
{
	char address[ADDR_TEXT_MAX];

	(void)arg;
	(void)dial_text(attempt->to, address, sizeof address);
	switch (attempt->state) {
	case RACE_TRYING:
		say("trying %s", address);
		break;
	case RACE_FAILED:
		say("%s: %s", address, strerror(attempt->error));
		break;
	case RACE_WON:
		say("connected to %s", address);
		break;
	}
}

static void
resolve(const struct order *order, struct dial_list *list)
{
	int code = dial_resolve(&order->wish, list);
	char line[DIAL_LINE_MAX];
	enum status status;

	if (code == 0)
		return;
	status = dial_explain_resolve(&order->wish, code, line, sizeof line);
	give_up(order, status, "%s", line);
}

static int
reach(const struct order *order, const struct dial_list *list,
    int64_t deadline, int *broken)
{
	race_watch *watch = order->voice == VERBOSE ? tell : NULL;
	char line[DIAL_LINE_MAX];
	enum status status;
	struct race race;
	int sock = race_run(&race, list, deadline, watch, NULL);

	*broken = race.broken;
	if (sock != -1)
		return sock;
	status = race_explain(&race, &order->wish, line, sizeof line);
	give_up(order, status, "%s", line);
}

/* The conversation is over: give up if it did not end well. */
static void
judge(const struct order *order, const struct talk *talk, enum talk_end end)
{
	const char *reason = strerror(talk->error);
	char name[DIAL_NAME_MAX];

	(void)dial_name(&order->wish, name, sizeof name);
	switch (end) {
	case TALK_GOING_ON:
	case TALK_CLOSED:
		break;
	case TALK_BROKEN:
		give_up(order, talk->error == ETIMEDOUT ? STATUS_TIMED_OUT :
		    STATUS_PROTOCOL, "%s: %s after %ju bytes; the reply may "
		    "be cut short", name, reason, (uintmax_t)talk->received);
	case TALK_TIMED_OUT:
		give_up(order, STATUS_TIMED_OUT, "%s did not close within %g "
		    "seconds, after %ju bytes; -t can allow more", name,
		    (double)order->timeout / 1000, (uintmax_t)talk->received);
	case TALK_INPUT_FAILED:
		give_up(order, STATUS_SYSTEM, "cannot read standard input: "
		    "%s; -m sends a text instead", reason);
	case TALK_OUTPUT_FAILED:
		give_up(order, STATUS_OTHER, "cannot write to standard "
		    "output: %s; the reply is cut short", reason);
	}
}

static void
check_expected(const struct order *order, const struct talk *talk)
{
	char name[DIAL_NAME_MAX];

	if (order->expect == NULL || talk->match->found)
		return;
	give_up(order, STATUS_OTHER, "'%.256s' did not come from %s; the "
	    "reply has %ju bytes", order->expect,
	    dial_name(&order->wish, name, sizeof name),
	    (uintmax_t)talk->received);
}

static void
converse(const struct order *order, int sock, int broken, int64_t deadline)
{
	char *message = NULL;
	struct match match;
	struct talk talk;
	enum talk_end end;

	if (order->message != NULL &&
	    (message = line_of(order->message)) == NULL)
		die(STATUS_SYSTEM, "no memory for the text of -m");
	talk_init(&talk, sock, STDIN_FILENO, STDOUT_FILENO, message,
	    message != NULL ? strlen(message) : 0);
	talk.error = broken;
	if (order->expect != NULL) {
		if (match_init(&match, order->expect) == -1)
			die(STATUS_SYSTEM, "no memory for the text of -e");
		talk.match = &match;
	}
	end = talk_run(&talk, deadline);
	if (order->voice == VERBOSE)
		say("sent %ju bytes, received %ju", (uintmax_t)talk.sent,
		    (uintmax_t)talk.received);
	judge(order, &talk, end);
	check_expected(order, &talk);
	if (order->expect != NULL)
		match_free(&match);
	free(message);
}

int
main(int argc, char **argv)
{
	struct order order = {
		.wish = { .host = DEFAULT_HOST, .port = DEFAULT_PORT },
		.voice = NORMAL
	};
	bool can_print = fd_is_open(STDOUT_FILENO);
	struct dial_list list;
	int64_t start, deadline;
	int letter, sock, broken;

	if (fd_fill_standard() == -1)
		die(STATUS_SYSTEM, "cannot open /dev/null: %s",
		    strerror(errno));
	if (!can_print)
		die(STATUS_OTHER, "standard output is closed; there is "
		    "nowhere to print the reply");
	while ((letter = option_next(argc, argv, options)) != -1)
		take_option(&order, letter);
	take_operands(&order, argc, argv);

	resolve(&order, &list);
	start = clock_now();
	deadline = order.timeout > 0 ? clock_after(start, order.timeout) :
	    CLOCK_NEVER;
	sock = reach(&order, &list, clock_earlier(deadline,
	    clock_after(start, CONNECT_TIMEOUT)), &broken);
	converse(&order, sock, broken, deadline);
	(void)close(sock);
	return STATUS_OK;
}

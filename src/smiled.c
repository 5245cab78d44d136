/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * smiled, the server: its options, and the order in which it starts.
 */
#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/option.h"
#include "base/sig.h"
#include "conf/conf.h"
#include "conf/said.h"
#include "master/master.h"

const char program_name[] = "smiled";

static const struct option_row options[] = {
	{ 'b', "background", NULL, "go into the background when ready" },
	{ 'f', "file", "FILE", "the configuration, or none" },
	{ 'h', "help", NULL, "show this and exit" },
	{ 'i', "instance", "NAME", "the same as -o 'instance NAME'" },
	{ 'm', "message", "TEXT", "send TEXT and a newline to each client" },
	{ 'n', "notify-fd", "FD", "write a newline to FD when ready" },
	{ 'o', "set", "LINE", "a line of configuration; it wins over FILE" },
	{ 'p', "pid-file", "FILE", "the same as -o 'pid-file FILE'" },
	{ 't', "test", NULL, "check the configuration and exit" },
	{ 'T', "dump", NULL, "print all of it, checked, and exit" },
	{ 'v', "verbose", NULL, "log more" },
	{ 'V', "version", NULL, "show the version and exit" },
	{ 'w', "workers", "N", "how many workers to fork (4)" },
	{ 0, NULL, NULL, NULL }
};

static const char synopsis[] =
    "smiled [-bhtTvV] [-f FILE|none] [-i NAME] [-m TEXT] [-n FD]\n"
    "              [-o 'KEYWORD VALUE'] [-p FILE] [-w N] [PORT]\n"
    "              [-- PROGRAM [ARG...]]\n";

static const char about[] =
    "Put services on ports, each with a pool of workers forked beforehand;\n"
    "without a configuration, a message for every client on PORT (7890).\n";

/* What the command line asks for. */
struct request {
	struct said	said;		/* and the file */
	bool		background;
	bool		test, dump;
	int		notify;
	bool		is_heir;	/* of a server before us, which has
					 * done what is done but once */
};

static noreturn void
help(void)
{
	option_help(synopsis, about, options);
	keyword_help();
	option_help_end("smiled, man smiled.conf");
	exit(STATUS_OK);
}

static void
read_option(struct request *req, int letter)
{
	switch (letter) {
	case 'b':
		req->background = true;
		req->said.source.in_background = true;
		break;
	case 'f':
		said_file(&req->said, optarg);
		break;
	case 'h':
		help();
	case 'i':
		said_value(&req->said, "option '-i'", "instance", optarg);
		break;
	case 'm':
		said_message(&req->said, "option '-m'", optarg);
		break;
	case 'n':
		if (req->is_heir)
			break;
		req->notify = (int)option_number('n', optarg, 3, 1U << 20);
		if (!fd_is_open(req->notify))
			die(STATUS_USAGE, "option '-n': descriptor %s is not "
			    "open", optarg);
		break;
	case 'o':
		said_line(&req->said, "option '-o'", optarg);
		break;
	case 'p':
		said_value(&req->said, "option '-p'", "pid-file", optarg);
		break;
	case 't':
		req->test = true;
		break;
	case 'T':
		req->dump = true;
		break;
	case 'v':
		said_value(&req->said, "option '-v'", "log-level", "debug");
		break;
	case 'V':
		option_version();
		exit(STATUS_OK);
	case 'w':
		said_value(&req->said, "option '-w'", "workers", optarg);
		break;
	}
}

static void
read_command_line(struct request *req, int argc, char **argv)
{
	int end = option_end(argc, argv, options), letter;

	said_init(&req->said);
	while ((letter = option_next(end, argv, options)) != -1)
		read_option(req, letter);
	if (optind < end) {
		(void)option_port(argv[optind], 0);
		said_value(&req->said, "PORT", "listen", argv[optind++]);
	}
	option_no_more(end, argv, "only one PORT can be given");
	if (end + 1 < argc)
		said_words(&req->said, "PROGRAM", "exec", argv + end + 1);
}

/* The configuration, or the end. */
static struct conf *
read_configuration(const struct request *req)
{
	struct complaints complaints;
	struct conf *conf = conf_read(&req->said.source, &complaints);

	if (conf != NULL)
		return conf;
	complaints_say(&complaints);
	exit(complaints.in_file ? STATUS_CONFIG : STATUS_USAGE);
}

/* -t and -T: nothing is bound. */
static noreturn void
tell(const struct request *req, struct conf *conf)
{
	unsigned services = 0, workers = conf_workers(conf);
	bool varies = false;

	for (const struct service *s = conf->services; s != NULL;
	    s = s->next) {
		services++;
		varies = varies || service_is_adaptive(s);
	}
	if (req->dump)
		conf_dump(conf, stdout);
	else
		printf("the configuration is good: %u service%s, %s%u "
		    "worker%s\n", services, services == 1 ? "" : "s",
		    varies ? "up to " : "", workers,
		    workers == 1 ? "" : "s");
	die_if_unwritten();
	conf_free(conf);
	exit(STATUS_OK);
}

/* Put right what we may have inherited, signals apart. */
static void
clean_up(const struct master *m, int notify)
{
	const struct inherited *in = &m->inherited;
	const struct handover_set *set = &m->heir.set;
	const size_t n = 5 + in->n + set->head.n;
	int *keep = calloc(n, sizeof *keep), *next = keep;

	if (keep == NULL)
		die(STATUS_SYSTEM, "there is no memory");
	*next++ = STDIN_FILENO;
	*next++ = STDOUT_FILENO;
	*next++ = STDERR_FILENO;
	*next++ = notify;
	*next++ = m->heir.control;
	for (size_t i = 0; i < in->n; i++)
		*next++ = in->fd[i];
	for (size_t i = 0; i < set->head.n; i++)
		*next++ = set->socket[i].fd;
	fd_keep_only(keep, n);
	free(keep);
	/* Workers stop by putting it in the listener's place. */
	if (fd_point_at_null(STDIN_FILENO) == -1 || chdir("/") == -1)
		die(STATUS_SYSTEM, "cannot use /dev/null and /: %s",
		    strerror(errno));
	(void)umask(022);
}

/* What the master before us had is ours, or will be. */
static void
inherit(struct master *m, struct request *req)
{
	m->inherited.handed = &m->heir.set;
	/* With -b, or of old, it is no child of the service manager's. */
	m->manager.known_pid = 0;
	/* A file that was there and is gone is not the same as none. */
	if (m->heir.set.head.has_file)
		req->said.source.must_exist = true;
}

int
main(int argc, char **argv)
{
	struct master master = { .waiting = { .parent = -1 } };
	struct request req = { .notify = -1 };
	enum status status;

	sig_start();
	if (fd_fill_standard() == -1)
		return STATUS_SYSTEM;
	title_init(&master.title, argc, argv);
	self_remember(&master.self, argv);
	heir_take(&master.heir);
	req.is_heir = master.heir.step != HEIR_NONE;
	read_command_line(&req, argc, argv);
	inherited_take(&master.inherited);
	notify_take(&master.manager);
	clean_up(&master, req.notify);
	/* From here on every open descriptor is our own. */
	if (req.is_heir)
		inherit(&master, &req);
	master.conf = read_configuration(&req);
	if (req.test || req.dump)
		tell(&req, master.conf);
	master.source = &req.said.source;
	master.waiting.notify = req.notify;
	master.waiting.drops_stderr = req.background &&
	    master.conf->log.to != LOG_TO_STDERR;
	master_listen(&master);
	if (req.background && !req.is_heir && detach(&master.waiting,
	    master.conf->start_timeout + 5000) == -1)
		die(STATUS_SYSTEM, "cannot go into the background: %s",
		    strerror(errno));
	status = master_run(&master);
	said_free(&req.said);
	return status;
}

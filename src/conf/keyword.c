/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See keyword.h.
 */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"
#include "conf/value.h"

#define G(field)	.place = PLACE_GLOBAL, .actions = ACTIONS_ALL, \
			.offset = offsetof(struct conf, field)
#define S(field, with)	.place = PLACE_BOTH, .actions = (with), \
			.offset = offsetof(struct service, field)
#define LATER(with)	.place = PLACE_BOTH, .actions = (with), \
			.flags = KEYWORD_LATER
#define DOES(action)	.place = PLACE_SERVICE, .actions = (action)

static const char *const log_formats[] = {
	[LOG_FORMAT_TEXT] = "text", [LOG_FORMAT_JSON] = "json", NULL
};
static const char *const levels[] = {
	[LEVEL_BUG] = "bug", [LEVEL_ERROR] = "error", [LEVEL_WARN] = "warn",
	[LEVEL_INFO] = "info", [LEVEL_DEBUG] = "debug", NULL
};
static const char *const sandboxes[] = { "require", "prefer", "off", NULL };
static const char *const stderrs[] = { "log", "client", "null", NULL };
static const char *const run_fds[] = {
	[RUN_FD_STDIN] = "0", [RUN_FD_FIRST] = "3", NULL
};
static const char *const on_reloads[] = {
	[ON_RELOAD_REPLACE] = "replace", [ON_RELOAD_KEEP] = "keep", NULL
};
static const char *const whiches[] = {
	[LOG_CONNECTIONS_ALL] = "all", [LOG_CONNECTIONS_FAILURES] = "failures",
	[LOG_CONNECTIONS_NONE] = "none", NULL
};

const struct keyword keywords[] = {
	/* What makes up the file. */
	{ "include", "GLOB", &type_include, .place = PLACE_ANYWHERE,
	  .actions = ACTIONS_ALL, .flags = KEYWORD_LIST,
	  .help = "read other files, in the order of names" },
	{ "service", "NAME", &type_service, .place = PLACE_ANYWHERE,
	  .actions = ACTIONS_ALL, .flags = KEYWORD_LIST,
	  .help = "begin the section of a service" },

	/* Of the server as a whole. */
	{ "log", "stderr|syslog[:FACILITY]|PATH", &type_log,
	  .standard = "stderr", G(log), .help = "where the log goes" },
	{ "log-level", "bug|error|warn|info|debug", &type_choice,
	  .choices = levels, .standard = "info", G(log_level),
	  .help = "the last level that is logged" },
	{ "log-format", "text|json", &type_choice, .choices = log_formats,
	  .standard = "text", G(log_format),
	  .help = "what a line of the log looks like" },
	{ "instance", "NAME", &type_name, .standard = "smiled", G(instance),
	  .flags = KEYWORD_FIXED,
	  .help = "this server's name among others" },
	{ "run-dir", "PATH", &type_path, G(run_dir), .flags = KEYWORD_FIXED,
	  .help = "the directory for the board" },
	{ "pid-file", "PATH", &type_path, G(pid_file), .flags = KEYWORD_FIXED,
	  .help = "a file for the master's pid" },
	{ "start-timeout", "TIME", &type_time, .min = 1, .standard = "10s",
	  G(start_timeout), .help = "how long new workers may take" },
	{ "stop-timeout", "TIME", &type_time, .min = 1, .standard = "8s",
	  G(stop_timeout), .help = "how long a graceful stop may take" },
	{ "max-workers", "N", &type_number, .min = 1, .max = 32768,
	  .standard = "4096", G(max_workers), .flags = KEYWORD_FIXED,
	  .help = "the most workers of all services" },

	/* Where a service listens, and what it does. */
	{ "listen", "ADDRESS", &type_listen, .place = PLACE_SERVICE,
	  .actions = ACTIONS_ALL, .flags = KEYWORD_LIST,
	  .offset = offsetof(struct service, listens),
	  .help = "a port, an address or a unix socket" },
	{ "send", "TEXT", &type_text, DOES(ACTION_SEND),
	  .flags = KEYWORD_ACTION,
	  .offset = offsetof(struct service, message),
	  .help = "send this text" },
	{ "sendfile", "PATH", &type_path, DOES(ACTION_SENDFILE),
	  .flags = KEYWORD_ACTION, .offset = offsetof(struct service, file),
	  .help = "send this file" },
	{ "echo", NULL, &type_nothing, DOES(ACTION_ECHO),
	  .flags = KEYWORD_ACTION, .help = "send back what comes (RFC 862)" },
	{ "discard", NULL, &type_nothing, DOES(ACTION_DISCARD),
	  .flags = KEYWORD_ACTION, .help = "drop what comes (RFC 863)" },
	{ "chargen", NULL, &type_nothing, DOES(ACTION_CHARGEN),
	  .flags = KEYWORD_ACTION,
	  .help = "send characters without end (RFC 864)" },
	{ "daytime", NULL, &type_nothing, DOES(ACTION_DAYTIME),
	  .flags = KEYWORD_ACTION,
	  .help = "send date and time, in UTC (RFC 867)" },
	{ "time", NULL, &type_nothing, DOES(ACTION_TIME),
	  .flags = KEYWORD_ACTION,
	  .help = "send the time in four bytes (RFC 868)" },
	{ "status", NULL, &type_nothing, DOES(ACTION_STATUS),
	  .flags = KEYWORD_ACTION,
	  .help = "send what the server is doing" },
	{ "metrics", NULL, &type_nothing, DOES(ACTION_METRICS),
	  .flags = KEYWORD_ACTION,
	  .help = "answer HTTP with figures for monitoring" },
	{ "exec", "PROGRAM [ARG...]", &type_program, DOES(ACTION_EXEC),
	  .flags = KEYWORD_ACTION, .offset = offsetof(struct service, program),
	  .help = "run a program for each connection" },
	{ "run", "PROGRAM [ARG...]", &type_program, DOES(ACTION_RUN),
	  .flags = KEYWORD_ACTION, .offset = offsetof(struct service, program),
	  .help = "run programs that accept by themselves" },

	/* Workers. */
	{ "backlog", "N", &type_number, .min = 1, .max = INT32_MAX,
	  S(backlog, ACTIONS_ALL),
	  .help = "the longest queue (the system's maximum)" },
	{ "workers", "N|MIN..MAX|auto", &type_workers, .min = 1,
	  .max = 32768, .standard = "4", S(workers, ACTIONS_ALL),
	  .help = "how many for each address" },
	{ "spare", "N", &type_number, .min = 1, .max = 32768,
	  .standard = "2", S(spare, ACTIONS_CONN),
	  .help = "how many workers to keep idle" },
	{ "recycle", "N", &type_number, .min = 0, .max = UINT32_MAX,
	  .standard = "0", S(recycle, ACTIONS_CONN),
	  .help = "replace a worker after so many connections" },

	/* Times. */
	{ "timeout", "TIME|none", &type_time, .min = 1, .standard = "5m",
	  .except = ACTION_EXEC | ACTION_ECHO | ACTION_DISCARD |
	  ACTION_CHARGEN, .exception = "none", S(timeout, ACTIONS_CONN),
	  .help = "how long a connection may last" },
	{ "idle-timeout", "TIME|none", &type_time, .min = 1,
	  .standard = "60s", .except = ACTION_EXEC, .exception = "none",
	  S(idle_timeout, ACTIONS_CONN),
	  .help = "how long without a byte moved" },
	{ "linger", "TIME", &type_time, .standard = "2s",
	  S(linger, ACTIONS_CONN),
	  .help = "how long to wait for a client's end" },
	{ "kill-grace", "TIME", &type_time, .standard = "5s",
	  S(kill_grace, ACTIONS_PROGRAM),
	  .help = "how long a program has from TERM to KILL" },
	{ "retire-timeout", "TIME|none", &type_time, .min = 1,
	  .standard = "none", .except = ACTION_RUN, .exception = "30s",
	  S(retire_timeout, ACTIONS_ALL),
	  .help = "how long a replaced worker stays" },

	/* Rights and limits. */
	{ "user", "NAME[:GROUP]", &type_user, .standard = "nobody",
	  S(user, ACTIONS_ALL),
	  .help = "who serves, if root starts it" },
	{ "chroot", "PATH", &type_path, S(chroot, ACTIONS_ALL),
	  .help = "the root directory of the workers" },
	{ "chdir", "PATH", &type_path, .standard = "/",
	  S(chdir, ACTIONS_ALL),
	  .help = "the directory of the workers" },
	{ "umask", "MODE", &type_umask, .standard = "022",
	  S(umask, ACTIONS_ALL), .help = "the file mode creation mask" },
	{ "nice", "N", &type_nice, .standard = "0", S(nice, ACTIONS_ALL),
	  .help = "the scheduling priority, -20 to 19" },
	{ "rlimit", "KIND N|none", &type_rlimit, S(rlimits, ACTIONS_ALL),
	  .flags = KEYWORD_LIST,
	  .help = "a limit of setrlimit(2)" },
	{ "sandbox", "require|prefer|off", &type_choice, .choices = sandboxes,
	  .standard = "prefer", LATER(ACTIONS_BUILTIN),
	  .help = "whether workers are sealed" },
	{ "no-new-privs", "yes|no", &type_yesno, .standard = "no",
	  S(no_new_privs, ACTIONS_PROGRAM),
	  .help = "no set-user-id for programs" },
	{ "readable", "PATH...", &type_paths, .place = PLACE_BOTH,
	  .actions = ACTIONS_PROGRAM, .flags = KEYWORD_LATER | KEYWORD_LIST,
	  .help = "files a program may read, and no others" },
	{ "writable", "PATH...", &type_paths, .place = PLACE_BOTH,
	  .actions = ACTIONS_PROGRAM, .flags = KEYWORD_LATER | KEYWORD_LIST,
	  .help = "files a program may write, and no others" },

	/* Programs. */
	{ "env", "NAME=VALUE", &type_env, S(env, ACTIONS_PROGRAM),
	  .flags = KEYWORD_LIST,
	  .help = "a variable for the program" },
	{ "pass-env", "NAME...", &type_names, S(pass_env, ACTIONS_PROGRAM),
	  .flags = KEYWORD_LIST,
	  .help = "variables of ours for the program" },
	{ "stderr", "log|client|null", &type_choice, .choices = stderrs,
	  .standard = "log", S(stderr_to, ACTION_EXEC),
	  .help = "where a program's standard error goes" },
	{ "half-close", "yes|no", &type_yesno, .standard = "yes",
	  S(half_close, ACTION_EXEC),
	  .help = "whether a client may end its side first" },
	{ "ready", "notify|TIME", &type_ready, .standard = "500ms",
	  S(ready, ACTION_RUN), .help = "when a program counts as started" },
	{ "stop-signal", "NAME", &type_signal, .standard = "TERM",
	  S(stop_signal, ACTION_RUN),
	  .help = "what tells a program to end" },
	{ "run-fd", "0|3", &type_choice, .choices = run_fds,
	  .standard = "3", S(run_fd, ACTION_RUN),
	  .help = "the descriptor of the first listener" },
	{ "watchdog", "TIME|none", &type_time, .min = 1, .standard = "none",
	  S(watchdog, ACTION_RUN),
	  .help = "how often a program must say it lives" },
	{ "on-reload", "replace|keep", &type_choice, .choices = on_reloads,
	  .standard = "replace", S(on_reload, ACTION_RUN),
	  .help = "whether a reload replaces the programs" },

	/* The gate. */
	{ "allow", "PREFIX...", &type_prefixes, .place = PLACE_BOTH,
	  .actions = ACTIONS_CONN, .flags = KEYWORD_LATER | KEYWORD_LIST,
	  .help = "clients that are served" },
	{ "deny", "PREFIX...", &type_prefixes, .place = PLACE_BOTH,
	  .actions = ACTIONS_CONN, .flags = KEYWORD_LATER | KEYWORD_LIST,
	  .help = "clients that are not" },
	{ "max-per-source", "N", &type_number, .min = 1, .max = 32768,
	  LATER(ACTIONS_CONN), .help = "connections a client may have" },
	{ "rate", "N/TIME [burst N]", &type_rate, LATER(ACTIONS_CONN),
	  .help = "connections a client may make" },
	{ "busy-message", "TEXT", &type_text, LATER(ACTIONS_CONN),
	  .help = "what a client hears who has too many" },
	{ "proxy-protocol", "PREFIX...", &type_prefixes, .place = PLACE_BOTH,
	  .actions = ACTIONS_CONN, .flags = KEYWORD_LATER | KEYWORD_LIST,
	  .help = "proxies that must tell the client's address" },

	{ "keepalive", "yes|no", &type_yesno, .standard = "no",
	  S(keepalive, ACTIONS_CONN),
	  .help = "ask silent clients whether they live" },
	{ "log-connections", "all|failures|none", &type_choice,
	  .choices = whiches, .standard = "failures", .except = ACTION_EXEC,
	  .exception = "all", S(log_connections, ACTIONS_CONN),
	  .help = "which connections are logged" },
	{ .name = NULL }
};

_Static_assert(sizeof keywords / sizeof keywords[0] <= KEYWORDS_MAX,
    "more keywords than there is room for");

const struct keyword *
keyword_find(const char *name)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++)
		if (strcmp(k->name, name) == 0)
			return k;
	return NULL;
}

const char *
keyword_near(const char *name)
{
	return text_near(name, &keywords[0].name, sizeof keywords[0]);
}

const char *
keyword_default(const struct keyword *k, enum action action)
{
	return k->except & action ? k->exception : k->standard;
}

const struct keyword *
keyword_of_action(enum action action)
{
	const struct keyword *k = keywords;

	while (!(k->flags & KEYWORD_ACTION) || k->actions != action)
		k++;
	return k;
}

size_t
keyword_index(const struct keyword *k)
{
	return (size_t)(k - keywords);
}

void
keyword_help(void)
{
	printf("\nKeywords of the configuration, with their defaults:\n");
	for (const struct keyword *k = keywords; k->name != NULL; k++) {
		char left[64];

		if (k->flags & KEYWORD_LATER)
			continue;
		snprintf(left, sizeof left, "%s%s%s", k->name,
		    k->value != NULL ? " " : "",
		    k->value != NULL ? k->value : "");
		printf("  %-35s %s%s%s%s\n", left, k->help,
		    k->standard != NULL ? " (" : "",
		    k->standard != NULL ? k->standard : "",
		    k->standard != NULL ? ")" : "");
	}
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Where the log goes: stderr, syslog[:FACILITY] or a path.  A file that is
 * called like one of the words is written ./stderr.
 */
#include <stdio.h>
#include <string.h>
#include <syslog.h>

#include "conf/conf.h"
#include "conf/value.h"

#define SYSLOG		"syslog"

static const struct {
	const char	*name;
	int		 facility;
} facilities[] = {
	{ "auth", LOG_AUTH }, { "authpriv", LOG_AUTHPRIV },
	{ "cron", LOG_CRON }, { "daemon", LOG_DAEMON }, { "ftp", LOG_FTP },
	{ "kern", LOG_KERN }, { "local0", LOG_LOCAL0 },
	{ "local1", LOG_LOCAL1 }, { "local2", LOG_LOCAL2 },
	{ "local3", LOG_LOCAL3 }, { "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },
	{ "local7", LOG_LOCAL7 }, { "lpr", LOG_LPR }, { "mail", LOG_MAIL },
	{ "news", LOG_NEWS }, { "syslog", LOG_SYSLOG }, { "user", LOG_USER },
	{ "uucp", LOG_UUCP }
};

/* "syslog" alone is of the facility daemon. */
static int
read_facility(struct reading *r, const char *word, struct conf_log *to)
{
	const char *name = word[strlen(SYSLOG)] == ':' ?
	    word + strlen(SYSLOG ":") : "daemon";

	for (size_t i = 0; i < sizeof facilities / sizeof facilities[0]; i++)
		if (strcmp(name, facilities[i].name) == 0) {
			*to = (struct conf_log){
				.to = LOG_TO_SYSLOG, .path = word,
				.facility = facilities[i].facility
			};
			return 0;
		}
	return value_wrong(r, 1, "'%.40s' is not a facility of syslog", name);
}

static int
read_log(struct reading *r, void *to)
{
	const char *word = value_string(r, 1), *path;

	if (word == NULL)
		return -1;
	if (strcmp(word, SYSLOG) == 0 ||
	    strncmp(word, SYSLOG ":", strlen(SYSLOG ":")) == 0)
		return read_facility(r, word, to);
	if (strcmp(word, "stderr") == 0) {
		*(struct conf_log *)to = (struct conf_log){
			.to = LOG_TO_STDERR, .path = word
		};
		return 0;
	}
	path = value_path(r, 1, word);
	if (path == NULL)
		return -1;
	*(struct conf_log *)to = (struct conf_log){
		.to = LOG_TO_FILE, .path = path
	};
	return 0;
}

static void
write_log(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_log *log = from;

	(void)k;
	word_write(f, log->path, strlen(log->path));
}

const struct type type_log = { 1, 1, read_log, write_log };

void
conf_log_in_background(struct conf *conf)
{
	const size_t log = keyword_index(keyword_find("log"));

	if (conf->origins[log].file != NULL)
		return;
	conf->log = (struct conf_log){
		.to = LOG_TO_SYSLOG, .path = SYSLOG, .facility = LOG_DAEMON
	};
	conf->origins[log] = (struct origin){ .file = "option '-b'" };
}

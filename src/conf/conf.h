/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The configuration: what the administrator wants, checked, and const from
 * then on.  The master owns it; a worker is handed one const struct service.
 * All times are in milliseconds; CLOCK_NEVER is "none".
 */
#ifndef CONF_CONF_H
#define CONF_CONF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/level.h"
#include "base/mem.h"
#include "conf/complaint.h"
#include "conf/keyword.h"
#include "conf/listen.h"
#include "conf/origin.h"

/* A built-in has half a second from "leave now" to SIGKILL. */
#define CONF_KILL_GRACE	500

/* Bytes; a NUL may be among them. */
struct conf_text {
	const char	*bytes;
	size_t		 len;
};

/* How many workers a pool has; if the two differ, as many as it needs. */
struct conf_workers {
	unsigned	least, most;
	bool		is_auto;	/* as many as there are CPUs */
};

/* Who serves. */
struct conf_user {
	const char	*name;		/* as it was written */
	unsigned long	 uid, gid;
	const gid_t	*groups;	/* supplementary ones */
	size_t		 ngroups;
	const char	*login, *home, *shell;	/* of who will really serve */
};

/* What every item of a list begins with. */
struct conf_item {
	struct conf_item	*next;
	struct origin		 origin;
};

/* Words in a list: "NAME=VALUE" of env, names of pass-env. */
struct conf_words {
	struct conf_item	  item;
	const char *const	 *word;
	size_t			  n;
};

/* A limit of setrlimit(2). */
struct conf_rlimit {
	struct conf_item	 item;
	const char		*kind;
	int			 resource;
	uint64_t		 limit;		/* UINT64_MAX: none */
};

/* A program and its arguments, ended by NULL. */
struct conf_program {
	const char	**argv;
};

/* Where an exec program's standard error goes. */
enum conf_stderr {
	STDERR_LOG,
	STDERR_CLIENT,
	STDERR_NULL
};

/* When a program that accepts by itself counts as started. */
struct conf_ready {
	bool		is_told;	/* it says so (sd_notify(3)) */
	int64_t		time;		/* else when it has lived so long */
};

/* Which connections have a record in the log. */
enum conf_log_connections {
	LOG_CONNECTIONS_ALL,
	LOG_CONNECTIONS_FAILURES,
	LOG_CONNECTIONS_NONE
};

/* What a reload does with the programs of run that nothing has changed for. */
enum conf_on_reload {
	ON_RELOAD_REPLACE,
	ON_RELOAD_KEEP
};

/* The choices of run-fd. */
enum conf_run_fd {
	RUN_FD_STDIN,		/* on descriptor 0 as well */
	RUN_FD_FIRST		/* from 3 on only */
};

/* Where the log goes. */
enum conf_log_to {
	LOG_TO_STDERR,
	LOG_TO_SYSLOG,
	LOG_TO_FILE
};

struct conf_log {
	enum conf_log_to	 to;
	int			 facility;	/* as syslog(3) has it */
	const char		*path;		/* or what was written */
};

enum conf_log_format {
	LOG_FORMAT_TEXT,
	LOG_FORMAT_JSON
};

/* One service: addresses, what a connection to them gets, and its limits. */
struct service {
	struct service		*next;
	const char		*name;
	struct origin		 begun;		/* its "service" line */
	enum action		 action;
	struct conf_text	 message;	/* send */
	const char		*file;		/* sendfile */
	int			 file_fd;	/* it, open; else -1 */
	struct conf_program	 program;	/* exec, run */
	struct conf_listen	*listens;
	unsigned		 backlog;	/* 0: the system's maximum */
	struct conf_workers	 workers;	/* of each listener */
	unsigned		 spare;		/* idle ones to keep ready */
	unsigned		 recycle;	/* connections; 0: no end */
	int64_t			 timeout;	/* of a whole connection */
	int64_t			 idle_timeout;	/* no byte moved either way */
	int64_t			 linger;	/* after all is acknowledged */
	int64_t			 kill_grace;	/* from "now" to SIGKILL */
	int64_t			 retire_timeout;
	struct conf_user	 user;
	const char		*chroot;	/* NULL: none */
	const char		*chdir;		/* within it */
	unsigned		 umask;
	int			 nice;		/* 0: as we are */
	struct conf_rlimit	*rlimits;
	bool			 no_new_privs;
	struct conf_words	*env;
	struct conf_words	*pass_env;
	int			 stderr_to;	/* enum conf_stderr */
	bool			 half_close;	/* a client's end is not all */
	struct conf_ready	 ready;
	int			 stop_signal;
	int			 run_fd;	/* enum conf_run_fd */
	int64_t			 watchdog;	/* between signs of life */
	int			 on_reload;	/* enum conf_on_reload */
	bool			 keepalive;
	int			 log_connections; /* enum above */
	struct origin		 origins[KEYWORDS_MAX];
};

struct conf {
	struct arena	 arena;			/* all below is in it */
	bool		 has_file;		/* there was one to read */
	struct service	*services;
	const char	*instance;
	const char	*run_dir;		/* NULL: see board/rundir.h */
	const char	*pid_file;		/* NULL: none */
	int64_t		 start_timeout;
	int64_t		 stop_timeout;
	unsigned	 max_workers;
	struct conf_log	 log;
	int		 log_fd;		/* the file, open; else -1: it
						 * is for who uses it to do */
	int		 log_level;		/* enum level */
	int		 log_format;		/* enum conf_log_format */
	struct origin	 origins[KEYWORDS_MAX];
};

/* Where a configuration comes from. */
struct conf_source {
	const char	*file;		/* absolute; NULL: none */
	bool		 must_exist;
	char *const	*lines;		/* of the command line, after it */
	const char *const *said_by;	/* what gave each: "option '-o'" */
	size_t		 nlines;
	const char	*dir;		/* what their paths are relative to */
	bool		 in_background;	/* -b: the log is not on stderr, unless
					 * that is said */
};

/*
 * Read, parse and check.  Users, directories and files are looked up; nothing
 * is bound or changed.  NULL: it cannot be used, and the complaints, all of
 * them, say why.
 */
struct conf	*conf_read(const struct conf_source *, struct complaints *);

void	conf_free(struct conf *);

/* The log of a server in the background that nobody has said more of. */
void	conf_log_in_background(struct conf *);

/*
 * How long one of its workers may take to end what it does when it is told to
 * end it now.
 */
int64_t	service_grace(const struct service *);

/* Whether the number of its workers follows the load. */
bool	service_is_adaptive(const struct service *);

/*
 * The most workers it can have in all: each listening socket with its own, but
 * the programs of run have all sockets of their service.
 */
unsigned	conf_workers(const struct conf *);

/*
 * Print all that is in effect, a line for each value with its origin, in a
 * form that can be read back.
 */
void	conf_dump(const struct conf *, FILE *);

/*
 * Say each difference in a line such as "smile: workers 4 -> 8", cut to a
 * reasonable length.
 */
void	conf_differences(const struct conf *was, const struct conf *is,
	    void (*say)(void *, const char *line), void *);

/* Whether they are the same service, with the same values throughout. */
bool	service_is_same(const struct service *, const struct service *);

/* Complain of what differs although only a restart can change it. */
void	conf_check_fixed(const struct conf *was, const struct conf *is,
	    struct complaints *);

#endif

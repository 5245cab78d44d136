/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See run.h.  Unlike spawn.c it has a process of its own from the beginning,
 * so it may allocate and log until the last moment.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "base/sig.h"
#include "base/status.h"
#include "log/log.h"
#include "worker/environ.h"
#include "worker/priv.h"
#include "worker/run.h"

#define FIRST_SOCKET	3	/* SD_LISTEN_FDS_START of sd_listen_fds(3) */

/* What is still needed before the program takes over; closed by execve(2). */
struct passage {
	const struct worker_birth	*birth;
	int				*socket;	/* where they are now */
	int				 output, report, log;
};

static noreturn void
give_up(const char *what)
{
	log_error("%s: %s", what, strerror(errno));
	_exit(STATUS_SYSTEM);
}

/* -- Descriptors -- */

/* A copy that is out of the way of all that will stand at fixed places. */
static int
move_away(const struct passage *p, int fd)
{
	int copy = fcntl(fd, F_DUPFD_CLOEXEC,
	    FIRST_SOCKET + (int)p->birth->nsockets);

	if (copy == -1)
		give_up("cannot arrange descriptors");
	return copy;
}

/* Take hold of what was inherited, wherever it stands. */
static void
gather(struct passage *p, const struct worker_birth *birth)
{
	*p = (struct passage){ .birth = birth };
	p->socket = calloc(birth->nsockets, sizeof *p->socket);
	if (p->socket == NULL)
		give_up("cannot arrange descriptors");
	for (unsigned i = 0; i < birth->nsockets; i++)
		p->socket[i] = move_away(p, birth->sockets[i].fd);
	p->output = move_away(p, birth->output);
	p->report = move_away(p, birth->report);
	p->log = move_away(p, birth->log);
	log_open(p->log);
}

static void
put(int fd, int place)
{
	if (dup2(fd, place) == -1)
		give_up("cannot arrange descriptors");
}

/* Everything at its place, and nothing that is not wanted. */
static void
arrange(const struct passage *p)
{
	const unsigned n = p->birth->nsockets;
	int *keep = calloc(FIRST_SOCKET + n + 2, sizeof *keep);

	if (keep == NULL)
		give_up("cannot arrange descriptors");
	put(p->output, STDOUT_FILENO);
	put(p->output, STDERR_FILENO);
	if (p->birth->service->run_fd == RUN_FD_STDIN)
		put(p->socket[0], STDIN_FILENO);
	for (unsigned i = 0; i < n; i++)
		put(p->socket[i], FIRST_SOCKET + (int)i);
	for (unsigned i = 0; i < FIRST_SOCKET + n; i++)
		keep[i] = (int)i;
	keep[FIRST_SOCKET + n] = p->report;
	keep[FIRST_SOCKET + n + 1] = p->log;
	fd_keep_only(keep, FIRST_SOCKET + n + 2);
	free(keep);
}

/* -- Environment -- */

/* "smile:smile": the service's name for each socket. */
static void
write_names(FILE *f, const struct worker_birth *birth)
{
	for (unsigned i = 0; i < birth->nsockets; i++)
		fprintf(f, "%s%s", i > 0 ? ":" : "", birth->service->name);
}

/* An address as Server::Starter has it: "80", "127.0.0.1:80", "/run/x". */
static const char *
without_prefix(const char *name)
{
	static const char *const prefixes[] = { "*:", "unix:" };

	for (size_t i = 0; i < sizeof prefixes / sizeof prefixes[0]; i++)
		if (strncmp(name, prefixes[i], strlen(prefixes[i])) == 0)
			return name + strlen(prefixes[i]);
	return name;
}

/* "80=3;127.0.0.1:81=4" */
static void
write_ports(FILE *f, const struct worker_birth *birth)
{
	for (unsigned i = 0; i < birth->nsockets; i++)
		fprintf(f, "%s%s=%u", i > 0 ? ";" : "",
		    without_prefix(birth->sockets[i].name), FIRST_SOCKET + i);
}

/* A variable whose value is written by a function. */
static void
tell(struct environ *e, const char *name, const struct worker_birth *birth,
    void (*write_value)(FILE *, const struct worker_birth *))
{
	char *var = NULL;
	size_t size;
	FILE *f = open_memstream(&var, &size);

	if (f == NULL)
		give_up("cannot lay out the environment");
	fprintf(f, "%s=", name);
	write_value(f, birth);
	if (fclose(f) != 0)
		give_up("cannot lay out the environment");
	environ_force(e, var);
}

static void
tell_number(struct environ *e, const char *name, intmax_t n)
{
	char *var;

	if (asprintf(&var, "%s=%jd", name, n) == -1)
		give_up("cannot lay out the environment");
	environ_force(e, var);
}

static void
write_notify(FILE *f, const struct worker_birth *birth)
{
	fputs(birth->notify, f);
}

static void
lay_out(struct environ *e, const struct worker_birth *birth)
{
	const int64_t watchdog = birth->service->watchdog;

	if (environ_init(e, birth->service) == -1)
		give_up("cannot lay out the environment");
	tell_number(e, "SMILED_PID", getpid());
	tell_number(e, "LISTEN_PID", getpid());
	tell_number(e, "LISTEN_FDS", birth->nsockets);
	tell(e, "LISTEN_FDNAMES", birth, write_names);
	tell(e, "SERVER_STARTER_PORT", birth, write_ports);
	if (birth->notify == NULL)
		return;
	tell(e, "NOTIFY_SOCKET", birth, write_notify);
	if (watchdog == CLOCK_NEVER)
		return;
	tell_number(e, "WATCHDOG_PID", getpid());
	tell_number(e, "WATCHDOG_USEC", watchdog * 1000);
}

/* -- All of it -- */

/* Before anything of the program can fail. */
static void
report(const struct passage *p)
{
	const struct report executes = { .kind = REPORT_EXECUTES };

	/* This may wait while the master is busy with many. */
	if (send(p->report, &executes, sizeof executes, MSG_NOSIGNAL) == -1)
		give_up("cannot report to the master");
}

/* Not before the user is changed: that undoes it (prctl(2)). */
static void
follow(const struct worker_birth *birth)
{
	(void)prctl(PR_SET_PDEATHSIG, birth->service->stop_signal);
	if (getppid() != birth->master)
		_exit(STATUS_OTHER);
}

noreturn void
run_become(const struct worker_birth *birth)
{
	const struct service *service = birth->service;
	const char *const *argv = service->program.argv;
	struct board_slot *slot = board_enter(birth->board, birth->slot);
	struct environ env;
	struct passage passage;
	const char *what;

	if (slot == NULL)
		give_up("cannot map the board");
	board_set_state(slot, BOARD_RUNNING);
	(void)setsid();
	gather(&passage, birth);
	arrange(&passage);
	lay_out(&env, birth);
	if (priv_drop(service, &what) == -1) {
		log_error("%s: %s", what, strerror(errno));
		_exit(STATUS_NO_PERMISSION);
	}
	report(&passage);
	follow(birth);
	sig_default_all();
	(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
	(void)execve(argv[0], (char *const *)argv, env.vars);
	log_error("cannot run %s: %s", argv[0], strerror(errno));
	_exit(STATUS_SYSTEM);
}

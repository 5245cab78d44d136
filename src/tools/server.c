/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See server.h.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/text.h"
#include "board/rundir.h"
#include "tools/server.h"

#define SUFFIX	".board"
#define DIRS	2

/* Boards that were seen while looking for one. */
struct search {
	const char	*instance;	/* NULL: any */
	bool		 to_steer;
	struct server	*found;
	unsigned	 alive;		/* so many */
	int		 error;		/* of one that could not be read */
	char		 where[2 * PATH_MAX]; /* that one */
	char		 odd[PATH_MAX + 64]; /* "; FILE is not a board" */
	struct text	 names;		/* of those that live */
	char		 buf[512];
};

/*
 * Whether the process that we know by this pid is the one that knows itself by
 * the other: its own is the last of those it has, one for each pid namespace.
 */
static bool
is_same_process(pid_t pid, uint32_t own)
{
	char path[64], line[256];
	bool is_same = (uint32_t)pid == own;
	FILE *f;

	if (is_same)
		return true;
	snprintf(path, sizeof path, "/proc/%ld/status", (long)pid);
	f = fopen(path, "re");
	if (f == NULL)
		return false;
	while (fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, "NSpid:", strlen("NSpid:")) == 0)
			is_same = strtoul(strrchr(line, '\t') != NULL ?
			    strrchr(line, '\t') : "0", NULL, 10) == own;
	(void)fclose(f);
	return is_same;
}

/* A descriptor of whoever holds the lock; -1: of nobody, or it cannot be. */
static int
open_process(const struct board *board, pid_t pid)
{
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd != -1 && board_owner(board->fd) != pid)
		fd_close(&fd);
	return fd;
}

/* Whether a living server has this board; it is then open. */
static bool
open_board(struct server *server, const char *path, bool to_steer)
{
	*server = (struct server){ .process = -1 };
	snprintf(server->path, sizeof server->path, "%s", path);
	if ((to_steer ? board_look_to_steer : board_look)(&server->board,
	    path) == -1)
		return false;
	server->pid = board_owner(server->board.fd);
	/*
	 * A dead server's board is locked for a moment by the one that takes
	 * its place; whoever else may lock it is no server either.
	 */
	if (server->pid == -1 || (server->pid > 0 &&
	    !is_same_process(server->pid,
	    atomic_load(&server->board.head->pid)))) {
		board_look_away(&server->board);
		errno = ENOENT;
		return false;
	}
	if (server->pid > 0)
		server->process = open_process(&server->board, server->pid);
	return true;
}

void
server_leave(struct server *server)
{
	board_look_away(&server->board);
	fd_close(&server->process);
}

/* Whether somebody holds the lock of a file. */
static bool
is_locked(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	bool is_held = fd != -1 && board_owner(fd) != -1;

	fd_close(&fd);
	return is_held;
}

/* Note why there is no server to be seen in a file. */
static void
note_failure(struct search *s, const char *path, int error)
{
	if (error == ENOENT)
		return;
	if (error == ELOOP || error == ENXIO ||
	    (error == EPROTO && !is_locked(path))) {
		/* Nor can any be behind it. */
		snprintf(s->odd, sizeof s->odd, "; %s is not a board of this "
		    "version", path);
		return;
	}
	s->error = error;
	snprintf(s->where, sizeof s->where, "%s", path);
}

static void
try_board(struct search *s, const char *dir, const char *file)
{
	size_t len = strlen(file) - strlen(SUFFIX);
	char path[PATH_MAX];
	struct server server;

	if ((size_t)snprintf(path, sizeof path, "%s/%s", dir, file) >=
	    sizeof path)
		return;
	if (!open_board(&server, path, s->to_steer)) {
		note_failure(s, path, errno);
		return;
	}
	text_add(&s->names, "%s%.*s", s->alive > 0 ? ", " : "", (int)len,
	    file);
	if (s->alive++ == 0)
		*s->found = server;
	else
		server_leave(&server);
}

/* Whether it is the name of a board, and not of one that is being made. */
static bool
is_board(const char *file)
{
	size_t len = strlen(file);

	return file[0] != '.' && len > strlen(SUFFIX) &&
	    strcmp(file + len - strlen(SUFFIX), SUFFIX) == 0;
}

static void
search_dir(struct search *s, const char *dir)
{
	char file[NAME_MAX + 1];
	struct dirent *entry;
	DIR *d;

	if (s->instance != NULL) {
		if ((size_t)snprintf(file, sizeof file, "%s" SUFFIX,
		    s->instance) < sizeof file)
			try_board(s, dir, file);
		return;
	}
	d = opendir(dir);
	if (d == NULL) {
		note_failure(s, dir, errno);
		return;
	}
	while ((entry = readdir(d)) != NULL)
		if (is_board(entry->d_name))
			try_board(s, dir, entry->d_name);
	(void)closedir(d);
}

/*
 * The directories to look into, in turn until there is one that has a server:
 * the one that a server of ours would have, and the system's.
 */
static void
name_dirs(const struct server_wish *wish, char dir[DIRS][PATH_MAX])
{
	static const char system_dir[] = RUNSTATEDIR "/smiled";

	dir[1][0] = '\0';
	if (wish->dir != NULL) {
		snprintf(dir[0], PATH_MAX, "%s", wish->dir);
	} else {
		if (rundir_name(dir[0], PATH_MAX) == -1 ||
		    !rundir_is_trusted(dir[0]))
			dir[0][0] = '\0';
		if (strcmp(dir[0], system_dir) != 0)
			snprintf(dir[1], PATH_MAX, "%s", system_dir);
	}
}

static enum server_found
say_result(const struct search *s, char dir[DIRS][PATH_MAX], char *why,
    size_t size)
{
	const char *name = s->instance != NULL ? s->instance : "smiled";

	if (s->alive > 1) {
		snprintf(why, size, "several servers run: %s; say which with "
		    "-i NAME", s->buf);
		return SERVER_SEVERAL;
	}
	if (s->error != 0) {
		errno = s->error;
		snprintf(why, size, "%s: %s", s->where, errno == EPROTO ?
		    "not a board of this version of smiled" :
		    strerror(errno));
		return SERVER_UNREADABLE;
	}
	snprintf(why, size, "%s is not running (looked for its board in "
	    "%s%s%s%s)", name, dir[0], dir[1][0] != '\0' ? " and " : "",
	    dir[1], s->odd);
	return SERVER_NONE;
}

enum server_found
server_find(struct server *server, const struct server_wish *wish, char *why,
    size_t size)
{
	struct search s = {
		.instance = wish->instance, .to_steer = wish->to_steer,
		.found = server
	};
	char dir[DIRS][PATH_MAX];

	text_init(&s.names, s.buf, sizeof s.buf);
	name_dirs(wish, dir);
	for (int i = 0; i < DIRS && s.alive == 0; i++)
		if (dir[i][0] != '\0')
			search_dir(&s, dir[i]);
	if (s.alive == 1)
		return SERVER_FOUND;
	if (s.alive > 1)
		server_leave(server);
	return say_result(&s, dir, why, size);
}

/* What it means that a board cannot be read. */
static enum status
status_of(int error)
{
	switch (error) {
	case EACCES:
	case EPERM:
		return STATUS_NO_PERMISSION;
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return STATUS_SYSTEM;
	default:
		return STATUS_OTHER;
	}
}

noreturn void
server_die_unfound(enum server_found found, const char *why)
{
	if (found == SERVER_NONE)
		die(STATUS_NOT_RUNNING, "%s", why);
	if (found == SERVER_SEVERAL)
		die(STATUS_USAGE, "%s", why);
	die(status_of(errno), "%s", why);
}

void
server_must_find(struct server *server, const struct server_wish *wish)
{
	char why[2 * PATH_MAX + 256];
	enum server_found found = server_find(server, wish, why, sizeof why);

	if (found != SERVER_FOUND)
		server_die_unfound(found, why);
}

bool
server_lives(const struct server *server)
{
	return board_owner(server->board.fd) == server->pid;
}

void
server_wait(const struct server *server, int ms)
{
	struct pollfd pfd = { .fd = server->process, .events = POLLIN };

	(void)poll(&pfd, 1, ms);
}

int
server_signal(const struct server *server, int signo)
{
	if (server->process != -1)
		return (int)syscall(SYS_pidfd_send_signal, server->process,
		    signo, NULL, 0);
	/* An old kernel: as sure as can be. */
	if (server->pid > 0 && server_lives(server))
		return kill(server->pid, signo);
	errno = ESRCH;
	return -1;
}

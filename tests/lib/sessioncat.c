/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * sessioncat SESSION [TITLE]: the pids of the processes in a session, one a
 * line, in rising order; with TITLE, of those whose title begins so.  Of its
 * zombies only those whose parent is in it, too: one that init has yet to reap
 * is none of ours any more.
 *
 * Tests ask this thousands of times, so it is no script.
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROCESSES	65536	/* looked at */

struct process {
	int	pid, parent, session;
	char	state;
};

static struct process processes[PROCESSES];

/* The beginning of a file of a process, as a string; its length, or -1. */
static ssize_t
slurp(const char *pid, const char *file, char *buf, size_t size)
{
	char path[64];
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "/proc/%.20s/%s", pid, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return -1;
	n = read(fd, buf, size - 1);
	(void)close(fd);
	buf[n > 0 ? n : 0] = '\0';
	return n;
}

static bool
look(const char *pid, struct process *p)
{
	char buf[1024];
	const char *end;

	if (slurp(pid, "stat", buf, sizeof buf) <= 0)
		return false;
	/* "PID (NAME) STATE PARENT GROUP SESSION", anything in the name. */
	end = strrchr(buf, ')');
	p->pid = atoi(pid);
	return end != NULL && sscanf(end + 1, " %c %d %*d %d", &p->state,
	    &p->parent, &p->session) == 3;
}

static bool
has_title(int pid, const char *title)
{
	char name[24], buf[256];

	snprintf(name, sizeof name, "%d", pid);
	return title == NULL || (slurp(name, "cmdline", buf, sizeof buf) > 0 &&
	    strncmp(buf, title, strlen(title)) == 0);
}

static bool
is_in(size_t n, int pid, int session)
{
	for (size_t i = 0; i < n; i++)
		if (processes[i].pid == pid)
			return processes[i].session == session;
	return false;
}

int
main(int argc, char **argv)
{
	DIR *dir = opendir("/proc");
	int session = argc > 1 ? atoi(argv[1]) : 0;
	const struct dirent *entry;
	size_t n = 0;

	if (dir == NULL || session == 0)
		return 1;
	while (n < PROCESSES && (entry = readdir(dir)) != NULL)
		if (atoi(entry->d_name) > 0 && look(entry->d_name,
		    &processes[n]))
			n++;
	(void)closedir(dir);
	for (size_t i = 0; i < n; i++) {
		const struct process *p = &processes[i];

		if (p->session == session && (p->state != 'Z' ||
		    is_in(n, p->parent, session)) && has_title(p->pid,
		    argc > 2 ? argv[2] : NULL))
			printf("%d\n", p->pid);
	}
	return 0;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See family.h.  Who our children are is in /proc/PID/stat (proc(5)).  A pid
 * found there is signalled at once, and it cannot become another's meanwhile:
 * a child of ours keeps it until we wait for it.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/fd.h"
#include "base/family.h"

/*
 * Whether it tells of the processes as we know them.  In a container /proc may
 * be empty; or it is that of the system around it, whose pids are others, and
 * whoever signals those there hits the wrong ones.
 */
static bool
is_ours(int proc)
{
	char self[16] = "";

	return readlinkat(proc, "self", self, sizeof self - 1) > 0 &&
	    strtol(self, NULL, 10) == getpid();
}

int
family_init(struct family *f, bool (*is_known)(void *, pid_t), void *arg)
{
	*f = (struct family){ .is_known = is_known, .arg = arg };
	f->proc = open("/proc", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (!is_ours(f->proc))
		fd_close(&f->proc);
	return prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
}

/* The parent of a process, as its stat has it; 0: it is gone. */
static pid_t
parent_of(const struct family *f, const char *pid)
{
	char path[32], buf[512];
	const char *end;
	ssize_t n;
	int fd;

	snprintf(path, sizeof path, "%.20s/stat", pid);
	fd = openat(f->proc, path, O_RDONLY | O_CLOEXEC);
	if (fd == -1)
		return 0;
	n = read(fd, buf, sizeof buf - 1);
	fd_close(&fd);
	buf[n > 0 ? n : 0] = '\0';
	/* "PID (NAME) STATE PARENT": there may be anything in the name. */
	end = strrchr(buf, ')');
	return end != NULL && strlen(end) > 4 ?
	    (pid_t)strtol(end + 4, NULL, 10) : 0;
}

static bool
is_stranger(const struct family *f, pid_t pid)
{
	if (f->is_known != NULL && f->is_known(f->arg, pid))
		return false;
	for (size_t i = 0; i < f->helpers; i++)
		if (f->helper[i] == pid)
			return false;
	return true;
}

/* Call found for each stranger.  Returns how many. */
static unsigned
each_stranger(struct family *f, void (*found)(struct family *, pid_t))
{
	const pid_t self = getpid();
	int copy = fcntl(f->proc, F_DUPFD_CLOEXEC, 3);
	DIR *dir = copy == -1 ? NULL : fdopendir(copy);
	const struct dirent *entry;
	unsigned n = 0;

	if (dir == NULL) {
		fd_close(&copy);
		return 0;
	}
	rewinddir(dir);
	while ((entry = readdir(dir)) != NULL) {
		pid_t pid = (pid_t)strtol(entry->d_name, NULL, 10);

		if (pid <= 0 || parent_of(f, entry->d_name) != self ||
		    !is_stranger(f, pid))
			continue;
		found(f, pid);
		n++;
	}
	closedir(dir);
	return n;
}

static void
remember(struct family *f, pid_t pid)
{
	if (f->helpers < FAMILY_HELPERS)
		f->helper[f->helpers++] = pid;
}

static void
end_one(struct family *f, pid_t pid)
{
	(void)f;
	(void)kill(pid, SIGKILL);
}

/* To look at all of /proc takes long: not in vain. */
static bool
has_children(void)
{
	siginfo_t info;

	return waitid(P_ALL, 0, &info, WEXITED | WNOHANG | WNOWAIT) == 0;
}

bool
family_is_hidden(const struct family *f)
{
	return f->proc == -1;
}

void
family_accept(struct family *f)
{
	if (has_children())
		(void)each_stranger(f, remember);
}

unsigned
family_kill(struct family *f)
{
	return has_children() ? each_stranger(f, end_one) : 0;
}

void
family_forget(struct family *f, pid_t pid)
{
	for (size_t i = 0; i < f->helpers; i++)
		if (f->helper[i] == pid)
			f->helper[i] = f->helper[--f->helpers];
}

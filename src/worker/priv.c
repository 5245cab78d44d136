/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See priv.h.
 */
#include <errno.h>
#include <grp.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <linux/capability.h>

#include "worker/priv.h"

/* Of ourselves; the kernel writes to what it is given. */
static const struct __user_cap_header_struct cap_head = {
	.version = _LINUX_CAPABILITY_VERSION_3
};

static int
enter_root(const char *dir)
{
	if (dir == NULL)
		return 0;
	return chdir(dir) == -1 || chroot(".") == -1 ? -1 : 0;
}

/* Whether a limit of the same kind comes after this one. */
static bool
is_overruled(const struct conf_rlimit *limit)
{
	const struct conf_rlimit *l = limit;

	while ((l = (const void *)l->item.next) != NULL)
		if (l->resource == limit->resource)
			return true;
	return false;
}

/* While we may still raise them; that of time counts for each program. */
static int
set_limits(const struct service *service)
{
	for (const struct conf_rlimit *l = service->rlimits; l != NULL;
	    l = (const void *)l->item.next) {
		const struct rlimit limit = { l->limit, l->limit };

		if (is_overruled(l) || (l->resource == RLIMIT_CPU &&
		    service->action == ACTION_EXEC))
			continue;
		if (setrlimit(l->resource, &limit) == -1)
			return -1;
	}
	return service->nice == 0 ? 0 :
	    setpriority(PRIO_PROCESS, 0, service->nice);
}

/* No program started from here could ever have a capability again. */
static void
empty_bounding_set(void)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) != -1; cap++)
		(void)prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
	(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0);
}

static int
become(const struct conf_user *user)
{
	gid_t gid = (gid_t)user->gid;
	uid_t uid = (uid_t)user->uid;

	/* Root stays as it is, in a namespace of users as well. */
	if (uid == 0 && gid == 0)
		return 0;
	if (setgroups(user->ngroups, user->groups) == -1 ||
	    setresgid(gid, gid, gid) == -1)
		return -1;
	return setresuid(uid, uid, uid);
}

/* Those that a program of a user who is not root would inherit. */
static int
drop_inheritable(void)
{
	struct __user_cap_header_struct head = cap_head;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof data);
	if (syscall(SYS_capget, &head, data) == -1)
		return -1;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		data[i].inheritable = 0;
	return (int)syscall(SYS_capset, &head, data);
}

/* Also of user root, who is given no power over the system then. */
static int
drop_capabilities(void)
{
	struct __user_cap_header_struct head = cap_head;
	struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3];

	memset(none, 0, sizeof none);
	return (int)syscall(SYS_capset, &head, none);
}

static bool
has_capabilities(void)
{
	struct __user_cap_header_struct head = cap_head;
	struct __user_cap_data_struct data[_LINUX_CAPABILITY_U32S_3];

	memset(data, 0, sizeof data);
	if (syscall(SYS_capget, &head, data) == -1)
		return true;
	for (int i = 0; i < _LINUX_CAPABILITY_U32S_3; i++)
		if ((data[i].effective | data[i].permitted |
		    data[i].inheritable) != 0)
			return true;
	return false;
}

/* Whether what was given up could be had again. */
static bool
is_way_back(const struct service *service, bool was_root)
{
	const struct conf_user *user = &service->user;
	bool may_have_some = service->action & ACTIONS_PROGRAM &&
	    (!was_root || user->uid == 0);
	uid_t r, e, s;

	if (!may_have_some && has_capabilities())
		return true;
	if (!was_root || user->uid == 0)
		return false;
	return getresuid(&r, &e, &s) == -1 || r != user->uid ||
	    e != user->uid || s != user->uid || setuid(0) != -1;
}

int
priv_drop(const struct service *service, const char **what)
{
	bool is_program = service->action & ACTIONS_PROGRAM;
	bool is_root = geteuid() == 0;

	*what = "cannot set the service's limits (rlimit, nice)";
	if (set_limits(service) == -1)
		return -1;
	*what = "cannot enter the service's chroot";
	if (enter_root(service->chroot) == -1)
		return -1;
	(void)umask((mode_t)service->umask);
	if (is_root && !is_program)
		empty_bounding_set();
	*what = "cannot become the service's user (see user, man "
	    "smiled.conf)";
	if (is_root && become(&service->user) == -1)
		return -1;
	*what = "cannot enter the service's directory (chdir)";
	/* We are in / already, whether the user may enter it or not. */
	if (strcmp(service->chdir, "/") != 0 && chdir(service->chdir) == -1)
		return -1;
	*what = "cannot give up capabilities";
	if ((is_program ? drop_inheritable() : drop_capabilities()) == -1)
		return -1;
	*what = "cannot give up the right to gain rights";
	if ((!is_program || service->no_new_privs) &&
	    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == -1)
		return -1;
	*what = "the rights that were given up could be had again";
	if (is_way_back(service, is_root)) {
		errno = EPERM;
		return -1;
	}
	return 0;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Values that name users and groups.  They are looked up here, once, so that
 * a worker needs no files to become somebody.
 */
#include <errno.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"
#include "conf/conf.h"
#include "conf/user.h"
#include "conf/value.h"

#define GROUPS_MAX	256
#define NOBODY		"nobody"
#define NOBODY_ID	65534	/* where the system has no such user */

int
user_find(const char *name, uid_t *uid, gid_t *gid)
{
	const struct passwd *pw = getpwnam(name);
	uint64_t n;

	if (pw != NULL) {
		*uid = pw->pw_uid;
		*gid = pw->pw_gid;
		return 0;
	}
	if (text_number(name, 0, UINT32_MAX - 1, &n) == 0) {
		*uid = (uid_t)n;
		pw = getpwuid(*uid);
		*gid = pw != NULL ? pw->pw_gid : (gid_t)n;
		return 0;
	}
	if (strcmp(name, NOBODY) == 0) {
		*uid = *gid = NOBODY_ID;
		return 0;
	}
	errno = ENOENT;
	return -1;
}

int
group_find(const char *name, gid_t *gid)
{
	const struct group *gr = getgrnam(name);
	uint64_t n;

	if (gr != NULL) {
		*gid = gr->gr_gid;
		return 0;
	}
	if (text_number(name, 0, UINT32_MAX - 1, &n) == 0) {
		*gid = (gid_t)n;
		return 0;
	}
	errno = ENOENT;
	return -1;
}

/* Each once: not every C library sees to that.  Returns how many are left. */
static int
make_unique(gid_t *groups, int n)
{
	int kept = 0;

	for (int i = 0; i < n; i++) {
		int j = 0;

		while (j < kept && groups[j] != groups[i])
			j++;
		if (j == kept)
			groups[kept++] = groups[i];
	}
	return kept;
}

/*
 * The groups of a user, as login would give them; only the one for whom there
 * is no account.
 */
static int
find_groups(struct reading *r, struct conf_user *u, const char *written)
{
	const struct passwd *pw = getpwnam(written);
	gid_t found[GROUPS_MAX];
	int n = GROUPS_MAX;
	char name[NAME_MAX];
	gid_t *kept;

	/* A number stands for the first account that has it. */
	if (pw == NULL)
		pw = getpwuid((uid_t)u->uid);
	snprintf(name, sizeof name, "%s", pw != NULL ? pw->pw_name : written);
	if (getgrouplist(name, (gid_t)u->gid, found, &n) == -1)
		return value_wrong(r, 1, "'%.40s' is in more than %d groups",
		    name, GROUPS_MAX);
	n = make_unique(found, n);
	kept = arena_take(r->arena, (size_t)n * sizeof found[0]);
	if (kept == NULL)
		return value_wrong(r, 1, "%s", strerror(errno));
	memcpy(kept, found, (size_t)n * sizeof found[0]);
	u->groups = kept;
	u->ngroups = (size_t)n;
	return 0;
}

static const char *
keep(struct reading *r, const char *s)
{
	const char *kept = arena_copy(r->arena, s, strlen(s));

	return kept != NULL ? kept : "";
}

/* What programs are told of who they are; not root's server's, ours. */
static void
find_home(struct reading *r, struct conf_user *u, const char *name)
{
	uid_t uid = geteuid() == 0 ? (uid_t)u->uid : geteuid();
	const struct passwd *pw = getpwuid(uid);
	char number[24];

	snprintf(number, sizeof number, "%lu", (unsigned long)uid);
	if (geteuid() != 0)
		name = number;
	u->login = keep(r, pw != NULL ? pw->pw_name : name);
	u->home = keep(r, pw != NULL ? pw->pw_dir : "/");
	u->shell = keep(r, pw != NULL && pw->pw_shell[0] != '\0' ?
	    pw->pw_shell : "/bin/sh");
}

static int
read_user(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	struct conf_user *u = to;
	char name[NAME_MAX];
	size_t len;
	uid_t uid;
	gid_t gid;

	if (word == NULL)
		return -1;
	len = strcspn(word, ":");
	if (len == 0 || len >= sizeof name)
		return value_wrong(r, 1, "'%.40s' is not NAME or NAME:GROUP",
		    word);
	memcpy(name, word, len);
	name[len] = '\0';
	if (user_find(name, &uid, &gid) == -1)
		return value_wrong(r, 1, "there is no user '%.40s'", name);
	if (word[len] == ':' && group_find(word + len + 1, &gid) == -1)
		return value_wrong(r, 1, "there is no group '%.40s'",
		    word + len + 1);
	*u = (struct conf_user){ .name = word, .uid = uid, .gid = gid };
	find_home(r, u, name);
	/* Nobody is in no group; to ask loads libraries into the server. */
	return strcmp(name, NOBODY) == 0 ? 0 : find_groups(r, u, name);
}

static void
write_user(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_user *u = from;

	(void)k;
	word_write(f, u->name, strlen(u->name));
}

const struct type type_user = { 1, 1, read_user, write_user };

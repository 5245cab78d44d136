/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a configuration that is damaged crashes who reads it, or is half
 * understood: taken although there was something to complain of, or refused
 * without a word.
 *
 * Every file of tests/conf that is not large is read with each of its bits
 * turned over, and cut off after each of its bytes.  What is taken must be
 * the same after it was printed and read again.
 *
 * That is with SMILED_LONG set; else it is two bits of each byte, other ones
 * in the next byte.  Where each memory that is asked for is watched, that takes
 * ten times as long, and the fuzzer has done it with other texts: there it is
 * each fourth byte.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/die.h"
#include "conf/conf.h"
#include "unit/tap.h"

#define SIZE_MOST	600	/* bytes, the licence apart */
#define FILES_LEAST	150	/* how many there are, no fewer */

#ifdef __SANITIZE_ADDRESS__
#define STRIDE	4
#else
#define STRIDE	1
#endif

const char program_name[] = "conf_mutant_test";

/* A directory of our own, and in it the file that is always another. */
struct place {
	char	dir[64];
	char	file[80];	/* a link to a file in memory */
	char	inc[80];	/* a link to what fixtures include */
	int	fd;
};

/* What is read, and how it went. */
struct trial {
	struct place		*place;
	struct complaints	 complaints;
	unsigned		 taken, refused;
	const char		*wrong;		/* NULL: nothing so far */
};

static noreturn void
no(const char *what)
{
	die(STATUS_OTHER, "%s: %s", what, strerror(errno));
}

static void
make_place(struct place *p)
{
	char link[32];

	snprintf(p->dir, sizeof p->dir, "/tmp/conf_mutant.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		no(p->dir);
	p->fd = memfd_create("conf", MFD_CLOEXEC);
	if (p->fd == -1)
		no("memfd_create");
	snprintf(link, sizeof link, "/proc/self/fd/%d", p->fd);
	snprintf(p->file, sizeof p->file, "%s/conf", p->dir);
	snprintf(p->inc, sizeof p->inc, "%s/inc", p->dir);
	if (symlink(link, p->file) == -1)
		no(p->file);
}

static void
unmake_place(struct place *p)
{
	(void)unlink(p->file);
	(void)unlink(p->inc);
	(void)rmdir(p->dir);
	(void)close(p->fd);
}

static void
fill(const struct place *p, const char *text, size_t len)
{
	if (ftruncate(p->fd, 0) == -1 ||
	    pwrite(p->fd, text, len, 0) != (ssize_t)len)
		no("the file in memory");
}

/* Cut off where each line comes from: where it was read is not what it is. */
static void
strip_origins(char *dump)
{
	char *to = dump, *end;

	for (char *line = dump; *line != '\0'; line = end) {
		char *hash = NULL;

		end = line + strcspn(line, "\n");
		for (char *p = line; p < end; p++)
			if (*p == '#' && p > line && p[-1] == ' ')
				hash = p;
		while (hash != NULL && hash > line && hash[-1] == ' ')
			hash--;
		memmove(to, line, (size_t)((hash != NULL ? hash : end) - line));
		to += (hash != NULL ? hash : end) - line;
		*to++ = '\n';
		end += *end == '\n';
	}
	*to = '\0';
}

/* What is in the file, as it is understood; NULL: it was refused. */
static char *
read_and_dump(struct trial *t)
{
	const struct conf_source source = {
		.file = t->place->file, .must_exist = true, .dir = ""
	};
	struct conf *conf = conf_read(&source, &t->complaints);
	char *text = NULL;
	size_t size;
	FILE *f;

	if (conf == NULL && t->complaints.n == 0)
		t->wrong = "refused without a word";
	if (conf != NULL && t->complaints.n > 0)
		t->wrong = "taken with a complaint";
	if (conf == NULL)
		return NULL;
	f = open_memstream(&text, &size);
	if (f == NULL)
		no("open_memstream");
	conf_dump(conf, f);
	if (fclose(f) != 0)
		no("open_memstream");
	conf_free(conf);
	return text;
}

/* Returns whether all was as it must be. */
static bool
try(struct trial *t, const char *text, size_t len)
{
	char *dump, *again;

	fill(t->place, text, len);
	dump = read_and_dump(t);
	if (dump == NULL) {
		t->refused++;
		return t->wrong == NULL;
	}
	t->taken++;
	fill(t->place, dump, strlen(dump));
	again = read_and_dump(t);
	strip_origins(dump);
	if (again == NULL) {
		t->wrong = "what was printed of it is refused";
	} else {
		strip_origins(again);
		if (strcmp(dump, again) != 0)
			t->wrong = "what was printed of it means another";
	}
	free(dump);
	free(again);
	return t->wrong == NULL;
}

/* The first two lines are comments, and as good as any others. */
static size_t
length_of_licence(const char *text, size_t len)
{
	const char *p = text;

	for (int i = 0; i < 2; i++) {
		if ((size_t)(text + len - p) < 6 || memcmp(p, "# SPDX", 6) != 0)
			return 0;
		p = memchr(p, '\n', (size_t)(text + len - p));
		if (p == NULL)
			return 0;
		p++;
	}
	return (size_t)(p - text);
}

/* Mutants of one file, until there is something wrong with one. */
static void
try_mutants(struct tap *tap, struct trial *t, const char *name, char *text,
    size_t len)
{
	const char *is_long = getenv("SMILED_LONG");
	const size_t step = is_long != NULL && *is_long != '\0' ? 1 : 4;
	size_t first = length_of_licence(text, len), at = first;

	t->wrong = NULL;
	t->taken = t->refused = 0;
	if (len - first > SIZE_MOST)
		return;
	for (; at < len && t->wrong == NULL; at += STRIDE) {
		for (size_t bit = at / STRIDE % step;
		    bit < 8 && t->wrong == NULL; bit += step) {
			text[at] ^= (char)(1 << bit);
			if (try(t, text, len))
				text[at] ^= (char)(1 << bit);
		}
		if (t->wrong == NULL)
			(void)try(t, text, at);
	}
	if (t->wrong == NULL)
		(void)try(t, text, len);
	if (t->wrong != NULL)
		printf("# near byte %zu of %s: %s\n", at, name, t->wrong);
	ok(tap, t->wrong == NULL, "%s: %u taken, %u refused", name, t->taken,
	    t->refused);
}

static size_t
read_fixture(const char *path, char *buf, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd == -1 ? -1 : read(fd, buf, size);

	if (n == -1)
		no(path);
	(void)close(fd);
	return (size_t)n;
}

static int
is_fixture(const struct dirent *e)
{
	const char *dot = strrchr(e->d_name, '.');

	return dot != NULL && strcmp(dot, ".conf") == 0;
}

/* All files of one kind; returns how many there were. */
static int
try_directory(struct tap *tap, struct place *p, const char *dir)
{
	struct trial *t = calloc(1, sizeof *t);
	struct dirent **list;
	char path[5120], text[8192];
	int n = scandir(dir, &list, is_fixture, alphasort);

	if (n == -1 || t == NULL)
		no(dir);
	t->place = p;
	snprintf(path, sizeof path, "%s/inc", dir);
	(void)unlink(p->inc);
	if (symlink(path, p->inc) == -1)
		no(p->inc);
	for (int i = 0; i < n; i++) {
		size_t len;

		snprintf(path, sizeof path, "%s/%s", dir, list[i]->d_name);
		len = read_fixture(path, text, sizeof text);
		try_mutants(tap, t, list[i]->d_name, text, len);
		free(list[i]);
	}
	free(list);
	free(t);
	return n;
}

/* The number that the next file opened gets. */
static int
next_fd(void)
{
	int fd = dup(STDERR_FILENO);

	(void)close(fd);
	return fd;
}

int
main(void)
{
	static const char *const kinds[] = { "good", "bad" };
	const char *top = getenv("top_srcdir");
	struct tap tap = { 0, 0 };
	struct place place;
	int files = 0, before;

	make_place(&place);
	before = next_fd();
	for (size_t i = 0; i < 2; i++) {
		char name[4096], dir[4096];

		snprintf(name, sizeof name, "%s/tests/conf/%s",
		    top != NULL ? top : ".", kinds[i]);
		if (realpath(name, dir) == NULL)
			no(name);
		files += try_directory(&tap, &place, dir);
	}
	ok(&tap, files >= FILES_LEAST, "%d files", files);
	ok(&tap, next_fd() == before, "no descriptor is left");
	unmake_place(&place);
	return tap_end(&tap);
}

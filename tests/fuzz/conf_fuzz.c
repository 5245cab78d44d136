/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A target for libFuzzer: any bytes as a configuration.  It is either taken
 * without a complaint, or refused with one; and what is taken is the same
 * after it was printed and read again.
 *
 * With CONF_FUZZ_INC, the name of a directory, what a configuration includes
 * from inc/ is in it.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/die.h"
#include "conf/conf.h"

const char program_name[] = "conf_fuzz";

/* libFuzzer calls it by this name. */
int	LLVMFuzzerTestOneInput(const uint8_t *, size_t);

/* The file that is read: in memory, but with a directory around it. */
struct place {
	char	dir[32];
	char	file[40];	/* a link to it */
	char	inc[40];	/* a link to what it includes */
	int	fd;
};

static struct place place;

static noreturn void
no(const char *what)
{
	die(STATUS_OTHER, "%s: %s", what, strerror(errno));
}

/* What the fuzzer found is told by how it ends. */
static noreturn void
found(const char *what)
{
	fprintf(stderr, "conf_fuzz: %s\n", what);
	abort();
}

static void
unmake_place(void)
{
	(void)unlink(place.file);
	(void)unlink(place.inc);
	(void)rmdir(place.dir);
}

static void
make_place(struct place *p)
{
	const char *inc = getenv("CONF_FUZZ_INC");
	char link[32];

	snprintf(p->dir, sizeof p->dir, "/tmp/conf_fuzz.XXXXXX");
	if (mkdtemp(p->dir) == NULL)
		no(p->dir);
	(void)atexit(unmake_place);
	p->fd = memfd_create("conf", MFD_CLOEXEC);
	if (p->fd == -1)
		no("memfd_create");
	snprintf(link, sizeof link, "/proc/self/fd/%d", p->fd);
	snprintf(p->file, sizeof p->file, "%s/conf", p->dir);
	if (symlink(link, p->file) == -1)
		no(p->file);
	snprintf(p->inc, sizeof p->inc, "%s/inc", p->dir);
	if (inc != NULL && symlink(inc, p->inc) == -1)
		no(p->inc);
}

static void
fill(const void *text, size_t len)
{
	if (ftruncate(place.fd, 0) == -1 ||
	    pwrite(place.fd, text, len, 0) != (ssize_t)len)
		no("the file in memory");
}

/* Cut off where each line comes from: where it was read is not what it is. */
static void
strip_origins(char *dump)
{
	char *to = dump, *end;

	for (char *line = dump; *line != '\0'; line = end) {
		char *hash = NULL, *p;

		end = line + strcspn(line, "\n");
		for (p = line; p < end; p++)
			if (*p == '#' && p > line && p[-1] == ' ')
				hash = p;
		for (p = hash != NULL ? hash : end; hash != NULL &&
		    p > line && p[-1] == ' '; p--)
			continue;
		memmove(to, line, (size_t)(p - line));
		to += p - line;
		*to++ = '\n';
		end += *end == '\n';
	}
	*to = '\0';
}

/* What is in the file, as it is understood; NULL: it was refused. */
static char *
read_and_dump(struct complaints *c)
{
	const struct conf_source source = {
		.file = place.file, .must_exist = true, .dir = ""
	};
	struct conf *conf = conf_read(&source, c);
	char *text = NULL;
	size_t size;
	FILE *f;

	if (conf == NULL && c->n == 0)
		found("refused without a word");
	if (conf != NULL && c->n > 0)
		found("taken with a complaint");
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct complaints complaints;
	char *dump, *again;

	if (place.file[0] == '\0')
		make_place(&place);
	fill(data, size);
	dump = read_and_dump(&complaints);
	if (dump == NULL)
		return 0;
	fill(dump, strlen(dump));
	again = read_and_dump(&complaints);
	if (again == NULL)
		found(complaints.line[0]);
	strip_origins(dump);
	strip_origins(again);
	if (strcmp(dump, again) != 0)
		found("what was printed of it means another");
	free(dump);
	free(again);
	return 0;
}

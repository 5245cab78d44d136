/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See said.h.
 */
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "conf/said.h"
#include "conf/word.h"

#define DEFAULT_FILE	SYSCONFDIR "/smiled.conf"

static noreturn void
no_memory(void)
{
	die(STATUS_SYSTEM, "%s", strerror(errno));
}

/* Point the source at what it is made of. */
static void
update(struct said *s)
{
	s->source.file = s->file;
	s->source.dir = s->dir;
	s->source.lines = s->lines;
	s->source.said_by = s->by;
}

/* A name as it is from here, absolute. */
static char *
absolute(const struct said *s, const char *name)
{
	char *whole = NULL;

	if (name[0] == '/')
		whole = strdup(name);
	else if (asprintf(&whole, "%s/%s", s->dir, name) == -1)
		whole = NULL;
	if (whole == NULL)
		no_memory();
	return whole;
}

void
said_init(struct said *s)
{
	char dir[PATH_MAX];

	*s = (struct said){ .file = NULL };
	/* Where nobody can tell, relative names are looked for in /. */
	if (getcwd(dir, sizeof dir) == NULL || strcmp(dir, "/") == 0)
		dir[0] = '\0';
	s->dir = strdup(dir);
	if (s->dir == NULL)
		no_memory();
	s->file = absolute(s, DEFAULT_FILE);
	update(s);
}

void
said_file(struct said *s, const char *file)
{
	free(s->file);
	s->file = strcmp(file, "none") == 0 ? NULL : absolute(s, file);
	s->source.must_exist = s->file != NULL;
	update(s);
}

/* Takes over the line. */
static void
add(struct said *s, const char *by, char *line)
{
	size_t n = s->source.nlines + 1;

	s->lines = realloc(s->lines, n * sizeof s->lines[0]);
	s->by = realloc(s->by, n * sizeof s->by[0]);
	if (line == NULL || s->lines == NULL || s->by == NULL)
		no_memory();
	s->lines[n - 1] = line;
	s->by[n - 1] = by;
	s->source.nlines = n;
	update(s);
}

void
said_line(struct said *s, const char *by, const char *line)
{
	add(s, by, strdup(line));
}

void
said_value(struct said *s, const char *by, const char *keyword,
    const char *value)
{
	char *const words[] = { (char *)value, NULL };

	said_words(s, by, keyword, words);
}

void
said_message(struct said *s, const char *by, const char *text)
{
	size_t len = strlen(text);
	char *whole;

	if (asprintf(&whole, "%s%s", text,
	    len == 0 || text[len - 1] != '\n' ? "\n" : "") == -1)
		no_memory();
	said_value(s, by, "send", whole);
	free(whole);
}

void
said_words(struct said *s, const char *by, const char *keyword,
    char *const *words)
{
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);

	if (f == NULL)
		no_memory();
	fputs(keyword, f);
	for (; *words != NULL; words++) {
		putc(' ', f);
		word_write(f, *words, strlen(*words));
	}
	if (fclose(f) != 0)
		no_memory();
	add(s, by, line);
}

void
said_free(struct said *s)
{
	for (size_t i = 0; i < s->source.nlines; i++)
		free(s->lines[i]);
	free(s->lines);
	free(s->by);
	free(s->file);
	free(s->dir);
	*s = (struct said){ .file = NULL };
}

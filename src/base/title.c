/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See title.h.  What the program still needs of argv is copied away by
 * title_init(): options keep pointers into it.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/title.h"

/* The end of strings that follow each other in memory from start on. */
static char *
end_of(char *start, char *const *strings)
{
	for (; *strings != NULL; strings++)
		if (*strings == start)
			start += strlen(start) + 1;
	return start;
}

/* Copy each string; all or nothing. */
static int
copy_strings(char **strings, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		char *copy = strdup(strings[i]);

		if (copy == NULL)
			return -1;
		strings[i] = copy;
	}
	return 0;
}

static size_t
count(char *const *strings)
{
	size_t n = 0;

	while (strings[n] != NULL)
		n++;
	return n;
}

/* Copy the strings into one block; NULL: no memory. */
static char *
move_strings(char **strings, size_t n)
{
	size_t size = 0;
	char *block, *p;

	for (size_t i = 0; i < n; i++)
		size += strlen(strings[i]) + 1;
	p = block = malloc(size + 1);
	for (size_t i = 0; i < n && block != NULL; i++) {
		size = strlen(strings[i]) + 1;
		memcpy(p, strings[i], size);
		strings[i] = p;
		p += size;
	}
	return block;
}

void
title_init(struct title *title, int argc, char **argv)
{
	char **env = NULL, *end;
	size_t nenv = count(environ);

	*title = (struct title){ .area = NULL };
	if (argc < 1)
		return;
	title->area = argv[0];
	end = end_of(end_of(argv[0], argv), environ);

	env = calloc(nenv + 1, sizeof *env);
	if (env == NULL) {
		title->area = NULL;
		return;
	}
	memcpy(env, environ, nenv * sizeof *env);
	title->strings = move_strings(env, nenv);
	if (title->strings == NULL ||
	    copy_strings(argv, (size_t)argc) == -1) {
		title->area = NULL;
		return;
	}
	environ = title->env = env;
	title->size = (size_t)(end - title->area);
}

void
title_free(struct title *title)
{
	if (title->env == NULL)
		return;
	environ = NULL;
	free(title->strings);
	free(title->env);
	*title = (struct title){ .area = NULL };
}

void
title_set(const struct title *title, const char *fmt, ...)
{
	va_list ap;

	if (title->area == NULL)
		return;
	/* The rest is cleared, or ps would show what stood there. */
	memset(title->area, 0, title->size);
	va_start(ap, fmt);
	(void)vsnprintf(title->area, title->size, fmt, ap);
	va_end(ap);
}

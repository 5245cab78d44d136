/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Values that say what a process is like: its program, its environment, its
 * limits, how it begins and ends.
 */
#include <ctype.h>
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "base/sig.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/value.h"

/* Words 1 and on as strings, kept, with NULL behind them; NULL: complained. */
static const char **
keep_strings(struct reading *r)
{
	const char **kept = arena_take(r->arena, r->words->n * sizeof *kept);

	if (kept == NULL) {
		value_wrong(r, 0, "%s", strerror(errno));
		return NULL;
	}
	for (size_t i = 1; i < r->words->n; i++) {
		kept[i - 1] = value_string(r, i);
		if (kept[i - 1] == NULL)
			return NULL;
	}
	return kept;
}

/* -- A program and its arguments -- */

static int
read_program(struct reading *r, void *to)
{
	struct conf_program *program = to;

	program->argv = keep_strings(r);
	if (program->argv == NULL)
		return -1;
	program->argv[0] = value_path(r, 1, program->argv[0]);
	return program->argv[0] == NULL ? -1 : 0;
}

static void
write_program(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_program *program = from;

	(void)k;
	for (size_t i = 0; program->argv[i] != NULL; i++) {
		if (i > 0)
			putc(' ', f);
		word_write(f, program->argv[i], strlen(program->argv[i]));
	}
}

const struct type type_program = { 1, WORDS_MAX, read_program, write_program };

/* -- Variables -- */

static bool
is_variable(const char *word, size_t len)
{
	if (len == 0 || isdigit((unsigned char)word[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)word[i]) && word[i] != '_')
			return false;
	return true;
}

/* Keep the words as one item. */
static int
add_words(struct reading *r, void *list)
{
	const char **word = keep_strings(r);
	struct conf_words *item;

	if (word == NULL)
		return -1;
	item = value_add_item(r, list, sizeof *item);
	if (item == NULL)
		return -1;
	item->word = word;
	item->n = r->words->n - 1;
	return 0;
}

static void
write_words(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_words *item = from;

	(void)k;
	for (size_t i = 0; i < item->n; i++) {
		if (i > 0)
			putc(' ', f);
		word_write(f, item->word[i], strlen(item->word[i]));
	}
}

static int
read_env(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);

	if (word == NULL)
		return -1;
	if (strchr(word, '=') == NULL || !is_variable(word,
	    strcspn(word, "=")))
		return value_wrong(r, 1, "'%.40s' is not NAME=VALUE", word);
	return add_words(r, to);
}

const struct type type_env = { 1, 1, read_env, write_words };

static int
read_names(struct reading *r, void *to)
{
	for (size_t i = 1; i < r->words->n; i++) {
		const char *word = value_string(r, i);

		if (word == NULL)
			return -1;
		if (!is_variable(word, strlen(word)))
			return value_wrong(r, i, "'%.40s' is not the name of "
			    "a variable", word);
	}
	return add_words(r, to);
}

const struct type type_names = { 1, WORDS_MAX, read_names, write_words };

/* -- Limits -- */

static const struct {
	const char	*kind;
	int		 resource;
} resources[] = {
	{ "as", RLIMIT_AS }, { "core", RLIMIT_CORE }, { "cpu", RLIMIT_CPU },
	{ "data", RLIMIT_DATA }, { "fsize", RLIMIT_FSIZE },
	{ "memlock", RLIMIT_MEMLOCK }, { "nofile", RLIMIT_NOFILE },
	{ "nproc", RLIMIT_NPROC }, { "stack", RLIMIT_STACK }
};

static int
read_kind(struct reading *r, struct conf_rlimit *limit)
{
	const char *kind = value_string(r, 1);

	if (kind == NULL)
		return -1;
	for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++)
		if (strcmp(kind, resources[i].kind) == 0) {
			limit->kind = resources[i].kind;
			limit->resource = resources[i].resource;
			return 0;
		}
	return value_wrong(r, 1, "'%.40s' is none of as, core, cpu, data, "
	    "fsize, memlock, nofile, nproc, stack", kind);
}

/* "none", or a number and perhaps K, M or G. */
static int
read_limit(struct reading *r, struct conf_rlimit *limit)
{
	static const char units[] = "KMG";
	const char *word = value_string(r, 2), *unit = NULL;
	char digits[32];
	size_t len;

	if (word == NULL)
		return -1;
	limit->limit = UINT64_MAX;
	if (strcmp(word, "none") == 0)
		return 0;
	len = strlen(word);
	if (len > 1 && len < sizeof digits)
		unit = strchr(units, word[len - 1]);
	snprintf(digits, sizeof digits, "%.*s", (int)(unit != NULL ? len - 1 :
	    len), word);
	if (text_number(digits, 0, UINT64_MAX >> 31, &limit->limit) == -1)
		return value_wrong(r, 2, "'%.40s' is neither none nor a "
		    "number such as 100, 64K, 512M or 2G", word);
	if (unit != NULL)
		limit->limit <<= 10 * (unit - units + 1);
	return 0;
}

static int
read_rlimit(struct reading *r, void *to)
{
	struct conf_rlimit limit, *item;

	if (read_kind(r, &limit) == -1 || read_limit(r, &limit) == -1)
		return -1;
	item = value_add_item(r, to, sizeof *item);
	if (item == NULL)
		return -1;
	item->kind = limit.kind;
	item->resource = limit.resource;
	item->limit = limit.limit;
	return 0;
}

static void
write_rlimit(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_rlimit *limit = from;

	(void)k;
	if (limit->limit == UINT64_MAX)
		fprintf(f, "%s none", limit->kind);
	else
		fprintf(f, "%s %ju", limit->kind, (uintmax_t)limit->limit);
}

const struct type type_rlimit = { 2, 2, read_rlimit, write_rlimit };

static int
read_umask(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);

	if (word == NULL)
		return -1;
	if (word[0] == '\0' || strlen(word) > 4 ||
	    strspn(word, "01234567") != strlen(word) ||
	    strtoul(word, NULL, 8) > 0777)
		return value_wrong(r, 1, "'%.40s' is not a mask such as 022",
		    word);
	*(unsigned *)to = (unsigned)strtoul(word, NULL, 8);
	return 0;
}

static void
write_umask(FILE *f, const struct keyword *k, const void *from)
{
	(void)k;
	fprintf(f, "%03o", *(const unsigned *)from);
}

const struct type type_umask = { 1, 1, read_umask, write_umask };

static int
read_nice(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	bool minus;
	uint64_t n;

	if (word == NULL)
		return -1;
	minus = word[0] == '-';
	if (text_number(word + minus, 0, minus ? 20 : 19, &n) == -1)
		return value_wrong(r, 1, "'%.40s' is not between -20 and 19",
		    word);
	*(int *)to = minus ? -(int)n : (int)n;
	return 0;
}

static void
write_nice(FILE *f, const struct keyword *k, const void *from)
{
	(void)k;
	fprintf(f, "%d", *(const int *)from);
}

const struct type type_nice = { 1, 1, read_nice, write_nice };

/* -- The life of a program that accepts by itself -- */

/* A name, with or without SIG, that may tell a program to end. */
static int
read_signal(struct reading *r, void *to)
{
	static const int signals[] = {
		SIGHUP, SIGINT, SIGQUIT, SIGABRT, SIGKILL, SIGUSR1, SIGUSR2,
		SIGTERM, SIGWINCH
	};
	const char *word = value_string(r, 1), *bare = word;
	char name[16];

	if (word == NULL)
		return -1;
	if (strncmp(bare, "SIG", 3) == 0)
		bare += 3;
	for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
		if (strcmp(bare, sig_name(signals[i], name, sizeof name)) ==
		    0) {
			*(int *)to = signals[i];
			return 0;
		}
	return value_wrong(r, 1, "'%.40s' is not a signal such as TERM, INT "
	    "or QUIT", word);
}

static void
write_signal(FILE *f, const struct keyword *k, const void *from)
{
	char name[16];

	(void)k;
	fputs(sig_name(*(const int *)from, name, sizeof name), f);
}

const struct type type_signal = { 1, 1, read_signal, write_signal };

static int
read_ready(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	struct conf_ready ready = { .is_told = false };

	if (word == NULL)
		return -1;
	if (strcmp(word, "notify") == 0)
		ready.is_told = true;
	else if (text_time(word, &ready.time) == -1)
		return value_wrong(r, 1, "'%.40s' is neither notify nor a "
		    "time such as 500ms", word);
	*(struct conf_ready *)to = ready;
	return 0;
}

static void
write_ready(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_ready *ready = from;

	if (ready->is_told)
		fputs("notify", f);
	else
		type_time.write(f, k, &ready->time);
}

const struct type type_ready = { 1, 1, read_ready, write_ready };

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See value.h.  Here: the common types.  Addresses are in listen.c, users in
 * user.c, the log's in logging.c, and what nothing uses yet in later.c.
 */
#include <ctype.h>
#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/text.h"
#include "conf/conf.h"
#include "conf/value.h"

int
value_wrong(struct reading *r, size_t i, const char *fmt, ...)
{
	char message[COMPLAINT_MAX];
	struct text text;
	va_list ap;

	text_init(&text, message, sizeof message);
	text_add(&text, "%s: ", r->keyword->name);
	va_start(ap, fmt);
	text_add_list(&text, fmt, ap);
	va_end(ap);
	r->at.column = r->words->word[i].column;
	complain(r->complaints, &r->at, "%s", message);
	return -1;
}

const char *
value_string(struct reading *r, size_t i)
{
	const struct word *w = &r->words->word[i];

	if (strlen(w->text) == w->len)
		return w->text;
	value_wrong(r, i, "there is a NUL byte in it");
	return NULL;
}

static int
no_memory(struct reading *r)
{
	return value_wrong(r, 0, "%s", strerror(errno));
}

void *
value_add_item(struct reading *r, void *list, size_t size)
{
	struct conf_item **last = list, *item;

	item = arena_take(r->arena, size);
	if (item == NULL) {
		no_memory(r);
		return NULL;
	}
	item->origin = r->at;
	if (r->words->n > 1)
		item->origin.column = r->words->word[1].column;
	while (*last != NULL)
		last = &(*last)->next;
	*last = item;
	return item;
}

/* How many words there must be, as the type says. */
static int
check_count(struct reading *r)
{
	const struct type *type = r->keyword->type;
	size_t n = r->words->n - 1;

	if (n > 0 && type->most == 0)
		return value_wrong(r, 1, "it takes no value, but '%.40s' "
		    "follows", r->words->word[1].text);
	if (n < type->least)
		return value_wrong(r, 0, "a value is missing: %s %s",
		    r->keyword->name, r->keyword->value);
	if (n > type->most)
		return value_wrong(r, 1 + type->most, "'%.40s' is one too "
		    "many: %s %s; a value with blanks needs quotes",
		    r->words->word[1 + type->most].text, r->keyword->name,
		    r->keyword->value);
	return 0;
}

int
value_read(struct reading *r, void *to)
{
	union {
		struct conf_user	 user;
		struct conf_item	*list;
		struct conf_text	 text;
	} nowhere = { .list = NULL };

	if (check_count(r) == -1)
		return -1;
	return r->keyword->type->read(r, to != NULL ? to : &nowhere);
}

/* -- Nothing -- */

static int
read_nothing(struct reading *r, void *to)
{
	(void)r;
	(void)to;
	return 0;
}

static void
write_nothing(FILE *f, const struct keyword *k, const void *from)
{
	(void)f;
	(void)k;
	(void)from;
}

const struct type type_nothing = { 0, 0, read_nothing, write_nothing };

/* -- Numbers -- */

static int
read_bounded(struct reading *r, unsigned *to)
{
	const struct keyword *k = r->keyword;
	const char *word = value_string(r, 1);
	uint64_t n;

	if (word == NULL)
		return -1;
	if (text_number(word, k->min, k->max, &n) == -1)
		return errno == ERANGE ?
		    value_wrong(r, 1, "'%.40s' is not between %ju and %ju",
		    word, (uintmax_t)k->min, (uintmax_t)k->max) :
		    value_wrong(r, 1, "'%.40s' is not a number", word);
	*to = (unsigned)n;
	return 0;
}

static int
read_number(struct reading *r, void *to)
{
	return read_bounded(r, to);
}

static void
write_number(FILE *f, const struct keyword *k, const void *from)
{
	(void)k;
	fprintf(f, "%u", *(const unsigned *)from);
}

const struct type type_number = { 1, 1, read_number, write_number };

/* -- Times -- */

static int
read_time(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	int64_t ms;

	if (word == NULL)
		return -1;
	if (strcmp(word, "none") == 0 &&
	    strstr(r->keyword->value, "none") != NULL) {
		*(int64_t *)to = CLOCK_NEVER;
		return 0;
	}
	if (text_time(word, &ms) == -1)
		return errno == ERANGE ?
		    value_wrong(r, 1, "'%.40s' is longer than a year", word) :
		    value_wrong(r, 1, "'%.40s' is not a time such as 500ms, "
		    "10s, 5m or 1h", word);
	if ((uint64_t)ms < r->keyword->min)
		return value_wrong(r, 1, "it cannot be 0");
	*(int64_t *)to = ms;
	return 0;
}

/* In the largest unit that does not need a fraction. */
static void
write_time(FILE *f, const struct keyword *k, const void *from)
{
	static const struct {
		const char	*name;
		int64_t		 ms;
	} units[] = {
		{ "h", 3600000 }, { "m", 60000 }, { "s", 1000 }, { "ms", 1 }
	};
	int64_t ms = *(const int64_t *)from;
	size_t i = 0;

	(void)k;
	if (ms == CLOCK_NEVER) {
		fputs("none", f);
		return;
	}
	while (ms % units[i].ms != 0 || (ms == 0 && units[i].ms != 1000))
		i++;
	fprintf(f, "%jd%s", (intmax_t)(ms / units[i].ms), units[i].name);
}

const struct type type_time = { 1, 1, read_time, write_time };

/* -- Choices -- */

static int
read_choice(struct reading *r, void *to)
{
	const char *const *choices = r->keyword->choices;
	const char *word = value_string(r, 1);

	if (word == NULL)
		return -1;
	for (int i = 0; choices[i] != NULL; i++)
		if (strcmp(word, choices[i]) == 0) {
			*(int *)to = i;
			return 0;
		}
	return value_wrong(r, 1, "'%.40s' is none of %s", word,
	    r->keyword->value);
}

static void
write_choice(FILE *f, const struct keyword *k, const void *from)
{
	fputs(k->choices[*(const int *)from], f);
}

const struct type type_choice = { 1, 1, read_choice, write_choice };

static int
read_yesno(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);

	if (word == NULL)
		return -1;
	if (strcmp(word, "yes") != 0 && strcmp(word, "no") != 0)
		return value_wrong(r, 1, "'%.40s' is neither yes nor no",
		    word);
	*(bool *)to = word[0] == 'y';
	return 0;
}

static void
write_yesno(FILE *f, const struct keyword *k, const void *from)
{
	(void)k;
	fputs(*(const bool *)from ? "yes" : "no", f);
}

const struct type type_yesno = { 1, 1, read_yesno, write_yesno };

/* -- Names, texts, paths -- */

static bool
is_name(const char *word)
{
	size_t len = strlen(word);

	if (len == 0 || len > 32 || !isalnum((unsigned char)word[0]))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)word[i]) &&
		    strchr("._-", word[i]) == NULL)
			return false;
	return true;
}

static int
read_name(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);

	if (word == NULL)
		return -1;
	if (!is_name(word))
		return value_wrong(r, 1, "'%.40s' is not a name: at most 32 "
		    "letters, digits and ._-, a letter or digit first", word);
	*(const char **)to = word;
	return 0;
}

static void
write_string(FILE *f, const struct keyword *k, const void *from)
{
	const char *s = *(const char *const *)from;

	(void)k;
	word_write(f, s, strlen(s));
}

const struct type type_name = { 1, 1, read_name, write_string };
const struct type type_service = { 1, 1, read_name, write_string };

static int
read_text(struct reading *r, void *to)
{
	const struct word *w = &r->words->word[1];

	*(struct conf_text *)to = (struct conf_text){ w->text, w->len };
	return 0;
}

static void
write_text(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_text *t = from;

	(void)k;
	word_write(f, t->bytes, t->len);
}

const struct type type_text = { 1, 1, read_text, write_text };

const char *
value_path(struct reading *r, size_t i, const char *path)
{
	size_t dirlen = strlen(r->dir), len = strlen(path);
	char *whole;

	if (len == 0) {
		value_wrong(r, i, "a path is missing");
		return NULL;
	}
	if (path[0] == '/')
		return path;
	whole = arena_take(r->arena, dirlen + 1 + len + 1);
	if (whole == NULL) {
		no_memory(r);
		return NULL;
	}
	memcpy(whole, r->dir, dirlen);
	whole[dirlen] = '/';
	memcpy(whole + dirlen + 1, path, len);
	return whole;
}

static int
read_path(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	const char *path = word != NULL ? value_path(r, 1, word) : NULL;

	*(const char **)to = path;
	return path == NULL ? -1 : 0;
}

const struct type type_path = { 1, 1, read_path, write_string };
const struct type type_include = { 1, 1, read_path, write_string };

/* -- Workers -- */

/* Those that we may run on; a set of them has room for 1024. */
static unsigned
count_cpus(void)
{
	cpu_set_t set;
	long n = sched_getaffinity(0, sizeof set, &set) == 0 ?
	    CPU_COUNT(&set) : sysconf(_SC_NPROCESSORS_ONLN);

	return n > 0 ? (unsigned)n : 1;
}

/* MIN..MAX */
static int
read_range(struct reading *r, const char *word, const char *dots,
    struct conf_workers *w)
{
	uint64_t least, most;
	char first[24];

	if ((size_t)(dots - word) < sizeof first) {
		memcpy(first, word, (size_t)(dots - word));
		first[dots - word] = '\0';
		if (text_number(first, r->keyword->min, r->keyword->max,
		    &least) == 0 && text_number(dots + 2, least,
		    r->keyword->max, &most) == 0) {
			w->least = (unsigned)least;
			w->most = (unsigned)most;
			return 0;
		}
	}
	return value_wrong(r, 1, "'%.40s' is neither a number nor a range "
	    "such as 4..64", word);
}

static int
read_workers(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	struct conf_workers *w = to;
	const char *dots;

	if (word == NULL)
		return -1;
	*w = (struct conf_workers){ .is_auto = strcmp(word, "auto") == 0 };
	dots = strstr(word, "..");
	if (dots != NULL)
		return read_range(r, word, dots, w);
	if (w->is_auto)
		w->least = count_cpus();
	else if (read_bounded(r, &w->least) == -1)
		return -1;
	w->most = w->least;
	return 0;
}

static void
write_workers(FILE *f, const struct keyword *k, const void *from)
{
	const struct conf_workers *w = from;

	(void)k;
	if (w->is_auto)
		fputs("auto", f);
	else if (w->least == w->most)
		fprintf(f, "%u", w->least);
	else
		fprintf(f, "%u..%u", w->least, w->most);
}

const struct type type_workers = { 1, 1, read_workers, write_workers };

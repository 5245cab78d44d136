/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A configuration as text, and what differs between two.
 */
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "conf/conf.h"
#include "conf/value.h"

#define ORIGIN_COLUMN	40	/* where the origins begin, if there is room */
#define SHOWN_MAX	256	/* bytes of a value in a line of the log */

/* The values of the server, or of a service, and where they came from. */
struct values {
	const void		*base;
	const struct origin	*origins;
	enum action		 action;
	bool			 is_service;
};

static struct values
values_of_server(const struct conf *conf)
{
	return (struct values){
		conf, conf->origins, (enum action)ACTIONS_ALL, false
	};
}

static struct values
values_of_service(const struct service *s)
{
	return (struct values){ s, s->origins, s->action, true };
}

/* Whether these values have one of this keyword, lists apart. */
static bool
has_value(const struct values *v, const struct keyword *k)
{
	if (k->place == PLACE_ANYWHERE || !(k->actions & v->action) ||
	    (k->flags & (KEYWORD_LATER | KEYWORD_LIST)) ||
	    (k->place == PLACE_GLOBAL) == v->is_service)
		return false;
	/* Without a default it is there only if somebody gave it. */
	return (k->flags & KEYWORD_ACTION) ||
	    keyword_default(k, v->action) != NULL ||
	    v->origins[keyword_index(k)].file != NULL;
}

/* "KEYWORD VALUE" in memory of its own; NULL: no memory. */
static char *
text_of_value(const struct keyword *k, const void *value)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		return NULL;
	fputs(k->name, f);
	if (k->type->most > 0)
		putc(' ', f);
	k->type->write(f, k, value);
	if (fclose(f) == 0)
		return text;
	free(text);
	return NULL;
}

static char *
text_of(const struct values *v, const struct keyword *k)
{
	return text_of_value(k, (const char *)v->base + k->offset);
}

/* The first item of a list, if this is one that these values have. */
static const struct conf_item *
first_item(const struct values *v, const struct keyword *k)
{
	if (!(k->flags & KEYWORD_LIST) || k->place == PLACE_ANYWHERE ||
	    (k->flags & KEYWORD_LATER) || !(k->actions & v->action) ||
	    !v->is_service)
		return NULL;
	return *(const struct conf_item *const *)(const void *)
	    ((const char *)v->base + k->offset);
}

/* -- -T -- */

static void
print_origin(FILE *f, size_t column, const struct origin *origin)
{
	int gap = column < ORIGIN_COLUMN ? (int)(ORIGIN_COLUMN - column) : 1;
	char name[4096];
	struct text t;

	fprintf(f, "%*s# ", gap, "");
	text_init(&t, name, sizeof name);
	if (origin->file == NULL)
		text_add(&t, "default");
	else if (origin->line == 0)
		text_add(&t, "command line");
	else
		text_add_escaped(&t, origin->file, strlen(origin->file));
	fputs(name, f);
	if (origin->line > 0)
		fprintf(f, ":%u", origin->line);
	putc('\n', f);
}

static void
print_line(FILE *f, const char *indent, const char *text,
    const struct origin *origin)
{
	fprintf(f, "%s%s", indent, text != NULL ? text : "# no memory");
	print_origin(f, strlen(indent) + (text != NULL ? strlen(text) : 0),
	    origin);
}

static void
print_items(FILE *f, const char *indent, const struct keyword *k,
    const struct conf_item *item)
{
	for (; item != NULL; item = item->next) {
		char *text = text_of_value(k, item);

		print_line(f, indent, text, &item->origin);
		free(text);
	}
}

static void
print_values(FILE *f, const char *indent, const struct values *v)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++) {
		char *text;

		print_items(f, indent, k, first_item(v, k));
		if (!has_value(v, k))
			continue;
		text = text_of(v, k);
		print_line(f, indent, text, &v->origins[keyword_index(k)]);
		free(text);
	}
}

static void
print_service(FILE *f, const struct service *s)
{
	const struct values v = values_of_service(s);
	char line[64];

	putc('\n', f);
	snprintf(line, sizeof line, "service %s", s->name);
	print_line(f, "", line, &s->begun);
	print_values(f, "    ", &v);
}

void
conf_dump(const struct conf *conf, FILE *f)
{
	const struct values v = values_of_server(conf);

	print_values(f, "", &v);
	for (const struct service *s = conf->services; s != NULL; s = s->next)
		print_service(f, s);
}

/* -- Differences -- */

/* Two configurations, or a service in each, and who is told of them. */
struct comparison {
	const char	*prefix;	/* "smile: ", or "" */
	void		(*say)(void *, const char *line);
	void		*arg;
};

static void
say_change(const struct comparison *c, const char *before, const char *after)
{
	char line[3 * SHOWN_MAX];

	snprintf(line, sizeof line, "%s%.*s%s -> %.*s%s", c->prefix,
	    SHOWN_MAX, before, strlen(before) > SHOWN_MAX ? "..." : "",
	    SHOWN_MAX, after, strlen(after) > SHOWN_MAX ? "..." : "");
	c->say(c->arg, line);
}

/* One keyword; a value that is not there is "none". */
static void
compare_keyword(const struct comparison *c, const struct keyword *k,
    const struct values *was, const struct values *is)
{
	size_t name = strlen(k->name) + 1;
	char none[64], *before = NULL, *after = NULL;
	const char *x = none, *y = none;

	snprintf(none, sizeof none, "%s none", k->name);
	if (has_value(was, k))
		x = before = text_of(was, k);
	if (has_value(is, k))
		y = after = text_of(is, k);
	if (x != NULL && y != NULL && strcmp(x, y) != 0)
		say_change(c, x, y + name);
	free(before);
	free(after);
}

static void
compare_values(const struct comparison *c, const struct values *was,
    const struct values *is)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++)
		if (!(k->flags & KEYWORD_ACTION) &&
		    (has_value(was, k) || has_value(is, k)))
			compare_keyword(c, k, was, is);
}

/* What it does, and that which with; the keyword may be another. */
static void
compare_actions(const struct comparison *c, const struct values *was,
    const struct values *is)
{
	char *before = text_of(was, keyword_of_action(was->action));
	char *after = text_of(is, keyword_of_action(is->action));

	if (before != NULL && after != NULL && strcmp(before, after) != 0)
		say_change(c, before, after);
	free(before);
	free(after);
}

/* Whether a list has an item that is written like this. */
static bool
has_item(const struct keyword *k, const struct conf_item *item,
    const char *text)
{
	for (; item != NULL; item = item->next) {
		char *other = text_of_value(k, item);
		bool is_same = other != NULL && strcmp(other, text) == 0;

		free(other);
		if (is_same)
			return true;
	}
	return false;
}

/* Say which of one list are not in the other. */
static void
compare_items(const struct comparison *c, const struct keyword *k,
    const struct conf_item *item, const struct conf_item *others,
    const char *what)
{
	for (; item != NULL; item = item->next) {
		char *text = text_of_value(k, item);
		char line[3 * SHOWN_MAX];

		if (text != NULL && !has_item(k, others, text)) {
			snprintf(line, sizeof line, "%s%.*s %s", c->prefix,
			    SHOWN_MAX, text, what);
			c->say(c->arg, line);
		}
		free(text);
	}
}

static void
compare_lists(const struct comparison *c, const struct values *was,
    const struct values *is)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++) {
		const struct conf_item *a = first_item(was, k);
		const struct conf_item *b = first_item(is, k);

		compare_items(c, k, a, b, "removed");
		compare_items(c, k, b, a, "added");
	}
}

static void
compare_services(const struct comparison *c, const struct service *was,
    const struct service *is)
{
	const struct values a = values_of_service(was);
	const struct values b = values_of_service(is);

	compare_actions(c, &a, &b);
	compare_lists(c, &a, &b);
	compare_values(c, &a, &b);
}

static void
note_difference(void *differs, const char *line)
{
	(void)line;
	*(bool *)differs = true;
}

bool
service_is_same(const struct service *was, const struct service *is)
{
	bool differs = false;
	const struct comparison c = {
		.prefix = "", .say = note_difference, .arg = &differs
	};

	if (strcmp(was->name, is->name) != 0 || was->action != is->action)
		return false;
	compare_services(&c, was, is);
	return !differs;
}

static const struct service *
find_service(const struct conf *conf, const char *name)
{
	const struct service *s = conf->services;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

static void
say_service(const struct comparison *c, const struct service *s,
    const char *what)
{
	char line[64];

	snprintf(line, sizeof line, "service %s %s", s->name, what);
	c->say(c->arg, line);
}

void
conf_differences(const struct conf *was, const struct conf *is,
    void (*say)(void *, const char *line), void *arg)
{
	const struct values a = values_of_server(was), b = values_of_server(is);
	struct comparison c = { .prefix = "", .say = say, .arg = arg };

	compare_values(&c, &a, &b);
	for (const struct service *s = was->services; s != NULL; s = s->next)
		if (find_service(is, s->name) == NULL)
			say_service(&c, s, "removed");
	for (const struct service *s = is->services; s != NULL; s = s->next) {
		const struct service *before = find_service(was, s->name);
		char prefix[64];

		snprintf(prefix, sizeof prefix, "%s: ", s->name);
		c.prefix = prefix;
		if (before == NULL)
			say_service(&c, s, "added");
		else
			compare_services(&c, before, s);
	}
}

void
conf_check_fixed(const struct conf *was, const struct conf *is,
    struct complaints *c)
{
	const struct values a = values_of_server(was), b = values_of_server(is);

	for (const struct keyword *k = keywords; k->name != NULL; k++) {
		const struct origin *origin = &is->origins[keyword_index(k)];
		char *before, *after;

		if (!(k->flags & KEYWORD_FIXED))
			continue;
		before = has_value(&a, k) ? text_of(&a, k) : NULL;
		after = has_value(&b, k) ? text_of(&b, k) : NULL;
		if (strcmp(before != NULL ? before : "", after != NULL ?
		    after : "") != 0)
			complain(c, origin, "%s: only a restart can change "
			    "it; the server runs with %s", k->name,
			    before != NULL ? before : "none");
		free(before);
		free(after);
	}
}

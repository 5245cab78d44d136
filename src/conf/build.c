/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See build.h.
 *
 * Of a keyword that has one value, the setting that counts is the first of:
 * the command line for this service, the command line for all, the service's
 * section of the file, the part above all services, the default.  Of a list,
 * the command line's settings count if there are any, else the file's.
 */
#include <errno.h>
#include <string.h>

#include "conf/build.h"
#include "conf/value.h"

#define NAME_DEFAULT	"smile"
#define LISTEN_DEFAULT	"listen 7890"
#define SEND_DEFAULT	"send \"Smile from the server\\n\""

/* Where a value goes: the whole server's, or one service's. */
struct target {
	void			*values;	/* struct conf or service */
	struct origin		*origins;
	const struct section	*section;	/* NULL: the whole server */
	enum action		 action;
};

/* A draft becoming a configuration. */
struct builder {
	struct draft	*draft;
	struct conf	*conf;
};

/* The last setting of a keyword in a section; NULL: none. */
static const struct setting *
last_setting(const struct section *s, const struct keyword *k, bool is_said)
{
	const struct setting *last = NULL;

	if (s == NULL)
		return NULL;
	for (const struct setting *t = s->settings; t != NULL; t = t->next)
		if (t->keyword == k && t->is_said == is_said)
			last = t;
	return last;
}

static const struct setting *
choose(const struct builder *b, const struct target *t,
    const struct keyword *k)
{
	const struct section *head = &b->draft->head;
	const struct setting *s = last_setting(t->section, k, true);

	if (s == NULL)
		s = last_setting(head, k, true);
	if (s == NULL)
		s = last_setting(t->section, k, false);
	if (s == NULL)
		s = last_setting(head, k, false);
	return s;
}

static void
read_into(const struct builder *b, const struct target *t,
    const struct setting *s)
{
	struct reading r = {
		.keyword = s->keyword, .words = &s->words, .dir = s->dir,
		.at = s->origin, .arena = &b->conf->arena,
		.complaints = b->draft->complaints
	};

	if (s->is_bad)
		return;
	(void)value_read(&r, (char *)t->values + s->keyword->offset);
	t->origins[keyword_index(s->keyword)] = s->origin;
}

/* A value that nobody has given, written as it would be in a file. */
static void
read_default(const struct builder *b, const struct target *t,
    const char *line)
{
	struct origin nowhere = { .file = NULL };
	struct setting s = { .dir = "" };

	if (words_split(&s.words, line, strlen(line), &b->conf->arena,
	    &nowhere, b->draft->complaints) == -1)
		return;
	s.keyword = keyword_find(s.words.word[0].text);
	read_into(b, t, &s);
}

static void
read_standard(const struct builder *b, const struct target *t,
    const struct keyword *k)
{
	const char *standard = keyword_default(k, t->action);
	char line[128];

	if (standard == NULL)
		return;
	snprintf(line, sizeof line, "%s %s", k->name, standard);
	read_default(b, t, line);
}

static bool
is_single(const struct keyword *k)
{
	return k->type->read != NULL && k->place != PLACE_ANYWHERE &&
	    !(k->flags & (KEYWORD_LIST | KEYWORD_ACTION | KEYWORD_LATER));
}

/* All keywords that have one value, for the server or for a service. */
static void
read_singles(const struct builder *b, const struct target *t)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++) {
		const struct setting *s;

		if (!is_single(k) ||
		    (k->place == PLACE_GLOBAL) != (t->section == NULL) ||
		    !(k->actions & t->action))
			continue;
		s = choose(b, t, k);
		if (s != NULL)
			read_into(b, t, s);
		else
			read_standard(b, t, k);
	}
}

/* -- One service -- */

/* The setting that says what a service does; NULL: none, or several might. */
static const struct setting *
find_action(const struct builder *b, const struct section *section)
{
	static const bool ways[] = { true, false };
	const struct section *where[] = { section, &b->draft->head };

	for (size_t i = 0; i < 2; i++)
		for (size_t j = 0; j < 2; j++)
			for (const struct setting *s = where[j]->settings;
			    s != NULL; s = s->next)
				if ((s->keyword->flags & KEYWORD_ACTION) &&
				    s->is_said == ways[i])
					return s;
	return NULL;
}

/* What the keywords of a section need to know: what the service does. */
static void
read_action(const struct builder *b, struct target *t)
{
	const struct setting *s = find_action(b, t->section);
	struct service *service = t->values;

	if (s != NULL) {
		t->action = service->action =
		    (enum action)s->keyword->actions;
		read_into(b, t, s);
	} else if (t->section->begun.file == NULL) {
		t->action = service->action = ACTION_SEND;
		read_default(b, t, SEND_DEFAULT);
	} else if (!t->section->is_unclear) {
		complain(b->draft->complaints, &t->section->begun, "service "
		    "'%s' does nothing; give it an action, such as echo",
		    t->section->name);
	}
}

/* Add the items that a section has from a file or the command line. */
static unsigned
add_items(const struct builder *b, const struct target *t,
    const struct keyword *k, const struct section *section, bool is_said)
{
	unsigned n = 0;

	for (const struct setting *s = section->settings; s != NULL;
	    s = s->next)
		if (s->keyword == k && s->is_said == is_said) {
			read_into(b, t, s);
			n++;
		}
	return n;
}

/* What is above all services comes first.  Returns how many there are. */
static unsigned
read_list(const struct builder *b, const struct target *t,
    const struct keyword *k)
{
	unsigned said = add_items(b, t, k, &b->draft->head, true) +
	    add_items(b, t, k, t->section, true);

	return said > 0 ? said : add_items(b, t, k, &b->draft->head, false) +
	    add_items(b, t, k, t->section, false);
}

static void
read_lists(const struct builder *b, const struct target *t)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++)
		if (k->place == PLACE_BOTH && (k->flags & KEYWORD_LIST) &&
		    (k->actions & t->action))
			(void)read_list(b, t, k);
}

static void
read_listens(const struct builder *b, const struct target *t)
{
	if (read_list(b, t, keyword_find("listen")) > 0)
		return;
	if (t->section->begun.file == NULL)
		read_default(b, t, LISTEN_DEFAULT);
	else if (!t->section->is_unclear)
		complain(b->draft->complaints, &t->section->begun, "service "
		    "'%s' listens nowhere; give it an address, such as "
		    "listen 7890", t->section->name);
}

/* What was written in its section must be of use to a service. */
static void
check_fitting(const struct builder *b, const struct target *t)
{
	const struct keyword *action = keyword_of_action(t->action);

	for (const struct setting *s = t->section->settings; s != NULL;
	    s = s->next)
		if (!s->is_bad && !(s->keyword->actions & t->action) &&
		    !(s->keyword->flags & KEYWORD_ACTION))
			complain(b->draft->complaints, &s->origin, "%s: it "
			    "means nothing to a service with '%s'",
			    s->keyword->name, action->name);
}

static struct service *
new_service(const struct builder *b, const struct section *section)
{
	struct service *service, **last = &b->conf->services;

	service = arena_take(&b->conf->arena, sizeof *service);
	if (service == NULL) {
		complain(b->draft->complaints, &section->begun, "%s",
		    strerror(errno));
		return NULL;
	}
	service->name = section->name;
	service->begun = section->begun;
	service->file_fd = -1;
	while (*last != NULL)
		last = &(*last)->next;
	*last = service;
	return service;
}

static void
build_service(const struct builder *b, const struct section *section)
{
	struct service *service = new_service(b, section);
	struct target t = { .section = section };

	if (service == NULL)
		return;
	t.values = service;
	t.origins = service->origins;
	read_action(b, &t);
	read_listens(b, &t);
	if (t.action == 0)
		return;
	read_singles(b, &t);
	read_lists(b, &t);
	check_fitting(b, &t);
}

/* -- All of it -- */

/* An address or an action said for all services can be meant for one only. */
static void
check_said_once(const struct builder *b)
{
	if (b->draft->head.next == NULL || b->draft->head.next->next == NULL)
		return;
	for (struct setting *s = b->draft->head.settings; s != NULL;
	    s = s->next) {
		if (s->keyword->place != PLACE_SERVICE)
			continue;
		s->is_bad = true;
		complain(b->draft->complaints, &s->origin, "%s: it cannot be "
		    "for all services at once; name one before it: "
		    "-o 'service NAME'", s->keyword->name);
	}
}

void
build(struct conf *conf, struct draft *draft)
{
	const struct origin nowhere = { .file = NULL };
	const struct builder b = { .draft = draft, .conf = conf };
	const struct target server = {
		.values = conf, .origins = conf->origins,
		.action = (enum action)ACTIONS_ALL
	};

	if (draft->head.next == NULL &&
	    draft_begin(draft, NAME_DEFAULT, &nowhere) == NULL)
		complain(draft->complaints, &nowhere, "%s", strerror(errno));
	check_said_once(&b);
	read_singles(&b, &server);
	for (const struct section *s = draft->head.next; s != NULL;
	    s = s->next)
		build_service(&b, s);
}

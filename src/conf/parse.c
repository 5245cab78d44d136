/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See parse.h.
 */
#include <errno.h>
#include <glob.h>
#include <string.h>

#include "conf/parse.h"
#include "conf/source.h"
#include "conf/value.h"

#define FILES_MAX	256	/* in all */
#define LINES_MAX	10000	/* in all that say something */
#define DEPTH_MAX	8	/* of files that include files */

/* A file being read, and the one that includes it. */
struct reader {
	const struct reader	*outer;
	struct draft		*draft;
	const struct source	*source;	/* NULL: command line */
	const char		*dir;
	struct origin		 at;
	unsigned		 depth;
};

/* Files include files. */
static bool	read_file(struct draft *, const struct reader *outer,
		    const char *path, bool must_exist,
		    const struct origin *asked_by);

void
draft_init(struct draft *d, struct arena *arena, struct complaints *c)
{
	*d = (struct draft){ .arena = arena, .complaints = c };
	d->into = &d->head;
}

struct section *
draft_find(const struct draft *d, const char *name)
{
	struct section *s = d->head.next;

	while (s != NULL && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

struct section *
draft_begin(struct draft *d, const char *name, const struct origin *begun)
{
	struct section *s = arena_take(d->arena, sizeof *s);
	struct section *last = &d->head;

	if (s == NULL)
		return NULL;
	s->name = name;
	s->begun = *begun;
	while (last->next != NULL)
		last = last->next;
	last->next = s;
	return s;
}

static void
no_memory(const struct reader *r)
{
	complain(r->draft->complaints, &r->at, "%s", strerror(errno));
}

/* A value, checked for itself, and read into to if that is not NULL. */
static int
check_value(const struct reader *r, const struct keyword *k,
    const struct words *words, void *to)
{
	struct reading reading = {
		.keyword = k, .words = words, .dir = r->dir, .at = r->at,
		.arena = r->draft->arena, .complaints = r->draft->complaints
	};

	return value_read(&reading, to);
}

/* Whether a setting stands where another of its kind may not stand again. */
static bool
excludes(const struct setting *s, const struct setting *other)
{
	if (s->is_said != other->is_said)
		return false;
	if (s->keyword->flags & other->keyword->flags & KEYWORD_ACTION)
		return true;
	return s->keyword == other->keyword &&
	    !(s->keyword->flags & KEYWORD_LIST);
}

/* It is the second of its kind in this section of a file. */
static void
refuse_second(const struct reader *r, const struct setting *s,
    const struct setting *first)
{
	if (s->keyword == first->keyword)
		complain(r->draft->complaints, &r->at, "%s: already given at "
		    "%s:%u, and it can have one value only", s->keyword->name,
		    first->origin.file, first->origin.line);
	else
		complain(r->draft->complaints, &r->at, "%s: a service does "
		    "one thing, and this one has '%s' at %s:%u",
		    s->keyword->name, first->keyword->name,
		    first->origin.file, first->origin.line);
}

/*
 * Put it at the end of the section; what it excludes has gone, or it has.  On
 * the command line what is for the whole server may stand anywhere.
 */
static void
add_setting(struct reader *r, struct setting *s)
{
	bool is_global = s->keyword->place == PLACE_GLOBAL;
	struct setting **link = is_global ? &r->draft->head.settings :
	    &r->draft->into->settings;

	while (*link != NULL) {
		if (!excludes(s, *link)) {
			link = &(*link)->next;
		} else if (s->is_said) {
			/* On the command line the last word counts. */
			*link = (*link)->next;
		} else {
			refuse_second(r, s, *link);
			return;
		}
	}
	*link = s;
}

/* Whether the keyword may stand where it stands. */
static bool
is_in_place(const struct reader *r, const struct setting *s)
{
	bool at_head = r->draft->into == &r->draft->head;

	if (s->keyword->place == PLACE_GLOBAL && !at_head && !s->is_said) {
		complain(r->draft->complaints, &r->at, "%s: it is for the "
		    "whole server, so it must stand above the first service",
		    s->keyword->name);
		return false;
	}
	if (s->keyword->place == PLACE_SERVICE && at_head && !s->is_said) {
		complain(r->draft->complaints, &r->at, "%s: it belongs to a "
		    "service; a line 'service NAME' must stand above it",
		    s->keyword->name);
		return false;
	}
	return true;
}

static void
read_setting(struct reader *r, const struct keyword *k,
    const struct words *words)
{
	struct setting *s = arena_take(r->draft->arena, sizeof *s);

	if (s == NULL) {
		no_memory(r);
		return;
	}
	*s = (struct setting){
		.keyword = k, .words = *words, .origin = r->at, .dir = r->dir,
		.is_said = r->draft->is_said
	};
	s->is_bad = check_value(r, k, words, NULL) == -1;
	if (!is_in_place(r, s))
		return;
	if (!s->is_bad && (k->flags & KEYWORD_LATER)) {
		s->is_bad = true;
		complain(r->draft->complaints, &r->at, "%s: not available in "
		    "this build", k->name);
	}
	add_setting(r, s);
}

/* "service NAME": what follows belongs to it. */
static void
read_service(struct reader *r, const struct keyword *k,
    const struct words *words)
{
	struct section *known;
	const char *name;

	/* What follows a bad name must not go to the service above it. */
	if (check_value(r, k, words, &name) == -1)
		name = "";
	known = draft_find(r->draft, name);
	if (known != NULL && !r->draft->is_said && name[0] != '\0')
		complain(r->draft->complaints, &r->at, "service: '%s' has "
		    "begun at %s:%u already", name, known->begun.file,
		    known->begun.line);
	if (known == NULL)
		known = draft_begin(r->draft, name, &r->at);
	if (known == NULL) {
		no_memory(r);
		return;
	}
	r->draft->into = known;
	known->is_unclear |= name[0] == '\0';
}

/* Whether a name has what makes it a pattern. */
static bool
is_pattern(const char *path)
{
	return strpbrk(path, "*?[") != NULL;
}

/* What is not there has no files; what cannot be read may have some. */
static int
is_worth_telling(const char *path, int error)
{
	(void)path;
	return error != ENOENT && error != ENOTDIR;
}

/* Relative to a directory that is no pattern, whatever it is called. */
static const char *
pattern_of(const struct reader *r, const char *word)
{
	size_t len = strlen(word), n = 0;
	char *pattern;

	if (word[0] == '/')
		return word;
	pattern = arena_take(r->draft->arena, 2 * strlen(r->dir) + len + 2);
	if (pattern == NULL)
		return NULL;
	for (const char *p = r->dir; *p != '\0'; p++) {
		if (strchr("*?[\\", *p) != NULL)
			pattern[n++] = '\\';
		pattern[n++] = *p;
	}
	pattern[n++] = '/';
	memcpy(pattern + n, word, len);
	return pattern;
}

/*
 * Sorted by bytes: nobody has called setlocale(3).  path is the pattern as it
 * is told of.
 */
static void
read_pattern(struct reader *r, const char *word, const char *path)
{
	const char *pattern = pattern_of(r, word);
	glob_t found;

	if (pattern == NULL) {
		no_memory(r);
		return;
	}
	switch (glob(pattern, 0, is_worth_telling, &found)) {
	case 0:
		for (size_t i = 0; i < found.gl_pathc; i++)
			(void)read_file(r->draft, r, found.gl_pathv[i], true,
			    &r->at);
		globfree(&found);
		break;
	case GLOB_NOMATCH:
		/* A directory of snippets may be empty. */
		break;
	default:
		complain(r->draft->complaints, &r->at, "include: cannot look "
		    "for '%.200s': %s", path, strerror(errno));
	}
}

static void
read_include(struct reader *r, const struct keyword *k,
    const struct words *words)
{
	const char *path;

	if (check_value(r, k, words, &path) == -1)
		return;
	if (r->depth >= DEPTH_MAX)
		complain(r->draft->complaints, &r->at, "include: more than "
		    "%d files deep", DEPTH_MAX);
	else if (is_pattern(words->word[1].text))
		read_pattern(r, words->word[1].text, path);
	else
		(void)read_file(r->draft, r, path, true, &r->at);
}

static void
unknown_keyword(const struct reader *r, const struct word *w)
{
	const char *near = strlen(w->text) == w->len ?
	    keyword_near(w->text) : NULL;

	/* It may have been what is now missing. */
	r->draft->into->is_unclear = true;
	if (near != NULL)
		complain(r->draft->complaints, &r->at, "unknown keyword "
		    "'%.40s'; did you mean '%s'?", w->text, near);
	else
		complain(r->draft->complaints, &r->at, "unknown keyword "
		    "'%.40s'; man smiled.conf lists all", w->text);
}

/* The line that r->at tells of. */
static void
read_line(struct reader *r, const char *line, size_t len)
{
	struct draft *d = r->draft;
	const struct keyword *k;
	struct words words;

	r->at.column = 0;
	if (words_split(&words, line, len, d->arena, &r->at,
	    d->complaints) == -1) {
		d->into->is_unclear = true;
		return;
	}
	if (words.n == 0)
		return;
	r->at.column = words.word[0].column;
	if (d->lines++ == LINES_MAX)
		complain(d->complaints, &r->at, "more than %d lines that say "
		    "something; the rest was not read", LINES_MAX);
	if (d->lines > LINES_MAX)
		return;
	k = strlen(words.word[0].text) == words.word[0].len ?
	    keyword_find(words.word[0].text) : NULL;
	if (k == NULL)
		unknown_keyword(r, &words.word[0]);
	else if (k->type == &type_service)
		read_service(r, k, &words);
	else if (k->type == &type_include)
		read_include(r, k, &words);
	else
		read_setting(r, k, &words);
}

/* The place of a byte, told by where it is in the text. */
static bool
has_nul(struct reader *r)
{
	const char *text = r->source->text;
	const char *nul = memchr(text, '\0', r->source->len);

	if (nul == NULL)
		return false;
	r->at.line = 1;
	for (const char *p = text; (p = memchr(p, '\n',
	    (size_t)(nul - p))) != NULL; p++) {
		r->at.line++;
		text = p + 1;
	}
	r->at.column = (unsigned)(nul - text) + 1;
	complain(r->draft->complaints, &r->at, "a NUL byte; this is not a "
	    "file of text");
	return true;
}

/* Line by line; a carriage return at the end of one belongs to it. */
static void
read_lines(struct reader *r)
{
	static const char mark[] = "\xef\xbb\xbf";	/* of UTF-8 */
	const char *p = r->source->text, *end = p + r->source->len;

	if (has_nul(r))
		return;
	if (r->source->len >= 3 && memcmp(p, mark, 3) == 0)
		p += 3;
	for (r->at.line = 1; p < end; r->at.line++) {
		const char *newline = memchr(p, '\n', (size_t)(end - p));
		size_t len = (size_t)((newline != NULL ? newline : end) - p);

		if (len > 0 && p[len - 1] == '\r')
			read_line(r, p, len - 1);
		else
			read_line(r, p, len);
		p += len + 1;
	}
}

/* Whether the file is one of those that led to it. */
static bool
is_circle(const struct reader *r, const struct source *s)
{
	for (; r != NULL; r = r->outer)
		if (r->source != NULL && r->source->dev == s->dev &&
		    r->source->ino == s->ino)
			return true;
	return false;
}

/* The directory of an absolute path. */
static const char *
dir_of(struct draft *d, const char *path)
{
	return arena_copy(d->arena, path,
	    (size_t)(strrchr(path, '/') - path));
}

/*
 * asked_by: the line that includes it; NULL: the first file.  What is wrong
 * with the file as such is complained of there.
 */
static bool
read_file(struct draft *d, const struct reader *outer, const char *path,
    bool must_exist, const struct origin *asked_by)
{
	const struct origin here = { .file = path };
	struct reader r = {
		.outer = outer, .draft = d,
		.depth = outer != NULL ? outer->depth + 1 : 0
	};
	struct source source;
	const char *why;

	if (asked_by == NULL)
		asked_by = &here;
	if (d->files++ == FILES_MAX)
		complain(d->complaints, asked_by, "include: more than %d "
		    "files in all", FILES_MAX);
	if (d->files > FILES_MAX)
		return false;
	if (source_read(&source, path, &why) == -1) {
		if (must_exist || errno != ENOENT)
			complain(d->complaints, asked_by, "cannot read "
			    "'%.200s': %s", path, why);
		return false;
	}
	d->complaints->has_file = true;
	r.source = &source;
	r.dir = dir_of(d, path);
	r.at.file = arena_copy(d->arena, path, strlen(path));
	if (r.dir == NULL || r.at.file == NULL)
		no_memory(&r);
	else if (is_circle(outer, &source))
		complain(d->complaints, asked_by, "include: '%.200s' includes "
		    "itself", path);
	else
		read_lines(&r);
	source_free(&source);
	return true;
}

bool
draft_add_file(struct draft *d, const char *path, bool must_exist)
{
	return read_file(d, NULL, path, must_exist, NULL);
}

void
draft_add_said(struct draft *d, const char *line, const char *said_by,
    const char *dir)
{
	struct reader r = {
		.draft = d, .dir = dir, .at = { .file = said_by }
	};

	if (!d->is_said)
		d->into = &d->head;
	d->is_said = true;
	read_line(&r, line, strlen(line));
}

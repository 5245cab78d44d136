/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See complaint.h.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/die.h"
#include "base/text.h"
#include "conf/complaint.h"

void
complaints_init(struct complaints *c)
{
	c->n = 0;
	c->has_file = c->in_file = false;
}

static void
add_place(struct text *line, const struct origin *origin)
{
	if (origin->file == NULL)
		return;
	text_add(line, "%s", origin->file);
	if (origin->line > 0)
		text_add(line, ":%u", origin->line);
	if (origin->line > 0 && origin->column > 0)
		text_add(line, ":%u", origin->column);
	text_add(line, ": ");
}

void
complain(struct complaints *c, const struct origin *origin,
    const char *fmt, ...)
{
	char message[COMPLAINT_MAX];
	struct text text, line;
	va_list ap;

	if (origin->file == NULL ? c->has_file : origin->file[0] == '/')
		c->in_file = true;
	if (c->n++ >= COMPLAINTS_KEPT)
		return;
	text_init(&text, message, sizeof message);
	va_start(ap, fmt);
	text_add_list(&text, fmt, ap);
	va_end(ap);
	text_init(&line, c->line[c->n - 1], COMPLAINT_MAX);
	add_place(&line, origin);
	text_add(&line, "%s", message);
}

unsigned
complaints_kept(const struct complaints *c)
{
	return c->n < COMPLAINTS_KEPT ? c->n : COMPLAINTS_KEPT;
}

const char *
complaints_summary(const struct complaints *c, char *buf, size_t size)
{
	struct text text;

	text_init(&text, buf, size);
	text_add(&text, "%u error%s", c->n, c->n == 1 ? "" : "s");
	if (c->n > COMPLAINTS_KEPT)
		text_add(&text, " (the first %d are shown)", COMPLAINTS_KEPT);
	text_add(&text, "; configuration not used");
	return buf;
}

/* A line as compilers and editors know it; or with our name, if no file. */
static void
say_complaint(const char *line)
{
	if (line[0] == '/')
		say_bare(line);
	else
		say("%s", line);
}

void
complaints_say(const struct complaints *c)
{
	char summary[96];

	for (unsigned i = 0; i < complaints_kept(c); i++)
		say_complaint(c->line[i]);
	if (c->in_file)
		say_complaint(complaints_summary(c, summary, sizeof summary));
}

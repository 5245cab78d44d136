/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See json.h.  Bytes that are not ASCII are written as if they were Latin-1:
 * names of files may be any, and the output must be valid.
 */
#include "board/json.h"

static void
write_text(FILE *f, const char *s)
{
	fputc('"', f);
	for (; *s != '\0'; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c < ' ' || c >= 0x7f)
			fprintf(f, "\\u%04x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

/* What stands before a value. */
static void
begin(struct json *j, const char *name)
{
	if (j->is_after)
		fputc(',', j->f);
	j->is_after = 1;
	if (name != NULL) {
		write_text(j->f, name);
		fputc(':', j->f);
	}
}

void
json_open(struct json *j, const char *name, char brace)
{
	begin(j, name);
	fputc(brace, j->f);
	j->is_after = 0;
}

void
json_close(struct json *j, char brace)
{
	fputc(brace, j->f);
	j->is_after = 1;
}

void
json_text(struct json *j, const char *name, const char *value)
{
	begin(j, name);
	write_text(j->f, value);
}

void
json_number(struct json *j, const char *name, int64_t value)
{
	begin(j, name);
	fprintf(j->f, "%" PRId64, value);
}

void
json_seconds(struct json *j, const char *name, int64_t ms)
{
	begin(j, name);
	fprintf(j->f, "%" PRId64 ".%03d", ms / 1000, (int)(ms % 1000));
}

void
json_null(struct json *j, const char *name)
{
	begin(j, name);
	fputs("null", j->f);
}

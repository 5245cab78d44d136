/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * JSON, written (RFC 8259) and never read.
 */
#ifndef BOARD_JSON_H
#define BOARD_JSON_H

#include <inttypes.h>
#include <stdio.h>

/* What is being written; a comma is due before the next thing, or not. */
struct json {
	FILE	*f;
	int	 is_after;	/* something, in the same braces */
};

/* Braces or brackets: a name, or NULL in a list and at the top. */
void	json_open(struct json *, const char *name, char brace);
void	json_close(struct json *, char brace);

void	json_text(struct json *, const char *name, const char *value);
void	json_number(struct json *, const char *name, int64_t value);
void	json_seconds(struct json *, const char *name, int64_t ms);
void	json_null(struct json *, const char *name);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See line.h.
 */
#include <stdlib.h>
#include <string.h>

#include "tools/line.h"

char *
line_of(const char *text)
{
	size_t len = strlen(text);
	char *line = malloc(len + 2);

	if (line == NULL)
		return NULL;
	memcpy(line, text, len + 1);
	if (len == 0 || text[len - 1] != '\n')
		memcpy(line + len, "\n", 2);
	return line;
}

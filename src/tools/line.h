/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A TEXT of the command line means a line: with a newline at its end, whether
 * the user wrote one or not.
 */
#ifndef TOOLS_LINE_H
#define TOOLS_LINE_H

/* A copy of text that ends in a newline; free() it.  NULL and ENOMEM. */
char	*line_of(const char *text);

#endif

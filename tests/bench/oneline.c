/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The least a program can do for a client: one line, and the end.  Linked
 * statically if possible, so that what is measured is how it is started.
 */
#include <unistd.h>

static const char message[] = "Smile from the server\n";

int
main(void)
{
	const size_t len = sizeof message - 1;

	return write(STDOUT_FILENO, message, len) == (ssize_t)len ? 0 : 1;
}

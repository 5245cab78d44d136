/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The Test Anything Protocol, as much of it as a unit test needs.
 */
#ifndef UNIT_TAP_H
#define UNIT_TAP_H

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>

struct tap {
	int	done;
	int	failed;
};

/* One test with its name; returns whether it passed. */
static inline bool __attribute__((format(printf, 3, 4)))
ok(struct tap *tap, bool passed, const char *fmt, ...)
{
	va_list ap;

	printf("%sok %d - ", passed ? "" : "not ", ++tap->done);
	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	(void)fflush(stdout);
	tap->failed += !passed;
	return passed;
}

/* The plan, at the end; the status to exit with. */
static inline int
tap_end(const struct tap *tap)
{
	printf("1..%d\n", tap->done);
	return tap->failed > 0;
}

#endif

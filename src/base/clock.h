/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Time.  A moment is milliseconds of CLOCK_MONOTONIC in an int64_t, which a
 * change of the wall clock does not touch; a deadline is a moment, and
 * CLOCK_NEVER is later than all others.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include <stdint.h>
#include <time.h>

#define CLOCK_NEVER	INT64_MAX

/* Now. */
int64_t	clock_now(void);

/* The moment that is ms after now; CLOCK_NEVER stays what it is. */
int64_t	clock_after(int64_t now, int64_t ms);

/* The earlier of two moments. */
int64_t	clock_earlier(int64_t, int64_t);

/* How long from now to due, for ppoll(2); NULL, for ever, if never. */
struct timespec	*clock_left(int64_t now, int64_t due, struct timespec *);

/* The same for poll(2): milliseconds, or -1. */
int	clock_left_ms(int64_t now, int64_t due);

#endif

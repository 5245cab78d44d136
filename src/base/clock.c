/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See clock.h.
 */
#include <limits.h>
#include <stddef.h>

#include "base/clock.h"

int64_t
clock_now(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

int64_t
clock_after(int64_t now, int64_t ms)
{
	return ms >= CLOCK_NEVER - now ? CLOCK_NEVER : now + ms;
}

int64_t
clock_earlier(int64_t a, int64_t b)
{
	return a < b ? a : b;
}

struct timespec *
clock_left(int64_t now, int64_t due, struct timespec *ts)
{
	int64_t ms = due > now ? due - now : 0;

	if (due == CLOCK_NEVER)
		return NULL;
	ts->tv_sec = (time_t)(ms / 1000);
	ts->tv_nsec = (long)(ms % 1000) * 1000000;
	return ts;
}

int
clock_left_ms(int64_t now, int64_t due)
{
	if (due == CLOCK_NEVER)
		return -1;
	if (due <= now)
		return 0;
	return due - now > INT_MAX ? INT_MAX : (int)(due - now);
}

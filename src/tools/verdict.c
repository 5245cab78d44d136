/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See verdict.h.
 */
#include <errno.h>
#include <string.h>

#include "tools/verdict.h"

const char *
verdict_name(enum verdict verdict)
{
	static const char *const names[VERDICT_COUNT] = {
		[VERDICT_OK] = "ok",
		[VERDICT_REFUSED] = "refused",
		[VERDICT_RESET] = "reset",
		[VERDICT_SHORT] = "short",
		[VERDICT_WRONG] = "wrong",
		[VERDICT_TIMEOUT] = "timeout"
	};

	return verdict < VERDICT_COUNT ? names[verdict] : "none";
}

bool
verdict_agrees(const struct verdict_reply *want, size_t so_far,
    const char *buf, size_t n)
{
	return n <= want->len - so_far &&
	    memcmp(want->text + so_far, buf, n) == 0;
}

enum verdict
verdict_at_end(const struct verdict_reply *want, size_t so_far)
{
	return so_far == want->len ? VERDICT_OK : VERDICT_SHORT;
}

enum verdict
verdict_of_error(int error)
{
	switch (error) {
	case ECONNREFUSED:
	case EHOSTUNREACH:
	case EHOSTDOWN:
	case ENETUNREACH:
	case ENETDOWN:
	case ENOENT:		/* the path of a unix socket */
		return VERDICT_REFUSED;
	case ECONNRESET:
	case ECONNABORTED:
	case EPIPE:
		return VERDICT_RESET;
	case ETIMEDOUT:
		return VERDICT_TIMEOUT;
	default:
		return VERDICT_NONE;
	}
}

enum status
verdict_status(const uint64_t counts[VERDICT_COUNT])
{
	uint64_t bad = 0;

	for (int i = 0; i < VERDICT_COUNT; i++)
		if (i != VERDICT_OK)
			bad += counts[i];
	if (bad == 0)
		return counts[VERDICT_OK] > 0 ? STATUS_OK : STATUS_OTHER;
	if (bad == counts[VERDICT_TIMEOUT])
		return STATUS_TIMED_OUT;
	if (bad == counts[VERDICT_REFUSED])
		return STATUS_UNAVAILABLE;
	return STATUS_PROTOCOL;
}

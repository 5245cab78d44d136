/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a connection of the load generator is worth.  Every claim that the
 * server loses nothing rests on these few functions, so they are kept apart:
 * they open nothing, wait for nothing and say nothing.
 */
#ifndef TOOLS_VERDICT_H
#define TOOLS_VERDICT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

enum verdict {
	VERDICT_OK,		/* all that was expected, then end of file */
	VERDICT_REFUSED,	/* no connection came about */
	VERDICT_RESET,		/* a connection that ended otherwise than by
				   end of file, whatever had come by then */
	VERDICT_SHORT,		/* end of file before all had come */
	VERDICT_WRONG,		/* other bytes than expected, or more */
	VERDICT_TIMEOUT,	/* nothing of this in time */
	VERDICT_COUNT,
	VERDICT_NONE = VERDICT_COUNT	/* not the server's doing */
};

/* The reply that is expected, and its length. */
struct verdict_reply {
	const char	*text;
	size_t		 len;
};

/* "ok", "refused" ...: the words of smilebench(1). */
const char	*verdict_name(enum verdict);

/*
 * Of a reply so far as expected, which has so many bytes already, do the next
 * n in buf go on as expected?  If not, the verdict is VERDICT_WRONG.
 */
bool		verdict_agrees(const struct verdict_reply *, size_t so_far,
		    const char *buf, size_t n);

/* End of file came after so many bytes that agreed. */
enum verdict	verdict_at_end(const struct verdict_reply *, size_t so_far);

/*
 * What an errno of connect(2) or recv(2) says of the server: VERDICT_NONE if
 * it says nothing of it, but of us or our system.
 */
enum verdict	verdict_of_error(int error);

/* The exit status, given how many connections had each verdict. */
enum status	verdict_status(const uint64_t counts[VERDICT_COUNT]);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * One conversation: input goes to a connected socket, what the socket brings
 * goes to output, both at once and as it comes, until the other side has
 * closed.  Neither direction waits for the other, so a server that answers
 * before it has read everything cannot bring about a deadlock, and memory is
 * one buffer each way.  Knows nothing of addresses, and says nothing.
 */
#ifndef TOOLS_TALK_H
#define TOOLS_TALK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "tools/match.h"

#define TALK_BUFFER	65536

enum talk_end {
	TALK_GOING_ON,
	TALK_CLOSED,		/* end of file, and all is written */
	TALK_BROKEN,		/* the connection: error tells why */
	TALK_TIMED_OUT,
	TALK_INPUT_FAILED,	/* error tells why, here and below */
	TALK_OUTPUT_FAILED
};

struct talk {
	int		 sock;
	int		 in;		/* -1: at its end, or none */
	int		 out;
	size_t		 out_most;	/* bytes in one write */
	bool		 sending;	/* our half of it is still open */
	bool		 receiving;	/* so is theirs */
	int		 error;		/* the first; 0: none */
	uint64_t	 sent, received;	/* bytes */
	struct match	*match;		/* is shown all that comes, or NULL */

	/* What still has to go to the socket, and to output. */
	const char	*to_sock, *to_out;
	size_t		 to_sock_left, to_out_left;
	char		 from_in[TALK_BUFFER], from_sock[TALK_BUFFER];
};

/*
 * sock is connected and non-blocking; in and out may block, and their flags
 * are left alone, for other processes may share them.  All three stay the
 * caller's.  What is sent is all of in up to its end; or, if message is not
 * NULL, its len bytes, which stay the caller's too, and in is not read.  If
 * sock has told of an error already, set error to it before the talk.
 */
void		talk_init(struct talk *, int sock, int in, int out,
		    const char *message, size_t len);

/*
 * Hold the conversation until its end or the deadline.  Everything that came
 * before the connection broke has been written then.
 */
enum talk_end	talk_run(struct talk *, int64_t deadline);

#endif

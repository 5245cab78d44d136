/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A live upgrade: the program is started again beside the server that runs,
 * with its listening sockets, and when it can serve, takes its place.  This
 * is the old master's side; heir.h is the new one's.
 *
 * Until the new master has confirmed that it has everything, the old one can
 * go back, and does, whatever happens to the new one: it then serves on as if
 * nothing had been.  Afterwards it only waits for its workers' last
 * connections.
 */
#ifndef MASTER_UPGRADE_H
#define MASTER_UPGRADE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/text.h"
#include "board/layout.h"

enum upgrade_step {
	UPGRADE_NONE,
	UPGRADE_STARTING,	/* it has not said that it could serve */
	UPGRADE_GOING,		/* it was told to, and has not said it does */
	UPGRADE_HEARING,	/* it does; our workers were told to leave */
	UPGRADE_GIVING,		/* none of ours accepts; it takes the rest */
	UPGRADE_OVER		/* it is the server */
};

struct upgrade {
	enum upgrade_step	step;
	bool			is_wanted;	/* as soon as that can be */
	pid_t			pid;		/* the new master; 0: none */
	int			control;	/* to it; -1 */
	int64_t			due;		/* the end of patience */
	int			hearing;	/* hangs up when none of ours
						 * can accept; -1 */
	bool			stop_wanted;	/* it is to be told so */
	struct text		said;		/* by it: what is wrong */
	char			buf[BOARD_TEXT_MAX / 2];
};

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How reloads and upgrades went: written by the master, read by whoever has
 * asked for one.
 */
#ifndef BOARD_LEDGER_H
#define BOARD_LEDGER_H

#include <stdbool.h>

#include "board/layout.h"

/* How one ended, as far as that is known. */
struct board_told {
	unsigned		number;
	enum board_verdict	verdict;
	int64_t			at;	/* clock_now() of then */
	char			text[BOARD_TEXT_MAX];
};

/* One has begun. */
void	ledger_begin(struct board_ledger *);

/* It has its verdict; text is cut to BOARD_TEXT_MAX. */
void	ledger_end(struct board_ledger *, enum board_verdict,
	    const char *text);

/*
 * The verdict on the one of this number.  false: there is none, or it is just
 * being written, or was long ago.
 */
bool	ledger_read(const struct board_ledger *, unsigned number,
	    struct board_told *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How much a line of the log matters.
 */
#ifndef BASE_LEVEL_H
#define BASE_LEVEL_H

enum level {
	LEVEL_BUG,		/* what must not happen; report it to us */
	LEVEL_ERROR,		/* something was lost or does not work */
	LEVEL_WARN,		/* something is odd, and was coped with */
	LEVEL_INFO,		/* what an administrator did or wants to know */
	LEVEL_DEBUG
};

#endif

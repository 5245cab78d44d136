/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a server does, live: a screen that is drawn anew each second; where
 * there is no terminal, a line each second.
 */
#ifndef TOOLS_TOP_H
#define TOOLS_TOP_H

#include "tools/steer.h"

/* Until 'q' is pressed, or the server has ended. */
enum status	top_run(const struct order *);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A view as text for people, or as JSON: the same for smilectl and for the
 * status service.
 */
#ifndef BOARD_SHOW_H
#define BOARD_SHOW_H

#include <stdio.h>

#include "board/view.h"

/* One screen: what the server is, serves, and how busy it is. */
void	show_status(FILE *, const struct view *);
void	show_status_json(FILE *, const struct view *);

/* A row for each worker. */
void	show_workers(FILE *, const struct view *);
void	show_workers_json(FILE *, const struct view *);

/* A verdict, all its lines. */
void	show_verdict_json(FILE *, const struct board_told *);

/* "3h 12m", "4.2s": of milliseconds. */
#define SHOW_TIME_MAX	24
const char	*show_time(int64_t ms, char *buf);

#endif

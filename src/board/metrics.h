/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * A view as figures for monitoring: OpenMetrics text, version 1.0.0.
 */
#ifndef BOARD_METRICS_H
#define BOARD_METRICS_H

#include <stdio.h>

#include "board/view.h"

/* What it is called in HTTP. */
#define METRICS_TYPE \
    "application/openmetrics-text; version=1.0.0; charset=utf-8"

void	show_metrics(FILE *, const struct view *);

#endif

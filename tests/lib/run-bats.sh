#!/bin/sh
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# Run one file of shell tests for automake's TAP driver; with SMILED_FILTER only
# those whose names it matches.  Without bats, say so in TAP: the file is
# skipped, and the build does not fail for it.
if [ -z "$BATS" ]; then
	echo '1..0 # SKIP bats not found (package bats)'
	exit 0
fi
exec "$BATS" --tap ${SMILED_FILTER:+--filter "$SMILED_FILTER"} "$@"

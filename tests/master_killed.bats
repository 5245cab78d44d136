#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the master is killed, and its workers stay behind with the port, or
# leave in the middle of a reply; or no new server can start.

load lib/harness

@test "killed -9 under load: no worker left, a new start works at once" {
	for round in 1 2 3 4 5; do
		# Nobody else is given the port while it is free.
		server_start -p "$(free_port)" -w 4
		smilebench -c 8 -d 1s localhost "$PORT" \
		    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
		bench=$!
		eventually "$LONG" grep -q . "/proc/$bench/stat"
		for _ in $(seq "$round"); do
			pause
		done
		port=$PORT sid=$SID
		kill -KILL "$PID"
		wait "$PID" || true
		eventually "$LONG" session_is_empty "$sid"
		server_start -p "$port" -w 2
		smile localhost "$PORT"
		wait "$bench" || true
		# A connection that a worker held is finished, not cut.
		[ "$(awk '$1 ~ /^(short|wrong)$/ { n += $2 }
		    END { print n + 0 }' "$BATS_TEST_TMPDIR/bench")" -eq 0 ]
		server_stop
	done
	left_board=1
}

@test "killed -9 with a connection in hand: the reply comes whole" {
	server_start -P "$testbin/bigsmile" -w 1 3000000
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec {go}<>"$BATS_TEST_TMPDIR/go"
	odd rcvbuf=4096 told=1 <&"$go" >"$BATS_TEST_TMPDIR/got" \
	    3>&- {never}>&- &
	client=$!
	eventually "$LONG" board_is serving 1
	kill -KILL "$PID"
	wait "$PID" || true
	echo go >&"$go"
	wait "$client"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -eq 3000000 ]
	eventually "$LONG" session_is_empty "$SID"
	left_board=1
}

@test "killed -9 while it forks: no worker misses its death" {
	for _ in $(seq 8); do
		server_launch -w 64
		eventually "$LONG" test -s "$LOG" -o -e "$RUN/smiled.board"
		kill -KILL "$PID"
		wait "$PID" || true
		eventually "$LONG" session_is_empty "$SID"
		exec {ready}>&-
	done
	left_board=1
}

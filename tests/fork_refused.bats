#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the system refuses a process, at the worst moment, and the server
# ends, half a generation stays, or a place stays empty when there is room
# again.

# What Perl makes of JSON is for Perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness

# from_now_on FIRST: the master's forks fail, from the one of that number on.
from_now_on() {
	need_strace
	strace -qq -o /dev/null -e trace=clone,clone3,fork,vfork \
	    -e "inject=clone,clone3,fork,vfork:error=EAGAIN:when=$1+" \
	    -p "$PID" 3>&- {never}>&- 2>"$BATS_TEST_TMPDIR/strace" &
	tracer=$!
	eventually "$LONG" is_traced "$PID"
}

# And no more.  A signal that just comes, as of a child that dies, is lost when
# the tracer lets go.
until_now() {
	kill -INT "$tracer"
	wait "$tracer" || true
	eventually "$LONG" is_untraced "$PID"
}

reason="cannot fork a worker for smile/[0-9]+: Resource temporarily unavailable"

# launch_without N [ARG...]: the Nth fork of a server fails, at its start.
launch_without() {
	need_strace
	SMILED_WRAP="strace -D -qq -o /dev/null
	    -e trace=clone,clone3,fork,vfork
	    -e inject=clone,clone3,fork,vfork:error=EAGAIN:when=$1"
	shift
	server_launch "$@"
	SMILED_WRAP=
}

@test "at the start, any of the workers: it does not start, nothing is left" {
	local n
	# The first is the log process.
	for n in 2 3 6; do
		launch_without "$n" -w 5
		exec {ready}>&-
		STATUS=0
		eventually "$LONG" is_gone "$PID"
		wait "$PID" || STATUS=$?
		[ "$STATUS" -eq 71 ]
		log_has "cannot start: $reason"
		run ! log_has 'listening on'
	done
}

@test "at the start, the log process: it is tried again" {
	launch_without 1 -w 2
	server_wait_ready
	log_has "cannot fork the log process: Resource temporarily unavailable"
	is_served
	[ -n "$(log_process)" ]
	server_stop
}

@test "at a reload: refused with the reason, the old ones serve on" {
	local before first n=0
	server_start -w 4
	before=$(workers)
	for first in 1 4; do
		from_now_on "$first"
		run ctl reload
		[ "$status" -ne 0 ]
		grep -Eq "refused: $reason" <<<"$output"
		# Also those who have no name yet.
		eventually "$LONG" session_has 6
		until_now
		n=$((n + 1))
		eventually "$LONG" log_has_times "$n" ' error reload refused: '
		[ "$(workers)" = "$before" ]
		[ "$(board generation)" -eq 1 ]
		is_served
	done
	# And then it works.
	run -0 ctl reload
	[ "$(board generation)" -eq 2 ]
	eventually "$LONG" worker_count_is 4
	server_stop
}

tries() {
	grep -Ec "$reason" "$LOG" || true
}

tries_are() {
	[ "$(tries)" -ge "$1" ]
}

backing_off_is() {
	[ "$(status "\$j->{workers}{'backing off'}")" -eq "$1" ]
}

@test "when a dead one is to be replaced: the others serve, tried ever later" {
	server_start -w 4
	from_now_on 1
	# shellcheck disable=SC2046
	kill -KILL $(workers 1) $(workers 2)
	eventually "$LONG" tries_are 5
	backing_off_is 2
	ctl status | grep -Eq ': 2 of 4 backing off; next try in '
	smilebench -c 4 -n 100 localhost "$PORT"
	# It hears what it is told.
	run ctl reload
	[ "$status" -ne 0 ]
	until_now
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" backing_off_is 0
	# 0.1 s, 0.2 s, 0.4 s: it was not tried without pause.
	[ "$(sed -n 's/.*smile\/1: trying again in \(.*\) s/\1/p' "$LOG" |
	    awk '$1 > 0.13 { n++ } END { print n + 0 }')" -ge 1 ]
	smilebench -c 4 -n 100 localhost "$PORT"
	server_stop
}

@test "all of them dead, and nobody to be had: who comes waits, and is served" {
	server_start -w 2
	from_now_on 1
	# shellcheck disable=SC2046
	kill -KILL $(workers)
	eventually "$LONG" tries_are 4
	backing_off_is 2
	timeout "$LONG" smile localhost "$PORT" >"$BATS_TEST_TMPDIR/got" \
	    3>&- {never}>&- &
	client=$!
	eventually "$LONG" queue_is 1
	until_now
	wait "$client"
	grep -qx 'Smile from the server' "$BATS_TEST_TMPDIR/got"
	eventually "$LONG" worker_count_is 2
	server_stop
}

@test "all of them dead, nobody to be had, and TERM: it ends all the same" {
	# One that looks for leaks at its end needs a process for that.
	let_leaks_be
	for signal in TERM INT; do
		server_start -w 2 -o 'stop-timeout 6s'
		from_now_on 1
		# shellcheck disable=SC2046
		kill -KILL $(workers)
		eventually "$LONG" tries_are 2
		kill "-$signal" "$PID"
		eventually "$LONG" is_gone "$PID"
		STATUS=0
		wait "$PID" || STATUS=$?
		[ "$STATUS" -eq 0 ]
		wait "$tracer" || true
	done
}

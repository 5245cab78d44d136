#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a clock that is not as most clocks are makes a deadline come at once
# or never.  The time of day jumps; the clock that never jumps has run for a
# lifetime, or has only just begun.  (That nothing is measured by the time of day
# is also a rule of the house, lint/house.bats.)

load lib/harness

# start_at SECONDS: a server in whose world the monotonic clock shows this.  PID
# is unshare's, FIRST the server.
start_at() {
	local up shift
	up=$(awk '{ print int($1) }' /proc/uptime)
	shift=$(($1 - up))
	[ "$(id -u)" -eq 0 ] || skip "only root can set a clock"
	unshare -Tf --monotonic "$shift" true 2>/dev/null ||
	    skip "no namespaces of time here"
	let_leaks_be
	SMILED_WRAP="unshare -Tf --monotonic $shift --kill-child"
	server_launch -f "$CONF"
	eventually "$LONG" log_has 'smiled: listening on .*, pid'
	exec {ready}>&-
	FIRST=$(sed -n 's/.*smiled: listening on .*, pid //p' "$LOG")
}

# A client of the silent service, which ends it after idle-timeout.
is_ended_when_idle() {
	local begin conn
	begin=$(now_ms)
	exec {conn}<>"/dev/tcp/127.0.0.1/$(port_for echo)"
	read -rt "$LONG" -u "$conn" _ || [ $? -eq 1 ]
	exec {conn}>&-
	[ $(($(now_ms) - begin)) -ge 250 ]
}

@test "a clock that has run for sixty years, and one that has just begun" {
	local at victim
	configure "start-timeout ${LONG}s
	service smile
	    listen 127.0.0.1:0
	    workers 2
	    send \"Smile from the server\\n\"
	service echo
	    listen 127.0.0.1:0
	    workers 1
	    echo
	    idle-timeout 300ms
	service app
	    listen 127.0.0.1:0
	    workers 1
	    run /bin/sleep 1000
	    ready 50ms"
	for at in 2000000000 1; do
		start_at "$at"
		is_served "$(port_for smile)"
		is_ended_when_idle
		victim=$(workers 1)
		kill -KILL "$victim"
		eventually "$LONG" log_has "worker smile/1 .* was killed by signal KILL"
		eventually "$LONG" worker_count_is 2
		kill -HUP "$FIRST"
		eventually "$LONG" log_has 'reload (accepted|refused)'
		log_has 'reload accepted'
		is_served "$(port_for smile)"
		run ! log_has 'not ready|in time'
		exec {conn}<>"/dev/tcp/127.0.0.1/$(port_for smile)"
		kill -TERM "$FIRST"
		exec {conn}>&-
		server_wait_end
		log_has ' info stopped'
	done
}

# jump SECONDS N: the time of day is wrong by so much from now on; this is the
# Nth reload.
jump() {
	echo "$1" >"$BIGSMILE_SHIFT"
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_done "$2"
	# It is so, as the log has it.
	eventually "$LONG" log_has "^$(date -u -d "$1 seconds" +%Y-%m).* info \
reload accepted: generation $(($2 + 1)),"
	[ "$(odd | wc -c)" -eq 3000000 ]
}

@test "the time of day jumps by a year, on and back: no time is up, or never" {
	export BIGSMILE_SHIFT=$BATS_TEST_TMPDIR/shift
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	server_start -P "$testbin/bigsmile" -w 1 3000000
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec {go}<>"$BATS_TEST_TMPDIR/go"
	odd told=1 <"$BATS_TEST_TMPDIR/go" >"$BATS_TEST_TMPDIR/held" \
	    3>&- {never}>&- {go}>&- &
	held=$!
	eventually "$LONG" board_is serving 1
	jump 31536000 1
	jump -31536000 2
	jump 0 3
	# Who came before all that, and has a worker of that time.
	# shellcheck disable=SC2016
	[ "$(ctl workers --json | json 'scalar grep { $_->{state} eq "retiring" }
	    @$j')" -eq 1 ]
	echo >&"$go"
	wait "$held"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/held")" -eq 3000000 ]
	run ! log_has ' (warn|error)'
	server_stop
	# And what should end does.
	server_start -P "$testbin/bigsmile" -w 1 -o 'idle-timeout 300ms' 3000000
	odd_hold
	jump -31536000 1
	eventually "$LONG" board_is idle 1
	odd_let_go
	server_stop
	rm "$BIGSMILE_SHIFT"
}

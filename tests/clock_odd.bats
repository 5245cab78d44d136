#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a clock that is not as most clocks are makes a deadline come at once
# or never.  That nothing is measured by the time of day, which may jump, is a
# rule of the house (lint/house.bats); here the clock that never jumps has run
# for a lifetime, or has only just begun.

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

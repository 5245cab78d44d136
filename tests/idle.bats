#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a server that has nothing to do does something.

load lib/harness

# The context switches of every process of the server, added up.
switches() {
	local pid
	for pid in $(session_pids "$SID"); do
		cat "/proc/$pid/status"
	done | awk '/ctxt_switches/ { n += $2 } END { print n }'
}

# Somebody who is kept from running does not switch either.
all_asleep() {
	local pid
	for pid in $(session_pids "$SID"); do
		is_asleep "$pid" || return 1
	done
}

at_rest() {
	local before
	before=$(switches)
	pause
	pause
	all_asleep && [ "$(switches)" -eq "$before" ]
}

# Let the time pass that this test is about.
let_pass() {
	local end=$(($(now_ms) + $1 * 1000))
	while [ "$(now_ms)" -lt "$end" ]; do
		pause
	done
}

@test "no wake-up of any process in 10 s" {
	server_start -w 4
	smile localhost "$PORT"
	kill -HUP "$PID"
	eventually "$LONG" log_has 'reload accepted'
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" at_rest
	before=$(switches)
	let_pass 10
	[ "$(switches)" -eq "$before" ]
	server_stop
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: one worker that is stopped (SIGSTOP, a debugger) swallows clients,
# or keeps a reload or a stop from ending; a stopped master keeps clients from
# being served.

load lib/harness

@test "the others serve all" {
	server_start -w 4
	hold "$(workers 2)"
	eventually "$LONG" log_has 'worker smile/2 .* was stopped by signal STOP'
	smilebench -c 4 -n 500 localhost "$PORT"
	let_go "$(workers 2)"
	eventually "$LONG" log_has 'worker smile/2 .* goes on'
	server_stop
}

@test "a reload ends, and the old one leaves when it is continued" {
	server_start -w 2
	stopped=$(workers 1)
	hold "$stopped"
	kill -HUP "$PID"
	eventually "$LONG" log_has 'reload accepted: generation 2'
	smilebench -c 4 -n 200 localhost "$PORT"
	eventually "$LONG" worker_count_is 3
	let_go "$stopped"
	eventually "$LONG" is_gone "$stopped"
	server_stop
}

@test "a stop ends within stop-timeout" {
	server_start -w 2 -o 'stop-timeout 2s'
	hold "$(workers 1)"
	begin=$(now_ms)
	server_stop
	took=$(($(now_ms) - begin))
	[ "$took" -ge 1500 ]
	[ "$took" -le $((9000 * ${SMILED_SLOW:-1})) ]
	log_has 'worker smile/1 .* did not leave in time; killed'
}

@test "INT ends a stopped one, too, and soon" {
	server_start -w 2
	hold "$(workers 1)"
	begin=$(now_ms)
	server_stop INT
	# A graceful stop would take all of stop-timeout.
	[ $(($(now_ms) - begin)) -lt $((LONG * 1000)) ]
}

@test "a stopped master: its workers serve on" {
	server_start -w 2
	hold "$PID"
	smilebench -c 4 -n 500 localhost "$PORT"
	let_go "$PID"
	server_stop
}

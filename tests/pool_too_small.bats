#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: clients wait for a worker although there may be more of them.

# What the JSON says is for Perl.
# shellcheck disable=SC2016

load lib/harness
load lib/pools

start() {
	server_start -f "$CONF"
}

@test "many slow clients at once: all are served, by no more than are needed" {
	echo_with 'workers 2..60'
	start
	[ "$(workers | wc -l)" -eq 2 ]
	slow 40
	eventually "$LONG" serves "$slow" 40
	eventually "$LONG" ready_is 42
	# One who came while others were counted may have been counted twice.
	[ "$(wanted)" -ge 42 ]
	[ "$(wanted)" -le 46 ]
	[ "$(lost "$slow")" -eq 0 ]
	go "$slow"
	server_stop
}

@test "those who wait in the queue are counted: the pool grows in one step" {
	echo_with 'workers 2..60'
	server_start -f "$CONF" -v
	hold "$PID"
	slow 40
	eventually "$LONG" serves "$slow" 2
	eventually "$LONG" status_is '$j->{services}[0]{queue}' 38
	let_go "$PID"
	eventually "$LONG" serves "$slow" 40
	eventually "$LONG" log_has 'debug smile: workers 2 -> 42, 2 of them busy'
	go "$slow"
	server_stop
}

@test "one slow client after the other: spare workers are idle before the next" {
	echo_with 'workers 1..20' 'spare 3'
	start
	eventually "$LONG" ready_is 3
	all=()
	for n in {1..8}; do
		slow 1
		all+=("$slow")
		eventually "$LONG" serves "$slow" 1
		eventually "$LONG" status_is '$j->{workers}{idle}' 3
		wanted_is $((n + 3))
	done
	go "${all[@]}"
	server_stop
}

@test "more clients than MAX: MAX are served, the rest when these go" {
	echo_with 'workers 1..4'
	start
	slow 4
	first=$slow
	eventually "$LONG" serves "$first" 4
	slow 6
	eventually "$LONG" status_is '$j->{services}[0]{queue}' 6
	wanted_is 4
	[ "$(workers | wc -l)" -eq 4 ]
	[ "$(served "$slow")" -eq 0 ]
	log_has 'warn smile: all 4 workers that it may have are wanted'
	go "$first"
	eventually "$LONG" serves "$slow" 4
	[ "$(workers | wc -l)" -eq 4 ]
	[ "$(served "$slow")" -eq 4 ]
	[ "$(lost "$slow")" -eq 0 ]
	go "$slow"
	server_stop
}

# The other service has not been heard with its 700 reports, which are more than
# the socket takes, when those of this one cannot be sent.
@test "reports that find the master's socket full: the pool grows all the same" {
	configure 'service smile
	    listen 127.0.0.1:0
	    echo
	    workers 2..40
	service other
	    listen 127.0.0.1:0
	    send "Smile from the server\n"
	    workers 3..10
	    spare 3'
	start
	PORT=$(port_for smile)
	hold "$PID"
	timeout $((4 * LONG)) smilebench -c 1 -n 700 -t "${LONG}s" 127.0.0.1 "$(port_for other)" \
	    >"$BATS_TEST_TMPDIR/bench"
	slow 20
	eventually "$LONG" serves "$slow" 2
	eventually "$LONG" status_is '$j->{services}[0]{queue}' 18
	let_go "$PID"
	eventually "$LONG" serves "$slow" 20
	eventually "$LONG" status_is '$j->{services}[0]{workers}{idle} >= 2' 1
	[ "$(lost "$slow")" -eq 0 ]
	go "$slow"
	server_stop
}

# For eventually: whether the master knows that these have died.
are_unseated() {
	local pids pid
	pids=$(ctl workers --json | json 'map { $_->{pid} // 0 } @$j')
	for pid; do
		[[ " $pids " != *" $pid "* ]] || return 1
	done
}

@test "busy workers are killed: no wrong count is left behind" {
	echo_with 'workers 2..30'
	start
	for _ in 1 2 3; do
		slow 10
		eventually "$LONG" serves "$slow" 10
		eventually "$LONG" status_is '$j->{workers}{idle} >= 2' 1
		before=$(wanted)
		read -ra victims < <(busy_pids)
		[ "${#victims[@]}" -eq 10 ]
		kill -KILL "${victims[@]}"
		eventually "$LONG" are_unseated "${victims[@]}"
		go "$slow"
		eventually "$LONG" ready_is "$before"
		wanted_is "$before"
		# Who dies at once is put off; who has served has not.
		status_is '$j->{workers}{"backing off"}' 0
	done
	# The same ten are still as many as they were.
	slow 10
	eventually "$LONG" serves "$slow" 10
	[ "$(wanted)" -le $((before + 1)) ]
	go "$slow"
	server_stop
}

@test "a reload of a pool that has grown: the new one begins as large" {
	echo_with 'workers 2..60'
	start
	slow 20
	eventually "$LONG" serves "$slow" 20
	eventually "$LONG" status_is '$j->{workers}{idle} >= 2' 1
	reload_accepted
	[[ "$(board text)" = "accepted: generation 2, 22 workers"* ]]
	eventually "$LONG" status_is '$j->{workers}{idle}' 22
	eventually "$LONG" status_is '$j->{workers}{retiring}' 20
	[ "$(lost "$slow")" -eq 0 ]
	first=$slow
	# They are with the old ones, and the new ones are free.
	slow 22
	second=$slow
	eventually "$LONG" serves "$second" 22
	echo_with 'workers 2..10'
	reload_accepted
	[[ "$(board text)" = "accepted: generation 3, 10 workers"* ]]
	go "$first" "$second"
	server_stop
}

@test "fixed, variable, fixed again" {
	echo_with 'workers 3'
	start
	status_is '"$j->{services}[0]{least} $j->{services}[0]{most}"' '3 3'
	slow 3
	first=$slow
	eventually "$LONG" serves "$first" 3
	slow 5
	echo_with 'workers 1..20'
	reload_accepted
	log_has 'smile: workers 3 -> 1..20'
	# Three are being served, and five are waiting for this.
	eventually "$LONG" serves "$slow" 5
	eventually "$LONG" status_is '$j->{workers}{idle} >= 2' 1
	status_is '"$j->{services}[0]{least} $j->{services}[0]{most}"' '1 20'
	ctl status | grep -E '^smile .* echo +[0-9]+ \(1\.\.20\) '
	echo_with 'workers 4'
	reload_accepted
	[[ "$(board text)" = "accepted: generation 3, 4 workers"* ]]
	log_has 'smile: workers 1..20 -> 4'
	eventually "$LONG" status_is '$j->{workers}{idle}' 4
	[ "$(lost "$first")" -eq 0 ]
	[ "$(lost "$slow")" -eq 0 ]
	go "$first" "$slow"
	eventually "$LONG" worker_count_is 4
	server_stop
}

@test "each address has a pool of its own" {
	configure 'service smile
	    listen 127.0.0.1:0
	    listen 127.0.0.2:0
	    echo
	    workers 2..20'
	start
	PORT=$(sed -n 's/.* smile: listening on 127.0.0.1:\([0-9]*\)$/\1/p' \
	    "$LOG")
	slow 9
	eventually "$LONG" serves "$slow" 9
	eventually "$LONG" ready_is 13
	[ "$(wanted 0)" -ge 11 ]
	wanted_is 2 1
	# No two have the same number.
	[ -z "$(ctl workers --json | json 'map { $_->{worker} } @$j' |
	    tr ' ' '\n' | sort | uniq -d)" ]
	reload_accepted
	[ -z "$(ctl workers --json | json 'map { $_->{worker} } grep {
	    $_->{generation} == 2 } @$j' | tr ' ' '\n' | sort | uniq -d)" ]
	go "$slow"
	server_stop
}

@test "clients of a unix socket" {
	configure "service smile
	    listen unix:$BATS_TEST_TMPDIR/sock
	    listen 127.0.0.1:0
	    echo
	    workers 2..60"
	start
	slow 40 "$BATS_TEST_TMPDIR/sock"
	eventually "$LONG" serves "$slow" 40
	go "$slow"
	server_stop
}

@test "programs" {
	configure "service smile
	    listen 127.0.0.1:0
	    exec /bin/cat
	    workers 2..12"
	start
	slow 9
	eventually "$LONG" serves "$slow" 9
	eventually "$LONG" ready_is 11
	go "$slow"
	server_stop
}

@test "TTIN and TTOU are for pools of fixed size" {
	configure 'service smile
	    listen 127.0.0.1:0
	    echo
	    workers 2..20
	service other
	    listen 127.0.0.1:0
	    echo
	    workers 2'
	start
	kill -TTIN "$PID"
	eventually "$LONG" log_has 'other: workers 2 -> 3'
	kill -TTOU "$PID"
	eventually "$LONG" log_has 'other: workers 3 -> 2'
	wanted_is 2
	run ! log_has 'smile: workers'
	server_stop
}

# What workers say to the master while they serve, as strace has it.
words_in() {
	grep -cE 'sendto\([0-9]+, "[^"]+", 4, MSG_DONTWAIT\|MSG_NOSIGNAL, ' \
	    "$BATS_TEST_TMPDIR/trace" || true
}

@test "who is not short of workers says nothing, and a fixed pool never does" {
	need_strace
	SMILED_WRAP="strace -f -qq -o $BATS_TEST_TMPDIR/trace -e trace=sendto
	    -e signal=none"
	echo_with 'workers 4'
	start
	slow 4
	eventually "$LONG" serves "$slow" 4
	go "$slow"
	kill "$(board pid)"
	server_wait_end
	[ "$(words_in)" -eq 0 ]
	grep -q 'sendto(.* 4, MSG_NOSIGNAL' \
	    "$BATS_TEST_TMPDIR/trace"
	echo_with 'workers 4..10'
	start
	for _ in {1..10}; do
		[ "$(timeout "$LONG" smile -m x 127.0.0.1 "$PORT")" = x ]
	done
	eventually "$LONG" status_is '$j->{workers}{idle}' 4
	[ "$(words_in)" -eq 0 ]
	slow 4
	eventually "$LONG" serves "$slow" 4
	go "$slow"
	kill "$(board pid)"
	server_wait_end
	[ "$(words_in)" -ge 1 ]
}

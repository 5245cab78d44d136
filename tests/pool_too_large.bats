#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a pool that has grown stays as it is when nobody needs it, makes the
# master wake up for ever, or becomes larger than it may.
#
# It takes 10 seconds until an idle worker is one too many, and so do these.

# What the JSON says is for Perl.
# shellcheck disable=SC2016

load lib/harness
load lib/pools

# For so many seconds the pool must be as it is.
stays() {
	local end=$(($(now_ms) + $1 * 1000))
	while [ "$(now_ms)" -lt "$end" ]; do
		wanted_is "$2" || {
			echo "wanted: $(wanted)" >&2
			return 1
		}
		pause
	done
}

# One is retired after 10 s, the other after 10 s more; then nothing happens.
@test "a pool that nobody needs is small again, with patience, and at rest" {
	local begun before
	echo_with 'workers 3..5'
	server_start -f "$CONF"
	slow 3
	eventually "$LONG" serves "$slow" 3
	eventually "$LONG" ready_is 5
	# As long as they are needed, they stay.
	stays 11 5
	[ "$(lost "$slow")" -eq 0 ]
	begun=$(now_ms)
	go "$slow"
	stays 7 5
	eventually $((LONG + 10)) wanted_is 4
	[ $(($(now_ms) - begun)) -ge 9500 ]
	eventually $((LONG + 10)) wanted_is 3
	[ $(($(now_ms) - begun)) -ge 19500 ]
	# As long as one is a zombie, too, the master has something to do.
	eventually "$LONG" session_has 5
	eventually "$LONG" at_rest
	before=$(switches)
	begun=$(now_ms)
	until [ $(($(now_ms) - begun)) -ge 11000 ]; do
		pause
	done
	[ "$(switches)" -eq "$before" ]
	server_stop
}

@test "who is busy is not retired, whoever else goes" {
	echo_with 'workers 1..9'
	server_start -f "$CONF"
	slow 1
	first=$slow
	eventually "$LONG" serves "$first" 1
	slow 6
	eventually "$LONG" serves "$slow" 6
	eventually "$LONG" ready_is 9
	go "$slow"
	# Six of the eight that are idle could go.
	eventually $((LONG + 10)) wanted_is 6
	eventually "$LONG" worker_count_is 6
	eventually "$LONG" status_is \
	    '"@{$j->{workers}}{qw(serving retiring)}"' "1 0"
	[ "$(lost "$first")" -eq 0 ]
	go "$first"
	server_stop
}

# By what they write nobody waits, whatever there is; and clients are queued.
@test "workers that lie cannot have more than MAX of them" {
	local end most=0 n
	export BIGSMILE_POISON=$$
	server_start -P "$testbin/bigsmile" -w 2..3 1000
	unset BIGSMILE_POISON
	smilebench -c 6 -d 600s -t 1m 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
	end=$(($(now_ms) + 3000))
	until [ "$most" -ge 3 ] && [ "$(now_ms)" -ge "$end" ]; do
		[ "$(now_ms)" -lt $((end + LONG * 1000)) ]
		n=$(workers | wc -l)
		[ "$n" -le "$most" ] || most=$n
		[ "$n" -le 3 ]
		n=$(wanted)
		[ "$n" -ge 2 ]
		[ "$n" -le 3 ]
	done
	interrupt "$bench"
	wait "$bench" || true
	[ "$(smile 127.0.0.1 "$PORT" | wc -c)" -eq 1000 ]
	kill "$PID"
	server_wait_end
}

@test "no more than max-workers in all, and -t counts the most there may be" {
	configure 'max-workers 10
	    service smile
	    listen 127.0.0.1:0
	    listen 127.0.0.2:0
	    echo
	    workers 1..6'
	run -78 smiled -t -f "$CONF"
	[[ $output = *"max-workers is 10, and the services have 12 workers"* ]]
	configure 'max-workers 12
	    service smile
	    listen 127.0.0.1:0
	    listen 127.0.0.2:0
	    echo
	    workers 1..6'
	run -0 smiled -t -f "$CONF"
	[[ $output = *"up to 12 workers" ]]
}

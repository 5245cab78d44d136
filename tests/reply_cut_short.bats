#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a reply does not arrive whole, because the client sent something
# that nobody read, or sent it late, or read late; or a client that does not
# behave keeps others from being served.

load lib/harness

# The message of bigsmile.
message() {
	perl -e 'print join("", map { $_ % 64 == 63 ? "\n" :
	    int($_ / 64) % 10 } 0 .. $ARGV[0] - 1)' "$1"
}

more_setup() {
	for size in 22 1400 300000; do
		message "$size" >"$BATS_TEST_TMPDIR/message.$size"
	done
}

# whole SIZE WHAT...: an odd client of a server whose message has SIZE bytes
# gets all of them.
whole() {
	local size=$1
	shift
	odd "$@" >"$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/got" "$BATS_TEST_TMPDIR/message.$size"
}

@test "a byte sent at once, read late: whole" {
	for size in 22 1400 300000; do
		server_start -P "$testbin/bigsmile" -w 2 "$size"
		whole "$size" rcvbuf=16384 send=1 read=400
		server_stop
	done
}

@test "a byte sent 50 ms after connecting, read late: whole" {
	for size in 22 1400 300000; do
		server_start -P "$testbin/bigsmile" -w 2 "$size"
		whole "$size" rcvbuf=16384 late=50 read=400
		server_stop
	done
}

# Linger begins when the client has acknowledged everything, not before.
@test "a byte sent later than linger, read later still: whole" {
	server_start -P "$testbin/bigsmile" -w 2 300000
	whole 300000 rcvbuf=16384 late=2500 read=3000
	server_stop
}

@test "a megabyte sent that nobody reads: whole" {
	for size in 22 1400 300000; do
		server_start -P "$testbin/bigsmile" -w 2 "$size"
		whole "$size" send=1000000
		server_stop
	done
}

@test "a client that resets costs nobody anything" {
	server_start -P "$testbin/bigsmile" -w 2 300000
	first=$(workers)
	for _ in 1 2 3 4 5 6 7 8; do
		odd reset=1
	done
	whole 300000
	[ "$(workers)" = "$first" ]
	server_stop
}

@test "a client that never reads holds one worker, and is not served alone" {
	server_start -P "$testbin/bigsmile" -w 2 3000000
	odd_hold
	for _ in 1 2 3; do
		[ "$(odd | wc -c)" -eq 3000000 ]
	done
	# The end of the last one is counted after the client has seen it.
	eventually "$LONG" board_is serving 1
	odd_let_go
	eventually "$LONG" board_is serving 0
	server_stop
}

@test "a client that never reads delays a stop no longer than stop-timeout" {
	server_start -P "$testbin/bigsmile" -w 2 3000000
	odd_hold
	begin=$(now_ms)
	server_stop
	took=$(($(now_ms) - begin))
	[ "$took" -ge 7000 ]
	[ "$took" -le $((15000 * ${SMILED_SLOW:-1})) ]
	odd_let_go
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the simple thing this grew from no longer works.

load lib/harness

@test "a tutorial's client gets its line from smiled" {
	server_start
	run -0 perl "$BATS_TEST_DIRNAME/lib/seed_client.pl" localhost "$PORT"
	[ "$output" = "Smile from the server" ]
	server_stop
}

@test "smile prints what a tutorial's server sends" {
	perl "$BATS_TEST_DIRNAME/lib/seed_server.pl" 0 \
	    >"$BATS_TEST_TMPDIR/port" 3>&- {never}>&- &
	server=$!
	eventually "$LONG" grep -q . "$BATS_TEST_TMPDIR/port"
	run -0 smile localhost "$(cat "$BATS_TEST_TMPDIR/port")"
	[ "${lines[0]}" = "Smile from the server" ]
	[ "${lines[1]}" = "and a second line" ]
	[ "${#lines[@]}" -eq 2 ]
	kill "$server"
	wait "$server" || true
}

@test "smiled, then smile, with nothing told to either" {
	# Port 7890 may be somebody else's on this machine.
	if perl -MSocket -e 'socket(my $s, PF_INET, SOCK_STREAM, 0);
	    exit !connect($s, sockaddr_in(7890, INADDR_LOOPBACK))'; then
		skip "port 7890 is in use here"
	fi
	server_launch -p ''
	server_wait_ready || {
		# Somebody may have taken it after we looked.
		grep -q '7890: address in use' "$LOG" &&
		    skip "port 7890 is in use here"
		return 1
	}
	run -0 smile
	[ "$output" = "Smile from the server" ]
	server_stop
}

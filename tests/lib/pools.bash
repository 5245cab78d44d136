# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
# shellcheck shell=bash
# shellcheck disable=SC2016
#
# What the tests of pools of variable size need, besides the harness.

# An echo service, with these lines.
echo_with() {
	configure "$(printf '%s\n' 'service smile' 'listen 127.0.0.1:0' echo "$@")"
}

# slow N [PORT]: so many slow clients; sets slow, their process.
slow() {
	(
		exec perl "$BATS_TEST_DIRNAME/lib/slowclients.pl" \
		    "${2:-$PORT}" "$1" >"$BATS_TEST_TMPDIR/slow.$BASHPID"
	) 3>&- {never}>&- &
	slow=$!
	eventually "$LONG" test -s "$BATS_TEST_TMPDIR/slow.$slow"
}

# For eventually: whether N of a process's clients are being served.
serves() {
	grep -qx "$2" "$BATS_TEST_TMPDIR/slow.$1"
}

# The most there have been.
served() {
	grep -v lost "$BATS_TEST_TMPDIR/slow.$1" | tail -n 1
}

lost() {
	grep -c lost "$BATS_TEST_TMPDIR/slow.$1"
}

# go PID...: slow clients go away, unless all of them have been lost.
go() {
	kill "$@" 2>/dev/null || true
	wait "$@" || true
}

# How many workers there should be at the Nth address, from 0.
wanted() {
	status "\$j->{services}[${1:-0}]{wanted}"
}

wanted_is() {
	[ "$(wanted "${2:-0}")" = "$1" ]
}

# Those that are there, by what they are at.
ready_workers() {
	status '$j->{workers}{idle} + $j->{workers}{serving}'
}

ready_is() {
	[ "$(ready_workers)" = "$1" ]
}

# The pids of those that serve somebody.
busy_pids() {
	ctl workers --json | json 'map { $_->{pid} } grep {
	    $_->{state} eq "serving" } @$j'
}

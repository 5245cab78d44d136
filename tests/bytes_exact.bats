#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a client gets something else than the message, whole, once.

load lib/harness

exact() {
	server_start -w "$1" -m 'three words, %s and \n'
	printf 'three words, %%s and \\n\n' >"$BATS_TEST_TMPDIR/want"
	smile localhost "$PORT" </dev/null >"$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
	smile -4 localhost "$PORT" </dev/null >"$BATS_TEST_TMPDIR/got"
	cmp "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/got"
	smilebench -c 16 -n 2000 -e 'three words, %s and \n' localhost "$PORT"
	eventually "$LONG" board_is ok 2002
	[ "$(board bytes_out)" -eq $((2002 * $(wc -c <"$BATS_TEST_TMPDIR/want"))) ]
	server_stop
}

@test "1 worker" {
	exact 1
}

@test "4 workers" {
	exact 4
}

@test "64 workers" {
	exact 64
}

@test "an empty message is a newline, and a newline is not doubled" {
	server_start -m ''
	[ "$(smile localhost "$PORT" </dev/null | od -An -c)" = '  \n' ]
	server_stop
	server_start -m $'a\n'
	[ "$(smile localhost "$PORT" </dev/null | wc -c)" -eq 2 ]
	server_stop
}

@test "over IPv6, and IPv4 alone where there is no IPv6" {
	server_start
	if [ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6; then
		smile -6 ::1 "$PORT"
	fi
	smile -4 127.0.0.1 "$PORT"
	log_has 'listening on \*:'
	server_stop
	command -v strace >/dev/null || skip "no strace to take IPv6 away"
	SMILED_WRAP="strace -f -qq -o /dev/null -e trace=setsockopt
	    -e inject=setsockopt:error=EAFNOSUPPORT:when=1"
	server_start
	log_has 'listening on 0\.0\.0\.0:'
	run -0 smile 127.0.0.1 "$PORT"
	kill -TERM "$(stat_field "$(workers 1)" 2)"
	server_wait_end
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the record of a connection lies about who it was, how it ended or
# how much went to and fro; it is missing, or there when nobody wants it; or it
# costs more than one write.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness

# serve LINE...: a service "s", on a port of its own.
serve() {
	configure "service s
	listen 127.0.0.1:0
	$(printf '%s\n' "$@")"
	server_start -f "$CONF"
}

# The records there are, without time, tag, id, port and duration.
records() {
	sed -n 's/.* info\[s\/[0-9]*\] connection id [0-9.]* peer //p' "$LOG" |
	    sed 's/\(127\.0\.0\.1\|\[::1\]\):[0-9]*/\1/; s/ ms [0-9]*//'
}

records_are() {
	[ "$(records)" = "$1" ]
}

# Once all connections are over, and so are their records: these.
finds() {
	eventually "$LONG" records_are "$1" || {
		records >&2
		return 1
	}
}

# talk TEXT: send it, end that side, and drop what comes.
talk() {
	smile -t "${LONG}s" -m "$1" 127.0.0.1 "$PORT" >/dev/null
}

@test "bytes to and fro, as the kernel has counted them" {
	serve echo 'log-connections all'
	talk 1234
	finds '127.0.0.1 outcome ok in 5 out 5'
	head -c 300000 /dev/zero | smile 127.0.0.1 "$PORT" | cmp -n 300000 - \
	    /dev/zero
	finds '127.0.0.1 outcome ok in 5 out 5
127.0.0.1 outcome ok in 300000 out 300000'
	server_stop
}

@test "what a program reads and writes, and how it ended" {
	# The record comes after the client's end: one after the other.
	serve 'exec /bin/sh -c "read x; echo 1234567; eval $x"' 'workers 1'
	talk 'exit 0'
	talk 'exit 7'
	talk 'kill -KILL $$'
	finds '127.0.0.1 outcome ok in 7 out 8
127.0.0.1 outcome exit 7 in 7 out 8
127.0.0.1 outcome signal KILL in 14 out 8'
	server_stop
}

@test "with exec all, with others those that fail, unless told otherwise" {
	serve 'send "x\n"'
	smilebench -c 2 -n 10 -t 1m -e x 127.0.0.1 "$PORT"
	eventually "$LONG" board_is ok 10
	server_stop
	[ -z "$(records)" ]
	serve 'exec /bin/true' 'log-connections failures'
	talk x
	eventually "$LONG" board_is ok 1
	server_stop
	[ -z "$(records)" ]
	serve 'exec /bin/false' 'log-connections none'
	talk x
	eventually "$LONG" board_is program 1
	server_stop
	[ -z "$(records)" ]
}

@test "a client that breaks off, one that is silent, one that takes too long" {
	serve echo 'idle-timeout 300ms'
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	finds '127.0.0.1 outcome idle in 0 out 0'
	exec {conn}>&-
	server_stop
	serve echo 'timeout 300ms' 'idle-timeout none'
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	finds '127.0.0.1 outcome timeout in 0 out 0'
	exec {conn}>&-
	server_stop
	# With what it has not read, its end is a reset.
	serve chargen 'log-connections failures'
	configure "$(sed 's/chargen/echo/' "$CONF")"
	reload_through
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	echo 1234 >&"$conn"
	eventually "$LONG" read -t 0 -u "$conn"
	exec {conn}>&-
	finds '127.0.0.1 outcome reset in 5 out 5'
	server_stop
}

@test "who it was: IPv4, IPv6, and the user of a unix socket" {
	local socket=$BATS_TEST_TMPDIR/s
	configure "service s
	listen 0
	listen unix:$socket
	echo
	log-connections all"
	server_start -f "$CONF"
	PORT=$(sed -n 's/.* s: listening on \*:\([0-9]*\)$/\1/p' "$LOG")
	talk 1
	finds '127.0.0.1 outcome ok in 2 out 2'
	smile -m 1 -U "$socket" >/dev/null
	finds "127.0.0.1 outcome ok in 2 out 2
uid:$(id -u) outcome ok in - out -"
	if smile -m 1 ::1 "$PORT" >/dev/null; then
		finds "127.0.0.1 outcome ok in 2 out 2
uid:$(id -u) outcome ok in - out -
[::1] outcome ok in 2 out 2"
	fi
	server_stop
}

@test "the id is the one that the program knows" {
	serve 'exec /bin/sh -c "echo $SMILED_CONNECTION"'
	id=$(smile 127.0.0.1 "$PORT" </dev/null)
	[[ $id == *.* ]]
	eventually "$LONG" log_has "connection id $id peer 127.0.0.1:[0-9]+ "
	server_stop
}

@test "it takes one write, and if nobody wants it, none" {
	need_strace
	for which in all none; do
		serve 'send "x\n"' "log-connections $which" 'workers 1'
		strace -qq -p "$(session_pids "$SID" "smiled: worker s/1")" \
		    -e trace=write,writev,sendto,sendmsg \
		    -o "$BATS_TEST_TMPDIR/$which" 3>&- {never}>&- &
		tracer=$!
		eventually "$LONG" is_traced "$(session_pids "$SID" \
		    "smiled: worker s/1")"
		smilebench -c 1 -n 20 -t 1m -e x 127.0.0.1 "$PORT"
		server_stop
		wait "$tracer" || true
	done
	[ "$(grep -c '^write' "$BATS_TEST_TMPDIR/all")" -eq 20 ]
	[ "$(grep -c '^write' "$BATS_TEST_TMPDIR/none")" -eq 0 ]
	[ "$(grep -c '^sendto' "$BATS_TEST_TMPDIR/none")" -eq 20 ]
}

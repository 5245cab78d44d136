#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: of many who write at once, two write one line, or half of one; or a
# line falls between two files when the log is rotated.
#
# With SMILED_LONG there are 1,000 rotations in place of 200.

load lib/harness

more_setup() {
	FILE=$BATS_TEST_TMPDIR/smiled.log
	PROGRAM=$BATS_TEST_TMPDIR/program
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
}

# Have PROGRAM write 20 lines to its standard error, each of which tells how
# long it is.
write_program() {
	cat >"$PROGRAM" <<-'EOP'
	#!/usr/bin/perl
	print "ok\n";
	close STDOUT;
	for my $i (1 .. 20) {
		my $n = ($$ * 7 + $i * 131) % 900;
		syswrite(STDERR, "begin $n " . "x" x $n . " end\n");
	}
	$ENV{LISTEN_FDS} and sleep;
	EOP
	chmod 755 "$PROGRAM"
}

# Of the lines that the programs wrote, how many are not what they wrote.
torn() {
	perl -ne 'next unless /begin|x{3}|end$/;
	    $bad++ unless /^(?:\S+\ info\[smile\/\d+\]\ |\{.*"message":")(?:[\d.]+:\ )?
	    begin\ (\d+)\ (x*)\ end(?:"\})?$/x && $1 == length $2;
	    END { print $bad + 0, "\n" }' "$@"
}

lines_are() {
	[ "$(grep -c "begin" "$LOG")" -ge "$1" ]
}

@test "64 workers write at once: no line is torn" {
	local format
	write_program
	for format in text json; do
		server_start -p "" -w 64 -o "log-format $format" 0 -- "$PROGRAM"
		# What the log cannot take in time is dropped.
		until lines_are 1000; do
			smilebench -n 320 -c 64 -e ok 127.0.0.1 "$PORT"
		done
		server_stop
		[ "$(torn "$LOG")" -eq 0 ]
		# The oracle knows text.
		[ "$format" = text ] || logs=("${logs[0]}")
	done
}

@test "64 programs that accept by themselves print at once: none is torn" {
	write_program
	server_launch -w 64 -o "run $PROGRAM"
	server_wait_ready
	eventually "$LONG" lines_are 1200
	server_stop
	[ "$(torn "$LOG")" -eq 0 ]
}

# Connections without end, each of which makes one line, until there is stop.
load_on() {
	local n=0
	while [ ! -e "$BATS_TEST_TMPDIR/stop" ]; do
		smilebench -n 40 -c 4 -e ok 127.0.0.1 "$PORT" \
		    >"$BATS_TEST_TMPDIR/bench" 2>&1 || break
		n=$((n + 40))
		echo "$n" >"$BATS_TEST_TMPDIR/served"
	done
}

@test "many rotations under load: no line is lost, and no connection" {
	local n served loader times=200
	[ -z "${SMILED_LONG:-}" ] || times=1000
	# shellcheck disable=SC2016
	server_launch -p "" -o "log $FILE" -w 64 0 -- \
	    /bin/sh -c 'echo "served $SMILED_CONNECTION" >&2; echo ok'
	server_wait_notified
	load_on 3>&- {never}>&- &
	loader=$!
	eventually "$LONG" test -s "$BATS_TEST_TMPDIR/served"
	for ((n = 0; n < times; n++)); do
		mv "$FILE" "$FILE.$n"
		kill -USR1 "$PID"
		eventually "$LONG" test -e "$FILE"
	done
	touch "$BATS_TEST_TMPDIR/stop"
	wait "$loader"
	served=$(<"$BATS_TEST_TMPDIR/served")
	cat "$BATS_TEST_TMPDIR/bench"
	grep -qE '\<40 ok|ok +40' "$BATS_TEST_TMPDIR/bench"
	server_check
	eventually "$LONG" board_is ok "$served"
	server_stop
	run ! grep -hE "(lost|dropped|not logged)" "$FILE" "$FILE".*
	cat "$FILE" "$FILE".* >"$BATS_TEST_TMPDIR/all"
	[ "$(grep -cE ' info\[smile/[0-9]+\] [0-9.]+: served [0-9.]+$' \
	    "$BATS_TEST_TMPDIR/all")" -eq "$served" ]
	[ "$(grep -c ' info USR1 from' "$BATS_TEST_TMPDIR/all")" -ge 1 ]
	run ! grep -vE "$log_line" "$BATS_TEST_TMPDIR/all"
}

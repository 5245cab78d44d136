#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: memory is read before it is written, written where it is not ours,
# or lost.  Each program does its usual work under valgrind.

load lib/harness

more_setup() {
	command -v valgrind >/dev/null || skip "no valgrind"
	if grep -q -e '-fsanitize' "$bindir/../config.status"; then
		skip "built with a sanitizer, which valgrind cannot run"
	fi
	if grep -q ld-musl "$bindir/smiled"; then
		skip "valgrind does not know musl's allocator"
	fi
	# Threads and children each have a report of their own.
	LONG=${SMILED_TEST_PATIENCE:-60}
	VALGRIND="valgrind -q --vgdb=no --leak-check=full --trace-children=yes
	    --error-exitcode=99 --log-file=$BATS_TEST_TMPDIR/valgrind.%p"
}

# valgrind tells once of a system call it does not know; all else is a fault.
reports_are_clean() {
	local report bad=0
	for report in "$BATS_TEST_TMPDIR"/valgrind.*; do
		if grep -v -e 'unhandled amd64-linux syscall' \
		    -e 'You may be able to write your own handler' \
		    -e 'Read the file README_MISSING_SYSCALL' \
		    -e 'Nevertheless we consider this a bug' \
		    -e 'http://valgrind.org/support' \
		    "$report" | grep -q '[a-z]'; then
			cat "$report" >&2
			bad=1
		fi
	done
	return "$bad"
}

@test "the server: serving, reloading, resizing, losing a worker, stopping" {
	SMILED_WRAP=$VALGRIND
	server_start -v -w 3
	smilebench -c 4 -n 200 localhost "$PORT"
	odd send=10000
	odd reset=1
	for n in 1 2; do
		kill -HUP "$PID"
		eventually "$LONG" board_is reloads_done "$n"
	done
	kill -TTIN "$PID"
	eventually "$LONG" log_has 'workers 3 -> 4'
	kill -TTOU "$PID"
	kill -USR1 "$PID"
	# All others have left: only one that stays can be killed.
	eventually "$LONG" board_is waiting 3
	kill -KILL "$(board 'slot . pid' | sed -n 's/ waiting//p' | head -n 1)"
	eventually "$LONG" log_has 'was killed by signal KILL'
	smilebench -c 4 -n 200 localhost "$PORT"
	# valgrind's own descriptors come and go: only the end is looked at.
	kill -TERM "$PID"
	server_wait_end
	reports_are_clean
}

@test "the server: a long message, clients that do not behave" {
	SMILED_WRAP=$VALGRIND
	server_start -P "$testbin/bigsmile" -w 2 300000
	odd rcvbuf=16384 send=1 read=100 >/dev/null
	odd reset=1
	odd send=1000000 >/dev/null
	kill -INT "$PID"
	server_wait_end
	reports_are_clean
}

@test "the client and the load generator" {
	server_start -w 2
	# shellcheck disable=SC2086
	{
		$VALGRIND "$bindir/smile" -v localhost "$PORT"
		$VALGRIND "$bindir/smile" -e Smile -m hello localhost "$PORT"
		$VALGRIND "$bindir/smilebench" -c 8 -n 500 localhost "$PORT"
		run -69 $VALGRIND "$bindir/smile" localhost 1
		run -64 $VALGRIND "$bindir/smiled" --workres 4
	}
	server_stop
	reports_are_clean
}

@test "the unit tests" {
	for program in "$bindir"/../tests/unit/*_test; do
		case $program in
		*/stop_race_test | */board_test) continue ;;	# they fork
		*/conf_mutant_test) continue ;;	# too much for valgrind
		esac
		# shellcheck disable=SC2086
		$VALGRIND "$program" >/dev/null
	done
	reports_are_clean
}

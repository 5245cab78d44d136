#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: whoever starts the server leaves something behind in it: closed or
# stray descriptors, ignored or blocked signals, an alarm, an umask, limits,
# an odd environment; and the server does harm with it, or does not work.

load lib/harness

# fd_is PID FD PATH
fd_is() {
	[ "$(readlink "/proc/$1/fd/$2")" = "$3" ] || {
		echo "descriptor $2 of $(title_of "$1") is" \
		    "$(readlink "/proc/$1/fd/$2")" >&2
		return 1
	}
}

# status_field PID NAME: a line of /proc/PID/status.
status_field() {
	awk -v name="$2:" '$1 == name { print $2 }' "/proc/$1/status"
}

# set_has PID SigIgn NAME...: whether all these signals are in the set.
set_has() {
	local mask name n
	mask=$((16#$(status_field "$1" "$2")))
	shift 2
	for name; do
		n=$(kill -l "$name")
		[ $((mask >> (n - 1) & 1)) -eq 1 ] || {
			echo "$name is not in the set" >&2
			return 1
		}
	done
}

# works: a death is noticed, HUP reloads, TERM stops.
works() {
	local victim
	victim=$(workers 1)
	kill -KILL "$victim"
	eventually "$LONG" log_has \
	    "worker smile/1 \(pid $victim\) was killed by signal KILL"
	eventually "$LONG" worker_count_is 2
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	is_served
	server_stop
}

@test "descriptors 0, 1 and 2 closed, in all seven ways" {
	local closed redirect fd pid
	for closed in 0 1 2 01 02 12 012; do
		redirect=
		for fd in 0 1 2; do
			[[ $closed != *$fd* ]] || redirect+=" $fd>&-"
		done
		start_from "exec \"\$@\" $redirect"
		server_launch -w 1
		server_wait_notified
		is_served
		for pid in $(session_pids "$SID"); do
			fd_is "$pid" 0 /dev/null
			for fd in 1 2; do
				[[ $closed != *$fd* ]] ||
				    fd_is "$pid" "$fd" /dev/null
			done
		done
		SMILED_WRAP=
		server_stop
	done
}

@test "fifty stray descriptors reach no process of the server" {
	local pid
	: >"$BATS_TEST_TMPDIR/stray"
	# shellcheck disable=SC2016
	start_from 'for n in {10..58} 200; do
		eval "exec $n<'"$BATS_TEST_TMPDIR"'/stray"
	done
	ls -l /proc/$$/fd >'"$BATS_TEST_TMPDIR"'/before
	exec "$@"'
	server_start -w 2
	[ "$(grep -c stray "$BATS_TEST_TMPDIR/before")" -eq 50 ]
	is_served
	for pid in $(session_pids "$SID"); do
		run ! grep -q stray <<<"$(ls -l "/proc/$pid/fd")"
	done
	# Nor what belongs to the master alone: of the board, the report
	# socket and the pipes a worker has what it was handed, and no more.
	eventually "$LONG" board_is waiting 2
	for pid in $(workers); do
		[ "$(open_fds "$pid")" -le 6 ]
	done
	# The log process has its pipe, the socket for the master's orders, and
	# a pipe for what it has to say itself.
	[ "$(open_fds "$(log_process)")" -eq 7 ]
	server_stop
}

@test "signals ignored when it was started" {
	SMILED_WRAP="env --ignore-signal=CHLD,PIPE,TERM,HUP,QUIT,INT,TTIN"
	server_start -w 2
	works
}

@test "signals blocked when it was started" {
	SMILED_WRAP="env --block-signal=CHLD,PIPE,TERM,HUP,QUIT,INT,ALRM"
	server_start -w 2
	works
}

@test "signals ignored and blocked reach no worker and no log process" {
	local pid ignored
	SMILED_WRAP="env --block-signal --ignore-signal=CHLD,SEGV,TERM,QUIT"
	server_start -w 2
	for pid in $(session_pids "$SID"); do
		[ "$((16#$(status_field "$pid" SigBlk)))" -eq 0 ]
		run ! set_has "$pid" SigIgn CHLD
		run ! set_has "$pid" SigIgn SEGV
		set_has "$pid" SigIgn PIPE ALRM WINCH VTALRM PROF IO PWR \
		    RTMIN RTMAX
	done
	ignored="TERM HUP INT USR1 USR2 TTIN TTOU"
	for pid in $(workers) $(log_process); do
		# shellcheck disable=SC2086
		set_has "$pid" SigIgn $ignored
	done
	for pid in $(workers); do
		# QUIT, number 3, and no other.
		[ "$((16#$(status_field "$pid" SigCgt)))" -eq 4 ]
	done
	[ "$((16#$(status_field "$(log_process)" SigCgt)))" -eq 0 ]
	# shellcheck disable=SC2086
	set_has "$PID" SigCgt $ignored QUIT CHLD
	server_stop
}

@test "an alarm that was set before the start" {
	SMILED_WRAP="perl -e alarm(5);exec(@ARGV) --"
	server_start -w 1
	# Another one, set after that of the server, has rung by now.
	run -142 perl -e 'alarm(5); select(undef, undef, undef, 60)'
	is_served
	[ "$(workers | wc -l)" -eq 1 ]
	server_stop
}

@test "umask 0 lets nobody else write" {
	# shellcheck disable=SC2016
	start_from 'umask 0; exec "$@"'
	server_start -w 1
	[ "$(status_field "$PID" Umask)" = 0022 ]
	[ -z "$(find "$RUN/smiled.board" -perm /022)" ]
	server_stop
}

# Whoever closes descriptor after descriptor up to the limit needs long.  It
# is the calls that are counted: time depends on too much else.
@test "the highest limit of descriptors does not slow the start" {
	need_strace
	# shellcheck disable=SC2016
	start_from 'ulimit -n "$(cat /proc/sys/fs/nr_open)" 2>/dev/null ||
	    ulimit -n "$(ulimit -Hn)"
	exec strace -D -f -qq -e trace=close \
	    -o '"$BATS_TEST_TMPDIR/closed"' "$@"'
	server_start -w 4
	is_served
	server_stop
	eventually "$LONG" session_is_empty "$SID"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/closed")" -gt 5 ]
	[ "$(wc -l <"$BATS_TEST_TMPDIR/closed")" -lt 1000 ]
}

# titles_are_right: of the master, the log process and two workers.
titles_are_right() {
	local pid
	[ "$(title_of "$PID")" = "smiled: master" ]
	[ "$(log_process | wc -l)" -eq 1 ]
	[ "$(workers 1 | wc -l)" -eq 1 ]
	[ "$(workers 2 | wc -l)" -eq 1 ]
	[ "$(session_pids "$SID" | wc -l)" -eq 4 ]
	for pid in $(session_pids "$SID"); do
		[ "$(<"/proc/$pid/comm")" = smiled ]
	done
}

@test "titles, and / as the working directory" {
	local pid
	server_start -w 2
	titles_are_right
	for pid in $(session_pids "$SID"); do
		[ "$(readlink "/proc/$pid/cwd")" = / ]
	done
	server_stop
}

@test "an environment of 100 kB" {
	# shellcheck disable=SC2016
	start_from 'export BIG=$(printf "%0100000d" 1)
	exec "$@"'
	server_start -w 2
	titles_are_right
	is_served
	server_stop
}

@test "no environment at all" {
	local dir
	SMILED_WRAP="env -i"
	# Arguments long enough for the titles: there is no other room.
	MESSAGE=$(printf '%040d' 1)
	server_start -m "$MESSAGE" -w 2
	titles_are_right
	is_served
	dir=$(readlink "/proc/$PID/fd"/* | sed -n 's|/smiled.board$||p' |
	    head -n 1)
	server_stop
	# The run-time directory is the system's own this time.
	[ -z "$dir" ] || rmdir -p "$dir" 2>/dev/null || true
}

@test "arguments and environment with nothing in them" {
	# shellcheck disable=SC2016
	start_from 'exec -a "" "$@"'
	server_start -w 1
	is_served
	kill -TERM "$PID"
	server_wait_end
}

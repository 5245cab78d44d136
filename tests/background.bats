#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: smiled -b, or its word on --notify-fd, says "ready" too early, or
# never, or says it of a server that will not come up; or what runs in the
# background is still tied to whoever started it.

load lib/harness

# What a start in the background needs.
more_setup() {
	RUN=$BATS_TEST_TMPDIR/run.1
	LOG=$BATS_TEST_TMPDIR/log.1
	mkdir "$RUN"
	: >"$LOG"
	logs=("$LOG")
	export RUNTIME_DIRECTORY=$RUN
	smiled=(smiled -o "start-timeout ${LONG}s" -o "stop-timeout ${LONG}s"
	    -o 'log stderr')
}

# in_background ARG...: smiled -b ARG..., with the status in STATUS.
in_background() {
	STATUS=0
	# shellcheck disable=SC2086
	timeout -k 1 "$LONG" ${SMILED_WRAP:-} "${smiled[@]}" -b "$@" \
	    2>>"$LOG" </dev/null 3>&- {never}>&- || STATUS=$?
}

# Take charge of the server whose log is LOG.
adopt() {
	eventually "$LONG" log_has "listening on .*, pid [0-9]+$"
	PORT=$(sed -n 's/.*listening on [^ ]*:\([0-9]*\),.*/\1/p' "$LOG")
	PID=$(sed -n 's/.*listening on .*, pid \([0-9]*\)$/\1/p' "$LOG")
	SID=$(stat_field "$PID" 4)
	sids+=("$SID")
	# Of -b: who led the session is about to end when all else is ready.
	[ "$SID" = "$PID" ] || eventually "$LONG" is_gone "$SID"
	count_fds
}

stop_adopted() {
	server_check
	kill "$PID"
	eventually "$LONG" is_gone "$PID"
}

@test "200 times: who connects when -b has returned is not refused" {
	run -0 perl - smiled "$LOG" 200 <<'EOP' 3>&- {never}>&-
	use strict;
	use warnings;
	use Socket;
	my ($smiled, $log, $times) = @ARGV;
	my ($port, %sessions);

	sub address { pack_sockaddr_in($port, INADDR_LOOPBACK) }
	# A port that no client gets by chance.
	do {
		$port = 10000 + int(rand(20000));
		socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
		$port = 0 unless bind($s, address());
	} until $port;

	sub last_pid {
		for (1 .. 20000) {
			open(my $in, '<', $log) or die;
			my @said = grep { /listening on .*\n/ } <$in>;
			return $said[-1] =~ /pid (\d+)$/ ? $1 : die "pid?"
			    if @said == $_[0];
			select(undef, undef, undef, 0.001);
		}
		die "the log does not name the server";
	}

	# State and session.
	sub facts {
		open(my $in, '<', "/proc/$_[0]/stat") or return ('Z');
		my $line = <$in>;
		return ('Z') unless defined $line;
		$line =~ s/.*\) //;
		return (split ' ', $line)[0, 3];
	}

	sub wait_gone {
		for (1 .. 20000) {
			return if (facts($_[0]))[0] eq 'Z';
			select(undef, undef, undef, 0.001);
		}
		die "$_[0] does not end";
	}

	for my $n (1 .. $times) {
		system("$smiled -b -o 'log stderr' -w 1 $port 2>>'$log' </dev/null") == 0
		    or die "start $n: $?";
		socket(my $s, PF_INET, SOCK_STREAM, 0) or die;
		connect($s, address()) or die "connect $n: $!";
		my $line = <$s>;
		die "$n: no smile" unless $line eq "Smile from the server\n";
		my $pid = last_pid($n);
		$sessions{(facts($pid))[1]} = 1;
		kill('TERM', $pid);
		wait_gone($pid);
	}
	# Who began the session of the last one may be about to end.
	my @left;
	for (1 .. 20000) {
		@left = grep {
			my ($state, $session) = facts(/(\d+)/);
			$state ne 'Z' && $sessions{$session};
		} glob '/proc/[0-9]*/stat';
		last unless @left;
		select(undef, undef, undef, 0.001);
	}
	die "left behind: @left" if @left;
	print "done $times\n";
EOP
	[ "$output" = "done 200" ]
}

@test "status 0: ready, with an own session and no terminal" {
	local caller
	caller=$(stat_field "$$" 4)
	if ! script -qec true /dev/null >/dev/null 2>&1; then
		skip "script(1) cannot make a terminal here"
	fi
	run -0 timeout "$LONG" script -qec "smiled -b -o 'log stderr' -w 2 0 2>>'$LOG'" \
	    /dev/null </dev/null 3>&- {never}>&-
	adopt
	[ "$SID" -ne "$caller" ]
	# Not the leader either: it cannot get a terminal by opening one.
	[ "$SID" -ne "$PID" ]
	for pid in $(session_pids "$SID"); do
		[ "$(stat_field "$pid" 5)" -eq 0 ]
	done
	# The terminal it was started from is gone, and that was no HUP to it.
	is_served
	[ "$(board generation)" -eq 1 ]
	stop_adopted
	run ! log_has "HUP from"
}

@test "\$(smiled -b) returns at once" {
	STATUS=0
	# shellcheck disable=SC2016
	timeout "$LONG" bash -c 'got=$("$@" -b -w 1 0 2>>"$0"); exit $?' \
	    "$LOG" "${smiled[@]}" 3>&- {never}>&- || STATUS=$?
	[ "$STATUS" -eq 0 ]
	adopt
	for pid in $(session_pids "$SID"); do
		[ "$(readlink "/proc/$pid/fd/0")" = /dev/null ]
		[ "$(readlink "/proc/$pid/fd/1")" = /dev/null ]
	done
	stop_adopted
}

@test "status 69 and status 64 come through -b" {
	local first
	in_background -w 1 0
	[ "$STATUS" -eq 0 ]
	adopt
	first=$LOG LOG=$BATS_TEST_TMPDIR/log.2
	in_background "$PORT"
	[ "$STATUS" -eq 69 ]
	[ "$(grep -c "^smiled: .*in use" "$LOG")" -eq 1 ]
	in_background --wrong
	[ "$STATUS" -eq 64 ]
	[ "$(wc -l <"$LOG")" -eq 2 ]
	LOG=$first
	is_served
	stop_adopted
}

# limit_processes N: be a user who can have only N processes more.  Root is not
# bound by such a limit, and becomes somebody else.  Other tests of an ordinary
# user may start and end hundreds meanwhile, so who shall not get all he wants
# must want far more than N.
limit_processes() {
	local become=() had binary
	let_leaks_be
	binary=$(command -v smiled)
	if [ "$(id -u)" -eq 0 ]; then
		become=(setpriv --reuid=61234 --regid=61234 --clear-groups)
		"${become[@]}" true ||
		    skip "root cannot become another user here"
		# By its descriptor: the user may not get at its path.
		exec {program}<"$binary"
		binary=/proc/self/fd/$program
		had=0
	else
		had=$(cat /proc/[0-9]*/status 2>/dev/null | awk -v uid="$UID" '
		    $1 == "Uid:" { mine = $2 == uid }
		    $1 == "Threads:" && mine { n += $2 }
		    END { print n }')
	fi
	# shellcheck disable=SC2016
	smiled=("${become[@]}" bash -c 'ulimit -u "$0" && exec "$@"'
	    $(($1 > 0 ? had + $1 : 1)) "$binary")
}

no_process_left() {
	[ -z "$(find /proc/[0-9]*/fd/2 -maxdepth 0 -lname "$LOG" 2>/dev/null)" ]
}

@test "status 71: too few processes for the workers" {
	limit_processes 60
	in_background -w 2000 0
	[ "$STATUS" -eq 71 ]
	grep -E "cannot (start: cannot fork|go into)" "$LOG" |
	    grep -q "Resource temporarily unavailable"
	run ! log_has "listening on"
	eventually "$LONG" no_process_left
}

# Nobody but the log process could say why it cannot be had.
@test "status 71: not even the log process can be forked, and it says why" {
	limit_processes 0
	STATUS=0
	timeout -k 1 "$LONG" "${smiled[@]}" -w 1 0 2>>"$LOG" </dev/null \
	    3>&- {never}>&- || STATUS=$?
	[ "$STATUS" -eq 71 ]
	grep -E "cannot (start: cannot )?fork" "$LOG" |
	    grep -q "Resource temporarily unavailable"
}

has_master() {
	MASTER=$(board pid 2>/dev/null) && [ "${MASTER:-0}" -gt 0 ]
}

# start_stuck: a server of one worker that stops before it says that it is
# ready; sets STARTER, MASTER and WORKER.
start_stuck() {
	need_strace
	: >"$BATS_TEST_TMPDIR/strace"
	timeout -k 1 "$LONG" strace -f -qq -o "$BATS_TEST_TMPDIR/strace" \
	    -e trace=capset -e inject=capset:signal=SIGSTOP:when=1 \
	    smiled -b -o 'log stderr' -w 1 0 \
	    2>>"$LOG" </dev/null 3>&- {never}>&- &
	STARTER=$!
	eventually "$LONG" has_master
	SID=$(stat_field "$MASTER" 4)
	sids+=("$SID")
	eventually "$LONG" stopped_workers_are 1
	WORKER=$(workers)
}

@test "status 1: stopped before it was ready" {
	local signal
	for signal in TERM INT; do
		: >"$LOG"
		start_stuck
		kill "-$signal" "$MASTER"
		eventually "$LONG" log_has "$signal from pid"
		# After INT it has half a second.
		kill -CONT "$WORKER" 2>/dev/null || true
		STATUS=0
		wait "$STARTER" || STATUS=$?
		[ "$STATUS" -eq 1 ]
		run ! log_has "listening on"
	done
}

@test "killed before it was ready: -b says so" {
	start_stuck
	kill -KILL "$MASTER"
	kill -CONT "$WORKER"
	STATUS=0
	wait "$STARTER" || STATUS=$?
	[ "$STATUS" -eq 71 ]
	log_has "^smiled: .*died before it was ready"
	left_board=yes
}

# Three workers stop shortly before they say that they are ready, and are
# let go on one by one.  The master takes a report before it takes a signal,
# so when it has logged USR1 it knows of the worker before.
@test "--notify-fd says nothing until the last worker is ready" {
	local pid known n=0 byte
	need_strace
	SMILED_WRAP="strace -f -qq -o $BATS_TEST_TMPDIR/strace
	    -e trace=capset -e inject=capset:signal=SIGSTOP:when=1"
	server_launch -w 3
	eventually "$LONG" stopped_workers_are 3
	MASTER=$(board pid)
	for pid in $(workers); do
		run ! read -rt 0 -u "$ready" byte
		kill -CONT "$pid"
		n=$((n + 1))
		eventually "$LONG" board_is waiting "$n"
		kill -USR1 "$MASTER"
		eventually "$LONG" usr1_count_reaches "$n"
	done
	server_wait_ready
	kill "$MASTER"
	server_wait_end
}

# Not by their state: it is the same at each system call that strace looks at,
# and whoever is let go on there stops after that.
stopped_workers_are() {
	[ "$(grep -c 'stopped by SIGSTOP' "$BATS_TEST_TMPDIR/strace")" -eq \
	    "$1" ]
}

# A newline on descriptor 9, the end of it, and no server that is not ready.
@test "--notify-fd: one newline when all workers are ready, and the end" {
	local mode n got
	for mode in "" -b; do
		: >"$LOG"
		mkfifo "$BATS_TEST_TMPDIR/ready$mode"
		# shellcheck disable=SC2086
		setsid "${smiled[@]}" -w 500 $mode -n 9 0 2>>"$LOG" </dev/null \
		    9>"$BATS_TEST_TMPDIR/ready$mode" 3>&- {never}>&- &
		exec {ready}<"$BATS_TEST_TMPDIR/ready$mode"
		IFS= read -rt "$LONG" -N 1 -u "$ready" n
		got=$(board waiting)
		[ "$n" = $'\n' ]
		[ "$got" -eq 500 ]
		# No second byte, but the end.
		n=0
		IFS= read -rt "$LONG" -N 1 -u "$ready" got || n=$?
		[ "$n" -eq 1 ]
		exec {ready}<&-
		adopt
		stop_adopted
		wait
	done
}

@test "--notify-fd: a start that fails writes nothing and lets go" {
	local mode bytes
	limit_processes 60
	for mode in "" -b; do
		# shellcheck disable=SC2086
		bytes=$(timeout "$LONG" "${smiled[@]}" $mode -w 2000 -n 9 0 \
		    9>&1 >/dev/null 2>>"$LOG" </dev/null 3>&- {never}>&- |
		    wc -c; exit "${PIPESTATUS[0]}") || STATUS=$?
		[ "$STATUS" -eq 71 ]
		[ "$bytes" -eq 0 ]
	done
	eventually "$LONG" no_process_left
}

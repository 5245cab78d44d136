#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a signal does something else than the manual says: one that means
# nothing stops a process, one to a worker is heeded, one that should stop the
# server waits for a client.

load lib/harness

# Signals nobody has a use for: what is not in the manual, and does not report
# an error of the program, stop it, or cannot be caught.
meaningless="WINCH PIPE ALRM VTALRM PROF IO PWR URG STKFLT XFSZ 32 33 RTMIN \
    RTMIN+3 RTMAX"

# logged SIGNAL WORDS: that a signal of ours came, and what was made of it.
logged() {
	eventually "$LONG" log_has \
	    " info $1 from pid $BASHPID \(uid $UID\): $2"
}

@test "HUP: new workers, all of them, and the next generation" {
	local before
	server_start -w 4
	before=$(workers)
	[ "$(board generation)" -eq 1 ]
	kill -HUP "$PID"
	logged HUP reloading
	eventually "$LONG" board_is generation 2
	# shellcheck disable=SC2086
	eventually "$LONG" are_gone $before
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" log_has "reload accepted: generation 2, 4 workers"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 3
	eventually "$LONG" worker_count_is 4
	is_served
	server_stop
}

@test "TTIN, TTOU: one worker more, one fewer, until the next reload" {
	server_start -w 2
	kill -TTIN "$PID"
	eventually "$LONG" worker_count_is 3
	[ "$(workers 3 | wc -l)" -eq 1 ]
	logged TTIN "one worker more"
	kill -TTIN "$PID"
	eventually "$LONG" worker_count_is 4
	kill -TTOU "$PID"
	eventually "$LONG" worker_count_is 3
	logged TTOU "one worker fewer"
	kill -TTOU "$PID"
	eventually "$LONG" worker_count_is 2
	kill -TTOU "$PID"
	eventually "$LONG" worker_count_is 1
	# The last one stays.
	kill -TTOU "$PID"
	eventually "$LONG" log_has "smile: workers stay at 1"
	master_has_heard
	worker_count_is 1
	is_served
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	eventually "$LONG" worker_count_is 2
	server_stop
}

@test "TTIN, TTOU from a terminal that controls the server mean nothing" {
	local before
	script -qec true /dev/null >/dev/null 2>&1 ||
	    skip "script(1) cannot make a terminal here"
	LOG=$BATS_TEST_TMPDIR/log.1 RUN=$BATS_TEST_TMPDIR/run.1
	mkdir "$RUN"
	: >"$LOG"
	logs=("$LOG")
	RUNTIME_DIRECTORY=$RUN script -qec "exec smiled -w 2 0 2>>'$LOG'" \
	    /dev/null >/dev/null </dev/null 3>&- {never}>&- &
	eventually "$LONG" log_has "listening on"
	PID=$(sed -n 's/.*listening on .*, pid \([0-9]*\)$/\1/p' "$LOG")
	SID=$(stat_field "$PID" 4)
	sids=("$SID")
	before=$(workers)
	kill -TTIN "$PID"
	eventually "$LONG" log_has "ignored: a terminal controls"
	master_has_heard
	kill -TTOU "$PID"
	master_has_heard
	[ "$(workers)" = "$before" ]
	kill "$PID"
	eventually "$LONG" is_gone "$PID"
	wait
}

@test "signals without a meaning do nothing to the master" {
	local before signal
	server_start -w 2
	before=$(workers)
	for signal in $meaningless; do
		kill "-$signal" "$PID"
	done
	master_has_heard
	[ "$(workers)" = "$before" ]
	[ "$(board generation)" -eq 1 ]
	is_served
	server_stop
}

@test "signals do nothing to a worker, whatever they mean to the master" {
	local worker signal lines
	server_start -w 1
	worker=$(workers)
	lines=$(wc -l <"$LOG")
	for signal in $meaningless TERM INT HUP USR1 USR2 TTIN TTOU; do
		kill "-$signal" "$worker"
	done
	is_served
	is_served
	[ "$(workers)" = "$worker" ]
	[ "$(wc -l <"$LOG")" -eq "$lines" ]
	server_stop
}

@test "signals do nothing to the log process" {
	local logger signal
	server_start -w 1
	logger=$(log_process)
	for signal in $meaningless TERM INT HUP QUIT USR1 USR2 TTIN TTOU; do
		kill "-$signal" "$logger"
	done
	master_has_heard
	[ "$(log_process)" = "$logger" ]
	server_stop
}

@test "USR1: told to the log process, and no worker is replaced" {
	local before logger
	server_start -w 2
	before=$(workers)
	logger=$(log_process)
	kill -USR1 "$PID"
	logged USR1 "reopening the log"
	master_has_heard
	[ "$(workers)" = "$before" ]
	[ "$(log_process)" = "$logger" ]
	[ "$(board generation)" -eq 1 ]
	is_served
	server_stop
}

# A server of two workers, one of which has a client that does not read.
start_busy() {
	server_start -P "$testbin/bigsmile" -w 2 3000000
	perl "$BATS_TEST_DIRNAME/lib/oddclient.pl" "$PORT" rcvbuf=4096 hold=1 \
	    <&"$never" >"$BATS_TEST_TMPDIR/held" 3>&- \
	    {never}>&- &
	HOLDER=$!
	eventually "$LONG" grep -q holding "$BATS_TEST_TMPDIR/held"
	eventually "$LONG" board_is serving 1
}

# ends_at_once: in less than the eight seconds of a graceful stop.
ends_at_once() {
	local begin
	begin=$(now_ms)
	server_wait_end
	[ $(($(now_ms) - begin)) -lt $((6000 * ${SMILED_SLOW:-1})) ]
	kill "$HOLDER"
	wait "$HOLDER" || true
}

@test "INT: stops at once, whatever a client does" {
	start_busy
	kill -INT "$PID"
	ends_at_once
	logged INT "stopping at once"
}

@test "TERM waits for a client, a second one does not" {
	for signal in TERM QUIT; do
		start_busy
		kill "-$signal" "$PID"
		# The one who is idle leaves, the other does not.
		eventually "$LONG" worker_count_is 1
		run ! is_gone "$PID"
		logged "$signal" "stopping when all connections are served"
		kill "-$signal" "$PID"
		ends_at_once
		logged "$signal" "stopping at once"
	done
}

@test "HUP during a stop is refused" {
	start_busy
	kill -TERM "$PID"
	eventually "$LONG" worker_count_is 1
	kill -HUP "$PID"
	logged HUP "not reloading, since the server is stopping"
	[ "$(board generation)" -eq 1 ]
	kill -INT "$PID"
	ends_at_once
	run ! log_has "reload (accepted|refused)"
}

@test "INT to the whole group: the master stops, and its last word is logged" {
	server_start -w 4
	kill -INT -- "-$SID"
	server_wait_end
	log_has " info stopped"
	run ! log_has "killed|exited"
}

@test "TERM at any moment before it is ready: it ends, and nothing is left" {
	RUN=$BATS_TEST_TMPDIR/run.1 LOG=$BATS_TEST_TMPDIR/log.1
	mkdir "$RUN"
	logs=("$LOG")
	RUNTIME_DIRECTORY=$RUN run -0 perl - smiled "$LOG" 100 <<'EOP' 3>&- \
	    {never}>&-
	use strict;
	use warnings;
	use POSIX qw(setsid WNOHANG);
	use Time::HiRes qw(time);
	my ($smiled, $log, $times) = @ARGV;
	my (%sessions, %ends, $ready);

	open(STDERR, '>>', $log) or die;
	# A newline, or the end if it has died.
	sub until_ready { sysread($ready, my $word, 1) }
	# What the first one takes to be ready.
	my $start;
	for my $n (0 .. $times) {
		pipe($ready, my $says) or die;
		my $begin = time;
		my $pid = fork() // die;
		if ($pid == 0) {
			setsid();
			open(STDOUT, '>', '/dev/null');
			POSIX::dup2(fileno($says), 9);
			exec($smiled, '-w', '8', '-n', '9', '0') or
			    POSIX::_exit(126);
		}
		close($says);
		$sessions{$pid} = 1;
		if ($n == 0) {
			until_ready();
			$start = time - $begin;
		}
		# From before it runs until after it is ready, however long
		# that takes here; the last one is ready for certain.
		if ($n < $times) {
			select(undef, undef, undef, 2 * $n / $times * $start);
		} else {
			until_ready();
		}
		kill('TERM', $pid);
		my $waited = 0;
		until (waitpid($pid, WNOHANG) == $pid) {
			if ($waited++ > 20000) {
				kill('KILL', $pid);
				print "try $n: does not end\n";
				exit 1;
			}
			select(undef, undef, undef, 0.001);
		}
		$ends{$?}++;
	}
	sub is_left {
		open(my $in, '<', $_[0]) or return 0;
		my $line = <$in> // return 0;
		$line =~ s/.*\) //;
		my ($state, $session) = (split ' ', $line)[0, 3];
		return $state ne 'Z' && $sessions{$session};
	}
	# Whoever has been killed may need its time to go.
	my @left;
	for (1 .. 5000) {
		@left = grep { is_left($_) } glob '/proc/[0-9]*/stat';
		last unless @left;
		select(undef, undef, undef, 0.001);
	}
	print "left behind: @left\n" if @left;
	# Status 0, or killed before the program had begun.
	my @odd = grep { $_ != 0 && $_ != 15 } keys %ends;
	print "$ends{$_} times status $_\n" for @odd;
	print "done\n" if $ends{0};
EOP
	[ "$output" = "done" ]
}

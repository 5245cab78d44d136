#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the log cannot be written (nobody reads it, its process is stopped
# or dead, the disk is full), and the server waits for it, or what it had to
# say is lost without a word.

load lib/harness
load lib/syslog

# Put lines of a log into what a path leads to until nothing more fits.
fill() {
	perl -MFcntl -e 'sysopen(my $f, $ARGV[0], O_WRONLY | O_NONBLOCK) or
	    die "$ARGV[0]: $!";
	    1 while syswrite($f, "2026-01-01T00:00:00.000Z info fill\n")' "$1"
}

# A server whose log goes to a full fifo of one page that nobody reads; the
# test holds it open as fifo.
start_unread() {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec {fifo}<>"$BATS_TEST_TMPDIR/fifo"
	# 1031 is F_SETPIPE_SZ.
	perl -e 'open(my $f, "<&=", $ARGV[0]) or die;
	    fcntl($f, 1031, 4096) or die "$!"' "$fifo"
	start_from "exec \"\$@\" 2>'$BATS_TEST_TMPDIR/fifo' $fifo>&-"
	fill "$BATS_TEST_TMPDIR/fifo"
	server_launch "$@"
	server_wait_notified
	SMILED_WRAP=
}

# Whether PATH has no room for a line.
is_full() {
	perl -MFcntl -e 'sysopen(my $f, $ARGV[0], O_WRONLY | O_NONBLOCK)
	    or exit 2; vec(my $set = "", fileno $f, 1) = 1;
	    exit !!select(undef, $set, undef, 0)' "$1"
}

# Let the log process wait for room in the fifo, and its pipe be full.
fill_log() {
	eventually "$LONG" log_process_is_there
	eventually "$LONG" log_pipe_stays_full
}

# Who reads it is woken by what is put into it: one that sleeps nevertheless,
# and has not made room, is at writing.
log_pipe_stays_full() {
	local pipe
	pipe=$(log_pipe)
	fill "$pipe"
	is_asleep "$(log_process)" && is_full "$pipe"
}

log_process_is_there() {
	[ -n "$(log_process)" ]
}

@test "the log process is killed: another one writes what it had not read" {
	local logger before
	server_start -v -w 2
	before=$(workers)
	logger=$(log_process)
	hold "$logger"
	for signal in USR1 TTIN; do
		kill "-$signal" "$PID"
	done
	eventually "$LONG" worker_count_is 3
	run ! log_has "TTIN from"
	kill -KILL "$logger"
	eventually "$LONG" log_has \
	    "error the log process \(pid $logger\) was killed by signal KILL"
	log_has "USR1 from"
	log_has "TTIN from"
	is_served
	for pid in $before; do
		run ! is_gone "$pid"
	done
	[ "$(log_process)" -ne "$logger" ]
	server_stop
	log_has " info stopped"
}

@test "the log process is killed again and again: there is always another" {
	local logger
	server_start -w 1
	for _ in 1 2 3; do
		eventually "$LONG" log_process_is_there
		logger=$(log_process)
		kill -KILL "$logger"
		is_served
		eventually "$LONG" log_has "log process \(pid $logger\)"
	done
	server_stop
}

# said_after TTOU WORDS: send the signal; whether the log has the words.
said_after() {
	kill "-$1" "$PID"
	log_has "$2"
}

@test "nobody reads the log: the server serves and reloads, and counts" {
	local before n
	start_unread -v -w 2
	fill_log
	before=$(workers)
	is_served
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 3
	eventually "$LONG" worker_count_is 2
	run ! grep -qxF "$before" <<<"$(workers)"
	is_served
	# The second verdict has been said, in vain.
	eventually "$LONG" board_is reloads_done 2
	eventually "$LONG" at_rest
	# Somebody reads again.
	cat <"$BATS_TEST_TMPDIR/fifo" >>"$LOG" 3>&- {never}>&- {fifo}>&- &
	exec {fifo}>&-
	eventually "$LONG" said_after TTOU \
	    " warn [0-9]+ log lines were dropped"
	n=$(sed -n 's/.* \([0-9]*\) log lines were dropped.*/\1/p' "$LOG" |
	    head -n 1)
	# The reloads' four at least.
	[ "$n" -ge 4 ]
	eventually "$LONG" log_has "TTOU from"
	server_stop
	wait
	log_has " info stopped"
}

# ends_in MS: the server ends, with status 0, in that time; a log that is waited
# for is waited for without end.
ends_in() {
	local begin
	begin=$(now_ms)
	server_wait_end
	[ $(($(now_ms) - begin)) -lt $(($1 * ${SMILED_SLOW:-1})) ]
}

@test "nobody reads the log: TERM ends the server all the same" {
	start_unread -v -w 2
	fill_log
	kill -TERM "$PID"
	ends_in 10000
	exec {fifo}>&-
}

@test "the log process is stopped: HUP and TERM work" {
	server_start -w 2
	hold "$(log_process)"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	is_served
	kill -TERM "$PID"
	ends_in 10000
}

@test "the log's reader is gone: the server goes on" {
	local logger
	start_unread -w 2
	exec {fifo}>&-
	eventually "$LONG" log_process_is_there
	logger=$(log_process)
	kill -USR1 "$PID"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	is_served
	[ "$(log_process)" = "$logger" ]
	kill -TERM "$PID"
	ends_in 10000
}

@test "the disk is full: the server goes on" {
	local logger
	# shellcheck disable=SC2016
	start_from 'exec "$@" 2>/dev/full'
	server_launch -w 2
	server_wait_notified
	SMILED_WRAP=
	eventually "$LONG" log_process_is_there
	logger=$(log_process)
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	is_served
	[ "$(log_process)" = "$logger" ]
	server_stop
}

@test "every line of a talkative run is a line of the log" {
	local victim
	server_start -v -w 2
	is_served
	victim=$(workers 1)
	hold "$victim"
	eventually "$LONG" log_has "was stopped by signal STOP"
	let_go "$victim"
	eventually "$LONG" log_has "smile/1 \(pid $victim\) goes on"
	kill -KILL "$victim"
	eventually "$LONG" log_has "was killed by signal KILL"
	for signal in USR1 TTIN TTOU HUP; do
		kill "-$signal" "$PID"
		eventually "$LONG" log_has "$signal from"
	done
	eventually "$LONG" board_is generation 2
	server_stop
	[ "$(wc -l <"$LOG")" -ge 12 ]
	run -1 grep -vE "$log_line" "$LOG"
	[ -z "$output" ]
}

# -- A file on a disk that is full -----------------------------------------------

# A server whose log is LOG in a small file system of its own.
start_in_space() {
	private_dev
	server_launch -o "log $SPACE/log" "$@"
	server_wait_notified
	LOG=$(in_space)/log
	eventually "$LONG" log_has "smiled: listening on"
}

# Each is two lines: the signal, and that it was accepted.
reload_n() {
	local before
	before=$(board reloads_done)
	kill -HUP "$PID"
	eventually "$LONG" reloads_done_beyond "$before"
	reloads=$((reloads + 1))
}

# Reload until the log has not grown, though it has been tried; all that is
# left of the page it ends in is used by then.
reload_until_full() {
	local size=-1
	while [ "$(stat -c %s "$LOG")" -ne "$size" ] || [ $((size % 4096)) -ne 0 ]
	do
		size=$(stat -c %s "$LOG")
		reload_n
	done
}

count_said() {
	grep -Ec ' (HUP from|reload accepted)' "$LOG"
}

@test "the disk is full and has room again: what was lost is counted" {
	local lost reloads=0 logger
	start_in_space -w 1
	logger=$(log_process)
	cat /dev/zero >"$(in_space)/filler" 2>/dev/null || true
	reload_until_full
	is_served
	[ "$(log_process)" = "$logger" ]
	rm "$(in_space)/filler"
	eventually "$LONG" said_after TTOU \
	    " warn [0-9]+ log lines were lost: No space left on device"
	lost=$(sed -n 's/.* \([0-9]*\) log lines were lost.*/\1/p' "$LOG")
	# Each line is there as a whole, also the one that the page's end cut.
	run ! grep -vE "$log_line" "$LOG"
	[ $(($(count_said) + lost)) -eq $((2 * reloads)) ]
	cp "$LOG" "$BATS_TEST_TMPDIR/all"
	LOG=$BATS_TEST_TMPDIR/all
	kill "$PID"
	server_wait_end
}

# -- A fifo ------------------------------------------------------------------------

@test "a fifo: its reader may come, stop and go" {
	local reader before
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	server_launch -o "log $BATS_TEST_TMPDIR/fifo" -w 2
	server_wait_notified
	is_served
	before=$(workers)
	LOG=$BATS_TEST_TMPDIR/read
	logs+=("$LOG")
	# What was said before anybody read is not lost.
	cat "$BATS_TEST_TMPDIR/fifo" >>"$LOG" 3>&- {never}>&- &
	reader=$!
	eventually "$LONG" log_has "smiled: listening on"
	hold "$reader"
	eventually "$LONG" fifo_is_full
	kill -TTOU "$PID"
	fill_log
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	is_served
	let_go "$reader"
	eventually "$LONG" said_after TTOU "warn [0-9]+ log lines were dropped"
	kill -KILL "$reader"
	wait "$reader" || true
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 3
	cat "$BATS_TEST_TMPDIR/fifo" >>"$LOG" 3>&- {never}>&- &
	eventually "$LONG" log_has "reload accepted: generation 3"
	server_stop
	wait
	log_has " info stopped"
}

fifo_is_full() {
	fill "$BATS_TEST_TMPDIR/fifo"
	is_full "$BATS_TEST_TMPDIR/fifo"
}

@test "a fifo nobody reads: TERM ends the server all the same" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	server_launch -o "log $BATS_TEST_TMPDIR/fifo" -w 2
	server_wait_notified
	eventually "$LONG" fifo_is_full
	fill_log
	kill -TERM "$PID"
	ends_in 10000
}

# -- syslog ------------------------------------------------------------------------

@test "syslog is not there: the server starts, serves, reloads and ends" {
	private_dev
	server_launch -o 'log syslog' -w 2
	server_wait_notified
	is_served
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	# It comes, and with the next line it is found.
	daemon_start
	eventually "$LONG" message_after TTOU "TTOU from pid"
	got_message "^<28>.*: warn [0-9]+ log lines were lost: No such file"
	daemon_end
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 3
	is_served
	kill -TERM "$PID"
	ends_in 10000
}

message_after() {
	kill "-$1" "$PID"
	got_message "$2"
}

@test "syslog is started anew: no line is lost" {
	local n
	private_dev
	daemon_start
	server_launch -o 'log syslog' -w 1
	server_wait_notified
	eventually "$LONG" got_message "smiled: listening on"
	for n in 1 2 3; do
		daemon_end
		daemon_start
		kill -TTOU "$PID"
		# The last that it says then.
		eventually "$LONG" messages_are "$n" "workers stay at 1"
	done
	run ! got_message "were lost"
	server_stop
	daemon_end
}

messages_are() {
	[ "$(grep -Ec -- "$2" "$MESSAGES")" -eq "$1" ]
}

@test "syslog does not read: nobody waits for it; it reads, or dies: it goes on" {
	local logger
	private_dev
	daemon_start
	server_launch -o 'log syslog' -w 1
	server_wait_notified
	hold "$FAKELOG"
	for generation in {2..12}; do
		kill -HUP "$PID"
		eventually "$LONG" board_is generation "$generation"
	done
	is_served
	let_go "$FAKELOG"
	eventually "$LONG" messages_are 11 "reload accepted"
	run ! got_message "were (lost|dropped)"
	hold "$FAKELOG"
	for generation in {13..24}; do
		kill -HUP "$PID"
		eventually "$LONG" board_is generation "$generation"
	done
	# It dies with a queue that is full; who waited for room is woken.
	daemon_end
	daemon_start
	eventually "$LONG" message_after TTOU "TTOU from pid"
	hold "$FAKELOG"
	for generation in {25..36}; do
		kill -HUP "$PID"
		eventually "$LONG" board_is generation "$generation"
	done
	kill -TERM "$PID"
	ends_in 10000
	daemon_end
}

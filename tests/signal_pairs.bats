#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: one signal comes on the heels of another, or in the middle of what
# that has begun, or hundreds at once, or before the server was there to hear
# it; and it hangs between two states, loses clients, or has forgotten one.

# What is for perl is not for this shell.
# shellcheck disable=SC2016

load lib/harness

# Some at once: all of them are there before the first is seen.
send_all() {
	hold "$PID"
	perl -e 'my $pid = pop; kill $_, $pid for @ARGV' "$@" "$PID"
	let_go "$PID"
}

reloads_are() {
	[ "$(board reloads_done)" -ge "$1" ] && reloads_settled
}

@test "each after each other, at once: the end is what the two say" {
	local first second n=0 generation
	server_start -w 2
	for first in HUP USR1 TTIN TTOU; do
		for second in HUP USR1 TTIN TTOU; do
			n=$((n + 1))
			send_all "$first" "$second" USR1
			eventually "$LONG" usr1_count_reaches "$n"
			# What it has begun comes to its end.
			eventually "$LONG" reload_has_verdict
		done
	done
	# The last one neither.
	generation=$(board generation)
	kill -HUP "$PID"
	eventually "$LONG" is_beyond "$generation"
	eventually "$LONG" worker_count_is 2
	is_served
	server_stop
}

is_beyond() {
	[ "$(board generation)" -gt "$1" ] && reloads_settled
}

@test "each before one that stops, at once: it stops, and nobody is cut off" {
	local pair
	for pair in "HUP TERM" "USR1 TERM" "TTIN TERM" "TTOU TERM" "CHLD TERM" \
	    "HUP QUIT" "QUIT HUP" "TERM TTIN"; do
		server_start -P "$testbin/bigsmile" -w 2 3000000
		begin_to_read
		# shellcheck disable=SC2086
		send_all $pair
		eventually "$LONG" log_has '(TERM|QUIT) from .*: stopping when all'
		go_on_reading
		server_wait_end
		log_has ' info stopped'
		run ! log_has 'killed'
		reload_has_verdict
		exec {go}>&-
	done
}

# A client that has connected, and reads when it is told to.
begin_to_read() {
	rm -f "$BATS_TEST_TMPDIR/go"
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec {go}<>"$BATS_TEST_TMPDIR/go"
	odd rcvbuf=4096 told=1 <&"$go" >"$BATS_TEST_TMPDIR/got" \
	    3>&- {never}>&- &
	client=$!
	eventually "$LONG" board_is serving 1
}

# It gets all of it.
go_on_reading() {
	echo go >&"$go"
	wait "$client"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/got")" -eq 3000000 ]
}

@test "one that stops and any other, at once: it ends soon" {
	local pair
	for pair in "INT HUP" "HUP INT" "TERM INT" "INT TERM" "TERM QUIT" \
	    "QUIT INT" "INT USR1" "TTIN INT" "TERM QUIT INT HUP USR1"; do
		server_start -w 2
		# shellcheck disable=SC2086
		send_all $pair
		server_wait_end
		[ "$(grep -c ' info stopped' "$LOG")" -eq 1 ]
		reload_has_verdict
	done
}

# Who is told that it reloads is told how that ended.
reload_has_verdict() {
	[ "$(grep -c ': reloading$' "$LOG" || true)" -eq \
	    "$(grep -Ec ' reload (accepted|refused): ' "$LOG" || true)" ]
}

# -- With some time between them ----------------------------------------------------

# Into the middle of what the first has begun, wherever that may be.
delays="1 10 40 70 110"

# after MS SIGNAL SIGNAL: to the current server, if it is still there.
after() {
	perl -e 'my ($ms, $first, $second, $pid) = @ARGV;
	    kill $first, $pid;
	    select undef, undef, undef, $ms / 1000;
	    kill $second, $pid' "$@" "$PID"
}

# What was begun has its verdict.  A HUP that a master hands on to the one that
# replaces it is a line of both.
all_have_verdicts() {
	if log_has 'upgrade accepted'; then
		! log_has 'HUP from .*: reloading' || log_has 'reload accepted'
	else
		reload_has_verdict
	fi &&
	    [ "$(grep -c ': upgrading$' "$LOG" || true)" -eq "$(grep -Ec \
	    'upgrade (accepted|refused)|warn upgrade: one is under way' \
	    "$LOG" || true)" ]
}

# The master that serves now is the current one.
follow() {
	local old=$PID
	PID=$(board pid)
	[ "$PID" = "$old" ] || upgraded=1
	[ "$PID" = "$old" ] || eventually "$LONG" is_gone "$old"
}

@test "one in the middle of what another has begun: nobody is lost" {
	local pair delay
	for pair in "HUP HUP" "HUP USR2" "USR2 HUP" "USR2 USR2" "TTIN USR2" \
	    "USR2 TTOU"; do
		for delay in $delays; do
			server_start -w 2
			bench_start -c 2
			# shellcheck disable=SC2086
			after "$delay" $pair
			[[ $pair != *USR2* ]] ||
			    eventually "$LONG" log_has 'upgrade accepted'
			eventually "$LONG" all_have_verdicts
			follow
			is_served
			# That is one.
			eventually "$LONG" has_accepted 2
			bench_end 1
			kill -TERM "$PID"
			server_wait_end
		done
	done
}

@test "one that stops in the middle of what another has begun: nobody is cut off" {
	local pair delay
	for pair in "HUP TERM" "USR2 TERM" "USR2 QUIT" "TERM HUP" "TERM USR2" \
	    "TTIN TERM"; do
		for delay in $delays; do
			server_start -P "$testbin/bigsmile" -w 2 3000000
			begin_to_read
			# shellcheck disable=SC2086
			after "$delay" $pair
			go_on_reading
			exec {go}>&-
			eventually "$LONG" is_gone "$PID"
			eventually "$LONG" all_have_verdicts
			if ! log_has ' info stopped$'; then
				# It was another's before it was told to stop.
				log_has 'upgrade accepted'
				# It may have been told, and be gone.
				PID=$(board pid 2>/dev/null) || true
				upgraded=1
				kill -TERM "$PID" 2>/dev/null || true
			fi
			server_wait_end
			run ! log_has 'killed'
		done
	done
}

# -- Many ----------------------------------------------------------------------------

# all_served N: so many at least, and all of them.
all_served() {
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(awk '$1 == "ok" { print $2 }' "$BATS_TEST_TMPDIR/bench")" -ge "$1" ]
	[ "$(awk '$1 ~ /^(refused|reset|short|wrong|timeout)$/ { n += $2 }
	    END { print n + 0 }' "$BATS_TEST_TMPDIR/bench")" -eq 0 ]
}

@test "500 of all kinds under load: nobody is lost, and the last word counts" {
	local before
	configure "start-timeout 60s
	service smile
	    listen 127.0.0.1:0
	    workers 4
	    send \"Smile from the server\\n\""
	server_start -f "$CONF"
	smilebench -c 4 -d 600s -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" has_accepted 100
	for _ in 1 2 3; do
		before=$(board accepted)
		perl -e 'my $pid = shift; srand 7;
		    my @kinds = qw(HUP USR1 TTIN TTOU CHLD WINCH PIPE ALRM URG
		    CONT PROF IO);
		    kill $kinds[rand @kinds], $pid for 1 .. 500' "$PID"
		eventually "$LONG" has_accepted $((before + 100))
	done
	eventually "$LONG" reloads_are 1
	interrupt "$bench"
	wait "$bench" || true
	all_served 300
	# After all of them, a new text: it is not taken for one of theirs.
	sed -i 's/Smile from/Good bye from/' "$CONF"
	kill -HUP "$PID"
	MESSAGE="Good bye from the server" eventually "$LONG" is_served
	eventually "$LONG" reloads_settled
	eventually "$LONG" worker_count_is 4
	server_stop
}

@test "HUP, HUP, HUP in the middle of a reload: one more, with what is then there" {
	local n
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    send \"one\\n\""
	server_start -f "$CONF"
	# A reload that has begun and cannot end: an old worker does not hear.
	stopped=$(workers 1)
	hold "$stopped"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	sed -i 's/one/two/' "$CONF"
	for n in 1 2 3; do
		kill -HUP "$PID"
		kill -USR1 "$PID"
		eventually "$LONG" usr1_count_reaches "$n"
	done
	let_go "$stopped"
	eventually "$LONG" reloads_are 2
	eventually "$LONG" is_gone "$stopped"
	[ "$(board reloads_done)" -le 4 ]
	MESSAGE=two is_served
	server_stop
}

# -- Before it was there ----------------------------------------------------------------

# pending SIGNAL...: the servers started from now on come from somebody who has
# blocked all signals, and sent these to what becomes the server.
pending() {
	cat >"$BATS_TEST_TMPDIR/starter" <<-'EOP'
		use POSIX;
		my @signals = split / /, shift;
		my $all = POSIX::SigSet->new;
		$all->fillset;
		sigprocmask(SIG_BLOCK, $all);
		kill $_, $$ for @signals;
		exec @ARGV or die;
	EOP
	start_from "exec perl '$BATS_TEST_TMPDIR/starter' '$*' \"\$@\""
}

@test "sent and blocked before the server was there: TERM, QUIT, INT end it" {
	local signal
	for signal in TERM QUIT INT "HUP TERM" "TERM WINCH CHLD" "USR1 INT"; do
		SMILED_WRAP=
		# shellcheck disable=SC2086
		pending $signal
		server_launch -w 2
		exec {ready}>&-
		server_wait_end
		log_has '(TERM|QUIT|INT) from pid .*: stopping'
		log_has ' info stopped'
	done
}

@test "sent and blocked before the server was there: HUP reloads, others do nothing" {
	SMILED_WRAP=
	pending HUP USR1
	server_start -w 2
	eventually "$LONG" log_has 'HUP from pid .*: reloading'
	eventually "$LONG" board_is generation 2
	eventually "$LONG" board_is reloads_done 1
	# It was ready in the middle of a reload.
	count_fds
	log_has 'USR1 from pid .*: reopening the log'
	is_served
	server_stop
	SMILED_WRAP=
	pending ALRM PIPE WINCH PROF IO XFSZ VTALRM
	server_start -w 2
	[ "$(wc -l <"$LOG")" -eq 1 ]
	is_served
	server_stop
}

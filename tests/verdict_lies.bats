#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: who asks for a reload is told how another one went, that it went
# well when it did not, half of what is wrong, or nothing, for ever.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	dir=$BATS_TEST_TMPDIR
	acceptor=$dir/acceptor.pl
	held=$dir/held
	mark_programs
	gate
	# Nobody may be unable to read the sources.
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$acceptor"
	chmod 644 "$acceptor"
}

# app [LINE]: a service whose program is ready at once; or, while the file $held
# is there, when the gate lets it on.
app() {
	local code="if (-e \"$held\") {"
	code+=" open(my \$gate, \"<\", \"$gate\"); <\$gate> }"
	code+=" notify(\"READY=1\")"
	configure "service app
	    listen 127.0.0.1:0
	    run /usr/bin/perl $acceptor '$code'
	    ready notify
	    workers 1
	    env TEST_MARK=$mark
	    ${1:-}"
}

# ask NAME [ARG...]: smilectl reload, in the background.
ask() {
	local name=$1
	shift
	(
		status=0
		ctl reload "$@" >"$dir/$name.out" 2>"$dir/$name.err" ||
		    status=$?
		echo "$status" >"$dir/$name.status"
	) 3>&- {never}>&- &
}

# told NAME STATUS: what it got, also in out and err.
told() {
	eventually "$LONG" test -s "$dir/$1.status"
	out=$(<"$dir/$1.out") err=$(<"$dir/$1.err")
	[ "$(<"$dir/$1.status")" -eq "$2" ] || {
		echo "$1: status $(<"$dir/$1.status"): $out $err" >&2
		return 1
	}
}

has_no_verdict() {
	[ ! -s "$dir/$1.status" ]
}

# For eventually: so many HUPs have been taken.
hups_are() {
	[ "$(grep -c ' HUP from pid ' "$LOG")" -eq "$1" ]
}

# What a configuration is refused for by smiled -t; the last line counts.
complaints() {
	smiled -t -f "$CONF" 2>&1 | sed '$d'
}

# The one that serves for clients, the new one at the gate.
both_wait() {
	local pids
	mapfile -t pids < <(programs)
	[ "${#pids[@]}" -eq 2 ] && is_asleep "${pids[0]}" &&
	    is_asleep "${pids[1]}"
}

one_waits() {
	local pid
	pid=$(programs)
	[[ $pid =~ ^[0-9]+$ ]] && is_asleep "$pid"
}

# A server whose reload, the first, is under way and held.
hold_reload() {
	app
	server_start -f "$CONF"
	serving=$(programs)
	: >"$held"
	app "$1"
	ask first
	eventually "$LONG" board_is reloads_started 1
	eventually "$LONG" both_wait
	# Who comes next is ready at once.
	rm "$held"
}

@test "accepted: what has changed" {
	configure 'service smile
	    listen 127.0.0.1:0
	    send "one\n"'
	server_start -f "$CONF"
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 8
	    send "two\n"'
	run -0 --separate-stderr ctl reload
	[ "${lines[0]}" = "accepted: generation 2, 8 workers" ]
	grep -qx 'smile: workers 4 -> 8' <<<"$output"
	grep -q '^smile: send ' <<<"$output"
	# shellcheck disable=SC2154
	[ -z "$stderr" ]
	# It is so when we are told.
	[ "$(smile 127.0.0.1 "$PORT")" = two ]
	run -0 ctl reload --json
	[ "$(json '@$j{qw(number verdict text)}' <<<"$output")" = \
	    "2 accepted accepted: generation 3, 8 workers" ]
	server_stop
}

@test "refused: every error, as smiled -t has them" {
	configure 'service smile
	    listen 127.0.0.1:0
	    echo'
	server_start -f "$CONF"
	printf 'workrs 4\nservice smile\n    listen 0\n    echo\n    s\033[1m 3\n
	    workers many\n' >"$CONF"
	run -78 --separate-stderr ctl reload
	[ -z "$output" ]
	[ "${stderr_lines[0]}" = \
	    "refused: 3 errors; configuration not used" ]
	[ "$(sed 1d <<<"$stderr")" = "$(complaints)" ]
	[ "$(complaints | wc -l)" -eq 3 ]
	run -78 --separate-stderr ctl reload --json
	[ -z "$stderr" ]
	[ "$(json '@$j{qw(number verdict)}' <<<"$output")" = "2 refused" ]
	[ "$(json '$j->{text}' <<<"$output" | sed 1d)" = "$(complaints)" ]
	[ "$(status '$j->{last_reload}{verdict}')" = refused ]
	server_stop
}

@test "refused: more errors than there is room for" {
	configure 'service smile
	    listen 127.0.0.1:0
	    echo'
	server_start -f "$CONF"
	for _ in {1..500}; do
		echo "no-such-keyword-$(printf '%0200d' 0)"
	done >"$CONF"
	run -78 --separate-stderr ctl reload
	[[ "${stderr_lines[0]}" == "refused: 50"*" errors (the first "* ]]
	server_stop
}

@test "refused: what cannot be started, or had" {
	local other
	configure 'service smile
	    listen 127.0.0.1:0
	    echo'
	server_start -f "$CONF"
	configure 'service smile
	    listen 127.0.0.1:0
	    run /bin/false'
	run -78 ctl reload
	[[ "$output" == "refused: "*"worker smile/"*"status 1"* ]]
	other=$PORT
	configure "service smile
	    listen 127.0.0.1:0
	    echo
	service other
	    listen 127.0.0.1:$other
	    echo"
	run -78 ctl reload
	[[ "$output" == "refused: "*"127.0.0.1:$other: address in use"* ]]
	rm "$CONF"
	run -78 ctl reload
	[[ "$output" == *"cannot read"*"$CONF"* ]]
	[ "$(smile -m here 127.0.0.1 "$PORT")" = here ]
	server_stop
}

@test "asked while another is under way: the verdict is that of the next" {
	hold_reload 'env X=1'
	configure 'nonsense'
	ask second
	eventually "$LONG" hups_are 2
	has_no_verdict first
	has_no_verdict second
	let_on
	told first 0
	[[ $out == "accepted: generation 2, 1 worker"* && -z $err ]]
	told second 78
	[[ $err == "refused: 1 error;"*"unknown keyword 'nonsense'"* ]]
	[ -z "$out" ]
	server_stop
}

@test "asked while a refused one is under way: the next may be accepted" {
	hold_reload 'env X=1'
	app
	ask second --json
	eventually "$LONG" hups_are 2
	# The one that is held dies.
	for pid in $(programs); do
		[ "$pid" = "$serving" ] || kill -KILL "$pid"
	done
	told first 78
	[[ $err == "refused: "*"killed"* ]]
	told second 0
	[ "$(json '@$j{qw(number verdict)}' <<<"$out")" = "2 accepted" ]
	server_stop
}

@test "asked before the server is ready: the reload comes after its start" {
	: >"$held"
	app
	server_launch -f "$CONF"
	eventually "$LONG" one_waits
	[ "$(status '$j->{state}')" = starting ]
	ask first
	eventually "$LONG" hups_are 1
	has_no_verdict first
	rm "$held"
	let_on
	server_wait_ready
	told first 0
	[[ $out == "accepted: generation 2, 1 worker" ]]
	eventually "$LONG" program_count_is 1
	eventually "$LONG" status_is '$j->{workers}{retiring}' 0
	# It was ready in the middle of a reload.
	count_fds
	server_stop
}

@test "ten at once: each gets a verdict" {
	local n
	server_start -w 2
	for n in {1..10}; do
		ask "$n"
	done
	for n in {1..10}; do
		told "$n" 0
		[[ $out =~ ^"accepted: generation "([0-9]+)", 2 workers"$ ]]
		[ "${BASH_REMATCH[1]}" -ge 2 ]
		[ "${BASH_REMATCH[1]}" -le 11 ]
	done
	eventually "$LONG" reloads_settled
	eventually "$LONG" worker_count_is 2
	server_stop
}

# It does not run while many reloads come and go, so its own verdict is gone.
@test "who looks late is told of one that began still later" {
	local n asker
	server_start -w 1
	hold "$PID"
	ask first
	asker=$!
	eventually "$LONG" has_sent_hup "$asker"
	read -r asker <"/proc/$asker/task/$asker/children" || true
	hold "$asker"
	let_go "$PID"
	eventually "$LONG" board_is reloads_done 1
	for n in {1..6}; do
		reload_accepted
	done
	let_go "$asker"
	told first 0
	[[ $out == "accepted: generation "* ]]
	server_stop
}

# Signals are in the mask of those pending for the process.
has_sent_hup() {
	local mask
	mask=$(sed -n 's/^ShdPnd:\t//p' "/proc/$PID/status")
	[ $((16#$mask & 1)) -eq 1 ]
}

@test "the server stops meanwhile" {
	hold_reload 'env X=1'
	kill "$PID"
	eventually "$LONG" test -s "$dir/first.status"
	[[ "$(<"$dir/first.status")" =~ ^(69|3|78)$ ]]
	[ -s "$dir/first.err" ]
	[ ! -s "$dir/first.out" ]
	server_wait_end
}

@test "asked of one that stops: told so" {
	server_start -w 1
	hold "$(workers)"
	odd >/dev/null 3>&- {never}>&- &
	eventually "$LONG" status_is '$j->{services}[0]{queue}' 1
	kill "$PID"
	eventually "$LONG" status_is '$j->{state}' stopping
	run -69 ctl reload
	[[ "$output" == *"$PID is stopping and does nothing else" ]]
	let_go "$(session_pids "$SID" "smiled: worker ")"
	server_wait_end
}

@test "the server dies meanwhile" {
	left_board=yes
	hold_reload 'env X=1'
	kill -KILL "$PID"
	wait "$PID" || true
	told first 3
	[[ $err == *"$PID has ended without a verdict" && -z $out ]]
}

@test "a master that does not run: told when the time is up" {
	server_start -w 1
	hold "$PID"
	run -75 --separate-stderr timeout "$LONG" env \
	    RUNTIME_DIRECTORY="$RUN" smilectl reload -t 300ms
	[ "$stderr" = "smilectl: the reload had no verdict within 300ms" ]
	let_go "$PID"
	# It was asked, all the same.
	eventually "$LONG" board_is reloads_done 1
	server_stop
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a service whose workers die at once, over and over, takes the
# others with it: it keeps the master busy, floods the log, starves its
# neighbours; or it is not tried again when it could work, or nobody can see
# that it does not.

# What Perl makes of JSON is for Perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	mark_programs
	bad=$BATS_TEST_TMPDIR/bad
}

# A service that works, and one of eight programs, all of which end at once as
# long as there is the file bad.
crash_conf() {
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    send \"Smile from the server\\n\"
	service app
	    listen 127.0.0.1:0
	    run /bin/sh -c 'test ! -e $bad && exec sleep 1000'
	    workers 8
	    ready 20ms
	    kill-grace 200ms
	    env TEST_MARK=$mark"
}

# It works, and from now on it does not.
start_crashing() {
	crash_conf
	server_start -f "$CONF"
	PORT=$(port_for smile)
	: >"$bad"
	# One that had not looked for it yet may end by itself.
	programs | xargs kill -KILL 2>/dev/null || true
	eventually "$LONG" tries_are_beyond 7
}

# How many times a worker of app has failed, by the log.
failures() {
	grep -c 'error worker app/.* exited with status 1' "$LOG" || true
}

tries_are_beyond() {
	[ "$(failures)" -gt "$1" ]
}

# Processor time of a process so far, in ticks.
ticks() {
	echo $(($(stat_field "$1" 12) + $(stat_field "$1" 13)))
}

# The longest time for which a worker of app was put off, in tenths of seconds.
longest_pause() {
	sed -n 's/.*app.*: trying again in \([0-9]*\)\.\(.\) s/\1\2/p' "$LOG" |
	    sort -n | tail -n 1
}

is_put_off() {
	[ "$(longest_pause)" -ge "$1" ]
}

# How many of app are in a state.
app_has() {
	[ "$(status 'my ($s) = grep { $_->{service} eq "app" }
	    @{$j->{services}}; $s->{workers}{"'"$1"'"}')" = "$2" ]
}

app_text_has() {
	ctl status | grep -Eq "^app on .*: $1\$"
}

@test "the others are served, the master sleeps, the log stays short, and it comes back" {
	local begin before tries lines took
	start_crashing
	# What is about to happen: some seconds of it, under load.
	begin=$(now_ms)
	smilebench -c 2 -d 600s localhost "$PORT" >"$BATS_TEST_TMPDIR/bench" \
	    2>&1 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" is_put_off 15
	interrupt "$bench"
	wait "$bench" || true
	# All were served.
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(awk '$1 == "ok" { print $2 }' "$BATS_TEST_TMPDIR/bench")" -gt 100 ]
	[ "$(awk '$1 ~ /^(refused|reset|short|wrong|timeout)$/ { n += $2 }
	    END { print n + 0 }' "$BATS_TEST_TMPDIR/bench")" -eq 0 ]
	# Two lines a try, each try twice as late as the one before: 0.1 s,
	# 0.2 s ... each give or take a quarter, so the Nth is not before
	# 0.075 * (2^N - 1) s.
	lines=$(grep -c ' app/\|\[app/' "$LOG")
	took=$(($(now_ms) - begin + 2000))
	awk -v lines="$lines" -v took="$took" 'BEGIN {
		most = log(took / 75 + 1) / log(2) + 2
		print lines " lines of at most " 2 * 8 * most
		exit lines > 2 * 8 * most }'
	# Those who look see it.
	eventually "$LONG" app_text_has \
	    '[1-8] of 8 backing off(, [1-8] retiring)?; next try in ([0-9]+ms|[0-9]\.[0-9]s)'
	eventually "$LONG" app_has 'backing off' 8
	ctl workers | grep -Eq \
	    '^app/[1-8] +- +backing off, ([0-9]+ms|[0-9]\.[0-9]s) '
	[ "$(ctl status --json | json 'my ($s) = grep {
	    $_->{service} eq "app" } @{$j->{services}};
	    $s->{next_try} >= 0 && $s->{next_try} < 5')" = 1 ]
	# Nobody waits for anything but time now.  When each of the eight is put
	# off for 30 s, the master shall work for less than a hundredth of the
	# time: so for no more than 37 ms a try, and not between.
	before=$(ticks "$PID") tries=$(failures)
	eventually "$LONG" is_put_off 30
	eventually "$LONG" tries_are_beyond "$tries"
	tries=$(($(failures) - tries))
	[ "$tries" -ge 1 ]
	[ $((($(ticks "$PID") - before) * 1000 / $(getconf CLK_TCK))) -le \
	    $((37 * (tries + 1) * ${SMILED_SLOW:-1})) ]
	rm "$bad"
	eventually "$LONG" app_has running 8
	run ! app_text_has '.*'
	server_stop
}

# die_of SERVICE: its only worker dies, as soon as there is one.
die_of() {
	local victim
	eventually "$LONG" has_worker "$1"
	victim=$(workers "$1/")
	kill -SEGV "$victim"
	eventually "$LONG" is_gone "$victim"
}

has_worker() {
	[ -n "$(workers "$1/")" ]
}

pauses() {
	sed -n 's/.*smile\/1: trying again in \(.*\) s/\1/p' "$LOG"
}

pause_count_is() {
	[ "$(pauses | wc -l)" -eq "$1" ]
}

has_lived() {
	[ "$(ctl workers --json | json '$j->[0]{since} >= 1')" = 1 ]
}

@test "one that has served for a while starts from the shortest pause again" {
	server_start -w 1
	for _ in 1 2 3; do
		die_of smile
	done
	eventually "$LONG" pause_count_is 3
	eventually "$LONG" has_worker smile
	is_served
	eventually "$LONG" has_lived
	# Its death is an accident: another comes at once.
	die_of smile
	eventually "$LONG" has_worker smile
	pause_count_is 3
	# The next one dies young, and is the first to.
	die_of smile
	eventually "$LONG" pause_count_is 4
	pauses | tail -n 1 | awk '{ exit $1 > 0.13 }'
	server_stop
}

@test "an exec service whose workers are killed: clients are served between" {
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    exec /bin/echo Smile from the server
	    env TEST_MARK=$mark
	service other
	    listen 127.0.0.1:0
	    workers 2
	    send \"Smile from the server\\n\""
	server_start -f "$CONF"
	other=$(port_for other)
	PORT=$(port_for smile)
	for _ in 1 2 3 4; do
		mapfile -t killed < <(workers)
		kill -KILL "${killed[@]}"
		# Until then it may still take somebody.
		eventually "$LONG" are_gone "${killed[@]}"
		# Who comes now waits for the next worker, and is served.
		is_served "$other"
		is_served
		eventually "$LONG" board_is serving 0
		eventually "$LONG" worker_count_is 2
	done
	[ "$(status '$j->{connections}{killed}')" -eq 0 ]
	server_stop
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the master was stopped for a while, or got no processor, and takes
# its own sleep for that of others: it ends programs that have said all the
# time that they live, or gives up workers that were ready in time.  Or so much
# is said to it that it does not hear its signals.

# What is said to programs is for perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	acceptor=$BATS_TEST_TMPDIR/acceptor.pl
	gate=$BATS_TEST_TMPDIR/gate
	mark_programs
	# Nobody may be unable to read the sources.
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$acceptor"
	chmod 644 "$acceptor"
}

# A service smile, and one of programs that do CODE; more lines for it.
app() {
	configure "start-timeout $1
	service smile
	    listen 127.0.0.1:0
	    workers 2
	    send \"Smile from the server\\n\"
	service app
	    listen 127.0.0.1:0
	    run /usr/bin/perl $acceptor '$(tr -s '\n\t' ' ' <<<"$2")'
	    env TEST_MARK=$mark
	    kill-grace 300ms
	    $3"
}

# The programs, not what they have started.
apps() {
	local pid
	for pid in $(programs); do
		[ "$(stat_field "$pid" 2)" != "$PID" ] || echo "$pid"
	done
}

app_count_is() {
	[ "$(apps | wc -l)" -eq "$1" ]
}

# Whether all of the programs sleep: whatever they say is said, or waits for
# room.
apps_rest() {
	local pid
	for pid in $(apps); do
		is_asleep "$pid" || return 1
	done
}

passed_since() {
	[ $(($(now_ms) - $1)) -ge "$2" ]
}

# The master sleeps for MS milliseconds; clients are served meanwhile.
sleep_for() {
	local begin
	begin=$(now_ms)
	hold "$PID"
	while ! passed_since "$begin" "$1"; do
		is_served "$(port_for smile)"
		pause
	done
	let_go "$PID"
}

# How many the master has.
children() {
	cat /proc/[0-9]*/stat 2>/dev/null | awk -v master="$PID" '
	    { sub(/.*\) /, ""); n += $2 == master } END { print n }'
}

has_children() {
	[ "$(children)" -ge "$1" ]
}

# More of them than messages fit into a socket that nobody reads.
many=24

lives='notify("READY=1"); helper(sub {
    while (getppid == $ENV{SMILED_PID}) {
    notify("WATCHDOG=1"); pause(0.2) } })'

@test "asleep for longer than a watchdog: programs that say that they live stay" {
	local before begin
	app 60s "$lives" "watchdog 2s
	    ready notify
	    workers $many"
	server_start -f "$CONF"
	eventually "$LONG" app_count_is "$many"
	before=$(apps)
	for _ in 1 2; do
		sleep_for 2500
		begin=$(now_ms)
		# What was due while it slept would be judged by now.
		eventually "$LONG" passed_since "$begin" 500
		[ "$(apps)" = "$before" ]
		run ! log_has 'sign of life|killed|ending it'
	done
	# Who really hangs is found nevertheless.
	victim=$(tail -n 1 <<<"$before")
	# shellcheck disable=SC2046
	kill -STOP $(programs | while read -r pid; do
		[ "$(stat_field "$pid" 2)" != "$victim" ] || echo "$pid"
	done)
	eventually "$LONG" log_has "pid $victim\) has given no sign of life"
	server_stop
}

@test "asleep while new programs become ready: the reload is accepted" {
	app 60s 'notify("READY=1")' "ready notify
	    workers 1"
	server_start -f "$CONF"
	app 4s "pause(0.05) until -e \"$gate\"; notify(\"READY=1\")" \
	    "ready notify
	    workers $many"
	others=$(children)
	kill -HUP "$PID"
	# With two workers for the other service.
	eventually "$LONG" has_children $((others + many + 2))
	hold "$PID"
	# They may take long to start.
	eventually "$LONG" app_count_is $((many + 1))
	begin=$(now_ms)
	# Longer than they have, and than the reload has.
	eventually "$LONG" passed_since "$begin" 4500
	: >"$gate"
	eventually "$LONG" passed_since "$begin" 5500
	eventually "$LONG" apps_rest
	let_go "$PID"
	eventually "$LONG" log_has 'reload (accepted|refused)'
	log_has 'reload accepted'
	run ! log_has 'not ready'
	# There are more of them now, and the log of each.
	eventually "$LONG" app_count_is "$many"
	count_fds
	server_stop
}

@test "asleep during a graceful stop: who was told to leave does, and no fuss" {
	server_start -w 4 -o echo -o 'stop-timeout 4s'
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" board_is serving 1
	begin=$(now_ms)
	kill -TERM "$PID"
	eventually "$LONG" worker_count_is 1
	hold "$PID"
	exec {conn}>&-
	eventually "$LONG" worker_count_is 0
	# It wakes up when their time is over, and they are gone.
	eventually "$LONG" passed_since "$begin" 4500
	let_go "$PID"
	server_wait_end
	log_has ' info stopped'
	run ! log_has 'killed|in time'
}

# Where that can be had, in a network of its own, the sockets have room for more
# than the master ever reads at once: there is always something to read.
have_room() {
	[ "$(id -u)" -eq 0 ] && unshare -n true 2>/dev/null || return 0
	start_from 'echo 100000 >/proc/sys/net/unix/max_dgram_qlen
	    exec "$@"'
	SMILED_WRAP="unshare -n $SMILED_WRAP"
}

@test "said to without end: the master hears its signals" {
	have_room
	app 60s 'notify("READY=1");
	    my $to = pack_sockaddr_un($ENV{NOTIFY_SOCKET} =~ s/^@/\0/r);
	    helper(sub { socket(my $s, AF_UNIX, SOCK_DGRAM, 0);
	    connect($s, $to);
	    pause(0.05) until -e "'"$gate"'";
	    while (getppid == $ENV{SMILED_PID}) { syswrite($s, "STATUS=x") } })
	    for 1 .. 4' "ready notify
	    workers 2"
	server_start -f "$CONF"
	: >"$gate"
	eventually "$LONG" is_busy "$PID"
	begin=$(now_ms)
	for n in 1 2 3 4 5; do
		kill -USR1 "$PID"
		eventually "$LONG" usr1_count_reaches "$n"
	done
	kill -HUP "$PID"
	eventually "$LONG" log_has 'reload accepted'
	kill -TERM "$PID"
	server_wait_end
	echo "took $(($(now_ms) - begin)) ms"
	[ $(($(now_ms) - begin)) -lt $((5000 * ${SMILED_SLOW:-1})) ]
}

is_busy() {
	[ "$(stat_field "$1" 12)" -gt 10 ] || [ "$(stat_field "$1" 13)" -gt 10 ]
}

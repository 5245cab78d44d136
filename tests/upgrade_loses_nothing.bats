#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a live upgrade loses a connection, or one that is long; leaves the
# old server behind, or something of it; and the server that came by one is not
# like one that was started.

load lib/harness
load lib/programs

more_setup() {
	mark_programs
}

smile_conf() {
	configure "service smile
	    listen 127.0.0.1:${port:-0}
	    send \"Smile from the server\\n\"
	    ${1:-}"
}

@test "upgrades under load lose nobody, and leave all as it was" {
	local n=10
	[ -z "${SMILED_LONG:-}" ] || n=100
	smile_conf
	server_start -f "$CONF" -o "pid-file $BATS_TEST_TMPDIR/run.1/pid"
	args=$(tr '\0' '\n' <"/proc/$PID/cmdline")
	bench_start
	for _ in $(seq "$n"); do
		upgrade_accepted
	done
	bench_end
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(cat "$RUN/pid")" -eq "$PID" ]
	[ "$(board generation)" -eq $((n + 1)) ]
	[ "$(tr '\0' '\n' <"/proc/$PID/cmdline")" = "$args" ]
	# The old ones have gone: a master, its log process, four workers.
	eventually "$LONG" session_has 6
	# And the descriptors are those of the first one.
	server_stop
}

@test "twenty in a row: the environment is what it was" {
	configure <<-EOF
	service env
	    listen 127.0.0.1:0
	    exec /usr/bin/env
	    pass-env KEPT LISTEN_PID NOTIFY_SOCKET SMILED_UPGRADE
	EOF
	export KEPT="what was here"
	server_start -f "$CONF"
	before=$(smile 127.0.0.1 "$PORT" </dev/null | grep -vE 'PORT|_CONNECTION' |
	    sort)
	memory=$(awk '/VmData/ { print $2 }' "/proc/$PID/status")
	for _ in {1..20}; do
		upgrade_accepted
	done
	run diff <(smile 127.0.0.1 "$PORT" </dev/null | grep -vE 'PORT|_CONNECTION' |
	    sort) <(echo "$before")
	[ "$status" -eq 0 ]
	grep -q 'KEPT=what was here' <<<"$before"
	# In kilobytes; a page or two of the allocator's are no growth.
	[ "$(awk '/VmData/ { print $2 }' "/proc/$PID/status")" -le \
	    $((memory + 64)) ]
	eventually "$LONG" session_has 6
	server_stop
}

hold_echo() {
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	echo here >&"$conn"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = here ]
}

# hold_echo_of [LINE]: a server that echoes, and a client that stays with it.
hold_echo_of() {
	configure "${1:-}
	service echo
	    listen 127.0.0.1:0
	    idle-timeout none
	    echo"
	server_start -f "$CONF"
	hold_echo
}

@test "a long connection lives to its end, and the old server with it" {
	hold_echo_of
	upgrade_accepted
	eventually "$LONG" session_has 9
	echo again >&"$conn"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = again ]
	kill -0 "$old_master"
	[[ "$(title_of "$old_master")" == "smiled: master, its last"* ]]
	# HUP is none of its business any more, and USR2 neither.
	kill -HUP "$old_master"
	eventually "$LONG" log_has 'not reloading, since another master serves'
	exec {conn}>&-
	eventually "$LONG" is_gone "$old_master"
	log_has 'the last connection of the old server is served'
	eventually "$LONG" session_has 6
	server_stop
}

@test "TERM to the old server ends what it still has, within stop-timeout" {
	hold_echo_of 'stop-timeout 6s'
	upgrade_accepted
	kill -TERM "$old_master"
	eventually "$LONG" is_gone "$old_master"
	read -rt "$LONG" -u "$conn" line || true
	exec {conn}>&-
	[ "$(printf 'x\n' | smile 127.0.0.1 "$PORT")" = x ]
	server_stop
}

@test "INT to the old server ends it at once" {
	hold_echo_of
	upgrade_accepted
	kill -INT "$old_master"
	eventually "$LONG" is_gone "$old_master"
	exec {conn}>&-
	[ "$(printf 'x\n' | smile 127.0.0.1 "$PORT")" = x ]
	server_stop
}

@test "with a changed configuration: addresses come, go and stay" {
	smile_conf "service gone
	    listen 127.0.0.2:0
	    send \"gone\n\"
	service other
	    listen unix:$BATS_TEST_TMPDIR/sock
	    send \"other\n\""
	server_start -f "$CONF"
	PORT=$(port_for smile)
	gone=$(port_for gone)
	kept=$(stat -c %i "$BATS_TEST_TMPDIR/sock")
	bench_start
	# Those who wait for it when it goes are served.
	mapfile -t held < <(workers gone/)
	hold "${held[@]}"
	exec {conn}<>"/dev/tcp/127.0.0.2/$gone"
	smile_conf "workers 2
	service other
	    listen unix:$BATS_TEST_TMPDIR/sock
	    send \"other now\n\"
	service new
	    listen 127.0.0.1:0
	    send \"new\n\""
	upgrade_accepted
	let_go "${held[@]}"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = gone ]
	exec {conn}>&-
	[ "$(smile 127.0.0.1 "$(port_for new)" </dev/null)" = new ]
	[ "$(smile -U "$BATS_TEST_TMPDIR/sock" </dev/null)" = "other now" ]
	[ "$(stat -c %i "$BATS_TEST_TMPDIR/sock")" = "$kept" ]
	bench_end
	eventually "$LONG" is_gone "$old_master"
	run -69 smile 127.0.0.2 "$gone" </dev/null
	upgrade_accepted
	# Until then the new one listens to the old one.
	eventually "$LONG" is_gone "$old_master"
	eventually "$LONG" at_rest
	FDS=$(open_fds "$PID")
	server_stop
	[ ! -e "$BATS_TEST_TMPDIR/sock" ]
}

@test "what came by an upgrade reloads, stops and empties its queues as any" {
	smile_conf
	server_start -f "$CONF"
	upgrade_accepted
	reload_through
	smile_conf 'workers 2'
	reload_accepted
	eventually "$LONG" worker_count_is 2
	bench_start
	for _ in {1..5}; do
		reload_accepted
	done
	bench_end
	eventually "$LONG" worker_count_is 2
	mapfile -t held < <(workers)
	hold "${held[@]}"
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	kill -TERM "$PID"
	eventually "$LONG" log_has 'stopping when all'
	let_go "${held[@]}"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = "Smile from the server" ]
	exec {conn}>&-
	server_wait_end
}

@test "in the background: the same, and the file is found from elsewhere" {
	smile_conf
	cp "$CONF" "$BATS_TEST_TMPDIR/run.conf"
	RUN=$BATS_TEST_TMPDIR/run.1 LOG=$BATS_TEST_TMPDIR/log
	mkdir "$RUN"
	logs+=("$LOG")
	ln -s "$bindir/smiled" "$BATS_TEST_TMPDIR/smiled"
	# By names that mean nothing elsewhere.
	(cd "$BATS_TEST_TMPDIR" && RUNTIME_DIRECTORY=$RUN ./smiled -b \
	    -f run.conf -o "log $LOG" 3>&- {never}>&-)
	PID=$(board pid)
	SID=$(stat_field "$PID" 4)
	sids+=("$SID")
	eventually "$LONG" log_has 'smiled: listening on .*, 4 '
	find_port
	bench_start
	for _ in 1 2 3; do
		upgrade_accepted
	done
	bench_end
	[ "$(stat_field "$PID" 4)" = "$SID" ]
	kill -TERM "$PID"
	server_wait_end
}

@test "programs that accept by themselves overlap" {
	acceptor=$BATS_TEST_TMPDIR/acceptor.pl
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$acceptor"
	configure "service app
	    listen 127.0.0.1:0
	    workers 2
	    ready notify
	    run /usr/bin/perl $acceptor '\$always = \"Smile from the server\"; notify(\"READY=1\")'
	    env TEST_MARK=$mark"
	server_start -f "$CONF"
	bench_start -e 'Smile from the server
'
	for _ in 1 2 3; do
		upgrade_accepted
	done
	bench_end
	eventually "$LONG" is_gone "$old_master"
	eventually "$LONG" session_has 2
	server_stop
}

@test "hundreds of addresses: all of them stay, and none is shut" {
	local port n
	port=$(free_port)
	# One program for all: it need not accept for clients to connect.
	configure "service app
	    workers 1
	    ready 20ms
	    run /bin/sleep 1000
	    env TEST_MARK=$mark"
	for n in {1..600}; do
		echo "listen 127.1.$((n / 100)).$((n % 100 + 1)):$port"
	done >>"$CONF"
	server_start -f "$CONF"
	upgrade_accepted
	eventually "$LONG" is_gone "$old_master"
	for n in {1..600}; do
		exec {conn}<>"/dev/tcp/127.1.$((n / 100)).$((n % 100 + 1))/$port"
		exec {conn}>&-
	done
	# Nobody will serve those who wait.
	kill -INT "$PID"
	server_wait_end
}

@test "a program of exec goes on to its end" {
	configure <<-EOF
	service slow
	    listen 127.0.0.1:0
	    exec /bin/sh -c 'read line; echo "\$line"'
	    env TEST_MARK=$mark
	EOF
	server_start -f "$CONF"
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" board_is serving 1
	upgrade_accepted
	echo here >&"$conn"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = here ]
	exec {conn}>&-
	eventually "$LONG" is_gone "$old_master"
	server_stop
}

@test "a pool that has grown: the new one grows by itself, the old one no more" {
	configure 'service echo
	    listen 127.0.0.1:0
	    workers 2..12
	    idle-timeout none
	    echo'
	server_start -f "$CONF"
	conns=()
	for n in 1 2 3 4; do
		exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
		conns+=("$conn")
	done
	eventually "$LONG" board_is serving 4
	upgrade_accepted
	# Four with their clients, who are the old master's.
	eventually "$LONG" retired_to 4
	hold_echo
	more=$conn
	hold_echo
	eventually "$LONG" board_is serving 2
	for fd in "${conns[@]}"; do
		echo here >&"$fd"
		read -rt "$LONG" -u "$fd" line
		[ "$line" = here ]
		exec {fd}>&-
	done
	eventually "$LONG" is_gone "$old_master"
	exec {more}>&- {conn}>&-
	server_stop
}

# Whether so many workers of the old master are left.
retired_to() {
	local pid n=0
	for pid in $(all_workers); do
		[ "$(stat_field "$pid" 2)" != "$old_master" ] || n=$((n + 1))
	done
	[ "$n" -eq "$1" ]
}

@test "one worker more or fewer while the old server hands over: not there" {
	local one
	server_start -w 3
	one=$(workers 1)
	# It keeps the old master waiting for a second.
	hold "$one"
	kill -USR2 "$PID"
	eventually "$LONG" log_has_times 2 'smiled: listening on'
	# The new one has said that it serves when it has said where it listens;
	# all others of the old one have been told to leave.
	old_master=$PID
	eventually "$LONG" retired_to 1
	kill -TTOU "$PID"
	kill -TTIN "$PID"
	eventually "$LONG" log_has 'TTIN from'
	run ! log_has 'workers [0-9]+ -> '
	eventually "$LONG" log_has 'upgrade accepted'
	let_go "$one"
	upgraded=1 PID=$(board pid)
	eventually "$LONG" is_gone "$old_master"
	eventually "$LONG" session_has 5
	server_stop
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the server is the first process of a container, where the system
# hands it all orphans, drops signals that nobody catches, and ends with it;
# and it takes an orphan for a worker, leaves zombies, cannot be stopped, or
# needs a /proc that is not there.

# The daemon is for perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness

more_setup() {
	[ "$(id -u)" -eq 0 ] || skip "only root can make a namespace"
	unshare -pf --mount-proc true 2>/dev/null ||
	    skip "no namespaces of processes here"
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	# Its own children of unshare: only the server is left to be looked at.
	let_leaks_be
}

# The first process of the namespace that unshare, which is PID, has made.
find_first() {
	FIRST=$(cat "/proc/$PID/task/$PID/children" 2>/dev/null) &&
	    [ -n "$FIRST" ] && FIRST=${FIRST%% *}
}

# start_first [ARG...]: a server that is the first process of a namespace.  Sets
# FIRST, what it is called from outside; PID is unshare's.
start_first() {
	SMILED_WRAP="unshare -pf --mount-proc --kill-child ${SMILED_WRAP:-}"
	server_launch "$@"
	until read -t 0 -u "$ready"; do
		pause
		! is_gone "$PID" || { show_logs; return 1; }
	done
	read -r -u "$ready" _
	exec {ready}>&-
	eventually "$LONG" log_has 'smiled: listening on .*, pid 1$'
	PORT=$(sed -n 's/.*smiled: listening on [^ ]*:\([0-9]*\),.*/\1/p' "$LOG")
	find_first
	FDS=$(open_fds "$FIRST")
}

# What unshare says of how it has ended.
ends_with() {
	local status=0
	eventually "$LONG" is_gone "$PID"
	wait "$PID" || status=$?
	[ "$status" -eq "$1" ] || { echo "status $status" >&2; return 1; }
}

fds_of_first_as_at_start() {
	[ "$(open_fds "$FIRST")" -eq "$FDS" ]
}

@test "TERM, INT and QUIT stop it, and its status is seen from outside" {
	local signal
	for signal in TERM INT QUIT; do
		SMILED_WRAP=
		start_first -w 2
		is_served
		kill "-$signal" "$FIRST"
		ends_with 0
		log_has "$signal from pid 0 \(uid 0\): stopping"
		log_has ' info stopped'
	done
}

@test "a start that fails: its status is seen from outside" {
	SMILED_WRAP="unshare -pf --mount-proc --kill-child"
	server_launch --wrong
	exec {ready}>&-
	ends_with 64
	configure "service app
	    listen 127.0.0.1:0
	    run /bin/false
	    ready 1s"
	server_launch -f "$CONF"
	exec {ready}>&-
	ends_with 71
	log_has 'cannot start: worker app/[1-4] .* exited with status 1'
}

# A program that leaves something behind, as a daemon does, with two forks, for
# so many seconds.
daemon='#!/usr/bin/perl
use POSIX "setsid";
if (fork == 0) {
	setsid;
	exit 0 if fork;
	close $_ for STDIN, STDOUT, STDERR;
	select undef, undef, undef, $ARGV[0];
	exit 0;
}
wait;
print "Smile from the server\n"'

# The children of the first process with such a title.
children() {
	local pid
	for pid in $(xargs -n 1 <"/proc/$FIRST/task/$FIRST/children"); do
		[[ $(tr '\0' ' ' <"/proc/$pid/cmdline") != *$1* ]] ||
		    echo "$pid"
	done
}

children_are() {
	[ "$(children "$1" | wc -l)" -eq "$2" ]
}

strangers_are_beyond() {
	[ "$(board strangers)" -gt "$1" ]
}

# Processes of the namespace that nobody waits for.
no_zombie_inside() {
	run ! nsenter -t "$FIRST" -p -m sh -c \
	    'cat /proc/[0-9]*/stat 2>/dev/null | grep ") Z "'
}

@test "what programs leave behind lives on, and is reaped and counted in the end" {
	printf '%s\n' "$daemon" >"$BATS_TEST_TMPDIR/daemon"
	chmod 755 "$BATS_TEST_TMPDIR/daemon"
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    exec $BATS_TEST_TMPDIR/daemon 0.05
	service long
	    listen 127.0.0.1:0
	    workers 1
	    exec $BATS_TEST_TMPDIR/daemon 1000"
	start_first -f "$CONF"
	for _ in 1 2 3 4 5; do
		is_served "$(port_for smile)"
	done
	for _ in 1 2 3; do
		is_served "$(port_for long)"
	done
	# Their worker leaves, and they are the server's.
	kill -HUP "$FIRST"
	eventually "$LONG" log_has 'reload accepted'
	eventually "$LONG" children_are 'daemon 1000' 3
	eventually "$LONG" no_zombie_inside
	before=$(board strangers)
	children 'daemon 1000' | head -n 2 | xargs kill -KILL
	eventually "$LONG" strangers_are_beyond $((before + 1))
	eventually "$LONG" no_zombie_inside
	children_are 'daemon 1000' 1
	nsenter -t "$FIRST" -p -m env "RUNTIME_DIRECTORY=$RUN" \
	    "$(command -v smilectl)" metrics |
	    grep -qx "smiled_strangers_total $((before + 2))"
	run ! log_has 'worker (smile|long)/'
	helper=$(children 'daemon 1000')
	kill -TERM "$FIRST"
	ends_with 0
	# The system ends what is left in the namespace.
	eventually "$LONG" is_gone "$helper"
}

@test "a worker's death is that of a worker, an orphan's is not" {
	local victim
	start_first -w 2
	victim=$(workers 1)
	# One from outside that is left to the first of the namespace.
	nsenter -t "$FIRST" -p -m sh -c 'sleep 1000 </dev/null >/dev/null \
	    2>&1 3>&- & :'
	eventually "$LONG" children_are 'sleep 1000' 1
	kill -KILL "$(children 'sleep 1000')"
	eventually "$LONG" strangers_are_beyond 0
	run ! log_has 'worker smile/'
	kill -SEGV "$victim"
	eventually "$LONG" log_has 'worker smile/1 \(pid [0-9]+\) was killed by signal SEGV'
	eventually "$LONG" worker_count_is 2
	[ "$(board strangers)" -eq 1 ]
	is_served
	kill -HUP "$FIRST"
	eventually "$LONG" log_has 'reload accepted'
	eventually "$LONG" worker_count_is 2
	eventually "$LONG" fds_of_first_as_at_start
	kill -TERM "$FIRST"
	ends_with 0
}

hidden=' warn /proc does not show the processes of this system or container'

# without_proc: the servers started from now on have a /proc where nothing is.
without_proc() {
	mkdir "$BATS_TEST_TMPDIR/nothing"
	start_from "mount --bind '$BATS_TEST_TMPDIR/nothing' /proc &&
	    exec \"\$@\""
}

@test "no /proc: it says what that means, serves, reloads, replaces and stops" {
	local victim
	without_proc
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    send \"Smile from the server\\n\"
	service app
	    listen 127.0.0.1:0
	    workers 2
	    exec /bin/echo Smile from the server
	service cat
	    listen 127.0.0.1:0
	    workers 1
	    run /bin/sleep 1000
	    ready 20ms"
	start_first -f "$CONF"
	log_has "$hidden"
	is_served "$(port_for smile)"
	is_served "$(port_for app)"
	kill -HUP "$FIRST"
	eventually "$LONG" log_has 'reload (accepted|refused)'
	log_has 'reload accepted'
	for service in smile app; do
		eventually "$LONG" has_workers "$service" 2
		victim=$(workers "$service/1")
		kill -KILL "$victim"
		eventually "$LONG" log_has "worker $service/1 .* KILL"
		eventually "$LONG" has_workers "$service" 2
		is_served "$(port_for "$service")"
	done
	kill -TERM "$FIRST"
	ends_with 0
}

@test "a /proc of somebody else: no process is looked for there" {
	SMILED_WRAP="unshare -pf --kill-child"
	server_launch -o 'exec /bin/echo Smile from the server'
	eventually "$LONG" log_has 'smiled: listening on .*, pid 1$'
	exec {ready}>&-
	PORT=$(sed -n 's/.*smiled: listening on [^ ]*:\([0-9]*\),.*/\1/p' "$LOG")
	find_first
	log_has "$hidden"
	for pid in "$FIRST" $(workers); do
		run ! grep -x /proc <<<"$(readlink "/proc/$pid/fd"/*)"
	done
	is_served
	kill -KILL "$(workers 1)"
	eventually "$LONG" log_has 'worker smile/1 .* KILL'
	eventually "$LONG" worker_count_is 4
	is_served
	kill -TERM "$FIRST"
	ends_with 0
}

@test "a /proc that is not needed: nothing is said of it" {
	without_proc
	start_first -w 1
	is_served
	run ! log_has "$hidden"
	kill -TERM "$FIRST"
	ends_with 0
}

has_workers() {
	[ "$(workers "$1/" | wc -l)" -eq "$2" ]
}

@test "USR2: it cannot be replaced, and says why" {
	start_first -w 2
	kill -USR2 "$FIRST"
	eventually "$LONG" log_has \
	    'upgrade refused: process 1 cannot be replaced.*; pid 1 serves on'
	[[ "$(ctl status)" == *"last upgrade, "*"refused: process 1"* ]]
	is_served
	kill "$FIRST"
	ends_with 0
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the service manager hears that the server is ready too early, or
# never; it waits for the end of a reload, or takes for alive what is not; or it
# does not listen, and the server waits for it; or a program that the server
# starts speaks to it as if it were the server.

load lib/harness
load lib/programs

more_setup() {
	manager=$BATS_TEST_TMPDIR/manager
	abstract=@smiled-test-$$-$BATS_TEST_NUMBER
	heard=$BATS_TEST_TMPDIR/heard
	mark_programs
	unset NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID
}

# -- A manager -----------------------------------------------------------------

# manage [NAME [COMMAND]]: there is a manager for servers started from now on,
# which writes what it hears to heard (notifycat.c).  Sets MANAGER, its pid.
manage() {
	export NOTIFY_SOCKET=${1:-$manager}
	[[ $NOTIFY_SOCKET == @* ]] || rm -f "$NOTIFY_SOCKET"
	# What one before has started may still be at writing.
	rm -f "$heard"
	"$testbin/notifycat" "$NOTIFY_SOCKET" "${@:2}" >"$heard" </dev/null \
	    3>&- {never}>&- &
	MANAGER=$!
	eventually "$LONG" grep -qx bound "$heard"
}

dismiss() {
	kill -KILL "$MANAGER"
	wait "$MANAGER" || true
}

# Each message as a line, "PID|READY=1|STATUS=...".
messages() {
	awk '/^-- / { if (line != "") print line; line = $2; next }
	    line != "" { line = line "|" $0 }
	    END { print line }' "$heard"
}

# What each is about, "READY RELOADING READY", without signs of life.
words() {
	messages | sed -n 's/^[0-9]*|\([A-Z]*\)=.*/\1/p' |
	    grep -vxE 'WATCHDOG|FILL|MARK' | paste -sd ' '
}

words_are() {
	[ "$(words)" = "$*" ] || { words; false; } >&2
}

hears() {
	eventually "$LONG" words_are "$@" 2>/dev/null || words_are "$@"
}

# The nth of those that words counts, as a line.
message() {
	messages | grep -vE '^[0-9]*\|(WATCHDOG|FILL|MARK)=' | sed -n "$1p"
}

# speak TEXT [full]: say it to the manager; or say it as often as there is room.
speak() {
	perl -MSocket -e '
	    my ($name, $text, $full) = @ARGV;
	    do {
		# What waits is counted against its sender, too.
		socket(my $s, AF_UNIX, SOCK_DGRAM, 0) or die;
		connect($s, pack_sockaddr_un($name =~ s/^@/\0/r)) or die "$!";
		unless (send($s, $text, 0x40)) {	# MSG_DONTWAIT
			exit 0 if $full && $!{EAGAIN};
			die "$!";
		}
	    } while ($full)' "$NOTIFY_SOCKET" "$@"
}

# All that was said before has been heard.
heard_all() {
	# There may be no room before what is there has been read.
	eventually "$LONG" speak MARK=1
	eventually "$LONG" has_heard MARK=1
}

has_heard() {
	tail -n 1 "$heard" | grep -qx "$1"
}

# It does not listen any more, and there is room for nothing.
stuff_manager() {
	hold "$MANAGER"
	speak FILL=1 full
}

# -- Ready ---------------------------------------------------------------------

@test "READY=1 when all workers wait for clients: not before, once, by path and by abstract name" {
	local name
	for name in "$manager" "$abstract"; do
		manage "$name" "echo waiting=\$('$testbin/boardcat' \
		    '$BATS_TEST_TMPDIR/run.$((servers + 1))/smiled.board' \
		    waiting)"
		server_start -w 300
		eventually "$LONG" grep -q '^waiting=' "$heard"
		[ "$(messages)" = "$PID|READY=1|STATUS=serving: 1 service, \
300 workers, generation 1|waiting=300" ]
		server_stop
		dismiss
	done
}

# The process that the manager started ends with that.
@test "READY=1 with -b: from the master, which is named" {
	local status=0
	manage
	LOG=$BATS_TEST_TMPDIR/log.1 RUN=$BATS_TEST_TMPDIR/run.1
	mkdir "$RUN"
	logs=("$LOG")
	# shellcheck disable=SC2016
	RUNTIME_DIRECTORY=$RUN WATCHDOG_USEC=40000 timeout "$LONG" \
	    bash -c 'export WATCHDOG_PID=$$; exec "$@"' - \
	    smiled -b -f none -w 2 0 \
	    2>>"$LOG" </dev/null 3>&- {never}>&- || status=$?
	[ "$status" -eq 0 ]
	hears READY
	PID=$(board pid)
	SID=$(stat_field "$PID" 4)
	sids+=("$SID")
	[ "$(message 1)" = "$PID|READY=1|MAINPID=$PID|STATUS=serving: \
1 service, 2 workers, generation 1" ]
	# It lives on in the master.
	eventually "$LONG" signs_beyond 5 "$PID"
	kill "$PID"
	eventually "$LONG" is_gone "$PID"
	hears READY STOPPING
}

@test "a start that fails: never READY=1, and the reason" {
	local mode
	manage
	configure "service app
	listen 127.0.0.1:0
	run /bin/false
	env TEST_MARK=$mark"
	server_launch -f "$CONF"
	STATUS=0
	eventually "$LONG" is_gone "$PID"
	wait "$PID" || STATUS=$?
	[ "$STATUS" -eq 71 ]
	heard_all
	words_are STOPPING
	[[ $(message 1) == "$PID|STOPPING=1|STATUS=cannot start: "* ]]
	exec {ready}>&-
	# Nor where the master never comes to be.
	for mode in "" -b; do
		STATUS=0
		# shellcheck disable=SC2086
		smiled $mode -f none 192.0.2.1:0 2>/dev/null </dev/null \
		    3>&- {never}>&- || STATUS=$?
		[ "$STATUS" -ne 0 ]
	done
	heard_all
	words_are STOPPING
}

# -- Reload --------------------------------------------------------------------

monotonic_usec() {
	perl -MTime::HiRes=clock_gettime,CLOCK_MONOTONIC \
	    -e 'printf "%.0f\n", 1e6 * clock_gettime(CLOCK_MONOTONIC)'
}

@test "a reload: RELOADING=1 with its time, then READY=1, accepted or refused" {
	local before usec
	manage
	configure "workers 1
service smile
	listen 127.0.0.1:0
	send x
service other
	listen 127.0.0.1:0
	daytime"
	server_start -f "$CONF"
	hears READY

	sed -i 's/workers 1/workers 2/' "$CONF"
	before=$(monotonic_usec)
	reload_accepted
	hears READY RELOADING READY
	usec=$(message 2 | sed "s/^$PID|RELOADING=1|MONOTONIC_USEC=//")
	[ "$before" -le "$usec" ]
	[ "$usec" -le "$(monotonic_usec)" ]
	[ "$(message 3)" = "$PID|READY=1|STATUS=serving: 2 services, \
4 workers, generation 2" ]

	# The first of all errors, in one line of plain letters.
	configure $'service smile\n\tlisten 127.0.0.1:0\n\tsend x
\tw\xf6rkers 2\n\tbacklog none'
	before=$(monotonic_usec)
	reload_refused
	hears READY RELOADING READY RELOADING READY
	usec=$(message 4 | sed "s/^$PID|RELOADING=1|MONOTONIC_USEC=//")
	[ "$before" -le "$usec" ]
	[ "$usec" -le "$(monotonic_usec)" ]
	[[ $(message 5) == "$PID|READY=1|STATUS=reload refused: \
$CONF:4:2: "*'w\xf6rkers'* ]]
	[[ $(message 5) != *backlog* ]]
	server_stop
}

# gated [PORT]: a service whose programs are ready when a line is written to the
# gate.
gated() {
	gate
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$BATS_TEST_TMPDIR"
	chmod 644 "$BATS_TEST_TMPDIR/acceptor.pl"
	configure "workers 1
start-timeout ${LONG}s
service app
	listen 127.0.0.1:${1:-0}
	ready notify
	run /usr/bin/perl $BATS_TEST_TMPDIR/acceptor.pl \
'open(my \$g, \"<\", \"$gate\"); <\$g>; notify(\"READY=1\")'
	env TEST_MARK=$mark"
}

@test "RELOADING=1 comes first, READY=1 not before the new workers are ready" {
	manage
	gated
	server_launch -f "$CONF"
	eventually "$LONG" program_count_is 1
	heard_all
	words_are ""
	let_on
	server_wait_ready
	hears READY

	kill -HUP "$PID"
	eventually "$LONG" program_count_is 2
	heard_all
	words_are READY RELOADING
	let_on
	hears READY RELOADING READY
	server_stop
}

alternate() {
	words | grep -qxE 'READY( RELOADING READY)+'
}

reloads_are_paired() {
	reloads_settled && alternate &&
	    [ "$(words | grep -o RELOADING | wc -l)" = \
	    "$(board reloads_started)" ]
}

@test "many HUPs: each RELOADING=1 has its READY=1" {
	local n
	manage
	configure "service smile
	listen 127.0.0.1:0
	send x"
	server_start -f "$CONF"
	cp "$CONF" "$CONF.good"
	for n in {1..40}; do
		[ $((n % 3)) -ne 0 ] || configure "nonsense"
		kill -HUP "$PID"
		[ $((n % 3)) -ne 0 ] || cp "$CONF.good" "$CONF"
	done
	eventually "$LONG" reloads_are_paired
	[ "$(board reloads_started)" -ge 1 ]
	server_stop
}

# -- Stop ----------------------------------------------------------------------

@test "STOPPING=1 at a stop, once, with the time it may take" {
	manage
	server_start -w 1 -o echo -o "stop-timeout 90s"
	odd_hold
	eventually "$LONG" board_is serving 1
	kill -TERM "$PID"
	hears READY STOPPING
	[ "$(message 2)" = \
	    "$PID|STOPPING=1|EXTEND_TIMEOUT_USEC=93000000|STATUS=stopping" ]
	kill -TERM "$PID"
	server_wait_end
	odd_let_go
	heard_all
	words_are READY STOPPING

	server_start -w 1
	kill -INT "$PID"
	server_wait_end
	hears READY STOPPING READY STOPPING
	[ "$(message 4)" = "$PID|STOPPING=1|STATUS=stopping at once" ]
}

@test "stopped during a reload: READY=1 with its verdict, then STOPPING=1" {
	local old
	manage
	gated
	server_launch -f "$CONF"
	let_on
	server_wait_ready
	kill -HUP "$PID"
	eventually "$LONG" program_count_is 2
	kill -TERM "$PID"
	server_wait_end
	hears READY RELOADING READY STOPPING
	[[ $(message 3) == *"|STATUS=reload refused: the server is stopping" ]]
	[[ $(message 4) == *"|STATUS=stopping" ]]
	dismiss

	# While the old workers have yet to hear that they shall leave.
	manage
	server_start -w 1
	old=$(workers)
	hold "$old"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	kill -TERM "$PID"
	eventually "$LONG" log_has 'TERM from'
	let_go "$old"
	server_wait_end
	hears READY RELOADING READY STOPPING
	[[ $(message 3) == *"|STATUS=serving: 1 service, 1 worker, generation 2" ]]
}

# Who waits in the queue is served by a program that becomes ready too late;
# while it serves one, another waits.
@test "stopped before it was ready: never READY=1" {
	local port one other answer
	manage
	port=$(free_port)
	gated "$port"
	server_launch -f "$CONF"
	eventually "$LONG" program_count_is 1
	exec {one}<>"/dev/tcp/127.0.0.1/$port"
	exec {other}<>"/dev/tcp/127.0.0.1/$port"
	kill -TERM "$PID"
	eventually "$LONG" log_has 'TERM from'
	let_on
	eventually "$LONG" board_is generation 1
	echo '1 + 1' >&"$one"
	echo '1 + 2' >&"$other"
	read -rt "$LONG" -u "$one" answer
	[ "$answer" = 2 ]
	read -rt "$LONG" -u "$other" answer
	[ "$answer" = 3 ]
	exec {one}>&- {other}>&-
	server_wait_end
	exec {ready}>&-
	heard_all
	words_are STOPPING
}

# It hears late that the new one has everything.
@test "an upgrade by an old server that is slow: MAINPID is the first word all the same" {
	need_strace
	manage
	server_start -w 2
	hears READY
	strace -qq -o "$BATS_TEST_TMPDIR/trace" -p "$PID" -e trace=recvmsg \
	    -e inject=recvmsg:delay_exit=100000 3>&- {never}>&- &
	eventually "$LONG" is_traced "$PID"
	upgrade_accepted
	hears READY STATUS MAINPID READY
	[ "$(message 3)" = "$old_master|MAINPID=$PID" ]
	eventually "$LONG" is_gone "$old_master"
	server_stop
}

@test "an upgrade: MAINPID from the old server, then READY=1 from the new one" {
	manage
	WATCHDOG_USEC=40000 server_start -w 2
	hears READY
	upgrade_accepted
	hears READY STATUS MAINPID READY
	[ "$(message 2)" = "$old_master|STATUS=upgrading" ]
	[ "$(message 3)" = "$old_master|MAINPID=$PID" ]
	[ "$(message 4)" = "$PID|READY=1|MAINPID=$PID|STATUS=serving: \
1 service, 2 workers, generation 2" ]
	eventually "$LONG" is_gone "$old_master"
	# The new one is alive, and is told to be watched.
	eventually "$LONG" signs_beyond 5 "$PID"
	upgrade_accepted
	hears READY STATUS MAINPID READY STATUS MAINPID READY
	eventually "$LONG" is_gone "$old_master"
	server_stop
	hears READY STATUS MAINPID READY STATUS MAINPID READY STOPPING
}

@test "an upgrade that is refused: nothing but what to show" {
	manage
	configure 'service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"'
	server_start -f "$CONF"
	echo wrong >>"$CONF"
	upgrade_refused
	hears READY STATUS STATUS
	[[ $(message 3) == "$PID|STATUS=upgrade refused: the new server"* ]]
	server_stop
	hears READY STATUS STATUS STOPPING
}

@test "one worker more or fewer: what the manager shows is so" {
	manage
	server_start -w 2
	kill -TTIN "$PID"
	hears READY STATUS
	[ "$(message 2)" = \
	    "$PID|STATUS=serving: 1 service, 3 workers, generation 1" ]
	eventually "$LONG" worker_count_is 3
	server_stop
}

# -- Signs of life -------------------------------------------------------------

# The moments of those of one server.
signs() {
	awk -v pid="$1" '/^-- / { from = $2; at = $3 }
	    $0 == "WATCHDOG=1" && from == pid { print at }' "$heard"
}

signs_beyond() {
	[ "$(signs "$2" | wc -l)" -gt "$1" ]
}

# Five of them span four halves of a second, and a second each would be too
# late.
@test "WATCHDOG=1 at half of the time" {
	local first last n
	manage
	export WATCHDOG_USEC=1000000
	server_start -w 1 -o echo
	eventually "$LONG" signs_beyond 4 "$PID"
	first=$(signs "$PID" | sed -n 1p)
	last=$(signs "$PID" | sed -n 5p)
	[ $((last - first)) -ge 1600 ]
	[ $((last - first)) -le $((3500 * ${SMILED_SLOW:-1})) ]
	# Also while it stops.
	odd_hold
	eventually "$LONG" board_is serving 1
	kill -TERM "$PID"
	hears READY STOPPING
	n=$(signs "$PID" | wc -l)
	eventually "$LONG" signs_beyond "$((n + 1))" "$PID"
	odd_let_go
	server_wait_end
}

@test "WATCHDOG_PID of another, or no WATCHDOG_USEC: no sign of life" {
	local pids=() pid
	manage
	server_start -w 1
	pids+=("$PID")
	export WATCHDOG_USEC=20000
	# shellcheck disable=SC2016
	for pid in 1 '$(($$ + 1))' abc ''; do
		start_from "export WATCHDOG_PID=$pid; exec \"\$@\""
		server_start -w 1
		pids+=("$PID")
		SMILED_WRAP=
	done
	# Whoever has some would have had as many by then.
	# shellcheck disable=SC2016
	start_from 'export WATCHDOG_PID=$$; exec "$@"'
	server_start -w 1
	eventually "$LONG" signs_beyond 50 "$PID"
	pids+=("$PID")
	for pid in "${pids[@]}"; do
		[ "$pid" = "$PID" ] || [ -z "$(signs "$pid")" ]
		kill "$pid"
		eventually "$LONG" is_gone "$pid"
	done
}

# -- A manager that is in the way ------------------------------------------------

@test "no room: nobody waits, and what is still so is said when there is some" {
	manage
	stuff_manager
	server_start -w 2
	is_served
	eventually "$LONG" at_rest
	let_go "$MANAGER"
	hears READY
	# It kept one to wait by, no longer.
	eventually "$LONG" fds_are $((FDS - 1))

	stuff_manager
	reload_accepted
	reload_accepted
	eventually "$LONG" at_rest
	let_go "$MANAGER"
	hears READY RELOADING READY
	[[ $(message 3) == *"generation 3" ]]

	# Nor does it wait at its end.
	stuff_manager
	reload_accepted
	kill -TERM "$PID"
	server_wait_end
	let_go "$MANAGER"
	heard_all
	words_are READY RELOADING READY
	run ! log_has ' (warn|error)'
}

@test "no room: READY=1 of before is not said during a reload" {
	manage
	gated
	stuff_manager
	server_launch -f "$CONF"
	let_on
	server_wait_ready
	kill -HUP "$PID"
	eventually "$LONG" program_count_is 2
	let_go "$MANAGER"
	hears RELOADING
	heard_all
	words_are RELOADING
	let_on
	hears RELOADING READY
	kill "$PID"
	server_wait_end
}

fds_are() {
	[ "$(open_fds "$PID")" -eq "$1" ]
}

@test "it dies with no room: one line, and no more of it" {
	manage
	stuff_manager
	WATCHDOG_USEC=40000 server_start -w 1
	dismiss
	eventually "$LONG" log_has 'warn cannot tell the service manager: '
	reload_accepted
	# Without the socket that had no room.
	count_fds
	# It is back, at the same place.
	manage
	eventually "$LONG" signs_beyond 2 "$PID"
	reload_accepted
	hears RELOADING READY
	[ "$(grep -c ' warn ' "$LOG")" -eq 1 ]
	server_stop
}

@test "it is dead, absent or somebody else's: one line each, nothing else" {
	local case
	manage
	dismiss
	for case in "$manager" /nonexistent/manager "$abstract" /; do
		export NOTIFY_SOCKET=$case
		server_start -w 1
		is_served
		reload_accepted
		server_stop
		[ "$(grep -c ' warn cannot tell the service manager: ' \
		    "$LOG")" -eq 1 ]
		[ "$(grep -Ec ' (warn|error)' "$LOG")" -eq 1 ]
	done
}

# -- Nonsense ------------------------------------------------------------------

# warned TEXT: one warning, with this in it, and a server that is well.
warned() {
	is_served
	reload_accepted
	server_stop
	grep -q "warn .*$1" "$LOG"
	[ "$(grep -Ec ' (warn|error)' "$LOG")" -eq 1 ]
}

@test "NOTIFY_SOCKET that means nothing: a warning, no more" {
	local long value
	long=$(printf '%0199d' 1)
	for value in relative/manager "/$long" "@$long" @ vsock:2:1234 \
	    $'\n' ' /x'; do
		NOTIFY_SOCKET=$value WATCHDOG_USEC=20000 server_start -w 1
		warned 'NOTIFY_SOCKET='
	done
	# None at all: nothing to say.
	NOTIFY_SOCKET='' WATCHDOG_USEC=abc server_start -w 1
	server_stop
	run ! log_has ' (warn|error)'
}

# sun_path has room for 108 bytes, one of them for the end of a path.
@test "NOTIFY_SOCKET as long as can be" {
	local value room
	room=$((106 - ${#BATS_TEST_TMPDIR}))
	[ "$room" -gt 0 ] || skip "temporary paths are too long here"
	for value in "$BATS_TEST_TMPDIR/$(printf "%0${room}d" 1)" \
	    "$abstract$(printf "%0$((108 - ${#abstract}))d" 1)"; do
		manage "$value"
		server_start -w 1
		hears READY
		server_stop
		hears READY STOPPING
		run ! log_has ' (warn|error)'
		dismiss
		# One byte more.
		NOTIFY_SOCKET=${value}1 server_start -w 1
		warned 'too long'
	done
}

@test "WATCHDOG_USEC that means nothing: a warning, no more" {
	local value pids=()
	manage
	for value in abc 0 -1 1999 20000us 18446744073709551615 \
	    18446744073709551617 99999999999999999999999999 '' ' '; do
		WATCHDOG_USEC=$value server_start -w 1
		pids+=("$PID")
		warned 'WATCHDOG_USEC='
	done
	heard_all
	for value in "${pids[@]}"; do
		[ -z "$(signs "$value")" ]
	done
	# A year is a time; nobody waits for it here.
	WATCHDOG_USEC=31536000000000 server_start -w 1
	is_served
	server_stop
	run ! log_has ' (warn|error)'
}

# -- Whom it is not for ----------------------------------------------------------

# They are not there even for who asks for them.
@test "programs have nothing of the manager's: neither of exec nor of run" {
	local names got
	manage
	names="NOTIFY_SOCKET WATCHDOG_USEC WATCHDOG_PID LISTEN_FDS LISTEN_PID"
	names+=" LISTEN_FDNAMES"
	configure "workers 1
pass-env $names KEPT
env TEST_MARK=$mark
service env
	listen 127.0.0.1:0
	exec /usr/bin/env
service app
	listen 127.0.0.1:0
	ready 20ms
	run /usr/bin/perl -e 'print \"env \$_=\$ENV{\$_}\\n\" for keys %ENV; \
	    \$SIG{TERM} = sub { exit 0 }; sleep 1 while \$| = 1'"
	# shellcheck disable=SC2016
	start_from 'export WATCHDOG_USEC=31536000000000 WATCHDOG_PID=$$
	export LISTEN_PID=$$ LISTEN_FDS=0 LISTEN_FDNAMES=a:b KEPT=kept
	exec "$@"'
	server_start -f "$CONF"
	got=$(timeout "$LONG" smile 127.0.0.1 "$(port_for env)")
	grep -qx KEPT=kept <<<"$got"
	run ! grep -E '^(NOTIFY_|WATCHDOG_|LISTEN_)' <<<"$got"
	# Of run: its own.
	eventually "$LONG" program_count_is 1
	tr '\0' '\n' <"/proc/$(programs)/environ" >"$out"
	grep -qx KEPT=kept "$out"
	grep -x 'NOTIFY_SOCKET=@.*' "$out"
	run ! grep -F "$NOTIFY_SOCKET" "$out"
	run ! grep WATCHDOG_ "$out"
	grep -qx "LISTEN_PID=$(programs)" "$out"
	grep -qx LISTEN_FDS=1 "$out"
	grep -qx LISTEN_FDNAMES=app "$out"
	server_stop
	# Nor has one said anything to the manager.
	heard_all
	run ! grep -vE "^$PID\||\|MARK=1$" <<<"$(messages)"
}

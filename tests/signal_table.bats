#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: there is a signal, a process of the server and a moment in its
# life for which what happens is not what the manual says: somebody dies who
# should not, or takes others with him; or one signal after another leaves the
# server hanging between two states.

# What Perl makes of JSON is for Perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	mark_programs
	held=()
	gate=$BATS_TEST_TMPDIR/gate
	file=$BATS_TEST_TMPDIR/file
	fixed=()
}

# Those that nobody has a use for.
meaningless="PIPE ALRM WINCH URG VTALRM PROF IO PWR STKFLT XFSZ CONT CHLD
    32 33 RTMIN RTMIN+1 RTMAX"

# Those that a worker does not heed, whatever they mean to the master.
masters="HUP INT TERM USR1 USR2 TTIN TTOU"

# Those that report an error of the program, or a limit, or cannot be caught:
# they kill, and it is said which.
fatal="SEGV BUS FPE ILL ABRT SYS TRAP XCPU KILL"

# -- The server, and the states that it can be brought to ---------------------------

# services [MORE]: one that sends a file longer than what fits on the way, one of
# programs that answer each line, and more.
services() {
	[ -e "$file" ] || head -c 6000000 /dev/zero >"$file"
	configure "service smile
	    listen 127.0.0.1:${ports[0]:-0}
	    workers ${n:-2}
	    sendfile $file
	service cat
	    listen 127.0.0.1:${ports[1]:-0}
	    workers ${n:-2}
	    exec /bin/cat
	    kill-grace 300ms
	    env TEST_MARK=$mark
	${1:-}"
}

# With one more, whose program does not say that it is ready until somebody is at
# the gate.
services_and_slow() {
	[ -p "$gate" ] || mkfifo -m 666 "$gate"
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$BATS_TEST_TMPDIR"
	chmod 644 "$BATS_TEST_TMPDIR/acceptor.pl"
	services "service slow
	    listen 127.0.0.1:0
	    workers 1
	    ready notify
	    kill-grace 300ms
	    env TEST_MARK=$mark
	    run /usr/bin/perl $BATS_TEST_TMPDIR/acceptor.pl 'open(my \$g, \"<\", \"$gate\"); <\$g>; notify(\"READY=1\")'"
}

# slow_waits [MASTER]: the slow program is there, and waits.
slow_waits() {
	local pid
	for pid in $(programs); do
		[ "$(stat_field "$pid" 2)" != "${1:-$PID}" ] ||
		    ! is_asleep "$pid" || return 0
	done
	return 1
}

# The master that is to replace the current one, as the log has it.
find_heir() {
	heir=$(sed -n 's/.*upgrade: .* starts as pid \([0-9]*\)$/\1/p' "$LOG")
	[ -n "$heir" ]
}

let_slow_go() {
	timeout "$LONG" sh -c 'echo go >"$0"' "$gate"
}

# talk: a client of the programs, who is answered and stays; in held.
talk() {
	local fd line
	exec {fd}<>"/dev/tcp/127.0.0.1/$(port_for cat)"
	echo hello >&"$fd"
	read -rt "$LONG" -u "$fd" line
	[ "$line" = hello ]
	held+=("$fd")
}

hang_up() {
	local fd
	for fd in "${held[@]}"; do
		exec {fd}>&-
	done
	held=()
}

# bring_to STATE: a server in this state.
bring_to() {
	ports=("${fixed[@]}")
	case $1 in
	booting)
		services_and_slow
		server_launch -f "$CONF"
		eventually "$LONG" slow_waits
		exec {ready}>&-
		;;
	serving)
		services
		server_start -f "$CONF"
		;;
	reloading)
		services
		server_start -f "$CONF"
		services_and_slow
		kill -HUP "$PID"
		eventually "$LONG" slow_waits
		;;
	retiring)
		# The verdict waits for a worker that is stopped, for a second.
		services
		server_start -f "$CONF"
		stopped=$(workers smile/1)
		hold "$stopped"
		kill -HUP "$PID"
		eventually "$LONG" board_is generation 2
		;;
	upgrading)
		services
		server_start -f "$CONF"
		services_and_slow
		kill -USR2 "$PID"
		eventually "$LONG" find_heir
		eventually "$LONG" slow_waits "$heir"
		;;
	overtaken)
		# Another master serves; this one has a client left.
		services
		server_start -f "$CONF"
		talk
		upgrade_accepted
		eventually "$LONG" log_has 'upgrade accepted'
		heir=$PID PID=$old_master upgraded=
		;;
	draining)
		services
		server_start -f "$CONF"
		talk
		kill -TERM "$PID"
		eventually "$LONG" log_has 'TERM from'
		# All have left but the one with a client.
		eventually "$LONG" workers_left_are 1
		;;
	leaving)
		# One does not hear that it shall leave; for half a second, then
		# it is killed.
		services
		server_start -f "$CONF"
		stopped=$(workers smile/1)
		hold "$stopped"
		leaving_at=$(now_ms)
		kill -INT "$PID"
		eventually "$LONG" workers_left_are 1 0
		;;
	esac
}

# workers_left_are N [M]: so many are left, or so many.
workers_left_are() {
	local n
	n=$(all_workers | wc -l)
	[ "$n" -eq "$1" ] || [ "$n" -eq "${2:-$1}" ]
}

# or_over COMMAND...: or the state is "leaving", which lasts for half a second,
# and we were too late for it.
or_over() {
	"$@" || { [ "$state" = leaving ] && is_gone "$PID" &&
	    [ $((told_at - leaving_at)) -ge 400 ]; }
}

# The master gets a signal.
tell() {
	told_at=$(now_ms)
	kill "-$1" "$PID" 2>/dev/null || or_over false
}

# is_still STATE: nothing has come of it.
is_still() {
	[ "$1" != leaving ] || return 0
	run ! is_gone "$PID"
	case $1 in
	booting)
		run ! log_has 'listening on .*, pid|cannot start'
		;;
	serving)
		board_is generation 1 && eventually "$LONG" workers_left_are 4
		;;
	reloading)
		reloads_settled && return 1
		run ! log_has 'reload (accepted|refused)'
		;;
	retiring)
		board_is generation 2
		;;
	upgrading)
		board_is generation 1
		run ! log_has 'upgrade (accepted|refused)'
		;;
	overtaken)
		board_is pid "$heir"
		;;
	draining)
		workers_left_are 1
		run ! log_has 'info stopped'
		;;
	esac
}

# What the state comes to when nothing disturbs it, and then the end.
finish() {
	case $1 in
	booting)
		let_slow_go
		eventually "$LONG" log_has 'listening on .*, pid'
		kill -TERM "$PID"
		;;
	reloading)
		let_slow_go
		eventually "$LONG" log_has 'reload accepted'
		kill -TERM "$PID"
		;;
	retiring)
		let_go "$stopped"
		eventually "$LONG" log_has 'reload accepted'
		kill -TERM "$PID"
		;;
	upgrading)
		let_slow_go
		eventually "$LONG" log_has 'upgrade accepted'
		eventually "$LONG" is_gone "$PID"
		PID=$heir upgraded=1
		kill -TERM "$PID"
		;;
	overtaken)
		hang_up
		server_wait_end
		PID=$heir upgraded=1
		talk
		hang_up
		kill -TERM "$PID"
		;;
	serving)
		talk
		hang_up
		kill -TERM "$PID"
		;;
	draining)
		hang_up
		;;
	leaving)
		let_go "$stopped" 2>/dev/null || true
		;;
	esac
	server_wait_end
	log_has ' info stopped'
	[ "$1" = leaving ] || run ! log_has 'was killed'
}

states="booting serving reloading draining leaving"
more_states="$states retiring upgrading overtaken"

# -- To the master --------------------------------------------------------------

@test "to the master, without a meaning: nothing, in any state" {
	local state signal had
	for state in $more_states; do
		bring_to "$state"
		had=$(count_said)
		for signal in $meaningless; do
			tell "$signal"
		done
		if [ "$state" != leaving ]; then
			master_has_heard
			is_still "$state"
			# The line for USR1.
			[ "$(count_said)" -eq $((had + 1)) ]
		fi
		finish "$state"
	done
}

# The lines of the log, but for a verdict that comes by itself.
count_said() {
	grep -vc 'reload accepted' "$LOG" || true
}

@test "to the master, TTIN, TTOU, USR1, HUP: no state is left for them" {
	local state signal
	for state in $states; do
		bring_to "$state"
		for signal in USR1 TTIN TTOU; do
			tell "$signal"
		done
		eventually "$LONG" or_over log_has 'TTOU from'
		[ "$state" != booting ] ||
		    eventually "$LONG" log_has 'ignored: the server is starting'
		case $state in
		draining | leaving)
			tell HUP
			eventually "$LONG" or_over \
			    log_has 'HUP from .*: not reloading'
			or_over log_has 'ignored: the server is stopping'
			run ! log_has 'reload (accepted|refused)'
			;;
		booting | reloading)
			# Kept for later.
			kill -HUP "$PID"
			eventually "$LONG" log_has 'HUP from .*: reloading'
			;;
		esac
		is_still "$state"
		case $state in
		booting)
			let_slow_go_until 1
			finish serving
			;;
		reloading)
			let_slow_go_until 2
			finish serving
			;;
		*)
			finish "$state"
			;;
		esac
	done
}

# let_slow_go_until N: until N reloads have their verdict, and a good one.
let_slow_go_until() {
	local end=$(($(now_ms) + LONG * 1000))
	until [ "$(board reloads_done)" -ge "$1" ]; do
		[ "$(now_ms)" -lt "$end" ]
		timeout 0.5 sh -c 'echo go >"$0"' "$gate" || true
	done
	board_is reloads_done "$1"
	board_is verdict 1
}

@test "to the master, TERM, QUIT, INT: it ends well, from any state" {
	local state signal what times
	for state in $more_states; do
		for signal in TERM QUIT INT; do
			# It is the same as TERM.
			[[ $signal != QUIT || $state == [sr]e* ]] || continue
			bring_to "$state"
			tell "$signal"
			if [[ $state-$signal == overtaken-TERM ]]; then
				eventually "$LONG" log_has 'TERM from'
				hang_up
			fi
			what="stopping at once"
			case $state-$signal in
			draining-* | leaving-*)
				;;
			*-TERM | *-QUIT)
				what="stopping when all connections are served"
				;;
			esac
			times=1
			[[ $state-$signal != leaving-INT ]] || times=2
			# Before there is nothing left to stop.
			eventually "$LONG" or_over log_has_times "$times" \
			    "$signal from pid $BASHPID .*: $what"
			[[ $state != leaving && $state != retiring ]] ||
			    let_go "$stopped" 2>/dev/null || true
			server_wait_end
			hang_up
			[ "$state" = overtaken ] || log_has ' info stopped'
			run ! log_has 'not ready'
			[ "$state" != reloading ] ||
			    log_has 'reload refused: the server is stopping'
			[ "$state" != booting ] || run ! log_has 'listening on .*, pid'
			[ "$state" != upgrading ] || eventually "$LONG" is_gone "$heir"
			[ "$state" != overtaken ] || server_stop_heir
		done
	done
}

# Nothing has happened to the one that serves.
server_stop_heir() {
	PID=$heir upgraded=1
	run ! log_has ' info stopped'
	talk
	hang_up
	kill -TERM "$PID"
	server_wait_end
}

# Fails, saying who they are and what they wait for.
who_is_left() {
	local pid
	for pid in $(session_pids "$1"); do
		echo "left: $pid $(title_of "$pid"):" \
		    "$(cat "/proc/$pid/wchan" "/proc/$pid/syscall")"
		grep -E '^(State|PPid|Sig|Shd)' "/proc/$pid/status"
	done >&2
	return 1
}

@test "to the master, what kills: its workers leave, and a new start works at once" {
	local state signal sid
	for state in $states; do
		# A new start wants them at once.
		fixed=("$(free_port)" "$(free_port)")
		for signal in $fatal; do
			# All that matters is that it is dead.
			[[ $state == serving || $signal == KILL ]] || continue
			bring_to "$state"
			sid=$SID
			STATUS=0
			tell "$signal"
			wait "$PID" || STATUS=$?
			or_over [ "$STATUS" -eq $((128 + $(kill -l "$signal"))) ]
			hang_up
			[ "$state" != leaving ] ||
			    let_go "$stopped" 2>/dev/null || true
			eventually "$LONG" session_is_empty "$sid" ||
			    who_is_left "$sid"
			eventually "$LONG" no_program
			left_board=1
		done
		# On the same addresses, should it have come so far.
		port=$(port_for cat)
		[[ -n $port && $state != leaving ]] || continue
		ports=("$(port_for smile)" "$port")
		services
		server_start -f "$CONF"
		talk
		hang_up
		server_stop
	done
}

# -- To workers --------------------------------------------------------------------

@test "to workers that wait and that serve: what is not for them does nothing" {
	local signal before had pid
	services
	server_start -f "$CONF"
	talk
	PORT=$(port_for smile)
	odd_hold
	eventually "$LONG" board_is serving 2
	before=$(all_workers)
	had=$(wc -l <"$LOG")
	for pid in $before; do
		for signal in $meaningless $masters; do
			kill "-$signal" "$pid"
		done
	done
	# Neither they, nor their clients, nor the programs mind.
	echo more >&"${held[0]}"
	read -rt "$LONG" -u "${held[0]}" line
	[ "$line" = more ]
	[ "$(odd | wc -c)" -eq 6000000 ]
	[ "$(all_workers)" = "$before" ]
	eventually "$LONG" board_is serving 2
	[ "$(wc -l <"$LOG")" -eq "$had" ]
	odd_let_go
	hang_up
	server_stop
}

# Each of these pids gets one of the signals that kill.
kill_each() {
	local signal
	victim=("$@")
	for signal in $fatal; do
		kill "-$signal" "$1"
		shift
	done
}

# Whether the log says so of each, and the given text.
each_was_killed() {
	local signal n=0
	for signal in $fatal; do
		log_has "error worker [a-z]+/[0-9]+ \(pid ${victim[n]}\) was killed by signal $signal$1\$" ||
		    return 1
		n=$((n + 1))
	done
}

has_workers() {
	[ "$(workers "$1/" | wc -l)" -eq "$2" ]
}

# The pids of a service's workers in a state.
in_state() {
	ctl workers --json | json 'map { $_->{pid} } grep {
	    $_->{service} eq "'"$1"'" && $_->{state} eq "'"$2"'" } @$j'
}

in_state_are() {
	[ "$(in_state "$1" "$2" | wc -w)" -eq "$3" ]
}

@test "to workers that wait, what kills: it is said which, and there are others" {
	local service n=10
	services
	server_start -f "$CONF"
	talk
	PORT=$(port_for smile)
	odd_hold
	eventually "$LONG" board_is serving 2
	for service in smile cat; do
		busy=$(in_state "$service" serving)
		# shellcheck disable=SC2046
		kill_each $(in_state "$service" idle)
		eventually "$LONG" each_was_killed ''
		eventually "$LONG" has_workers "$service" 10
		[ "$(in_state "$service" serving)" = "$busy" ]
	done
	[ "$(grep -c ' error worker ' "$LOG")" -eq 18 ]
	echo more >&"${held[0]}"
	read -rt "$LONG" -u "${held[0]}" line
	[ "$line" = more ]
	[ "$(odd | wc -c)" -eq 6000000 ]
	board_is killed 0
	odd_let_go
	hang_up
	server_stop
}

@test "to workers that serve, what kills: only their own clients lose by it" {
	local service n=10
	services
	server_start -f "$CONF"
	for _ in {1..10}; do
		talk
	done
	eventually "$LONG" in_state_are cat serving 10
	# shellcheck disable=SC2046
	kill_each $(in_state cat serving)
	eventually "$LONG" each_was_killed ' while serving a connection'
	eventually "$LONG" program_count_is 1
	eventually "$LONG" board_is killed 9
	eventually "$LONG" has_workers cat 10
	[ "$(answered_among_held)" -eq 1 ]
	hang_up
	PORT=$(port_for smile)
	perl -MSocket -e '$| = 1; for (1 .. 10) {
	    socket(my $s, PF_INET, SOCK_STREAM, 0);
	    connect($s, pack_sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die;
	    push @s, $s } print "holding\n"; <STDIN>;
	    for my $s (@s) { my $all = 0; while (my $n = sysread($s, my $b, 65536)) {
	    $all += $n } print "$all\n" }' "$PORT" \
	    <&"$never" >"$BATS_TEST_TMPDIR/ten" 3>&- &
	ten=$!
	eventually "$LONG" in_state_are smile serving 10
	# shellcheck disable=SC2046
	kill_each $(in_state smile serving)
	eventually "$LONG" each_was_killed ' while serving a connection'
	eventually "$LONG" has_workers smile 10
	echo go >&"$never"
	wait "$ten"
	[ "$(grep -cx 6000000 "$BATS_TEST_TMPDIR/ten")" -eq 1 ]
	board_is killed 18
	server_stop
}

# How many of those in held are still answered.
answered_among_held() {
	local fd line n=0
	for fd in "${held[@]}"; do
		{ echo "are you there" >&"$fd"; } 2>/dev/null || continue
		! read -rt "$LONG" -u "$fd" line 2>/dev/null || n=$((n + 1))
	done
	echo "$n"
}

@test "to programs that accept by themselves, what kills: it is said which" {
	local signal n=0 signals="HUP USR1 STKFLT RTMIN RTMIN+1 SEGV KILL 32"
	configure "service app
	    listen 127.0.0.1:0
	    workers 8
	    ready 20ms
	    run /bin/sleep 1000
	    env TEST_MARK=$mark"
	server_start -f "$CONF"
	# They count as ready before they have been executed.
	eventually "$LONG" program_count_is 8
	mapfile -t victim < <(programs)
	for signal in $signals; do
		kill "-$signal" "${victim[n]}"
		eventually "$LONG" log_has "error worker app/[1-8] \(pid ${victim[n]}\) was killed by signal ${signal/+/\\+}\$"
		n=$((n + 1))
	done
	eventually "$LONG" program_count_is 8
	server_stop
}

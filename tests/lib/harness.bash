# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
# shellcheck shell=bash
#
# What every shell test needs: servers that are ready when their start
# returns, waits that end, and the oracle.
#
#	load lib/harness
#	@test "..." {
#		server_start -w 2		# a port of its own
#		run -0 smile localhost "$PORT"
#		server_stop
#	}
#
# The oracle (oracle, in teardown) asks of every test: no process of its
# servers left, no zombie, no file in the run-time directory, no core, a log
# in which every line is a line of the log and none is a bug or a sanitizer's.
# server_stop asks besides that the master has the descriptors it had at its
# start, and that the connections counted balance.
#
# A test waits for facts (eventually), each with a limit; it never sleeps.
#
# Environment:
#	bindir		where smiled, smile and smilebench are
#	SMILED_WRAP	words to put before smiled, such as valgrind and options
#	SMILED_TEST_PATIENCE	seconds to wait for what must come (20)
#	SMILED_SLOW	a factor for what must not take long (1)
#
# What must not take long is held against a time that no loaded machine needs,
# and that is shorter than what it would take if it went wrong.

bats_require_minimum_version 1.5.0
export LC_ALL=C
: "${bindir:=$BATS_TEST_DIRNAME/../src}"
: "${testbin:=$BATS_TEST_DIRNAME/lib}"
PATH=$bindir:$PATH
ulimit -c 0

# A time a slow machine, a sanitizer or valgrind may need, in seconds.
LONG=${SMILED_TEST_PATIENCE:-20}

setup() {
	# bats notes the line of every command, which takes longer than most
	# of them: of those in a test, not of all in what they call.  Its own
	# trap for errors is on line 1, where no test has a command.
	! declare -F bats_debug_trap >/dev/null || trap \
	    'set +T; [ $LINENO = 1 ] || bats_debug_trap "$BASH_SOURCE"' DEBUG
	servers=0
	sids=()
	logs=()
	left_board=
	exec {never}<> <(:)
	if declare -F more_setup >/dev/null; then more_setup; fi
}

teardown() {
	local sid
	# What a failed test left running must not disturb the others.
	if [ -z "$BATS_TEST_COMPLETED" ]; then
		for sid in "${sids[@]}"; do
			kill_session "$sid"
		done
		[ -z "${bench:-}" ] || kill -KILL "$bench" 2>/dev/null || true
		# Of odd_hold: bats would wait for it.
		sed -n 's/^holding //p' "$BATS_TEST_TMPDIR/odd.out" \
		    2>/dev/null | xargs -r kill 2>/dev/null
		show_logs
		return
	fi
	oracle
}

# -- Waiting ---------------------------------------------------------------

# Let 20 ms pass: nobody ever writes to this pipe.
pause() {
	local nothing
	read -rt 0.02 -u "$never" nothing || true
}

now_ms() {
	local t=${EPOCHREALTIME/[.,]/}
	echo $((t / 1000))
}

# eventually SECONDS COMMAND...: until the command succeeds; fails if it does
# not in that time.
eventually() {
	# Microseconds, and no process for the time of day.
	local end=$((${EPOCHREALTIME/[.,]/} + $1 * 1000000))
	shift
	until "$@"; do
		if [ "${EPOCHREALTIME/[.,]/}" -ge "$end" ]; then
			echo "still not so: $*" >&2
			return 1
		fi
		pause
	done
}

# -- Processes, as /proc has them -------------------------------------------

# Field N of /proc/PID/stat, counted after the name: 1 state, 2 parent,
# 4 session.
stat_field() {
	local line fields
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null || return 1
	read -ra fields <<<"${line##*) }"
	echo "${fields[$(($2 - 1))]}"
}

# has_state PID STATE: by the letter that stat has.
has_state() {
	local line
	{ read -r line <"/proc/$1/stat"; } 2>/dev/null && [[ $line == *") $2 "* ]]
}

# session_pids SESSION [TITLE]: see sessioncat.c.
session_pids() {
	"$testbin/sessioncat" "$@"
}

session_is_empty() {
	[ -z "$(session_pids "$1")" ]
}

kill_session() {
	local pid
	for pid in $(session_pids "$1"); do
		kill -KILL "$pid" 2>/dev/null || true
	done
}

# interrupt PID: as Ctrl-C does.  What runs in the background was started with
# this signal ignored, until it has caught it.
interrupt() {
	eventually "$LONG" catches_int "$1"
	kill -INT "$1"
}

catches_int() {
	local name value
	while read -r name value; do
		[ "$name" != SigCgt: ] || return $((!(16#$value & 2)))
	done 2>/dev/null <"/proc/$1/status"
	is_gone "$1"
}

is_gone() {
	! kill -0 "$1" 2>/dev/null || has_state "$1" Z
}

# Whether none of these processes is there any more.
are_gone() {
	local pid
	for pid; do
		is_gone "$pid" || return 1
	done
}

# Whether a process waits for something: it has done what it had to do.
is_asleep() {
	has_state "$1" S
}

# What ps would show.
title_of() {
	local title
	{ read -rd '' title <"/proc/$1/cmdline"; } 2>/dev/null || true
	echo "${title:-}"
}

# The pids of the current server's workers; with a number, of that one; with a
# service and a slash, of those.
workers() {
	local which=${1:-}
	[[ $which == */* ]] || which=smile/$which
	session_pids "$SID" "smiled: worker $which"
}

# Those of all services.
all_workers() {
	session_pids "$SID" "smiled: worker "
}

# Whether a process has been stopped, not only told to: until then a worker in
# accept still takes who comes.
is_stopped() {
	has_state "$1" T
}

# The context switches of the master; for eventually: whether it does nothing.
switches() {
	awk '/ctxt_switches/ { n += $2 } END { print n }' "/proc/$PID/status"
}

at_rest() {
	local before
	before=$(switches)
	pause
	pause
	is_asleep "$PID" && [ "$(switches)" -eq "$before" ]
}

# Stop processes, and have them go on.
hold() {
	local pid
	kill -STOP "$@"
	for pid; do
		eventually "$LONG" is_stopped "$pid"
	done
}

let_go() {
	kill -CONT "$@"
}

worker_count_is() {
	prints_lines "$1" workers
}

# prints_lines N COMMAND...: whether that is how many lines it prints.
prints_lines() {
	local n=$1 lines
	shift
	mapfile -t lines < <("$@")
	[ "${#lines[@]}" -eq "$n" ]
}

log_process() {
	session_pids "$SID" "smiled: log"
}

# The pipe to the log process, as that has it; the master has it, too.
log_pipe() {
	local fd pipes
	pipes=$(readlink "/proc/$PID/fd"/*)
	for fd in "/proc/$(log_process)/fd"/*; do
		[[ $fd == */[012] || $(readlink "$fd") != pipe:* ]] ||
		    ! grep -qxF "$(readlink "$fd")" <<<"$pipes" || echo "$fd"
	done
}

open_fds() {
	local fds=("/proc/$1/fd"/*)
	echo "${#fds[@]}"
}

# -- Servers -----------------------------------------------------------------

# server_start [-P PROGRAM] [-p PORT] [ARG...]: start a server in the
# foreground, in a session of its own, and wait until it is ready.  Without -p
# it gets a free port; with -f FILE those of the file.  Sets PID, SID, PORT, LOG
# and RUN.
server_start() {
	server_launch "$@"
	server_wait_ready
}

# have_patience ARG...: a server waits for its workers as long as a test does,
# unless it, its arguments or its file say how long: a machine that stands still
# for some seconds is no fault of theirs.
have_patience() {
	local which
	[ -z "${own_patience:-}" ] || return 0
	for which in start-timeout stop-timeout; do
		[[ $* != *$which* ]] || continue
		[[ " $* " != *" -f "* ]] || ! conf_has "$which" || continue
		patience+=(-o "$which ${LONG}s")
	done
}

# Whether the configuration has WORD anywhere.
conf_has() {
	local text
	{ mapfile -d '' -tn 1 text <"$CONF"; } 2>/dev/null &&
	    [[ ${text[0]:-} == *$1* ]]
}

# The same without the wait.
server_launch() {
	local program=smiled port=0 default=() patience=()
	while :; do
		case ${1:-} in
		-P) program=$2 ;;
		-p) port=$2 ;;
		*) break ;;
		esac
		shift 2
	done
	if [[ " $* " == *" -f "* ]]; then
		# Its own addresses, unless the port was given.
		[ "$port" != 0 ] || port=
	elif [ "$program" = smiled ] && [ -z "${default_file:-}" ]; then
		# Not what may be installed here.
		default=(-f none)
	fi
	[ "${program##*/}" != smiled ] || have_patience "$@"
	servers=$((servers + 1))
	RUN=$BATS_TEST_TMPDIR/run.$servers
	LOG=$BATS_TEST_TMPDIR/log.$servers
	READY=$BATS_TEST_TMPDIR/ready.$servers
	mkdir -p "$RUN"
	[ -p "$READY" ] || mkfifo "$READY"
	exec {ready}<>"$READY"
	# A leak checker cannot look into a process that is traced.
	if [[ ${SMILED_WRAP:-} == *strace* ]]; then
		export ASAN_OPTIONS=detect_leaks=0
	fi
	# shellcheck disable=SC2086
	RUNTIME_DIRECTORY=$RUN setsid ${SMILED_WRAP:-} \
	    "$(command -v "$program")" -n 9 "${default[@]}" "${patience[@]}" \
	    "$@" ${port:+"$port"} \
	    9>"$READY" 2>>"$LOG" </dev/null 3>&- {never}>&- {ready}>&- &
	PID=$! SID=$!
	upgraded=
	sids+=("$SID")
	logs+=("$LOG")
}

server_wait_ready() {
	local line
	eventually "$LONG" is_ready_or_gone
	if ! read -t 0 -u "$ready"; then
		echo "the server did not become ready" >&2
		show_logs
		return 1
	fi
	read -r -u "$ready" line
	exec {ready}>&-
	# The last line of a start: those before it are there, too.
	eventually "$LONG" log_has 'smiled: listening on .*, pid'
	find_port
	count_fds
}

# Only looked at: a read whose time runs out may lose what has come.
is_ready_or_gone() {
	read -t 0 -u "$ready" || is_gone "$PID"
}

# The port of a server that listens on one, as the log has it; the last of them.
find_port() {
	local line lines re='smiled: listening on [^ ]*:([0-9]+),'
	PORT=
	mapfile -t lines <"$LOG"
	for line in "${lines[@]}"; do
		[[ ! $line =~ $re ]] || PORT=${BASH_REMATCH[1]}
	done
}

# It has told others that it is ready before it closes what it told them by.
count_fds() {
	eventually "$LONG" is_asleep "$PID"
	FDS=$(open_fds "$PID")
}

# A port that nobody has just now and that nobody is given by the system: none
# for connections, nor for port 0.  Whoever else asks at the same moment is
# another process and so begins with another port.
free_port() {
	perl -MSocket=:all -e '
	    sub is_free {
		my ($port, $s) = @_;
		socket($s, PF_INET6, SOCK_STREAM, 0) &&
		    setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, 0) &&
		    bind($s, pack_sockaddr_in6($port, IN6ADDR_ANY)) and
		    return 1;
		return 0 if $!{EADDRINUSE};
		return socket($s, PF_INET, SOCK_STREAM, 0) &&
		    bind($s, pack_sockaddr_in($port, INADDR_ANY));
	    }
	    for my $try (0 .. 1000) {
		my $port = 10000 + ($$ + 7919 * $try) % 20000;
		next unless is_free($port);
		print $port;
		exit 0;
	    }
	    die "no port is free"'
}

# tcp_listeners [PID]: the sockets that listen, where PID lives: of each its
# address, how many wait to be accepted, and its inode, as in proc_net_tcp(5).
# They come first there; after them there may be a hundred thousand others.
tcp_listeners() {
	awk 'FNR > 1 { if ($4 != "0A") nextfile; sub(/.*:/, "", $5)
	    print $2, $5, $10 }' "/proc/${1:-self}/net/tcp" \
	    "/proc/${1:-self}/net/tcp6" 2>/dev/null
}

# Whether nobody listens on PORT, whatever else may be under way there.
nobody_listens() {
	! tcp_listeners | grep -q ":$(printf '%04X' "$PORT") "
}

# queue_is N [PORT]: so many wait there to be accepted.
queue_is() {
	local address queue port
	printf -v port '%04X' "${2:-$PORT}"
	while read -r address queue _; do
		[[ $address != *:$port ]] || return $((16#$queue != $1))
	done < <(tcp_listeners)
	return 1
}

# The port of a service, if it has one of several.
port_for() {
	sed -n "s/.* $1: listening on .*:\([0-9]*\)\$/\1/p" "$LOG" |
	    tail -n 1
}

# configure [TEXT]: what servers started with -f "$CONF" read; without TEXT it
# is standard input.  In one step: nobody ever reads half of it.
configure() {
	CONF=$BATS_TEST_TMPDIR/smiled.conf
	if [ "$#" -gt 0 ]; then
		printf '%s\n' "$1" >"$CONF.new"
	else
		cat >"$CONF.new"
	fi
	mv "$CONF.new" "$CONF"
}

# Have the current server read its configuration again, and wait for the
# verdict of that, also in the log: it is the last line of a reload there.
reload() {
	local before
	before=$(board reloads_done)
	kill -HUP "$PID"
	eventually "$LONG" reloads_done_beyond "$before"
	eventually "$LONG" verdicts_in_log_beyond "$before"
}

reloads_done_beyond() {
	[ "$(board reloads_done)" -gt "$1" ]
}

verdicts_in_log_beyond() {
	[ "$(grep -Ec '^[^ ]* (info|error) reload (accepted|refused): ' \
	    "$LOG")" -gt "$1" ]
}

# The same, and the verdict must be this.
reload_accepted() {
	reload
	board_is verdict 1 || { board text >&2; return 1; }
}

# The same, and the workers there were are gone: one that has been told to
# leave still takes a client who comes before it has run again.
reload_through() {
	local old
	mapfile -t old < <(all_workers)
	reload_accepted
	eventually "$LONG" are_gone "${old[@]}"
}

reload_refused() {
	reload
	board_is verdict 2
}

# Have the current server replaced by another, which then is the current one;
# the verdict must be this, and the old one ends when its connections have.
upgrade_accepted() {
	old_master=$PID
	ctl -t "${LONG}s" upgrade || return 1
	upgraded=1
	PID=$(board pid)
	[ "$PID" != "$old_master" ]
}

# upgrade_refused [TEXT]: it stays, and says why.
upgrade_refused() {
	run ctl -t "$((LONG + 20))s" upgrade
	if [ "$status" -ne 1 ] || [ "$(board pid)" != "$PID" ] ||
	    [[ "$output" != "refused: "*"${1:-}"* ]]; then
		echo "$output" >&2
		return 1
	fi
}

# Whether the counters of the current server's board balance: what was
# accepted has ended in some way, or is being served.
counters_balance() {
	local accepted=0 ended=0 serving=0 word n
	while read -r word n; do
		case $word in
		accepted) accepted=$n ;;
		ok | timeout | idle | reset | failed | program | killed) ended=$((ended + n)) ;;
		serving) serving=$n ;;
		esac
	done < <("$testbin/boardcat" "$RUN/smiled.board")
	[ "$accepted" -eq $((ended + serving)) ]
}

# ctl COMMAND...: smilectl, for the current server.
ctl() {
	RUNTIME_DIRECTORY=$RUN smilectl "$@"
}

# json EXPRESSION: what Perl makes of the JSON on standard input, which is $j
# there; several values stand side by side.
json() {
	perl -MJSON::PP -e '
	    my $j = decode_json(join "", <STDIN>);
	    my @v = eval shift;
	    die $@ if $@;
	    print join(" ", map { $_ // "none" } @v), "\n"' "$1"
}

# What smilectl status says, and for eventually: whether it is VALUE.
status() {
	ctl status --json | json "$1"
}

status_is() {
	[ "$(status "$1")" = "$2" ]
}

# bystander [FILE]: a process that has nothing to do with a server, but holds
# the lock of a board that is in FILE.  Sets bystander.  What signals it gets it
# writes down; it ends by KILL.
bystander() {
	heard=$BATS_TEST_TMPDIR/heard
	perl -MFcntl=:DEFAULT,SEEK_SET -e '
	    $| = 1;
	    for my $sig (qw(HUP INT QUIT TERM USR1 USR2)) {
		$SIG{$sig} = sub { print "$sig\n" };
	    }
	    if (@ARGV) {
		open my $f, "+<", $ARGV[0] or die $!;
		my $lock = pack "s! s! x![q] q q l!", F_WRLCK, SEEK_SET,
		    0, 0, 0;
		fcntl $f, F_SETLK, $lock or die $!;
		$keep = $f;
	    }
	    print "here\n";
	    select undef, undef, undef, undef while 1' -- "$@" >"$heard" \
	    3>&- {never}>&- &
	bystander=$!
	eventually "$LONG" grep -q here "$heard"
}

# Whether nobody has disturbed it; it then ends.
bystander_is_unharmed() {
	kill -0 "$bystander" || return 1
	# Whatever was sent before this has come before it.
	kill -USR2 "$bystander"
	eventually "$LONG" grep -q USR2 "$heard"
	kill -KILL "$bystander"
	wait "$bystander" || true
	[ "$(tr '\n' ' ' <"$heard")" = "here USR2 " ]
}

# One figure of the board.
board() {
	if [[ $1 == *[!a-z_]* ]]; then
		"$testbin/boardcat" "$RUN/smiled.board" | sed -n "s/^$1 //p"
	else
		"$testbin/boardcat" "$RUN/smiled.board" "$1"
	fi
}

# For eventually: whether a figure of the board is VALUE.
board_is() {
	"$testbin/boardcat" "$RUN/smiled.board" "$1" "$2"
}

# has_accepted N: so many or more.
has_accepted() {
	[ "$(board accepted)" -ge "$1" ]
}

fds_as_at_start() {
	local fds=("/proc/$PID/fd"/*)
	[ "${#fds[@]}" -eq "$FDS" ]
}

# Whatever can be asked of a server that is at rest.
server_check() {
	eventually "$LONG" fds_as_at_start
	if [ -e "$RUN/smiled.board" ]; then
		eventually "$LONG" counters_balance
	fi
}

# For eventually: whether each reload that was begun has its verdict.  One look
# for both figures: between two looks one may end and the next begin.
reloads_settled() {
	"$testbin/boardcat" "$RUN/smiled.board" | awk '
	    $1 == "reloads_started" { started = $2 }
	    $1 == "reloads_done" { done = $2 }
	    END { exit started == "" || started != done }'
}

# How many processes the session of the current server has.
session_has() {
	prints_lines "$1" session_pids "$SID"
}

# server_stop [SIGNAL]: check it, send TERM, or the signal named, and wait for
# the end; it must be a good one.
server_stop() {
	server_check
	kill "-${1:-TERM}" "$PID"
	server_wait_end
}

# Wait until the server has ended by itself; fails unless with status 0, which
# is known of a child: not of a server that came by an upgrade.
server_wait_end() {
	eventually "$LONG" is_gone "$PID"
	STATUS=0
	if [ -n "${upgraded:-}" ]; then
		log_has 'info stopped$' || STATUS=1
	else
		wait "$PID" || STATUS=$?
	fi
	[ "$STATUS" -eq 0 ] || {
		echo "the server ended with status $STATUS" >&2
		show_logs
		return 1
	}
}

# in_lanes N COMMAND...: run it N times at once, each with servers of its own
# and the oracle at its end.
in_lanes() {
	local n=$1 lane lanes=() bad=0
	shift
	for lane in $(seq "$n"); do
		in_lane "$lane" "$@" 3>&- &
		lanes+=($!)
	done
	for lane in "${lanes[@]}"; do
		wait "$lane" || bad=1
	done
	return "$bad"
}

in_lane() (
	set -e
	BATS_TEST_TMPDIR=$BATS_TEST_TMPDIR/lane.$1
	mkdir "$BATS_TEST_TMPDIR"
	shift
	setup
	"$@"
	oracle
)

# -- Load ------------------------------------------------------------------------

# bench_start [ARG...]: load on the current server's PORT, in the background;
# bench_end [N]: stop it, and nobody may have been lost, of N or more.
bench_start() {
	smilebench -c 8 -d 600s -t 1m "$@" 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
}

bench_end() {
	interrupt "$bench"
	if ! wait "$bench" || [ "$(sed -n 's/^ok //p' \
	    "$BATS_TEST_TMPDIR/bench")" -lt "${1:-20}" ]; then
		cat "$BATS_TEST_TMPDIR/bench" >&2
		return 1
	fi
}

# -- Clients that do not behave ------------------------------------------------

# odd WHAT...: see oddclient.pl.
odd() {
	perl "$BATS_TEST_DIRNAME/lib/oddclient.pl" "$PORT" "$@"
}

# odd_hold [WHAT...]: a client in the background that connects and reads
# nothing, until odd_let_go.
odd_hold() {
	mkfifo "$BATS_TEST_TMPDIR/odd.in"
	exec {odd_in}<>"$BATS_TEST_TMPDIR/odd.in"
	odd rcvbuf=4096 hold=1 "$@" <&"$odd_in" >"$BATS_TEST_TMPDIR/odd.out" \
	    3>&- {never}>&- &
	odd_shell=$!
	eventually "$LONG" grep -q holding "$BATS_TEST_TMPDIR/odd.out"
}

# It goes, and with what it has not read, that is a reset.
odd_let_go() {
	kill "$(sed 's/holding //' "$BATS_TEST_TMPDIR/odd.out")"
	wait "$odd_shell" || true
	exec {odd_in}>&-
}

# -- The log -------------------------------------------------------------------

show_logs() {
	local log
	for log in "${logs[@]}"; do
		echo "-- $log"
		tail -n 40 "$log" 2>/dev/null | cut -c 1-300 || true
	done >&2
}

# log_has PATTERN: an extended one.  Of a short log without a process.
log_has() {
	local line lines
	{ mapfile -tn 200 lines <"$LOG"; } 2>/dev/null || return 2
	[ "${#lines[@]}" -lt 200 ] || { grep -Eq -- "$1" "$LOG"; return; }
	for line in "${lines[@]}"; do
		[[ ! $line =~ $1 ]] || return 0
	done
	return 1
}

# log_has_times N WORDS: in so many lines at least.
log_has_times() {
	[ "$(grep -c -- "$2" "$LOG" || true)" -ge "$1" ]
}

# Every signal sent to the master before this has been taken note of.
master_has_heard() {
	local n
	n=$(grep -c "USR1 from" "$LOG" || true)
	kill -USR1 "$PID"
	eventually "$LONG" usr1_count_reaches $((n + 1))
}

usr1_count_reaches() {
	log_has_times "$1" "USR1 from"
}

# -- The oracle ----------------------------------------------------------------

log_line='^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9:]{8}\.[0-9]{3}Z '
log_line+='(error|warn|info|debug)(\[[A-Za-z0-9._/-]+\])? [ -~]+$'
log_bug='Sanitizer|runtime error|core dumped'

# Set by a test that ends with a dead master: its board stays.
left_board=

oracle() {
	local sid log dir files bad=0
	for sid in "${sids[@]}"; do
		eventually "$LONG" session_is_empty "$sid" || {
			for pid in $(session_pids "$sid"); do
				echo "left: $pid $(title_of "$pid")" >&2
			done
			kill_session "$sid"
			bad=1
		}
	done
	for log in "${logs[@]}"; do
		log_is_clean "$log" || bad=1
	done
	shopt -s nullglob dotglob
	for dir in "$BATS_TEST_TMPDIR"/run.*; do
		files=("$dir"/*)
		[ -n "$left_board" ] || [ "${#files[@]}" -eq 0 ] || {
			echo "files left: ${files[*]}" >&2
			bad=1
		}
	done
	[ "$bad" -eq 0 ] || show_logs
	return "$bad"
}

# Whether each line of a log is one, and none tells of a bug.
log_is_clean() {
	local line lines parts
	# A server that ended before it could say anything has none.
	[ -e "$1" ] || return 0
	mapfile -d '' -n 2 parts <"$1"
	if [ "${#parts[@]}" -gt 1 ]; then
		echo "not text: $1" >&2
		return 1
	fi
	mapfile -tn 200 lines <"$1"
	if [ "${#lines[@]}" -eq 200 ]; then
		# Long ones by those who are quick at it.
		mapfile -t lines < <(grep -E "$log_bug" "$1" || true
		    grep -vE "$log_line" "$1" | grep -v '^smiled: ')
	fi
	for line in "${lines[@]}"; do
		if [[ $line =~ $log_bug ]] || ! [[ $line =~ $log_line ||
		    $line == "smiled: "* ]]; then
			echo "not a line of the log, or a bug: $line" >&2
			return 1
		fi
	done
}

# -- A client of the shell's own -----------------------------------------------

# Whether a connection to the current server, or to a port, gets the message
# and then the end.
is_served() {
	local line rest conn
	exec {conn}<>"/dev/tcp/127.0.0.1/${1:-$PORT}" || return 1
	IFS= read -rt "$LONG" -u "$conn" line || line=
	IFS= read -rt "$LONG" -u "$conn" rest || rest=$?
	exec {conn}>&-
	[ "$line" = "${MESSAGE:-Smile from the server}" ] && [ "$rest" = 1 ]
} 2>/dev/null

# The port a process listens on, for those that have no log to name it.
port_of() {
	local inodes port
	inodes=$(readlink "/proc/$1/fd"/* | sed -n 's/socket:.\(.*\)\]/\1/p')
	tcp_listeners "$1" |
	    awk -v inodes="$inodes" 'BEGIN { n = split(inodes, a)
		for (i = 1; i <= n; i++) ours[a[i]] = 1 }
		$3 in ours { sub(/.*:/, "", $1); print $1 }' |
	    while read -r port; do echo $((16#$port)); done
}

# -- Odd starts ----------------------------------------------------------------

# start_from 'COMMANDS': the servers started from now on come from a shell that
# runs these commands, the last of which must be exec "$@", with whatever else.
start_from() {
	local wrap=$BATS_TEST_TMPDIR/wrap
	printf '#!/bin/bash\n%s\n' "$1" >"$wrap"
	chmod +x "$wrap"
	SMILED_WRAP="$wrap ${SMILED_WRAP:-}"
}

# What server_wait_ready does, for a server whose log nobody can read.
server_wait_notified() {
	read -rt "$LONG" -u "$ready" _
	exec {ready}>&-
	PORT=$(port_of "$PID" | head -n 1)
	count_fds
}

# A build that looks for leaks at its end does so in one more process, which
# may not be traced.
let_leaks_be() {
	export ASAN_OPTIONS=${ASAN_OPTIONS:+$ASAN_OPTIONS:}detect_leaks=0
}

need_strace() {
	let_leaks_be
	strace -qq -o /dev/null -e trace=none true 2>/dev/null ||
	    skip "strace cannot trace here"
}

# Whether somebody traces the process, by now or still.
is_traced() {
	grep -q '^TracerPid:	[1-9]' "/proc/$1/status"
}

is_untraced() {
	! is_traced "$1"
}

# Have the servers of this test belong to an ordinary user, also if we are
# root.  Sets become, the words that make a command that user's.
become_ordinary() {
	become=()
	[ "$(id -u)" -eq 0 ] || return 0
	command -v setpriv >/dev/null || skip "no setpriv"
	become=(setpriv --reuid=54321 --regid=54321 --clear-groups)
	SMILED_WRAP="${become[*]} ${SMILED_WRAP:-}"
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	for n in {1..9}; do
		mkdir "$BATS_TEST_TMPDIR/run.$n"
		chown 54321 "$BATS_TEST_TMPDIR/run.$n"
	done
}

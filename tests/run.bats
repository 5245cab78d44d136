#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a program that accepts by itself is not given what it was promised,
# spoils the sockets for others, hangs or dies unnoticed, is replaced before its
# successor works, loses clients when it is, or is still there when its server
# is gone.

# What is said to programs is for perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	acceptor=$BATS_TEST_TMPDIR/acceptor.pl
	probe=$BATS_TEST_DIRNAME/lib/probe.pl
	mark_programs
	# Nobody may be unable to read the sources.
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$acceptor"
	chmod 644 "$acceptor"
	readable_probe
}

# -- Services ------------------------------------------------------------------

# app [CODE [LINES]]: a configuration of one service whose programs do CODE,
# which may not have a single quote, at their start.
app() {
	configure "workers 1
ready 20ms
service app
	listen 127.0.0.1:${port:-0}
	run /usr/bin/perl $acceptor '$(tr -s '\n\t' ' ' <<<"${1:-}")'
	env TEST_MARK=$mark
	${2:-}"
}

# serve_app [CODE [LINES]]: a server of it.
serve_app() {
	app "$@"
	server_start -f "$CONF"
	port=$PORT
	eventually "$LONG" apps_execute
}

# They may count as ready before they have been executed.
apps_execute() {
	[ "$(apps | wc -l)" -eq "$(board running)" ]
}

# answers LINE [PORT]: what the program says to it.
answers() {
	timeout "$LONG" smile -m "${1//$'\n'/ }" 127.0.0.1 "${2:-$PORT}"
}

is_answered() {
	[ "$(answers "$1" "${3:-$PORT}")" = "$2" ]
}

# The pids of those that accept, of the service app or another.
apps() {
	local pid
	for pid in $(programs); do
		! is_started_by_us "$pid" "${1:-app}" || echo "$pid"
	done
}

# Whether it is what the server has started for the service, and nothing that
# this has started in turn.
is_started_by_us() {
	{ tr '\0' '\n' <"/proc/$1/environ"; } 2>/dev/null |
	    grep -cx -e "SMILED_SERVICE=$2" -e "SMILED_PID=$1" | grep -qx 2
}

app_count_is() {
	[ "$(apps | wc -l)" -eq "$1" ]
}

# Whether there are N programs, none of which is one of these.
apps_replaced() {
	local n=$1 now pid
	shift
	now=$(apps)
	[ "$(wc -w <<<"$now")" -eq "$n" ] || return 1
	for pid in "$@"; do
		! grep -qw "$pid" <<<"$now" || return 1
	done
}

# A log line of this text, with N of them there.
log_counts() {
	[ "$(grep -cE -- "$2" "$LOG")" -ge "$1" ]
}

says() {
	eventually "$LONG" log_has "$1"
}

# -- What a program is given -----------------------------------------------------

@test "it accepts on what it is given, says who it is, and is stopped" {
	serve_app
	pid=$(answers "")
	[ "$pid" = "$(apps)" ]
	[ "$(answers '1 + 1')" = 2 ]
	server_stop
	run ! log_has ' (warn|error)'
}

# The lines of the probe, as the log has them.
probed() {
	sed -n "s/.* info\[app\/1\] \($1\( .*[^ ]\)\{0,1\}\) *$/\1/p" "$LOG" |
	    grep -v '^env TEST_MARK=' | LC_ALL=C sort
}

# probe_finds 'WHAT': it is what standard input has.
probe_finds() {
	says 'info\[app/1\] status Uid'
	probed "$1" >"$out.is"
	LC_ALL=C sort >"$out.shall"
	diff -u "$out.shall" "$out.is"
}

# Like filthy, but for a server with a file.
serve_probe() {
	app "do \"$probe\"" "$1"
	server_start -f "$CONF"
	eventually "$LONG" app_count_is 1
}

@test "a filthy start: its environment is the documented one, no more" {
	[ -n "$(account 1)" ] || skip "we have no account"
	filthy
	serve_probe 'pass-env KEPT NOT_THERE
	watchdog 100s
	env LISTEN_FDS=77
	env MINE=yes'
	pid=$(apps)
	name=$(tr '\0' '\n' <"/proc/$pid/environ" | grep ^NOTIFY_SOCKET=)
	grep -q " ${name#*=}\$" /proc/net/unix
	probe_finds env <<-EOF
	env HOME=$(account 6)
	env KEPT=a b
	env LANG=de_DE.UTF-8
	env LISTEN_FDNAMES=app
	env LISTEN_FDS=1
	env LISTEN_PID=$pid
	env LOGNAME=$(account 1)
	env MINE=yes
	env $name
	env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
	env SERVER_STARTER_PORT=127.0.0.1:$PORT=3
	env SHELL=$(account 7)
	env SMILED_PID=$pid
	env SMILED_SERVICE=app
	env TZ=Asia/Tokyo
	env USER=$(account 1)
	env WATCHDOG_PID=$pid
	env WATCHDOG_USEC=100000000
	EOF
	server_stop
}

@test "a filthy start: its descriptors are the null device, the log, the socket" {
	filthy
	serve_probe ''
	probe_finds fd <<-'EOF'
	fd 0 /dev/null
	fd 1 pipe
	fd 2 pipe as 1
	fd 3 socket
	EOF
	server_stop
	serve_probe 'run-fd 0'
	probe_finds fd <<-'EOF'
	fd 0 socket
	fd 1 pipe
	fd 2 pipe as 1
	fd 3 socket as 0
	EOF
	server_stop
}

@test "a filthy start: its signals, session and place are clean" {
	filthy
	app 'exec "/bin/sh", "-c", "grep Sig /proc/self/status; exec /usr/bin/perl '"$acceptor"'"'
	server_start -f "$CONF"
	says 'info\[app/1\] SigIgn:\\t0000000000000000$'
	says 'info\[app/1\] SigBlk:\\t0000000000000000$'
	server_stop
	serve_probe 'umask 027
	chdir /usr
	nice 3
	no-new-privs yes
	rlimit nofile 77'
	probe_finds '\(place\|stat\|status \(SigPnd\|ShdPnd\|NoNewPrivs\)\|limit open\)' <<-'EOF'
	limit open files 77 77
	place cwd /usr
	place root /
	place umask 027
	stat group self
	stat nice 3
	stat session self
	stat terminal 0
	status NoNewPrivs 1
	status ShdPnd 0000000000000000
	status SigPnd 0000000000000000
	EOF
	server_stop
}

@test "as root it is nobody, and in its chroot, as the service says" {
	[ "$(id -u)" -eq 0 ] || skip "needs root"
	serve_probe ''
	probe_finds 'status \(Uid\|Gid\|Groups\)' <<-'EOF'
	status Gid 65534 65534 65534 65534
	status Groups
	status Uid 65534 65534 65534 65534
	EOF
	server_stop
	serve_probe 'user 54321:54322
	chroot /
	chdir /usr'
	probe_finds '\(status \(Uid\|Gid\|Groups\)\|place cwd\)' <<-'EOF'
	place cwd /usr
	status Gid 54322 54322 54322 54322
	status Groups 54322
	status Uid 54321 54321 54321 54321
	EOF
	server_stop
}

@test "several addresses: descriptors have the order of the file, all serve" {
	configure "service app
	listen 127.0.0.1:0
	listen unix:$BATS_TEST_TMPDIR/socket
	listen 127.0.0.2:0
	workers 2
	ready 20ms
	run /usr/bin/perl $acceptor
	env TEST_MARK=$mark"
	server_start -f "$CONF"
	eventually "$LONG" app_count_is 2
	one=$(sed -n 's/.* app: listening on 127.0.0.1:\(.*\)/\1/p' "$LOG")
	two=$(sed -n 's/.* app: listening on 127.0.0.2:\(.*\)/\1/p' "$LOG")
	ports="127.0.0.1:$one=3;$BATS_TEST_TMPDIR/socket=4;127.0.0.2:$two=5"
	[ "$(answers '$ENV{SERVER_STARTER_PORT}' "$one")" = "$ports" ]
	[ "$(timeout "$LONG" smile -m '$ENV{LISTEN_FDS}' \
	    -U "$BATS_TEST_TMPDIR/socket")" = 3 ]
	[ "$(timeout "$LONG" smile -m '$ENV{LISTEN_FDNAMES}' 127.0.0.2 \
	    "$two")" = app:app:app ]
	# One more, before the others.
	sed -i 's/^\tlisten unix:.*/\tlisten 127.0.0.3:0\n&/' "$CONF"
	reload_accepted
	three=$(sed -n 's/.* app: listening on 127.0.0.3:\(.*\)/\1/p' "$LOG")
	ports="127.0.0.1:$one=3;127.0.0.3:$three=4;"
	ports+="$BATS_TEST_TMPDIR/socket=5;127.0.0.2:$two=6"
	eventually "$LONG" is_answered '$ENV{SERVER_STARTER_PORT}' "$ports" \
	    "$one"
	FDS=$((FDS + 1))
	server_stop
}

@test "run-fd 0: the first is descriptor 0, too" {
	serve_app '' 'run-fd 0
	env ACCEPT_ON_0=1'
	eventually "$LONG" is_answered '(stat $listener[0])[1] ==
	    (stat $listener[1])[1]' 1
	server_stop
}

@test "a shell is warned of, another program is not" {
	serve_app
	run ! log_has 'shell'
	configure "service app
	listen 127.0.0.1:0
	workers 1
	run /bin/sh -c 'exec /usr/bin/perl $acceptor'
	env TEST_MARK=$mark"
	reload_accepted
	says 'warn app: run starts a shell'
	server_stop
}

# -- Beginnings ------------------------------------------------------------------

# start_fails STATUS: the server ends so.
start_fails() {
	server_launch -f "$CONF"
	STATUS=0
	eventually "$LONG" is_gone "$PID"
	wait "$PID" || STATUS=$?
	[ "$STATUS" -eq "$1" ]
}

@test "one that ends at once fails the start" {
	app 'exit 7' 'ready 20s'
	sed -i '1i start-timeout 30s' "$CONF"
	start_fails 71
	says 'worker app/1 .* exited with status 7 before it was ready'
	says 'cannot start'
}

@test "one that cannot be executed fails the start, and the log says why" {
	printf '#!/no/such/interpreter\n' >"$BATS_TEST_TMPDIR/program"
	chmod 755 "$BATS_TEST_TMPDIR/program"
	configure "service app
	listen 127.0.0.1:0
	ready 20s
	workers 2
	run $BATS_TEST_TMPDIR/program"
	sed -i '1i start-timeout 30s' "$CONF"
	start_fails 71
	says "cannot run $BATS_TEST_TMPDIR/program: No such file"
}

@test "ready notify: the server is ready when the program says so" {
	mkfifo -m 666 "$BATS_TEST_TMPDIR/gate"
	app "open(my \$gate, \"<\", \"$BATS_TEST_TMPDIR/gate\"); <\$gate>;
	    notify(\"STATUS=warm\\nREADY=1\")" 'ready notify'
	server_launch -v -f "$CONF"
	eventually "$LONG" app_count_is 1
	run ! log_has 'listening on'
	timeout "$LONG" sh -c 'echo go >"$0"' "$BATS_TEST_TMPDIR/gate"
	server_wait_ready
	says 'debug app/1: its status is: warm'
	server_stop
}

@test "ready notify: what it has started may say so for it" {
	serve_app 'helper(sub { notify("READY=1") })' 'ready notify'
	server_stop
}

@test "ready notify: somebody else's word does not count" {
	app '' 'ready notify'
	local patience=$((4 * ${SMILED_SLOW:-1}))
	sed -i "1i start-timeout ${patience}s" "$CONF"
	server_launch -f "$CONF"
	eventually "$LONG" app_count_is 1
	name=$(tr '\0' '\n' <"/proc/$(apps)/environ" |
	    sed -n 's/^NOTIFY_SOCKET=//p')
	for _ in 1 2 3; do
		perl -MSocket -e 'socket(my $s, AF_UNIX, SOCK_DGRAM, 0);
		    send($s, "READY=1", 0,
		    pack_sockaddr_un($ARGV[0] =~ s/^@/\0/r)) or die "$!"' \
		    "$name"
	done
	STATUS=0
	eventually "$LONG" is_gone "$PID"
	wait "$PID" || STATUS=$?
	[ "$STATUS" -eq 71 ]
	says "worker app/1 .* was not ready within $patience.0 s"
}

@test "one that dies again and again is started ever more slowly" {
	configure "service app
	listen 127.0.0.1:0
	workers 1
	ready 0
	env TEST_MARK=$mark
	run /bin/sleep 0.3"
	server_start -f "$CONF"
	eventually "$LONG" is_put_off 0.6
	says 'worker app/1 .* exited with status 0$'
	server_stop
}

# Whether a start has been put off for so many seconds at least: on a busy
# machine one may live for a second before it ends, and then it begins anew.
is_put_off() {
	sed -n 's/.*app.1: trying again in \(.*\) s/\1/p' "$LOG" |
	    awk -v least="$1" '$1 >= least { found = 1 } END { exit !found }'
}

# -- Ends ------------------------------------------------------------------------

@test "killed: replaced, and what it had started in its group is gone" {
	serve_app
	kid=$(answers 'helper(sub { pause(1000) })')
	run ! is_gone "$kid"
	victim=$(apps)
	kill -KILL "$victim"
	eventually "$LONG" apps_replaced 1 "$victim"
	eventually "$LONG" is_gone "$kid"
	says "worker app/1 \(pid $victim\) was killed by signal KILL"
	eventually "$LONG" is_answered '1' 1
	server_stop
}

# detached_pid SERVICE-PORT: one started from there, out of its group.
detached_pid() {
	answers 'pipe(my $r, my $w); detached(sub { print {$w} "$$\n";
	    close $w; pause(1000) }); close $w; scalar(<$r>)' "$1" |
	    head -n 1
}

@test "one that died takes with it what had left its group, and no other's" {
	configure "ready 20ms
workers 1
env TEST_MARK=$mark
service app
	listen 127.0.0.1:0
	run /usr/bin/perl $acceptor
service other
	listen 127.0.0.1:0
	run /usr/bin/perl $acceptor"
	server_start -f "$CONF"
	eventually "$LONG" app_count_is 1
	gone=$(detached_pid "$(port_for app)")
	stays=$(detached_pid "$(port_for other)")
	run ! is_gone "$gone"
	victim=$(apps)
	kill -KILL "$victim"
	eventually "$LONG" apps_replaced 1 "$victim"
	eventually "$LONG" is_gone "$gone"
	eventually "$LONG" is_answered 1 1 "$(port_for app)"
	run ! is_gone "$stays"
	kill -KILL "$stays"
	server_stop
}

@test "the server is killed: its programs end" {
	serve_app '' 'workers 3'
	eventually "$LONG" app_count_is 3
	left_board=yes
	kill -KILL "$PID"
	eventually "$LONG" no_program
}

@test "stop-signal: that is what it gets" {
	serve_app '$SIG{INT} = sub { print "INT came\n"; exit 0 }' \
	    'stop-signal INT'
	eventually "$LONG" is_answered 1 1
	server_stop
	says 'info\[app/1\] INT came'
	run ! log_has ' (warn|error)'
}

@test "retire-timeout: one that stays is told again, and killed after kill-grace" {
	serve_app '$SIG{INT} = "IGNORE"; POSIX::sigaction(POSIX::SIGTERM,
	    POSIX::SigAction->new(sub { syswrite STDOUT, "TERM came\n" }))' \
	    'stop-signal INT
	retire-timeout 300ms
	kill-grace 2s'
	eventually "$LONG" is_answered 1 1
	victim=$(apps)
	begin=$(now_ms)
	reload_accepted
	eventually "$LONG" is_gone "$victim"
	[ $(($(now_ms) - begin)) -ge 2300 ]
	says 'info\[app/1\] TERM came'
	says "worker app/1 \(pid $victim\) did not leave in time; killed"
	kill -INT "$PID"
	server_wait_end
}

@test "a stop lets it finish what it has" {
	gate
	serve_app '' 'workers 2'
	# TERM comes while it waits there.
	answers 'print STDOUT "has it\n"; my $gate; 1 until open($gate, "<",
	    "'"$gate"'"); <$gate>; "finished"' >"$out" 3>&- {never}>&- &
	client=$!
	says 'info\[app/[12]\] has it'
	server_check
	kill -TERM "$PID"
	eventually "$LONG" nobody_listens
	let_on
	server_wait_end
	wait "$client"
	grep -qx finished "$out"
}

@test "a stop: who waits in the queue is served before programs are told" {
	serve_app '' 'workers 2'
	eventually "$LONG" app_count_is 2
	before=$(apps)
	# shellcheck disable=SC2086
	hold $before
	clients=()
	for n in 1 2 3 4 5 6 7 8; do
		timeout "$LONG" smile -m "$n" 127.0.0.1 "$PORT" \
		    >"$out.$n" 3>&- {never}>&- &
		clients+=($!)
	done
	eventually "$LONG" queue_is 8
	kill -TERM "$PID"
	says 'TERM from'
	# shellcheck disable=SC2086
	let_go $before
	server_wait_end
	for n in 1 2 3 4 5 6 7 8; do
		wait "${clients[n - 1]}"
		grep -qx "$n" "$out.$n"
	done
}

# -- Signs of life -----------------------------------------------------------------

@test "watchdog: one that gives signs of life stays, one that stops is replaced" {
	serve_app 'notify("READY=1"); helper(sub {
	    until (-e "'"$BATS_TEST_TMPDIR"'/hang" ||
	    !kill 0, $ENV{SMILED_PID}) {
	    notify("WATCHDOG=1"); pause(0.1) } })' 'ready notify
	watchdog 2s
	kill-grace 300ms'
	victim=$(apps)
	begin=$(now_ms)
	eventually "$LONG" passed_since "$begin" 5000
	[ "$(apps)" = "$victim" ]
	: >"$BATS_TEST_TMPDIR/hang"
	says "worker app/1 \(pid $victim\) has given no sign of life"
	rm "$BATS_TEST_TMPDIR/hang"
	eventually "$LONG" is_gone "$victim"
	eventually "$LONG" is_answered 1 1
	server_stop
}

passed_since() {
	[ $(($(now_ms) - $1)) -ge "$2" ]
}

@test "WATCHDOG=trigger: replaced at once" {
	serve_app
	victim=$(apps)
	is_answered 'notify("WATCHDOG=trigger")' '' || true
	eventually "$LONG" apps_replaced 1 "$victim"
	says "worker app/1 \(pid $victim\) says that it hangs"
	server_stop
}

@test "STOPPING: one that ends as it says is replaced without a fuss" {
	serve_app
	eventually "$LONG" is_answered 1 1
	victim=$(apps)
	answers '$quit = 1' >/dev/null
	eventually "$LONG" apps_replaced 1 "$victim"
	says "info worker app/1 \(pid $victim\) exited with status 0"
	eventually "$LONG" is_answered 1 1
	server_stop
	run ! log_has ' (warn|error)'
}

# -- Reloads -----------------------------------------------------------------------

@test "reloads under load: every program is replaced, and no client is lost" {
	serve_app '$always = "Smile from the server"' 'workers 3'
	smilebench -c 8 -d 600s -t 1m 127.0.0.1 "$PORT" >"$out" 2>&1 3>&- {never}>&- &
	bench=$!
	[ -z "${SMILED_LONG:-}" ] || times=50
	for _ in $(seq "${times:-8}"); do
		before=$(apps)
		reload_accepted
		# shellcheck disable=SC2086
		eventually "$LONG" apps_replaced 3 $before
	done
	interrupt "$bench"
	wait "$bench"
	cat "$out"
	server_stop
	run ! log_has ' (warn|error)'
}

@test "on-reload keep: they stay if nothing has changed for them" {
	keep() {
		configure "ready 20ms
env TEST_MARK=$mark
service app
	listen 127.0.0.1:$1
	workers $2
	on-reload keep
	run /usr/bin/perl $acceptor
service other
	listen 127.0.0.1:0
	workers 1
	send \"$3\\n\""
	}
	keep 0 2 one
	server_start -f "$CONF"
	eventually "$LONG" app_count_is 2
	before=$(apps)
	MESSAGE=one is_served "$(port_for other)"
	for text in two three; do
		keep 0 2 "$text"
		reload_accepted
		MESSAGE=$text is_served "$(port_for other)"
		[ "$(apps)" = "$before" ]
	done
	# Those who stay are looked after as before.
	victim=$(head -n 1 <<<"$before")
	kill -KILL "$victim"
	eventually "$LONG" apps_replaced 2 "$victim"
	before=$(apps)
	keep 0 3 three
	reload_accepted
	# shellcheck disable=SC2086
	eventually "$LONG" apps_replaced 3 $before
	# The master has one end of each pipe.
	FDS=$((FDS + 1))
	server_stop
}

@test "a reload whose program does not start is refused: the old one serves on" {
	port=$(free_port)
	serve_app
	before=$(apps)
	configure "service app
	listen 127.0.0.1:$PORT
	listen 127.0.0.9:0
	listen unix:$BATS_TEST_TMPDIR/socket
	workers 2
	ready 10s
	run /usr/bin/perl $acceptor 'pause(0.1); exit 5'
	env TEST_MARK=$mark"
	sed -i '1i start-timeout 20s' "$CONF"
	reload_refused
	says 'reload refused: worker app/[12] .* exited with status 5 before'
	eventually "$LONG" app_count_is 1
	[ "$(apps)" = "$before" ]
	is_answered 1 1
	[ ! -e "$BATS_TEST_TMPDIR/socket" ]
	eventually "$LONG" has_sockets 1
	app
	reload_accepted
	eventually "$LONG" apps_replaced 1 "$before"
	server_stop
}

# Whether the master listens on so many sockets.
has_sockets() {
	[ "$(port_of "$PID" | wc -l)" -eq "$1" ]
}

@test "an address taken away from programs: who had come is served" {
	one=$(free_port)
	configure "service app
	listen 127.0.0.1:$one
	listen 127.0.0.2:0
	workers 1
	ready 20ms
	run /usr/bin/perl $acceptor
	env TEST_MARK=$mark"
	server_start -f "$CONF"
	two=$(sed -n 's/.* app: listening on 127.0.0.2:\(.*\)/\1/p' "$LOG")
	eventually "$LONG" apps_execute
	victim=$(apps)
	hold "$victim"
	clients=()
	for n in 1 2 3 4; do
		timeout "$LONG" smile -m "$n" 127.0.0.2 "$two" \
		    >"$out.$n" 3>&- {never}>&- &
		clients+=($!)
	done
	eventually "$LONG" queue_is 4 "$two"
	sed -i "/127.0.0.2/d" "$CONF"
	reload_accepted
	let_go "$victim"
	for n in 1 2 3 4; do
		wait "${clients[n - 1]}"
		grep -qx "$n" "$out.$n"
	done
	eventually "$LONG" apps_replaced 1 "$victim"
	is_answered 1 1 "$one"
	FDS=$((FDS - 1))
	server_stop
}

@test "TTIN and TTOU make one program more or fewer" {
	serve_app
	eventually "$LONG" app_count_is 1
	kill -TTIN "$PID"
	eventually "$LONG" app_count_is 2
	kill -TTOU "$PID"
	eventually "$LONG" app_count_is 1
	server_stop
}

# -- What it prints ------------------------------------------------------------------

@test "what it prints is in the log: tagged, escaped, cut" {
	serve_app
	answers 'print STDOUT "to \x1b[31mstdout\n"; print STDERR "x" x 2500,
	    "\n"; print STDOUT "no end"; 1' >/dev/null
	says 'info\[app/1\] to \\x1b\[31mstdout$'
	says 'info\[app/1\] x{1000}$'
	says 'info\[app/1\] x{500}$'
	answers '$quit = 1' >/dev/null
	says 'info\[app/1\] no end$'
	server_stop
}

@test "many lines at once: none is lost" {
	serve_app
	answers 'print STDOUT "line $_\n" for 1 .. 5000; 1' >/dev/null
	says 'info\[app/1\] line 5000$'
	[ "$(grep -c 'info\[app/1\] line ' "$LOG")" -eq 5000 ]
	server_stop
}

@test "the log process is killed: a program that prints goes on, and is heard" {
	serve_app
	eventually "$LONG" is_answered 1 1
	before=$(apps)
	hold "$(log_process)"
	answers 'print STDOUT "before\n"; 1' >/dev/null
	kill -KILL "$(log_process)"
	says 'info\[app/1\] before$'
	answers 'print STDOUT "after\n"; 1' >/dev/null
	says 'info\[app/1\] after$'
	[ "$(apps)" = "$before" ]
	server_stop
}

# The log process is told before the master sleeps.
level_is_heard() {
	eventually "$LONG" is_asleep "$PID"
	eventually "$LONG" is_asleep "$(log_process)"
}

@test "log-level: what programs print is at level info" {
	port=$(free_port)
	serve_app
	answers 'print STDOUT "heard\n"; 1' >/dev/null
	says heard
	sed -i '1i log-level warn' "$CONF"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 2
	level_is_heard
	eventually "$LONG" is_answered 'print STDOUT "not heard\n"; 1' 1
	sed -i 1d "$CONF"
	kill -HUP "$PID"
	eventually "$LONG" board_is generation 3
	level_is_heard
	eventually "$LONG" is_answered 'print STDOUT "heard again\n"; 1' 1
	says 'heard again'
	run ! log_has 'not heard'
	server_stop
}

@test "nobody reads the log: a program that prints is not held up" {
	mkfifo "$BATS_TEST_TMPDIR/fifo"
	exec {fifo}<>"$BATS_TEST_TMPDIR/fifo"
	start_from "exec \"\$@\" 2>'$BATS_TEST_TMPDIR/fifo' $fifo>&-"
	app
	server_launch -f "$CONF"
	server_wait_notified
	SMILED_WRAP=
	# Far more than all pipes on the way hold.
	eventually "$LONG" is_answered \
	    'print STDOUT "a line of some length $_\n" for 1 .. 50000; "done"' \
	    'done'
	cat <"$BATS_TEST_TMPDIR/fifo" >>"$LOG" 3>&- {never}>&- {fifo}>&- &
	exec {fifo}>&-
	eventually "$LONG" is_heard_of_lost
	server_stop
	wait
}

# Each time, a line gives the log the chance to say what it could not.
is_heard_of_lost() {
	is_answered 'print STDOUT "next\n"; 1' 1 || true
	log_has 'warn\[app/1\] [0-9]+ lines of its output were not logged'
}

# -- Sockets that a program spoils ------------------------------------------------------

port_answers() {
	is_answered 1 1 "$PORT"
}

@test "a program shuts its socket down: it is opened again" {
	port=$(free_port)
	serve_app
	answers 'shutdown($listener[0], 2); "shut"' >/dev/null
	says "warn app: a program has shut down 127.0.0.1:$port .*; opened again"
	eventually "$LONG" port_answers
	server_stop
}

@test "a program shuts down a socket whose port the system chose" {
	serve_app '' 'workers 2'
	eventually "$LONG" app_count_is 2
	answers 'shutdown($listener[0], 2); "shut"' >/dev/null
	says "warn app: a program has shut down 127.0.0.1:$PORT .* started anew"
	eventually "$LONG" port_answers
	server_stop
}

@test "a program shuts down a unix socket" {
	configure "service app
	listen unix:$BATS_TEST_TMPDIR/socket
	workers 1
	ready 20ms
	run /usr/bin/perl $acceptor
	env TEST_MARK=$mark"
	server_start -f "$CONF"
	eventually "$LONG" apps_execute
	before=$(apps)
	timeout "$LONG" smile -m 'shutdown($listener[0], 2); "shut"' \
	    -U "$BATS_TEST_TMPDIR/socket"
	says "warn app: a program has shut down unix:.* started anew"
	eventually "$LONG" apps_replaced 1 "$before"
	eventually "$LONG" unix_answers
	server_stop
	[ ! -e "$BATS_TEST_TMPDIR/socket" ]
}

@test "a stop finds that a program has just shut its socket down: nobody waits" {
	serve_app '' 'workers 1'
	hold "$PID"
	# Of one that is shut already, the kernel says yet other things.
	answers 'shutdown($listener[0], 2) for 1, 2; "shut"' >"$out"
	grep -qx shut "$out"
	kill -TERM "$PID"
	begin=$(now_ms)
	let_go "$PID"
	server_wait_end
	# Else it was all of stop-timeout but half a second.
	[ $(($(now_ms) - begin)) -lt $(((LONG - 2) * 1000)) ]
}

unix_answers() {
	[ "$(timeout "$LONG" smile -m 1 -U "$BATS_TEST_TMPDIR/socket")" = 1 ]
}

@test "one that shuts its socket down without end does not keep the server busy" {
	go=$BATS_TEST_TMPDIR/go
	serve_app "helper(sub { pause(0.01) until -e \"$go\";
	    while (-e \"$go\" && kill 0, \$ENV{SMILED_PID}) {
	    shutdown(\$listener[0], 2); pause(0.001) } })"
	touch "$go"
	says 'a program has shut down'
	before=$(ticks_of "$PID")
	begin=$(now_ms)
	eventually "$LONG" passed_since "$begin" 2000
	# A tenth of that time would be 20 ticks.
	[ $(($(ticks_of "$PID") - before)) -lt 40 ]
	rm "$go"
	server_stop
}

ticks_of() {
	echo $(($(stat_field "$1" 12) + $(stat_field "$1" 13)))
}

@test "a program makes its socket non-blocking: told of, and undone for the next" {
	serve_app
	eventually "$LONG" is_answered 1 1
	is_answered 'flags_of($listener[0]) ? 1 : 0' 0
	answers 'fcntl($listener[0], F_SETFL, O_NONBLOCK); 1' >/dev/null
	victim=$(apps)
	kill -KILL "$victim"
	says 'info app: a program has made 127.0.0.1:.* non-blocking'
	eventually "$LONG" apps_replaced 1 "$victim"
	eventually "$LONG" is_answered 'flags_of($listener[0]) ? 1 : 0' 0
	server_stop
}

# -- Rest ----------------------------------------------------------------------------

# The times that a process has gone to sleep of itself.
switches() {
	awk '/^voluntary/ { print $2 }' "/proc/$1/status"
}

@test "nothing to do: master and log process sleep" {
	serve_app '' 'workers 3
	listen unix:'"$BATS_TEST_TMPDIR/socket"
	eventually "$LONG" app_count_is 3
	logger=$(log_process)
	begin=$(now_ms)
	eventually "$LONG" passed_since "$begin" 500
	before="$(switches "$PID") $(switches "$logger")"
	eventually "$LONG" passed_since "$begin" 3500
	[ "$before" = "$(switches "$PID") $(switches "$logger")" ]
	server_stop
}

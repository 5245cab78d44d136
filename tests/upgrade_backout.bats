#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a live upgrade to something that cannot serve, or that dies at any
# point of the hand-over, takes the server that worked with it; or nobody is
# told why; or the next one, to something good, does not work any more.

# What is said to perl and to smilectl is not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	program=$BATS_TEST_TMPDIR/smiled
	ln -s "$bindir/smiled" "$program"
	mark_programs
}

# A server of a program that can be replaced by another file, under load.
serve() {
	configure "start-timeout ${patience:-${LONG}s}
	service smile
	    listen 127.0.0.1:0
	    send \"Smile from the server\\n\"
	    ${1:-}"
	server_start -P "$program" -f "$CONF" \
	    -o "pid-file $BATS_TEST_TMPDIR/run.$((servers + 1))/pid"
	refusals=0
	bench_start -c 2
}

# install: from standard input, in one step.
install_program() {
	cat >"$program.new"
	chmod "${1:-755}" "$program.new"
	mv -f "$program.new" "$program"
}

install_good() {
	ln -sf "$bindir/smiled" "$program.new"
	mv -Tf "$program.new" "$program"
}

# The server is what it was, and a good program can still replace it.
all_is_well() {
	local old
	[ "$(cat "$RUN/pid")" -eq "$PID" ]
	run find "$RUN" ! -type d ! -name pid ! -name smiled.board
	[ -z "$output" ]
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" session_has 6
	is_served
	eventually "$LONG" fds_as_at_start
	install_good
	old=$PID
	upgrade_accepted
	eventually "$LONG" is_gone "$old"
	[ "$(cat "$RUN/pid")" -eq "$PID" ]
	bench_end
	server_stop
}

# refused TEXT: it says so, also in the log and in smilectl status.
refused() {
	upgrade_refused "$1"
	refusals=$((refusals + 1))
	eventually "$LONG" log_has_times "$refusals" \
	    "upgrade refused: .*; pid $PID serves on"
	[ "$(status '$j->{last_upgrade}{verdict}')" = refused ]
	is_served
}

@test "files that cannot be run" {
	serve
	rm "$program"
	refused "cannot run $program: No such file or directory"
	mkdir "$program"
	refused "cannot run $program: Permission denied"
	rmdir "$program"
	install_program 644 <"$bindir/smiled"
	refused "cannot run $program: Permission denied"
	install_program </dev/null
	refused "cannot run $program: Exec format error"
	# For a machine that there never was.
	perl -e 'local $/; $_ = <STDIN>; substr($_, 18, 2) = "\x99\x99";
	    print' <"$bindir/smiled" | install_program
	refused "cannot run $program: Exec format error"
	echo '#!/nonexistent/interpreter' | install_program
	refused 'No such file or directory (the interpreter'
	ln -sfn /nonexistent/file "$program.new"
	mv -Tf "$program.new" "$program"
	refused "No such file or directory"
	ln -sfn smiled "$program.new"
	mv -Tf "$program.new" "$program"
	refused "Too many levels of symbolic links"
	all_is_well
}

@test "programs that are cut short, end, crash" {
	serve
	head -c 3000 "$bindir/smiled" | install_program
	refused
	head -c 100000 "$bindir/smiled" | install_program
	refused
	printf '#!/bin/sh\nexit 1\n' | install_program
	refused 'exited with status 1 before it had taken over'
	printf '#!/bin/sh\nexit 0\n' | install_program
	refused 'exited with status 0 before it had taken over'
	install_program <<-'END'
	#!/usr/bin/perl
	use POSIX;
	sigprocmask(SIG_UNBLOCK, POSIX::SigSet->new(SIGSEGV));
	kill SEGV => $$;
	END
	refused 'was killed by signal SEGV'
	install_program <<-'END'
	#!/usr/bin/perl
	select undef, undef, undef, 0.05;
	kill KILL => $$;
	END
	refused 'was killed by signal KILL'
	# One that knows nothing of an upgrade.
	printf '#!/bin/sh\nunset SMILED_UPGRADE\nexec %s -f none %s\n' \
	    "$bindir/smiled" "$PORT" | install_program
	refused 'exited with status 69'
	all_is_well
}

@test "one that hangs: refused in time" {
	patience=4s serve
	# The server's own patience is not for a loaded machine to break.
	printf '#!/bin/sh\nexec sleep 1000\n' | install_program
	refused 'it was not ready in time'
	sed -i 1d "$CONF"
	reload_accepted
	all_is_well
}

@test "a wrong configuration: refused with every error" {
	serve
	sed -i '2a wrkers 5' "$CONF"
	sed -i '3a linger never' "$CONF"
	refused "smiled.conf:3:1: "
	[[ "$output" == *"smiled.conf:4:8: "*"2 errors"* ]]
	rm "$CONF"
	refused "No such file"
	configure 'service smile
	    listen 127.0.0.1:0
	    send "Smile from the server\n"'
	all_is_well
}

@test "an address that cannot be had, a worker that cannot start" {
	serve
	taken=$PORT
	cp "$CONF" "$CONF.good"
	echo "service more
	    listen 127.0.0.2:$taken
	    send more" >>"$CONF"
	perl -MSocket -e 'socket(S, PF_INET, SOCK_STREAM, 0);
	    bind(S, pack_sockaddr_in(shift, inet_aton("127.0.0.2"))) or die;
	    listen(S, 1); $| = 1; print "here\n"; sleep' "$taken" \
	    >"$BATS_TEST_TMPDIR/taker" 3>&- {never}>&- &
	taker=$!
	eventually "$LONG" grep -q here "$BATS_TEST_TMPDIR/taker"
	refused "cannot listen on 127.0.0.2:$taken: address in use"
	kill "$taker"
	cp "$CONF.good" "$CONF"
	echo "service more
	    listen 127.0.0.2:0
	    run /bin/false" >>"$CONF"
	refused "before it was ready"
	cp "$CONF.good" "$CONF"
	all_is_well
}

@test "too long an environment" {
	export BIG_1 BIG_2
	BIG_1=$(printf '%0100000d' 0) BIG_2=$(printf '%0100000d' 0)
	serve
	prlimit --pid "$PID" --stack=262144:
	refused "Argument list too long"
	prlimit --pid "$PID" --stack=8388608:
	all_is_well
}

@test "the directory it was started in is gone" {
	mkdir "$BATS_TEST_TMPDIR/here"
	start_from "cd $BATS_TEST_TMPDIR/here; exec \"\$@\""
	serve
	rmdir "$BATS_TEST_TMPDIR/here"
	refused "cannot enter $BATS_TEST_TMPDIR/here: No such file"
	mkdir "$BATS_TEST_TMPDIR/here"
	all_is_well
}

@test "a second one at the same time is ignored, and HUP comes after it" {
	serve
	printf '#!/bin/sh\nread line <%s\nexit 3\n' "$BATS_TEST_TMPDIR/go" |
	    install_program
	mkfifo "$BATS_TEST_TMPDIR/go"
	kill -USR2 "$PID"
	eventually "$LONG" log_has 'starts as pid'
	eventually "$LONG" status_is '$j->{state}' upgrading
	kill -USR2 "$PID"
	eventually "$LONG" log_has 'warn upgrade: one is under way'
	run -69 ctl upgrade
	[[ "$output" == *"is being upgraded already"* ]]
	kill -HUP "$PID"
	eventually "$LONG" log_has 'HUP from .*: reloading'
	[ "$(board reloads_started)" -eq 0 ]
	echo go >"$BATS_TEST_TMPDIR/go"
	eventually "$LONG" log_has 'upgrade refused: .* exited with status 3'
	eventually "$LONG" board_is reloads_done 1
	all_is_well
}

@test "USR2 during a reload comes after it; HUP during an upgrade, too" {
	# Programs that are ready when they are told to be.
	acceptor=$BATS_TEST_TMPDIR/acceptor.pl
	cp "$BATS_TEST_DIRNAME/lib/acceptor.pl" "$acceptor"
	go=$BATS_TEST_TMPDIR/go
	touch "$go"
	configure "start-timeout 60s
	service app
	    listen 127.0.0.1:0
	    workers 1
	    ready notify
	    run /usr/bin/perl $acceptor 'pause(0.02) until -e \"$go\"; notify(\"READY=1\")'
	    env TEST_MARK=$mark"
	server_start -P "$program" -f "$CONF"
	rm "$go"
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_started 1
	kill -USR2 "$PID"
	eventually "$LONG" log_has 'USR2 from'
	run ! log_has 'starts as pid'
	touch "$go"
	eventually "$LONG" log_has 'upgrade accepted'
	log_has 'reload accepted: generation 2'
	upgraded=1 PID=$(board pid)
	rm "$go"
	kill -USR2 "$PID"
	eventually "$LONG" log_has_times 2 'starts as pid'
	kill -HUP "$PID"
	eventually "$LONG" log_has_times 2 'HUP from .*: reloading'
	old=$PID
	touch "$go"
	eventually "$LONG" not_pid "$old"
	PID=$(board pid)
	eventually "$LONG" board_is reloads_done 1
	eventually "$LONG" is_gone "$old"
	kill -TERM "$PID"
	server_wait_end
}

@test "USR2 while the verdict waits for a worker that is stopped" {
	local worker
	server_start -P "$program" -w 1
	worker=$(workers)
	hold "$worker"
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_started 1
	kill -USR2 "$PID"
	# Time alone gives the verdict, and nothing else is heard of after it.
	eventually "$LONG" log_has 'upgrade: .* starts as pid'
	let_go "$worker"
	eventually "$LONG" not_pid "$PID"
	old=$PID upgraded=1 PID=$(board pid)
	eventually "$LONG" is_gone "$old"
	is_served
	kill -TERM "$PID"
	server_wait_end
}

not_pid() {
	local pid
	pid=$(board pid)
	[ -n "$pid" ] && [ "$pid" != "$1" ]
}

@test "TERM during an upgrade: the server stops, and nothing is left" {
	for signal in TERM INT; do
		serve
		printf '#!/bin/sh\nexec sleep 1000\n' | install_program
		kill -USR2 "$PID"
		eventually "$LONG" log_has 'starts as pid'
		eventually "$LONG" has_accepted 1
		bench_end 0
		kill "-$signal" "$PID"
		server_wait_end
		eventually "$LONG" session_is_empty "$SID"
		install_good
	done
}

# -- Killed --------------------------------------------------------------------

# Whoever serves now is the current server.
find_server() {
	PID=$(board pid)
	[ -n "$PID" ] && kill -0 "$PID" 2>/dev/null &&
	    [ "$(status '$j->{state}')" = serving ]
}

# killing CALL N: words for strace, which kills as the Nth call of a kind begins.
killing() {
	echo "-qq -o /dev/null -e trace=$1 -e inject=$1:signal=KILL:when=$2"
}

# Have strace look at the master from now on.
trace_master() {
	# shellcheck disable=SC2046
	strace -p "$PID" $(killing "$@") 3>&- {never}>&- &
	eventually "$LONG" is_traced "$PID"
}

# survives WHO CALL N: one of the two is killed as it begins its Nth call of a
# kind during the hand-over, and what it comes to is good.  Sets fate.
survives() {
	local who=$1 first
	install_good
	serve
	first=$PID
	if [ "$who" = old ]; then
		trace_master "$2" "$3"
	else
		printf '#!/bin/sh\nexec strace -D %s %s "$@"\n' \
		    "$(killing "$2" "$3")" "$bindir/smiled" | install_program
	fi
	kill -USR2 "$PID"
	eventually "$LONG" has_fate
	fate=$(sed -nE 's/.* upgrade (accepted|refused): .*/\1/p' "$LOG")
	# As it was; or the other has taken over, which the judge sees.
	eventually "$LONG" find_server
	eventually "$LONG" pid_file_is_right
	[ "$who" = new ] || eventually "$LONG" is_gone "$first"
	install_good
	bench_end
	[ "$who$fate" != newaccepted ] || { end_traced; return; }
	bench_start -c 2
	upgrade_accepted
	bench_end 1
	eventually "$LONG" session_has 6
	FDS=$(open_fds "$PID")
	server_stop
}

# It came through, and would be killed at the next call.
end_traced() {
	kill -KILL "$PID"
	eventually "$LONG" session_is_empty "$SID"
	rm -f "$RUN"/*
}

has_fate() {
	log_has 'upgrade (accepted|refused)' || is_gone "$first"
}

pid_file_is_right() {
	[ "$(cat "$RUN/pid")" -eq "$PID" ]
}

# At every call that says something, until one comes too late to be made.
@test "the new master is killed at any point of the hand-over" {
	need_strace
	local n=1
	survives new sendmsg "$n"
	until [ "$fate" = accepted ]; do
		n=$((n + 1))
		survives new sendmsg "$n"
	done
	# It names its sockets, is ready, serves, has everything.
	[ "$n" -gt 4 ]
	for n in 1 2 3 4 5; do
		survives new recvmsg "$n"
	done
}

@test "the old master is killed at any point of the hand-over" {
	need_strace
	local n=1
	survives old sendmsg "$n"
	until [ "$fate" = accepted ]; do
		n=$((n + 1))
		survives old sendmsg "$n"
	done
	# It says "go", and that all is over.
	[ "$n" -gt 2 ]
}

@test "who is no hand-over is ignored, with a warning" {
	configure 'service env
	    listen 127.0.0.1:0
	    exec /usr/bin/env
	    pass-env SMILED_UPGRADE'
	local value
	for value in 3 4 5 6 7 99 abc -1 '' 2; do
		start_from "exec 3</dev/null 4<&- 5<$CONF 6< <(:)
		export SMILED_UPGRADE='$value'; exec \"\$@\""
		server_start -f "$CONF"
		grep -q "^smiled: SMILED_UPGRADE=$value is no hand-over.*ignored" \
		    "$LOG"
		run -0 smile 127.0.0.1 "$PORT" </dev/null
		[[ "$output" != *SMILED_UPGRADE* ]]
		server_stop
		SMILED_WRAP=
	done
}

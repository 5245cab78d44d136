#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a program gets more than it should, or something of ours; its reply
# is cut; or one that does not behave holds a worker, floods the log, or is
# still there when its connection, its worker or its server is gone.

# Commands are for the program's shell, not for this one.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	probe=$BATS_TEST_DIRNAME/lib/probe.pl
	command=$BATS_TEST_TMPDIR/command
	mark_programs
	cat >"$command" <<'EOF'
#!/bin/sh
# Do what the client says.
read -r line
eval "$line"
EOF
	chmod 755 "$command"
}

# -- Programs ------------------------------------------------------------------

# serve PROGRAM-AND-ARGS [ARG...]: a server of one worker that runs it.
serve() {
	local program=$1
	shift
	server_start -w 1 -o "exec $program" -o "env TEST_MARK=$mark" "$@"
}

# A server whose clients say what the program does.
serve_commands() {
	serve "$command" "$@"
}

# ask 'COMMAND' [PORT]: what the program prints.  The lines of a command are one.
ask() {
	timeout "$LONG" smile -m "${1//$'\n'/ }" localhost "${2:-$PORT}"
}

# The same in the background, into $out, reset or not; wait for that with
# answered.
ask_on() {
	ask "$@" >"$out" 2>/dev/null 3>&- {never}>&- &
	asking=$!
}

answered() {
	wait "$asking" || true
}

said() {
	grep -q -- "$1" "$out"
}

# -- Replies -------------------------------------------------------------------

big='/usr/bin/perl -e "print qq(0123456789) x 30000"'

# whole WHAT...: an odd client gets all of the 300,000 bytes.
whole() {
	timeout "$LONG" perl "$BATS_TEST_DIRNAME/lib/oddclient.pl" "$PORT" \
	    "$@" >"$out"
	[ "$(wc -c <"$out")" -eq 300000 ]
	[ "$(md5sum <"$out")" = \
	    "$(perl -e 'print "0123456789" x 30000' | md5sum)" ]
}

@test "a reply is whole: a byte sent at once that nobody reads, read late" {
	serve "$big"
	whole rcvbuf=16384 send=1 read=400
	ended_as ok
	server_stop
}

@test "a reply is whole: a byte sent later that nobody reads, read late" {
	serve "$big"
	whole rcvbuf=16384 late=50 read=400
	whole late=50 read=400
	ended_as ok 2
	server_stop
}

@test "a reply is whole: a byte sent after the end of the program" {
	serve "$big"
	# Its buffer takes all: the program is gone long before.
	whole late=300 read=400
	whole rcvbuf=16384 late=300 read=400
	ended_as ok 2
	server_stop
}

@test "a reply is whole: a megabyte sent that nobody reads" {
	serve "$big"
	whole send=1000000 rcvbuf=16384 read=400
	ended_as ok
	server_stop
}

@test "a small reply is whole, and its end good: a byte sent at any time, read late" {
	serve '/bin/echo small' -o 'linger 1h'
	for late in 1 5 20 100; do
		odd late="$late" read=200 >"$out"
		[ "$(cat "$out")" = small ]
	done
	odd send=1 read=200 >"$out"
	[ "$(cat "$out")" = small ]
	ended_as ok 5
	server_stop
}

@test "a small reply: a silent client that stays does not hold the worker" {
	serve '/bin/echo small' -o 'linger 1h'
	odd_hold
	ended_as ok
	odd_let_go
	server_stop
}

# It may be about to say more, and not look at the reply before that.
@test "a small reply: a client that has spoken is waited for" {
	serve '/bin/sh -c "head -c 1; echo small"' -o 'linger 1h'
	odd_hold send=1
	eventually "$LONG" board_is accepted 1
	eventually "$LONG" no_program
	run ! eventually 1 board_is serving 0
	odd_let_go
	ended_as ok
	server_stop
}

@test "a client that never reads holds the worker as long as timeout, no longer" {
	serve "$big" -o 'timeout 2s' -o 'kill-grace 200ms'
	odd_hold
	ended_as timeout
	# One that is not done in time either may try again.
	eventually "$LONG" whole
	odd_let_go
	server_stop
}

# -- What a program is given ---------------------------------------------------

# given 'WHAT...' EXPECTED-LINES: what the probe finds.
given() {
	local what=$1
	ask "" >"$out"
	grep -E "^($what) " "$out" | grep -v '^env TEST_MARK=' \
	    >"$out.is" || true
	LC_ALL=C sort >"$out.shall"
	diff -u "$out.shall" "$out.is"
}

serve_probe() {
	serve "/usr/bin/perl $probe" "$@"
}

# The lines of the environment of every one on this machine.
usual_env() {
	cat <<EOF
env HOME=$(account 6)
env LOGNAME=$(account 1)
env PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin
env SHELL=$(account 7)
env SMILED_CONNECTION=$(workers | head -n 1).${1:-1}
env SMILED_SERVICE=smile
env USER=$(account 1)
EOF
}

# client_env HERE THERE: what tells of a TCP connection; the ports are in $out.
client_env() {
	local port
	port=$(sed -n 's/^env TCPREMOTEPORT=//p' "$out")
	[ "$port" -gt 0 ]
	cat <<EOF
env PROTO=TCP
env REMOTE_ADDR=$2
env REMOTE_PORT=$port
env TCPLOCALIP=$1
env TCPLOCALPORT=$PORT
env TCPREMOTEIP=$2
env TCPREMOTEPORT=$port
EOF
}

# env_is HERE THERE < MORE: all of the environment of a connection.
env_is() {
	{ usual_env; client_env "$1" "$2"; cat; } | LC_ALL=C sort >"$out.shall"
	grep '^env ' "$out" | grep -v '^env TEST_MARK=' >"$out.is"
	diff -u "$out.shall" "$out.is"
}

@test "a filthy start: its environment is the documented one, no more" {
	[ -n "$(account 1)" ] || skip "we have no account"
	readable_probe
	filthy
	serve_probe -o 'pass-env KEPT ALSO EMPTY NOT_THERE' \
	    -o 'env "MINE=c  d"' -o 'env ALSO=mine' -o 'env SHELL=/bin/mine'
	timeout "$LONG" smile 127.0.0.1 "$PORT" </dev/null >"$out"
	usual_env | grep -v SHELL >"$out.usual"
	{
		cat "$out.usual"
		client_env 127.0.0.1 127.0.0.1
		echo 'env ALSO=mine'
		echo 'env EMPTY='
		echo 'env KEPT=a b'
		echo 'env LANG=de_DE.UTF-8'
		echo 'env MINE=c  d'
		echo 'env SHELL=/bin/mine'
		echo 'env TZ=Asia/Tokyo'
	} | LC_ALL=C sort >"$out.shall"
	grep '^env ' "$out" | grep -v '^env TEST_MARK=' >"$out.is"
	diff -u "$out.shall" "$out.is"
	server_stop
}

@test "the environment of a connection by IPv6, and of the next one" {
	[ -n "$(account 1)" ] || skip "we have no account"
	grep -q . /proc/net/if_inet6 2>/dev/null || skip "no IPv6 here"
	readable_probe
	start_from 'unset TZ LANG; exec "$@"'
	serve_probe
	timeout "$LONG" smile ::1 "$PORT" </dev/null >"$out"
	env_is ::1 ::1 </dev/null
	# Nothing of the one before is left.
	timeout "$LONG" smile 127.0.0.2 "$PORT" </dev/null >"$out"
	sed -i 's/^\(env SMILED_CONNECTION=.*\)\.2$/\1.1/' "$out"
	env_is 127.0.0.2 127.0.0.1 </dev/null
	server_stop
}

@test "the environment of a connection by a unix socket" {
	[ -n "$(account 1)" ] || skip "we have no account"
	readable_probe
	start_from 'unset TZ LANG; exec "$@"'
	path=$BATS_TEST_TMPDIR/socket
	configure "service smile
	listen unix:$path
	listen 127.0.0.1:0
	workers 1
	env TEST_MARK=$mark
	exec /usr/bin/perl $probe env"
	server_start -f "$CONF"
	timeout "$LONG" smile -U "$path" </dev/null >"$out" &
	client=$!
	wait "$client"
	grep -v '^env \(TEST_MARK\|SMILED_CONNECTION\|IPCREMOTEPID\)=' "$out" \
	    >"$out.is"
	{ usual_env | grep -v SMILED_CONNECTION
		echo "env IPCLOCALPATH=$path"
		echo "env IPCREMOTEEGID=$(id -g)"
		echo "env IPCREMOTEEUID=$(id -u)"
		echo "env PROTO=IPC"
	} | LC_ALL=C sort >"$out.shall"
	diff -u "$out.shall" "$out.is"
	grep -q '^env IPCREMOTEPID=[1-9]' "$out"
	server_stop
}

@test "a filthy start: its descriptors are 0, 1 and 2" {
	readable_probe
	filthy
	serve_probe -o 'stderr log'
	given fd <<-'EOF'
	fd 0 socket
	fd 1 socket as 0
	fd 2 pipe
	EOF
	server_stop
	serve_probe -o 'stderr client'
	given fd <<-'EOF'
	fd 0 socket
	fd 1 socket as 0
	fd 2 socket as 0
	EOF
	server_stop
	serve_probe -o 'stderr null'
	given fd <<-'EOF'
	fd 0 socket
	fd 1 socket as 0
	fd 2 /dev/null
	EOF
	server_stop
}

@test "a filthy start: its signals, session, place and priority are clean" {
	readable_probe
	filthy
	serve_probe
	given 'stat|place|status (Sig|Shd).*|status NoNewPrivs' <<-EOF
	place cwd /
	place root /
	place umask 022
	stat group self
	stat nice $(nice)
	stat session self
	stat terminal 0
	status NoNewPrivs 0
	status ShdPnd 0000000000000000
	status SigBlk 0000000000000000
	status SigCgt 0000000000000000
	status SigIgn 0000000000000000
	status SigPnd 0000000000000000
	EOF
	server_stop
}

# Perl ignores that of floating point itself, so it is asked without it.
@test "a filthy start: no signal is ignored" {
	filthy
	serve '/bin/cat /proc/self/status'
	ask "" >"$out"
	said '^SigIgn:	0000000000000000$'
	said '^SigBlk:	0000000000000000$'
	server_stop
}

@test "chdir, umask, nice, rlimit and no-new-privs are those of the service" {
	readable_probe
	serve_probe -o 'chdir /usr' -o 'umask 027' -o 'nice 5' \
	    -o 'rlimit nofile 77' -o 'rlimit core 0' -o 'rlimit cpu 7' \
	    -o 'rlimit fsize 1M' -o 'no-new-privs yes'
	given 'stat nice|place|status NoNew.*|limit (open|core|cpu|file size).*' \
	    <<-'EOF'
	limit core file size 0 0
	limit cpu time 7 7
	limit file size 1048576 1048576
	limit open files 77 77
	place cwd /usr
	place root /
	place umask 027
	stat nice 5
	status NoNewPrivs 1
	EOF
	server_stop
}

@test "rlimit cpu ends a program, not the worker" {
	serve '/usr/bin/perl -e "1 while 1"' -o 'rlimit cpu 1'
	first=$(workers)
	took 500 30000 ask ""
	ended_as program
	[ "$(workers)" = "$first" ]
	server_stop
}

@test "a program is the service's user's" {
	if [ "$(id -u)" -eq 0 ]; then
		id -u daemon >/dev/null || skip "no user daemon"
		readable_probe
		uid=$(id -u daemon) gid=$(id -g nobody) groups=$(id -G daemon)
		serve_probe -o "user daemon:$gid"
		ask "" >"$out"
		said "^env USER=daemon$"
		said "^env HOME=$(getent passwd daemon | cut -d : -f 6)$"
		groups=$(sed -n 's/^status Groups //p' "$out")
		for group in $groups; do
			[[ " $(id -G daemon) $gid " == *" $group "* ]]
		done
		[[ " $groups " != *" 0 "* ]]
	else
		readable_probe
		uid=$(id -u) gid=$(id -g)
		serve_probe
		ask "" >"$out"
	fi
	said "^status Uid $uid $uid $uid $uid$"
	said "^status Gid $gid $gid $gid $gid$"
	server_stop
}

@test "a program finds its root directory in chroot" {
	[ "$(id -u)" -eq 0 ] || skip "only root can change it"
	root=$BATS_TEST_TMPDIR/root
	mkdir -p "$root/bin" "$root/in"
	libs=$(ldd /bin/cat | grep -o '/[^ ]*' || true)
	for file in /bin/cat $libs; do
		mkdir -p "$root/$(dirname "$file")"
		cp -L "$file" "$root/$file"
	done
	echo inside >"$root/in/file"
	chmod -R go+rX "$root"
	serve '/bin/cat ../../../in/file' -o "chroot $root" -o 'chdir /in'
	[ "$(ask "")" = inside ]
	server_stop
}

# -- Those that do not behave --------------------------------------------------

@test "a program that ignores TERM is killed after kill-grace" {
	serve_commands -o 'timeout 1s' -o 'kill-grace 400ms'
	took 1350 15000 ask 'trap "" TERM; while :; do sleep 100; done'
	ended_as timeout
	eventually "$LONG" no_program
	server_stop
}

@test "a program that ends at TERM does not wait for kill-grace" {
	serve_commands -o 'timeout 300ms' -o 'kill-grace 30s'
	took 250 15000 ask 'trap "echo told; exit 0" TERM;
	    while :; do sleep 100 & wait; done'
	ended_as timeout
	eventually "$LONG" no_program
	server_stop
}

@test "a program that has stopped itself ends at its timeout" {
	serve_commands -o 'timeout 300ms' -o 'kill-grace 30s'
	took 250 15000 ask 'kill -STOP $$'
	ended_as timeout
	server_stop
	serve_commands -o 'timeout 1s' -o 'kill-grace 400ms'
	took 1350 15000 ask 'trap "" TERM; kill -STOP $$; kill -STOP $$; sleep 100'
	ended_as timeout
	eventually "$LONG" no_program
	server_stop
}

@test "what a program has started in its group ends with it" {
	serve_commands -o 'timeout 300ms' -o 'kill-grace 400ms'
	took 250 15000 ask 'sleep 100 & sleep 100 & sh -c "trap : TERM;
	    while :; do sleep 100; done" & sleep 100'
	ended_as timeout
	eventually "$LONG" no_program
	server_stop
}

@test "what a program has started and left its group ends with it" {
	serve_commands -o 'timeout 300ms' -o 'kill-grace 400ms'
	took 250 15000 ask 'setsid sh -c "trap : TERM; setsid sleep 100 &
	    (setsid sleep 100 & exit); while :; do sleep 100; done" &
	    (setsid sleep 100 &); sleep 100'
	ended_as timeout
	eventually "$LONG" no_program
	eventually "$LONG" no_zombie
	server_stop
}

@test "a program that has closed its descriptors is waited for until timeout" {
	serve_commands -o 'timeout 500ms' -o 'kill-grace 400ms'
	ask_on 'exec <&- >&- 2>&-; sleep 100'
	ended_as timeout
	answered
	eventually "$LONG" no_program
	server_stop
}

see_good_ends() {
	local _
	for _ in $(seq "$1"); do
		odd >"$out" || return 1
		[ ! -s "$out" ] || return 1
	done
}

@test "a program that is gone: logged once, tried again, and back with the file" {
	cp "$command" "$BATS_TEST_TMPDIR/gone"
	serve "$BATS_TEST_TMPDIR/gone"
	first=$(workers)
	rm "$BATS_TEST_TMPDIR/gone"
	# The client sees a good end, and no more; the worker takes its time,
	# each time longer.
	# Less than the ten seconds after which it would be logged again.
	took 300 9000 see_good_ends 6
	eventually "$LONG" board_is failed 6
	eventually "$LONG" log_has \
	    "error\[smile/1\] .*: cannot run $BATS_TEST_TMPDIR/gone: No such file"
	[ "$(grep -c 'cannot run' "$LOG")" -eq 1 ]
	cp "$command" "$BATS_TEST_TMPDIR/gone"
	[ "$(ask 'echo back')" = back ]
	[ "$(workers)" = "$first" ]
	server_stop
}

@test "a program that is gone: a client that has sent something sees a good end" {
	cp "$command" "$BATS_TEST_TMPDIR/gone"
	serve "$BATS_TEST_TMPDIR/gone"
	rm "$BATS_TEST_TMPDIR/gone"
	run -0 odd send=1
	run -0 odd send=1
	eventually "$LONG" board_is failed 2
	server_stop
}

@test "a program that cannot be executed: the reason is logged" {
	cp "$command" "$BATS_TEST_TMPDIR/odd"
	serve "$BATS_TEST_TMPDIR/odd"
	printf '\177ELF nothing' >"$BATS_TEST_TMPDIR/odd"
	run -0 odd
	eventually "$LONG" log_has 'cannot run .*: Exec format error'
	printf '#!/nowhere\n' >"$BATS_TEST_TMPDIR/odd"
	run -0 odd
	eventually "$LONG" board_is failed 2
	server_stop
}

@test "what programs say on standard error is logged, one line each" {
	serve_commands
	[ "$(ask 'echo reply; echo one >&2; printf "two\nthree" >&2')" = reply ]
	id=$(workers).1
	eventually "$LONG" log_has "info\[smile/1\] $id: one\$"
	eventually "$LONG" log_has "info\[smile/1\] $id: two\$"
	eventually "$LONG" log_has "info\[smile/1\] $id: three\$"
	ask 'printf "\033[31m\001\377 %s\n" %s%n >&2'
	eventually "$LONG" log_has "info\[smile/1\] $(workers).2: .*%s%n"
	server_stop
}

@test "stderr client: the client gets it; stderr null: nobody" {
	serve_commands -o 'stderr client'
	[ "$(ask 'echo one; echo two >&2')" = $'one\ntwo' ]
	server_stop
	serve_commands -o 'stderr null'
	[ "$(ask 'echo one; echo two >&2')" = one ]
	server_stop
	run ! log_has two
}

log_lines_are() {
	[ "$(wc -l <"$LOG")" -ge "$1" ]
}

# With what the same worker is told next, at the latest.
loss_is_told() {
	ask 'echo more >&2'
	log_has ' [0-9]+ lines of its output were not logged'
}

@test "100 MB of standard error: bounded in the log, and others are served" {
	server_start -w 2 -o "exec $command" -o "env TEST_MARK=$mark"
	begin=$(now_ms)
	# It may take longer than others are given.
	LONG=120 ask_on 'echo begun; exec perl -e "print STDERR (qq(\001\033) x 2500,
	    qq(\n)) for 1 .. 20000"'
	eventually "$LONG" said begun
	for _ in 1 2 3 4 5; do
		[ "$(ask 'echo served')" = served ]
	done
	answered
	ended_as ok 6
	seconds=$((($(now_ms) - begin) / 1000))
	# The log may be behind, or have had too much of it: its pipe takes 16.
	eventually "$LONG" log_lines_are 16
	# A hundred a second, of each of two workers.
	[ "$(wc -l <"$LOG")" -le $((200 * (seconds + 2) + 50)) ]
	eventually "$LONG" loss_is_told
	longest=$(awk 'length > n { n = length } END { print n }' "$LOG")
	[ "$longest" -le 4200 ]
	log_has 'info\[smile/[12]\] [0-9]+\.1: '
	server_stop
}

@test "a helper that floods standard error does not keep the worker" {
	serve_commands
	[ "$(ask 'perl -e "print STDERR qq(x\n) while 1" & echo whole')" = whole ]
	eventually "$LONG" board_is ok 1
	eventually "$LONG" kill_programs
	ended_as ok
	server_stop
}

@test "a fork bomb stays within rlimit nproc, and ends at timeout" {
	become_ordinary
	uid=54321
	[ "$(id -u)" -eq 0 ] || uid=$(id -u)
	# Other tests of the same user start and end processes: if these were so
	# many that there was none for the program, again.
	for _ in 1 2 3 4 5; do
		fork_bomb
		[ "$bomb_failed" -ne 0 ] || break
	done
	[ "$bomb_failed" -eq 0 ]
}

fork_bomb() {
	others=$(cat /proc/[0-9]*/status 2>/dev/null | awk -v uid="$uid" '
		$1 == "Uid:" { ours = $2 == uid }
		$1 == "Threads:" && ours { n += $2 } END { print n + 0 }')
	configure "service smile
	listen 127.0.0.1:0
	workers 1
	env TEST_MARK=$mark
	rlimit nproc $((others + 60))
	timeout 1s
	kill-grace 200ms
	exec /usr/bin/perl -e '\$SIG{TERM} = \"IGNORE\"; defined fork or select undef, undef, undef, .01 while 1'
service other
	listen 127.0.0.1:0
	workers 1
	send \"works\\n\""
	server_start -f "$CONF"
	ask_on "" "$(port_for smile)"
	eventually "$LONG" board_is accepted 1
	MESSAGE=works is_served "$(port_for other)"
	answered
	eventually "$LONG" board_is serving 0
	bomb_failed=$(board failed)
	[ "$bomb_failed" -ne 0 ] || board_is timeout 1
	eventually "$LONG" no_program
	eventually "$LONG" no_zombie
	server_stop
}

# -- Ends ----------------------------------------------------------------------

# drip TIMES MS [LINE [gone]]: a client that sends the line, then a byte so
# often, with such breaks, ends its side, prints what comes, or is gone.
drip() {
	timeout "$LONG" perl -MSocket -e '
		my ($port, $times, $ms, $line, $gone) = @ARGV;
		$| = 1;
		socket(my $s, PF_INET, SOCK_STREAM, 0);
		connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die;
		syswrite($s, "$line\n") if defined $line;
		for (1 .. $times) {
			syswrite($s, "x") or exit 1;
			sysread($s, my $got, 1) or exit 1;
			print $got;
			select(undef, undef, undef, $ms / 1000);
		}
		exit 0 if $gone;
		shutdown($s, 1);
		print while <$s>' "$PORT" "$@"
}

@test "how a program ended is counted" {
	serve_commands
	ask 'exit 0'
	ended_as ok
	ask 'exit 3'
	ended_as program
	ask 'kill -SEGV $$'
	ended_as program 2
	ask 'exit 127'
	ended_as program 3
	board_is failed 0
	run ! log_has 'cannot run'
	server_stop
}

@test "a client that resets: the program is told to end, then killed" {
	serve_commands -o 'kill-grace 400ms'
	printf '%s\n' 'trap "" TERM; while :; do sleep 100; done' >"$out.in"
	perl -MSocket -e '
		socket(my $s, PF_INET, SOCK_STREAM, 0);
		connect($s, pack_sockaddr_in($ARGV[0], INADDR_LOOPBACK)) or die;
		syswrite($s, join "", <STDIN>);
		select(undef, undef, undef, 0.1);
		setsockopt($s, SOL_SOCKET, SO_LINGER, pack("ii", 1, 0));
		' "$PORT" <"$out.in"
	ended_as reset
	eventually "$LONG" no_program
	server_stop
}

# Its end of the connection is not the end of its work.
@test "a program that has ended its side goes on when its client closes" {
	gate
	cat >"$BATS_TEST_TMPDIR/last_word" <<-EOF
	\$| = 1;
	print "all";
	shutdown(STDOUT, 1);
	1 while sysread(STDIN, my \$more, 100);
	open(my \$gate, "<", "$gate");
	my \$on = <\$gate>;
	print STDERR "finished\n";
	EOF
	chmod 644 "$BATS_TEST_TMPDIR/last_word"
	serve "/usr/bin/perl $BATS_TEST_TMPDIR/last_word"
	# The client ends its side before the program does, and after.
	[ "$(ask "")" = all ]
	let_on
	ended_as ok
	[ "$(timeout "$LONG" smile 127.0.0.1 "$PORT" <&"$never")" = all ]
	let_on
	ended_as ok 2
	eventually "$LONG" log_has "$(workers).1: finished$"
	eventually "$LONG" log_has "$(workers).2: finished$"
	server_stop
}

@test "a client that resets is noticed, also if the program takes the error" {
	cat >"$BATS_TEST_TMPDIR/taker" <<-'EOF'
	$| = 1;
	print "begun";
	kill("STOP", $$);
	1 while sysread(STDIN, my $more, 100);
	kill("STOP", $$);
	sleep(1000);
	EOF
	chmod 644 "$BATS_TEST_TMPDIR/taker"
	serve "/usr/bin/perl $BATS_TEST_TMPDIR/taker"
	odd_hold
	eventually "$LONG" program_count_is 1
	pid=$(programs)
	eventually "$LONG" is_stopped "$pid"
	# The program is the first to hear of it.
	hold "$(workers)"
	odd_let_go
	kill -CONT "$pid"
	eventually "$LONG" is_stopped "$pid"
	let_go "$(workers)"
	ended_as reset
	no_program
	server_stop
}

@test "half-close yes: a program goes on when the client has ended its side" {
	serve /bin/cat
	seq 20000 >"$out.in"
	timeout "$LONG" smile localhost "$PORT" <"$out.in" >"$out"
	cmp "$out" "$out.in"
	ended_as ok
	server_stop
	serve_commands
	[ "$(ask 'cat; sleep 0.3; echo still here')" = "still here" ]
	ended_as ok
	server_stop
}

@test "half-close no: a client's end is the program's" {
	serve_commands -o 'half-close no' -o 'kill-grace 400ms'
	took 0 15000 ask 'sleep 100'
	ended_as reset
	eventually "$LONG" no_program
	server_stop
}

@test "half-close yes: a client that has gone altogether is noticed" {
	serve_commands -o 'kill-grace 400ms'
	# It ends its side, and has gone when the program writes again.
	drip 0 0 'kill -STOP $$; while :; do echo more; done' gone
	eventually "$LONG" program_count_is 1
	eventually "$LONG" is_stopped "$(programs)"
	kill -CONT "$(programs)"
	eventually "$LONG" board_is serving 0
	eventually "$LONG" no_program
	[ "$(board ok)" -eq 0 ]
	server_stop
}

@test "idle-timeout: without a byte moved the program is ended" {
	serve_commands -o 'idle-timeout 400ms' -o 'kill-grace 400ms'
	took 350 15000 ask 'sleep 100'
	ended_as idle
	eventually "$LONG" no_program
	server_stop
}

@test "idle-timeout: a client that moves bytes is not idle" {
	serve /bin/cat -o 'idle-timeout 2500ms'
	[ "$(drip 15 200)" = xxxxxxxxxxxxxxx ]
	ended_as ok
	server_stop
}

@test "a client of a unix socket that goes: its program is ended" {
	configure "service smile
	listen unix:$BATS_TEST_TMPDIR/socket
	workers 1
	kill-grace 400ms
	env TEST_MARK=$mark
	exec $command"
	server_start -f "$CONF"
	printf '%s\n' 'echo begun; exec sleep 1000' >"$out.in"
	timeout "$LONG" perl -MSocket -e '
		socket(my $s, PF_UNIX, SOCK_STREAM, 0);
		connect($s, pack_sockaddr_un($ARGV[0])) or die;
		syswrite($s, join "", <STDIN>);
		print scalar <$s>' "$BATS_TEST_TMPDIR/socket" <"$out.in" >"$out"
	said begun
	ended_as reset
	eventually "$LONG" no_program
	server_stop
}

# -- Life ----------------------------------------------------------------------

@test "thousands of connections in a row leave nothing behind" {
	local n=1000
	[ -z "${SMILED_LONG:-}" ] || n=5000
	serve '/bin/echo hello'
	# By then the worker has let go of all that it was born with.
	[ "$(ask "")" = hello ]
	ended_as ok
	first=$(workers) fds=$(open_fds "$(workers)")
	smilebench -c 2 -n $((n - 1)) -t 1m -e hello localhost "$PORT" >"$out"
	ended_as ok "$n"
	[ "$(workers)" = "$first" ]
	[ "$(open_fds "$first")" -eq "$fds" ]
	eventually "$LONG" no_program
	eventually "$LONG" no_zombie
	server_stop
}

helper='(setsid sleep 1000 <&- >&- 2>&- &); echo left'

# What is left behind, so many; one that is just being executed is none.
helpers_are() {
	helpers=$(programs)
	[ "$(wc -w <<<"$helpers")" -eq "$1" ]
}

@test "a helper left behind lives on, whatever becomes of later connections" {
	serve_commands -o 'timeout 3s' -o 'kill-grace 300ms'
	[ "$(ask "$helper")" = left ]
	[ "$(ask 'sleep 1000 <&- >&- 2>&- & echo left')" = left ]
	ended_as ok 2
	eventually "$LONG" helpers_are 2
	ask 'setsid sleep 100; sleep 100' || true
	ended_as timeout
	eventually "$LONG" programs_are "$helpers"
	# They end, and are not missed.
	# shellcheck disable=SC2086
	kill -KILL $helpers
	eventually "$LONG" no_zombie
	server_stop
}

@test "a helper left behind outlives its worker, and the violent end of another" {
	configure "service smile
	listen 127.0.0.1:0
	workers 1
	env TEST_MARK=$mark
	exec $command"
	server_start -f "$CONF"
	[ "$(ask "$helper")" = left ]
	eventually "$LONG" helpers_are 1
	old=$(workers)
	printf '\tenv NEW=new\n' >>"$CONF"
	reload_accepted
	eventually "$LONG" is_gone "$old"
	ask_on 'echo begun; (setsid sleep 1000 &); exec sleep 1000'
	eventually "$LONG" said begun
	eventually "$LONG" program_count_is 3
	kill -KILL "$(workers)"
	eventually "$LONG" program_count_is 1
	eventually "$LONG" programs_are "$helpers"
	answered
	[ "$(ask 'echo again')" = again ]
	server_stop
	eventually "$LONG" programs_are "$helpers"
	# shellcheck disable=SC2086
	kill -KILL $helpers
}

@test "a helper's child that loses it lives on, too" {
	serve_commands -o 'timeout 3s' -o 'kill-grace 300ms'
	[ "$(ask '(setsid sh -c "sleep 1000 & wait" <&- >&- 2>&- &);
	    echo left')" = left ]
	ended_as ok
	eventually "$LONG" program_count_is 2
	helpers=$(programs)
	for pid in $helpers; do
		# The one whose parent is none of them.
		grep -qx "$(stat_field "$pid" 2)" <<<"$helpers" || break
	done
	kill -KILL "$pid"
	eventually "$LONG" helpers_are 1
	ask 'sleep 100' || true
	ended_as timeout
	eventually "$LONG" programs_are "$helpers"
	# shellcheck disable=SC2086
	kill -KILL $helpers
	eventually "$LONG" no_zombie
	server_stop
}

@test "a helper that ends while another program runs is no zombie after that" {
	serve_commands
	gate
	[ "$(ask "$helper")" = left ]
	eventually "$LONG" helpers_are 1
	ask_on 'echo begun; read -r x <'"$gate"
	eventually "$LONG" said begun
	# shellcheck disable=SC2086
	kill -KILL $helpers
	let_on
	answered
	ended_as ok 2
	eventually "$LONG" no_zombie
	server_stop
}

@test "a graceful stop lets a running program finish" {
	serve_commands
	gate
	ask_on 'echo begun; read -r x <'"$gate"'; echo finished'
	eventually "$LONG" said begun
	kill -TERM "$PID"
	# The listener is closed: the rest is up to the program.
	eventually "$LONG" nobody_listens
	program_count_is 1
	let_on
	answered
	said finished
	server_wait_end
}

@test "a second signal ends a running program, and none survives" {
	for second in TERM INT; do
		serve_commands -o 'kill-grace 100ms' -o 'stop-timeout 1m'
		ask_on 'trap "" TERM; (setsid sleep 1000 &); sleep 1000 &
		    echo begun; sleep 1000; sleep 1000'
		eventually "$LONG" said begun
		kill -TERM "$PID"
		eventually "$LONG" nobody_listens
		kill "-$second" "$PID"
		took 0 15000 server_wait_end
		[ "$STATUS" -eq 0 ]
		eventually "$LONG" no_program
		answered
		: >"$out"
	done
}

# Each of them can only be found when the one before has died.
@test "a stop at once whose worker must be killed: none survives, however deep" {
	serve_commands -o 'stop-timeout 1m'
	ask_on 'exec perl -MPOSIX -e '\''$| = 1; for (1 .. 30) {
	    defined(my $pid = fork) or die; sleep while $pid; POSIX::setsid() }
	    print "begun\n"; sleep'\'
	eventually "$LONG" said begun
	eventually "$LONG" program_count_is 31
	hold "$(workers)"
	kill -INT "$PID"
	server_wait_end
	[ -z "$(programs)" ]
	answered
}

@test "stop-timeout ends a running program, and none survives" {
	serve_commands -o 'stop-timeout 1500ms' -o 'kill-grace 300ms'
	ask_on 'trap "" TERM; (setsid sleep 1000 &); sleep 1000 &
	    echo begun; sleep 1000; sleep 1000'
	eventually "$LONG" said begun
	kill -TERM "$PID"
	took 500 7000 server_wait_end
	eventually "$LONG" no_program
	answered
}

@test "a reload lets a running program finish" {
	gate
	configure "service smile
	listen 127.0.0.1:0
	workers 1
	env TEST_MARK=$mark
	exec $command"
	server_start -f "$CONF"
	old=$(workers)
	ask_on 'echo begun; read -r x <'"$gate"'; echo finished'
	eventually "$LONG" said begun
	printf '\tenv NEW=new\n' >>"$CONF"
	reload_accepted
	[ "$(ask 'echo $NEW')" = new ]
	[ -n "$(title_of "$old")" ]
	run ! said finished
	let_on
	answered
	said finished
	eventually "$LONG" is_gone "$old"
	server_stop
}

@test "kill -9 of a worker: its program dies with it" {
	serve_commands
	ask_on 'echo begun; exec sleep 1000'
	eventually "$LONG" said begun
	eventually "$LONG" program_count_is 1
	kill -KILL "$(workers)"
	eventually "$LONG" no_program
	answered
	[ "$(ask 'echo again')" = again ]
	kill -0 "$PID"
	eventually "$LONG" no_zombie
	server_check
	kill -TERM "$PID"
	server_wait_end
}

@test "kill -9 of a worker: what its program started dies, too" {
	serve_commands
	ask_on '(setsid sleep 1000 &); sleep 1000 & echo begun; sleep 1000'
	eventually "$LONG" said begun
	eventually "$LONG" program_count_is 4
	kill -KILL "$(workers)"
	eventually "$LONG" no_program
	answered
	[ "$(ask 'echo again')" = again ]
	eventually "$LONG" no_zombie
	server_stop
}

@test "kill -9 of the master: programs finish, workers leave" {
	serve_commands
	gate
	ask_on 'echo begun; read -r x <'"$gate"'; echo finished'
	eventually "$LONG" said begun
	kill -KILL "$PID"
	wait "$PID" || true
	program_count_is 1
	let_on
	answered
	said finished
	eventually "$LONG" session_is_empty "$SID"
	left_board=1
}

@test "kill -9 of the master and the worker: the program dies" {
	serve_commands
	ask_on 'echo begun; exec sleep 1000'
	eventually "$LONG" said begun
	kill -KILL "$PID" "$(workers)"
	wait "$PID" || true
	eventually "$LONG" no_program
	answered
	left_board=1
}

# -- On the command line -------------------------------------------------------

@test "smiled PORT -- PROGRAM ARG...: the words are kept as they are" {
	server_start -p '' -w 1 0 -- /usr/bin/printf '%s|' 'a  b' "it's" \
	    '"q"' '' '\n' '$HOME' '#' '*'
	[ "$(ask "")" = "a  b|it's|\"q\"||\\n|\$HOME|#|*|" ]
	server_stop
}

# refused WORD PROGRAM [ARG...]: a server that should run it is not started.
refused() {
	local word=$1 program=$2
	shift 2
	run -64 timeout "$LONG" smiled -f none -t "$@" -o "exec $program"
	[[ $output == *"$word"* ]]
	run -64 timeout "$LONG" smiled -f none -t "$@" 0 -- "$program"
	[[ $output == *"$word"* ]]
	configure "service smile
	listen 0
	exec $program"
	run -78 timeout "$LONG" smiled -t "$@" -f "$CONF"
	[[ $output == *"$CONF:3"*"$word"* ]]
}

@test "programs that cannot be run are refused by -t" {
	refused 'No such file' "$BATS_TEST_TMPDIR/missing"
	refused 'not a program' "$BATS_TEST_TMPDIR"
	echo >"$BATS_TEST_TMPDIR/file"
	chmod 644 "$BATS_TEST_TMPDIR/file"
	refused 'not a program' "$BATS_TEST_TMPDIR/file"
	run -0 timeout "$LONG" smiled -f none -t -o 'exec /bin/cat'
}

@test "programs that are not below chroot are refused by -t" {
	[ "$(id -u)" -eq 0 ] || skip "only root can change it"
	mkdir -p "$BATS_TEST_TMPDIR/root/bin"
	refused 'No such file' /bin/cat -o "chroot $BATS_TEST_TMPDIR/root"
	cp /bin/cat "$BATS_TEST_TMPDIR/root/bin/cat"
	run -0 timeout "$LONG" smiled -f none -t -o 'exec /bin/cat' \
	    -o "chroot $BATS_TEST_TMPDIR/root"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a server listens where nobody asked it to, or not where it was
# asked to; takes a name from somebody who is alive, or leaves one behind;
# loses a client because a socket comes, changes or goes; or does the wrong
# thing with sockets it was handed.

load lib/harness

# -- Words of these tests ------------------------------------------------------

more_setup() {
	CONF=$BATS_TEST_TMPDIR/smiled.conf
}

need_ipv6() {
	perl -MSocket=:all -e 'socket(my $s, PF_INET6, SOCK_STREAM, 0) or exit 1;
	    bind($s, pack_sockaddr_in6(0, IN6ADDR_LOOPBACK)) or exit 1' ||
	    skip "no IPv6 here"
}

# answers ADDRESS...: each of them gives the message at PORT; silent
# ADDRESS...: nobody is there, which must not be a port that the system may
# give to somebody else at that address.
answers() {
	local address
	for address; do
		smile -n -t 10s -e 'Smile from' "$address" "$PORT" </dev/null
	done
}

silent() {
	local address
	for address; do
		run -69 smile -nq -t 10s "$address" "$PORT" </dev/null
	done
}

# The same at a unix socket.
path_answers() {
	smile -t 10s -e "${2:-Smile from}" -U "$1" </dev/null
}

# How many sockets the master listens on.
sockets_are() {
	[ "$(listening | wc -l)" -eq "$1" ]
}

# Inodes of the listening sockets of a process, TCP and unix.
listening() {
	readlink "/proc/${1:-$PID}/fd"/* | sed -n 's/socket:\[\(.*\)\]/\1/p' |
	    sort >"$BATS_TEST_TMPDIR/inodes"
	{
		tcp_listeners "$PID" | awk '{ print $3 }'
		awk '$4 == "00010000" { print $7 }' "/proc/$PID/net/unix"
	} | sort | comm -12 - "$BATS_TEST_TMPDIR/inodes"
}

# one_service LISTEN...: a configuration of a service with these addresses.
one_service() {
	{
		printf 'service smile\n\tworkers 1\n'
		printf '\tsend "Smile from the server\\n"\n'
		printf '\tlisten %s\n' "$@"
	} | configure
}

start() {
	one_service "$@"
	server_start -f "$CONF"
}

# fails_with STATUS ARG...: a server that does not come up; what it says is in
# output.
fails_with() {
	local status=$1
	shift
	run "-$status" timeout 20 smiled "$@" 3>&- {never}>&-
}

in_dir() {
	DIR=$BATS_TEST_TMPDIR/dir
	mkdir "$DIR"
}

# What is in DIR, hidden names as well.
nothing_but() {
	[ "$(ls -A "$DIR")" = "$*" ] || {
		ls -Al "$DIR" >&2
		return 1
	}
}

rights_of() {
	stat -c '%a %U:%G' "$1"
}

# -- TCP: every form -----------------------------------------------------------

@test "PORT: both families, on every address, with one socket" {
	need_ipv6
	server_start -w 1
	log_has "listening on \*:$PORT, 1 worker,"
	[ "$(port_of "$PID")" = "$PORT" ]
	answers 127.0.0.1 127.0.0.2 ::1
	sockets_are 1
	server_stop
}

@test "*:PORT is the same; a port that was given is the port" {
	local port
	need_ipv6
	port=$(free_port)
	start "*:$port"
	[ "$PORT" = "$port" ]
	answers 127.0.0.1 127.0.0.2 ::1
	sockets_are 1
	server_stop
}

@test "127.0.0.1:PORT: that address and no other" {
	need_ipv6
	start "127.0.0.1:$(free_port)"
	log_has "listening on 127\.0\.0\.1:$PORT, "
	answers 127.0.0.1
	silent 127.0.0.2 ::1
	server_stop
}

@test "0.0.0.0:PORT: IPv4 only" {
	need_ipv6
	start "0.0.0.0:$(free_port)"
	log_has "listening on 0\.0\.0\.0:$PORT, "
	answers 127.0.0.1 127.0.0.2
	silent ::1
	server_stop
}

@test "[::]:PORT and [::1]:PORT: IPv6 only" {
	need_ipv6
	for address in '[::]' '[::1]'; do
		start "$address:$(free_port)"
		[[ "$(<"$LOG")" == *"listening on $address:$PORT, "* ]]
		answers ::1
		silent 127.0.0.1
		server_stop
	done
}

@test "0.0.0.0 and [::] on one port go together, each its own service" {
	local port
	need_ipv6
	port=$(free_port)
	configure <<EOF
workers 1
service four
	listen 0.0.0.0:$port
	send "I am four\n"
service six
	listen [::]:$port
	send "I am six\n"
EOF
	server_start -f "$CONF"
	[ "$(smile 127.0.0.1 "$port" </dev/null)" = "I am four" ]
	[ "$(smile ::1 "$port" </dev/null)" = "I am six" ]
	server_stop
}

@test "localhost:PORT: both loopback addresses, one port, no other" {
	local port=0
	need_ipv6
	for port in 0 "$(free_port)"; do
		start "localhost:$port"
		log_has "listening on 2 addresses, 2 workers,"
		PORT=$(port_for smile)
		[ "$port" = 0 ] || [ "$PORT" = "$port" ]
		log_has "smile: listening on 127\.0\.0\.1:$PORT$"
		log_has "smile: listening on \[::1\]:$PORT$"
		answers 127.0.0.1 ::1
		silent 127.0.0.2
		sockets_are 2
		server_stop
	done
}

@test "port 0 twice: two ports, both told" {
	local ports
	start 127.0.0.1:0 127.0.0.1:0
	log_has "listening on 2 addresses, 2 workers,"
	ports=$(sed -n 's/.*smile: listening on 127.0.0.1://p' "$LOG")
	[ "$(sort -u <<<"$ports" | wc -l)" -eq 2 ]
	for PORT in $ports; do
		is_served
	done
	server_stop
}

@test "an address in use: status 69 with its name, and the way to find out" {
	local port
	start 127.0.0.1:0
	port=$PORT
	fails_with 69 -f none -o "listen 127.0.0.1:$port"
	[[ "$output" == *"cannot listen on 127.0.0.1:$port: address in use; see "* ]]
	is_served
	server_stop
}

# -- Unix sockets --------------------------------------------------------------

@test "unix:PATH: the message, and nothing left at the end" {
	in_dir
	start "unix:$DIR/sock"
	log_has "listening on unix:$DIR/sock, 1 worker,"
	nothing_but sock
	[ "$(rights_of "$DIR/sock")" = "666 $(id -un):$(id -gn)" ]
	path_answers "$DIR/sock"
	# Relative to the file.
	server_stop
	nothing_but
	start unix:dir/other
	path_answers "$DIR/other"
	server_stop
	nothing_but
}

@test "unix: mode and group, whatever the umask" {
	local mode
	in_dir
	start_from 'umask 077; exec "$@"'
	for mode in 0600 660 0777 0000; do
		start "unix:$DIR/sock mode=$mode group=$(id -g)"
		[ "$(printf %04o "0$(stat -c %a "$DIR/sock")")" = \
		    "$(printf %04o "0$mode")" ]
		[ "$(stat -c %g "$DIR/sock")" = "$(id -g)" ]
		server_stop
	done
	nothing_but
}

@test "unix: user and group, by name and by number, and who may connect" {
	[ "$(id -u)" -eq 0 ] || skip "only root can give files away"
	command -v setpriv >/dev/null || skip "no setpriv"
	in_dir
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	start "unix:$DIR/sock mode=0600 user=daemon group=4242"
	[ "$(stat -c '%a %U:%g' "$DIR/sock")" = "600 daemon:4242" ]
	setpriv --reuid="$(id -u daemon)" --regid=9 --clear-groups \
	    "$(command -v smile)" -U "$DIR/sock" -e Smile </dev/null
	run ! setpriv --reuid=54321 --regid=54321 --clear-groups \
	    "$(command -v smile)" -U "$DIR/sock" </dev/null
	server_stop
	start "unix:$DIR/sock mode=0660 user=54321 group=$(id -gn daemon)"
	[ "$(stat -c '%a %u:%G' "$DIR/sock")" = \
	    "660 54321:$(id -gn daemon)" ]
	server_stop
	fails_with 78 -f none -o "listen unix:$DIR/sock user=nobody-such" || true
	[[ "$output" == *"there is no user 'nobody-such'"* ]]
	nothing_but
}

# strace shows bind(2) to another name, then the mode, listen(2), rename(2).
@test "unix: nobody finds the name before there is a server behind it" {
	local calls=$BATS_TEST_TMPDIR/calls
	need_strace
	in_dir
	SMILED_WRAP="strace -D -f -qq -o $calls -e"
	SMILED_WRAP+=" trace=bind,listen,/rename,/chmod,/link"
	start "unix:$DIR/sock"
	path_answers "$DIR/sock"
	server_stop
	# strace is in it, too, and has written all it had to.
	eventually "$LONG" session_is_empty "$SID"
	run ! grep -q 'bind(.*"[^"]*/sock"' "$calls"
	run ! grep -q 'bind(.*"sock"' "$calls"
	[ "$(grep -oE ' (bind\(.*AF_UNIX|listen|f?chmod|rename)' "$calls" |
	    grep -oE 'bind|listen|chmod|rename' | head -n 4 | xargs)" = \
	    "bind chmod listen rename" ]
	grep -q 'rename.*"sock"' "$calls"
}

# dead_socket PATH: what a server that was killed leaves.
dead_socket() {
	perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die;
	    bind($s, pack_sockaddr_un(shift)) && listen($s, 5) or die' "$1"
	[ -S "$1" ]
}

@test "unix: what a dead server has left is replaced" {
	in_dir
	dead_socket "$DIR/sock"
	start "unix:$DIR/sock"
	nothing_but sock
	path_answers "$DIR/sock"
	kill -KILL "$PID"
	wait "$PID" || true
	eventually "$LONG" session_is_empty "$SID"
	rm "$RUN"/*
	[ -S "$DIR/sock" ]
	start "unix:$DIR/sock"
	path_answers "$DIR/sock"
	server_stop
	nothing_but
}

@test "unix: somebody alive is left alone, status 69" {
	local inode
	in_dir
	start "unix:$DIR/sock"
	inode=$(stat -c %i "$DIR/sock")
	fails_with 69 -f none -o "listen unix:$DIR/sock"
	[[ "$output" == *"cannot listen on unix:$DIR/sock: address in use"* ]]
	[ "$(stat -c %i "$DIR/sock")" = "$inode" ]
	nothing_but sock
	path_answers "$DIR/sock"
	server_stop
	nothing_but
}

@test "unix: a file, a directory, a link or a FIFO there is left alone" {
	local kind
	in_dir
	for kind in file directory link fifo; do
		case $kind in
		file) echo mine >"$DIR/sock" ;;
		directory) mkdir "$DIR/sock" ;;
		link) ln -s /nowhere/else "$DIR/sock" ;;
		fifo) mkfifo "$DIR/sock" ;;
		esac
		stat -c '%i %F %s %Y' "$DIR/sock" >"$BATS_TEST_TMPDIR/before"
		fails_with 69 -f none -o "listen unix:$DIR/sock"
		[[ "$output" == *"unix:$DIR/sock: "*"no socket"* ]]
		stat -c '%i %F %s %Y' "$DIR/sock" |
		    cmp - "$BATS_TEST_TMPDIR/before"
		nothing_but sock
		rm -rf "$DIR/sock"
	done
}

@test "unix: what replaced our name meanwhile is not removed" {
	in_dir
	start "unix:$DIR/sock" "unix:$DIR/two" "unix:$DIR/three"
	rm "$DIR/sock"
	echo mine >"$DIR/sock"
	dead_socket "$DIR/four"
	mv "$DIR/four" "$DIR/two"
	rm "$DIR/three"
	server_stop
	nothing_but "sock
two"
	[ "$(<"$DIR/sock")" = mine ]
}

@test "unix: a path of 107 bytes; not one of 108" {
	local path
	in_dir
	[ "${#DIR}" -lt 100 ] || skip "the way here is too long already"
	path=$(printf '%-107s' "$DIR/" | tr ' ' x)
	start "unix:$path"
	log_has "listening on unix:$path, "
	path_answers "$path"
	server_stop
	nothing_but
	fails_with 64 -f none -o "listen unix:${path}x"
	[[ "$output" == *"can have 107 bytes, and this has 108"* ]]
	nothing_but
}

@test "unix: a directory that is not there, or not ours" {
	in_dir
	one_service "unix:$DIR/no/sock"
	fails_with 78 -f "$CONF"
	[[ "$output" == *"smiled.conf:4:"*"No such file or directory"* ]]
	[ "$(id -u)" -ne 0 ] || skip "root can write everywhere"
	chmod 555 "$DIR"
	fails_with 77 -f none -o "listen unix:$DIR/sock"
	[[ "$output" == *"cannot listen on unix:$DIR/sock: permission denied"* ]]
}

# -- Reload --------------------------------------------------------------------

@test "reload: a unix socket that stays is the same socket and file" {
	local inode before
	in_dir
	start "unix:$DIR/sock"
	inode=$(stat -c %i "$DIR/sock")
	before=$(listening)
	one_service "unix:$DIR/sock" 127.0.0.1:0
	reload_accepted
	one_service "unix:$DIR/sock"
	reload_accepted
	eventually "$LONG" sockets_are 1
	[ "$(listening)" = "$before" ]
	[ "$(stat -c %i "$DIR/sock")" = "$inode" ]
	nothing_but sock
	path_answers "$DIR/sock"
	server_stop
	nothing_but
}

# Load on the unix socket, in the background.
bench_start() {
	smilebench -c 8 -d 600s -t 1m -U "$1" >"$BATS_TEST_TMPDIR/bench" 2>&1 \
	    3>&- {never}>&- &
	bench=$!
}

bench_end() {
	interrupt "$bench"
	wait "$bench" || {
		cat "$BATS_TEST_TMPDIR/bench" >&2
		return 1
	}
}

more_served() {
	[ "$(board ok)" -gt $((before + 200)) ]
}

some_load() {
	local before
	before=$(board ok)
	eventually "$LONG" more_served
}

@test "reload: a new mode takes effect, and nobody is refused meanwhile" {
	local mode
	in_dir
	start "unix:$DIR/sock"
	bench_start "$DIR/sock"
	for mode in 600 660 777 666 600; do
		some_load
		one_service "unix:$DIR/sock mode=0$mode"
		reload_accepted
		[ "$(stat -c %a "$DIR/sock")" = "$mode" ]
		nothing_but sock
	done
	some_load
	bench_end
	eventually "$LONG" sockets_are 1
	server_stop
	nothing_but
}

# A client in the queue of a socket that nobody accepts from.
queue_client() {
	queued=$((queued + 1))
	"$@" </dev/null >"$BATS_TEST_TMPDIR/queued.$queued" 2>&1 \
	    3>&- {never}>&- &
	clients+=($!)
}

# How many are in the queue of our one unix socket, which the kernel knows by the
# name it was bound to.
unix_queue_is() {
	[ "$(ss -xlnH | awk -v ours=".smiled.$PID." \
	    'index($5, ours) == 1 { print $3 }')" = "$1" ]
}

clients_served() {
	local client
	for client in "${clients[@]}"; do
		wait "$client"
	done
	[ "$(cat "$BATS_TEST_TMPDIR"/queued.* | grep -c 'Smile from')" -eq \
	    "${#clients[@]}" ]
}

path_is_gone() {
	[ ! -e "$1" ]
}

@test "reload: a unix socket that goes loses its name, not its clients" {
	local queued=0 clients=()
	command -v ss >/dev/null || skip "no ss"
	in_dir
	start "unix:$DIR/sock" 127.0.0.1:0
	held=$(workers)
	# shellcheck disable=SC2086
	hold $held
	for _ in 1 2 3; do
		queue_client smile -t 60s -U "$DIR/sock"
	done
	eventually "$LONG" unix_queue_is 3
	one_service 127.0.0.1:0
	reload_accepted
	eventually "$LONG" path_is_gone "$DIR/sock"
	# shellcheck disable=SC2086
	let_go $held
	clients_served
	nothing_but
	eventually "$LONG" sockets_are 1
	FDS=$(open_fds "$PID")
	server_stop
}

@test "reload: a TCP address that goes refuses the new, serves the queued" {
	local queued=0 clients=() other
	configure <<EOF
workers 1
service smile
	listen 127.0.0.1:0
	send "Smile from the server\\n"
service other
	listen 127.0.0.1:$(free_port)
	send "Smile from the other\\n"
EOF
	server_start -f "$CONF"
	PORT=$(port_for other)
	held=$(workers other/)
	# shellcheck disable=SC2086
	hold $held
	for _ in 1 2 3; do
		queue_client smile -t 60s 127.0.0.1 "$PORT"
	done
	eventually "$LONG" queue_is 3
	configure <<'EOF'
workers 1
service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"
EOF
	reload_accepted
	# shellcheck disable=SC2086
	let_go $held
	clients_served
	eventually "$LONG" sockets_are 1
	silent 127.0.0.1
	FDS=$(open_fds "$PID")
	server_stop
}

# -- One of several fails ------------------------------------------------------

@test "one address of several fails at the start: nothing stays bound" {
	local port free
	in_dir
	server_start -w 1
	port=$PORT
	free=$(free_port)
	for last in "127.0.0.1:$port" "unix:$DIR/file"; do
		echo mine >"$DIR/file"
		one_service "unix:$DIR/a" "127.0.0.1:$free" "unix:$DIR/b" "$last"
		fails_with 69 -f "$CONF"
		[[ "$output" == *"cannot listen on $last: "* ]]
		nothing_but file
		# And the other way round.
		one_service "$last" "unix:$DIR/a" "127.0.0.1:$free"
		fails_with 69 -f "$CONF"
		[[ "$output" == *"cannot listen on $last: "* ]]
		nothing_but file
	done
	is_served
	server_stop
}

@test "one address fails at a reload: refused, and everything is as before" {
	local taken mine workers_before inode
	in_dir
	server_start -w 1
	taken=$PORT
	mine=("$PID" "$RUN" "$LOG" "$SID" "$FDS")
	start "unix:$DIR/sock" 127.0.0.1:0
	PORT=$(port_for smile)
	workers_before=$(workers)
	before=$(listening)
	inode=$(stat -c %i "$DIR/sock")
	echo mine >"$DIR/file"
	for last in "127.0.0.1:$taken" "unix:$DIR/file"; do
		one_service "unix:$DIR/sock mode=0600" "unix:$DIR/new" \
		    "127.0.0.1:$(free_port)" "$last"
		reload_refused
		[[ "$(board text)" == "refused: "*"$last"* ]]
		[ "$(board generation)" -eq 1 ]
		[ "$(workers)" = "$workers_before" ]
		[ "$(listening)" = "$before" ]
		[ "$(stat -c '%i %a' "$DIR/sock")" = "$inode 666" ]
		nothing_but "file
sock"
		path_answers "$DIR/sock"
		is_served
	done
	one_service "unix:$DIR/sock" 127.0.0.1:0
	reload_accepted
	server_stop
	nothing_but file
	PID=${mine[0]} RUN=${mine[1]} LOG=${mine[2]} SID=${mine[3]} FDS=${mine[4]}
	server_stop
}

# -- Sockets that were handed over ---------------------------------------------

# handed_over SOCKET...: the servers started from now on get these, as systemd
# does it.  SOCKET is tcp4=PORT or tcp6=PORT (loopback), any6=PORT (of both
# families), any4=PORT, unix=PATH, dgram=PORT, closed, or file.  The inodes are
# written to handed, one a line.  With keep=FIFO somebody else has them, too,
# who then serves one client from each when a line is written to FIFO.
# FDS_SAID and PID_SAID are what LISTEN_FDS and LISTEN_PID say instead.
handed_over() {
	cat >"$BATS_TEST_TMPDIR/launch.pl" <<'EOP'
use strict;
use warnings;
use Socket qw(:all);
use POSIX ();

my ($handed, @sockets) = split ' ', shift;
my ($at, $keep) = (3, undef);
my (@inodes, @made);
for (@sockets) {
	my ($kind, $where) = split /=/, $_, 2;
	if ($kind eq 'keep') {
		$keep = $where;
		next;
	}
	my $s;
	if ($kind eq 'file') {
		open($s, '<', '/etc/passwd') or die;
	} elsif ($kind ne 'closed') {
		my $name = $kind eq 'unix' ? pack_sockaddr_un($where) :
		    $kind eq 'tcp6' ? pack_sockaddr_in6($where, IN6ADDR_LOOPBACK) :
		    $kind eq 'any6' ? pack_sockaddr_in6($where, IN6ADDR_ANY) :
		    $kind eq 'any4' ? pack_sockaddr_in($where, INADDR_ANY) :
		    pack_sockaddr_in($where, INADDR_LOOPBACK);
		socket($s, sockaddr_family($name),
		    $kind eq 'dgram' ? SOCK_DGRAM : SOCK_STREAM, 0) or die;
		setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
		setsockopt($s, IPPROTO_IPV6, IPV6_V6ONLY, $kind eq 'tcp6')
		    if $kind =~ /6/;
		bind($s, $name) or die "bind: $!";
		$kind eq 'dgram' or listen($s, 5) or die "listen: $!";
	}
	push @made, [$at++, $s];
}
# Up and away first: they may be where others belong.
for my $m (@made) {
	next unless $m->[1];
	$m->[2] = POSIX::dup2(fileno($m->[1]), 100 + $m->[0]) or die;
	close($m->[1]);
}
for my $m (@made) {
	POSIX::close($m->[0]);
	next unless $m->[2];
	POSIX::dup2($m->[2], $m->[0]) // die;
	POSIX::close($m->[2]);
	push @inodes, readlink("/proc/self/fd/$m->[0]") =~ /\[(\d+)\]/;
}
open(my $out, '>', "$handed.new") or die;
print $out map "$_\n", @inodes;
close($out);
rename("$handed.new", $handed) or die;
if ($keep && fork() == 0) {
	POSIX::setsid();
	POSIX::close($_) for 9;
	# It is in a session of its own: nobody would end it.
	alarm(60);
	open(my $in, '<', $keep) or die;
	<$in>;
	for my $m (@made) {
		open(my $l, '+<&=', $m->[0]) or die;
		accept(my $c, $l) or die;
		print $c "Smile from the launcher\n";
		close($c);
	}
	exit 0;
}
$ENV{LISTEN_PID} = $ENV{PID_SAID} // $$;
$ENV{LISTEN_FDS} = $ENV{FDS_SAID} // scalar @made;
$ENV{LISTEN_FDNAMES} = 'some:names';
exec(@ARGV) or die;
EOP
	printf '#!/bin/sh\nexec perl %s "%s" "$@"\n' \
	    "$BATS_TEST_TMPDIR/launch.pl" "$BATS_TEST_TMPDIR/handed $*" \
	    >"$BATS_TEST_TMPDIR/launch"
	chmod +x "$BATS_TEST_TMPDIR/launch"
	SMILED_WRAP=$BATS_TEST_TMPDIR/launch
}

# The sockets the master listens on are those that were handed over.
has_the_handed() {
	[ "$(listening)" = "$(sort "$BATS_TEST_TMPDIR/handed")" ]
}

has_none_handed() {
	run ! grep -Fxqf "$BATS_TEST_TMPDIR/handed" <<<"$(listening)"
}

@test "LISTEN_FDS: of each kind, adopted by address, in any order" {
	local port pid
	need_ipv6
	in_dir
	port=$(free_port)
	handed_over "unix=$DIR/sock" "tcp6=$port" "tcp4=$port"
	start "127.0.0.1:$port" "[::1]:$port" "unix:$DIR/sock"
	has_the_handed
	PORT=$port
	answers 127.0.0.1 ::1
	path_answers "$DIR/sock"
	# Each worker has one of them, and no other.
	for pid in $(workers); do
		[ "$(listening "$pid" | wc -l)" -eq 1 ]
	done
	# Also after a reload.
	reload_accepted
	has_the_handed
	answers 127.0.0.1 ::1
	server_stop
	# It was there before us.
	nothing_but sock
}

@test "LISTEN_FDS: a socket for both families, and localhost" {
	local port
	need_ipv6
	port=$(free_port)
	handed_over "any6=$port"
	server_start -p "$port" -w 1
	has_the_handed
	answers 127.0.0.1 ::1
	server_stop
	handed_over "tcp4=$port" "tcp6=$port"
	start "localhost:$port"
	has_the_handed
	PORT=$port
	answers 127.0.0.1 ::1
	server_stop
}

@test "LISTEN_FDS: neither worker nor log process has it in its environment" {
	local port pid
	port=$(free_port)
	handed_over "tcp4=$port"
	start "127.0.0.1:$port"
	for pid in $(session_pids "$SID"); do
		run ! grep -aq LISTEN_ "/proc/$pid/environ"
	done
	server_stop
}

@test "LISTEN_FDS: what fits no address is closed, and we are told" {
	local port other
	in_dir
	port=$(free_port)
	other=$(free_port)
	handed_over "tcp4=$other" file closed "dgram=$port" "tcp4=$port" \
	    "unix=$DIR/other"
	start "127.0.0.1:$port"
	[ "$(listening | wc -l)" -eq 1 ]
	[ "$(listening)" = "$(sed -n 3p "$BATS_TEST_TMPDIR/handed")" ]
	log_has "passed on for 127\.0\.0\.1:$other is for no service here; closed"
	log_has "the socket that was passed on for unix:$DIR/other is for no"
	log_has "the socket that was passed on for 127\.0\.0\.1:$port is for no"
	log_has "descriptor 4, which was passed on, is no listening socket; closed"
	[ "$(grep -c 'passed on' "$LOG")" -eq 4 ]
	is_served
	PORT=$other
	silent 127.0.0.1
	for pid in $(session_pids "$SID"); do
		run ! grep -q /etc/passwd <<<"$(readlink "/proc/$pid/fd"/*)"
	done
	server_stop
	# Not ours to remove.
	nothing_but other
}

@test "LISTEN_FDS: a narrower or a wider address is another address" {
	local port
	need_ipv6
	port=$(free_port)
	handed_over "tcp4=$port"
	server_start -p '' -w 1 -o "listen 127.0.0.2:$port"
	has_none_handed
	log_has "passed on for 127\.0\.0\.1:$port is for no service here"
	silent 127.0.0.1
	answers 127.0.0.2
	server_stop
}

@test "LISTEN_FDS: one that is in the way is closed, or named" {
	local port kind
	need_ipv6
	for kind in tcp4 any4; do
		port=$(free_port)
		handed_over "$kind=$port"
		server_launch -p '' -w 1 -o "listen *:$port"
		eventually "$LONG" log_has 'listen'
		log_has "the socket that was passed on for [0-9.]*:$port is for no"
		if log_has "cannot listen on \*:$port: address in use"; then
			eventually "$LONG" is_gone "$PID"
			STATUS=0
			wait "$PID" || STATUS=$?
			[ "$STATUS" -eq 69 ]
		else
			server_wait_ready
			server_stop
		fi
	done
}

@test "LISTEN_PID of somebody else, or none: nothing is adopted" {
	local port said
	port=$(free_port)
	for said in 1 "" 0 -1 x 99999999999999999999 "$$"; do
		export PID_SAID=$said
		handed_over "tcp4=$port"
		start "127.0.0.1:$port"
		has_none_handed
		is_served
		server_stop
	done
}

@test "LISTEN_FDS that is no number: nothing is adopted" {
	local port said
	port=$(free_port)
	for said in "" 0 -1 x 1x 0x1 " 1" 99999999999999999999; do
		export FDS_SAID=$said
		handed_over "tcp4=$port"
		start "127.0.0.1:$port"
		has_none_handed
		is_served
		server_stop
	done
}

@test "LISTEN_FDS: a client who came before the server is served" {
	local port
	command -v ss >/dev/null || skip "no ss"
	in_dir
	port=$(free_port)
	handed_over "tcp4=$port" "unix=$DIR/sock"
	# The clients come between the sockets and the server.
	cat >"$BATS_TEST_TMPDIR/between" <<EOF
#!/bin/bash
smile -t 60s 127.0.0.1 $port </dev/null >"$BATS_TEST_TMPDIR/got.tcp" 2>&1 9>&- &
smile -t 60s -U "$DIR/sock" </dev/null >"$BATS_TEST_TMPDIR/got.unix" 2>&1 9>&- &
until [ "\$(ss -tlnH 'sport = :$port' | awk '{ print \$2 }')" = 1 ] &&
    [ "\$(ss -xlnH | grep -F "$DIR/sock" | awk '{ print \$3 }')" = 1 ]; do
	:
done
exec "\$@"
EOF
	chmod +x "$BATS_TEST_TMPDIR/between"
	SMILED_WRAP+=" $BATS_TEST_TMPDIR/between"
	start "127.0.0.1:$port" "unix:$DIR/sock"
	has_the_handed
	eventually "$LONG" grep -q 'Smile from' "$BATS_TEST_TMPDIR/got.tcp"
	eventually "$LONG" grep -q 'Smile from' "$BATS_TEST_TMPDIR/got.unix"
	server_stop
	nothing_but sock
}

@test "LISTEN_FDS: who comes at or after a stop is left to the launcher" {
	local port queued=0 clients=()
	in_dir
	port=$(free_port)
	mkfifo "$BATS_TEST_TMPDIR/keep"
	handed_over "keep=$BATS_TEST_TMPDIR/keep" "tcp4=$port" "unix=$DIR/sock"
	start "127.0.0.1:$port" "unix:$DIR/sock"
	has_the_handed
	PORT=$port
	is_served
	path_answers "$DIR/sock"
	server_stop
	# No filter is left on it: a SYN is answered.
	queue_client smile -t 60s 127.0.0.1 "$port"
	queue_client smile -t 60s -U "$DIR/sock"
	echo >"$BATS_TEST_TMPDIR/keep"
	clients_served
	[ "$(cat "$BATS_TEST_TMPDIR"/queued.* | sort -u)" = \
	    "Smile from the launcher" ]
	nothing_but sock
}

@test "LISTEN_FDS: what a reload drops is closed, and its path stays" {
	local port
	in_dir
	port=$(free_port)
	handed_over "tcp4=$port" "unix=$DIR/sock"
	start "127.0.0.1:$port" "unix:$DIR/sock"
	one_service "127.0.0.1:$port"
	reload_accepted
	eventually "$LONG" sockets_are 1
	FDS=$(open_fds "$PID")
	PORT=$port
	is_served
	nothing_but sock
	# Nobody has it now: it is stale, and may be bound anew.
	one_service "127.0.0.1:$port" "unix:$DIR/sock"
	reload_accepted
	path_answers "$DIR/sock"
	one_service "127.0.0.1:$port"
	reload_accepted
	eventually "$LONG" path_is_gone "$DIR/sock"
	server_stop
}

# -- The pid file --------------------------------------------------------------

@test "pid-file: the master's pid, locked, removed at the end" {
	local file
	in_dir
	file=$DIR/pid
	server_start -w 1 -o "pid-file $file"
	[ "$(<"$file")" = "$PID" ]
	[ "$(stat -c %a "$file")" = 644 ]
	# The lock that fcntl(2) shows.
	[ "$(perl -MFcntl -e 'open(my $f, "<", shift) or die;
	    my $lock = pack("s s x![q] q q i x4", F_WRLCK, 0, 0, 0, 0);
	    fcntl($f, F_GETLK, $lock) or die;
	    print +(unpack("s s x![q] q q i", $lock))[4]' "$file")" = "$PID" ]
	reload_accepted
	[ "$(<"$file")" = "$PID" ]
	server_stop
	nothing_but
}

@test "pid-file: a second server with it is refused, the first untouched" {
	local file port
	in_dir
	file=$DIR/pid
	server_start -w 1 -o "pid-file $file"
	mkdir "$BATS_TEST_TMPDIR/other"
	RUNTIME_DIRECTORY=$BATS_TEST_TMPDIR/other \
	    run ! timeout 20 smiled -f none -o "pid-file $file" 0 3>&- {never}>&-
	[[ "$output" == *"cannot make the pid file"* ]]
	[ "$(<"$file")" = "$PID" ]
	[ -z "$(ls -A "$BATS_TEST_TMPDIR/other")" ]
	is_served
	server_stop
	nothing_but
}

@test "pid-file: a stale one is replaced, also one that is longer" {
	in_dir
	echo 12345678901234567890 >"$DIR/pid"
	server_start -w 1 -o "pid-file $DIR/pid"
	[ "$(<"$DIR/pid")" = "$PID" ]
	kill -KILL "$PID"
	wait "$PID" || true
	eventually "$LONG" session_is_empty "$SID"
	rm "$RUN"/*
	[ -e "$DIR/pid" ]
	server_start -w 1 -o "pid-file $DIR/pid"
	[ "$(<"$DIR/pid")" = "$PID" ]
	server_stop
	nothing_but
}

@test "pid-file: no link is followed, no other's file is removed" {
	in_dir
	echo mine >"$DIR/mine"
	ln -s "$DIR/mine" "$DIR/pid"
	mkdir "$BATS_TEST_TMPDIR/other"
	RUNTIME_DIRECTORY=$BATS_TEST_TMPDIR/other run ! timeout 20 \
	    smiled -f none -o "pid-file $DIR/pid" 0 3>&- {never}>&-
	[ "$(<"$DIR/mine")" = mine ]
	[ -L "$DIR/pid" ]
	rm "$DIR/pid"
	server_start -w 1 -o "pid-file $DIR/pid"
	mv "$DIR/mine" "$DIR/pid"
	server_stop
	nothing_but pid
	[ "$(<"$DIR/pid")" = mine ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a built-in is not what its RFC says, changes or loses a byte of
# what it is given, or is held for ever by a client that does not read, does
# not write or does not end.

load lib/harness

# -- A client of many habits ---------------------------------------------------

more_setup() {
	cat >"$BATS_TEST_TMPDIR/talk.pl" <<'EOP'
# talk.pl PORT WHAT...: connect to 127.0.0.1, do this in turn, and print what
# comes.  The status is 1 if the connection was reset.
#	rcvbuf=N	(first of all) a receive buffer of about N bytes
#	put=FILE	send FILE; what comes meanwhile is read
#	blind=FILE	send FILE, reading nothing
#	each=FILE	send FILE byte by byte; each must come back alone
#	get=N		read N bytes
#	sip=N/MS/TIMES[/FILE]
#			so often, read N bytes and wait MS milliseconds; or
#			until FILE is there
#	until=FILE	read nothing before there is such a file
#	shut		end our side
#	end		read until the end
#	reset		break off
use strict;
use warnings;
use Socket;
use IO::Handle;

my $port = shift;
$SIG{PIPE} = 'IGNORE';
binmode STDOUT;
STDOUT->autoflush(1);
socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
if (@ARGV && $ARGV[0] =~ /^rcvbuf=(\d+)/) {
	setsockopt($s, SOL_SOCKET, SO_RCVBUF, pack('i', $1));
	shift;
}
connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";

sub slurp {
	open(my $in, '<:raw', shift) or die "$!";
	local $/;
	return <$in> // '';
}

sub get {
	my ($most) = @_;
	my $n = sysread($s, my $buf, $most);
	exit 1 unless defined $n;
	print $buf;
	return $n;
}

sub put {
	my ($bytes, $reads) = @_;
	my $at = 0;
	while ($at < length $bytes) {
		my ($r, $w) = ('', '');
		vec($r, fileno($s), 1) = 1 if $reads;
		vec($w, fileno($s), 1) = 1;
		select($r, $w, undef, undef);
		get(65536) or die "ended while we wrote"
		    if $reads && vec($r, fileno($s), 1);
		next unless vec($w, fileno($s), 1);
		my $n = send($s, substr($bytes, $at, 65536),
		    MSG_DONTWAIT);
		# It has answered and gone: what it said can still be read.
		return unless defined $n || $!{EAGAIN};
		$at += $n // 0;
	}
}

for (@ARGV) {
	my ($what, $value) = split /=/, $_, 2;
	if ($what eq 'put' || $what eq 'blind') {
		put(slurp($value), $what eq 'put');
	} elsif ($what eq 'each') {
		for my $byte (split //, slurp($value)) {
			syswrite($s, $byte) == 1 or exit 1;
			get(2) == 1 or die "not one byte for one byte";
		}
	} elsif ($what eq 'get') {
		while ($value > 0) {
			my $n = get($value) or die "it ended";
			$value -= $n;
		}
	} elsif ($what eq 'sip') {
		my ($most, $ms, $times, $file) = split m{/}, $value, 4;
		while ($times-- > 0 && get($most)) {
			last if defined $file && -e $file;
			select(undef, undef, undef, $ms / 1000);
		}
	} elsif ($what eq 'until') {
		select(undef, undef, undef, 0.01) until -e $value;
	} elsif ($what eq 'shut') {
		shutdown($s, 1);
	} elsif ($what eq 'end') {
		1 while get(65536);
	} elsif ($what eq 'reset') {
		setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	} else {
		die "what is $what?";
	}
}
EOP
}

talk() {
	timeout 60 perl "$BATS_TEST_TMPDIR/talk.pl" "${TO:-$PORT}" "$@"
}

# talk_to SERVICE WHAT...
talk_to() {
	local TO
	TO=$(port_for "$1")
	shift
	talk "$@"
}

# random BYTES: a file of these, which it names.
random() {
	[ -e "$BATS_TEST_TMPDIR/random.$1" ] ||
	    head -c "$1" /dev/urandom >"$BATS_TEST_TMPDIR/random.$1"
	echo "$BATS_TEST_TMPDIR/random.$1"
}

# The action is the server's; what a connection may last without a byte moved
# is short.
start() {
	server_start -w 1 -o "$1" -o "idle-timeout ${2:-300ms}"
}

# ended_idle: the one worker has ended the one connection for that, and is the
# same as ever, and free.
ended_idle() {
	eventually "$LONG" board_is idle 1
	board_is accepted 1
	eventually "$LONG" board_is waiting 1
	[ "$(workers)" = "$first" ]
}

# -- echo ----------------------------------------------------------------------

# For eventually: whoever is kept from running for as long as he may be idle is
# cut off, and may try again.
passwd_comes_back() {
	[ "$(talk put=/etc/passwd shut end)" = "$(</etc/passwd)" ]
}

@test "echo: a megabyte comes back, byte by byte the same" {
	local in
	in=$(random 1000000)
	[ "$(tr -dc '\000' <"$in" | wc -c)" -gt 1000 ]
	server_start -w 1 -o echo
	talk put="$in" shut end >"$BATS_TEST_TMPDIR/out"
	cmp "$in" "$BATS_TEST_TMPDIR/out"
	smile -4 localhost "$PORT" <"$in" >"$BATS_TEST_TMPDIR/out"
	cmp "$in" "$BATS_TEST_TMPDIR/out"
	eventually "$LONG" board_is ok 2
	board_is bytes_out 2000000
	server_stop
}

@test "echo: each byte of every value comes back before the next is sent" {
	perl -e 'print map chr, 0 .. 255' >"$BATS_TEST_TMPDIR/in"
	server_start -w 1 -o echo
	talk each="$BATS_TEST_TMPDIR/in" shut end >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/in" "$BATS_TEST_TMPDIR/out"
	server_stop
}

@test "echo: a client that has ended its side still gets everything" {
	local in
	in=$(random 300000)
	server_start -w 1 -o echo
	talk rcvbuf=16384 blind="$in" shut end >"$BATS_TEST_TMPDIR/out"
	cmp "$in" "$BATS_TEST_TMPDIR/out"
	talk shut end >"$BATS_TEST_TMPDIR/out"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	eventually "$LONG" board_is ok 2
	server_stop
}

@test "echo: a client that writes and never reads is idle in the end" {
	local conn
	start echo
	first=$(workers)
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	timeout 20 cat /dev/zero 2>/dev/null 1>&"$conn" || [ $? -ne 124 ]
	ended_idle
	exec {conn}>&-
	eventually "$LONG" passwd_comes_back
	server_stop
}

@test "echo: a silent client is idle, not before its time; a busy one is not" {
	local begin took
	start echo 600ms
	first=$(workers)
	begin=$(now_ms)
	run -0 talk end
	took=$(($(now_ms) - begin))
	[ "$took" -ge 600 ]
	# Without the keyword it is a minute.
	[ "$took" -le $((15000 * ${SMILED_SLOW:-1})) ]
	ended_idle
	# 20 bytes, each well within the time, together beyond it.
	server_stop
	start echo 2500ms
	perl -e 'use IO::Socket::INET; my $s = IO::Socket::INET->new(
	    PeerAddr => "127.0.0.1", PeerPort => shift) or die;
	for (1 .. 20) {
		syswrite($s, "x") == 1 && sysread($s, my $c, 1) == 1 or die;
		select(undef, undef, undef, 0.15);
	}' "$PORT"
	eventually "$LONG" board_is ok 1
	board_is idle 0
	server_stop
}

# -- discard -------------------------------------------------------------------

@test "discard: ten megabytes are taken, nothing comes back" {
	server_start -w 1 -o discard
	talk put="$(random 10000000)" shut end >"$BATS_TEST_TMPDIR/out"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	talk shut end >"$BATS_TEST_TMPDIR/out"
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	eventually "$LONG" board_is ok 2
	board_is bytes_out 0
	server_stop
}

@test "discard: a silent client is idle in the end" {
	local conn
	start discard
	first=$(workers)
	[ -z "$(talk end)" ]
	ended_idle
	server_stop
}

# -- chargen -------------------------------------------------------------------

# The popular pattern of RFC 864, N lines of it.
pattern() {
	perl -e 'my $ring = join "", map chr, 32 .. 126;
	    print substr($ring x 2, $_ % 95, 72), "\r\n" for 0 .. $ARGV[0] - 1' \
	    "$1"
}

@test "chargen: three times round the ring, byte for byte" {
	server_start -w 1 -o chargen
	pattern 300 >"$BATS_TEST_TMPDIR/expected"
	talk get=$((300 * 74)) >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/out"
	# The first line, as the RFC prints it.
	head -n 1 "$BATS_TEST_TMPDIR/out" | tr -d '\r' | cmp - <(cat <<'EOF'
 !"#$%&'()*+,-./0123456789:;<=>?@ABCDEFGHIJKLMNOPQRSTUVWXYZ[\]^_`abcdefg
EOF
	)
	server_stop
}

@test "chargen: without a break over megabytes, to a late reader, too" {
	server_start -w 1 -o chargen
	pattern 50000 >"$BATS_TEST_TMPDIR/expected"
	talk rcvbuf=4096 get=$((50000 * 74)) >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/out"
	server_stop
}

@test "chargen: what the client sends is dropped; its end is not ours" {
	server_start -w 1 -o chargen
	# More than fits between us, or nobody has read it.
	talk put="$(random 10000000)" shut get=5000000 reset \
	    >"$BATS_TEST_TMPDIR/out"
	pattern 70000 | head -c 5000000 |
	    cmp -n 5000000 "$BATS_TEST_TMPDIR/out"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -ge 5000000 ]
	server_stop
}

@test "chargen: a client that breaks off is the good end" {
	server_start -w 1 -o chargen
	talk get=1000 >/dev/null
	eventually "$LONG" board_is ok 1
	talk get=100000 reset >/dev/null
	eventually "$LONG" board_is ok 2
	odd reset=1
	eventually "$LONG" board_is ok 3
	board_is reset 0
	board_is failed 0
	server_stop
}

@test "chargen: a client that never reads is idle in the end" {
	local conn
	start chargen
	first=$(workers)
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	ended_idle
	exec {conn}>&-
	server_stop
}

# -- daytime and time ----------------------------------------------------------

# between BEFORE SECONDS: from then until now; a clock that is read in ticks
# may be behind one that is not.
between() {
	[ "$2" -ge $(($1 - 1)) ] && [ "$2" -le "$EPOCHSECONDS" ]
}

@test "daytime: one line, now, in the form of RFC 867" {
	local line when before
	server_start -w 1 -o daytime
	before=$EPOCHSECONDS
	talk end >"$BATS_TEST_TMPDIR/out"
	[ "$(tr -d '\r' <"$BATS_TEST_TMPDIR/out" | wc -l)" -eq 1 ]
	line=$(sed 's/\r$//' "$BATS_TEST_TMPDIR/out")
	when=$(date -ud "${line/-UTC/ UTC}" +%s)
	between "$before" "$when"
	date -ud "@$when" +'%A, %B %-d, %Y %H:%M:%S-UTC%n' | head -n 1 |
	    sed 's/$/\r/' | cmp - "$BATS_TEST_TMPDIR/out"
	server_stop
}

@test "daytime: what the client sends makes no difference" {
	local what
	server_start -w 1 -o daytime
	for what in blind="$(random 100000)" blind=/etc/passwd shut; do
		[[ "$(talk "$what" end)" == *day,*-UTC$'\r' ]]
	done
	[[ "$(odd send=1 late=50 read=150)" == *day,*-UTC$'\r' ]]
	eventually "$LONG" board_is ok 4
	server_stop
}

@test "daytime is UTC, whatever TZ says" {
	local line before
	export TZ=Pacific/Kiritimati
	server_start -w 1 -o daytime
	before=$EPOCHSECONDS
	line=$(talk end)
	between "$before" "$(date -ud "${line/-UTC*/ UTC}" +%s)"
	server_stop
}

@test "time: four bytes, now, in network order" {
	local bytes before
	server_start -w 1 -o time
	for what in "" send=1 "send=100000 late=30 read=100"; do
		before=$EPOCHSECONDS
		# shellcheck disable=SC2086
		odd $what >"$BATS_TEST_TMPDIR/out"
		[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -eq 4 ]
		bytes=$(od -An -tx1 "$BATS_TEST_TMPDIR/out" | tr -d ' ')
		# Modulo 2 to the 32nd: it begins anew in 2036.
		between "$before" $(((16#$bytes - 2208988800 - before +
		    (1 << 40) + (1 << 31)) % (1 << 32) - (1 << 31) +
		    before))
	done
	server_stop
}

# -- send ----------------------------------------------------------------------

@test "send: every byte there is, also as an escape" {
	perl -e 'print "send \"", (map { sprintf "\\x%02x", $_ } 0 .. 255),
	    "\\0\\000\\x00end\""' >"$BATS_TEST_TMPDIR/line"
	perl -e 'print map chr, 0 .. 255; print "\0\0\0end"' \
	    >"$BATS_TEST_TMPDIR/expected"
	server_start -w 1 -o "$(<"$BATS_TEST_TMPDIR/line")"
	odd >"$BATS_TEST_TMPDIR/out"
	cmp "$BATS_TEST_TMPDIR/expected" "$BATS_TEST_TMPDIR/out"
	server_stop
	server_start -w 1 -o 'send ""'
	[ -z "$(odd)" ]
	[ -z "$(odd send=1)" ]
	eventually "$LONG" board_is ok 2
	server_stop
}

# The clients that a reply of 300,000 bytes could be cut short for, and the
# file that has these bytes.
all_of_it() {
	local expected=$1 what
	for what in "rcvbuf=16384 send=1 read=300" \
	    "rcvbuf=16384 late=50 read=300" \
	    "rcvbuf=16384 late=300 read=250" send=1000000; do
		# shellcheck disable=SC2086
		odd $what >"$BATS_TEST_TMPDIR/got"
		cmp "$expected" "$BATS_TEST_TMPDIR/got"
	done
	# A byte after everything has come.
	echo >"$BATS_TEST_TMPDIR/byte"
	talk get=300000 put="$BATS_TEST_TMPDIR/byte" end \
	    >"$BATS_TEST_TMPDIR/got" || true
	cmp "$expected" "$BATS_TEST_TMPDIR/got"
}

@test "send: 300,000 bytes from the file, to readers who are late or write" {
	perl -e 'print join "", map { chr(97 + $_ % 26) } 0 .. 299999' \
	    >"$BATS_TEST_TMPDIR/expected"
	configure <<EOF
service smile
	listen 127.0.0.1:0
	workers 1
	send "$(<"$BATS_TEST_TMPDIR/expected")"
EOF
	server_start -f "$CONF"
	all_of_it "$BATS_TEST_TMPDIR/expected"
	server_stop
}

# What is held back to leave with the end must leave even if something unread
# comes just before: close(2) would throw both away.  strace makes the moment a
# long one.
@test "send: a byte between the last look and the close" {
	local what size
	need_strace
	SMILED_WRAP="strace -D -f -qq -o /dev/null -e trace=recvfrom"
	SMILED_WRAP+=" -e inject=recvfrom:delay_exit=200000"
	for what in 'send "Smile from the server\n"' daytime \
	    "sendfile $(random 1000)"; do
		server_start -w 1 -o "$what"
		size=$(odd | wc -c)
		[ "$size" -gt 20 ]
		[ "$(odd late=60 read=400 | wc -c)" -eq "$size" ]
		[ "$(odd late=60 read=400 | wc -c)" -eq "$size" ]
		server_stop
	done
}

# -- sendfile ------------------------------------------------------------------

@test "sendfile: empty, of one segment, one byte more, ten megabytes" {
	local size
	for size in 0 1 1199 1200 1201 65536 10000000; do
		printf 'service f%s\n listen 127.0.0.1:0\n workers 1\n' "$size"
		printf ' sendfile "%s"\n' "$(random "$size")"
	done | configure
	server_start -f "$BATS_TEST_TMPDIR/smiled.conf"
	for size in 0 1 1199 1200 1201 65536 10000000; do
		talk_to "f$size" end >"$BATS_TEST_TMPDIR/out"
		cmp "$(random "$size")" "$BATS_TEST_TMPDIR/out"
		# It may have gone before the byte came; what it sent is there.
		talk_to "f$size" blind="$(random 1)" end \
		    >"$BATS_TEST_TMPDIR/out" || true
		cmp "$(random "$size")" "$BATS_TEST_TMPDIR/out"
	done
	eventually "$LONG" board_is ok 14
	board_is bytes_out 20138274
	server_stop
}

@test "sendfile: 300,000 bytes to readers who are late or write: whole" {
	server_start -w 1 -o "sendfile $(random 300000)"
	all_of_it "$(random 300000)"
	server_stop
}

@test "sendfile: a client that never reads is idle in the end" {
	local conn
	start "sendfile $(random 10000000)"
	first=$(workers)
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	ended_idle
	exec {conn}>&-
	eventually "$LONG" file_comes_whole
	server_stop
}

# Unless this machine stands still for so long that the client seems idle.
file_comes_whole() {
	talk end | cmp -s - "$(random 10000000)"
}

# A small buffer: the kernel tells us of room in steps as large as a packet, and
# what nobody is told of is idleness.
@test "sendfile: a slow reader is not an idle one" {
	start "sendfile $(random 10000000)" 2s
	# It sips for twice as long as it may be idle.
	talk rcvbuf=16384 sip=5000/40/100 end >"$BATS_TEST_TMPDIR/out" || true
	cmp "$(random 10000000)" "$BATS_TEST_TMPDIR/out"
	eventually "$LONG" board_is ok 1
	board_is idle 0
	server_stop
}

@test "sendfile: timeout ends a client that reads just fast enough" {
	local begin took
	server_start -w 1 -o "sendfile $(random 10000000)" -o 'timeout 700ms'
	first=$(workers)
	begin=$(now_ms)
	talk rcvbuf=16384 sip="4000/20/1000/$BATS_TEST_TMPDIR/over" end \
	    >"$BATS_TEST_TMPDIR/out" 2>&1 3>&- &
	talker=$!
	eventually "$LONG" board_is timeout 1
	took=$(($(now_ms) - begin))
	# Without the keyword it is five minutes.
	[ "$took" -ge 700 ]
	eventually "$LONG" board_is waiting 1
	[ "$(workers)" = "$first" ]
	# What is still on the way it may have at once.
	touch "$BATS_TEST_TMPDIR/over"
	wait "$talker" || true
	[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -lt 10000000 ]
	server_stop
}

@test "sendfile: a file truncated while it is sent ends the connection" {
	local file=$BATS_TEST_TMPDIR/file
	cp "$(random 10000000)" "$file"
	server_start -w 1 -o "sendfile $file"
	first=$(workers)
	odd_hold
	eventually "$LONG" board_is serving 1
	echo short >"$file"
	odd_let_go
	eventually "$LONG" board_is waiting 1
	# A reader who takes what there is gets less.
	cp "$(random 10000000)" "$file"
	talk rcvbuf=16384 get=1000 until="$BATS_TEST_TMPDIR/truncated" end \
	    >"$BATS_TEST_TMPDIR/out" 3>&- &
	talker=$!
	eventually "$LONG" board_is serving 1
	eventually "$LONG" test -s "$BATS_TEST_TMPDIR/out"
	truncate -s 5000 "$file"
	: >"$BATS_TEST_TMPDIR/truncated"
	wait "$talker"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/out")" -lt 10000000 ]
	# What it had by then is right; what was under way are pages of a file
	# that no longer has them.
	cmp -n 1000 "$BATS_TEST_TMPDIR/out" "$(random 10000000)"
	talk end | cmp - <(head -c 5000 "$(random 10000000)")
	: >"$file"
	[ -z "$(talk end)" ]
	[ "$(workers)" = "$first" ]
	server_stop
}

@test "sendfile: what is renamed over it counts from the next reload" {
	local file=$BATS_TEST_TMPDIR/file
	echo old >"$file"
	server_start -w 1 -o "sendfile $file"
	[ "$(talk end)" = old ]
	echo new >"$file.new"
	mv "$file.new" "$file"
	[ "$(talk end)" = old ]
	reload_through
	[ "$(talk end)" = new ]
	# One that is gone: refused, and what is open is still sent.
	rm "$file"
	reload_refused
	[[ "$(board text)" == "refused: "* ]]
	log_has "cannot open '$file': No such file or directory"
	[ "$(talk end)" = new ]
	server_stop
}

@test "sendfile: what is written into it counts at once" {
	local file=$BATS_TEST_TMPDIR/file
	echo old >"$file"
	server_start -w 1 -o "sendfile $file"
	[ "$(talk end)" = old ]
	echo "new and longer" >"$file"
	[ "$(talk end)" = "new and longer" ]
	cp "$(random 300000)" "$file"
	talk end | cmp - "$(random 300000)"
	server_stop
}

@test "sendfile: from outside of the service's chroot" {
	[ "$(id -u)" -eq 0 ] || skip "only root can have a chroot"
	mkdir "$BATS_TEST_TMPDIR/empty"
	cp "$(random 300000)" "$BATS_TEST_TMPDIR/file"
	# Nor could its workers open it.
	chmod 600 "$BATS_TEST_TMPDIR/file"
	server_start -w 1 -o "sendfile $BATS_TEST_TMPDIR/file" \
	    -o "chroot $BATS_TEST_TMPDIR/empty"
	[ "$(readlink "/proc/$(workers)/root")" = "$BATS_TEST_TMPDIR/empty" ]
	talk end | cmp - "$BATS_TEST_TMPDIR/file"
	server_stop
}

# -- Together ------------------------------------------------------------------

@test "all of them in one server: each answers at its own port" {
	local name
	head -c 50 /etc/passwd >"$BATS_TEST_TMPDIR/file"
	configure <<'EOF'
workers 2
service e
	listen 127.0.0.1:0
	echo
service d
	listen 127.0.0.1:0
	discard
service c
	listen 127.0.0.1:0
	chargen
service dt
	listen 127.0.0.1:0
	daytime
service t
	listen 127.0.0.1:0
	time
service s
	listen 127.0.0.1:0
	send "this is send"
service f
	listen 127.0.0.1:0
	sendfile file
EOF
	server_start -f "$CONF"
	log_has 'smiled: listening on 7 addresses, 14 workers,'
	pattern 10 >"$BATS_TEST_TMPDIR/pattern"
	for _ in 1 2 3 4 5; do
		[ "$(talk_to e put="$BATS_TEST_TMPDIR/file" shut end)" = \
		    "$(<"$BATS_TEST_TMPDIR/file")" ]
		[ -z "$(talk_to d put="$BATS_TEST_TMPDIR/file" shut end)" ]
		talk_to c get=740 | cmp - "$BATS_TEST_TMPDIR/pattern"
		[[ "$(talk_to dt end)" == *-UTC$'\r' ]]
		[ "$(talk_to t end | wc -c)" -eq 4 ]
		[ "$(talk_to s end)" = "this is send" ]
		talk_to f end | cmp - "$BATS_TEST_TMPDIR/file"
	done
	eventually "$LONG" board_is ok 35
	for name in e d c dt t s f; do
		[ "$(workers "$name/" | wc -l)" -eq 2 ]
	done
	server_stop
}

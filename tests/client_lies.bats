#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the client prints something else than what came, or sends
# something else than it was given; or it calls good what was bad, names the
# wrong reason for it, or leaves out the one that would have helped.

load lib/harness
load lib/scripted

: "${top_srcdir:=$BATS_TEST_DIRNAME/..}"

# ends STATUS ARG...: smile ends so; what it prints is in $OUT, what it says
# in $ERR.  Words for in front of smile can be in WRAP.
ends() {
	local want=$1
	shift
	program_ends "$want" smile "$@"
}

# What smile says is this one line.  Two reasons have other words in musl.
says() {
	[ "$(sed -e 's/Operation timed out/Connection timed out/' \
	    -e 's/Filename too long/File name too long/' "$ERR")" = \
	    "smile: $1" ] || {
		echo "not '$1'" >&2
		return 1
	}
}

prints() {
	[ "$(cat "$OUT")" = "$1" ]
}

# Bytes of all kinds, with lines and without a newline at the end.  They come
# again only after a number that no buffer has.
bytes() {
	perl -e 'srand 7; my $n = shift;
	    my $some = pack("C*", map { int rand 256 } 1 .. 65521);
	    print substr($some x (1 + $n / 65521), 0, $n),
		"line\r\n\n\0\377\0end"' "$1"
}

# -- Why there is no connection ---------------------------------------------

@test "an address that refuses is named, with a hint: 69" {
	scripted
	ends 69 127.0.0.1 "$PORT"
	says "cannot connect to 127.0.0.1 port $PORT: 127.0.0.1:$PORT\
 Connection refused; is the server running? (smiled $PORT starts one)"
	prints ''
	if has_ipv6; then
		ends 69 ::1 "$PORT"
		says "cannot connect to ::1 port $PORT: [::1]:$PORT Connection\
 refused; is the server running? (smiled $PORT starts one)"
	fi
	scripted_end
}

@test "of a host with several addresses, all are tried and named" {
	local v6=
	need_twins
	scripted
	if has_ipv6; then
		v6="[::1]:$PORT Connection refused; "
		echo '::1 twins' >>"$BATS_TEST_TMPDIR/hosts"
	fi
	ends 69 twins "$PORT"
	for n in 1 2 3; do
		[ "$(grep -o "127.0.0.$n:$PORT Connection refused; " "$ERR" |
		    wc -l)" -eq 1 ]
	done
	grep -q "cannot connect to twins port $PORT: ${v6//[][]/.}127" "$ERR"
	[ "$(wc -l <"$ERR")" -eq 1 ]
	scripted_end

	# The last of them is good enough, and the others are no error.
	scripted -- ok
	ends 0 twins "$PORT"
	prints 'Smile from the server'
	[ ! -s "$ERR" ]
	scripted_end
}

# As in a container whose /etc is empty.
@test "localhost is this machine, also where that is written nowhere" {
	need_twins
	: >"$BATS_TEST_TMPDIR/resolv.conf"
	# shellcheck disable=SC2016
	WRAP+=(sh -c 'mount --bind "$0" /etc/resolv.conf && exec "$@"'
	    "$BATS_TEST_TMPDIR/resolv.conf")
	"${WRAP[@]}" true || skip "/etc/resolv.conf cannot be replaced here"
	scripted -- ok
	ends 0 localhost "$PORT"
	prints 'Smile from the server'
	[ ! -s "$ERR" ]
	scripted_end
	ends 68 -n localhost "$PORT"
}

@test "a host that is unknown: 68" {
	export RES_OPTIONS='timeout:1 attempts:1'
	ends 68 no-such-host.invalid 7890
	told "cannot find host 'no-such-host.invalid': "
	told '; check the name, or give a numeric address$|network up'
	ends 68 -n localhost 7890
	told "cannot find host 'localhost': "
	told '; with -n, HOST must be a numeric address$'
	ends 68 $'one\nline' 7890
	told "cannot find host 'one.nline': "
}

@test "nobody answers in time: 75" {
	scripted full=1 --
	timed 300 ends 75 -t 300ms 127.0.0.1 "$PORT"
	says "cannot connect to 127.0.0.1 port $PORT: 127.0.0.1:$PORT\
 Connection timed out; does a firewall drop it, or is the address wrong?"
	scripted_end
	scripted unix="$BATS_TEST_TMPDIR/s" full=1 --
	timed 300 ends 75 -t 300ms -U "$BATS_TEST_TMPDIR/s"
	says "cannot connect to unix:$BATS_TEST_TMPDIR/s: Connection timed out;\
 is the server stopped or overloaded?"
	scripted_end
}

@test "a server accepts, and says nothing or not all, in time: 75" {
	scripted -- hang short=5,hang hang
	timed 300 ends 75 -t 300ms 127.0.0.1 "$PORT"
	says "127.0.0.1 port $PORT did not close within 0.3 seconds, after 0\
 bytes; -t can allow more"
	# These must have come by then, from a server that may be slow.
	ends 75 -t 3s 127.0.0.1 "$PORT"
	told ' after 5 bytes; '
	prints Smile
	# Nor does standard input keep it from looking at the clock.
	ends 75 -t 100ms 127.0.0.1 "$PORT" </dev/zero
	scripted_end
}

# -- Bytes ------------------------------------------------------------------

@test "the bytes that come are printed, and no others" {
	cd "$BATS_TEST_TMPDIR"
	bytes 300000 >reply
	: >nothing
	for file in reply nothing; do
		scripted file=$file -- ok ok
		ends 0 127.0.0.1 "$PORT"
		cmp "$OUT" "$file"
		# Pipes take them by and by.
		smile -t 60s 127.0.0.1 "$PORT" | cat >piped
		cmp piped "$file"
		scripted_end
	done
}

@test "the bytes of standard input are sent, and no others" {
	cd "$BATS_TEST_TMPDIR"
	bytes 300000 >given
	: >nothing
	for file in given nothing; do
		scripted keep=kept -- read,ok
		ends 0 127.0.0.1 "$PORT" <"$file"
		prints 'Smile from the server'
		cmp kept "$file"
		scripted_end
	done
}

# For eventually: whether the client's standard input stands still.
is_stuck() {
	local before=$at
	at=$(sed -n 's/^pos:\t//p' "/proc/$client/fdinfo/0")
	[ "$at" -gt 0 ] && [ "$at" = "$before" ]
}

@test "a server that reads late gets all of standard input" {
	cd "$BATS_TEST_TMPDIR"
	bytes 2000000 >given
	# A unix socket takes a part when it has no room for all.
	scripted unix=s keep=kept -- go,read,ok
	smile -t 60s -U s <given >"$OUT" 2>"$ERR" \
	    3>&- {never}>&- {go}>&- &
	client=$! at=0
	eventually "$LONG" is_stuck
	echo >&"$go"
	client_ends 0
	prints 'Smile from the server'
	cmp kept given
	scripted_end
}

@test "5 MB to an echo server and back, both ways at once" {
	cd "$BATS_TEST_TMPDIR"
	bytes 5000000 >given
	scripted -- echo echo
	ends 0 127.0.0.1 "$PORT" <given
	cmp "$OUT" given
	# shellcheck disable=SC2002
	cat given | smile -t 60s 127.0.0.1 "$PORT" | cmp - given
	scripted_end
}

@test "-m sends a line, and leaves standard input alone" {
	cd "$BATS_TEST_TMPDIR"
	sent_for() {
		scripted keep=kept -- read,ok
		ends 0 -m "$1" 127.0.0.1 "$PORT"
		scripted_end
		[ "$(od -An -c kept | tr -d ' \n')" = "$2" ]
	}
	sent_for 'a word' 'aword\n'
	sent_for '' '\n'
	sent_for $'a\n' 'a\n'
	sent_for $'a\n\n' 'a\n\n'
	sent_for $'a\nb' 'a\nb\n'
	sent_for 'a\n' 'a\n\n'

	echo rest >given
	scripted -- read,ok
	{
		smile -t 60s -m word 127.0.0.1 "$PORT"
		cat
	} <given >got
	[ "$(cat got)" = $'Smile from the server\nrest' ]
	scripted_end
}

# -- The ends of both directions --------------------------------------------

@test "the sending half is closed at the end of standard input, not before" {
	scripted -- echo,ok
	mkfifo "$BATS_TEST_TMPDIR/in"
	exec {in}<>"$BATS_TEST_TMPDIR/in"
	smile -t 60s 127.0.0.1 "$PORT" <"$BATS_TEST_TMPDIR/in" \
	    >"$OUT" 2>"$ERR" 3>&- {never}>&- {go}>&- {in}>&- &
	client=$!
	for line in one two three; do
		echo "$line" >&"$in"
		eventually "$LONG" grep -q "^$line$" "$OUT"
	done
	exec {in}>&-
	client_ends 0
	prints $'one\ntwo\nthree\nSmile from the server'
	grep -q '^1 eof 14$' "$SAID"
	scripted_end
}

@test "the end is when the server closes, whatever standard input is" {
	scripted -- ok ok ok
	# An idle one, ...
	ends 0 -t 10s 127.0.0.1 "$PORT" <&"$never"
	prints 'Smile from the server'
	# one that is closed, ...
	ends 0 -t 10s 127.0.0.1 "$PORT" <&-
	prints 'Smile from the server'
	# and one that cannot be read.
	ends 71 127.0.0.1 "$PORT" <"$BATS_TEST_TMPDIR"
	told 'cannot read standard input: Is a directory; -m sends a text'
	scripted_end
}

@test "output that cannot be written: 1" {
	scripted -- ok ok
	status=0
	timeout "$LONG" smile 127.0.0.1 "$PORT" >&- 2>"$ERR" || status=$?
	[ "$status" -eq 1 ]
	says 'standard output is closed; there is nowhere to print the reply'
	status=0
	timeout "$LONG" smile 127.0.0.1 "$PORT" >/dev/full 2>"$ERR" ||
	    status=$?
	[ "$status" -eq 1 ]
	says "cannot write to standard output: No space left on device; the\
 reply is cut short"
	scripted_end
}

@test "a reset is no end: 76, with what came before it" {
	scripted -- short=5,go,reset reset await,ok
	smile -t 60s 127.0.0.1 "$PORT" >"$OUT" 2>"$ERR" \
	    3>&- {never}>&- {go}>&- &
	client=$!
	eventually "$LONG" prints Smile
	echo >&"$go"
	client_ends 76
	prints Smile
	says "127.0.0.1 port $PORT: Connection reset by peer after 5 bytes; the\
 reply may be cut short"
	ends 76 127.0.0.1 "$PORT"
	told ' after 0 bytes; '
	prints ''
	# A server that closes with our bytes unread resets, too.
	ends 76 -m unread 127.0.0.1 "$PORT"
	prints 'Smile from the server'
	scripted_end
}

@test "a reset that comes at once is one of a connection all the same" {
	need_tardy
	scripted -- ok,reset ok,fin,reset reset
	ends 76 127.0.0.1 "$PORT"
	prints 'Smile from the server'
	told ' after 22 bytes; '
	# After the end of file it changes nothing.
	ends 0 127.0.0.1 "$PORT"
	prints 'Smile from the server'
	ends 76 127.0.0.1 "$PORT"
	told ' after 0 bytes; '
	scripted_end
}

# -- -e ---------------------------------------------------------------------

@test "-e finds its text across reads" {
	scripted -- short=3,go,rest=3
	smile -t 60s -e 'ile from' 127.0.0.1 "$PORT" >"$OUT" 2>"$ERR" \
	    3>&- {never}>&- {go}>&- &
	client=$!
	eventually "$LONG" prints Smi
	echo >&"$go"
	client_ends 0
	prints 'Smile from the server'
	[ ! -s "$ERR" ]
	scripted_end
}

@test "-e: not found is 1, and the reply is printed all the same" {
	scripted text='aabaab aabaaa' -- ok ok ok,reset ok
	ends 1 -e aabaabaa 127.0.0.1 "$PORT"
	prints 'aabaab aabaaa'
	says "'aabaabaa' did not come from 127.0.0.1 port $PORT; the reply has\
 13 bytes"
	ends 0 -e 'baab aabaaa' 127.0.0.1 "$PORT"
	# Found, but that does not make it whole.
	ends 76 -e aab 127.0.0.1 "$PORT"
	# Found, and yet read to the end.
	ends 0 -e a 127.0.0.1 "$PORT"
	prints 'aabaab aabaaa'
	scripted_end
}

# -- Addresses and words ----------------------------------------------------

@test "-U: a unix socket, and what can be wrong with it" {
	cd "$BATS_TEST_TMPDIR"
	scripted unix=s -- echo
	ends 0 -U s -m hello
	prints hello
	[ ! -s "$ERR" ]
	scripted_end
	# The socket is there, and nobody behind it.
	ends 69 -U s
	says "cannot connect to unix:s: Connection refused; is the server\
 running?"
	ends 69 -U t
	says "cannot connect to unix:t: No such file or directory; is the path\
 right, and the server running?"
	path=$(printf '%0107d' 0)
	ends 69 -U "$path"
	ends 64 -U "0$path"
	says "unix:0$path: File name too long; at most 107 bytes are possible"
}

@test "-U: not permitted: 77" {
	cd "$BATS_TEST_TMPDIR"
	need_meek
	WRAP=("${MEEK[@]}")
	scripted unix=s -- ok
	chmod 0 s
	ends 77 -U s
	says "cannot connect to unix:s: Permission denied; may you write to the\
 socket, and search its directory?"
	scripted_end
}

@test "-4 and -6 choose" {
	server_start
	ends 0 -4 127.0.0.1 "$PORT"
	ends 68 -4 ::1 "$PORT"
	told ', and whether it has an IPv4 address$'
	ends 68 -6 127.0.0.1 "$PORT"
	told ', and whether it has an IPv6 address$'
	ends 0 -4 -v localhost "$PORT"
	told '^smile: connected to 127\.'
	if has_ipv6; then
		ends 0 -6v ::1 "$PORT"
		told "^smile: connected to \[::1\]:$PORT\$"
	fi
	server_stop
}

@test "-v names the addresses and counts" {
	scripted -- read,ok
	ends 0 -v -m hello 127.0.0.1 "$PORT"
	prints 'Smile from the server'
	[ "$(cat "$ERR")" = "smile: trying 127.0.0.1:$PORT
smile: connected to 127.0.0.1:$PORT
smile: sent 6 bytes, received 22" ]
	ends 69 -qv 127.0.0.1 "$PORT"
	[ "$(sed 's/; is.*//' "$ERR")" = "smile: trying 127.0.0.1:$PORT
smile: 127.0.0.1:$PORT: Connection refused
smile: cannot connect to 127.0.0.1 port $PORT: 127.0.0.1:$PORT Connection\
 refused" ]
	scripted_end
}

@test "-q says nothing but by the status" {
	scripted -- ok ok reset hang ok
	ends 0 -q 127.0.0.1 "$PORT"
	[ ! -s "$ERR" ]
	prints 'Smile from the server'
	ends 1 -vq -e x 127.0.0.1 "$PORT"
	[ ! -s "$ERR" ]
	ends 76 -q 127.0.0.1 "$PORT"
	[ ! -s "$ERR" ]
	ends 75 -q -t 50ms 127.0.0.1 "$PORT"
	[ ! -s "$ERR" ]
	ends 71 -q 127.0.0.1 "$PORT" <"$BATS_TEST_TMPDIR"
	[ ! -s "$ERR" ]
	# That client did not wait until the server had taken it, its last.
	eventually "$LONG" scripted_done 5
	ends 69 -q 127.0.0.1 "$PORT"
	[ ! -s "$ERR" ]
	ends 68 -qn localhost
	[ ! -s "$ERR" ]
	ends 64 -q localhost no-port
	told "^smile: port 'no-port' is not a number$"
	scripted_end
}

# wrong_line WORDS ARG...: that is a wrong command line, and is told so.
wrong_line() {
	local words=$1
	shift
	ends 64 "$@"
	told "^smile: $words"
	[ "$(wc -l <"$ERR")" -eq 1 ]
	prints ''
}

@test "a command line that is wrong: 64, and one line that says what" {
	wrong_line "unknown option '-x'; smile --help lists them$" -x
	wrong_line "unknown option '-x'; smile --help" -qx
	wrong_line "unknown option '--quite'; did you mean '--quiet'" --quite
	wrong_line "unknown option '--colour'; smile --help" --colour
	wrong_line "unknown option '--a.nb'; " --$'a\nb'
	wrong_line "option '--quiet' takes no value$" --quiet=1
	wrong_line "option '-t' needs a value; see smile --help$" -t
	wrong_line "option '-t': '0' is not a time such as" -t 0
	wrong_line "option '-t': '-1s' is not a time such as" -t -1s
	wrong_line "option '-t': 'soon' is not a time such as" --timeout=soon
	wrong_line "option '-e': every reply contains an empty TEXT" -e ''
	wrong_line "option '-U': the path is empty$" -U ''
	wrong_line "unexpected 'localhost'; with -U there is no HOST" \
	    -U s localhost
	wrong_line "-4, -6 and -n say nothing about a unix socket" -4U s
	wrong_line "-4, -6 and -n say nothing about a unix socket" -U s -6
	wrong_line "-4, -6 and -n say nothing about a unix socket" -n -U s
	wrong_line "-4 and -6 leave no address to use" -46
	wrong_line "-4 and -6 leave no address to use" -6 -q -4
	wrong_line "port '0' is not between 1 and 65535$" localhost 0
	wrong_line "port '65536' is not between 1 and 65535$" localhost 65536
	wrong_line "port 'http' is not a number$" localhost http
	wrong_line "port '' is not a number$" localhost ''
	wrong_line "unexpected 'x'; at most a HOST and a PORT" localhost 1 x
}

@test "--help shows what the manual has, --version the version" {
	help_is_manual smile
	ends 0 -V
	grep -Eqx 'smile [0-9][0-9a-z.-]*' "$OUT"
	ends 0 --version
	[ ! -s "$ERR" ]
	status=0
	smile --help >/dev/full 2>"$ERR" || status=$?
	[ "$status" -eq 1 ]
	told 'cannot write to standard output: No space left on device$'
}

# -- Every row of EXIT STATUS -----------------------------------------------

# Each of them makes smile end with the status in its name.
status_0() { ends 0 127.0.0.1 "$PORT"; }
status_1() { ends 1 -e x 127.0.0.1 "$PORT"; }
status_64() { ends 64 -x; }
status_68() { ends 68 -n localhost; }
status_69() { ends 69 -U "$BATS_TEST_TMPDIR/missing"; }
status_71() { ends 71 127.0.0.1 "$PORT" <"$BATS_TEST_TMPDIR"; }
status_75() { ends 75 -t 50ms 127.0.0.1 "$PORT"; }
status_76() { ends 76 127.0.0.1 "$PORT"; }
status_77() {
	forbidden_socket "$BATS_TEST_TMPDIR/forbidden"
	WRAP=("${MEEK[@]}")
	ends 77 -U "$BATS_TEST_TMPDIR/forbidden"
}

@test "each exit status of the manual comes about, and there is no other" {
	need_meek
	# In the order of the connections made.
	scripted -- ok ok ok hang reset
	every_status smile
	scripted_end
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the load generator, on whose word it rests that no connection is
# lost, calls a lost one good or a good one lost, or counts one twice or never.

load lib/harness
load lib/scripted

: "${top_srcdir:=$BATS_TEST_DIRNAME/..}"

# ends STATUS ARG...: smilebench ends so; what it prints is in $OUT, what it
# says in $ERR.
ends() {
	local want=$1
	shift
	program_ends "$want" smilebench "$@"
}

figure() {
	sed -n "s/^$1 \([0-9.]*\).*/\1/p" "$OUT"
}

# counts WORD=N...: these are the counts, all others are 0, and they add up to
# the number of connections in the first line.
counts() {
	local word n want sum=0
	for word in ok refused reset short wrong timeout; do
		want=0
		for n in "$@"; do
			[ "${n%=*}" != "$word" ] || want=${n#*=}
		done
		[ "$(figure "$word")" = "$want" ] || {
			echo "not $want $word" >&2
			cat "$OUT" >&2
			return 1
		}
		sum=$((sum + want))
	done
	[ "$(figure smilebench:)" -eq "$sum" ]
}

# judges STATUS COUNTS ACTION...: one after the other, connections for all the
# actions come out so.
judges() {
	local status=$1 counts=$2 conns=${CONNS:-1} total=0 action
	shift 2
	for action in "$@"; do
		case $action in
		[0-9]*) total=$((total + ${action%%[*]*})) ;;
		*) total=$((total + 1)) ;;
		esac
	done
	scripted -- "$@"
	ends "$status" -t "${TIME:-$LONG}" -c "$conns" -n "$total" \
	    127.0.0.1 "$PORT"
	scripted_end
	# shellcheck disable=SC2086
	counts $counts
}

# What has a time limit to run into, and beside it connections that must be
# served within the same: so long may a machine that is busy keep either waiting.
PLENTY=3s

# -- Each verdict -----------------------------------------------------------

@test "ok: the whole reply, and the end of file" {
	judges 0 ok=20 '20*ok'
	[ ! -s "$ERR" ]
	# In two parts, and with a reset that comes too late to do harm.
	scripted -- short=7,go,rest=7 ok,fin,reset
	echo >&"$go"
	ends 0 -c 1 -n 2 127.0.0.1 "$PORT"
	counts ok=2
	scripted_end
}

@test "reset: before, amid and after the reply" {
	judges 76 reset=5 '5*reset'
	judges 76 reset=5 '5*short=11,reset'
	judges 76 reset=5 '5*ok,reset'
	told '^smilebench: 5 of 5 connections to 127.0.0.1 port [0-9]* were not'
}

@test "short: the end of file before the whole reply" {
	judges 76 short=5 '5*close'
	judges 76 short=22 short={0..21}
	told '^smilebench: 22 of 22 connections to 127.0.0.1 port [0-9]* were'
}

@test "wrong: another byte, anywhere, or one more" {
	judges 76 wrong=3 '3*long'
	told '; the first wrong reply has, after 22 right bytes: !$'
	judges 76 wrong=22 wrong={21..0}
	told '; the first wrong reply has, after 21 right bytes: #$'
	# Nothing that comes after it makes it anything else.
	judges 76 wrong=3 wrong=3,reset wrong=3,hang wrong=3,ok
	told '; the first wrong reply has, after 3 right bytes: #e from'
}

@test "timeout: nothing of this in time" {
	TIME=200ms CONNS=3
	timed 200 judges 75 timeout=3 hang short=5,hang ok,hang
	told '^smilebench: 3 of 3 connections'
}

@test "refused: nobody listens" {
	scripted
	ends 69 -c 2 -n 10 127.0.0.1 "$PORT"
	counts refused=10
	told '^smilebench: 10 of 10 .* were not ok; is the server running\?$'
	scripted_end
}

@test "a long reply is judged to its last byte" {
	text=$(printf '%099999d' 7)
	scripted text="$text"$'\n' -- ok short=99999 short=50000 long \
	    wrong=99999 wrong=99998 wrong=50000 ok,reset ok ok
	ends 76 -c 1 -n 10 -e "$text" 127.0.0.1 "$PORT"
	counts ok=3 short=2 wrong=4 reset=1
	told '; the first wrong reply has, after 100000 right bytes: !$'
	scripted_end
}

# -- All at once ------------------------------------------------------------

@test "all verdicts in one run, one after the other" {
	scripted -- ok reset wrong=0 hang 2*short=21 2*ok long '3*ok,reset' ok
	ends 76 -t "$PLENTY" -c 1 -n 18 127.0.0.1 "$PORT"
	counts ok=4 refused=5 reset=4 short=2 wrong=2 timeout=1
	told '^smilebench: 14 of 18 connections'
	scripted_end
}

@test "all verdicts in one run, sixteen at once" {
	TIME=$PLENTY CONNS=16
	judges 76 'ok=410 reset=51 short=101 wrong=41 timeout=4' \
	    '100*ok' hang '50*short=21' '20*long' '50*ok,reset' 2*hang \
	    '300*ok' '51*close' '21*wrong=21' short=3,reset '10*ok' hang
}

@test "one that is not ok among many: its status" {
	judges 76 'ok=99 reset=1' '50*ok' ok,reset '49*ok'
	judges 76 'ok=99 short=1' '99*ok' short=21
	judges 76 'ok=99 wrong=1' long '99*ok'
	TIME=$PLENTY judges 75 'ok=99 timeout=1' '50*ok' hang '49*ok'
	scripted -- '9*ok'
	ends 69 -c 1 -n 10 127.0.0.1 "$PORT"
	counts ok=9 refused=1
	scripted_end
	# Of two that differ, neither is the status.
	TIME=$PLENTY judges 76 'ok=2 timeout=1 short=1' ok hang ok close
	# By then it listens no more.
	scripted -- hang
	ends 76 -t "$PLENTY" -c 1 -n 2 127.0.0.1 "$PORT"
	counts timeout=1 refused=1
	scripted_end
}

@test "of several addresses, none is counted but the one that accepts" {
	need_twins
	scripted -- '10*ok'
	ends 0 -c 1 -n 10 twins "$PORT"
	counts ok=10
	scripted_end
	scripted
	ends 69 -c 1 -n 5 twins "$PORT"
	counts refused=5
	scripted_end
}

@test "the connection by which an address is chosen has its verdict, too" {
	need_twins
	need_tardy
	for first in ok ok,fin,reset; do
		scripted -- "$first" ok
		ends 0 -c 1 -n 2 twins "$PORT"
		counts ok=2
		scripted_end
	done
	for first in reset short=5,reset ok,reset; do
		scripted -- "$first" ok
		ends 76 -c 1 -n 2 twins "$PORT"
		counts ok=1 reset=1
		scripted_end
	done
}

# -- When it ends -----------------------------------------------------------

@test "refused: a place is left empty for 10 ms" {
	scripted
	timed 300 ends 69 -c 4 -d 300ms 127.0.0.1 "$PORT"
	n=$(figure refused)
	counts "refused=$n"
	# At 0, 10, ... 290 ms, in each of four places.
	[ "$n" -ge 4 ]
	[ "$n" -le 120 ]
	scripted_end
	ends 69 -c 4 -d 100ms -U "$BATS_TEST_TMPDIR/missing"
	n=$(figure refused)
	[ "$n" -ge 4 ]
	[ "$n" -le 40 ]
}

@test "-d: none begins after it, and those begun get their verdict" {
	scripted -- '2*go,ok' '9*ok'
	smilebench -c 2 -d 200ms -t "$LONG" 127.0.0.1 "$PORT" \
	    >"$OUT" 2>"$ERR" 3>&- {never}>&- {go}>&- &
	client=$!
	past() {
		[ $(($(now_ms) - begin)) -gt 300 ]
	}
	# The time begins before the first connection does.
	eventually "$LONG" grep -q '^1 accepted' "$SAID"
	eventually "$LONG" queue_is 1
	begin=$(now_ms)
	eventually "$LONG" past
	[ ! -s "$OUT" ]
	echo $'\n' >&"$go"
	client_ends 0
	counts ok=2
	scripted_end

	scripted -- '9*hang'
	timed 500 ends 75 -c 3 -d 200ms -t 500ms 127.0.0.1 "$PORT"
	counts timeout=3
	scripted_end
}

@test "-d: it goes on until then, and not longer" {
	server_start -w 2
	timed 1000 ends 0 -c 2 -d 1s 127.0.0.1 "$PORT"
	n=$(figure ok)
	counts "ok=$n"
	[ "$n" -gt 2 ]
	seconds=$(sed -n 's/.* in \([0-9]*\)\..*/\1/p' "$OUT")
	[ "$seconds" -lt "$LONG" ]
	eventually "$LONG" board_is ok "$n"
	server_stop
}

# For eventually: whether the client has heeded the first signal.
heeds_no_more() {
	local caught
	caught=$(sed -n 's/^SigCgt:.*\(.\)$/\1/p' "/proc/$client/status")
	[ $((16#$caught & 2)) -eq 0 ]
}

@test "INT or TERM: those begun get their verdict, none begins, a report" {
	for signal in INT TERM; do
		scripted -- '3*ok' '2*go,ok' '9*ok'
		smilebench -c 2 -n 1000 -t "$LONG" 127.0.0.1 "$PORT" \
		    >"$OUT" 2>"$ERR" 3>&- {never}>&- {go}>&- &
		client=$!
		eventually "$LONG" grep -q '^4 accepted' "$SAID"
		eventually "$LONG" queue_is 1
		kill "-$signal" "$client"
		eventually "$LONG" heeds_no_more
		[ ! -s "$OUT" ]
		echo $'\n' >&"$go"
		client_ends 0
		counts ok=5
		[ ! -s "$ERR" ]
		scripted_end
	done
}

@test "INT twice kills, without a report" {
	scripted -- hang hang
	smilebench -c 1 -n 2 -t "$LONG" 127.0.0.1 "$PORT" \
	    >"$OUT" 2>"$ERR" 3>&- {never}>&- {go}>&- &
	client=$!
	eventually "$LONG" scripted_done 1
	kill -INT "$client"
	eventually "$LONG" heeds_no_more
	kill -INT "$client"
	client_ends 130
	[ ! -s "$OUT" ]
	scripted_end
}

# -- Words ------------------------------------------------------------------

@test "-e is the reply that is expected, and all of it" {
	scripted text=$'other words\n' -- '8*ok'
	ends 0 -c 1 -n 1 -e 'other words' 127.0.0.1 "$PORT"
	ends 0 -c 1 -n 1 -e $'other words\n' 127.0.0.1 "$PORT"
	ends 76 -c 1 -n 1 -e 'other word' 127.0.0.1 "$PORT"
	counts wrong=1
	ends 76 -c 1 -n 1 -e $'other words\n\n' 127.0.0.1 "$PORT"
	counts short=1
	ends 76 -c 1 -n 1 -e '' 127.0.0.1 "$PORT"
	counts wrong=1
	ends 76 -c 1 -n 1 127.0.0.1 "$PORT"
	counts wrong=1
	told 'after 0 right bytes: other words.n$'
	scripted_end
}

@test "-U: a unix socket, and one whose queue is full" {
	cd "$BATS_TEST_TMPDIR"
	scripted unix=s -- '3*ok' close
	ends 76 -U s -c 1 -n 4
	counts ok=3 short=1
	scripted_end
	scripted unix=t full=1 --
	timed 200 ends 75 -U t -c 2 -n 2 -t 200ms
	counts timeout=2
	scripted_end
}

@test "the report has the lines that are documented, in their order" {
	scripted -- ok ok
	ends 0 -c 1 -n 2 127.0.0.1 "$PORT"
	[ "$(sed 's/[0-9][0-9.]*/N/g; s/^p[N0-9]*/p/' "$OUT")" = \
'smilebench: N connections in N s, N a second
ok N
refused N
reset N
short N
wrong N
timeout N
p N ms
p N ms
max N ms' ]
	[ "$(sed -n '/^.Sh OUTPUT/,/^.Ed/s/ [0-9][0-9.]*//gp' \
	    "$top_srcdir/man/smilebench.1")" = "$(sed 's/ [0-9][0-9.]*//g' \
	    "$OUT")" ]
	# Not exceeded by half, by 99 of a hundred, by all.
	awk '/^p50/ { a = $2 } /^p99/ { b = $2 } /^max/ { c = $2 }
	    END { exit !(0 < a && a <= b && b <= c) }' "$OUT"
	# None was ok: no time.
	ends 69 -c 1 -n 1 127.0.0.1 "$PORT"
	[ "$(figure p50) $(figure p99) $(figure max)" = "0.000 0.000 0.000" ]
	scripted_end
}

@test "a report that cannot be written: 1" {
	scripted -- ok ok
	status=0
	smilebench -c 1 -n 1 127.0.0.1 "$PORT" >/dev/full 2>"$ERR" ||
	    status=$?
	[ "$status" -eq 1 ]
	told 'cannot write to standard output: No space left on device$'
	status=0
	smilebench -c 1 -n 1 127.0.0.1 "$PORT" >&- 2>"$ERR" || status=$?
	[ "$status" -eq 1 ]
	told 'standard output is closed; there is nowhere to print the report$'
	scripted_end
}

wrong_line() {
	local words=$1
	shift
	ends 64 "$@"
	told "^smilebench: $words"
	[ "$(wc -l <"$ERR")" -eq 1 ]
	[ ! -s "$OUT" ]
}

@test "a command line that is wrong: 64, and one line that says what" {
	wrong_line "-n and -d both say when to end; give one" -n 1 -d 1s
	wrong_line "option '-c': '0' is not between 1 and 10000$" -c 0
	wrong_line "option '-c': '10001' is not between 1 and" -c 10001
	wrong_line "option '-c': 'many' is not a number$" -c many
	wrong_line "option '-n': '0' is not between 1 and 4294967295$" -n 0
	wrong_line "option '-n': '4294967296' is not between" -n 4294967296
	wrong_line "option '-n': '-1' is not a number$" -n -1
	wrong_line "option '-d': '0' is not a time such as" -d 0
	wrong_line "option '-t': '0ms' is not a time such as" -t 0ms
	wrong_line "option '-U': the path is empty$" -U ''
	wrong_line "unexpected 'localhost'; with -U there is no HOST" \
	    -U s localhost
	wrong_line "port '0' is not between 1 and 65535$" localhost 0
	wrong_line "port 'http' is not a number$" localhost http
	wrong_line "unexpected 'x'; at most a HOST and a PORT" localhost 1 x
	wrong_line "unknown option '-v'; smilebench --help lists them$" -v
	wrong_line "unknown option '--conections'; did you mean" --conections=1
	wrong_line "option '--duration' needs a value|option '-d' needs" \
	    --duration
	wrong_line "unix:[0]*: File ?name too long; " \
	    -U "$(printf '%0108d' 0)"
}

@test "--help shows what the manual has, --version the version" {
	help_is_manual smilebench
	ends 0 -V
	grep -Eqx 'smilebench [0-9][0-9a-z.-]*' "$OUT"
}

# -- Every row of EXIT STATUS -----------------------------------------------

# Each of them makes smilebench end with the status in its name.
one() { ends "$1" -c 1 -n 1 -t "${2:-$LONG}" 127.0.0.1 "$PORT"; }
status_0() { one 0; }
status_1() {
	local got=0
	smilebench -c 1 -n 1 127.0.0.1 "$PORT" >/dev/full 2>"$ERR" || got=$?
	[ "$got" -eq 1 ]
}
status_64() { ends 64 -x; }
status_68() {
	RES_OPTIONS='timeout:1 attempts:1' ends 68 no-such-host.invalid
	told "cannot find host 'no-such-host.invalid': "
}
status_69() { ends 69 -c 1 -n 1 -U "$BATS_TEST_TMPDIR/missing"; }
status_71() { (
	ulimit -n 64
	ends 71 -c 100 127.0.0.1 "$PORT"
	told '^smilebench: -c 100 takes 116 open files, but the hard limit is'
); }
status_75() { one 75 50ms; }
status_76() { one 76; }
status_77() {
	forbidden_socket "$BATS_TEST_TMPDIR/forbidden"
	WRAP=("${MEEK[@]}")
	ends 77 -U "$BATS_TEST_TMPDIR/forbidden"
	told 'cannot go on connecting to unix:.*: Permission denied; may this'
}

@test "each exit status of the manual comes about, and there is no other" {
	need_meek
	# In the order of the connections made.
	scripted -- ok ok hang reset
	every_status smilebench
	scripted_end
}

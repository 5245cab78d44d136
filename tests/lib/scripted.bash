# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
# shellcheck shell=bash
#
# What the tests of the two client programs share: servers that do what a
# script says (scripted_server.pl), and how a client ends.  Loaded after the
# harness.

more_setup() {
	OUT=$BATS_TEST_TMPDIR/out
	ERR=$BATS_TEST_TMPDIR/err
	SAID=$BATS_TEST_TMPDIR/said
	WRAP=()
	mkfifo "$BATS_TEST_TMPDIR/go"
	exec {go}<>"$BATS_TEST_TMPDIR/go" </dev/null
}

# scripted [NAME=VALUE...] -- [ACTION...]: start one, and wait until it
# listens.  Sets PORT; what it prints is in $SAID, and "echo >&$go" lets it go.
# Without arguments it is a port that refuses.
scripted() {
	# What the last one printed must not be taken for this one's.
	: >"$SAID"
	# shellcheck disable=SC2154 # both are set, by the harness and above
	perl "$BATS_TEST_DIRNAME/lib/scripted_server.pl" "$@" <&"$go" \
	    >"$SAID" 2>&1 3>&- {never}>&- {go}>&- &
	scripted_pid=$!
	eventually "$LONG" grep -q '^port ' "$SAID" || {
		cat "$SAID" >&2
		return 1
	}
	PORT=$(sed -n 's/^port //p' "$SAID")
}

scripted_end() {
	kill "$scripted_pid"
	wait "$scripted_pid" || true
}

# For eventually: whether it is through with connection N.
scripted_done() {
	grep -q "^$1 done$" "$SAID"
}

# program_ends STATUS PROGRAM ARG...
program_ends() {
	local want=$1 got=0
	shift
	timeout "$LONG" "${WRAP[@]}" "$@" >"$OUT" 2>"$ERR" || got=$?
	[ "$got" -eq "$want" ] || {
		echo "status $got, not $want: $*" >&2
		cat "$ERR" >&2
		return 1
	}
}

# client_ends STATUS: the process $client does, in time, and with that.
client_ends() {
	local got=0
	# shellcheck disable=SC2154 # the test sets it
	eventually "$LONG" is_gone "$client" || {
		kill -KILL "$client"
		return 1
	}
	wait "$client" || got=$?
	[ "$got" -eq "$1" ]
}

# What was said on standard error has it.
told() {
	grep -Eq -- "$1" "$ERR" || {
		echo "not told: $1" >&2
		cat "$ERR" >&2
		return 1
	}
}

# timed MS COMMAND...: it succeeds, and takes no less than that.
timed() {
	local least=$1 begin
	shift
	begin=$(now_ms)
	"$@"
	[ $(($(now_ms) - begin)) -ge "$least" ]
}

has_ipv6() {
	[ -e /proc/net/if_inet6 ] && grep -q ' lo$' /proc/net/if_inet6
}

# Root may open everything: let MEEK be the words for WRAP that take that
# away, or skip the test.
need_meek() {
	MEEK=()
	[ "$(id -u)" -eq 0 ] || return 0
	MEEK=(setpriv --bounding-set='-dac_override,-dac_read_search')
	"${MEEK[@]}" true || skip "root keeps its power here (setpriv)"
}

# Make the unix socket PATH, which nobody may connect to.
forbidden_socket() {
	perl -MSocket -e 'socket(my $s, PF_UNIX, SOCK_STREAM, 0);
	    bind($s, pack_sockaddr_un($ARGV[0])) or die' "$1"
	chmod 0 "$1"
}

# Let "twins" be a host with the addresses 127.0.0.2, .3 and .1, for programs
# with WRAP in front of them; skip the test where that cannot be.
need_twins() {
	WRAP=(unshare -m)
	[ "$(id -u)" -eq 0 ] || WRAP=(unshare -rm)
	printf '127.0.0.%d twins\n' 2 2 3 1 2 >"$BATS_TEST_TMPDIR/hosts"
	# shellcheck disable=SC2016
	WRAP+=(sh -c 'mount --bind "$0" /etc/hosts && exec "$@"'
	    "$BATS_TEST_TMPDIR/hosts")
	"${WRAP[@]}" true || skip "/etc/hosts cannot be replaced here"
}

# Let WRAP hold a program back for 20 ms before it looks what became of its
# connections; or skip the test.
need_tardy() {
	local tardy=(strace -qq -o /dev/null -e 'trace=?poll,ppoll'
	    -e 'inject=?poll,ppoll:delay_enter=20000')
	let_leaks_be
	"${tardy[@]}" true 2>/dev/null || skip "no strace to slow it down"
	WRAP+=("${tardy[@]}")
}

# help_is_manual PROGRAM: --help has the very options that the manual has.
help_is_manual() {
	program_ends 0 "$1" --help
	[ ! -s "$ERR" ]
	grep -q "^usage: $1 " "$OUT"
	[ "$(sed -n 's/^  -\(.\), --\([a-z0-9]*\).*/\1 \2/p' "$OUT" | sort)" = \
	    "$(sed -n 's/^\.It Fl \(.\).* , .*-\([a-z0-9]*\).*/\1 \2/p' \
	    "$top_srcdir/man/$1.1" | sort)" ]
	cp "$OUT" "$OUT.long"
	program_ends 0 "$1" -h
	cmp "$OUT" "$OUT.long"
}

# every_status PROGRAM: run each function status_N, which ends with N; they
# are for the rows of EXIT STATUS in the manual.
every_status() {
	local manual here n
	manual=$(sed -n '/^\.Sh EXIT STATUS/,/^\.Pp\|^\.El/s/^\.It //p' \
	    "$top_srcdir/man/$1.1" | sort -n)
	here=$(declare -F | sed -n 's/^declare -f status_\([0-9]*\)$/\1/p' |
	    sort -n)
	[ -n "$manual" ]
	[ "$manual" = "$here" ]
	for n in $here; do
		"status_$n"
	done
}

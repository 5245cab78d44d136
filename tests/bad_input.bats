#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a wrong command line is half understood, and something runs that
# nobody asked for; or it is refused, and the words do not help.

load lib/harness

# refused_by STATUS ARG...: the words of smiled for these arguments are in err
# and out, and its status is STATUS.  Nothing of its session is left: a socket
# belongs to a process, so nothing is bound either.
refused_by() {
	local want=$1 status=0
	shift
	# shellcheck disable=SC2086
	RUNTIME_DIRECTORY=$BATS_TEST_TMPDIR setsid timeout -k 1 "$LONG" \
	    ${SMILED_WRAP:-} "${smiled[@]}" "$@" >"$BATS_TEST_TMPDIR/out" \
	    2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- {never}>&- &
	sids+=($!)
	wait $! || status=$?
	out=$(<"$BATS_TEST_TMPDIR/out")
	err=$(<"$BATS_TEST_TMPDIR/err")
	eventually "$LONG" session_is_empty "${sids[-1]}" || return 1
	[ "$status" -eq "$want" ] || {
		echo "'$*' gives $status, not $want: $out $err" >&2
		return 1
	}
}

# One line on stderr, that begins with the name and has all these words.
says() {
	local word
	[[ $err == "smiled: "* && $err != *$'\n'* && -z $out ]] || {
		echo "not one line of smiled's on stderr: $err $out" >&2
		return 1
	}
	for word; do
		[[ $err == *"$word"* ]] || {
			echo "'$word' is not in: $err" >&2
			return 1
		}
	done
}

more_setup() {
	smiled=(smiled)
}

# Whether a process other than this one can have port 80 for the asking.
port_80_is_free_for_all() {
	local first=1024
	read -r first </proc/sys/net/ipv4/ip_unprivileged_port_start || true
	[ "$first" -le 80 ]
}

# usage WORDS ARG...: status 64, and the words, split at |.
usage() {
	local words
	IFS='|' read -ra words <<<"$1"
	shift
	refused_by 64 "$@" && says "${words[@]}"
}

@test "status 64: wrong options" {
	usage "'-q'|--help" -q
	usage "'-1'|--help" -1
	usage "'-q'|--help" -vq 0
	usage "'--wrong'|--help" --wrong
	usage "'--workres'|'--workers'" --workres=4
	usage "'--background'|no value" --background=yes
	usage "'-w'|needs a value" -w
	usage "-w|needs a value" --workers
}

@test "status 64: wrong values" {
	usage "'-w'|'0'|between 1 and 32768" -w 0 0
	usage "'-w'|'99999999'|between 1 and 32768" -w 99999999 0
	usage "'-w'|'x'|not a number" -w x 0
	usage "'-w'|'-1'|not a number" -w -1 0
	usage "'-w'|''|not a number" -w '' 0
	usage "'-n'|'1'|between 3 and" -n 1 0
	usage "'-n'|99|not open" -n 99 0
	usage "'-n'|'x'|not a number" --notify-fd=x 0
}

@test "status 64: wrong ports" {
	usage "'70000'|between 0 and 65535" 70000
	usage "'99999999999999999999'|between" 99999999999999999999
	usage "'abc'|not a number" abc
	usage "'0x50'|not a number" 0x50
	usage "''|not a number" ''
	usage "'7001'|only one PORT" 7000 7001
}

@test "bytes that would forge a line or colour the terminal are shown" {
	refused_by 64 $'7\n\e[31mred'
	[[ $err != *$'\e'* && $err != *$'\n'* ]]
}

@test "--help names every option, on stdout" {
	local letter name value row
	refused_by 0 --help
	[ -z "$err" ]
	[[ $out == "usage: smiled "* ]]
	[[ $out == *7890* && $out == *"man smiled"* ]]
	row="^	\{ '(.)', \"([a-z-]+)\", (NULL|\"([A-Z]+)\")"
	local rows=0
	while IFS= read -r line; do
		[[ $line =~ $row ]] || continue
		letter=${BASH_REMATCH[1]} name=${BASH_REMATCH[2]}
		value=${BASH_REMATCH[4]:+ ${BASH_REMATCH[4]}}
		rows=$((rows + 1))
		grep -q -- "^  -$letter, --$name$value  *[a-z]" <<<"$out"
	done <"$top_srcdir/src/smiled.c"
	[ "$rows" -eq "$(grep -c '^  -' <<<"$out")" ]
	[ "$rows" -ge 7 ]
	# Wherever it stands, and however it is written.
	refused_by 0 -w 3 -h 7000
	grep -q -- '--workers N' <<<"$out"
}

@test "--version says it on stdout" {
	refused_by 0 --version
	[ -z "$err" ]
	[[ $out =~ ^smiled\ [0-9]+\.[0-9]+\.[0-9]+$ ]]
	refused_by 0 -V
	[[ $out =~ ^smiled\ [0-9] ]]
}

@test "status 69: the port is taken" {
	local begin pids lines
	# It must not wait for the port: there is no way to have it.
	server_start -w 2
	pids=$(workers)
	lines=$(wc -l <"$LOG")
	begin=$(now_ms)
	refused_by 69 "$PORT"
	[ $(($(now_ms) - begin)) -lt $((10000 * ${SMILED_SLOW:-1})) ]
	says "*:$PORT" "in use" "ss -ltnp" "another port" ||
	    says "0.0.0.0:$PORT" "in use" "ss -ltnp" "another port"
	# The one that was there first has not noticed.
	is_served
	[ "$(workers)" = "$pids" ]
	[ "$(wc -l <"$LOG")" -eq "$lines" ]
	server_stop
}

@test "status 77: port 80 for an ordinary user" {
	if port_80_is_free_for_all; then
		skip "port 80 is free for all on this system"
	fi
	if [ "$(id -u)" -eq 0 ]; then
		smiled=(setpriv --bounding-set=-net_bind_service smiled)
		setpriv --bounding-set=-net_bind_service true 2>/dev/null ||
		    skip "setpriv cannot take a capability away here"
	fi
	refused_by 77 80
	says ":80" "permission denied" "root" "CAP_NET_BIND_SERVICE" \
	    "setcap" "higher port"
}

@test "status 78: a configuration that is wrong, or named and not there" {
	CONF=$BATS_TEST_TMPDIR/smiled.conf
	printf 'workrs 4\nservice a\n    listen 0\n    echo\n' >"$CONF"
	run -78 --separate-stderr timeout "$LONG" smiled -f "$CONF"
	[ -z "$output" ]
	# shellcheck disable=SC2154
	[ "${stderr_lines[0]}" = \
	    "$CONF:1:1: unknown keyword 'workrs'; did you mean 'workers'?" ]
	[ "${stderr_lines[1]}" = "smiled: 1 error; configuration not used" ]
	run -78 --separate-stderr timeout "$LONG" smiled -t -f "$CONF.not"
	[[ "${stderr_lines[0]}" == "$CONF.not: cannot read "* ]]
}

@test "status 73: a pid file that cannot be made" {
	mkdir "$BATS_TEST_TMPDIR/pid"
	run -73 timeout "$LONG" smiled -f none -p "$BATS_TEST_TMPDIR/pid" 0
	[[ "$output" == *"smiled: cannot make the pid file $BATS_TEST_TMPDIR/pid: "* ]]
}

@test "options for the whole server may follow those for one service" {
	run -0 timeout "$LONG" smiled -f none -T -o 'service a' -o echo \
	    -o 'listen 0' -v -i here
	[[ "$output" == *"log-level debug "*"# command line"* ]]
	[[ "$output" == *"instance here "*"# command line"* ]]
}

# The numbers of the manual's table of exit statuses.
statuses() {
	sed -n '/^\.Sh EXIT STATUS/,/^\.El/s/^\.It \([0-9]*\)$/\1/p' \
	    "$top_srcdir/man/smiled.8"
}

@test "every status of the manual's table has a test that produces it" {
	local status found=0
	for status in $(statuses); do
		found=$((found + 1))
		grep -Eqs "(@test \"|\")status $status: " \
		    "$top_srcdir"/tests/{bad_input,background}.bats \
		    "$top_srcdir"/tests/unit/*.c || {
			echo "nothing produces status $status" >&2
			return 1
		}
	done
	[ "$found" -ge 6 ]
}

# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
# shellcheck shell=bash
#
# For tests of services that run programs: these are found wherever they have
# gone, and must be gone at the end; and a start from a filthy environment.
#
#	load lib/harness
#	load lib/programs
#	more_setup() { mark_programs; }
#
# Each service of such a test has: env TEST_MARK=$mark

# need PROGRAM: sets program, its path.
need() {
	program=$(command -v "$1") || skip "no $1"
}

# Whose environment it is tells a program of this test wherever it has gone.
mark_programs() {
	mark=$BATS_TEST_TMPDIR
	out=$BATS_TEST_TMPDIR/out
	# Programs may be nobody's.
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
}

teardown() {
	local bad=0 pid
	if [ -n "$BATS_TEST_COMPLETED" ]; then
		eventually "$LONG" no_program || bad=1
		oracle || bad=1
	else
		show_logs
		for pid in "${sids[@]}"; do
			kill_session "$pid"
		done
	fi
	eventually "$LONG" kill_programs || true
	return "$bad"
}

# The pids of this test's programs and of all they have started.
programs() {
	local paths
	mapfile -t paths < <(grep -lzsxF "TEST_MARK=$mark" \
	    /proc/[0-9]*/environ)
	[ "${#paths[@]}" -eq 0 ] || printf '%s\n' "${paths[@]//[!0-9]/}" |
	    sort -n
}

program_count_is() {
	prints_lines "$1" programs
}

programs_are() {
	[ "$(programs)" = "$1" ]
}

# For eventually: some may be started meanwhile.
kill_programs() {
	local pid
	for pid in $(programs); do
		kill -KILL "$pid" 2>/dev/null || true
	done
	no_program
}

no_program() {
	! grep -qzsxF "TEST_MARK=$mark" /proc/[0-9]*/environ
}

# No child of a process of the server is a zombie.
no_zombie() {
	[ -z "$(cat /proc/[0-9]*/stat 2>/dev/null | awk -v session="$SID" '{
		pid = $1
		sub(/.*\) /, "")
		state[pid] = $1; parent[pid] = $2; of[pid] = $4
	} END {
		for (pid in of)
			if (state[pid] == "Z" && of[parent[pid]] == session)
				print pid
	}')" ]
}

# took LEAST MOST COMMAND...: it took so many milliseconds.  On a slow machine
# it may take longer.  MOST is less than what a program that is not ended, or
# not so, would need; a busy machine keeps everybody waiting.
took() {
	local least=$1 most=$(($2 * ${SMILED_SLOW:-1})) begin took
	shift 2
	begin=$(now_ms)
	# Its status is of no interest: a client may be reset.
	"$@" || true
	took=$(($(now_ms) - begin))
	if [ "$took" -lt "$least" ] || [ "$took" -gt "$most" ]; then
		echo "it took $took ms, not $least to $most: $*" >&2
		return 1
	fi
}

# at_once N COMMAND...: so many of them, each with its number as the last word.
at_once() {
	local n=$1 i all=() bad=0
	shift
	for i in $(seq "$n"); do
		"$@" "$i" 3>&- {never}>&- &
		all+=($!)
	done
	for i in "${all[@]}"; do
		wait "$i" || bad=1
	done
	return "$bad"
}

# ended_as OUTCOME [COUNT]: so many connections have ended so, and the worker
# is there for others.
ended_as() {
	eventually "$LONG" board_is "$1" "${2:-1}"
	eventually "$LONG" board_is serving 0
}

# A place where programs wait until let_on.
gate() {
	gate=$BATS_TEST_TMPDIR/gate
	mkfifo -m 666 "$gate"
}

let_on() {
	# shellcheck disable=SC2016
	timeout "$LONG" sh -c 'echo on >"$0"' "$gate"
}

# The probe is part of the sources, which nobody may be unable to read.
readable_probe() {
	cp "$probe" "$BATS_TEST_TMPDIR/probe.pl"
	chmod 644 "$BATS_TEST_TMPDIR/probe.pl"
	probe=$BATS_TEST_TMPDIR/probe.pl
}

# account FIELD: of the user whom programs are of.
account() {
	local user
	user=$(id -u)
	[ "$user" -ne 0 ] || user=nobody
	getent passwd "$user" | cut -d : -f "$1"
}

# shellcheck disable=SC2016
filthy() {
	start_from 'umask 0
	for n in $(seq 20 69); do eval "exec $n</dev/null"; done
	trap "" HUP INT QUIT USR1 USR2 PIPE CHLD ALRM TERM
	export LD_LIBRARY_PATH=/nowhere LD_BIND_NOW=1 GCONV_PATH=/nowhere
	export IFS=x BASH_ENV=/dev/null PERL5LIB=/nowhere ENV=/dev/null
	export TZ=Asia/Tokyo LANG=de_DE.UTF-8 LC_ALL=C HOME=/evil USER=evil
	export PATH=$PATH:/evil SHELL=/evil PROTO=evil TCPREMOTEIP=6.6.6.6
	export SMILED_SERVICE=evil KEPT="a b" ALSO=kept
	evil() { :; }
	export -f evil
	export EMPTY=
	exec perl -MPOSIX -e "
		sigprocmask(SIG_BLOCK, POSIX::SigSet->new(1 .. 31));
		delete \$ENV{PERL5LIB}; exec @ARGV" "$@"'
}

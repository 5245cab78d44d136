#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: smilectl top leaves a terminal on which nothing that is typed can be
# seen, writes beyond it, or control characters where there is none; or it goes
# on when the server has ended.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness

more_setup() {
	dir=$BATS_TEST_TMPDIR
	screen=$dir/screen
}

# watch ROWS COLUMNS: smilectl top on a terminal of that size.  What it draws is
# in $screen, what is written to typed is typed.
watch() {
	command -v script >/dev/null || skip "no script"
	cat >"$dir/session" <<-EOF
		stty rows $1 columns $2
		stty -g >$dir/before
		smilectl top
		echo \$? >$dir/status
		stty -g >$dir/after
	EOF
	mkfifo "$dir/keys"
	exec {typed}<>"$dir/keys"
	RUNTIME_DIRECTORY=$RUN script -qfec "bash $dir/session" "$screen" \
	    <"$dir/keys" >/dev/null 2>&1 3>&- {never}>&- {typed}>&- &
	terminal=$!
	eventually "$LONG" grep -q 'smiled ' "$screen"
}

# The session ends, top with this status, and the terminal is as it was.
watch_ends() {
	eventually "$LONG" is_gone "$terminal"
	wait "$terminal" || true
	exec {typed}>&-
	cmp "$dir/before" "$dir/after"
	[ "$(<"$dir/status")" -eq "$1" ]
}

drawn_more_than() {
	[ "$(grep -c $'\033\\[H' "$screen")" -gt "$1" ]
}

@test "on a terminal: drawn again and again, sorted, and ended by q" {
	server_start -w 2
	watch 30 100
	eventually "$LONG" grep -q 'by name' "$screen"
	# Nothing that is typed is seen, and it need not be a line.
	[ "$(stty -g <"$(tty_of top)")" != "$(<"$dir/before")" ]
	printf s >&"$typed"
	eventually "$LONG" grep -q 'by connections' "$screen"
	printf xS >&"$typed"
	eventually "$LONG" grep -q 'by time in this state' "$screen"
	printf s >&"$typed"
	eventually "$LONG" drawn_more_than 4
	grep -q '^.*WORKER  *PID' "$screen"
	printf q >&"$typed"
	watch_ends 0
	server_stop
}

# The terminal of the process whose last argument this is.
tty_of() {
	local file
	for file in /proc/[0-9]*/cmdline; do
		if [[ $({ tr '\0' ' ' <"$file"; } 2>/dev/null) == \
		    "smilectl $1 " ]] && grep -qzxF "RUNTIME_DIRECTORY=$RUN" \
		    "${file%/*}/environ" 2>/dev/null; then
			readlink "${file%/*}/fd/0"
		fi
	done
}

@test "Ctrl-C ends it, and the terminal is as it was" {
	server_start -w 1
	watch 24 80
	printf '\003' >&"$typed"
	watch_ends 130
	server_stop
}

@test "a small window: nothing beyond its edges" {
	server_start -w 9
	watch 5 20
	eventually "$LONG" drawn_more_than 2
	printf q >&"$typed"
	watch_ends 0
	perl -0777 -ne '
	    my @frames = /\033\[H(.*?)\033\[J/sg or die "no frame\n";
	    for my $frame (@frames) {
		my @lines = split /\r\n/, $frame;
		die scalar(@lines), " lines\n" if @lines != 4;
		for (@lines) {
			s/^\033\[K// or die "not cleared first\n";
			die "too long: $_\n" if /[^ -~]/ || length > 20;
		}
	    }' "$screen"
	server_stop
}

@test "the server ends meanwhile" {
	server_start -w 1
	watch 24 80
	server_check
	kill "$PID"
	server_wait_end
	watch_ends 3
	grep -q 'is not running' "$screen"
}

lines_of() {
	[ "$(wc -l <"$dir/$1")" -ge "$2" ]
}

@test "not on a terminal: plain lines, or JSON" {
	local line='^[0-9-]{10}T[0-9:]{8}Z generation 1, 0 serving, 2 idle, '
	line+='0 queued, 0 accepted, 0\.0 a second$'
	server_start -w 2
	ctl top >"$dir/plain" 2>>"$dir/err" </dev/null 3>&- {never}>&- &
	plain=$!
	ctl top --json >"$dir/json" 2>>"$dir/err" </dev/null 3>&- {never}>&- &
	json=$!
	eventually "$LONG" lines_of plain 2
	eventually "$LONG" lines_of json 2
	run -1 grep -Ev "$line" "$dir/plain"
	while read -r one; do
		json '$j->{pid}' <<<"$one"
	done <"$dir/json" | sort -u | grep -qx "$PID"
	# They end with the server.
	server_stop
	status=0
	wait "$plain" || status=$?
	[ "$status" -eq 3 ]
	status=0
	wait "$json" || status=$?
	[ "$status" -eq 3 ]
	[ "$(grep -c 'is not running' "$dir/err")" -eq 2 ]
}

@test "whose output nobody reads ends" {
	server_start -w 1
	run timeout "$LONG" bash -c 'set -o pipefail
	    RUNTIME_DIRECTORY=$0 smilectl top | head -n 1' "$RUN"
	[ "$status" -ne 124 ]
	[ "$status" -ne 0 ]
	server_stop
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: bytes that a client or a program has chosen become a line of the
# log that nobody wrote, colour a terminal, end a line too early, are taken for
# a format, or make what should be JSON something else.

load lib/harness
load lib/syslog

more_setup() {
	# What is sent, one line of it longer than any of the log's.
	perl -e 'print "2026-01-01T00:00:00.000Z error forged\n",
	    "<0>forged\n{\"level\":\"bug\",\"message\":\"forged\"}\n",
	    "\e[31mred\0nul\xff\x80%s%n%999999d \"q\" \\ \x1d\x1e\x1f\r\n",
	    "\",\"level\":\"bug\n", "x" x 65536, "\n", "last"' \
	    >"$BATS_TEST_TMPDIR/bytes"
	# As the log has it, in a text.
	red='\\x1b\[31mred\\x00nul\\xff\\x80%s%n%999999d "q" \\\\ '
	red+='\\x1d\\x1e\\x1f\\r'
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
	# From many lines at once a worker drops what the log cannot take; so
	# through that the long one is of 8 kB.
	perl -pe 's/(x{128})x{896}/$1/g' "$BATS_TEST_TMPDIR/bytes" \
	    >"$BATS_TEST_TMPDIR/some"
	chmod 644 "$BATS_TEST_TMPDIR/bytes"
}

# A service whose program writes what the client sends, and one that prints it
# by itself.
start_both() {
	configure <<-EOF
	$1
	service smile
	listen 127.0.0.1:0
	exec /bin/sh -c 'cat >&2'
	workers 1
	service app
	listen unix:$BATS_TEST_TMPDIR/socket
	run /bin/sh -c 'cat "$BATS_TEST_TMPDIR/bytes"; echo; exec sleep 1000 >/dev/null 2>&1'
	workers 1
	EOF
	server_launch -f "$CONF"
	server_wait_notified
	smile -t "$LONG" 127.0.0.1 "$PORT" <"$BATS_TEST_TMPDIR/some" \
	    3>&- {never}>&-
}

has_lasts() {
	[ "$(grep -cE '(last"?\}?$)' "$1")" -ge 2 ]
}

# The x of one long line are all there, in several.
xs_of() {
	grep -oE "$1.*[^x]x{60,}" "$2" | grep -oE 'x{60,}' | tr -d '\n' | wc -c
}

@test "text: what a client or a program writes is no line of its own" {
	start_both ""
	eventually "$LONG" has_lasts "$LOG"
	server_stop
	# The oracle looks at each byte of it.
	[ "$(grep -cE "info\[smile/1\] [0-9.]+: $red\$" "$LOG")" -eq 1 ]
	[ "$(grep -cE "info\[app/1\] $red\$" "$LOG")" -eq 1 ]
	run ! grep -E "^[^ ]+ [a-z]+ ?(<0>|error )?forged" "$LOG"
	[ "$(grep -cE "^[^ ]+ info\[(smile|app)/1\] ([0-9.]+: )?2026-01-01T00:00:00.000Z error forged\$" "$LOG")" -eq 2 ]
	[ "$(xs_of 'smile/1' "$LOG")" -eq 8192 ]
	[ "$(xs_of 'app/1' "$LOG")" -eq 65536 ]
}

@test "JSON: each line is one object, and says the same" {
	start_both "log-format json"
	eventually "$LONG" has_lasts "$LOG"
	server_stop
	logs=()
	run ! grep -v '^[ -~]*$' "$LOG"
	[ "$(wc -L <"$LOG")" -lt 4096 ]
	# shellcheck disable=SC2016
	run -0 perl -MJSON::PP -ne '
	    my $o = decode_json($_);
	    my $keys = join " ", sort keys %$o;
	    my $record = "id in level message ms out outcome peer service " .
		"time worker";
	    $keys =~ /^(level message (service )?time( worker)?|$record)$/ or
		die "$keys\n";
	    $o->{time} =~ /^\d{4}-\d\d-\d\dT[\d:]{8}\.\d{3}Z$/ or die;
	    $o->{level} =~ /^(error|warn|info|debug)$/ or die;
	    /"worker":1,/ or $keys !~ /worker/ or die "no number: $_";
	    print $o->{level}, "[", $o->{service} // "",
		"] $o->{message}\n"' \
	    "$LOG" || { echo "$output" >&2; false; }
	[ "$(grep -cE "^info\[smile\] [0-9.]+: $red\$" <<<"$output")" -eq 1 ]
	[ "$(grep -cE "^info\[app\] $red\$" <<<"$output")" -eq 1 ]
	[ "$(xs_of 'app' <(echo "$output"))" -eq 65536 ]
	grep -q '^info\[\] stopped$' <<<"$output"
}

@test "syslog: each message is of ours, and no byte of it is odd" {
	private_dev
	daemon_start
	# The queue of a socket is short.
	cp "$BATS_TEST_TMPDIR/some" "$BATS_TEST_TMPDIR/bytes"
	start_both "log syslog"
	eventually "$LONG" has_lasts "$MESSAGES"
	server_stop
	run ! grep -vE "^<(27|28|30)>[A-Z][a-z]{2} [ 0-9][0-9] [0-9:]{8} \
smiled\[$PID\]: (error|warn|info)(\[(smile|app)/1\])? [ -~]+\$" "$MESSAGES"
	grep -qE "info\[smile/1\] [0-9.]+: $red\$" "$MESSAGES"
	[ "$(xs_of 'app/1' "$MESSAGES")" -eq 8192 ]
	run ! grep -E '<(0[0-9A-F]|1[0-9A-F]|[7-F][0-9A-F])>' "$MESSAGES"
	daemon_end
}

# As a worker might that somebody has taken over.
@test "what is put into the pipe itself is at most a strange line" {
	local format
	for format in text json; do
		server_start -w 1 -o "log-format $format"
		perl -e 'open(my $f, ">", $ARGV[0]) or die;
		    syswrite($f, "\e[31mred\n");
		    syswrite($f, "\n");
		    syswrite($f, "2026-01-01T00:00:00.000Z info[\n");
		    syswrite($f, "a warn[\e\"] \x1f\x1e\x1fa\"\x1d1e9\x1f" .
			"b\x1d" . "9" x 40 . "\x1f\x1f\x1e\n");
		    syswrite($f, "\0" x 4000 . "\"" x 90 . "\n")' "$(log_pipe)"
		kill -TTOU "$PID"
		eventually "$LONG" log_has "TTOU from"
		server_stop
		run ! grep -vE '^[ -~]+$' "$LOG"
		[ "$format" = text ] || perl -MJSON::PP -ne 'decode_json($_)' \
		    "$LOG"
		logs=()
	done
}

any_has() {
	cat "$LOG" "$BATS_TEST_TMPDIR/"a*b* 2>/dev/null | grep -Eq -- "$1"
}

@test "a path with odd bytes is told of with escapes" {
	configure <<-'EOF'
	service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"
	EOF
	server_start -f "$CONF"
	sed -i "1i log \"$BATS_TEST_TMPDIR/a\\\\nb\\\\033[31m\"" "$CONF"
	kill -HUP "$PID"
	# What is said while it moves may be in the one or the other.
	eventually "$LONG" any_has \
	    'info log stderr -> .*a\\+nb\\+(x1b|033)\[31m'
	server_stop
	[ -e "$BATS_TEST_TMPDIR/"$'a\nb\033[31m' ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a monitor cannot read what it is told, reads other figures than
# there are, or hangs the service that tells it; whoever sends garbage there is
# answered with more of it.

# What Perl makes of something is for Perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness

more_setup() {
	got=$BATS_TEST_TMPDIR/got
}

# A server with the service metrics on PORT, and other services.
serve() {
	configure "service met
	    listen 127.0.0.1:0
	    workers 2
	    timeout ${1:-5m}
	    metrics
	service smile
	    listen 127.0.0.1:0
	    workers 3
	    send \"Smile from the server\\n\"
	${2:-}"
	server_start -f "$CONF"
	smile_port=$(port_for smile)
	PORT=$(port_for met)
}

# sample NAME [LABEL]: its value in $got; of several, that with the label.
sample() {
	sed -n "s/^smiled_$1\({.*${2:-}.*}\)\{0,1\} \([0-9.]*\)\r\{0,1\}\$/\2/p" \
	    "$got"
}

# ask REQUEST: what a client gets that sends this, as printf(1) writes it, and
# nothing more, is in $got; its status line in line.
ask() {
	# shellcheck disable=SC2059
	printf "$1" | timeout "$LONG" smile 127.0.0.1 "$PORT" >"$got"
	IFS= read -r line <"$got" || true
	line=${line%$'\r'}
}

header() {
	sed -n "1,/^\r\$/s/^$1: \(.*\)\r\$/\1/p" "$got"
}

body() {
	sed '1,/^\r$/d' "$got"
}

# is_answered STATUS: in a whole HTTP response, with a body.
is_answered() {
	[[ $line == "HTTP/1.1 $1 "* ]] || {
		echo "answered: $line" >&2
		return 1
	}
	[ "$(header Content-Length)" -eq "$(body | wc -c)" ]
	[ "$(header Connection)" = close ]
	[ "$(body | wc -c)" -gt 0 ]
}

@test "the text: each family once, with its type, and an end" {
	serve
	is_served "$smile_port"
	eventually "$LONG" board_is ok 1
	ctl metrics >"$got"
	[ "$(tail -n 1 "$got")" = "# EOF" ]
	[ "$(grep -c EOF "$got")" -eq 1 ]
	awk '
	    function bad(why) { print FNR ": " why ": " $0; failed = 1 }
	    $1 == "#" && $2 == "EOF" { next }
	    $1 == "#" && $2 == "TYPE" {
		family = $3; type = $4
		if (family in seen) bad("again")
		seen[family] = 1
		next
	    }
	    $1 == "#" { if ($3 != family) bad("of another family"); next }
	    {
		name = $0; sub(/[{ ].*/, "", name)
		want = family
		if (type == "counter") want = family "_total"
		if (type == "info") want = family "_info"
		if (name != want || name !~ /^smiled_[a-z_]+$/) bad("name")
		series = $0; sub(/ [^ ]*$/, "", series)
		if (series in had) bad("twice")
		had[series] = 1
		if ($NF !~ /^[0-9]+$/) bad("value")
	    }
	    END { exit failed || length(seen) < 10 }' "$got"
	server_stop
}

@test "the figures are those of the board" {
	serve
	for _ in 1 2 3; do is_served "$smile_port"; done
	PORT=$smile_port odd send=10 reset=1 || true
	eventually "$LONG" board_is accepted 4
	eventually "$LONG" board_is serving 0
	ctl reload
	ctl metrics >"$got"
	[ "$(sample accepted_total 'service="smile"')" -eq "$(board accepted)" ]
	for outcome in ok timeout idle reset failed program killed; do
		[ "$(sample connections_total \
		    "service=\"smile\".*outcome=\"$outcome\"")" -eq \
		    "$(board "$outcome")" ]
	done
	[ "$(sample sent_bytes_total 'service="smile"')" -eq \
	    "$(board bytes_out)" ]
	[ "$(sample workers_wanted 'service="smile"')" -eq 3 ]
	[ "$(sample workers 'service="smile".*state="idle"')" -eq 3 ]
	[ "$(sample queue_length 'service="smile"')" -eq 0 ]
	[ "$(sample generation)" -eq 2 ]
	[ "$(sample reloads_total)" -eq 1 ]
	[ "$(sample last_reload_successful)" -eq 1 ]
	echo nonsense >"$CONF"
	run -78 ctl reload
	ctl metrics >"$got"
	[ "$(sample last_reload_successful)" -eq 0 ]
	server_stop
}

# A parser that somebody else has written; sets python.
need_parser() {
	for python in python3 /usr/bin/python3; do
		! "$python" -c 'import prometheus_client.openmetrics.parser' \
		    2>/dev/null || return 0
	done
	skip "no prometheus_client for python3"
}

# The value of each series and its labels, one on a line, as it understands them.
parsed() {
	"$python" -c '
import sys
from prometheus_client.openmetrics.parser import text_fd_to_metric_families
for family in text_fd_to_metric_families(sys.stdin):
    for s in family.samples:
        print(s.name, repr(s.labels), s.value)'
}

@test "a parser reads it, names with any bytes as well" {
	local name=$BATS_TEST_TMPDIR/'a"b\c
d'$'\xe9'
	need_parser
	serve 5m "service odd
	    listen \"unix:$BATS_TEST_TMPDIR/a\\\"b\\\\c\\nd\\xe9\"
	    echo"
	[ -S "$name" ]
	ctl metrics >"$got"
	run -0 parsed <"$got"
	[ "$(wc -l <<<"$output")" -eq "$(grep -vc '^#' "$got")" ]
	[ "$(grep -c '^smiled_accepted_total ' <<<"$output")" -eq 3 ]
	# What Python makes of it: the byte as in \xe9, the others as they are.
	grep '^smiled_accepted_total ' <<<"$output" |
	    grep -qF "/a\"b\\\\c\\nd\\\\xe9'"
	run ! grep -q '[^ -~]' "$got"
	server_stop
}

@test "HTTP: what is here" {
	serve
	for path in / /metrics '/metrics?x=1' '/?'; do
		ask "GET $path HTTP/1.1\r\nHost: x\r\n\r\n"
		is_answered 200
		[ "$(header Content-Type)" = \
		    "application/openmetrics-text; version=1.0.0; charset=utf-8" ]
		[ "$(body | tail -n 1)" = "# EOF" ]
	done
	ask 'GET / HTTP/1.0\r\n\r\n'
	is_answered 200
	# Lines may end without a carriage return.
	ask 'GET / HTTP/1.1\nHost: x\n\n'
	is_answered 200
	ask 'HEAD /metrics HTTP/1.1\r\nHost: x\r\n\r\n'
	[ "$line" = "HTTP/1.1 200 OK" ]
	[ "$(header Content-Length)" -gt 1000 ]
	[ "$(body | wc -c)" -eq 0 ]
	# Two at once get one answer, and are told that there is no more.
	ask 'GET / HTTP/1.1\r\nHost: x\r\n\r\nGET / HTTP/1.1\r\nHost: x\r\n\r\n'
	is_answered 200
	[ "$(grep -c '^HTTP/' "$got")" -eq 1 ]
	if command -v curl >/dev/null; then
		run -0 curl -sSf --http1.1 --max-time "$LONG" \
		    "http://127.0.0.1:$PORT/metrics"
		[ "${lines[-1]}" = "# EOF" ]
	fi
	server_stop
}

@test "HTTP: what is not" {
	serve
	for path in /favicon.ico /metrics/ /metricsx /m '//' '*' metrics; do
		ask "GET $path HTTP/1.1\r\nHost: x\r\n\r\n"
		is_answered 404
	done
	ask 'HEAD /x HTTP/1.1\r\n\r\n'
	[ "$line" = "HTTP/1.1 404 Not Found" ]
	[ "$(body | wc -c)" -eq 0 ]
	for method in POST PUT DELETE OPTIONS get GETX; do
		ask "$method / HTTP/1.1\r\nHost: x\r\n\r\nbody"
		is_answered 405
		[ "$(header Allow)" = "GET, HEAD" ]
	done
	for garbage in 'GET /\r\n\r\n' '\r\n\r\n' '\n\n' 'hello\r\n\r\n' \
	    'GET / HTTP/1.1\0\r\n\r\n' 'GET / HTTP/2.0\r\n\r\n' \
	    'GET / HTTP/1.1' 'GET' '\026\003\001\002\000\001' ' \r\n\r\n' \
	    'GET /  \r\n\r\n' 'HTTP/1.1\r\n\r\n' 'GET / HTTP/1.\r\n\r\n' \
	    'GET / xHTTP/1.1\r\n\r\n'; do
		ask "$garbage"
		is_answered 400 || { echo "for: $garbage" >&2; return 1; }
	done
	ask "GET / HTTP/1.1\r\nX: $(printf '%09000d' 0)\r\n\r\n"
	is_answered 431
	# Nothing of it has hurt anybody.
	run ! log_has ' (error|warn)'
	ask 'GET / HTTP/1.1\r\n\r\n'
	is_answered 200
	server_stop
}

@test "HTTP: in single bytes; and half a request, for ever" {
	serve 2s
	perl -MSocket -e '$| = 1;
	    socket my $s, PF_INET, SOCK_STREAM, 0 or die;
	    setsockopt $s, Socket::IPPROTO_TCP, Socket::TCP_NODELAY, 1;
	    connect $s, pack_sockaddr_in(shift, INADDR_LOOPBACK) or die;
	    syswrite $s, $_ for split //, "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	    print while <$s>' "$PORT" >"$got"
	IFS=$'\r' read -r line _ <"$got"
	is_answered 200
	exec {half}<>"/dev/tcp/127.0.0.1/$PORT"
	printf 'GET / HTTP/1.1\r\nHo' >&"$half"
	eventually "$LONG" board_is timeout 1
	# It is told nothing, and that is the end.
	[ -z "$(timeout "$LONG" cat <&"$half" 2>/dev/null)" ]
	exec {half}>&-
	# One who comes and goes is nobody's failure.
	exec {none}<>"/dev/tcp/127.0.0.1/$PORT"
	exec {none}>&-
	eventually "$LONG" board_is accepted 3
	eventually "$LONG" counters_balance
	board_is failed 0
	server_stop
}

@test "the service tells what smilectl tells" {
	serve
	is_served "$smile_port"
	eventually "$LONG" board_is ok 1
	ask 'GET / HTTP/1.1\r\n\r\n'
	body | grep -v 'service="met"' >"$BATS_TEST_TMPDIR/served"
	ctl metrics | grep -v 'service="met"' | cmp "$BATS_TEST_TMPDIR/served"
	server_stop
}

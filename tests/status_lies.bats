#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: what smilectl shows is not what is, so that whoever looks at it
# looks elsewhere for what is wrong; or looking disturbs the server.

# What Perl makes of JSON is for Perl, not for this shell.
# shellcheck disable=SC2016

load lib/harness
load lib/programs

more_setup() {
	mark_programs
	held=()
}

# of SERVICE EXPRESSION: of what status says of its first address, which is $s.
of() {
	status "my (\$s) = grep { \$_->{service} eq '$1' } @{\$j->{services}};
	    $2"
}

of_is() {
	[ "$(of "$1" "$2")" = "$3" ]
}

# What smilectl workers says; an expression of $j.
seen() {
	ctl workers --json | json "$1"
}

seen_is() {
	[ "$(seen "$1")" = "$2" ]
}

# How many workers of a service are in a state.
states_are() {
	[ "$(of "$1" "\$s->{workers}{'$2'}")" = "$3" ]
}

# hold_open HOST: a client that connects to $PORT and says nothing; on unix
# sockets to a path.  In held, its descriptor.
hold_open() {
	local fd
	exec {fd}<>"/dev/tcp/$1/$PORT"
	held+=("$fd")
}

let_all_go() {
	local fd
	for fd in "${held[@]}"; do
		exec {fd}>&-
	done
	held=()
}

@test "several services: address, action, workers, in the file's order" {
	local sock=$BATS_TEST_TMPDIR/sock
	configure "service b
	    listen 127.0.0.1:0
	    listen [::1]:0
	    listen unix:$sock
	    workers 2
	    echo
	service a
	    listen 127.0.0.1:0
	    workers 3
	    exec /bin/cat
	    env TEST_MARK=$mark
	service c
	    listen 127.0.0.1:0
	    listen unix:$sock.c
	    workers 1
	    run /bin/sleep 1000
	    env TEST_MARK=$mark"
	[ -e /proc/net/if_inet6 ] || skip "no IPv6 here"
	server_start -f "$CONF"
	run -0 ctl status
	[[ "${lines[0]}" == "smiled "*", serving, pid $PID, up "*", generation 1" ]]
	[ "${lines[1]}" = "0 connections" ]
	# Addresses as the log has them.
	while read -r service address; do
		[ "$(awk -v s="$service" -v a="$address" \
		    '$1 == s && $2 == a' <<<"$output" | wc -l)" -eq 1 ]
	done < <(sed -n 's/.* \([abc]\): listening on /\1 /p' "$LOG")
	run -0 status 'map { "$_->{service} $_->{action} " .
	    ($_->{wanted} // "-") . " " . ($_->{workers}{idle} // "-") . "," }
	    @{$j->{services}}'
	[ "$output" = "b echo 2 2, b echo 2 2, b echo 2 2, a exec 3 3, c run 1 0, c run - -," ]
	states_are c running 1
	# Of programs that accept by themselves nobody counts connections.
	of_is c '$s->{connections}' none
	run -0 ctl workers
	[ "$(grep -c '^b/[1-6] ' <<<"$output")" -eq 6 ]
	[ "$(grep -c '^a/[1-3] ' <<<"$output")" -eq 3 ]
	[[ "$output" == *"c/1 "*running* ]]
	server_stop
}

@test "clients: busy, and who they are" {
	configure 'service smile
	    listen *:0
	    workers 4
	    echo'
	[ -e /proc/net/if_inet6 ] || skip "no IPv6 here"
	server_start -f "$CONF"
	hold_open 127.0.0.1
	hold_open ::1
	eventually "$LONG" states_are smile serving 2
	[ "$(seen 'join " ", sort grep { defined } map { $_->{peer} } @$j' |
	    sed 's/:[0-9]*\( \|$\)/:N\1/g')" = "127.0.0.1:N [::1]:N" ]
	# As the kernel has them.
	for peer in $(seen 'grep { defined } map { $_->{peer} } @$j'); do
		grep -q "$(printf ':%04X' "${peer##*:}") 01\$" < <(cat \
		    /proc/net/tcp{,6} | awk '{ print $2, $4 }')
	done
	run -0 ctl status
	[ "$(awk '$1 == "smile" { print $4, $5, $7 }' <<<"$output")" = "4 2 2" ]
	let_all_go
	eventually "$LONG" states_are smile serving 0
	seen_is 'scalar grep { defined $_->{peer} } @$j' 0
	server_stop
}

# They must be told apart: three clients here and five there.
@test "queues: exactly as many as wait, on TCP and on unix sockets" {
	local sock=$BATS_TEST_TMPDIR/sock all
	configure "service tcp
	    listen 127.0.0.1:0
	    workers 1
	    backlog 17
	    echo
	service un
	    listen unix:$sock
	    workers 1
	    echo"
	server_start -f "$CONF"
	PORT=$(port_for tcp)
	mapfile -t all < <(all_workers)
	hold "${all[@]}"
	of_is tcp '"$s->{queue} $s->{queue_limit}"' "0 17"
	eventually "$LONG" states_are tcp stopped 1
	for _ in 1 2 3; do hold_open 127.0.0.1; done
	perl -MSocket -e 'for (1 .. 5) {
		socket my $s, AF_UNIX, SOCK_STREAM, 0;
		connect $s, pack_sockaddr_un($ARGV[0]) or die $!;
		push @all, $s;
	    }
	    sleep 1000' "$sock" 3>&- {never}>&- &
	clients=$!
	eventually "$LONG" of_is un '$s->{queue}' 5
	of_is tcp '$s->{queue}' 3
	run -0 ctl status
	grep -q '^tcp .* 3/17 ' <<<"$output"
	grep -qx "tcp on 127.0.0.1:[0-9]*: 1 stopped" <<<"$output"
	let_go "${all[@]}"
	# One each is being served.
	eventually "$LONG" of_is un '$s->{queue}' 4
	eventually "$LONG" of_is tcp '$s->{queue}' 2
	kill "$clients"
	wait "$clients" || true
	let_all_go
	eventually "$LONG" of_is un '$s->{connections}{accepted}' 5
	eventually "$LONG" of_is tcp '$s->{queue}' 0
	server_stop
}

services() {
	configure "service keep
	    listen 127.0.0.1:0
	    timeout 1s
	    workers ${1:-2}
	    ${2:-echo}
	${3:-}"
}

@test "counters: by outcome, through reloads and deaths of workers" {
	local victim
	services 2 echo 'service gone
	    listen 127.0.0.1:0
	    workers 1
	    send "Smile from the server\n"'
	server_start -f "$CONF"
	PORT=$(port_for gone)
	is_served
	is_served
	PORT=$(port_for keep)
	[ "$(smile -m x 127.0.0.1 "$PORT")" = x ]
	hold_open 127.0.0.1
	eventually "$LONG" of_is keep '$s->{connections}{timeout}' 1
	let_all_go
	odd send=10 reset=1 || true
	eventually "$LONG" of_is keep '$s->{connections}{reset}' 1
	for victim in $(workers keep/); do
		kill -KILL "$victim"
		eventually "$LONG" is_gone "$victim"
	done
	eventually "$LONG" of_is keep \
	    '"@{$s->{connections}}{qw(accepted ok timeout reset killed)}"' \
	    "3 1 1 1 0"
	services 3 echo
	run -0 ctl reload
	eventually "$LONG" states_are keep idle 3
	of_is keep '"@{$s->{connections}}{qw(accepted ok timeout reset)}"' \
	    "3 1 1 1"
	# Those of what has gone count for the whole.
	[ "$(status 'scalar @{$j->{services}}')" -eq 1 ]
	status_is '"@{$j->{connections}}{qw(accepted ok timeout reset)}"' \
	    "5 3 1 1"
	run -0 ctl status
	[ "$(sed -n '/ connections/p' <<<"$output")" = \
	    "5 connections: 3 ok, 1 timeout, 1 reset" ]
	[ "$(awk '$1 == "keep" { print $7, $8 }' <<<"$output")" = "3 2" ]
	# Another action: the same counters, and its name.
	services 3 'exec /bin/true'
	run -0 ctl reload
	of_is keep '"$s->{action} $s->{connections}{accepted}"' "exec 3"
	# One address is no more.
	count_fds
	server_stop
}

# Whether smilectl status has such a line just now.
shows() {
	ctl status | grep -Eq "$1"
}

# Its only worker dies, once more.
fall() {
	local victim
	# No zombie, of whose death the master has not heard yet.
	eventually "$LONG" worker_count_is 1
	eventually "$LONG" states_are smile idle 1
	victim=$(workers)
	kill -KILL "$victim"
	eventually "$LONG" is_gone "$victim"
}

@test "backing off: and when the next try is" {
	server_start -w 1
	for _ in 1 2 3 4 5 6; do
		fall
	done
	# There are more than two seconds to see it in, then twice as many.
	eventually "$LONG" seen_is '$j->[0]{state} eq "backing off" &&
	    $j->[0]{next_try} > 0 && !exists $j->[0]{pid}' 1
	fall
	eventually "$LONG" states_are smile 'backing off' 1
	shows '^smile on .*: 1 of 1 backing off; next try in ([0-9]+ms|[1-7]\.[0-9]s)$'
	run -0 ctl workers
	grep -Eq '^smile/1 +- +backing off, ([0-9]+ms|[1-7]\.[0-9]s) ' \
	    <<<"$output"
	server_stop
}

@test "a program that ends at once after the start: backing off" {
	configure "service app
	    listen 127.0.0.1:0
	    run /bin/sh -c 'test ! -e $BATS_TEST_TMPDIR/bad && exec sleep 1000'
	    workers 1
	    ready 20ms
	    env TEST_MARK=$mark"
	server_start -f "$CONF"
	states_are app running 1
	: >"$BATS_TEST_TMPDIR/bad"
	kill -KILL "$(programs)"
	# Between two tries; each starts it for a moment.
	eventually "$LONG" shows '^app on .*: 1 of 1 backing off; next try in '
	rm "$BATS_TEST_TMPDIR/bad"
	eventually "$LONG" states_are app running 1
	server_stop
}

@test "stopped, retiring, reloading, stopping" {
	configure "service smile
	    listen 127.0.0.1:0
	    workers 2
	    exec /bin/cat
	    env TEST_MARK=$mark"
	server_start -f "$CONF"
	status_is '$j->{state}' serving
	hold_open 127.0.0.1
	eventually "$LONG" states_are smile serving 1
	hold "$(workers 2)"
	eventually "$LONG" states_are smile stopped 1
	kill -HUP "$PID"
	# It cannot hear that it shall leave; the master waits for a second.
	eventually "$LONG" board_is generation 2
	eventually "$LONG" is_asleep "$PID"
	hold "$PID"
	status_is '"$j->{state} $j->{generation}"' "reloading 2"
	let_go "$(seen 'map { $_->{pid} } grep { $_->{state} eq "stopped" } @$j')" \
	    "$PID"
	eventually "$LONG" status_is '"$j->{state} $j->{generation}"' \
	    "serving 2"
	eventually "$LONG" states_are smile retiring 1
	run -0 ctl status
	grep -qx 'smile on .*: 1 retiring' <<<"$output"
	# It still has its client.
	[[ "$(seen 'map { "$_->{state} $_->{generation} $_->{peer}" }
	    grep { $_->{state} eq "retiring" } @$j')" == \
	    "retiring 1 127.0.0.1:"* ]]
	[ "$(status '"$j->{last_reload}{verdict} $j->{reloads}"')" = \
	    "accepted 1" ]
	run -0 ctl status
	[[ "${lines[1]}" == "last reload, "*"s ago: accepted: generation 2, 2 workers" ]]
	kill "$PID"
	eventually "$LONG" status_is '$j->{state}' stopping
	let_all_go
	server_wait_end
}

@test "uptime and the age of a reload grow" {
	local was
	server_start -w 1
	ctl reload
	status_is '$j->{uptime} >= $j->{last_reload}{age}' 1
	was=$(status '$j->{uptime}, $j->{last_reload}{age}')
	eventually "$LONG" status_is "my (\$up, \$age) = qw($was);
	    \$j->{uptime} > \$up && \$j->{last_reload}{age} > \$age &&
	    \$j->{uptime} < \$up + 100 && time - \$j->{started} < 1000" 1
	server_stop
}

@test "TTIN and TTOU: as many as are wanted now" {
	server_start -w 2
	kill -TTIN "$PID"
	eventually "$LONG" of_is smile '"$s->{wanted} $s->{workers}{idle}"' "3 3"
	kill -TTOU "$PID"
	eventually "$LONG" of_is smile '"$s->{wanted} $s->{workers}{idle}"' "2 2"
	server_stop
}

@test "a master that does not run is seen all the same" {
	server_start -w 1
	hold "$PID"
	is_served
	eventually "$LONG" status_is '$j->{connections}{ok}' 1
	timeout "$LONG" smilectl -d "$RUN" workers
	let_go "$PID"
	server_stop
}

@test "whoever looks leaves no trace at the server" {
	need_strace
	server_start -w 1
	logger=$(log_process)
	eventually "$LONG" is_asleep "$PID"
	strace -f -qq -o "$BATS_TEST_TMPDIR/trace" -p "$PID" \
	    -p "$(workers)" -p "$logger" \
	    2>"$BATS_TEST_TMPDIR/err" 3>&- {never}>&- &
	tracer=$!
	eventually "$LONG" is_traced "$PID"
	eventually "$LONG" is_traced "$(workers)"
	eventually "$LONG" is_traced "$logger"
	# What they are in when they are caught is begun anew, once.
	eventually "$LONG" is_asleep "$PID"
	eventually "$LONG" is_asleep "$(workers)"
	eventually "$LONG" is_asleep "$logger"
	before=$(wc -l <"$BATS_TEST_TMPDIR/trace")
	for _ in {1..7}; do
		ctl status
		ctl workers
		ctl metrics
	done >/dev/null
	[ "$(wc -l <"$BATS_TEST_TMPDIR/trace")" -eq "$before" ]
	# But the trace would have shown it.
	is_served
	eventually "$LONG" traces_more_than "$before"
	kill "$tracer"
	wait "$tracer" || true
	server_stop
}

traces_more_than() {
	[ "$(wc -l <"$BATS_TEST_TMPDIR/trace")" -gt "$1" ]
}

# Of what differs from look to look, only the shape.
steady() {
	sed -E 's/up [^,]*,/up N,/; /^[0-9]+ connection/d; /^st /d'
}

@test "the status service says what smilectl says" {
	configure 'service smile
	    listen 127.0.0.1:0
	    echo
	service st
	    listen 127.0.0.1:0
	    workers 1
	    status'
	server_start -f "$CONF"
	ctl reload
	eventually "$LONG" status_is '$j->{workers}{retiring}' 0
	PORT=$(port_for st)
	run -0 smile 127.0.0.1 "$PORT"
	[ "$(steady <<<"$output" | sed 's/, [^ ]* ago/, N ago/')" = \
	    "$(ctl status | steady | sed 's/, [^ ]* ago/, N ago/')" ]
	# The one who asks is served while he does.
	[ "$(awk '$1 == "st" { print $5 }' <<<"$output")" -eq 1 ]
	server_stop
}

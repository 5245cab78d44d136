#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: real programs that accept by themselves, unmodified, do not work as
# supervised pools: they do not find their sockets, lose clients at a reload,
# go on with old code, or leave something behind.

load lib/harness
load lib/programs

# What moves much may take longer than what must only come.
MUCH=$((3 * LONG))

more_setup() {
	mark_programs
	PATH=$PATH:/usr/sbin
	# What has been served to the load, a line for each request.
	replies=$BATS_TEST_TMPDIR/replies
	loads=()
	httpload=$BATS_TEST_DIRNAME/lib/httpload.pl
	app=$BATS_TEST_TMPDIR/app
	mkdir "$app"
	chmod 755 "$app"
}

# serve [LINE...]: a server of one service that has these lines.
serve() {
	configure "service app
	chdir $app
	env TEST_MARK=$mark
	$(printf '%s\n' "$@")"
	server_start -f "$CONF"
}

# app_file NAME [MODE]: standard input, in one step.
app_file() {
	cat >"$app/new"
	chmod "${2:-644}" "$app/new"
	mv "$app/new" "$app/$1"
}

# Some write their title over their environment: who is in the directory of the
# application is a program of this test as well.
programs() {
	{
		grep -lzsxF "TEST_MARK=$mark" /proc/[0-9]*/environ
		find /proc/[0-9]*/cwd -maxdepth 0 -lname "$mark/*" 2>/dev/null
	} | sed 's|/proc/\([0-9]*\)/.*|\1|' | sort -nu || true
}

# The pids of those that the server has started.
copies() {
	local pid
	for pid in $(programs); do
		[ "$(stat_field "$pid" 2)" != "$PID" ] || echo "$pid"
	done
}

# And of all that they have started.
pool() {
	local pid
	for pid in $(copies); do
		session_pids "$pid"
	done
}

# copies_are N [NOT-PID...]: there are so many, and none of them is one of
# these.
copies_are() {
	local n=$1 now pid
	shift
	now=$(copies)
	[ "$(wc -w <<<"$now")" -eq "$n" ] || return 1
	for pid; do
		! grep -qx "$pid" <<<"$now" || return 1
	done
}

# said N TEXT: so many lines of the pool have this text.
said() {
	[ "$(grep -c "info\[app/[0-9]*\] $2\$" "$LOG")" -eq "$1" ]
}

no_complaint() {
	! grep -E '^[^ ]+ (warn|error)' "$LOG" >&2
}

# -- HTTP ----------------------------------------------------------------------

# http CLIENTS TIMES [ADDRESS [PATH]]: see httpload.pl.
http() {
	TEST_MARK=$mark timeout "$MUCH" perl "$httpload" "$1" "$2" \
	    "${3:-127.0.0.1:$PORT}" "${@:4}"
}

# load_start CLIENTS [ADDRESS]: in the background, until load_end.
load_start() {
	TEST_MARK=$mark timeout "$MUCH" perl "$httpload" "$1" 0 \
	    "${2:-127.0.0.1:$PORT}" >>"$replies" 3>&- {never}>&- &
	loads+=($!)
}

# Nothing was lost.
load_end() {
	local bad=0 pid
	kill "${loads[@]}"
	for pid in "${loads[@]}"; do
		wait "$pid" || bad=1
	done
	sort "$replies" | uniq -c >&2
	[ "$bad" -eq 0 ] && ! grep '^lost' "$replies"
}

# only TEXT [ADDRESS]: that is what everybody gets now.
only() {
	[ "$(http 4 5 "${@:2}" | sort | uniq -c | xargs)" = "20 $1" ]
}

# Whether so many replies of the load, or more, have this text.
load_got() {
	[ "$(grep -cx "$2" "$replies")" -ge "$1" ]
}

# An application of these tests says a line 2000 times, in pieces that are some
# time apart; for /wait it waits at the gate before.  For each copy it is loaded
# so many times, and says so.

# reload_to CODE TEXT TIMES: with the application that CODE writes; in the end
# the old are all gone.
reload_to() {
	local old
	mapfile -t old < <(pool)
	[ "${#old[@]}" -ge "$3" ]
	"$1" "$2"
	reload_accepted
	eventually "$MUCH" are_gone "${old[@]}"
	eventually "$LONG" said "$3" "loaded $2"
}

# wait_through_reload CODE TIMES ADDRESS: a request that is under way gets its
# reply from those who had it.
wait_through_reload() {
	local old client
	mapfile -t old < <(pool)
	[ "${#old[@]}" -ge 2 ]
	http 1 1 "$3" /wait >"$out" 3>&- {never}>&- &
	client=$!
	eventually "$LONG" said 1 waits
	"$1" two
	reload_accepted
	eventually "$LONG" said "$2" 'loaded two'
	# The others leave at once.
	eventually "$LONG" only two "$3"
	run ! are_gone "${old[@]}"
	let_on
	wait "$client"
	grep -qx one "$out"
	eventually "$LONG" are_gone "${old[@]}"
}

# -- gunicorn, by LISTEN_FDS ---------------------------------------------------

need_gunicorn() {
	need gunicorn
	timeout "$LONG" "$program" --version >/dev/null 2>&1 ||
	    skip "gunicorn does not run"
}

# It is loaded by a process that knows what to do with a TERM signal.
wsgi() {
	app_file app.py <<-EOF
	import time
	print("loaded $1", flush=True)
	def app(environ, start_response):
	    if environ["PATH_INFO"] == "/wait":
	        print("waits", flush=True)
	        with open("$BATS_TEST_TMPDIR/gate") as gate:
	            gate.readline()
	    line = b"$1\n"
	    start_response("200 OK", [("Content-Type", "text/plain"),
	        ("Content-Length", str(2000 * len(line)))])
	    for piece in range(20):
	        time.sleep(0.002)
	        yield 100 * line
	EOF
}

# serve_gunicorn COPIES ARGUMENTS
serve_gunicorn() {
	wsgi one
	# Another code may come within a second.
	serve 'listen 127.0.0.1:0' "workers $1" 'ready notify' \
	    "run $program $2 app:app" 'env PYTHONDONTWRITEBYTECODE=1'
}

@test "gunicorn: reloads under load lose nothing, and bring the new code" {
	need_gunicorn
	serve_gunicorn 2 '--workers 2'
	eventually "$LONG" said 4 'loaded one'
	[ "$(pool | wc -l)" -eq 6 ]
	only one
	load_start 8
	eventually "$LONG" load_got 20 one
	for text in two three four five six; do
		reload_to wsgi "$text" 4
		only "$text"
		eventually "$LONG" load_got 20 "$text"
	done
	load_end
	server_stop
	no_complaint
}

@test "gunicorn: a request that is under way at a reload gets its reply" {
	need_gunicorn
	gate
	serve_gunicorn 1 '--workers 1'
	eventually "$LONG" said 1 'loaded one'
	wait_through_reload wsgi 1 "127.0.0.1:$PORT"
	server_stop
	no_complaint
}

@test "gunicorn: one that is killed is replaced, and its workers do not stay" {
	need_gunicorn
	# By themselves they would notice after half of that.
	serve_gunicorn 2 '--workers 2 --timeout 300'
	eventually "$LONG" said 4 'loaded one'
	victim=$(copies | head -n 1)
	mapfile -t old < <(session_pids "$victim")
	[ "${#old[@]}" -eq 3 ]
	kill -KILL "$victim"
	eventually "$LONG" are_gone "${old[@]}"
	eventually "$LONG" copies_are 2 "$victim"
	eventually "$LONG" said 6 'loaded one'
	only one
	server_stop
}

@test "gunicorn: one that cannot load its application does not take over" {
	need_gunicorn
	# Else it says that it is ready before it has tried.
	serve_gunicorn 1 '--workers 1 --preload'
	eventually "$LONG" said 1 'loaded one'
	before=$(copies)
	echo 'no python' | app_file app.py
	reload_refused
	log_has 'reload refused: worker app/1 .* exited with status [1-9]'
	[ "$(copies)" = "$before" ]
	only one
	wsgi two
	reload_accepted
	eventually "$MUCH" is_gone "$before"
	only two
	server_stop
}

# -- fcgiwrap, on descriptor 0 --------------------------------------------------

# A script that says what it is asked, 2000 times.  Some builds would take the
# sockets from LISTEN_FDS, too.
serve_fcgiwrap() {
	need cgi-fcgi
	client=$program
	need fcgiwrap
	gate
	socket=$BATS_TEST_TMPDIR/socket
	app_file script 755 <<-EOF
	#!/bin/sh
	printf 'Content-Type: text/plain\r\n\r\n'
	if [ "\$QUERY_STRING" = wait ]; then
		echo waits >&2
		read -r line <'$BATS_TEST_TMPDIR/gate'
	fi
	seq -f "\$QUERY_STRING %g" 2000
	EOF
	serve "listen unix:$socket" "workers $1" 'ready 100ms' 'run-fd 0' \
	    "run /usr/bin/env -u LISTEN_FDS $program" "${@:2}"
	eventually "$LONG" copies_are "$1"
}

# is_told QUERY: the reply is whole, and its own.
is_told() {
	env -i SCRIPT_FILENAME="$app/script" REQUEST_METHOD=GET \
	    QUERY_STRING="$1" "$(command -v timeout)" "$MUCH" \
	    "$client" -bind -connect "$socket" |
	    cmp - <(printf 'Content-Type: text/plain\r\n\r\n'
	    seq -f "$1 %g" 2000)
}

@test "fcgiwrap: scripts are run on descriptor 0, before and after a reload" {
	serve_fcgiwrap 3
	mapfile -t old < <(copies)
	at_once 12 is_told
	reload_accepted
	eventually "$LONG" are_gone "${old[@]}"
	copies_are 3 "${old[@]}"
	at_once 12 is_told
	server_stop
	no_complaint
}

# One script after the other.
cgi_load() {
	local n=0
	until [ -e "$BATS_TEST_TMPDIR/enough" ]; do
		is_told "$1.$((++n))" || return 1
		echo "$1" >>"$replies"
	done
}

# Whether each of three loads has got so many replies.
all_got() {
	local n
	for n in 1 2 3; do
		load_got "$1" "$n" || return 1
	done
}

# It breaks off what it has when it is told to end.
@test "fcgiwrap: with on-reload keep, reloads under load lose nothing" {
	serve_fcgiwrap 4 'on-reload keep'
	: >"$replies"
	before=$(copies)
	is_told wait 3>&- {never}>&- &
	waiting=$!
	eventually "$LONG" said 1 waits
	at_once 3 cgi_load 3>&- {never}>&- &
	load=$!
	for n in 1 2 3; do
		eventually "$LONG" all_got "$n"
		reload_accepted
		[ "$(copies)" = "$before" ]
	done
	eventually "$LONG" all_got 4
	let_on
	wait "$waiting"
	: >"$BATS_TEST_TMPDIR/enough"
	wait "$load"
	server_stop
	no_complaint
}

# -- Starlet, by SERVER_STARTER_PORT ---------------------------------------------

need_starlet() {
	need plackup
	perl -MPlack::Handler::Starlet -e 1 2>/dev/null || skip "no Starlet"
}

psgi() {
	app_file app.psgi <<-EOF
	\$| = 1;
	print "loaded $1\n";
	my \$line = "$1\n";
	sub {
		my (\$env) = @_;
		if (\$env->{PATH_INFO} eq "/wait") {
			print "waits\n";
			my \$gate;
			until (open(\$gate, "<", "$BATS_TEST_TMPDIR/gate")) {
				die unless \$!{EINTR};
			}
			<\$gate>;
		}
		return sub {
			my \$to = \$_[0]->([200, ["Content-Type", "text/plain",
			    "Content-Length", 2000 * length \$line]]);
			for (1 .. 20) {
				select undef, undef, undef, 0.002;
				\$to->write(\$line x 100);
			}
			\$to->close;
		};
	}
	EOF
}

# serve_starlet COPIES WORKERS: at the addresses one, two and socket.
serve_starlet() {
	psgi one
	socket=$BATS_TEST_TMPDIR/socket
	serve 'listen 127.0.0.1:0' "listen unix:$socket" 'listen 127.0.0.2:0' \
	    "workers $1" \
	    "run $program -s Starlet -E deployment --max-workers $2 $app/app.psgi"
	one=$(sed -n 's/.* app: listening on \(127.0.0.1:.*\)/\1/p' "$LOG")
	two=$(sed -n 's/.* app: listening on \(127.0.0.2:.*\)/\1/p' "$LOG")
	eventually "$LONG" said "$1" 'loaded one'
}

@test "Starlet: reloads under load lose nothing, at any of three addresses" {
	need_starlet
	serve_starlet 2 3
	for address in "$one" "$socket" "$two"; do
		only one "$address"
		load_start 3 "$address"
	done
	eventually "$LONG" load_got 30 one
	for text in two three four five six; do
		reload_to psgi "$text" 2
		for address in "$one" "$socket" "$two"; do
			only "$text" "$address"
		done
		eventually "$LONG" load_got 30 "$text"
	done
	load_end
	server_stop
	no_complaint
}

@test "Starlet: a request that is under way at a reload gets its reply" {
	need_starlet
	gate
	serve_starlet 1 2
	wait_through_reload psgi 1 "$socket"
	server_stop
	no_complaint
}

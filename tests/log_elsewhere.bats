#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the log goes where nobody looks for it: not into its file, into the
# one that was moved away, nowhere after a reload; or a log that cannot be had
# keeps a server from serving, or is taken without a word.

load lib/harness
load lib/syslog

more_setup() {
	FILE=$BATS_TEST_TMPDIR/smiled.log
}

# start_with_file ARG...: a server that logs to FILE; ARG... may say so.
start_with_file() {
	server_launch "$@"
	server_wait_notified
	STDERR=$LOG LOG=$FILE
	logs+=("$LOG")
	eventually "$LONG" log_has "smiled: listening on"
}

said() {
	[ "$(grep -Ec -- "$1" "$LOG")" -ge "${2:-1}" ]
}

# signalled NAME N: send the signal and wait for its Nth line.
signalled() {
	kill "-$1" "$PID"
	eventually "$LONG" said " info $1 from" "$2"
}

@test "log PATH: all lines are in the file, and no others may read it" {
	start_with_file -o "log $FILE" -w 2
	[ "$(stat -c %a "$FILE")" = 640 ]
	signalled TTOU 1
	server_stop
	log_has " info stopped"
	[ ! -s "$STDERR" ]
	# Another one goes on in it.
	start_with_file -o "log $FILE" -w 1
	server_stop
	[ "$(grep -c " info stopped" "$FILE")" -eq 2 ]
}

@test "a path is relative to the file it stands in" {
	mkdir "$BATS_TEST_TMPDIR/etc"
	FILE=$BATS_TEST_TMPDIR/etc/some.log
	CONF=$BATS_TEST_TMPDIR/etc/conf
	printf '%s\n' 'log some.log' 'service smile' 'listen 127.0.0.1:0' \
	    'send "Smile from the server\n"' >"$CONF"
	start_with_file -f "$CONF"
	run -0 smiled -T -f "$CONF"
	[[ $output = "log $FILE "* ]]
	server_stop
}

# No descriptor of the server leads to a file that was moved away.
nobody_has() {
	local pid
	for pid in $(session_pids "$SID"); do
		! find "/proc/$pid/fd" -lname "$1*" 2>/dev/null | grep -q . ||
		    return 1
	done
}

@test "USR1: the log is opened anew, and nothing else happens" {
	local before logger
	start_with_file -o "log $FILE" -w 1
	before=$(workers)
	logger=$(log_process)
	signalled TTOU 1
	mv "$FILE" "$FILE.1"
	kill -USR1 "$PID"
	eventually "$LONG" test -e "$FILE"
	[ "$(stat -c %a "$FILE")" = 640 ]
	eventually "$LONG" nobody_has "$FILE.1"
	signalled TTOU 1
	[ "$(workers)" = "$before" ]
	[ "$(log_process)" = "$logger" ]
	is_served
	# Also one that is gone altogether.
	rm "$FILE"
	kill -USR1 "$PID"
	eventually "$LONG" test -e "$FILE"
	server_stop
	log_has " info stopped"
	logs+=("$FILE.1")
}

@test "USR1, and the log cannot be opened: it goes on in the old one" {
	start_with_file -o "log $FILE" -w 1
	mv "$FILE" "$FILE.1"
	mkdir "$FILE"
	LOG=$FILE.1
	kill -USR1 "$PID"
	eventually "$LONG" log_has "error cannot open the log $FILE anew: Is a \
directory; going on with the old one"
	signalled TTOU 1
	rmdir "$FILE"
	kill -USR1 "$PID"
	LOG=$FILE
	eventually "$LONG" test -e "$FILE"
	signalled TTOU 1
	logs+=("$FILE.1")
	server_stop
}

@test "the log process dies: its successor opens the file that is there" {
	local logger
	start_with_file -o "log $FILE" -o 'log-format json' -w 1
	logger=$(log_process)
	hold "$logger"
	mv "$FILE" "$FILE.1"
	kill -TTOU "$PID"
	kill -KILL "$logger"
	eventually "$LONG" test -e "$FILE"
	eventually "$LONG" log_has \
	    "^\{.*the log process \(pid $logger\) was killed by signal KILL"
	eventually "$LONG" log_has "^\{.*TTOU from pid"
	server_stop
	log_has '"message":"stopped"'
	logs=()
}

either_has() {
	cat "$STDERR" "$FILE" | grep -q -- "$1"
}

@test "a reload takes the log elsewhere, and back" {
	configure <<-EOF
	service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"
	EOF
	server_start -f "$CONF"
	STDERR=$LOG
	sed -i "1i log $FILE" "$CONF"
	kill -HUP "$PID"
	logs+=("$FILE")
	eventually "$LONG" test -e "$FILE"
	# What is said at that moment may be in the one or the other.
	eventually "$LONG" either_has " info log stderr -> $FILE\$"
	eventually "$LONG" either_has " info reload accepted: generation 2"
	is_served
	LOG=$FILE
	sed -i 1d "$CONF"
	kill -HUP "$PID"
	eventually "$LONG" either_has " info log $FILE -> stderr\$"
	LOG=$STDERR
	eventually "$LONG" either_has " info reload accepted: generation 3"
	eventually "$LONG" nobody_has "$FILE"
	server_stop
	log_has ' info stopped$'
	run ! grep -q ' info stopped$' "$FILE"
}

@test "a reload changes the format for everybody, old workers too" {
	configure <<-'EOF'
	service smile
	listen 127.0.0.1:0
	exec /bin/sh -c 'read line; echo "told $line" >&2; echo'
	workers 1
	EOF
	server_start -f "$CONF"
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" board_is serving 1
	sed -i "1i log-format json" "$CONF"
	kill -HUP "$PID"
	eventually "$LONG" log_has 'log-format text -> json'
	eventually "$LONG" log_has 'reload accepted: generation 2'
	echo now >&"$conn"
	cat <&"$conn" >/dev/null
	exec {conn}>&-
	eventually "$LONG" log_has \
	    '^\{.*"service":"smile","worker":1,"message":"[0-9.]+: told now"\}$'
	server_stop
	# From the verdict on there is nothing else.
	[ "$(sed '1,/reload accepted/d; /^{/d' "$LOG" | wc -l)" -eq 0 ]
	logs=()
}

@test "a log that cannot be had: refused by -t, at the start, by a reload" {
	local base='service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"'
	configure "log $BATS_TEST_TMPDIR/no/such
$base"
	run -78 smiled -t -f "$CONF"
	[[ $output = "$CONF:1:1: log: cannot open "*"No such file"* ]]
	ln -s "$FILE" "$BATS_TEST_TMPDIR/link"
	chmod 777 "$BATS_TEST_TMPDIR"
	run -64 smiled -t -f none -o "log $BATS_TEST_TMPDIR/link"
	[[ $output = *"symbolic link that others"* ]]
	# No terminal: that is seen only when it is opened.
	run -0 smiled -t -f none -o 'log /dev/tty'
	run -73 setsid -w smiled -f none -o 'log /dev/tty' 0
	[[ $output = "smiled: cannot open the log /dev/tty: No such device"* ]]
	configure "$base"
	server_start -f "$CONF"
	configure "log /dev/tty
$base"
	reload_refused
	log_has " error $CONF:1:1: log: cannot open '/dev/tty': No such device"
	[ "$(board generation)" -eq 1 ]
	configure "$base"
	reload_accepted
	server_stop
	chmod 755 "$BATS_TEST_TMPDIR"
}

@test "a link in a directory of ours alone is followed" {
	chmod 755 "$BATS_TEST_TMPDIR"
	ln -s "$FILE" "$BATS_TEST_TMPDIR/link"
	start_with_file -o "log $BATS_TEST_TMPDIR/link" -w 1
	server_stop
}

# -- The journal -----------------------------------------------------------------

@test "stderr is the journal: priorities, and no times" {
	# shellcheck disable=SC2016
	start_from 'JOURNAL_STREAM=$(stat -Lc %d:%i /proc/self/fd/2) exec "$@"'
	server_launch -v -w 1
	server_wait_notified
	eventually "$LONG" log_has "^<6>info smiled: listening on "
	kill -KILL "$(workers)"
	eventually "$LONG" log_has "^<[34]>(warn|error) .*was killed by signal KILL"
	server_stop
	run -1 grep -vE '^<[2-7]>(error|warn|info|debug)(\[smile/1\])? ' "$LOG"
	logs=()
}

@test "stderr is something else than the journal: times" {
	start_from 'JOURNAL_STREAM=8:1 exec "$@"'
	server_start -w 1
	server_stop
}

# -- syslog ----------------------------------------------------------------------

@test "syslog: priority, local time, name and pid, and no time of ours" {
	local before
	private_dev
	daemon_start
	before=$(TZ=UTC-3 date '+%b %e %H')
	TZ=UTC-3 server_launch -o 'log syslog:local3' -w 1
	server_wait_notified
	eventually "$LONG" got_message "^<158>[A-Z][a-z]{2} [ 123][0-9] \
[0-9:]{8} smiled\[$PID\]: info smiled: listening on .*pid $PID\$"
	got_message "^<158>($before|$(TZ=UTC-3 date '+%b %e %H')):"
	kill -KILL "$(workers)"
	eventually "$LONG" got_message "^<15[56]>.*: (warn|error) .*by signal KILL"
	server_stop
	eventually "$LONG" got_message "smiled\[$PID\]: info stopped\$"
	[ ! -s "$LOG" ]
	daemon_end
}

@test "syslog through a stream" {
	private_dev
	daemon_start stream
	server_launch -o 'log syslog' -o 'log-format json' -w 1
	server_wait_notified
	eventually "$LONG" got_message "^<30>.* smiled\[$PID\]: \{.*\"listening|\
^<30>.* smiled\[$PID\]: \{.*listening on"
	server_stop
	eventually "$LONG" got_message 'smiled.*"message":"stopped"\}$'
	daemon_end
}

@test "-b: syslog, unless the log is set; then nothing holds on to stderr" {
	local status=0
	private_dev
	daemon_start
	RUN=$BATS_TEST_TMPDIR/run.1
	mkdir -p "$RUN"
	# shellcheck disable=SC2086,SC2016
	RUNTIME_DIRECTORY=$RUN timeout "$LONG" \
	    bash -c '[ -z "$("$@" 2>&1 </dev/null)" ]' - ${SMILED_WRAP:-} \
	    "$(command -v smiled)" -b -f none -w 2 -p "$RUN/pid" 0 \
	    3>&- {never}>&- || status=$?
	PID=$(<"$RUN/pid")
	SID=$(stat_field "$PID" 4)
	sids+=("$SID")
	[ "$status" -eq 0 ]
	eventually "$LONG" got_message "smiled\[$PID\]: info smiled: listening"
	run -0 smiled -T -b -f none
	[[ $output = "log syslog "*"# command line"* ]]
	run -0 smiled -T -b -f none -o 'log stderr'
	[[ $output = "log stderr "*"# command line"* ]]
	kill "$PID"
	eventually "$LONG" is_gone "$PID"
	eventually "$LONG" got_message "info stopped"
	daemon_end
}

@test "-b: what keeps it from starting is said on stderr, too" {
	local status=0
	RUN=$BATS_TEST_TMPDIR/run.1
	mkdir -p "$RUN"
	RUNTIME_DIRECTORY=$RUN timeout "$LONG" smiled -b -f none \
	    -o "log $FILE" -o 'chdir /no/such' 0 2>"$BATS_TEST_TMPDIR/err" \
	    </dev/null 3>&- {never}>&- || status=$?
	[ "$status" -eq 71 ]
	grep -q "^smiled: cannot start: " "$BATS_TEST_TMPDIR/err"
	grep -q " error cannot start: " "$FILE"
}

@test "-b without stderr: a reload cannot have it back" {
	RUN=$BATS_TEST_TMPDIR/run.1
	mkdir -p "$RUN"
	configure "log $FILE
pid-file $RUN/pid
service smile
listen 127.0.0.1:0
send x"
	RUNTIME_DIRECTORY=$RUN timeout "$LONG" smiled -b -f "$CONF" \
	    2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- {never}>&-
	PID=$(<"$RUN/pid") LOG=$FILE
	SID=$(stat_field "$PID" 4)
	sids+=("$SID")
	sed -i '1s/.*/log stderr/' "$CONF"
	reload_refused
	log_has " error $CONF:1:1: log: a server in the background has no stderr"
	kill "$PID"
	eventually "$LONG" is_gone "$PID"
}

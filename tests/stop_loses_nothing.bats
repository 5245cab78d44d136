#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a client that came in time is reset or gets half a reply because
# the server stops just then.

load lib/harness

count() {
	awk -v word="$1" '$1 == word { print $2 }' "$2"
}

# Whether the bench saw nobody cut off; refused is who came when nobody
# listened.
nothing_cut() {
	local verdict
	for verdict in reset short wrong timeout; do
		[ "$(count "$verdict" "$BATS_TEST_TMPDIR/bench")" -eq 0 ] ||
		    return 1
	done
}

# One lane: a bench of 8 busy clients, and under it a server on one port that
# is stopped and started ROUNDS times.  Who comes when the door is shut waits
# and is served by the next server; refused is who comes between the two,
# when nobody listens.
lane() {
	local rounds=$1
	# Nobody else is given the port while it is free.  Who finds the door
	# shut several times in a row waits long.
	server_start -p "$(free_port)" -w 4
	smilebench -c 8 -d 600s -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
	for _ in $(seq "$rounds"); do
		eventually "$LONG" has_served 100
		kill -TERM "$PID"
		server_wait_end
		server_start -p "$PORT" -w 4
	done
	eventually "$LONG" has_served 100
	interrupt "$bench"
	wait "$bench" || true
	server_stop
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(count ok "$BATS_TEST_TMPDIR/bench")" -gt $((rounds * 100)) ]
	nothing_cut
}

has_served() {
	local ok
	ok=$(board ok)
	[ "${ok:-0}" -ge "$1" ]
}

@test "100 stops and starts under 8 busy clients: no reset, no short reply" {
	in_lanes 10 lane 10
}

# shut_door: told by TERM.  What the master logs of it is said before it is done;
# when it has logged what came after that, it is done.
shut_door() {
	kill -TERM "$PID"
	eventually "$LONG" log_has 'TERM from pid'
	kill -USR1 "$PID"
	eventually "$LONG" log_has 'USR1 from pid'
}

# A queue that cannot be emptied holds the stop at that point.  Those who knock
# meanwhile do so again after 1, 3, 7, 15 and 31 s, or after 1, 2, 3, 4, 5, 7,
# 11, 19 and 35 s (tcp_syn_linear_timeouts); if that is just between the two
# servers, they are refused, and that says nothing.  So they are left time until
# a server must have come up before they knock again: one second or more, three,
# or eleven.
door_is_shut() {
	local wait
	for wait in 1000 8000 20000; do
		knock_at_shut_door "$wait"
		[ "$(count refused "$BATS_TEST_TMPDIR/late")" -ne 0 ] || break
		echo "after $wait ms they came between the two" >&2
	done
	[ "$(count ok "$BATS_TEST_TMPDIR/late")" -eq 20 ]
}

# knock_at_shut_door MS: and have the next server come not before that time.
knock_at_shut_door() {
	local port begin
	port=$(free_port)
	server_start -p "$port" -w 2 -o 'stop-timeout 1m'
	mapfile -t held < <(workers)
	hold "${held[@]}"
	smile localhost "$PORT" >"$BATS_TEST_TMPDIR/early" </dev/null \
	    3>&- {never}>&- &
	early=$!
	eventually "$LONG" queue_is 1
	shut_door
	begin=$(now_ms)
	smilebench -c 20 -n 20 -t 1m 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/late" 2>&1 3>&- {never}>&- &
	late=$!
	eventually "$LONG" knockers_are 20
	eventually 30 has_passed $((begin + $1))
	[ "$(count ok "$BATS_TEST_TMPDIR/late")" = "" ]
	let_go "${held[@]}"
	server_wait_end
	wait "$early"
	[ "$(cat "$BATS_TEST_TMPDIR/early")" = "Smile from the server" ]
	server_start -p "$port"
	wait "$late" || true
	[ $(($(count ok "$BATS_TEST_TMPDIR/late") +
	    $(count refused "$BATS_TEST_TMPDIR/late"))) -eq 20 ]
	server_stop
}

@test "who comes while the door is shut waits, and the next server has him" {
	door_is_shut
}

@test "the same where an ordinary user has shut it" {
	become_ordinary
	door_is_shut
}

# A client whose packets have the hop limit that still passes the door stands
# for one whose handshake was under way: what it sends after has another.
@test "who was on the step when an ordinary user shut the door: served whole" {
	become_ordinary
	server_start -P "$testbin/bigsmile" -w 1 -o 'stop-timeout 1m' 3000000
	worker=$(workers)
	hold "$worker"
	odd >"$BATS_TEST_TMPDIR/early" 3>&- {never}>&- &
	early=$!
	eventually "$LONG" queue_is 1
	shut_door
	odd ttl=255 >"$BATS_TEST_TMPDIR/step" 3>&- {never}>&- &
	step=$!
	eventually "$LONG" queue_is 2
	let_go "$worker"
	eventually "$LONG" is_gone "$early"
	eventually "$LONG" is_gone "$step"
	wait "$early"
	wait "$step"
	[ "$(wc -c <"$BATS_TEST_TMPDIR/early")" -eq 3000000 ]
	[ "$(wc -c <"$BATS_TEST_TMPDIR/step")" -eq 3000000 ]
	server_wait_end
}

has_passed() {
	[ "$(now_ms)" -ge "$1" ]
}

# How many clients have sent a SYN that nobody answered (SYN_SENT), and at least
# another one.
knockers_are() {
	[ "$(awk -v port="$(printf '%04X' "$PORT")" \
	    '$4 == "02" && $3 ~ (":" port "$") && $7 !~ /00$/' /proc/net/tcp |
	    wc -l)" -eq "$1" ]
}

@test "a stop with 200 connections in the queue: all are served" {
	server_start -w 4
	mapfile -t held < <(workers)
	hold "${held[@]}"
	smilebench -c 200 -n 200 -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" queue_is 200
	kill -TERM "$PID"
	eventually "$LONG" log_has 'TERM from pid'
	let_go "${held[@]}"
	wait "$bench"
	server_wait_end
	[ "$(count ok "$BATS_TEST_TMPDIR/bench")" -eq 200 ]
}

@test "TERM to the whole process group under load: nothing lost" {
	for _ in 1 2 3 4 5; do
		server_start -w 4
		smilebench -c 8 -d 600s -t 1m localhost "$PORT" \
		    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
		bench=$!
		eventually "$LONG" has_served 100
		kill -TERM "-$PID"
		server_wait_end
		interrupt "$bench"
		wait "$bench" || true
		nothing_cut
	done
}

@test "TERM in the middle of a reload under load: nothing lost" {
	for _ in 1 2 3 4 5 6; do
		server_start -w 8
		smilebench -c 8 -d 600s -t 1m localhost "$PORT" \
		    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
		bench=$!
		eventually "$LONG" has_served 100
		kill -HUP "$PID"
		kill -TERM "$PID"
		server_wait_end
		interrupt "$bench"
		wait "$bench" || true
		nothing_cut
	done
}

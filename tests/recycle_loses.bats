#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a worker that is replaced because it has served its share takes a
# client with it, or leaves before another is ready; or too many go at a time.

# What the JSON says is for Perl.
# shellcheck disable=SC2016

load lib/harness
load lib/pools

# Whether none of these is there.
none_left() {
	local now pid
	now=$(workers)
	for pid; do
		! grep -qx "$pid" <<<"$now" || return 1
	done
}

# idle and serving, starting, retiring
states() {
	status '($j->{workers}{idle} + $j->{workers}{serving},
	    $j->{workers}{starting}, $j->{workers}{retiring})'
}

@test "under load: nobody is lost, all are replaced" {
	local first ready starting
	server_start -w 16 -o 'recycle 200'
	mapfile -t first < <(workers)
	bench_start
	until none_left "${first[@]}"; do
		read -r ready starting _ < <(states)
		# Two may become ready just while one looks.
		[ "$ready" -ge 14 ]
		[ "$ready" -le 20 ]
		[ "$starting" -le 2 ]
	done
	bench_end
	eventually "$LONG" worker_count_is 16
	run ! log_has ' (warn|error) '
	server_stop
}

# New ones hang, until they are killed for it.
@test "one in eight at a time, and nobody leaves before the next is ready" {
	local first
	export BIGSMILE_HANG=$BATS_TEST_TMPDIR/hang
	server_start -P "$testbin/bigsmile" -o 'recycle 20' \
	    -o 'start-timeout 5s' -w 16 64
	unset BIGSMILE_HANG
	mapfile -t first < <(workers)
	: >"$BATS_TEST_TMPDIR/hang"
	smilebench -e "$(printf '0%.0s' {1..63})" -c 6 -d 600s -t 1m 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" states_are 16 2 0
	eventually "$LONG" log_has 'was not ready within'
	[ "$(states | cut -d ' ' -f 1)" -eq 16 ]
	[ "$(workers | grep -cxFf <(printf '%s\n' "${first[@]}"))" -eq 16 ]
	rm "$BATS_TEST_TMPDIR/hang"
	eventually "$LONG" none_left "${first[@]}"
	bench_end
	eventually "$LONG" worker_count_is 16
	server_stop
}

states_are() {
	[ "$(states)" = "$*" ]
}

@test "a small pool: one at a time" {
	local first
	server_start -w 2 -o 'recycle 10'
	mapfile -t first < <(workers)
	bench_start
	until none_left "${first[@]}"; do
		read -r ready starting retiring < <(states)
		[ "$ready" -ge 1 ]
		[ "$starting" -le 1 ]
	done
	bench_end
	eventually "$LONG" worker_count_is 2
	server_stop
}

# Let the current server's worker become older than those that are spared.
grow_old() {
	until [ "$(now_ms)" -ge $((begun + 1500)) ]; do
		pause
	done
}

@test "not before its share is served, and soon after" {
	local begun pid
	server_start -w 1 -o 'recycle 1000'
	begun=$(now_ms)
	pid=$(workers)
	smilebench -c 2 -n 890 127.0.0.1 "$PORT" >/dev/null
	grow_old
	[ "$(workers)" = "$pid" ]
	smilebench -c 2 -n 230 127.0.0.1 "$PORT" >/dev/null
	eventually "$LONG" none_left "$pid"
	eventually "$LONG" worker_count_is 1
	server_stop
	server_start -w 1
	begun=$(now_ms)
	pid=$(workers)
	smilebench -c 2 -n 2000 127.0.0.1 "$PORT" >/dev/null
	grow_old
	[ "$(workers)" = "$pid" ]
	server_stop
}

# Else one that always says so would have the master do nothing but fork.
@test "none is replaced before it is a second old" {
	local begun n
	begun=$(now_ms)
	server_start -w 1 -o 'recycle 1'
	bench_start
	declare -A seen=()
	until [ "${#seen[@]}" -ge 4 ]; do
		for pid in $(workers); do
			seen[$pid]=1
		done
	done
	[ $(($(now_ms) - begun)) -ge 1900 ]
	bench_end
	server_stop
}

@test "programs: each connection is served to its end" {
	local first
	server_start -w 3 -o 'recycle 5' -o 'exec /bin/echo "Smile from the server"'
	mapfile -t first < <(workers)
	bench_start
	eventually "$LONG" none_left "${first[@]}"
	bench_end
	eventually "$LONG" worker_count_is 3
	server_stop
}

@test "a pool of variable size is as large as before" {
	local first
	server_start -w 3..6 -o 'spare 1' -o 'recycle 20'
	mapfile -t first < <(workers)
	bench_start
	eventually "$LONG" none_left "${first[@]}"
	bench_end
	eventually "$LONG" status_is '$j->{workers}{retiring}' 0
	eventually "$LONG" status_is '$j->{workers}{idle} ==
	    $j->{services}[0]{wanted}' 1
	[ "$(wanted)" -le 6 ]
	server_stop
}

@test "a worn worker that is killed: the pool is as large as before" {
	local first
	server_start -w 2 -o 'recycle 10'
	mapfile -t first < <(workers)
	# They are young: their successors are not asked for yet, or just now.
	smilebench -c 2 -n 30 127.0.0.1 "$PORT" >/dev/null
	kill -KILL "${first[@]}" 2>/dev/null || true
	eventually "$LONG" none_left "${first[@]}"
	eventually "$LONG" ready_is 2
	eventually "$LONG" worker_count_is 2
	smile localhost "$PORT"
	server_stop
}

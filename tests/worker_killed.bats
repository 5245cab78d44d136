#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a worker dies and is not replaced, leaves a zombie, or takes more
# with it than the one connection it held; or one that dies at once is made
# again and again without pause.

load lib/harness

# Whether there are N workers and none of them is one of these pids.
replaced() {
	local n=$1 now pid
	shift
	now=$(workers)
	[ "$(wc -w <<<"$now")" -eq "$n" ] || return 1
	for pid in "$@"; do
		! grep -qw "$pid" <<<"$now" || return 1
	done
}

# The times for which the log says that smile/1 was put off.
pauses() {
	sed -n 's/.*smile\/1: trying again in \(.*\) s/\1/p' "$LOG"
}

log_has_pauses() {
	[ "$(pauses | wc -l)" -eq "$1" ]
}

@test "killed while idle: replaced, and told how it died" {
	server_start -w 2
	victim=$(workers 1)
	kill -KILL "$victim"
	eventually "$LONG" replaced 2 "$victim"
	eventually "$LONG" log_has \
	    "worker smile/1 \(pid $victim\) was killed by signal KILL"
	smile localhost "$PORT"
	server_stop
}

@test "killed while serving: that connection is lost and counted, no other" {
	server_start -P "$testbin/bigsmile" -w 2 3000000
	odd_hold
	eventually "$LONG" board_is serving 1
	victim=$(board 'slot . pid' | sed -n 's/ serving//p')
	kill -KILL "$victim"
	eventually "$LONG" replaced 2 "$victim"
	eventually "$LONG" log_has "worker smile/. \(pid $victim\) was killed .* while serving"
	[ "$(board killed)" -eq 1 ]
	[ "$(odd | wc -c)" -eq 3000000 ]
	odd_let_go
	server_stop
}

@test "64 killed in one instant: all replaced, no zombie" {
	server_start -w 64
	victims=$(workers)
	[ "$(wc -w <<<"$victims")" -eq 64 ]
	# shellcheck disable=SC2086
	kill -KILL $victims
	# shellcheck disable=SC2086
	eventually "$LONG" replaced 64 $victims
	for pid in $(session_pids "$SID"); do
		[ "$(stat_field "$pid" 1)" != Z ]
	done
	smile localhost "$PORT"
	server_stop
}

@test "killed under load: only what was being served is lost" {
	server_start -w 4
	smilebench -c 8 -d 600s -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" has_accepted 100
	kills=0 end=$(($(now_ms) + 2000))
	# For two seconds, and longer where a kill takes long.
	until [ "$kills" -gt 5 ] && [ "$(now_ms)" -ge "$end" ]; do
		[ "$(now_ms)" -lt $((end + 2 * LONG * 1000)) ]
		victim=$(workers | head -n 1)
		if [ -n "$victim" ] && kill -KILL "$victim" 2>/dev/null; then
			kills=$((kills + 1))
		fi
		pause
	done
	interrupt "$bench"
	wait "$bench" || true
	cat "$BATS_TEST_TMPDIR/bench"
	lost=$(awk '$1 ~ /^(refused|reset|short|wrong|timeout)$/ { n += $2 }
	    END { print n + 0 }' "$BATS_TEST_TMPDIR/bench")
	[ "$lost" -le "$kills" ]
	eventually "$LONG" worker_count_is 4
	server_stop
}

@test "one that dies again and again is made ever more slowly" {
	server_start -w 1
	for _ in 1 2 3 4 5; do
		eventually "$LONG" worker_count_is 1
		victim=$(workers)
		kill -KILL "$victim"
		# Not until there is none: the next one may come soon.
		eventually "$LONG" is_gone "$victim"
	done
	# The worker is gone before the log says what follows from that.
	eventually "$LONG" log_has_pauses 5
	# 0.1, 0.2, 0.4, 0.8, 1.6 s, each give or take a quarter, and rounded.
	pauses | awk '{ pause = 0.1 * 2 ^ (NR - 1) }
	    $1 < 0.75 * pause - 0.051 || $1 > 1.25 * pause + 0.051 {
		bad = 1 } END { exit bad || NR != 5 }'
	eventually "$LONG" worker_count_is 1
	smile localhost "$PORT"
	server_stop
}

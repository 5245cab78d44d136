#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a reload loses a connection, leaves old workers behind, or, when
# the new workers cannot start, the old ones are gone as well.

load lib/harness

@test "200 reloads under load: nothing lost, nobody left" {
	server_start -w 4
	smilebench -c 8 -d 600s -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
	bench=$!
	for n in $(seq 200); do
		kill -HUP "$PID"
		eventually "$LONG" board_is reloads_done "$n"
	done
	interrupt "$bench"
	wait "$bench"
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(board generation)" -eq 201 ]
	eventually "$LONG" worker_count_is 4
	server_stop
}

@test "many HUPs at once make few reloads, and the last one counts" {
	server_start -w 2
	for _ in $(seq 100); do
		kill -HUP "$PID"
	done
	eventually "$LONG" reloads_done_beyond 0
	eventually "$LONG" reloads_settled
	eventually "$LONG" worker_count_is 2
	eventually "$LONG" session_has 4
	server_stop
}

@test "workers that cannot be forked: refused, the old ones serve on" {
	# The limit on processes does not bind root.
	become_ordinary
	server_start -w 4
	old=$(workers)
	soft=$("${become[@]}" prlimit --pid "$PID" --nproc --noheadings \
	    --output=SOFT)
	"${become[@]}" prlimit --pid "$PID" --nproc=1:
	kill -HUP "$PID"
	# The last line of it; the board knows before the log does.
	eventually "$LONG" log_has 'reload refused'
	board_is reloads_done 1
	[[ "$(board text)" == "refused: cannot fork a worker"* ]]
	# One is enough; of hundreds, the log would have no room for the verdict.
	[ "$(grep -c 'cannot fork a worker' "$LOG")" -eq 2 ]
	[ "$(board generation)" -eq 1 ]
	[ "$(workers)" = "$old" ]
	smilebench -c 4 -n 100 localhost "$PORT"
	"${become[@]}" prlimit --pid "$PID" --nproc="${soft// /}:"
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_done 2
	[ "$(board generation)" -eq 2 ]
	eventually "$LONG" worker_count_is 4
	smilebench -c 4 -n 100 localhost "$PORT"
	server_stop
}

@test "workers that are never ready: refused in time, the old ones serve on" {
	export BIGSMILE_HANG=$BATS_TEST_TMPDIR/hang
	server_start -P "$testbin/bigsmile" -w 3 22
	old=$(workers)
	touch "$BIGSMILE_HANG"
	begin=$(now_ms)
	kill -HUP "$PID"
	eventually "$LONG" worker_count_is 6
	eventually $((LONG + 30)) board_is reloads_done 1
	took=$(($(now_ms) - begin))
	# How long it was is told; a master that came too late begins anew.
	[ "$took" -ge 10000 ]
	[[ "$(board text)" == *"ready within 10.0 s"* ]]
	[ "$(odd | wc -c)" -eq 22 ]
	# Not one of those that hung stays behind.
	eventually "$LONG" worker_count_is 3
	[ "$(workers)" = "$old" ]
	server_stop
}

@test "a HUP during a reload makes one more, whatever becomes of the first" {
	export BIGSMILE_HANG=$BATS_TEST_TMPDIR/hang
	server_start -P "$testbin/bigsmile" -w 1 22
	old=$(workers)
	touch "$BIGSMILE_HANG"
	kill -HUP "$PID"
	eventually "$LONG" worker_count_is 2
	kill -HUP "$PID"
	eventually "$LONG" log_has_times 2 'HUP from'
	kill -HUP "$PID"
	eventually "$LONG" log_has_times 3 'HUP from'
	rm "$BIGSMILE_HANG"
	for pid in $(workers); do
		[ "$pid" = "$old" ] || kill -KILL "$pid"
	done
	eventually "$LONG" board_is reloads_done 2
	[ "$(board reloads_started)" -eq 2 ]
	[ "$(board generation)" -eq 2 ]
	eventually "$LONG" log_has \
	    'reload refused: worker .* was killed .* before it was ready'
	eventually "$LONG" worker_count_is 1
	server_stop
}

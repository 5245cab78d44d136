#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a worker that somebody has taken over writes on the board what it
# likes, and the master believes it: signals whom it names, counts to where it
# says, or dies of it.
#
# Set SMILED_LONG for a minute of it.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness

# A server whose workers write garbage over all slots, with the pid of the
# bystander in it, and a load that has them do it.
poisoned() {
	bystander
	export BIGSMILE_POISON=$bystander
	server_start -P "$testbin/bigsmile" -w 4 1000
	unset BIGSMILE_POISON
	master=$(board pid)
	smilebench -c 4 -d 600s -t 1m 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 2>&1 3>&- {never}>&- &
	bench=$!
}

stop_load() {
	interrupt "$bench"
	wait "$bench" || true
}

# Figures of the dead; never less than they were.
dead() {
	board 'dead_[a-z_]*' | tr '\n' ' '
}

dead_grew() {
	local now i
	read -ra now < <(dead) || true
	[ "${#now[@]}" -eq 4 ]
	for i in "${!now[@]}"; do
		[ "${#was[@]}" -eq 0 ] || [ "${now[i]}" -ge "${was[i]}" ] || {
			echo "less than before: ${was[*]}: ${now[*]}" >&2
			return 1
		}
	done
	was=("${now[@]}")
}

# What was accepted by them has ended, whatever they said.
dead_balance() {
	local now
	read -ra now < <(dead) || true
	[ "${now[0]}" -eq "${now[1]}" ]
}

# Everything that reads the board; whether it was seen that it is garbage.
look() {
	local workers
	timeout "$LONG" smilectl -d "$RUN" status >/dev/null
	timeout "$LONG" smilectl -d "$RUN" metrics >/dev/null
	[ "$(status '$j->{pid}')" -eq "$master" ]
	workers=$(timeout "$LONG" smilectl -d "$RUN" workers)
	run ! grep -q '[^ -~]' <<<"$workers"
	grep -q ' invalid ' <<<"$workers"
}

# Have one of the workers die, with whatever it left.
bury_one() {
	local victim
	victim=$(session_pids "$SID" 'smiled: worker ' | head -n 1)
	[ -z "$victim" ] || kill -KILL "$victim" 2>/dev/null || true
}

@test "garbage in all slots: the master lives, and signals only its own" {
	local end invalid=0 round=0 was=()
	poisoned
	end=$(($(now_ms) + ${SMILED_LONG:+60}000))
	[ -n "${SMILED_LONG:-}" ] || end=$(($(now_ms) + 4000))
	until [ "$round" -ge 4 ] && [ "$(now_ms)" -ge "$end" ]; do
		round=$((round + 1))
		if look; then invalid=$((invalid + 1)); fi
		bury_one
		run -0 ctl reload -t "${LONG}s"
		[[ "$output" == "accepted: "* ]]
		dead_grew
		is_gone "$PID" && return 1
		kill -0 "$bystander"
	done
	[ "$invalid" -gt 0 ]
	[ "${was[0]}" -gt 0 ]
	stop_load
	[ "$(smile 127.0.0.1 "$PORT" | wc -c)" -eq 1000 ]
	eventually "$LONG" dead_balance
	# Nothing of it has come into what was decided.
	eventually "$LONG" session_has 6
	kill "$PID"
	server_wait_end
	bystander_is_unharmed
}

@test "garbage in all slots: each that is signalled is a child" {
	need_strace
	SMILED_WRAP="strace -f -qq -s 1 -o $BATS_TEST_TMPDIR/trace
	    -e trace=kill,tkill,tgkill,pidfd_send_signal,clone,clone3,fork,vfork
	    -e signal=none"
	poisoned
	for _ in 1 2; do
		bury_one
		run -0 ctl reload -t "${LONG}s"
	done
	stop_load
	kill "$master"
	server_wait_end
	bystander_is_unharmed
	# pid call(target, ...) = result, or that of one that took long.
	awk '
	    / (clone|clone3|fork|vfork)[( ]/ || /<\.\.\. (clone|clone3|v?fork) resumed/ {
		if ($NF ~ /^[0-9]+$/) child[$NF] = 1
	    }
	    match($0, / (kill|tkill|tgkill|pidfd_send_signal)\(-?[0-9]+/) {
		target = substr($0, RSTART, RLENGTH)
		sub(/.*\(-?/, "", target)
		signalled[target] = $0
		n++
	    }
	    END {
		for (pid in signalled)
			if (!(pid in child)) { print signalled[pid]; bad = 1 }
		if (n == 0) print "nobody was signalled"
		exit bad || n == 0
	    }' "$BATS_TEST_TMPDIR/trace"
}

# That is where the figures of one that died are read.
@test "a worker that dies of what it did is replaced, and put off" {
	local was=()
	poisoned
	for _ in 1 2 3 4; do
		bury_one
		eventually "$LONG" session_has 6
		dead_grew
	done
	stop_load
	kill "$PID"
	server_wait_end
	bystander_is_unharmed
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: accept fails, and the worker spins, dies, or never serves again.

load lib/harness

# Clock ticks of processor time a process has used.
ticks() {
	echo $(($(stat_field "$1" 12) + $(stat_field "$1" 13)))
}

@test "no descriptors left: no spinning, and it recovers" {
	# Limits of another user's processes are not for everybody's root.
	server_start -w 1 -o 'user root'
	worker=$(workers)
	hard=$(prlimit --pid "$worker" --nofile --noheadings --output=HARD)
	# Numbers below 3 are all it may have, and those are taken.
	prlimit --pid "$worker" --nofile="3:$hard"
	# It sleeps in accept with a descriptor already set aside: wake it.
	smile localhost "$PORT"
	smile localhost "$PORT" >"$BATS_TEST_TMPDIR/reply" 3>&- {never}>&- &
	client=$!
	eventually "$LONG" log_has 'cannot accept: .*; trying again in'
	before=$(ticks "$worker")
	end=$(($(now_ms) + 1500))
	while [ "$(now_ms)" -lt "$end" ]; do
		pause
	done
	[ $(($(ticks "$worker") - before)) -le 5 ]
	[ "$(board accept_errors)" -ge 2 ]
	[ ! -s "$BATS_TEST_TMPDIR/reply" ]
	prlimit --pid "$worker" --nofile="$hard:$hard"
	wait "$client"
	grep -q 'Smile from the server' "$BATS_TEST_TMPDIR/reply"
	[ "$(workers)" = "$worker" ]
	[ "$(grep -c 'cannot accept' "$LOG")" -eq 1 ]
	server_stop
}

@test "errors of accept, one by one: the worker lives and serves" {
	command -v strace >/dev/null || skip "no strace"
	for error in ECONNABORTED EPROTO ENETDOWN EHOSTUNREACH EPERM ENFILE \
	    ENOBUFS ENOMEM EAGAIN EINTR; do
		SMILED_WRAP="strace -f -qq -o /dev/null --seccomp-bpf
		    -e trace=accept4 -e inject=accept4:error=$error:when=1..2"
		server_start -w 1
		worker=$(workers)
		run -0 smile -t "${LONG}s" localhost "$PORT"
		[ "$output" = "Smile from the server" ]
		[ "$(workers)" = "$worker" ]
		kill -TERM "$(stat_field "$worker" 2)"
		server_wait_end
	done
}

# Set O_NONBLOCK on the listening socket that PID has as descriptor FD, through
# a copy of it (pidfd_open(2), pidfd_getfd(2)).
flip() {
	perl -MFcntl -e 'my $pidfd = syscall(434, $ARGV[0] + 0, 0);
	    my $fd = syscall(438, $pidfd, $ARGV[1] + 0, 0);
	    exit 77 if $fd < 0;
	    open(my $h, "<&=", $fd) or die "$!";
	    fcntl($h, F_SETFL, fcntl($h, F_GETFL, 0) | O_NONBLOCK)
	    or die "$!"' "$1" "$2"
}

# The descriptor under which PID has its listening socket.
listener_of() {
	local fd inode
	inode=$(tcp_listeners | sed -n "s/.*:$(printf '%04X' "$PORT") .* //p")
	for fd in "/proc/$1/fd"/*; do
		if [ "$(readlink "$fd")" = "socket:[$inode]" ]; then
			echo "${fd##*/}"
		fi
	done
}

@test "the socket made non-blocking by somebody: served without spinning" {
	server_start -w 2
	status=0
	flip "$PID" "$(listener_of "$PID")" || status=$?
	[ "$status" -ne 77 ] || skip "no permission for pidfd_getfd"
	[ "$status" -eq 0 ]
	smilebench -c 4 -n 200 localhost "$PORT"
	eventually "$LONG" log_has 'was made non-blocking'
	before=0
	for worker in $(workers); do
		before=$((before + $(ticks "$worker")))
	done
	end=$(($(now_ms) + 1000))
	while [ "$(now_ms)" -lt "$end" ]; do
		pause
	done
	after=0
	for worker in $(workers); do
		after=$((after + $(ticks "$worker")))
	done
	[ $((after - before)) -le 3 ]
	smile localhost "$PORT"
	server_stop
}

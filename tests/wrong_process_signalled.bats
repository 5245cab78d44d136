#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: what a board says is believed, and a process that has nothing to do
# with it is told to stop; or one of a user who may not tell is half told.

load lib/harness

more_setup() {
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# A board that a server left which was killed.
dead_board() {
	left_board=yes
	server_start -w 1
	kill -KILL "$PID"
	wait "$PID" || true
	eventually "$LONG" session_is_empty "$SID"
	cp "$RUN/smiled.board" "$dir/x.board"
}

# put_pid PID: as whose the board gives itself out; where it says so is part of
# what never changes in it (board/layout.h).
put_pid() {
	perl -e 'my ($file, $was, $now) = @ARGV;
	    open my $f, "+<", $file or die $!;
	    read $f, my $head, 4096;
	    my $at = 12;
	    substr($head, $at, 4) eq pack "L", $was or die;
	    seek $f, $at, 0;
	    print $f pack "L", $now' "$dir/x.board" "$PID" "$1"
	[ "$("$testbin/boardcat" "$dir/x.board" pid)" -eq "$1" ]
}

# Whatever would signal it.
try_all() {
	for command in reload reopen stop 'stop --now' 'stop -i x'; do
		# shellcheck disable=SC2086
		run -3 timeout "$LONG" smilectl -d "$dir" $command
		[[ "$output" == *"is not running"* ]]
	done
}

@test "a stale board whose pid is another process's now" {
	dead_board
	bystander
	put_pid "$bystander"
	try_all
	bystander_is_unharmed
}

@test "a board that is locked by somebody who is not its server" {
	dead_board
	bystander "$dir/x.board"
	try_all
	run -3 smilectl -d "$dir" status
	bystander_is_unharmed
}

# Then it is one for all that anybody can know; whoever may lock it might as well
# have made it.
@test "one that is locked by the process that it names is signalled" {
	dead_board
	bystander "$dir/x.board"
	put_pid "$bystander"
	run -0 smilectl -d "$dir" reopen
	eventually "$LONG" grep -q USR1 "$heard"
	kill -KILL "$bystander"
}

@test "a server in a pid namespace of its own is known for what it is" {
	[ "$(id -u)" -eq 0 ] || skip "only root can make a pid namespace"
	unshare -pf --kill-child true 2>/dev/null || skip "no namespaces here"
	start_from 'unshare -pf --kill-child "$@" 2>&2 9>&9 & wait'
	server_start -w 1
	# It has a small pid there, and another one here.
	[ "$(board pid)" -lt 10 ]
	run -0 ctl reload
	[[ "$output" == "accepted: generation 2"* ]]
	ctl stop
	server_wait_end
}

# The other way round, it has none where it is looked for.
@test "a server that has no pid where we are: seen, and not signalled" {
	[ "$(id -u)" -eq 0 ] || skip "only root can make a pid namespace"
	unshare -pf true 2>/dev/null || skip "no namespaces here"
	server_start -w 1
	RUNTIME_DIRECTORY=$RUN run -0 unshare -pf smilectl status
	RUNTIME_DIRECTORY=$RUN run -77 unshare -pf smilectl stop
	[[ "$output" == *"has no pid here"* ]]
	is_served
	server_stop
}

@test "an ordinary user and another's server: told, and nothing happens" {
	local become
	[ "$(id -u)" -eq 0 ] || skip "only root can be another user"
	command -v setpriv >/dev/null || skip "no setpriv"
	become=(setpriv --reuid=54321 --regid=54321 --clear-groups
	    env RUNTIME_DIRECTORY="$BATS_TEST_TMPDIR/run.1")
	# The programs may be where only root can go.
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
	cp "$(command -v smilectl)" "$BATS_TEST_TMPDIR"
	chmod 755 "$BATS_TEST_TMPDIR/smilectl"
	PATH=$BATS_TEST_TMPDIR:$PATH
	server_start -w 1
	pids=$(workers)
	for command in reload reopen stop 'stop --now'; do
		# shellcheck disable=SC2086
		run -77 timeout "$LONG" "${become[@]}" smilectl $command
		[[ "$output" == *"the server with pid $PID is another user's"* ]]
	done
	# To see is everybody's right.
	run -0 "${become[@]}" smilectl status
	[[ "$output" == *", serving, pid $PID,"* ]]
	run -0 "${become[@]}" smilectl workers
	run -0 "${become[@]}" smilectl metrics
	run ! log_has ' (HUP|USR1|TERM|INT) from pid '
	[ "$(workers)" = "$pids" ]
	server_stop
}

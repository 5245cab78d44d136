#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: two servers, or a server and what a dead one left behind, write on
# the same board; or one without a board does not work.

load lib/harness

# The next server has this run-time directory.
in_directory() {
	start_from "export RUNTIME_DIRECTORY='$1'; exec \"\$@\""
}

@test "a second server in the same directory says so, and works" {
	local first first_run first_log first_sid first_fds inode
	server_start -w 2
	is_served
	first=$PID first_run=$RUN first_log=$LOG first_sid=$SID first_fds=$FDS
	inode=$(stat -c %i "$RUN/smiled.board")

	in_directory "$first_run"
	server_start -w 1
	log_has "$first_run/smiled.board belongs to the server with pid $first;"
	log_has "this one keeps its board to itself"
	is_served
	kill -HUP "$PID"
	eventually "$LONG" log_has "reload accepted: generation 2"
	server_stop

	# The board of the first: the same file, and nothing counted twice.
	PID=$first RUN=$first_run LOG=$first_log SID=$first_sid FDS=$first_fds
	[ "$(stat -c %i "$RUN/smiled.board")" -eq "$inode" ]
	board_is pid "$first"
	board_is generation 1
	board_is accepted 1
	eventually "$LONG" board_is waiting 2
	server_stop
	[ ! -e "$RUN/smiled.board" ]
}

@test "a dead server's board hinders nobody, and its workers keep theirs" {
	local old_sid old_run client bytes size=20000000
	server_start -P "$testbin/bigsmile" -w 2 "$size"
	exec {client}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" board_is serving 1
	ln "$RUN/smiled.board" "$BATS_TEST_TMPDIR/old.board"
	old_sid=$SID old_run=$RUN
	kill -KILL "$PID"
	wait "$PID" || true
	# One worker has a client and stays; its log process stays with it.
	eventually "$LONG" worker_count_is 1

	in_directory "$old_run"
	server_start -w 1
	run ! log_has "cannot make a board|belongs to"
	RUN=$old_run
	board_is pid "$PID"
	board_is generation 1
	[ "$(stat -c %h "$BATS_TEST_TMPDIR/old.board")" -eq 1 ]
	is_served

	# It has not been shot from its map: it counts the end of its work.
	[ "$(wc -c <&"$client")" -eq "$size" ]
	exec {client}>&-
	eventually "$LONG" session_is_empty "$old_sid"
	"$testbin/boardcat" "$BATS_TEST_TMPDIR/old.board" | grep -qx "ok 1"
	board_is accepted 1
	server_stop
	[ ! -e "$RUN/smiled.board" ]
}

# works_without WORDS: the server started last says this, and does its work.
works_without() {
	log_has "warn cannot make a board in .*: $1; keeping it in memory"
	is_served
	kill -HUP "$PID"
	eventually "$LONG" log_has "reload accepted: generation 2"
	is_served
	server_stop
}

@test "a directory that cannot be made" {
	in_directory /proc/nowhere
	server_start -w 1
	works_without "No such file or directory"
}

@test "a directory that is a file, or a link" {
	local dir=$BATS_TEST_TMPDIR/dir
	: >"$dir"
	in_directory "$dir"
	server_start -w 1
	works_without "Not a directory"
	[ ! -s "$dir" ]
	mkdir "$dir.real"
	ln -sf "$dir.real" "$dir"
	server_start -w 1
	works_without "Not a directory"
	[ -z "$(ls -A "$dir.real")" ]
}

@test "a directory that others can write to" {
	local dir=$BATS_TEST_TMPDIR/dir mode
	mkdir "$dir"
	in_directory "$dir"
	for mode in 777 770 1777; do
		chmod "$mode" "$dir"
		server_start -w 1
		works_without "Operation not permitted"
		[ -z "$(ls -A "$dir")" ]
	done
}

@test "a directory we cannot write to" {
	local dir=$BATS_TEST_TMPDIR/dir
	[ "$(id -u)" -ne 0 ] || skip "root can write everywhere"
	mkdir -m 500 "$dir"
	in_directory "$dir"
	server_start -w 1
	works_without "Permission denied"
}

@test "a directory on a full disk" {
	local dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
	[ "$(id -u)" -eq 0 ] || skip "only root can mount a small disk"
	unshare -m mount -t tmpfs -o size=64k none "$dir" 2>/dev/null ||
	    skip "cannot mount here"
	start_from "mount -t tmpfs -o size=64k,mode=755 none '$dir'
	export RUNTIME_DIRECTORY='$dir'; exec \"\$@\""
	SMILED_WRAP="unshare -m $SMILED_WRAP"
	server_start -w 1
	[ -z "$(ls -A "/proc/$PID/root$dir")" ]
	works_without "No space left on device"
}

@test "a directory that is not there yet is made, the first of a list" {
	local dir=$BATS_TEST_TMPDIR/not/there/yet
	in_directory "$dir:$BATS_TEST_TMPDIR/second"
	server_start -w 1
	RUN=$dir
	board_is pid "$PID"
	[ ! -e "$BATS_TEST_TMPDIR/second" ]
	[ -z "$(find "$dir" -perm /022)" ]
	server_stop
	[ -z "$(ls -A "$dir")" ]
}

@test "at its end a server removes its own board, and no other" {
	server_start -w 1
	[ "$(ls -A "$RUN")" = smiled.board ]
	rm "$RUN/smiled.board"
	echo mine >"$RUN/smiled.board"
	kill "$PID"
	server_wait_end
	[ "$(<"$RUN/smiled.board")" = mine ]
	rm "$RUN/smiled.board"
}

@test "50 times two servers start at once: exactly one has the board" {
	mkdir "$BATS_TEST_TMPDIR/run.1"
	RUNTIME_DIRECTORY=$BATS_TEST_TMPDIR/run.1 run -0 perl - \
	    "$testbin/boardcat" "$BATS_TEST_TMPDIR" 50 <<'EOP' 3>&- {never}>&-
	use strict;
	use warnings;
	$^F = 1000;
	my ($boardcat, $tmp, $times) = @ARGV;
	my %ready;
	END { kill('KILL', keys %ready) if $? }

	for my $n (1 .. $times) {
		my %said;
		%ready = ();
		for my $i (0, 1) {
			pipe(my $r, my $w) or die;
			my $pid = fork() // die;
			if ($pid == 0) {
				open(STDERR, '>', "$tmp/log.$i") or die;
				open(STDOUT, '>', '/dev/null') or die;
				exec('setsid', 'smiled', '-w', 1, '-n',
				    fileno($w), 0);
			}
			$ready{$pid} = [$r, "$tmp/log.$i"];
		}
		for my $pid (keys %ready) {
			my $r = $ready{$pid}[0];
			# Every later child has the ends of the earlier.
			die "try $n: not ready" unless sysread($r, my $c, 1);
		}
		my $cat = `$boardcat $tmp/run.1/smiled.board`;
		my ($owner) = $cat =~ /^pid (\d+)$/m;
		kill('TERM', keys %ready);
		for my $pid (keys %ready) {
			waitpid($pid, 0) == $pid && $? == 0
			    or die "try $n: status $?";
			open(my $in, '<', $ready{$pid}[1]) or die;
			$said{$pid} = join('', <$in>);
		}
		my @second = grep { $said{$_} =~ /belongs to/ } keys %said;
		die "try $n: " . join('', values %said) unless @second == 1;
		my ($first) = grep { $_ != $second[0] } keys %said;
		die "try $n: $owner is not $first" unless $owner == $first;
		die "try $n: named wrongly: $said{$second[0]}"
		    unless $said{$second[0]} =~ /with pid $first;/;
		my @left = glob("$tmp/run.1/* $tmp/run.1/.s*");
		die "try $n: left @left" if @left;
	}
	print "done\n";
EOP
	[ "$output" = "done" ] || {
		echo "$output" >&2
		return 1
	}
}

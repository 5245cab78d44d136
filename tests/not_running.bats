#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a server that is not there is said to be, or one that is there is
# not found; or smilectl hangs, crashes or says nothing of use, whatever stands
# where a board should be.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness

more_setup() {
	dir=$BATS_TEST_TMPDIR/dir
	mkdir "$dir"
}

# A directory in which nobody can be is named, so that nobody is found who runs
# on this system.
look() {
	timeout "$LONG" smilectl -d "$dir" "$@"
}

# not_running WORDS COMMAND...: it says that, and these words.
not_running() {
	local words=$1
	shift
	run -3 --separate-stderr "$@"
	# shellcheck disable=SC2154
	[[ $stderr == "smilectl: "*" is not running (looked for its board in "*"$words"* &&
	    $stderr != *$'\n'* && -z $output ]] || {
		echo "not one line with '$words': $stderr $output" >&2
		return 1
	}
}

@test "no server: each command says where it looked" {
	local command
	for command in status workers top reload reopen stop metrics \
	    'status --json' 'workers --json' 'top --json' 'reload --json' \
	    'stop --now'; do
		# shellcheck disable=SC2086
		not_running "$dir)" look $command
	done
	not_running "$dir)" look -i other status
	[[ $stderr == "smilectl: other is not running"* ]]
	rmdir "$dir"
	not_running "$dir)" look status
}

@test "no server: the directory from the environment, and the system's" {
	ls /run/smiled/*.board /var/run/smiled/*.board \
	    /usr/local/var/run/smiled/*.board 2>/dev/null &&
	    skip "there may be a server on this system"
	RUN=$dir
	not_running "$dir and /" ctl status
}

@test "a board that a killed server left is not a server" {
	left_board=yes
	server_start -w 1
	dir=$RUN
	kill -KILL "$PID"
	wait "$PID" || true
	eventually "$LONG" session_is_empty "$SID"
	[ -s "$RUN/smiled.board" ]
	for command in status top reload stop metrics; do
		not_running "$dir)" look "$command"
	done
	look wait gone
	run -75 look wait ready -t 100ms
}

@test "wait: gone at once, ready not at all" {
	look wait gone
	run -75 look wait ready -t 200ms
	[ "$output" = "smilectl: no server was ready within 200ms" ]
}

@test "wait: until one is ready that starts later, and until it has ended" {
	dir=$BATS_TEST_TMPDIR/run.1
	look wait ready 3>&- {never}>&- &
	waiter=$!
	server_start -w 1
	wait "$waiter"
	look wait ready
	run -75 look wait gone -t 100ms
	[ "$output" = "smilectl: the server has not ended within 100ms" ]
	look wait gone 3>&- {never}>&- &
	waiter=$!
	eventually "$LONG" is_asleep "$waiter"
	server_stop
	wait "$waiter"
}

@test "stop: when it returns, the server is gone, and so is its board" {
	server_start -w 2
	server_check
	ctl stop
	# What it holds goes a moment before it does.
	eventually "$LONG" is_gone "$PID"
	[ ! -e "$RUN/smiled.board" ]
	server_wait_end
	not_running "" ctl stop -d "$RUN"
	server_start -w 1
	hold "$PID"
	run -75 ctl stop -t 100ms
	[ "$output" = "smilectl: the server has not ended within 100ms" ]
	let_go "$PID"
	server_wait_end
}

@test "stop --now: a client does not delay it" {
	server_start -P "$testbin/bigsmile" -w 1 3000000
	odd_hold
	eventually "$LONG" board_is serving 1
	ctl stop --now
	server_wait_end
	odd_let_go
	log_has ' INT from pid '
}

@test "reopen: the server is told, and nothing is said" {
	server_start -w 1
	run -0 ctl reopen
	[ -z "$output" ]
	eventually "$LONG" log_has ' USR1 from pid '
	server_stop
}

@test "a directory, or a board, that we may not read" {
	local user=()
	: >"$dir/x.board"
	chmod 0 "$dir/x.board"
	if [ "$(id -u)" -eq 0 ]; then
		command -v setpriv >/dev/null || skip "no setpriv"
		user=(setpriv --reuid=54321 --regid=54321 --clear-groups)
		chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR"
		# The programs may be where only root can go.
		cp "$(command -v smilectl)" "$BATS_TEST_TMPDIR"
		chmod 755 "$BATS_TEST_TMPDIR/smilectl" "$dir"
		PATH=$BATS_TEST_TMPDIR:$PATH
	fi
	run -77 timeout "$LONG" "${user[@]}" smilectl -d "$dir" status
	[ "$output" = "smilectl: $dir/x.board: Permission denied" ]
	chmod 0 "$dir"
	for args in status 'wait gone' 'wait ready' 'stop -i x'; do
		# shellcheck disable=SC2086
		run -77 timeout "$LONG" "${user[@]}" smilectl -d "$dir" $args
		[[ "$output" == "smilectl: $dir"*": Permission denied" ]]
	done
	chmod 700 "$dir"
}

# odd_file COMMAND...: what it makes of $dir/x.board is not taken for a server.
odd_file() {
	rm -rf "$dir/x.board"
	"$@"
	not_running "; $dir/x.board is not a board of this version)" \
	    look status
	not_running "; $dir/x.board is not a board of this version)" \
	    look -i x reload
	look wait gone
}

# A board whose bytes from the second argument on are those.
board_with() {
	cp "$RUN/smiled.board" "$dir/x.board"
	# shellcheck disable=SC2059
	printf "$2" | dd of="$dir/x.board" bs=1 seek="$1" conv=notrunc status=none
}

cut_board() {
	head -c "$1" "$RUN/smiled.board" >"$dir/x.board"
}

a_socket() {
	perl -MSocket -e 'socket my $s, AF_UNIX, SOCK_STREAM, 0;
	    bind $s, pack_sockaddr_un(shift) or die $!' "$dir/x.board"
}

@test "files that are no boards: not servers, and said so" {
	server_start -w 1
	odd_file touch "$dir/x.board"
	odd_file cp /bin/sh "$dir/x.board"
	odd_file mkfifo "$dir/x.board"
	odd_file mkdir "$dir/x.board"
	odd_file a_socket
	# Also one that names a living server's.
	odd_file ln -s "$RUN/smiled.board" "$dir/x.board"
	odd_file ln -s x.board "$dir/x.board"
	odd_file cut_board 4000
	odd_file cut_board 100
	# The version follows eight bytes; who steers does not mind it.
	rm "$dir/x.board"
	board_with 8 '\003'
	not_running "; $dir/x.board is not a board of this version)" \
	    look status
	not_running "$dir)" look -i x reload
	# What is being made is not looked at.
	mv "$dir/x.board" "$dir/.x.board.17"
	not_running "$dir)" look status
	# Nor do they hide one that lives.
	cp /bin/sh "$RUN/y.board"
	[ "$(status '$j->{pid}')" = "$PID" ]
	rm "$RUN/y.board"
	server_stop
}

@test "a living server of another version is not taken for none" {
	server_start -w 1
	board_with 8 '\003'
	bystander "$dir/x.board"
	run -1 look status
	[ "$output" = "smilectl: $dir/x.board: not a board of this version of smiled" ]
	# The lock's owner is not whom the board names: nobody to be told anything.
	run -3 look stop
	bystander_is_unharmed
	server_stop
}

@test "a server of another release can be steered, and replaced" {
	configure 'service smile
	listen 127.0.0.1:0
	send "Smile from the server\n"'
	server_start -f "$CONF"
	# The version follows eight bytes.
	printf '\377' | dd of="$RUN/smiled.board" bs=1 seek=8 conv=notrunc \
	    2>/dev/null
	run -1 ctl status
	[[ "$output" == *"not a board of this version of smiled" ]]
	ctl wait ready
	run -0 ctl reload
	[[ "$output" == "accepted: generation 2"* ]]
	cp "$CONF" "$CONF.good"
	echo wrong >>"$CONF"
	run -78 ctl reload
	run -1 ctl upgrade
	[[ "$output" == "refused: "* ]]
	cp "$CONF.good" "$CONF"
	run -0 ctl upgrade
	[[ "$output" == "accepted: pid "* ]]
	# Whose place a server of this release has taken.
	eventually "$LONG" is_gone "$PID"
	PID=$(board pid)
	upgraded=1
	[ "$(status '$j->{state}')" = serving ]
	server_stop
}

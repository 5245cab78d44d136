#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a reload that changes something loses a client on the way, changes
# half of it, or leaves something of what was.

load lib/harness

# More of the same, so that a reload takes place in the midst of it.
served_more() {
	[ "$(board ok)" -gt $((before + 200)) ]
}

some_load() {
	before=$(board ok)
	eventually "$LONG" served_more
}

# The inodes of the TCP sockets that the master has, all of which listen.
sockets() {
	local inodes
	inodes=$(readlink "/proc/$PID/fd"/* | sed -n 's/^socket:.\(.*\)\]/\1/p')
	tcp_listeners | awk -v inodes="$inodes" 'BEGIN { n = split(inodes, a)
		for (i = 1; i <= n; i++) ours[a[i]] = 1 }
		$3 in ours { print $3 }' | sort
}

start() {
	server_start -f "$CONF"
}

@test "workers 1, 64, 1 and back under load" {
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 1
	    send "Smile from the server\n"'
	start
	bench_start
	for n in 64 1 64 1; do
		some_load
		configure "service smile
		    listen 127.0.0.1:0
		    workers $n
		    send \"Smile from the server\\n\""
		reload_accepted
		eventually "$LONG" worker_count_is "$n"
	done
	log_has 'smile: workers 1 -> 64'
	log_has 'smile: workers 64 -> 1'
	some_load
	bench_end
	server_stop
}

three_services() {
	configure <<-EOF
		service smile
		    listen 127.0.0.1:0
		    send "Smile from the server\n"
		$1
	EOF
}

@test "a service added, renamed, removed; the others do not notice" {
	three_services ''
	start
	bench_start
	some_load
	three_services 'service other
		listen 127.0.0.1:0
		send "other\n"'
	reload_accepted
	log_has 'service other added'
	other=$(port_for other)
	[ "$(smile 127.0.0.1 "$other")" = other ]
	"$testbin/boardcat" "$RUN/smiled.board" | grep -qx 'service other added'
	three_services 'service renamed
		listen 127.0.0.1:0
		send "renamed\n"'
	reload_accepted
	log_has 'service other removed'
	log_has 'service renamed added'
	# The address is the same, so the socket is.
	[ "$(smile 127.0.0.1 "$other")" = renamed ]
	three_services ''
	reload_accepted
	eventually "$LONG" is_refused "$other"
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" no_workers_of renamed
	some_load
	bench_end
	server_stop
}

no_workers_of() {
	[ -z "$(workers "$1/")" ]
}

is_refused() {
	! smile 127.0.0.1 "$1" 2>/dev/null
}

# address ADDRESS TEXT [MORE]: a configuration with these.
address() {
	configure <<-EOF
		service smile
		    listen $1:$PORT
		    send "$2\n"
		    ${3:-}
	EOF
}

@test "an address moves between all and one, on one port, under load" {
	local to
	PORT=$(free_port)
	address 0.0.0.0 "Smile from the server"
	start
	bench_start
	for to in 127.0.0.1 0.0.0.0 127.0.0.1 '*' 127.0.0.1 localhost '*' \
	    0.0.0.0; do
		some_load
		address "$to" "Smile from the server"
		reload_accepted
		eventually "$LONG" listens_only_on "$to"
		# Nobody else gets the port, whatever was asked for meanwhile.
		run -69 timeout "$LONG" smiled -f none -w 1 "$PORT"
	done
	some_load
	bench_end
	server_stop
}

# The local addresses of the server's listening sockets, as /proc has them.
addresses() {
	tcp_listeners | sed -n "s/:$(printf '%04X' "$PORT") .*//p" | sort |
	    tr '\n' ' '
}

listens_only_on() {
	local v6=00000000000000000000000000000000
	case $1 in
	127.0.0.1) [ "$(addresses)" = '0100007F ' ] ;;
	0.0.0.0) [ "$(addresses)" = '00000000 ' ] ;;
	'*') [[ "$(addresses)" = "$v6 " || "$(addresses)" = '00000000 ' ]] ;;
	localhost) [[ "$(addresses)" = *'0100007F '* ]] ;;
	esac
}

# The new workers cannot start: by then the new sockets are bound.
@test "the same in a reload that is then refused" {
	become_ordinary
	PORT=$(free_port)
	address 0.0.0.0 "Smile from the server"
	chmod 755 "$BATS_TEST_TMPDIR"
	start
	bench_start
	soft=$("${become[@]}" prlimit --pid "$PID" --nproc --noheadings \
	    --output=SOFT)
	for to in 127.0.0.1 '*' localhost; do
		some_load
		before_sockets=$(sockets)
		"${become[@]}" prlimit --pid "$PID" --nproc=1:
		address "$to" "never sent"
		reload_refused
		[[ "$(board text)" == *"cannot fork"* ]]
		[ "$(sockets)" = "$before_sockets" ]
		listens_only_on 0.0.0.0
		"${become[@]}" prlimit --pid "$PID" --nproc="${soft// /}:"
	done
	some_load
	address 127.0.0.1 "Smile from the server"
	reload_accepted
	eventually "$LONG" listens_only_on 127.0.0.1
	some_load
	bench_end
	server_stop
}

# A socket that keeps the option could be joined by others of the same user.
@test "no socket keeps SO_REUSEPORT" {
	need_strace
	PORT=$(free_port)
	address 0.0.0.0 "one"
	SMILED_WRAP="strace -f -qq -o $BATS_TEST_TMPDIR/strace
	    -e trace=setsockopt"
	server_start -f "$CONF"
	PID=$(board pid)
	address 127.0.0.1 "two"
	reload_accepted
	kill -TERM "$PID"
	eventually "$LONG" is_gone "$PID"
	grep SO_REUSEPORT "$BATS_TEST_TMPDIR/strace" |
	    sed 's/.*setsockopt(\([0-9]*\), .*\[\([01]\)\].*/\1 \2/' |
	    awk '{ is[$1] = $2; n++ }
		END { for (fd in is) bad += is[fd]; exit n < 8 || bad }'
}

@test "a text is the old one or the new one, and after the verdict the new" {
	local clients=() n
	configure 'service smile
	    listen 127.0.0.1:0
	    send "old\n"'
	start
	for n in 1 2 3; do
		perl "$BATS_TEST_DIRNAME/lib/replies.pl" "$PORT" \
		    >"$BATS_TEST_TMPDIR/seen.$n" 3>&- {never}>&- &
		clients+=($!)
	done
	for n in 1 2 3; do
		eventually "$LONG" grep -q first "$BATS_TEST_TMPDIR/seen.$n"
	done
	configure 'service smile
	    listen 127.0.0.1:0
	    send "new\n"'
	reload_accepted
	for n in {1..50}; do
		[ "$(smile 127.0.0.1 "$PORT")" = new ]
	done
	kill "${clients[@]}"
	wait "${clients[@]}" || true
	cat "$BATS_TEST_TMPDIR"/seen.*
	run -1 grep -hvE '^(first|[0-9]+ (old|new)\|)$' \
	    "$BATS_TEST_TMPDIR"/seen.*
	[ "$(grep -lE ' old' "$BATS_TEST_TMPDIR"/seen.* | wc -l)" -eq 3 ]
	server_stop
}

# Until it has heard that it shall leave, it may still take a client.
@test "the verdict waits for an old worker to hear of it, but not for ever" {
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 2
	    send "old\n"'
	start
	held=$(workers 1)
	hold "$held"
	begin=$(now_ms)
	reload_accepted
	[ $(($(now_ms) - begin)) -ge 1000 ]
	[ "$(stat_field "$held" 1)" = T ]
	let_go "$held"
	eventually "$LONG" is_gone "$held"
	server_stop
}

@test "nobody is served by a configuration that is then refused" {
	become_ordinary
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 2
	    send "old\n"'
	chmod 755 "$BATS_TEST_TMPDIR"
	start
	perl "$BATS_TEST_DIRNAME/lib/replies.pl" "$PORT" \
	    >"$BATS_TEST_TMPDIR/seen" 3>&- {never}>&- &
	client=$!
	# The first of the new workers can be forked, the others cannot; of the
	# user's other processes, which are other tests', hundreds may end.
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 2000
	    send "new\n"'
	for _ in 1 2 3 4 5; do
		"${become[@]}" prlimit --pid "$PID" \
		    --nproc="$(($(processes_of_user) + 20)):"
		reload_refused
	done
	eventually "$LONG" grep -q first "$BATS_TEST_TMPDIR/seen"
	kill "$client"
	wait "$client" || true
	cat "$BATS_TEST_TMPDIR/seen"
	run -1 grep -hvE '^(first|[0-9]+ old\|)$' "$BATS_TEST_TMPDIR/seen"
	eventually "$LONG" worker_count_is 2
	server_stop
}

# Of the user that the server runs as.
processes_of_user() {
	local uid
	uid=$(stat -c %u "/proc/$PID")
	cat /proc/[0-9]*/status 2>/dev/null |
	    awk -v uid="$uid" '/^Uid:/ && $2 == uid { n++ }
		END { print n + 0 }'
}

@test "a removed address with 50 clients queued: all are served" {
	local held
	PORT=$(free_port)
	configure <<-EOF
		service smile
		    listen 127.0.0.1:$PORT
		    workers 2
		    send "Smile from the server\n"
	EOF
	start
	mapfile -t held < <(workers)
	hold "${held[@]}"
	smilebench -c 50 -n 50 -t 1m 127.0.0.1 "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
	bench=$!
	eventually "$LONG" queue_is 50
	configure 'service smile
	    listen 127.0.0.1:0
	    send "elsewhere\n"'
	reload_accepted
	log_has "smile: listen 127.0.0.1:$PORT removed"
	let_go "${held[@]}"
	wait "$bench"
	[ "$(sed -n 's/^ok //p' "$BATS_TEST_TMPDIR/bench")" -eq 50 ]
	eventually "$LONG" is_gone "${held[0]}"
	eventually "$LONG" is_gone "${held[1]}"
	eventually "$LONG" is_refused "$PORT"
	[ "$(smile 127.0.0.1 "$(port_for smile)")" = elsewhere ]
	# The old socket is closed, the new one is not.
	server_stop
}

@test "an address removed and asked for again before it is empty" {
	local held
	PORT=$(free_port)
	address 127.0.0.1 "first"
	start
	mapfile -t held < <(workers)
	hold "${held[@]}"
	odd >"$BATS_TEST_TMPDIR/early" 3>&- {never}>&- &
	early=$!
	eventually "$LONG" queue_is 1
	before_sockets=$(sockets)
	configure 'service smile
	    listen 127.0.0.1:0
	    send "elsewhere\n"'
	reload_accepted
	address 127.0.0.1 "again"
	reload_accepted
	# Whoever comes now gets in, though the first are still stopped.
	[ "$(smile 127.0.0.1 "$PORT")" = again ]
	wait "$early"
	[ "$(cat "$BATS_TEST_TMPDIR/early")" = again ]
	[ "$(comm -12 <(echo "$before_sockets") <(sockets))" = \
	    "$before_sockets" ]
	let_go "${held[@]}"
	eventually "$LONG" worker_count_is 4
	server_stop
}

@test "what stays keeps its socket, and what only a restart can change" {
	own_patience=1
	configure 'service smile
	    listen 127.0.0.1:0
	    send "one\n"'
	start
	before_sockets=$(sockets)
	configure 'log-level debug
	stop-timeout 7s
	service smile
	    listen 127.0.0.1:0
	    send "two\n"
	    timeout 1m
	    idle-timeout none'
	reload_accepted
	[ "$(sockets)" = "$before_sockets" ]
	log_has 'log-level info -> debug'
	log_has 'stop-timeout 8s -> 7s'
	log_has 'smile: send "one\\\\n" -> "two\\\\n"|smile: send .* -> send'
	log_has 'smile: timeout 5m -> 1m'
	log_has 'smile: idle-timeout 1m -> none'
	configure 'max-workers 100
	instance other
	run-dir /tmp
	service smile
	    listen 127.0.0.1:0
	    send "three\n"'
	reload_refused
	log_has "$CONF:1:1: max-workers: only a restart can change it"
	log_has "$CONF:2:2: instance: only a restart can change it"
	log_has "$CONF:3:2: run-dir: only a restart can change it"
	[[ "$(board text)" == "refused: 3 errors; configuration not used"* ]]
	[ "$(smile 127.0.0.1 "$PORT")" = two ]
	server_stop
}

@test "a configuration that is gone does not take the services with it" {
	configure 'service smile
	    listen 127.0.0.1:0
	    send "mine\n"'
	start
	rm "$CONF"
	reload_refused
	log_has "cannot read '.*smiled.conf'"
	[ "$(smile 127.0.0.1 "$PORT")" = mine ]
	server_stop
}

@test "the default file: may be absent, but not once it was there" {
	local file dir
	[ "$(id -u)" -eq 0 ] || skip "needs root, for a mount of its own"
	unshare -m true 2>/dev/null || skip "no namespaces here"
	file=$(grep -aoE '/[[:print:]]*/smiled\.conf' \
	    "$(command -v smiled)" | head -n 1)
	dir=${file%/*}
	[ -d "$dir" ] || skip "no $dir"
	default_file=yes
	SMILED_WRAP="$BATS_TEST_TMPDIR/wrap ${SMILED_WRAP:-}"
	printf '#!/bin/sh\nmount -t tmpfs none %s && exec "$@"\n' "$dir" \
	    >"$BATS_TEST_TMPDIR/inner"
	printf '#!/bin/sh\nexec unshare -m %s "$@"\n' \
	    "$BATS_TEST_TMPDIR/inner" >"$BATS_TEST_TMPDIR/wrap"
	chmod +x "$BATS_TEST_TMPDIR/wrap" "$BATS_TEST_TMPDIR/inner"
	server_start -p 0
	[ "$(smile 127.0.0.1 "$PORT")" = "Smile from the server" ]
	echo 'workers 2' >"/proc/$PID/root$file"
	reload_accepted
	eventually "$LONG" worker_count_is 2
	rm "/proc/$PID/root$file"
	reload_refused
	log_has "cannot read '$file'"
	worker_count_is 2
	# Nor is a server that takes the place of this one content without.
	upgrade_refused "cannot read '$file'"
	worker_count_is 2
	server_stop
}

@test "a file included on the command line is not the file" {
	local file
	file=$(grep -aoE '/[[:print:]]*/smiled\.conf' \
	    "$(command -v smiled)" | head -n 1)
	[ ! -e "$file" ] || skip "there is a $file"
	default_file=yes
	configure 'workers 2'
	server_start -p 0 -o "include $CONF"
	reload_accepted
	eventually "$LONG" worker_count_is 2
	server_stop
}

@test "the level of the log counts for the workers of that reload, too" {
	configure 'log-level info
	service smile
	    listen 127.0.0.1:0
	    workers 1
	    send "Smile from the server\n"'
	need_strace
	SMILED_WRAP="strace -f -qq -o /dev/null -e trace=accept4
	    -e inject=accept4:error=ECONNABORTED:when=1"
	server_start -f "$CONF"
	PID=$(board pid)
	eventually "$LONG" log_has 'info\[smile/1\] accept: '
	sed -i 's/info/error/' "$CONF"
	# At that level its verdict is not logged.
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_done 1
	board_is verdict 1
	is_served
	# One more than the old worker's, which stays counted.
	eventually "$LONG" board_is accept_errors 2
	[ "$(grep -c 'accept: ' "$LOG")" -eq 1 ]
	kill -TERM "$PID"
	eventually "$LONG" is_gone "$PID"
}

# How many kB of memory the master has, shared with its workers or not.
own_memory() {
	sed -n 's/^RssAnon:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$PID/status"
}

@test "a thousand HUPs in a second end in the last configuration" {
	configure 'service smile
	    listen 127.0.0.1:0
	    send "old\n"'
	start
	perl -e 'for (1 .. 900) { kill "HUP", $ARGV[0] }' "$PID"
	configure 'service smile
	    listen 127.0.0.1:0
	    send "last\n"'
	most=0
	for _ in {1..100}; do
		kill -HUP "$PID"
		n=$(session_pids "$SID" | wc -l)
		[ "$n" -le "$most" ] || most=$n
	done
	# The last signal may still be on its way when all seems settled.
	eventually "$LONG" last_is_sent
	eventually "$LONG" reloads_settled
	eventually "$LONG" worker_count_is 4
	eventually "$LONG" session_has 6
	last_is_sent
	# The current, the coming, and those that are just leaving, which may
	# be several generations where they have to wait for a processor.
	echo "at most $most processes"
	[ "$most" -le 100 ]
	server_stop
}

last_is_sent() {
	[ "$(smile 127.0.0.1 "$PORT")" = last ]
}

# reloads N [WORKERS]: one after the other, each with its verdict, which no
# shell is needed for; and when there are so many workers again.
reloads() {
	perl -e '
	    my ($pid, $n, $workers, @board) = @ARGV;
	    my $before;
	    sub done {
		my $all = `@board`;
		my ($d) = $all =~ /^reloads_done (\d+)/m;
		my $w = () = $all =~ /^slot .* (starting|waiting|serving)$/mg;
		return $workers && $w != $workers ? $before : $d;
	    }
	    for (1 .. $n) {
		$before = undef;
		$before = done() until defined $before;
		kill "HUP", $pid;
		my $end = time + 20;
		while (done() == $before) {
			die "no verdict" if time > $end;
			select undef, undef, undef, 0.001;
		}
	    }' "$PID" "$1" "${2:-0}" "$testbin/boardcat" "$RUN/smiled.board"
}

@test "many reloads leave memory and descriptors as they were" {
	local n=300
	[ -z "${SMILED_LONG:-}" ] || n=2000
	! grep -q __asan_init "$bindir/smiled" ||
	    skip "sanitizers keep what was freed"
	configure 'service smile
	    listen 127.0.0.1:0
	    send "Smile from the server\n"
	service echo
	    listen 127.0.0.1:0
	    workers 2
	    echo'
	start
	# How many old ones are still there is a matter of luck, and of memory.
	reloads 20 6
	eventually "$LONG" session_has 8
	fds=$(open_fds "$PID")
	memory=$(own_memory)
	reloads "$n" 6
	eventually "$LONG" session_has 8
	[ "$(open_fds "$PID")" -eq "$fds" ]
	echo "own memory: $memory kB, then $(own_memory) kB"
	[ "$(own_memory)" -le $((memory + 64)) ]
	[ "$(board verdict)" -eq 1 ]
	server_stop
}

@test "many reloads under load lose nobody" {
	local n=150
	[ -z "${SMILED_LONG:-}" ] || n=1000
	configure 'service smile
	    listen 127.0.0.1:0
	    send "Smile from the server\n"'
	start
	bench_start
	reloads "$n"
	bench_end
	cat "$BATS_TEST_TMPDIR/bench"
	[ "$(board generation)" -eq $((n + 1)) ]
	[ "$(board verdict)" -eq 1 ]
	server_stop
}

@test "retire-timeout ends what a replaced worker still does" {
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 1
	    retire-timeout 200ms
	    idle-timeout none
	    echo'
	start
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	echo here >&"$conn"
	read -rt "$LONG" -u "$conn" line
	[ "$line" = here ]
	old=$(workers)
	reload_accepted
	eventually "$LONG" is_gone "$old"
	exec {conn}>&-
	eventually "$LONG" worker_count_is 1
	server_stop
}

@test "without retire-timeout a replaced worker finishes what it has" {
	configure 'service smile
	    listen 127.0.0.1:0
	    workers 1
	    idle-timeout none
	    echo'
	start
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	echo here >&"$conn"
	read -rt "$LONG" -u "$conn" line
	for n in 1 2 3; do
		reload_accepted
		echo "still $n" >&"$conn"
		read -rt "$LONG" -u "$conn" line
		[ "$line" = "still $n" ]
	done
	eventually "$LONG" worker_count_is 2
	exec {conn}>&-
	eventually "$LONG" worker_count_is 1
	server_stop
}

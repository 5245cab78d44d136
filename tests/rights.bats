#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: whoever gets into a worker finds there the rights of somebody who
# may do more than serve; or the server says that they were given up, and they
# were not.

load lib/harness

need_root() {
	[ "$(id -u)" -eq 0 ] || skip "only root can become somebody else"
}

# status_line PID NAME: what follows the name in /proc/PID/status, with single
# blanks.
status_line() {
	sed -n "s/^$2:[[:space:]]*//p" "/proc/$1/status" | xargs
}

# is PID NAME VALUE
is() {
	[ "$(status_line "$1" "$2")" = "$3" ] || {
		echo "$2 of $(title_of "$1") is $(status_line "$1" "$2")," \
		    "not $3" >&2
		return 1
	}
}

# powerless PID: it has no capability and can get none.
powerless() {
	local set
	for set in CapInh CapPrm CapEff CapAmb; do
		is "$1" "$set" 0000000000000000
	done
	is "$1" NoNewPrivs 1
	# What root starts can never have one again.
	[ "$(id -u)" -ne 0 ] || is "$1" CapBnd 0000000000000000
}

# workers_are UID GID GROUPS [SERVICE/]: each of them, and they serve.
workers_are() {
	local pid n=0
	for pid in $(workers "${4:-}"); do
		is "$pid" Uid "$1 $1 $1 $1"
		is "$pid" Gid "$2 $2 $2 $2"
		is "$pid" Groups "$3"
		powerless "$pid"
		n=$((n + 1))
	done
	[ "$n" -eq 2 ]
}

# user_is USER UID GID GROUPS: this is what becomes of a service's user.
user_is() {
	server_start -w 2 -o "user $1"
	workers_are "$2" "$3" "$4"
	is_served
	# The master stays what it was.
	is "$PID" Uid "0 0 0 0"
	server_stop
}

# system_has FILE-OF-USERS FILE-OF-GROUPS: the servers started from now on are
# on a system with these users, too.
system_has() {
	local dir=$BATS_TEST_TMPDIR/etc
	mkdir "$dir"
	{ cat /etc/passwd; printf '%s\n' "$1"; } >"$dir/passwd"
	{ cat /etc/group; printf '%s\n' "$2"; } >"$dir/group"
	unshare -m true 2>/dev/null || skip "cannot unshare mounts here"
	start_from "mount --bind '$dir/passwd' /etc/passwd &&
	    mount --bind '$dir/group' /etc/group && exec \"\$@\""
	SMILED_WRAP="unshare -m $SMILED_WRAP"
}

nobody_gid() {
	id -g nobody 2>/dev/null || echo 65534
}

nobody_uid() {
	id -u nobody 2>/dev/null || echo 65534
}

# -- Who the workers are -------------------------------------------------------

@test "started by root: workers are nobody, in no group, without any right" {
	need_root
	server_start -w 2
	workers_are "$(nobody_uid)" "$(nobody_gid)" ""
	is_served
	# Nor have they anything of the master's to write to.
	for pid in $(workers); do
		[ "$(readlink "/proc/$pid/root")" = / ]
		run ! grep -q 'smiled\.board' <<<"$(ls -l "/proc/$pid/fd")"
	done
	server_stop
}

@test "started by root: groups of the starter are not kept" {
	need_root
	command -v setpriv >/dev/null || skip "no setpriv"
	SMILED_WRAP="setpriv --groups=0,4,27,4242"
	server_start -w 2
	is "$PID" Groups "0 4 27 4242"
	workers_are "$(nobody_uid)" "$(nobody_gid)" ""
	server_stop
}

@test "started with capabilities to inherit: workers have none of them" {
	need_root
	command -v setpriv >/dev/null || skip "no setpriv"
	SMILED_WRAP="setpriv --inh-caps=+net_raw,+sys_admin"
	SMILED_WRAP+=" --ambient-caps=+net_raw"
	server_start -w 2
	[ "$(status_line "$PID" CapInh)" != 0000000000000000 ]
	workers_are "$(nobody_uid)" "$(nobody_gid)" ""
	server_stop
	server_start -w 2 -o 'user root'
	for pid in $(workers); do
		powerless "$pid"
	done
	server_stop
}

@test "a worker that is born later is nobody, too" {
	local pid
	need_root
	server_start -w 2
	is_served
	for pid in $(workers); do
		kill -KILL "$pid"
		eventually "$LONG" log_has "pid $pid\) was killed"
	done
	eventually "$LONG" worker_count_is 2
	eventually "$LONG" board_is waiting 2
	workers_are "$(nobody_uid)" "$(nobody_gid)" ""
	kill -TTIN "$PID"
	eventually "$LONG" board_is waiting 3
	for pid in $(workers); do
		is "$pid" Uid "$(printf '%s' "$(nobody_uid) $(nobody_uid)" \
		    " $(nobody_uid) $(nobody_uid)")"
		powerless "$pid"
	done
	server_stop
}

@test "user NAME, NAME:GROUP, and numbers, also of nobody known" {
	need_root
	user_is daemon "$(id -u daemon)" "$(id -g daemon)" \
	    "$(id -G daemon)"
	user_is "daemon:$(id -gn bin)" "$(id -u daemon)" "$(id -g bin)" \
	    "$(id -g bin)"
	user_is daemon:54321 "$(id -u daemon)" 54321 54321
	user_is 54321 54321 54321 54321
	user_is 54321:4242 54321 4242 4242
	user_is "nobody:$(id -gn daemon)" "$(nobody_uid)" "$(id -g daemon)" ""
	user_is "$(id -u daemon):4242" "$(id -u daemon)" 4242 4242
}

@test "a user in supplementary groups gets them" {
	need_root
	# And another name for the same user.
	system_has "smiletest:x:54399:54399::/:/bin/false
smileagain:x:54399:54400::/:/bin/false" \
	    "smiletest:x:54399:
smileone:x:54401:daemon,smiletest
smiletwo:x:54402:smiletest
smilethree:x:54403:smileagain"
	user_is smiletest 54399 54399 "54399 54401 54402"
	user_is smiletest:smiletwo 54399 54402 "54401 54402"
	user_is smileagain 54399 54400 "54400 54403"
}

@test "a user by number gets the groups of its account" {
	need_root
	system_has "smiletest:x:54399:54399::/:/bin/false" \
	    "smiletest:x:54399:
smileone:x:54401:daemon,smiletest"
	user_is 54399 54399 54399 "54399 54401"
}

@test "user root: written out, they are root without any capability" {
	need_root
	server_start -w 2 -o 'user root'
	workers_are 0 0 "$(status_line "$PID" Groups)"
	is_served
	server_stop
}

@test "each service has its own user" {
	need_root
	configure <<EOF
workers 2
user daemon
service one
	listen 127.0.0.1:0
	send "Smile from the server\n"
service two
	listen 127.0.0.1:0
	send "Smile from the server\n"
	user 54321
EOF
	server_start -f "$CONF"
	workers_are "$(id -u daemon)" "$(id -g daemon)" "$(id -G daemon)" one/
	workers_are 54321 54321 54321 two/
	is_served "$(port_for one)"
	is_served "$(port_for two)"
	server_stop
}

@test "a user or group that is not there: refused, at start and at reload" {
	need_root
	configure "user nobody-such
service smile
	listen 127.0.0.1:0
	send hello"
	run -78 timeout 20 smiled -f "$CONF" 3>&- {never}>&-
	[[ "$output" == *"smiled.conf:1:6: user: there is no user 'nobody-such'"* ]]
	configure "user daemon:nogroup-such
service smile
	listen 127.0.0.1:0
	send hello"
	run -78 timeout 20 smiled -f "$CONF" 3>&- {never}>&-
	[[ "$output" == *"smiled.conf:1:6: user: there is no group 'nogroup-such'"* ]]
	configure "user daemon
service smile
	workers 2
	listen 127.0.0.1:0
	send 'Smile from the server'"
	server_start -f "$CONF"
	configure "user nobody-such
service smile
	workers 2
	listen 127.0.0.1:0
	send 'Smile from the server'"
	reload_refused
	[[ "$(board text)" == *"refused: "* ]]
	log_has "smiled.conf:1:6: user: there is no user 'nobody-such'"
	workers_are "$(id -u daemon)" "$(id -g daemon)" "$(id -G daemon)"
	configure "user 54321
service smile
	workers 2
	listen 127.0.0.1:0
	send 'Smile from the server'"
	reload_accepted
	eventually "$LONG" worker_count_is 2
	workers_are 54321 54321 54321
	server_stop
}

# Without the right to change its user a worker must not serve.
@test "a user that cannot be had: it does not start, and says why" {
	need_root
	command -v setpriv >/dev/null || skip "no setpriv"
	SMILED_WRAP="setpriv --bounding-set=-setuid,-setgid"
	server_launch -w 2
	eventually "$LONG" is_gone "$PID"
	STATUS=0
	wait "$PID" || STATUS=$?
	[ "$STATUS" -ne 0 ]
	log_has "cannot become the service's user .*: Operation not permitted"
	log_has 'cannot start: '
	run ! log_has 'listening on'
}

@test "not root: workers are who started it, without any capability" {
	local uid gid groups
	become_ordinary
	uid=$("${become[@]}" id -u)
	gid=$("${become[@]}" id -g)
	groups=$("${become[@]}" sed -n 's/^Groups:[[:space:]]*//p' \
	    /proc/self/status | xargs)
	server_start -w 2
	for pid in $(workers); do
		is "$pid" Uid "$uid $uid $uid $uid"
		is "$pid" Gid "$gid $gid $gid $gid"
		is "$pid" Groups "$groups"
		for set in CapInh CapPrm CapEff CapAmb; do
			is "$pid" "$set" 0000000000000000
		done
		is "$pid" NoNewPrivs 1
	done
	is_served
	server_stop
}

@test "not root: capabilities given for a port below 1024 go no further" {
	local pid
	need_root
	command -v setpriv >/dev/null || skip "no setpriv"
	become_ordinary
	SMILED_WRAP="setpriv --reuid=54321 --regid=54321 --clear-groups"
	SMILED_WRAP+=" --inh-caps=+net_bind_service"
	SMILED_WRAP+=" --ambient-caps=+net_bind_service"
	server_start -w 2
	is "$PID" CapEff 0000000000000400
	for pid in $(workers); do
		is "$pid" Uid "54321 54321 54321 54321"
		for set in CapInh CapPrm CapEff CapAmb; do
			is "$pid" "$set" 0000000000000000
		done
		is "$pid" NoNewPrivs 1
	done
	is_served
	server_stop
}

@test "not root: a chroot is refused, a user has no effect" {
	become_ordinary
	# No other program between: it may not get at this one's path.
	run -64 timeout 20 "${become[@]}" "$(command -v smiled)" -f none \
	    -o "chroot /" -t
	[[ "$output" == *"chroot: only a server that root started can have one"* ]]
	server_start -w 2 -o 'user nobody'
	is "$(workers 1)" Uid "$(status_line "$PID" Uid)"
	is_served
	server_stop
}

# -- chroot --------------------------------------------------------------------

@test "chroot: workers are in it, for good; the master is not" {
	local pid
	need_root
	mkdir "$BATS_TEST_TMPDIR/jail"
	server_start -w 2 -o "chroot $BATS_TEST_TMPDIR/jail"
	for pid in $(workers); do
		[ "$(readlink "/proc/$pid/root")" = "$BATS_TEST_TMPDIR/jail" ]
		[ "$(readlink "/proc/$pid/cwd")" = "$BATS_TEST_TMPDIR/jail" ]
	done
	for pid in "$PID" "$(log_process)"; do
		[ "$(readlink "/proc/$pid/root")" = / ]
	done
	workers_are "$(nobody_uid)" "$(nobody_gid)" ""
	# No way out by a descriptor either.
	for pid in $(workers); do
		for fd in "/proc/$pid/fd"/*; do
			[ ! -d "$fd" ]
		done
	done
	is_served
	server_stop
}

@test "chroot: into a directory that only root may enter" {
	need_root
	mkdir -m 700 "$BATS_TEST_TMPDIR/closed" "$BATS_TEST_TMPDIR/closed/jail"
	server_start -w 2 -o "chroot $BATS_TEST_TMPDIR/closed/jail"
	[ "$(readlink "/proc/$(workers 1)/root")" = \
	    "$BATS_TEST_TMPDIR/closed/jail" ]
	is_served
	server_stop
}

jailed() {
	configure "service smile
	workers 2
	listen 127.0.0.1:0
	chroot $BATS_TEST_TMPDIR/$1
	send \"Smile from the server\\n\""
}

@test "chroot: not there, or no directory: refused with the place" {
	need_root
	jailed jail
	run -78 timeout 20 smiled -f "$CONF" 3>&- {never}>&-
	[[ "$output" == *"smiled.conf:4:2: chroot: "*"No such file or directory"* ]]
	: >"$BATS_TEST_TMPDIR/jail"
	run -78 timeout 20 smiled -f "$CONF" 3>&- {never}>&-
	[[ "$output" == *"smiled.conf:4:2: chroot: "*"is not a directory"* ]]
}

@test "chroot: gone at a reload: refused, the old ones serve on where they are" {
	local old
	need_root
	mkdir "$BATS_TEST_TMPDIR/jail"
	jailed jail
	server_start -f "$CONF"
	old=$(workers)
	mv "$BATS_TEST_TMPDIR/jail" "$BATS_TEST_TMPDIR/away"
	reload_refused
	log_has "smiled.conf:4:2: chroot: .*/jail: No such file or directory"
	[ "$(workers)" = "$old" ]
	[ "$(readlink "/proc/$(workers 1)/root")" = "$BATS_TEST_TMPDIR/away" ]
	is_served
	# Back again, and all is well.
	mv "$BATS_TEST_TMPDIR/away" "$BATS_TEST_TMPDIR/jail"
	reload_accepted
	eventually "$LONG" worker_count_is 2
	is_served
	server_stop
}

# Between the check and the birth of a worker there is time for anything.
@test "chroot: gone before a birth: that worker does not serve outside" {
	local victim
	need_root
	mkdir "$BATS_TEST_TMPDIR/jail"
	jailed jail
	server_start -f "$CONF"
	mv "$BATS_TEST_TMPDIR/jail" "$BATS_TEST_TMPDIR/away"
	victim=$(workers 1)
	kill -KILL "$victim"
	eventually "$LONG" log_has \
	    "cannot enter the service's chroot: No such file or directory"
	eventually "$LONG" log_has 'exited with status 77'
	# The other one has not gone.
	is_served
	mv "$BATS_TEST_TMPDIR/away" "$BATS_TEST_TMPDIR/jail"
	eventually "$LONG" board_is waiting 2
	for pid in $(workers); do
		[ "$(readlink "/proc/$pid/root")" = "$BATS_TEST_TMPDIR/jail" ]
	done
	is_served
	server_stop
}

@test "a root that may not signal its workers does not start, nor leaves any" {
	need_root
	setpriv --bounding-set=-kill --inh-caps=-kill true 2>/dev/null ||
	    skip "setpriv cannot take a capability away here"
	PORT=$(free_port)
	run -71 timeout -k 1 "$LONG" setpriv --bounding-set=-kill \
	    --inh-caps=-kill smiled -f none -w 2 "$PORT"
	[[ "$output" == *"needs the capability CAP_KILL"* ]]
	eventually "$LONG" is_refused_now
}

is_refused_now() {
	! smile 127.0.0.1 "$PORT" </dev/null 2>/dev/null
}

@test "keepalive asks silent clients" {
	local conn
	command -v ss >/dev/null || skip "no ss"
	server_start -w 1 -o 'keepalive yes' -o echo
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" has_timer
	exec {conn}>&-
	server_stop
	server_start -w 1 -o echo
	exec {conn}<>"/dev/tcp/127.0.0.1/$PORT"
	eventually "$LONG" board_is serving 1
	run ! has_timer
	exec {conn}>&-
	server_stop
}

has_timer() {
	ss -Htno "sport = :$PORT" | grep -q 'timer:(keepalive'
}

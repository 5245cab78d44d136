# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
# shellcheck shell=bash
#
# A log daemon of the test's own, for servers that see no other.

# Have the servers of this test find SOCKET as /dev/log, and the file system
# SPACE, of 64 kB, which others see as what in_space prints.
private_dev() {
	local back
	DEVLOG=$BATS_TEST_TMPDIR/devlog SPACE=$BATS_TEST_TMPDIR/space
	MESSAGES=$BATS_TEST_TMPDIR/messages
	mkdir "$SPACE" "$BATS_TEST_TMPDIR/dev"
	: >"$MESSAGES"
	chmod 711 "$BATS_TEST_TMPDIR" "$BATS_RUN_TMPDIR" 2>/dev/null || true
	back=(exec)
	namespace=(unshare -m)
	if [ "$(id -u)" -ne 0 ]; then
		# Root in there, until all is mounted.
		namespace=(unshare -rm)
		back+=(unshare "--map-user=$(id -u)" "--map-group=$(id -g)")
	fi
	"${namespace[@]}" "${back[@]:1}" true 2>/dev/null ||
	    skip "no name spaces to be had here"
	cat >"$BATS_TEST_TMPDIR/private" <<-EOP
		set -e
		cd '$BATS_TEST_TMPDIR'
		mount -t tmpfs -o size=64k,mode=1777 none '$SPACE'
		mount -t tmpfs -o mode=755 none dev
		for node in null zero full random urandom tty; do
			: >dev/\$node
			mount --bind /dev/\$node dev/\$node
		done
		ln -s /proc/self/fd dev/fd
		ln -s '$DEVLOG' dev/log
		mount --rbind dev /dev
		cd /
		${back[*]} "\$@"
	EOP
	"${namespace[@]}" sh "$BATS_TEST_TMPDIR/private" true ||
	    skip "nothing can be mounted here"
	start_from "exec ${namespace[*]} sh '$BATS_TEST_TMPDIR/private' \"\$@\""
}

in_space() {
	echo "/proc/$PID/root$SPACE"
}

# The daemon, of a kind.  Sets FAKELOG.
daemon_start() {
	setsid perl "$BATS_TEST_DIRNAME/lib/fakelog.pl" "$DEVLOG" \
	    "${1:-dgram}" "$MESSAGES" 3>&- {never}>&- &
	FAKELOG=$!
	# A session of its own, which the oracle asks for, too.
	sids+=("$FAKELOG")
	eventually "$LONG" daemon_is_there
}

daemon_is_there() {
	[ -S "$DEVLOG" ] && grep -q " $DEVLOG\$" /proc/net/unix &&
	    [ "$(stat -c %a "$DEVLOG")" = 666 ]
}

# Its socket's name stays behind, as when one has died.
daemon_end() {
	kill -KILL "$FAKELOG"
	wait "$FAKELOG" || true
}

got_message() {
	grep -Eq -- "$1" "$MESSAGES"
}

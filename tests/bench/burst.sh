#!/bin/bash
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# burst.sh [CLIENTS [ROUNDS]]: how long it takes until so many slow clients, 200,
# who come at once, are all being served, by a pool that has 5 workers and may
# have 256 (burst.c); of
#	smiled		workers 5..256, echo
#	exec		the same with exec /bin/cat
#	apache		Apache's prefork, if apache2 is installed
#	net-server	Net::Server::PreFork, if Perl has it
# in interleaved rounds on this machine, and beside them of
#	fork		as many bare forks: nothing that forks can be faster
#
# Prints each round, in milliseconds, then the medians.  It measures and judges
# nothing; run it on a machine that is idle.
set -eu
bindir=${bindir:-$(cd "$(dirname "$0")/../../src" && pwd)}
benchdir=${benchdir:-$(cd "$(dirname "$0")" && pwd)}
clients=${1:-200} rounds=${2:-5}
tmp=$(mktemp -d)
chmod 755 "$tmp"
trap 'stop; rm -rf "$tmp"' EXIT
server=

stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	server=
}

smiled() {
	printf '%s\n' 'service burst' 'listen 127.0.0.1:0' \
	    'workers 5..256' "$1" >"$tmp/smiled.conf"
	RUNTIME_DIRECTORY=$tmp setsid "$bindir/smiled" -f "$tmp/smiled.conf" \
	    2>"$tmp/log" &
	server=$!
	until grep -q 'smiled: listening on' "$tmp/log"; do :; done
	port=$(sed -n 's/.*smiled: listening on .*:\([0-9]*\),.*/\1/p' "$tmp/log")
}

# Who has been answered stays, as long as it is let.
apache() {
	local modules
	port=7898
	modules=$(dirname "$(find /usr/lib/apache2 /usr/lib64/httpd /usr/lib/httpd \
	    -name mod_mpm_prefork.so 2>/dev/null | head -n 1)")
	cat >"$tmp/apache.conf" <<-END
	ServerRoot $tmp
	ServerName localhost
	PidFile $tmp/apache.pid
	ErrorLog /dev/null
	Listen 127.0.0.1:$port
	LoadModule mpm_prefork_module $modules/mod_mpm_prefork.so
	LoadModule authz_core_module $modules/mod_authz_core.so
	StartServers 5
	MinSpareServers 2
	MaxSpareServers 20
	ServerLimit 256
	MaxRequestWorkers 256
	KeepAlive On
	KeepAliveTimeout 60
	$([ "$(id -u)" -ne 0 ] || echo "User nobody")
	DocumentRoot $tmp
	END
	# Told to end, it tells its whole process group.
	setsid apache2 -f "$tmp/apache.conf" -DFOREGROUND 2>"$tmp/log" &
	server=$!
}

net_server() {
	port=7899
	# shellcheck disable=SC2016
	setsid perl -MNet::Server::PreFork -e '
	    @ISA = "Net::Server::PreFork";
	    sub process_request {
		my $line = <STDIN>;
		print $line;
		$line = <STDIN>;
	    }
	    main->run(host => "127.0.0.1", port => shift, log_level => 0,
		min_servers => 5, min_spare_servers => 2,
		max_spare_servers => 20, max_servers => 256,
		max_requests => 1000)' "$port" 2>"$tmp/log" &
	server=$!
}

# The first to connect has found it; then it has time to be ready.
wait_for_port() {
	until { exec 8<>"/dev/tcp/127.0.0.1/$port"; } 2>/dev/null; do :; done
	exec 8>&-
	sleep 1
}

# One round of NAME: milliseconds to a half, and to all.
measure() {
	local text=$'x\n'
	case $1 in
	fork)
		echo "fork $("$benchdir/burst" "$clients" fork)"
		return
		;;
	smiled) smiled echo ;;
	exec) smiled 'exec /bin/cat' ;;
	apache)
		apache
		text=$'GET / HTTP/1.1\r\nHost: localhost\r\n\r\n'
		;;
	net-server) net_server ;;
	esac
	wait_for_port
	echo "$1 $("$benchdir/burst" "$clients" "$port" "$text")"
	stop
}

names="fork smiled exec"
! command -v apache2 >/dev/null || names="$names apache"
! perl -MNet::Server::PreFork -e 1 2>/dev/null || names="$names net-server"
echo "server  ms-to-half ms-to-all"
for _ in $(seq "$rounds"); do
	for name in $names; do
		measure "$name" | tee -a "$tmp/all"
	done
done
echo
echo "medians of $rounds rounds, until all of $clients are being served"
for name in $names; do
	awk -v n="$name" '$1 == n { print $3 }' "$tmp/all" | sort -n |
	    sed -n "$(((rounds + 1) / 2))p" |
	    awk -v n="$name" '{ printf "%-11s %8.1f ms\n", n, $1 }'
done

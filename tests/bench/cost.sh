#!/bin/bash
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# cost.sh send|exec [ROUNDS [SECONDS [PROGRAM [ARG...]]]]: the processor time a
# connection costs the server, in microseconds, for
#	bareloop	the barest loop that does the same (bareloop.c)
#	smiled		with 4 workers, as installed
#	nginx		send: "return" in its stream module, if it is installed
#	tcpserver	exec: of ucspi-tcp, if it is installed
# in interleaved rounds on this machine, all under the same load (smilebench
# -c 32).  exec: all run PROGRAM, an absolute path that anybody may execute, and
# its time counts as well; it must print "Smile from the server".  It is
# oneline.c unless given, which costs little itself; with a dynamic one, as
# /bin/echo "Smile from the server", most of the time is the dynamic linker's.
#
# Prints each round, then the medians and their ratios to the barest loop.  It
# measures and judges nothing; run it on a machine that is idle.
set -eu
bindir=${bindir:-$(cd "$(dirname "$0")/../../src" && pwd)}
benchdir=${benchdir:-$(cd "$(dirname "$0")" && pwd)}
kind=${1:-send} rounds=${2:-7} seconds=${3:-2}
program=("${@:4}")
[ "$kind" = send ] || [ $# -gt 3 ] || program=("$benchdir/oneline")
warm=2000
[ "$kind" = send ] || warm=200
tmp=$(mktemp -d)
trap 'stop; rm -rf "$tmp"' EXIT
server=

stop() {
	[ -z "$server" ] || kill "$server" 2>/dev/null || true
	[ -z "$server" ] || wait "$server" 2>/dev/null || true
	server=
}

# Nanoseconds of processor time, added up over a session; of programs, those
# that have been waited for.  Of these there are only ticks of the clock, but of
# a sum that the kernel keeps in nanoseconds: each process of the server may be
# wrong by a tick or two, not by one for each program.
cpu_of() {
	local dir line fields total=0 ns rest tick
	tick=$((1000000000 / $(getconf CLK_TCK)))
	for dir in /proc/[0-9]*; do
		{ read -r line <"$dir/stat"; } 2>/dev/null || continue
		read -ra fields <<<"${line##*) }"
		[ "${fields[3]}" = "$1" ] || continue
		# shellcheck disable=SC2034
		{ read -r ns rest <"$dir/schedstat"; } 2>/dev/null || continue
		total=$((total + ns + (fields[13] + fields[14]) * tick))
	done
	echo "$total"
}

# Start NAME in a session of its own and find its port.
start() {
	: >"$tmp/log"
	case $1 in
	bareloop)
		setsid "$benchdir/bareloop" 4 0 "${program[@]}" \
		    2>"$tmp/log" &
		;;
	smiled)
		RUNTIME_DIRECTORY=$tmp setsid "$bindir/smiled" -f none -w 4 0 \
		    ${program:+-- "${program[@]}"} 2>"$tmp/log" &
		;;
	tcpserver)
		setsid tcpserver -DRHl0 -c 40 -b 1024 127.0.0.1 7898 \
		    "${program[@]}" 2>/dev/null &
		;;
	nginx)
		nginx_conf
		setsid nginx -c "$tmp/nginx.conf" 2>/dev/null &
		;;
	esac
	server=$!
	if [ "$1" = nginx ] || [ "$1" = tcpserver ]; then
		port=7898
		until "$bindir/smile" -q 127.0.0.1 "$port" </dev/null >/dev/null
		do :; done
		return
	fi
	until grep -q 'listening on' "$tmp/log"; do :; done
	port=$(sed -n 's/.*listening on \*:\([0-9]*\).*/\1/p' "$tmp/log")
}

nginx_conf() {
	local module
	module=$(find /usr/lib/nginx /usr/share/nginx /usr/lib64/nginx \
	    -name ngx_stream_module.so 2>/dev/null | head -n 1)
	cat >"$tmp/nginx.conf" <<-END
	${module:+load_module $module;}
	daemon off;
	pid $tmp/nginx.pid;
	error_log /dev/null;
	worker_processes 4;
	events { worker_connections 1024; }
	stream { server { listen 127.0.0.1:7898; return "Smile from the server\n"; } }
	END
}

# One round of NAME: microseconds a connection, connections a second.
measure() {
	local before after n rate
	start "$1"
	"$bindir/smilebench" -c 32 -n "$warm" 127.0.0.1 "$port" >/dev/null
	before=$(cpu_of "$server")
	"$bindir/smilebench" -c 32 -d "${seconds}s" 127.0.0.1 "$port" \
	    >"$tmp/bench" || cat "$tmp/bench" >&2
	after=$(cpu_of "$server")
	n=$(sed -n 's/^ok //p' "$tmp/bench")
	[ "${n:-0}" -gt 0 ]
	rate=$(sed -n 's/.* \([0-9]*\) a second/\1/p' "$tmp/bench")
	stop
	awk -v ns=$((after - before)) -v n="$n" -v rate="$rate" -v name="$1" \
	    'BEGIN { printf "%s %.3f %d\n", name, ns / n / 1000, rate }'
}

names="bareloop smiled"
peer=nginx
[ "$kind" = send ] || peer=tcpserver
if command -v "$peer" >/dev/null; then
	names="$names $peer"
fi
echo "server   us/connection connections/s"
for _ in $(seq "$rounds"); do
	for name in $names; do
		measure "$name" | tee -a "$tmp/all"
	done
done
echo
echo "medians of $rounds rounds"
bare=
for name in $names; do
	us=$(awk -v n="$name" '$1 == n { print $2 }' "$tmp/all" | sort -n |
	    sed -n "$(((rounds + 1) / 2))p")
	rate=$(awk -v n="$name" '$1 == n { print $3 }' "$tmp/all" | sort -n |
	    sed -n "$(((rounds + 1) / 2))p")
	: "${bare:=$us}"
	awk -v n="$name" -v us="$us" -v rate="$rate" -v bare="$bare" 'BEGIN {
	    printf "%-9s %6.3f us  %6d/s  %.3f of the barest loop\n", n, us,
	    rate, us / bare }'
done

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a wrong configuration is taken for a right one, or stops a server
# that was serving; it is refused with words that do not tell where and why;
# or a good one is understood otherwise than it was written.
#
# tests/conf/bad has a file for each fault, and beside it, in NAME.want, what
# must be said of it, with @FILE@ for the file, @DIR@ for its directory, and
# @NOTROOT@ before what only an ordinary user is told.  tests/conf/good has
# what must be taken.

load lib/harness

more_setup() {
	conf=$BATS_TEST_TMPDIR/conf
	# What was an empty match must stay one.
	shopt -s nullglob
}

# sanitized: whether this build, or what it runs under, needs more memory
# than a bare one.
sanitized() {
	[ -n "${SMILED_WRAP:-}" ] ||
	    grep -q __asan_init "$(command -v smiled)"
}

# -- All that is wrong ---------------------------------------------------------

# A copy of all broken configurations, and of what they refer to; and those
# that would be large or strange to keep.
broken() {
	local n
	cp -R "$top_srcdir/tests/conf/bad" "$conf"
	chmod -R u+w "$conf"
	mkfifo "$conf/fifo"

	echo 'include inc/deep-1.inc' >"$conf/include-deep.conf"
	for n in {1..8}; do
		echo "include deep-$((n + 1)).inc" >"$conf/inc/deep-$n.inc"
	done
	echo "@DIR@/inc/deep-8.inc:1:1: include: more than 8 files deep" \
	    >"$conf/include-deep.want"

	: >"$conf/inc/nothing.inc"
	printf 'include inc/nothing.inc\n%.0s' {1..258} \
	    >"$conf/include-many.conf"
	echo "@FILE@:256:1: include: more than 256 files in all" \
	    >"$conf/include-many.want"

	echo 'include include-itself-first.conf' \
	    >"$conf/include-itself-first.conf"
	echo "@DIR@/include-itself-first.conf:1:1: include:" \
	    "'@DIR@/include-itself-first.conf' includes itself" \
	    >"$conf/include-itself-first.want"

	printf 'include none/*.inc\n#\n%.0s' {1..10002} \
	    >"$conf/many-lines.conf"
	echo "@FILE@:20001:1: more than 10000 lines that say something; the" \
	    "rest was not read" >"$conf/many-lines.want"

	printf 'wrong-%d\n' {1..70} >"$conf/many-errors.conf"
	for n in {1..64}; do
		echo "@FILE@:$n:1: unknown keyword 'wrong-$n';" \
		    "man smiled.conf lists all"
	done >"$conf/many-errors.want"
	echo "70 errors (the first 64 are shown)" >"$conf/many-errors.sum"

	printf '\0# the first byte\n' >"$conf/nul-byte-first.conf"
	echo "@FILE@:1:1: a NUL byte; this is not a file of text" \
	    >"$conf/nul-byte-first.want"
}

# wanted NAME FILE: put what must be said of the fault NAME in FILE into want,
# and the last line of it, which counts, into summary.
wanted() {
	local root='/^@NOTROOT@/d' lines
	[ "$EUID" -eq 0 ] || root='s/^@NOTROOT@//'
	sed -e '/^#/d' -e "$root" -e "s|@FILE@|$2|g" -e "s|@DIR@|${2%/*}|g" \
	    "$conf/$1.want" >"$BATS_TEST_TMPDIR/want"
	mapfile -t lines <"$BATS_TEST_TMPDIR/want"
	summary="${#lines[@]} errors"
	[ "${#lines[@]}" -ne 1 ] || summary="1 error"
	[ ! -e "$conf/$1.sum" ] || summary=$(<"$conf/$1.sum")
	summary+="; configuration not used"
}

# is_refused NAME ARG...: smiled -f NAME.conf with these arguments says what is
# wanted, and nothing else, and its status is 78.
is_refused() {
	local name=$1 file=$conf/$1.conf status=0
	shift
	# shellcheck disable=SC2086
	RUNTIME_DIRECTORY=$RUN setsid timeout -k 1 "$LONG" ${SMILED_WRAP:-} \
	    smiled -f "$file" "$@" >"$BATS_TEST_TMPDIR/out" \
	    2>"$BATS_TEST_TMPDIR/err" </dev/null 3>&- {never}>&- &
	sids+=($!)
	wait $! || status=$?
	wanted "$name" "$file"
	echo "smiled: $summary" >>"$BATS_TEST_TMPDIR/want"
	if ! diff -u "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/err" >&2 ||
	    [ "$status" -ne 78 ] || [ -s "$BATS_TEST_TMPDIR/out" ]; then
		echo "$name: status $status" >&2
		return 1
	fi
}

# all_are_refused STEP ARG...: each, or in the short form each STEPth.
all_are_refused() {
	local step=$1 file n=0 i=0 bad=0
	[ -z "${SMILED_LONG:-}" ] || step=1
	shift
	broken
	RUN=$BATS_TEST_TMPDIR/run.1
	mkdir "$RUN"
	for file in "$conf"/*.conf; do
		i=$((i + 1))
		[ $((i % step)) -eq 0 ] || continue
		file=${file##*/}
		is_refused "${file%.conf}" "$@" || bad=1
		n=$((n + 1))
	done
	# No process is left, as the oracle will see, so nothing is bound.
	[ -z "$(find "$conf" -type s)" ]
	[ "$n" -ge $((170 / step)) ]
	[ "$bad" -eq 0 ]
}

@test "every fault is told of, with its place, by -t" {
	all_are_refused 1 -t
}

@test "every fault keeps the server from starting" {
	all_are_refused 3
}

@test "no .want without its .conf, and none that says nothing" {
	local file
	for file in "$top_srcdir"/tests/conf/bad/*.conf; do
		grep -q '^[@s]' "${file%.conf}.want"
	done
	for file in "$top_srcdir"/tests/conf/bad/*.want; do
		[ -e "${file%.want}.conf" ]
	done
}

# Every keyword that --help does not have, because nothing uses it yet.
@test "every keyword that is not available is refused, right or wrong" {
	local word n=0
	cd "$top_srcdir/tests/conf/bad"
	smiled --help >"$BATS_TEST_TMPDIR/help"
	while IFS= read -r word; do
		if ! grep -q "^  $word " "$BATS_TEST_TMPDIR/help"; then
			n=$((n + 1))
			grep -q ": $word: not available in this build" \
			    later-*.want
			grep -h ": $word: " later-*-wrong.want |
			    grep -qv 'not available'
		fi
	done < <(sed -n 's/^	{ "\([a-z-]*\)", .*&type_.*/\1/p' \
	    "$top_srcdir/src/conf/keyword.c")
	[ "$n" -ge 9 ]
}

# -- While the server serves ---------------------------------------------------

# reload_with FILE N: in place of the current one, at once; wait for the end of
# the Nth reload.
reload_with() {
	cp "$1" "$current.new"
	mv "$current.new" "$current"
	kill -HUP "$PID"
	eventually "$LONG" board_is reloads_done "$2"
}

# The log's errors since the last time; for eventually: whether there are
# enough for a reload to have been refused.
refused_in_log() {
	tail -c +$((logged + 1)) "$LOG" | sed -n 's/^[^ ]* error //p' \
	    >"$BATS_TEST_TMPDIR/err"
	grep -q '^reload refused.*serves on$' "$BATS_TEST_TMPDIR/err"
}

# reload_is_refused NAME N: as the Nth reload.
reload_is_refused() {
	local verdict text
	logged=$(stat -c %s "$LOG")
	reload_with "$conf/$1.conf" "$2"
	eventually "$LONG" refused_in_log
	wanted "$1" "$current"
	# What has no place has our name before it, but not in the log.
	sed -i 's/^smiled: //' "$BATS_TEST_TMPDIR/want"
	echo "reload refused: $summary; generation 1 serves on" \
	    >>"$BATS_TEST_TMPDIR/want"
	verdict=$(board '\(verdict\|text\)')
	if ! diff -u "$BATS_TEST_TMPDIR/want" "$BATS_TEST_TMPDIR/err" >&2 ||
	    [ "$verdict" != "2"$'\n'"refused: $summary" ]; then
		echo "$1 at a reload: $verdict" >&2
		return 1
	fi
}

# In the short form, a third of them.
@test "every fault is refused by a reload under load: nothing changes" {
	local file old n=0 i=0 step=3
	[ -z "${SMILED_LONG:-}" ] || step=1
	broken
	current=$conf/current
	cat >"$current" <<-'EOT'
	service smile
	listen 0
	workers 2
	send "Smile from the server\n"
	EOT
	cp "$current" "$conf/first"
	# Some faults are of what the file says of it.
	own_patience=1
	server_start -p '' -f "$current"
	old=$(workers)
	# It may be kept waiting by all that others do.
	setsid nice -n 19 smilebench -c 1 -d 1h -t 1m localhost "$PORT" \
	    >"$BATS_TEST_TMPDIR/bench" 3>&- {never}>&- &
	bench=$!
	sids+=("$bench")
	for file in "$conf"/*.conf; do
		i=$((i + 1))
		[ $((i % step)) -eq 0 ] || continue
		file=${file##*/}
		n=$((n + 1))
		reload_is_refused "${file%.conf}" "$n"
	done
	[ "$n" -ge $((170 / step)) ]
	# Gone, a directory, and one that never ends.
	for file in none /dev/zero "$conf/inc"; do
		rm -f "$current"
		[ "$file" = none ] || ln -s "$file" "$current"
		n=$((n + 1))
		kill -HUP "$PID"
		eventually "$LONG" board_is reloads_done "$n"
		[ "$(board verdict)" = 2 ]
	done
	rm "$current"
	[ "$(board generation)" -eq 1 ]
	[ "$(workers)" = "$old" ]
	[ -z "$(find "$conf" -type s)" ]
	is_served
	# And what is good is taken as if nothing had been.
	sed 's/workers 2/workers 3/' "$conf/first" >"$conf/second"
	reload_with "$conf/second" $((n + 1))
	[ "$(board verdict)" = 1 ]
	[ "$(board generation)" -eq 2 ]
	eventually "$LONG" worker_count_is 3
	interrupt "$bench"
	wait "$bench"
	cat "$BATS_TEST_TMPDIR/bench"
	server_stop
}

# -- Files that are none -------------------------------------------------------

# tries STATUS ARG...: smiled with these arguments ends with it, in time and
# with little memory; what it says is in out and err.
tries() {
	local want=$1 status=0
	shift
	(
		# The processor's time, which others do not lengthen; what
		# waits instead is ended by timeout.
		sanitized || ulimit -v 100000 -t 2
		# shellcheck disable=SC2086
		exec timeout -k 1 "$LONG" ${SMILED_WRAP:-} smiled "$@" 3>&-
	) >"$BATS_TEST_TMPDIR/out" 2>"$BATS_TEST_TMPDIR/err" </dev/null ||
	    status=$?
	[ "$status" -eq "$want" ] || {
		echo "status $status, not $want:" \
		    "$(head -c 1000 "$BATS_TEST_TMPDIR/err")" >&2
		return 1
	}
}

# one_error WORDS: two lines on stderr, neither very long, with the words.
one_error() {
	local n
	n=$(wc -l <"$BATS_TEST_TMPDIR/err")
	[ "$n" -eq 2 ]
	[ "$(wc -c <"$BATS_TEST_TMPDIR/err")" -lt 1500 ]
	[ ! -s "$BATS_TEST_TMPDIR/out" ]
	grep -q '^smiled: 1 error; configuration not used$' \
	    "$BATS_TEST_TMPDIR/err"
	grep -qF -- "$1" "$BATS_TEST_TMPDIR/err"
}

# hostile WORDS FILE: as a test, for a dump and at start.
hostile() {
	local way
	for way in -t -T -v; do
		tries 78 "$way" -f "$2"
		one_error "$1"
	done
}

@test "files that are no files: refused in time, with little memory" {
	mkdir "$conf"
	cd "$conf"
	hostile "cannot read '$conf/none-here': No such file" none-here
	hostile "No such file" "$conf/none-here"
	mkfifo fifo
	hostile "it is not a regular file" fifo
	hostile "it is not a regular file" /dev/zero
	hostile "it is not a regular file" /dev/null
	hostile "it is a directory" .
	hostile "it is a directory" /
	ln -s nowhere dangling
	hostile "No such file" dangling
	ln -s loop loop
	hostile "cannot read '$conf/loop': " loop
	hostile "Not a directory" /dev/null/smiled.conf
	truncate -s 100M large
	hostile "it is longer than a configuration can be (1 MiB)" large
	truncate -s 1M nothing
	hostile "nothing:1:1: a NUL byte" nothing
	printf 'workers 1\n' >hidden
	chmod 0 hidden
	if [ "$(id -u)" -ne 0 ]; then
		hostile "Permission denied" hidden
	fi
	chmod 644 hidden
	tries 0 -t -f hidden
	# A pattern may match nothing, but not be kept from looking.
	mkdir secret
	echo 'include secret/*.conf' >pattern
	tries 0 -t -f pattern
	chmod 0 secret
	if [ "$(id -u)" -ne 0 ]; then
		hostile "include: cannot look for '$conf/secret/*.conf': Perm" \
		    pattern
	fi
	chmod 755 secret
}

# a_times N: that many bytes.
a_times() {
	head -c "$1" /dev/zero | tr '\0' a
}

@test "a directory whose name looks like a pattern is none" {
	mkdir -p "$conf/a[b]"
	cd "$conf/a[b]"
	echo 'include gone.inc' >one
	hostile "cannot read '$conf/a[b]/gone.inc'" one
	echo 'workers 9' >y.inc
	echo 'include *.inc' >two
	run -0 smiled -T -f two
	[[ "$output" == *"workers 9 "* ]]
}

@test "lines that do not end: what is good is taken, the rest told briefly" {
	mkdir "$conf"
	cd "$conf"
	{
		printf 'service s\nlisten 7001\nsend '
		a_times 900000
		echo
	} >send
	tries 0 -t -f send
	dump -f send >dumped
	{
		printf '    send '
		a_times 900000
		echo
	} >sent
	grep '^    send ' dumped | cmp - sent

	a_times 1000000 >keyword
	hostile "keyword:1:1: unknown keyword '" keyword
	{
		printf 'send "'
		a_times 1000000
	} >quotes
	hostile "quotes:1:6: the double quotes" quotes
	{
		printf 'instance '
		a_times 1000000
	} >value
	hostile "value:1:10: instance: '" value
	a_times 500000 | sed 's/a/a /g' >words
	hostile "words:1:2049: too many words" words
	{
		printf 'include '
		a_times 1000000
	} >path
	hostile "path:1:1: cannot read '$conf/aaa" path
	{
		printf 'pid-file /'
		a_times 1000000
		printf '/x'
	} >parent
	hostile "parent:1:1: pid-file: " parent
	# The last byte that may be, and one more.
	{
		printf '#'
		a_times 1048575
	} >last
	tries 0 -t -f last
	printf '\n' >>last
	hostile "longer than a configuration" last
}

@test "the limits are where they are said to be" {
	local n
	mkdir "$conf"
	cd "$conf"
	for n in {0..7}; do
		echo "include $((n + 1))" >"$n"
	done
	echo 'workers 7' >"$conf/8"
	tries 0 -T -f 0
	grep -q "^    workers 7  *# $conf/8:1$" "$BATS_TEST_TMPDIR/out"
	: >empty
	printf 'include empty\n%.0s' {1..255} >files
	tries 0 -t -f files
	printf 'include none/*\n\n%.0s' {1..10000} >lines
	tries 0 -t -f lines
}

# -- What is good --------------------------------------------------------------

# A copy of them.
good() {
	cp -R "$top_srcdir/tests/conf/good" "$conf"
	chmod -R u+w "$conf"
}

# dump ARG...: what is in effect, without where it came from.
dump() {
	tries 0 -T "$@" || return 1
	[ ! -s "$BATS_TEST_TMPDIR/err" ] || return 1
	sed 's/  *# [^#]*$//' "$BATS_TEST_TMPDIR/out"
}

@test "every good configuration is called one" {
	local file n=0 good='the configuration is good:'
	good
	for file in "$conf"/*.conf; do
		tries 0 -t -f "$file"
		grep -Exq "$good [0-9]+ services?, (up to )?[0-9]+ workers?" \
		    "$BATS_TEST_TMPDIR/out"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/out")" -eq 1 ]
		[ ! -s "$BATS_TEST_TMPDIR/err" ]
		n=$((n + 1))
	done
	[ "$n" -ge 30 ]
	tries 0 -t -f "$conf/above.conf"
	grep -Fxq "$good 2 services, 7 workers" \
	    "$BATS_TEST_TMPDIR/out"
	# The same as it is for everybody, and without any file at all.
	tries 0 -t -f none
	grep -Fxq "$good 1 service, 4 workers" \
	    "$BATS_TEST_TMPDIR/out"
}

@test "what -T prints reads back as itself" {
	local file n=0
	good
	mkdir "$BATS_TEST_TMPDIR/elsewhere"
	for file in "$conf"/*.conf; do
		dump -f "$file" >"$BATS_TEST_TMPDIR/one"
		cp "$BATS_TEST_TMPDIR/out" "$BATS_TEST_TMPDIR/elsewhere/x"
		# With its comments, and without them.
		dump -f "$BATS_TEST_TMPDIR/elsewhere/x" \
		    >"$BATS_TEST_TMPDIR/two"
		diff -u "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
		cp "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/elsewhere/x"
		dump -f "$BATS_TEST_TMPDIR/elsewhere/x" \
		    >"$BATS_TEST_TMPDIR/two"
		diff -u "$BATS_TEST_TMPDIR/one" "$BATS_TEST_TMPDIR/two"
		# It is text, whatever was in it.
		! LC_ALL=C grep -q '[^ -~]' "$BATS_TEST_TMPDIR/one" || return 1
		n=$((n + 1))
	done
	[ "$n" -ge 30 ]
}

# has_lines FILE LINE...: in what -T prints for it.
has_lines() {
	local file=$1 line
	shift
	dump -f "$conf/$file.conf" >"$BATS_TEST_TMPDIR/dump"
	for line; do
		grep -Fxq -- "$line" "$BATS_TEST_TMPDIR/dump" || {
			echo "$file: no '$line' in:" >&2
			cat "$BATS_TEST_TMPDIR/dump" >&2
			return 1
		}
	done
}

@test "what was written is what is understood" {
	good
	has_lines above 'service a' '    workers 2' '    timeout 1m' \
	    'service b' '    workers 5' '    timeout none'
	has_lines actions '    send x' "    sendfile $conf/inc/file" \
	    '    echo' '    discard' '    chargen' '    daytime' '    time'
	has_lines addresses '    listen *:7001' '    listen *:7002' \
	    '    listen 127.0.0.1:7003' '    listen [2001:db8::1]:7003' \
	    '    listen localhost:7004' '    listen [fe80::1%1]:7005' \
	    '    listen [::]:7006' '    listen 0.0.0.0:7006' '    listen *:0'
	has_lines blanks 'service s' '    listen *:7001' '    send x'
	has_lines bom-first-line 'log-level warn'
	has_lines bytes-high '    send "gr\xc3\xbc\xc3\x9fe"'
	has_lines comments 'service s' '    send "a#b"'
	has_lines crlf-no-newline '    listen *:7001' '    send x'
	has_lines crlf '    listen *:7001' '    send "x\r\n"'
	has_lines empty 'service smile' '    listen *:7890' \
	    '    send "Smile from the server\n"'
	has_lines escapes \
	    "    send \"\\x07\\x08\\x1b\\x0c\\n\\r\\t\\x0b\\\\\\\"'\$\""
	has_lines escapes-hex '    send "\x00\x01\x7f\x80\xff\xffa"'
	has_lines escapes-octal '    send "\x00\x01\n\n3\xff 0\x078"'
	has_lines exec '    exec /bin/cat' '    env SHARED=above' \
	    '    kill-grace 2s' '    stderr null' '    half-close yes' \
	    '    timeout none' '    idle-timeout none' '    env A=b' \
	    '    env EMPTY=' '    env "BLANKS=a b=c"' \
	    '    pass-env LC_ALL TERM' '    rlimit as 2147483648' \
	    '    rlimit fsize none' '    kill-grace 0s' '    nice -5' \
	    '    umask 000' '    stderr client' '    half-close no'
	has_lines process '    chdir /tmp' '    umask 077' '    nice 19' \
	    '    rlimit core 0' '    rlimit nproc 100' '    umask 777'
	has_lines global 'log-level warn' 'instance test-1' \
	    'run-dir /tmp/smiled-run' 'pid-file /tmp/smiled.pid' \
	    'start-timeout 20s' 'stop-timeout 1500ms' 'max-workers 12'
	has_lines include-within '    listen *:0' '    send x'
	has_lines keyword-quoted '    listen *:7001' '    send x' \
	    '    workers 2'
	has_lines numbers '    listen *:65535' '    listen *:1' \
	    '    workers 16384' '    backlog 2147483647'
	has_lines quotes '    send "a bc \"de f\"'"'"'###"'
	has_lines quotes-double \
	    "    send \"it's \\\"quoted\\\" \$x #no comment\""
	has_lines quotes-empty '    send ""'
	has_lines quotes-hash '    send "#"'
	has_lines quotes-single '    send "a\\n\"b\\"'
	has_lines service '    listen 127.0.0.1:7001' '    send "all\n"' \
	    '    backlog 128' '    workers 3' '    timeout 90s' \
	    '    idle-timeout 1500ms' '    linger 0s' \
	    '    retire-timeout 1h' '    user nobody' '    keepalive yes'
	has_lines times 'start-timeout 8784h' 'stop-timeout 1s' \
	    '    timeout 1m' '    idle-timeout none' '    linger 1ms' \
	    '    retire-timeout 2h'
	has_lines unix "    listen unix:$conf/s.sock mode=0666" \
	    '    listen unix:/tmp/s.sock mode=0600' \
	    '    listen "unix:/tmp/a b" mode=0666 user=nobody' \
	    '    listen unix:/tmp/c mode=0660 user=0 group=0'
	has_lines users '    user 0:0' '    user 54321:12345' \
	    '    user nobody:0'
	has_lines workers-auto '    workers auto'
}

@test "included files are read in the order of their names, in C" {
	good
	dump -f "$conf/include.conf" >"$BATS_TEST_TMPDIR/dump"
	[ "$(sed -n 's/^service //p' "$BATS_TEST_TMPDIR/dump" |
	    tr '\n' ' ')" = "n10 n9 B b z " ]
}

# comes_from LINE ORIGIN: in what -T has printed.
comes_from() {
	grep -F -- "$1 " "$BATS_TEST_TMPDIR/out" >"$BATS_TEST_TMPDIR/lines"
	[ "$(wc -l <"$BATS_TEST_TMPDIR/lines")" -eq 1 ]
	[[ $(<"$BATS_TEST_TMPDIR/lines") =~ ^\ *"$1"\ +\#\ "$2"$ ]] || {
		cat "$BATS_TEST_TMPDIR/lines" >&2
		return 1
	}
}

@test "where each value comes from is told" {
	good
	tries 0 -T -f "$conf/above.conf"
	comes_from 'log-level info' default
	comes_from 'service a' "$conf/above.conf:6"
	comes_from 'workers 2' "$conf/above.conf:3"
	comes_from 'workers 5' "$conf/above.conf:11"
	comes_from 'listen *:7002' "$conf/above.conf:10"
	comes_from echo "$conf/above.conf:13"
	tries 0 -T -f "$conf/include-nested.conf"
	comes_from 'listen *:7001' "$conf/inc/inner.inc:4"
	comes_from 'listen *:7002' "$conf/inc/outer.inc:4"
	comes_from 'workers 1' "$conf/include-nested.conf:4"
	tries 0 -T -f "$conf/minimal.conf" -v -w 9 7777
	comes_from 'log-level debug' 'command line'
	comes_from 'workers 9' 'command line'
	comes_from 'listen *:7777' 'command line'
	comes_from 'send x' "$conf/minimal.conf:5"
	# Also of a file whose name is hard to print.
	cp "$conf/minimal.conf" "$conf"/$'od\td\n'
	tries 0 -T -f "$conf"/$'od\td\n'
	comes_from 'send x' "$conf/od\\td\\n:5"
}

@test "a chroot of root's" {
	[ "$(id -u)" -eq 0 ] || skip "only root can have one"
	mkdir "$conf"
	printf 'service s\nlisten 0\nsend x\nchroot .\n' >"$conf/conf"
	tries 0 -T -f "$conf/conf"
	comes_from "chroot $conf/." "$conf/conf:4"
}

# -- The command line and the file ---------------------------------------------

# gives LINE ARG...: among what is in effect with these arguments.
gives() {
	local line=$1
	shift
	dump "$@" >"$BATS_TEST_TMPDIR/dump"
	grep -Fxq -- "$line" "$BATS_TEST_TMPDIR/dump" || {
		echo "$*: no '$line'" >&2
		cat "$BATS_TEST_TMPDIR/dump" >&2
		return 1
	}
}

lacks() {
	! grep -F -- "$1" "$BATS_TEST_TMPDIR/dump" || return 1
}

@test "the command line wins over the file" {
	mkdir "$conf"
	cat >"$conf/one" <<-'EOT'
	log-level warn
	workers 2
	service one
	listen 7001
	listen 7002
	send file
	workers 3
	EOT
	gives '    workers 3' -f "$conf/one"
	gives '    workers 5' -f "$conf/one" -w 5
	lacks 'workers 3'
	gives '    workers 6' -f "$conf/one" -o 'workers 6'
	gives '    workers 7' -f "$conf/one" -w 5 -o 'workers 7'
	gives '    workers 8' -f "$conf/one" -o 'workers 5' -w 8
	gives '    workers 9' -w 9 -f "$conf/one"
	gives 'log-level debug' -f "$conf/one" -v
	gives 'log-level error' -f "$conf/one" -v -o 'log-level error'
	gives 'instance x' -f "$conf/one" -i x
	gives '    send "said\n"' -f "$conf/one" -m said
	lacks 'send file'
	gives '    echo' -f "$conf/one" -o echo
	lacks '    send'
	gives '    listen *:7777' -f "$conf/one" 7777
	lacks '700'
	gives '    listen 127.0.0.1:1' -f "$conf/one" -o 'listen 127.0.0.1:1'
	lacks '700'
	gives '    timeout 5s' -f "$conf/one" -o 'timeout 5s'
	# Relative to where it was said.
	cd "$conf"
	gives "pid-file $conf/pid" -f one -p pid
	gives "run-dir $conf/run" -f one -o 'run-dir run'
}

@test "the command line and two services" {
	mkdir "$conf"
	cat >"$conf/two" <<-'EOT'
	workers 2
	service a
	listen 7001
	send a
	workers 3
	service b
	listen 7002
	send b
	EOT
	gives '    workers 5' -f "$conf/two" -w 5
	lacks 'workers 2'
	lacks 'workers 3'
	gives '    workers 5' -f "$conf/two" -o 'service b' -w 5
	grep -Fxq '    workers 3' "$BATS_TEST_TMPDIR/dump"
	gives '    workers 6' -f "$conf/two" -w 6 -o 'service b' -o 'workers 5'
	grep -Fxq '    workers 5' "$BATS_TEST_TMPDIR/dump"
	gives '    listen *:7777' -f "$conf/two" -o 'service a' 7777
	grep -Fxq '    listen *:7002' "$BATS_TEST_TMPDIR/dump"
	lacks '7001'
	gives '    send "said\n"' -f "$conf/two" -o 'service a' -m said
	grep -Fxq '    send b' "$BATS_TEST_TMPDIR/dump"
	# What is for the whole server may stand anywhere there.
	gives 'log-level debug' -f "$conf/two" -o 'service b' -v -w 5
	grep -Fxq '    workers 5' "$BATS_TEST_TMPDIR/dump"
	# A third, of the command line's own.
	gives 'service c' -f "$conf/two" -o 'service c' -o 'listen 7003' \
	    -o discard
	grep -Fxq '    discard' "$BATS_TEST_TMPDIR/dump"

	tries 64 -t -f "$conf/two" 7777
	says_usage 'PORT: listen: it cannot be for all services at once'
	tries 64 -t -f "$conf/two" -m said
	says_usage "option '-m': send: it cannot be for all services at once"
	tries 64 -t -f "$conf/two" -o echo
	says_usage "option '-o': echo: it cannot be for all services at once"
	tries 64 -f "$conf/two" 0
	says_usage 'PORT: listen: it cannot be for all'
}

# It begins with a line that begins so, and there is none that speaks of the
# file.
says_usage() {
	if [[ $(<"$BATS_TEST_TMPDIR/err") != "smiled: $1"* ]] ||
	    grep -Eqv '^smiled: (option|PORT)' "$BATS_TEST_TMPDIR/err"; then
		cat "$BATS_TEST_TMPDIR/err" >&2
		return 1
	fi
}

@test "a fault of the command line is one of usage, beside a good file" {
	mkdir "$conf"
	printf 'service s\nlisten 7001\nsend x\n' >"$conf/good"
	tries 64 -t -f "$conf/good" -o 'wrokers 4'
	says_usage "option '-o': unknown keyword 'wrokers'; did you"
	tries 64 -t -f "$conf/good" -w 0
	says_usage "option '-w': workers: '0' is not between 1 and 32768"
	tries 64 -t -f "$conf/good" -o 'send "x'
	says_usage "option '-o': the double quotes that begin here"
	tries 64 -t -f "$conf/good" -i 'a b'
	says_usage "option '-i': instance: 'a b' is not a name"
	tries 64 -t -f none -o 'sandbox off'
	says_usage "option '-o': sandbox: not available in this build"
	# Faults of both are of the file.
	echo 'wrokers 4' >>"$conf/good"
	tries 78 -t -f "$conf/good" -w 0
	[ "$(wc -l <"$BATS_TEST_TMPDIR/err")" -eq 3 ]
	grep -Fxq 'smiled: 2 errors; configuration not used' \
	    "$BATS_TEST_TMPDIR/err"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: code of one process creeps into another.  The folders of src say
# which process runs a line, and includes point one way:
#
#	smiled.c -> master -> worker -> log, board -> conf -> base
#	tools -> board, conf, base
#
# The master knows one thing of the worker, worker.h; a worker knows nothing
# of the master, base nothing of ours.

load ../lib/harness

# wrong_includes SRC: every #include "..." that breaks the rule, and a last
# line with the number of those that were looked at.
wrong_includes() (
	cd "$1" || return
	find . -name '*.[ch]' -exec \
	    grep -HE '^[ 	]*#[ 	]*include' {} + |
	    sed 's|^\./||' | LC_ALL=C sort | awk -F: '
	BEGIN {
		may["base"] = "base"
		may["conf"] = "conf base"
		may["board"] = "board conf base"
		may["log"] = "log conf base"
		may["worker"] = "worker log board conf base"
		may["master"] = "master log board conf base"
		may["tools"] = "tools board conf base"
		may["smiled.c"] = "master log board conf base"
		exempt["master"] = exempt["smiled.c"] = "worker/worker.h"
	}
	# The room of a file: its folder, or itself if it is in none.
	function room(path) {
		sub(/\/.*/, "", path)
		return path
	}
	$2 !~ /"/ { next }
	{
		n++
		split($2, part, "\"")
		from = room($1)
		to = room(part[2])
		if (part[2] !~ /^[a-z]+\/[a-z_]+\.h$/ ||
		    index(" " may[from] " ", " " to " ") == 0 &&
		    part[2] != exempt[from])
			print $1 ": " part[2]
	}
	END { print n + 0 " includes" }'
)

@test "includes point one way" {
	run -0 wrong_includes "$top_srcdir/src"
	[[ $output =~ ^([0-9]+)\ includes$ ]]
	# Had nothing been found to look at, nothing would be wrong.
	[ "${BASH_REMATCH[1]}" -gt 100 ]
}

@test "what is included is there" {
	local header
	while IFS= read -r header; do
		[ -e "$top_srcdir/src/$header" ]
	done < <(find "$top_srcdir/src" -name '*.[ch]' -exec \
	    sed -n 's/^#include "\(.*\)".*/\1/p' {} + | sort -u)
}

@test "no source file is outside the rooms" {
	run -0 find "$top_srcdir/src" -mindepth 1 -maxdepth 1 \
	    -name '*.[ch]' ! -name smiled.c
	[ -z "$output" ]
	run -0 find "$top_srcdir/src" -mindepth 2 -name '*.[ch]' \
	    ! -path "$top_srcdir/src/*/*/*" \
	    ! -path "$top_srcdir/src/base/*" ! -path "$top_srcdir/src/conf/*" \
	    ! -path "$top_srcdir/src/board/*" ! -path "$top_srcdir/src/log/*" \
	    ! -path "$top_srcdir/src/worker/*" \
	    ! -path "$top_srcdir/src/master/*" ! -path "$top_srcdir/src/tools/*"
	[ -z "$output" ]
}

# fixture FILE INCLUDE: a tree with this one line in it.
fixture() {
	local src=$BATS_TEST_TMPDIR/src
	rm -rf "$src"
	mkdir -p "$(dirname "$src/$1")"
	printf '%s\n' '#include <errno.h>' "$2" >"$src/$1"
	run -0 wrong_includes "$src"
}

@test "each kind of wrong include is found" {
	local file header
	while read -r file header; do
		fixture "$file" "#include \"$header\""
		[ "${lines[0]}" = "$file: $header" ]
		[ "${lines[1]}" = "1 includes" ]
	done <<-'EOF'
	base/text.c conf/conf.h
	base/text.h log/log.h
	base/text.c master/master.h
	conf/conf.c log/log.h
	conf/conf.h board/layout.h
	board/board.c log/log.h
	board/board.c worker/worker.h
	log/log.c board/board.h
	log/logger.c master/logkeeper.h
	worker/worker.c master/slot.h
	worker/conn.h tools/dial.h
	master/slot.c worker/conn.h
	master/slot.h tools/dial.h
	tools/smile.c master/door.h
	tools/dial.c log/log.h
	tools/smile.c worker/worker.h
	smiled.c tools/dial.h
	smiled.c worker/conn.h
	master/slot.c slot.h
	base/text.c ../conf/conf.h
	EOF
	fixture base/text.c '  #  include "conf/conf.h"'
	[ "${lines[0]}" = "base/text.c: conf/conf.h" ]
}

@test "each kind of right include is let alone" {
	local file header
	while read -r file header; do
		fixture "$file" "#include \"$header\""
		[ "$output" = "1 includes" ]
	done <<-'EOF'
	base/fd.c base/fd.h
	conf/conf.c base/text.h
	board/look.c conf/conf.h
	log/log.c conf/conf.h
	worker/conn.c log/log.h
	worker/conn.c board/layout.h
	master/slot.c worker/worker.h
	master/slot.c board/board.h
	tools/smile.c board/board.h
	smiled.c master/master.h
	EOF
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the house is no longer as its rules say, and nobody noticed: a
# file without a licence, a manual that tells of another program, data that
# changes behind everybody's back, lines and functions that grow and grow.
#
# Each rule is a function that prints what breaks it, for any tree; so each is
# also shown a tree that breaks it.

load ../lib/harness

# Files that somebody wrote, under a tree: not what a build in it leaves.
written() {
	(
		cd "$1" &&
		    find . \( -name .deps -o -name .git -o -name build-aux \
		    -o -name autom4te.cache -o -name _build -o -name _inst \) \
		    -prune -o -type f \( -name '*.[ch]' -o -name '*.bats' \
		    -o -name '*.bash' -o -name '*.sh' -o -name '*.pl' \
		    -o -name '*.[1-8]' -o -path './.ci/*' \
		    -o -path ./configure.ac -o -path ./Makefile.am \) -print
	) | sed 's|^\./||' | sort
}

# -- The rules ---------------------------------------------------------------

without_licence() {
	local file
	written "$1" | while IFS= read -r file; do
		head -n 5 "$1/$file" >"$BATS_TEST_TMPDIR/head"
		grep -q 'SPDX-License-Identifier: ISC$' \
		    "$BATS_TEST_TMPDIR/head" &&
		    grep -q 'SPDX-FileCopyrightText: the smiled authors$' \
		    "$BATS_TEST_TMPDIR/head" || echo "$file"
	done
}

# What the top level holds that it should not.
strange_at_top() {
	find "$1" -mindepth 1 -maxdepth 1 ! -name '.*' -printf '%f\n' |
	    grep -vxE 'configure\.ac|Makefile\.am|README|ChangeLog' |
	    grep -vxE 'src|man|tests' |
	    # What autoreconf, configure, make and make distcheck put there.
	    grep -vxE 'configure~?|aclocal\.m4|autom4te\.cache|build-aux' |
	    grep -vxE 'Makefile(\.in)?|config\.(log|status)' |
	    grep -vxE '_build|_inst|smiled-[0-9].*' || true
}

long_lines() {
	local file
	written "$1" | grep '^src/' | while IFS= read -r file; do
		expand "$1/$file" | awk -v file="$file" \
		    'length > 80 { print file ": " FNR }'
	done
}

blanks_at_end() {
	written "$1" | (cd "$1" && xargs grep -nE '[ 	]+$') |
	    cut -d : -f 1,2 || true
}

# A function's body stands between two braces in the first column.
long_functions() {
	written "$1" | grep '^src/.*\.c$' | (cd "$1" && xargs awk '
	    /^\{/ { start = FNR }
	    /^\}/ && start {
		if (FNR - start + 1 > 80)
			print FILENAME ": " start
		start = 0
	    }')
}

# The time of day may jump by a year, in either direction: it is for people to
# read, in these places, and nothing is ever measured or awaited by it.  Nor is
# there a timer that the kernel keeps: what is due is known to clock.h alone.
clocks() {
	written "$1" | grep '^src/.*\.[ch]$' | (cd "$1" && xargs grep -nE \
	    '\<(time|ftime|gettimeofday|timespec_get|mktime) ?\(|\<CLOCK_[A-Z]{2,}|\<(alarm|timer_create|timerfd_create|timer_settime|usleep|nanosleep|clock_nanosleep|sleep) ?\(' \
	    /dev/null) | grep -v 'CLOCK_\(MONOTONIC\|NEVER\)' |
	    # Comments, as in "see time(2)".
	    grep -vE '\<(time|alarm|sleep)\([1-9]\)|^[^:]*:[0-9]*:[	 ]*(/\*|\*)' |
	    sed 's/^\([^:]*\):[0-9]*:[	 ]*/\1: /' || true
}

# changing_data OBJECT...: the symbols in sections that can be written to,
# but for those compilers and sanitizers put there.
changing_data() {
	local object
	for object; do
		objdump -t "$object" | awk -v object="${object##*/}" '
		    $NF ~ /^(\.|__|\*?\.?L[A-Zu]|gcov|lprof)/ { next }
		    NF >= 5 {
			section = $(NF - 2)
			if (section ~ /^\.t?(data|bss)|COM/ &&
			    section !~ /^\.data\.rel\.ro/) {
				sub(/\.[0-9]+$/, "", $NF)
				print object ": " $NF
			}
		    }'
	done
}

# "b background", as --help or a manual has them.
options_of_help() {
	sed -n 's/^  -\(.\), --\([a-z0-9-]*\) .*/\1 \2/p' | sort
}

options_of_manual() {
	sed -n -e 's/^\.It Fl \(.\) , -\([a-z0-9-]*\)$/\1 \2/p' \
	    -e 's/^\.It Fl \(.\) Ar .* , Fl -\([a-z0-9-]*\) Ar .*/\1 \2/p' |
	    sort
}

# The letters of a manual's SYNOPSIS, one on each line.
letters_of_synopsis() {
	sed -n '/^\.Sh SYNOPSIS/,/^\.Sh DESCRIPTION/p' |
	    grep -oE 'Fl [A-Za-z0-9]+' | sed 's/^Fl //' | fold -w 1 | sort -u
}

# finds_nothing RULE ARG...
finds_nothing() {
	run "$@"
	if [ "$status" -ne 0 ] || [ -n "$output" ]; then
		echo "$output" >&2
		return 1
	fi
}

# -- The house -----------------------------------------------------------------

@test "every file has the licence's two lines" {
	[ "$(written "$top_srcdir" | wc -l)" -gt 60 ]
	finds_nothing without_licence "$top_srcdir"
}

@test "the top level is tidy" {
	finds_nothing strange_at_top "$top_srcdir"
}

@test "no line of the source is wider than 80 columns" {
	finds_nothing long_lines "$top_srcdir"
}

@test "no line ends with a blank" {
	finds_nothing blanks_at_end "$top_srcdir"
}

@test "no function is longer than 80 lines" {
	finds_nothing long_functions "$top_srcdir"
}

# Every corner must be able to log, or to say things before there is a log, to
# whoever is to hear them; handlers of signals have no other way to
# hand something over, and sigprocmask(2) wants a set with an address.
@test "data that changes at file scope: the log, the signals' notes, no more" {
	local objects
	command -v objdump >/dev/null || skip "no objdump"
	mapfile -t objects < <(find "$bindir" -name '*.o' -path '*/src/*')
	[ "${#objects[@]}" -gt 30 ] || skip "no object files: installed?"
	run -0 changing_data "${objects[@]}"
	[ "$(sort <<<"$output")" = "die.o: listener
log.o: state
sig.o: notes
sig.o: nothing
worker.o: has_program
worker.o: quit_gate
worker.o: quit_listener
worker.o: quits" ]
}

@test "the time of day is shown, and nothing is measured by it" {
	run -0 clocks "$top_srcdir"
	[ "$(sort <<<"$output")" = "\
src/board/board.c: set(board->head->started, (int64_t)time(NULL));
src/log/line.c: (void)clock_gettime(CLOCK_REALTIME, &now);
src/log/syslog.c: time_t t = time(NULL);
src/tools/top.c: time_t now = time(NULL);
src/worker/builtin.c: time_t now = time(NULL);
src/worker/builtin.c: uint32_t word = htonl((uint32_t)time(NULL) + EPOCH);" ] || {
		echo "$output" >&2
		return 1
	}
}

@test "options: --help, the manual and its synopsis agree" {
	local program manual letter
	for manual in "$top_srcdir"/man/*.[18]; do
		program=${manual##*/}
		program=${program%.*}
		"$bindir/$program" --help >"$BATS_TEST_TMPDIR/help"
		options_of_help <"$BATS_TEST_TMPDIR/help" \
		    >"$BATS_TEST_TMPDIR/a"
		options_of_manual <"$manual" >"$BATS_TEST_TMPDIR/b"
		[ "$(wc -l <"$BATS_TEST_TMPDIR/a")" -ge 7 ]
		diff -u "$BATS_TEST_TMPDIR/a" "$BATS_TEST_TMPDIR/b"
		cut -c 1 "$BATS_TEST_TMPDIR/a" | sort -u >"$BATS_TEST_TMPDIR/a1"
		letters_of_synopsis <"$manual" >"$BATS_TEST_TMPDIR/b1"
		diff -u "$BATS_TEST_TMPDIR/a1" "$BATS_TEST_TMPDIR/b1"
		# The usage line has them all, but may leave out -h and -V.
		while IFS= read -r letter; do
			[[ $letter = [hV] ]] ||
			    sed '/^$/q' "$BATS_TEST_TMPDIR/help" |
			    grep -qE "[[ ]-[A-Za-z0-9]*$letter"
		done <"$BATS_TEST_TMPDIR/a1"
	done
	# Every program that is installed has its manual.
	for program in smiled.8 smilectl.8 smile.1 smilebench.1; do
		[ -e "$top_srcdir/man/$program" ]
	done
}

@test "the manuals are clean to mandoc" {
	command -v mandoc >/dev/null || skip "no mandoc"
	finds_nothing mandoc -Tlint -Wwarning "$top_srcdir"/man/*.[1-8]
}

@test "the manuals are clean to groff" {
	command -v groff >/dev/null || skip "no groff"
	for manual in "$top_srcdir"/man/*.[1-8]; do
		finds_nothing groff -ww -mandoc -Tutf8 -z "$manual"
	done
}

@test "the shell scripts are clean to shellcheck" {
	local scripts
	command -v shellcheck >/dev/null || skip "no shellcheck"
	mapfile -t scripts < <(written "$top_srcdir" |
	    grep -E '\.(bats|bash|sh)$|^\.ci/')
	cd "$top_srcdir"
	finds_nothing shellcheck -f gcc "${scripts[@]}"
}

# -- And each rule can be broken ----------------------------------------------

more_setup() {
	house=$BATS_TEST_TMPDIR/house
	mkdir -p "$house/src/base" "$house/tests" "$house/man"
	cat >"$house/src/base/good.c" <<-'EOF'
	/*
	 * SPDX-License-Identifier: ISC
	 * SPDX-FileCopyrightText: the smiled authors
	 */
	int
	good(void)
	{
		return 0;
	}
	EOF
}

@test "a house in order breaks no rule" {
	for rule in without_licence strange_at_top long_lines blanks_at_end \
	    long_functions clocks; do
		finds_nothing "$rule" "$house"
	done
}

@test "a deadline by the time of day, and a timer, are found" {
	sed 's/return 0/return time(NULL) > 5/' "$house/src/base/good.c" \
	    >"$house/src/base/late.c"
	sed 's/return 0/return timer_create(CLOCK_BOOTTIME, 0, 0)/' \
	    "$house/src/base/good.c" >"$house/src/base/timer.c"
	sed 's/return 0/return usleep(1)/' "$house/src/base/good.c" \
	    >"$house/src/base/sleep.c"
	run -0 clocks "$house"
	[ "$(cut -d : -f 1 <<<"$output" | sort | tr '\n' ' ')" = \
	    "src/base/late.c src/base/sleep.c src/base/timer.c " ]
}

@test "each broken rule is found" {
	sed '/SPDX-F/d' "$house/src/base/good.c" >"$house/tests/half.sh"
	run -0 without_licence "$house"
	[ "$output" = tests/half.sh ]

	mkdir "$house/doc"
	run -0 strange_at_top "$house"
	[ "$output" = doc ]

	printf '\t%073d\n' 1 >"$house/src/base/wide.h"
	run -0 long_lines "$house"
	[ "$output" = "src/base/wide.h: 1" ]

	printf '.Sh NAME \n' >"$house/man/x.1"
	run -0 blanks_at_end "$house"
	[ "$output" = "man/x.1:1" ]

	{
		printf 'int\nf(void)\n{\n'
		printf '\t%s;\n' {1..78}
		printf '}\nint\nlonger(void)\n{\n'
		printf '\t%s;\n' {1..79}
		printf '}\n'
	} >"$house/src/base/long.c"
	run -0 long_functions "$house"
	[ "$output" = "src/base/long.c: 85" ]
}

@test "data that changes is found, and constant data is not" {
	local cc=${CC:-cc}
	command -v objdump >/dev/null || skip "no objdump"
	command -v "$cc" >/dev/null || skip "no compiler"
	cat >"$house/data.c" <<-'EOF'
	extern int later(void);
	const int one = 1;
	static const char *const names[] = { "a", "b" };
	const char *name(int i) { return names[i]; }
	static int changing;
	int initial = 5;
	int later(void) { static int count = 3; return changing++ + count++; }
	EOF
	"$cc" -fPIC -c -o "$house/data.o" "$house/data.c"
	run -0 changing_data "$house/data.o"
	[ "$(sort <<<"$output")" = "data.o: changing
data.o: count
data.o: initial" ]
}

@test "a manual that tells of other options is found" {
	run -0 options_of_manual <<-'EOF'
	.It Fl b , -background
	.It Fl w Ar number , Fl -workers Ar number
	EOF
	[ "$output" = "b background
w workers" ]
	run -0 options_of_help <<-'EOF'
	usage: x [-b]

	  -b, --background     go
	  -w, --workers N      how many
	EOF
	[ "$output" = "b background
w workers" ]
	run -0 letters_of_synopsis <<-'EOF'
	.Sh SYNOPSIS
	.Op Fl hb
	.Op Fl n Ar total | Fl d Ar time
	.Sh DESCRIPTION
	.Fl x
	EOF
	[ "$(tr -d '\n' <<<"$output")" = bdhn ]
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: the table, the parser, -T, --help, the sample and the manual tell
# different stories.
#
# The table is what tests/lib/keywordcat prints.  Each comparison is a function
# that prints what differs, for any texts; so each is also shown texts that
# differ.

load ../lib/harness

more_setup() {
	dir=$BATS_TEST_TMPDIR
	table=$dir/table help=$dir/help manual=$dir/manual sample=$dir/sample
	"$testbin/keywordcat" >"$table"
	smiled --help >"$help"
	cp "$top_srcdir/man/smiled.conf.5" "$manual"
	cp "$top_srcdir/src/conf/smiled.conf.sample" "$sample"
	mkdir "$dir/there"
	echo text >"$dir/there/file"
}

# -- What each of them says ----------------------------------------------------

# The names in the table that are "available", or "later".
names() {
	awk -F '\t' -v when="$2" '$2 == when { print $1 }' "$1" | sort
}

# Names and what is to be written after them, without blanks: "user
# NAME[:GROUP]".
words_of_table() {
	awk -F '\t' '$2 == "available" { gsub(/ /, "", $5); print $1, $5 }' \
	    "$1" | sort
}

words_of_help() {
	lines_of_help "$1" | awk '{
		left = substr($0, 3, 35)
		name = left
		sub(/ .*/, "", name)
		sub(/^[^ ]*/, "", left)
		gsub(/ /, "", left)
		print name, left
	}' | sort
}

words_of_manual() {
	awk '/^\.Sh / { on = $2 == "KEYWORDS" }
	    on && /^\.It Ic / {
		text = ""
		for (i = 4; i <= NF; i++)
			if ($i == "Oo")
				text = text "["
			else if ($i == "Oc")
				text = text "]"
			else if ($i !~ /^(Ar|Cm|Ns)$/)
				text = text $i
		print $3, text
	}' "$1" | sort
}

lines_of_help() {
	sed '1,/^Keywords of the configuration/d; /^$/,$d' "$1"
}

# Names with the line of help and the default: "linger how long ... (2s)".
says_table() {
	awk -F '\t' '$2 == "available" {
		print $1, $6 ($4 == "-" ? "" : " (" $4 ")")
	}' "$1" | sort
}

says_help() {
	lines_of_help "$1" | awk '{ print $1, substr($0, 39) }' | sort
}

# Names with their defaults: "linger 2s".
defaults_of_table() {
	awk -F '\t' '$2 == "available" && $4 != "-" { print $1, $4 }' "$1" |
	    sort
}

# The manual says "The default is 2s.", or "The default is 5m; with echo and
# discard it is none."
defaults_of_manual() {
	awk '/^\.Sh / { on = $2 == "KEYWORDS" }
	    on && /^\.It Ic / { name = $3 }
	    on && /^The default is / { sub(/[.;]$/, "", $4); print name, $4 }
	' "$1" | sort
}

# Those of services with one action, as far as they differ from that.
exceptions_of_manual() {
	awk -v action="$2" '/^\.Sh / { on = $2 == "KEYWORDS" }
	    on && /^\.It Ic / { name = $3 }
	    on && /^The default is .*; with .* it is .*\.$/ {
		value = $NF
		sub(/\.$/, "", value)
		for (i = 5; i <= NF; i++) {
			sub(/,$/, "", $i)
			if ($i == action)
				print name, value
		}
	}' "$1"
}

# Names of those whose default is not the same for all actions.
excepted_in_manual() {
	awk '/^\.Sh / { on = $2 == "KEYWORDS" }
	    on && /^\.It Ic / { name = $3 }
	    on && /^The default is .*; with .* it is .*\.$/ { print name }' \
	    "$1" | sort
}

# Names of those that only a restart can change.
restarts_of_table() {
	awk -F '\t' '$2 == "available" && $7 == "restart" { print $1 }' "$1" |
	    sort
}

restarts_of_manual() {
	awk '/^\.Sh / { on = $2 == "KEYWORDS" }
	    on && /^\.It Ic / { name = $3 }
	    on && /^Only a restart can change it\.$/ { print name }' "$1" |
	    sort
}

# All words that the manual marks as keywords, wherever it does.
marked_in_manual() {
	awk '/^\./ {
		on = 0
		for (i = 1; i <= NF; i++) {
			sub(/^\./, "", $i)
			if ($i ~ /^[A-Z][a-z]$/)
				on = $i == "Ic"
			else if (on && $i ~ /^[a-z]/)
				print $i
		}
	}' "$1" | sort -u
}

# Lines of the sample with a keyword: all, or those that are not behind a #.
all_of_sample() {
	sed -n 's/^[ 	]*#\{0,1\}\([a-z].*\)$/\1/p' "$1"
}

active_of_sample() {
	sed -n 's/^[ 	]*\([a-z].*\)$/\1/p' "$1"
}

# dump ARG...: what -T prints, without the origins.
dump() {
	smiled -T "$@" | sed -E 's/ +# (default|command line|\/.*)$//'
}

# -- What differs --------------------------------------------------------------

# differs COMMAND A COMMAND B: the lines that only one of them prints.
differs() {
	diff <("$1" "$2") <("$3" "$4") | grep '^[<>]' || true
}

help_differs() {
	differs words_of_table "$1" words_of_help "$2"
	differs says_table "$1" says_help "$2"
}

manual_differs() {
	differs words_of_table "$1" words_of_manual "$2"
	differs defaults_of_table "$1" defaults_of_manual "$2"
	differs restarts_of_table "$1" restarts_of_manual "$2"
	# And nowhere in it is a keyword that cannot be used.
	comm -13 <(names "$1" available) <(marked_in_manual "$2")
}

# sample_differs TABLE SAMPLE MANUAL: each keyword must be there, at its
# default, and active if it has one; but a line for all services would do away
# with a default that is not the same for all actions.
sample_differs() {
	local name value
	comm -3 <(names "$1" available) \
	    <(all_of_sample "$2" | sed 's/ .*//' | sort -u)
	while read -r name value; do
		all_of_sample "$2" | grep -qxF "$name $value" ||
		    echo "not there: $name $value"
		active_of_sample "$2" | grep -qxF "$name $value" ||
		    excepted_in_manual "$3" | grep -qxF "$name" ||
		    echo "not active: $name $value"
	done < <(defaults_of_table "$1")
	differs dump_file none dump_file "$2"
}

dump_file() {
	dump -f "$1"
}

# The words -T has printed against those that it should have a line for.
dump_differs() {
	comm -3 <(names "$1" available | grep -vx include) \
	    <(sed 's/^ *//; s/ .*//; /^$/d' "$2" | sort -u)
}

# claims_differ CLAIMS ACTION: whether it changes anything to say what is the
# default anyway: lines such as "linger 2s".
claims_differ() {
	local lines=() line
	while IFS= read -r line; do
		lines+=(-o "$line")
	done <"$1"
	diff <(dump -f none -o "$2") <(dump -f none -o "$2" "${lines[@]}") |
	    grep '^[<>]' || true
}

# The examples of a manual, each as a file, that are not accepted.
bad_examples() {
	local file n=0
	rm -rf "$dir/examples"
	mkdir "$dir/examples"
	awk -v dir="$dir/examples" '
	    /^\.Sh / { on = $2 == "EXAMPLES" }
	    /^\.Ed/ { file = "" }
	    file != "" { gsub(/\\e/, "\\"); print >file }
	    on && /^\.Bd -literal/ { file = dir "/" ++n ".conf" }' "$1"
	for file in "$dir/examples"/*.conf; do
		n=$((n + 1))
		smiled -t -f "$file" >/dev/null 2>"$dir/err" ||
		    cat "$dir/err"
	done
	[ "$n" -ge 3 ] || echo "only $n examples"
}

# finds_nothing RULE ARG...
finds_nothing() {
	run "$@"
	if [ "$status" -ne 0 ] || [ -n "$output" ]; then
		echo "$output" >&2
		return 1
	fi
}

# finds WORD RULE ARG...: something, and the word is in it.
finds() {
	local word=$1
	shift
	run -0 "$@"
	grep -qwF -- "$word" <<<"$output" || {
		echo "no $word: $output" >&2
		return 1
	}
}

# -- Values that are right -----------------------------------------------------

# value_for NAME SYNOPSIS: a value of this kind.
value_for() {
	case $1 in
	chroot) echo / ;;
	include) echo "$dir/nothing*" ;;
	sendfile) echo "$dir/there/file" ;;
	stop-signal) echo TERM ;;
	*)
		sed -e 's/ *\[[^]]*\]//g; s/|.*//; s/\.\.\.$//' \
		    -e 's/^KIND N$/nofile 64/; s/^NAME=VALUE$/A=b/' \
		    -e "s:^PATH\$:$dir/new:; s/^PREFIX\$/192.0.2.0\/24/" \
		    -e 's/^ADDRESS$/0/; s/^MODE$/022/; s/^NAME$/nobody/' \
		    -e 's/^PROGRAM$/\/bin\/cat/; s/^TEXT$/x/' \
		    -e 's/^N\//7\//; s/^N$/7/; s/TIME$/7s/' <<<"$2"
		;;
	esac
}

# each WHEN COMMAND...: call it for each keyword that is "available", or
# "later", with its name, its place, its kind and a line that is right.
each() {
	local when=$1 name state place standard synopsis text kind
	shift
	# Between tabs there may be nothing, which read would not notice.
	while IFS='|' read -r name state place standard synopsis text kind; do
		[ "$state" = "$when" ] || continue
		[ "$name" != chroot ] || [ "$(id -u)" -eq 0 ] || continue
		synopsis=$(value_for "$name" "${synopsis//!/|}")
		"$@" "$name" "$place" "$kind" "$name${synopsis:+ $synopsis}"
	done < <(tr '|\t' '!|' <"$table")
}

# in_file LINE...: what -t says of a file of these lines.
in_file() {
	printf '%s\n' "$@" >"$dir/conf"
	run -"${expected:-0}" smiled -t -f "$dir/conf"
}

in_section() {
	local rest=("listen 0" "$2")
	# All keywords but actions mean something to a service with a program,
	# of one kind or the other.
	case $1/$2 in
	action/*) ;;
	*/ready* | */stop-signal* | */run-fd* | */watchdog* | */on-reload*)
		rest+=("run /bin/cat")
		;;
	*)
		rest+=("exec /bin/cat")
		;;
	esac
	in_file "service x" "${rest[@]}"
}

# -- The stories ---------------------------------------------------------------

@test "--help is the table's" {
	[ "$(words_of_table "$table" | wc -l)" -ge 26 ]
	finds_nothing help_differs "$table" "$help"
}

@test "the manual is the table's" {
	[ "$(words_of_manual "$manual" | wc -l)" -ge 26 ]
	finds_nothing manual_differs "$table" "$manual"
}

@test "the sample has every keyword at its default" {
	[ "$(all_of_sample "$sample" | wc -l)" -ge 26 ]
	finds_nothing sample_differs "$table" "$sample" "$manual"
	run -0 smiled -t -f "$sample"
}

# One more line active, with paths that are there.
@test "what the sample has behind a # is right, too" {
	local n line count=0
	while read -r n; do
		sed "${n}{
			s/#//
			s:/run/:/:
			s:chroot .*:chroot $dir/there:
			s:sendfile .*:sendfile $dir/there/file:
			s:^ *run /.*:run /bin/cat:
		}" "$sample" >"$dir/more"
		line=$(sed -n "${n}p" "$dir/more")
		case $line in
		*chroot*) [ "$(id -u)" -eq 0 ] || continue ;;
		*sendfile* | *echo | *discard | *chargen | *daytime | *time | \
		    *status | *metrics | \
		    *exec* | run\ *)
			sed -i 's/^ *send .*//' "$dir/more"
			;;
		env* | pass-env*)
			sed -i 's:^ *send .*:exec /bin/cat:' "$dir/more"
			;;
		esac
		run -0 smiled -T -f "$dir/more"
		[[ $line = include* ]] || grep -q "more:$n\$" <<<"$output"
		count=$((count + 1))
	done < <(grep -nE '^ *#[a-z]' "$sample" | sed 's/:.*//')
	[ "$count" -ge 12 ]
}

print_given() {
	dump -f none -o "exec /bin/cat" -o "$4" >>"$dir/dumps"
}

@test "-T prints every keyword, and no other" {
	each available print_given
	if [ "$(id -u)" -ne 0 ]; then
		sed -i '/^chroot	/d' "$table"
	fi
	finds_nothing dump_differs "$table" "$dir/dumps"
}

@test "the defaults are those the manual has, with each action" {
	local action actions=() name
	mapfile -t actions < <(awk -F '\t' '$2 == "available" &&
	    $7 == "action" { print $1 }' "$table")
	[ "${#actions[@]}" -ge 7 ]
	for action in "${actions[@]}"; do
		{
			defaults_of_manual "$manual"
			# On the command line, the last word counts.
			exceptions_of_manual "$manual" "$action"
		} >"$dir/claims"
		[ "$(wc -l <"$dir/claims")" -ge 11 ]
		case $action in
		exec | run) action="$action /bin/cat" ;;
		send) action="send x" ;;
		sendfile) action="sendfile $dir/there/file" ;;
		esac
		finds_nothing claims_differ "$dir/claims" "$action"
		# Nothing has a default that nobody tells of.
		dump_with_origins "$action" >"$dir/defaults"
		while read -r name _; do
			grep -q "^$name " "$dir/claims"
		done <"$dir/defaults"
	done
}

dump_with_origins() {
	smiled -T -f none -o "$1" | sed -n 's/^ *\(.*[^ ]\)  *# default$/\1/p' |
	    grep -vE '^(service|listen) '
}

accepted_in_place() {
	# A service of its own needs more than its name; all here have one.
	[ "$1" != service ] || return 0
	expected=0
	[ "$2" = service ] || in_file "$4"
	[ "$2" = global ] || in_section "$3" "$4"
	expected=78
	case $2 in
	global)
		in_section "$3" "$4"
		[[ $output = *"$1: it is for the whole server"* ]]
		;;
	service)
		in_file "$4"
		[[ $output = *"$1: it belongs to a service"* ]]
		;;
	esac
}

@test "the parser takes every keyword where the table has it, only there" {
	each available accepted_in_place
}

refused_for_now() {
	run -64 smiled -t -f none -o "$4"
	[[ $output = *": $1: not available in this build" ]] || {
		echo "$4: $output" >&2
		false
	}
}

@test "what is not here is refused, and no story tells of it" {
	[ "$(names "$table" later | wc -l)" -ge 1 ] || skip "all are here"
	each later refused_for_now
	{
		words_of_help "$help"
		words_of_manual "$manual"
		marked_in_manual "$manual"
		marked_in_manual "$top_srcdir/man/smiled.8"
		all_of_sample "$sample"
		dump -f none
	} | sed 's/^ *//; s/ .*//' | sort -u >"$dir/told"
	[ "$(wc -l <"$dir/told")" -ge 26 ]
	finds_nothing comm -12 <(names "$table" later) "$dir/told"
}

@test "the manual's examples are accepted" {
	finds_nothing bad_examples "$manual"
}

# -- And each comparison can fail ----------------------------------------------

# doctor SCRIPT FILE: a copy of the file that sed has changed.
doctor() {
	sed -E "$1" "$2" >"$dir/doctored"
	if cmp -s "$2" "$dir/doctored"; then
		echo "nothing changed: $1" >&2
		return 1
	fi
}

# The table with a keyword that has come, and with one that is gone.
@test "each story that lacks a keyword, or has one too many, is found" {
	printf 'news\tavailable\tboth\t-\tN\tsome news\treload\n' >"$dir/more"
	cat "$table" >>"$dir/more"
	sed '/^linger	/d' "$table" >"$dir/less"
	finds news help_differs "$dir/more" "$help"
	finds linger help_differs "$dir/less" "$help"
	finds news manual_differs "$dir/more" "$manual"
	finds linger manual_differs "$dir/less" "$manual"
	finds news sample_differs "$dir/more" "$sample" "$manual"
	finds linger sample_differs "$dir/less" "$sample" "$manual"
	dump -f none -o "backlog 5" -o echo >"$dir/dumps"
	finds linger dump_differs "$dir/less" "$dir/dumps"
	finds news dump_differs "$dir/more" "$dir/dumps"
}

@test "another default is found" {
	doctor '/^linger	/s/2s/3s/' "$table"
	finds "how long to wait for a client's end (3s)" \
	    help_differs "$dir/doctored" "$help"
	finds "linger 3s" manual_differs "$dir/doctored" "$manual"
	finds "linger 3s" sample_differs "$dir/doctored" "$sample" "$manual"
	doctor 's/^linger 2s/linger 3s/' "$sample"
	finds "linger 2s" sample_differs "$table" "$dir/doctored" "$manual"
	doctor 's/^#(timeout) 5m/\1 5m/; s/^(workers) 4/#\1 4/' "$sample"
	finds "not active: workers 4" sample_differs "$table" "$dir/doctored" "$manual"
	doctor 's/^(The default is) 2s/\1 3s/' "$manual"
	finds "linger 3s" manual_differs "$table" "$dir/doctored"
	defaults_of_manual "$dir/doctored" >"$dir/claims"
	finds "linger 3s" claims_differ "$dir/claims" "send x"
	defaults_of_manual "$manual" >"$dir/claims"
	finds "timeout none" claims_differ "$dir/claims" echo
	[ "$(exceptions_of_manual "$manual" discard)" = "timeout none" ]
	[ -z "$(exceptions_of_manual "$manual" send)" ]
}

@test "another value to be written, or another help, is found" {
	doctor '/^workers	/s/auto	/all	/' "$table"
	finds "workers N|MIN..MAX|all" help_differs "$dir/doctored" "$help"
	finds "workers N|MIN..MAX|all" manual_differs "$dir/doctored" "$manual"
	doctor 's/^(\.It Ic user .*) : /\1 ; /' "$manual"
	finds "user NAME[;GROUP]" manual_differs "$table" "$dir/doctored"
	doctor 's/send this text/send that text/' "$help"
	finds "that" help_differs "$table" "$dir/doctored"
}

@test "a restart that is not told of, or told of in vain, is found" {
	doctor '/^linger	/s/reload$/restart/' "$table"
	finds linger manual_differs "$dir/doctored" "$manual"
	doctor '/^Only a restart/d' "$manual"
	finds instance manual_differs "$table" "$dir/doctored"
}

@test "a keyword that cannot be used is found, wherever the manual has it" {
	doctor '/^\.Sh CAVEATS/a .Ic linger , sandbox No or Ic rate .' "$manual"
	run -0 manual_differs "$table" "$dir/doctored"
	[ "$output" = "rate
sandbox" ]
	doctor 's/^#backlog .*/#sandbox off/' "$sample"
	finds sandbox sample_differs "$table" "$dir/doctored" "$manual"
}

@test "an example that is not accepted is found" {
	doctor 's/^workers 8/workres 8/' "$manual"
	finds workres bad_examples "$dir/doctored"
	doctor '/^\.Sh EXAMPLES/,/^\.Sh DIAG/d' "$manual"
	finds "only" bad_examples "$dir/doctored"
}

#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: a command that was not meant is half understood, and a server stops
# that nobody wanted to stop; of several, it is the wrong one; or the words do
# not help whoever mistyped.

# Programs of others stand in single quotes.
# shellcheck disable=SC2016

load lib/harness

# refused WORDS ARG...: status 64, nothing on stdout, and one line on stderr that
# has all these words, split at |.  A server runs that must not notice.
refused() {
	local words word
	IFS='|' read -ra words <<<"$1"
	shift
	run -64 --separate-stderr ctl "$@"
	# shellcheck disable=SC2154
	[[ $stderr == "smilectl: "* && $stderr != *$'\n'* && -z $output ]]
	for word in "${words[@]}"; do
		[[ $stderr == *"$word"* ]] || {
			echo "'$*': '$word' is not in: $stderr" >&2
			return 1
		}
	done
}

@test "commands: unknown, cut short, none, or several" {
	server_start -w 1
	refused "'stats'|did you mean 'status'?" stats
	refused "'relaod'|did you mean 'reload'?" relaod
	refused "'stpo'|did you mean 'stop'?" stpo
	for word in stat sto rel s STOP 'stop ' '' 'status|' restart -; do
		refused "unknown command '$word'" "$word"
	done
	refused "a command is missing|--help"
	refused "a command is missing" --
	refused "'stop'|one command at a time" reload stop
	refused "'now'|one command at a time" stop now
	refused "'ready' or 'gone'" wait
	refused "'ready' or 'gone'" wait rea
	refused "'gone'|one command at a time" wait ready gone
	run ! log_has ' from pid '
	is_served
	server_stop
}

@test "options: unknown, without a value, or for other commands" {
	server_start -w 1
	for word in reopen stop 'wait ready' metrics; do
		# shellcheck disable=SC2086
		refused "takes no --json" --json $word
	done
	for word in status workers top reload reopen 'wait gone' metrics; do
		# shellcheck disable=SC2086
		refused "takes no --now" $word --now
	done
	for word in status workers top reopen metrics; do
		refused "takes no --timeout" "$word" -t 1s
	done
	refused "--jsno|--json" status --jsno
	refused "-x" status -x
	refused "-t" reload -t
	for word in '' -1s 1x soon 99999999999h; do
		refused "-t" reload -t "$word"
	done
	for word in '' a/b / ../smiled; do
		refused "-i|is not the name of a server" -i "$word" stop
	done
	run ! log_has ' from pid '
	is_served
	server_stop
}

@test "a terminal cannot be written to through what is mistyped" {
	RUN=$BATS_TEST_TMPDIR
	refused "'\\x1b[2Jx\\n'" $'\033[2Jx\n'
}

@test "help and version: on stdout, with status 0" {
	run -0 --separate-stderr smilectl --help
	[ -z "$stderr" ]
	for word in status workers top reload reopen stop 'wait ready|gone' \
	    metrics; do
		grep -q "^  $word  " <<<"$output"
	done
	[ "$output" = "$(smilectl -h)" ]
	run -0 --separate-stderr smilectl --version
	[ -z "$stderr" ]
	[[ "$output" == "smilectl "[0-9]*.*([^ ]) ]]
	[ "${output#smilectl }" = "$(smiled --version | sed 's/^smiled //')" ]
	# Though nothing else fits.
	run -0 smilectl -h nonsense
	run -1 bash -c 'smilectl --help >/dev/full'
}

@test "several servers: listed, and -i says which" {
	local first log sid fds
	server_start -w 1 -i one
	first=$PID log=$LOG sid=$SID fds=$FDS
	start_from "export RUNTIME_DIRECTORY='$RUN'; exec \"\$@\""
	server_start -w 2 -i two
	RUN=$BATS_TEST_TMPDIR/run.1
	for word in status workers top reload reopen stop metrics \
	    'wait ready'; do
		# shellcheck disable=SC2086
		refused "several servers run: |one|two|-i NAME" $word
	done
	run -0 ctl -i one status
	[[ "${lines[0]}" == "one: smiled "*", pid $first, "* ]]
	run -0 ctl status -i two --json
	[ "$(json '@$j{qw(pid instance)}' <<<"$output")" = "$PID two" ]
	run -3 ctl -i three status
	[[ "$output" == *"three is not running"* ]]
	run ! grep -q ' from pid ' "$log" "$LOG"
	run -0 ctl -i two reload
	eventually "$LONG" log_has ' HUP from pid '
	run ! grep -q ' HUP from pid ' "$log"
	ctl -i two stop
	server_wait_end
	# Now there is no doubt.
	run -0 ctl status
	[[ "${lines[0]}" == "one: smiled "*", pid $first, "* ]]
	run -75 ctl wait gone -i one -t 100ms
	ctl wait gone -i two
	PID=$first LOG=$log SID=$sid FDS=$fds
	ctl stop
	server_wait_end
}

@test "nobody can be told what nobody can read" {
	server_start -w 1
	for word in status workers metrics reload; do
		run -1 bash -c 'RUNTIME_DIRECTORY=$0 smilectl $1 >/dev/full' \
		    "$RUN" "$word"
		[[ "$output" == "smilectl: "*"No space left on device" ]]
	done
	server_stop
}

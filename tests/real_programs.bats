#!/usr/bin/env bats
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# The fear: real programs, written for inetd and unmodified, do not work behind
# this server, or lose something: a clone is not complete, a tree comes back as
# another, a file is cut, or what a program leaves in the background does not
# live to finish.

load lib/harness
load lib/programs

# What moves much may take longer than what must only come.
MUCH=$((3 * LONG))

more_setup() {
	mark_programs
	# The clients have no habits from elsewhere.
	unset "${!GIT_@}" "${!RSYNC_@}"
	export HOME=$BATS_TEST_TMPDIR GIT_CONFIG_NOSYSTEM=1
	export GIT_CONFIG_GLOBAL=$HOME/gitconfig GIT_TERMINAL_PROMPT=0
	printf '[core]\nfsync = none\n' >"$GIT_CONFIG_GLOBAL"
	export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost
	export GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost
}

# serve WORKERS [LINE...]: a server of one service that has these lines.
serve() {
	local workers=$1
	shift
	configure "service real
	listen 127.0.0.1:0
	workers $workers
	env TEST_MARK=$mark
	$(printf '%s\n' "$@")"
	server_start -f "$CONF"
}

# theirs PATH...: with all below, of the user that programs are of.
theirs() {
	[ "$(id -u)" -ne 0 ] ||
	    chown -R "$(id -u nobody):$(id -g nobody)" "$@"
}

# all_were_ok N: so many connections there were, and each ended well.
all_were_ok() {
	local outcome
	ended_as ok "$1"
	for outcome in timeout idle reset failed program killed; do
		board_is "$outcome" 0
	done
	board_is accepted "$1"
}

# fill DIR FILES BYTES [SEED]: so many files of so many bytes that no
# compression makes less.
fill() {
	perl -e '
		my ($dir, $files, $bytes, $seed) = @ARGV;
		srand($seed // 1);
		for my $n (1 .. $files) {
			my $in = sprintf("%s/%d/%d", $dir, $n / 40, $n % 7);
			system("mkdir", "-p", $in) unless -d $in;
			open(my $file, ">", "$in/file $n") or die;
			print $file pack("V*", map { rand(2 ** 32) }
			    1 .. $bytes / 4);
			close($file) or die;
		}' "$@"
}

# -- git -----------------------------------------------------------------------

# serve_git WORKERS [OPTION [LINE...]]: what is in $srv.
serve_git() {
	local workers=$1 option=${2:-}
	shift $(($# < 2 ? $# : 2))
	serve "$workers" "exec $program daemon --inetd --export-all $option \
	    --base-path=$srv $srv" "$@"
	url=git://127.0.0.1:$PORT/repo.git
}

# A repository, in $tree, of some megabytes and some commits; $head is the last
# of them.
repository() {
	tree=$BATS_TEST_TMPDIR/tree
	git init -q "$tree"
	git -C "$tree" checkout -q -b main
	for n in 1 2 3; do
		fill "$tree" $((n * 50)) 16000 "$n"
		another_commit
	done
	srv=$BATS_TEST_TMPDIR/srv
	mkdir "$srv"
}

another_commit() {
	date +%s.%N >"$tree/changes"
	git -C "$tree" add -A
	git -C "$tree" commit -q -m 'Another'
	head=$(git -C "$tree" rev-parse HEAD)
}

# clone N: it has all of the repository.
clone() {
	local to=$BATS_TEST_TMPDIR/clone.$1
	timeout "$MUCH" git clone -q "$url" "$to" &&
	    git -C "$to" fsck --full --strict >"$to.fsck" 2>&1 &&
	    [ ! -s "$to.fsck" ] &&
	    [ "$(git -C "$to" rev-parse HEAD)" = "$head" ] &&
	    [ -z "$(git -C "$to" status --porcelain)" ] &&
	    rm -r "$to"
}

@test "git daemon: 20 clones at once are complete" {
	need git
	repository
	git clone -q --bare "$tree" "$srv/repo.git"
	# Once, and not for each clone.
	git -C "$srv/repo.git" repack -adq
	theirs "$srv"
	serve_git 4
	at_once 20 clone
	all_were_ok 20
	run ! timeout "$MUCH" git ls-remote "${url/repo/none}"
	[[ $output == *'access denied or repository not exported'* ]]
	server_stop
}

# Starts what follows in its place, but git repack waits at the gate.
gated_git() {
	gate
	gated=$BATS_TEST_TMPDIR/git-core
	mkdir "$gated"
	ln -s "$(git --exec-path)"/* "$gated"
	rm -f "$gated/git"
	cat >"$gated/git" <<-EOF
	#!/bin/sh
	[ "\$1" != repack ] || read -r line <'$gate'
	exec '$(git --exec-path)/git' "\$@"
	EOF
	chmod 755 "$gated/git"
}

some_program() {
	[ -n "$(programs)" ]
}

packs_are() {
	[ "$(find "$srv/repo.git" -name '*.pack' | wc -l)" -eq "$1" ]
}

# A push of which the repository keeps a pack.  The second one is too many.
push() {
	timeout "$MUCH" git -C "$tree" push -q "$url" main
}

@test "git daemon: what is pushed arrives, and the gc it leaves behind finishes" {
	need git
	repository
	gated_git
	git init -q --bare "$srv/repo.git"
	git -C "$srv/repo.git" symbolic-ref HEAD refs/heads/main
	while read -r key value; do
		git -C "$srv/repo.git" config "$key" "$value"
	done <<-EOF
	core.fsync none
	receive.unpackLimit 1
	gc.auto 1
	gc.autoPackLimit 1
	gc.autoDetach true
	EOF
	theirs "$srv"
	serve_git 1 --enable=receive-pack "env GIT_EXEC_PATH=$gated"
	push
	ended_as ok
	no_program
	clone 1
	another_commit
	push
	# The connection is over, and gc is in the background.
	ended_as ok 3
	eventually "$LONG" some_program
	packs_are 2
	# Nor does it keep others from being served.
	clone 2
	ended_as ok 4
	let_on
	eventually "$MUCH" packs_are 1
	eventually "$MUCH" no_program
	[ ! -e "$srv/repo.git/gc.pid" ]
	clone 3
	all_were_ok 5
	server_stop
}

# -- rsync ---------------------------------------------------------------------

# The module is nobody's directory, where only root can confine it.
serve_rsync() {
	local root=no
	[ "$(id -u)" -ne 0 ] || root=yes
	srv=$BATS_TEST_TMPDIR/srv
	mkdir "$srv"
	theirs "$srv"
	{
		cat <<-EOF
		log file = $BATS_TEST_TMPDIR/rsync.log
		use chroot = $root
		[module]
		path = $srv
		read only = no
		EOF
		if [ "$root" = yes ]; then
			echo "uid = $(id -u nobody)"
			echo "gid = $(id -g nobody)"
		fi
	} >"$BATS_TEST_TMPDIR/rsyncd.conf"
	serve "$1" "exec $program --daemon --config=$BATS_TEST_TMPDIR/rsyncd.conf" \
	    "$([ "$root" = no ] || echo user root)"
	url=rsync://127.0.0.1:$PORT/module
}

# A tree with something of everything.
odd_tree() {
	tree=$BATS_TEST_TMPDIR/tree
	fill "$tree" 150 5000
	fill "$tree/big" 1 3000000 2
	mkdir -m 700 "$tree/closed" "$tree/empty directory"
	: >"$tree/closed/empty"
	ln -s '../no where' "$tree/closed/link"
	for mode in 400 444 600 640 644 664 711 755; do
		echo "$mode" >"$tree/closed/$mode"
		chmod "$mode" "$tree/closed/$mode"
	done
	grow_old
}

# What has changed within a second may be the same to rsync.
grow_old() {
	find "$tree" -depth -exec touch -hd "$((++ages)) days ago" {} +
}

# What is told of a tree: types, modes, times, lengths, links.
listing() {
	(cd "$1" && find . -printf '%P|%y|%m|%T@|%s|%l\n' |
	    sed '/|d|/s/|[0-9]*|$/||/' | sort)
}

sync() {
	timeout "$MUCH" rsync -a --delete --no-owner --no-group "$@"
}

# there_and_back N: the tree, by way of the server, is what it was.
there_and_back() {
	local back=$BATS_TEST_TMPDIR/back.$1
	sync "$tree/" "$url/$1/" &&
	    sync "$url/$1/" "$back/" &&
	    diff -r --no-dereference "$tree" "$back" &&
	    listing "$back" >"$back.list" &&
	    listing "$tree" | diff -u - "$back.list"
}

@test "rsync: a tree there and back is the same, and so are its changes" {
	need rsync
	odd_tree
	serve_rsync 2
	there_and_back 1
	# What the daemon reads decides about what it sends, and the other way
	# round.
	printf changed | dd of="$tree/big/0/1/file 1" bs=1 seek=1500000 \
	    conv=notrunc status=none
	rm -r "${tree:?}/1"
	fill "$tree/more" 20 5000 3
	chmod 751 "$tree/closed/755"
	grow_old
	there_and_back 1
	all_were_ok 4
	server_stop
}

@test "rsync: four at once, and a fifth that nobody has" {
	need rsync
	odd_tree
	serve_rsync 2
	at_once 4 there_and_back
	all_were_ok 8
	run ! timeout "$MUCH" rsync "${url/module/none}/" "$BATS_TEST_TMPDIR/x/"
	[[ $output == *"Unknown module 'none'"* ]]
	server_stop
}

# -- busybox httpd -------------------------------------------------------------

serve_web() {
	web=$BATS_TEST_TMPDIR/web
	mkdir "$web"
	echo small >"$web/small"
	fill "$web/big" 1 3000000
	mv "$web/big/0/1/file 1" "$web/big/file"
	chmod -R a+rX "$web"
	serve "$1" "exec $program httpd -i -h $web"
}

# get FILE [INTO]: its bytes are in $out.body, what was before in $out.head.
get() {
	local into=${2:-$out}
	printf 'GET /%s HTTP/1.0\r\n\r\n' "$1" |
	    timeout "$MUCH" smile -n 127.0.0.1 "$PORT" >"$into" || return 1
	perl -0777 -e '
		my $into = $ARGV[0];
		my $reply = <>;
		$reply =~ s/^(.*?\r\n)\r\n//s or exit 1;
		open(my $head, ">", "$into.head") or die;
		print $head $1;
		open(my $body, ">", "$into.body") or die;
		print $body $reply' "$into"
}

# exact FILE N: it comes as it is.
exact() {
	local into=$out.$2
	get "$1" "$into" &&
	    head -n 1 "$into.head" | grep -q '^HTTP/1\.[01] 200 ' &&
	    cmp "$web/$1" "$into.body" &&
	    rm "$into" "$into.body"
}

need_httpd() {
	need busybox
	busybox --list | grep -qx httpd || skip "this busybox has no httpd"
}

@test "busybox httpd: files are exact, and one that is not there is a 404" {
	need_httpd
	serve_web 2
	exact small 1
	exact big/file 2
	get none
	head -n 1 "$out.head" | grep -q '^HTTP/1\.[01] 404 '
	all_were_ok 3
	server_stop
}

@test "busybox httpd: 20 big files at once" {
	need_httpd
	serve_web 4
	at_once 20 exact big/file
	all_were_ok 20
	server_stop
}

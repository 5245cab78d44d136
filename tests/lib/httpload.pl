#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# httpload.pl CLIENTS TIMES ADDRESS [PATH]: so many clients at once, each with
# one request after the other, so many times, or with 0 until TERM comes; it
# then still gets its reply.  ADDRESS is HOST:PORT or the path of a unix socket.
#
# Each request is judged.  A whole reply is a 200 with as many bytes as it
# promises and then the end, and its body is 2000 times the same line: that line
# is printed.  Of any other "lost: " and what became of it is printed.  The
# status is 1 if one was lost.
use strict;
use warnings;
use POSIX qw(SIGTERM SIG_BLOCK);
use Socket;

use constant LINES => 2000;
use constant PATIENCE => 120;	# seconds, for each step of a request

my ($clients, $times, $address, $path) = @ARGV;
$path //= '/';

# Where to, as connect has it.
sub destination {
	return (PF_UNIX, pack_sockaddr_un($address)) if $address =~ m{^/};
	my ($host, $port) = $address =~ /^(.*):(\d+)$/ or die "no address";
	return (PF_INET, pack_sockaddr_in($port, inet_aton($host)));
}

my ($family, $to) = destination();

# All that comes, or undef and what went wrong.
sub request {
	my $reply = '';
	socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!";
	for my $side (SO_RCVTIMEO, SO_SNDTIMEO) {
		setsockopt($s, SOL_SOCKET, $side, pack('l!l!', PATIENCE, 0));
	}
	connect($s, $to) or return (undef, "connect: $!");
	my $text = "GET $path HTTP/1.0\r\nHost: test\r\n\r\n";
	(syswrite($s, $text) // 0) == length $text
	    or return (undef, "send: $!");
	while (1) {
		my $n = sysread($s, $reply, 65536, length $reply);
		return (undef, sprintf("after %d bytes: %s", length $reply, $!))
		    unless defined $n;
		return $reply if $n == 0;
	}
}

sub verdict {
	my ($reply, $error) = @_;
	return "lost: $error" unless defined $reply;
	return sprintf("lost: the end after %d bytes", length $reply)
	    unless $reply =~ s/^(.*?\r\n)\r\n//s;
	my $head = $1;
	return "lost: " . $head =~ s/\r\n.*//sr
	    unless $head =~ m{^HTTP/1\.[01] 200 };
	return "lost: it promises no length"
	    unless $head =~ /^Content-Length: *(\d+)\r$/mi;
	return sprintf("lost: %d bytes of %d", length $reply, $1)
	    if length $reply != $1;
	my ($line) = $reply =~ /^(.*\n)/ or return "lost: no line";
	return "lost: it is mixed" if $reply ne $line x LINES;
	return $line =~ s/\n//r;
}

sub told_to_end {
	my $pending = POSIX::SigSet->new;
	POSIX::sigpending($pending);
	return $pending->ismember(SIGTERM);
}

# No system call of a client may be interrupted.
sub client {
	my $lost = 0;
	my $parent = getppid;
	for (my $n = 0; $times == 0 || $n < $times; $n++) {
		last if told_to_end() || getppid != $parent;
		my $line = verdict(request());
		if ($line =~ /^lost/) {
			$lost = 1;
			select undef, undef, undef, 0.01;
		}
		syswrite(STDOUT, "$line\n");
	}
	POSIX::_exit($lost);
}

my $mask = POSIX::SigSet->new(SIGTERM);
my $before = POSIX::SigSet->new;
POSIX::sigprocmask(SIG_BLOCK, $mask, $before);
my @pids;
for (1 .. $clients) {
	defined(my $pid = fork) or die "fork: $!";
	client() if $pid == 0;
	push @pids, $pid;
}
$SIG{TERM} = sub { kill TERM => @pids };
POSIX::sigprocmask(POSIX::SIG_SETMASK, $before);
my $bad = 0;
for my $pid (@pids) {
	my $got;
	do { $got = waitpid($pid, 0) } while ($got == -1 && $!{EINTR});
	$bad = 1 if $?;
}
exit $bad;

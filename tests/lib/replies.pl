#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# replies.pl PORT: connect to 127.0.0.1 again and again, one connection after
# the other, until TERM comes; then print each kind of reply with how often it
# came: "N <first 40 bytes>", and "N -" for connections that failed or were
# broken off.
use strict;
use warnings;
use IO::Socket::INET;

my ($port) = @ARGV;
my $end = 0;
$SIG{TERM} = sub { $end = 1 };
my %seen;
$| = 1;
until ($end) {
	my $s = IO::Socket::INET->new(
		PeerAddr => '127.0.0.1', PeerPort => $port);
	my $reply = '';
	if (!$s) {
		next if $end;
		$seen{'-'}++;
		next;
	}
	my $n;
	while (1) {
		$n = sysread($s, $reply, 65536, length $reply);
		next if !defined $n && $!{EINTR};
		last if !defined $n || $n == 0;
	}
	$reply = '-' if !defined $n;
	print "first\n" if !%seen;
	$seen{$reply}++;
}
for my $reply (sort keys %seen) {
	printf "%d %.40s\n", $seen{$reply}, $reply =~ tr/\n/|/r;
}

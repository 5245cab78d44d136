#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# oddclient.pl PORT [NAME=VALUE...]: a client that does not behave, and prints
# what it gets.  In this order, after it has connected:
#
#	rcvbuf=N	(before connecting) a receive buffer of about N bytes
#	ttl=N		(while connecting) packets with a hop limit of N
#	send=N		send N bytes at once
#	late=MS		MS milliseconds after connecting, send one byte
#	reset=1		break off with a reset, reading nothing
#	hold=1		print "holding PID" and read nothing until stdin ends
#	read=MS		begin to read MS milliseconds after connecting
#	told=1		begin to read when a line comes on stdin
#
# The status is 0 if the server ended the connection, 1 if it was reset.
use strict;
use warnings;
use Socket qw(:DEFAULT IPPROTO_IP IP_TTL);
use IO::Handle;
use Errno qw(EPIPE ECONNRESET);

my $port = shift;
my %o = map { split /=/, $_, 2 } @ARGV;
$SIG{PIPE} = 'IGNORE';

socket(my $s, PF_INET, SOCK_STREAM, 0) or die "socket: $!";
setsockopt($s, SOL_SOCKET, SO_RCVBUF, pack('i', $o{rcvbuf}))
    if $o{rcvbuf};
setsockopt($s, IPPROTO_IP, IP_TTL, pack('i', $o{ttl})) if $o{ttl};
connect($s, pack_sockaddr_in($port, INADDR_LOOPBACK)) or die "connect: $!";
setsockopt($s, IPPROTO_IP, IP_TTL, pack('i', 64)) if $o{ttl};

my $passed = 0;
sub until_ms {
	my ($ms) = @_;
	select(undef, undef, undef, ($ms - $passed) / 1000) if $ms > $passed;
	$passed = $ms if $ms > $passed;
}

sub put {
	my ($bytes) = @_;
	while (length $bytes) {
		my $n = syswrite($s, $bytes);
		last unless defined $n;
		substr($bytes, 0, $n, '');
	}
}

put('x' x $o{send}) if $o{send};
if ($o{late}) {
	until_ms($o{late});
	put('x');
}
if ($o{reset}) {
	setsockopt($s, SOL_SOCKET, SO_LINGER, pack('ii', 1, 0));
	close($s);
	exit 0;
}
if ($o{hold}) {
	STDOUT->autoflush(1);
	print "holding $$\n";
	1 while <STDIN>;
	exit 0;
}
until_ms($o{read}) if $o{read};
<STDIN> if $o{told};
for (;;) {
	my $n = sysread($s, my $buf, 65536);
	exit 1 unless defined $n;
	last if $n == 0;
	print $buf;
}

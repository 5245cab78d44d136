#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# slowclients.pl PORT|PATH N: N clients at once of a service that sends back
# what it gets, over TCP or by a unix socket.  Each sends a line, and when its
# first byte has come back, it is being served, and says no more.  Prints how
# many there are of these each time that changes, and "lost" for one that was
# not let stay; ends when it is killed.
use strict;
use warnings;
use Socket;
use IO::Poll qw(POLLIN POLLOUT);
use Fcntl;

my ($where, $n) = @ARGV;
my $is_unix = $where =~ m{/};
my $to = $is_unix ? pack_sockaddr_un($where) :
    pack_sockaddr_in($where, INADDR_LOOPBACK);
my $poll = IO::Poll->new;
my $served = 0;
my @all;

$| = 1;
for (1 .. $n) {
	socket(my $s, $is_unix ? PF_UNIX : PF_INET, SOCK_STREAM, 0)
	    or die "socket: $!";
	# A unix socket has no half of a connection.
	fcntl($s, F_SETFL, O_NONBLOCK) unless $is_unix;
	connect($s, $to) or $!{EINPROGRESS} or die "connect: $!";
	fcntl($s, F_SETFL, O_NONBLOCK);
	push @all, $s;
	$poll->mask($s => POLLOUT);
}
print "0\n";
while ($poll->handles) {
	$poll->poll;
	for my $s ($poll->handles(POLLOUT)) {
		syswrite($s, "x\n");
		$poll->mask($s => POLLIN);
	}
	for my $s ($poll->handles(POLLIN)) {
		if (sysread($s, my $line, 2)) {
			print ++$served, "\n";
		} else {
			print "lost\n";
			$poll->remove($s);
		}
	}
}

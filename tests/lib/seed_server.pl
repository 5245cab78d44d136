#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# A server as a Perl tutorial on sockets would write it: the port is optional,
# and each client is told something and sent away.  One line more than such a
# tutorial has: with port 0 it prints the port it was given.
use strict;
use warnings;
use Socket;

my $port = shift // 7890;
my $proto = getprotobyname('tcp') || 6;

socket(my $server, PF_INET, SOCK_STREAM, $proto) or die "socket: $!";
setsockopt($server, SOL_SOCKET, SO_REUSEADDR, pack('l', 1))
    or die "setsockopt: $!";
bind($server, sockaddr_in($port, INADDR_ANY)) or die "bind: $!";
listen($server, SOMAXCONN) or die "listen: $!";
$| = 1;
printf "%d\n", (sockaddr_in(getsockname($server)))[0];

while (accept(my $client, $server)) {
	print $client "Smile from the server\n", "and a second line\n";
	close $client;
}

#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# A client as a Perl tutorial on sockets would write it: host and port are
# optional, and each line that comes is printed.
use strict;
use warnings;
use Socket;

my $host = shift || 'localhost';
my $port = shift || 7890;

my $proto = getprotobyname('tcp') || 6;
my $iaddr = inet_aton($host) or die "no such host: $host";
socket(my $socket, PF_INET, SOCK_STREAM, $proto) or die "socket: $!";
connect($socket, sockaddr_in($port, $iaddr)) or die "connect: $!";
while (my $line = <$socket>) {
	print $line;
}
close($socket) or die "close: $!";

# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# fakelog.pl PATH dgram|stream FILE: a log daemon.  Each message that comes on
# the socket PATH is one line of FILE; bytes that are none of a line's are seen
# as <XX>.

use strict;
use warnings;
use Socket;

my ($path, $type, $file) = @ARGV;
unlink $path;
my $s;
socket($s, AF_UNIX, $type eq 'stream' ? SOCK_STREAM : SOCK_DGRAM, 0) &&
    bind($s, pack_sockaddr_un($path)) && chmod(0666, $path)
    or die "$path: $!";
open(my $out, '>>', $file) or die "$file: $!";

sub put {
	my $message = $_[0] =~ s/([^ -~])/sprintf('<%02X>', ord $1)/ger;
	syswrite($out, "$message\n");
}

if ($type eq 'stream') {
	listen($s, 5) or die $!;
	while (accept(my $c, $s)) {
		local $/ = "\0";
		while (my $message = readline $c) {
			chomp $message;
			put($message);
		}
	}
}
put($_) while defined recv($s, $_, 65536, 0);

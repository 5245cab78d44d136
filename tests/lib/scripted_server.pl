#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# scripted_server.pl [NAME=VALUE...] -- [ACTION...]: a server on a loopback
# port of its own that does to each connection what the next ACTION says, and
# whose port refuses when there is none left.  It prints "port N" when it
# listens, "N accepted" as connection N comes, "N done" when it is through
# with it; and it runs until it is killed, though not for ever.
#
#	unix=PATH	listen on that path instead
#	text=TEXT	the reply; "Smile from the server\n" without it
#	file=PATH	the reply is what is in that file
#	keep=PATH	what is read is written there
#	full=1		accept nobody, and let the queue be full
#
# An ACTION is one step or several, with commas between; COUNT*ACTION stands
# for so many.  At its end the connection is closed.  One connection after the
# other gets its action, but for those that hang.
#
#	ok		send the reply
#	short=N		send the first N bytes of it
#	rest=N		send what comes after the first N bytes
#	long		send the reply and one byte more
#	wrong=N		send the reply with another byte after the first N
#	close		send nothing
#	reset		break the connection off at the end, with a reset
#	fin		send the end of file
#	hang		send nothing more, and keep the connection open
#	await		wait until the client has sent something; do not read
#	read		read to the end of file, and print "N eof BYTES"
#	echo		send back what comes, to the end of file
#	go		wait for a byte from standard input
use strict;
use warnings;
use Errno qw(EAGAIN EINPROGRESS);
use Fcntl;
use IO::Handle;
use Socket;

STDOUT->autoflush(1);
$SIG{PIPE} = 'IGNORE';
alarm 120;

my %o = (text => "Smile from the server\n");
while (defined(my $word = shift)) {
	last if $word eq '--';
	my ($name, $value) = split /=/, $word, 2;
	$o{$name} = $value;
}
my @actions = map { /^(\d+)\*(.*)/ ? ($2) x $1 : $_ } @ARGV;
my ($text, $kept) = ($o{text});
if (defined $o{file}) {
	open(my $in, '<:raw', $o{file}) or die "$o{file}: $!";
	local $/;
	$text = <$in>;
}
if (defined $o{keep}) {
	open($kept, '>:raw', $o{keep}) or die "$o{keep}: $!";
	$kept->autoflush(1);
}

# -- Listening --------------------------------------------------------------

my ($listener, $holder, $address);
my $family = defined $o{unix} ? PF_UNIX : PF_INET;

sub bound {
	my ($to) = @_;
	socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!";
	setsockopt($s, SOL_SOCKET, SO_REUSEADDR, 1);
	bind($s, $to) or die "bind: $!";
	return $s;
}

# Whoever is not accepted yet may be a caller of ours.
sub fill_queue {
	my @callers;
	for (1 .. 8) {
		socket(my $s, $family, SOCK_STREAM, 0) or die "socket: $!";
		fcntl($s, F_SETFL, O_NONBLOCK) or die "fcntl: $!";
		connect($s, $address) or $! == EINPROGRESS or $! == EAGAIN
		    or die "connect: $!";
		push @callers, $s;
	}
	my $first = '';
	vec($first, fileno($callers[0]), 1) = 1;
	select(undef, $first, undef, undef);
	return @callers;
}

if (defined $o{unix}) {
	$listener = bound($address = pack_sockaddr_un($o{unix}));
} else {
	# While the holder is bound, nobody else can be given the port.
	$listener = bound(pack_sockaddr_in(0, INADDR_LOOPBACK));
	$address = getsockname($listener);
	$holder = bound($address);
}
my @callers;
if (@actions || $o{full}) {
	listen($listener, $o{full} ? 0 : 4096) or die "listen: $!";
	@callers = fill_queue() if $o{full};
}
setsockopt($holder, SOL_SOCKET, SO_REUSEADDR, 0) if $holder;
print "port ", defined $o{unix} ? 0 : (unpack_sockaddr_in($address))[0], "\n";

# -- Steps, of connection number $n, which is $c ----------------------------

my ($n, $c, @hanging) = (0);

sub put {
	my ($bytes) = @_;
	while (length $bytes) {
		my $sent = syswrite($c, $bytes);
		last unless defined $sent;
		substr($bytes, 0, $sent, '');
	}
}

sub take {
	my ($answer) = @_;
	my $all = 0;
	while (sysread($c, my $bytes, 65536)) {
		$all += length $bytes;
		print $kept $bytes if $kept;
		put($bytes) if $answer;
	}
	print "$n eof $all\n";
}

sub other {
	my ($at) = @_;
	my $bytes = $text;
	substr($bytes, $at, 1) = substr($bytes, $at, 1) eq '#' ? '%' : '#';
	return $bytes;
}

sub await {
	my $wanted = '';
	vec($wanted, fileno($c), 1) = 1;
	select($wanted, undef, undef, undef);
}

my %steps = (
	ok => sub { put($text) },
	short => sub { put(substr($text, 0, $_[0])) },
	rest => sub { put(substr($text, $_[0])) },
	long => sub { put($text . '!') },
	wrong => sub { put(other($_[0])) },
	close => sub { },
	reset => sub { setsockopt($c, SOL_SOCKET, SO_LINGER,
	    pack('ii', 1, 0)) },
	fin => sub { shutdown($c, 1) },
	hang => sub { push @hanging, $c },
	await => \&await,
	read => sub { take(0) },
	echo => sub { take(1) },
	go => sub { sysread(STDIN, my $byte, 1) }
);

for my $action (@actions) {
	$n++;
	accept($c, $listener) or die "accept: $!";
	# From the last one on, who comes is refused.
	close($listener) if $n == @actions;
	print "$n accepted\n";
	for my $step (split /,/, $action) {
		my ($name, $value) = split /=/, $step, 2;
		die "no such step: $name\n" unless $steps{$name};
		$steps{$name}->($value);
	}
	undef $c;
	print "$n done\n";
}
close($listener) unless $o{full};
sleep 1 while 1;

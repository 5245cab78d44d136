#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# acceptor.pl [CODE]: a program for run.  It does CODE, then accepts on the
# sockets it was given, does what the line says that each client sends, and
# answers with the result; without a line, with its process ID.  On TERM it
# finishes what it has and ends.
#
# For CODE and for clients there are
#	@listener	the sockets
#	$always		what everybody is answered, whatever he sends
#	notify(TEXT)	what sd_notify(3) does
#	helper(CODE)	do it in a child; detached(CODE): in one that has left
#			the group and is nobody's child
#	pause(SECONDS)	which a signal does not shorten
use strict;
use warnings;
use Fcntl;
use POSIX ();
use Socket;

our ($quit, $always, $conn, @listener) = (0);

sub notify {
	my $path = $ENV{NOTIFY_SOCKET} =~ s/^@/\0/r;
	socket(my $to, AF_UNIX, SOCK_DGRAM, 0) or die "socket: $!";
	send($to, shift, 0, pack_sockaddr_un($path)) or die "send: $!";
}

sub pause {
	my $end = Time::HiRes::time() + shift;
	while ((my $left = $end - Time::HiRes::time()) > 0) {
		select undef, undef, undef, $left;
	}
}

sub helper {
	my ($code) = @_;
	defined(my $pid = fork) or die "fork: $!";
	return $pid if $pid;
	close $conn if $conn;
	$SIG{TERM} = 'DEFAULT';
	$code->();
	POSIX::_exit(0);
}

sub detached {
	my ($code) = @_;
	waitpid(helper(sub {
		POSIX::setsid();
		helper($code);
	}), 0);
}

sub flags_of {
	return fcntl($_[0], F_GETFL, 0) & O_NONBLOCK;
}

require Time::HiRes;
for my $fd (($ENV{ACCEPT_ON_0} ? 0 : ()), 3 .. 2 + $ENV{LISTEN_FDS}) {
	open(my $listener, '+<&=', $fd) or die "$fd: $!";
	push @listener, $listener;
}

# At once, not when perl finds time: an accept that begins after it must fail.
POSIX::sigaction(POSIX::SIGTERM, POSIX::SigAction->new(sub {
	my $null = POSIX::open('/dev/null');
	$quit = 1;
	POSIX::dup2($null, fileno $_) for @listener;
	POSIX::close($null);
}));
$| = 1;
my $code = shift // '';
eval "$code; 1" or die $@;

# Whose turn it is to accept; several can only be waited for together.
sub ready_one {
	return $listener[0] if @listener == 1;
	my $set = '';
	vec($set, fileno $_, 1) = 1 for @listener;
	return if select($set, undef, undef, undef) <= 0;
	return (grep { vec($set, fileno $_, 1) } @listener)[0];
}

if (@listener > 1) {
	fcntl($_, F_SETFL, fcntl($_, F_GETFL, 0) | O_NONBLOCK) for @listener;
}
until ($quit) {
	my $listener = ready_one() // next;
	accept($conn, $listener) or next;
	fcntl($conn, F_SETFL, 0);
	my $line = defined $always ? undef : <$conn>;
	my $answer = defined $line && $line =~ /\S/ ? eval $line :
	    $always // $$;
	$answer = "error: $@" if !defined $answer && $@;
	print {$conn} $answer // '', "\n";
	close $conn;
}
notify("STOPPING=1");
exit 0;

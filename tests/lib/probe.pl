#!/usr/bin/perl
# SPDX-License-Identifier: ISC
# SPDX-FileCopyrightText: the smiled authors
#
# probe.pl [WHAT...]: a program that prints, sorted, one a line, what it was
# given: fd, env, status (of /proc/self/status), limit, stat and place.  With
# arguments only these.  What changes from one start to the next is compared
# here: its pid is "self", and descriptors that are the same file say so.
use strict;
use warnings;
use Fcntl;

my %only = map { $_ => 1 } @ARGV;
my @lines;

sub say_line {
	my ($what, $text) = @_;
	push @lines, "$what $text\n" if !@ARGV || $only{$what};
}

sub slurp {
	open(my $in, '<', shift) or die "$!";
	return <$in>;
}

# First of all: nothing of ours may be open.
opendir(my $dir, '/proc/self/fd') or die "/proc/self/fd: $!";
my %file;
for my $fd (sort { $a <=> $b } grep { /^\d+$/ } readdir $dir) {
	my $is = readlink "/proc/self/fd/$fd";
	next if $is =~ m{^/proc/\d+/fd$};
	my $same = $file{$is} // '';
	$file{$is} //= " as $fd";
	my ($flags) = map { /^flags:\s*(\d+)/ ? oct $1 : () }
	    slurp("/proc/self/fdinfo/$fd");
	my $blocks = $flags & O_NONBLOCK ? ' nonblocking' : '';
	$is =~ s/:\[\d+\]//;
	say_line('fd', "$fd $is$same$blocks");
}

say_line('env', "$_=$ENV{$_}") for keys %ENV;

for (slurp('/proc/self/status')) {
	my ($name, $value) = /^(\w+):\s*(.*?)\s*$/ or next;
	$value =~ s/\s+/ /g;
	# Perl itself ignores SIGFPE.
	$value = sprintf '%016x', hex($value) & ~0x80 if $name eq 'SigIgn';
	say_line('status', "$name $value")
	    if $name =~ /^(Uid|Gid|Groups|Sig(Pnd|Blk|Ign|Cgt)|ShdPnd|NoNewPrivs)$/;
}
for (slurp('/proc/self/limits')) {
	my ($name, $soft, $hard) = /^Max (.*?)\s{2,}(\S+)\s+(\S+)/ or next;
	say_line('limit', "$name $soft $hard");
}
my ($stat) = slurp('/proc/self/stat');
$stat =~ s/.*\) //;
my @stat = split ' ', $stat;
my $self = sub { $_[0] == $$ ? 'self' : $_[0] };
say_line('stat', 'group ' . $self->($stat[2]));
say_line('stat', 'session ' . $self->($stat[3]));
say_line('stat', "terminal $stat[4]");
say_line('stat', "nice $stat[16]");
say_line('place', 'cwd ' . (readlink('/proc/self/cwd') // "$!"));
say_line('place', 'root ' . (readlink('/proc/self/root') // "$!"));
say_line('place', sprintf 'umask %03o', umask);

print sort @lines;

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Command lines.  A program describes its options once, in a table; parsing,
 * --help and the suggestion for a misspelt option all come from that table,
 * so that they cannot disagree.
 */
#ifndef BASE_OPTION_H
#define BASE_OPTION_H

#include <stdint.h>

/* A table of options ends with a row whose letter is 0. */
struct option_row {
	int		 letter;	/* -w */
	const char	*name;		/* --workers */
	const char	*value;		/* "N"; NULL if it takes none */
	const char	*help;
};

/*
 * The next option's letter, its value in optarg; -1 when there are no more,
 * and argv[optind] is the first operand.  Does not return from an unknown
 * option or a missing value: it names the offender and exits STATUS_USAGE.
 */
int	option_next(int argc, char **argv, const struct option_row *);

/*
 * Where "--" stands, which is not the value of an option; argc if nowhere.
 * For programs that take a command behind it.
 */
int	option_end(int argc, char **argv, const struct option_row *);

/* The value of option letter as a number or a time; the same on errors. */
uint64_t	option_number(int letter, const char *value, uint64_t min,
		    uint64_t max);
int64_t		option_time(int letter, const char *value);

/* The operand PORT, 0 allowed or not; the same on errors. */
uint16_t	option_port(const char *word, uint16_t min);

/* Complain of the first operand too many; expected tells what is allowed. */
void	option_no_more(int argc, char **argv, const char *expected);

/*
 * --help, to stdout: synopsis and about, which end with a newline, and the
 * options; then, after what else there is to say, the manual's name.
 */
void	option_help(const char *synopsis, const char *about,
	    const struct option_row *);
void	option_help_end(const char *manual);

/* --version: to stdout. */
void	option_version(void);

#endif

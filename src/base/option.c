/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See option.h.  getopt_long(3) does the parsing; here it only gets its two
 * tables made from ours, and better words for its errors.
 */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/die.h"
#include "base/option.h"
#include "base/text.h"

#define ROWS_MAX	32

/* word: "--workres=4"; only its name is wanted. */
static void
unknown_long(const char *word, const struct option_row *table)
{
	char name[64];
	const char *guess;

	snprintf(name, sizeof name, "%.*s", (int)strcspn(word + 2, "="),
	    word + 2);
	guess = text_near(name, &table[0].name, sizeof table[0]);
	if (guess != NULL)
		die(STATUS_USAGE, "unknown option '--%s'; did you mean "
		    "'--%s'? (%s --help lists them)", name, guess,
		    program_name);
	die(STATUS_USAGE, "unknown option '--%s'; %s --help lists them", name,
	    program_name);
}

static bool
is_known(int letter, const struct option_row *row)
{
	while (row->letter != 0 && row->letter != letter)
		row++;
	return row->letter != 0;
}

static void
complain(int answer, char **argv, const struct option_row *table)
{
	const char *word = argv[optind - 1];

	if (answer == ':' && optopt != 0)
		die(STATUS_USAGE, "option '-%c' needs a value; see %s --help",
		    optopt, program_name);
	/* getopt_long() tells of a value too many by the option's letter. */
	if (optopt != 0 && is_known(optopt, table))
		die(STATUS_USAGE, "option '%.*s' takes no value",
		    (int)strcspn(word, "="), word);
	/* In the middle of "-xq", word is still the one before that. */
	if (optopt != 0)
		die(STATUS_USAGE, "unknown option '-%c'; %s --help lists them",
		    optopt, program_name);
	unknown_long(word, table);
}

int
option_next(int argc, char **argv, const struct option_row *table)
{
	struct option longs[ROWS_MAX + 1];
	char shorts[2 * ROWS_MAX + 2];
	size_t n = 0, s = 0;
	int letter;

	shorts[s++] = ':';
	for (; n < ROWS_MAX && table[n].letter != 0; n++) {
		const struct option_row *row = &table[n];

		longs[n].name = row->name;
		longs[n].has_arg = row->value != NULL ? required_argument :
		    no_argument;
		longs[n].flag = NULL;
		longs[n].val = row->letter;
		shorts[s++] = (char)row->letter;
		if (row->value != NULL)
			shorts[s++] = ':';
	}
	memset(&longs[n], 0, sizeof longs[n]);
	shorts[s] = '\0';

	opterr = 0;
	letter = getopt_long(argc, argv, shorts, longs, NULL);
	if (letter == '?' || letter == ':')
		complain(letter, argv, table);
	return letter;
}

/* Whether a word is an option whose value is the next word. */
static bool
wants_next(const char *word, const struct option_row *row)
{
	size_t len = strlen(word);

	if (word[0] != '-' || len < 2)
		return false;
	for (; row->letter != 0; row++) {
		if (row->value == NULL)
			continue;
		if (word[1] == '-' && strcmp(word + 2, row->name) == 0)
			return true;
		/* "-w", and "-vw": but in "-w5" it has its value. */
		if (word[1] != '-' && strchr(word, row->letter) != NULL)
			return word[len - 1] == row->letter;
	}
	return false;
}

int
option_end(int argc, char **argv, const struct option_row *table)
{
	int i = 1;

	while (i < argc && strcmp(argv[i], "--") != 0)
		i += wants_next(argv[i], table) ? 2 : 1;
	return i < argc ? i : argc;
}

uint64_t
option_number(int letter, const char *value, uint64_t min, uint64_t max)
{
	uint64_t number;

	if (text_number(value, min, max, &number) == 0)
		return number;
	if (errno == ERANGE)
		die(STATUS_USAGE, "option '-%c': '%s' is not between %ju and "
		    "%ju", letter, value, (uintmax_t)min, (uintmax_t)max);
	die(STATUS_USAGE, "option '-%c': '%s' is not a number", letter, value);
}

int64_t
option_time(int letter, const char *value)
{
	int64_t ms;

	if (text_time(value, &ms) == 0 && ms > 0)
		return ms;
	die(STATUS_USAGE, "option '-%c': '%s' is not a time such as 500ms, "
	    "10s, 5m or 1h", letter, value);
}

uint16_t
option_port(const char *word, uint16_t min)
{
	uint64_t port;

	if (text_number(word, min, 65535, &port) == 0)
		return (uint16_t)port;
	if (errno == ERANGE)
		die(STATUS_USAGE, "port '%s' is not between %u and 65535",
		    word, (unsigned)min);
	die(STATUS_USAGE, "port '%s' is not a number", word);
}

void
option_no_more(int argc, char **argv, const char *expected)
{
	if (optind < argc)
		die(STATUS_USAGE, "unexpected '%s'; %s (see %s --help)",
		    argv[optind], expected, program_name);
}

void
option_help(const char *synopsis, const char *about,
    const struct option_row *row)
{
	printf("usage: %s\n%s\n", synopsis, about);
	for (; row->letter != 0; row++) {
		char left[64];

		snprintf(left, sizeof left, "-%c, --%s%s%s", row->letter,
		    row->name, row->value != NULL ? " " : "",
		    row->value != NULL ? row->value : "");
		printf("  %-24s %s\n", left, row->help);
	}
}

void
option_help_end(const char *manual)
{
	printf("\nThe manual: man %s\n", manual);
	die_if_unwritten();
}

void
option_version(void)
{
	printf("%s %s\n", program_name, PACKAGE_VERSION);
	die_if_unwritten();
}

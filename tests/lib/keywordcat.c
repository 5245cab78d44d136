/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * keywordcat: print the table of the configuration's keywords, for the tests:
 * a line for each, with tabs between
 *
 *	its name
 *	"available" or "later"
 *	where it may stand: "global", "service", "both" or "anywhere"
 *	its default; "-" if it has none
 *	what is to be written after it; nothing if it takes no value
 *	the line of help
 *	"restart" if only that can change it, "action" if it says what a
 *	service does, else "reload"
 */
#include <stdio.h>

#include "base/die.h"
#include "conf/keyword.h"

const char program_name[] = "keywordcat";

static const char *const places[] = {
	[PLACE_GLOBAL] = "global", [PLACE_SERVICE] = "service",
	[PLACE_BOTH] = "both", [PLACE_ANYWHERE] = "anywhere"
};

static const char *
kind_of(const struct keyword *k)
{
	if (k->flags & KEYWORD_FIXED)
		return "restart";
	return k->flags & KEYWORD_ACTION ? "action" : "reload";
}

int
main(void)
{
	for (const struct keyword *k = keywords; k->name != NULL; k++)
		printf("%s\t%s\t%s\t%s\t%s\t%s\t%s\n", k->name,
		    k->flags & KEYWORD_LATER ? "later" : "available",
		    places[k->place], k->standard != NULL ? k->standard : "-",
		    k->value != NULL ? k->value : "", k->help, kind_of(k));
	die_if_unwritten();
	return 0;
}

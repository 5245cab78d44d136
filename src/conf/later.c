/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Types of values that nothing in this build uses: they are checked, so that
 * a slip in them is found at once, and then their keyword is refused.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <stdbool.h>
#include <string.h>

#include "base/text.h"
#include "conf/value.h"

/* Write nothing: there is never anything to write. */
static void
write_later(FILE *f, const struct keyword *k, const void *from)
{
	(void)f;
	(void)k;
	(void)from;
}

/* -- Programs -- */

static int
read_strings(struct reading *r, void *to)
{
	(void)to;
	for (size_t i = 1; i < r->words->n; i++)
		if (value_string(r, i) == NULL)
			return -1;
	return 0;
}

const struct type type_paths = { 1, WORDS_MAX, read_strings, write_later };

/* -- Clients -- */

/* "192.0.2.0/24", "2001:db8::/32", an address alone, "unix" or "all". */
static bool
is_prefix(const char *word)
{
	size_t len = strcspn(word, "/");
	unsigned char addr[16];
	char host[INET6_ADDRSTRLEN];
	uint64_t bits, most;

	if (strcmp(word, "all") == 0 || strcmp(word, "unix") == 0)
		return true;
	if (len >= sizeof host)
		return false;
	memcpy(host, word, len);
	host[len] = '\0';
	if (inet_pton(AF_INET, host, addr) == 1)
		most = 32;
	else if (inet_pton(AF_INET6, host, addr) == 1)
		most = 128;
	else
		return false;
	return word[len] == '\0' ||
	    text_number(word + len + 1, 0, most, &bits) == 0;
}

static int
read_prefixes(struct reading *r, void *to)
{
	(void)to;
	for (size_t i = 1; i < r->words->n; i++) {
		const char *word = value_string(r, i);

		if (word == NULL)
			return -1;
		if (!is_prefix(word))
			return value_wrong(r, i, "'%.60s' is not a prefix "
			    "such as 192.0.2.0/24 or 2001:db8::/32", word);
	}
	return 0;
}

const struct type type_prefixes = { 1, WORDS_MAX, read_prefixes, write_later };

/* "N/TIME [burst N]" */
static int
read_rate(struct reading *r, void *to)
{
	const char *word = value_string(r, 1);
	char count[24];
	size_t len;
	uint64_t n;
	int64_t ms;

	(void)to;
	if (word == NULL)
		return -1;
	len = strcspn(word, "/");
	if (len >= sizeof count || word[len] == '\0')
		return value_wrong(r, 1, "'%.40s' is not a rate such as "
		    "10/1s", word);
	memcpy(count, word, len);
	count[len] = '\0';
	if (text_number(count, 1, UINT32_MAX, &n) == -1 ||
	    text_time(word + len + 1, &ms) == -1 || ms == 0)
		return value_wrong(r, 1, "'%.40s' is not a rate such as "
		    "10/1s", word);
	if (r->words->n == 2)
		return 0;
	if (r->words->n == 3 || strcmp(r->words->word[2].text, "burst") != 0)
		return value_wrong(r, 2, "after the rate only 'burst N' can "
		    "follow");
	word = value_string(r, 3);
	if (word == NULL)
		return -1;
	if (text_number(word, 1, UINT32_MAX, &n) == -1)
		return value_wrong(r, 3, "'%.40s' is not a number", word);
	return 0;
}

const struct type type_rate = { 1, 3, read_rate, write_later };

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See histogram.h.  The first 32 buckets hold the values 0 to 31; after them,
 * a value is shifted right until it is below 64, the number of shifts chooses
 * the group of 32 buckets, and what is left of the value the one in it.
 */
#include <stddef.h>

#include "tools/histogram.h"

static size_t
bucket_of(uint64_t value)
{
	unsigned shift = 0;

	while (value >> shift >= 2 * HISTOGRAM_PARTS)
		shift++;
	return (size_t)shift * HISTOGRAM_PARTS + (size_t)(value >> shift);
}

/* The largest value that falls into a bucket. */
static uint64_t
top_of(size_t bucket)
{
	size_t shift;

	if (bucket < 2 * HISTOGRAM_PARTS)
		return bucket;
	shift = bucket / HISTOGRAM_PARTS - 1;
	bucket -= shift * HISTOGRAM_PARTS;
	return ((uint64_t)bucket << shift) + ((UINT64_C(1) << shift) - 1);
}

void
histogram_add(struct histogram *h, uint64_t value)
{
	h->counts[bucket_of(value)]++;
	h->total++;
	if (value > h->max)
		h->max = value;
}

uint64_t
histogram_percentile(const struct histogram *h, double percent)
{
	double wanted = (double)h->total * percent / 100;
	uint64_t so_far = 0;

	for (size_t i = 0; i < HISTOGRAM_BUCKETS; i++) {
		so_far += h->counts[i];
		if (so_far > 0 && (double)so_far >= wanted)
			return top_of(i) < h->max ? top_of(i) : h->max;
	}
	return h->max;
}

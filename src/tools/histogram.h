/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Which time was not exceeded by so many of a hundred?  Times are counted in
 * buckets that grow with the time, 32 to each doubling, so that whatever the
 * times are, and however many, memory stays the same and an answer is at most
 * one part in 32 (3.2 %) too high and never too low.  Below 32 it is exact,
 * and the largest time always is.
 */
#ifndef TOOLS_HISTOGRAM_H
#define TOOLS_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_PARTS		32	/* buckets a doubling; a power of 2 */
#define HISTOGRAM_BUCKETS	(60 * HISTOGRAM_PARTS)	/* for 64 bits */

/* All zero is an empty one.  The unit is the caller's. */
struct histogram {
	uint64_t	counts[HISTOGRAM_BUCKETS];
	uint64_t	total;
	uint64_t	max;
};

void		histogram_add(struct histogram *, uint64_t value);

/*
 * The smallest value that, give or take the bucket, at least percent of all
 * values do not exceed; percent is above 0 and at most 100.  0 if there are
 * no values.
 */
uint64_t	histogram_percentile(const struct histogram *, double percent);

#endif

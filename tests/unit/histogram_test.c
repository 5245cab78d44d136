/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a percentile is told that is too low, or higher than the header
 * allows, or a large time falls out of the buckets.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "tools/histogram.h"
#include "unit/tap.h"

const char program_name[] = "histogram_test";

#define VALUES	1000

/* Not too low, and at most one part in 32 too high; exact below 32. */
static bool
is_close(uint64_t told, uint64_t value)
{
	return told >= value && told - value <= value / HISTOGRAM_PARTS;
}

static int
by_size(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

/* The smallest of the sorted values that percent of all do not exceed. */
static uint64_t
exact(const uint64_t *values, size_t n, unsigned percent)
{
	size_t i = (n * percent + 99) / 100;

	return values[i - 1];
}

static bool
all_close(uint64_t *values, size_t n)
{
	static struct histogram h;
	bool close = true;

	memset(&h, 0, sizeof h);
	for (size_t i = 0; i < n; i++)
		histogram_add(&h, values[i]);
	qsort(values, n, sizeof values[0], by_size);
	for (unsigned percent = 1; percent <= 100; percent++)
		close = close && is_close(histogram_percentile(&h, percent),
		    exact(values, n, percent));
	return close && h.total == n && h.max == values[n - 1] &&
	    histogram_percentile(&h, 100) == values[n - 1];
}

/* What one value, with a larger one above it, is told as. */
static uint64_t
told(uint64_t value)
{
	static struct histogram h;

	memset(&h, 0, sizeof h);
	histogram_add(&h, value);
	histogram_add(&h, UINT64_MAX);
	return histogram_percentile(&h, 50);
}

static void
single_values(struct tap *tap)
{
	bool right = true;

	for (uint64_t v = 0; v < HISTOGRAM_PARTS; v++)
		right = right && told(v) == v;
	ok(tap, right, "values below 32 are exact");

	right = true;
	for (uint64_t v = 0; v < 100000; v++)
		right = right && is_close(told(v), v) &&
		    told(v + 1) >= told(v);
	ok(tap, right, "values below 100000: bounds, and in order");

	right = true;
	for (unsigned shift = 0; shift < 64; shift++)
		for (int64_t d = -2; d <= 2; d++) {
			uint64_t v = (UINT64_C(1) << shift) + (uint64_t)d;

			right = right && is_close(told(v), v);
		}
	ok(tap, right && told(UINT64_MAX) == UINT64_MAX,
	    "around every power of two, up to the largest of 64 bits");

	right = true;
	for (uint64_t v = 1; v < UINT64_MAX / 3; v = v * 3 + 1) {
		static struct histogram h;

		memset(&h, 0, sizeof h);
		histogram_add(&h, v);
		right = right && histogram_percentile(&h, 1) == v &&
		    histogram_percentile(&h, 100) == v;
	}
	ok(tap, right, "a value that is alone is exact");
}

static void
many_values(struct tap *tap)
{
	static uint64_t values[VALUES];
	uint64_t state = 20260101;
	bool right = true;

	for (size_t i = 0; i < VALUES; i++)
		values[i] = i + 1;
	ok(tap, all_close(values, VALUES), "1 to 1000: each percentile");

	for (size_t i = 0; i < VALUES; i++)
		values[i] = i < VALUES / 2 ? 100 : 1000000;
	ok(tap, all_close(values, VALUES), "half short, half long");

	for (size_t i = 0; i < VALUES; i++)
		values[i] = i == 0 ? 1000000 : 100;
	ok(tap, all_close(values, VALUES), "one of a thousand is long");

	for (size_t n = 1; n <= VALUES; n += 37) {
		for (size_t i = 0; i < n; i++) {
			state = state * UINT64_C(6364136223846793005) +
			    UINT64_C(1442695040888963407);
			values[i] = state >> (state >> 58);
		}
		right = right && all_close(values, n);
	}
	ok(tap, right, "random ones of all sizes, 1 to 1000 of them");
}

static void
edges(struct tap *tap)
{
	static struct histogram h;

	ok(tap, histogram_percentile(&h, 50) == 0 &&
	    histogram_percentile(&h, 100) == 0, "none: 0");

	for (int i = 0; i < 99; i++)
		histogram_add(&h, 1);
	histogram_add(&h, 9);
	ok(tap, histogram_percentile(&h, 99) == 1 &&
	    histogram_percentile(&h, 99.5) == 9 &&
	    histogram_percentile(&h, 0.001) == 1,
	    "99 of a hundred is exactly that");
}

int
main(void)
{
	struct tap tap = { 0, 0 };

	single_values(&tap);
	many_values(&tap);
	edges(&tap);
	return tap_end(&tap);
}

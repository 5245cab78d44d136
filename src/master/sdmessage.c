/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See sdmessage.h.
 */
#include <string.h>

#include "base/text.h"
#include "master/sdmessage.h"

/* Whether a line is just this. */
static bool
is_line(const char *line, size_t len, const char *what)
{
	return len == strlen(what) && memcmp(line, what, len) == 0;
}

static void
read_line(struct sdmessage *m, const char *line, size_t len)
{
	static const char status[] = "STATUS=";
	const size_t skip = sizeof status - 1;
	struct text t;

	if (is_line(line, len, "READY=1")) {
		m->ready = true;
	} else if (is_line(line, len, "STOPPING=1")) {
		m->is_ending = true;
	} else if (is_line(line, len, "WATCHDOG=1")) {
		m->lives = true;
	} else if (is_line(line, len, "WATCHDOG=trigger")) {
		m->hangs = true;
	} else if (len >= skip && memcmp(line, status, skip) == 0) {
		m->has_status = true;
		text_init(&t, m->status, sizeof m->status);
		text_add_escaped(&t, line + skip, len - skip);
	}
}

void
sdmessage_read(struct sdmessage *m, const char *bytes, size_t len)
{
	*m = (struct sdmessage){ .ready = false };
	while (len > 0) {
		const char *end = memchr(bytes, '\n', len);
		size_t n = end != NULL ? (size_t)(end - bytes) : len;

		read_line(m, bytes, n);
		n += end != NULL;
		bytes += n;
		len -= n;
	}
}

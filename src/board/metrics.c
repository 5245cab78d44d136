/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See metrics.h.  All lines of a family stand together, as the format wants.
 */
#include <inttypes.h>
#include <string.h>

#include "board/metrics.h"

/* Begin a family; unit: NULL, or what its name ends with. */
static void
family(FILE *f, const char *name, const char *type, const char *unit,
    const char *help)
{
	fprintf(f, "# TYPE smiled_%s %s\n", name, type);
	if (unit != NULL)
		fprintf(f, "# UNIT smiled_%s %s\n", name, unit);
	fprintf(f, "# HELP smiled_%s %s\n", name, help);
}

/* A value of a label; bytes that are not ASCII as in \\xNN. */
static void
label(FILE *f, const char *name, const char *value)
{
	fprintf(f, "%s=\"", name);
	for (; *value != '\0'; value++) {
		unsigned char c = (unsigned char)*value;

		if (c == '"' || c == '\\')
			fprintf(f, "\\%c", c);
		else if (c == '\n')
			fputs("\\n", f);
		else if (c < ' ' || c >= 0x7f)
			fprintf(f, "\\\\x%02x", c);
		else
			fputc(c, f);
	}
	fputc('"', f);
}

/* One line of a family that has one for each place. */
static void
sample(FILE *f, const char *name, const struct view_place *p,
    const char *which, const char *value, uint64_t n)
{
	fprintf(f, "smiled_%s{", name);
	label(f, "service", p->service);
	fputc(',', f);
	label(f, "address", p->address);
	if (which != NULL && value != NULL) {
		fputc(',', f);
		label(f, which, value);
	}
	fprintf(f, "} %" PRIu64 "\n", n);
}

/* A family with a value for each place that has any. */
static void
for_places(FILE *f, const struct view *v, const char *name,
    void (*show)(FILE *, const char *name, const struct view_place *))
{
	for (unsigned i = 0; i < v->nshown; i++)
		show(f, name, v->shown[i]);
}

static void
show_states(FILE *f, const char *name, const struct view_place *p)
{
	for (int i = 0; i < VIEW_STATES && !p->shares; i++)
		sample(f, name, p, "state", view_states[i], p->workers[i]);
}

static void
show_wanted(FILE *f, const char *name, const struct view_place *p)
{
	if (!p->shares)
		sample(f, name, p, NULL, NULL,
		    p->state == PLACE_CURRENT ? p->wanted : 0);
}

static void
show_least(FILE *f, const char *name, const struct view_place *p)
{
	if (!p->shares)
		sample(f, name, p, NULL, NULL,
		    p->state == PLACE_CURRENT ? p->least : 0);
}

static void
show_most(FILE *f, const char *name, const struct view_place *p)
{
	if (!p->shares)
		sample(f, name, p, NULL, NULL,
		    p->state == PLACE_CURRENT ? p->most : 0);
}

static void
show_length(FILE *f, const char *name, const struct view_place *p)
{
	if (p->queue.length >= 0)
		sample(f, name, p, NULL, NULL, (uint64_t)p->queue.length);
}

static void
show_limit(FILE *f, const char *name, const struct view_place *p)
{
	if (p->queue.length >= 0)
		sample(f, name, p, NULL, NULL, (uint64_t)p->queue.limit);
}

static void
show_accepted(FILE *f, const char *name, const struct view_place *p)
{
	if (p->counts)
		sample(f, name, p, NULL, NULL, p->sum.accepted);
}

static void
show_outcomes(FILE *f, const char *name, const struct view_place *p)
{
	for (int i = 0; i < BOARD_OUTCOMES && p->counts; i++)
		sample(f, name, p, "outcome", view_outcomes[i],
		    p->sum.outcome[i]);
}

static void
show_sent(FILE *f, const char *name, const struct view_place *p)
{
	if (p->counts)
		sample(f, name, p, NULL, NULL, p->sum.bytes_out);
}

static void
show_errors(FILE *f, const char *name, const struct view_place *p)
{
	if (p->counts)
		sample(f, name, p, NULL, NULL, p->sum.accept_errors);
}

/* Of the server as a whole. */
static void
show_server(FILE *f, const struct view *v)
{
	family(f, "build", "info", NULL, "The program that runs.");
	fputs("smiled_build_info{", f);
	label(f, "version", v->release);
	fputs("} 1\n", f);
	family(f, "start_time_seconds", "gauge", "seconds",
	    "When the server was started, since the epoch.");
	fprintf(f, "smiled_start_time_seconds %" PRId64 "\n", v->started);
	family(f, "generation", "gauge", NULL,
	    "How often a configuration has been put in charge.");
	fprintf(f, "smiled_generation %u\n", v->generation);
	family(f, "reloads", "counter", NULL, "Reloads that had a verdict.");
	fprintf(f, "smiled_reloads_total %u\n", v->reloads.done);
	family(f, "last_reload_successful", "gauge", NULL,
	    "1 unless the last reload was refused.");
	fprintf(f, "smiled_last_reload_successful %d\n",
	    !(v->reloads.has_last &&
	    v->reloads.last.verdict == BOARD_REFUSED));
	family(f, "strangers", "counter", NULL,
	    "Children of others that were left to the server.");
	fprintf(f, "smiled_strangers_total %u\n", v->strangers);
}

void
show_metrics(FILE *f, const struct view *v)
{
	show_server(f, v);
	family(f, "workers", "gauge", NULL, "Workers by what they are at.");
	for_places(f, v, "workers", show_states);
	family(f, "workers_wanted", "gauge", NULL,
	    "Workers that there should be.");
	for_places(f, v, "workers_wanted", show_wanted);
	family(f, "workers_least", "gauge", NULL,
	    "The fewest workers that may be wanted.");
	for_places(f, v, "workers_least", show_least);
	family(f, "workers_most", "gauge", NULL,
	    "The most workers that may be wanted.");
	for_places(f, v, "workers_most", show_most);
	family(f, "queue_length", "gauge", NULL,
	    "Clients that wait to be accepted.");
	for_places(f, v, "queue_length", show_length);
	family(f, "queue_limit", "gauge", NULL,
	    "Clients that there is room for in the queue.");
	for_places(f, v, "queue_limit", show_limit);
	family(f, "accepted", "counter", NULL, "Connections accepted.");
	for_places(f, v, "accepted_total", show_accepted);
	family(f, "connections", "counter", NULL,
	    "Connections ended, by outcome.");
	for_places(f, v, "connections_total", show_outcomes);
	family(f, "sent_bytes", "counter", "bytes", "Bytes sent to clients.");
	for_places(f, v, "sent_bytes_total", show_sent);
	family(f, "accept_errors", "counter", NULL, "Failures of accept(2).");
	for_places(f, v, "accept_errors_total", show_errors);
	fputs("# EOF\n", f);
}

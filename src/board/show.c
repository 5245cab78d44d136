/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See show.h.
 */
#include <inttypes.h>
#include <string.h>

#include "base/clock.h"
#include "base/text.h"
#include "board/json.h"
#include "board/show.h"

#define COLUMNS	10
#define CELL	(4 * BOARD_ADDRESS_MAX)	/* escaped */

static const char *const phases[BOARD_PHASES] = {
	[BOARD_BOOTING] = "starting", [BOARD_IN_SERVICE] = "serving",
	[BOARD_RELOADING] = "reloading",
	[BOARD_UPGRADING] = "upgrading", [BOARD_STOPPING] = "stopping"
};

static const char *const verdicts[] = {
	[BOARD_NO_VERDICT] = "none", [BOARD_ACCEPTED] = "accepted",
	[BOARD_REFUSED] = "refused"
};

static const char *
verdict_name(enum board_verdict verdict)
{
	return (unsigned)verdict <= BOARD_REFUSED ? verdicts[verdict] : "?";
}

const char *
show_time(int64_t ms, char *buf)
{
	int64_t s = ms / 1000;

	if (s < 1)
		snprintf(buf, SHOW_TIME_MAX, "%dms", (int)ms);
	else if (s < 10)
		snprintf(buf, SHOW_TIME_MAX, "%" PRId64 ".%ds", s,
		    (int)(ms % 1000 / 100));
	else if (s < 60)
		snprintf(buf, SHOW_TIME_MAX, "%" PRId64 "s", s);
	else if (s < 3600)
		snprintf(buf, SHOW_TIME_MAX, "%" PRId64 "m %" PRId64 "s",
		    s / 60, s % 60);
	else if (s < 86400)
		snprintf(buf, SHOW_TIME_MAX, "%" PRId64 "h %" PRId64 "m",
		    s / 3600, s / 60 % 60);
	else
		snprintf(buf, SHOW_TIME_MAX, "%" PRId64 "d %" PRId64 "h",
		    s / 86400, s / 3600 % 24);
	return buf;
}

/* -- Tables: rows of cells, twice: to measure, and to print -- */

struct table {
	FILE		*f;		/* NULL: measure only */
	size_t		 width[COLUMNS];
	unsigned	 right;		/* columns of figures, bits */
	unsigned	 n;		/* columns */
	unsigned	 at;		/* the next cell's */
};

static void
cell(struct table *t, const char *s)
{
	size_t len = strlen(s);
	bool is_right = t->right >> t->at & 1;

	if (t->f == NULL) {
		if (len > t->width[t->at])
			t->width[t->at] = len;
	} else if (is_right) {
		fprintf(t->f, "%*s", (int)t->width[t->at], s);
	} else {
		/* Nothing trails behind the last one. */
		fprintf(t->f, "%-*s", t->at + 1 < t->n ?
		    (int)t->width[t->at] : 0, s);
	}
	t->at++;
	if (t->f != NULL)
		fputs(t->at < t->n ? "  " : "\n", t->f);
	t->at %= t->n;
}

/* A name that may have any bytes. */
static void
name_cell(struct table *t, const char *s)
{
	char buf[CELL];
	struct text text;

	text_init(&text, buf, sizeof buf);
	text_add_escaped(&text, s, strlen(s));
	cell(t, buf);
}

static void
number_cell(struct table *t, uint64_t n)
{
	char buf[24];

	snprintf(buf, sizeof buf, "%" PRIu64, n);
	cell(t, buf);
}

static void
time_cell(struct table *t, int64_t ms)
{
	char buf[SHOW_TIME_MAX];

	cell(t, show_time(ms, buf));
}

static void
heads(struct table *t, const char *const *names)
{
	while (*names != NULL)
		cell(t, *names++);
}

/* -- Status -- */

static uint64_t
failures_of(const struct board_sum *sum)
{
	uint64_t n = 0;

	for (int i = 0; i < BOARD_OUTCOMES; i++)
		if (i != BOARD_OK)
			n += sum->outcome[i];
	return n;
}

/* "12", or "12 (4..64)" where that may change by itself. */
static void
wanted_cell(struct table *t, const struct view_place *p)
{
	char buf[48];

	if (p->least < p->most)
		snprintf(buf, sizeof buf, "%u (%u..%u)", p->wanted, p->least,
		    p->most);
	else
		snprintf(buf, sizeof buf, "%u", p->wanted);
	cell(t, p->shares ? "-" : buf);
}

static void
place_row(struct table *t, const struct view_place *p)
{
	char queue[48] = "-";

	name_cell(t, p->service);
	name_cell(t, p->address);
	cell(t, p->action);
	wanted_cell(t, p);
	if (p->counts)
		number_cell(t, p->workers[VIEW_SERVING]);
	else
		cell(t, "-");
	if (p->queue.length >= 0)
		snprintf(queue, sizeof queue, "%" PRId64 "/%" PRId64,
		    p->queue.length, p->queue.limit);
	cell(t, queue);
	if (p->counts) {
		number_cell(t, p->sum.accepted);
		number_cell(t, failures_of(&p->sum));
	} else {
		cell(t, "-");
		cell(t, "-");
	}
}

static void
place_rows(struct table *t, const struct view *v)
{
	static const char *const names[] = {
		"SERVICE", "ADDRESS", "ACTION", "WORKERS", "BUSY", "QUEUE",
		"CONNECTIONS", "FAILED", NULL
	};

	heads(t, names);
	for (unsigned i = 0; i < v->nshown; i++)
		if (v->shown[i]->state == PLACE_CURRENT || v->generation == 0)
			place_row(t, v->shown[i]);
}

/*
 * "1 of 4 backing off, 2 retiring": what is not as it mostly is.  How many are
 * missing matters little without how many there should be; those that leave
 * are none of these.
 */
static bool
add_states(struct text *t, const struct view_place *p)
{
	bool any = false;

	for (int i = VIEW_STARTING; i < VIEW_STATES; i++) {
		if (p->workers[i] == 0)
			continue;
		text_add(t, "%s%u", any ? ", " : "", p->workers[i]);
		if (i == VIEW_BACKING_OFF)
			text_add(t, " of %u", p->wanted);
		text_add(t, " %s", view_states[i]);
		any = true;
	}
	return any;
}

/* A line for each service with workers that are in some odd state. */
static void
show_oddities(FILE *f, const struct view *v)
{
	for (unsigned i = 0; i < v->nshown; i++) {
		const struct view_place *p = v->shown[i];
		char buf[CELL], due[SHOW_TIME_MAX];
		struct text t;

		text_init(&t, buf, sizeof buf);
		text_add(&t, "%s on ", p->service);
		text_add_escaped(&t, p->address, strlen(p->address));
		text_add(&t, ": ");
		if (!add_states(&t, p))
			continue;
		if (p->due != CLOCK_NEVER)
			text_add(&t, "; next try in %s",
			    show_time(p->due, due));
		fprintf(f, "%s\n", buf);
	}
}

static void
show_last(FILE *f, const char *what, const struct view_ledger *v)
{
	char ago[SHOW_TIME_MAX];
	const char *line = v->last.text;

	if (v->done == 0)
		return;
	if (!v->has_last) {
		fprintf(f, "last %s: its verdict is being written\n", what);
		return;
	}
	fprintf(f, "last %s, %s ago: ", what, show_time(v->age, ago));
	/* What it says has its own lines, each escaped by who wrote it. */
	for (; *line != '\0'; line++) {
		fputc(*line, f);
		if (*line == '\n')
			fputs("    ", f);
	}
	fputc('\n', f);
}

static void
show_total(FILE *f, const struct view *v)
{
	const char *comma = ": ";

	fprintf(f, "%" PRIu64 " connection%s", v->sum.accepted,
	    v->sum.accepted == 1 ? "" : "s");
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		if (v->sum.outcome[i] > 0) {
			fprintf(f, "%s%" PRIu64 " %s", comma,
			    v->sum.outcome[i], view_outcomes[i]);
			comma = ", ";
		}
	if (v->sum.accept_errors > 0)
		fprintf(f, "; %" PRIu64 " errors of accept",
		    v->sum.accept_errors);
	fputc('\n', f);
}

void
show_status(FILE *f, const struct view *v)
{
	struct table t = { .n = 8, .right = 0xf8 };
	char up[SHOW_TIME_MAX];

	if (v->instance[0] != '\0' && strcmp(v->instance, "smiled") != 0)
		fprintf(f, "%s: ", v->instance);
	fprintf(f, "smiled %s, %s, pid %ld, up %s, generation %u\n",
	    v->release, phases[v->phase], (long)v->pid,
	    show_time(v->uptime, up), v->generation);
	show_last(f, "reload", &v->reloads);
	show_last(f, "upgrade", &v->upgrades);
	show_total(f, v);
	fputc('\n', f);
	place_rows(&t, v);
	t.f = f;
	place_rows(&t, v);
	show_oddities(f, v);
}

/* -- Workers -- */

static void
worker_row(struct table *t, const struct view_worker *w)
{
	char name[BOARD_NAME_MAX + 16], state[64], due[SHOW_TIME_MAX];

	snprintf(name, sizeof name, "%s/%u", w->service, w->number);
	snprintf(state, sizeof state, "%s", view_states[w->state]);
	if (w->state == VIEW_BACKING_OFF)
		snprintf(state, sizeof state, "backing off, %s",
		    show_time(w->due, due));
	cell(t, name);
	if (w->pid != 0)
		number_cell(t, (uint64_t)w->pid);
	else
		cell(t, "-");
	cell(t, state);
	time_cell(t, w->since);
	number_cell(t, w->generation);
	number_cell(t, w->connections);
	number_cell(t, w->bytes_out);
	cell(t, w->peer[0] != '\0' ? w->peer : "-");
}

static void
worker_rows(struct table *t, const struct view *v)
{
	static const char *const names[] = {
		"WORKER", "PID", "STATE", "SINCE", "GEN", "CONNECTIONS",
		"SENT", "PEER", NULL
	};

	heads(t, names);
	for (unsigned i = 0; i < v->nworkers; i++)
		worker_row(t, &v->worker[i]);
}

void
show_workers(FILE *f, const struct view *v)
{
	struct table t = { .n = 8, .right = 0x7a };

	worker_rows(&t, v);
	t.f = f;
	worker_rows(&t, v);
}

/* -- JSON -- */

static void
sum_json(struct json *j, const struct board_sum *sum)
{
	json_open(j, "connections", '{');
	json_number(j, "accepted", (int64_t)sum->accepted);
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		json_number(j, view_outcomes[i], (int64_t)sum->outcome[i]);
	json_close(j, '}');
	json_number(j, "bytes_out", (int64_t)sum->bytes_out);
	json_number(j, "accept_errors", (int64_t)sum->accept_errors);
}

static void
states_json(struct json *j, const unsigned *workers)
{
	json_open(j, "workers", '{');
	for (int i = 0; i < VIEW_STATES; i++)
		json_number(j, view_states[i], workers[i]);
	json_close(j, '}');
}

static void
place_json(struct json *j, const struct view_place *p)
{
	json_open(j, NULL, '{');
	json_text(j, "service", p->service);
	json_text(j, "address", p->address);
	json_text(j, "action", p->action);
	json_text(j, "is", p->state == PLACE_CURRENT ? "current" :
	    p->state == PLACE_COMING ? "coming" : "going");
	if (!p->shares) {
		json_number(j, "wanted", p->wanted);
		json_number(j, "least", p->least);
		json_number(j, "most", p->most);
		states_json(j, p->workers);
		if (p->due != CLOCK_NEVER)
			json_seconds(j, "next_try", p->due);
	}
	if (p->queue.length >= 0) {
		json_number(j, "queue", p->queue.length);
		json_number(j, "queue_limit", p->queue.limit);
	}
	if (p->counts)
		sum_json(j, &p->sum);
	json_close(j, '}');
}

static void
verdict_json(struct json *j, const char *name, const struct board_told *told)
{
	json_open(j, name, '{');
	json_number(j, "number", told->number);
	json_text(j, "verdict", verdict_name(told->verdict));
	json_text(j, "text", told->text);
}

static void
last_json(struct json *j, const char *name, const struct view_ledger *v)
{
	if (!v->has_last)
		return;
	verdict_json(j, name, &v->last);
	json_seconds(j, "age", v->age);
	json_close(j, '}');
}

void
show_verdict_json(FILE *f, const struct board_told *told)
{
	struct json j = { .f = f };

	verdict_json(&j, NULL, told);
	json_close(&j, '}');
	fputc('\n', f);
}

void
show_status_json(FILE *f, const struct view *v)
{
	struct json j = { .f = f };

	json_open(&j, NULL, '{');
	json_text(&j, "instance", v->instance);
	json_text(&j, "version", v->release);
	json_text(&j, "state", phases[v->phase]);
	json_number(&j, "pid", v->pid);
	json_number(&j, "started", v->started);
	json_seconds(&j, "uptime", v->uptime);
	json_number(&j, "generation", v->generation);
	json_number(&j, "reloads", v->reloads.done);
	last_json(&j, "last_reload", &v->reloads);
	last_json(&j, "last_upgrade", &v->upgrades);
	states_json(&j, v->workers);
	sum_json(&j, &v->sum);
	json_open(&j, "services", '[');
	for (unsigned i = 0; i < v->nshown; i++)
		place_json(&j, v->shown[i]);
	json_close(&j, ']');
	json_close(&j, '}');
	fputc('\n', f);
}

static void
worker_json(struct json *j, const struct view_worker *w)
{
	json_open(j, NULL, '{');
	json_text(j, "service", w->service);
	json_number(j, "worker", w->number);
	if (w->pid != 0)
		json_number(j, "pid", w->pid);
	json_text(j, "state", view_states[w->state]);
	json_seconds(j, "since", w->since);
	if (w->state == VIEW_BACKING_OFF)
		json_seconds(j, "next_try", w->due);
	json_number(j, "generation", w->generation);
	json_number(j, "connections", (int64_t)w->connections);
	json_number(j, "bytes_out", (int64_t)w->bytes_out);
	if (w->peer[0] != '\0')
		json_text(j, "peer", w->peer);
	json_close(j, '}');
}

void
show_workers_json(FILE *f, const struct view *v)
{
	struct json j = { .f = f };

	json_open(&j, NULL, '[');
	for (unsigned i = 0; i < v->nworkers; i++)
		worker_json(&j, &v->worker[i]);
	json_close(&j, ']');
	fputc('\n', f);
}

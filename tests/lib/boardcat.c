/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * boardcat FILE [NAME [VALUE]]: print what a server's board says, for the
 * tests: a word and a figure on each line, then a line for each slot; or the
 * figure of NAME; or nothing, and the status tells whether that is VALUE.
 */
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <errno.h>

#include "base/die.h"
#include "board/view.h"

const char program_name[] = "boardcat";

static const char *const states[BOARD_STATES] = {
	"empty", "starting", "waiting", "serving", "running"
};

static void
show_slots(const struct board *board)
{
	unsigned used = atomic_load(&board->head->slots_used);

	for (unsigned i = 0; i < used && i < board->nslots; i++) {
		const struct board_slot *s = &board->slots[i];
		uint32_t state = atomic_load(&s->state);

		printf("slot %u pid %" PRIu32 " %s\n", i,
		    atomic_load(&s->pid),
		    state < BOARD_STATES ? states[state] : "?");
	}
}

/* Of those that are gone. */
static void
show_dead(const struct board *board, FILE *f)
{
	unsigned used = atomic_load(&board->head->places_used);
	struct board_sum sum = { 0 };
	uint64_t ended = 0;

	board_add_count(&sum, &board->head->dead);
	for (unsigned i = 0; i < used && i < board->nplaces; i++)
		board_add_count(&sum, &board->places[i].dead);
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		ended += sum.outcome[i];
	fprintf(f, "dead_accepted %" PRIu64 "\n", sum.accepted);
	fprintf(f, "dead_ended %" PRIu64 "\n", ended);
	fprintf(f, "dead_bytes_out %" PRIu64 "\n", sum.bytes_out);
	fprintf(f, "dead_accept_errors %" PRIu64 "\n", sum.accept_errors);
}

static void
show(const struct board *board, FILE *f)
{
	struct board_told told = { .verdict = BOARD_NO_VERDICT };
	struct board_sum sum;

	(void)ledger_read(&board->head->reloads,
	    atomic_load(&board->head->reloads.done), &told);
	board_add_up(board, &sum);
	fprintf(f, "pid %" PRIu32 "\n", atomic_load(&board->head->pid));
	fprintf(f, "generation %" PRIu32 "\n",
	    atomic_load(&board->head->generation));
	fprintf(f, "accepted %" PRIu64 "\n", sum.accepted);
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		fprintf(f, "%s %" PRIu64 "\n", view_outcomes[i], sum.outcome[i]);
	fprintf(f, "bytes_out %" PRIu64 "\n", sum.bytes_out);
	fprintf(f, "accept_errors %" PRIu64 "\n", sum.accept_errors);
	for (int i = 0; i < BOARD_STATES; i++)
		fprintf(f, "%s %u\n", states[i], sum.workers[i]);
	show_dead(board, f);
	fprintf(f, "strangers %" PRIu32 "\n",
	    atomic_load(&board->head->strangers));
	fprintf(f, "reloads_started %" PRIu32 "\n",
	    atomic_load(&board->head->reloads.started));
	fprintf(f, "reloads_done %" PRIu32 "\n",
	    atomic_load(&board->head->reloads.done));
	fprintf(f, "verdict %d\n", (int)told.verdict);
	fprintf(f, "text %s\n", told.text);
}

/*
 * Only the lines of one name, without it; or say nothing but whether it is what
 * is wanted.
 */
static bool
show_one(const struct board *board, const char *name, const char *wanted)
{
	size_t len = strlen(name);
	char *text, *line, *next;
	bool is_it = wanted == NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		die(STATUS_SYSTEM, "%s", strerror(errno));
	show(board, f);
	(void)fclose(f);
	for (line = text; line != NULL; line = next) {
		next = strchr(line, '\n');
		if (next != NULL)
			*next++ = '\0';
		if (strncmp(line, name, len) != 0 || line[len] != ' ')
			continue;
		if (wanted == NULL)
			puts(line + len + 1);
		else if (strcmp(line + len + 1, wanted) == 0)
			is_it = true;
	}
	free(text);
	return is_it;
}

int
main(int argc, char **argv)
{
	struct board board;
	bool is_it = true;

	if (argc < 2 || argc > 4)
		die(STATUS_USAGE, "usage: boardcat FILE [NAME [VALUE]]");
	if (board_look(&board, argv[1]) == -1)
		die(STATUS_OTHER, "%s: %s", argv[1], strerror(errno));
	if (argc > 2) {
		is_it = show_one(&board, argv[2], argv[3]);
	} else {
		show(&board, stdout);
		show_slots(&board);
	}
	board_look_away(&board);
	return is_it ? STATUS_OK : STATUS_OTHER;
}

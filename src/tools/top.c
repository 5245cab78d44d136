/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See top.h.
 */
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/die.h"
#include "base/sig.h"
#include "board/show.h"
#include "tools/top.h"

#define PERIOD	1000	/* milliseconds */

/* What rows of workers are sorted by. */
enum sorting {
	BY_NAME,
	BY_CONNECTIONS,
	BY_TIME,
	SORTINGS
};

static const char *const sortings[SORTINGS] = {
	[BY_NAME] = "name", [BY_CONNECTIONS] = "connections",
	[BY_TIME] = "time in this state"
};

/* One who watches. */
struct top {
	const struct order	*order;
	bool			 is_terminal;
	struct termios		 saved;		/* how it was */
	enum sorting		 sorting;
	uint64_t		 accepted;	/* when last looked at */
	int64_t			 looked;	/* when that was, or 0 */
	double			 rate;		/* connections a second since */
};

/* -- The terminal -- */

static void
restore(const struct top *top)
{
	if (top->is_terminal)
		(void)tcsetattr(STDIN_FILENO, TCSANOW, &top->saved);
}

/*
 * Have keys at once and unseen.  From now on signals come only in the wait, so
 * that whatever ends us leaves the terminal as it was.
 */
static bool
take_terminal(struct top *top)
{
	static const int ends[] = { SIGINT, SIGTERM, SIGHUP, SIGQUIT };
	struct termios raw;

	if (!isatty(STDIN_FILENO) || !isatty(STDOUT_FILENO) ||
	    tcgetattr(STDIN_FILENO, &top->saved) == -1)
		return false;
	sig_start();
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++)
		sig_catch(ends[i]);
	raw = top->saved;
	raw.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
	raw.c_cc[VMIN] = 1;
	raw.c_cc[VTIME] = 0;
	return tcsetattr(STDIN_FILENO, TCSANOW, &raw) == 0;
}

/* Rows and columns of the screen. */
static struct winsize
screen(void)
{
	struct winsize size;

	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == -1 ||
	    size.ws_row == 0 || size.ws_col == 0)
		size = (struct winsize){ .ws_row = 24, .ws_col = 80 };
	return size;
}

/* A text from the top of the screen on, as much of it as there is room for. */
static void
draw(const char *text)
{
	struct winsize size = screen();
	int left = size.ws_row - 1;

	fputs("\033[H", stdout);
	while (*text != '\0' && left-- > 0) {
		int len = (int)strcspn(text, "\n");

		/* Behind a full line it would take the last letter. */
		printf("\033[K%.*s\n", len < size.ws_col ? len :
		    size.ws_col, text);
		text += len;
		text += *text == '\n';
	}
	fputs("\033[J", stdout);
}

/* -- What is shown -- */

static int
by_connections(const void *a, const void *b)
{
	const struct view_worker *x = a, *y = b;

	return (x->connections < y->connections) -
	    (x->connections > y->connections);
}

static int
by_time(const void *a, const void *b)
{
	const struct view_worker *x = a, *y = b;

	return (x->since < y->since) - (x->since > y->since);
}

static void
sort(const struct top *top, struct view *view)
{
	/* By name is how they come. */
	if (top->sorting != BY_NAME)
		qsort(view->worker, view->nworkers, sizeof *view->worker,
		    top->sorting == BY_TIME ? by_time : by_connections);
}

static void
draw_view(const struct top *top, struct view *view)
{
	char *text = NULL;
	size_t size;
	FILE *f = open_memstream(&text, &size);

	if (f == NULL)
		die(STATUS_SYSTEM, "there is no memory for it");
	sort(top, view);
	show_status(f, view);
	fprintf(f, "\n%.1f connections a second; by %s (s: another order, "
	    "q: end)\n\n", top->rate, sortings[top->sorting]);
	show_workers(f, view);
	if (fclose(f) == EOF)
		die(STATUS_SYSTEM, "there is no memory for it");
	draw(text);
	free(text);
}

/* All that wait to be accepted. */
static int64_t
queued(const struct view *view)
{
	int64_t n = 0;

	for (unsigned i = 0; i < view->nshown; i++)
		if (view->shown[i]->queue.length > 0)
			n += view->shown[i]->queue.length;
	return n;
}

static void
print_line(const struct top *top, const struct view *view)
{
	char when[32] = "";
	time_t now = time(NULL);
	struct tm tm;

	if (gmtime_r(&now, &tm) != NULL)
		(void)strftime(when, sizeof when, "%Y-%m-%dT%H:%M:%SZ", &tm);
	printf("%s generation %u, %u serving, %u idle, %" PRId64 " queued, "
	    "%" PRIu64 " accepted, %.1f a second\n", when, view->generation,
	    view->workers[VIEW_SERVING], view->workers[VIEW_IDLE],
	    queued(view), view->sum.accepted, top->rate);
}

static void
measure(struct top *top, const struct view *view)
{
	int64_t now = clock_now();

	top->rate = top->looked == 0 || now <= top->looked ||
	    view->sum.accepted < top->accepted ? 0 :
	    (double)(view->sum.accepted - top->accepted) * 1000 /
	    (double)(now - top->looked);
	top->looked = now;
	top->accepted = view->sum.accepted;
}

/* Look once; after a while it may be another server's board. */
static void
look(struct top *top, struct view *view)
{
	char why[2 * PATH_MAX + 256];
	struct server server;
	enum server_found found = server_find(&server, &top->order->wish, why,
	    sizeof why);
	bool is_seen = found == SERVER_FOUND &&
	    view_take(view, &server.board) == 0;

	if (found == SERVER_FOUND)
		server_leave(&server);
	if (is_seen)
		return;
	restore(top);
	if (found == SERVER_FOUND)
		die(STATUS_SYSTEM, "there is no memory for it");
	server_die_unfound(found, why);
}

static void
show(const struct top *top, struct view *view)
{
	if (top->is_terminal)
		draw_view(top, view);
	else if (top->order->json)
		show_status_json(stdout, view);
	else
		print_line(top, view);
	die_if_unwritten();
}

/* What a key, or the end of what can be typed, asks for.  false: the end. */
static bool
obey_key(struct top *top)
{
	char key;
	ssize_t n = read(STDIN_FILENO, &key, 1);

	if (n == 1 && (key == 's' || key == 'S'))
		top->sorting = (top->sorting + 1) % SORTINGS;
	return n == 1 && key != 'q' && key != 'Q';
}

/* Until a key is pressed, or it is time to look again.  false: the end. */
static bool
wait_for_key(struct top *top, int64_t due)
{
	struct pollfd keys = { .fd = STDIN_FILENO, .events = POLLIN };
	struct sig_note note;
	struct timespec left;
	int n;

	if (!top->is_terminal) {
		(void)poll(NULL, 0, PERIOD);
		return true;
	}
	n = ppoll(&keys, 1, clock_left(clock_now(), due, &left),
	    sig_wait_mask());
	if (sig_take(&note) != 0) {
		restore(top);
		(void)signal(note.signo, SIG_DFL);
		(void)raise(note.signo);
		(void)sigprocmask(SIG_SETMASK, sig_wait_mask(), NULL);
	}
	return n <= 0 || obey_key(top);
}

enum status
top_run(const struct order *order)
{
	struct top top = { .order = order };
	int64_t due;

	top.is_terminal = !order->json && take_terminal(&top);
	do {
		struct view view;

		due = clock_now() + PERIOD;
		look(&top, &view);
		measure(&top, &view);
		show(&top, &view);
		view_free(&view);
	} while (wait_for_key(&top, due));
	restore(&top);
	return STATUS_OK;
}

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The fear: a worker that has gone mad, or a file that is no board, makes
 * more of the board than wrong figures: it is believed, or written to.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <stdnoreturn.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"
#include "board/view.h"
#include "unit/tap.h"

#define SLOTS	8
#define PLACES	4
#define RIVALS	8

const char program_name[] = "board_test";

/* A client that has no address, as on a unix socket. */
static const struct sockaddr_storage nobody = { .ss_family = AF_UNIX };

/* Where the files of this test are. */
struct place {
	char	dir[256];
	char	board[300];	/* DIR/test.board */
	char	other[300];	/* DIR/other */
};

static bool
prepare(struct place *place)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(place->dir, sizeof place->dir, "%s/board_test.XXXXXX",
	    tmp != NULL && strlen(tmp) < 200 ? tmp : "/tmp");
	if (mkdtemp(place->dir) == NULL)
		return false;
	snprintf(place->board, sizeof place->board, "%s/test.board",
	    place->dir);
	snprintf(place->other, sizeof place->other, "%s/other", place->dir);
	return true;
}

static int
create(const struct place *place, struct board *board)
{
	pid_t owner;

	return board_create(board, place->dir, "test", SLOTS, PLACES,
	    &owner);
}

/* -- Burying -- */

/* Of connections accepted, each has ended in some way. */
static bool
balances(const struct board *board)
{
	const struct board_count *dead = &board->head->dead;
	uint64_t ended = 0;

	for (int i = 0; i < BOARD_OUTCOMES; i++)
		ended += atomic_load(&dead->outcome[i]);
	return atomic_load(&dead->accepted) == ended;
}

/* Whether no figure of the dead is below what it was; *before is renewed. */
static bool
grew(const struct board *board, struct board_sum *before)
{
	const struct board_count *dead = &board->head->dead;
	uint64_t n = atomic_load(&dead->accepted);
	bool good = n >= before->accepted;

	before->accepted = n;
	for (int i = 0; i < BOARD_OUTCOMES; i++) {
		n = atomic_load(&dead->outcome[i]);
		good = good && n >= before->outcome[i];
		before->outcome[i] = n;
	}
	n = atomic_load(&dead->bytes_out);
	good = good && n >= before->bytes_out;
	before->bytes_out = n;
	return good;
}

static bool
is_empty(const struct board_slot *s)
{
	uint64_t sum = atomic_load(&s->count.accepted) +
	    atomic_load(&s->count.bytes_out) +
	    atomic_load(&s->count.accept_errors);

	for (int i = 0; i < BOARD_OUTCOMES; i++)
		sum += atomic_load(&s->count.outcome[i]);
	return sum == 0 && atomic_load(&s->state) == BOARD_EMPTY &&
	    atomic_load(&s->pid) == 0;
}

static void
honest(struct tap *tap, struct board *board)
{
	const struct board_count *dead = &board->head->dead;
	bool served, died_serving;

	board_prepare(board, 0);
	board_bury(board, 0, &served, &died_serving);
	ok(tap, !served && !died_serving && atomic_load(&dead->accepted) == 0,
	    "a worker that did nothing");
	board_accepted(&board->slots[0], &nobody);
	board_finished(&board->slots[0], BOARD_OK, 22);
	board_accepted(&board->slots[0], &nobody);
	board_finished(&board->slots[0], BOARD_RESET, 7);
	board_bury(board, 0, &served, &died_serving);
	ok(tap, served && !died_serving && atomic_load(&dead->accepted) == 2 &&
	    atomic_load(&dead->outcome[BOARD_OK]) == 1 &&
	    atomic_load(&dead->outcome[BOARD_RESET]) == 1 &&
	    atomic_load(&dead->bytes_out) == 29, "one that served two");
	board_accepted(&board->slots[0], &nobody);
	board_bury(board, 0, &served, &died_serving);
	ok(tap, served && died_serving && atomic_load(&dead->accepted) == 3 &&
	    atomic_load(&dead->outcome[BOARD_KILLED]) == 1,
	    "one that died with a connection");
	ok(tap, balances(board) && is_empty(&board->slots[0]),
	    "accepted is what has ended, and the slot is empty");
}

static void
garbage(struct tap *tap, struct board *board)
{
	struct board_sum before = { 0 };
	bool served, died_serving, good = true, balanced = true, empty = true;

	(void)grew(board, &before);
	for (int i = 0; i < 2000; i++) {
		unsigned char *p = (void *)&board->slots[1];

		for (size_t j = 0; j < sizeof board->slots[1]; j++)
			p[j] = i < 10 ? 0xff : (unsigned char)rand();
		board_bury(board, 1, &served, &died_serving);
		good = grew(board, &before) && good;
		balanced = balances(board) && balanced;
		empty = is_empty(&board->slots[1]) && empty;
	}
	ok(tap, good, "garbage in a slot never makes a total go down");
	ok(tap, balanced, "nor breaks the balance");
	ok(tap, empty, "nor stays there");
}

/* -- The head in a worker -- */

enum attempt {
	LOOK,			/* none */
	WRITE,
	UNPROTECT
};

/* In a worker: try to change the head. */
static void
be_worker(struct board *board, enum attempt attempt)
{
	const struct rlimit no_core = { 0, 0 };
	struct board_slot *s = board_enter(board, 2);

	(void)setrlimit(RLIMIT_CORE, &no_core);
	(void)signal(SIGSEGV, SIG_DFL);
	if (s == NULL || atomic_load(&board->head->pid) != (uint32_t)getppid())
		_exit(1);
	board_accepted(s, &nobody);
	if (attempt == WRITE)
		atomic_store(&board->head->generation, 99);
	if (attempt == UNPROTECT && (mprotect(board->head, board->head_size,
	    PROT_READ | PROT_WRITE) == 0 || errno != EACCES))
		_exit(2);
	_exit(0);
}

static int
end_of_worker(struct board *board, enum attempt attempt)
{
	pid_t pid = fork();
	int status;

	if (pid == 0)
		be_worker(board, attempt);
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

static void
head(struct tap *tap, struct board *board, const char *kind)
{
	bool served, died_serving;
	int status;

	ok(tap, end_of_worker(board, LOOK) == 0, "%s: a worker enters", kind);
	ok(tap, atomic_load(&board->slots[2].count.accepted) == 1,
	    "%s: its slot is shared", kind);
	status = end_of_worker(board, WRITE);
	ok(tap, WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV &&
	    atomic_load(&board->head->generation) == 0,
	    "%s: one that writes to the head is killed for it", kind);
	ok(tap, end_of_worker(board, UNPROTECT) == 0,
	    "%s: and cannot make it writable", kind);
	board_bury(board, 2, &served, &died_serving);
}

/* -- Looking -- */

/* Whether board_look() refuses a path with this error. */
static bool
is_refused(const char *path, int error)
{
	struct board board;

	if (board_look(&board, path) == 0) {
		board_look_away(&board);
		return false;
	}
	return errno == error;
}

/* A copy of the board with some bytes changed, cut to size if that is not 0. */
static bool
spoil(const struct place *place, const struct board *board, size_t offset,
    const void *bytes, size_t len, size_t size)
{
	int fd = open(place->other, O_RDWR | O_CREAT | O_TRUNC, 0600);
	bool good = fd != -1 &&
	    fd_write_all(fd, board->head, board->size) == 0 &&
	    pwrite(fd, bytes, len, (off_t)offset) == (ssize_t)len &&
	    (size == 0 || ftruncate(fd, (off_t)size) == 0);

	fd_close(&fd);
	return good;
}

static void
spoilt(struct tap *tap, const struct place *place, const struct board *board)
{
	static const uint32_t huge = UINT32_MAX, two = 2;
	static const uint32_t later = BOARD_VERSION + 1;
	/* Heads that are wrong in one way only. */
	static const uint32_t small = 128, large = UINT32_C(1) << 31;
	static const uint32_t odd = sizeof(struct board_head) + 1;
	const uint32_t slots = SLOTS + 1;
	static const struct {
		const char	*name;
		size_t		 offset;
		const uint32_t	*value;
	} rows[] = {
		{ "magic", offsetof(struct board_head, magic), &two },
		{ "version", offsetof(struct board_head, version), &later },
		{ "slot size", offsetof(struct board_head, slot_size), &two },
		{ "number of slots", offsetof(struct board_head, nslots),
		    &huge },
		{ "seat size", offsetof(struct board_head, seat_size), &two },
		{ "place size", offsetof(struct board_head, place_size), &two },
		{ "number of places", offsetof(struct board_head, nplaces),
		    &huge },
		{ "beginning of slots, too late", offsetof(struct board_head,
		    slots_at), &large },
		{ "beginning of slots, too early", offsetof(struct board_head,
		    slots_at), &small },
		{ "beginning of slots, odd", offsetof(struct board_head,
		    slots_at), &odd },
		{ "beginning of seats, too late", offsetof(struct board_head,
		    seats_at), &large },
		{ "beginning of seats, too early", offsetof(struct board_head,
		    seats_at), &small },
		{ "beginning of places, too late", offsetof(struct board_head,
		    places_at), &large },
		{ "beginning of places, in the head", offsetof(struct board_head,
		    places_at), &small },
	};

	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		ok(tap, spoil(place, board, rows[i].offset, rows[i].value,
		    sizeof *rows[i].value, 0) &&
		    is_refused(place->other, EPROTO), "refused: another %s",
		    rows[i].name);
	ok(tap, spoil(place, board, offsetof(struct board_head, nslots), &slots,
	    sizeof slots, 0) && is_refused(place->other, EPROTO),
	    "refused: one slot more than there is room for");
	ok(tap, spoil(place, board, 0, "", 0, board->size - 1) &&
	    is_refused(place->other, EPROTO), "refused: a byte short");
	ok(tap, spoil(place, board, 0, "", 0, sizeof(struct board_head) - 1) &&
	    is_refused(place->other, EPROTO), "refused: half a head");
	ok(tap, truncate(place->other, 0) == 0 &&
	    is_refused(place->other, EPROTO), "refused: an empty file");
	ok(tap, truncate(place->other, 1 << 20) == 0 &&
	    is_refused(place->other, EPROTO), "refused: a file of zeros");
	(void)unlink(place->other);
}

static void
foreign(struct tap *tap, const struct place *place)
{
	ok(tap, is_refused(place->other, ENOENT), "refused: no file");
	ok(tap, is_refused(place->dir, EPROTO), "refused: a directory");
	ok(tap, symlink(place->board, place->other) == 0 &&
	    is_refused(place->other, ELOOP), "refused: a link");
	(void)unlink(place->other);
	ok(tap, mkfifo(place->other, 0600) == 0 &&
	    is_refused(place->other, EPROTO), "refused, at once: a fifo");
	(void)unlink(place->other);
}

static void
look(struct tap *tap, const struct place *place, struct board *board)
{
	struct board seen;
	struct board_sum sum;

	board_prepare(board, 3);
	board_accepted(&board->slots[3], &nobody);
	board_finished(&board->slots[3], BOARD_OK, 22);
	if (!ok(tap, board_look(&seen, place->board) == 0, "a board is seen"))
		return;
	board_add_up(&seen, &sum);
	ok(tap, sum.accepted == atomic_load(&board->head->dead.accepted) + 1 &&
	    sum.workers[BOARD_WAITING] == 1, "the living and the dead add up");
	/* Garbage in a slot or in the head's hints is shown, no more. */
	atomic_store(&board->slots[3].state, 0xdeadbeef);
	atomic_store(&board->head->slots_used, UINT32_MAX);
	board_add_up(&seen, &sum);
	ok(tap, sum.workers[BOARD_WAITING] == 0, "a state that is none");
	board_look_away(&seen);
}

/* -- Places -- */

static unsigned
take(struct board *board, const char *service, const char *address)
{
	return board_take_place(board, service, "send", address);
}

static void
places(struct tap *tap, struct board *board)
{
	struct board_count *dead = &board->places[1].dead;
	const struct board_count *total = &board->head->dead;
	const uint64_t before = atomic_load(&total->accepted);
	char name[200];

	ok(tap, take(board, "a", "1") == 0 && take(board, "a", "2") == 1 &&
	    take(board, "b", "1") == 2, "a place for each address");
	ok(tap, take(board, "a", "2") == 1 && take(board, "b", "1") == 2,
	    "which it keeps");
	memset(name, 'x', sizeof name - 1);
	name[sizeof name - 1] = '\0';
	ok(tap, take(board, name, name) == 3 && take(board, name, name) == 3 &&
	    strlen(board->places[3].service) == BOARD_NAME_MAX - 1 &&
	    strlen(board->places[3].address) == BOARD_ADDRESS_MAX - 1,
	    "names that are too long are cut, and known again");
	ok(tap, take(board, "c", "1") == BOARD_NO_PLACE, "there is no room");
	atomic_store(&dead->accepted, 3);
	atomic_store(&dead->outcome[BOARD_RESET], 3);
	board_free_place(board, 1);
	ok(tap, take(board, "c", "1") == 1, "but where somebody left");
	ok(tap, atomic_load(&total->accepted) == before + 3 &&
	    atomic_load(&total->outcome[BOARD_RESET]) == 3 &&
	    atomic_load(&dead->accepted) == 0, "whose figures are the server's");
	board_set_action(board, 1, "exec");
	ok(tap, take(board, "c", "1") == 1 &&
	    strcmp(board->places[1].action, "exec") == 0,
	    "the action may become another");
	ok(tap, atomic_load(&board->head->burials) % 2 == 0,
	    "nothing is left half done");
	for (unsigned i = 0; i < PLACES; i++)
		board_free_place(board, i);
}

/* -- Verdicts -- */

#define READINGS	20000

/* The text of a verdict is full of the letter of its number. */
static char
letter_of(unsigned number)
{
	return (char)('a' + number % 26);
}

static noreturn void
give_verdicts(struct board *board)
{
	char text[BOARD_TEXT_MAX];

	for (;;) {
		unsigned number = atomic_load(&board->head->reloads.done) + 1;

		memset(text, letter_of(number), sizeof text - 1);
		text[sizeof text - 1] = '\0';
		ledger_end(&board->head->reloads, BOARD_REFUSED, text);
	}
}

/* Whether all of a verdict is of one reload. */
static bool
is_whole(const struct board_told *told)
{
	const char c = letter_of(told->number);
	size_t n = 0;

	while (told->text[n] == c)
		n++;
	return n == BOARD_TEXT_MAX - 1 && told->text[n] == '\0' &&
	    told->verdict == BOARD_REFUSED;
}

static void
torn(struct tap *tap, struct board *board)
{
	struct board_told told;
	const uint32_t first = atomic_load(&board->head->reloads.done);
	int torn = 0, read = 0;
	pid_t pid = fork();

	if (pid == 0)
		give_verdicts(board);
	while (atomic_load(&board->head->reloads.done) == first)
		(void)poll(NULL, 0, 1);
	/* The oldest one: it is the next to be overwritten. */
	for (int i = 0; i < READINGS || read == 0; i++)
		if (ledger_read(&board->head->reloads,
		    atomic_load(&board->head->reloads.done) -
		    (BOARD_VERDICTS - 1), &told)) {
			read++;
			torn += !is_whole(&told);
		}
	(void)kill(pid, SIGKILL);
	ok(tap, waitpid(pid, NULL, 0) == pid && torn == 0,
	    "one that is being written is not read (%d of %d were torn)",
	    torn, read);
}

static void
verdicts(struct tap *tap, struct board *board)
{
	struct board_told told;

	ok(tap, !ledger_read(&board->head->reloads, 0, &told) &&
	    !ledger_read(&board->head->reloads, 1, &told), "there is no verdict yet");
	ledger_begin(&board->head->reloads);
	ok(tap, !ledger_read(&board->head->reloads, 1, &told), "nor on a beginning");
	ledger_end(&board->head->reloads, BOARD_ACCEPTED, "well");
	ok(tap, ledger_read(&board->head->reloads, 1, &told) && told.number == 1 &&
	    told.verdict == BOARD_ACCEPTED && strcmp(told.text, "well") == 0 &&
	    told.at > 0 && told.at <= clock_now(), "there is one");
	atomic_store(&board->head->reloads.entry[1].number, 0);
	ok(tap, !ledger_read(&board->head->reloads, 1, &told),
	    "it is not read while it is written");
	for (int i = 0; i < BOARD_VERDICTS; i++)
		ledger_end(&board->head->reloads, BOARD_REFUSED, "not well");
	ok(tap, !ledger_read(&board->head->reloads, 1, &told) &&
	    ledger_read(&board->head->reloads, 2, &told) &&
	    ledger_read(&board->head->reloads, BOARD_VERDICTS + 1, &told),
	    "the last %d are kept", BOARD_VERDICTS);
	torn(tap, board);
}

/* -- A view -- */

#define SEEN	2	/* the slot that has garbage; those before are honest */

/* Workers of one place, of which each has served two clients. */
static void
populate(struct board *board)
{
	unsigned place = take(board, "smile", "*:7890");

	atomic_store(&board->places[place].state, PLACE_CURRENT);
	for (unsigned i = 0; i <= SEEN; i++) {
		const struct board_seating is = {
			.state = SEAT_SERVING, .pid = getpid(), .place = place,
			.number = i + 1, .generation = 1
		};

		board_prepare(board, i);
		board_seat(board, i, &is);
		atomic_store(&board->slots[i].pid, (uint32_t)getpid());
		for (int n = 0; n < 2; n++) {
			board_accepted(&board->slots[i], &nobody);
			board_finished(&board->slots[i], BOARD_OK, 22);
		}
	}
}

/* What is seen of worker SEEN + 1, whose figures are in *sum or are not. */
static enum view_state
seen_state(const struct board *board, struct board_sum *sum)
{
	enum view_state state = VIEW_STATES;
	struct view view;

	if (view_take(&view, board) == -1)
		return state;
	for (unsigned i = 0; i < view.nworkers; i++)
		if (view.worker[i].number == SEEN + 1)
			state = view.worker[i].state;
	*sum = view.sum;
	if (view.nworkers != SEEN + 1 || view.nshown != 1 ||
	    view.shown[0]->sum.accepted != view.sum.accepted ||
	    view.shown[0]->workers[state] != view.workers[state])
		state = VIEW_STATES;
	view_free(&view);
	return state;
}

static bool
is_out_of_sums(const struct board *board)
{
	struct board_sum sum;

	return seen_state(board, &sum) == VIEW_INVALID &&
	    sum.accepted == 2 * SEEN && sum.outcome[BOARD_OK] == 2 * SEEN &&
	    sum.bytes_out == 2 * SEEN * 22 && sum.accept_errors == 0;
}

static void
lies(struct tap *tap, struct board *board)
{
	struct board_slot *s = &board->slots[SEEN];
	const int64_t since = atomic_load(&s->since);
	int wrong = 0;

#define LIE(field, value, truth)					\
	atomic_store(&s->field, value);					\
	ok(tap, is_out_of_sums(board), "not believed: " #field " " #value); \
	atomic_store(&s->field, truth)

	LIE(state, BOARD_STATES, BOARD_WAITING);
	LIE(state, UINT32_MAX, BOARD_WAITING);
	LIE(pid, 1, (uint32_t)getpid());
	LIE(since, -1, since);
	LIE(since, INT64_MIN, since);
	LIE(since, clock_now() + 10000, since);
	LIE(peer.family, PEER_UNIX + 1, PEER_UNIX);
	LIE(peer.port, 65536, 0);
	LIE(count.accepted, UINT64_MAX, 2);
	LIE(count.accepted, 1, 2);
	LIE(count.outcome[BOARD_OK], UINT64_MAX, 2);
	LIE(count.outcome[BOARD_KILLED], 1, 0);
	LIE(count.bytes_out, UINT64_MAX, 44);
	LIE(count.accept_errors, UINT64_MAX, 0);
#undef LIE
	for (int i = 0; i < 500; i++) {
		for (size_t j = 0; j < sizeof *s; j++)
			((unsigned char *)s)[j] = (unsigned char)rand();
		wrong += !is_out_of_sums(board);
	}
	ok(tap, wrong == 0, "nor garbage (%d times it was)", wrong);
}

static noreturn void
serve_for_ever(struct board *board, unsigned slot)
{
	for (;;) {
		board_accepted(&board->slots[slot], &nobody);
		board_finished(&board->slots[slot], BOARD_OK, 22);
	}
}

static void
honest_views(struct tap *tap, struct board *board)
{
	const int64_t end = clock_now() + 1500;
	pid_t pid[SEEN + 1];
	int invalid = 0, looks = 0;

	for (unsigned i = 0; i <= SEEN; i++) {
		pid[i] = fork();
		if (pid[i] == 0)
			serve_for_ever(board, i);
	}
	for (; clock_now() < end; looks++) {
		struct view view;

		if (view_take(&view, board) == -1)
			break;
		invalid += view.workers[VIEW_INVALID] > 0;
		view_free(&view);
	}
	for (unsigned i = 0; i <= SEEN; i++) {
		(void)kill(pid[i], SIGKILL);
		(void)waitpid(pid[i], NULL, 0);
	}
	ok(tap, looks > 0 && invalid == 0,
	    "honest workers are believed, however busy they are (%d times "
	    "not, of %d)", invalid, looks);
}

static void
view(struct tap *tap, struct board *board)
{
	struct board_sum sum;

	memset(&board->head->dead, 0, sizeof board->head->dead);
	populate(board);
	ok(tap, seen_state(board, &sum) == VIEW_IDLE &&
	    sum.accepted == 2 * (SEEN + 1), "what honest workers say");
	honest_views(tap, board);
	for (unsigned i = 0; i <= SEEN; i++) {
		bool served, died_serving;

		board_bury(board, i, &served, &died_serving);
	}
	board_free_place(board, 0);
	memset(&board->head->dead, 0, sizeof board->head->dead);
	populate(board);
	lies(tap, board);
}

/* -- Whether a pool lacks idle workers -- */

/* One of four in as many slots, of which the last belongs to another pool. */
static void
seat(struct board *board, unsigned i, enum board_seat_state state,
    enum board_state at)
{
	const struct board_seating is = {
		.state = state, .pid = getpid(), .number = i + 1,
		.generation = 1, .pool = i < 3 ? 7 : 8, .hears = true
	};

	board_prepare(board, i);
	board_seat(board, i, &is);
	board_set_state(&board->slots[i], at);
}

static void
shortage(struct tap *tap, struct board *board)
{
	unsigned from = 3;

	seat(board, 0, SEAT_SERVING, BOARD_SERVING);
	seat(board, 1, SEAT_SERVING, BOARD_WAITING);
	seat(board, 2, SEAT_STARTING, BOARD_WAITING);
	seat(board, 3, SEAT_SERVING, BOARD_WAITING);
	ok(tap, !board_lacks_idle(board, 0, 1, &from) &&
	    !board_lacks_idle(board, 0, 2, &from), "two are idle");
	ok(tap, board_lacks_idle(board, 0, 3, &from), "but not three");
	seat(board, 1, SEAT_RETIRING, BOARD_WAITING);
	ok(tap, board_lacks_idle(board, 0, 2, &from) &&
	    !board_lacks_idle(board, 0, 1, &from) && from == 2,
	    "one who leaves is not, and the other is remembered");
	atomic_store(&board->seats[2].is_stopped, 1);
	ok(tap, board_lacks_idle(board, 0, 1, &from),
	    "one who is stopped is not");
	atomic_store(&board->seats[0].hears, 0);
	ok(tap, !board_lacks_idle(board, 0, 1, &from),
	    "if nobody wants to hear, there is nothing to be said");
}

/* -- The file -- */

/* What a second server gets, which must be a process of its own. */
static int
second_server(const struct place *place, pid_t expected)
{
	struct board board;
	pid_t owner = 0, pid = fork();
	int status;

	if (pid == 0) {
		if (board_create(&board, place->dir, "test", SLOTS,
		    PLACES, &owner) == 0)
			_exit(1);
		_exit(errno == EADDRINUSE && owner == expected ? 0 : 2);
	}
	return waitpid(pid, &status, 0) == pid ? status : -1;
}

/*
 * One of many that begin at once: says 'y' on said if it got the board, and
 * keeps it until hold has no writer any more.
 */
static noreturn void
compete(const struct place *place, int start, int said, int hold)
{
	struct board board;
	char byte = 'n';
	pid_t owner;

	(void)!read(start, &byte, 1);
	byte = board_create(&board, place->dir, "race", 1, 1, &owner) == 0 ?
	    'y' : errno == EADDRINUSE ? 'n' : '?';
	(void)fd_write_all(said, &byte, 1);
	(void)!read(hold, &byte, 1);
	if (board.fd != -1)
		board_remove(&board);
	_exit(0);
}

/* How many of RIVALS that begin at once get the board; -1: not all can say. */
static int
winners(const struct place *place)
{
	int start[2], said[2], hold[2], won = 0;
	char byte;

	if (pipe(start) == -1 || pipe(said) == -1 || pipe(hold) == -1)
		return -1;
	for (int i = 0; i < RIVALS; i++)
		if (fork() == 0) {
			(void)close(start[1]);
			(void)close(hold[1]);
			compete(place, start[0], said[1], hold[0]);
		}
	(void)close(start[0]);
	(void)close(start[1]);
	(void)close(hold[0]);
	for (int i = 0; i < RIVALS; i++)
		if (read(said[0], &byte, 1) != 1 || byte == '?')
			won = -RIVALS;
		else
			won += byte == 'y';
	(void)close(hold[1]);
	(void)close(said[0]);
	(void)close(said[1]);
	while (wait(NULL) > 0)
		;
	return won;
}

static void
race(struct tap *tap, const struct place *place)
{
	int wrong = 0;

	for (int i = 0; i < 200; i++)
		wrong += winners(place) != 1;
	ok(tap, wrong == 0, "of %d that start at once, exactly one has the "
	    "board (%d times not, of 200)", RIVALS, wrong);
}

static void
file(struct tap *tap, const struct place *place, struct board *board)
{
	struct stat st;

	ok(tap, stat(place->board, &st) == 0 &&
	    (st.st_mode & (S_IWGRP | S_IWOTH)) == 0 &&
	    (size_t)st.st_blocks * 512 >= board->size,
	    "nobody else may write it, and its room on the disk is taken");
	ok(tap, rename(place->board, place->other) == 0 &&
	    close(open(place->board, O_WRONLY | O_CREAT, 0600)) == 0,
	    "another file in its place");
	board_remove(board);
	ok(tap, access(place->board, F_OK) == 0, "is not removed");
	ok(tap, rename(place->other, place->board) == 0, "but the board");
	board_remove(board);
	ok(tap, access(place->board, F_OK) == -1, "is");
}

/* Given away under another name, and taken back before anybody had it. */
static void
handed_back(struct tap *tap, struct board *board)
{
	char hidden[PATH_MAX];

	board_keep(board);
	snprintf(hidden, sizeof hidden, "%s", board->hidden);
	ok(tap, hidden[0] != '\0' && access(hidden, F_OK) == 0,
	    "a board has another name, too");
	ok(tap, board_publish(board, 1) == 0 && board->hidden[0] == '\0' &&
	    access(hidden, F_OK) == -1 && access(board->path, F_OK) == 0,
	    "taken back, it has its own alone");
}

int
main(void)
{
	struct tap tap = { 0, 0 };
	struct board board, nameless;
	struct place place;

	/* Whatever waits for ever has failed. */
	(void)alarm(300);
	if (!ok(&tap, prepare(&place) && create(&place, &board) == 0,
	    "a board in %s", place.dir))
		return tap_end(&tap);
	honest(&tap, &board);
	garbage(&tap, &board);
	handed_back(&tap, &board);
	/* Before we look at it: closing what we looked through unlocks it. */
	ok(&tap, second_server(&place, getpid()) == 0,
	    "a second server is told whose the board is");
	head(&tap, &board, "in a file");
	if (ok(&tap, board_create_anonymous(&nameless, SLOTS, PLACES) == 0,
	    "a board in memory"))
		head(&tap, &nameless, "in memory");
	places(&tap, &nameless);
	verdicts(&tap, &nameless);
	view(&tap, &nameless);
	shortage(&tap, &nameless);
	spoilt(&tap, &place, &board);
	foreign(&tap, &place);
	look(&tap, &place, &board);
	file(&tap, &place, &board);
	race(&tap, &place);
	ok(&tap, rmdir(place.dir) == 0, "no file is left");
	return tap_end(&tap);
}

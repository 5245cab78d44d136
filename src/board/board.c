/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The master's half of the board: how it is made, locked, filled, removed.
 *
 * A POSIX lock goes when its process closes any descriptor of the file, so
 * the board's file is opened by the master as often as here and closed never.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/fd.h"
#include "board/board.h"

#define add(field, n)	atomic_fetch_add_explicit(&(field), n, \
			    memory_order_relaxed)
#define get(field)	atomic_load_explicit(&(field), memory_order_relaxed)
#define set(field, v)	atomic_store_explicit(&(field), v, \
			    memory_order_relaxed)

static int
lock_whole(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	return fcntl(fd, F_SETLK, &lock);
}

/* Whether path still names the file that fd is. */
static bool
is_same_file(const char *path, int fd)
{
	struct stat a, b;

	return lstat(path, &a) == 0 && fstat(fd, &b) == 0 &&
	    a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/*
 * Lock the file that path names now, making an empty one if there is none.
 * While we hold it, nobody else who keeps to this order can put another in
 * its place.  Returns its descriptor; -1 and errno.
 */
static int
claim(const char *path, pid_t *owner)
{
	for (;;) {
		int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW |
		    O_NONBLOCK, 0644);

		if (fd == -1)
			return -1;
		if (lock_whole(fd) == -1) {
			*owner = board_owner(fd);
			fd_close(&fd);
			/* It may have been let go of since. */
			if (*owner == -1)
				continue;
			errno = EADDRINUSE;
			return -1;
		}
		if (is_same_file(path, fd))
			return fd;
		fd_close(&fd);
	}
}

/* Where the parts of a board of this size are, each behind the other. */
static void
measure(struct board_head *head, unsigned nslots, unsigned nplaces)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	const size_t line = alignof(struct board_slot);
	size_t at = (sizeof *head + line - 1) / line * line;

	*head = (struct board_head){
		.magic = BOARD_MAGIC, .version = BOARD_VERSION,
		.nslots = nslots, .nplaces = nplaces,
		.slot_size = sizeof(struct board_slot),
		.seat_size = sizeof(struct board_seat),
		.place_size = sizeof(struct board_place),
		.release = PACKAGE_VERSION
	};
	head->reloads_at = offsetof(struct board_head, reloads);
	head->upgrades_at = offsetof(struct board_head, upgrades);
	head->places_at = (uint32_t)at;
	at += nplaces * sizeof(struct board_place);
	at = (at + line - 1) / line * line;
	head->seats_at = (uint32_t)at;
	at += nslots * sizeof(struct board_seat);
	head->slots_at = (uint32_t)((at + page - 1) / page * page);
}

/* Fill and map board->fd. */
static int
lay_out(struct board *board, const char *instance, unsigned nslots,
    unsigned nplaces)
{
	struct board_head head;
	char *map;

	measure(&head, nslots, nplaces);
	board->head_size = head.slots_at;
	board->size = head.slots_at + nslots * sizeof(struct board_slot);
	/* Space taken now: a full disk must not kill a writer later. */
	errno = posix_fallocate(board->fd, 0, (off_t)board->size);
	if (errno != 0)
		return -1;
	map = mmap(NULL, board->size, PROT_READ | PROT_WRITE, MAP_SHARED,
	    board->fd, 0);
	if (map == MAP_FAILED)
		return -1;
	snprintf(head.instance, sizeof head.instance, "%s", instance);
	memcpy(map, &head, sizeof head);
	board->head = (void *)map;
	board->places = (void *)(map + head.places_at);
	board->seats = (void *)(map + head.seats_at);
	board->slots = (void *)(map + head.slots_at);
	board->nslots = nslots;
	board->nplaces = nplaces;
	set(board->head->pid, (uint32_t)getpid());
	set(board->head->started, (int64_t)time(NULL));
	set(board->head->since, clock_now());
	return 0;
}

/* Undo what board_create() had done. */
static int
give_up(struct board *board, int claimed)
{
	int saved = errno;

	if (board->hidden[0] != '\0')
		(void)unlink(board->hidden);
	/* Ours as long as it is locked: empty, or a dead server's. */
	if (claimed != -1 && is_same_file(board->path, claimed))
		(void)unlink(board->path);
	fd_close(&board->fd);
	fd_close(&board->read_fd);
	fd_close(&claimed);
	errno = saved;
	return -1;
}

/*
 * The name beside a board's own under which the server with this pid keeps one
 * that is not to be found.  -1, and "": there is none, or no room for it.
 */
static int
hidden_name(const struct board *board, pid_t pid, char *buf, size_t size)
{
	const char *slash = strrchr(board->path, '/');
	int n = slash == NULL ? -1 : snprintf(buf, size, "%.*s/.%s.%ld",
	    (int)(slash - board->path), board->path, slash + 1, (long)pid);

	if (n >= 0 && (size_t)n < size)
		return 0;
	buf[0] = '\0';
	return -1;
}

static int
set_names(struct board *board, const char *dir, const char *instance)
{
	*board = (struct board){ .fd = -1, .read_fd = -1 };
	if ((size_t)snprintf(board->path, sizeof board->path, "%s/%s.board",
	    dir, instance) < sizeof board->path && hidden_name(board, getpid(),
	    board->hidden, sizeof board->hidden) == 0)
		return 0;
	errno = ENAMETOOLONG;
	return -1;
}

/* Make it under its hidden name, locked.  -1 and errno. */
static int
make_hidden(struct board *board, const char *instance, unsigned nslots,
    unsigned nplaces)
{
	(void)unlink(board->hidden);
	board->fd = open(board->hidden, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC |
	    O_NOFOLLOW, 0644);
	if (board->fd == -1)
		return -1;
	board->read_fd = open(board->hidden, O_RDONLY | O_CLOEXEC |
	    O_NOFOLLOW);
	return board->read_fd == -1 || lock_whole(board->fd) == -1 ? -1 :
	    lay_out(board, instance, nslots, nplaces);
}

int
board_create(struct board *board, const char *dir, const char *instance,
    unsigned nslots, unsigned nplaces, pid_t *owner)
{
	int claimed;

	if (set_names(board, dir, instance) == -1)
		return -1;
	claimed = claim(board->path, owner);
	if (claimed == -1)
		return -1;
	if (make_hidden(board, instance, nslots, nplaces) == -1 ||
	    rename(board->hidden, board->path) == -1)
		return give_up(board, claimed);
	board->hidden[0] = '\0';
	fd_close(&claimed);
	return 0;
}

int
board_create_hidden(struct board *board, const char *dir,
    const char *instance, unsigned nslots, unsigned nplaces)
{
	if (set_names(board, dir, instance) == -1)
		return -1;
	return make_hidden(board, instance, nslots, nplaces) == -1 ?
	    give_up(board, -1) : 0;
}

/* Who else holds the lock of the file that path names: see board_owner(). */
static pid_t
owner_of(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	pid_t owner = fd == -1 ? -1 : board_owner(fd);

	fd_close(&fd);
	return owner;
}

int
board_publish(struct board *board, pid_t from)
{
	/* To open and close our own would end our lock. */
	pid_t owner = is_same_file(board->path, board->fd) ? -1 :
	    owner_of(board->path);

	if (owner != -1 && owner != from) {
		errno = EADDRINUSE;
		return -1;
	}
	if (rename(board->hidden, board->path) == -1)
		return -1;
	/* Two names of one file stay two, rename(2). */
	(void)unlink(board->hidden);
	board->hidden[0] = '\0';
	return 0;
}

void
board_keep(struct board *board)
{
	if (hidden_name(board, getpid(), board->hidden,
	    sizeof board->hidden) == 0 &&
	    link(board->path, board->hidden) == -1)
		board->hidden[0] = '\0';
}

void
board_forget(struct board *board)
{
	board_remove(board);
	board->hidden[0] = board->path[0] = '\0';
}

void
board_sweep(const struct board *board, pid_t of)
{
	char path[PATH_MAX];

	if (hidden_name(board, of, path, sizeof path) == 0)
		(void)unlink(path);
}

int
board_create_anonymous(struct board *board, unsigned nslots,
    unsigned nplaces)
{
	char self[64];

	*board = (struct board){ .fd = -1, .read_fd = -1 };
	board->fd = memfd_create("smiled board", MFD_CLOEXEC);
	if (board->fd == -1)
		return -1;
	snprintf(self, sizeof self, "/proc/self/fd/%d", board->fd);
	board->read_fd = open(self, O_RDONLY | O_CLOEXEC);
	if (board->read_fd == -1 || lay_out(board, "", nslots, nplaces) == -1)
		return give_up(board, -1);
	return 0;
}

void
board_remove(struct board *board)
{
	if (board->hidden[0] != '\0')
		(void)unlink(board->hidden);
	if (board->path[0] != '\0' && is_same_file(board->path, board->fd))
		(void)unlink(board->path);
}

void
board_prepare(struct board *board, unsigned slot)
{
	struct board_slot *s = &board->slots[slot];

	set(s->state, BOARD_STARTING);
	set(s->since, clock_now());
	if (slot >= get(board->head->slots_used))
		set(board->head->slots_used, slot + 1);
}

void
board_seat(struct board *board, unsigned slot, const struct board_seating *is)
{
	struct board_seat *seat = &board->seats[slot];

	if (get(seat->state) != (uint32_t)is->state)
		set(seat->since, clock_now());
	set(seat->pid, (uint32_t)is->pid);
	set(seat->place, is->place);
	set(seat->number, is->number);
	set(seat->generation, is->generation);
	set(seat->failures, is->failures);
	set(seat->is_stopped, is->is_stopped);
	set(seat->pool, is->pool);
	set(seat->hears, is->hears);
	set(seat->due, is->due);
	atomic_store_explicit(&seat->state, (uint32_t)is->state,
	    memory_order_release);
}

/* -- Burying -- */

/* Take over one figure of a worker, but no more than can be true. */
static uint64_t
take(_Atomic uint64_t *from, _Atomic uint64_t *to, uint64_t most)
{
	uint64_t n = get(*from);

	if (n > most)
		n = most;
	add(*to, n);
	set(*from, 0);
	return n;
}

/* What can be any number stays below where the sum would wrap. */
static void
take_any(_Atomic uint64_t *from, _Atomic uint64_t *to)
{
	(void)take(from, to, UINT64_MAX / 2 - get(*to));
}

/* The figures of those who died where this slot's worker was. */
static struct board_count *
dead_of(struct board *board, unsigned slot)
{
	uint32_t place = get(board->seats[slot].place);

	return place < board->nplaces &&
	    get(board->places[place].state) != PLACE_FREE ?
	    &board->places[place].dead : &board->head->dead;
}

void
board_bury(struct board *board, unsigned slot, bool *served,
    bool *died_serving)
{
	struct board_count *from = &board->slots[slot].count;
	struct board_count *to = dead_of(board, slot);
	struct board_slot *s = &board->slots[slot];
	uint64_t rest;

	/* Who adds up meanwhile may count twice: let him see that. */
	add(board->head->burials, 1);
	atomic_thread_fence(memory_order_seq_cst);
	rest = take(&from->accepted, &to->accepted, UINT32_MAX);
	*served = rest > 0;
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		rest -= take(&from->outcome[i], &to->outcome[i], rest);
	/* What was accepted and never finished went with the worker. */
	*died_serving = rest > 0;
	add(to->outcome[BOARD_KILLED], rest);
	take_any(&from->bytes_out, &to->bytes_out);
	take_any(&from->accept_errors, &to->accept_errors);
	atomic_fetch_add_explicit(&board->head->burials, 1,
	    memory_order_release);
	set(s->state, BOARD_EMPTY);
	set(s->pid, 0);
	set(s->peer.family, PEER_NONE);
	set(s->since, clock_now());
}

/* -- Places -- */

static bool
is_same_place(const struct board_place *place, const char *service,
    const char *address)
{
	return strncmp(place->service, service, sizeof place->service - 1) ==
	    0 && strncmp(place->address, address,
	    sizeof place->address - 1) == 0;
}

unsigned
board_take_place(struct board *board, const char *service, const char *action,
    const char *address)
{
	unsigned used = get(board->head->places_used), at = BOARD_NO_PLACE;
	struct board_place *place;

	for (unsigned i = 0; i < used; i++)
		if (get(board->places[i].state) == PLACE_FREE)
			at = i < at ? i : at;
		else if (is_same_place(&board->places[i], service, address))
			return i;
	if (at == BOARD_NO_PLACE && used < board->nplaces)
		at = used;
	if (at == BOARD_NO_PLACE)
		return at;
	place = &board->places[at];
	snprintf(place->service, sizeof place->service, "%s", service);
	snprintf(place->action, sizeof place->action, "%s", action);
	snprintf(place->address, sizeof place->address, "%s", address);
	atomic_store_explicit(&place->state, PLACE_COMING,
	    memory_order_release);
	if (at == used)
		atomic_store_explicit(&board->head->places_used, used + 1,
		    memory_order_release);
	return at;
}

void
board_set_action(struct board *board, unsigned i, const char *action)
{
	struct board_place *place = &board->places[i];

	if (strcmp(place->action, action) == 0)
		return;
	/* Who reads meanwhile sees half of it: let him look again. */
	add(board->head->burials, 1);
	atomic_thread_fence(memory_order_seq_cst);
	snprintf(place->action, sizeof place->action, "%s", action);
	atomic_fetch_add_explicit(&board->head->burials, 1,
	    memory_order_release);
}

void
board_free_place(struct board *board, unsigned i)
{
	struct board_count *from = &board->places[i].dead;
	struct board_count *to = &board->head->dead;

	add(board->head->burials, 1);
	atomic_thread_fence(memory_order_seq_cst);
	set(board->places[i].state, PLACE_FREE);
	take_any(&from->accepted, &to->accepted);
	for (int n = 0; n < BOARD_OUTCOMES; n++)
		take_any(&from->outcome[n], &to->outcome[n]);
	take_any(&from->bytes_out, &to->bytes_out);
	take_any(&from->accept_errors, &to->accept_errors);
	atomic_fetch_add_explicit(&board->head->burials, 1,
	    memory_order_release);
}

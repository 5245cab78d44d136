/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The reader's half of the board.  The file may be of another version, cut
 * short, or no board at all, and its figures may be garbage: nothing read
 * here is used as an index or a length before it is checked.
 */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/fd.h"
#include "board/board.h"

/* Whether so many things of a size, from a point on, end by another. */
static bool
fits(uint64_t at, uint64_t n, uint64_t size, uint64_t end)
{
	return at % alignof(struct board_place) == 0 && at <= end &&
	    (end - at) / size >= n;
}

/* Whether a mapped head of a file of this size is one we can read. */
static bool
is_sound(const struct board_head *h, size_t size)
{
	return h->magic == BOARD_MAGIC && h->version == BOARD_VERSION &&
	    h->slot_size == sizeof(struct board_slot) &&
	    h->seat_size == sizeof(struct board_seat) &&
	    h->place_size == sizeof(struct board_place) &&
	    h->places_at >= sizeof *h &&
	    fits(h->places_at, h->nplaces, h->place_size, h->seats_at) &&
	    fits(h->seats_at, h->nslots, h->seat_size, h->slots_at) &&
	    fits(h->slots_at, h->nslots, h->slot_size, size) &&
	    h->slots_at % alignof(struct board_slot) == 0;
}

/* Whether it has, whatever its version, what is needed to steer. */
static bool
has_ledgers(const struct board_head *h, size_t size)
{
	const size_t ledger = sizeof(struct board_ledger);

	return h->magic == BOARD_MAGIC &&
	    fits(h->reloads_at, 1, ledger, size) &&
	    fits(h->upgrades_at, 1, ledger, size);
}

/* Map an open file.  -1 and errno. */
static int
map_file(struct board *board, bool (*is_good)(const struct board_head *,
    size_t))
{
	struct stat st;
	char *map;

	if (fstat(board->fd, &st) == -1)
		return -1;
	errno = EPROTO;
	if (!S_ISREG(st.st_mode) ||
	    (size_t)st.st_size < sizeof(struct board_head))
		return -1;
	board->size = (size_t)st.st_size;
	map = mmap(NULL, board->size, PROT_READ, MAP_SHARED, board->fd, 0);
	if (map == MAP_FAILED)
		return -1;
	board->head = (void *)map;
	if (!is_good(board->head, board->size)) {
		(void)munmap(map, board->size);
		errno = EPROTO;
		return -1;
	}
	return 0;
}

static int
look(struct board *board, const char *path,
    bool (*is_good)(const struct board_head *, size_t))
{
	int saved;

	*board = (struct board){ .read_fd = -1 };
	board->fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
	if (board->fd == -1)
		return -1;
	if (map_file(board, is_good) == 0)
		return 0;
	saved = errno;
	fd_close(&board->fd);
	errno = saved;
	return -1;
}

int
board_look_to_steer(struct board *board, const char *path)
{
	return look(board, path, has_ledgers);
}

int
board_look(struct board *board, const char *path)
{
	char *map;

	if (look(board, path, is_sound) == -1)
		return -1;
	map = (void *)board->head;
	board->head_size = board->head->slots_at;
	board->nslots = board->head->nslots;
	board->nplaces = board->head->nplaces;
	board->places = (void *)(map + board->head->places_at);
	board->seats = (void *)(map + board->head->seats_at);
	board->slots = (void *)(map + board->head->slots_at);
	return 0;
}

const struct board_ledger *
board_ledger(const struct board *board, uint32_t at)
{
	return (const void *)((const char *)board->head + at);
}

void
board_look_away(struct board *board)
{
	(void)munmap(board->head, board->size);
	fd_close(&board->fd);
	board->head = NULL;
}

pid_t
board_owner(int fd)
{
	struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET };

	if (fcntl(fd, F_GETLK, &lock) == -1 || lock.l_type != F_WRLCK)
		return -1;
	return lock.l_pid > 0 ? lock.l_pid : 0;
}

void
board_add_count(struct board_sum *sum, const struct board_count *count)
{
	sum->accepted += atomic_load(&count->accepted);
	for (int i = 0; i < BOARD_OUTCOMES; i++)
		sum->outcome[i] += atomic_load(&count->outcome[i]);
	sum->bytes_out += atomic_load(&count->bytes_out);
	sum->accept_errors += atomic_load(&count->accept_errors);
}

void
board_add_up(const struct board *board, struct board_sum *sum)
{
	unsigned used = atomic_load(&board->head->slots_used);
	unsigned places = atomic_load(&board->head->places_used);

	*sum = (struct board_sum){ 0 };
	board_add_count(sum, &board->head->dead);
	for (unsigned i = 0; i < places && i < board->nplaces; i++)
		board_add_count(sum, &board->places[i].dead);
	for (unsigned i = 0; i < used && i < board->nslots; i++) {
		const struct board_slot *s = &board->slots[i];
		uint32_t state = atomic_load(&s->state);

		if (state < BOARD_STATES)
			sum->workers[state]++;
		board_add_count(sum, &s->count);
	}
}

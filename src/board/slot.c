/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The worker's half of the board.  These run for every connection: plain
 * stores, no read-modify-write, since nobody else writes here.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "board/board.h"

static void
count_one(_Atomic uint64_t *n, uint64_t more)
{
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed)
	    + more, memory_order_relaxed);
}

struct board_slot *
board_enter(struct board *board, unsigned slot)
{
	struct board_slot *s = &board->slots[slot];

	/*
	 * A mapping of a descriptor opened for reading only: mprotect(2)
	 * cannot make it writable again.
	 */
	if (mmap(board->head, board->head_size, PROT_READ,
	    MAP_SHARED | MAP_FIXED, board->read_fd, 0) == MAP_FAILED)
		return NULL;
	atomic_store_explicit(&s->pid, (uint32_t)getpid(),
	    memory_order_relaxed);
	return s;
}

void
board_set_state(struct board_slot *s, enum board_state state)
{
	atomic_store_explicit(&s->state, (uint32_t)state,
	    memory_order_relaxed);
	atomic_store_explicit(&s->since, clock_now(), memory_order_relaxed);
}

int64_t
board_since(const struct board_slot *s)
{
	return atomic_load_explicit(&s->since, memory_order_relaxed);
}

static void
set_peer(struct board_peer *peer, enum board_family family, uint16_t port,
    const void *addr, size_t size)
{
	uint64_t part[2] = { 0, 0 };

	memcpy(part, addr, size);
	atomic_store_explicit(&peer->addr[0], part[0], memory_order_relaxed);
	atomic_store_explicit(&peer->addr[1], part[1], memory_order_relaxed);
	atomic_store_explicit(&peer->port, ntohs(port), memory_order_relaxed);
	atomic_store_explicit(&peer->family, (uint32_t)family,
	    memory_order_relaxed);
}

static void
note_peer(struct board_peer *peer, const struct sockaddr_storage *from)
{
	const struct sockaddr_in6 *in6 = (const void *)from;
	const struct sockaddr_in *in = (const void *)from;

	switch (from->ss_family) {
	case AF_INET:
		set_peer(peer, PEER_IP4, in->sin_port, &in->sin_addr, 4);
		break;
	case AF_INET6:
		/* What came by IPv4 is shown as that. */
		if (IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr))
			set_peer(peer, PEER_IP4, in6->sin6_port,
			    &in6->sin6_addr.s6_addr[12], 4);
		else
			set_peer(peer, PEER_IP6, in6->sin6_port,
			    &in6->sin6_addr, 16);
		break;
	default:
		set_peer(peer, PEER_UNIX, 0, "", 0);
	}
}

void
board_accepted(struct board_slot *s, const struct sockaddr_storage *from)
{
	note_peer(&s->peer, from);
	count_one(&s->count.accepted, 1);
	board_set_state(s, BOARD_SERVING);
}

void
board_finished(struct board_slot *s, enum board_outcome outcome,
    uint64_t bytes_out)
{
	count_one(&s->count.bytes_out, bytes_out);
	count_one(&s->count.outcome[outcome], 1);
	board_set_state(s, BOARD_WAITING);
}

void
board_accept_failed(struct board_slot *s)
{
	count_one(&s->count.accept_errors, 1);
}

static bool
is_idle(const struct board *board, unsigned i, uint32_t pool)
{
	const struct board_seat *seat = &board->seats[i];

	return atomic_load_explicit(&seat->pool, memory_order_relaxed) ==
	    pool && atomic_load_explicit(&seat->state, memory_order_relaxed) !=
	    SEAT_RETIRING && atomic_load_explicit(&seat->is_stopped,
	    memory_order_relaxed) == 0 &&
	    atomic_load_explicit(&board->slots[i].state,
	    memory_order_relaxed) == BOARD_WAITING;
}

bool
board_lacks_idle(const struct board *board, unsigned self, unsigned spare,
    unsigned *from)
{
	const struct board_seat *seat = &board->seats[self];
	unsigned used, start = *from, idle = 0;
	uint32_t pool;

	/*
	 * That we are busy is seen before we look: of two that become busy at
	 * once, at least one sees both; and the master, when it has asked to
	 * hear of it, sees us, if we do not see that it has.
	 */
	atomic_thread_fence(memory_order_seq_cst);
	if (atomic_load_explicit(&seat->hears, memory_order_relaxed) == 0)
		return false;
	pool = atomic_load_explicit(&seat->pool, memory_order_relaxed);
	used = atomic_load_explicit(&board->head->slots_used,
	    memory_order_relaxed);
	for (unsigned n = 0; n < used; n++) {
		unsigned i = (start + n) % used;

		if (!is_idle(board, i, pool))
			continue;
		if (idle++ == 0)
			*from = i;
		if (idle == spare)
			return false;
	}
	return true;
}

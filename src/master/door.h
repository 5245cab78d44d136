/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The door of a listening socket that is about to go away.
 *
 * When the last copy of a listening socket is closed, the kernel resets the
 * connections that wait in its queue, and answers every handshake under way
 * with a reset.  So nobody may be there at that moment.  First the door is
 * shut: a client that asks now gets no answer, and asks again a second later
 * (RFC 6298), when perhaps a new server is there.  Then those on the step are
 * let in, and served.  Then the room is empty.
 */
#ifndef MASTER_DOOR_H
#define MASTER_DOOR_H

#include <stdint.h>

/*
 * Let no new handshake begin on this socket; those under way go on.  This
 * changes the socket for all who share it.  -1 and errno.
 *
 * With CAP_NET_ADMIN a socket filter does it.  Without, the socket asks for
 * packets that have come over no router with a hop limit of 255, which next to
 * nobody sends (RFC 5082 is what that was made for); connections that come
 * about from then on inherit this, and whoever accepts one must lift it again.
 */
int	door_shut(int fd);

/* Undo it, or what somebody else has left so. */
void	door_open(int fd);

/*
 * Whether handshakes are under way on a port: 1 or 0; -1 and errno if the
 * kernel cannot be asked.
 */
int	door_is_somebody_on_step(uint16_t port);

/* Whether connections wait to be accepted: 1 or 0. */
int	door_is_room_taken(int fd);

#endif

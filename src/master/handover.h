/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What a master hands over to the one that takes its place at an upgrade: the
 * listening sockets, and the names of what there can be only one of.  It is
 * written into memory that nobody can change any more (memfd_create(2),
 * sealed), whose descriptor the environment names; the sockets are inherited.
 *
 * The other may be of an older or a newer release.  So the form has a version
 * and sizes, and who reads it takes it whole or not at all; and he looks at
 * each socket, whether it is what it is said to be.
 */
#ifndef MASTER_HANDOVER_H
#define MASTER_HANDOVER_H

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/die.h"
#include "conf/listen.h"

/*
 * What the two say to each other, a message a word, over a pair of sockets
 * that keeps messages apart (SOCK_SEQPACKET).  The new one asks, the old one
 * decides; each can be gone at any moment, which the other sees as the end.
 */
enum handover_word {
	WORD_TEXT = SAY_MARK,	/* new: what is wrong, a line */
	WORD_KEPT = 'K',	/* new: I keep these sockets; their numbers */
	WORD_READY = 'R',	/* new: I could serve */
	WORD_GO = 'G',		/* old: do */
	WORD_SERVING = 'S',	/* new: I do */
	WORD_OVER = 'O',	/* old: none of mine accepts any more, and
				 * what there is only one of is yours */
	WORD_DONE = 'D'		/* new: I have it */
};

/* Sockets in one WORD_KEPT. */
#define HANDOVER_KEPT_MAX	256

/* Say a word with something, or nothing, behind it; whether it was taken. */
bool	handover_say(int control, enum handover_word, const void *, size_t);

/* A line of text, cut if it is long. */
void	handover_say_text(int control, const char *line);

/*
 * Take a word, and the length of what is behind it, of which buf has as much
 * as it has room for.  0: there is none; -1: nor will there ever be.
 */
int	handover_hear(int control, char *buf, size_t size, size_t *len);

/* The environment's variable that has the descriptor. */
#define HANDOVER_VARIABLE	"SMILED_UPGRADE"

/* A listening socket: what was asked for, and how to know it again. */
struct handover_socket {
	int32_t		fd;		/* -1: taken */
	uint32_t	kind;		/* enum listen_kind */
	uint32_t	port;		/* that was asked for */
	uint32_t	scope;
	uint8_t		inet[4], inet6[16];
	uint32_t	is_adopted;	/* not bound by a server of ours */
	uint32_t	mode, uid, gid;	/* unix */
	uint64_t	inode;		/* of the socket */
	uint64_t	dev, ino;	/* unix: of the file it made */
	char		service[64];	/* who has it, cut */
	char		path[112];	/* unix */
};

/* All of it; the sockets follow it where it is written. */
struct handover {
	uint64_t	magic;
	uint32_t	version;
	uint32_t	size, socket_size;	/* bytes */
	uint32_t	n;			/* sockets */
	uint32_t	from;			/* pid of the old master */
	int32_t		control;		/* to speak with it */
	uint32_t	generation;		/* its last */
	uint32_t	has_file;		/* it has read one */
	char		board[PATH_MAX];	/* "": there is none */
	char		pidfile[PATH_MAX];
};

/* What was read, or is to be written; zeroed, it is nothing. */
struct handover_set {
	struct handover		 head;
	struct handover_socket	*socket;
};

/* Add a socket to be handed over.  -1 and errno. */
int	handover_add(struct handover_set *, int fd, const struct conf_listen *,
	    const char *service, bool is_adopted, dev_t dev, ino_t ino);

/* Returns a descriptor of sealed memory that has all of it; -1 and errno. */
int	handover_write(struct handover_set *);

/*
 * Read it from a descriptor that may be anything, and check it: it must come
 * from the process at the other end of its own socket.  -1, with nothing.
 */
int	handover_read(struct handover_set *, int fd);

/*
 * The socket for what a service asks for, preferably the one it had, which is
 * then taken; NULL: there is none.
 */
struct handover_socket	*handover_find(struct handover_set *,
			    const struct conf_listen *, const char *service);

/* Close those that nobody has taken. */
void	handover_close_rest(struct handover_set *);

void	handover_free(struct handover_set *);

#endif

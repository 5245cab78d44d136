/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * What the service manager hears of the server, in the words of sd_notify(3):
 * one datagram a message, to the socket that NOTIFY_SOCKET names.
 *
 * A manager that does not listen keeps nobody waiting.  What is to be said is a
 * wish: it is said at once if there is room, else as soon as there is; what has
 * not been heard by then and is no longer so, is not said any more.  What fails
 * is logged, and has no other consequence.
 */
#ifndef MASTER_NOTIFY_H
#define MASTER_NOTIFY_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/un.h>

#define NOTIFY_STATUS_MAX	512

/* Of one zeroed, the manager is nobody. */
struct notify {
	/* From the environment. */
	const char		*name;		/* NULL: nobody to tell */
	const char		*watchdog;	/* NULL: none, or not for us */
	pid_t			 known_pid;	/* whom the manager started */

	struct sockaddr_un	 address;
	socklen_t		 address_len;	/* 0: nobody to tell */
	int			 fd;		/* one without room; -1 */
	unsigned		 wanted;	/* what is still to be said */
	bool			 is_over;	/* nothing is said any more */
	bool			 is_mute;	/* nothing yet */
	pid_t			 successor;	/* who serves from now on */
	bool			 has_failed;	/* and that was logged */
	uint64_t		 reload_usec;	/* when a reload began */
	int64_t			 patience;	/* ms that a stop may take */
	int64_t			 period;	/* ms between signs of life */
	int64_t			 due;		/* the next of them */
	char			 status[NOTIFY_STATUS_MAX]; /* escaped */
};

/*
 * Take what is said of the manager out of the environment: workers and programs
 * have nothing to tell it.  To be called by the process that it started.
 */
void	notify_take(struct notify *);

/* Make sense of it; what makes none is logged.  By the master. */
void	notify_open(struct notify *, int64_t now);

/* A reload begins.  Each is followed by notify_ready(). */
void	notify_reloading(struct notify *);

/* The server is ready, or the reload has its verdict; and what to show. */
void	notify_ready(struct notify *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/* Only what to show. */
void	notify_status(struct notify *, const char *fmt, ...)
	    __attribute__((format(printf, 2, 3)));

/*
 * The server stops, and that may take so many milliseconds; 0: no longer than
 * others.  Nothing that is called after the first of these says anything.
 */
void	notify_stopping(struct notify *, int64_t patience, const char *fmt,
	    ...) __attribute__((format(printf, 3, 4)));

/* Another process is the server now.  The last that is said. */
void	notify_succeeded(struct notify *, pid_t);

/*
 * Say what could not be said yet, and if the manager wants one, a sign of life
 * at half of the time it allows.  Returns when to call again.
 */
int64_t	notify_settle(struct notify *, int64_t now);

/* The descriptor to be polled for room, for what is still to be said; -1. */
int	notify_awaited(const struct notify *);

#endif

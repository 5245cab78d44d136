/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The master: it binds, listens, forks and reaps, and never touches a client.
 *
 * It waits in one place.  Signals and reports change only the wish (how many
 * workers, which pool, which phase) or the facts (who lives); before each
 * wait, the facts are made to match the wish.
 */
#ifndef MASTER_MASTER_H
#define MASTER_MASTER_H

#include <poll.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/family.h"
#include "base/self.h"
#include "base/sig.h"
#include "base/status.h"
#include "base/title.h"
#include "board/board.h"
#include "board/ledger.h"
#include "conf/conf.h"
#include "master/detach.h"
#include "master/generation.h"
#include "master/heir.h"
#include "master/inherited.h"
#include "master/listeners.h"
#include "master/logkeeper.h"
#include "master/notify.h"
#include "master/pidfile.h"
#include "master/pool.h"
#include "master/slot.h"
#include "master/upgrade.h"

/* What the master is at.  It goes through these in this order. */
enum phase {
	PHASE_SERVING,		/* from the first worker on */
	PHASE_DRAINING,		/* another master serves; the last connections
				 * are finished */
	PHASE_EMPTYING,		/* stopping: all in the queues are served */
	PHASE_LEAVING,		/* the workers were told to leave */
	PHASE_LOG,		/* the log process writes what is left */
	PHASE_GONE
};

/* What the master waits for besides signals and time. */
struct watch {
	struct pollfd	*pfd;
	size_t		 room;
};

struct master {
	struct conf_source	*source;	/* read again at each reload */
	struct conf		*conf;		/* the one in charge */
	struct title		 title;
	struct self		 self;
	struct waiting		 waiting;	/* for us to be ready */
	struct inherited	 inherited;
	struct heir		 heir;		/* of a master before us */
	struct upgrade		 upgrade;	/* to a master after us */
	struct notify		 manager;	/* of services, above us */
	struct listeners	 listeners;
	struct board		 board;
	struct pidfile		 pidfile;
	struct logkeeper	 logkeeper;
	struct slots		 slots;
	struct family		 family;	/* what programs leave to us */
	int64_t			 sweep_until;	/* strangers are killed */
	struct pool		*pools;		/* all that have anybody */
	bool			 has_news;	/* of pools, for the board */
	struct generation	*generations;	/* all that have a pool */
	struct generation	*current;	/* NULL before the first */
	struct generation	*coming;	/* being prepared; or NULL */
	bool			 once_more;	/* HUP came while one was on */
	int			 retiring;	/* hangs up when none of the
						 * old can accept; -1 */
	int64_t			 retiring_due;	/* the end of patience */
	char			 verdict[BOARD_TEXT_MAX]; /* for then */
	int			 report[2];	/* ours, the workers' */
	int			 notify;	/* what programs of run say */
	char			 notify_name[32]; /* NOTIFY_SOCKET */
	struct watch		 watch;
	enum phase		 phase;
	enum status		 status;	/* to exit with; bad: now */
	int64_t			 stop_due;	/* when all must be gone */
	int64_t			 phase_due;	/* when this phase must end */
};

/*
 * Open the listening sockets, or die saying why: nothing is left behind.
 * source, conf, inherited, heir, manager, waiting, self and title are to be
 * filled in before.
 */
void	master_listen(struct master *);

/* Serve until stopped.  Returns the status to exit with. */
enum status	master_run(struct master *);

/* -- The parts of the master's work, each in its own file -- */

/*
 * report.c: the sockets on which workers, and programs of run, say how they
 * are.  The one of programs is returned, and its name for them written; -1 and
 * errno.
 */
int	report_open(int ends[2]);
int	report_open_notify(char *name, size_t size);
void	report_read(struct master *);

/*
 * supply.c: how many workers a pool of variable size should have.  The
 * generation that is coming begins with as many as the load needs.
 */
int64_t	supply_settle(struct master *, int64_t now);
void	supply_begin(struct master *);
unsigned	supply_most(const struct master *);

/* abuse.c: listening sockets that a program of run has spoilt for others. */
int64_t	abuse_settle(struct master *, int64_t now);
bool	abuse_is_watched(const struct master *, const struct listener *);

/* reap.c: children that died, stopped or went on. */
int	reap_init(struct master *);
void	reap(struct master *, int64_t now);

/* reload.c: a new generation, and when it is complete, the old one retired. */
void	reload_start(struct master *, int64_t now);
void	reload_begin(struct master *, int64_t now);
void	reload_abandon(struct master *, const char *why, int64_t now);
void	reload_cut_short(struct master *, int64_t now);
int64_t	reload_settle(struct master *, int64_t now);
bool	reload_is_under_way(const struct master *);
void	reload_tell_manager(struct master *);

/*
 * upgrade.c: the program is started anew, to take our place.  The last two say
 * whether a stop has to wait for that, and whether this or its other side is
 * under way.
 */
void	upgrade_begin(struct master *, int64_t now);
void	upgrade_hear(struct master *, int64_t now);
bool	upgrade_died(struct master *, pid_t, int status, int64_t now);
void	upgrade_abandon(struct master *, const char *why);
int64_t	upgrade_settle(struct master *, int64_t now);
bool	upgrade_defers_stop(struct master *);
bool	upgrade_is_under_way(const struct master *);

/* heir.c: the other side of it, in the new master. */
bool	heir_may_commit(struct master *);
void	heir_serves(struct master *);
void	heir_hear(struct master *);
void	heir_settle(struct master *);

/*
 * closing.c: listening sockets that are no longer wanted.  Workers up to a
 * generation must know that they may get connections made behind a shut door,
 * before it is shut: see lift_hop_limit() in worker.c.
 */
void	closing_announce(struct master *, unsigned generation);
int64_t	closing_settle(struct master *, int64_t now);

/* places.c: what the board says of pools, and of the server as a whole. */
void	places_settle(struct master *);
void	places_show_phase(const struct master *);

/* stop.c: the way out. */
void	stop_gracefully(struct master *, int64_t now);
void	stop_at_once(struct master *, int64_t now);
int64_t	stop_settle(struct master *, int64_t now);

#endif

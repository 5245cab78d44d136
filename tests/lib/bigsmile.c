/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * bigsmile [-n FD] [-o LINE] [-w N] SIZE PORT: the server, with a message of
 * SIZE bytes, longer than a command line can hold.  All but main is the
 * server's own code.  The message is a line of digits again and again, so that
 * a byte lost or doubled shows.
 *
 * While the file that BIGSMILE_HANG names exists, new workers hang before they
 * can say that they are ready: prctl(2) is wrapped by the linker.
 *
 * With BIGSMILE_POISON, a pid, each worker has gone mad: with each connection it
 * writes garbage over all slots of the board, its own and those of others, in
 * which that pid is found again and again.
 *
 * The time of day is wrong by as many seconds as the file says that
 * BIGSMILE_SHIFT names, from the moment that it does.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/die.h"
#include "base/fd.h"
#include "base/option.h"
#include "base/sig.h"
#include "conf/said.h"
#include "master/master.h"

const char program_name[] = "bigsmile";

int	__real_prctl(int, ...);
int	__wrap_prctl(int, unsigned long, unsigned long, unsigned long,
	    unsigned long);

int
__wrap_prctl(int option, unsigned long a, unsigned long b, unsigned long c,
    unsigned long d)
{
	const char *hang = getenv("BIGSMILE_HANG");

	if (hang != NULL && access(hang, F_OK) == 0)
		(void)poll(NULL, 0, -1);
	return __real_prctl(option, a, b, c, d);
}

/* -- A time of day that jumps -- */

int	__real_clock_gettime(clockid_t, struct timespec *);
int	__wrap_clock_gettime(clockid_t, struct timespec *);
time_t	__real_time(time_t *);
time_t	__wrap_time(time_t *);

static time_t
shift(void)
{
	const char *path = getenv("BIGSMILE_SHIFT");
	char buf[16] = "";
	int saved = errno, fd;

	fd = path == NULL ? -1 : open(path, O_RDONLY | O_CLOEXEC);
	if (fd != -1 && read(fd, buf, sizeof buf - 1) == -1)
		abort();
	fd_close(&fd);
	errno = saved;
	return (time_t)strtol(buf, NULL, 10);
}

int
__wrap_clock_gettime(clockid_t id, struct timespec *ts)
{
	int status = __real_clock_gettime(id, ts);

	if (id == CLOCK_REALTIME)
		ts->tv_sec += shift();
	return status;
}

time_t
__wrap_time(time_t *now)
{
	time_t t = __real_time(NULL) + shift();

	if (now != NULL)
		*now = t;
	return t;
}

/* -- A worker that has gone mad -- */

#define NEAR	64	/* the slots that somebody may have */

static struct {
	unsigned char	*slots;		/* NULL: it has not */
	size_t		 near, all;	/* bytes */
	uint32_t	 pid;
	uint32_t	 dice;
} poison;

struct board_slot	*__real_board_enter(struct board *, unsigned);
struct board_slot	*__wrap_board_enter(struct board *, unsigned);
void	__real_board_accepted(struct board_slot *,
	    const struct sockaddr_storage *);
void	__wrap_board_accepted(struct board_slot *,
	    const struct sockaddr_storage *);
void	__real_board_finished(struct board_slot *, enum board_outcome,
	    uint64_t);
void	__wrap_board_finished(struct board_slot *, enum board_outcome,
	    uint64_t);

struct board_slot *
__wrap_board_enter(struct board *board, unsigned slot)
{
	const char *pid = getenv("BIGSMILE_POISON");

	if (pid != NULL) {
		poison.slots = (void *)board->slots;
		poison.all = board->nslots * sizeof(struct board_slot);
		poison.near = NEAR * sizeof(struct board_slot);
		if (poison.near > poison.all)
			poison.near = poison.all;
		poison.pid = (uint32_t)strtoul(pid, NULL, 10);
		poison.dice = (uint32_t)getpid();
	}
	return __real_board_enter(board, slot);
}

/* Anything, also what may look sound, or be somebody. */
static uint32_t
garbage(void)
{
	poison.dice ^= poison.dice << 13;
	poison.dice ^= poison.dice >> 17;
	poison.dice ^= poison.dice << 5;
	switch (poison.dice % 8) {
	case 0:
		return poison.pid;
	case 1:
		return 0;
	case 2:
		return UINT32_MAX;
	case 3:
		return poison.dice >> 24;
	default:
		return poison.dice;
	}
}

static void
write_garbage(void)
{
	size_t size = poison.dice % 64 == 0 ? poison.all : poison.near;

	if (poison.slots == NULL)
		return;
	for (size_t i = 0; i < size; i += sizeof(uint32_t)) {
		uint32_t word = garbage();

		memcpy(poison.slots + i, &word, sizeof word);
	}
}

void
__wrap_board_accepted(struct board_slot *slot,
    const struct sockaddr_storage *from)
{
	__real_board_accepted(slot, from);
	write_garbage();
}

void
__wrap_board_finished(struct board_slot *slot, enum board_outcome outcome,
    uint64_t bytes_out)
{
	__real_board_finished(slot, outcome, bytes_out);
	write_garbage();
}

/* -- The server -- */

static const struct option_row options[] = {
	{ 'n', "notify-fd", "FD", "" },
	{ 'o', "set", "LINE", "" },
	{ 'w', "workers", "N", "" },
	{ 0, NULL, NULL, NULL }
};

/* What is sent, instead of what the configuration has. */
static struct conf_text message;

struct conf	*__real_conf_read(const struct conf_source *,
		    struct complaints *);
struct conf	*__wrap_conf_read(const struct conf_source *,
		    struct complaints *);

struct conf *
__wrap_conf_read(const struct conf_source *source, struct complaints *c)
{
	struct conf *conf = __real_conf_read(source, c);

	if (conf != NULL)
		conf->services->message = message;
	return conf;
}

static void
make_message(size_t size)
{
	char *text = malloc(size + 1);

	if (text == NULL)
		die(STATUS_SYSTEM, "%s", strerror(errno));
	for (size_t i = 0; i < size; i++)
		text[i] = i % 64 == 63 ? '\n' : (char)('0' + i / 64 % 10);
	text[size] = '\0';
	message = (struct conf_text){ text, size };
}

int
main(int argc, char **argv)
{
	struct master master = { .waiting = { .parent = -1, .notify = -1 } };
	struct complaints complaints;
	struct said said;
	enum status status;
	int letter;

	sig_start();
	title_init(&master.title, argc, argv);
	self_remember(&master.self, argv);
	heir_take(&master.heir);
	if (master.heir.step != HEIR_NONE)
		master.inherited.handed = &master.heir.set;
	said_init(&said);
	said_file(&said, "none");
	while ((letter = option_next(argc, argv, options)) != -1)
		if (letter == 'n')
			master.waiting.notify = (int)option_number('n',
			    optarg, 3, 1000);
		else if (letter == 'o')
			said_line(&said, "-o", optarg);
		else
			said_value(&said, "-w", "workers", optarg);
	if (argc - optind != 2)
		die(STATUS_USAGE, "usage: bigsmile [-n FD] [-o LINE] [-w N] "
		    "SIZE PORT");
	/* The master before us had told whoever started it. */
	if (master.heir.step != HEIR_NONE)
		master.waiting.notify = -1;
	make_message(strtoul(argv[optind], NULL, 10));
	said_value(&said, "PORT", "listen", argv[optind + 1]);
	(void)fd_point_at_null(STDIN_FILENO);
	master.source = &said.source;
	master.conf = conf_read(master.source, &complaints);
	if (master.conf == NULL) {
		complaints_say(&complaints);
		return STATUS_CONFIG;
	}
	master_listen(&master);
	status = master_run(&master);
	said_free(&said);
	free((char *)message.bytes);
	return status;
}

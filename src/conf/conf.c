/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * See conf.h.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "conf/build.h"
#include "conf/conf.h"
#include "conf/parse.h"

struct conf *
conf_read(const struct conf_source *source, struct complaints *c)
{
	const struct origin nowhere = { .file = NULL };
	struct conf *conf = calloc(1, sizeof *conf);
	struct draft draft;

	complaints_init(c);
	if (conf == NULL) {
		complain(c, &nowhere, "%s", strerror(errno));
		return NULL;
	}
	conf->log_fd = -1;
	draft_init(&draft, &conf->arena, c);
	if (source->file != NULL)
		conf->has_file = draft_add_file(&draft, source->file,
		    source->must_exist);
	for (size_t i = 0; i < source->nlines; i++)
		draft_add_said(&draft, source->lines[i], source->said_by[i],
		    source->dir);
	build(conf, &draft);
	if (source->in_background)
		conf_log_in_background(conf);
	check(conf, c);
	if (c->n == 0)
		return conf;
	conf_free(conf);
	return NULL;
}

int64_t
service_grace(const struct service *s)
{
	/* A worker ends its program first, and then itself. */
	return s->action & ACTIONS_PROGRAM ? s->kill_grace + CONF_KILL_GRACE :
	    CONF_KILL_GRACE;
}

void
conf_free(struct conf *conf)
{
	struct arena arena;

	if (conf == NULL)
		return;
	for (struct service *s = conf->services; s != NULL; s = s->next)
		fd_close(&s->file_fd);
	fd_close(&conf->log_fd);
	arena = conf->arena;
	arena_free(&arena);
	free(conf);
}

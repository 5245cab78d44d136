/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * From settings to values: which of several settings counts, what the
 * defaults are, and whether what is there makes sense together.
 */
#ifndef CONF_BUILD_H
#define CONF_BUILD_H

#include "conf/conf.h"
#include "conf/parse.h"

/* Fill in a configuration. What is wrong is complained of. */
void	build(struct conf *, struct draft *);

/*
 * Ask what only the whole can answer, and the system: addresses that are in
 * each other's way, too many workers, directories and files that are not
 * there.  The files to be sent are opened.
 */
void	check(struct conf *, struct complaints *);

#endif

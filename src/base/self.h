/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * How this process was started, so that the same can be done again: which
 * file, with which arguments, in which directory.
 *
 * The file is the name that was used then, as it may lead to another file by
 * now: to install a new program and to start it again is how one is upgraded.
 */
#ifndef BASE_SELF_H
#define BASE_SELF_H

struct self {
	char	 *path;		/* absolute; NULL: it was not to be found */
	char	 *dir;		/* NULL: it has no name */
	char	**argv;		/* as main() has it */
};

/*
 * Call once the arguments are where they stay, and before the directory
 * changes.  A name without a slash is looked for in PATH, as a shell does.
 */
void	self_remember(struct self *, char **argv);

/* At the very end. */
void	self_free(struct self *);

#endif

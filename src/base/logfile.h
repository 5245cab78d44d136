/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The file a log goes to.  Whoever opens it may be root, and its directory may
 * be somebody else's: so a symbolic link is followed only out of a directory
 * that nobody else could have put it into (such as /dev, for /dev/stdout).
 */
#ifndef BASE_LOGFILE_H
#define BASE_LOGFILE_H

/*
 * Open it to append, without waiting for anybody; make it (mode 0640) if it is
 * not there.  It may be a regular file, a character device or a fifo; that
 * need not have a reader, and is kept for one that comes later.  -1, and *why
 * is a text.
 */
int	logfile_open(const char *path, const char **why);

/*
 * Whether that would do, as far as can be seen without making or opening it.
 * -1, and *why is a text.
 */
int	logfile_check(const char *path, const char **why);

#endif

/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * Where a value came from.
 */
#ifndef CONF_ORIGIN_H
#define CONF_ORIGIN_H

struct origin {
	const char	*file;		/* NULL: a default */
	unsigned	 line;		/* from 1; 0: the command line, and
					 * file is what gave it there */
	unsigned	 column;	/* in bytes, from 1; 0: no place */
};

#endif

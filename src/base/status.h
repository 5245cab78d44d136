/*
 * SPDX-License-Identifier: ISC
 * SPDX-FileCopyrightText: the smiled authors
 *
 * The exit statuses of all our programs.  The numbers are those of
 * sysexits.h where it has a fitting one, and 3 is what the LSB asks an init
 * script to answer for "program is not running".  They are written out here
 * because sysexits.h is not part of POSIX, and because each of them is a
 * promise made in the manual pages.
 */
#ifndef BASE_STATUS_H
#define BASE_STATUS_H

enum status {
	STATUS_OK = 0,
	STATUS_OTHER = 1,		/* nothing below fits */
	STATUS_NOT_RUNNING = 3,
	STATUS_USAGE = 64,		/* the command line is wrong */
	STATUS_NO_HOST = 68,		/* a host name is unknown */
	STATUS_UNAVAILABLE = 69,	/* refused; address in use */
	STATUS_INTERNAL = 70,		/* a bug of ours */
	STATUS_SYSTEM = 71,		/* the system said no: fork, memory */
	STATUS_CANNOT_CREATE = 73,	/* a file or directory */
	STATUS_TIMED_OUT = 75,
	STATUS_PROTOCOL = 76,		/* the other side broke off */
	STATUS_NO_PERMISSION = 77,
	STATUS_CONFIG = 78		/* the configuration is wrong */
};

#endif

/* SPDX-License-Identifier: MIT */
/*
 * error: what went wrong, as a value.
 *
 * Shape:  a function that can fail returns 0 / -1 (or pointer / NULL) and
 *         fills *err; success leaves *err untouched, so calls chain with ||.
 *         The leaf says what, each caller adds where with error_prefix(), and
 *         only the top loop of a tool prints.
 * Owner:  the caller holds struct error by value; nothing to release.
 */
#ifndef DLT_ERROR_H
#define DLT_ERROR_H

#include "common/base.h"

enum err_code {
	ERR_NONE = 0,
	ERR_USAGE,  /* the command line or configuration: exit 2 */
	ERR_DATA,   /* bad input: exit 1 */
	ERR_SCHEMA, /* a contract or --plan forbids it: exit 3 */
	ERR_IO,     /* files, disks, pipes: exit 1 */
	ERR_REMOTE, /* a destination or source refused: exit 1 */
	ERR_TEMP,   /* trying again may help: exit 75 */
	ERR_QUIET,  /* somebody else has said why: exit 1, no message */
};

struct error {
	enum err_code code;
	char msg[1024];
};

/* Set code and message; always returns -1. Longer messages are cut. */
int error_set(struct error *err, enum err_code code, const char *fmt, ...)
    PRINTF_LIKE(3, 4);

/* Like error_set() with ": " and strerror(errno) added; EPIPE, EAGAIN and the
 * like keep ERR_IO. Always returns -1. */
int error_errno(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* Put text before the message, code unchanged; always returns -1. */
int error_prefix(struct error *err, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The exit status that stands for a code. */
int error_exit_status(enum err_code code);

#endif

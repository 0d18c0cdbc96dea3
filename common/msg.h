/* SPDX-License-Identifier: MIT */
/*
 * msg: what a tool says on standard error.
 *
 * Shape:  "dlt-load: error: place: cause"; one line, lower case, no full stop;
 *         control bytes that come from data are masked.
 * Levels: error, warn (default), info (-v), debug (-vv); -q leaves errors.
 * Formats: text; logfmt: time=.. level=.. tool=.. msg=".."; json: an object with
 *         the same members. Where standard error is journald's, a line of text
 *         begins with its priority (sd-daemon(3)).
 */
#ifndef DLT_MSG_H
#define DLT_MSG_H

#include "common/error.h"

/* Once, first thing in main(): the tool's name. */
void msg_init(const char *tool);
const char *msg_tool(void);

enum msg_format { MSG_TEXT, MSG_LOGFMT, MSG_JSON };
void msg_set_format(enum msg_format f);
/* "text", "logfmt" or "json", in any case; false: none of them. */
bool msg_parse_format(const char *text, enum msg_format *out);
/* Called around each message, which may come from any thread: a display on the
 * same terminal makes way. NULLs: none. Before other threads are made, or
 * after they have ended. */
void
msg_set_guard(void (*before)(void *arg), void (*after)(void *arg), void *arg);

/* -1 quiet, 0 default, 1 info, 2 debug. */
void msg_set_verbosity(int level);
int msg_verbosity(void);

void msg_error(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_warn(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_info(const char *fmt, ...) PRINTF_LIKE(1, 2);
/* Said whatever the level: what was asked for by another name. */
void msg_note(const char *fmt, ...) PRINTF_LIKE(1, 2);
void msg_debug(const char *fmt, ...) PRINTF_LIKE(1, 2);

/* A line of a program that was started: behind the tool's name and `who`. */
void msg_relay(const char *who, const char *line, size_t len);

/* Print an error (ERR_QUIET prints nothing); returns its exit status. */
int msg_fail(const struct error *err);

/* Last thing in main(): flush and close stdout. Returns status, or
 * EXIT_FAILED with a message when output was lost; dies of SIGPIPE on EPIPE. */
int msg_close(int status);

#endif

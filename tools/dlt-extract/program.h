/* SPDX-License-Identifier: MIT */
/*
 * program: a command of the shell whose standard output is read.
 *
 * Shape:  run by `bash -o pipefail -c`, else by `sh -c`, in a process group of
 *         its own, standard input /dev/null. Its standard error is passed on
 *         line by line, behind the name of this tool and `who`.
 *         The whole group ends with program_free(): TERM, a second later KILL;
 *         also when this process is killed, by a watching shell.
 * Errors: when it has failed: its name, and how; ERR_TEMP for exit status 75,
 *         ERR_QUIET after program_cancel().
 * Thread: one thread uses it; program_cancel() is for any other.
 */
#ifndef DLT_PROGRAM_H
#define DLT_PROGRAM_H

#include "common/error.h"

struct program;

/* The text of an input as a name for messages: on one line, not too long, and
 * without its secrets; malloc'd. */
char *program_name(const char *text);

/* Starts nothing yet. name: for messages. */
struct program *program_new(const char *command, const char *name);
/* Before the start: its standard input, in place of /dev/null; the start takes
 * the descriptor over. */
void program_input(struct program *p, int fd);
int program_start(struct program *p, const char *who, struct error *err);
/* Up to len bytes; 0: it has closed its output and ended well; -1. */
long program_read(struct program *p, void *data, size_t len, struct error *err);
/* Let program_read() return, now and always. */
void program_cancel(struct program *p);
void program_free(struct program *p); /* NULL is legal */

#endif

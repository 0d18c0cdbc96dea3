/* SPDX-License-Identifier: MIT */
/*
 * pathlist: paths from operands and then from a list (-T FILE), read one by
 * one as they come, so that a tool can work while the list is still written.
 *
 * Shape:  a path a line, or ended by NUL bytes; empty ones are passed over.
 * Errors: ERR_IO with the name of the list.
 * Owner:  zero-initialise; pathlist_close().
 */
#ifndef DLT_PATHLIST_H
#define DLT_PATHLIST_H

#include <stdio.h>

#include "common/opt.h"

struct pathlist {
	const struct opt_list *operands;
	size_t next;
	const char *name; /* of the list, for messages */
	FILE *file;       /* NULL: no list */
	int end;          /* '\n' or 0 */
	char *line;
	size_t cap;
};

/* from: a file, "-" for standard input, or NULL. */
int pathlist_open(struct pathlist *p, const struct opt_list *operands,
    const char *from, bool nul, struct error *err);
/* 1: *path, borrowed until the next call; 0: no more; -1. */
int pathlist_next(struct pathlist *p, const char **path, struct error *err);
void pathlist_close(struct pathlist *p);

/* Print a path on stdout, ended by LF or NUL, and flush it. When the reader has
 * gone, SIGPIPE is noted (output.h). */
int pathlist_print(const char *path, bool nul, struct error *err);

#endif

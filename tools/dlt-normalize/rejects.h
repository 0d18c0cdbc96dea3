/* SPDX-License-Identifier: MIT */
/*
 * rejects: the file of rows that cannot be placed (--rejects).
 *
 * Shape:  JSON lines, dlt-package(5). Lines wait in an unnamed file until their
 *         package is about to be committed; then the file appears whole, or is
 *         exchanged for one that has them, too. What is no regular file (a
 *         pipe, a terminal) gets the lines at that moment.
 * Errors: ERR_IO; ERR_DATA above the maximum.
 */
#ifndef DLT_NORMALIZE_REJECTS_H
#define DLT_NORMALIZE_REJECTS_H

#include "tools/dlt-normalize/walk.h"

struct rejects_spec {
	const char *path; /* "-": standard output */
	bool append;      /* to what earlier runs have left there */
	uint64_t max;     /* for each package */
};

struct rejects;

struct rejects *
rejects_open(const struct rejects_spec *spec, struct error *err);
/* A row; `root` is the table of its job. */
int
rejects_add(struct rejects *r, const struct reject *row, const char *load_id,
    const char *root, const struct place *at, struct error *err);
/* How many the package has that is being normalized. */
uint64_t rejects_count(const struct rejects *r);
/* The package is complete: its rows are safe in the file. Call it before the
 * package is committed, for a package without rejects, too. */
int rejects_commit(struct rejects *r, struct error *err);
/* The run went well: a file without rows has to appear, too. */
int rejects_finish(struct rejects *r, struct error *err);
void rejects_free(struct rejects *r); /* NULL is legal */

#endif

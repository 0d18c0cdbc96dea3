/* SPDX-License-Identifier: MIT */
/*
 * leftovers: what killed runs have left in a working directory, and nobody
 * else takes away: packages that a normalize was at, temporary files, and the
 * empty folder of an extract.
 *
 * Shape:  only what has not changed for LEFTOVER_AGE, so that it is not that of
 *         a Python process either, which takes no locks; and of packages only
 *         while no dlt-normalize holds the pipeline.
 */
#ifndef DLT_PACKAGE_LEFTOVERS_H
#define DLT_PACKAGE_LEFTOVERS_H

#include <time.h>

#include "common/workdir.h"

#define LEFTOVER_AGE 86400.0 /* seconds */

struct tree_size {
	uint64_t bytes;
	time_t newest; /* change of a file or folder in it */
};

struct tree_size tree_size(const char *path);

/* One leftover: its path in the working directory, and whole. */
typedef int (*leftover_visit)(void *arg, const char *name, const char *path,
    uint64_t bytes, struct error *err);

/* older: seconds, if that is more than LEFTOVER_AGE. */
int leftovers_find(struct workdir *w, double older, leftover_visit visit,
    void *arg, struct error *err);

#endif

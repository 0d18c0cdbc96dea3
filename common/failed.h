/* SPDX-License-Identifier: MIT */
/*
 * failed: packages of a pipeline that were given up, or loaded without some of
 * their jobs; to be told, tried again or dropped.
 *
 * Shape:  they stand in load/loaded, with jobs in failed_jobs (each with its
 *         reason beside it) or left in new_jobs and started_jobs; what
 *         package_completed.json says is "aborted", or "loaded" when the load
 *         was to go on (load.raise_on_failed_jobs=false).
 * Owner:  failed_read() -> failed_release().
 * Source: contract.md sections 1.5, 2.2, 10.1.
 */
#ifndef DLT_FAILED_H
#define DLT_FAILED_H

#include "common/error.h"
#include "common/workdir.h"

struct failed_job {
	char *file;
	char *table;
	char *why; /* its reason; NULL: it was not tried */
};

struct failed_package {
	char *load_id;
	char *path;
	bool aborted;
	struct failed_job *jobs; /* sorted by file; those that are not in */
	size_t count, cap;
	size_t completed; /* jobs that are in */
};

struct failed_list {
	struct failed_package *items;
	size_t count, cap;
};

/* Has a load given up the package in this directory? */
bool failed_is_aborted(const char *path);

/* In the order of their names; aborted_only: those that were given up. */
int failed_read(const struct workdir *w, bool aborted_only,
    struct failed_list *l, struct error *err);
void failed_release(struct failed_list *l);

/* The first job that has a reason, or the first; NULL when there are none. */
const struct failed_job *failed_first(const struct failed_package *p);

/* Its jobs wait again, in load/normalized. A kill in between leaves the
 * package in one of the two folders, and can be repeated. */
int
failed_retry(struct workdir *w, struct failed_package *p, struct error *err);
/* Remove the package and its files. */
int failed_drop(struct failed_package *p, struct error *err);

#endif

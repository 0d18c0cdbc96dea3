/* SPDX-License-Identifier: MIT */
/*
 * meanwhile: Python dlt takes no locks; what it does to a package of a pipeline
 * while we load it.
 *
 * Shape:  a job belongs to who has renamed it from new_jobs to started_jobs, so
 *         that two that begin with it exclude each other. Who resumes what
 *         another one has started, as Python dlt does when it begins, is seen
 *         before our commit if it has finished, and told of after it if not.
 * Errors: ERR_TEMP, naming what has changed; what was loaded is marked in the
 *         destination, so that another run goes on from there.
 */
#ifndef DLT_LOAD_MEANWHILE_H
#define DLT_LOAD_MEANWHILE_H

#include "tools/dlt-load/load_dir.h"

void meanwhile_begin(struct dir_load *d);
/* Before the commit of job i's unit: its files must be where we have put them.
 * Not ERR_TEMP, which would be tried again at once: meanwhile_blame() turns it
 * into that. */
int meanwhile_check_unit(const struct dir_load *d, size_t i, struct error *err);
/* The same for the jobs from first to end that stand alone. */
int meanwhile_check_batch(const struct dir_load *d, size_t first, size_t end,
    struct error *err);
/* Job i is in, but its file cannot be put away: is it because somebody else has
 * taken it? Always -1. */
int meanwhile_late(const struct dir_load *d, size_t i, struct error *err);
/* When all jobs are in: nothing has been added. */
int meanwhile_check_end(const struct dir_load *d, struct error *err);
/* What failed because somebody else took files away: say so. */
void meanwhile_blame(const struct dir_load *d, struct error *err);

#endif

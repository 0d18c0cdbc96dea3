/* SPDX-License-Identifier: MIT */
/*
 * load_dir: what the files that load a package directory share; for them only.
 *
 * Shape:  load_dir.c holds the package and the workers, load_units.c how one
 *         unit of jobs is loaded.
 */
#ifndef DLT_LOAD_LOAD_DIR_H
#define DLT_LOAD_LOAD_DIR_H

#include <sys/types.h>

#include "tools/dlt-load/jobs.h"
#include "tools/dlt-load/load.h"

struct dir_load {
	struct loader *l;
	const char *path;
	bool pipeline;
	struct jobs jobs;
	const struct table **tables; /* of each job */
	enum load_how *how;
	bool *done;
	size_t failed;  /* jobs that will not be tried again */
	unsigned tries; /* of the job that failed last, in all runs; 0: none */
	dev_t dev;      /* of the package, as it was when we began */
	ino_t ino;
	bool put_away; /* it is in loaded/ */
};

/* What Python dlt has left of a merge, or of a replace through staging: the
 * statements that bring a chain over. Its staging is not ours; the chain's job
 * files are all there still. */
bool unit_is_followup(const struct dir_load *d, size_t i);
/* The jobs that go into one transaction with job i, i among them. */
bool unit_has(const struct dir_load *d, size_t i, size_t k);
const struct table *unit_root(const struct dir_load *d, size_t i);
/* The checksum of a job file, which is compared with the manifest. */
int unit_sum_job(struct dir_load *d, const struct job *job,
    char sum[CHECKSUM_SIZE], struct error *err);
/* Job i and those that go into its transaction. */
int unit_run(struct dir_load *d, size_t i, struct error *err);
/* All jobs of [first, end) that stand alone, in one transaction; when one of
 * them fails, each in its own. */
int
unit_run_batch(struct dir_load *d, size_t first, size_t end, struct error *err);

#endif

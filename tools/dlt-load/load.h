/* SPDX-License-Identifier: MIT */
/*
 * load: packages into a destination; what directories, pipelines and streams
 * have in common. load_dir.c and load_stream.c drive it.
 *
 * Shape:  load_begin() with a load id, load_schema(), then jobs, then
 *         load_finish(); transactions are the driver's.
 * Source: contract.md section 10; design sections 2, 3.3, 8 (13-16).
 */
#ifndef DLT_LOAD_LOAD_H
#define DLT_LOAD_LOAD_H

#include "common/dest/dest.h"
#include "common/jsonw.h"
#include "common/package.h"
#include "common/workdir.h"

enum load_status {
	LOAD_NEW,
	LOAD_DONE,    /* in the destination already, to be compared */
	LOAD_FOREIGN, /* loaded by Python dlt: nothing to compare with */
};

struct loader {
	struct dest *dest;
	struct workdir *workdir; /* NULL: no pipeline */
	bool delete_completed;
	bool raise_on_failed;
	bool print, zero;     /* paths of loaded packages on stdout */
	struct jsonw *report; /* an open array of packages, or NULL */

	/* of the package at hand */
	char *load_id;
	struct schema *schema;
	struct table **emptied;
	size_t emptied_count, emptied_cap;
	uint64_t rows, jobs;
	struct buf done; /* what the mark of the package holds */
};

/* The package's status; resets what is kept for a package. */
int load_begin(struct loader *l, const char *load_id, struct error *err);
void load_reset(struct loader *l);

/* Takes the schema; checks it. */
int load_schema(struct loader *l, struct schema *s, struct error *err);

/* The table of a job that can be loaded here; NULL with err. *skip: its
 * disposition says that it is not loaded. */
const struct table *load_table(struct loader *l, const struct job_name *job,
    bool *skip, bool *replace, struct error *err);

/* Within a transaction: the rows of one job, and its mark. expect: SHA-256 in
 * hex, or NULL. name is for messages. table NULL: only the mark. */
struct load_job {
	const char *name, *id, *expect;
	const struct table *table;
	bool typed;
	zin_source source;
	void *arg;
};
int load_job(struct loader *l, const struct load_job *job, struct error *err);

/* SHA-256 in hex of what a source gives. */
int
load_checksum(zin_source source, void *arg, char out[65], struct error *err);

/* Delete all rows of a root table and of all below it, once a package. */
int load_empty(struct loader *l, const struct table *t, struct error *err);

/* Create or change one table, or those that begin with _dlt. */
int load_migrate(struct loader *l, const struct table *t, struct buf *added,
    struct error *err);
int load_migrate_own(struct loader *l, struct buf *added, struct error *err);
int load_version(struct loader *l, struct error *err);

/* Within a transaction, last: _dlt_loads and the marks. */
int load_finish(struct loader *l, struct error *err);

/* The one checksum that stands for all jobs: by job id. */
int load_same(struct loader *l, const char *fingerprint, struct error *err);

void load_tell(struct loader *l, const char *path, const char *status);

/* A directory; pipeline: it is a pending one of l->workdir. */
int load_directory(struct loader *l, const char *path, bool pipeline,
    struct error *err);
int load_stream(struct loader *l, int fd, struct error *err);

#endif

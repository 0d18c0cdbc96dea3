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
#include "common/progress.h"
#include "common/workdir.h"
#include "tools/dlt-load/decode.h"

enum load_status {
	LOAD_NEW,
	LOAD_DONE,    /* in the destination already, to be compared */
	LOAD_FOREIGN, /* loaded by Python dlt: nothing to compare with */
};

/* What becomes of a job's rows. */
enum load_how {
	LOAD_APPEND,
	LOAD_SKIP,    /* the table's disposition says: nothing */
	LOAD_EMPTIED, /* the chain is emptied first, in the same transaction */
	LOAD_STAGED,  /* staged, then merged or swapped chain by chain */
};

/* Tables of the schema at hand to which something was done already. */
struct load_tables {
	struct table **items;
	size_t count, cap;
};

struct load_names {
	char **items;
	size_t count, cap;
};

/* What is to be done away with before anything comes: load_refresh.c. */
struct load_refresh {
	struct load_names dropped, emptied; /* tables */
	bool done;
};

/* Which jobs may run at the same time. */
enum load_parallelism {
	LOAD_PARALLEL,
	LOAD_TABLE_SEQUENTIAL, /* one of each table */
	LOAD_SEQUENTIAL,
};

/* --plan: what was found out about the packages so far. */
struct load_plan_item {
	char *table;
	size_t jobs;
};

struct load_plan {
	struct load_plan_item *items; /* of the package at hand */
	size_t count, cap;
	struct buf sql;  /* statements, each ended by a NUL */
	struct buf seen; /* those of earlier packages */
	bool changes;    /* any package would change the schema */
};

struct loader {
	struct dest *dest;
	struct load_plan *plan; /* NULL: load */
	/* Another connection to the same place. */
	struct dest *(*connect)(void *arg, struct error *err);
	/* Make dest that of the dataset in which a schema's tables are; 1: it
	 * is another one than before. dest may be NULL after a failure. */
	int (*retarget)(void *arg, const char *schema, struct error *err);
	void *connect_arg;
	const char *dataset; /* for messages; NULL: the destination's own */
	size_t workers;      /* connections at most, dest's own among them */
	size_t retries;      /* tries of what fails for now, in one run */
	enum load_parallelism parallelism;
	struct workdir *workdir; /* NULL: no pipeline */
	bool delete_completed;
	bool raise_on_failed;
	bool truncate_staging;
	struct decode_settings files; /* but for the format */
	const char *replace_strategy; /* one of the destination's */
	bool print, zero;             /* paths of loaded packages on stdout */
	struct jsonw *report;         /* an open array of packages, or NULL */
	struct progress *progress;    /* or NULL */

	/* of the package at hand */
	char *load_id;
	struct schema *schema;
	struct load_tables emptied, staged;
	struct load_tables fallen; /* merges that only append; told about */
	struct load_refresh refresh;
	struct buf state;   /* the package's pipeline_state, or empty */
	struct buf created; /* of the package, as the boundary of scd2 */
	bool aborted;       /* and put away as such */
	uint64_t rows, jobs;
	struct buf done; /* what the mark of the package holds */
	/* That of the package's marks: of those that are there, if any. */
	enum checksum_kind sums;
};

/* The package's status; resets what is kept for a package. */
int load_begin(struct loader *l, const char *load_id, struct error *err);
void load_reset(struct loader *l);

/* Takes the schema; checks it. */
int load_schema(struct loader *l, struct schema *s, struct error *err);

/* load_package_state.json: its created_at, and what is to be done away with. */
int load_package_state(struct loader *l, const char *text, size_t len,
    struct error *err);

/* The table of a job that can be loaded here; NULL with err. */
const struct table *load_table(struct loader *l, const char *table,
    const char *format, enum load_how *how, struct error *err);

/* Within a transaction: the rows of one job, and its mark. expect: its
 * checksum, or NULL. name is for messages. table NULL: only the mark. */
struct load_job {
	const char *name, *id, *expect;
	const struct table *table;
	enum dest_place place;
	const char *format;
	zin_source source;
	void *arg;
};
int load_job(struct loader *l, const struct load_job *job, struct error *err);

/* The checksum for a mark of what a source gives. ERR_DATA when it is not what
 * is expected, a checksum, NULL or "". name is for messages. */
int load_checksum(const struct loader *l, zin_source source, void *arg,
    const char *name, const char *expect, char out[CHECKSUM_SIZE],
    struct error *err);

/* What stands for a whole package: the checksum of a line for each job that
 * counts, "ID CHECKSUM", by job id. */
struct checksum *load_fingerprint_new(const struct loader *l);
void load_fingerprint_add(struct checksum *c, const char *job_id,
    const char *checksum);
/* Frees c. */
void load_fingerprint_end(const struct loader *l, struct checksum *c,
    char out[CHECKSUM_SIZE]);
/* What marks there are of this load decides of which kind others are. */
int load_learn_sums(struct loader *l, struct error *err);

/* ---- chains: load_chain.c ---- */

/* How the rows of a table are loaded; ERR_REMOTE: not into this destination. */
int load_how_of(struct loader *l, const struct table *t, enum load_how *how,
    struct error *err);
/* Has the chain what its merge needs? Nothing is touched. */
int
load_check_chain(struct loader *l, const struct table *root, struct error *err);

/* Delete all rows of a root table and of all below it, once a package. */
int load_empty(struct loader *l, const struct table *t, struct error *err);
/* Keep other runs out of the staging dataset, if the schema makes use of it;
 * before the transaction in which it is needed locks anything else. */
int load_claim_staging(struct loader *l, struct error *err);
/* What Python dlt finds in a staging dataset: all tables of the schema whose
 * rows are staged, with this load or another, and a version. */
int load_init_staging(struct loader *l, struct error *err);
/* If the settings say so: no rows stay in the staging dataset. */
int load_truncate_staging(struct loader *l, struct error *err);
/* An empty staging table for rows of the table, once a package. */
int load_stage(struct loader *l, const struct table *t, struct error *err);
/* Within the transaction that staged its rows: the chain into the dataset. */
int load_merge(struct loader *l, const struct table *root, struct error *err);
/* The same for all that are staged. */
int load_merge_all(struct loader *l, struct error *err);

/* Create or change one table, or those that begin with _dlt. */
int load_migrate(struct loader *l, const struct table *t, struct buf *added,
    struct error *err);
bool load_tables_have(const struct load_tables *l, const struct table *t);
int load_migrate_own(struct loader *l, struct buf *added, struct error *err);
int load_version(struct loader *l, struct error *err);

/* ---- what an extract with --refresh asks for: load_refresh.c ---- */

/* Of the package's state, until it was done. ERR_DATA */
int load_take_refresh(struct loader *l, const struct json *state,
    struct error *err);
bool load_needs_refresh(const struct loader *l);
/* Within a transaction; a schema and the tables of dlt's own are there. With
 * --plan only the statements are noted. */
int load_refresh(struct loader *l, struct error *err);
/* The same, unless an earlier try has committed it. */
int load_refresh_once(struct loader *l, struct error *err);
void load_refresh_release(struct load_refresh *r);

/* ---- packages that failed: load_failed.c ---- */

/* ERR_REMOTE: a package before this one has failed, and its rows must come
 * first. */
int load_check_order(struct loader *l, const struct table *const *tables,
    const enum load_how *how, size_t count, struct error *err);
/* Names all packages of the pipeline that were given up; -1 when there are
 * any. */
int load_tell_failed(struct loader *l, struct error *err);

/* Within a transaction, last: _dlt_loads and the marks. partial: some jobs are
 * not in, and may be tried again. */
int load_finish(struct loader *l, bool partial, struct error *err);

/* Is the job one of those that tell whether a package is the same? That of the
 * pipeline's state is not: what is extracted again with --sync has none when
 * the state is stored by then. */
bool load_counts(const char *job_id);
/* Is it that of the package that was loaded? */
int load_same(struct loader *l, const char *fingerprint, struct error *err);

/* A job is there; then, with all of them and the schema, print the plan. */
void load_plan_job(struct loader *l, const struct table *t);
int load_plan_print(struct loader *l, struct error *err);
void load_plan_release(struct load_plan *p);

void load_tell(struct loader *l, const char *path, const char *status);

/* A directory; pipeline: it is a pending one of l->workdir. */
int load_directory(struct loader *l, const char *path, bool pipeline,
    struct error *err);
int load_stream(struct loader *l, int fd, struct error *err);

#endif

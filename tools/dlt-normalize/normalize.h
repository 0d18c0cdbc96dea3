/* SPDX-License-Identifier: MIT */
/*
 * normalize: packages in, packages out.
 *
 * Shape:  a reader thread cuts blocks, workers walk them, the caller's thread
 *         commits results in input order and lets the schema evolve. The
 *         output does not depend on the number of workers.
 * Errors: as struct error; nothing is committed then.
 */
#ifndef DLT_NORMALIZE_NORMALIZE_H
#define DLT_NORMALIZE_NORMALIZE_H

#include "common/caps.h"
#include "common/config.h"
#include "common/package.h"
#include "common/progress.h"
#include "common/schema.h"
#include "tools/dlt-normalize/format.h"
#include "tools/dlt-normalize/rejects.h"

struct normalize_settings {
	unsigned workers;
	enum codec codec;
	const struct format
	    *format; /* NULL: by hint, or as the target has it */
	struct csv_settings csv;
	bool target_known;
	bool parquet_ids; /* rows of Parquet files get a _dlt_id */
	bool model_load_ids, model_ids; /* the columns that models get */
	struct writer_settings rotation;
	size_t max_memory;
	size_t block_size; /* of input; IO_BLOCK but in tests */
	bool deterministic;
	enum lane lane;
	const struct caps *target;
	struct rejects
	    *rejects; /* NULL: a row that cannot be placed is an error */
	struct progress *progress; /* or NULL */
};

/* Where packages go. All calls come from the caller's thread. */
struct sink {
	void *arg;
	/* the schema to begin with (NULL and no error: the package's own) */
	struct schema *(*schema)(void *arg, const char *name,
	    struct error *err);
	/* a place for a package; it belongs to normalize until done */
	struct package_out *(*open)(void *arg, const struct package_spec *spec,
	    struct error *err);
	/* the package is finished: commit it. schema has been bumped. */
	int (*commit)(void *arg, const char *load_id, struct schema *schema,
	    bool changed, struct error *err);
	/* instead of all that: only say what the package would change */
	void (*plan)(void *arg, const struct evolve *ev);
};

struct normalize_totals {
	uint64_t packages, rows, slow_rows, files, rejects;
	struct buf load_ids; /* of the packages, as JSON strings with commas */
};

/* Normalize all packages of `in` (taken over). */
int normalize_run(struct package_in *in, const struct normalize_settings *set,
    const struct sink *sink, struct normalize_totals *totals,
    struct error *err);

#endif

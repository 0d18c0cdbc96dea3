/* SPDX-License-Identifier: MIT */
/*
 * writer: rows of tables, in order, into rotated and compressed job files.
 *
 * Shape:  rows are appended to a frame per table; a full frame (1 MiB, cut at
 *         a row's end) is brought to the table's format and compressed by the
 *         pool; finished frames are joined to job files in the order in which
 *         they were cut. What stands between them (a header, a separator) is a
 *         frame of its own. What is cut where
 *         depends on the bytes alone, never on timing or the number of workers.
 * Errors: ERR_IO of the package's output.
 */
#ifndef DLT_NORMALIZE_WRITER_H
#define DLT_NORMALIZE_WRITER_H

#include "common/caps.h"
#include "common/config.h"
#include "common/package.h"
#include "common/progress.h"
#include "common/schema.h"
#include "tools/dlt-normalize/format.h"
#include "tools/dlt-normalize/pool.h"
#include "tools/dlt-normalize/walk.h"

struct writer;

struct writer_config {
	struct pool *pool;
	struct package_out *out;
	struct schema *schema;
	enum codec codec;
	const struct format *format; /* NULL: by table, see format_choose() */
	const struct caps *target;
	const struct csv_settings *csv;
	struct writer_settings rotation;
	size_t max_memory;
	/* in a stream, before a job file is sent: send the schema if need be */
	int (*before_job)(void *arg, struct error *err);
	void *arg;
	struct progress *progress; /* or NULL */
};

struct writer *writer_new(const struct writer_config *cfg);
/* Rows of a table. */
int writer_rows(struct writer *w, const struct segment *s, struct error *err);
/* A job file without rows, if the table has none yet. */
int writer_empty(struct writer *w, struct table *t, struct error *err);
/* A whole file as a job file of its own, compressed as it is; rows UINT64_MAX:
 * not known. */
int writer_file(struct writer *w, struct table *t, const char *format,
    const char *path, uint64_t rows, struct error *err);
/* Write out everything; after it the package can be finished. */
int writer_finish(struct writer *w, struct error *err);
/* Calls f for each table that has a job file, in the order of their first. */
void writer_tables(const struct writer *w,
    void (*f)(struct table *t, uint64_t rows, void *arg), void *arg);
void writer_free(struct writer *w); /* waits for what is under way */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * writer: rows into the job files of a package.
 *
 * Shape:  typed-jsonl lines "[row,row,...]\n" of at most 256 KiB or so, cut
 *         where dlt would flush its buffer and there; files rotate by dlt's
 *         rule (jobwriter.h), and in a stream also at PACKAGE_STREAM_JOB
 *         compressed bytes. Lines are gathered to blocks of about 1 MiB, each
 *         an independent frame. Threads compress; the results are written in
 *         the order of the blocks, so the bytes depend on the input only.
 * Memory: blocks that are open, in work or held for a stream have budgets;
 *         when one is hit, blocks are cut short by a rule that looks at sizes.
 * Owner:  writer_free(). The names of inputs are borrowed until then.
 *
 * Origins of a job file in the manifest: [{"input","row","line","byte"},...],
 * an entry for each input in the file: from the file's row number `row` (from
 * 0) on, rows come from `input`, where that row begins in line `line` (from 1)
 * at offset `byte` of the decoded input.
 */
#ifndef DLT_WRITER_H
#define DLT_WRITER_H

#include "common/config.h"
#include "common/package.h"
#include "common/progress.h"
#include "tools/dlt-extract/rows.h"

/* How the files of a table are made. */
struct lane_settings {
	struct writer_settings rotation;
	enum codec codec;
};

struct writer_spec {
	unsigned workers;
	struct package_out *package;
	/* Called before a job file of a table is complete: in a stream the
	 * schema must be there first. */
	int (*before_job)(void *arg, const char *table, struct error *err);
	void *arg;
	struct progress *progress; /* or NULL */
};

struct writer;
struct lane; /* the files of one table */

struct writer *writer_new(const struct writer_spec *spec);

/* The lane of a table, made when it is not there, with these settings; lives as
 * long as w. */
struct lane *writer_lane(struct writer *w, const char *table,
    const struct lane_settings *settings);

/* One row. end_of_item: it completes what dlt counts as one item: a row, or a
 * page (whose rows come with false, but for the last). */
int lane_add(struct lane *l, const struct row *row, bool end_of_item,
    struct error *err);

/* The row that would have ended an item was left out. */
int lane_end_item(struct lane *l, struct error *err);
/* A file without rows: the table is to be emptied. */
int lane_add_empty_file(struct lane *l, struct error *err);

/* Close all files. */
int writer_finish(struct writer *w, struct error *err);

/* For reports: the i-th table with its rows and files; false: no more. */
bool writer_stats(const struct writer *w, size_t i, const char **table,
    uint64_t *rows, uint64_t *files);
uint64_t writer_rows(const struct writer *w);

void writer_free(struct writer *w);

#endif

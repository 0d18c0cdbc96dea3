/* SPDX-License-Identifier: MIT */
/*
 * arrow: job files in Parquet, which Python dlt writes when a source gives
 * Arrow tables or data frames.
 *
 * Shape:  extract has put names, types and order into the schema already, so
 *         there is nothing to infer: a file goes on as it is, or is rewritten
 *         where the schema has changed since. For a destination that does not
 *         load Parquet, or an unknown one, it becomes rows.
 * Errors: those of parquet.h; ERR_DATA for a table that the schema lacks.
 * Source: contract.md section 4.3; dlt/normalize/items_normalizers/arrow.py.
 */
#ifndef DLT_NORMALIZE_ARROW_H
#define DLT_NORMALIZE_ARROW_H

#include "common/package.h"
#include "common/schema.h"
#include "tools/dlt-normalize/normalize.h"
#include "tools/dlt-normalize/reader.h"
#include "tools/dlt-normalize/writer.h"

/* What package_in_read() gives in a file of its own, whose path (malloc'd) is
 * removed at exit, or by spool_remove(), which frees it. */
char *arrow_spool(struct package_in *in, struct error *err);

struct arrow {
	const struct normalize_settings *set;
	struct schema *schema;
	struct writer *writer; /* NULL: nothing is written (--plan) */
	const char *load_id;
};

/* *changed: columns came into the schema. */
int arrow_take(const struct arrow *a, const struct job *job, const char *path,
    bool *changed, struct error *err);
/* A file of another format goes on as it is (contract.md 4.3, point 1), if the
 * target takes the format; its columns are those that were declared. */
int imported_take(const struct arrow *a, const struct job *job,
    const char *path, struct error *err);

#endif

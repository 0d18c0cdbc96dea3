/* SPDX-License-Identifier: MIT */
/*
 * parquet: Parquet files written from rows, and read as rows, by DuckDB.
 *
 * Shape:  the columns of a file are the complete columns of a table, in its
 *         order. Timestamps are microseconds in UTC (or without a zone, and
 *         of the unit that their precision asks for, where the column says
 *         so), decimals have the column's precision and scale, else (38, 9),
 *         wei is (38, 0), json is text.
 * Errors: those of duck.h; ERR_DATA for a value that its column cannot hold.
 * Source: contract.md section 4.8; DuckDB's documentation of read_json,
 *         read_parquet and COPY.
 */
#ifndef DLT_PARQUET_H
#define DLT_PARQUET_H

#include "common/buf.h"
#include "common/duck.h"
#include "common/error.h"
#include "common/schema.h"

/* Is there a library at all? To be asked before work is done in vain. */
int parquet_check(struct error *err);

/* Write the file `out` from a file of rows in load jsonl (contract.md 4.4). An
 * unfinished file is removed after a failure. */
int parquet_write(const struct table *t, const char *rows, const char *out,
    struct error *err);

/* ---- reading ---- */

struct parquet_in;

/* What normalize does to a file (contract.md 4.3): names by the schema's
 * naming, columns without a type dropped, the table's order, columns that are
 * missing as null, the time zone. */
struct parquet_in *parquet_open(const char *path, const struct schema *s,
    const struct table *t, struct error *err);
/* No: as it is it has all that the table has, in its order. */
bool parquet_must_rewrite(const struct parquet_in *p);
uint64_t parquet_row_count(const struct parquet_in *p);
/* A column of the file that the table has not, or NULL. */
const char *parquet_stranger(const struct parquet_in *p);
/* A file with the table's names and order; what is not in the table stays
 * behind its columns. id_salt: unless NULL, the table's column _dlt_id is
 * made of it and the row's number. */
int parquet_rewrite(struct parquet_in *p, const char *id_salt, const char *out,
    struct error *err);
/* Rows in load jsonl, some at a time, each with its line feed; ends as
 * counted from rows->data. 1: some, 0: no more, -1. */
struct parquet_rows {
	struct buf data;
	uint32_t *ends;
	size_t count, cap;
};
int parquet_next(struct parquet_in *p, struct parquet_rows *rows,
    struct error *err);
void parquet_rows_release(struct parquet_rows *rows);
void parquet_free(struct parquet_in *p); /* NULL is legal */

#endif

/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_duckdb_private.h"

#include "common/mem.h"

#include <stdlib.h>

static int
has_table(struct dest *base, const char *table, bool *found, struct error *err)
{
	return duckdb_has_table((struct duckdb_dest *)base, table, found, err);
}

/* DuckDB's texts do not end in a NUL. */
static void
copy_row(const struct duck_rows *r, size_t columns, struct buf *copies,
    const char **fields, size_t *lens)
{
	for (size_t i = 0; i < columns; i++) {
		const char *text = duck_text(r, i, &lens[i]);

		buf_reset(&copies[i]);
		if (text)
			buf_add(&copies[i], text, lens[i]);
		fields[i] = text ? buf_str(&copies[i]) : NULL;
	}
}

static int
query(struct duckdb_dest *d, const char *sql, const char *const *texts,
    size_t count, size_t columns, ledger_row_fn *f, void *arg,
    struct error *err)
{
	struct buf copies[LEDGER_COLUMNS] = { 0 };
	const char *fields[LEDGER_COLUMNS];
	size_t lens[LEDGER_COLUMNS];
	struct ledger_row row = { fields, lens };
	struct duck_rows *r = duckdb_query(d, sql, texts, count, err);
	int rc = r ? 0 : -1;

	while (rc == 0 && (rc = duck_next(r, err)) > 0) {
		copy_row(r, columns, copies, fields, lens);
		rc = f(&row, arg, err);
	}
	duck_rows_free(r);
	for (size_t i = 0; i < columns; i++)
		buf_release(&copies[i]);
	return rc;
}

static int
run(struct dest *base, const char *sql, const char *const *texts, size_t count,
    size_t columns, ledger_row_fn *f, void *arg, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (columns == 0)
		return duckdb_run(d, sql, texts, count, err);
	return query(d, sql, texts, count, columns, f, arg, err);
}

/* No primary key: only one process has the file, and DuckDB would refuse a
 * mark that the same transaction has removed before. */
static void
jobs_table(struct duckdb_dest *d, struct buf *sql)
{
	buf_adds(sql, "CREATE TABLE ");
	duckdb_name(d, DEST_DATASET, "_dlt_jobs", sql);
	buf_adds(sql,
	    " (\n"
	    "load_id VARCHAR NOT NULL,\n"
	    "job_id VARCHAR NOT NULL,\n"
	    "checksum VARCHAR NOT NULL,\n"
	    "\"rows\" BIGINT NOT NULL,\n"
	    "inserted_at TIMESTAMP WITH TIME ZONE NOT NULL)");
}

static int
need_jobs(struct dest *base, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	struct buf sql = { 0 };
	bool found = false;
	int rc = 0;

	if (d->jobs_table)
		return 0;
	if (duckdb_has_table(d, "_dlt_jobs", &found, err) < 0)
		return -1;
	jobs_table(d, &sql);
	if (!found && !dest_planned(base, sql.data)) {
		rc = duckdb_need_schema(d, DEST_DATASET, err);
		if (rc == 0)
			rc = duckdb_run(d, sql.data, NULL, 0, err);
		if (rc == 0)
			duckdb_made_table(d, DEST_DATASET, "_dlt_jobs");
	}
	buf_release(&sql);
	d->jobs_table = rc == 0;
	return rc;
}

const struct ledger duckdb_ledger = {
	.text = "$%d",
	.number = "$%d::BIGINT",
	.time = "$%d::TIMESTAMPTZ",
	.format_time = timestamp_format,
	.bytewise = "",
	.utc = "strftime(%s::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ')",
	.has_table = has_table,
	.run = run,
	.need_jobs = need_jobs,
};

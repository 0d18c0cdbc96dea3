/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_sqlite_private.h"

static int
has_table(struct dest *d, const char *table, bool *found, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;

	*found = false;
	return s->db ? sqlite_has_table(s, table, found, err) : 0;
}

static int
query(struct sqlite_dest *s, sqlite3_stmt *q, size_t columns, ledger_row_fn *f,
    void *arg, struct error *err)
{
	const char *fields[LEDGER_COLUMNS];
	size_t lens[LEDGER_COLUMNS];
	struct ledger_row row = { fields, lens };
	int rc = 0;

	while (rc == 0 && (rc = sqlite_step(s, q, err)) > 0) {
		for (int i = 0; i < (int)columns; i++) {
			fields[i] = (const char *)sqlite3_column_text(q, i);
			lens[i] = (size_t)sqlite3_column_bytes(q, i);
		}
		rc = f(&row, arg, err);
	}
	return rc;
}

static int
run(struct dest *d, const char *sql, const char *const *texts, size_t count,
    size_t columns, ledger_row_fn *f, void *arg, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	sqlite3_stmt *q;
	int rc;

	if (sqlite_query(s, sql, texts, count, &q, err) < 0)
		return -1;
	if (columns == 0)
		return sqlite_run(s, q, err);
	rc = query(s, q, columns, f, arg, err);
	sqlite3_finalize(q);
	return rc;
}

static int
need_jobs(struct dest *d, struct error *err)
{
	static const char sql[] = "CREATE TABLE IF NOT EXISTS _dlt_jobs (\n"
	                          "load_id VARCHAR(64) NOT NULL,\n"
	                          "job_id TEXT NOT NULL,\n"
	                          "checksum TEXT NOT NULL,\n"
	                          "\"rows\" BIGINT NOT NULL,\n"
	                          "inserted_at DATETIME NOT NULL,\n"
	                          "PRIMARY KEY (load_id, job_id))";
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	bool found;

	if (s->jobs_table)
		return 0;
	if (has_table(d, "_dlt_jobs", &found, err) < 0)
		return -1;
	if (!found && !dest_planned(d, sql) && sqlite_exec(s, sql, err) < 0)
		return -1;
	s->jobs_table = true;
	return 0;
}

const struct ledger sqlite_ledger = {
	.text = "?%d",
	.number = "?%d",
	.time = "?%d",
	.format_time = timestamp_format_sql,
	.bytewise = "",
	.utc = "%s",
	.has_table = has_table,
	.run = run,
	.need_jobs = need_jobs,
};

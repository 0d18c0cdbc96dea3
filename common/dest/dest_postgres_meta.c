/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define NUMBER_SIZE 24

/* sql: %s stands for the table. */
static char *
statement(struct postgres_dest *p, const char *sql, const char *table)
{
	struct buf out = { 0 };
	const char *at = strstr(sql, "%s");

	buf_add(&out, sql, (size_t)(at - sql));
	pg_name(p, DEST_DATASET, table, &out);
	buf_adds(&out, at + 2);
	return buf_take(&out);
}

static int
insert(struct postgres_dest *p, const char *sql, const char *table,
    const char *const *texts, size_t count, struct error *err)
{
	char *full = statement(p, sql, table);
	int rc = pg_run(p, full, texts, count, err);

	free(full);
	return rc;
}

/* ---- what the ledger needs ---- */

static int
has_table(struct dest *d, const char *table, bool *found, struct error *err)
{
	return pg_has_table((struct postgres_dest *)d, table, found, err);
}

static int
each_row(const PGresult *res, size_t columns, ledger_row_fn *f, void *arg,
    struct error *err)
{
	const char *fields[LEDGER_COLUMNS];
	size_t lens[LEDGER_COLUMNS];
	struct ledger_row row = { fields, lens };
	int rc = 0;

	for (int k = 0; k < PQntuples(res) && rc == 0; k++) {
		for (int i = 0; i < (int)columns; i++) {
			fields[i] = PQgetisnull(res, k, i)
			    ? NULL
			    : PQgetvalue(res, k, i);
			lens[i] = (size_t)PQgetlength(res, k, i);
		}
		rc = f(&row, arg, err);
	}
	return rc;
}

static int
run(struct dest *d, const char *sql, const char *const *texts, size_t count,
    size_t columns, ledger_row_fn *f, void *arg, struct error *err)
{
	PGresult *res = pg_query((struct postgres_dest *)d, sql, texts, count,
	    err);
	int rc = res ? 0 : -1;

	if (rc == 0 && columns)
		rc = each_row(res, columns, f, arg, err);
	PQclear(res);
	return rc;
}

/* ---- _dlt_jobs ---- */

static int
make_jobs_table(struct postgres_dest *p, struct error *err)
{
	char *sql = statement(p,
	    "CREATE TABLE IF NOT EXISTS %s (\n"
	    "load_id varchar NOT NULL,\n"
	    "job_id varchar NOT NULL,\n"
	    "checksum varchar NOT NULL,\n"
	    "\"rows\" bigint NOT NULL,\n"
	    "inserted_at timestamp with time zone NOT NULL,\n"
	    "PRIMARY KEY (load_id, job_id))",
	    "_dlt_jobs");
	int rc = 0;

	if (!dest_planned(&p->base, sql))
		rc = pg_lock(p, err) < 0 ||
		        pg_need_schema(p, DEST_DATASET, err) < 0 ||
		        pg_run(p, sql, NULL, 0, err) < 0
		    ? -1
		    : 0;
	free(sql);
	return rc;
}

static int
need_jobs(struct dest *d, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	bool found = false;

	if (p->jobs_table)
		return 0;
	if (pg_has_table(p, "_dlt_jobs", &found, err) < 0)
		return -1;
	if (!found && make_jobs_table(p, err) < 0)
		return -1;
	p->jobs_table = true;
	return 0;
}

int
pg_note_index(struct postgres_dest *p, const char *table, const char *column,
    struct error *err)
{
	const char *texts[] = { PG_INDEX_MARK, table, column };

	return insert(p,
	    "INSERT INTO %s (load_id, job_id, checksum, \"rows\", inserted_at) "
	    "VALUES ($1, $2, $3, 0, clock_timestamp()) "
	    "ON CONFLICT DO NOTHING",
	    "_dlt_jobs", texts, 3, err);
}

PGresult *
pg_noted_indexes(struct postgres_dest *p, struct error *err)
{
	const char *texts[] = { PG_INDEX_MARK };
	char *sql = statement(p,
	    "SELECT job_id, checksum FROM %s WHERE load_id = $1 "
	    "ORDER BY job_id",
	    "_dlt_jobs");
	PGresult *res = pg_query(p, sql, texts, 1, err);

	free(sql);
	return res;
}

/* That of a package comes last: then all rows are in.
 * Whoever has the mark already has the rows in, too: another run that loads
 * the same package at the same time. */
int
pg_mark(struct dest *d, const struct dest_mark *m, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	char rows[NUMBER_SIZE], *sql;
	const char *texts[] = { m->load_id, m->job_id, m->checksum, rows };
	PGresult *res;
	int rc = 0;

	snprintf(rows, sizeof(rows), "%llu", (unsigned long long)m->rows);
	if (pg_copy_end(p, err) < 0 || need_jobs(d, err) < 0 ||
	    (!*m->job_id && pg_make_indexes(p, err) < 0))
		return -1;
	sql = statement(p,
	    "INSERT INTO %s (load_id, job_id, checksum, \"rows\", inserted_at) "
	    "VALUES ($1, $2, $3, $4, clock_timestamp()) "
	    "ON CONFLICT DO NOTHING",
	    "_dlt_jobs");
	res = pg_query(p, sql, texts, 4, err);
	free(sql);
	if (!res)
		return -1;
	if (strcmp(PQcmdTuples(res), "1") != 0)
		rc = error_set(err, ERR_TEMP,
		    "job %s: another run has just loaded it",
		    *m->job_id ? m->job_id : m->load_id);
	PQclear(res);
	return rc;
}

/* A time is not now(), which is when the transaction began. */
const struct ledger pg_ledger = {
	.text = "$%d",
	.number = "$%d",
	.time = "clock_timestamp()",
	.bytewise = " COLLATE \"C\"",
	.utc = "to_char(%s AT TIME ZONE 'UTC', "
	       "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')",
	.has_table = has_table,
	.run = run,
	.need_jobs = need_jobs,
};

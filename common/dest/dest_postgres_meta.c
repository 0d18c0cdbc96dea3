/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/timestamp.h"
#include "common/zlibtext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCHEMA  ((size_t)256 << 20)
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

/* A query on one table that may not be there: then *res is NULL. */
static int
ask(struct postgres_dest *p, const char *sql, const char *table,
    const char *const *texts, size_t count, PGresult **res, struct error *err)
{
	bool found = false;
	char *full;

	*res = NULL;
	if (pg_has_table(p, table, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	full = statement(p, sql, table);
	*res = pg_query(p, full, texts, count, err);
	free(full);
	return *res ? 0 : -1;
}

static int
ask_row(struct postgres_dest *p, const char *sql, const char *table,
    const char *const *texts, size_t count, bool *found, struct error *err)
{
	PGresult *res;

	if (ask(p, sql, table, texts, count, &res, err) < 0)
		return -1;
	*found = res && PQntuples(res) > 0;
	PQclear(res);
	return 0;
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

static uint64_t
number(const PGresult *res, int row, int column)
{
	return strtoull(PQgetvalue(res, row, column), NULL, 10);
}

/* ---- _dlt_version ---- */

/* base64 of zlib first, then plain (contract.md 10.3). */
static int
plain_schema(const char *text, size_t text_len, struct buf *json,
    struct error *err)
{
	struct buf packed = { 0 };
	long len;
	int rc = 0;

	buf_reserve(&packed, text_len);
	len = hash_base64_decode(text, text_len, packed.data);
	if (len <= 0)
		buf_add(json, text, text_len);
	else if (zlib_inflate(packed.data, (size_t)len, MAX_SCHEMA, json, err))
		rc = error_prefix(err, "stored schema: ");
	buf_release(&packed);
	return rc;
}

int
pg_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	PGresult *res;
	int rc = 0;

	*found = false;
	if (ask((struct postgres_dest *)d,
	        "SELECT schema FROM %s WHERE schema_name = $1 "
	        "ORDER BY inserted_at DESC, version DESC LIMIT 1",
	        "_dlt_version", &schema_name, 1, &res, err) < 0)
		return -1;
	if (res && PQntuples(res)) {
		*found = true;
		rc = plain_schema(PQgetvalue(res, 0, 0),
		    (size_t)PQgetlength(res, 0, 0), json, err);
	}
	PQclear(res);
	return rc;
}

int
pg_has_version(struct dest *d, const char *hash, bool *found, struct error *err)
{
	*found = false;
	return ask_row((struct postgres_dest *)d,
	    "SELECT 1 FROM %s WHERE version_hash = $1 LIMIT 1", "_dlt_version",
	    &hash, 1, found, err);
}

static int
add_version(struct postgres_dest *p, enum dest_place place,
    const struct schema *schema, struct error *err)
{
	char version[NUMBER_SIZE], engine[NUMBER_SIZE];
	struct buf json = { 0 }, sql = { 0 };
	const char *texts[] = { version, engine, schema->name, schema->hash,
		NULL };
	int rc;

	snprintf(version, sizeof(version), "%ld", schema->version);
	snprintf(engine, sizeof(engine), "%ld", schema->engine_version);
	schema_write(schema, false, &json);
	texts[4] = json.data;
	/* Not now(), which is when the transaction began. */
	buf_adds(&sql, "INSERT INTO ");
	pg_name(p, place, "_dlt_version", &sql);
	buf_adds(&sql,
	    " (version, engine_version, schema_name, version_hash, schema, "
	    "inserted_at) VALUES ($1, $2, $3, $4, $5, clock_timestamp())");
	rc = pg_run(p, sql.data, texts, 5, err);
	buf_release(&sql);
	buf_release(&json);
	return rc;
}

int
pg_add_version(struct dest *d, const struct schema *schema, struct error *err)
{
	return add_version((struct postgres_dest *)d, DEST_DATASET, schema,
	    err);
}

int
pg_staging_version(struct dest *d, const struct schema *schema,
    struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	const char *texts[] = { schema->hash };
	struct buf sql = { 0 };
	bool found = false;
	int rc;

	buf_adds(&sql, "SELECT 1 FROM ");
	pg_name(p, DEST_STAGING, "_dlt_version", &sql);
	buf_adds(&sql, " WHERE version_hash = $1 LIMIT 1");
	rc = pg_has_row(p, sql.data, texts, 1, &found, err);
	if (rc == 0 && !found)
		rc = add_version(p, DEST_STAGING, schema, err);
	buf_release(&sql);
	return rc;
}

/* ---- _dlt_pipeline_state ---- */

static void
iso_time(const char *stored, struct buf *out)
{
	struct iso iso;

	iso_parse(stored, strlen(stored), &iso);
	if (iso.kind == ISO_DATETIME && timestamp_to_utc(&iso.ts))
		timestamp_format(&iso.ts, out);
	else
		buf_adds(out, stored);
}

static void
state_document(const PGresult *res, struct buf *doc)
{
	static const char *const keys[] = { "version", "engine_version",
		"pipeline_name", "state", "created_at", "version_hash",
		"_dlt_load_id" };
	struct buf iso = { 0 };
	struct jsonw w;

	jsonw_init(&w, doc, false);
	jsonw_object(&w);
	for (int i = 0; i < (int)ARRAY_LEN(keys); i++) {
		const char *text = PQgetisnull(res, 0, i)
		    ? NULL
		    : PQgetvalue(res, 0, i);

		jsonw_key(&w, keys[i]);
		if (text && i < 2) {
			jsonw_int(&w, strtoll(text, NULL, 10));
		} else if (text && i == 4) {
			iso_time(text, &iso);
			jsonw_str(&w, buf_str(&iso));
		} else {
			jsonw_str(&w, text);
		}
	}
	jsonw_end_object(&w);
	buf_release(&iso);
}

int
pg_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	bool loads = false;
	struct buf sql = { 0 };
	PGresult *res;
	int rc;

	*found = false;
	if (pg_has_table(p, "_dlt_loads", &loads, err) < 0)
		return -1;
	if (!loads)
		return 0;
	buf_adds(&sql,
	    "SELECT s.version, s.engine_version, s.pipeline_name, s.state, "
	    "to_char(s.created_at AT TIME ZONE 'UTC', "
	    "'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"'), "
	    "s.version_hash, s._dlt_load_id FROM %s AS s JOIN ");
	pg_name(p, DEST_DATASET, "_dlt_loads", &sql);
	buf_adds(&sql,
	    " AS l ON l.load_id = s._dlt_load_id "
	    "WHERE s.pipeline_name = $1 AND l.status = 0 "
	    "ORDER BY l.load_id COLLATE \"C\" DESC LIMIT 1");
	rc = ask(p, sql.data, "_dlt_pipeline_state", &pipeline_name, 1, &res,
	    err);
	buf_release(&sql);
	if (rc < 0)
		return -1;
	if (res && PQntuples(res)) {
		*found = true;
		state_document(res, doc);
	}
	PQclear(res);
	return 0;
}

/* ---- _dlt_jobs: ours; Python dlt does not mind it ---- */

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

int
pg_need_jobs_table(struct postgres_dest *p, struct error *err)
{
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

int
pg_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	const char *texts[] = { load_id, job_id };
	PGresult *res;

	buf_reset(checksum);
	*rows = 0;
	if (ask((struct postgres_dest *)d,
	        "SELECT checksum, \"rows\" FROM %s "
	        "WHERE load_id = $1 AND job_id = $2",
	        "_dlt_jobs", texts, 2, &res, err) < 0)
		return -1;
	if (res && PQntuples(res)) {
		buf_adds(checksum, PQgetvalue(res, 0, 0));
		*rows = number(res, 0, 1);
	}
	PQclear(res);
	return 0;
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
	if (pg_copy_end(p, err) < 0 || pg_need_jobs_table(p, err) < 0 ||
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

int
pg_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	PGresult *res;

	if (ask((struct postgres_dest *)d,
	        "SELECT job_id, checksum, \"rows\" FROM %s WHERE load_id = $1 "
	        "AND job_id <> '' ORDER BY job_id COLLATE \"C\"",
	        "_dlt_jobs", &load_id, 1, &res, err) < 0)
		return -1;
	for (int i = 0; res && i < PQntuples(res); i++) {
		struct dest_mark m = { load_id, PQgetvalue(res, i, 0),
			PQgetvalue(res, i, 1), number(res, i, 2) };

		f(&m, arg);
	}
	PQclear(res);
	return 0;
}

int
pg_unmark(struct dest *d, const char *load_id, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;

	if (pg_need_jobs_table(p, err) < 0)
		return -1;
	return insert(p, "DELETE FROM %s WHERE load_id = $1", "_dlt_jobs",
	    &load_id, 1, err);
}

/* ---- _dlt_loads ---- */

int
pg_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	const char *texts[] = { load_id, schema_name };

	*found = false;
	return ask_row((struct postgres_dest *)d,
	    "SELECT 1 FROM %s WHERE load_id = $1 AND schema_name = $2",
	    "_dlt_loads", texts, 2, found, err);
}

int
pg_add_load(struct dest *d, const char *load_id, const struct schema *schema,
    struct error *err)
{
	const char *texts[] = { load_id, schema->name, schema->hash };

	return insert((struct postgres_dest *)d,
	    "INSERT INTO %s (load_id, schema_name, status, inserted_at, "
	    "schema_version_hash) VALUES ($1, $2, 0, clock_timestamp(), $3)",
	    "_dlt_loads", texts, 3, err);
}

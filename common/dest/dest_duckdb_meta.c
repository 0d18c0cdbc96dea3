/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_duckdb_private.h"

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

static void
now_text(struct buf *out)
{
	struct timestamp now = timestamp_now();

	timestamp_format(&now, out);
	buf_addc(out, '\0');
}

/* sql: %s stands for the table. */
static char *
statement(struct duckdb_dest *d, const char *sql, const char *table)
{
	struct buf out = { 0 };
	const char *at = strstr(sql, "%s");

	buf_add(&out, sql, (size_t)(at - sql));
	duckdb_name(d, DEST_DATASET, table, &out);
	buf_adds(&out, at + 2);
	return buf_take(&out);
}

/* A query on one table that may not be there: then *r is NULL. */
static int
ask(struct duckdb_dest *d, const char *sql, const char *table,
    const char *const *texts, size_t count, struct duck_rows **r,
    struct error *err)
{
	bool found;
	char *full;

	*r = NULL;
	if (duckdb_has_table(d, table, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	full = statement(d, sql, table);
	*r = duckdb_query(d, full, texts, count, err);
	free(full);
	return *r ? 0 : -1;
}

/* 1: the first row is there, in *r, which the caller frees in any case. */
static int
ask_row(struct duckdb_dest *d, const char *sql, const char *table,
    const char *const *texts, size_t count, struct duck_rows **r,
    struct error *err)
{
	if (ask(d, sql, table, texts, count, r, err) < 0)
		return -1;
	return *r ? duck_next(*r, err) : 0;
}

static int
has_row(struct duckdb_dest *d, const char *sql, const char *table,
    const char *const *texts, size_t count, bool *found, struct error *err)
{
	struct duck_rows *r;
	int rc = ask_row(d, sql, table, texts, count, &r, err);

	*found = rc > 0;
	duck_rows_free(r);
	return rc < 0 ? -1 : 0;
}

static int
insert(struct duckdb_dest *d, const char *sql, const char *table,
    const char *const *texts, size_t count, struct error *err)
{
	char *full = statement(d, sql, table);
	int rc = duckdb_run(d, full, texts, count, err);

	free(full);
	return rc;
}

static void
add_text(const struct duck_rows *r, size_t column, struct buf *out)
{
	size_t len;
	const char *text = duck_text(r, column, &len);

	if (text)
		buf_add(out, text, len);
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
duckdb_stored_schema(struct dest *base, const char *schema_name,
    struct buf *json, bool *found, struct error *err)
{
	struct duck_rows *r;
	const char *text;
	size_t len;
	int rc;

	*found = false;
	rc = ask_row((struct duckdb_dest *)base,
	    "SELECT schema FROM %s WHERE schema_name = $1 "
	    "ORDER BY inserted_at DESC, version DESC LIMIT 1",
	    "_dlt_version", &schema_name, 1, &r, err);
	if (rc > 0) {
		*found = true;
		text = duck_text(r, 0, &len);
		rc = plain_schema(text ? text : "", len, json, err);
	}
	duck_rows_free(r);
	return rc;
}

int
duckdb_has_version(struct dest *base, const char *hash, bool *found,
    struct error *err)
{
	return has_row((struct duckdb_dest *)base,
	    "SELECT 1 FROM %s WHERE version_hash = $1 LIMIT 1", "_dlt_version",
	    &hash, 1, found, err);
}

static int
add_version(struct duckdb_dest *d, enum dest_place place,
    const struct schema *schema, struct error *err)
{
	char version[NUMBER_SIZE], engine[NUMBER_SIZE];
	struct buf json = { 0 }, now = { 0 }, sql = { 0 };
	const char *texts[] = { version, engine, schema->name, schema->hash,
		NULL, NULL };
	int rc;

	snprintf(version, sizeof(version), "%ld", schema->version);
	snprintf(engine, sizeof(engine), "%ld", schema->engine_version);
	schema_write(schema, false, &json);
	now_text(&now);
	texts[4] = json.data;
	texts[5] = now.data;
	buf_adds(&sql, "INSERT INTO ");
	duckdb_name(d, place, "_dlt_version", &sql);
	buf_adds(&sql,
	    " (version, engine_version, schema_name, version_hash, schema, "
	    "inserted_at) VALUES ($1::BIGINT, $2::BIGINT, $3, $4, $5, "
	    "$6::TIMESTAMPTZ)");
	rc = duckdb_run(d, sql.data, texts, 6, err);
	buf_release(&sql);
	buf_release(&json);
	buf_release(&now);
	return rc;
}

int
duckdb_add_version(struct dest *base, const struct schema *schema,
    struct error *err)
{
	return add_version((struct duckdb_dest *)base, DEST_DATASET, schema,
	    err);
}

int
duckdb_staging_version(struct dest *base, const struct schema *schema,
    struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	const char *texts[] = { schema->hash };
	struct buf sql = { 0 };
	bool found;
	int rc = duckdb_append_end(d, err);

	buf_adds(&sql, "SELECT 1 FROM ");
	duckdb_name(d, DEST_STAGING, "_dlt_version", &sql);
	buf_adds(&sql, " WHERE version_hash = $1 LIMIT 1");
	if (rc == 0)
		rc = duck_exec(d->duck, sql.data, texts, 1, &found, err);
	if (rc == 0 && !found)
		rc = add_version(d, DEST_STAGING, schema, err);
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
state_document(const struct duck_rows *r, struct buf *doc)
{
	static const char *const keys[] = { "version", "engine_version",
		"pipeline_name", "state", "created_at", "version_hash",
		"_dlt_load_id" };
	struct jsonw w;

	jsonw_init(&w, doc, false);
	jsonw_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		struct buf text = { 0 }, iso = { 0 };

		jsonw_key(&w, keys[i]);
		add_text(r, i, &text);
		if (i < 2) {
			jsonw_int(&w, duck_integer(r, i));
		} else if (i == 4) {
			iso_time(buf_str(&text), &iso);
			jsonw_str(&w, buf_str(&iso));
		} else {
			jsonw_str(&w, text.data);
		}
		buf_release(&text);
		buf_release(&iso);
	}
	jsonw_end_object(&w);
}

int
duckdb_stored_state(struct dest *base, const char *pipeline_name,
    struct buf *doc, bool *found, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	struct buf sql = { 0 };
	struct duck_rows *r;
	bool loads, states;
	int rc;

	*found = false;
	if (duckdb_has_table(d, "_dlt_loads", &loads, err) < 0 ||
	    duckdb_has_table(d, "_dlt_pipeline_state", &states, err) < 0)
		return -1;
	if (!loads || !states)
		return 0;
	buf_adds(&sql,
	    "SELECT s.version::BIGINT, s.engine_version::BIGINT, "
	    "s.pipeline_name, s.state, "
	    "strftime(s.created_at::TIMESTAMP, '%Y-%m-%dT%H:%M:%S.%fZ'), "
	    "s.version_hash, s._dlt_load_id FROM ");
	duckdb_name(d, DEST_DATASET, "_dlt_pipeline_state", &sql);
	buf_adds(&sql, " AS s JOIN ");
	duckdb_name(d, DEST_DATASET, "_dlt_loads", &sql);
	buf_adds(&sql,
	    " AS l ON l.load_id = s._dlt_load_id "
	    "WHERE s.pipeline_name = $1 AND l.status = 0 "
	    "ORDER BY l.load_id DESC LIMIT 1");
	r = duckdb_query(d, sql.data, &pipeline_name, 1, err);
	buf_release(&sql);
	rc = r ? duck_next(r, err) : -1;
	if (rc > 0) {
		*found = true;
		state_document(r, doc);
	}
	duck_rows_free(r);
	return rc < 0 ? -1 : 0;
}

/* ---- _dlt_jobs: ours; Python dlt does not mind it ---- */

/* No primary key: only one process has the file, and DuckDB would refuse a
 * mark that the same transaction has removed before. */
int
duckdb_need_jobs_table(struct duckdb_dest *d, struct error *err)
{
	bool found = false;
	char *sql;
	int rc;

	if (d->jobs_table)
		return 0;
	if (duckdb_has_table(d, "_dlt_jobs", &found, err) < 0)
		return -1;
	sql = statement(d,
	    "CREATE TABLE %s (\n"
	    "load_id VARCHAR NOT NULL,\n"
	    "job_id VARCHAR NOT NULL,\n"
	    "checksum VARCHAR NOT NULL,\n"
	    "\"rows\" BIGINT NOT NULL,\n"
	    "inserted_at TIMESTAMP WITH TIME ZONE NOT NULL)",
	    "_dlt_jobs");
	rc = found || dest_planned(&d->base, sql)
	    ? 0
	    : duckdb_need_schema(d, DEST_DATASET, err);
	if (rc == 0 && !found && !d->base.plan)
		rc = duckdb_run(d, sql, NULL, 0, err);
	free(sql);
	d->jobs_table = rc == 0;
	return rc;
}

int
duckdb_marked(struct dest *base, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	const char *texts[] = { load_id, job_id };
	struct duck_rows *r;
	int rc;

	buf_reset(checksum);
	*rows = 0;
	rc = ask_row((struct duckdb_dest *)base,
	    "SELECT checksum, \"rows\" FROM %s "
	    "WHERE load_id = $1 AND job_id = $2",
	    "_dlt_jobs", texts, 2, &r, err);
	if (rc > 0) {
		add_text(r, 0, checksum);
		*rows = (uint64_t)duck_integer(r, 1);
	}
	duck_rows_free(r);
	return rc < 0 ? -1 : 0;
}

int
duckdb_mark(struct dest *base, const struct dest_mark *m, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	char rows[NUMBER_SIZE];
	struct buf now = { 0 };
	const char *texts[] = { m->load_id, m->job_id, m->checksum, rows,
		NULL };
	int rc;

	if (duckdb_need_jobs_table(d, err) < 0)
		return -1;
	snprintf(rows, sizeof(rows), "%llu", (unsigned long long)m->rows);
	now_text(&now);
	texts[4] = now.data;
	rc = insert(d,
	    "INSERT INTO %s (load_id, job_id, checksum, \"rows\", inserted_at) "
	    "VALUES ($1, $2, $3, $4::BIGINT, $5::TIMESTAMPTZ)",
	    "_dlt_jobs", texts, 5, err);
	buf_release(&now);
	return rc;
}

int
duckdb_each_mark(struct dest *base, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	struct buf id = { 0 }, checksum = { 0 };
	struct duck_rows *r;
	int rc;

	if (ask((struct duckdb_dest *)base,
	        "SELECT job_id, checksum, \"rows\" FROM %s WHERE load_id = $1 "
	        "AND job_id <> '' ORDER BY job_id",
	        "_dlt_jobs", &load_id, 1, &r, err) < 0)
		return -1;
	rc = 0;
	while (r && (rc = duck_next(r, err)) > 0) {
		struct dest_mark m = { .load_id = load_id };

		buf_reset(&id);
		buf_reset(&checksum);
		add_text(r, 0, &id);
		add_text(r, 1, &checksum);
		m.job_id = buf_str(&id);
		m.checksum = buf_str(&checksum);
		m.rows = (uint64_t)duck_integer(r, 2);
		f(&m, arg);
	}
	duck_rows_free(r);
	buf_release(&id);
	buf_release(&checksum);
	return rc;
}

int
duckdb_unmark(struct dest *base, const char *load_id, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (duckdb_need_jobs_table(d, err) < 0)
		return -1;
	return insert(d, "DELETE FROM %s WHERE load_id = $1", "_dlt_jobs",
	    &load_id, 1, err);
}

/* ---- _dlt_loads ---- */

int
duckdb_has_load(struct dest *base, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	const char *texts[] = { load_id, schema_name };

	return has_row((struct duckdb_dest *)base,
	    "SELECT 1 FROM %s WHERE load_id = $1 AND schema_name = $2",
	    "_dlt_loads", texts, 2, found, err);
}

int
duckdb_add_load(struct dest *base, const char *load_id,
    const struct schema *schema, struct error *err)
{
	struct buf now = { 0 };
	const char *texts[] = { load_id, schema->name, NULL, schema->hash };
	int rc;

	now_text(&now);
	texts[2] = now.data;
	rc = insert((struct duckdb_dest *)base,
	    "INSERT INTO %s (load_id, schema_name, status, inserted_at, "
	    "schema_version_hash) VALUES ($1, $2, 0, $3::TIMESTAMPTZ, $4)",
	    "_dlt_loads", texts, 4, err);
	buf_release(&now);
	return rc;
}

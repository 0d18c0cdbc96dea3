/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_sqlite_private.h"

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/timestamp.h"
#include "common/zlibtext.h"

#include <stdlib.h>
#include <string.h>

static void
now_text(struct buf *out)
{
	struct timestamp now = timestamp_now();

	timestamp_format_sql(&now, out);
	buf_addc(out, '\0');
}

static int
missing(struct sqlite_dest *s, const char *a, const char *b, bool *yes,
    struct error *err)
{
	bool found = false;

	if (s->db && sqlite_has_table(s, a, &found, err) < 0)
		return -1;
	if (found && b && sqlite_has_table(s, b, &found, err) < 0)
		return -1;
	*yes = !found;
	return 0;
}

/* 1 when the query gives a row; texts are its parameters. */
static int
has_row(struct sqlite_dest *s, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	sqlite3_stmt *q;
	int rc;

	if (sqlite_query(s, sql, texts, count, &q, err) < 0)
		return -1;
	rc = sqlite_step(s, q, err);
	sqlite3_finalize(q);
	return rc;
}

/* ---- _dlt_version ---- */

#define MAX_SCHEMA ((size_t)256 << 20)

/* base64 of zlib first, then plain (contract.md 10.3). */
static int
plain_schema(struct buf *json, struct error *err)
{
	struct buf packed = { 0 }, text = { 0 };
	long len;

	buf_reserve(&packed, json->len);
	len = hash_base64_decode(buf_str(json), json->len, packed.data);
	if (len > 0) {
		if (zlib_inflate(packed.data, (size_t)len, MAX_SCHEMA, &text,
		        err) < 0) {
			buf_release(&packed);
			buf_release(&text);
			return error_prefix(err, "stored schema: ");
		}
		buf_release(json);
		*json = text;
	}
	buf_release(&packed);
	return 0;
}

int
sqlite_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	sqlite3_stmt *q;
	bool none;
	int rc;

	*found = false;
	if (missing(s, "_dlt_version", NULL, &none, err) < 0)
		return -1;
	if (none)
		return 0;
	if (sqlite_query(s,
	        "SELECT schema FROM _dlt_version WHERE schema_name = ?1 "
	        "ORDER BY inserted_at DESC, rowid DESC LIMIT 1",
	        &schema_name, 1, &q, err) < 0)
		return -1;
	rc = sqlite_step(s, q, err);
	if (rc > 0) {
		*found = true;
		sqlite_column(q, 0, json);
		rc = plain_schema(json, err);
	}
	sqlite3_finalize(q);
	return rc;
}

int
sqlite_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	bool none;
	int rc;

	*found = false;
	if (missing(s, "_dlt_version", NULL, &none, err) < 0)
		return -1;
	if (none)
		return 0;
	rc = has_row(s, "SELECT 1 FROM _dlt_version WHERE version_hash = ?1",
	    &hash, 1, err);
	*found = rc > 0;
	return rc < 0 ? -1 : 0;
}

int
sqlite_add_version(struct dest *d, const struct schema *schema,
    struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct buf now = { 0 }, json = { 0 };
	const char *texts[4];
	sqlite3_stmt *q;
	int rc;

	now_text(&now);
	schema_write(schema, false, &json);
	texts[0] = now.data;
	texts[1] = schema->name;
	texts[2] = schema->hash;
	texts[3] = json.data;
	rc = sqlite_query(s,
	    "INSERT INTO _dlt_version (inserted_at, schema_name, version_hash, "
	    "schema, version, engine_version) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
	    texts, 4, &q, err);
	if (rc == 0) {
		sqlite3_bind_int64(q, 5, schema->version);
		sqlite3_bind_int64(q, 6, schema->engine_version);
		rc = sqlite_run(s, q, err);
	}
	buf_release(&now);
	buf_release(&json);
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
state_document(sqlite3_stmt *q, struct buf *doc)
{
	static const char *const keys[] = { "version", "engine_version",
		"pipeline_name", "state", "created_at", "version_hash",
		"_dlt_load_id" };
	struct jsonw w;

	jsonw_init(&w, doc, false);
	jsonw_object(&w);
	for (int i = 0; i < (int)ARRAY_LEN(keys); i++) {
		struct buf text = { 0 }, iso = { 0 };

		jsonw_key(&w, keys[i]);
		sqlite_column(q, i, &text);
		if (i < 2) {
			jsonw_int(&w, sqlite3_column_int64(q, i));
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
sqlite_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	sqlite3_stmt *q;
	bool none;
	int rc;

	*found = false;
	if (missing(s, "_dlt_pipeline_state", "_dlt_loads", &none, err) < 0)
		return -1;
	if (none)
		return 0;
	if (sqlite_query(s,
	        "SELECT s.version, s.engine_version, s.pipeline_name, s.state, "
	        "s.created_at, s.version_hash, s._dlt_load_id "
	        "FROM _dlt_pipeline_state AS s "
	        "JOIN _dlt_loads AS l ON l.load_id = s._dlt_load_id "
	        "WHERE s.pipeline_name = ?1 AND l.status = 0 "
	        "ORDER BY l.load_id DESC LIMIT 1",
	        &pipeline_name, 1, &q, err) < 0)
		return -1;
	rc = sqlite_step(s, q, err);
	if (rc > 0) {
		*found = true;
		state_document(q, doc);
		rc = 0;
	}
	sqlite3_finalize(q);
	return rc;
}

/* ---- _dlt_jobs: ours; Python dlt does not mind it ---- */

int
sqlite_need_jobs_table(struct sqlite_dest *s, struct error *err)
{
	static const char sql[] = "CREATE TABLE IF NOT EXISTS _dlt_jobs (\n"
	                          "load_id VARCHAR(64) NOT NULL,\n"
	                          "job_id TEXT NOT NULL,\n"
	                          "checksum TEXT NOT NULL,\n"
	                          "\"rows\" BIGINT NOT NULL,\n"
	                          "inserted_at DATETIME NOT NULL,\n"
	                          "PRIMARY KEY (load_id, job_id))";
	bool none;

	if (s->jobs_table)
		return 0;
	if (missing(s, "_dlt_jobs", NULL, &none, err) < 0)
		return -1;
	if (none && !dest_planned(&s->base, sql) &&
	    sqlite_exec(s, sql, err) < 0)
		return -1;
	s->jobs_table = true;
	return 0;
}

int
sqlite_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	const char *texts[] = { load_id, job_id };
	sqlite3_stmt *q;
	bool none;
	int rc;

	buf_reset(checksum);
	*rows = 0;
	if (missing(s, "_dlt_jobs", NULL, &none, err) < 0)
		return -1;
	if (none)
		return 0;
	if (sqlite_query(s,
	        "SELECT checksum, \"rows\" FROM _dlt_jobs "
	        "WHERE load_id = ?1 AND job_id = ?2",
	        texts, 2, &q, err) < 0)
		return -1;
	rc = sqlite_step(s, q, err);
	if (rc > 0) {
		sqlite_column(q, 0, checksum);
		*rows = (uint64_t)sqlite3_column_int64(q, 1);
	}
	sqlite3_finalize(q);
	return rc < 0 ? -1 : 0;
}

int
sqlite_mark(struct dest *d, const struct dest_mark *m, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	const char *texts[4] = { m->load_id, m->job_id, m->checksum, NULL };
	struct buf now = { 0 };
	sqlite3_stmt *q;
	int rc;

	if (sqlite_need_jobs_table(s, err) < 0)
		return -1;
	now_text(&now);
	texts[3] = now.data;
	rc = sqlite_query(s,
	    "INSERT INTO _dlt_jobs (load_id, job_id, checksum, inserted_at, "
	    "\"rows\") VALUES (?1, ?2, ?3, ?4, ?5)",
	    texts, 4, &q, err);
	if (rc == 0) {
		sqlite3_bind_int64(q, 5, (sqlite3_int64)m->rows);
		rc = sqlite_run(s, q, err);
	}
	buf_release(&now);
	return rc;
}

int
sqlite_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct buf id = { 0 }, checksum = { 0 };
	sqlite3_stmt *q;
	bool none;
	int rc;

	if (missing(s, "_dlt_jobs", NULL, &none, err) < 0)
		return -1;
	if (none)
		return 0;
	if (sqlite_query(s,
	        "SELECT job_id, checksum, \"rows\" FROM _dlt_jobs "
	        "WHERE load_id = ?1 AND job_id <> '' ORDER BY job_id",
	        &load_id, 1, &q, err) < 0)
		return -1;
	while ((rc = sqlite_step(s, q, err)) > 0) {
		struct dest_mark m = { .load_id = load_id };

		buf_reset(&id);
		buf_reset(&checksum);
		sqlite_column(q, 0, &id);
		sqlite_column(q, 1, &checksum);
		m.job_id = buf_str(&id);
		m.checksum = buf_str(&checksum);
		m.rows = (uint64_t)sqlite3_column_int64(q, 2);
		f(&m, arg);
	}
	sqlite3_finalize(q);
	buf_release(&id);
	buf_release(&checksum);
	return rc;
}

int
sqlite_unmark(struct dest *d, const char *load_id, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	sqlite3_stmt *q;

	if (sqlite_need_jobs_table(s, err) < 0 ||
	    sqlite_query(s, "DELETE FROM _dlt_jobs WHERE load_id = ?1",
	        &load_id, 1, &q, err) < 0)
		return -1;
	return sqlite_run(s, q, err);
}

/* ---- _dlt_loads ---- */

int
sqlite_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	const char *texts[] = { load_id, schema_name };
	bool none;
	int rc;

	*found = false;
	if (missing(s, "_dlt_loads", NULL, &none, err) < 0)
		return -1;
	if (none)
		return 0;
	rc = has_row(s,
	    "SELECT 1 FROM _dlt_loads WHERE load_id = ?1 AND schema_name = ?2",
	    texts, 2, err);
	*found = rc > 0;
	return rc < 0 ? -1 : 0;
}

int
sqlite_add_load(struct dest *d, const char *load_id,
    const struct schema *schema, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	const char *texts[4] = { load_id, schema->name, NULL, schema->hash };
	struct buf now = { 0 };
	sqlite3_stmt *q;
	int rc;

	now_text(&now);
	texts[2] = now.data;
	rc = sqlite_query(s,
	    "INSERT INTO _dlt_loads (load_id, schema_name, status, "
	    "inserted_at, schema_version_hash) VALUES (?1, ?2, 0, ?3, ?4)",
	    texts, 4, &q, err);
	if (rc == 0)
		rc = sqlite_run(s, q, err);
	buf_release(&now);
	return rc;
}

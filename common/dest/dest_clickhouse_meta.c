/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/ledger.h"
#include "common/mem.h"
#include "common/timestamp.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SENTINEL "dlt_sentinel_table"

/* ---- statements ---- */

static void
now_text(struct buf *out)
{
	struct timestamp now = timestamp_now();

	timestamp_format_sql(&now, out);
}

/* sql: %s stands for the table, each ? for the next text as a literal. */
static char *
statement(struct clickhouse_dest *c, const char *sql, const char *table,
    const char *const *texts)
{
	struct buf out = { 0 };

	for (; *sql; sql++) {
		if (*sql == '%' && sql[1] == 's') {
			ch_name(c, DEST_DATASET, table, &out);
			sql++;
		} else if (*sql == '?') {
			ch_literal(*texts, strlen(*texts), &out);
			texts++;
		} else {
			buf_addc(&out, *sql);
		}
	}
	return buf_take(&out);
}

static int
has_table(struct clickhouse_dest *c, const char *table, bool *found,
    struct error *err)
{
	char *name = xasprintf("%s%s", c->prefix, table);
	int rc = ch_exists(c, name, found, err);

	free(name);
	return rc;
}

/* A query on one table that may not be there. */
static int
ask(struct clickhouse_dest *c, const char *sql, const char *table,
    const char *const *texts, struct buf *out, struct error *err)
{
	char *full = statement(c, sql, table, texts);
	int code, rc = ch_query(c, full, NULL, out, &code, err);

	free(full);
	return rc < 0 && code == CH_UNKNOWN_TABLE ? 0 : rc;
}

static int
has_row(struct clickhouse_dest *c, const char *sql, const char *table,
    const char *const *texts, bool *found, struct error *err)
{
	struct buf out = { 0 };
	int rc = ask(c, sql, table, texts, &out, err);

	*found = out.len > 0;
	buf_release(&out);
	return rc;
}

/* ---- the dataset ---- */

static const char *
time_type(const struct clickhouse_dest *c)
{
	return c->version >= CH_TIME64 ? "DateTime64(6,'UTC')" : "String";
}

int
ch_need_sentinel(struct clickhouse_dest *c, enum dest_place place,
    struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	bool found;
	int rc;

	if (c->sentinels[place])
		return 0;
	buf_addf(&name, "%s%s", place == DEST_STAGING ? c->staging : c->prefix,
	    SENTINEL);
	rc = ch_exists(c, name.data, &found, err);
	buf_adds(&sql, "CREATE TABLE IF NOT EXISTS ");
	ch_name(c, place, SENTINEL, &sql);
	buf_adds(&sql,
	    " (\n\"_dlt_id\" String\n)\nENGINE = MergeTree\n"
	    "ORDER BY \"_dlt_id\"");
	if (c->version >= CH_MODERN)
		buf_adds(&sql, "\nCOMMENT 'internal dlt sentinel table'");
	if (rc == 0 && !found && !dest_planned(&c->base, sql.data))
		rc = ch_run(c, sql.data, err);
	c->sentinels[place] = rc == 0;
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

int
ch_need_jobs_table(struct clickhouse_dest *c, struct error *err)
{
	struct buf sql = { 0 };
	bool found;
	int rc;

	if (c->jobs_table)
		return 0;
	rc = has_table(c, "_dlt_jobs", &found, err);
	buf_adds(&sql, "CREATE TABLE IF NOT EXISTS ");
	ch_name(c, DEST_DATASET, "_dlt_jobs", &sql);
	buf_addf(&sql,
	    " (\n\"load_id\" String,\n\"job_id\" String,\n"
	    "\"checksum\" String,\n\"rows\" Int64,\n\"inserted_at\" %s,\n"
	    "\"script\" String\n)\nENGINE = MergeTree\n"
	    "ORDER BY (\"load_id\", \"job_id\")",
	    time_type(c));
	if (rc == 0 && !found && !dest_planned(&c->base, sql.data))
		rc = ch_run(c, sql.data, err);
	c->jobs_table = rc == 0;
	buf_release(&sql);
	return rc;
}

/* ---- _dlt_version ---- */

int
ch_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	struct buf out = { 0 }, text = { 0 };
	const char *at;
	int rc = ask((struct clickhouse_dest *)d,
	    "SELECT \"schema\" FROM %s WHERE schema_name = ? "
	    "ORDER BY inserted_at DESC, version DESC LIMIT 1",
	    "_dlt_version", &schema_name, &out, err);

	at = buf_str(&out);
	*found = rc == 0 && ch_field(&at, &text);
	if (*found)
		rc = ledger_schema_text(buf_str(&text), text.len, json, err);
	buf_release(&out);
	buf_release(&text);
	return rc;
}

int
ch_has_version(struct dest *d, const char *hash, bool *found, struct error *err)
{
	return has_row((struct clickhouse_dest *)d,
	    "SELECT 1 FROM %s WHERE version_hash = ? LIMIT 1", "_dlt_version",
	    &hash, found, err);
}

/* Statements that add one row unless it is there: they may be done twice. */
static int
add_once(struct clickhouse_dest *c, const char *values, const char *table,
    const char *const *texts, struct error *err)
{
	char *sql = statement(c, values, table, texts);
	int rc = ch_after(c, sql, err);

	free(sql);
	return rc;
}

static const char insert_version[] =
    "INSERT INTO %s (\"version\", \"engine_version\", \"schema_name\", "
    "\"version_hash\", \"schema\", \"inserted_at\") SELECT toInt64(?), "
    "toInt64(?), ?, ?, ?, ";
static const char insert_load[] =
    "INSERT INTO %s (\"load_id\", \"schema_name\", \"status\", "
    "\"schema_version_hash\", \"inserted_at\") SELECT ?, ?, 0, ?, ";

/* The time as the column has it, and the condition. */
static char *
guarded(const struct clickhouse_dest *c, const char *insert,
    const char *condition)
{
	return xasprintf("%s%s FROM system.one WHERE (SELECT count() FROM %%s "
	                 "WHERE %s) = 0",
	    insert, c->version >= CH_TIME64 ? "toDateTime64(?, 6, 'UTC')" : "?",
	    condition);
}

int
ch_add_version(struct dest *d, const struct schema *schema, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	char version[24], engine[24], *sql;
	struct buf json = { 0 }, now = { 0 };
	const char *texts[] = { version, engine, schema->name, schema->hash,
		NULL, NULL, schema->hash };
	int rc;

	snprintf(version, sizeof(version), "%ld", schema->version);
	snprintf(engine, sizeof(engine), "%ld", schema->engine_version);
	schema_write(schema, false, &json);
	now_text(&now);
	texts[4] = json.data;
	texts[5] = now.data;
	sql = guarded(c, insert_version, "version_hash = ?");
	rc = add_once(c, sql, "_dlt_version", texts, err);
	free(sql);
	buf_release(&json);
	buf_release(&now);
	return rc;
}

/* ---- _dlt_pipeline_state ---- */

static void
state_document(const char *row, struct buf *doc)
{
	struct buf texts[7] = { 0 };
	const char *fields[7];

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		ch_field(&row, &texts[i]);
		fields[i] = buf_str(&texts[i]);
	}
	ledger_state_document(fields, doc);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		buf_release(&texts[i]);
}

int
ch_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf sql = { 0 }, out = { 0 };
	bool loads, states;
	int rc;

	*found = false;
	if (has_table(c, "_dlt_loads", &loads, err) < 0 ||
	    has_table(c, "_dlt_pipeline_state", &states, err) < 0)
		return -1;
	if (!loads || !states)
		return 0;
	buf_adds(&sql,
	    "SELECT \"version\", \"engine_version\", \"pipeline_name\", "
	    "\"state\", \"created_at\", \"version_hash\", \"_dlt_load_id\" "
	    "FROM ");
	ch_name(c, DEST_DATASET, "_dlt_pipeline_state", &sql);
	buf_adds(&sql, " WHERE \"pipeline_name\" = ");
	ch_literal(pipeline_name, strlen(pipeline_name), &sql);
	buf_adds(&sql, " AND \"_dlt_load_id\" IN (SELECT \"load_id\" FROM ");
	ch_name(c, DEST_DATASET, "_dlt_loads", &sql);
	buf_adds(&sql,
	    " WHERE \"status\" = 0) ORDER BY \"_dlt_load_id\" DESC LIMIT 1");
	rc = ch_query(c, sql.data, NULL, &out, NULL, err);
	if (rc == 0 && out.len) {
		*found = true;
		state_document(out.data, doc);
	}
	buf_release(&sql);
	buf_release(&out);
	return rc;
}

/* ---- _dlt_jobs ---- */

void
ch_add_mark(const struct ch_mark *m, const struct buf *script, struct buf *sql)
{
	ch_escape(m->load_id, strlen(m->load_id), sql);
	buf_addc(sql, '\t');
	ch_escape(m->job_id, strlen(m->job_id), sql);
	buf_addf(sql, "\t%s\t%llu\t", m->checksum, (unsigned long long)m->rows);
	now_text(sql);
	buf_addc(sql, '\t');
	if (script)
		ch_escape(buf_str(script), script->len, sql);
	buf_addc(sql, '\n');
}

/* What stands there for a job: its mark, if it has one, and the script that it
 * is part of, or nothing. */
static int
find_mark(struct clickhouse_dest *c, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct buf *script, struct error *err)
{
	const char *texts[] = { load_id, job_id };
	struct buf out = { 0 }, f[3] = { 0 };
	int rc = c->jobs_table ? 0
	                       : has_table(c, "_dlt_jobs", &c->jobs_table, err);

	if (rc == 0 && c->jobs_table) {
		char *sql = statement(c,
		    "SELECT \"checksum\", \"rows\", \"script\" FROM %s WHERE "
		    "load_id = ? AND job_id = ? ORDER BY inserted_at",
		    "_dlt_jobs", texts);

		rc = ch_query(c, sql, NULL, &out, NULL, err);
		free(sql);
	}
	buf_reset(checksum);
	buf_reset(script);
	for (const char *at = buf_str(&out); rc == 0 && *at;) {
		for (size_t i = 0; i < 3; i++) {
			buf_reset(&f[i]);
			ch_field(&at, &f[i]);
		}
		if (f[2].len) {
			buf_reset(script);
			buf_add(script, f[2].data, f[2].len);
		} else {
			buf_reset(checksum);
			buf_add(checksum, buf_str(&f[0]), f[0].len);
			*rows = strtoull(buf_str(&f[1]), NULL, 10);
		}
	}
	for (size_t i = 0; i < 3; i++)
		buf_release(&f[i]);
	buf_release(&out);
	return rc;
}

static void
note_asked(struct clickhouse_dest *c, const char *load_id, const char *job_id)
{
	free(c->load_id);
	free(c->job_id);
	c->load_id = xstrdup(load_id);
	c->job_id = xstrdup(job_id);
}

/* A script may be in the row of another job, which this one names. */
static int
follow_script(struct clickhouse_dest *c, const char *load_id,
    struct buf *script, struct error *err)
{
	struct buf job_id = { 0 }, unused = { 0 };
	const char *at = buf_str(script) + 4;
	uint64_t rows;
	int rc;

	if (strncmp(buf_str(script), "see\t", 4) != 0)
		return 0;
	ch_field(&at, &job_id);
	rc = find_mark(c, load_id, buf_str(&job_id), &unused, &rows, script,
	    err);
	if (rc == 0 && !strncmp(buf_str(script), "see\t", 4))
		rc = error_set(err, ERR_REMOTE,
		    "_dlt_jobs: a script that is not understood");
	buf_release(&job_id);
	buf_release(&unused);
	return rc;
}

/* A load that was interrupted behind its intent is completed here. */
int
ch_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf script = { 0 };
	int rc;

	*rows = 0;
	note_asked(c, load_id, job_id);
	rc = find_mark(c, load_id, job_id, checksum, rows, &script, err);
	if (rc == 0 && script.len && !d->plan && !c->read_only) {
		rc = follow_script(c, load_id, &script, err);
		if (rc == 0 && checksum->len)
			ch_clean(c, buf_str(&script));
		else if (rc == 0)
			rc = ch_recover(c, buf_str(&script), err);
		if (rc == 0 && !checksum->len)
			rc = find_mark(c, load_id, job_id, checksum, rows,
			    &script, err);
	}
	buf_release(&script);
	return rc;
}

int
ch_mark(struct dest *d, const struct dest_mark *m, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct ch_tx *tx = &c->tx;
	struct ch_mark *mark;

	if (ch_insert_end(c, err) < 0 || ch_need_jobs_table(c, err) < 0)
		return -1;
	tx->marks = xgrow(tx->marks, &tx->mark_cap, tx->mark_count + 1,
	    sizeof(*tx->marks));
	mark = &tx->marks[tx->mark_count++];
	mark->load_id = xstrdup(m->load_id);
	mark->job_id = xstrdup(m->job_id);
	snprintf(mark->checksum, sizeof(mark->checksum), "%s", m->checksum);
	mark->rows = m->rows;
	return 0;
}

static int
compare_marks(const void *a, const void *b)
{
	return strcmp(((const struct ch_mark *)a)->job_id,
	    ((const struct ch_mark *)b)->job_id);
}

/* Those of the database and of the open transaction. */
static size_t
collect_marks(struct clickhouse_dest *c, const char *load_id,
    const struct buf *stored, struct ch_mark **marks)
{
	struct ch_mark *list = NULL;
	size_t count = 0, cap = 0;
	struct buf text = { 0 };

	for (const char *at = buf_str(stored); *at; count++) {
		list = xgrow(list, &cap, count + 1, sizeof(*list));
		buf_reset(&text);
		ch_field(&at, &text);
		list[count].job_id = xstrdup(buf_str(&text));
		buf_reset(&text);
		ch_field(&at, &text);
		snprintf(list[count].checksum, sizeof(list->checksum), "%s",
		    buf_str(&text));
		buf_reset(&text);
		ch_field(&at, &text);
		list[count].rows = strtoull(buf_str(&text), NULL, 10);
	}
	for (size_t i = 0; i < c->tx.mark_count; i++) {
		const struct ch_mark *m = &c->tx.marks[i];

		if (!*m->job_id || strcmp(m->load_id, load_id) != 0)
			continue;
		list = xgrow(list, &cap, count + 1, sizeof(*list));
		list[count] = *m;
		list[count++].job_id = xstrdup(m->job_id);
	}
	if (count)
		qsort(list, count, sizeof(*list), compare_marks);
	buf_release(&text);
	*marks = list;
	return count;
}

int
ch_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf out = { 0 };
	struct ch_mark *marks = NULL;
	size_t count = 0;
	int rc = ask(c,
	    "SELECT \"job_id\", any(\"checksum\"), any(\"rows\") FROM %s WHERE "
	    "load_id = ? AND job_id != '' AND script = '' GROUP BY job_id",
	    "_dlt_jobs", &load_id, &out, err);

	if (rc == 0)
		count = collect_marks(c, load_id, &out, &marks);
	for (size_t i = 0; i < count; i++) {
		struct dest_mark m = { load_id, marks[i].job_id,
			marks[i].checksum, marks[i].rows };

		if (i == 0 || compare_marks(&marks[i - 1], &marks[i]) != 0)
			f(&m, arg);
	}
	for (size_t i = 0; i < count; i++)
		free(marks[i].job_id);
	free(marks);
	buf_release(&out);
	return rc;
}

/* Marks of the open transaction are not written at all. */
int
ch_unmark(struct dest *d, const char *load_id, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct ch_tx *tx = &c->tx;
	size_t kept = 0;

	if (ch_need_jobs_table(c, err) < 0)
		return -1;
	for (size_t i = 0; i < tx->mark_count; i++) {
		if (strcmp(tx->marks[i].load_id, load_id) != 0) {
			tx->marks[kept++] = tx->marks[i];
			continue;
		}
		free(tx->marks[i].load_id);
		free(tx->marks[i].job_id);
	}
	tx->mark_count = kept;
	free(tx->unmark);
	tx->unmark = xstrdup(load_id);
	return 0;
}

/* ---- _dlt_loads ---- */

int
ch_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	const char *texts[] = { load_id, schema_name };

	return has_row((struct clickhouse_dest *)d,
	    "SELECT 1 FROM %s WHERE load_id = ? AND schema_name = ? LIMIT 1",
	    "_dlt_loads", texts, found, err);
}

int
ch_add_load(struct dest *d, const char *load_id, const struct schema *schema,
    struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf now = { 0 };
	const char *texts[] = { load_id, schema->name, schema->hash, NULL,
		load_id, schema->name };
	char *sql = guarded(c, insert_load, "load_id = ? AND schema_name = ?");
	int rc;

	now_text(&now);
	texts[3] = now.data;
	rc = add_once(c, sql, "_dlt_loads", texts, err);
	free(sql);
	buf_release(&now);
	return rc;
}

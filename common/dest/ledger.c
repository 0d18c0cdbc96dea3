/* SPDX-License-Identifier: MIT */
#include "common/dest/ledger.h"

#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/zlibtext.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_SCHEMA  ((size_t)256 << 20)
#define NUMBER_SIZE 24
#define MAX_TEXTS   8

/* ---- statements ---- */

/* A statement in a destination's SQL. */
struct statement {
	struct buf sql, now;
	const char *texts[MAX_TEXTS];
	size_t count;
};

static void
release(struct statement *st)
{
	buf_release(&st->sql);
	buf_release(&st->now);
}

static void
add_parameter(struct statement *st, const char *form, const char *text)
{
	st->texts[st->count++] = text;
	for (; *form; form++) {
		if (form[0] == '%' && form[1] == 'd') {
			buf_addf(&st->sql, "%zu", st->count);
			form++;
		} else {
			buf_addc(&st->sql, *form);
		}
	}
}

static void
add_time(struct statement *st, const struct ledger *how)
{
	struct timestamp now = timestamp_now();

	if (!strchr(how->time, '%')) {
		buf_adds(&st->sql, how->time);
		return;
	}
	how->format_time(&now, &st->now);
	buf_addc(&st->now, '\0');
	add_parameter(st, how->time, st->now.data);
}

/* Between two characters of the form: its length. */
static size_t
inner(const char *from, char close)
{
	return (size_t)(strchr(from, close) - from);
}

static void
add_inner(struct statement *st, struct dest *d, enum dest_place place,
    const char *form, size_t len)
{
	char *text = xstrndup(form + 1, len);
	const char *utc = d->ops->ledger->utc, *at = strstr(utc, "%s");

	if (*form == '{') {
		d->ops->name(d, place, text, &st->sql);
	} else {
		buf_add(&st->sql, utc, (size_t)(at - utc));
		buf_adds(&st->sql, text);
		buf_adds(&st->sql, at + 2);
	}
	free(text);
}

/* {TABLE} stands for its name, ? and # for a text and a number of texts, @ for
 * the time, [COLUMN] for a time as text, ~ for sorting by bytes. */
static void
compose(struct dest *d, enum dest_place place, const char *form,
    const char *const *texts, struct statement *st)
{
	const struct ledger *how = d->ops->ledger;

	for (; *form; form++) {
		size_t len;

		switch (*form) {
		case '?':
			add_parameter(st, how->text, *texts++);
			break;
		case '#':
			add_parameter(st, how->number, *texts++);
			break;
		case '@':
			add_time(st, how);
			break;
		case '~':
			buf_adds(&st->sql, how->bytewise);
			break;
		case '{':
		case '[':
			len = inner(form + 1, *form == '{' ? '}' : ']');
			add_inner(st, d, place, form, len);
			form += len + 1;
			break;
		default:
			buf_addc(&st->sql, *form);
		}
	}
	buf_addc(&st->sql, '\0');
}

static int
execute(struct dest *d, enum dest_place place, const char *form,
    const char *const *texts, size_t columns, ledger_row_fn *f, void *arg,
    struct error *err)
{
	struct statement st = { 0 };
	int rc;

	compose(d, place, form, texts, &st);
	rc = d->ops->ledger->run(d, st.sql.data, st.texts, st.count, columns, f,
	    arg, err);
	release(&st);
	return rc;
}

static int
change(struct dest *d, const char *form, const char *const *texts,
    struct error *err)
{
	return execute(d, DEST_DATASET, form, texts, 0, NULL, NULL, err);
}

/* A query of a table that may not be there. */
static int
ask(struct dest *d, const char *table, const char *form,
    const char *const *texts, size_t columns, ledger_row_fn *f, void *arg,
    struct error *err)
{
	bool found = false;

	if (d->ops->ledger->has_table(d, table, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	return execute(d, DEST_DATASET, form, texts, columns, f, arg, err);
}

static int
note_row(const struct ledger_row *row, void *arg, struct error *err)
{
	*(bool *)arg = true;
	return 0;
}

/* ---- _dlt_version ---- */

struct found_text {
	struct buf *out;
	bool *found;
};

int
ledger_schema_text(const char *text, size_t len, struct buf *json,
    struct error *err)
{
	struct buf packed = { 0 };
	long packed_len;
	int rc = 0;

	buf_reserve(&packed, len);
	packed_len = hash_base64_decode(text, len, packed.data);
	if (packed_len <= 0)
		buf_add(json, text, len);
	else if (zlib_inflate(packed.data, (size_t)packed_len, MAX_SCHEMA, json,
	             err))
		rc = error_prefix(err, "stored schema: ");
	buf_release(&packed);
	return rc;
}

static int
take_schema(const struct ledger_row *row, void *arg, struct error *err)
{
	struct found_text *f = arg;

	*f->found = true;
	return ledger_schema_text(row->fields[0] ? row->fields[0] : "",
	    row->lens[0], f->out, err);
}

int
ledger_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	struct found_text f = { json, found };

	*found = false;
	return ask(d, "_dlt_version",
	    "SELECT schema FROM {_dlt_version} WHERE schema_name = ? "
	    "ORDER BY inserted_at DESC, version DESC LIMIT 1",
	    &schema_name, 1, take_schema, &f, err);
}

#define VERSION_OF_HASH \
	"SELECT version_hash FROM {_dlt_version} WHERE version_hash = ? LIMIT 1"

int
ledger_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err)
{
	*found = false;
	return ask(d, "_dlt_version", VERSION_OF_HASH, &hash, 1, note_row,
	    found, err);
}

static int
add_version(struct dest *d, enum dest_place place, const struct schema *s,
    struct error *err)
{
	char version[NUMBER_SIZE], engine[NUMBER_SIZE];
	struct buf json = { 0 };
	const char *texts[] = { version, engine, s->name, s->hash, NULL };
	int rc;

	snprintf(version, sizeof(version), "%ld", s->version);
	snprintf(engine, sizeof(engine), "%ld", s->engine_version);
	schema_write(s, false, &json);
	texts[4] = buf_str(&json);
	rc = execute(d, place,
	    "INSERT INTO {_dlt_version} (version, engine_version, schema_name, "
	    "version_hash, schema, inserted_at) VALUES (#, #, ?, ?, ?, @)",
	    texts, 0, NULL, NULL, err);
	buf_release(&json);
	return rc;
}

int
ledger_add_version(struct dest *d, const struct schema *s, struct error *err)
{
	return add_version(d, DEST_DATASET, s, err);
}

int
ledger_drop_versions(struct dest *d, const char *schema_name, struct error *err)
{
	return ask(d, "_dlt_version",
	    "DELETE FROM {_dlt_version} WHERE schema_name = ?", &schema_name, 0,
	    NULL, NULL, err);
}

int
ledger_staging_version(struct dest *d, const struct schema *s,
    struct error *err)
{
	const char *texts[] = { s->hash };
	bool found = false;

	if (execute(d, DEST_STAGING, VERSION_OF_HASH, texts, 1, note_row,
	        &found, err) < 0)
		return -1;
	return found ? 0 : add_version(d, DEST_STAGING, s, err);
}

/* ---- _dlt_pipeline_state ---- */

/* A time without a zone is one in UTC. */
static void
iso_time(const char *stored, struct buf *out)
{
	struct iso iso;

	iso_parse(stored, strlen(stored), &iso);
	if (iso.kind == ISO_DATETIME && timestamp_to_utc(&iso.ts)) {
		iso.ts.has_zone = true;
		timestamp_format(&iso.ts, out);
	} else {
		buf_adds(out, stored);
	}
}

void
ledger_state_document(const char *const fields[7], struct buf *doc)
{
	static const char *const keys[] = { "version", "engine_version",
		"pipeline_name", "state", "created_at", "version_hash",
		"_dlt_load_id" };
	struct buf iso = { 0 };
	struct jsonw w;

	jsonw_init(&w, doc, false);
	jsonw_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		jsonw_key(&w, keys[i]);
		if (fields[i] && i < 2) {
			jsonw_int(&w, strtoll(fields[i], NULL, 10));
		} else if (fields[i] && i == 4) {
			iso_time(fields[i], &iso);
			jsonw_str(&w, buf_str(&iso));
		} else {
			jsonw_str(&w, fields[i]);
		}
	}
	jsonw_end_object(&w);
	buf_release(&iso);
}

static int
take_state(const struct ledger_row *row, void *arg, struct error *err)
{
	struct found_text *f = arg;

	*f->found = true;
	ledger_state_document(row->fields, f->out);
	return 0;
}

int
ledger_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	struct found_text f = { doc, found };
	bool loads = false;

	*found = false;
	if (d->ops->ledger->has_table(d, "_dlt_loads", &loads, err) < 0)
		return -1;
	if (!loads)
		return 0;
	return ask(d, "_dlt_pipeline_state",
	    "SELECT CAST(s.version AS VARCHAR), "
	    "CAST(s.engine_version AS VARCHAR), s.pipeline_name, s.state, "
	    "[s.created_at], s.version_hash, s._dlt_load_id "
	    "FROM {_dlt_pipeline_state} AS s "
	    "JOIN {_dlt_loads} AS l ON l.load_id = s._dlt_load_id "
	    "WHERE s.pipeline_name = ? AND l.status = 0 "
	    "ORDER BY l.load_id~ DESC LIMIT 1",
	    &pipeline_name, 7, take_state, &f, err);
}

/* ---- _dlt_jobs: ours; Python dlt does not mind it ---- */

struct found_mark {
	struct buf *checksum;
	uint64_t *rows;
};

static uint64_t
number(const char *text)
{
	return text ? strtoull(text, NULL, 10) : 0;
}

static int
take_mark(const struct ledger_row *row, void *arg, struct error *err)
{
	struct found_mark *f = arg;

	buf_add(f->checksum, row->fields[0], row->lens[0]);
	*f->rows = number(row->fields[1]);
	return 0;
}

int
ledger_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err)
{
	const char *texts[] = { load_id, job_id };
	struct found_mark f = { checksum, rows };

	buf_reset(checksum);
	*rows = 0;
	return ask(d, "_dlt_jobs",
	    "SELECT checksum, CAST(\"rows\" AS VARCHAR) FROM {_dlt_jobs} "
	    "WHERE load_id = ? AND job_id = ?",
	    texts, 2, take_mark, &f, err);
}

int
ledger_mark(struct dest *d, const struct dest_mark *m, struct error *err)
{
	char rows[NUMBER_SIZE];
	const char *texts[] = { m->load_id, m->job_id, m->checksum, rows };

	snprintf(rows, sizeof(rows), "%llu", (unsigned long long)m->rows);
	if (d->ops->ledger->need_jobs(d, err) < 0)
		return -1;
	return change(d,
	    "INSERT INTO {_dlt_jobs} (load_id, job_id, checksum, \"rows\", "
	    "inserted_at) VALUES (?, ?, ?, #, @)",
	    texts, err);
}

struct mark_caller {
	const char *load_id;
	void (*f)(const struct dest_mark *m, void *arg);
	void *arg;
};

static int
pass_mark(const struct ledger_row *row, void *arg, struct error *err)
{
	const struct mark_caller *c = arg;
	struct dest_mark m = { c->load_id, row->fields[0], row->fields[1],
		number(row->fields[2]) };

	c->f(&m, c->arg);
	return 0;
}

int
ledger_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err)
{
	struct mark_caller c = { load_id, f, arg };

	return ask(d, "_dlt_jobs",
	    "SELECT job_id, checksum, CAST(\"rows\" AS VARCHAR) "
	    "FROM {_dlt_jobs} WHERE load_id = ? AND job_id <> '' "
	    "ORDER BY job_id~",
	    &load_id, 3, pass_mark, &c, err);
}

int
ledger_unmark(struct dest *d, const char *load_id, struct error *err)
{
	if (d->ops->ledger->need_jobs(d, err) < 0)
		return -1;
	return change(d, "DELETE FROM {_dlt_jobs} WHERE load_id = ?", &load_id,
	    err);
}

/* ---- _dlt_loads ---- */

int
ledger_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err)
{
	const char *texts[] = { load_id, schema_name };

	*found = false;
	return ask(d, "_dlt_loads",
	    "SELECT load_id FROM {_dlt_loads} WHERE load_id = ? "
	    "AND schema_name = ?",
	    texts, 1, note_row, found, err);
}

int
ledger_add_load(struct dest *d, const char *load_id, const struct schema *s,
    struct error *err)
{
	const char *texts[] = { load_id, s->name, s->hash };

	return change(d,
	    "INSERT INTO {_dlt_loads} (load_id, schema_name, status, "
	    "schema_version_hash, inserted_at) VALUES (?, ?, 0, ?, @)",
	    texts, err);
}

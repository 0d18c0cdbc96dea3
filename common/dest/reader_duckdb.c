/* SPDX-License-Identifier: MIT */
/*
 * Rows of DuckDB, a chunk at a time: it spells its values itself, by casts.
 */
#include "common/decimal.h"
#include "common/dest/reader.h"
#include "common/duck.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"

#include <fcntl.h>
#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct field {
	struct buf key; /* with quotes and colon */
	enum reader_form form;
	const char *cast; /* printf's, of the column */
};

struct reader {
	struct duck *duck;
	char *select; /* until it runs: with the first row, as only then can it
	                 be canceled */
	struct duck_rows *rows;
	struct field *fields;
	size_t count, cap;
	struct buf described;
	atomic_bool canceled;
	int fd; /* of a Parquet file, or -1 */
};

/* ---- types ---- */

#define AS_TEXT "CAST(%s AS VARCHAR)"

static const struct type {
	const char *name;
	enum reader_form form;
	const char *cast;
	const char *data_type; /* as dlt has it, or NULL */
} types[] = {
	{ "BOOLEAN", FORM_NUMBER, AS_TEXT, "bool" },
	{ "TINYINT", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "SMALLINT", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "INTEGER", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "BIGINT", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "UTINYINT", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "USMALLINT", FORM_NUMBER, AS_TEXT, "bigint" },
	{ "UINTEGER", FORM_NUMBER, AS_TEXT, "bigint" },
	/* beyond 64 bits with a sign: each value says what it is */
	{ "UBIGINT", FORM_NUMBER, AS_TEXT, NULL },
	{ "HUGEINT", FORM_NUMBER, AS_TEXT, NULL },
	{ "UHUGEINT", FORM_NUMBER, AS_TEXT, NULL },
	{ "FLOAT", FORM_DOUBLE, "CAST(CAST(%s AS DOUBLE) AS VARCHAR)",
	    "double" },
	{ "DOUBLE", FORM_DOUBLE, AS_TEXT, "double" },
	{ "DECIMAL", FORM_DECIMAL, AS_TEXT, "decimal" },
	{ "VARCHAR", FORM_TEXT, "%s", "text" },
	{ "ENUM", FORM_TEXT, AS_TEXT, "text" },
	{ "UUID", FORM_TEXT, AS_TEXT, "text" },
	{ "JSON", FORM_JSON, AS_TEXT, "json" },
	{ "BLOB", FORM_BINARY, "%s", "binary" },
	{ "DATE", FORM_DATE, AS_TEXT, "date" },
	{ "TIME", FORM_TIME, AS_TEXT, "time" },
	{ "TIME WITH TIME ZONE", FORM_TIME, AS_TEXT, "time" },
	{ "TIMESTAMP", FORM_TIMESTAMP, AS_TEXT, "timestamp" },
	{ "TIMESTAMP_S", FORM_TIMESTAMP, AS_TEXT, "timestamp" },
	{ "TIMESTAMP_MS", FORM_TIMESTAMP, AS_TEXT, "timestamp" },
	{ "TIMESTAMP_NS", FORM_TIMESTAMP,
	    "CAST(CAST(%s AS TIMESTAMP) AS VARCHAR)", "timestamp" },
	{ "TIMESTAMP WITH TIME ZONE", FORM_TIMESTAMP, AS_TEXT, "timestamp" },
};
static const struct type nested = { "", FORM_JSON,
	"CAST(to_json(%s) AS VARCHAR)", "json" };
static const struct type other = { "", FORM_TEXT, AS_TEXT, NULL };

/* "DECIMAL(10,2)", "INTEGER[]", "STRUCT(a INTEGER)" */
static const struct type *
type_of(const char *name)
{
	size_t len = strlen(name), n = strcspn(name, "(");

	if ((len > 0 && name[len - 1] == ']') ||
	    strncmp(name, "STRUCT(", 7) == 0 || strncmp(name, "MAP(", 4) == 0 ||
	    strncmp(name, "UNION(", 6) == 0)
		return &nested;
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (strlen(types[i].name) == n &&
		    memcmp(types[i].name, name, n) == 0)
			return &types[i];
	return &other;
}

/* ---- what the catalogue says ---- */

static int
fail(struct reader *r, struct error *err)
{
	if (r->canceled || signal_pending())
		return error_set(err, ERR_QUIET, "interrupted");
	return -1;
}

/* A text of the row; malloc'd. */
static char *
text_at(const struct duck_rows *rows, size_t column)
{
	size_t len;
	const char *s = duck_text(rows, column, &len);

	return s == NULL ? xstrdup("") : xstrndup(s, len);
}

static void
describe_column(struct duck_rows *rows, struct jsonw *w)
{
	char *name = text_at(rows, 0), *type = text_at(rows, 1);
	char *null = text_at(rows, 2), *end;
	const struct type *t = type_of(type);

	jsonw_key(w, name);
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_str(w, name);
	jsonw_key(w, "nullable");
	jsonw_bool(w, strcmp(null, "NO") != 0);
	if (t->data_type != NULL) {
		jsonw_key(w, "data_type");
		jsonw_str(w, t->data_type);
	}
	if (t->form == FORM_DECIMAL && strchr(type, '(') != NULL) {
		jsonw_key(w, "precision");
		jsonw_int(w, strtol(strchr(type, '(') + 1, &end, 10));
		jsonw_key(w, "scale");
		jsonw_int(w, *end == ',' ? strtol(end + 1, NULL, 10) : 0);
	}
	if (t->form == FORM_TIMESTAMP) {
		jsonw_key(w, "timezone");
		jsonw_bool(w, strstr(type, "ZONE") != NULL);
	}
	jsonw_end_object(w);
	free(name);
	free(type);
	free(null);
}

/* name, type, "YES" or "NO" to nulls, "PRI" for a primary key */
static struct duck_rows *
table_info(struct reader *r, const char *name, struct error *err)
{
	char *sql = xasprintf("DESCRIBE %s", name);
	struct duck_rows *rows = duck_query(r->duck, sql, NULL, 0, err);

	free(sql);
	return rows;
}

static int
list_tables(struct duck *d, const char *sql, struct buf *names,
    struct error *err)
{
	struct duck_rows *rows = duck_query(d, sql, NULL, 0, err);
	int rc;

	if (rows == NULL)
		return -1;
	while ((rc = duck_next(rows, err)) > 0) {
		char *name = text_at(rows, 0);

		buf_add(names, name, strlen(name) + 1);
		free(name);
	}
	duck_rows_free(rows);
	return rc;
}

/* The table as SQL: what the text as a whole names, else SCHEMA and TABLE around
 * its first dot. NULL: err. */
static struct duck_rows *
find_table(struct reader *r, const char *table, struct buf *name,
    struct error *err)
{
	struct buf names = { 0 };
	struct error ignored;
	struct duck_rows *rows;

	reader_quote(table, name);
	rows = table_info(r, buf_str(name), &ignored);
	if (rows == NULL && strchr(table, '.') != NULL) {
		buf_reset(name);
		reader_quote_in_schema(table, name);
		rows = table_info(r, buf_str(name), &ignored);
	}
	if (rows != NULL)
		return rows;
	if (list_tables(r->duck,
	        "SELECT CASE schema_name WHEN current_schema() THEN '' ELSE "
	        "schema_name || '.' END || table_name FROM duckdb_tables() "
	        "UNION SELECT view_name FROM duckdb_views() WHERE NOT internal",
	        &names, err) == 0)
		reader_no_table(table, &names, err);
	buf_release(&names);
	return NULL;
}

static int
describe_table(struct reader *r, const char *table, struct buf *name,
    struct error *err)
{
	struct duck_rows *rows = find_table(r, table, name, err);
	struct buf keys = { 0 };
	struct jsonw w;
	int rc;

	if (rows == NULL)
		return -1;
	jsonw_init(&w, &r->described, false);
	jsonw_object(&w);
	jsonw_key(&w, "columns");
	jsonw_object(&w);
	while ((rc = duck_next(rows, err)) > 0) {
		char *column = text_at(rows, 0), *key = text_at(rows, 3);

		describe_column(rows, &w);
		if (strcmp(key, "PRI") == 0)
			buf_add(&keys, column, strlen(column) + 1);
		free(column);
		free(key);
	}
	jsonw_end_object(&w);
	jsonw_key(&w, "primary_key");
	jsonw_array(&w);
	for (size_t at = 0; at < keys.len; at += strlen(keys.data + at) + 1)
		jsonw_str(&w, keys.data + at);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	duck_rows_free(rows);
	buf_release(&keys);
	return rc;
}

/* ---- the statement ---- */

static bool
literal(const struct value *v, bool upper, struct buf *out)
{
	if (v->type == TYPE_DECIMAL) {
		/* no NaN */
		if (v->len == 0 ||
		    strchr("NIs", v->text[v->len > 1 && v->text[0] == '-']) !=
		        NULL)
			return false;
		buf_add(out, v->text, v->len);
	} else if (v->type != TYPE_DOUBLE) {
		return reader_plain_literal(v, out);
	} else if (v->text != NULL) {
		buf_add(out, v->text, v->len);
	} else {
		if (!isfinite(v->number))
			return false;
		double_repr(v->number, out);
	}
	return true;
}

/* The columns of the statement, which does not run. */
static int
find_fields(struct reader *r, const char *select, struct error *err)
{
	char *sql = xasprintf("DESCRIBE SELECT * FROM (%s\n)", select);
	struct duck_rows *rows = duck_query(r->duck, sql, NULL, 0, err);
	int rc;

	free(sql);
	if (rows == NULL)
		return fail(r, err);
	while ((rc = duck_next(rows, err)) > 0) {
		char *name = text_at(rows, 0), *type = text_at(rows, 1);
		const struct type *t = type_of(type);
		struct field *f;

		r->fields = xgrow(r->fields, &r->cap, r->count + 1,
		    sizeof(*r->fields));
		f = &r->fields[r->count++];
		*f = (struct field){ .form = t->form, .cast = t->cast };
		jsonw_quote(&f->key, name, strlen(name));
		buf_addc(&f->key, ':');
		free(name);
		free(type);
	}
	duck_rows_free(rows);
	return rc;
}

static void
add_column(const struct field *f, size_t i, struct buf *sql)
{
	const char *mark = strstr(f->cast, "%s");

	buf_adds(sql, i == 0 ? "" : ", ");
	buf_add(sql, f->cast, (size_t)(mark - f->cast));
	buf_addf(sql, "q.c%zu", i);
	buf_adds(sql, mark + 2);
}

static int
start_rows(struct reader *r, const char *select, struct error *err)
{
	struct buf sql = { 0 };

	buf_adds(&sql, "SELECT ");
	for (size_t i = 0; i < r->count; i++)
		add_column(&r->fields[i], i, &sql);
	buf_addf(&sql, " FROM (%s\n) AS q(", select);
	reader_numbered(r->count, &sql);
	buf_addc(&sql, ')');
	r->rows = duck_stream(r->duck, buf_str(&sql), err);
	buf_release(&sql);
	return r->rows == NULL ? fail(r, err) : 0;
}

static int
start(struct reader *r, const struct reader_query *query, struct error *err)
{
	struct buf sql = { 0 }, from = { 0 };
	int rc = 0;

	if (query->table != NULL)
		rc = describe_table(r, query->table, &from, err);
	if (rc == 0) {
		reader_select(query,
		    query->table != NULL ? buf_str(&from) : NULL, literal,
		    &sql);
		rc = find_fields(r, buf_str(&sql), err);
	}
	if (rc == 0)
		r->select = buf_take(&sql);
	buf_release(&sql);
	buf_release(&from);
	return rc;
}

/* duckdb:///relative and duckdb:////absolute are understood. */
static struct duck *
open_file(const char *rest, struct error *err)
{
	static const struct duck_settings settings = { .read_only = true };
	const char *path = strncmp(rest, "///", 3) == 0 ? rest + 3 : rest;
	struct stat st;

	if (*path == '\0')
		error_set(err, ERR_USAGE, "expected duckdb:FILE");
	else if (stat(path, &st) < 0)
		error_errno(err, "%s", path);
	else if (S_ISDIR(st.st_mode))
		error_set(err, ERR_IO, "%s: is a directory", path);
	else
		return duck_open(path, &settings, err);
	return NULL;
}

static void
duckdb_reader_close(void *self)
{
	struct reader *r = self;

	duck_rows_free(r->rows);
	duck_close(r->duck);
	for (size_t i = 0; i < r->count; i++)
		buf_release(&r->fields[i].key);
	free(r->fields);
	free(r->select);
	buf_release(&r->described);
	if (r->fd >= 0)
		close(r->fd);
	free(r);
}

static void *
duckdb_reader_open(const char *rest, const char *password,
    const struct reader_query *query, struct error *err)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	(void)password;
	r->fd = -1;
	r->duck = open_file(rest, err);
	if (r->duck != NULL && start(r, query, err) == 0)
		return r;
	duckdb_reader_close(r);
	return NULL;
}

static int
duckdb_tables(const char *rest, const char *password, struct buf *names,
    struct error *err)
{
	struct duck *d = open_file(rest, err);
	int rc;

	(void)password;
	if (d == NULL)
		return -1;
	rc = list_tables(d,
	    "SELECT table_name FROM duckdb_tables() WHERE NOT internal AND "
	    "database_name = current_database() AND schema_name = "
	    "current_schema() ORDER BY 1",
	    names, err);
	duck_close(d);
	return rc;
}

/* ---- rows ---- */

static int
duckdb_row(void *self, struct buf *out, struct error *err)
{
	struct reader *r = self;
	int rc;

	if (r->canceled)
		return error_set(err, ERR_QUIET, "interrupted");
	if (r->select != NULL) {
		rc = start_rows(r, r->select, err);
		free(r->select);
		r->select = NULL;
		if (rc < 0)
			return -1;
	}
	rc = duck_next(r->rows, err);
	if (rc <= 0)
		return rc < 0 ? fail(r, err) : 0;
	for (size_t i = 0; i < r->count; i++) {
		const struct field *f = &r->fields[i];
		size_t len;
		const char *s = duck_text(r->rows, i, &len);

		buf_addc(out, i == 0 ? '{' : ',');
		buf_add(out, f->key.data, f->key.len);
		if (s == NULL)
			buf_adds(out, "null");
		else
			reader_put(out, f->form, s, len);
	}
	buf_adds(out, "}\n");
	return 1;
}

static void
duckdb_describe(void *self, struct buf *json)
{
	struct reader *r = self;

	buf_add(json, r->described.data, r->described.len);
}

static void
duckdb_cancel(void *self)
{
	struct reader *r = self;

	r->canceled = true;
	duck_interrupt(r->duck);
}

const struct reader_ops reader_duckdb = {
	.has_schemas = true,
	.open = duckdb_reader_open,
	.describe = duckdb_describe,
	.row = duckdb_row,
	.cancel = duckdb_cancel,
	.close = duckdb_reader_close,
	.tables = duckdb_tables,
};

/* ---- Parquet files ---- */

/* A name with characters that DuckDB would match files by is read by its
 * descriptor. */
static int
parquet_query(struct reader *r, const char *path, struct buf *sql,
    struct error *err)
{
	char by_fd[40];

	if (access(path, R_OK) < 0)
		return error_errno(err, "%s", path);
	if (strpbrk(path, "*?[") != NULL) {
		r->fd = open(path, O_RDONLY | O_CLOEXEC);
		if (r->fd < 0)
			return error_errno(err, "%s", path);
		snprintf(by_fd, sizeof(by_fd), "/proc/self/fd/%d", r->fd);
		path = by_fd;
	}
	buf_adds(sql, "SELECT * FROM read_parquet(");
	reader_quote_text(path, strlen(path), sql);
	buf_adds(sql, ")");
	return 0;
}

static void *
parquet_reader_open(const char *rest, const char *password,
    const struct reader_query *query, struct error *err)
{
	static const struct duck_settings settings = { .threads = 1 };
	struct reader *r = xcalloc(1, sizeof(*r));
	struct reader_query q = { .range = query->range };
	struct buf sql = { 0 };
	int rc;

	(void)password;
	r->fd = -1;
	rc = parquet_query(r, rest, &sql, err);
	q.sql = buf_str(&sql);
	if (rc == 0)
		r->duck = duck_open(NULL, &settings, err);
	if (r->duck == NULL || start(r, &q, err) < 0)
		rc = -1;
	buf_release(&sql);
	if (rc == 0)
		return r;
	duckdb_reader_close(r);
	return NULL;
}

const struct reader_ops reader_parquet = {
	.open = parquet_reader_open,
	.describe = duckdb_describe,
	.row = duckdb_row,
	.cancel = duckdb_cancel,
	.close = duckdb_reader_close,
};

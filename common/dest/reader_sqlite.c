/* SPDX-License-Identifier: MIT */
/*
 * Rows of SQLite, as SQLAlchemy reads them: where SQLite has no type of its own
 * the declared one decides.
 */
#include "common/decimal.h"
#include "common/dest/dest_sqlite_private.h"
#include "common/dest/reader.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/timestamp.h"

#include <math.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <time.h>

#define BUSY_MS       5000
#define BUSY_STEP_MS  20
#define LOOK_STEPS    10000 /* of SQLite's machine */
#define DEFAULT_SCALE 10    /* SQLAlchemy's, where the type names none */

enum declared {
	PLAIN,
	TEXT,
	INTEGER,
	DOUBLE,
	DECIMAL,
	BOOLEAN,
	TIMESTAMP,
	DATE,
	TIME,
	JSON,
	BINARY,
};

struct field {
	struct buf key; /* with quotes and colon */
	enum declared type;
	int scale;
};

struct reader {
	struct sqlite_dest conn; /* db only: for sqlite_fail() and the like */
	sqlite3_stmt *rows;
	struct field *fields;
	int count;
	bool ended;
	struct buf described;
	atomic_bool canceled;
};

/* ---- declared types ---- */

/* The first words that SQLAlchemy knows; of the others nothing is said. */
static enum declared
declared_of(const char *type)
{
	static const struct {
		const char *name;
		enum declared type;
	} names[] = {
		{ "BIGINT", INTEGER },
		{ "BLOB", BINARY },
		{ "BOOL", BOOLEAN },
		{ "BOOLEAN", BOOLEAN },
		{ "CHAR", TEXT },
		{ "DATE", DATE },
		{ "DATETIME", TIMESTAMP },
		{ "DECIMAL", DECIMAL },
		{ "DOUBLE", DOUBLE },
		{ "DOUBLE PRECISION", DOUBLE },
		{ "FLOAT", DOUBLE },
		{ "INT", INTEGER },
		{ "INTEGER", INTEGER },
		{ "JSON", JSON },
		{ "NCHAR", TEXT },
		{ "NUMERIC", DECIMAL },
		{ "NVARCHAR", TEXT },
		{ "REAL", DOUBLE },
		{ "SMALLINT", INTEGER },
		{ "TEXT", TEXT },
		{ "TIME", TIME },
		{ "TIMESTAMP", TIMESTAMP },
		{ "VARCHAR", TEXT },
	};
	size_t len = type == NULL ? 0 : strcspn(type, "(");

	while (len > 0 && type[len - 1] == ' ')
		len--;
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (strlen(names[i].name) == len &&
		    strncasecmp(type, names[i].name, len) == 0)
			return names[i].type;
	if (len == 0)
		return PLAIN;
	/* SQLite's own rules; its last one, a number, is left out */
	if (strcasestr(type, "INT") != NULL)
		return INTEGER;
	if (strcasestr(type, "CHAR") != NULL ||
	    strcasestr(type, "CLOB") != NULL ||
	    strcasestr(type, "TEXT") != NULL)
		return TEXT;
	return PLAIN;
}

/* The n-th number behind the parenthesis, or -1. */
static int
argument(const char *type, int n)
{
	const char *p = type == NULL ? NULL : strchr(type, '(');
	char *end;
	long v;

	while (p != NULL && n-- > 0)
		p = strchr(p + 1, ',');
	if (p == NULL)
		return -1;
	v = strtol(p + 1, &end, 10);
	return end == p + 1 || v < 0 || v > 1000 ? -1 : (int)v;
}

static const char *
data_type(enum declared type)
{
	static const char *const names[] = {
		[TEXT] = "text",
		[INTEGER] = "bigint",
		[DOUBLE] = "double",
		[DECIMAL] = "decimal",
		[BOOLEAN] = "bool",
		[TIMESTAMP] = "timestamp",
		[DATE] = "date",
		[TIME] = "time",
		[JSON] = "json",
		[BINARY] = "binary",
	};

	return (size_t)type < ARRAY_LEN(names) ? names[type] : NULL;
}

/* ---- the connection ---- */

static int
busy(void *arg, int count)
{
	struct reader *r = arg;
	struct timespec t = { 0, BUSY_STEP_MS * 1000000L };

	if (count >= BUSY_MS / BUSY_STEP_MS || r->canceled || signal_pending())
		return 0;
	nanosleep(&t, NULL);
	return 1;
}

static int
look(void *arg)
{
	struct reader *r = arg;

	return r->canceled || signal_pending();
}

/* Behind what SQLite says, where in the query it is. */
static int
fail(struct reader *r, struct error *err)
{
	int offset;

	if (look(r))
		return error_set(err, ERR_QUIET, "interrupted");
	sqlite_fail(&r->conn, "", err);
	offset = sqlite3_error_offset(r->conn.db);
	if (offset >= 0 && err->code == ERR_REMOTE) {
		struct buf b = { 0 };

		buf_addf(&b, "%s (at character %d of the query)", err->msg,
		    offset + 1);
		error_set(err, ERR_REMOTE, "%s", buf_str(&b));
		buf_release(&b);
	}
	return -1;
}

/* SQLAlchemy's sqlite:///relative and sqlite:////absolute are understood. */
static int
open_file(struct reader *r, const char *rest, struct error *err)
{
	const char *path = strncmp(rest, "///", 3) == 0 ? rest + 3 : rest;
	struct stat st;

	if (*path == '\0')
		return error_set(err, ERR_USAGE, "expected sqlite:FILE");
	if (stat(path, &st) < 0)
		return error_errno(err, "%s", path);
	if (S_ISDIR(st.st_mode))
		return error_set(err, ERR_IO, "%s: is a directory", path);
	if (sqlite_open_to_read(path, &r->conn.db) != SQLITE_OK)
		return r->conn.db != NULL
		    ? fail(r, err)
		    : error_set(err, ERR_IO, "out of memory");
	sqlite3_extended_result_codes(r->conn.db, 1);
	sqlite3_busy_handler(r->conn.db, busy, r);
	sqlite3_progress_handler(r->conn.db, LOOK_STEPS, look, r);
	return 0;
}

static int
list_tables(struct reader *r, const char *types, struct buf *names,
    struct error *err)
{
	char *sql = xasprintf("SELECT name FROM sqlite_master WHERE type IN "
	                      "(%s) AND name NOT LIKE 'sqlite~_%%' ESCAPE '~' "
	                      "ORDER BY name",
	    types);
	sqlite3_stmt *q = NULL;
	int rc;

	if (sqlite3_prepare_v2(r->conn.db, sql, -1, &q, NULL) != SQLITE_OK) {
		free(sql);
		return fail(r, err);
	}
	free(sql);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW) {
		const char *s = (const char *)sqlite3_column_text(q, 0);

		buf_add(names, s, strlen(s) + 1);
	}
	if (rc != SQLITE_DONE)
		fail(r, err);
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* ---- what the catalogue says ---- */

static void
describe_column(sqlite3_stmt *q, struct jsonw *w)
{
	const char *name = (const char *)sqlite3_column_text(q, 0);
	const char *type = (const char *)sqlite3_column_text(q, 1);
	enum declared declared = declared_of(type);

	jsonw_key(w, name);
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_str(w, name);
	jsonw_key(w, "nullable");
	jsonw_bool(w, !sqlite3_column_int(q, 2));
	if (data_type(declared) != NULL) {
		jsonw_key(w, "data_type");
		jsonw_str(w, data_type(declared));
	}
	if (declared == DECIMAL && argument(type, 0) >= 0) {
		jsonw_key(w, "precision");
		jsonw_int(w, argument(type, 0));
		if (argument(type, 1) >= 0) {
			jsonw_key(w, "scale");
			jsonw_int(w, argument(type, 1));
		}
	}
	if (declared == TIMESTAMP) {
		jsonw_key(w, "timezone");
		jsonw_bool(w, false);
	}
	jsonw_end_object(w);
}

/* 0: there are no columns, so no such table; -1. */
static int
describe_columns(struct reader *r, const char *table, struct jsonw *w,
    struct error *err)
{
	sqlite3_stmt *q;
	int rc, count = 0;

	if (sqlite_query(&r->conn,
	        "SELECT name, type, \"notnull\" FROM pragma_table_xinfo(?1) "
	        "WHERE hidden <> 1",
	        &table, 1, &q, err) < 0)
		return fail(r, err);
	for (; (rc = sqlite3_step(q)) == SQLITE_ROW; count++)
		describe_column(q, w);
	if (rc != SQLITE_DONE)
		fail(r, err);
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? count : -1;
}

static int
describe_key(struct reader *r, const char *table, struct jsonw *w,
    struct error *err)
{
	sqlite3_stmt *q;
	int rc;

	if (sqlite_query(&r->conn,
	        "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 "
	        "ORDER BY pk",
	        &table, 1, &q, err) < 0)
		return fail(r, err);
	while ((rc = sqlite3_step(q)) == SQLITE_ROW)
		jsonw_str(w, (const char *)sqlite3_column_text(q, 0));
	if (rc != SQLITE_DONE)
		fail(r, err);
	sqlite3_finalize(q);
	return rc == SQLITE_DONE ? 0 : -1;
}

static int
describe_table(struct reader *r, const char *table, struct error *err)
{
	struct buf names = { 0 };
	struct jsonw w;
	int rc;

	jsonw_init(&w, &r->described, false);
	jsonw_object(&w);
	jsonw_key(&w, "columns");
	jsonw_object(&w);
	rc = describe_columns(r, table, &w, err);
	if (rc == 0) {
		rc = list_tables(r, "'table', 'view'", &names, err);
		if (rc == 0)
			rc = reader_no_table(table, &names, err);
		buf_release(&names);
	}
	if (rc < 0)
		return -1;
	jsonw_end_object(&w);
	jsonw_key(&w, "primary_key");
	jsonw_array(&w);
	rc = describe_key(r, table, &w, err);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	return rc;
}

/* ---- the statement ---- */

/* Times are text, which may or may not have fractions, and T or a blank in the
 * middle: the bound is a text that sorts before, or behind, all spellings. */
static void
time_literal(const struct value *v, bool upper, struct buf *out)
{
	size_t at, end;

	buf_addc(out, '\'');
	at = out->len;
	timestamp_format_sql(&v->ts, out);
	if (upper) {
		out->data[at + 10] = 'T';
		buf_addc(out, '~');
	} else {
		end = out->len;
		while (out->data[end - 1] == '0')
			end--;
		if (out->data[end - 1] == '.')
			out->len = end - 1;
		else
			out->len = end;
	}
	buf_addc(out, '\'');
}

/* Text may stand for a time. */
static bool
text_literal(const struct value *v, bool upper, struct buf *out)
{
	struct value time = { .type = TYPE_TIMESTAMP };
	struct iso iso;

	iso_parse(v->text, v->len, &iso);
	if (iso.kind != ISO_DATETIME && iso.kind != ISO_DATE) {
		reader_quote_text(v->text, v->len, out);
		return true;
	}
	if (iso.ts.has_zone && iso.ts.offset_s != 0)
		return false;
	time.ts = iso.ts;
	if (iso.kind == ISO_DATETIME) {
		time_literal(&time, upper, out);
		return true;
	}
	buf_addc(out, '\'');
	date_format(iso.ts.us, out);
	buf_adds(out, upper ? "~'" : "'");
	return true;
}

static bool
literal(const struct value *v, bool upper, struct buf *out)
{
	switch (v->type) {
	case TYPE_TEXT:
		return text_literal(v, upper, out);
	case TYPE_BIGINT:
		buf_add(out, v->text, v->len);
		return true;
	case TYPE_DOUBLE:
		if (v->text != NULL)
			buf_add(out, v->text, v->len);
		else if (isfinite(v->number))
			double_repr(v->number, out);
		else
			return false;
		return true;
	case TYPE_BOOL:
		buf_addc(out, v->boolean ? '1' : '0');
		return true;
	case TYPE_TIMESTAMP:
		if (v->ts.has_zone && v->ts.offset_s != 0)
			return false;
		time_literal(v, upper, out);
		return true;
	case TYPE_DATE:
		buf_addc(out, '\'');
		date_format(v->ts.us, out);
		buf_adds(out, upper ? "~'" : "'");
		return true;
	default: /* doubles stand where decimals were: not exact */
		return false;
	}
}

static int
prepare(struct reader *r, const char *sql, struct error *err)
{
	const char *rest = "";

	if (sqlite3_prepare_v2(r->conn.db, sql, -1, &r->rows, &rest) !=
	    SQLITE_OK)
		return fail(r, err);
	if (r->rows == NULL)
		return error_set(err, ERR_DATA, "the query is empty");
	if (rest[strspn(rest, " \t\r\n;")] != '\0')
		return error_set(err, ERR_DATA,
		    "more than one statement is no query");
	if (!sqlite3_stmt_readonly(r->rows))
		return error_set(err, ERR_DATA, "a query must not write");
	if (sqlite3_column_count(r->rows) == 0)
		return error_set(err, ERR_DATA, "the statement gives no rows");
	return 0;
}

static void
find_fields(struct reader *r)
{
	r->count = sqlite3_column_count(r->rows);
	r->fields = xcalloc((size_t)r->count, sizeof(*r->fields));
	for (int i = 0; i < r->count; i++) {
		const char *name = sqlite3_column_name(r->rows, i);
		const char *type = sqlite3_column_decltype(r->rows, i);
		struct field *f = &r->fields[i];
		int scale;

		jsonw_quote(&f->key, name, strlen(name));
		buf_addc(&f->key, ':');
		f->type = declared_of(type);
		scale = argument(type, 1);
		f->scale = scale >= 0 && scale <= 100 ? scale : DEFAULT_SCALE;
	}
}

static void
sqlite_reader_close(void *self)
{
	struct reader *r = self;

	sqlite3_finalize(r->rows);
	sqlite3_close(r->conn.db);
	for (int i = 0; i < r->count; i++)
		buf_release(&r->fields[i].key);
	free(r->fields);
	buf_release(&r->described);
	free(r);
}

static void *
sqlite_reader_open(const char *rest, const char *password,
    const struct reader_query *query, struct error *err)
{
	struct reader *r = xcalloc(1, sizeof(*r));
	struct buf sql = { 0 }, from = { 0 };
	int rc = open_file(r, rest, err);

	(void)password;
	if (rc == 0 && query->table != NULL) {
		reader_quote(query->table, &from);
		rc = describe_table(r, query->table, err);
	}
	if (rc == 0) {
		reader_select(query,
		    query->table != NULL ? buf_str(&from) : NULL, literal,
		    &sql);
		rc = prepare(r, buf_str(&sql), err);
	}
	if (rc == 0)
		find_fields(r);
	buf_release(&sql);
	buf_release(&from);
	if (rc == 0)
		return r;
	sqlite_reader_close(r);
	return NULL;
}

static int
sqlite_tables(const char *rest, const char *password, struct buf *names,
    struct error *err)
{
	struct reader r = { 0 };
	int rc = open_file(&r, rest, err);

	(void)password;
	if (rc == 0)
		rc = list_tables(&r, "'table'", names, err);
	sqlite3_close(r.conn.db);
	return rc;
}

/* ---- rows ---- */

static void
put_text(struct reader *r, const struct field *f, int i, struct buf *out)
{
	const char *s = (const char *)sqlite3_column_text(r->rows, i);
	size_t len = (size_t)sqlite3_column_bytes(r->rows, i);

	if (f->type == TIMESTAMP &&
	    reader_put_time(out, TYPE_TIMESTAMP, s, len))
		return;
	if (f->type == DATE && reader_put_time(out, TYPE_DATE, s, len))
		return;
	if (f->type == TIME && reader_put_time(out, TYPE_TIME, s, len))
		return;
	if (f->type == JSON && reader_put_json(out, s, len))
		return;
	if (f->type == DECIMAL && reader_put_decimal(out, s, len))
		return;
	reader_put_text(out, s, len);
}

static void
put_double(const struct field *f, double v, struct buf *out)
{
	char text[512];
	int n;

	if (f->type != DECIMAL || !isfinite(v)) {
		double_json(v, out);
		return;
	}
	n = snprintf(text, sizeof(text), "%.*f", f->scale, v);
	reader_put_typed(out, TYPE_DECIMAL, text, (size_t)n);
}

static void
put_integer(const struct field *f, long long v, struct buf *out)
{
	char text[128];
	int n = snprintf(text, sizeof(text), "%lld", v);

	if (f->type == BOOLEAN && (v == 0 || v == 1))
		buf_adds(out, v ? "true" : "false");
	else if (f->type != DECIMAL)
		buf_add(out, text, (size_t)n);
	else
		reader_put_typed(out, TYPE_DECIMAL, text,
		    (size_t)n +
		        (size_t)snprintf(text + n, sizeof(text) - (size_t)n,
		            "%s%.*d", f->scale > 0 ? "." : "", f->scale, 0));
}

static void
put_value(struct reader *r, int i, struct buf *out)
{
	const struct field *f = &r->fields[i];
	const void *data;

	switch (sqlite3_column_type(r->rows, i)) {
	case SQLITE_INTEGER:
		put_integer(f, sqlite3_column_int64(r->rows, i), out);
		return;
	case SQLITE_FLOAT:
		put_double(f, sqlite3_column_double(r->rows, i), out);
		return;
	case SQLITE_BLOB:
		data = sqlite3_column_blob(r->rows, i);
		reader_put_binary(out, data,
		    (size_t)sqlite3_column_bytes(r->rows, i));
		return;
	case SQLITE_TEXT:
		put_text(r, f, i, out);
		return;
	default:
		buf_adds(out, "null");
	}
}

static int
sqlite_row(void *self, struct buf *out, struct error *err)
{
	struct reader *r = self;

	if (r->ended)
		return 0;
	if (r->canceled)
		return error_set(err, ERR_QUIET, "interrupted");
	switch (sqlite3_step(r->rows)) {
	case SQLITE_ROW:
		break;
	case SQLITE_DONE:
		r->ended = true;
		return 0;
	default:
		return fail(r, err);
	}
	for (int i = 0; i < r->count; i++) {
		buf_addc(out, i == 0 ? '{' : ',');
		buf_add(out, r->fields[i].key.data, r->fields[i].key.len);
		put_value(r, i, out);
	}
	buf_adds(out, "}\n");
	return 1;
}

static void
sqlite_describe(void *self, struct buf *json)
{
	struct reader *r = self;

	buf_add(json, r->described.data, r->described.len);
}

static void
sqlite_cancel(void *self)
{
	struct reader *r = self;

	r->canceled = true;
	sqlite3_interrupt(r->conn.db);
}

const struct reader_ops reader_sqlite = {
	.open = sqlite_reader_open,
	.describe = sqlite_describe,
	.row = sqlite_row,
	.cancel = sqlite_cancel,
	.close = sqlite_reader_close,
	.tables = sqlite_tables,
};

/* SPDX-License-Identifier: MIT */
/*
 * Rows of PostgreSQL, by COPY in its text form, in one transaction that reads
 * what was there when it began.
 */
#include "common/decimal.h"
#include "common/dest/dest_postgres_private.h"
#include "common/dest/reader.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/mem.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Beside those of enum pg_oid. */
#define PG_CHAR       18
#define PG_NAME       19
#define PG_INT2VECTOR 22
#define PG_OID        26
#define PG_OIDVECTOR  30
#define PG_TIMETZ     1266
#define PG_UUID       2950

struct field {
	struct buf key; /* with quotes and colon */
	uint32_t oid;
	uint32_t element; /* of an array; 0: it is none */
	enum reader_form form;
};

struct reader {
	struct postgres_dest *conn;
	PGcancel *cancel;
	struct field *fields;
	size_t count;
	char *select; /* until it runs: with the first row, as only then can it
	                 be canceled */
	bool ended;
	struct buf described;
	struct buf value, text; /* scratch */
};

/* ---- types ---- */

static const struct type {
	uint32_t oid;
	enum reader_form form;
	const char *data_type; /* as dlt reflects it, or NULL */
} types[] = {
	{ PG_BOOL, FORM_NUMBER, "bool" },
	{ PG_BYTEA, FORM_BINARY, "binary" },
	{ PG_CHAR, FORM_TEXT, "text" },
	{ PG_NAME, FORM_TEXT, "text" },
	{ PG_INT8, FORM_NUMBER, "bigint" },
	{ PG_INT2, FORM_NUMBER, "bigint" },
	{ PG_INT4, FORM_NUMBER, "bigint" },
	{ PG_TEXT, FORM_TEXT, "text" },
	{ PG_OID, FORM_NUMBER, NULL },
	{ PG_JSON, FORM_JSON, "json" },
	{ PG_FLOAT4, FORM_DOUBLE, "double" },
	{ PG_FLOAT8, FORM_DOUBLE, "double" },
	{ PG_BPCHAR, FORM_TEXT, "text" },
	{ PG_VARCHAR, FORM_TEXT, "text" },
	{ PG_DATE, FORM_DATE, "date" },
	{ PG_TIME, FORM_TIME, "time" },
	{ PG_TIMESTAMP, FORM_TIMESTAMP, "timestamp" },
	{ PG_TIMESTAMPTZ, FORM_TIMESTAMP, "timestamp" },
	{ PG_TIMETZ, FORM_TIME, "time" },
	{ PG_NUMERIC, FORM_DECIMAL, "decimal" },
	{ PG_UUID, FORM_TEXT, "text" },
	{ PG_JSONB, FORM_JSON, "json" },
};

static const struct type *
type_of(uint32_t oid)
{
	for (size_t i = 0; i < ARRAY_LEN(types); i++)
		if (types[i].oid == oid)
			return &types[i];
	return NULL;
}

/* ---- what the catalogue says ---- */

static uint32_t
oid_at(const PGresult *res, int row, int column)
{
	return (uint32_t)strtoul(PQgetvalue(res, row, column), NULL, 10);
}

/* The name of a table as SQL: what the text as a whole names, else SCHEMA and
 * TABLE around its first dot. */
static int
find_table(struct reader *r, const char *table, struct buf *name,
    struct error *err)
{
	const char *dot = strchr(table, '.');
	struct buf names = { 0 };
	PGresult *res;
	bool found = false;
	int rc;

	for (int split = 0; split <= (dot != NULL) && !found; split++) {
		buf_reset(name);
		if (split)
			reader_quote_in_schema(table, name);
		else
			reader_quote(table, name);
		res = pg_query(r->conn,
		    "SELECT 1 WHERE pg_catalog.to_regclass($1) IS NOT NULL",
		    (const char *const[]){ buf_str(name) }, 1, err);
		if (res == NULL)
			return -1;
		found = PQntuples(res) > 0;
		PQclear(res);
	}
	if (found)
		return 0;
	res = pg_query(r->conn,
	    "SELECT CASE WHEN pg_catalog.pg_table_is_visible(c.oid) THEN "
	    "c.relname ELSE n.nspname || '.' || c.relname END "
	    "FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n "
	    "ON n.oid = c.relnamespace WHERE c.relkind IN "
	    "('r', 'p', 'v', 'm', 'f') AND n.nspname !~ '^pg_' AND "
	    "n.nspname <> 'information_schema' ORDER BY 1 LIMIT 10000",
	    NULL, 0, err);
	for (int i = 0; i < PQntuples(res); i++)
		buf_add(&names, PQgetvalue(res, i, 0),
		    strlen(PQgetvalue(res, i, 0)) + 1);
	rc = res == NULL ? -1 : reader_no_table(table, &names, err);
	PQclear(res);
	buf_release(&names);
	return rc;
}

/* Name, must it be, type, its modifier, is it an array, an enumeration. */
static void
describe_column(const PGresult *res, int row, struct jsonw *w)
{
	const struct type *type = type_of(oid_at(res, row, 2));
	long modifier = strtol(PQgetvalue(res, row, 3), NULL, 10);
	const char *name = PQgetvalue(res, row, 0);
	const char *data_type = type != NULL ? type->data_type : NULL;

	if (*PQgetvalue(res, row, 4) == 't')
		data_type = "json";
	else if (*PQgetvalue(res, row, 5) == 't')
		data_type = "text";
	jsonw_key(w, name);
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_str(w, name);
	jsonw_key(w, "nullable");
	jsonw_bool(w, *PQgetvalue(res, row, 1) != 't');
	if (data_type != NULL) {
		jsonw_key(w, "data_type");
		jsonw_str(w, data_type);
	}
	if (type != NULL && type->oid == PG_NUMERIC && modifier >= 4) {
		/* the scale has 11 bits, with a sign */
		long scale = (((modifier - 4) & 0x7ff) ^ 1024) - 1024;

		jsonw_key(w, "precision");
		jsonw_int(w, (modifier - 4) >> 16 & 0xffff);
		jsonw_key(w, "scale");
		jsonw_int(w, scale);
	}
	if (type != NULL && type->form == FORM_TIMESTAMP) {
		jsonw_key(w, "timezone");
		jsonw_bool(w, type->oid == PG_TIMESTAMPTZ);
	}
	jsonw_end_object(w);
}

static int
describe_table(struct reader *r, const char *name, struct error *err)
{
	PGresult *res = pg_query(r->conn,
	    "SELECT a.attname, a.attnotnull, a.atttypid, a.atttypmod, "
	    "t.typcategory = 'A', t.typtype = 'e' "
	    "FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_type t "
	    "ON t.oid = a.atttypid WHERE a.attrelid = $1::pg_catalog.regclass "
	    "AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum",
	    &name, 1, err);
	struct jsonw w;

	if (res == NULL)
		return -1;
	jsonw_init(&w, &r->described, false);
	jsonw_object(&w);
	jsonw_key(&w, "columns");
	jsonw_object(&w);
	for (int i = 0; i < PQntuples(res); i++)
		describe_column(res, i, &w);
	jsonw_end_object(&w);
	PQclear(res);
	res = pg_query(r->conn,
	    "SELECT a.attname FROM pg_catalog.pg_index i CROSS JOIN LATERAL "
	    "pg_catalog.unnest(i.indkey::int2[]) WITH ORDINALITY AS k(n, at) "
	    "JOIN pg_catalog.pg_attribute a ON a.attrelid = i.indrelid AND "
	    "a.attnum = k.n WHERE i.indrelid = $1::pg_catalog.regclass AND "
	    "i.indisprimary ORDER BY k.at",
	    &name, 1, err);
	if (res == NULL)
		return -1;
	jsonw_key(&w, "primary_key");
	jsonw_array(&w);
	for (int i = 0; i < PQntuples(res); i++)
		jsonw_str(&w, PQgetvalue(res, i, 0));
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	PQclear(res);
	return 0;
}

/* ---- the statement ---- */

/* Numbers in quotes take the type of what they are compared with. */
static bool
literal(const struct value *v, bool upper, struct buf *out)
{
	struct buf text = { 0 };

	if (v->type != TYPE_DECIMAL && v->type != TYPE_DOUBLE)
		return reader_plain_literal(v, out);
	if (v->text != NULL)
		buf_add(&text, v->text, v->len);
	else
		double_repr(v->number, &text);
	reader_quote_text(text.data, text.len, out);
	buf_release(&text);
	return true;
}

/* Where in what was sent; lines as libpq's own texts have them do not help. */
static int
fail_at(struct reader *r, const PGresult *res, struct error *err)
{
	const char *at = PQresultErrorField(res, PG_DIAG_STATEMENT_POSITION);
	struct buf b = { 0 };

	pg_fail(r->conn, res, err);
	if (at == NULL)
		return -1;
	buf_addf(&b, "%s (at character %s of the query)", err->msg, at);
	error_set(err, err->code, "%s", buf_str(&b));
	buf_release(&b);
	return -1;
}

/* What the columns of the statement are; it does not run. NULL: err. */
static PGresult *
describe_statement(struct reader *r, const char *sql, struct error *err)
{
	PGresult *res = NULL, *next;
	struct error why = { 0 };

	if (!PQsendPrepare(r->conn->conn, "", sql, 0, NULL)) {
		pg_fail(r->conn, NULL, err);
		return NULL;
	}
	while ((next = pg_next(r->conn, &why)) != NULL) {
		if (PQresultStatus(next) != PGRES_COMMAND_OK)
			fail_at(r, next, &why);
		PQclear(next);
	}
	if (why.code != 0) {
		*err = why;
		return NULL;
	}
	if (!PQsendDescribePrepared(r->conn->conn, "")) {
		pg_fail(r->conn, NULL, err);
		return NULL;
	}
	res = pg_last_result(r->conn, err);
	if (res != NULL && PQnfields(res) == 0) {
		PQclear(res);
		error_set(err, ERR_DATA, "the statement gives no rows");
		return NULL;
	}
	return res;
}

/* Which types are arrays, and of what. */
static int
find_arrays(struct reader *r, struct error *err)
{
	struct buf sql = { 0 };
	PGresult *res;

	buf_adds(&sql,
	    "SELECT oid, typelem FROM pg_catalog.pg_type WHERE typcategory = "
	    "'A' AND typlen = -1 AND oid IN (0");
	for (size_t i = 0; i < r->count; i++)
		if (r->fields[i].oid != PG_INT2VECTOR &&
		    r->fields[i].oid != PG_OIDVECTOR)
			buf_addf(&sql, ", %u", r->fields[i].oid);
	buf_addc(&sql, ')');
	res = pg_query(r->conn, buf_str(&sql), NULL, 0, err);
	buf_release(&sql);
	if (res == NULL)
		return -1;
	for (int k = 0; k < PQntuples(res); k++) {
		for (size_t i = 0; i < r->count; i++) {
			struct field *f = &r->fields[i];

			if (f->oid != oid_at(res, k, 0))
				continue;
			f->element = oid_at(res, k, 1);
			f->form = FORM_JSON;
		}
	}
	PQclear(res);
	return 0;
}

static int
find_fields(struct reader *r, const char *sql, struct error *err)
{
	PGresult *res = describe_statement(r, sql, err);

	if (res == NULL)
		return -1;
	r->count = (size_t)PQnfields(res);
	r->fields = xcalloc(r->count, sizeof(*r->fields));
	for (size_t i = 0; i < r->count; i++) {
		const char *name = PQfname(res, (int)i);
		struct field *f = &r->fields[i];
		const struct type *type;

		jsonw_quote(&f->key, name, strlen(name));
		buf_addc(&f->key, ':');
		f->oid = PQftype(res, (int)i);
		type = type_of(f->oid);
		f->form = type != NULL ? type->form : FORM_TEXT;
	}
	PQclear(res);
	return find_arrays(r, err);
}

/* Arrays come as JSON, where decimals are text: they would lose digits. */
static void
add_column(const struct field *f, size_t i, struct buf *sql)
{
	buf_adds(sql, i == 0 ? "" : ", ");
	if (f->element == 0)
		buf_addf(sql, "q.c%zu", i);
	else
		buf_addf(sql, "pg_catalog.array_to_json(q.c%zu%s)", i,
		    f->element == PG_NUMERIC ? "::pg_catalog.text[]" : "");
}

static int
start_copy(struct reader *r, const char *select, struct error *err)
{
	struct buf sql = { 0 };
	PGresult *res;
	int rc = 0;

	buf_adds(&sql, "COPY (SELECT ");
	for (size_t i = 0; i < r->count; i++)
		add_column(&r->fields[i], i, &sql);
	buf_addf(&sql, " FROM (%s\n) AS q(", select);
	reader_numbered(r->count, &sql);
	buf_adds(&sql, ")) TO STDOUT");
	res = pg_query(r->conn, buf_str(&sql), NULL, 0, err);
	buf_release(&sql);
	if (res == NULL)
		return -1;
	if (PQresultStatus(res) != PGRES_COPY_OUT)
		rc = error_set(err, ERR_REMOTE, "the server sends no rows");
	PQclear(res);
	return rc;
}

static void
pg_reader_close(void *self)
{
	struct reader *r = self;

	PQfreeCancel(r->cancel);
	pg_close_reader(r->conn);
	for (size_t i = 0; i < r->count; i++)
		buf_release(&r->fields[i].key);
	free(r->fields);
	free(r->select);
	buf_release(&r->described);
	buf_release(&r->value);
	buf_release(&r->text);
	free(r);
}

static int
start(struct reader *r, const struct reader_query *query, struct error *err)
{
	struct buf sql = { 0 }, from = { 0 };
	struct reader_query plain = { .sql = query->sql };
	int rc = pg_run(r->conn,
	    "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", NULL, 0, err);

	if (rc == 0 && query->table != NULL) {
		rc = find_table(r, query->table, &from, err);
		if (rc == 0)
			rc = describe_table(r, buf_str(&from), err);
	} else if (rc == 0 && query->range != NULL) {
		/* alone first: places in it are the user's then */
		PGresult *res;

		reader_select(&plain, NULL, literal, &sql);
		res = describe_statement(r, buf_str(&sql), err);
		rc = res == NULL ? -1 : 0;
		PQclear(res);
	}
	if (rc == 0) {
		buf_reset(&sql);
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

static void *
pg_reader_open(const char *rest, const char *password,
    const struct reader_query *query, struct error *err)
{
	struct reader *r = xcalloc(1, sizeof(*r));

	r->conn = pg_open_reader(rest, password, err);
	if (r->conn != NULL && start(r, query, err) == 0) {
		r->cancel = PQgetCancel(r->conn->conn);
		return r;
	}
	pg_reader_close(r);
	return NULL;
}

static int
pg_tables(const char *rest, const char *password, struct buf *names,
    struct error *err)
{
	struct postgres_dest *p = pg_open_reader(rest, password, err);
	PGresult *res = p == NULL
	    ? NULL
	    : pg_query(p,
	          "SELECT c.relname FROM pg_catalog.pg_class c WHERE "
	          "c.relkind IN ('r', 'p') AND NOT c.relispartition AND "
	          "c.relnamespace = pg_catalog.current_schema()"
	          "::pg_catalog.regnamespace ORDER BY 1",
	          NULL, 0, err);

	for (int i = 0; i < PQntuples(res); i++)
		buf_add(names, PQgetvalue(res, i, 0),
		    strlen(PQgetvalue(res, i, 0)) + 1);
	pg_close_reader(p);
	if (res == NULL)
		return -1;
	PQclear(res);
	return 0;
}

/* ---- rows ---- */

static int
digit(char c)
{
	return c <= '9' ? c - '0' : (c | 0x20) - 'a' + 10;
}

/* "\x" and digits. */
static bool
put_binary(struct reader *r, const char *s, size_t len, struct buf *out)
{
	if (len < 2 || len % 2 != 0 || s[0] != '\\' || s[1] != 'x')
		return false;
	buf_reset(&r->text);
	for (size_t i = 2; i < len; i += 2)
		buf_addc(&r->text, (char)(digit(s[i]) << 4 | digit(s[i + 1])));
	reader_put_binary(out, r->text.data, r->text.len);
	return true;
}

static void
put_value(struct reader *r, const struct field *f, const char *s, size_t len,
    struct buf *out)
{
	if (f->oid == PG_BOOL)
		buf_adds(out, *s == 't' ? "true" : "false");
	else if (f->form != FORM_BINARY)
		reader_put(out, f->form, s, len);
	else if (!put_binary(r, s, len, out))
		reader_put_text(out, s, len);
}

/* A field of COPY's text form, from *at to its end; false: null. */
static bool
take_field(struct reader *r, const char **at, const char *end)
{
	static const char names[] = "bfnrtv", codes[] = "\b\f\n\r\t\v";
	const char *p = *at;
	bool null = end - p >= 2 && p[0] == '\\' && p[1] == 'N';

	buf_reset(&r->value);
	for (; p < end && *p != '\t'; p++) {
		const char *name;

		if (*p != '\\' || p + 1 == end) {
			buf_addc(&r->value, *p);
			continue;
		}
		p++;
		name = strchr(names, *p);
		buf_addc(&r->value,
		    name != NULL && *name != '\0' ? codes[name - names] : *p);
	}
	*at = p < end ? p + 1 : end;
	return !null;
}

static void
put_row(struct reader *r, const char *line, size_t len, struct buf *out)
{
	const char *end = line + len;

	if (len > 0 && end[-1] == '\n')
		end--;
	for (size_t i = 0; i < r->count; i++) {
		struct field *f = &r->fields[i];

		buf_addc(out, i == 0 ? '{' : ',');
		buf_add(out, f->key.data, f->key.len);
		if (take_field(r, &line, end))
			put_value(r, f, buf_str(&r->value), r->value.len, out);
		else
			buf_adds(out, "null");
	}
	buf_adds(out, "}\n");
}

/* The rows are through: was it well? */
static int
end_copy(struct reader *r, struct error *err)
{
	PGresult *res = pg_last_result(r->conn, err);

	if (res == NULL)
		return -1;
	PQclear(res);
	r->ended = true;
	return pg_run(r->conn, "COMMIT", NULL, 0, err);
}

static int
pg_row(void *self, struct buf *out, struct error *err)
{
	struct reader *r = self;
	char *line = NULL;
	int n;

	if (r->ended)
		return 0;
	if (r->select != NULL) {
		n = start_copy(r, r->select, err);
		free(r->select);
		r->select = NULL;
		if (n < 0)
			return -1;
	}
	while ((n = PQgetCopyData(r->conn->conn, &line, 1)) == 0)
		if (pg_wait(r->conn, false, err) < 0)
			return -1;
	if (n == -1)
		return end_copy(r, err);
	if (n < 0)
		return pg_fail(r->conn, NULL, err);
	put_row(r, line, (size_t)n, out);
	PQfreemem(line);
	return 1;
}

static void
pg_describe(void *self, struct buf *json)
{
	struct reader *r = self;

	buf_add(json, r->described.data, r->described.len);
}

static void
pg_cancel(void *self)
{
	struct reader *r = self;
	char unused[256];

	r->conn->stop = true;
	if (r->cancel != NULL)
		PQcancel(r->cancel, unused, sizeof(unused));
}

const struct reader_ops reader_postgres = {
	.has_schemas = true,
	.open = pg_reader_open,
	.describe = pg_describe,
	.row = pg_row,
	.cancel = pg_cancel,
	.close = pg_reader_close,
	.tables = pg_tables,
};

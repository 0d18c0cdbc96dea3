/* SPDX-License-Identifier: MIT */
/*
 * Python dlt has given a file its names and its order when it extracted it; a
 * file is changed only where the schema has changed since.
 */
#include "common/parquet_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/jsonw.h"
#include "common/mem.h"

#define ROWS_AT_ONCE 2048

/* A column of the file. */
struct field {
	char *name;   /* as it stands there */
	char *column; /* its name by the schema */
	char *type;   /* of DuckDB */
	bool empty;   /* has no type, only nulls */
	bool taken;   /* by a column of the table */
};

struct parquet_in {
	struct duck *duck;
	char *path;
	const struct table *table;
	struct field *fields;
	size_t count, cap;
	uint64_t rows;
	bool rewrite;
	struct duck_rows *stream; /* of parquet_next() */
};

/* ---- what the file has ---- */

static void
add_from(const struct parquet_in *p, struct buf *sql)
{
	buf_adds(sql, " FROM read_parquet(");
	duck_literal(p->path, strlen(p->path), sql);
	buf_adds(sql, ", hive_partitioning = false");
}

static int
add_field(struct parquet_in *p, const struct schema *s, const char *name,
    size_t name_len, const char *type, size_t type_len, struct error *err)
{
	struct buf column = { 0 };
	struct field *f;

	if (name_path(&s->naming, name, name_len, &column, err)) {
		buf_release(&column);
		return error_prefix(err, "column \"%.*s\": ", (int)name_len,
		    name);
	}
	p->fields = xgrow(p->fields, &p->cap, p->count + 1, sizeof(*p->fields));
	f = &p->fields[p->count++];
	*f = (struct field){ .name = xstrndup(name, name_len),
		.column = buf_take(&column),
		.type = xstrndup(type, type_len) };
	f->empty = !strcmp(f->type, "\"NULL\"") || !strcmp(f->type, "NULL");
	for (size_t i = 0; i + 1 < p->count; i++)
		if (!strcmp(p->fields[i].column, f->column))
			return error_set(err, ERR_DATA,
			    "columns \"%s\" and \"%s\" have one name, \"%s\"",
			    p->fields[i].name, f->name, f->column);
	return 0;
}

static int
read_fields(struct parquet_in *p, const struct schema *s, struct error *err)
{
	struct buf sql = { 0 };
	struct duck_rows *r;
	int rc = -1;

	buf_adds(&sql,
	    "SELECT column_name, column_type FROM (DESCRIBE "
	    "SELECT *");
	add_from(p, &sql);
	buf_adds(&sql, "))");
	r = duck_query(p->duck, sql.data, NULL, 0, err);
	while (r && (rc = duck_next(r, err)) > 0) {
		size_t name_len, type_len;
		const char *name = duck_text(r, 0, &name_len);
		const char *type = duck_text(r, 1, &type_len);

		rc = add_field(p, s, name ? name : "", name_len,
		    type ? type : "", type_len, err);
		if (rc)
			break;
	}
	duck_rows_free(r);
	buf_release(&sql);
	return rc;
}

static int
read_count(struct parquet_in *p, struct error *err)
{
	const char *const path = p->path;
	struct duck_rows *r = duck_query(p->duck,
	    "SELECT sum(num_rows)::BIGINT FROM parquet_file_metadata($1)",
	    &path, 1, err);
	int rc = r ? duck_next(r, err) : -1;

	if (rc > 0)
		p->rows = (uint64_t)duck_integer(r, 0);
	duck_rows_free(r);
	return rc < 0 ? -1 : 0;
}

/* DuckDB reads what is wider than its decimals as doubles. */
static int
check_decimals(struct parquet_in *p, struct error *err)
{
	const char *const path = p->path;
	struct duck_rows *r = duck_query(p->duck,
	    "SELECT name FROM parquet_schema($1) WHERE precision > 38", &path,
	    1, err);
	int rc = r ? duck_next(r, err) : -1;
	const char *name;
	size_t len;

	if (rc > 0) {
		name = duck_text(r, 0, &len);
		rc = error_set(err, ERR_DATA,
		    "column \"%.*s\": DuckDB cannot hold decimals of more "
		    "than 38 digits",
		    (int)len, name ? name : "");
	}
	duck_rows_free(r);
	return rc;
}

/* ---- what the table wants ---- */

static struct field *
field_of(struct parquet_in *p, const struct column *c)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->fields[i].empty &&
		    !strcmp(p->fields[i].column, c->name))
			return &p->fields[i];
	return NULL;
}

/* Columns of dlt are not added to a file that has none. */
static bool
is_left_out(const struct column *c)
{
	return c->type == TYPE_NONE || !strcmp(c->name, "_dlt_id") ||
	    !strcmp(c->name, "_dlt_load_id");
}

static bool
has_zone(const struct field *f)
{
	return !strcmp(f->type, "TIMESTAMP WITH TIME ZONE");
}

static bool
is_timestamp(const struct field *f)
{
	return !strncmp(f->type, "TIMESTAMP", 9);
}

static bool
zone_differs(const struct field *f, const struct column *c)
{
	return is_timestamp(f) && has_zone(f) != c->timezone;
}

static void
compare_with_table(struct parquet_in *p)
{
	size_t next = 0;

	for (size_t i = 0; i < p->count; i++)
		if (p->fields[i].empty ||
		    strcmp(p->fields[i].name, p->fields[i].column) != 0)
			p->rewrite = true;
	for (size_t i = 0; i < p->table->column_count; i++) {
		const struct column *c = p->table->columns[i];
		struct field *f = c->type == TYPE_NONE ? NULL : field_of(p, c);

		if (!f && is_left_out(c))
			continue;
		if (!f || f != &p->fields[next++] || zone_differs(f, c))
			p->rewrite = true;
		if (f)
			f->taken = true;
	}
	if (next != p->count)
		p->rewrite = true;
}

struct parquet_in *
parquet_open(const char *path, const struct schema *s, const struct table *t,
    struct error *err)
{
	const struct duck_settings one = { .threads = 1 };
	struct parquet_in *p = xcalloc(1, sizeof(*p));

	p->table = t;
	p->path = xstrdup(path);
	p->duck = duck_open(NULL, &one, err);
	if (!p->duck) {
		parquet_free(p);
		return NULL;
	}
	if (read_fields(p, s, err) || read_count(p, err)) {
		error_prefix(err, "parquet: ");
		parquet_free(p);
		return NULL;
	}
	compare_with_table(p);
	return p;
}

void
parquet_free(struct parquet_in *p)
{
	if (!p)
		return;
	duck_rows_free(p->stream);
	duck_close(p->duck);
	for (size_t i = 0; i < p->count; i++) {
		free(p->fields[i].name);
		free(p->fields[i].column);
		free(p->fields[i].type);
	}
	free(p->fields);
	free(p->path);
	free(p);
}

bool
parquet_must_rewrite(const struct parquet_in *p)
{
	return p->rewrite;
}

uint64_t
parquet_row_count(const struct parquet_in *p)
{
	return p->rows;
}

const char *
parquet_stranger(const struct parquet_in *p)
{
	for (size_t i = 0; i < p->count; i++)
		if (!p->fields[i].taken && !p->fields[i].empty)
			return p->fields[i].name;
	return NULL;
}

/* ---- a file again ---- */

static void
add_column(struct parquet_in *p, const struct column *c, struct buf *sql)
{
	struct field *f = field_of(p, c);

	if (!f) {
		buf_adds(sql, "NULL::");
		parquet_type(c, sql);
	} else {
		duck_quote(f->name, sql);
		if (zone_differs(f, c))
			buf_adds(sql,
			    c->timezone ? "::TIMESTAMP::TIMESTAMPTZ"
			                : "::TIMESTAMP");
	}
	buf_adds(sql, " AS ");
	duck_quote(c->name, sql);
}

/* An id of 14 characters, as dlt's are, from ten bytes. */
static void
add_id(const char *salt, struct buf *sql)
{
	buf_adds(sql, "left(to_base64(unhex(left(sha256(");
	duck_literal(salt, strlen(salt), sql);
	buf_adds(sql, " || '/' || file_row_number), 20))), 14) AS _dlt_id");
}

static void
rewrite_statement(struct parquet_in *p, const char *id_salt, const char *out,
    struct buf *sql)
{
	const char *between = "COPY (SELECT ";
	bool id;

	for (size_t i = 0; i < p->table->column_count; i++) {
		const struct column *c = p->table->columns[i];

		id = id_salt && !strcmp(c->name, "_dlt_id");
		if (!id && is_left_out(c) && (!c->type || !field_of(p, c)))
			continue;
		buf_adds(sql, between);
		if (id)
			add_id(id_salt, sql);
		else
			add_column(p, c, sql);
		between = ", ";
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct field *f = &p->fields[i];

		if (f->taken || f->empty)
			continue;
		buf_adds(sql, between);
		duck_quote(f->name, sql);
		buf_adds(sql, " AS ");
		duck_quote(f->column, sql);
		between = ", ";
	}
	add_from(p, sql);
	buf_adds(sql, id_salt ? ", file_row_number = true)) TO " : ")) TO ");
	duck_literal(out, strlen(out), sql);
	buf_adds(sql, " (FORMAT parquet)");
}

int
parquet_rewrite(struct parquet_in *p, const char *id_salt, const char *out,
    struct error *err)
{
	struct buf sql = { 0 };
	int rc = -1;

	if (check_decimals(p, err) == 0) {
		rewrite_statement(p, id_salt, out, &sql);
		rc = duck_run(p->duck, sql.data, err);
	}
	if (rc) {
		unlink(out);
		error_prefix(err, "parquet: ");
	}
	buf_release(&sql);
	return rc;
}

/* ---- rows ---- */

/* Microseconds only where there are some; x is a timestamp. */
static void
add_clock(const char *x, const char *format, const char *end, struct buf *sql)
{
	buf_addf(sql,
	    "CASE date_part('microseconds', %s) %% 1000000 WHEN 0 THEN "
	    "strftime(%s, '\"%s%s\"') ELSE strftime(%s, '\"%s.%%f%s\"') END",
	    x, x, format, end, x, format, end);
}

static void
add_timestamp(const char *x, const char *zone, struct buf *sql)
{
	char *value = xasprintf("%s::TIMESTAMP", x);

	add_clock(value, "%Y-%m-%dT%H:%M:%S", zone, sql);
	free(value);
}

static void
add_time(const char *x, struct buf *sql)
{
	char *value = xasprintf("(DATE '2000-01-01' + %s::TIME)", x);

	add_clock(value, "%H:%M:%S", "", sql);
	free(value);
}

/* The JSON text of a value, or null. */
static void
add_json(const struct column *c, const char *x, struct buf *sql)
{
	switch (c->type) {
	case TYPE_DOUBLE:
		buf_addf(sql,
		    "CASE WHEN isfinite(%s::DOUBLE) THEN %s::DOUBLE::VARCHAR "
		    "WHEN %s IS NOT NULL THEN 'null' END",
		    x, x, x);
		break;
	case TYPE_BOOL:
		buf_addf(sql, "%s::BOOLEAN::VARCHAR", x);
		break;
	case TYPE_BIGINT:
		buf_addf(sql, "%s::HUGEINT::VARCHAR", x);
		break;
	case TYPE_TIMESTAMP:
		add_timestamp(x, c->timezone ? "+00:00" : "", sql);
		break;
	case TYPE_DATE:
		buf_addf(sql, "'\"' || %s::DATE::VARCHAR || '\"'", x);
		break;
	case TYPE_TIME:
		add_time(x, sql);
		break;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		buf_addf(sql, "'\"' || %s::VARCHAR || '\"'", x);
		break;
	case TYPE_BINARY:
		buf_addf(sql, "'\"' || to_base64(%s::BLOB) || '\"'", x);
		break;
	case TYPE_JSON:
		buf_addf(sql, "to_json(%s)::VARCHAR", x);
		break;
	default:
		buf_addf(sql, "to_json(%s::VARCHAR)::VARCHAR", x);
		break;
	}
}

static void
add_member(const struct column *c, const struct field *f, struct buf *sql)
{
	struct buf key = { 0 }, name = { 0 };

	jsonw_quote(&key, c->name, c->name_len);
	buf_addc(&key, ':');
	duck_literal(key.data, key.len, sql);
	buf_adds(sql, " || ");
	duck_quote(f->name, &name);
	add_json(c, name.data, sql);
	buf_release(&key);
	buf_release(&name);
}

static int
start_rows(struct parquet_in *p, struct error *err)
{
	struct buf sql = { 0 };

	if (check_decimals(p, err))
		return -1;
	buf_adds(&sql, "SELECT '{' || concat_ws(','");
	for (size_t i = 0; i < p->table->column_count; i++) {
		const struct column *c = p->table->columns[i];
		const struct field *f = c->type ? field_of(p, c) : NULL;

		if (!f)
			continue;
		buf_adds(&sql, ", ");
		add_member(c, f, &sql);
	}
	buf_adds(&sql, ", NULL) || '}'");
	add_from(p, &sql);
	buf_adds(&sql, ")");
	p->stream = duck_stream(p->duck, sql.data, err);
	buf_release(&sql);
	return p->stream ? 0 : -1;
}

static void
keep_row(struct parquet_rows *rows, const char *text, size_t len)
{
	buf_add(&rows->data, text, len);
	buf_addc(&rows->data, '\n');
	rows->ends = xgrow(rows->ends, &rows->cap, rows->count + 1,
	    sizeof(*rows->ends));
	rows->ends[rows->count++] = (uint32_t)rows->data.len;
}

int
parquet_next(struct parquet_in *p, struct parquet_rows *rows, struct error *err)
{
	const char *text;
	size_t len;
	int rc = 1;

	buf_reset(&rows->data);
	rows->count = 0;
	if (!p->stream && start_rows(p, err))
		return error_prefix(err, "parquet: ");
	while (rows->count < ROWS_AT_ONCE && rows->data.len < IO_BLOCK) {
		rc = duck_next(p->stream, err);
		if (rc <= 0)
			break;
		text = duck_text(p->stream, 0, &len);
		if (len > UINT32_MAX / 2)
			return error_set(err, ERR_DATA,
			    "parquet: a row is too long");
		keep_row(rows, text ? text : "{}", text ? len : 2);
	}
	if (rc < 0)
		return error_prefix(err, "parquet: ");
	return rows->count > 0;
}

void
parquet_rows_release(struct parquet_rows *rows)
{
	buf_release(&rows->data);
	free(rows->ends);
	*rows = (struct parquet_rows){ 0 };
}

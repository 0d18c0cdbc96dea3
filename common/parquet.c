/* SPDX-License-Identifier: MIT */
#include "common/parquet_private.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/mem.h"

/* Of one row in a file of rows; DuckDB's buffers have twice its size. */
#define MAX_OBJECT ((size_t)2 * MAX_ROW)

#define DECIMAL_PRECISION 38
#define DECIMAL_SCALE     9

int
parquet_check(struct error *err)
{
	struct duck *d = duck_open(NULL, NULL, err);

	if (!d)
		return -1;
	duck_close(d);
	return 0;
}

/* ---- types ---- */

static const char *
integer_type(const struct column *c)
{
	long bits = hints_get_int(&c->hints, "precision", 64);

	return bits <= 8 ? "TINYINT"
	    : bits <= 16 ? "SMALLINT"
	    : bits <= 32 ? "INTEGER"
	                 : "BIGINT";
}

static const char *
timestamp_type(const struct column *c)
{
	long digits = hints_get_int(&c->hints, "precision", 6);

	if (c->timezone)
		return "TIMESTAMPTZ";
	return digits <= 0 ? "TIMESTAMP_S"
	    : digits <= 3  ? "TIMESTAMP_MS"
	    : digits <= 6  ? "TIMESTAMP"
	                   : "TIMESTAMP_NS";
}

/* More than 38 digits are more than DuckDB has: the places behind the point
 * give way, as those of dlt do above 76. */
static void
decimal_size(const struct column *c, long *precision, long *scale)
{
	*precision = hints_get_int(&c->hints, "precision", -1);
	*scale = hints_get_int(&c->hints, "scale", -1);
	if (c->type == TYPE_WEI) {
		*precision = DECIMAL_PRECISION;
		*scale = 0;
	} else if (*precision < 0) {
		*precision = DECIMAL_PRECISION;
		*scale = DECIMAL_SCALE;
	} else if (*scale < 0) {
		*scale = 0;
	}
	if (*precision > DECIMAL_PRECISION) {
		*scale -= *precision - DECIMAL_PRECISION;
		*precision = DECIMAL_PRECISION;
	}
	if (*scale < 0)
		*scale = 0;
	if (*precision < 1)
		*precision = 1;
	if (*scale > *precision)
		*scale = *precision;
}

void
parquet_type(const struct column *c, struct buf *out)
{
	long precision, scale;

	switch (c->type) {
	case TYPE_DOUBLE:
		buf_adds(out, "DOUBLE");
		break;
	case TYPE_BOOL:
		buf_adds(out, "BOOLEAN");
		break;
	case TYPE_TIMESTAMP:
		buf_adds(out, timestamp_type(c));
		break;
	case TYPE_BIGINT:
		buf_adds(out, integer_type(c));
		break;
	case TYPE_BINARY:
		buf_adds(out, "BLOB");
		break;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		decimal_size(c, &precision, &scale);
		buf_addf(out, "DECIMAL(%ld, %ld)", precision, scale);
		break;
	case TYPE_DATE:
		buf_adds(out, "DATE");
		break;
	case TYPE_TIME:
		buf_adds(out, "TIME");
		break;
	default:
		buf_adds(out, "VARCHAR");
		break;
	}
}

/* ---- writing ---- */

/* What read_json is to take a column for: numbers that must keep their digits
 * are texts at first. */
static const char *
read_type(const struct column *c)
{
	switch (c->type) {
	case TYPE_DOUBLE:
		return "DOUBLE";
	case TYPE_BOOL:
		return "BOOLEAN";
	case TYPE_BIGINT:
		return integer_type(c);
	case TYPE_JSON:
		return "JSON";
	default:
		return "VARCHAR";
	}
}

/* Digits that the scale would cut off are an error, as with dlt. */
static void
add_decimal(const struct column *c, const char *name, struct buf *out)
{
	struct buf message = { 0 };
	long precision, scale;

	decimal_size(c, &precision, &scale);
	buf_addf(&message,
	    "column \"%s\": a number has more than %ld digits behind the "
	    "point: ",
	    c->name, scale);
	buf_addf(out,
	    "CASE WHEN regexp_matches(%s, '[.][0-9]{%ld}[0-9]*[1-9]') OR "
	    "(contains(lower(%s), 'e-') AND %s::DOUBLE <> "
	    "%s::DECIMAL(%ld, %ld)::DOUBLE) THEN error(",
	    name, scale, name, name, name, precision, scale);
	duck_literal(message.data, message.len, out);
	buf_addf(out, " || %s) ELSE %s::DECIMAL(%ld, %ld) END", name, name,
	    precision, scale);
	buf_release(&message);
}

static void
add_value(const struct column *c, struct buf *out)
{
	struct buf name = { 0 };

	duck_quote(c->name, &name);
	switch (c->type) {
	case TYPE_DECIMAL:
	case TYPE_WEI:
		add_decimal(c, name.data, out);
		break;
	case TYPE_BINARY:
		/* "0xab" may be both: see where loads decode it */
		buf_addf(out,
		    "CASE WHEN regexp_full_match(%s, "
		    "'0x([0-9a-f]{2})*') AND length(%s) <> 4 "
		    "THEN unhex(substr(%s, 3)) ELSE from_base64(%s) END",
		    name.data, name.data, name.data, name.data);
		break;
	case TYPE_JSON:
		buf_addf(out,
		    "CASE json_type(%s) WHEN 'VARCHAR' THEN %s->>'$' "
		    "WHEN 'NULL' THEN NULL ELSE %s::VARCHAR END",
		    name.data, name.data, name.data);
		break;
	case TYPE_TIMESTAMP:
		/* a zone that is written says what UTC is */
		buf_addf(out, "%s::TIMESTAMPTZ%s", name.data,
		    c->timezone ? "" : "::TIMESTAMP");
		if (!c->timezone)
			buf_addf(out, "::%s", timestamp_type(c));
		break;
	case TYPE_DATE:
	case TYPE_TIME:
		buf_addf(out, "%s::", name.data);
		parquet_type(c, out);
		break;
	default:
		buf_adds(out, name.data);
		break;
	}
	buf_addf(out, " AS %s", name.data);
	buf_release(&name);
}

static void
copy_statement(const struct table *t, const char *rows, const char *out,
    struct buf *sql)
{
	const char *between = "COPY (SELECT ";

	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		buf_adds(sql, between);
		add_value(t->columns[i], sql);
		between = ", ";
	}
	buf_adds(sql, " FROM read_json(");
	duck_literal(rows, strlen(rows), sql);
	buf_addf(sql,
	    ", format = 'newline_delimited', compression = 'uncompressed', "
	    "maximum_object_size = %zu",
	    MAX_OBJECT);
	between = ", columns = {";
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		buf_adds(sql, between);
		duck_quote(t->columns[i]->name, sql);
		buf_addf(sql, ": '%s'", read_type(t->columns[i]));
		between = ", ";
	}
	buf_adds(sql, "})) TO ");
	duck_literal(out, strlen(out), sql);
	buf_adds(sql, " (FORMAT parquet)");
}

static bool
has_columns(const struct table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i]->type != TYPE_NONE)
			return true;
	return false;
}

int
parquet_write(const struct table *t, const char *rows, const char *out,
    struct error *err)
{
	const struct duck_settings one = { .threads = 1 };
	struct buf sql = { 0 };
	struct duck *d;
	int rc = -1;

	if (!has_columns(t))
		return error_set(err, ERR_DATA,
		    "table \"%s\" has no columns: parquet cannot hold it",
		    t->name);
	d = duck_open(NULL, &one, err);
	if (!d)
		return -1;
	copy_statement(t, rows, out, &sql);
	rc = duck_run(d, sql.data, err);
	if (rc) {
		unlink(out);
		error_prefix(err, "table \"%s\": parquet: ", t->name);
	}
	buf_release(&sql);
	duck_close(d);
	return rc;
}

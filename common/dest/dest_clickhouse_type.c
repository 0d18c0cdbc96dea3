/* SPDX-License-Identifier: MIT */
/*
 * Types by the server's version, and values as text. What a type cannot hold
 * is an error: the server would take another value in its place.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/decimal.h"
#include "common/dest/ddl.h"
#include "common/json.h"
#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define WIDEST 76 /* digits of a Decimal */
#define DIGITS 38 /* before CH_WIDE */

/* ---- types of columns ---- */

static int
add_integer_type(const struct column *c, long bits, struct buf *out,
    struct error *err)
{
	static const int sizes[] = { 8, 16, 32, 64 };

	for (size_t i = 0; i < ARRAY_LEN(sizes); i++) {
		if (bits > sizes[i])
			continue;
		buf_addf(out, "Int%d", sizes[i]);
		return 0;
	}
	return error_set(err, ERR_DATA,
	    "column \"%s\": integers of %ld bits do not fit here", c->name,
	    bits);
}

static int
add_decimal_type(int version, const struct column *c, struct buf *out,
    struct error *err)
{
	bool wei = c->type == TYPE_WEI;
	long most = version >= CH_WIDE ? WIDEST : DIGITS;
	long precision = hints_get_int(&c->hints, "precision",
	    wei ? WIDEST : 38);
	long scale = hints_get_int(&c->hints, "scale", wei ? 0 : 9);

	if (precision > most && wei) {
		buf_adds(out, "String");
		return 0;
	}
	if (precision < 1 || precision > most || scale < 0 || scale > precision)
		return error_set(err, ERR_DATA,
		    "column \"%s\": a decimal of %ld digits, %ld of them "
		    "behind the point, does not fit here",
		    c->name, precision, scale);
	buf_addf(out, "Decimal(%ld,%ld)", precision, scale);
	return 0;
}

static void
add_time_type(int version, const struct column *c, struct buf *out)
{
	long precision = hints_get_int(&c->hints, "precision", 6);

	if (version < CH_TIME64) {
		buf_adds(out, "String"); /* DateTime has only seconds */
		return;
	}
	if (precision < 0 || precision > 6)
		precision = 6;
	buf_addf(out, "DateTime64(%ld%s)", precision,
	    hints_get_bool(&c->hints, "timezone", true) ? ",'UTC'" : "");
}

int
ch_type_add(int version, const struct column *c, struct buf *out,
    struct error *err)
{
	switch (c->type) {
	case TYPE_BIGINT:
		return add_integer_type(c,
		    hints_get_int(&c->hints, "precision", 64), out, err);
	case TYPE_DOUBLE:
		buf_adds(out, "Float64");
		return 0;
	case TYPE_BOOL:
		buf_adds(out, version >= CH_BOOL ? "Bool" : "UInt8");
		return 0;
	case TYPE_TIMESTAMP:
		add_time_type(version, c, out);
		return 0;
	case TYPE_DATE:
		buf_adds(out, "Date");
		return 0;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		return add_decimal_type(version, c, out, err);
	case TYPE_NONE:
		return error_set(err, ERR_DATA, "column \"%s\" has no type",
		    c->name);
	default:
		buf_adds(out, "String");
		return 0;
	}
}

/* Names come from a schema that may be anybody's; none that dlt makes has one
 * of these. */
static int
check_name(const char *name, struct error *err)
{
	for (const char *p = name; *p; p++)
		if ((unsigned char)*p < 0x20 || strchr("\"\\`", *p))
			return error_set(err, ERR_DATA,
			    "\"%s\": quotes, backslashes and control "
			    "characters cannot be in names here",
			    name);
	return 0;
}

/* An expression of the schema becomes part of a statement: nothing in it may
 * be more than one. */
static int
check_expression(const char *text, struct error *err)
{
	static const char *const banned[] = { "select", "as", "settings", "ttl",
		"comment", "engine", "empty", "clone" };

	if (strstr(text, "--") || strstr(text, "/*") || strchr(text, ';') ||
	    strchr(text, '#'))
		return error_set(err, ERR_DATA,
		    "\"%s\" is not just an expression", text);
	for (const char *p = text; *p;) {
		size_t len = strspn(p,
		    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
		    "0123456789");

		for (size_t i = 0; i < ARRAY_LEN(banned); i++)
			if (len == strlen(banned[i]) &&
			    !strncasecmp(p, banned[i], len))
				return error_set(err, ERR_DATA,
				    "\"%s\" is not just an expression", text);
		p += len ? len : 1;
	}
	return 0;
}

int
ch_column_add(int version, const struct column *c, struct buf *out,
    struct error *err)
{
	char *codec = hints_get_str(&c->hints, "x-clickhouse-codec");
	int rc = check_name(c->name, err);

	ddl_quote(c->name, out);
	buf_adds(out, c->nullable ? " Nullable(" : " ");
	if (rc == 0)
		rc = ch_type_add(version, c, out, err);
	buf_adds(out, c->nullable ? ")" : "");
	if (rc == 0 && codec && (rc = check_expression(codec, err)) == 0)
		buf_addf(out, " CODEC(%s)", codec);
	free(codec);
	return rc;
}

/* ---- what follows the columns ---- */

static size_t
add_columns_with(const struct table *t, const char *hint, struct buf *out)
{
	size_t n = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (c->type == TYPE_NONE || !column_has(c, hint))
			continue;
		buf_adds(out, n++ ? ", " : "(");
		ddl_quote(c->name, out);
	}
	buf_adds(out, n ? ")" : "");
	return n;
}

/* The hint of the table: an expression, or a list of columns; else the columns
 * that have the hint. */
static int
add_key(const struct table *t, const char *hint, const char *column_hint,
    struct buf *out, struct error *err)
{
	const char *raw = hints_get(&t->hints, hint);
	struct json_doc doc = { 0 };
	int rc = 0;

	if (!raw || !strcmp(raw, "null")) {
		add_columns_with(t, column_hint, out);
		return 0;
	}
	if (json_parse(&doc, raw, strlen(raw), err) < 0)
		return error_prefix(err, "%s: ", hint);
	if (doc.root->kind == JSON_STRING) {
		rc = check_expression(doc.root->str, err);
		buf_adds(out, doc.root->str);
	} else {
		const char *between = "(";

		for (const struct json *j = doc.root->child; j && rc == 0;
		     j = j->next) {
			rc = j->kind == JSON_STRING
			    ? check_name(j->str, err)
			    : error_set(err, ERR_DATA, "is no list of names");
			if (rc < 0)
				break;
			buf_adds(out, between);
			ddl_quote(j->str, out);
			between = ", ";
		}
		buf_adds(out, *between == ',' ? ")" : "");
	}
	json_release(&doc);
	return rc < 0 ? error_prefix(err, "%s: ", hint) : 0;
}

static int
add_settings(const struct table *t, struct buf *out, struct error *err)
{
	const char *raw = hints_get(&t->hints, "x-clickhouse-settings");
	const char *between = "\nSETTINGS ";
	struct json_doc doc = { 0 };
	int rc = 0;

	if (!raw || !strcmp(raw, "null"))
		return 0;
	if (json_parse(&doc, raw, strlen(raw), err) < 0)
		return error_prefix(err, "x-clickhouse-settings: ");
	for (const struct json *j = doc.root->child; j && rc == 0;
	     j = j->next) {
		if (!j->key_len ||
		    strspn(j->key, "abcdefghijklmnopqrstuvwxyz_0123456789") !=
		        j->key_len) {
			rc = error_set(err, ERR_DATA,
			    "x-clickhouse-settings: bad name of a setting");
			break;
		}
		buf_addf(out, "%s%s = ", between, j->key);
		if (j->kind == JSON_STRING)
			ch_literal(j->str, j->len, out);
		else
			buf_add(out, j->raw, j->raw_len);
		between = ", ";
	}
	json_release(&doc);
	return rc;
}

static const char *
engine_of(const struct table *t)
{
	static const char *const engines[][2] = {
		{ "replacing_merge_tree", "ReplacingMergeTree" },
		{ "shared_merge_tree", "SharedMergeTree" },
		{ "replicated_merge_tree", "ReplicatedMergeTree" },
	};
	char *hint = hints_get_str(&t->hints, "x-table-engine-type");
	const char *found = "MergeTree";

	for (size_t i = 0; hint && i < ARRAY_LEN(engines); i++)
		if (!strcmp(hint, engines[i][0]))
			found = engines[i][1];
	free(hint);
	return found;
}

/* As dlt has it: the first column with dedup_sort is the version, and one with
 * hard_delete says that a row is gone; only where rows are just added. */
static int
add_engine(const struct table *t, struct buf *out, struct error *err)
{
	const char *engine = engine_of(t);
	char *how = hints_get_str(&t->hints, "write_disposition");
	const struct column *sort = NULL, *gone = NULL;

	if (!strcmp(engine, "ReplacingMergeTree") && how &&
	    strcmp(how, "append") != 0)
		engine = "MergeTree";
	free(how);
	buf_addf(out, "\nENGINE = %s", engine);
	if (strcmp(engine, "ReplacingMergeTree") != 0)
		return 0;
	for (size_t i = t->column_count; i-- > 0;) {
		const struct column *c = t->columns[i];

		if (c->type == TYPE_NONE)
			continue;
		if (hints_get(&c->hints, "dedup_sort"))
			sort = c;
		if (column_has(c, "hard_delete"))
			gone = c;
	}
	if (!sort)
		return 0;
	buf_addc(out, '(');
	ddl_quote(sort->name, out);
	if (gone) {
		buf_adds(out, ", ");
		ddl_quote(gone->name, out);
	}
	buf_addc(out, ')');
	return 0;
}

/* How dlt looks its own tables up. */
static const char *
own_order(const struct table *t)
{
	if (!strcmp(t->name, "_dlt_version"))
		return "(\"schema_name\", \"inserted_at\")";
	if (!strcmp(t->name, "_dlt_pipeline_state"))
		return "(\"pipeline_name\", \"_dlt_load_id\")";
	if (!strcmp(t->name, "_dlt_loads"))
		return "(\"load_id\")";
	return NULL;
}

static int
add_order(int version, const struct table *t, struct buf *out,
    struct error *err)
{
	struct buf order = { 0 }, key = { 0 }, part = { 0 };
	const char *own = own_order(t);
	int rc = 0;

	if (own && !hints_get(&t->hints, "x-clickhouse-sort"))
		buf_adds(&order, own);
	else
		rc = add_key(t, "x-clickhouse-sort", "sort", &order, err);
	if (!add_columns_with(t, "primary_key", &key))
		buf_adds(&key, "tuple()");
	if (rc == 0)
		rc = add_key(t, "x-clickhouse-partition", "partition", &part,
		    err);
	if (version >= CH_KEY_ALONE)
		buf_addf(out, "\nPRIMARY KEY %s", key.data);
	else if (!order.len)
		buf_adds(&order, key.data);
	if (version < CH_KEY_ALONE && part.len)
		buf_addf(out, "\nPARTITION BY %s", part.data);
	if (order.len)
		buf_addf(out, "\nORDER BY %s", order.data);
	if (version >= CH_KEY_ALONE && part.len)
		buf_addf(out, "\nPARTITION BY %s", part.data);
	buf_release(&order);
	buf_release(&key);
	buf_release(&part);
	return rc;
}

int
ch_create_add(int version, const char *name, const struct table *t,
    struct buf *out, struct error *err)
{
	const char *between = " (\n";

	if (check_name(t->name, err) < 0)
		return -1;
	buf_addf(out, "CREATE TABLE IF NOT EXISTS %s", name);
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		buf_adds(out, between);
		between = ",\n";
		if (ch_column_add(version, t->columns[i], out, err) < 0)
			return -1;
	}
	buf_adds(out, "\n)");
	if (add_engine(t, out, err) < 0 || add_order(version, t, out, err) < 0)
		return -1;
	return add_settings(t, out, err);
}

/* ---- types of the database ---- */

static bool
unwrap(const char **name, size_t *len, const char *wrapper)
{
	size_t n = strlen(wrapper);

	if (*len < n + 2 || strncmp(*name, wrapper, n) != 0 ||
	    (*name)[n] != '(' || (*name)[*len - 1] != ')')
		return false;
	*name += n + 1;
	*len -= n + 2;
	return true;
}

static const struct {
	const char *base;
	enum ch_kind kind;
	int bits;
} known[] = {
	{ "String", CH_STRING, 0 },
	{ "FixedString", CH_OTHER, 0 },
	{ "Int8", CH_INT, 8 },
	{ "Int16", CH_INT, 16 },
	{ "Int32", CH_INT, 32 },
	{ "Int64", CH_INT, 64 },
	{ "UInt8", CH_UINT, 8 },
	{ "UInt16", CH_UINT, 16 },
	{ "UInt32", CH_UINT, 32 },
	{ "UInt64", CH_UINT, 64 },
	{ "Float32", CH_FLOAT, 32 },
	{ "Float64", CH_FLOAT, 64 },
	{ "Bool", CH_BOOLEAN, 0 },
	{ "Date", CH_DATE, 0 },
	{ "Date32", CH_DATE32, 0 },
	{ "DateTime", CH_DATETIME, 0 },
	{ "DateTime64", CH_DATETIME64, 0 },
	{ "Decimal", CH_DECIMAL, 0 },
};

struct ch_type
ch_type_parse(const char *name)
{
	struct ch_type t = { 0 };
	size_t len = strlen(name), base;

	t.wrapped = unwrap(&name, &len, "LowCardinality");
	t.nullable = unwrap(&name, &len, "Nullable");
	base = strcspn(name, "( )");
	for (size_t i = 0; i < ARRAY_LEN(known); i++) {
		if (strlen(known[i].base) != base ||
		    strncmp(name, known[i].base, base) != 0)
			continue;
		t.kind = known[i].kind;
		t.bits = known[i].bits;
	}
	if (t.kind == CH_DECIMAL &&
	    sscanf(name + base, "(%3d, %3d", &t.precision, &t.scale) != 2)
		t.kind = CH_OTHER;
	if (t.kind == CH_DATETIME64 &&
	    sscanf(name + base, "(%1d", &t.scale) != 1)
		t.kind = CH_OTHER;
	if (t.kind == CH_DATETIME || t.kind == CH_DATETIME64)
		t.zoned = strchr(name, '\'') != NULL;
	return t;
}

bool
ch_type_fits(const struct ch_type *have, enum data_type want)
{
	switch (have->kind) {
	case CH_STRING:
		/* times and what is wide have no type of their own in old
		 * servers */
		return want != TYPE_BIGINT && want != TYPE_DOUBLE &&
		    want != TYPE_BOOL && want != TYPE_DECIMAL &&
		    want != TYPE_DATE;
	case CH_INT:
		return want == TYPE_BIGINT;
	case CH_UINT:
		return want == TYPE_BIGINT ||
		    (want == TYPE_BOOL && have->bits == 8);
	case CH_FLOAT:
		return want == TYPE_DOUBLE;
	case CH_BOOLEAN:
		return want == TYPE_BOOL;
	case CH_DATE:
	case CH_DATE32:
		return want == TYPE_DATE;
	case CH_DATETIME:
	case CH_DATETIME64:
		return want == TYPE_TIMESTAMP;
	case CH_DECIMAL:
		return want == TYPE_DECIMAL || want == TYPE_WEI;
	default:
		return true;
	}
}

/* ---- values ---- */

void
ch_escape(const char *text, size_t len, struct buf *out)
{
	const char *end = text + len, *start = text;

	buf_reserve(out, len);
	for (; text < end; text++) {
		char c = *text;

		if (c > '\r' && c != '\\')
			continue;
		switch (c) {
		case '\\':
			break;
		case '\n':
			c = 'n';
			break;
		case '\t':
			c = 't';
			break;
		case '\r':
			c = 'r';
			break;
		case '\0':
			c = '0';
			break;
		default:
			continue;
		}
		buf_add(out, start, (size_t)(text - start));
		buf_addc(out, '\\');
		buf_addc(out, c);
		start = text + 1;
	}
	buf_add(out, start, (size_t)(end - start));
}

static int
out_of_range(const struct column *column, const char *text, size_t len,
    const char *what, struct error *err)
{
	return error_set(err, ERR_DATA,
	    "column \"%s\": %.*s%s is not within what %s can hold",
	    column->name, len > 60 ? 60 : (int)len, text, len > 60 ? "..." : "",
	    what);
}

static int
add_integer(const struct ch_type *type, const struct column *column, int64_t v,
    struct buf *out, struct error *err)
{
	char text[24];
	int n = snprintf(text, sizeof(text), "%lld", (long long)v);
	bool fits = true;

	if (type->kind == CH_INT && type->bits < 64)
		fits = v >= -(INT64_C(1) << (type->bits - 1)) &&
		    v < INT64_C(1) << (type->bits - 1);
	else if (type->kind == CH_UINT)
		fits = v >= 0 &&
		    (type->bits == 64 || v < INT64_C(1) << type->bits);
	if (!fits)
		return out_of_range(column, text, (size_t)n,
		    "its type of integers", err);
	buf_add(out, text, (size_t)n);
	return 0;
}

/* One that needs more than 63 bits. */
static int
add_large(const struct ch_type *type, const struct column *column,
    const struct cell *c, struct buf *out, struct error *err)
{
	bool fits = type->kind == CH_UINT && type->bits == 64
	    ? *c->text != '-' && integer_fits_uint64(c->text, c->len)
	    : type->bits == 64 && integer_fits_int64(c->text, c->len);

	if (!fits)
		return out_of_range(column, c->text, c->len,
		    "its type of integers", err);
	buf_add(out, c->text, c->len);
	return 0;
}

/* Both ends as text, which sorts as they do. */
static int
add_time(const struct ch_type *type, const struct column *column,
    const struct cell *c, struct buf *out, struct error *err)
{
	static const struct {
		enum ch_kind kind;
		const char *name, *first, *last;
		size_t keep;
	} ranges[] = {
		{ CH_DATE, "Date", "1970-01-01", "2105-12-31", 10 },
		{ CH_DATE32, "Date32", "1925-01-01", "2283-11-11", 10 },
		{ CH_DATETIME, "DateTime", "1970-01-01", "2105-12-31", 19 },
		{ CH_DATETIME64, "DateTime64", "1900-01-01", "2299-12-31", 26 },
	};
	size_t i = 0;

	while (ranges[i].kind != type->kind)
		i++;
	if (c->len < 10 || memcmp(c->text, ranges[i].first, 10) < 0 ||
	    memcmp(c->text, ranges[i].last, 10) > 0)
		return out_of_range(column, c->text, c->len, ranges[i].name,
		    err);
	buf_add(out, c->text,
	    c->len < ranges[i].keep ? c->len : ranges[i].keep);
	return 0;
}

/* Digits without point and sign; *point: how many stand before it. */
static bool
split_number(const char *s, size_t len, struct buf *digits, long *point,
    bool *negative)
{
	size_t i = 0;
	bool behind = false;
	long exponent = 0;

	*negative = len && *s == '-';
	*point = 0;
	if (len && (*s == '-' || *s == '+'))
		i++;
	for (; i < len && s[i] != 'e' && s[i] != 'E'; i++) {
		if (s[i] == '.' && !behind) {
			behind = true;
			continue;
		}
		if (s[i] < '0' || s[i] > '9')
			return false;
		/* zeros at the front count for nothing */
		if (digits->len || s[i] != '0') {
			buf_addc(digits, s[i]);
			*point += !behind;
		} else {
			*point -= behind;
		}
	}
	if (i < len) {
		char tail[16];

		if (len - i - 1 >= sizeof(tail))
			return false;
		memcpy(tail, s + i + 1, len - i - 1);
		tail[len - i - 1] = '\0';
		exponent = strtol(tail, NULL, 10);
	}
	*point += exponent;
	return true;
}

/* Half and more goes away from zero. True: a digit more in front. */
static bool
round_up(char *digits, size_t len)
{
	while (len-- > 0) {
		if (digits[len] != '9') {
			digits[len]++;
			return false;
		}
		digits[len] = '0';
	}
	return true;
}

/* With exactly the scale's digits behind the point, or fewer. */
static int
add_decimal(const struct ch_type *type, const struct column *column,
    const char *s, size_t len, struct buf *out, struct error *err)
{
	struct buf d = { 0 };
	bool negative, carry = false;
	long point, keep;
	int rc = 0;

	if (!split_number(s, len, &d, &point, &negative) ||
	    (d.len && point > type->precision - type->scale))
		goto bad;
	keep = point + type->scale;
	if (keep < 0) {
		buf_reset(&d);
	} else if ((size_t)keep < d.len) {
		carry = d.data[keep] >= '5' && round_up(d.data, (size_t)keep);
		d.len = (size_t)keep;
		d.data[keep] = '\0';
	}
	if (carry) { /* a digit in front of all */
		buf_addc(&d, '0');
		memmove(d.data + 1, d.data, d.len - 1);
		*d.data = '1';
		point++;
	}
	if (d.len && point > type->precision - type->scale)
		goto bad;
	if (negative && d.len)
		buf_addc(out, '-');
	if (point <= 0 || !d.len)
		buf_addc(out, '0');
	for (long i = 0; d.len && i < point; i++)
		buf_addc(out, (size_t)i < d.len ? d.data[i] : '0');
	if (d.len && point < (long)d.len) {
		buf_addc(out, '.');
		for (long i = point; i < (long)d.len; i++)
			buf_addc(out, i < 0 ? '0' : d.data[i]);
	}
	buf_release(&d);
	return rc;
bad:
	buf_release(&d);
	return out_of_range(column, s, len, "its Decimal", err);
}

static int
add_text(const struct ch_type *type, const struct column *column,
    const struct cell *c, struct buf *out, struct error *err)
{
	switch (type->kind) {
	case CH_INT:
	case CH_UINT:
		return add_large(type, column, c, out, err);
	case CH_DATE:
	case CH_DATE32:
	case CH_DATETIME:
	case CH_DATETIME64:
		return add_time(type, column, c, out, err);
	case CH_DECIMAL:
		return add_decimal(type, column, c->text, c->len, out, err);
	default:
		ch_escape(c->text, c->len, out);
		return 0;
	}
}

static int
add_double(const struct ch_type *type, const struct column *column, double v,
    struct buf *out, struct error *err)
{
	size_t start = out->len;

	double_repr(v, out);
	if (type->kind == CH_DECIMAL) {
		struct buf text = { 0 };
		int rc;

		buf_add(&text, out->data + start, out->len - start);
		out->len = start;
		rc = add_decimal(type, column, text.data, text.len, out, err);
		buf_release(&text);
		return rc;
	}
	return 0;
}

int
ch_value_add(const struct ch_type *type, const struct column *column,
    const struct cell *c, struct buf *out, struct error *err)
{
	switch (c ? c->kind : CELL_NULL) {
	case CELL_INTEGER:
		if (type->kind == CH_BOOLEAN) {
			buf_adds(out, c->integer ? "true" : "false");
			return 0;
		}
		return add_integer(type, column, c->integer, out, err);
	case CELL_DOUBLE:
		return add_double(type, column, c->number, out, err);
	case CELL_TEXT:
	case CELL_BLOB:
		return add_text(type, column, c, out, err);
	default:
		if (!type->nullable && type->kind != CH_OTHER)
			return error_set(err, ERR_DATA,
			    "column \"%s\" must not be null", column->name);
		buf_adds(out, "\\N");
		return 0;
	}
}

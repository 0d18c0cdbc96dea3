/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include "common/decimal.h"
#include "common/timestamp.h"

#include <endian.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define US_TO_2000   INT64_C(946684800000000)
#define DAYS_TO_2000 10957
#define US_PER_DAY   INT64_C(86400000000)

/* Limits of numeric: digits before and after the point. */
#define MAX_BEFORE 131072
#define MAX_AFTER  16383

static void
add_16(struct buf *out, int v)
{
	uint16_t be = htobe16((uint16_t)v);

	buf_add(out, &be, sizeof(be));
}

static void
add_32(struct buf *out, uint32_t v)
{
	uint32_t be = htobe32(v);

	buf_add(out, &be, sizeof(be));
}

/* A value with its length before it. */
static void
add_sized(struct buf *out, const void *data, uint32_t len)
{
	uint32_t be = htobe32(len);
	char *to;

	buf_reserve(out, (size_t)len + sizeof(be));
	to = out->data + out->len;
	memcpy(to, &be, sizeof(be));
	if (len)
		memcpy(to + sizeof(be), data, len);
	out->len += len + sizeof(be);
	out->data[out->len] = '\0';
}

static void
add_sized_32(struct buf *out, uint32_t v)
{
	uint32_t be = htobe32(v);

	add_sized(out, &be, sizeof(be));
}

static void
add_sized_64(struct buf *out, uint64_t v)
{
	uint64_t be = htobe64(v);

	add_sized(out, &be, sizeof(be));
}

/* ---- numeric ---- */

enum numeric_sign {
	NUMERIC_POSITIVE = 0,
	NUMERIC_NEGATIVE = 0x4000,
	NUMERIC_NAN = 0xc000,
	NUMERIC_INF = 0xd000,
	NUMERIC_NEGATIVE_INF = 0xf000,
};

/* The value is 0.DIGITS times ten to the power of point. */
struct number {
	bool negative;
	const char *digits, *end; /* a point may stand among them */
	long point;
	long after; /* digits behind the point, as written */
};

static int
out_of_range(const char *s, size_t len, struct error *err)
{
	return error_set(err, ERR_DATA, "number %.*s is out of range",
	    (int)(len > 80 ? 80 : len), s);
}

/* [+-]digits and nothing else. */
static bool
read_exponent(const char *p, const char *end, long *out)
{
	bool negative = p < end && *p == '-';
	long v = 0;

	p += p < end && (*p == '-' || *p == '+');
	if (p == end)
		return false;
	for (; p < end; p++) {
		if (*p < '0' || *p > '9')
			return false;
		if (v < 100000000)
			v = v * 10 + (*p - '0');
	}
	*out = negative ? -v : v;
	return true;
}

/* [-]digits[.digits][E[+-]digits]; false for anything else. */
static bool
read_number(const char *s, size_t len, struct number *n)
{
	const char *p = s, *end = s + len, *dot = NULL, *mark;
	long exponent = 0;

	n->negative = p < end && *p == '-';
	p += n->negative || (p < end && *p == '+');
	n->digits = p;
	for (; p < end && ((*p >= '0' && *p <= '9') || (*p == '.' && !dot));
	     p++)
		if (*p == '.')
			dot = p;
	n->end = mark = p;
	if (p == n->digits || (dot && n->end - n->digits == 1))
		return false;
	if (p < end && *p != 'e' && *p != 'E')
		return false;
	if (p < end && !read_exponent(p + 1, end, &exponent))
		return false;
	n->point = (dot ? dot : mark) - n->digits + exponent;
	n->after = (dot ? mark - dot - 1 : 0) - exponent;
	for (; n->digits < n->end && (*n->digits == '0' || *n->digits == '.');
	     n->digits++)
		n->point -= *n->digits == '0';
	while (n->end > n->digits && (n->end[-1] == '0' || n->end[-1] == '.'))
		n->end--;
	return true;
}

static void
add_header(struct buf *out, long groups, long weight, int sign, long scale)
{
	add_16(out, (int)groups);
	add_16(out, (int)weight);
	add_16(out, sign);
	add_16(out, (int)scale);
}

/* Digits go in groups of four, aligned to the point. */
static void
add_groups(struct buf *out, const struct number *n, long weight, long skip)
{
	size_t at = out->len;
	long groups = 0, scale = n->after < 0 ? 0 : n->after;
	int value = 0, have = (int)skip;

	if (scale > MAX_AFTER)
		scale = MAX_AFTER;
	add_header(out, 0, weight, n->negative ? NUMERIC_NEGATIVE : 0, scale);
	for (const char *p = n->digits; p < n->end; p++) {
		if (*p == '.')
			continue;
		value = value * 10 + (*p - '0');
		if (++have == 4) {
			add_16(out, value);
			groups++;
			value = have = 0;
			if ((groups - weight - 1) * 4 >= MAX_AFTER)
				break;
		}
	}
	if (have && n->digits < n->end) {
		for (; have < 4; have++)
			value *= 10;
		add_16(out, value);
		groups++;
	}
	out->data[at] = (char)(groups >> 8);
	out->data[at + 1] = (char)groups;
}

int
pg_numeric_add(const char *s, size_t len, struct buf *out, struct error *err)
{
	bool negative = len && *s == '-';
	struct number n;
	long weight;

	if (len > negative && memchr("nNsS", s[negative], 4)) {
		add_header(out, 0, 0, NUMERIC_NAN, 0);
		return 0;
	}
	if (len > negative && (s[negative] == 'I' || s[negative] == 'i')) {
		add_header(out, 0, 0,
		    negative ? NUMERIC_NEGATIVE_INF : NUMERIC_INF, 0);
		return 0;
	}
	if (!read_number(s, len, &n))
		return error_set(err, ERR_DATA, "\"%.*s\" is no number",
		    (int)(len > 80 ? 80 : len), s);
	if (n.digits == n.end) {
		add_header(out, 0, 0, 0,
		    n.after < 0               ? 0
		        : n.after > MAX_AFTER ? MAX_AFTER
		                              : n.after);
		return 0;
	}
	if (n.point > MAX_BEFORE)
		return out_of_range(s, len, err);
	if (n.point < -MAX_AFTER) { /* rounds to nothing */
		add_header(out, 0, 0, 0, MAX_AFTER);
		return 0;
	}
	/* floor((point - 1) / 4) */
	weight = (n.point - 1 + 4L * MAX_BEFORE) / 4 - MAX_BEFORE;
	add_groups(out, &n, weight, (weight + 1) * 4 - n.point);
	return 0;
}

/* ---- one value ---- */

bool
pg_value_fits(enum data_type type, uint32_t oid)
{
	bool text = oid == PG_TEXT || oid == PG_VARCHAR || oid == PG_BPCHAR;

	switch (type) {
	case TYPE_TEXT:
		return text;
	case TYPE_BIGINT:
		return oid == PG_INT8 || oid == PG_INT4 || oid == PG_INT2;
	case TYPE_DOUBLE:
		return oid == PG_FLOAT8 || oid == PG_FLOAT4;
	case TYPE_BOOL:
		return oid == PG_BOOL;
	case TYPE_TIMESTAMP:
		return oid == PG_TIMESTAMP || oid == PG_TIMESTAMPTZ;
	case TYPE_DATE:
		return oid == PG_DATE;
	case TYPE_TIME:
		return oid == PG_TIME;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		return oid == PG_NUMERIC;
	case TYPE_BINARY:
		return oid == PG_BYTEA;
	case TYPE_JSON:
		return oid == PG_JSONB || oid == PG_JSON || text;
	default:
		return false;
	}
}

static int
add_integer(uint32_t oid, int64_t v, struct buf *out, struct error *err)
{
	switch (oid) {
	case PG_BOOL:
		add_32(out, 1);
		buf_addc(out, v != 0);
		return 0;
	case PG_INT2:
		if (v < INT16_MIN || v > INT16_MAX)
			break;
		add_32(out, 2);
		add_16(out, (int)v);
		return 0;
	case PG_INT4:
		if (v < INT32_MIN || v > INT32_MAX)
			break;
		add_sized_32(out, (uint32_t)v);
		return 0;
	case PG_DATE:
		add_sized_32(out, (uint32_t)(v - DAYS_TO_2000));
		return 0;
	case PG_TIMESTAMP:
	case PG_TIMESTAMPTZ:
		v -= US_TO_2000;
		/* fall through */
	default:
		add_sized_64(out, (uint64_t)v);
		return 0;
	}
	return error_set(err, ERR_DATA, "integer %lld is out of range",
	    (long long)v);
}

static int
add_number(uint32_t oid, const char *s, size_t len, struct buf *out,
    struct error *err)
{
	size_t at = out->len;
	uint32_t size;

	add_32(out, 0);
	if (pg_numeric_add(s, len, out, err) < 0)
		return -1;
	size = htobe32((uint32_t)(out->len - at - 4));
	memcpy(out->data + at, &size, 4);
	return 0;
}

static int
add_double(uint32_t oid, double v, struct buf *out, struct error *err)
{
	struct buf text = { 0 };
	union {
		double d;
		uint64_t u;
	} eight = { .d = v };
	union {
		float f;
		uint32_t u;
	} four = { .f = (float)v };
	int rc = 0;

	if (oid == PG_FLOAT8) {
		add_sized_64(out, eight.u);
	} else if (oid == PG_FLOAT4) {
		add_sized_32(out, four.u);
	} else {
		double_repr(v, &text);
		rc = add_number(oid, text.data, text.len, out, err);
		buf_release(&text);
	}
	return rc;
}

int
pg_value_add(enum data_type type, uint32_t oid, const struct cell *c,
    struct buf *out, struct error *err)
{
	switch (c->kind) {
	case CELL_INTEGER:
		return add_integer(oid, c->integer, out, err);
	case CELL_DOUBLE:
		return add_double(oid, c->number, out, err);
	case CELL_TEXT:
	case CELL_BLOB:
		if (oid == PG_NUMERIC)
			return add_number(oid, c->text, c->len, out, err);
		if (c->len >= INT_MAX)
			return error_set(err, ERR_DATA, "value of %u bytes",
			    c->len);
		if (oid != PG_JSONB) {
			add_sized(out, c->text, c->len);
			return 0;
		}
		add_32(out, c->len + 1);
		buf_addc(out, 1); /* the version of its form */
		buf_add(out, c->text, c->len);
		return 0;
	default:
		add_32(out, UINT32_MAX);
		return 0;
	}
}

/* ---- COPY's text form ---- */

static void
add_escaped(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		switch (s[i]) {
		case '\\':
			buf_adds(out, "\\\\");
			break;
		case '\n':
			buf_adds(out, "\\n");
			break;
		case '\r':
			buf_adds(out, "\\r");
			break;
		case '\t':
			buf_adds(out, "\\t");
			break;
		default:
			buf_addc(out, s[i]);
		}
	}
}

static void
add_time(enum data_type type, int64_t v, struct buf *out)
{
	struct timestamp ts = { .us = v };

	if (type == TYPE_DATE) {
		date_format(v * US_PER_DAY, out);
	} else if (type == TYPE_TIME) {
		time_format(&ts, out);
	} else {
		timestamp_format_sql(&ts, out);
		buf_adds(out, "+00");
	}
}

int
pg_value_add_text(enum data_type type, const struct cell *c, struct buf *out,
    struct error *err)
{
	switch (c->kind) {
	case CELL_INTEGER:
		if (type == TYPE_BIGINT)
			buf_addf(out, "%lld", (long long)c->integer);
		else if (type == TYPE_BOOL)
			buf_addc(out, c->integer ? 't' : 'f');
		else
			add_time(type, c->integer, out);
		return 0;
	case CELL_DOUBLE:
		double_repr(c->number, out);
		return 0;
	case CELL_TEXT:
		if (memchr(c->text, 0, c->len))
			return error_set(err, ERR_DATA,
			    "PostgreSQL cannot hold NUL in a text");
		add_escaped(c->text, c->len, out);
		return 0;
	case CELL_BLOB:
		buf_adds(out, "\\\\x");
		for (uint32_t i = 0; i < c->len; i++)
			buf_addf(out, "%02x", (unsigned char)c->text[i]);
		return 0;
	default:
		buf_adds(out, "\\N");
		return 0;
	}
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/cursor_value.h"

#include "common/decimal.h"
#include "common/json.h"
#include "common/jsonw.h"
#include "common/type.h"

#include <stdlib.h>
#include <string.h>

#define MARK_LEN 3 /* U+F026 to U+F02D in UTF-8 */
enum { MARK_DECIMAL = 0xa6, MARK_TIMESTAMP, MARK_DATE, MARK_UUID };

/* ---- from text ---- */

static void
set_own(struct cursor_value *v, enum cursor_kind kind, const char *text,
    size_t len)
{
	/* the text may be a part of own */
	struct buf copy = { 0 };

	buf_add(&copy, text, len);
	buf_release(&v->own);
	v->own = copy;
	v->kind = kind;
	v->text = buf_str(&v->own);
	v->len = len;
}

static void
set_number(struct cursor_value *v, const char *raw, size_t len)
{
	v->text = raw;
	v->len = len;
	if (!number_is_integer(raw, len)) {
		v->kind = CURSOR_DOUBLE;
		v->number = decimal_to_double(raw, len);
		return;
	}
	v->kind = CURSOR_INTEGER;
	v->small = len < 19 || integer_fits_int64(raw, len);
	if (v->small)
		v->integer = strtoll(raw, NULL, 10);
}

static enum cursor_kind
kind_of(const struct value *v)
{
	switch (v->type) {
	case TYPE_TIMESTAMP:
		return CURSOR_TIMESTAMP;
	case TYPE_DATE:
		return CURSOR_DATE;
	case TYPE_TIME:
		return CURSOR_TIME;
	case TYPE_DECIMAL:
		return CURSOR_DECIMAL;
	case TYPE_WEI:
		return CURSOR_WEI;
	case TYPE_BINARY:
		return v->hex ? CURSOR_HEXBYTES : CURSOR_BYTES;
	default:
		return CURSOR_TEXT;
	}
}

/* A string with a marker. */
static void
set_marked(struct cursor_value *v, const char *s, size_t len)
{
	struct json node = { .kind = JSON_STRING, .str = s, .len = len };
	bool uuid = (unsigned char)s[2] == MARK_UUID;
	struct arena a = { 0 };
	struct value typed;

	value_from_json(&node, &a, &typed);
	v->kind = kind_of(&typed);
	v->ts = typed.ts;
	if (uuid && typed.len == 36 && typed.text != s)
		v->kind = CURSOR_UUID;
	if (typed.text != NULL)
		set_own(v, v->kind, typed.text, typed.len);
	arena_release(&a);
}

static bool
has_marker(const char *s, size_t len)
{
	return len > MARK_LEN && memcmp(s, "\xef\x80", 2) == 0 &&
	    (unsigned char)s[2] >= MARK_DECIMAL;
}

static void
set_string(struct cursor_value *v, const char *raw, size_t len)
{
	const char *s = raw + 1;
	size_t n = len - 2;
	struct json_doc doc = { 0 };
	struct error ignored;
	struct iso iso;

	if (memchr(s, '\\', n) != NULL) {
		if (json_parse(&doc, raw, len, &ignored) == 0)
			set_own(v, CURSOR_TEXT, doc.root->str, doc.root->len);
		json_release(&doc);
		/* A marker that is an escape marks nothing. */
		if (*s == '\\' || !has_marker(v->text, v->len))
			return;
		s = v->text;
		n = v->len;
	}
	v->kind = CURSOR_TEXT;
	v->text = s;
	v->len = n;
	if (!has_marker(s, n))
		return;
	if ((unsigned char)s[2] == MARK_TIMESTAMP) {
		iso_parse(s + MARK_LEN, n - MARK_LEN, &iso);
		if (iso.kind == ISO_DATETIME || iso.kind == ISO_DATE) {
			v->kind = CURSOR_TIMESTAMP;
			v->ts = iso.ts;
		}
		return;
	}
	set_marked(v, s, n);
}

void
cursor_value_parse(struct cursor_value *v, const char *raw, size_t len)
{
	v->small = false;
	v->text = raw;
	v->len = len;
	switch (raw[0]) {
	case '"':
		set_string(v, raw, len);
		return;
	case '{':
	case '[':
		v->kind = CURSOR_JSON;
		return;
	case 'n':
		v->kind = CURSOR_NULL;
		return;
	case 't':
	case 'f':
		v->kind = CURSOR_BOOL;
		v->small = true;
		v->integer = raw[0] == 't';
		return;
	default:
		set_number(v, raw, len);
	}
}

void
cursor_value_keep(struct cursor_value *to, const struct cursor_value *v)
{
	struct buf own = to->own;

	*to = *v;
	buf_reset(&own);
	buf_add(&own, v->len != 0 ? v->text : "", v->len);
	to->own = own;
	to->text = buf_str(&to->own);
}

void
cursor_value_release(struct cursor_value *v)
{
	buf_release(&v->own);
	*v = (struct cursor_value){ 0 };
}

bool
cursor_value_adapt(struct cursor_value *v, const struct cursor_value *like)
{
	struct timestamp ts;
	struct buf b = { 0 };
	struct iso iso;
	bool ok;

	if (v->kind != CURSOR_TEXT)
		return false;
	switch (like->kind) {
	case CURSOR_TIMESTAMP:
		iso_parse(v->text, v->len, &iso);
		ok = iso.kind == ISO_DATETIME || iso.kind == ISO_DATE;
		ts = iso.ts;
		break;
	case CURSOR_DATE:
		ok = date_from_iso(v->text, v->len, &ts);
		break;
	case CURSOR_TIME:
		ok = time_from_iso(v->text, v->len, &ts);
		break;
	case CURSOR_DECIMAL:
	case CURSOR_WEI:
		ok = memchr(v->text, 'x', v->len) == NULL &&
		    text_to_decimal(v->text, v->len, &b);
		if (ok)
			set_own(v, like->kind, b.data, b.len);
		buf_release(&b);
		return ok;
	default:
		return false;
	}
	if (!ok)
		return false;
	v->kind = like->kind;
	v->ts = ts;
	return true;
}

/* ---- numbers ---- */

static bool
is_number(const struct cursor_value *v)
{
	return v->kind >= CURSOR_BOOL && v->kind <= CURSOR_WEI;
}

/* A decimal number taken apart: 0.DIGITS * 10^exponent. */
struct parts {
	bool negative, infinite, nan;
	struct buf digits; /* no zeros at either end; empty: 0 */
	long long exponent;
};

static void
take_apart(const char *s, size_t len, struct parts *p)
{
	const char *end = s + len;
	bool point = false;

	*p = (struct parts){ 0 };
	p->negative = s < end && *s == '-';
	s += s < end && (*s == '-' || *s == '+');
	p->infinite = s < end && (*s == 'I' || *s == 'i');
	p->nan = s < end && (*s == 'N' || *s == 's' || *s == 'n');
	if (p->infinite || p->nan)
		return;
	for (; s < end && (*s == '.' || (*s >= '0' && *s <= '9')); s++) {
		if (*s == '.') {
			point = true;
		} else if (*s == '0' && p->digits.len == 0) {
			p->exponent -= point;
		} else {
			buf_addc(&p->digits, *s);
			p->exponent += !point;
		}
	}
	if (s < end)
		p->exponent += strtoll(s + 1, NULL, 10);
	while (p->digits.len > 0 && p->digits.data[p->digits.len - 1] == '0')
		p->digits.len--;
	if (p->digits.len == 0)
		p->negative = false;
}

static void
parts_of(const struct cursor_value *v, struct parts *p)
{
	struct buf b = { 0 };

	if (v->small)
		buf_addf(&b, "%lld", (long long)v->integer);
	else if (v->kind == CURSOR_DOUBLE)
		double_to_decimal(v->number, &b);
	else
		buf_add(&b, v->text, v->len);
	/* buf keeps a NUL behind its bytes: the exponent ends there */
	take_apart(buf_str(&b), b.len, p);
	buf_release(&b);
}

static int
compare_bytes(const char *a, size_t a_len, const char *b, size_t b_len)
{
	size_t n = a_len < b_len ? a_len : b_len;
	int c = n != 0 ? memcmp(a, b, n) : 0;

	if (c == 0)
		c = (a_len > b_len) - (a_len < b_len);
	return c < 0 ? -1 : c > 0;
}

/* Of two that are not negative. */
static int
compare_magnitude(const struct parts *a, const struct parts *b)
{
	if (a->infinite || b->infinite)
		return a->infinite - b->infinite;
	if (a->digits.len == 0 || b->digits.len == 0)
		return (a->digits.len != 0) - (b->digits.len != 0);
	if (a->exponent != b->exponent)
		return a->exponent < b->exponent ? -1 : 1;
	return compare_bytes(a->digits.data, a->digits.len, b->digits.data,
	    b->digits.len);
}

static int
compare_exactly(const struct cursor_value *a, const struct cursor_value *b,
    int *order, struct error *err)
{
	struct parts x, y;
	int rc = 0;

	parts_of(a, &x);
	parts_of(b, &y);
	if (x.nan || y.nan)
		rc = error_set(err, ERR_DATA, "NaN compares with no number");
	else if (x.negative != y.negative)
		*order = x.negative ? -1 : 1;
	else
		*order = x.negative ? compare_magnitude(&y, &x)
		                    : compare_magnitude(&x, &y);
	buf_release(&x.digits);
	buf_release(&y.digits);
	return rc;
}

static int
compare_numbers(const struct cursor_value *a, const struct cursor_value *b,
    int *order, struct error *err)
{
	if (a->small && b->small) {
		*order = (a->integer > b->integer) - (a->integer < b->integer);
		return 0;
	}
	if (a->kind == CURSOR_DOUBLE && b->kind == CURSOR_DOUBLE) {
		*order = (a->number > b->number) - (a->number < b->number);
		return 0;
	}
	return compare_exactly(a, b, order, err);
}

/* ---- all kinds ---- */

/* Microseconds in UTC; a naive one as it is. */
static int64_t
instant(const struct timestamp *ts)
{
	return ts->us -
	    (ts->has_zone ? (int64_t)ts->offset_s * 1000000 : (int64_t)0);
}

static bool
is_comparable(const struct cursor_value *a, const struct cursor_value *b)
{
	if (is_number(a))
		return is_number(b);
	if ((a->kind == CURSOR_BYTES || a->kind == CURSOR_HEXBYTES) &&
	    (b->kind == CURSOR_BYTES || b->kind == CURSOR_HEXBYTES))
		return true;
	if (a->kind != b->kind || a->kind == CURSOR_NULL ||
	    a->kind == CURSOR_JSON)
		return false;
	return (a->kind != CURSOR_TIMESTAMP && a->kind != CURSOR_TIME) ||
	    a->ts.has_zone == b->ts.has_zone;
}

int
cursor_value_compare(const struct cursor_value *a, const struct cursor_value *b,
    int *order, struct error *err)
{
	if (!is_comparable(a, b))
		return error_set(err, ERR_DATA, "%s does not compare with %s",
		    cursor_value_kind(a), cursor_value_kind(b));
	if (is_number(a))
		return compare_numbers(a, b, order, err);
	if (a->kind == CURSOR_TIMESTAMP || a->kind == CURSOR_DATE ||
	    a->kind == CURSOR_TIME) {
		int64_t x = instant(&a->ts), y = instant(&b->ts);

		*order = (x > y) - (x < y);
		return 0;
	}
	*order = compare_bytes(a->text, a->len, b->text, b->len);
	return 0;
}

bool
cursor_value_equal(const struct cursor_value *a, const struct cursor_value *b)
{
	struct error ignored;
	int order;

	return is_comparable(a, b) &&
	    cursor_value_compare(a, b, &order, &ignored) == 0 && order == 0;
}

bool
cursor_value_is_true(const struct cursor_value *v)
{
	struct parts p;
	bool truth;

	switch (v->kind) {
	case CURSOR_NULL:
		return false;
	case CURSOR_TIMESTAMP:
	case CURSOR_DATE:
	case CURSOR_TIME:
	case CURSOR_UUID:
		return true;
	case CURSOR_TEXT:
	case CURSOR_BYTES:
	case CURSOR_HEXBYTES:
		return v->len != 0;
	case CURSOR_JSON:
		return true;
	case CURSOR_DOUBLE:
		return v->number != 0;
	default:
		break;
	}
	if (v->small)
		return v->integer != 0;
	parts_of(v, &p);
	truth = p.nan || p.infinite || p.digits.len != 0;
	buf_release(&p.digits);
	return truth;
}

/* ---- to text ---- */

static void
write_typed(const struct cursor_value *v, enum data_type type, struct buf *out)
{
	struct value typed = { .type = type,
		.hex = v->kind == CURSOR_HEXBYTES,
		.text = v->text,
		.len = v->len,
		.ts = v->ts };

	value_write_typed(&typed, out);
}

void
cursor_value_double(double v, struct buf *out)
{
	struct buf b = { 0 };
	char *e;

	double_json(v, &b);
	e = strchr(b.data, 'e');
	if (e != NULL && e[1] != '-')
		buf_addf(out, "%.*s+%s", (int)(e + 1 - b.data), b.data, e + 1);
	else
		buf_add(out, b.data, b.len);
	buf_release(&b);
}

void
cursor_value_write(const struct cursor_value *v, struct buf *out)
{
	switch (v->kind) {
	case CURSOR_NULL:
		buf_adds(out, "null");
		return;
	case CURSOR_BOOL:
		buf_adds(out, v->integer ? "true" : "false");
		return;
	case CURSOR_INTEGER:
		if (v->small)
			buf_addf(out, "%lld", (long long)v->integer);
		else
			buf_add(out, v->text, v->len);
		return;
	case CURSOR_DOUBLE:
		cursor_value_double(v->number, out);
		return;
	case CURSOR_DECIMAL:
		write_typed(v, TYPE_DECIMAL, out);
		return;
	case CURSOR_WEI:
		write_typed(v, TYPE_WEI, out);
		return;
	case CURSOR_TIMESTAMP:
		write_typed(v, TYPE_TIMESTAMP, out);
		return;
	case CURSOR_DATE:
		write_typed(v, TYPE_DATE, out);
		return;
	case CURSOR_TIME:
		write_typed(v, TYPE_TIME, out);
		return;
	case CURSOR_BYTES:
	case CURSOR_HEXBYTES:
		write_typed(v, TYPE_BINARY, out);
		return;
	case CURSOR_UUID:
		buf_addf(out, "\"\xef\x80\xa9%.*s\"", (int)v->len, v->text);
		return;
	case CURSOR_JSON:
		buf_add(out, v->text, v->len);
		return;
	case CURSOR_TEXT:
		jsonw_quote(out, v->text, v->len);
		return;
	}
}

const char *
cursor_value_kind(const struct cursor_value *v)
{
	switch (v->kind) {
	case CURSOR_NULL:
		return "null";
	case CURSOR_TEXT:
		return "text";
	case CURSOR_TIMESTAMP:
		return v->ts.has_zone ? "a timestamp"
		                      : "a timestamp without zone";
	case CURSOR_DATE:
		return "a date";
	case CURSOR_TIME:
		return v->ts.has_zone ? "a time with a zone" : "a time";
	case CURSOR_UUID:
		return "a UUID";
	case CURSOR_BYTES:
	case CURSOR_HEXBYTES:
		return "binary data";
	case CURSOR_JSON:
		return *v->text == '[' ? "an array" : "an object";
	default:
		return "a number";
	}
}

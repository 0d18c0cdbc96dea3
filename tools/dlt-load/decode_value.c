/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/decode_private.h"

#include "common/decimal.h"
#include "common/hash.h"
#include "common/scan.h"
#include "common/timestamp.h"
#include "common/utf8.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* ---- strings ---- */

/* To the next quote, backslash or control byte; *high is set when a byte above
 * 0x7f was seen. Reads up to 15 bytes beyond end (SCAN_SLACK). */
static const char *
string_run(const char *p, const char *end, bool *high)
{
#if defined(__SSE2__)
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i control = _mm_set1_epi8(0x1f);

	for (; p < end; p += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i stop = _mm_or_si128(_mm_cmpeq_epi8(x, quote),
		    _mm_cmpeq_epi8(x, slash));
		int bits;

		stop = _mm_or_si128(stop,
		    _mm_cmpeq_epi8(_mm_min_epu8(x, control), x));
		bits = _mm_movemask_epi8(stop);
		if (bits) {
			int n = __builtin_ctz((unsigned)bits);

			*high |= (_mm_movemask_epi8(x) & ((1 << n) - 1)) != 0;
			p += n;
			return p < end ? p : end;
		}
		*high |= _mm_movemask_epi8(x) != 0;
	}
	return end;
#else
	for (; p < end && *p != '"' && *p != '\\' && (unsigned char)*p >= 0x20;
	     p++)
		*high |= (unsigned char)*p >= 0x80;
	return p;
#endif
}

static int
hex4(const char *p, const char *end)
{
	int v = 0;

	if (end - p < 4)
		return -1;
	for (int i = 0; i < 4; i++) {
		char c = p[i];

		v <<= 4;
		if (c >= '0' && c <= '9')
			v |= c - '0';
		else if (c >= 'a' && c <= 'f')
			v |= c - 'a' + 10;
		else if (c >= 'A' && c <= 'F')
			v |= c - 'A' + 10;
		else
			return -1;
	}
	return v;
}

/* What stands behind "\u" at *p; advances *p. Returns bytes put, 0: bad. */
static size_t
unicode_escape(const char **p, const char *end, char *out)
{
	int high = hex4(*p, end), low;

	if (high < 0 || (high >= 0xdc00 && high < 0xe000))
		return 0;
	*p += 4;
	if (high < 0xd800 || high >= 0xe000)
		return utf8_put(out, (uint32_t)high);
	if (end - *p < 6 || (*p)[0] != '\\' || (*p)[1] != 'u')
		return 0;
	low = hex4(*p + 2, end);
	if (low < 0xdc00 || low >= 0xe000)
		return 0;
	*p += 6;
	return utf8_put(out,
	    0x10000 + (((uint32_t)high - 0xd800) << 10) +
	        ((uint32_t)low - 0xdc00));
}

/* One escape at *p, behind the backslash. Returns bytes put, 0: bad. */
static size_t
escape(const char **p, const char *end, char *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	const char *at;

	if (*p == end)
		return 0;
	if (**p == 'u') {
		++*p;
		return unicode_escape(p, end, out);
	}
	at = memchr(from, **p, sizeof(from) - 1);
	if (!at)
		return 0;
	++*p;
	*out = to[at - from];
	return 1;
}

/* The escaped string, from its first backslash on, into the arena: never
 * longer than it is in the text. */
static int
decode_escaped(struct batch *b, const char *start, const char *p,
    const char *close, const char **text, size_t *len, struct error *err)
{
	char *out = arena_alloc(&b->arena, (size_t)(close - start) + 1);
	size_t n = (size_t)(p - start);

	memcpy(out, start, n);
	while (p < close) {
		if (*p == '\\') {
			size_t put;

			p++;
			put = escape(&p, close, out + n);
			if (!put)
				return error_set(err, ERR_DATA, "bad escape");
			n += put;
		} else {
			out[n++] = *p++;
		}
	}
	*text = out;
	*len = n;
	return 0;
}

int
decode_string(struct batch *b, const char **p, const char *end,
    const char **text, size_t *len, struct error *err)
{
	const char *start = *p + 1, *q, *first = NULL;
	bool high = false;

	for (q = string_run(start, end, &high); q < end && *q == '\\';
	     q = string_run(q + 2, end, &high)) {
		if (!first)
			first = q;
		if (end - q < 2)
			break;
	}
	if (q >= end || *q != '"')
		return error_set(err, ERR_DATA, "%s",
		    q < end && *q != '\\' ? "control byte in a string"
		                          : "string without end");
	*p = q + 1;
	if (high && !utf8_is_valid(start, (size_t)(q - start)))
		return error_set(err, ERR_DATA, "string is not UTF-8");
	if (first)
		return decode_escaped(b, start, first, q, text, len, err);
	*text = start;
	*len = (size_t)(q - start);
	return 0;
}

/* ---- numbers ---- */

/* Digits up to 15 and small powers of ten are exact in doubles (Clinger). */
static bool
fast_double(const char *p, size_t len, double *out)
{
	static const double tens[] = { 1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7,
		1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15 };
	bool negative = len && *p == '-', point = false;
	uint64_t v = 0;
	unsigned digits = 0, after = 0;

	for (size_t i = negative; i < len; i++) {
		if (p[i] == '.') {
			point = true;
			continue;
		}
		if (p[i] < '0' || p[i] > '9' || ++digits > 15)
			return false;
		after += point;
		v = v * 10 + (uint64_t)(p[i] - '0');
	}
	*out = (double)v / tens[after];
	if (negative)
		*out = -*out;
	return true;
}

static void
set_double(const char *text, size_t len, struct cell *out)
{
	out->kind = CELL_DOUBLE;
	if (!fast_double(text, len, &out->number))
		out->number = decimal_to_double(text, len);
}

static int
set_integer(const char *p, size_t len, struct cell *out, struct error *err)
{
	bool negative = len && *p == '-';
	uint64_t v = 0;

	if (len > 18 && !integer_fits_int64(p, len))
		return error_set(err, ERR_DATA,
		    "integer %.*s does not fit into 64 bits",
		    (int)(len > 80 ? 80 : len), p);
	for (size_t i = negative; i < len; i++)
		v = v * 10 + (uint64_t)(p[i] - '0');
	out->kind = CELL_INTEGER;
	out->integer = (int64_t)(negative ? 0 - v : v);
	return 0;
}

void
cell_text(struct cell *out, const char *text, size_t len)
{
	out->kind = CELL_TEXT;
	out->text = text;
	out->len = (uint32_t)len;
}

int
cell_number(struct decoder *d, const struct column *c, const char *p,
    size_t len, bool integer, struct cell *out, struct error *err)
{
	switch (c->type) {
	case TYPE_BIGINT:
		if (integer)
			return set_integer(p, len, out, err);
		break;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		if (!d->values.double_number) {
			cell_text(out, p, len);
			return 0;
		}
		/* fall through */
	case TYPE_DOUBLE:
		set_double(p, len, out);
		if (isfinite(out->number))
			return 0;
		return error_set(err, ERR_DATA, "number out of range");
	default:
		break;
	}
	return error_set(err, ERR_DATA, "%s cannot hold the number %.*s",
	    type_name(c->type), (int)(len > 80 ? 80 : len), p);
}

/* ---- what is text in JSON, but not in the table ---- */

static void
set_buffer(struct batch *b, const struct buf *text, struct cell *out)
{
	cell_text(out, arena_strndup(&b->arena, buf_str(text), text->len),
	    text->len);
}

/* Canonical ISO text with +00:00 as SQLAlchemy stores it. */
static void
iso_to_sql(struct batch *b, const char *iso, struct cell *out)
{
	char *text = arena_alloc(&b->arena, 26);

	memcpy(text, iso, 19);
	text[10] = ' ';
	memcpy(text + 19, iso[19] == '.' ? iso + 19 : ".000000", 7);
	cell_text(out, text, 26);
}

static void
set_time(struct batch *b, int64_t us, struct cell *out)
{
	char text[64];
	int s = (int)(us / 1000000);

	snprintf(text, sizeof(text), "%02d:%02d:%02d.%06d", s / 3600,
	    s / 60 % 60, s % 60, (int)(us % 1000000));
	cell_text(out, arena_strdup(&b->arena, text), strlen(text));
}

#define US_PER_DAY INT64_C(86400000000)

static void
set_us(enum data_type type, int64_t us, struct cell *out)
{
	out->kind = CELL_INTEGER;
	out->integer = us;
	if (type == TYPE_DATE)
		out->integer = (us - (us < 0 ? US_PER_DAY - 1 : 0)) /
		    US_PER_DAY;
}

static int
set_timestamp(struct decoder *d, struct batch *b, enum data_type type,
    const struct timestamp *ts, struct cell *out, struct error *err)
{
	struct timestamp utc = *ts;

	/* a moment that UTC has no year for stays as it reads */
	if (type == TYPE_TIMESTAMP && !timestamp_to_utc(&utc))
		utc = (struct timestamp){ .us = ts->us };
	if (!d->values.sql_time) {
		set_us(type, utc.us, out);
		return 0;
	}
	if (type == TYPE_TIME) {
		set_time(b, ts->us, out);
		return 0;
	}
	buf_reset(&d->scratch);
	if (type == TYPE_DATE)
		date_format(ts->us, &d->scratch);
	else /* as it reads: SQLite's text has no zone, and dlt drops it */
		timestamp_format_sql(ts, &d->scratch);
	set_buffer(b, &d->scratch, out);
	return 0;
}

int
cell_bad(const struct column *c, const char *s, size_t len, struct error *err)
{
	return error_set(err, ERR_DATA, "\"%.*s\" is no %s",
	    (int)(len > 80 ? 80 : len), s, type_name(c->type));
}

int
cell_time(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err)
{
	static const enum iso_kind wanted[] = {
		[TYPE_TIMESTAMP] = ISO_DATETIME,
		[TYPE_DATE] = ISO_DATE,
		[TYPE_TIME] = ISO_TIME,
	};
	char text[40];
	struct iso iso;
	int64_t us;

	if (c->type == TYPE_TIMESTAMP && !d->values.sql_time &&
	    iso_utc_us(s, len, &us)) {
		set_us(c->type, us, out);
		return 0;
	}
	if (c->type == TYPE_TIMESTAMP && d->values.sql_time &&
	    iso_utc_fast(s, len, text)) {
		iso_to_sql(b, text, out);
		return 0;
	}
	iso_parse(s, len, &iso);
	if (iso.kind != wanted[c->type])
		return cell_bad(c, s, len, err);
	return set_timestamp(d, b, c->type, &iso.ts, out, err);
}

static int
nibble(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	                            : -1;
}

/* HexBytes stand as 0x.., other bytes in base64. "0xab" may be both: one byte
 * in hex is rarer than three bytes, so it is taken as base64. */
static bool
hex_to_blob(struct batch *b, const char *s, size_t len, struct cell *out)
{
	char *data;

	if (len < 2 || len % 2 || len == 4 || s[0] != '0' || s[1] != 'x')
		return false;
	data = arena_alloc(&b->arena, len / 2);
	for (size_t i = 2; i < len; i += 2) {
		int high = nibble(s[i]), low = nibble(s[i + 1]);

		if (high < 0 || low < 0)
			return false;
		data[i / 2 - 1] = (char)(high << 4 | low);
	}
	cell_text(out, data, len / 2 - 1);
	out->kind = CELL_BLOB;
	return true;
}

static int
text_to_blob(struct batch *b, const struct column *c, const char *s, size_t len,
    struct cell *out, struct error *err)
{
	char *data;
	long n;

	if (hex_to_blob(b, s, len, out))
		return 0;
	data = arena_alloc(&b->arena, len / 4 * 3 + 1);
	n = hash_base64_decode(s, len, data);
	if (n < 0)
		return cell_bad(c, s, len, err);
	cell_text(out, data, (size_t)n);
	out->kind = CELL_BLOB;
	return 0;
}

int
cell_number_text(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err)
{
	buf_reset(&d->scratch);
	if (!text_to_decimal(s, len, &d->scratch))
		return cell_bad(c, s, len, err);
	if (!d->values.double_number) {
		set_buffer(b, &d->scratch, out);
		return 0;
	}
	set_double(d->scratch.data, d->scratch.len, out);
	if (isnan(out->number))
		out->kind = CELL_NULL;
	return 0;
}

void
cell_json(struct decoder *d, struct batch *b, const char *text, size_t len,
    struct cell *out)
{
	if (!d->values.spaced_json) {
		cell_text(out, text, len);
		return;
	}
	buf_reset(&d->scratch);
	json_respell(text, len, &d->scratch);
	set_buffer(b, &d->scratch, out);
}

static int
text_value(struct decoder *d, struct batch *b, const struct column *c,
    const char **p, const char *end, struct cell *out, struct error *err)
{
	const char *start = *p, *text;
	size_t len;

	if (decode_string(b, p, end, &text, &len, err) < 0)
		return -1;
	switch (c->type) {
	case TYPE_TEXT:
		cell_text(out, text, len);
		return 0;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		return cell_time(d, b, c, text, len, out, err);
	case TYPE_BINARY:
		return text_to_blob(b, c, text, len, out, err);
	case TYPE_DECIMAL:
	case TYPE_WEI:
		return cell_number_text(d, b, c, text, len, out, err);
	case TYPE_JSON:
		/* Parquet holds the text of it */
		if (d->set.format != DECODE_PARQUET ||
		    !cell_json_text(d, b, text, len, out))
			cell_json(d, b, start, (size_t)(*p - start), out);
		return 0;
	default:
		return error_set(err, ERR_DATA, "%s cannot hold a text",
		    type_name(c->type));
	}
}

/* ---- values ---- */

static int
json_value(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct cell *out, struct error *err)
{
	struct scan s;

	switch (scan_value(*p, end, true, &s)) {
	case SCAN_OK:
		cell_json(d, b, *p, (size_t)(s.next - *p), out);
		*p = s.next;
		return 0;
	case SCAN_MORE:
		return error_set(err, ERR_DATA, "value without end");
	default:
		return error_set(err, ERR_DATA, "%s", s.what);
	}
}

static bool
take_word(const char **p, const char *end, const char *word)
{
	size_t len = strlen(word);

	if ((size_t)(end - *p) < len || memcmp(*p, word, len))
		return false;
	*p += len;
	return true;
}

int
decode_value(struct decoder *d, struct batch *b, const struct column *c,
    const char **p, const char *end, struct cell *out, struct error *err)
{
	const char *start = *p, *stop;
	bool integer, truth;

	out->kind = CELL_NULL;
	if (start < end && *start == '"')
		return text_value(d, b, c, p, end, out, err);
	if (take_word(p, end, "null"))
		return 0;
	if (c->type == TYPE_JSON)
		return json_value(d, b, p, end, out, err);
	truth = take_word(p, end, "true");
	if (truth || take_word(p, end, "false")) {
		out->kind = CELL_INTEGER;
		out->integer = truth;
		return c->type == TYPE_BOOL
		    ? 0
		    : error_set(err, ERR_DATA, "%s cannot hold a bool",
		          type_name(c->type));
	}
	stop = number_token(start, end, &integer);
	if (!stop)
		return error_set(err, ERR_DATA, "%s",
		    start < end && (*start == '{' || *start == '[')
		        ? "holds a nested value, which is not normalized"
		        : "expected a value");
	*p = stop;
	return cell_number(d, c, start, (size_t)(stop - start), integer, out,
	    err);
}

static int
set_value(struct decoder *d, struct batch *b, const struct column *c,
    const struct value *v, struct cell *out, struct error *err)
{
	switch (c->type) {
	case TYPE_TEXT:
		cell_text(out, arena_strndup(&b->arena, v->text, v->len),
		    v->len);
		return 0;
	case TYPE_BINARY:
		cell_text(out, arena_strndup(&b->arena, v->text, v->len),
		    v->len);
		out->kind = CELL_BLOB;
		return 0;
	case TYPE_BOOL:
		out->kind = CELL_INTEGER;
		out->integer = v->boolean;
		return 0;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		return set_timestamp(d, b, c->type, &v->ts, out, err);
	case TYPE_BIGINT:
		return set_integer(v->text, v->len, out, err);
	case TYPE_JSON:
		cell_json(d, b, arena_strndup(&b->arena, v->text, v->len),
		    v->len, out);
		return 0;
	default:
		if (v->text && c->type != TYPE_DOUBLE &&
		    !d->values.double_number) {
			cell_text(out,
			    arena_strndup(&b->arena, v->text, v->len), v->len);
		} else if (v->text) {
			set_double(v->text, v->len, out);
		} else {
			out->kind = CELL_DOUBLE;
			out->number = v->number;
		}
		return 0;
	}
}

int
decode_node(struct decoder *d, struct batch *b, const struct column *c,
    const struct json *node, struct cell *out, struct error *err)
{
	struct value v, to;

	if (node->kind == JSON_NULL)
		return 0;
	value_from_json(node, &d->doc.arena, &v);
	if (v.type == TYPE_NONE)
		return 0;
	if (v.type == c->type)
		return set_value(d, b, c, &v, out, err);
	switch (value_coerce(&v, c->type, &d->doc.arena, &to, err)) {
	case 1:
		return to.type == TYPE_NONE ? 0
		                            : set_value(d, b, c, &to, out, err);
	case 0:
		return error_set(err, ERR_DATA,
		    "%s cannot hold a value of "
		    "type %s",
		    type_name(c->type), type_name(v.type));
	default:
		return -1;
	}
}

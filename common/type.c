/* SPDX-License-Identifier: MIT */
#include "common/type.h"

#include <math.h>
#include <string.h>
#include <strings.h>

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/utf8.h"

static const char *const type_names[] = { "", "text", "double", "bool",
	"timestamp", "bigint", "binary", "json", "decimal", "wei", "date",
	"time" };

const char *
type_name(enum data_type t)
{
	return type_names[t];
}

enum data_type
type_parse(const char *name)
{
	for (size_t i = 1; i < ARRAY_LEN(type_names); i++)
		if (strcmp(name, type_names[i]) == 0)
			return (enum data_type)i;
	return TYPE_NONE;
}

/* ---- helpers ---- */

/* Give the bytes of b to the arena and to out. */
static void
set_text(struct value *out, enum data_type type, const struct buf *b,
    struct arena *a)
{
	*out = (struct value){
		.type = type,
		.text = arena_strndup(a, buf_str(b), b->len),
		.len = b->len,
	};
}

static void
set_borrowed(struct value *out, enum data_type type, const char *s, size_t len)
{
	*out = (struct value){ .type = type, .text = s, .len = len };
}

static void
set_time(struct value *out, enum data_type type, const struct timestamp *ts)
{
	*out = (struct value){ .type = type, .ts = *ts };
}

static double
number_of(const struct value *v)
{
	return v->text ? decimal_to_double(v->text, v->len) : v->number;
}

static int64_t
midnight(int64_t us)
{
	const int64_t day = INT64_C(86400000000);
	int64_t rest = us % day;

	return us - (rest < 0 ? rest + day : rest);
}

static bool
offset_is_usable(const struct timestamp *ts)
{
	return ts->offset_s > -86400 && ts->offset_s < 86400;
}

/* ---- binary as text ---- */

static void
put_base64(const char *s, size_t len, struct buf *out)
{
	static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
	                             "abcdefghijklmnopqrstuvwxyz0123456789+/";

	buf_reserve(out, (len + 2) / 3 * 4);
	for (size_t i = 0; i < len; i += 3) {
		size_t n = len - i < 3 ? len - i : 3;
		unsigned v = 0;

		for (size_t k = 0; k < 3; k++)
			v = v << 8 | (k < n ? (unsigned char)s[i + k] : 0U);
		buf_addc(out, digits[v >> 18]);
		buf_addc(out, digits[v >> 12 & 63]);
		buf_addc(out, n > 1 ? digits[v >> 6 & 63] : '=');
		buf_addc(out, n > 2 ? digits[v & 63] : '=');
	}
}

static int
base64_value(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* Python's binascii.a2b_base64(): not strict, what is no digit is skipped and
 * nothing is read after the padding that completes a group. */
static bool
parse_base64(const char *s, size_t len, bool strict, struct buf *out)
{
	unsigned group = 0, held = 0, pads = 0;
	bool padded = false;

	for (size_t i = 0; i < len; i++) {
		int v = base64_value(s[i]);

		if ((unsigned char)s[i] >= 0x80)
			return false;
		if (s[i] == '=') {
			/* after a complete group it is let through */
			if (strict && i == 0)
				return false;
			padded = true;
			if (held >= 2 && held + ++pads >= 4)
				return !strict || i + 1 == len;
			continue;
		}
		if (strict && (v < 0 || padded))
			return false;
		if (v < 0)
			continue;
		pads = 0;
		group = group << 6 | (unsigned)v;
		if (held > 0)
			buf_addc(out, (char)(group >> (6 - 2 * held)));
		held = (held + 1) % 4;
	}
	return held == 0;
}

static void
put_hex(const char *s, size_t len, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";

	buf_reserve(out, 2 * len);
	for (size_t i = 0; i < len; i++) {
		buf_addc(out, digits[(unsigned char)s[i] >> 4]);
		buf_addc(out, digits[(unsigned char)s[i] & 15]);
	}
}

static int
hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* bytes.fromhex(): pairs, white space between them. */
static bool
parse_hex(const char *s, size_t len, struct buf *out)
{
	for (size_t i = 0; i < len; i++) {
		int high, low;

		if (s[i] == ' ' || (s[i] >= '\t' && s[i] <= '\r'))
			continue;
		high = hex_value(s[i]);
		low = ++i < len ? hex_value(s[i]) : -1;
		if (high < 0 || low < 0)
			return false;
		buf_addc(out, (char)(high << 4 | low));
	}
	return true;
}

/* ---- markers ---- */

/* In the order of the code points from U+F026. */
enum marker {
	MARK_DECIMAL,
	MARK_TIMESTAMP,
	MARK_DATE,
	MARK_UUID,
	MARK_HEXBYTES,
	MARK_BYTES,
	MARK_WEI,
	MARK_TIME,
	MARK_UNUSED, /* U+F02E: dlt's range is one too wide */
	MARK_NONE,
};

#define MARKER_LEN 3

/* The marker that s begins with; none when nothing follows it. */
static enum marker
marker_of(const char *s, size_t len)
{
	unsigned char third;

	if (len <= MARKER_LEN || memcmp(s, "\xEF\x80", 2) != 0)
		return MARK_NONE;
	third = (unsigned char)s[2];
	if (third < 0xA6 || third > 0xAE)
		return MARK_NONE;
	return (enum marker)(third - 0xA6);
}

static bool
decode_decimal(const char *s, size_t len, enum data_type type, struct arena *a,
    struct value *out)
{
	struct buf b = { 0 };
	/* Decimal() alone knows no hexadecimal numbers */
	bool ok = !memchr(s, 'x', len) && text_to_decimal(s, len, &b);

	if (ok)
		set_text(out, type, &b, a);
	buf_release(&b);
	return ok;
}

static bool
decode_timestamp(const char *s, size_t len, struct value *out)
{
	struct iso iso;

	iso_parse(s, len, &iso);
	if (iso.kind != ISO_DATETIME && iso.kind != ISO_DATE)
		return false;
	set_time(out, TYPE_TIMESTAMP, &iso.ts);
	return true;
}

static bool
decode_binary(const char *s, size_t len, bool hex, struct arena *a,
    struct value *out)
{
	struct buf b = { 0 };
	bool ok;

	if (hex) {
		if (len >= 2 && memcmp(s, "0x", 2) == 0) {
			s += 2;
			len -= 2;
		}
		if (len >= 2 && memcmp(s, "0X", 2) == 0) {
			s += 2;
			len -= 2;
		}
	}
	ok = hex ? parse_hex(s, len, &b) : parse_base64(s, len, false, &b);
	if (ok) {
		set_text(out, TYPE_BINARY, &b, a);
		out->hex = hex;
	}
	buf_release(&b);
	return ok;
}

/* 32 hexadecimal digits with dashes anywhere, as Python's UUID() takes them,
 * to the canonical form. */
static bool
decode_uuid(const char *s, size_t len, struct arena *a, struct value *out)
{
	char text[36];
	size_t n = 0;

	if (len > 9 && memcmp(s, "urn:uuid:", 9) == 0) {
		s += 9;
		len -= 9;
	}
	if (len > 2 && s[0] == '{' && s[len - 1] == '}') {
		s++;
		len -= 2;
	}
	for (size_t i = 0; i < len; i++) {
		int v = hex_value(s[i]);

		if (s[i] == '-')
			continue;
		if (v < 0 || n == sizeof(text))
			return false;
		text[n++] = "0123456789abcdef"[v];
		if (n == 8 || n == 13 || n == 18 || n == 23)
			text[n++] = '-';
	}
	if (n != sizeof(text))
		return false;
	set_borrowed(out, TYPE_TEXT, arena_strndup(a, text, n), n);
	return true;
}

/* s without its marker. False: it does not decode. */
static bool
decode_marked(enum marker mark, const char *s, size_t len, struct arena *a,
    struct value *out)
{
	struct timestamp ts;

	switch (mark) {
	case MARK_DECIMAL:
		return decode_decimal(s, len, TYPE_DECIMAL, a, out);
	case MARK_WEI:
		return decode_decimal(s, len, TYPE_WEI, a, out);
	case MARK_TIMESTAMP:
		return decode_timestamp(s, len, out);
	case MARK_DATE:
		if (!date_from_iso(s, len, &ts))
			return false;
		set_time(out, TYPE_DATE, &ts);
		return true;
	case MARK_TIME:
		if (!time_from_iso(s, len, &ts))
			return false;
		set_time(out, TYPE_TIME, &ts);
		return true;
	case MARK_UUID:
		return decode_uuid(s, len, a, out);
	case MARK_HEXBYTES:
	case MARK_BYTES:
		return decode_binary(s, len, mark == MARK_HEXBYTES, a, out);
	default:
		return false;
	}
}

/* ---- from JSON ---- */

enum numbers {
	NUMBERS_KEPT,   /* tokens as they stand */
	NUMBERS_PYTHON, /* as orjson writes what it has read */
};

static void
write_number(const char *s, size_t len, enum numbers numbers, struct buf *out)
{
	if (numbers == NUMBERS_KEPT)
		buf_add(out, s, len);
	else if (!number_is_integer(s, len) || !integer_fits_uint64(s, len))
		double_json(decimal_to_double(s, len), out);
	else if (len == 2 && memcmp(s, "-0", 2) == 0)
		buf_addc(out, '0');
	else
		buf_add(out, s, len);
}

/* A string in a json column: decoded and written untyped; what does not
 * decode only loses its marker. */
static void
write_string(const char *s, size_t len, struct arena *a, struct buf *out)
{
	enum marker mark = a ? marker_of(s, len) : MARK_NONE;
	struct value v;

	if (mark == MARK_NONE)
		jsonw_quote(out, s, len);
	else if (decode_marked(mark, s + MARKER_LEN, len - MARKER_LEN, a, &v))
		value_write_jsonl(&v, out);
	else
		jsonw_quote(out, s + MARKER_LEN, len - MARKER_LEN);
}

/* Compact. Without an arena strings are written as they are. Recursion is
 * bounded by the parser's MAX_NESTING. */
static void
write_node(const struct json *node, struct arena *a, enum numbers numbers,
    struct buf *out)
{
	bool object = node->kind == JSON_OBJECT;

	switch (node->kind) {
	case JSON_NULL:
		buf_adds(out, "null");
		return;
	case JSON_BOOL:
		buf_adds(out, node->truth ? "true" : "false");
		return;
	case JSON_NUMBER:
		write_number(node->raw, node->raw_len, numbers, out);
		return;
	case JSON_STRING:
		write_string(node->str, node->len, a, out);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		break;
	}
	buf_addc(out, object ? '{' : '[');
	for (const struct json *c = node->child; c; c = c->next) {
		if (object) {
			jsonw_quote(out, c->key, c->key_len);
			buf_addc(out, ':');
		}
		write_node(c, a, numbers, out);
		if (c->next)
			buf_addc(out, ',');
	}
	buf_addc(out, object ? '}' : ']');
}

static void
number_from_json(const char *s, size_t len, struct value *out)
{
	enum data_type type = TYPE_DOUBLE;

	if (number_is_integer(s, len)) {
		type = integer_fits_uint64(s, len) ? TYPE_BIGINT
		    : integer_fits_wei(s, len)     ? TYPE_WEI
		                                   : TYPE_TEXT;
		/* an int has no negative zero */
		if (len == 2 && memcmp(s, "-0", 2) == 0) {
			s++;
			len--;
		}
	}
	set_borrowed(out, type, s, len);
}

void
value_from_json(const struct json *node, struct arena *a, struct value *out)
{
	struct buf b = { 0 };
	enum marker mark;

	switch (node->kind) {
	case JSON_NULL:
		*out = (struct value){ .type = TYPE_NONE };
		return;
	case JSON_BOOL:
		*out = (struct value){
			.type = TYPE_BOOL,
			.boolean = node->truth,
		};
		return;
	case JSON_NUMBER:
		number_from_json(node->raw, node->raw_len, out);
		return;
	case JSON_STRING:
		mark = marker_of(node->str, node->len);
		if (mark == MARK_NONE ||
		    !decode_marked(mark, node->str + MARKER_LEN,
		        node->len - MARKER_LEN, a, out))
			set_borrowed(out, TYPE_TEXT, node->str, node->len);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		write_node(node, a, NUMBERS_KEPT, &b);
		set_text(out, TYPE_JSON, &b, a);
		buf_release(&b);
		return;
	}
}

/* ---- writing ---- */

/* The text of values that JSON has no type for, without quotes. */
static void
put_text(const struct value *v, struct buf *out)
{
	switch (v->type) {
	case TYPE_TIMESTAMP:
		timestamp_format(&v->ts, out);
		return;
	case TYPE_DATE:
		date_format(v->ts.us, out);
		return;
	case TYPE_TIME:
		time_format(&v->ts, out);
		return;
	case TYPE_BINARY:
		if (!v->hex) {
			put_base64(v->text, v->len, out);
			return;
		}
		buf_adds(out, "0x");
		put_hex(v->text, v->len, out);
		return;
	default:
		buf_add(out, v->text, v->len);
	}
}

static enum marker
marker_for(const struct value *v)
{
	switch (v->type) {
	case TYPE_TIMESTAMP:
		return MARK_TIMESTAMP;
	case TYPE_BINARY:
		return v->hex ? MARK_HEXBYTES : MARK_BYTES;
	case TYPE_DECIMAL:
		return MARK_DECIMAL;
	case TYPE_WEI:
		return MARK_WEI;
	case TYPE_DATE:
		return MARK_DATE;
	case TYPE_TIME:
		return MARK_TIME;
	default:
		return MARK_NONE;
	}
}

static void
write_value(const struct value *v, bool typed, struct buf *out)
{
	char mark[MARKER_LEN + 1] = "\xEF\x80\xA6";

	switch (v->type) {
	case TYPE_NONE:
		buf_adds(out, "null");
		return;
	case TYPE_TEXT:
		jsonw_quote(out, v->text, v->len);
		return;
	case TYPE_DOUBLE:
		if (v->text)
			buf_add(out, v->text, v->len);
		else
			double_json(v->number, out);
		return;
	case TYPE_BOOL:
		buf_adds(out, v->boolean ? "true" : "false");
		return;
	case TYPE_BIGINT:
	case TYPE_JSON:
		buf_add(out, v->text, v->len);
		return;
	default:
		break;
	}
	buf_addc(out, '"');
	if (typed) {
		mark[2] = (char)(mark[2] + (int)marker_for(v));
		buf_add(out, mark, MARKER_LEN);
	}
	put_text(v, out);
	buf_addc(out, '"');
}

void
value_write_jsonl(const struct value *v, struct buf *out)
{
	write_value(v, false, out);
}

void
value_write_typed(const struct value *v, struct buf *out)
{
	write_value(v, true, out);
}

/* ---- coercion: one function per target ---- */

static int
to_text(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };

	if (v->type == TYPE_DOUBLE)
		double_repr(number_of(v), &b);
	else if (v->type == TYPE_BOOL)
		buf_adds(&b, v->boolean ? "True" : "False");
	else
		put_text(v, &b);
	set_text(out, TYPE_TEXT, &b, a);
	buf_release(&b);
	return 1;
}

static int
to_bigint(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };
	bool ok = false;

	if (v->type == TYPE_TEXT)
		ok = text_to_integer(v->text, v->len, &b);
	else if (v->type == TYPE_DOUBLE)
		ok = double_to_integer(number_of(v), &b);
	else if (v->type == TYPE_DECIMAL || v->type == TYPE_WEI)
		ok = decimal_to_integer(v->text, v->len, &b);
	ok = ok && integer_fits_uint64(b.data, b.len);
	if (ok)
		set_text(out, TYPE_BIGINT, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_double(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	double number;

	switch (v->type) {
	case TYPE_TEXT:
		if (!text_to_double(v->text, v->len, &number))
			return 0;
		break;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		/* a signalling NaN has no float */
		if (memchr(v->text, 's', v->len))
			return 0;
		number = decimal_to_double(v->text, v->len);
		break;
	case TYPE_BIGINT:
		number = decimal_to_double(v->text, v->len);
		break;
	default:
		return 0;
	}
	*out = (struct value){ .type = TYPE_DOUBLE, .number = number };
	return 1;
}

static int
to_number(const struct value *v, enum data_type type, struct arena *a,
    struct value *out)
{
	struct buf b = { 0 };
	bool ok = true;

	switch (v->type) {
	case TYPE_TEXT:
		ok = text_to_decimal(v->text, v->len, &b);
		break;
	case TYPE_DOUBLE:
		double_to_decimal(number_of(v), &b);
		break;
	case TYPE_BIGINT:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		set_borrowed(out, type, v->text, v->len);
		return 1;
	default:
		return 0;
	}
	if (ok)
		set_text(out, type, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_decimal(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	return to_number(v, TYPE_DECIMAL, a, out);
}

static int
to_wei(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	return to_number(v, TYPE_WEI, a, out);
}

/* dlt's str2bool(): 1, 0, or -1 for other words. */
static int
bool_word(const char *s, size_t len)
{
	static const char *const words[] = { "no", "yes", "false", "true", "f",
		"t", "n", "y", "0", "1" };

	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len &&
		    strncasecmp(s, words[i], len) == 0)
			return (int)(i % 2);
	return -1;
}

/* Is a decimal string a zero? NaN and Infinity are not. */
static bool
is_zero(const char *s, size_t len)
{
	for (size_t i = 0; i < len && s[i] != 'E'; i++)
		if (!strchr("-0.", s[i]))
			return false;
	return true;
}

static int
to_bool(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	int truth;

	switch (v->type) {
	case TYPE_TEXT:
		truth = bool_word(v->text, v->len);
		break;
	case TYPE_DOUBLE:
		truth = number_of(v) != 0;
		break;
	case TYPE_BIGINT:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		truth = !is_zero(v->text, v->len);
		break;
	default:
		return 0;
	}
	if (truth < 0)
		return 0;
	*out = (struct value){ .type = TYPE_BOOL, .boolean = truth };
	return 1;
}

/* At most 20 digits, within uint64. */
static uint64_t
uint64_of(const char *s, size_t len)
{
	uint64_t n = 0;

	for (size_t i = 0; i < len; i++)
		n = n * 10 + (uint64_t)(s[i] - '0');
	return n;
}

static int
to_binary(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct buf b = { 0 };
	bool ok = false;

	if (v->type == TYPE_TEXT) {
		if (v->len >= 2 && memcmp(v->text, "0x", 2) == 0)
			ok = parse_hex(v->text + 2, v->len - 2, &b);
		else
			ok = parse_base64(v->text, v->len, true, &b);
	} else if (v->type == TYPE_BIGINT && *v->text != '-') {
		for (uint64_t n = uint64_of(v->text, v->len); n > 0; n >>= 8)
			buf_addc(&b, (char)(n & 0xFF));
		ok = true;
	}
	if (ok)
		set_text(out, TYPE_BINARY, &b, a);
	buf_release(&b);
	return ok;
}

static int
to_json(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct json_doc doc = { 0 };
	struct buf b = { 0 };
	struct error ignored;
	bool ok;

	if (v->type != TYPE_TEXT)
		return 0;
	ok = json_parse(&doc, v->text, v->len, &ignored) == 0;
	if (ok) {
		write_node(doc.root, NULL, NUMBERS_PYTHON, &b);
		set_text(out, TYPE_JSON, &b, a);
	}
	json_release(&doc);
	buf_release(&b);
	return ok;
}

/* How much of a text stands in a message. */
#define SHOWN(v) (int)((v)->len < 100 ? (v)->len : 100), (v)->text

static int
missing_minutes(const struct value *v, struct error *err)
{
	return error_set(err, ERR_DATA, "\"%.*s\" is a time without minutes",
	    SHOWN(v));
}

static bool
epoch_of(const struct value *v, struct timestamp *out)
{
	double seconds;

	switch (v->type) {
	case TYPE_TEXT:
		return text_to_float(v->text, v->len, &seconds) &&
		    timestamp_from_epoch(seconds, out);
	case TYPE_DOUBLE:
		return timestamp_from_epoch(number_of(v), out);
	case TYPE_BIGINT:
		if (*v->text == '-') {
			if (v->len > 18)
				return false;
			return timestamp_from_seconds(-(int64_t)
			                                  uint64_of(v->text + 1,
			                                      v->len - 1),
			    out);
		}
		return v->len <= 18 &&
		    timestamp_from_seconds((int64_t)uint64_of(v->text, v->len),
		        out);
	default:
		return false;
	}
}

/* The timestamp of a text, zone as written: ISO, else epoch seconds. */
static int
text_to_timestamp(const struct value *v, struct iso *iso, struct error *err)
{
	iso_parse(v->text, v->len, iso);
	switch (iso->kind) {
	case ISO_DATETIME:
	case ISO_DATE:
		return 1;
	case ISO_TIME:
		return 0;
	case ISO_CRASH:
		return iso->detected ? 0 : missing_minutes(v, err);
	default:
		return epoch_of(v, &iso->ts);
	}
}

static int
to_timestamp(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso = { .kind = ISO_NONE };
	int rc;

	if (v->type == TYPE_TEXT) {
		rc = text_to_timestamp(v, &iso, err);
		if (rc == 0 && iso.kind == ISO_CRASH)
			return error_set(err, ERR_DATA,
			    "the offset of \"%.*s\" is out of range", SHOWN(v));
	} else if (v->type == TYPE_DATE) {
		iso.ts = v->ts;
		rc = 1;
	} else {
		rc = epoch_of(v, &iso.ts);
	}
	if (rc == 1)
		set_time(out, TYPE_TIMESTAMP, &iso.ts);
	return rc;
}

static int
to_date(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso = { .kind = ISO_NONE };
	int rc = 1;

	if (v->type == TYPE_TIMESTAMP)
		iso.ts = v->ts;
	else if (v->type != TYPE_TEXT)
		rc = epoch_of(v, &iso.ts);
	else if (!date_from_iso(v->text, v->len, &iso.ts))
		rc = text_to_timestamp(v, &iso, err);
	if (rc != 1)
		return rc;
	if (!timestamp_to_utc(&iso.ts))
		return 0;
	iso.ts = (struct timestamp){ .us = midnight(iso.ts.us) };
	set_time(out, TYPE_DATE, &iso.ts);
	return 1;
}

static int
to_time(const struct value *v, struct arena *a, struct value *out,
    struct error *err)
{
	struct iso iso;
	int64_t us;

	if (v->type != TYPE_TEXT)
		return 0;
	iso_parse(v->text, v->len, &iso);
	if (iso.kind == ISO_CRASH && !iso.detected)
		return missing_minutes(v, err);
	if (iso.kind != ISO_TIME || !offset_is_usable(&iso.ts))
		return 0;
	us = iso.ts.us - iso.ts.offset_s * INT64_C(1000000);
	iso.ts = (struct timestamp){ .us = us - midnight(us) };
	set_time(out, TYPE_TIME, &iso.ts);
	return 1;
}

int
value_coerce(const struct value *v, enum data_type to, struct arena *a,
    struct value *out, struct error *err)
{
	static int (*const coerce[])(const struct value *, struct arena *,
	    struct value *, struct error *) = {
		[TYPE_TEXT] = to_text,
		[TYPE_DOUBLE] = to_double,
		[TYPE_BOOL] = to_bool,
		[TYPE_TIMESTAMP] = to_timestamp,
		[TYPE_BIGINT] = to_bigint,
		[TYPE_BINARY] = to_binary,
		[TYPE_JSON] = to_json,
		[TYPE_DECIMAL] = to_decimal,
		[TYPE_WEI] = to_wei,
		[TYPE_DATE] = to_date,
		[TYPE_TIME] = to_time,
	};

	if (v->type == to || v->type == TYPE_NONE) {
		*out = *v;
		return 1;
	}
	if (to == TYPE_NONE)
		return 0;
	return coerce[to](v, a, out, err);
}

int
value_to_utc(struct value *v, bool keep_zone, struct error *err)
{
	struct buf b = { 0 };

	if (v->type != TYPE_TIMESTAMP)
		return 0;
	if (!timestamp_to_utc(&v->ts)) {
		timestamp_format(&v->ts, &b);
		error_set(err, ERR_DATA,
		    "\"%s\" in UTC is outside the years 1 to 9999",
		    buf_str(&b));
		buf_release(&b);
		return -1;
	}
	v->ts.has_zone = keep_zone;
	return 0;
}

/* ---- detections ---- */

static const char *const detection_names[] = { "", "iso_timestamp", "iso_date",
	"timestamp", "large_integer", "hexbytes_to_text", "wei_to_double" };

enum detection
detection_parse(const char *name)
{
	for (size_t i = 1; i < ARRAY_LEN(detection_names); i++)
		if (strcmp(name, detection_names[i]) == 0)
			return (enum detection)i;
	return DETECT_NONE;
}

const char *
detection_name(enum detection d)
{
	return detection_names[d];
}

/* Is a number within five years of now, in seconds? */
static bool
is_near_now(const struct value *v)
{
	double now = (double)timestamp_now().us / 1e6;

	return (v->type == TYPE_BIGINT || v->type == TYPE_DOUBLE) &&
	    fabs(number_of(v) - now) <= 5 * 31536000.0;
}

enum data_type
value_detect(const struct value *v, enum detection d)
{
	struct iso iso = { .kind = ISO_NONE };
	enum data_type seen = TYPE_NONE;
	bool hit = false;

	if (v->type == TYPE_TEXT &&
	    (d == DETECT_ISO_TIMESTAMP || d == DETECT_ISO_DATE))
		iso_parse(v->text, v->len, &iso);
	switch (d) {
	case DETECT_NONE:
		break;
	case DETECT_ISO_TIMESTAMP:
		hit = iso.kind == ISO_DATETIME || iso.detected;
		seen = TYPE_TIMESTAMP;
		break;
	case DETECT_ISO_DATE:
		hit = iso.kind == ISO_DATE;
		seen = TYPE_DATE;
		break;
	case DETECT_TIMESTAMP:
		hit = is_near_now(v);
		seen = TYPE_TIMESTAMP;
		break;
	case DETECT_LARGE_INTEGER:
		hit = v->type == TYPE_BIGINT &&
		    !integer_fits_int64(v->text, v->len);
		seen = TYPE_WEI;
		break;
	case DETECT_HEXBYTES_TO_TEXT:
		hit = v->type == TYPE_BINARY && v->hex;
		seen = TYPE_TEXT;
		break;
	case DETECT_WEI_TO_DOUBLE:
		hit = v->type == TYPE_WEI;
		seen = TYPE_DOUBLE;
		break;
	}
	return hit ? seen : TYPE_NONE;
}

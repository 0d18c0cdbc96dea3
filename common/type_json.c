/* SPDX-License-Identifier: MIT */
#include "common/type_private.h"

#include <string.h>

#include "common/decimal.h"
#include "common/jsonw.h"

/* ---- markers ---- */

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
		value_set_text(out, type, &b, a);
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
	value_set_time(out, TYPE_TIMESTAMP, &iso.ts);
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
	ok = hex ? binary_from_hex(s, len, &b)
	         : binary_from_base64(s, len, false, &b);
	if (ok) {
		value_set_text(out, TYPE_BINARY, &b, a);
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
		int v = binary_hex_digit(s[i]);

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
	value_set_borrowed(out, TYPE_TEXT, arena_strndup(a, text, n), n);
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
		value_set_time(out, TYPE_DATE, &ts);
		return true;
	case MARK_TIME:
		if (!time_from_iso(s, len, &ts))
			return false;
		value_set_time(out, TYPE_TIME, &ts);
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

/* How a node is written. */
struct writing {
	struct arena *arena; /* NULL: strings as they are */
	enum numbers numbers;
	bool keep; /* markers of what does not decode */
};

/* The marker of a string; none where it is written as an escape, which is how
 * text that begins with one comes from an input (and never from Python). */
static enum marker
marker_of_node(const struct json *node)
{
	if (node->raw != NULL && node->raw_len > 1 && node->raw[1] == '\\')
		return MARK_NONE;
	return marker_of(node->str, node->len);
}

/* A string in a json column: decoded and written untyped; what does not
 * decode only loses its marker. */
static void
write_string(const struct json *node, const struct writing *how,
    struct buf *out)
{
	const char *s = node->str;
	size_t len = node->len;
	struct arena *a = how->arena;
	enum marker mark = a ? marker_of_node(node) : MARK_NONE;
	struct value v;

	if (mark == MARK_NONE)
		jsonw_quote(out, s, len);
	else if (decode_marked(mark, s + MARKER_LEN, len - MARKER_LEN, a, &v))
		value_write_jsonl(&v, out);
	else if (how->keep)
		jsonw_quote(out, s, len);
	else
		jsonw_quote(out, s + MARKER_LEN, len - MARKER_LEN);
}

/* Recursion is bounded by the parser's MAX_NESTING. */
static void
write_node(const struct json *node, const struct writing *how, struct buf *out)
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
		write_number(node->raw, node->raw_len, how->numbers, out);
		return;
	case JSON_STRING:
		write_string(node, how, out);
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
		write_node(c, how, out);
		if (c->next)
			buf_addc(out, ',');
	}
	buf_addc(out, object ? '}' : ']');
}

void
value_write_node(const struct json *node, struct arena *a, enum numbers numbers,
    struct buf *out)
{
	const struct writing how = { .arena = a, .numbers = numbers };

	write_node(node, &how, out);
}

void
value_json_kept(const struct json *node, struct arena *a, struct value *out)
{
	const struct writing how = { a, NUMBERS_KEPT, true };
	struct buf b = { 0 };

	write_node(node, &how, &b);
	value_set_text(out, TYPE_JSON, &b, a);
	buf_release(&b);
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
	value_set_borrowed(out, type, s, len);
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
		mark = marker_of_node(node);
		if (mark == MARK_NONE ||
		    !decode_marked(mark, node->str + MARKER_LEN,
		        node->len - MARKER_LEN, a, out))
			value_set_borrowed(out, TYPE_TEXT, node->str,
			    node->len);
		return;
	case JSON_ARRAY:
	case JSON_OBJECT:
		value_write_node(node, a, NUMBERS_KEPT, &b);
		value_set_text(out, TYPE_JSON, &b, a);
		buf_release(&b);
		return;
	}
}

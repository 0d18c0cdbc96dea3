/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/decode_private.h"

#include "common/decimal.h"
#include "common/hash.h"
#include "common/jsonw.h"
#include "common/scan.h"
#include "common/utf8.h"

#include <string.h>
#include <strings.h>

static bool
is_word(const char *text, size_t len, const char *word)
{
	return len == strlen(word) && !strncasecmp(text, word, len);
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	    : c >= 'A' && c <= 'F'  ? c - 'A' + 10
	                            : -1;
}

static bool
skip_prefix(const char **s, size_t *len, const char *prefix)
{
	if (*len < 2 || memcmp(*s, prefix, 2) != 0)
		return false;
	*s += 2;
	*len -= 2;
	return true;
}

static bool
hex_cell(struct batch *b, const char *s, size_t len, struct cell *out)
{
	char *data;

	/* Python's HexBytes spell themselves with it */
	(void)skip_prefix(&s, &len, "0x");
	if (len % 2)
		return false;
	data = arena_alloc(&b->arena, len / 2 + 1);
	for (size_t i = 0; i < len; i += 2) {
		int high = hex_digit(s[i]), low = hex_digit(s[i + 1]);

		if (high < 0 || low < 0)
			return false;
		data[i / 2] = (char)(high << 4 | low);
	}
	cell_text(out, data, len / 2);
	out->kind = CELL_BLOB;
	return true;
}

static bool
base64_cell(struct batch *b, const char *s, size_t len, struct cell *out)
{
	char *data = arena_alloc(&b->arena, len / 4 * 3 + 1);
	long n = hash_base64_decode(s, len, data);

	if (n < 0)
		return false;
	cell_text(out, data, (size_t)n);
	out->kind = CELL_BLOB;
	return true;
}

bool
cell_json_text(struct decoder *d, struct batch *b, const char *s, size_t len,
    struct cell *out)
{
	/* readable behind its end, as scan_value() wants it */
	char *text = arena_alloc(&b->arena, len + SCAN_SLACK), *end;
	const char *start;
	struct scan scan;

	memcpy(text, s, len);
	memset(text + len, 0, SCAN_SLACK);
	end = text + len;
	start = scan_space(text, end);
	if (scan_value(start, end, true, &scan) != SCAN_OK ||
	    scan_space(scan.next, end) != end)
		return false;
	cell_json(d, b, start, (size_t)(scan.next - start), out);
	return true;
}

/* A string in a column of json has lost its quotes. */
static void
json_string(struct decoder *d, struct batch *b, const char *s, size_t len,
    struct cell *out)
{
	struct buf quoted = { 0 };

	jsonw_quote(&quoted, s, len);
	cell_json(d, b, arena_strndup(&b->arena, quoted.data, quoted.len),
	    quoted.len, out);
	buf_release(&quoted);
}

static bool
bool_cell(const char *s, size_t len, struct cell *out)
{
	bool yes = is_word(s, len, "true") || is_word(s, len, "1");

	if (!yes && !is_word(s, len, "false") && !is_word(s, len, "0"))
		return false;
	out->kind = CELL_INTEGER;
	out->integer = yes;
	return true;
}

/* Numbers and bool, as Python prints them. */
static int
word_cell(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err)
{
	const char *stop;
	bool integer = false;

	switch (c->type) {
	case TYPE_BOOL:
		return bool_cell(s, len, out) ? 0 : cell_bad(c, s, len, err);
	case TYPE_DECIMAL:
	case TYPE_WEI:
		return cell_number_text(d, b, c, s, len, out, err);
	case TYPE_DOUBLE:
		if (!text_to_float(s, len, &out->number))
			return cell_bad(c, s, len, err);
		out->kind = CELL_DOUBLE;
		return 0;
	default:
		break;
	}
	stop = number_token(s, s + len, &integer);
	if (!len || stop != s + len)
		return cell_bad(c, s, len, err);
	return cell_number(d, c, s, len, integer, out, err);
}

/* ---- literals of SQL ---- */

static int
literal_blob(struct batch *b, const struct column *c, const struct literal *v,
    struct cell *out, struct error *err)
{
	const char *s = v->text;
	size_t len = v->len;
	bool good = false;

	if (v->kind == LITERAL_BASE64)
		good = base64_cell(b, s, len, out);
	else if (v->kind != LITERAL_WORD) {
		(void)skip_prefix(&s, &len, "\\x");
		good = hex_cell(b, s, len, out);
	}
	return good ? 0 : cell_bad(c, v->text, v->len, err);
}

static int
literal_json(struct decoder *d, struct batch *b, const struct column *c,
    const struct literal *v, struct cell *out, struct error *err)
{
	const char *s = v->text;
	size_t len = v->len;

	if (v->kind == LITERAL_WORD && is_word(s, len, "true"))
		s = "true";
	else if (v->kind == LITERAL_WORD && is_word(s, len, "false"))
		s = "false";
	if (cell_json_text(d, b, s, len, out))
		return 0;
	if (v->kind != LITERAL_TEXT)
		return cell_bad(c, s, len, err);
	json_string(d, b, s, len, out);
	return 0;
}

int
decode_literal(struct decoder *d, struct batch *b, const struct column *c,
    const struct literal *v, struct cell *out, struct error *err)
{
	if (v->kind == LITERAL_WORD && is_word(v->text, v->len, "NULL"))
		return 0;
	if (c->type == TYPE_BINARY)
		return literal_blob(b, c, v, out, err);
	if (v->kind != LITERAL_WORD && v->kind != LITERAL_TEXT)
		return error_set(err, ERR_DATA, "%s cannot hold bytes",
		    type_name(c->type));
	if (c->type == TYPE_JSON)
		return literal_json(d, b, c, v, out, err);
	if (v->kind == LITERAL_WORD)
		return word_cell(d, b, c, v->text, v->len, out, err);
	switch (c->type) {
	case TYPE_TEXT:
		cell_text(out, v->text, v->len);
		return 0;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		return cell_time(d, b, c, v->text, v->len, out, err);
	default:
		return error_set(err, ERR_DATA, "%s cannot hold a text",
		    type_name(c->type));
	}
}

/* ---- fields of csv ---- */

/* Python prints a blank between date and time. */
static int
field_time(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err)
{
	char *text;

	if (c->type != TYPE_TIMESTAMP || len < 11 || s[10] != ' ')
		return cell_time(d, b, c, s, len, out, err);
	text = arena_strndup(&b->arena, s, len);
	text[10] = 'T';
	if (cell_time(d, b, c, text, len, out, err) < 0)
		return cell_bad(c, s, len, err);
	return 0;
}

/* "\x" and digits, as Python dlt asks for where bytes are no text, are what
 * PostgreSQL takes them for; else the bytes are there themselves. */
static void
field_blob(struct batch *b, const char *s, size_t len, struct cell *out)
{
	const char *digits = s;
	size_t count = len;

	if (skip_prefix(&digits, &count, "\\x") &&
	    hex_cell(b, digits, count, out))
		return;
	cell_text(out, s, len);
	out->kind = CELL_BLOB;
}

int
decode_field(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err)
{
	switch (c->type) {
	case TYPE_TEXT:
		cell_text(out, s, len);
		return 0;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		return field_time(d, b, c, s, len, out, err);
	case TYPE_BINARY:
		field_blob(b, s, len, out);
		return 0;
	case TYPE_JSON:
		return cell_json_text(d, b, s, len, out)
		    ? 0
		    : cell_bad(c, s, len, err);
	default:
		return word_cell(d, b, c, s, len, out, err);
	}
}

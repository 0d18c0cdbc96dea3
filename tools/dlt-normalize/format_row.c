/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/format_row.h"

#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/utf8.h"

void
row_reader_init(struct row_reader *r, const struct format_plan *p,
    const char *data, size_t len)
{
	size_t i;

	*r = (struct row_reader){ .plan = p, .p = data, .end = data + len };
	r->cells = xcalloc(p->count + 1, sizeof(*r->cells));
	r->follow = xcalloc(p->count + 1, sizeof(*r->follow));
	for (i = 0; i < p->count; i++)
		r->follow[i + 1] = (uint32_t)(i + 1 < p->count ? i + 1 : 0);
}

void
row_reader_release(struct row_reader *r)
{
	free(r->cells);
	free(r->follow);
}

static const char *
string_end(const char *p)
{
	for (p++; *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p + 1;
}

const char *
token_end(const char *p)
{
	unsigned depth = 0;

	if (*p == '"')
		return string_end(p);
	if (*p != '{' && *p != '[') {
		while (*p != ',' && *p != '}' && *p != ']' && *p != '\n')
			p++;
		return p;
	}
	do {
		if (*p == '"') {
			p = string_end(p);
			continue;
		}
		if (*p == '{' || *p == '[')
			depth++;
		else if (*p == '}' || *p == ']')
			depth--;
		p++;
	} while (depth);
	return p;
}

static bool
is_key(const struct format_column *c, const char *p, const char *end)
{
	return (size_t)(end - p) > c->key_len &&
	    memcmp(p, c->key, c->key_len) == 0;
}

/* The column whose key begins at p; the one that came next last time is tried
 * first. plan->count: no column of this file. */
static size_t
find_column(struct row_reader *r, size_t before)
{
	const struct format_plan *plan = r->plan;
	size_t i = r->follow[before];

	if (i < plan->count && is_key(&plan->columns[i], r->p, r->end))
		return i;
	for (i = 0; i < plan->count; i++)
		if (is_key(&plan->columns[i], r->p, r->end))
			break;
	if (i < plan->count)
		r->follow[before] = (uint32_t)i;
	return i;
}

bool
row_reader_next(struct row_reader *r)
{
	size_t before = 0;

	if (r->p == r->end)
		return false;
	memset(r->cells, 0, r->plan->count * sizeof(*r->cells));
	r->fields = 0;
	r->row++;
	r->p++; /* the brace */
	while (*r->p == '"') {
		size_t i = find_column(r, before);
		const char *v = i < r->plan->count
		    ? r->p + r->plan->columns[i].key_len
		    : string_end(r->p) + 1;
		const char *end = token_end(v);

		if (i < r->plan->count) {
			r->cells[i] = (struct token){ v, (size_t)(end - v) };
			before = i + 1;
		}
		r->fields++;
		r->p = *end == ',' ? end + 1 : end;
	}
	r->p += 2; /* the other brace, the line feed */
	return true;
}

/* ---- values ---- */

static uint32_t
hex4(const char *p)
{
	char digits[5] = { p[0], p[1], p[2], p[3], 0 };

	return (uint32_t)strtoul(digits, NULL, 16);
}

/* The escape at p, behind the backslash; returns its end. */
static const char *
unescape(const char *p, struct buf *out)
{
	static const char from[] = "\"\\/bfnrt", to[] = "\"\\/\b\f\n\r\t";
	char utf8[4];
	uint32_t c, low;

	if (*p != 'u') {
		buf_addc(out, to[strchr(from, *p) - from]);
		return p + 1;
	}
	c = hex4(p + 1);
	p += 5;
	if (c >= 0xd800 && c < 0xdc00) {
		low = hex4(p + 2);
		p += 6;
		c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
	}
	buf_add(out, utf8, utf8_put(utf8, c));
	return p;
}

void
token_text(const struct token *t, struct buf *out)
{
	const char *p = t->text, *end = p + t->len, *stop;

	buf_reset(out);
	if (*p != '"') {
		buf_add(out, p, t->len);
		return;
	}
	for (p++, end--; p < end; p = unescape(stop + 1, out)) {
		stop = memchr(p, '\\', (size_t)(end - p));
		buf_add(out, p, (size_t)((stop ? stop : end) - p));
		if (!stop)
			break;
	}
}

static int
hex_digit(char c)
{
	return c >= '0' && c <= '9' ? c - '0'
	    : c >= 'a' && c <= 'f'  ? c - 'a' + 10
	                            : -1;
}

/* HexBytes stand as 0x.., other bytes in base64. "0xab" may be both: one byte
 * in hex is rarer than three bytes, so it is taken as base64, as the loaders
 * do. */
bool
token_is_hex(const struct token *t)
{
	size_t len = t->len - 2, i;

	if (*t->text != '"' || t->len < 4 || len % 2 || len == 4 ||
	    t->text[1] != '0' || t->text[2] != 'x')
		return false;
	for (i = 3; i < t->len - 1; i++)
		if (hex_digit(t->text[i]) < 0)
			return false;
	return true;
}

void
token_bytes(const struct token *t, struct buf *out)
{
	struct buf text = { 0 };
	size_t i;
	long n;

	buf_reset(out);
	if (token_is_hex(t)) {
		for (i = 3; i < t->len - 1; i += 2)
			buf_addc(out,
			    (char)(hex_digit(t->text[i]) << 4 |
			        hex_digit(t->text[i + 1])));
		return;
	}
	token_text(t, &text);
	buf_reserve(out, text.len / 4 * 3 + 3);
	n = hash_base64_decode(buf_str(&text), text.len, out->data);
	out->len = n > 0 ? (size_t)n : 0;
	buf_release(&text);
}

void
token_float(const struct token *t, struct buf *out)
{
	double_repr(decimal_to_double(t->text, t->len), out);
}

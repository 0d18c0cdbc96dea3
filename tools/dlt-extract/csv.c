/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/csv.h"

#include "common/buf.h"
#include "common/decimal.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/utf8.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum column_type {
	COLUMN_EMPTY, /* no value has been seen */
	COLUMN_NUMBER,
	COLUMN_BOOL,
	COLUMN_TEXT,
};

struct column {
	char *key; /* ,"name": */
	size_t len;
	enum column_type type;
};

struct field {
	const char *p; /* without the quotes */
	size_t len;
	bool quoted;
	bool doubled; /* there are doubled quotes in it */
};

struct csv {
	struct csv_format f;
	bool begun; /* behind the header */
	struct column *columns;
	size_t count, cap; /* columns */
	size_t named;      /* of the header; the others were found behind */
	struct field *fields;
	size_t field_count, field_cap;
	struct buf out;
};

struct csv *
csv_new(void)
{
	return xcalloc(1, sizeof(struct csv));
}

static void
drop_columns(struct csv *c)
{
	for (size_t i = 0; i < c->count; i++)
		free(c->columns[i].key);
	c->count = c->named = 0;
	c->begun = false;
}

void
csv_free(struct csv *c)
{
	if (c == NULL)
		return;
	drop_columns(c);
	free(c->columns);
	free(c->fields);
	buf_release(&c->out);
	free(c);
}

static enum csv_status
bad(struct csv_record *r, const char *at, const char *what)
{
	r->at = at;
	snprintf(r->what, sizeof(r->what), "%s", what);
	return CSV_BAD;
}

/* ---- fields ---- */

/* The bytes that end an unquoted field, 16 at a time. */
struct finder {
	const char *block;
	unsigned mask; /* of those in it that have not been given out */
	char delimiter;
};

#define BLOCK 16

static unsigned
marks(const char *p, char delimiter)
{
#ifdef __SSE2__
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i hit = _mm_or_si128(_mm_cmpeq_epi8(v,
	                                     _mm_set1_epi8(delimiter)),
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('\n')),
	        _mm_cmpeq_epi8(v, _mm_set1_epi8('\r'))));

	return (unsigned)_mm_movemask_epi8(hit);
#else
	unsigned mask = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		if (p[i] == delimiter || p[i] == '\n' || p[i] == '\r')
			mask |= 1u << i;
	return mask;
#endif
}

static void
seek(struct finder *f, const char *p)
{
	f->block = p;
	f->mask = marks(p, f->delimiter);
}

/* The next one; at or behind end: there is none. */
static inline const char *
find(struct finder *f, const char *end)
{
	const char *p;

	while (f->mask == 0) {
		f->block += BLOCK;
		if (f->block >= end)
			return end;
		f->mask = marks(f->block, f->delimiter);
	}
	p = f->block + __builtin_ctz(f->mask);
	f->mask &= f->mask - 1;
	return p;
}

static struct field *
add_field(struct csv *c)
{
	if (c->field_count == c->field_cap)
		c->fields = xgrow(c->fields, &c->field_cap, c->field_count + 1,
		    sizeof(*c->fields));
	return &c->fields[c->field_count++];
}

/* p is behind the opening quote; *after: behind the closing one. */
static enum csv_status
quoted_field(struct csv *c, const char *p, const char *end, bool final,
    const char **after, struct csv_record *r)
{
	struct field *f = add_field(c);
	const char *q = p;

	*f = (struct field){ .p = p, .quoted = true };
	for (;;) {
		q = q < end ? memchr(q, c->f.quote, (size_t)(end - q)) : NULL;
		if (q == NULL || (q + 1 == end && !final)) {
			r->at = p - 1;
			return !final
			    ? CSV_MORE
			    : bad(r, p - 1, "this quote is never closed");
		}
		if (q + 1 == end || q[1] != c->f.quote)
			break;
		f->doubled = true;
		q += 2;
	}
	f->len = (size_t)(q - p);
	*after = q + 1;
	return CSV_ROW;
}

/* At the end of a field: 1 another one follows; 0 the record ends, *next is
 * behind its line break; -1 neither. */
static int
field_end(const struct csv *c, const char *p, const char *end, bool final,
    const char **next)
{
	if (p == end) {
		*next = end;
		return final ? 0 : -1;
	}
	if (*p == c->f.delimiter)
		return 1;
	*next = p + 1;
	if (*p == '\n')
		return 0;
	if (*p != '\r' || p + 1 == end || p[1] != '\n')
		return -1;
	*next = p + 2;
	return 0;
}

static enum csv_status
no_field_end(const struct field *f, const char *p, const char *end, bool final,
    struct csv_record *r)
{
	r->at = f->p;
	if (!final && (p == end || (*p == '\r' && p + 1 == end)))
		return CSV_MORE;
	if (*p == '\r')
		return bad(r, p,
		    "a carriage return without a line feed behind it; quote "
		    "the field, or end lines by LF or CRLF");
	return bad(r, p, "unexpected text behind a closing quote");
}

/* The fields of the record at p. */
static enum csv_status
split(struct csv *c, const char *p, const char *end, bool final,
    struct csv_record *r)
{
	struct finder finder = { .delimiter = c->f.delimiter };
	int more;

	c->field_count = 0;
	seek(&finder, p);
	do {
		const char *from = p;

		if (c->f.quote != '\0' && p < end && *p == c->f.quote) {
			enum csv_status st = quoted_field(c, p + 1, end, final,
			    &p, r);

			if (st != CSV_ROW)
				return st;
			seek(&finder, p);
			if (p < end && (finder.mask & 1) != 0)
				finder.mask &= finder.mask - 1;
		} else {
			p = find(&finder, end);
			if (p > end)
				p = end;
			*add_field(c) = (struct field){ .p = from,
				.len = (size_t)(p - from) };
		}
		more = field_end(c, p, end, final, &r->next);
		if (more < 0)
			return no_field_end(&c->fields[c->field_count - 1], p,
			    end, final, r);
		p++;
	} while (more > 0);
	return CSV_ROW;
}

static bool
is_blank(const struct csv *c)
{
	return c->field_count == 1 && c->fields[0].len == 0 &&
	    !c->fields[0].quoted;
}

/* ---- values ---- */

static bool
is_number(const char *p, size_t len)
{
	bool integer;

	return number_token(p, p + len, &integer) == p + len &&
	    !scan_number_is_infinite(p, len);
}

static bool
is_bool(const char *p, size_t len)
{
	return (len == 4 && memcmp(p, "true", 4) == 0) ||
	    (len == 5 && memcmp(p, "false", 5) == 0);
}

/* Digits that are no number because of a zero before them: "007". */
static bool
has_leading_zero(const char *p, size_t len)
{
	if (len != 0 && (*p == '-' || *p == '+')) {
		p++;
		len--;
	}
	if (len < 2 || *p != '0')
		return false;
	for (size_t i = 0; i < len; i++)
		if (p[i] < '0' || p[i] > '9')
			return false;
	return true;
}

/* Bytes that a JSON string cannot hold as they are. */
static unsigned
specials(const char *p)
{
#ifdef __SSE2__
	const __m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)),
	    v);
	const __m128i hit = _mm_or_si128(low,
	    _mm_or_si128(_mm_cmpeq_epi8(v, _mm_set1_epi8('"')),
	        _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'))));

	return (unsigned)_mm_movemask_epi8(hit);
#else
	unsigned mask = 0;

	for (unsigned i = 0; i < BLOCK; i++)
		if ((unsigned char)p[i] < 0x20 || p[i] == '"' || p[i] == '\\')
			mask |= 1u << i;
	return mask;
#endif
}

/* One byte as an escape; returns its length. */
static size_t
put_escape(char *out, unsigned char byte)
{
	static const char names[] = "\b\f\n\r\t\"\\", letters[] = "bfnrt\"\\";
	static const char hex[] = "0123456789abcdef";
	const char *name = memchr(names, byte, sizeof(names) - 1);

	out[0] = '\\';
	if (name != NULL) {
		out[1] = letters[name - names];
		return 2;
	}
	memcpy(out + 1, "u00", 3);
	out[4] = hex[byte >> 4];
	out[5] = hex[byte & 15];
	return 6;
}

/* Text in pieces of so many bytes, so that room for all escapes is small. */
#define PIECE ((size_t)4096)

static void
add_piece(struct buf *b, const char *p, size_t len)
{
	const char *end = p + len;
	char *out;

	buf_reserve(b, 6 * len + 2 * BLOCK);
	out = b->data + b->len;
	while (p < end) {
		unsigned mask = specials(p);
		size_t n = mask == 0 ? BLOCK : (size_t)__builtin_ctz(mask);

		memcpy(out, p, BLOCK);
		if (n >= (size_t)(end - p)) {
			out += end - p;
			break;
		}
		out += n;
		p += n;
		if (mask != 0)
			out += put_escape(out, (unsigned char)*p++);
	}
	b->len = (size_t)(out - b->data);
}

static void
add_text(struct buf *b, const char *p, size_t len)
{
	for (; len > PIECE; p += PIECE, len -= PIECE)
		add_piece(b, p, PIECE);
	add_piece(b, p, len);
}

/* A field, its doubled quotes halved. */
static void
add_field_text(const struct csv *c, struct buf *b, const struct field *f)
{
	const char *p = f->p, *end = p + f->len;

	while (f->doubled && p < end) {
		const char *q = memchr(p, c->f.quote, (size_t)(end - p));

		if (q == NULL)
			break;
		add_text(b, p, (size_t)(q + 1 - p));
		p = q + 2;
	}
	add_text(b, p, (size_t)(end - p));
}

/* ---- columns ---- */

static void
add_column(struct csv *c, const struct field *f)
{
	struct buf key = { 0 };
	struct column *column;

	buf_adds(&key, ",\"");
	if (f == NULL || f->len == 0)
		buf_addf(&key, "column_%zu", c->count + 1);
	else
		add_field_text(c, &key, f);
	buf_adds(&key, "\":");
	c->columns = xgrow(c->columns, &c->cap, c->count + 1,
	    sizeof(*c->columns));
	column = &c->columns[c->count++];
	*column = (struct column){ .len = key.len, .type = COLUMN_TEXT };
	column->key = buf_take(&key);
}

static int
by_key(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* A name that two columns have, or NULL; malloc'd, as JSON. */
static char *
find_twin(const struct csv *c)
{
	char **keys = xcalloc(c->count + 1, sizeof(*keys)), *twin = NULL;

	for (size_t i = 0; i < c->count; i++)
		keys[i] = c->columns[i].key;
	qsort(keys, c->count, sizeof(*keys), by_key);
	for (size_t i = 1; i < c->count && twin == NULL; i++)
		if (strcmp(keys[i - 1], keys[i]) == 0)
			twin = xstrndup(keys[i] + 1, strlen(keys[i]) - 2);
	free(keys);
	return twin;
}

static enum csv_status
check_text(const char *p, const char *end, struct csv_record *r)
{
	const char *nul = memchr(p, '\0', (size_t)(end - p));

	if (nul != NULL)
		return bad(r, nul, "a NUL byte, which no text has");
	if (utf8_is_valid(p, (size_t)(end - p)))
		return CSV_ROW;
	return bad(r, p + utf8_valid_prefix(p, (size_t)(end - p)),
	    "this is not UTF-8; convert the input with "
	    "iconv -f ENCODING -t UTF-8");
}

/* The fields are the names. */
static enum csv_status
take_header(struct csv *c, const char *p, struct csv_record *r)
{
	enum csv_status st = check_text(p, r->next, r);
	char *twin;

	if (st != CSV_ROW)
		return st;
	for (size_t i = 0; i < c->field_count; i++)
		add_column(c, &c->fields[i]);
	twin = find_twin(c);
	if (twin != NULL) {
		r->at = p;
		snprintf(r->what, sizeof(r->what),
		    "two columns are called %.100s", twin);
		free(twin);
		drop_columns(c);
		return CSV_BAD;
	}
	c->named = c->count;
	c->begun = true;
	return CSV_NONE;
}

int
csv_begin(struct csv *c, const struct csv_format *f, struct error *err)
{
	struct csv_record r = { 0 };
	size_t len;
	char *names;
	int rc = 0;

	drop_columns(c);
	c->f = *f;
	if (f->names == NULL)
		return 0;
	len = strlen(f->names);
	names = xcalloc(1, len + SCAN_SLACK);
	memcpy(names, f->names, len);
	c->f.delimiter = ',';
	c->f.quote = '"';
	if (split(c, names, names + len, true, &r) != CSV_ROW ||
	    take_header(c, names, &r) != CSV_NONE)
		rc = error_set(err, ERR_USAGE, "--csv-names: %s", r.what);
	else if (r.next != names + len)
		rc = error_set(err, ERR_USAGE,
		    "--csv-names: more than one line of names");
	free(names);
	c->f = *f;
	return rc;
}

/* ---- types ---- */

static void
see_field(struct column *column, const struct field *f)
{
	enum column_type type = COLUMN_TEXT;

	if (f->len == 0 || column->type == COLUMN_TEXT)
		return;
	if (is_number(f->p, f->len))
		type = COLUMN_NUMBER;
	else if (is_bool(f->p, f->len))
		type = COLUMN_BOOL;
	if (column->type != COLUMN_EMPTY && column->type != type)
		type = COLUMN_TEXT;
	column->type = type;
}

void
csv_sample(struct csv *c, const char *p, const char *end, bool final)
{
	struct csv_record r = { 0 };

	if ((size_t)(end - p) > CSV_SAMPLE) {
		end = p + CSV_SAMPLE;
		final = false;
	}
	while (!c->begun && p < end) {
		if (split(c, p, end, final, &r) != CSV_ROW ||
		    (!is_blank(c) && take_header(c, p, &r) != CSV_NONE))
			return;
		p = r.next;
	}
	for (size_t i = 0; i < c->count; i++)
		c->columns[i].type = COLUMN_EMPTY;
	while (p < end && split(c, p, end, final, &r) == CSV_ROW) {
		for (size_t i = 0; i < c->field_count && i < c->count; i++)
			see_field(&c->columns[i], &c->fields[i]);
		p = r.next;
	}
	if (c->f.names == NULL)
		c->begun = false; /* csv_next() has it still before it */
}

/* ---- records ---- */

static enum csv_status
wrong_length(const struct csv *c, const char *at, struct csv_record *r)
{
	r->at = at;
	snprintf(r->what, sizeof(r->what),
	    "%zu field%s, where %s %zu; see --csv-ragged", c->field_count,
	    c->field_count == 1 ? "" : "s",
	    c->f.names != NULL ? "--csv-names has" : "the header has",
	    c->named);
	return CSV_BAD;
}

static enum csv_status
check_length(struct csv *c, const char *p, struct csv_record *r)
{
	if (c->field_count < c->named && !c->f.missing)
		return wrong_length(c, p, r);
	if (c->field_count <= c->named || c->f.extra == CSV_EXTRA_DROP)
		return CSV_ROW;
	if (c->f.extra == CSV_EXTRA_ERROR)
		return wrong_length(c, c->fields[c->named].p, r);
	while (c->count < c->field_count)
		add_column(c, NULL);
	return CSV_ROW;
}

static enum csv_status
add_value(struct csv *c, const struct column *column, const struct field *f,
    struct csv_record *r)
{
	struct buf *b = &c->out;

	if (f->len == 0 &&
	    (!f->quoted || column->type == COLUMN_NUMBER ||
	        column->type == COLUMN_BOOL))
		return CSV_ROW;
	buf_add(b, column->key, column->len);
	if ((column->type == COLUMN_NUMBER && is_number(f->p, f->len)) ||
	    (column->type == COLUMN_BOOL && is_bool(f->p, f->len))) {
		buf_add(b, f->p, f->len);
		return CSV_ROW;
	}
	if (column->type == COLUMN_NUMBER && has_leading_zero(f->p, f->len))
		return bad(r, f->p,
		    "a zero before a number, in a column that had numbers so "
		    "far, would be lost; --csv-types text keeps it");
	buf_addc(b, '"');
	add_field_text(c, b, f);
	buf_addc(b, '"');
	return CSV_ROW;
}

static enum csv_status
take_row(struct csv *c, const char *p, struct csv_record *r)
{
	enum csv_status st = check_text(p, r->next, r);
	size_t n;

	if (st == CSV_ROW)
		st = check_length(c, p, r);
	n = c->field_count < c->count ? c->field_count : c->count;
	buf_reset(&c->out);
	for (size_t i = 0; i < n && st == CSV_ROW; i++)
		st = add_value(c, &c->columns[i], &c->fields[i], r);
	if (c->out.len == 0)
		buf_addc(&c->out, '{');
	c->out.data[0] = '{'; /* instead of the first comma */
	buf_addc(&c->out, '}');
	r->data = c->out.data;
	r->len = c->out.len;
	return st;
}

enum csv_status
csv_next(struct csv *c, const char *p, const char *end, bool final,
    struct csv_record *r)
{
	enum csv_status st = split(c, p, end, final, r);
	const char *q;

	if (st != CSV_ROW)
		return st;
	r->lines = 0;
	for (q = p; (q = memchr(q, '\n', (size_t)(r->next - q))) != NULL;) {
		r->lines++;
		r->line_start = ++q;
	}
	if (is_blank(c))
		return CSV_NONE;
	if (c->begun)
		return take_row(c, p, r);
	if (c->count == 0)
		return take_header(c, p, r);
	c->begun = true; /* csv_sample() has read it */
	return CSV_NONE;
}

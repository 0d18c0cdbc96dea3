/* SPDX-License-Identifier: MIT */
/*
 * csv: as Python's csv module writes it, and read as PostgreSQL does when
 * Python dlt has it COPY such a file: an empty field is null, quoted or not,
 * in each column that may be null.
 */
#include "tools/dlt-load/decode_private.h"

#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>

struct field {
	const char *text; /* quotes undone */
	size_t len;
	bool last; /* of its line */
};

static enum piece
bad(struct error *err, const char *what)
{
	error_set(err, ERR_DATA, "%s", what);
	return PIECE_BAD;
}

/* ---- fields ---- */

/* What ends a field: a delimiter, a line feed, or CR LF. */
static enum piece
take_end(char delimiter, const char **p, const char *end, struct field *f,
    struct error *err)
{
	if (*p == end)
		return PIECE_CUT;
	f->last = **p != delimiter;
	if (**p == '\r') {
		if (end - *p < 2)
			return PIECE_CUT;
		if ((*p)[1] != '\n')
			return bad(err, "a carriage return without quotes");
		++*p;
	} else if (f->last && **p != '\n') {
		return bad(err,
		    "expected a delimiter or the end of the line behind a "
		    "quote");
	}
	++*p;
	return PIECE_OK;
}

static enum piece
take_plain(char delimiter, const char **p, const char *end, struct field *f,
    struct error *err)
{
	const char *start = *p;

	while (*p < end && **p != delimiter && **p != '\n' && **p != '\r') {
		if (**p == '"')
			return bad(err,
			    "a quote within a field without quotes");
		++*p;
	}
	f->text = start;
	f->len = (size_t)(*p - start);
	return take_end(delimiter, p, end, f, err);
}

static enum piece
take_quoted(char delimiter, struct batch *b, const char **p, const char *end,
    struct field *f, struct error *err)
{
	const char *start = *p + 1, *q = start;
	size_t doubled = 0;

	for (;;) {
		q = memchr(q, '"', (size_t)(end - q));
		if (!q || q + 1 == end)
			return PIECE_CUT;
		if (q[1] != '"')
			break;
		doubled++;
		q += 2;
	}
	f->text = start;
	f->len = (size_t)(q - start);
	if (doubled) {
		char *text = arena_alloc(&b->arena, f->len + 1);
		size_t n = 0;

		for (const char *s = start; s < q; s++) {
			s += *s == '"';
			text[n++] = *s;
		}
		f->text = text;
		f->len = n;
	}
	*p = q + 1;
	return take_end(delimiter, p, end, f, err);
}

static enum piece
take_field(const struct decoder *d, struct batch *b, const char **p,
    const char *end, struct field *f, struct error *err)
{
	char delimiter = d->set.delimiter;
	enum piece got;

	if (*p == end)
		return PIECE_CUT;
	got = **p == '"' ? take_quoted(delimiter, b, p, end, f, err)
	                 : take_plain(delimiter, p, end, f, err);
	if (got == PIECE_OK && !utf8_is_valid(f->text, f->len))
		return bad(err, "text is not UTF-8");
	return got;
}

/* ---- which columns ---- */

static bool
may_delimit(char c)
{
	return c == '\t' ||
	    (c >= ' ' && c < 0x7f && c != '"' && c != '_' &&
	        !(c >= '0' && c <= '9') && !(c >= 'a' && c <= 'z') &&
	        !(c >= 'A' && c <= 'Z'));
}

/* What stands behind the first name of the header; ',' when there is nothing.
 * 0: more of it is needed. */
static char
guess_delimiter(const struct decoder *d, const char *p, const char *end)
{
	const char *q = p;

	if (p == end)
		return 0;
	if (*p == '"') {
		do {
			q = memchr(q + 1, '"', (size_t)(end - q - 1));
			if (!q || q + 1 == end)
				return 0;
		} while (q[1] == '"' && ++q);
		return may_delimit(q[1]) ? q[1] : ',';
	}
	for (; q < end && *q != '\n' && *q != '\r' && q - p < 1024; q++)
		if (may_delimit(*q) &&
		    table_column_n(d->table, p, (size_t)(q - p)))
			return *q;
	return q == end ? 0 : ',';
}

static enum piece
take_header(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	struct field f = { .last = false };
	enum piece got;

	if (!d->set.delimiter)
		d->set.delimiter = guess_delimiter(d, *p, end);
	if (!d->set.delimiter)
		return PIECE_CUT;
	while (!f.last) {
		const char *start = *p;

		got = take_field(d, b, p, end, &f, err);
		if (got != PIECE_OK)
			return got;
		if (decode_list(d, f.text, f.len, err) < 0) {
			*p = start; /* the line that is to be named */
			error_prefix(err, "the header: ");
			return PIECE_BAD;
		}
	}
	return PIECE_OK;
}

/* Without a header: as many of the table's columns as the first row has, in
 * the schema's order. */
static enum piece
count_fields(struct decoder *d, struct batch *b, const char **p,
    const char *end, struct error *err)
{
	struct field f = { .last = false };
	const char *q = *p;
	size_t i = 0;
	enum piece got;

	if (!d->set.delimiter)
		d->set.delimiter = ',';
	while (!f.last) {
		got = take_field(d, b, &q, end, &f, err);
		if (got != PIECE_OK)
			return got;
		while (i < d->table->column_count &&
		    d->table->columns[i]->type == TYPE_NONE)
			i++;
		if (i == d->table->column_count)
			return bad(err,
			    "the row has more fields than the table has "
			    "columns");
		d->listed[d->listed_count++] = d->table->columns[i++];
	}
	return PIECE_OK;
}

static enum piece
take_columns(struct decoder *d, struct batch *b, const char **p,
    const char *end, struct error *err)
{
	enum piece got;

	d->listed = xcalloc(d->table->column_count + 1, sizeof(*d->listed));
	got = d->set.no_header ? count_fields(d, b, p, end, err)
	                       : take_header(d, b, p, end, err);
	if (got != PIECE_OK) {
		for (size_t i = 0; i < d->listed_count; i++)
			d->follow[d->listed[i]->index] = 0;
		free(d->listed);
		d->listed = NULL;
		d->listed_count = 0;
	}
	return got;
}

/* ---- rows ---- */

static int
add_field(struct decoder *d, struct batch *b, const struct column *c,
    const struct field *f, struct error *err)
{
	struct cell cell = { .kind = CELL_NULL };

	if (!f->len && (c->nullable || c->type != TYPE_TEXT))
		return 0;
	if (decode_field(d, b, c, f->text, f->len, &cell, err) < 0)
		return error_prefix(err, "column \"%s\": ", c->name);
	decode_add_cell(b, c, &cell);
	return 0;
}

/* Of field i of a row. */
static int
check_count(const struct decoder *d, size_t i, bool last, struct error *err)
{
	const char *what = i >= d->listed_count ? "more"
	    : last && i + 1 < d->listed_count   ? "fewer"
	                                        : NULL;

	if (!what)
		return 0;
	return error_set(err, ERR_DATA,
	    "the row has %s fields than the %zu columns of the file", what,
	    d->listed_count);
}

static enum piece
take_row(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	struct field f = { .last = false };
	enum piece got;

	for (size_t i = 0; !f.last; i++) {
		const char *start = *p;

		got = take_field(d, b, p, end, &f, err);
		if (got != PIECE_OK)
			return got;
		if (check_count(d, i, f.last, err) < 0 ||
		    add_field(d, b, d->listed[i], &f, err) < 0) {
			*p = start;
			return PIECE_BAD;
		}
	}
	decode_end_row(d, b);
	return PIECE_OK;
}

static enum piece
take_piece(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	return d->listed ? take_row(d, b, p, end, err)
	                 : take_columns(d, b, p, end, err);
}

int
decode_csv(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	if (decode_pieces(d, b, take_piece, used, err) < 0)
		return -1;
	if (final && (*used < b->text.len || (!d->listed && !d->set.no_header)))
		return error_set(err, ERR_DATA, "%llu: the file ends in %s",
		    (unsigned long long)d->line,
		    d->listed || d->set.no_header ? "a row" : "its header");
	return 0;
}

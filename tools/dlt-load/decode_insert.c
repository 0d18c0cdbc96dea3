/* SPDX-License-Identifier: MIT */
/*
 * insert_values: the statement that Python dlt would execute is read, not
 * executed: INSERT INTO {}("a","b") VALUES (1,E'x'),(2,NULL); in the spelling
 * for PostgreSQL and DuckDB.
 */
#include "tools/dlt-load/decode.h"

#include "common/hash.h"
#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>

/* What a piece of a file can be. */
enum piece {
	PIECE_BAD = -1,
	PIECE_CUT, /* it goes on behind the end */
	PIECE_OK,
};

static enum piece
bad(struct error *err, const char *what)
{
	error_set(err, ERR_DATA, "%s", what);
	return PIECE_BAD;
}

static enum piece
take_char(const char **p, const char *end, char want, struct error *err)
{
	if (*p == end)
		return PIECE_CUT;
	if (**p != want)
		return error_set(err, ERR_DATA, "expected '%c'", want);
	++*p;
	return PIECE_OK;
}

static enum piece
take_text(const char **p, const char *end, const char *want, struct error *err)
{
	size_t len = strlen(want), have = (size_t)(end - *p);

	if (memcmp(*p, want, have < len ? have : len) != 0)
		return error_set(err, ERR_DATA, "expected \"%.*s\"",
		    (int)strcspn(want, "\n"), want);
	if (have < len)
		return PIECE_CUT;
	*p += len;
	return PIECE_OK;
}

/* To the quote that ends what begins at p, behind its own: those within are
 * doubled, and so are backslashes where they escape. */
static enum piece
find_end(const char *p, const char *end, char quote, bool slashes,
    const char **stop, bool *plain)
{
	*plain = true;
	for (; p < end; p++) {
		if (*p == '\\' && slashes) {
			*plain = false;
			if (++p == end)
				return PIECE_CUT;
		} else if (*p == quote) {
			if (p + 1 == end)
				return PIECE_CUT;
			if (p[1] != quote) {
				*stop = p;
				return PIECE_OK;
			}
			*plain = false;
			p++;
		}
	}
	return PIECE_CUT;
}

static char
unescape(char c)
{
	return c == 'n' ? '\n' : c == 'r' ? '\r' : c == 't' ? '\t' : c;
}

/* The text between quotes. name: a doubled backslash is one, and nothing else
 * is escaped. */
static enum piece
take_quoted(struct batch *b, const char **p, const char *end, bool slashes,
    struct literal *out, struct error *err)
{
	char quote = **p;
	const char *start = *p + 1, *stop = NULL;
	bool plain = true;
	enum piece got = find_end(start, end, quote, slashes, &stop, &plain);
	char *text;
	size_t n = 0;

	if (got != PIECE_OK)
		return got;
	*p = stop + 1;
	out->text = start;
	out->len = (size_t)(stop - start);
	if (!plain) {
		text = arena_alloc(&b->arena, out->len + 1);
		for (const char *s = start; s < stop; s++) {
			if (*s == '\\' && slashes)
				text[n++] = unescape(*++s);
			else if (*s == quote)
				text[n++] = *s++;
			else
				text[n++] = *s;
		}
		out->text = text;
		out->len = n;
	}
	if (!utf8_is_valid(out->text, out->len))
		return bad(err, "text is not UTF-8");
	return PIECE_OK;
}

/* NULL, True, nan, 1.5, -inf, ...: to what ends a value. */
static enum piece
take_word(const char **p, const char *end, struct literal *out)
{
	const char *start = *p;

	while (*p < end && **p != ',' && **p != ')')
		++*p;
	out->text = start;
	out->len = (size_t)(*p - start);
	out->kind = LITERAL_WORD;
	return *p == end ? PIECE_CUT : PIECE_OK;
}

static enum piece
take_literal(struct batch *b, const char **p, const char *end,
    struct literal *out, struct error *err)
{
	static const char base64[] = "from_base64('";
	enum piece got;

	if (*p == end)
		return PIECE_CUT;
	out->kind = LITERAL_TEXT;
	if (**p == '\'')
		return take_quoted(b, p, end, false, out, err);
	if (**p == 'E') {
		if (++*p == end)
			return PIECE_CUT;
		if (**p != '\'')
			return bad(err, "expected a quote");
		return take_quoted(b, p, end, true, out, err);
	}
	if (**p != 'f')
		return take_word(p, end, out);
	got = take_text(p, end, base64, err);
	if (got != PIECE_OK)
		return got;
	--*p;
	got = take_quoted(b, p, end, false, out, err);
	out->kind = LITERAL_BASE64;
	return got == PIECE_OK ? take_char(p, end, ')', err) : got;
}

/* ---- the two first lines ---- */

static int
note_column(struct decoder *d, const struct literal *name, struct error *err)
{
	const struct column *c = table_column_n(d->table, name->text,
	    name->len);

	if (!c || c->type == TYPE_NONE)
		return error_set(err, ERR_DATA,
		    "\"%.*s\" is no column of table \"%s\"",
		    (int)(name->len > 200 ? 200 : name->len), name->text,
		    d->table->name);
	if (d->listed_count > d->table->column_count)
		return error_set(err, ERR_DATA, "too many columns");
	d->listed[d->listed_count++] = c;
	return 0;
}

/* Backslashes of names are doubled like quotes; the first of a pair escapes. */
static enum piece
take_header(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	enum piece got = take_text(p, end, "INSERT INTO {}(", err);

	d->listed_count = 0;
	while (got == PIECE_OK) {
		struct literal name;

		if (*p == end)
			return PIECE_CUT;
		if (**p != '"')
			return bad(err, "expected a name in quotes");
		got = take_quoted(b, p, end, true, &name, err);
		if (got != PIECE_OK)
			return got;
		if (note_column(d, &name, err) < 0)
			return PIECE_BAD;
		if (*p < end && **p == ')')
			break;
		got = take_char(p, end, ',', err);
	}
	return got == PIECE_OK ? take_text(p, end, ")\nVALUES\n", err) : got;
}

/* ---- rows ---- */

static enum piece
take_row(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	enum piece got = take_char(p, end, '(', err);

	for (size_t i = 0; i < d->listed_count && got == PIECE_OK; i++) {
		const struct column *c = d->listed[i];
		struct cell cell = { .kind = CELL_NULL };
		struct literal v;

		got = take_literal(b, p, end, &v, err);
		if (got == PIECE_OK)
			got = take_char(p, end,
			    i + 1 < d->listed_count ? ',' : ')', err);
		if (got != PIECE_OK)
			return got;
		if (decode_literal(d, b, c, &v, &cell, err) < 0)
			return error_prefix(err, "column \"%s\": ", c->name);
		if (cell.kind == CELL_NULL)
			continue;
		cell.column = (uint32_t)c->index & 0xffffff;
		*decode_add_cell(b) = cell;
	}
	if (got != PIECE_OK || *p == end)
		return got == PIECE_OK ? PIECE_CUT : got;
	if (**p == ';') {
		d->ended = true;
		++*p;
		return PIECE_OK;
	}
	return take_text(p, end, ",\n", err);
}

static enum piece
take_piece(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	enum piece got;

	if (d->ended) {
		if (**p != '\n')
			return bad(err, "something follows the last row");
		++*p;
		return PIECE_OK;
	}
	if (d->listed)
		got = take_row(d, b, p, end, err);
	else {
		d->listed = xcalloc(d->table->column_count + 1,
		    sizeof(*d->listed));
		got = take_header(d, b, p, end, err);
		if (got != PIECE_OK) {
			free(d->listed);
			d->listed = NULL;
		}
		d->line += got == PIECE_OK ? 2 : 0;
		return got;
	}
	if (got == PIECE_OK) {
		decode_end_row(d, b);
		d->line++;
	}
	return got;
}

int
decode_inserts(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	const char *p = b->text.data, *end = p + b->text.len;
	const char *done = p;

	while (p < end) {
		size_t cells = b->rows.cell_count;
		enum piece got = take_piece(d, b, &p, end, err);

		if (got == PIECE_CUT) {
			b->rows.cell_count = cells;
			break;
		}
		if (got == PIECE_BAD)
			return error_prefix(err,
			    "%llu: ", (unsigned long long)d->line);
		done = p;
	}
	*used = (size_t)(done - b->text.data);
	/* A file without rows has only the first two lines. */
	if (final && (done < end || (!d->ended && d->line > 3)))
		return error_set(err, ERR_DATA, "%llu: the file ends in a row",
		    (unsigned long long)d->line);
	return 0;
}

/* SPDX-License-Identifier: MIT */
/*
 * insert_values: the statement that Python dlt would execute is read, not
 * executed: INSERT INTO {}("a","b") VALUES (1,E'x'),(2,NULL); in the spelling
 * of any destination. What is between '..' without a letter before it has
 * escapes by backslash but where the settings say that it has not (Snowflake):
 * nothing in the file tells that.
 */
#include "tools/dlt-load/decode_private.h"

#include "common/utf8.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

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
	if (**p != want) {
		error_set(err, ERR_DATA, "expected '%c'", want);
		return PIECE_BAD;
	}
	++*p;
	return PIECE_OK;
}

/* Letters may be small or big. */
static enum piece
take_text(const char **p, const char *end, const char *want, struct error *err)
{
	size_t len = strlen(want), have = (size_t)(end - *p);

	if (strncasecmp(*p, want, have < len ? have : len) != 0) {
		error_set(err, ERR_DATA, "expected \"%.*s\"",
		    (int)strcspn(want + (*want == '\n'), "\n"),
		    want + (*want == '\n'));
		return PIECE_BAD;
	}
	if (have < len)
		return PIECE_CUT;
	*p += len;
	return PIECE_OK;
}

/* ---- what is quoted ---- */

enum quoting {
	QUOTING_PLAIN,   /* only quotes are doubled */
	QUOTING_SLASHES, /* and backslashes escape */
	QUOTING_NAME,    /* backslashes escape themselves and quotes */
};

/* To the quote that ends what begins at p, behind its own. */
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

/* What stands for "\c", or -1. */
static int
unescape(char c, enum quoting how)
{
	static const char from[] = "nrtbfva0", to[] = "\n\r\t\b\f\v\a";
	const char *at;

	if (c == '\\' || c == '\'' || c == '"' || c == '`')
		return c;
	at = how == QUOTING_NAME || !c ? NULL : strchr(from, c);
	return at ? to[at - from] : -1;
}

/* [start, stop) without its escapes, into the arena: never longer. */
static enum piece
undo_escapes(struct batch *b, const char *start, const char *stop, char quote,
    enum quoting how, struct literal *out, struct error *err)
{
	char *text = arena_alloc(&b->arena, (size_t)(stop - start) + 1);
	size_t n = 0;

	for (const char *s = start; s < stop; s++) {
		int c = (unsigned char)*s;

		if (*s == '\\' && how != QUOTING_PLAIN) {
			c = unescape(*++s, how);
			if (c < 0)
				return bad(err,
				    "bad escape (see load.data_writer."
				    "backslashes)");
		} else if (*s == quote) {
			s++;
		}
		text[n++] = (char)c;
	}
	out->text = text;
	out->len = n;
	return PIECE_OK;
}

/* The text between quotes. */
static enum piece
take_quoted(struct batch *b, const char **p, const char *end, enum quoting how,
    struct literal *out, struct error *err)
{
	const char *start = *p + 1, *stop = NULL;
	char quote = **p;
	bool plain = true;
	enum piece got = find_end(start, end, quote, how != QUOTING_PLAIN,
	    &stop, &plain);

	if (got != PIECE_OK)
		return got;
	out->kind = LITERAL_TEXT;
	out->text = start;
	out->len = (size_t)(stop - start);
	if (!plain)
		got = undo_escapes(b, start, stop, quote, how, out, err);
	if (got != PIECE_OK)
		return got;
	if (!utf8_is_valid(out->text, out->len))
		return bad(err, "text is not UTF-8");
	*p = stop + 1;
	return PIECE_OK;
}

/* ---- literals ---- */

/* N'a' + CHAR(10) + N'b': control characters stand between texts. */
static enum piece
take_national(struct decoder *d, struct batch *b, const char **p,
    const char *end, struct literal *out, struct error *err)
{
	enum piece got = take_text(p, end, "N", err);
	unsigned code;

	buf_reset(&d->scratch);
	for (;;) {
		if (got == PIECE_OK && *p == end)
			return PIECE_CUT;
		if (got == PIECE_OK && **p != '\'')
			return bad(err, "expected a quote");
		if (got == PIECE_OK)
			got = take_quoted(b, p, end, QUOTING_PLAIN, out, err);
		if (got != PIECE_OK)
			return got;
		buf_add(&d->scratch, out->text, out->len);
		if (*p == end)
			return PIECE_CUT;
		if (**p != ' ' || (end - *p > 1 && (*p)[1] != '+'))
			break;
		got = take_text(p, end, " + CHAR(", err);
		for (code = 0; got == PIECE_OK && *p < end && **p >= '0' &&
		     **p <= '9' && code < 128;
		     ++*p)
			code = code * 10 + (unsigned)(**p - '0');
		if (code > 127)
			return bad(err, "CHAR() of no ASCII character");
		if (got == PIECE_OK)
			got = take_text(p, end, ") + N", err);
		if (got == PIECE_OK)
			buf_addc(&d->scratch, (char)code);
	}
	out->text = arena_strndup(&b->arena, buf_str(&d->scratch),
	    d->scratch.len);
	out->len = d->scratch.len;
	return PIECE_OK;
}

/* NULL, True, nan, 1.5, -inf, ... */
static enum piece
take_word(const char **p, const char *end, struct literal *out,
    struct error *err)
{
	const char *start = *p;

	while (*p < end &&
	    ((**p >= '0' && **p <= '9') || (**p >= 'a' && **p <= 'z') ||
	        (**p >= 'A' && **p <= 'Z') || **p == '.' || **p == '+' ||
	        **p == '-'))
		++*p;
	out->text = start;
	out->len = (size_t)(*p - start);
	out->kind = LITERAL_WORD;
	if (*p == end)
		return PIECE_CUT;
	return out->len ? PIECE_OK : bad(err, "expected a value");
}

/* CONVERT(VARBINARY(n), '..', 2), behind the first bracket. */
static enum piece
take_convert(struct batch *b, const char **p, const char *end,
    struct literal *out, struct error *err)
{
	enum piece got = take_text(p, end, "VARBINARY(", err);
	struct literal size;

	if (got == PIECE_OK)
		got = take_word(p, end, &size, err);
	if (got == PIECE_OK)
		got = take_text(p, end, "), '", err);
	if (got == PIECE_OK) {
		--*p;
		got = take_quoted(b, p, end, QUOTING_PLAIN, out, err);
	}
	if (got == PIECE_OK)
		got = take_text(p, end, ", 2)", err);
	out->kind = LITERAL_HEX;
	return got;
}

/* name('..'): the bracket is at *p. */
static enum piece
take_call(struct decoder *d, struct batch *b, const struct literal *name,
    const char **p, const char *end, struct literal *out, struct error *err)
{
	static const struct {
		const char *name;
		enum literal_kind kind;
	} calls[] = { { "from_base64", LITERAL_BASE64 },
		{ "from_hex", LITERAL_HEX }, { "json_parse", LITERAL_TEXT } };
	enum quoting how = d->set.no_backslashes ? QUOTING_PLAIN
	                                         : QUOTING_SLASHES;
	enum piece got;

	++*p;
	if (name->len == 7 && !strncasecmp(name->text, "convert", 7))
		return take_convert(b, p, end, out, err);
	for (size_t i = 0; i < ARRAY_LEN(calls); i++) {
		if (name->len != strlen(calls[i].name) ||
		    strncasecmp(name->text, calls[i].name, name->len) != 0)
			continue;
		if (*p == end)
			return PIECE_CUT;
		if (**p != '\'')
			return bad(err, "expected a quote");
		got = take_quoted(b, p, end, how, out, err);
		out->kind = calls[i].kind;
		return got == PIECE_OK ? take_char(p, end, ')', err) : got;
	}
	error_set(err, ERR_DATA, "\"%.*s\" is no function that is known",
	    (int)(name->len > 80 ? 80 : name->len), name->text);
	return PIECE_BAD;
}

/* A word, or what begins with a name: E'..', X'..', name(..). */
static enum piece
take_named(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct literal *out, struct error *err)
{
	struct literal name = { .text = *p };

	while (*p < end &&
	    ((**p >= 'a' && **p <= 'z') || (**p >= 'A' && **p <= 'Z') ||
	        **p == '_' || (**p >= '0' && **p <= '9')))
		++*p;
	name.len = (size_t)(*p - name.text);
	if (*p == end)
		return PIECE_CUT;
	if (**p == '(' && name.len)
		return take_call(d, b, &name, p, end, out, err);
	if (**p == '\'' && name.len == 1) {
		enum piece got;

		switch (*name.text) {
		case 'E':
			return take_quoted(b, p, end, QUOTING_SLASHES, out,
			    err);
		case 'N':
			--*p;
			return take_national(d, b, p, end, out, err);
		case 'X':
			got = take_quoted(b, p, end, QUOTING_PLAIN, out, err);
			out->kind = LITERAL_HEX;
			return got;
		default:
			return bad(err, "unknown kind of literal");
		}
	}
	*p = name.text;
	return take_word(p, end, out, err);
}

static enum piece
take_literal(struct decoder *d, struct batch *b, const struct column *c,
    const char **p, const char *end, struct literal *out, struct error *err)
{
	if (*p == end)
		return PIECE_CUT;
	if (**p == '-' || (**p >= '0' && **p <= '9'))
		return take_word(p, end, out, err);
	if (**p != '\'')
		return take_named(d, b, p, end, out, err);
	/* bytes are '\x0123' or '0123' */
	return take_quoted(b, p, end,
	    c->type == TYPE_BINARY || d->set.no_backslashes ? QUOTING_PLAIN
	                                                    : QUOTING_SLASHES,
	    out, err);
}

/* ---- the first lines ---- */

static enum piece
take_names(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	enum piece got = take_text(p, end, "INSERT INTO {}(", err);

	while (got == PIECE_OK) {
		struct literal name;

		if (*p == end)
			return PIECE_CUT;
		if (**p != '"' && **p != '`')
			return bad(err, "expected a name in quotes");
		got = take_quoted(b, p, end, QUOTING_NAME, &name, err);
		if (got != PIECE_OK)
			return got;
		if (decode_list(d, name.text, name.len, err) < 0)
			return PIECE_BAD;
		if (*p < end && **p == ')')
			return take_text(p, end, ")\n", err);
		got = take_char(p, end, ',', err);
	}
	return got;
}

/* A SELECT may begin the next line, or the file may end there. */
static enum piece
take_header(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	enum piece got;

	d->listed = xcalloc(d->table->column_count + 1, sizeof(*d->listed));
	got = take_names(d, b, p, end, err);
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

static enum piece
take_values(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	for (size_t i = 0; i < d->listed_count; i++) {
		const struct column *c = d->listed[i];
		struct cell cell = { .kind = CELL_NULL };
		struct literal v;
		enum piece got = i ? take_char(p, end, ',', err) : PIECE_OK;

		if (got == PIECE_OK)
			got = take_literal(d, b, c, p, end, &v, err);
		if (got == PIECE_OK &&
		    decode_literal(d, b, c, &v, &cell, err) < 0)
			got = PIECE_BAD;
		if (got == PIECE_BAD)
			error_prefix(err, "column \"%s\": ", c->name);
		if (got != PIECE_OK)
			return got;
		if (cell.kind != CELL_NULL)
			decode_add_cell(b, c, &cell);
	}
	return PIECE_OK;
}

static enum piece
take_row(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	bool select = d->select_union;
	enum piece got = take_text(p, end, select ? "SELECT " : "(", err);

	if (got == PIECE_OK)
		got = take_values(d, b, p, end, err);
	if (got == PIECE_OK && !select)
		got = take_char(p, end, ')', err);
	if (got != PIECE_OK)
		return got;
	if (*p == end)
		return PIECE_CUT;
	d->ended = **p == ';';
	if (d->ended)
		++*p;
	else
		got = take_text(p, end, select ? " UNION ALL\n" : ",\n", err);
	if (got == PIECE_OK)
		decode_end_row(d, b);
	return got;
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
	if (!d->listed)
		return take_header(d, b, p, end, err);
	if (d->in_array || d->select_union)
		return take_row(d, b, p, end, err);
	d->select_union = **p == 'S';
	if (d->select_union)
		return take_row(d, b, p, end, err);
	got = take_text(p, end, "VALUES\n", err);
	d->in_array = got == PIECE_OK;
	return got;
}

int
decode_inserts(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	if (decode_pieces(d, b, take_piece, used, err) < 0)
		return -1;
	if (!final)
		return 0;
	if (!d->listed)
		return error_set(err, ERR_DATA,
		    "%llu: the file ends in the names of its columns",
		    (unsigned long long)d->line);
	/* A file without rows has only the first lines. */
	if (*used < b->text.len || (d->rows && !d->ended))
		return error_set(err, ERR_DATA, "%llu: the file ends in a row",
		    (unsigned long long)d->line);
	return 0;
}

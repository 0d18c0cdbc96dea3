/* SPDX-License-Identifier: MIT */
#include "tools/dlt-load/decode_private.h"

#include "common/scan.h"

#include <stdlib.h>
#include <string.h>

enum decode_format
decode_format(const char *name)
{
	static const char *const names[] = {
		[DECODE_JSONL] = "jsonl",
		[DECODE_TYPED] = "typed-jsonl",
		[DECODE_INSERTS] = "insert_values",
		[DECODE_CSV] = "csv",
		[DECODE_PARQUET] = "parquet",
	};

	for (size_t i = DECODE_JSONL; i < ARRAY_LEN(names); i++)
		if (!strcmp(name, names[i]))
			return (enum decode_format)i;
	return DECODE_NONE;
}

static bool
is_plain(const char *name, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (name[i] < 0x20 || name[i] > 0x7e || name[i] == '"' ||
		    name[i] == '\\')
			return false;
	return true;
}

void
decoder_init(struct decoder *d, const struct table *t,
    const struct dest_values *values, const struct decode_settings *set)
{
	*d = (struct decoder){
		.table = t, .values = *values, .set = *set, .line = 1
	};
	d->follow = xcalloc(t->column_count + 1, sizeof(*d->follow));
	d->plain = xcalloc(t->column_count + 1, sizeof(*d->plain));
	for (size_t i = 0; i <= t->column_count; i++)
		d->follow[i] = (uint32_t)((i + 1) % (t->column_count + 1));
	for (size_t i = 0; i < t->column_count; i++)
		d->plain[i] = t->columns[i]->type != TYPE_NONE &&
		    is_plain(t->columns[i]->name, t->columns[i]->name_len);
}

void
decoder_release(struct decoder *d)
{
	free(d->follow);
	free(d->plain);
	json_release(&d->doc);
	buf_release(&d->scratch);
	free(d->listed);
}

void
decode_add_cell(struct batch *b, const struct column *c,
    const struct cell *cell)
{
	struct rows *r = &b->rows;

	if (r->cell_count == b->cell_cap)
		r->cells = xgrow(r->cells, &b->cell_cap, r->cell_count + 1,
		    sizeof(*r->cells));
	r->cells[r->cell_count] = *cell;
	r->cells[r->cell_count++].column = (uint32_t)c->index & 0xffffff;
}

void
decode_end_row(struct decoder *d, struct batch *b)
{
	struct rows *r = &b->rows;

	if (r->row_count == b->row_cap)
		r->rows = xgrow(r->rows, &b->row_cap, r->row_count + 1,
		    sizeof(*r->rows));
	r->rows[r->row_count].end = (uint32_t)r->cell_count;
	r->rows[r->row_count++].line = d->line;
	d->at = (uint32_t)d->table->column_count;
	d->rows++;
}

static const struct column *
find_column(struct decoder *d, const char *key, size_t len, struct error *err)
{
	const struct table *t = d->table;
	uint32_t guess = d->follow[d->at];
	const struct column *c;

	if (LIKELY(guess < t->column_count)) {
		c = t->columns[guess];
		if (LIKELY(c->name_len == len && !memcmp(c->name, key, len) &&
		        c->type != TYPE_NONE)) {
			d->at = guess;
			return c;
		}
	}
	c = table_column_n(t, key, len);
	if (!c || c->type == TYPE_NONE) {
		error_set(err, ERR_DATA,
		    "\"%.*s\" is no column of table \"%s\"",
		    (int)(len > 200 ? 200 : len), key, t->name);
		return NULL;
	}
	d->follow[d->at] = (uint32_t)c->index;
	d->at = (uint32_t)c->index;
	return c;
}

static ALWAYS_INLINE const char *
skip_blank(const char *p, const char *end)
{
	return UNLIKELY(p < end && (unsigned char)*p <= ' ')
	    ? scan_space(p, end)
	    : p;
}

/* The column that followed this one last time, if its name stands at *p as
 * writers of job files spell it, with the colon behind; else NULL. */
static ALWAYS_INLINE const struct column *
take_expected(struct decoder *d, const char **p, const char *end)
{
	const struct table *t = d->table;
	uint32_t guess = d->follow[d->at];
	const struct column *c;

	if (guess >= t->column_count || !d->plain[guess])
		return NULL;
	c = t->columns[guess];
	if ((size_t)(end - *p) < c->name_len + 3 || **p != '"' ||
	    (*p)[c->name_len + 1] != '"' || (*p)[c->name_len + 2] != ':' ||
	    memcmp(*p + 1, c->name, c->name_len))
		return NULL;
	*p += c->name_len + 3;
	d->at = guess;
	return c;
}

/* Any key; NULL on failure. */
static const struct column *
take_key(struct decoder *d, struct batch *b, const char **p, const char *end,
    struct error *err)
{
	const struct column *c;
	const char *key;
	size_t len;

	if (*p == end || **p != '"') {
		error_set(err, ERR_DATA, "expected a key");
		return NULL;
	}
	if (decode_string(b, p, end, &key, &len, err) < 0)
		return NULL;
	c = find_column(d, key, len, err);
	if (!c)
		return NULL;
	*p = skip_blank(*p, end);
	if (*p == end || **p != ':') {
		error_set(err, ERR_DATA, "expected ':'");
		return NULL;
	}
	++*p;
	return c;
}

static int
decode_member(struct decoder *d, struct batch *b, const char **p,
    const char *end, struct error *err)
{
	const struct column *c = take_expected(d, p, end);
	struct cell cell;

	if (UNLIKELY(!c)) {
		c = take_key(d, b, p, end, err);
		if (!c)
			return -1;
	}
	*p = skip_blank(*p, end);
	cell.kind = CELL_NULL;
	cell.len = 0;
	if (decode_value(d, b, c, p, end, &cell, err) < 0)
		return error_prefix(err, "column \"%s\": ", c->name);
	decode_add_cell(b, c, &cell);
	*p = skip_blank(*p, end);
	return 0;
}

/* One object in [p, end), nothing else. */
static int
decode_object(struct decoder *d, struct batch *b, const char *p,
    const char *end, struct error *err)
{
	if (p == end || *p != '{')
		return error_set(err, ERR_DATA, "expected an object");
	p = skip_blank(p + 1, end);
	if (p < end && *p == '}') {
		p++;
	} else {
		for (;;) {
			if (decode_member(d, b, &p, end, err) < 0)
				return -1;
			if (p < end && *p == '}')
				break;
			if (p == end || *p != ',')
				return error_set(err, ERR_DATA,
				    "expected ',' or '}'");
			p = skip_blank(p + 1, end);
		}
		p++;
	}
	if (skip_blank(p, end) != end)
		return error_set(err, ERR_DATA,
		    "something follows the row on its line");
	decode_end_row(d, b);
	return 0;
}

/* Lines of objects; blank ones are passed over. */
static int
decode_lines(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	const char *p = b->text.data, *end = p + b->text.len;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end, *start;

		if (!nl && !final)
			break;
		start = skip_blank(p, stop);
		if (start < stop && decode_object(d, b, start, stop, err) < 0)
			return error_prefix(err,
			    "%llu: ", (unsigned long long)d->line);
		p = nl ? nl + 1 : end;
		d->line++;
	}
	*used = (size_t)(p - b->text.data);
	return 0;
}

/* ---- typed-jsonl: rows are parsed one by one; they need type markers ---- */

static int
decode_tree(struct decoder *d, struct batch *b, const char *text, size_t len,
    struct error *err)
{
	if (json_parse(&d->doc, text, len, err) < 0)
		return -1;
	if (d->doc.root->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "expected an object");
	for (const struct json *m = d->doc.root->child; m; m = m->next) {
		const struct column *c = find_column(d, m->key, m->key_len,
		    err);
		struct cell cell = { .kind = CELL_NULL };

		if (!c)
			return -1;
		if (decode_node(d, b, c, m, &cell, err) < 0)
			return error_prefix(err, "column \"%s\": ", c->name);
		decode_add_cell(b, c, &cell);
	}
	decode_end_row(d, b);
	return 0;
}

static const char *
skip_space(struct decoder *d, const char *p, const char *end)
{
	for (; p < end && (*p == ' ' || *p == '\n' || *p == '\t' || *p == '\r');
	     p++)
		d->line += *p == '\n';
	return p;
}

/* One step at p: a bracket, a comma or a row; p is not at white space. Returns
 * where to go on, p itself when the row is not complete, NULL on an error. */
static const char *
typed_step(struct decoder *d, struct batch *b, const char *p, const char *end,
    bool final, struct error *err)
{
	struct scan s;

	if (!d->in_array) {
		if (*p != '[') {
			error_set(err, ERR_DATA, "expected an array of rows");
			return NULL;
		}
		d->in_array = true;
		d->after_item = false;
		return p + 1;
	}
	if (*p == ']') {
		d->in_array = false;
		return p + 1;
	}
	if (d->after_item) {
		if (*p != ',') {
			error_set(err, ERR_DATA, "expected ',' or ']'");
			return NULL;
		}
		d->after_item = false;
		return p + 1;
	}
	switch (scan_value(p, end, final, &s)) {
	case SCAN_OK:
		break;
	case SCAN_MORE:
		if (!final)
			return p;
		error_set(err, ERR_DATA, "the file ends inside a row");
		return NULL;
	default:
		error_set(err, ERR_DATA, "%s", s.what);
		return NULL;
	}
	if (decode_tree(d, b, p, (size_t)(s.next - p), err) < 0)
		return NULL;
	d->after_item = true;
	return s.next;
}

static int
decode_arrays(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	const char *p = b->text.data, *end = p + b->text.len;

	while ((p = skip_space(d, p, end)) < end) {
		const char *next = typed_step(d, b, p, end, final, err);

		if (!next)
			return error_prefix(err,
			    "%llu: ", (unsigned long long)d->line);
		if (next == p)
			break;
		p = next;
	}
	*used = (size_t)(p - b->text.data);
	if (final && d->in_array)
		return error_set(err, ERR_DATA, "%llu: the file ends in a line",
		    (unsigned long long)d->line);
	return 0;
}

/* ---- formats that say their columns once ---- */

int
decode_list(struct decoder *d, const char *name, size_t len, struct error *err)
{
	const struct column *c = table_column_n(d->table, name, len);
	int shown = (int)(len > 200 ? 200 : len);

	if (!c || c->type == TYPE_NONE)
		return error_set(err, ERR_DATA,
		    "\"%.*s\" is no column of table \"%s\"", shown, name,
		    d->table->name);
	/* each once, so there are not more than the table has */
	if (d->follow[c->index] == UINT32_MAX)
		return error_set(err, ERR_DATA, "column \"%.*s\" stands twice",
		    shown, name);
	d->follow[c->index] = UINT32_MAX;
	d->listed[d->listed_count++] = c;
	return 0;
}

static uint64_t
count_lines(const char *p, const char *end)
{
	uint64_t n = 0;

	while ((p = memchr(p, '\n', (size_t)(end - p)))) {
		n++;
		p++;
	}
	return n;
}

int
decode_pieces(struct decoder *d, struct batch *b,
    enum piece (*take)(struct decoder *d, struct batch *b, const char **p,
        const char *end, struct error *err),
    size_t *used, struct error *err)
{
	const char *p = b->text.data, *end = p + b->text.len, *done = p;

	while (p < end) {
		size_t cells = b->rows.cell_count;
		enum piece got = take(d, b, &p, end, err);

		if (got == PIECE_CUT) {
			b->rows.cell_count = cells;
			break;
		}
		d->line += count_lines(done, p);
		if (got == PIECE_BAD)
			return error_prefix(err,
			    "%llu: ", (unsigned long long)d->line);
		done = p;
	}
	*used = (size_t)(done - b->text.data);
	return 0;
}

/* ---- */

int
decode_batch(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err)
{
	b->rows.table = d->table;
	d->at = (uint32_t)d->table->column_count;
	switch (d->set.format) {
	case DECODE_TYPED:
		return decode_arrays(d, b, final, used, err);
	case DECODE_INSERTS:
		return decode_inserts(d, b, final, used, err);
	case DECODE_CSV:
		return decode_csv(d, b, final, used, err);
	default:
		return decode_lines(d, b, final, used, err);
	}
}

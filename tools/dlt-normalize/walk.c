/* SPDX-License-Identifier: MIT */
/*
 * The fast lane. A NUL follows each block and is legal nowhere in JSON, so no
 * loop here runs past the end: whatever is cut or odd makes a step return
 * NULL, a surprise, and the slow lane decides.
 */
#include "tools/dlt-normalize/walk.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/scan.h"
#include "common/utf8.h"
#include "tools/dlt-normalize/walk_copy.h"

static const char *walk_object(struct walker *w, struct ctx *c, const char *p,
    struct out *o, uint64_t row, size_t id_at);

static ALWAYS_INLINE const char *
space(const char *p)
{
	if (UNLIKELY((unsigned char)*p <= ' '))
		while (*p == ' ' || *p == '\t' || *p == '\r')
			p++;
	return p;
}

/* ---- values ---- */

/* null: nothing is written; whether that is right depends on the column. */
static const char *
walk_null(struct walker *w, struct ctx *c, struct key *k, const char *p)
{
	if (memcmp(p, "null", 4) != 0 || k->null_slow)
		return NULL;
	if (!k->slot && !key_resolve(c, k)) {
		/* a contract may discard the row for its key */
		if (k->slow || k->slot || w->evolve->filter_count)
			return NULL;
		w->res->depends = true;
	} else if (!k->nullable || k->slot->shared) {
		return NULL; /* it may take another key's value away */
	}
	return p + 4;
}

static ALWAYS_INLINE const char *
walk_scalar(struct walker *w, struct ctx *c, struct key *k, const char *p,
    struct out *o, uint64_t row)
{
	const char *q = NULL;
	char *v;

	if (UNLIKELY(*p == 'n'))
		return walk_null(w, c, k, p);
	if (UNLIKELY(!k->slot) && !key_resolve(c, k))
		return NULL;
	if (UNLIKELY(k->slot->shared)) {
		if (k->slot->stamp == row)
			return NULL;
		k->slot->stamp = row;
	}
	v = put_prefix(o, k);
	if (LIKELY(*p == '"')) {
		if (LIKELY(k->type == TYPE_TEXT))
			return copy_string(o, v, p);
		if (k->type == TYPE_TIMESTAMP && k->slot->column->timezone)
			q = copy_timestamp(o, v, p);
	} else if (k->type == TYPE_BIGINT || k->type == TYPE_DOUBLE) {
		q = copy_number(o, v, k, p);
	} else if (k->type == TYPE_BOOL) {
		q = *p == 't' ? copy_literal(o, v, p, "true", 4)
		              : copy_literal(o, v, p, "false", 5);
	}
	if (LIKELY(q != NULL))
		return q;
	o->w = v;
	return walk_coerce(w, k, p, o);
}

/* What most values are: of the type of a column that is the key's own. */
static ALWAYS_INLINE bool
is_common(const struct key *k, const char *p)
{
	return (k->kind == KEY_TEXT && *p == '"') ||
	    (k->kind == KEY_NUMBER &&
	        ((unsigned char)(*p - '0') <= 9 || *p == '-'));
}

static ALWAYS_INLINE const char *
walk_common(struct walker *w, struct key *k, const char *p, struct out *o)
{
	const char *q;
	char *v;

	if (UNLIKELY(o->w > o->lim))
		out_grow(o, ROW_SLACK);
	v = put_block(o->w, k->prefix, k->prefix_len);
	if (k->kind == KEY_TEXT)
		return copy_string(o, v, p);
	q = copy_number(o, v, k, p);
	if (LIKELY(q != NULL))
		return q;
	o->w = v;
	return walk_coerce(w, k, p, o);
}

static const char *walk_element(struct walker *w, struct node *n, const char *p,
    struct out *parent, size_t id_at, uint64_t index);

/* A list in a row of o: each element is a row of the table that key k leads
 * to. p behind the bracket. An empty list writes nothing, unless it stays
 * json. */
static const char *
walk_list(struct walker *w, struct ctx *c, struct key *k, const char *p,
    struct out *o, size_t id_at)
{
	struct node *n = k->child;
	uint64_t index = 0;

	if (UNLIKELY(k->json_checked != w->evolve->json_version) &&
	    !key_opens(c, k))
		return NULL;
	p = space(p);
	if (*p == ']')
		return p + 1;
	if (UNLIKELY(!n))
		n = node_child(w, c, k);
	if (!node_is_fast(n))
		return NULL;
	for (;;) {
		p = walk_element(w, n, p, o, id_at, index++);
		if (UNLIKELY(!p))
			return NULL;
		p = space(p);
		if (*p == ']')
			return p + 1;
		if (UNLIKELY(*p != ','))
			return NULL;
		p = space(p + 1);
	}
}

/* One element of a list; p stands at it. */
static const char *
walk_element(struct walker *w, struct node *n, const char *p,
    struct out *parent, size_t id_at, uint64_t index)
{
	struct out *o = n->out;
	uint64_t row = ++w->row;
	size_t at = begin_nested_row(w, n, parent, id_at, index);
	struct key *k;

	if (*p == '{') {
		p = walk_object(w, n->ctx, p + 1, o, row, at);
	} else if (*p == '[') {
		k = node_list_key(n);
		p = walk_list(w, n->list_ctx, k, p + 1, o, at);
	} else {
		k = node_value_key(n);
		p = walk_scalar(w, n->ctx, k, p, o, row);
	}
	if (LIKELY(p != NULL))
		out_row_end(o);
	return p;
}

#ifdef __SSE2__
/* Do 16 bytes agree, as far as they count? */
static ALWAYS_INLINE bool
head_matches(const char *p, const char *head, unsigned mask)
{
	__m128i a = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i b = _mm_loadu_si128((const __m128i *)(const void *)head);
	unsigned same = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(a, b));

	return (mask & ~same) == 0;
}
#endif

static ALWAYS_INLINE bool
key_matches(const struct walker *w, const struct key *k, const char *p)
{
	size_t len = k->raw_len;

#ifdef __SSE2__
	if (!head_matches(p, k->head, k->head_mask[0]))
		return false;
	if (LIKELY(len <= 16))
		return true;
	if (!head_matches(p + 16, k->head + 16, k->head_mask[1]))
		return false;
	if (LIKELY(len <= 32))
		return true;
#endif
	if (len > SCAN_SLACK && (size_t)(w->end - p) < len)
		return false;
	return memcmp(p, k->raw, len) == 0;
}

/* The key at p by its bytes; *value is where its value begins. */
static NOINLINE struct key *
find_key(struct ctx *c, const char *p, const char **value)
{
	const char *q = p + 1;

	if (*p != '"')
		return NULL;
	while (*q != '"') {
		if ((unsigned char)*q < ' ')
			return NULL;
		q += 1 + (*q == '\\' && q[1]);
	}
	*value = space(q + 1);
	if (**value != ':')
		return NULL;
	++*value;
	return ctx_key(c, p, (size_t)(q + 1 - p));
}

/* A value of any kind. */
static ALWAYS_INLINE const char *
walk_other(struct walker *w, struct ctx *c, struct key *k, const char *p,
    struct out *o, uint64_t row, size_t id_at)
{
	if (UNLIKELY(k->slow))
		return NULL;
	if (*p == '[')
		return walk_list(w, c, k, p + 1, o, id_at);
	if (*p != '{')
		return walk_scalar(w, c, k, p, o, row);
	if (UNLIKELY(k->json_checked != w->evolve->json_version) &&
	    !key_opens(c, k))
		return NULL;
	return walk_object(w, k->sub ? k->sub : ctx_sub(c, k), p + 1, o, row,
	    id_at);
}

/* The members of an object; p behind the brace. id_at: where the id of the row
 * stands in its segment. */
static const char *
walk_object(struct walker *w, struct ctx *c, const char *p, struct out *o,
    uint64_t row, size_t id_at)
{
	struct key **guess = &c->first, *k;

	p = space(p);
	if (UNLIKELY(*p == '}'))
		return p + 1;
	for (;;) {
		k = *guess;
		if (LIKELY(k && key_matches(w, k, p))) {
			p += k->raw_len;
		} else {
			const char *value;

			k = find_key(c, p, &value);
			if (!k)
				return NULL;
			p = value;
			*guess = k;
		}
		if (UNLIKELY(*k->stamp == row))
			return NULL;
		*k->stamp = row;
		p = space(p);
		if (LIKELY(is_common(k, p)))
			p = walk_common(w, k, p, o);
		else
			p = walk_other(w, c, k, p, o, row, id_at);
		if (UNLIKELY(!p))
			return NULL;
		guess = &k->next;
		if (UNLIKELY(*p != ',')) {
			p = space(p);
			if (*p != ',')
				return *p == '}' ? p + 1 : NULL;
		}
		p = space(p + 1);
	}
}

/* ---- rows ---- */

static void
row_begin(struct walker *w)
{
	w->root_row = ++w->row;
	w->touched_count = 0;
	late_ids_mark(w);
}

/* A whole row by the fast lane; NULL: a surprise, everything taken back. */
static const char *
fast_row(struct walker *w, struct node *n, const char *p)
{
	const char *begin = p;

	if (*p != '{' || w->cfg->lane == LANE_SLOW || w->force_slow ||
	    !node_is_fast(n))
		return NULL;
	row_begin(w);
	root_row_id(w, begin, w->root_id);
	begin_root_row(w, n->out, w->root_id);
	p = walk_object(w, n->ctx, p + 1, n->out, w->root_row,
	    (size_t)(n->out->w - n->out->seg->data) - 1 - HASH_ID_LEN);
	if (LIKELY(p != NULL))
		out_row_end(n->out);
	else
		outs_rollback(w);
	return p;
}

struct progress {
	const char *p; /* the next row, or what follows the last */
	enum row_state state;
};

static const char *
line_end(const struct walker *w, const char *p)
{
	const char *nl = memchr(p, '\n', (size_t)(w->end - p));

	return nl ? nl : w->end;
}

/* From here on the line is no list of rows: all that is left of it. A block
 * that was cut in a line has a row after it. */
static void
reject_line(struct walker *w, struct progress *at, bool cut,
    const struct error *err)
{
	const char *end = line_end(w, at->p);

	w->bad_table = w->bad_column = NULL;
	reject_bytes(w, at->p, (size_t)(end - at->p), err);
	at->p = end;
	at->state = cut && end == w->end ? ROWS_NEXT : ROWS_LINE;
}

/* A row that the slow lane refuses. Where it is no JSON, its end is only known
 * when a comma or bracket follows in the same line. */
static void
reject_row(struct walker *w, struct progress *at, const char *next, bool cut,
    const struct error *err)
{
	const char *after = space(next);

	if (next > line_end(w, at->p) || (*after != ',' && *after != ']')) {
		reject_line(w, at, cut, err);
		return;
	}
	reject_bytes(w, at->p, (size_t)(next - at->p), err);
	at->p = next;
	at->state = ROWS_AFTER;
}

/* One row: fast, else slow. 0, or 1: stop here (the schema would change), or
 * -1 with err (also for what is no valid row). */
static int
one_row(struct walker *w, struct node *n, struct progress *at, bool cut,
    struct error *err)
{
	const char *row = at->p, *next = fast_row(w, n, row);
	enum slow_status st;

	at->state = ROWS_AFTER;
	if (LIKELY(next != NULL && (size_t)(next - row) <= MAX_ROW)) {
		at->p = next;
		w->res->rows++;
		return 0;
	}
	if (next)
		outs_rollback(w);
	next = scan_skip(row, w->end);
	if (!next)
		next = w->end;
	row_begin(w);
	st = slow_row(w, n, row, (size_t)(next - row), err);
	if (st == SLOW_DONE) {
		w->res->depends = true;
		w->res->rows++;
		w->res->slow_rows++;
		at->p = next;
		return 0;
	}
	outs_rollback(w);
	if (st == SLOW_ERROR && w->cfg->rejects &&
	    !w->evolve->row_filter_error.code) {
		reject_row(w, at, next, cut, err);
		return 0;
	}
	at->state = ROWS_NEXT;
	return st == SLOW_CHANGE ? 1 : -1;
}

/* Over brackets, commas and line ends to the next row. 1: there is one, 0: end
 * of block, -1: this is no list of rows. */
static int
next_row(struct walker *w, struct progress *at, struct error *err)
{
	for (;; at->p++) {
		at->p = space(at->p);
		if (at->p >= w->end)
			return 0;
		switch (at->state) {
		case ROWS_LINE:
			if (*at->p == '\n')
				break;
			if (*at->p != '[')
				return error_set(err, ERR_DATA,
				    "the line is no array of rows");
			at->state = ROWS_FIRST;
			break;
		case ROWS_FIRST:
			if (*at->p != ']')
				return 1;
			at->state = ROWS_LINE;
			break;
		case ROWS_NEXT:
			return 1;
		case ROWS_AFTER:
			if (*at->p != ',' && *at->p != ']')
				return error_set(err, ERR_DATA,
				    "expected ',' or ']' after a row");
			at->state = *at->p == ',' ? ROWS_NEXT : ROWS_LINE;
			break;
		}
	}
}

/* A block ends with a line, or behind a comma where a long line was cut. */
static int
check_end(struct walker *w, const struct block *b, struct progress *at,
    struct error *err)
{
	enum row_state want = b->cut ? ROWS_NEXT : ROWS_LINE;

	if (at->state == want)
		return 0;
	error_set(err, ERR_DATA, "the line ends inside its array");
	if (!w->cfg->rejects)
		return -1;
	reject_line(w, at, b->cut, err);
	return 0;
}

/* All rows from `at` on. 0, 1: stopped there, -1. */
static int
walk_rows(struct walker *w, const struct block *b, struct node *n,
    struct progress *at, struct error *err)
{
	int rc;

	while ((rc = next_row(w, at, err)) != 0) {
		if (rc > 0)
			rc = one_row(w, n, at, b->cut, err);
		else if (w->cfg->rejects)
			reject_line(w, at, b->cut, err), rc = 0;
		if (rc)
			return rc;
	}
	return check_end(w, b, at, err);
}

/* Rows that were walked before the schema may change. */
static void
note_columns(struct result *res)
{
	size_t i;

	for (i = 0; i < res->count; i++)
		if (res->segments[i]->rows && !res->segments[i]->change_count)
			segment_note_columns(res->segments[i], 0);
}

static void
walker_begin(struct walker *w, const struct job *job, const struct block *b,
    bool live, uint64_t first_row, struct result *res)
{
	w->job = job;
	w->block = b->data;
	w->end = b->data + b->len;
	w->block_offset = b->offset;
	w->live = live;
	w->place_row = first_row;
	w->res = res;
	w->continued = res->count;
	if (live)
		note_columns(res);
	res->version = w->evolve->version;
}

/* The name of the job's root table, normalized once more (contract.md 6.1). */
static struct node *
root_of(struct walker *w, const struct job *job)
{
	buf_reset(&w->root_buf);
	name_key(&w->schema->naming, job->table, strlen(job->table), true,
	    &w->root_buf);
	return node_root(w, buf_str(&w->root_buf));
}

static void
place_error(const struct walker *w, struct error *err)
{
	struct place place;

	walk_place(w->job, w->place_row + w->res->rows + 1,
	    w->block_offset + w->res->at, &place);
	error_prefix(err, "%s:%llu:%s", place.file,
	    (unsigned long long)(place.line ? place.line : place.row),
	    err->msg[0] >= '0' && err->msg[0] <= '9' ? "" : " ");
}

int
walker_block(struct walker *w, const struct job *job, const struct block *b,
    bool live, uint64_t first_row, struct result *res, struct error *err)
{
	struct progress at = { b->data + res->at, ROWS_LINE };
	struct node *n;
	int rc = 0;

	if (live && strcmp(job->format, "typed-jsonl") != 0)
		return error_set(err, ERR_DATA,
		    "%s: is %s, no typed-jsonl: has the package been "
		    "normalized already?",
		    job->name, job->format);
	if (res->stopped)
		at.state = res->state;
	else if (b->in_array)
		at.state = ROWS_NEXT;
	res->stopped = false;
	walker_begin(w, job, b, live, first_row, res);
	n = root_of(w, job);
	w->force_slow = !utf8_is_valid(b->data, b->len);
	if (b->large)
		reject_large(w, b);
	else
		rc = walk_rows(w, b, n, &at, err);
	res->at = (size_t)(at.p - b->data);
	res->state = at.state;
	if (rc && !live) {
		res->stopped = res->depends = true;
		rc = 0;
	} else if (rc < 0) {
		place_error(w, err);
	}
	outs_detach(w);
	return rc;
}

int
walker_empty(struct walker *w, const struct job *job, struct error *err)
{
	struct block none = { .data = w->nothing };
	struct result res = { 0 };
	int rc;

	walker_begin(w, job, &none, true, 0, &res);
	row_begin(w);
	rc = slow_empty(w, root_of(w, job), err) == SLOW_ERROR ? -1 : 0;
	outs_detach(w);
	result_release(&res);
	return rc;
}

/* The manifest's origins of a job: {"input", "row" (from 0, in the job), "line",
 * "byte", "lines" (one row a line from there on)}, up to the next one. */
void
walk_place(const struct job *job, uint64_t row, uint64_t byte,
    struct place *out)
{
	struct json_doc doc = { 0 };
	const struct json *o, *hit = NULL;
	struct error err;
	uint64_t first;

	*out = (struct place){ .file = job->name, .row = row, .byte = byte };
	if (!job->origins ||
	    json_parse(&doc, job->origins, strlen(job->origins), &err) ||
	    doc.root->kind != JSON_ARRAY)
		goto out;
	for (o = doc.root->child; o; o = o->next)
		if (json_get_int(o, "row", 0) < (long long)row)
			hit = o;
	if (hit && json_get_str(hit, "input", NULL)) {
		struct job *j = (struct job *)(uintptr_t)job;

		free(j->place);
		j->place = xstrdup(json_get_str(hit, "input", ""));
		out->file = j->place;
		first = (uint64_t)json_get_int(hit, "row", 0);
		/* Exact for the row that it tells of; between two of them
		 * nobody has counted. */
		out->byte = row - 1 == first
		    ? (uint64_t)json_get_int(hit, "byte", -1)
		    : UINT64_MAX;
		if (row - 1 == first || json_get_bool(hit, "lines", false))
			out->line = (uint64_t)json_get_int(hit, "line", 1) +
			    (row - 1 - first);
	}
out:
	json_release(&doc);
}

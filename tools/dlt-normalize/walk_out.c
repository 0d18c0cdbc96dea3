/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/dlt-normalize/format.h"
#include "tools/dlt-normalize/walker.h"

#define SEGMENT_MIN ((size_t)1024)
/* One so large does not go from table to table: all would get so large. */
#define SEGMENT_LARGE ((size_t)16384)
#define SEGMENT_LOOK  16 /* so many are compared for a small one */
/* Memory for what the other blocks had: not for more than this. */
#define EXPECTED_MAX ((size_t)1 << 20)

struct out *
out_get(struct walker *w, struct table *t)
{
	struct out *o;
	size_t i;

	for (i = 0; i < w->out_count; i++)
		if (w->outs[i]->table == t)
			return w->outs[i];
	o = xcalloc(1, sizeof(*o));
	o->table = t;
	o->id_infix = xasprintf("_%s_", t->name);
	o->id_infix_len = strlen(o->id_infix);
	w->outs = xgrow(w->outs, &w->out_cap, w->out_count + 1,
	    sizeof(*w->outs));
	w->outs[w->out_count++] = o;
	return o;
}

/* The one at res->count: if there is one that was of this table, as it has the
 * right size for it, else a small one. NULL: there is none. */
static struct segment *
spare_segment(struct result *res, const struct table *t)
{
	struct segment **list = res->segments, *s;
	size_t n = res->count, best = n, end = n;

	while (end < res->cap && res->was[end] && res->was[end] != t)
		end++;
	if (end < res->cap && res->was[end])
		best = end;
	else if (end > n + SEGMENT_LOOK)
		end = n + SEGMENT_LOOK;
	for (size_t i = n; i < end && best < end; i++)
		if (list[i]->cap < list[best]->cap)
			best = i;
	s = list[best];
	if (s && s->table != t && s->cap > SEGMENT_LARGE) {
		free(s->data);
		s->data = NULL;
	}
	list[best] = list[n];
	res->was[best] = res->was[n];
	res->was[n] = t;
	return list[n] = s;
}

/* For so many bytes, if it has no memory yet. */
static struct segment *
segment_take(struct result *res, struct table *t, size_t expected)
{
	struct segment *s;

	if (res->count == res->cap) {
		size_t old = res->cap;

		res->segments = xgrow(res->segments, &res->cap, res->count + 1,
		    sizeof(*res->segments));
		memset(res->segments + old, 0,
		    (res->cap - old) * sizeof(*res->segments));
		res->was = xrealloc(res->was, res->cap * sizeof(*res->was));
		memset(res->was + old, 0, (res->cap - old) * sizeof(*res->was));
	}
	s = spare_segment(res, t);
	if (!s)
		s = res->segments[res->count] = xcalloc(1, sizeof(*s));
	res->count++;
	s->table = t;
	s->len = s->rows = s->change_count = 0;
	if (!s->data) {
		s->cap = expected > SEGMENT_MIN ? expected : SEGMENT_MIN;
		s->data = xmalloc(s->cap + ROW_SLACK);
	}
	return s;
}

static void
out_attach(struct walker *w, struct out *o)
{
	size_t i;

	o->seg = NULL;
	for (i = 0; i < w->continued; i++)
		if (w->res->segments[i]->table == o->table)
			o->seg = w->res->segments[i];
	if (!o->seg)
		o->seg = segment_take(w->res, o->table, o->expected);
	o->w = o->seg->data + o->seg->len;
	o->lim = o->seg->data + o->seg->cap;
}

void
out_touch(struct walker *w, struct out *o)
{
	if (!o->seg)
		out_attach(w, o);
	o->watched = w->live;
	if (o->marked != w->root_row) {
		o->marked = w->root_row;
		o->mark_len = (size_t)(o->w - o->seg->data);
		o->mark_rows = o->seg->rows;
		if (UNLIKELY(w->touched_count == w->touched_cap))
			w->touched = xgrow(w->touched, &w->touched_cap,
			    w->touched_count + 1, sizeof(*w->touched));
		w->touched[w->touched_count++] = o;
	}
}

void
out_grow(struct out *o, size_t more)
{
	struct segment *s = o->seg;
	size_t used = (size_t)(o->w - s->data);

	while (s->cap < used + more)
		s->cap *= 2;
	s->data = xrealloc(s->data, s->cap + ROW_SLACK);
	o->w = s->data + used;
	o->lim = s->data + s->cap;
}

void
segment_note_columns(struct segment *s, size_t row)
{
	size_t n = format_column_count(s->table);

	if (s->change_count && s->changes[s->change_count - 1].columns == n)
		return;
	s->changes = xgrow(s->changes, &s->change_cap, s->change_count + 1,
	    sizeof(*s->changes));
	s->changes[s->change_count++] = (struct columns_from){ row, n };
}

void
out_row_end(struct out *o)
{
	struct segment *s = o->seg;

	if (UNLIKELY(o->watched))
		segment_note_columns(s, s->rows);
	*o->w++ = '}';
	*o->w++ = '\n';
	if (s->rows == s->rows_cap)
		s->ends = xgrow(s->ends, &s->rows_cap, s->rows + 1,
		    sizeof(*s->ends));
	s->len = (size_t)(o->w - s->data);
	s->ends[s->rows++] = (uint32_t)s->len;
}

static void
late_ids_rollback(struct walker *w)
{
	for (size_t d = 0; d < w->late_depths; d++) {
		struct late_ids *l = &w->late[d];

		w->late_count -= l->count - l->marked;
		l->count = l->marked;
	}
}

void
outs_rollback(struct walker *w)
{
	size_t i;

	for (i = 0; i < w->touched_count; i++) {
		struct out *o = w->touched[i];

		o->w = o->seg->data + o->mark_len;
		o->seg->len = o->mark_len;
		while (o->seg->change_count &&
		    o->seg->changes[o->seg->change_count - 1].row >=
		        o->mark_rows)
			o->seg->change_count--;
		o->seg->rows = o->mark_rows;
		o->marked = 0;
	}
	w->touched_count = 0;
	late_ids_rollback(w);
}

void
outs_detach(struct walker *w)
{
	size_t i;

	late_ids_make(w);
	for (i = 0; i < w->out_count; i++) {
		struct out *o = w->outs[i];

		if (o->seg && o->expected < o->seg->len &&
		    o->seg->len <= EXPECTED_MAX)
			o->expected = o->seg->len + o->seg->len / 8;
		o->seg = NULL;
	}
	w->touched_count = 0;
}

void
outs_release(struct walker *w)
{
	size_t i;

	for (i = 0; i < w->out_count; i++) {
		free(w->outs[i]->id_infix);
		free(w->outs[i]);
	}
	for (i = 0; i < w->late_depths; i++)
		free(w->late[i].items);
	free(w->late);
	free(w->outs);
	free(w->touched);
}

void
root_row_id(struct walker *w, const char *row, char id[HASH_ID_LEN + 1])
{
	char text[256];
	int n;

	if (!w->cfg->deterministic) {
		hash_random_id(id);
		return;
	}
	n = snprintf(text, sizeof(text), "%s_%s_%llu", w->cfg->load_id,
	    w->job->file_id,
	    (unsigned long long)(w->block_offset + (uint64_t)(row - w->block)));
	hash_id(text, (size_t)n < sizeof(text) ? (size_t)n : sizeof(text) - 1,
	    id);
}

static void
put(struct out *o, const char *s, size_t len)
{
	memcpy(o->w, s, len);
	o->w += len;
}

#define PUT(o, literal) put(o, literal, sizeof(literal) - 1)

void
begin_root_row(struct walker *w, struct out *o, const char *id)
{
	out_touch(w, o);
	out_reserve(o, w->root_prefix_len + 64);
	for (size_t i = 0; i < w->root_prefix_len; i += READ_SLACK)
		memcpy(o->w + i, w->root_prefix + i, READ_SLACK);
	o->w += w->root_prefix_len;
	put(o, id, HASH_ID_LEN);
	*o->w++ = '"';
}

static size_t
format_uint(char *out, uint64_t v)
{
	char digits[24];
	size_t n = sizeof(digits);

	do
		digits[--n] = (char)('0' + v % 10);
	while (v /= 10);
	memcpy(out, digits + n, sizeof(digits) - n);
	return sizeof(digits) - n;
}

/* What the id of a list's row is made of; appended to the buffer. */
static void
add_id_text(struct buf *b, const struct out *o, const char *parent_id,
    size_t parent_len, uint64_t index)
{
	buf_reserve(b, parent_len + o->id_infix_len + 24);
	memcpy(b->data + b->len, parent_id, parent_len);
	b->len += parent_len;
	memcpy(b->data + b->len, o->id_infix, o->id_infix_len);
	b->len += o->id_infix_len;
	b->len += format_uint(b->data + b->len, index);
}

void
nested_row_id(struct walker *w, struct out *o, const char *parent_id,
    uint64_t index, char id[HASH_ID_LEN + 1])
{
	buf_reset(&w->id_buf);
	add_id_text(&w->id_buf, o, parent_id, strlen(parent_id), index);
	hash_id(w->id_buf.data, w->id_buf.len, id);
}

/* ---- ids of nested rows, four at a time ---- */

/* So many that the ends of the depths, which leave lanes empty, do not matter,
 * and so few that their rows are still near. */
#define LATE_MAX 1024

static struct late_id *
late_id_add(struct walker *w, size_t depth)
{
	struct late_ids *l;

	if (depth > w->late_depths) {
		w->late = xgrow(w->late, &w->late_cap, depth, sizeof(*l));
		memset(w->late + w->late_depths, 0,
		    (depth - w->late_depths) * sizeof(*l));
		w->late_depths = depth;
	}
	l = &w->late[depth - 1];
	if (UNLIKELY(l->count == l->cap))
		l->items = xgrow(l->items, &l->cap, l->count + 1,
		    sizeof(*l->items));
	w->late_count++;
	return &l->items[l->count++];
}

size_t
begin_nested_row(struct walker *w, struct node *n, struct out *parent,
    size_t id_at, uint64_t index)
{
	struct out *o = n->out;
	struct late_id *late;
	char *begin, *parent_at;

	if (UNLIKELY(w->late_count >= LATE_MAX))
		late_ids_make(w);
	out_touch(w, o);
	out_reserve(o, 3 * HASH_ID_LEN + 160);
	begin = o->seg->data;
	*o->w++ = '{';
	if (n->root->propagates) {
		PUT(o, "\"_dlt_root_id\":\"");
		put(o, w->root_id, HASH_ID_LEN);
		PUT(o, "\",");
	}
	PUT(o, "\"_dlt_parent_id\":\"");
	parent_at = o->w;
	put(o, parent->seg->data + id_at, HASH_ID_LEN);
	PUT(o, "\",\"_dlt_list_idx\":");
	o->w += format_uint(o->w, index);
	PUT(o, ",\"_dlt_id\":\"");
	late = late_id_add(w, n->depth);
	late->o = o;
	late->at = (size_t)(o->w - begin);
	late->parent_at = (size_t)(parent_at - begin);
	late->parent = n->depth > 1 ? parent : NULL;
	late->id_at = id_at;
	late->index = index;
	memset(o->w, '?', HASH_ID_LEN);
	o->w += HASH_ID_LEN;
	*o->w++ = '"';
	return late->at;
}

/* Of n rows of one depth, at most HASH_IDS. */
static void
make_ids(struct walker *w, const struct late_id *late, size_t n)
{
	char ids[HASH_IDS][HASH_ID_LEN + 1];
	size_t at[HASH_IDS + 1] = { 0 }, len[HASH_IDS];
	const char *text[HASH_IDS];
	struct buf *b = &w->id_buf;
	size_t i;

	buf_reset(b);
	for (i = 0; i < n; i++) {
		const struct late_id *l = &late[i];
		char *parent_id = l->o->seg->data + l->parent_at;

		if (l->parent)
			memcpy(parent_id, l->parent->seg->data + l->id_at,
			    HASH_ID_LEN);
		add_id_text(b, l->o, parent_id, HASH_ID_LEN, l->index);
		at[i + 1] = b->len;
	}
	for (i = 0; i < HASH_IDS; i++) {
		size_t k = i < n ? i : 0;

		text[i] = b->data + at[k];
		len[i] = at[k + 1] - at[k];
	}
	if (n == 1)
		hash_id(text[0], len[0], ids[0]);
	else
		hash_ids(text, len, ids);
	for (i = 0; i < n; i++)
		memcpy(late[i].o->seg->data + late[i].at, ids[i], HASH_ID_LEN);
}

void
late_ids_make(struct walker *w)
{
	size_t most = hash_ids_pay() ? HASH_IDS : 1;

	for (size_t d = 0; w->late_count && d < w->late_depths; d++) {
		struct late_ids *l = &w->late[d];

		for (size_t i = 0; i < l->count; i += most)
			make_ids(w, l->items + i,
			    l->count - i < most ? l->count - i : most);
		w->late_count -= l->count;
		l->count = l->marked = 0;
	}
}

void
late_ids_mark(struct walker *w)
{
	for (size_t d = 0; w->late_count && d < w->late_depths; d++)
		w->late[d].marked = w->late[d].count;
}

void
result_reset(struct result *res)
{
	result_drop_rejects(res);
	res->count = 0;
	res->version = 0;
	res->depends = res->stopped = false;
	res->state = ROWS_LINE;
	res->at = 0;
	res->rows = res->slow_rows = 0;
}

void
result_release(struct result *res)
{
	size_t i;

	for (i = 0; i < res->cap; i++) {
		if (!res->segments[i])
			continue;
		free(res->segments[i]->data);
		free(res->segments[i]->ends);
		free(res->segments[i]->changes);
		free(res->segments[i]);
	}
	free(res->segments);
	free(res->was);
	result_drop_rejects(res);
	free(res->rejects);
	*res = (struct result){ 0 };
}

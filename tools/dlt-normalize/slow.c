/* SPDX-License-Identifier: MIT */
/*
 * The slow lane: the row as a tree, and dlt's algorithm to the letter
 * (contract.md 6.1-6.9, 7.2, 7.5, 9.1). slow_row.c flattens, slow_emit.c
 * coerces and writes.
 */
#include "tools/dlt-normalize/slow.h"

#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/mem.h"

static int slow_object(struct slow *s, const struct frame *f,
    const struct json *object, const struct extend *extend);

/* ---- names ---- */

static char *
join(struct slow *s, const char *const *path, size_t len)
{
	struct buf *b = &s->w->name_buf;

	buf_reset(b);
	name_fragments(&s->w->schema->naming, path, len, b);
	return arena_strndup(s->arena, buf_str(b), b->len);
}

static char *
normalized_key(struct slow *s, const struct json *member, bool as_table)
{
	struct buf *b = &s->w->name_buf;

	buf_reset(b);
	if (as_table)
		name_list_key(&s->w->schema->naming, member->key,
		    member->key_len, b);
	else
		name_key(&s->w->schema->naming, member->key, member->key_len,
		    false, b);
	return arena_strndup(s->arena, buf_str(b), b->len);
}

static const char **
path_with(struct slow *s, const char *const *path, size_t len, const char *last)
{
	const char **p = arena_alloc(s->arena, (len + 1) * sizeof(*p));

	if (len)
		memcpy(p, path, len * sizeof(*p));
	p[len] = last;
	return p;
}

/* ---- rows being built ---- */

static size_t
hash_name(const char *s)
{
	size_t h = 5381;

	while (*s)
		h = h * 33 ^ (unsigned char)*s++;
	return h;
}

static void
index_fields(struct slow *s, struct row *r)
{
	size_t i, n = r->index_size ? r->index_size * 4 : 64;

	r->index = arena_alloc(s->arena, n * sizeof(*r->index));
	memset(r->index, 0, n * sizeof(*r->index));
	r->index_size = n;
	for (i = 0; i < r->count; i++) {
		size_t h = hash_name(r->fields[i].name) & (n - 1);

		while (r->index[h])
			h = (h + 1) & (n - 1);
		r->index[h] = (uint32_t)i + 1;
	}
}

struct field *
row_find(const struct row *r, const char *name)
{
	size_t i, h;

	if (!r->index) {
		for (i = 0; i < r->count; i++)
			if (strcmp(r->fields[i].name, name) == 0)
				return &r->fields[i];
		return NULL;
	}
	h = hash_name(name) & (r->index_size - 1);
	for (; r->index[h]; h = (h + 1) & (r->index_size - 1))
		if (strcmp(r->fields[r->index[h] - 1].name, name) == 0)
			return &r->fields[r->index[h] - 1];
	return NULL;
}

/* The field of that name, as in a Python dict: a new one goes to the end, an
 * old one keeps its position. */
static struct field *
row_put(struct slow *s, struct row *r, const char *name)
{
	struct field *f = row_find(r, name);
	size_t h;

	if (f) {
		*f = (struct field){ .name = name };
		return f;
	}
	if (r->count == r->cap) {
		size_t cap = r->cap ? r->cap * 2 : 16;
		struct field *more = arena_alloc(s->arena, cap * sizeof(*more));

		if (r->count)
			memcpy(more, r->fields, r->count * sizeof(*more));
		r->fields = more;
		r->cap = cap;
	}
	f = &r->fields[r->count++];
	*f = (struct field){ .name = name };
	if (r->count > 16 && r->count * 2 > r->index_size) {
		index_fields(s, r);
	} else if (r->index) {
		h = hash_name(name) & (r->index_size - 1);
		while (r->index[h])
			h = (h + 1) & (r->index_size - 1);
		r->index[h] = (uint32_t)r->count;
	}
	return f;
}

static void
row_put_text(struct slow *s, struct row *r, const char *name, const char *text,
    enum rank rank)
{
	struct field *f = row_put(s, r, name);

	f->value.type = TYPE_TEXT;
	f->value.text = text;
	f->value.len = strlen(text);
	f->rank = rank;
}

static void
list_put(struct slow *s, struct row *r, const char **path, size_t len,
    const struct json *node)
{
	struct list *l;
	size_t i, k;

	for (i = 0; i < r->list_count; i++) {
		l = &r->lists[i];
		if (l->len != len)
			continue;
		for (k = 0; k < len && strcmp(l->path[k], path[k]) == 0; k++)
			;
		if (k == len) {
			l->node = node;
			return;
		}
	}
	if (r->list_count == r->list_cap) {
		size_t cap = r->list_cap ? r->list_cap * 2 : 8;
		struct list *more = arena_alloc(s->arena, cap * sizeof(*more));

		if (r->list_count)
			memcpy(more, r->lists, r->list_count * sizeof(*more));
		r->lists = more;
		r->list_cap = cap;
	}
	r->lists[r->list_count++] = (struct list){ path, len, node };
}

/* ---- flattening (6.2) ---- */

struct pending {
	const struct json *object;
	long level;
	const char **path;
	size_t len;
	struct pending *below;
};

/* Does an object or list at this name stay json? */
static bool
stays_json(struct slow *s, const struct table *t, const char *name, long level)
{
	struct column *c;

	if (level <= 0)
		return true;
	c = t ? table_column(t, name) : NULL;
	if (c && c->type != TYPE_NONE)
		return c->type == TYPE_JSON;
	return schema_preferred_type(s->w->schema, name) == TYPE_JSON;
}

static void
flatten_member(struct slow *s, struct row *r, const struct json *m,
    const struct pending *at, struct pending **stack)
{
	char *part = normalized_key(s, m, false);
	const char **path = path_with(s, at->path, at->len, part);
	const char *name = at->len ? join(s, path, at->len + 1) : part;
	struct pending *p;
	struct field *f;

	if (m->kind == JSON_OBJECT &&
	    !stays_json(s, r->table, name, at->level)) {
		p = arena_alloc(s->arena, sizeof(*p));
		*p = (struct pending){ m, at->level - 1, path, at->len + 1,
			*stack };
		*stack = p;
		return;
	}
	if (m->kind == JSON_ARRAY &&
	    !stays_json(s, r->table, name, at->level)) {
		path[at->len] = normalized_key(s, m, true);
		list_put(s, r, path, at->len + 1, m);
		return;
	}
	f = row_put(s, r, name);
	f->node = m;
	f->rank = RANK_DATA;
}

static void
flatten(struct slow *s, struct row *r, const struct json *object, long level)
{
	struct pending first = { object, level, NULL, 0, NULL };
	struct pending *stack = &first;

	while (stack) {
		const struct pending *at = stack;
		const struct json *m;

		stack = stack->below;
		for (m = at->object->child; m; m = m->next)
			flatten_member(s, r, m, at, &stack);
	}
}

/* ---- ids and propagation (6.3, 6.5, 6.6) ---- */

/* Python's truth of a value. */
static bool
is_true(const struct json *n, const struct value *v)
{
	switch (v->type) {
	case TYPE_NONE:
		return false;
	case TYPE_BOOL:
		return v->boolean;
	case TYPE_JSON:
		return n->count > 0;
	case TYPE_TEXT:
	case TYPE_BINARY:
		return v->len > 0;
	case TYPE_BIGINT:
	case TYPE_DOUBLE:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		return decimal_to_double(v->text, v->len) != 0;
	default:
		return true;
	}
}

/* An id that the user gave, as Python's str() has it; NULL: none. What is no
 * string stays what it is where the rows below name it: *typed. */
static const char *
user_id(struct slow *s, const struct field *f, const struct json **typed)
{
	struct error ignored;
	struct value v, text;
	char *id;

	if (!f || !f->node)
		return NULL;
	value_from_json(f->node, s->arena, &v);
	if (!is_true(f->node, &v))
		return NULL;
	if (v.type == TYPE_TEXT)
		return arena_strndup(s->arena, v.text, v.len);
	*typed = f->node;
	value_coerce(&v, TYPE_TEXT, s->arena, &text, &ignored);
	id = arena_strndup(s->arena, text.text, text.len);
	if (v.type == TYPE_TIMESTAMP && text.len > 10)
		id[10] = ' ';
	return id;
}

static int
key_hash(struct slow *s, const struct row *r, char *id)
{
	struct buf b = { 0 };
	struct json_doc doc = { 0 };
	size_t i, n = 0;
	int rc = -1;

	buf_addc(&b, '{');
	for (i = 0; i < r->table->column_count; i++) {
		const struct column *c = r->table->columns[i];
		const struct field *f;

		if (!hints_get_bool(&c->hints, "primary_key", false))
			continue;
		f = row_find(r, c->name);
		if (!f || !f->node) {
			slow_refuse(s, r->name, c->name,
			    "table \"%s\": the row has no "
			    "value for its primary key \"%s\"",
			    r->name, c->name);
			goto out;
		}
		if (n++)
			buf_addc(&b, ',');
		buf_addf(&b, "\"%s\":", c->name);
		json_write(f->node, JSON_WRITE_SORTED | JSON_WRITE_PYTHON, &b);
	}
	buf_addc(&b, '}');
	if (json_parse(&doc, b.data, b.len, s->err))
		goto out;
	buf_reset(&s->w->id_buf);
	json_write(doc.root, JSON_WRITE_SORTED | JSON_WRITE_PYTHON,
	    &s->w->id_buf);
	hash_id(s->w->id_buf.data, s->w->id_buf.len, id);
	rc = 0;
out:
	json_release(&doc);
	buf_release(&b);
	return rc;
}

/* Of the item as it came, without its top-level _dlt keys. */
static void
row_hash(struct slow *s, const struct json *object, char *id)
{
	struct json copy = *object, *m, **tail = &copy.child;
	const struct json *from;

	copy.count = 0;
	for (from = object->child; from; from = from->next) {
		if (from->key_len >= 4 && memcmp(from->key, "_dlt", 4) == 0)
			continue;
		m = arena_alloc(s->arena, sizeof(*m));
		*m = *from;
		*tail = m;
		tail = &m->next;
		copy.count++;
	}
	*tail = NULL;
	buf_reset(&s->w->id_buf);
	json_write(&copy, JSON_WRITE_SORTED | JSON_WRITE_PYTHON, &s->w->id_buf);
	hash_id(s->w->id_buf.data, s->w->id_buf.len, id);
}

static int
root_id(struct slow *s, const struct frame *f, const struct row *r,
    const struct json *object, char *id)
{
	struct node *n = f->is_item ? s->root : NULL;

	if (n && n->row_id == ROW_ID_KEY_HASH)
		return key_hash(s, r, id);
	if (n && n->row_id == ROW_ID_ROW_HASH)
		row_hash(s, object, id);
	else if (f->is_item)
		root_row_id(s->w, s->row_begin, id);
	else if (!s->w->cfg->deterministic)
		hash_random_id(id);
	else
		nested_row_id(s->w, out_get(s->w, r->table), f->parent_id,
		    f->index, id);
	return 0;
}

/* The id of a row, with the columns that come with it; *id is as a string. */
static int
add_ids(struct slow *s, const struct frame *f, struct row *r,
    const struct json *object, bool is_root, const char **id)
{
	char *own = arena_alloc(s->arena, HASH_ID_LEN + 1);
	struct field *x;

	if (is_root) {
		if (root_id(s, f, r, object, own))
			return -1;
	} else {
		struct buf *b = &s->w->id_buf;

		buf_reset(b);
		buf_addf(b, "%s_%s_%llu", f->parent_id, r->name,
		    (unsigned long long)f->index);
		hash_id(b->data, b->len, own);
		row_put_text(s, r, "_dlt_parent_id", f->parent_id,
		    RANK_PARENT_ID);
		if (f->parent_typed)
			row_find(r, "_dlt_parent_id")->node = f->parent_typed;
		x = row_put(s, r, "_dlt_list_idx");
		buf_reset(b);
		buf_addf(b, "%llu", (unsigned long long)f->index);
		x->value.type = TYPE_BIGINT;
		x->value.len = b->len;
		x->value.text = arena_strndup(s->arena, b->data, b->len);
		x->rank = RANK_LIST_IDX;
	}
	row_put_text(s, r, "_dlt_id", own, RANK_ID);
	*id = own;
	return 0;
}

struct propagate {
	struct slow *s;
	const struct row *row;
	struct extend *extend;
};

static void
propagate_one(const char *from, const char *as, void *arg)
{
	struct propagate *p = arg;
	const struct field *f = row_find(p->row, from);
	struct extend *e;

	if (!f)
		return;
	e = arena_alloc(p->s->arena, sizeof(*e));
	e->name = arena_strdup(p->s->arena, as);
	e->field = *f;
	e->field.name = e->name;
	if (f->rank == RANK_ID)
		e->field.rank = RANK_ROOT_ID;
	e->next = p->extend;
	p->extend = e;
}

/* Values from above, the outermost first; later ones win. */
static void
apply_extend(struct slow *s, struct row *r, const struct extend *e)
{
	struct field *f;

	if (!e)
		return;
	apply_extend(s, r, e->next);
	f = row_put(s, r, e->name);
	*f = e->field;
}

static bool
should_be_nested(const struct table *t)
{
	return !t || t->parent;
}

/* ---- lists ---- */

static int
slow_scalar(struct slow *s, struct frame *f, const struct json *v,
    const struct extend *extend)
{
	struct row r = { 0 };
	struct field *x;
	const char *id;

	r.name = join(s, f->path, f->len);
	r.table = schema_table(s->w->schema, r.name);
	x = row_put(s, &r, "value");
	x->node = v;
	x->rank = RANK_DATA;
	apply_extend(s, &r, extend);
	if (add_ids(s, f, &r, NULL, !should_be_nested(r.table), &id))
		return -1;
	return emit_row(s, f, &r) < 0 ? -1 : 0;
}

static int
slow_list(struct slow *s, const struct frame *up, const struct list *l,
    const char *parent_id, const struct json *parent_typed,
    const struct extend *extend)
{
	struct frame f = { .parent_path = up->path,
		.parent_len = up->len,
		.parent_id = parent_id,
		.parent_typed = parent_typed };
	const struct json *v;
	const char **path;

	path = arena_alloc(s->arena, (up->len + l->len) * sizeof(*path));
	memcpy(path, up->path, up->len * sizeof(*path));
	memcpy(path + up->len, l->path, l->len * sizeof(*path));
	f.path = path;
	f.len = up->len + l->len;
	for (v = l->node->child; v; v = v->next, f.index++) {
		struct json wrap = { .kind = JSON_OBJECT, .count = 1 };
		struct json inner = *v;
		int rc;

		f.level = up->level - 1;
		if (v->kind == JSON_OBJECT) {
			rc = slow_object(s, &f, v, extend);
		} else if (v->kind == JSON_ARRAY) {
			inner.key = "list";
			inner.key_len = 4;
			inner.next = NULL;
			wrap.child = &inner;
			f.level--;
			rc = slow_object(s, &f, &wrap, extend);
		} else {
			rc = slow_scalar(s, &f, v, extend);
		}
		if (rc)
			return rc;
	}
	return 0;
}

static int
slow_object(struct slow *s, const struct frame *f, const struct json *object,
    const struct extend *extend)
{
	struct row r = { 0 };
	struct propagate p = { .s = s, .row = &r };
	struct extend *e;
	const struct json *typed = NULL;
	const char *id;
	bool is_root;
	size_t i;
	int rc;

	r.name = join(s, f->path, f->len);
	r.table = schema_table(s->w->schema, r.name);
	flatten(s, &r, object, f->level);
	apply_extend(s, &r, extend);
	is_root = f->is_item || !should_be_nested(r.table);
	if (is_root)
		row_put_text(s, &r, "_dlt_load_id", s->w->cfg->load_id,
		    RANK_LOAD_ID);
	id = user_id(s, row_find(&r, "_dlt_id"), &typed);
	if (!id && add_ids(s, f, &r, object, is_root, &id))
		return -1;
	propagation_for(s, r.name, is_root, propagate_one, &p);
	for (e = p.extend; e && e->next; e = e->next)
		;
	if (e)
		e->next = extend ? (struct extend *)(uintptr_t)extend : NULL;
	rc = emit_row(s, f, &r);
	if (rc <= 0)
		return rc;
	for (i = 0; i < r.list_count; i++)
		if (slow_list(s, f, &r.lists[i], id, typed,
		        p.extend ? p.extend : extend))
			return -1;
	return 0;
}

/* ---- entry ---- */

static struct slow *
slow_begin(struct walker *w, struct node *root, const char *row,
    struct error *err)
{
	struct slow *s = w->slow;

	if (!s)
		s = w->slow = xcalloc(1, sizeof(*s));
	arena_reset(&w->row_arena);
	s->w = w;
	s->arena = &w->row_arena;
	s->root = root;
	s->row_begin = row;
	s->err = err;
	s->change = s->skip_write = false;
	w->bad_table = w->bad_column = NULL;
	if (!root->out)
		node_ready(root);
	return s;
}

static enum slow_status
run_item(struct slow *s, const struct json *item)
{
	struct frame f = { .is_item = true };
	const char *path[1] = { s->root->name };
	int rc;

	if (s->w->evolve->row_filter_error.code) {
		*s->err = s->w->evolve->row_filter_error;
		return SLOW_ERROR;
	}
	f.path = path;
	f.len = 1;
	f.level = json_level(s->w, schema_table(s->w->schema, s->root->name));
	rc = slow_object(s, &f, item, NULL);
	if (s->change)
		return SLOW_CHANGE;
	return rc < 0 ? SLOW_ERROR : SLOW_DONE;
}

/* The parsed row. */
static enum slow_status
run_row(struct walker *w, struct node *root, const char *row, struct error *err)
{
	struct slow *s = slow_begin(w, root, row, err);
	struct json wrap = { .kind = JSON_OBJECT, .count = 1 }, inner;

	if (w->doc.root->kind == JSON_OBJECT)
		return run_item(s, w->doc.root);
	inner = *w->doc.root;
	inner.key = "value";
	inner.key_len = 5;
	inner.next = NULL;
	wrap.child = &inner;
	return run_item(s, &wrap);
}

/* The row with a copy of the schema, which goes away: will it be refused after
 * it has changed something? */
static enum slow_status
try_row(struct walker *w, struct node *root, const char *row, size_t len,
    struct error *err)
{
	struct evolve fork;
	struct walk_config cfg = *w->cfg;
	struct result res = { 0 };
	struct walker *t;
	enum slow_status st;

	evolve_fork(&fork, w->evolve);
	cfg.evolve = &fork;
	cfg.rejects = false;
	t = walker_new(&cfg);
	t->job = w->job;
	t->block = w->block;
	t->end = w->end;
	t->block_offset = w->block_offset;
	t->live = true;
	t->res = &res;
	t->root_row = ++t->row;
	st = slow_row(t, node_root(t, root->name), row, len, err);
	slow_begin(w, root, row, err);
	if (t->bad_table)
		w->bad_table = arena_strdup(&w->row_arena, t->bad_table);
	if (t->bad_column)
		w->bad_column = arena_strdup(&w->row_arena, t->bad_column);
	outs_detach(t);
	walker_free(t);
	result_release(&res);
	evolve_release(&fork);
	return st;
}

enum slow_status
slow_row(struct walker *w, struct node *root, const char *row, size_t len,
    struct error *err)
{
	enum slow_status st;

	w->bad_table = w->bad_column = NULL;
	if (len > MAX_ROW) {
		error_set(err, ERR_DATA, ROW_TOO_LARGE, MAX_ROW >> 20);
		return SLOW_ERROR;
	}
	if (json_parse(&w->doc, row, len, err)) {
		/* the row is one line of its own: only the column counts */
		if (strncmp(err->msg, "1:", 2) == 0)
			memmove(err->msg, err->msg + 2, strlen(err->msg) - 1);
		return SLOW_ERROR;
	}
	st = run_row(w, root, row, err);
	if (st != SLOW_CHANGE || !w->live)
		return st;
	outs_rollback(w);
	st = try_row(w, root, row, len, err);
	if (st != SLOW_DONE)
		return st;
	w->tried = true;
	st = run_row(w, root, row, err);
	w->tried = false;
	return st;
}

enum slow_status
slow_empty(struct walker *w, struct node *root, struct error *err)
{
	static const struct json none = { .kind = JSON_OBJECT };
	struct slow *s = slow_begin(w, root, w->nothing, err);

	s->skip_write = true;
	return run_item(s, &none);
}

void
slow_release(struct walker *w)
{
	if (w->slow)
		free(w->slow->added);
	free(w->slow);
	json_release(&w->doc);
	arena_release(&w->row_arena);
}

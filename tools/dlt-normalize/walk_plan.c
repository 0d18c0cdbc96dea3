/* SPDX-License-Identifier: MIT */
/*
 * The plan of a walker: what a key at a path means. It is learned as keys come
 * by; what the schema says is looked up when first needed and stays true,
 * since complete columns never change their type.
 */
#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "tools/dlt-normalize/walker.h"

static char **
path_join(struct walker *w, char *const *a, size_t a_len, char *const *b,
    size_t b_len, char *last)
{
	char **p = arena_alloc(&w->arena, (a_len + b_len + 1) * sizeof(*p));

	if (a_len)
		memcpy(p, a, a_len * sizeof(*p));
	if (b_len)
		memcpy(p + a_len, b, b_len * sizeof(*p));
	if (last)
		p[a_len + b_len] = last;
	return p;
}

static char *
join_name(struct walker *w, char *const *path, size_t len)
{
	buf_reset(&w->name_buf);
	name_fragments(&w->schema->naming, (const char *const *)path, len,
	    &w->name_buf);
	return arena_strndup(&w->arena, buf_str(&w->name_buf), w->name_buf.len);
}

static struct ctx *
ctx_new(struct walker *w, struct node *n, char **path, size_t path_len,
    long level)
{
	struct ctx *c = arena_alloc(&w->arena, sizeof(*c));

	*c = (struct ctx){ .node = n, .path = path, .path_len = path_len };
	c->level = c->row_level = level;
	c->bucket_count = 32;
	c->buckets = arena_alloc(&w->arena,
	    c->bucket_count * sizeof(*c->buckets));
	memset(c->buckets, 0, c->bucket_count * sizeof(*c->buckets));
	return c;
}

static struct node *
node_new(struct walker *w, struct node *parent, char **path, size_t path_len,
    long level)
{
	struct node *n = arena_alloc(&w->arena, sizeof(*n));

	*n = (struct node){ .walker = w, .parent = parent };
	n->root = parent ? parent->root : n;
	n->depth = parent ? parent->depth + 1 : 0;
	n->path = path;
	n->path_len = path_len;
	n->name = join_name(w, path, path_len);
	n->ctx = ctx_new(w, n, NULL, 0, level);
	return n;
}

/* ---- nodes ---- */

struct mapping {
	bool root_key; /* _dlt_id -> _dlt_root_id */
	bool other;
};

static void
note_mapping(const char *from, const char *as, void *arg)
{
	struct mapping *m = arg;

	if (strcmp(from, "_dlt_id") == 0 && strcmp(as, "_dlt_root_id") == 0)
		m->root_key = true;
	else
		m->other = true;
}

static bool
has_merge_strategy(const struct walker *w, const char *const *s,
    const char *name)
{
	if (w->evolve->any_strategy)
		return true;
	for (; s && *s; s++)
		if (strcmp(*s, name) == 0)
			return true;
	return false;
}

/* Contract.md 6.5: which ids the rows of a root table get. */
static enum row_id
row_id_of(const struct walker *w, const struct table *t)
{
	const char *const *known = caps_strategies(w->evolve->target, t);
	char *disposition = hints_get_str(&t->hints, "write_disposition");
	char *strategy = hints_get_str(&t->hints, "x-merge-strategy");
	enum row_id id = ROW_ID_RANDOM;
	struct column *c;

	if (!strategy && known && known[0])
		strategy = xstrdup(known[0]);
	if (disposition && strcmp(disposition, "merge") == 0 && strategy &&
	    has_merge_strategy(w, known, strategy)) {
		if (strcmp(strategy, "upsert") == 0 ||
		    strcmp(strategy, "insert-only") == 0)
			id = ROW_ID_KEY_HASH;
		c = table_column(t, "_dlt_id");
		if (strcmp(strategy, "scd2") == 0 && c &&
		    hints_get_bool(&c->hints, "x-row-version", false))
			id = ROW_ID_ROW_HASH;
	}
	free(disposition);
	free(strategy);
	return id;
}

long
json_level(const struct walker *w, const struct table *t)
{
	long level = w->schema->max_nesting;

	if (t)
		return table_max_nesting(w->schema, t);
	return level < 0 ? 1000 : level;
}

struct node *
node_root(struct walker *w, const char *table)
{
	struct table *t = schema_table(w->schema, table);
	struct node *n;
	char **path;

	for (n = w->roots; n; n = n->next)
		if (strcmp(n->name, table) == 0)
			return n;
	path = arena_alloc(&w->arena, sizeof(*path));
	path[0] = arena_strdup(&w->arena, table);
	n = node_new(w, NULL, path, 1, json_level(w, t));
	n->next = w->roots;
	w->roots = n;
	return n;
}

struct node *
node_child(struct walker *w, struct ctx *c, struct key *k)
{
	struct node *n = c->node;
	char **path = path_join(w, n->path, n->path_len, c->path, c->path_len,
	    k->table_part);

	k->child = node_new(w, n, path, n->path_len + c->path_len + 1,
	    c->row_level - 1);
	return k->child;
}

static bool
complete(const struct table *t, const char *name, enum data_type type)
{
	struct column *c = table_column(t, name);

	return c && c->type == type;
}

static bool
node_resolve(struct node *n)
{
	struct walker *w = n->walker;
	struct table *t = schema_table(w->schema, n->name);
	struct mapping m = { 0 };

	if (!t || !t->parent != !n->parent)
		return false;
	if (!w->evolve->late_root_key)
		schema_propagation(w->schema, t, note_mapping, &m);
	if (!n->parent) {
		n->row_id = row_id_of(w, t);
		n->propagates = m.root_key;
		n->slow = m.other || n->row_id != ROW_ID_RANDOM;
	} else {
		n->slow = m.other || m.root_key || n->parent->slow;
	}
	if (w->evolve->row_filter_error.code ||
	    row_filter_touches(w->evolve->row_filter, n->name, &w->name_buf))
		n->slow = true;
	n->out = out_get(w, t);
	if (n->out->owner && n->out->owner != n)
		n->out->shared = true;
	n->out->owner = n;
	return true;
}

bool
node_ready(struct node *n)
{
	struct out *o = n->out;

	if (!o) {
		if (!node_resolve(n))
			return false;
		o = n->out;
	}
	if (n->slow || o->shared)
		return false;
	if (o->ready)
		return true;
	if (!complete(o->table, "_dlt_id", TYPE_TEXT))
		return false;
	if (!n->parent) {
		if (!complete(o->table, "_dlt_load_id", TYPE_TEXT))
			return false;
	} else if (!complete(o->table, "_dlt_parent_id", TYPE_TEXT) ||
	    !complete(o->table, "_dlt_list_idx", TYPE_BIGINT) ||
	    (n->root->propagates &&
	        !complete(o->table, "_dlt_root_id", TYPE_TEXT))) {
		return false;
	}
	return o->ready = true;
}

/* ---- keys ---- */

static uint32_t
hash_raw(const char *s, size_t len)
{
	uint64_t h = 1469598103934665603ull ^ len;

	while (len--)
		h = (h ^ (unsigned char)*s++) * 1099511628211ull;
	return (uint32_t)(h ^ h >> 32);
}

static void
ctx_rehash(struct ctx *c)
{
	struct walker *w = c->node->walker;
	size_t n = c->bucket_count * 4, i;
	struct key **b = arena_alloc(&w->arena, n * sizeof(*b));

	memset(b, 0, n * sizeof(*b));
	for (i = 0; i < c->bucket_count; i++) {
		struct key *k = c->buckets[i], *next;

		for (; k; k = next) {
			struct key **at =
			    &b[hash_raw(k->raw, k->raw_len - 1) % n];

			next = k->hash_next;
			k->hash_next = *at;
			*at = k;
		}
	}
	c->buckets = b;
	c->bucket_count = n;
}

/* The decoded key; two spellings of one key share their stamp. */
static void
key_decode(struct ctx *c, struct key *k)
{
	struct walker *w = c->node->walker;
	struct json_doc doc = { 0 };
	struct error err;
	size_t i;

	k->stamp = &k->own_stamp;
	if (!memchr(k->raw, '\\', k->raw_len)) {
		k->text = arena_strndup(&w->arena, k->raw + 1, k->raw_len - 3);
		k->text_len = k->raw_len - 3;
	} else if (json_parse(&doc, k->raw, k->raw_len - 1, &err) == 0) {
		k->text = arena_strndup(&w->arena, doc.root->str,
		    doc.root->len);
		k->text_len = doc.root->len;
	} else {
		k->text = arena_strdup(&w->arena, "");
		k->slow = true; /* the slow lane says what is wrong */
	}
	json_release(&doc);
	if (memchr(k->raw, '\\', k->raw_len))
		c->escaped = true;
	if (!c->escaped)
		return;
	for (i = 0; i < c->bucket_count; i++) {
		const struct key *o = c->buckets[i];

		for (; o; o = o->hash_next)
			if (o != k && o->text_len == k->text_len &&
			    memcmp(o->text, k->text, k->text_len) == 0)
				k->stamp = o->stamp;
	}
}

/* A blank key of a list is no "_empty": dlt lets it vanish from the path, so
 * that the rows go into the table of their parent. */
void
name_list_key(const struct naming *naming, const char *key, size_t len,
    struct buf *out)
{
	struct error err;

	buf_reset(out);
	name_key(naming, key, len, true, out);
	if (naming->no_break_path || strcmp(buf_str(out), "_empty") != 0)
		return;
	buf_reset(out);
	if (name_tables_path(naming, key, len, out, &err))
		buf_reset(out);
}

static void
key_name(struct ctx *c, struct key *k)
{
	struct walker *w = c->node->walker;
	const struct naming *naming = &w->schema->naming;
	char **path;

	buf_reset(&w->name_buf);
	name_key(naming, k->text, k->text_len, false, &w->name_buf);
	k->part = arena_strndup(&w->arena, buf_str(&w->name_buf),
	    w->name_buf.len);
	name_list_key(naming, k->text, k->text_len, &w->name_buf);
	k->table_part = arena_strndup(&w->arena, buf_str(&w->name_buf),
	    w->name_buf.len);
	if (c->path_len) {
		path = path_join(w, c->path, c->path_len, NULL, 0, k->part);
		k->column = join_name(w, path, c->path_len + 1);
	} else {
		k->column = k->part;
	}
	k->column_len = strlen(k->column);
	if (!k->column_len || strncmp(k->column, "_dlt", 4) == 0)
		k->slow = true;
	k->null_slow = schema_name_is_not_null(w->schema, k->column);
}

static void
key_prefix(struct walker *w, struct key *k)
{
	struct buf b = { 0 };

	buf_addc(&b, ',');
	jsonw_quote(&b, k->column, k->column_len);
	buf_addc(&b, ':');
	k->prefix = arena_alloc(&w->arena, b.len + READ_SLACK);
	memcpy(k->prefix, b.data, b.len);
	k->prefix_len = (uint32_t)b.len;
	buf_release(&b);
}

static struct key *
key_new(struct ctx *c, const char *raw, size_t len)
{
	struct walker *w = c->node->walker;
	struct key *k = arena_alloc(&w->arena, sizeof(*k));

	memset(k, 0, sizeof(*k));
	k->raw = arena_alloc(&w->arena, len + 1 + READ_SLACK);
	memcpy(k->raw, raw, len);
	k->raw[len] = ':';
	memset(k->raw + len + 1, 0, READ_SLACK);
	k->raw_len = (uint32_t)len + 1;
	memcpy(k->head, k->raw,
	    k->raw_len < sizeof(k->head) ? k->raw_len : sizeof(k->head));
	for (size_t i = 0; i < sizeof(k->head) && i < k->raw_len; i++)
		k->head_mask[i / 16] |= (uint16_t)(1u << (i % 16));
	key_decode(c, k);
	key_name(c, k);
	key_prefix(w, k);
	return k;
}

struct key *
ctx_key(struct ctx *c, const char *raw, size_t len)
{
	uint32_t h = hash_raw(raw, len);
	struct key *k = c->buckets[h % c->bucket_count];

	for (; k; k = k->hash_next)
		if (k->raw_len == len + 1 && memcmp(k->raw, raw, len) == 0)
			return k;
	k = key_new(c, raw, len);
	if (++c->key_count > c->bucket_count)
		ctx_rehash(c);
	k->hash_next = c->buckets[h % c->bucket_count];
	c->buckets[h % c->bucket_count] = k;
	return k;
}

/* The slot of a key's column, which it may share with an earlier key. */
static struct slot *
slot_get(struct node *n, struct column *column, struct key *k)
{
	struct slot *s;
	size_t i;

	for (i = 0; i < n->slot_count; i++) {
		if (n->slots[i]->column == column) {
			n->slots[i]->shared = true;
			n->slots[i]->key->kind = KEY_OTHER;
			return n->slots[i];
		}
	}
	s = arena_alloc(&n->walker->arena, sizeof(*s));
	*s = (struct slot){ .column = column, .key = k };
	if (n->slot_count == n->slot_cap) {
		size_t cap = n->slot_cap ? n->slot_cap * 2 : 16;
		struct slot **more = arena_alloc(&n->walker->arena,
		    cap * sizeof(*more));

		if (n->slot_count)
			memcpy(more, n->slots, n->slot_count * sizeof(*more));
		n->slots = more;
		n->slot_cap = cap;
	}
	n->slots[n->slot_count++] = s;
	return s;
}

static enum key_kind
kind_of(const struct key *k)
{
	if (k->slot->shared || k->prefix_len > PREFIX_MAX)
		return KEY_OTHER;
	if (k->type == TYPE_TEXT)
		return KEY_TEXT;
	return k->type == TYPE_BIGINT || k->type == TYPE_DOUBLE ? KEY_NUMBER
	                                                        : KEY_OTHER;
}

bool
key_resolve(struct ctx *c, struct key *k)
{
	struct column *column;

	if (k->slot)
		return true;
	if (k->slow || !c->node->out)
		return false;
	column = table_column_n(c->node->out->table, k->column, k->column_len);
	if (!column || column->type == TYPE_NONE)
		return false;
	k->slot = slot_get(c->node, column, k);
	k->nullable = column->nullable;
	k->type = column->type;
	k->kind = kind_of(k);
	/* the other key may have been in this very row, unnoticed */
	return !k->slot->shared;
}

bool
key_opens(struct ctx *c, struct key *k)
{
	struct walker *w = c->node->walker;
	struct column *column;

	if (k->slow || c->level <= 0 || !c->node->out)
		return false;
	column = table_column_n(c->node->out->table, k->column, k->column_len);
	if (column && column->type == TYPE_JSON)
		return false;
	if ((!column || column->type == TYPE_NONE) &&
	    schema_preferred_type(w->schema, k->column) == TYPE_JSON)
		return false;
	k->json_checked = w->evolve->json_version;
	return true;
}

struct ctx *
ctx_sub(struct ctx *c, struct key *k)
{
	struct walker *w = c->node->walker;
	char **path = path_join(w, c->path, c->path_len, NULL, 0, k->part);

	k->sub = ctx_new(w, c->node, path, c->path_len + 1, c->level - 1);
	k->sub->row_level = c->row_level;
	return k->sub;
}

struct key *
node_value_key(struct node *n)
{
	if (!n->value)
		n->value = ctx_key(n->ctx, "\"value\"", 7);
	return n->value;
}

/* Lists in lists stand as {"list": [...]}, one level deeper; the key lives in
 * a context of its own for the sake of that level. */
struct key *
node_list_key(struct node *n)
{
	if (!n->list) {
		n->list_ctx = ctx_new(n->walker, n, NULL, 0, n->ctx->level - 1);
		n->list = ctx_key(n->list_ctx, "\"list\"", 6);
	}
	return n->list;
}

/* ---- walkers ---- */

struct walker *
walker_new(const struct walk_config *cfg)
{
	struct walker *w = xcalloc(1, sizeof(*w));
	struct buf b = { 0 };

	w->cfg = cfg;
	w->evolve = cfg->evolve;
	w->schema = cfg->evolve->schema;
	buf_adds(&b, "{\"_dlt_load_id\":");
	jsonw_quote(&b, cfg->load_id, strlen(cfg->load_id));
	buf_adds(&b, ",\"_dlt_id\":\"");
	w->root_prefix_len = b.len;
	buf_reserve(&b, READ_SLACK);
	w->root_prefix = buf_take(&b);
	return w;
}

void
walker_free(struct walker *w)
{
	if (!w)
		return;
	outs_release(w);
	slow_release(w);
	arena_release(&w->arena);
	buf_release(&w->name_buf);
	buf_release(&w->id_buf);
	buf_release(&w->root_buf);
	free(w->root_prefix);
	free(w);
}

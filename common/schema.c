/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "common/hash.h"
#include "common/mem.h"
#include "common/schema_private.h"

#include <stdlib.h>
#include <string.h>

/* ---- names to items ---- */

/* Seeded, so that nobody can make a document whose names all collide. */
static uint64_t
name_hash(const struct name_map *m, const char *name, size_t len)
{
	uint64_t h = m->seed ^ len * 0x9e3779b97f4a7c15, word;

	for (; len >= 8; len -= 8, name += 8) {
		memcpy(&word, name, 8);
		h = (h ^ word) * 0xff51afd7ed558ccd;
		h ^= h >> 32;
	}
	word = 0;
	memcpy(&word, name, len);
	h = (h ^ word) * 0xff51afd7ed558ccd;
	h ^= h >> 29;
	h *= 0xc4ceb9fe1a85ec53;
	return h ^ h >> 32;
}

/* Where the name stands, or the free slot where it would. */
static size_t
name_slot(const struct name_map *m, const char *name, size_t len)
{
	size_t i = name_hash(m, name, len) & (m->cap - 1);

	for (; m->slots[i].item; i = (i + 1) & (m->cap - 1))
		if (m->slots[i].len == len &&
		    memcmp(m->slots[i].name, name, len) == 0)
			break;
	return i;
}

void *
name_map_get(const struct name_map *m, const char *name, size_t len)
{
	return m->cap > 0 ? m->slots[name_slot(m, name, len)].item : NULL;
}

static void
name_map_grow(struct name_map *m)
{
	struct name_slot *old = m->slots;
	size_t old_cap = m->cap;

	if (old_cap == 0) {
		char id[HASH_ID_LEN + 1];

		hash_random_id(id);
		memcpy(&m->seed, id, sizeof(m->seed));
	}
	m->cap = old_cap > 0 ? 2 * old_cap : 16;
	m->slots = xcalloc(m->cap, sizeof(*m->slots));
	for (size_t i = 0; i < old_cap; i++)
		if (old[i].item)
			m->slots[name_slot(m, old[i].name, old[i].len)] =
			    old[i];
	free(old);
}

void
name_map_put(struct name_map *m, const char *name, size_t len, void *item)
{
	size_t i;

	if (2 * (m->count + 1) > m->cap)
		name_map_grow(m);
	i = name_slot(m, name, len);
	if (!m->slots[i].item)
		m->count++;
	m->slots[i] = (struct name_slot){ name, len, item };
}

void
name_map_remove(struct name_map *m, const char *name, size_t len)
{
	size_t i, mask = m->cap - 1;

	if (!name_map_get(m, name, len))
		return;
	i = name_slot(m, name, len);
	m->slots[i].item = NULL;
	m->count--;
	/* Whoever had to pass the freed slot is put in anew. */
	for (i = (i + 1) & mask; m->slots[i].item; i = (i + 1) & mask) {
		struct name_slot moved = m->slots[i];

		m->slots[i].item = NULL;
		m->slots[name_slot(m, moved.name, moved.len)] = moved;
	}
}

void
name_map_release(struct name_map *m)
{
	free(m->slots);
	*m = (struct name_map){ 0 };
}

/* ---- hints ---- */

static struct hint *
hints_find(const struct hints *h, const char *key)
{
	for (size_t i = 0; i < h->count; i++)
		if (strcmp(h->items[i].key, key) == 0)
			return &h->items[i];
	return NULL;
}

const char *
hints_get(const struct hints *h, const char *key)
{
	const struct hint *hint = hints_find(h, key);

	return hint ? hint->value : NULL;
}

char *
hints_get_str(const struct hints *h, const char *key)
{
	const char *text = hints_get(h, key);
	struct json_doc doc = { 0 };
	const struct json *v;
	char *out = NULL;

	if (!text || text[0] != '"')
		return NULL;
	v = json_parse_known(&doc, text);
	if (v && v->kind == JSON_STRING)
		out = xstrndup(v->str, v->len);
	json_release(&doc);
	return out;
}

bool
hints_get_bool(const struct hints *h, const char *key, bool fallback)
{
	const char *text = hints_get(h, key);

	if (!text)
		return fallback;
	if (strcmp(text, "true") == 0)
		return true;
	return strcmp(text, "false") == 0 ? false : fallback;
}

long
hints_get_int(const struct hints *h, const char *key, long fallback)
{
	const char *text = hints_get(h, key);
	char *end;
	long v;

	if (!text || text[0] == '\0')
		return fallback;
	v = strtol(text, &end, 10);
	return *end == '\0' ? v : fallback;
}

void
hints_set(struct hints *h, const char *key, const char *value)
{
	struct hint *hint = hints_find(h, key);

	if (!value && !hint)
		return;
	if (!value) {
		free(hint->key);
		free(hint->value);
		h->count--;
		memmove(hint, hint + 1,
		    (size_t)(h->items + h->count - hint) * sizeof(*hint));
		return;
	}
	if (hint) {
		char *old = hint->value;

		hint->value = xstrdup(value); /* value may be the old one */
		free(old);
		return;
	}
	h->items = xgrow(h->items, &h->cap, h->count + 1, sizeof(*h->items));
	h->items[h->count].key = xstrdup(key);
	h->items[h->count++].value = xstrdup(value);
}

void
hints_copy(struct hints *to, const struct hints *from)
{
	to->items = xgrow(to->items, &to->cap, to->count + from->count,
	    sizeof(*to->items));
	for (size_t i = 0; i < from->count; i++) {
		to->items[to->count].key = xstrdup(from->items[i].key);
		to->items[to->count++].value = xstrdup(from->items[i].value);
	}
}

void
hints_release(struct hints *h)
{
	for (size_t i = 0; i < h->count; i++) {
		free(h->items[i].key);
		free(h->items[i].value);
	}
	free(h->items);
	*h = (struct hints){ 0 };
}

/* ---- columns ---- */

static void
count_key(size_t *counter, bool *flag, bool now)
{
	if (*flag != now)
		*counter += now ? 1 : (size_t)-1;
	*flag = now;
}

/* Bring what is cached of a hint up to date. */
static void
column_refresh(struct column *c, const char *key)
{
	struct table_private *p = c->table->column_index;

	if (strcmp(key, "data_type") == 0) {
		char *name = hints_get_str(&c->hints, key);

		c->type = name ? type_parse(name) : TYPE_NONE;
		free(name);
	} else if (strcmp(key, "nullable") == 0) {
		c->nullable = hints_get_bool(&c->hints, key, true);
	} else if (strcmp(key, "timezone") == 0) {
		c->timezone = hints_get_bool(&c->hints, key, true);
	} else if (strcmp(key, "variant") == 0) {
		c->variant = hints_get_bool(&c->hints, key, false);
	} else if (strcmp(key, "row_key") == 0) {
		count_key(&p->row_keys, &c->row_key, column_has(c, key));
	} else if (strcmp(key, "root_key") == 0) {
		count_key(&p->root_keys, &c->root_key, column_has(c, key));
	}
}

void
column_refresh_all(struct column *c)
{
	for (size_t i = 0; i < c->hints.count; i++)
		column_refresh(c, c->hints.items[i].key);
}

void
column_set(struct column *c, const char *key, const char *value)
{
	if (strcmp(key, "name") == 0)
		return;
	hints_set(&c->hints, key, value);
	column_refresh(c, key);
}

bool
column_has(const struct column *c, const char *key)
{
	const char *value = hints_get(&c->hints, key);
	bool positive = strcmp(key, "nullable") == 0 ||
	    strcmp(key, "timezone") == 0;

	if (!value)
		return false;
	/* The one hint without defaults: null says something there. */
	if (strcmp(key, "x-active-record-timestamp") == 0)
		return true;
	return strcmp(value, "null") != 0 &&
	    strcmp(value, positive ? "true" : "false") != 0;
}

struct column *
table_column_n(const struct table *t, const char *name, size_t len)
{
	const struct table_private *p = t->column_index;

	return name_map_get(&p->map, name, len);
}

struct column *
table_column(const struct table *t, const char *name)
{
	return table_column_n(t, name, strlen(name));
}

struct column *
table_add_column(struct table *t, const char *name, size_t len)
{
	struct table_private *p = t->column_index;
	struct column *c = xcalloc(1, sizeof(*c));
	char *quoted;

	c->name = xstrndup(name, len);
	c->name_len = len;
	c->table = t;
	c->nullable = true;
	c->timezone = true;
	c->index = t->column_count;
	quoted = json_quoted(c->name);
	hints_set(&c->hints, "name", quoted);
	free(quoted);
	t->columns = xgrow(t->columns, &t->column_cap, t->column_count + 1,
	    sizeof(*t->columns));
	t->columns[t->column_count++] = c;
	name_map_put(&p->map, c->name, c->name_len, c);
	return c;
}

/* Take a column out of the order, the others move up. */
static void
close_gap(struct table *t, const struct column *c)
{
	t->column_count--;
	for (size_t i = c->index; i < t->column_count; i++) {
		t->columns[i] = t->columns[i + 1];
		t->columns[i]->index = i;
	}
}

void
table_move_last(struct table *t, struct column *c)
{
	close_gap(t, c);
	c->index = t->column_count;
	t->columns[t->column_count++] = c;
}

void
table_remove_column(struct table *t, struct column *c)
{
	struct table_private *p = t->column_index;

	close_gap(t, c);
	name_map_remove(&p->map, c->name, c->name_len);
	count_key(&p->row_keys, &c->row_key, false);
	count_key(&p->root_keys, &c->root_key, false);
	p->removed = xgrow(p->removed, &p->removed_cap, p->removed_count + 1,
	    sizeof(*p->removed));
	p->removed[p->removed_count++] = c;
}

void
table_clear_columns(struct table *t)
{
	while (t->column_count > 0)
		table_remove_column(t, t->columns[t->column_count - 1]);
}

static void
column_free(struct column *c)
{
	hints_release(&c->hints);
	free(c->name);
	free(c);
}

/* ---- tables ---- */

static struct table *
table_alloc(const char *name)
{
	struct table *t = xcalloc(1, sizeof(*t));

	t->name = xstrdup(name);
	t->name_len = strlen(name);
	t->column_index = xcalloc(1, sizeof(struct table_private));
	return t;
}

struct table *
table_new(const char *name)
{
	struct table *t = table_alloc(name);
	char *quoted = json_quoted(name);

	hints_set(&t->hints, "name", quoted);
	hints_set(&t->hints, "columns", PLACE_ONLY);
	free(quoted);
	return t;
}

void
table_free(struct table *t)
{
	struct table_private *p;

	if (!t)
		return;
	p = t->column_index;
	for (size_t i = 0; i < t->column_count; i++)
		column_free(t->columns[i]);
	for (size_t i = 0; i < p->removed_count; i++)
		column_free(p->removed[i]);
	free(p->removed);
	name_map_release(&p->map);
	free(p);
	free(t->columns);
	hints_release(&t->hints);
	free(t->parent);
	free(t->name);
	free(t);
}

void
table_set(struct table *t, const char *key, const char *value)
{
	if (strcmp(key, "columns") == 0 || strcmp(key, "name") == 0)
		return;
	hints_set(&t->hints, key, value);
	if (strcmp(key, "parent") == 0) {
		free(t->parent);
		t->parent = hints_get_str(&t->hints, "parent");
		/* An empty parent counts as none. */
		if (t->parent && t->parent[0] == '\0') {
			free(t->parent);
			t->parent = NULL;
		}
	}
}

struct table *
schema_attach(struct schema *s, struct table *t)
{
	struct schema_private *p = s->index;

	s->tables = xgrow(s->tables, &s->table_cap, s->table_count + 1,
	    sizeof(*s->tables));
	s->tables[s->table_count++] = t;
	name_map_put(&p->map, t->name, t->name_len, t);
	return t;
}

struct table *
schema_add_table(struct schema *s, const char *name, const char *parent,
    const char *resource, const char *disposition)
{
	struct table *t = table_alloc(name);
	char *quoted = json_quoted(name), *value;

	if (parent) {
		hints_set(&t->hints, "name", quoted);
		hints_set(&t->hints, "columns", PLACE_ONLY);
		value = json_quoted(parent);
		table_set(t, "parent", value);
		free(value);
	} else {
		hints_set(&t->hints, "columns", PLACE_ONLY);
		value = json_quoted(disposition ? disposition : "append");
		table_set(t, "write_disposition", value);
		free(value);
		hints_set(&t->hints, "name", quoted);
		value = json_quoted(resource ? resource : name);
		table_set(t, "resource", value);
		free(value);
	}
	free(quoted);
	return schema_attach(s, t);
}

struct table *
schema_table(const struct schema *s, const char *name)
{
	const struct schema_private *p = s->index;

	return name_map_get(&p->map, name, strlen(name));
}

struct table *
schema_root(const struct schema *s, const struct table *t)
{
	struct table *up = NULL;

	/* The depth is bounded for tables that were not read but made. */
	for (size_t i = 0; t->parent && i <= s->table_count; i++, t = up) {
		struct table *next = schema_table(s, t->parent);

		if (!next)
			break;
		up = next;
	}
	return up ? up : schema_table(s, t->name);
}

static void
copy_columns(struct table *to, const struct table *from)
{
	for (size_t i = 0; i < from->column_count; i++) {
		const struct column *c = from->columns[i];
		struct column *n = table_add_column(to, c->name, c->name_len);

		hints_release(&n->hints);
		hints_copy(&n->hints, &c->hints);
		column_refresh_all(n);
	}
}

struct table *
table_copy(const struct table *t)
{
	struct table *n = table_alloc(t->name);

	hints_copy(&n->hints, &t->hints);
	n->parent = t->parent ? xstrdup(t->parent) : NULL;
	copy_columns(n, t);
	return n;
}

/* ---- schemas ---- */

struct schema *
schema_alloc(void)
{
	struct schema *s = xcalloc(1, sizeof(*s));

	s->version = 1;
	s->engine_version = SCHEMA_ENGINE;
	s->max_nesting = -1;
	s->index = xcalloc(1, sizeof(struct schema_private));
	return s;
}

void
schema_free(struct schema *s)
{
	struct schema_private *p;

	if (!s)
		return;
	p = s->index;
	for (size_t i = 0; i < s->table_count; i++)
		table_free(s->tables[i]);
	for (size_t i = 0; i < s->previous_count; i++)
		free(s->previous_hashes[i]);
	free(s->tables);
	name_map_release(&p->map);
	schema_compiled_release(p);
	free(p);
	hints_release(&s->hints);
	free(s->name);
	free(s);
}

struct schema *
schema_empty_copy(const struct schema *s)
{
	struct schema *n = schema_alloc();

	n->name = xstrdup(s->name);
	n->version = s->version;
	memcpy(n->hash, s->hash, sizeof(n->hash));
	n->engine_version = s->engine_version;
	hints_copy(&n->hints, &s->hints);
	for (; n->previous_count < s->previous_count; n->previous_count++)
		n->previous_hashes[n->previous_count] =
		    xstrdup(s->previous_hashes[n->previous_count]);
	return n;
}

struct schema *
schema_copy(const struct schema *s)
{
	return s ? schema_copy_without(s, NULL, NULL) : NULL;
}

struct schema *
schema_copy_without(const struct schema *s,
    bool (*without)(const struct table *t, void *arg), void *arg)
{
	struct schema *n = schema_empty_copy(s);
	struct error ignored = { 0 };

	for (size_t i = 0; i < s->table_count; i++)
		if (!without || !without(s->tables[i], arg))
			schema_attach(n, table_copy(s->tables[i]));
	/* What did not compile in s does not compile here either. */
	schema_compile(n, &ignored);
	n->naming = s->naming;
	return n;
}

void
schema_set(struct schema *s, const char *key, const char *value)
{
	struct error ignored = { 0 };

	hints_set(&s->hints, key, value);
	if (strcmp(key, "settings") == 0 || strcmp(key, "normalizers") == 0)
		schema_compile(s, &ignored);
}

/* Put a hash in front of the previous ones, unless it is among them. */
void
schema_link(struct schema *s, const char *hash)
{
	size_t max = ARRAY_LEN(s->previous_hashes);

	if (hash[0] == '\0')
		return;
	for (size_t i = 0; i < s->previous_count; i++)
		if (strcmp(s->previous_hashes[i], hash) == 0)
			return;
	if (s->previous_count == max)
		free(s->previous_hashes[--s->previous_count]);
	memmove(s->previous_hashes + 1, s->previous_hashes,
	    s->previous_count * sizeof(s->previous_hashes[0]));
	s->previous_hashes[0] = xstrdup(hash);
	s->previous_count++;
}

static bool
bump_once(struct schema *s)
{
	char hash[sizeof(s->hash)];

	schema_hash(s, hash);
	if (strcmp(hash, s->hash) == 0)
		return false;
	if (s->hash[0] != '\0') {
		s->version++;
		schema_link(s, s->hash);
	}
	memcpy(s->hash, hash, sizeof(s->hash));
	s->engine_version = SCHEMA_ENGINE;
	return true;
}

/* An empty description counts when it is read, and is then left out: to Python
 * dlt these are two changes. */
bool
schema_bump(struct schema *s)
{
	const char *text = hints_get(&s->hints, "description");
	bool changed = bump_once(s);

	if (text && (!strcmp(text, "\"\"") || !strcmp(text, "null"))) {
		hints_set(&s->hints, "description", NULL);
		changed = bump_once(s) || changed;
	}
	return changed;
}

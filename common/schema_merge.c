/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "common/mem.h"
#include "common/schema_private.h"

#include <stdlib.h>
#include <string.h>

static const char *const compound[] = { "partition", "cluster", "primary_key",
	"merge_key", "incremental" };

/* ---- references: one for each table referred to, the newer one wins ---- */

/* In the order of the tables' first mention. */
struct references {
	const struct json **items;
	size_t count;
	struct name_map index; /* table to item */
};

static const struct json **
reference_to(const struct references *refs, const struct json *r)
{
	const char *to = json_get_str(r, "referenced_table", "");

	return name_map_get(&refs->index, to, strlen(to));
}

/* There is room for it. */
static void
put_reference(struct references *refs, const struct json *r)
{
	const struct json **known = reference_to(refs, r);
	const char *to = json_get_str(r, "referenced_table", "");

	if (known) {
		*known = r;
		return;
	}
	refs->items[refs->count] = r;
	name_map_put(&refs->index, to, strlen(to), &refs->items[refs->count++]);
}

/* Columns to the columns that they refer to; of two with one name the later
 * holds. */
static struct name_map
reference_pairs(const struct json *r)
{
	const struct json *columns = json_get(r, "columns");
	const struct json *others = json_get(r, "referenced_columns");
	struct json *c = columns ? columns->child : NULL;
	struct json *o = others ? others->child : NULL;
	struct name_map m = { 0 };

	for (; c && o; c = c->next, o = o->next)
		if (c->kind == JSON_STRING && o->kind == JSON_STRING)
			name_map_put(&m, c->str, c->len, o);
	return m;
}

static bool
same_reference(const struct json *a, const struct json *b)
{
	struct name_map x = reference_pairs(a), y = reference_pairs(b);
	bool same = x.count == y.count;

	for (size_t i = 0; i < x.cap && same; i++) {
		const struct name_slot *slot = &x.slots[i];
		const struct json *one = slot->item, *two;

		if (!one)
			continue;
		two = name_map_get(&y, slot->name, slot->len);
		same = two && one->len == two->len &&
		    memcmp(one->str, two->str, one->len) == 0;
	}
	name_map_release(&x);
	name_map_release(&y);
	return same;
}

static void
write_references(struct table *t, const struct references *refs)
{
	struct buf out = { 0 };

	buf_addc(&out, '[');
	for (size_t i = 0; i < refs->count; i++) {
		if (i > 0)
			buf_addc(&out, ',');
		json_write(refs->items[i], JSON_WRITE_PYTHON, &out);
	}
	buf_addc(&out, ']');
	table_set(t, "references", buf_str(&out));
	buf_release(&out);
}

/* The columns that are referred to decide what is new; then all that is said
 * of the reference is taken over. Without news nothing is touched. */
static void
merge_references(struct table *t, const char *partial)
{
	struct json_doc old_doc = { 0 }, new_doc = { 0 };
	const struct json *old = json_parse_known(&old_doc,
	    hints_get(&t->hints, "references"));
	const struct json *new = json_parse_known(&new_doc, partial);
	struct references known = { 0 };
	const struct json **news;
	size_t count = 0;

	known.items = xcalloc((old ? old->count : 0) + (new ? new->count : 0) +
	        1,
	    sizeof(*known.items));
	news = xcalloc((new ? new->count : 0) + 1, sizeof(*news));
	for (const struct json *r = old ? old->child : NULL; r; r = r->next)
		put_reference(&known, r);
	for (const struct json *r = new ? new->child : NULL; r; r = r->next) {
		const struct json **same = reference_to(&known, r);

		if (!same || !same_reference(*same, r))
			news[count++] = r;
	}
	for (size_t i = 0; i < count; i++)
		put_reference(&known, news[i]);
	if (count > 0)
		write_references(t, &known);
	name_map_release(&known.index);
	free(known.items);
	free(news);
	json_release(&old_doc);
	json_release(&new_doc);
}

/* ---- tables ---- */

static int
check_columns(const struct table *t, const struct table *partial,
    struct error *err)
{
	for (size_t i = 0; i < partial->column_count; i++) {
		const struct column *n = partial->columns[i];
		const struct column *c = table_column_n(t, n->name,
		    n->name_len);

		if (c && c->type != TYPE_NONE && n->type != TYPE_NONE &&
		    c->type != n->type)
			return error_set(err, ERR_SCHEMA,
			    "table \"%s\": column \"%s\" has type %s, it cannot "
			    "become %s",
			    t->name, c->name, type_name(c->type),
			    type_name(n->type));
	}
	return 0;
}

static int
check_merge(const struct schema *s, const struct table *t,
    const struct table *partial, unsigned flags, struct error *err)
{
	const char *resource = hints_get(&partial->hints, "resource");

	if (partial->parent && !schema_table(s, partial->parent))
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\": its parent \"%s\" is missing", partial->name,
		    partial->parent);
	if (!t)
		return 0;
	if (t->parent && !partial->parent)
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\" is nested in \"%s\", it cannot become a root "
		    "table",
		    t->name, t->parent);
	if (partial->parent &&
	    (!t->parent || strcmp(t->parent, partial->parent) != 0))
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\" has the parent %s, it cannot become nested in "
		    "\"%s\"",
		    t->name, t->parent ? t->parent : "(none)", partial->parent);
	if (t->parent && resource && strcmp(resource, "null") != 0)
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\" is nested in \"%s\", it cannot have a "
		    "resource",
		    t->name, t->parent);
	if (flags & SCHEMA_MERGE_TYPES)
		return 0;
	return check_columns(t, partial, err);
}

/* Drop the compound hints that the partial table sets anew. */
static void
drop_compound(struct table *t, const struct table *partial)
{
	for (size_t i = 0; i < ARRAY_LEN(compound); i++) {
		bool set = false;

		for (size_t k = 0; k < partial->column_count && !set; k++)
			set = column_has(partial->columns[k], compound[i]);
		for (size_t k = 0; k < t->column_count && set; k++)
			column_set(t->columns[k], compound[i], NULL);
	}
}

static void
merge_columns(struct table *t, const struct table *partial)
{
	for (size_t i = 0; i < partial->column_count; i++) {
		const struct column *n = partial->columns[i];
		struct column *c = table_column_n(t, n->name, n->name_len);

		if (!c)
			c = table_add_column(t, n->name, n->name_len);
		else if (c->type == TYPE_NONE && n->type != TYPE_NONE)
			table_move_last(t, c);
		for (size_t k = 0; k < n->hints.count; k++)
			column_set(c, n->hints.items[k].key,
			    n->hints.items[k].value);
	}
}

struct table *
schema_merge_table(struct schema *s, const struct table *partial,
    unsigned flags, struct error *err)
{
	struct table *t = schema_table(s, partial->name);

	if (check_merge(s, t, partial, flags, err) < 0)
		return NULL;
	if (!t)
		return schema_attach(s, table_copy(partial));
	if (t == partial)
		return t;
	if (flags & SCHEMA_MERGE_REPLACE_KEYS)
		drop_compound(t, partial);
	merge_columns(t, partial);
	for (size_t i = 0; i < partial->hints.count; i++) {
		const struct hint *h = &partial->hints.items[i];

		if (strcmp(h->key, "references") == 0)
			merge_references(t, h->value);
		else if (strcmp(h->value, "null") != 0 ||
		    hints_get(&t->hints, h->key))
			table_set(t, h->key, h->value);
	}
	return t;
}

/* ---- schemas ---- */

int
schema_merge(struct schema *s, const struct schema *from, unsigned flags,
    struct error *err)
{
	bool *done = xcalloc(from->table_count + 1, sizeof(*done));
	size_t left = from->table_count, before = left + 1;
	int rc = 0;

	/* Nested tables wait for their parents: a round for each level. */
	while (left > 0 && left < before && rc == 0) {
		before = left;
		for (size_t i = 0; i < from->table_count && rc == 0; i++) {
			const struct table *t = from->tables[i];

			if (done[i] ||
			    (t->parent && !schema_table(s, t->parent)))
				continue;
			if (!schema_merge_table(s, t, flags, err))
				rc = -1;
			done[i] = true;
			left--;
		}
	}
	for (size_t i = 0; i < from->table_count && rc == 0; i++)
		if (!done[i])
			rc = error_set(err, ERR_SCHEMA,
			    "table \"%s\": its parent \"%s\" is missing",
			    from->tables[i]->name, from->tables[i]->parent);
	free(done);
	return rc;
}

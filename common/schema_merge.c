/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "common/mem.h"
#include "common/schema_private.h"

#include <stdlib.h>
#include <string.h>

static const char *const compound[] = { "partition", "cluster", "primary_key",
	"merge_key", "incremental" };

/* ---- references: one for each table referred to, the newer one wins ---- */

static const struct json *
reference_to(const struct json *list, const char *table)
{
	for (const struct json *r = list ? list->child : NULL; r; r = r->next)
		if (strcmp(json_get_str(r, "referenced_table", ""), table) == 0)
			return r;
	return NULL;
}

static bool
same_member(const struct json *a, const struct json *b, const char *key)
{
	const struct json *x = json_get(a, key), *y = json_get(b, key);
	struct buf left = { 0 }, right = { 0 };
	bool same;

	if (!x || !y)
		return x == y;
	json_write(x, JSON_WRITE_SORTED, &left);
	json_write(y, JSON_WRITE_SORTED, &right);
	same = strcmp(buf_str(&left), buf_str(&right)) == 0;
	buf_release(&left);
	buf_release(&right);
	return same;
}

static void
add_reference(struct buf *out, const struct json *r)
{
	if (out->len > 1)
		buf_addc(out, ',');
	json_write(r, JSON_WRITE_PYTHON, out);
}

static void
merge_references(struct table *t, const char *partial)
{
	struct json_doc old_doc = { 0 }, new_doc = { 0 };
	const struct json *old = json_parse_known(&old_doc,
	    hints_get(&t->hints, "references"));
	const struct json *new = json_parse_known(&new_doc, partial);
	struct buf out = { 0 };
	const char *to;

	buf_addc(&out, '[');
	for (const struct json *r = old ? old->child : NULL; r; r = r->next) {
		const struct json *n;

		to = json_get_str(r, "referenced_table", "");
		n = reference_to(new, to);
		/* The same columns again: what else was said of them stays. */
		if (n && same_member(r, n, "columns") &&
		    same_member(r, n, "referenced_columns"))
			n = NULL;
		add_reference(&out, n ? n : r);
	}
	for (const struct json *r = new ? new->child : NULL; r; r = r->next) {
		to = json_get_str(r, "referenced_table", "");
		if (!reference_to(old, to))
			add_reference(&out, r);
	}
	buf_addc(&out, ']');
	table_set(t, "references", buf_str(&out));
	buf_release(&out);
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
		else
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

/* SPDX-License-Identifier: MIT */
#include "common/dest/merge_private.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static const char *const strategies[] = {
	[MERGE_DELETE_INSERT] = "delete-insert",
	[MERGE_UPSERT] = "upsert",
	[MERGE_INSERT_ONLY] = "insert-only",
	[MERGE_SCD2] = "scd2",
};

int
merge_kind_parse(const char *strategy)
{
	for (size_t i = 0; i < ARRAY_LEN(strategies); i++)
		if (!strcmp(strategies[i], strategy))
			return (int)i;
	return -1;
}

int
merge_kind_of(const struct table *root, const char *const *supported,
    enum merge_kind *kind, struct error *err)
{
	char *own = hints_get_str(&root->hints, "x-merge-strategy");
	struct buf list = { 0 };
	int found = -1;

	if (!own && *supported)
		found = merge_kind_parse(*supported);
	for (size_t i = 0; supported[i]; i++) {
		buf_addf(&list, "%s%s", i ? ", " : "", supported[i]);
		if (own && !strcmp(own, supported[i]))
			found = merge_kind_parse(own);
	}
	if (found >= 0)
		*kind = (enum merge_kind)found;
	else
		error_set(err, ERR_REMOTE,
		    "table \"%s\": merge strategy \"%s\" is not supported here "
		    "(supported: %s)",
		    root->name, own ? own : "delete-insert",
		    list.len ? list.data : "none");
	buf_release(&list);
	free(own);
	return found >= 0 ? 0 : -1;
}

/* ---- the chain ---- */

bool
merge_has_part(const struct table *t)
{
	if (!table_has_seen_data(t))
		return false;
	for (size_t i = 0; i < t->column_count; i++)
		if (merge_is_complete(t->columns[i]))
			return true;
	return false;
}

/* Tables below one another, depth first; an explicit stack, as a hostile
 * schema may nest them very deep. */
void
merge_chain(const struct schema *s, const struct table *root,
    struct table ***chain, size_t *count)
{
	struct table **stack = xcalloc(s->table_count + 1, sizeof(*stack));
	size_t depth = 0, n = 0;

	*chain = xcalloc(s->table_count + 1, sizeof(**chain));
	stack[depth++] = schema_table(s, root->name);
	while (depth) {
		struct table *t = stack[--depth];

		if (t == root || merge_has_part(t))
			(*chain)[n++] = t;
		for (size_t i = s->table_count; i-- > 0;) {
			struct table *child = s->tables[i];

			if (child->parent && !strcmp(child->parent, t->name))
				stack[depth++] = child;
		}
	}
	free(stack);
	*count = n;
}

/* ---- replace ---- */

static void
swap(const struct merge *m, struct buf *out)
{
	for (size_t i = 0; i < m->count; i++) {
		buf_adds(out, m->dialect->empty_open);
		merge_add_table(m, DEST_DATASET, m->chain[i], out);
		buf_adds(out, m->dialect->empty_close);
		merge_end_statement(out);
		merge_add_insert(m, m->chain[i], out);
		merge_add_select_all(m, m->chain[i], out);
		merge_end_statement(out);
	}
}

/* ---- all of them ---- */

static int
lacks(const struct table *t, const char *what, struct error *err)
{
	return error_set(err, ERR_REMOTE,
	    "table \"%s\" cannot be merged: it has no %s", t->name, what);
}

static int
check_nested(const struct merge *m, const struct table *t, struct error *err)
{
	bool keyed = merge_first_with(m->chain[0], "primary_key") ||
	    merge_first_with(m->chain[0], "merge_key") ||
	    merge_first_with(m->chain[0], "hard_delete");

	if (m->kind == MERGE_REPLACE)
		return 0;
	if (m->kind != MERGE_DELETE_INSERT && !merge_row_key(t))
		return lacks(t, "row key (as _dlt_id)", err);
	if (m->kind != MERGE_SCD2 && m->kind != MERGE_INSERT_ONLY &&
	    (keyed || m->kind == MERGE_UPSERT) && !merge_root_key(m, t))
		return lacks(t,
		    "root key (as _dlt_root_id); normalize it for this "
		    "destination (--for)",
		    err);
	return 0;
}

static int
check_scd2(const struct table *root, struct error *err)
{
	static const char *const needed[] = { "x-valid-from", "x-valid-to",
		"x-row-version" };
	struct buf unused = { 0 };
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(needed); i++)
		if (!merge_first_with(root, needed[i]))
			return error_set(err, ERR_REMOTE,
			    "table \"%s\" cannot be merged by scd2: it has no "
			    "column with the hint %s",
			    root->name, needed[i]);
	rc = merge_active_time(root, &unused, err);
	buf_release(&unused);
	return rc;
}

int
merge_check(const struct merge *m, struct error *err)
{
	const struct table *root = m->chain[0];
	bool keyed = merge_first_with(root, "primary_key") ||
	    merge_first_with(root, "merge_key") ||
	    merge_first_with(root, "hard_delete");

	if (m->kind == MERGE_SCD2 && check_scd2(root, err) < 0)
		return -1;
	if ((m->kind == MERGE_UPSERT || m->kind == MERGE_INSERT_ONLY) &&
	    !merge_first_with(root, "primary_key"))
		return lacks(root, "primary key, which its strategy needs",
		    err);
	if (m->count > 1 && !merge_row_key(root) &&
	    (m->kind == MERGE_UPSERT ||
	        (m->kind == MERGE_DELETE_INSERT && keyed)))
		return lacks(root, "row key (as _dlt_id)", err);
	for (size_t i = 1; i < m->count; i++)
		if (check_nested(m, m->chain[i], err) < 0)
			return -1;
	return 0;
}

int
merge_sql(const struct merge *m, struct buf *out, struct error *err)
{
	if (merge_check(m, err) < 0)
		return -1;
	switch (m->kind) {
	case MERGE_DELETE_INSERT:
		merge_delete_insert(m, out);
		return 0;
	case MERGE_UPSERT:
	case MERGE_INSERT_ONLY:
		merge_upsert(m, out);
		return 0;
	case MERGE_SCD2:
		return merge_scd2(m, out, err);
	default:
		if (m->dialect->swap)
			m->dialect->swap(m, out);
		else
			swap(m, out);
		return 0;
	}
}

/* SPDX-License-Identifier: MIT */
#include "common/dest/merge_private.h"

#include "common/dest/ddl.h"

#include <string.h>

bool
merge_is_complete(const struct column *c)
{
	return c->type != TYPE_NONE;
}

const struct column *
merge_first_with(const struct table *t, const char *hint)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (merge_is_complete(t->columns[i]) &&
		    column_has(t->columns[i], hint))
			return t->columns[i];
	return NULL;
}

/* What tells rows apart: the row key, else a unique column, else a primary key
 * of one column. */
const struct column *
merge_row_key(const struct table *t)
{
	const struct column *found = merge_first_with(t, "row_key");
	size_t keys = 0;

	if (!found)
		found = merge_first_with(t, "unique");
	if (found)
		return found;
	for (size_t i = 0; i < t->column_count; i++)
		keys += merge_is_complete(t->columns[i]) &&
		    column_has(t->columns[i], "primary_key");
	return keys == 1 ? merge_first_with(t, "primary_key") : NULL;
}

/* What leads to the row of the root table. */
const struct column *
merge_root_key(const struct merge *m, const struct table *t)
{
	const struct column *found = merge_first_with(t, "root_key");

	if (!found && t->parent && !strcmp(t->parent, m->chain[0]->name))
		found = merge_first_with(t, "parent_key");
	return found;
}

/* ---- text ---- */

void
merge_add_quoted(struct buf *out, const char *alias, const struct column *c)
{
	buf_adds(out, alias);
	ddl_quote(c->name, out);
}

void
merge_add_table(const struct merge *m, enum dest_place place,
    const struct table *t, struct buf *out)
{
	m->name(m->arg, place, t->name, out);
}

/* The columns with a hint, or all (hint NULL), but for a and b. */
size_t
merge_add_columns(struct buf *out, const struct table *t, const char *hint,
    const char *alias, const struct column *a, const struct column *b)
{
	size_t n = 0;

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (!merge_is_complete(c) || c == a || c == b ||
		    (hint && !column_has(c, hint)))
			continue;
		if (n++)
			buf_adds(out, ", ");
		merge_add_quoted(out, alias, c);
	}
	return n;
}

static size_t
count_with(const struct table *t, const char *hint)
{
	struct buf unused = { 0 };
	size_t n = merge_add_columns(&unused, t, hint, "", NULL, NULL);

	buf_release(&unused);
	return n;
}

void
merge_end_statement(struct buf *out)
{
	buf_addc(out, '\0');
}

/* ("a", "b") IN (SELECT "a", "b" FROM staging), for the columns of a hint */
void
merge_add_key_match(const struct merge *m, const struct table *t,
    const char *hint, struct buf *out)
{
	size_t n = count_with(t, hint);

	buf_adds(out, n > 1 ? "(" : "");
	merge_add_columns(out, t, hint, "", NULL, NULL);
	buf_addf(out, "%s IN (SELECT ", n > 1 ? ")" : "");
	merge_add_columns(out, t, hint, "", NULL, NULL);
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_STAGING, t, out);
	buf_addc(out, ')');
}

/* Is the row, by its hard_delete column, one to delete, or one to keep? */
void
merge_add_condition(const struct merge *m, const char *alias, bool deleted,
    struct buf *out)
{
	const struct merge_dialect *d = m->dialect;
	const struct column *c = merge_first_with(m->chain[0], "hard_delete");

	if (!c) {
		buf_adds(out, "1 = 1");
		return;
	}
	if (!deleted || c->type != TYPE_BOOL) {
		merge_add_quoted(out, alias, c);
		buf_adds(out, deleted ? " IS NOT NULL" : " IS NULL");
	}
	if (c->type != TYPE_BOOL)
		return;
	buf_adds(out, deleted ? "" : " OR ");
	merge_add_quoted(out, alias, c);
	buf_addf(out, " = %s", deleted ? d->when_true : d->when_false);
}

void
merge_add_insert(const struct merge *m, const struct table *t, struct buf *out)
{
	buf_adds(out, "INSERT INTO ");
	merge_add_table(m, DEST_DATASET, t, out);
	buf_adds(out, " (");
	merge_add_columns(out, t, NULL, "", NULL, NULL);
	buf_adds(out, ") ");
}

void
merge_add_select_all(const struct merge *m, const struct table *t,
    struct buf *out)
{
	buf_adds(out, "SELECT ");
	merge_add_columns(out, t, NULL, "", NULL, NULL);
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_STAGING, t, out);
}

void
merge_delete_from(const struct merge *m, const struct table *t, struct buf *out)
{
	buf_adds(out, "DELETE FROM ");
	merge_add_table(m, DEST_DATASET, t, out);
	buf_adds(out, " WHERE ");
}

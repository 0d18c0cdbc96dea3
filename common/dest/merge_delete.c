/* SPDX-License-Identifier: MIT */
#include "common/dest/merge_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define DELETE_IDS "_dlt_merge_delete"
#define INSERT_IDS "_dlt_merge_insert"

static void
add_temp(const struct merge *m, const char *name, struct buf *out)
{
	if (m->dialect->temp_staged)
		m->name(m->arg, DEST_STAGING, name, out);
	else
		ddl_quote(name, out);
}

static void
create_temp(const struct merge *m, const char *name, struct buf *out)
{
	buf_adds(out, m->dialect->temp_create);
	add_temp(m, name, out);
	buf_addf(out, "%s AS ", m->dialect->temp_suffix);
}

static void
end_temp(const struct merge *m, struct buf *out)
{
	if (m->dialect->temp_sorted)
		buf_adds(out, " ORDER BY \"id\"");
	merge_end_statement(out);
}

static void
drop_temp(const struct merge *m, const char *name, struct buf *out)
{
	buf_adds(out, "DROP TABLE ");
	add_temp(m, name, out);
	merge_end_statement(out);
}

static void
add_order(const struct merge *m, const struct table *t, struct buf *out)
{
	const struct column *c = merge_first_with(t, "dedup_sort");
	char *how = NULL;

	if (!c || t != m->chain[0]) {
		buf_adds(out, m->dialect->any_order);
		return;
	}
	how = hints_get_str(&c->hints, "dedup_sort");
	merge_add_quoted(out, "", c);
	buf_adds(out, how && !strcmp(how, "asc") ? " ASC" : " DESC");
	if (m->dialect->tie_break)
		buf_addf(out, ", %s", m->dialect->tie_break);
	free(how);
}

/* SELECT columns (or one) of staged rows of which each key is there once. key:
 * a column, or NULL: the primary key. */
static void
add_dedup_select(const struct merge *m, const struct table *t,
    const struct column *one, const struct column *key, struct buf *out)
{
	const struct column *hard = merge_first_with(t, "hard_delete");
	struct buf columns = { 0 };

	if (one)
		merge_add_quoted(&columns, "", one);
	else
		merge_add_columns(&columns, t, NULL, "", NULL, NULL);
	buf_addf(out, "SELECT %s FROM ", columns.data);
	if (!hints_get_bool(&m->chain[0]->hints, "x-stage-data-deduplicated",
	        false)) {
		buf_addf(out, "(SELECT %s", columns.data);
		if (one && hard && hard != one) {
			buf_adds(out, ", ");
			merge_add_quoted(out, "", hard);
		}
		buf_adds(out, ", ROW_NUMBER() OVER (PARTITION BY ");
		if (key)
			merge_add_quoted(out, "", key);
		else
			merge_add_columns(out, t, "primary_key", "", NULL,
			    NULL);
		buf_adds(out, " ORDER BY ");
		add_order(m, t, out);
		buf_adds(out, ") AS \"_dlt_dedup_rn\" FROM ");
		merge_add_table(m, DEST_STAGING, t, out);
		buf_adds(out,
		    ") AS \"_dlt_dedup_numbered\" WHERE \"_dlt_dedup_rn\" = 1 "
		    "AND (");
	} else {
		merge_add_table(m, DEST_STAGING, t, out);
		buf_adds(out, " WHERE (");
	}
	buf_release(&columns);
}

/* ---- delete-insert ---- */

static void
delete_by_ids(const struct merge *m, const struct table *t,
    const struct column *key, struct buf *out)
{
	merge_delete_from(m, t, out);
	merge_add_quoted(out, "", key);
	buf_adds(out, " IN (SELECT \"id\" FROM ");
	add_temp(m, DELETE_IDS, out);
	buf_addc(out, ')');
	merge_end_statement(out);
}

/* Two keys are two questions: an OR of them would keep databases from using
 * hashes or indexes. */
static void
delete_matching(const struct merge *m, struct buf *out)
{
	static const char *const hints[] = { "primary_key", "merge_key" };
	const struct table *root = m->chain[0];
	size_t asked = 0;

	for (size_t i = 0; i < ARRAY_LEN(hints); i++) {
		if (!merge_first_with(root, hints[i]))
			continue;
		if (m->count == 1) {
			merge_delete_from(m, root, out);
			merge_add_key_match(m, root, hints[i], out);
			merge_end_statement(out);
			continue;
		}
		if (asked++)
			buf_adds(out, " UNION ");
		else
			create_temp(m, DELETE_IDS, out);
		buf_adds(out, "SELECT ");
		merge_add_quoted(out, "", merge_row_key(root));
		buf_adds(out, " AS \"id\" FROM ");
		merge_add_table(m, DEST_DATASET, root, out);
		buf_adds(out, " WHERE ");
		merge_add_key_match(m, root, hints[i], out);
	}
	if (!asked)
		return;
	end_temp(m, out);
	for (size_t i = 1; i < m->count; i++)
		delete_by_ids(m, m->chain[i], merge_root_key(m, m->chain[i]),
		    out);
	delete_by_ids(m, root, merge_row_key(root), out);
	drop_temp(m, DELETE_IDS, out);
}

static void
choose_rows(const struct merge *m, struct buf *out)
{
	const struct table *root = m->chain[0];
	const struct column *key = merge_row_key(root);

	create_temp(m, INSERT_IDS, out);
	buf_adds(out, "SELECT ");
	merge_add_quoted(out, "", key);
	buf_adds(out, " AS \"id\" FROM (");
	if (merge_first_with(root, "primary_key")) {
		add_dedup_select(m, root, key, NULL, out);
	} else {
		buf_adds(out, "SELECT ");
		merge_add_quoted(out, "", key);
		buf_adds(out, " FROM ");
		merge_add_table(m, DEST_STAGING, root, out);
		buf_adds(out, " WHERE (");
	}
	merge_add_condition(m, "", false, out);
	buf_adds(out, ")) AS \"_dlt_chosen\"");
	end_temp(m, out);
}

static void
add_chosen(const struct merge *m, const struct column *key, struct buf *out)
{
	merge_add_quoted(out, "", key);
	buf_adds(out, " IN (SELECT \"id\" FROM ");
	add_temp(m, INSERT_IDS, out);
	buf_addc(out, ')');
}

static void
insert_table(const struct merge *m, const struct table *t, bool chosen,
    struct buf *out)
{
	const struct table *root = m->chain[0];
	const struct column *key = t == root ? merge_row_key(root)
	                                     : merge_root_key(m, t);
	bool close = true;

	merge_add_insert(m, t, out);
	if (t == root && !chosen && merge_first_with(root, "primary_key")) {
		add_dedup_select(m, t, NULL, NULL, out);
	} else if (t != root && m->dialect->dedup_nested && merge_row_key(t)) {
		add_dedup_select(m, t, NULL, merge_row_key(t), out);
	} else {
		merge_add_select_all(m, t, out);
		buf_adds(out, " WHERE ");
		close = false;
	}
	if (chosen)
		add_chosen(m, key, out);
	else if (t == root)
		merge_add_condition(m, "", false, out);
	else
		buf_adds(out, "1 = 1");
	buf_adds(out, close ? ")" : "");
	merge_end_statement(out);
}

void
merge_delete_insert(const struct merge *m, struct buf *out)
{
	const struct table *root = m->chain[0];
	bool chosen = m->count > 1 &&
	    (merge_first_with(root, "primary_key") ||
	        merge_first_with(root, "hard_delete"));

	delete_matching(m, out);
	if (chosen)
		choose_rows(m, out);
	for (size_t i = 0; i < m->count; i++)
		insert_table(m, m->chain[i], chosen, out);
	if (chosen)
		drop_temp(m, INSERT_IDS, out);
}

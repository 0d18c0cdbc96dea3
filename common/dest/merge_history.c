/* SPDX-License-Identifier: MIT */
#include "common/dest/merge_private.h"

#include "common/timestamp.h"

#include <stdlib.h>
#include <string.h>

/* ---- upsert and insert-only ---- */

static void
add_on(const struct table *t, const struct column *key, struct buf *out)
{
	const char *between = " ON ";

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (key ? c != key
		        : !merge_is_complete(c) ||
		            !column_has(c, "primary_key"))
			continue;
		buf_adds(out, between);
		merge_add_quoted(out, "d.", c);
		buf_adds(out, " = ");
		merge_add_quoted(out, "s.", c);
		between = " AND ";
	}
}

static void
add_update(const struct table *t, struct buf *out)
{
	const char *between = " WHEN MATCHED THEN UPDATE SET ";

	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (!merge_is_complete(c))
			continue;
		buf_adds(out, between);
		merge_add_quoted(out, "", c);
		buf_adds(out, " = ");
		merge_add_quoted(out, "s.", c);
		between = ", ";
	}
}

static void
merge_table(const struct merge *m, const struct table *t, struct buf *out)
{
	bool root = t == m->chain[0],
	     insert_only = m->kind == MERGE_INSERT_ONLY;
	bool hard = root && merge_first_with(t, "hard_delete");

	buf_adds(out, "MERGE INTO ");
	merge_add_table(m, DEST_DATASET, t, out);
	buf_addf(out, " d USING %s",
	    insert_only && hard ? "(SELECT * FROM " : "");
	merge_add_table(m, DEST_STAGING, t, out);
	if (insert_only && hard) {
		buf_adds(out, " WHERE ");
		merge_add_condition(m, "", false, out);
		buf_addc(out, ')');
	}
	buf_adds(out, " s");
	add_on(t, root ? NULL : merge_row_key(t), out);
	if (!insert_only && hard) {
		buf_adds(out, " WHEN MATCHED AND ");
		merge_add_condition(m, "s.", true, out);
		buf_adds(out, " THEN DELETE");
	}
	if (!insert_only)
		add_update(t, out);
	buf_adds(out, " WHEN NOT MATCHED THEN INSERT (");
	merge_add_columns(out, t, NULL, "", NULL, NULL);
	buf_adds(out, ") VALUES (");
	merge_add_columns(out, t, NULL, "s.", NULL, NULL);
	buf_addc(out, ')');
	merge_end_statement(out);
}

/* Elements that their list no longer has, and those of deleted rows. */
static void
delete_orphans(const struct merge *m, const struct table *t, struct buf *out)
{
	const struct table *root = m->chain[0];

	for (int hard = 0; hard < 2; hard++) {
		if (hard && !merge_first_with(root, "hard_delete"))
			return;
		merge_delete_from(m, t, out);
		merge_add_quoted(out, "", merge_root_key(m, t));
		buf_adds(out, " IN (SELECT ");
		merge_add_quoted(out, "", merge_row_key(root));
		buf_adds(out, " FROM ");
		merge_add_table(m, DEST_STAGING, root, out);
		if (hard) {
			buf_adds(out, " WHERE ");
			merge_add_condition(m, "", true, out);
			buf_addc(out, ')');
		} else {
			buf_adds(out, ") AND ");
			merge_add_quoted(out, "", merge_row_key(t));
			buf_adds(out, " NOT IN (SELECT ");
			merge_add_quoted(out, "", merge_row_key(t));
			buf_adds(out, " FROM ");
			merge_add_table(m, DEST_STAGING, t, out);
			buf_addc(out, ')');
		}
		merge_end_statement(out);
	}
}

void
merge_upsert(const struct merge *m, struct buf *out)
{
	for (size_t i = 0; i < m->count; i++) {
		merge_table(m, m->chain[i], out);
		if (i && m->kind == MERGE_UPSERT)
			delete_orphans(m, m->chain[i], out);
	}
}

/* ---- scd2 ---- */

static void
add_time(const struct merge *m, const char *text, struct buf *out)
{
	const struct merge_dialect *d = m->dialect;

	buf_addf(out, "%s%s%s%s", d->time_open, text, d->zone ? "+00:00" : "",
	    d->time_close);
}

/* The literal of the hint x-active-record-timestamp; empty: null. */
int
merge_active_time(const struct table *root, struct buf *out, struct error *err)
{
	for (size_t i = 0; i < root->column_count; i++) {
		const struct hints *h = &root->columns[i]->hints;
		char *text = hints_get_str(h, "x-active-record-timestamp");
		struct iso iso = { 0 };
		bool ok;

		if (!text)
			continue;
		iso_parse(text, strlen(text), &iso);
		ok = (iso.kind == ISO_DATETIME || iso.kind == ISO_DATE) &&
		    timestamp_to_utc(&iso.ts);
		if (ok)
			timestamp_format_sql(&iso.ts, out);
		else
			error_set(err, ERR_REMOTE,
			    "table \"%s\": x-active-record-timestamp \"%s\" is "
			    "no timestamp",
			    root->name, text);
		free(text);
		return ok ? 0 : -1;
	}
	return 0;
}

struct scd2 {
	const struct column *from, *to, *version;
	struct buf active;
};

static void
add_is_active(const struct merge *m, const struct scd2 *s, struct buf *out)
{
	merge_add_quoted(out, "", s->to);
	if (!s->active.len) {
		buf_adds(out, " IS NULL");
		return;
	}
	buf_adds(out, " = ");
	add_time(m, s->active.data, out);
}

static void
retire(const struct merge *m, const struct scd2 *s, struct buf *out)
{
	const struct table *root = m->chain[0];

	buf_adds(out, m->dialect->alter_update ? "ALTER TABLE " : "UPDATE ");
	merge_add_table(m, DEST_DATASET, root, out);
	buf_adds(out, m->dialect->alter_update ? " UPDATE " : " SET ");
	merge_add_quoted(out, "", s->to);
	buf_adds(out, " = ");
	add_time(m, m->boundary, out);
	buf_adds(out, " WHERE ");
	add_is_active(m, s, out);
	buf_adds(out, " AND ");
	merge_add_quoted(out, "", s->version);
	buf_adds(out, " NOT IN (SELECT ");
	merge_add_quoted(out, "", s->version);
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_STAGING, root, out);
	buf_addc(out, ')');
	if (merge_first_with(root, "merge_key")) {
		buf_adds(out, " AND ");
		merge_add_key_match(m, root, "merge_key", out);
	}
	merge_end_statement(out);
}

static void
insert_versions(const struct merge *m, const struct scd2 *s, struct buf *out)
{
	const struct table *root = m->chain[0];
	struct buf columns = { 0 };

	if (merge_add_columns(&columns, root, NULL, "", s->from, s->to))
		buf_adds(&columns, ", ");
	buf_adds(out, "INSERT INTO ");
	merge_add_table(m, DEST_DATASET, root, out);
	buf_addf(out, " (%s", buf_str(&columns));
	merge_add_quoted(out, "", s->from);
	merge_add_quoted(out, ", ", s->to);
	buf_addf(out, ") SELECT %s", buf_str(&columns));
	add_time(m, m->boundary, out);
	buf_adds(out, ", ");
	if (s->active.len)
		add_time(m, s->active.data, out);
	else
		buf_adds(out, "NULL");
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_STAGING, root, out);
	buf_adds(out, " WHERE ");
	merge_add_quoted(out, "", s->version);
	buf_adds(out, " NOT IN (SELECT ");
	merge_add_quoted(out, "", s->version);
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_DATASET, root, out);
	buf_adds(out, " WHERE ");
	add_is_active(m, s, out);
	buf_addc(out, ')');
	merge_end_statement(out);
	buf_release(&columns);
}

static void
insert_elements(const struct merge *m, const struct table *t, struct buf *out)
{
	merge_add_insert(m, t, out);
	merge_add_select_all(m, t, out);
	buf_adds(out, " WHERE ");
	merge_add_quoted(out, "", merge_row_key(t));
	buf_adds(out, " NOT IN (SELECT ");
	merge_add_quoted(out, "", merge_row_key(t));
	buf_adds(out, " FROM ");
	merge_add_table(m, DEST_DATASET, t, out);
	buf_addc(out, ')');
	merge_end_statement(out);
}

int
merge_scd2(const struct merge *m, struct buf *out, struct error *err)
{
	const struct table *root = m->chain[0];
	struct scd2 s = { merge_first_with(root, "x-valid-from"),
		merge_first_with(root, "x-valid-to"),
		merge_first_with(root, "x-row-version"), { 0 } };
	int rc = merge_active_time(root, &s.active, err);

	if (rc == 0) {
		retire(m, &s, out);
		insert_versions(m, &s, out);
		for (size_t i = 1; i < m->count; i++)
			insert_elements(m, m->chain[i], out);
	}
	buf_release(&s.active);
	return rc;
}

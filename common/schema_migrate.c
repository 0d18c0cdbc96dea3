/* SPDX-License-Identifier: MIT */
/*
 * Documents of older engines (contract.md 8.7; dlt's
 * common/schema/migrations.py). Engines 1 and 2 had another layout, which the
 * reader changes first: schema_layout.c.
 */
#include "common/schema_private.h"

#include "common/jsonw.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* Set, or with value NULL remove, a member somewhere below a top-level key. */
static void
edit(struct schema *s, const char *top, const char *const *path, size_t count,
    const char *value)
{
	char *edited = object_edit_path(hints_get(&s->hints, top), path, count,
	    value);

	hints_set(&s->hints, top, edited);
	free(edited);
}

/* 6 -> 7: what is sealed is now said by contracts. */
static void
drop_seals(struct schema *s)
{
	static const char *const sealed[] = { "schema_sealed" };

	edit(s, "settings", sealed, 1, NULL);
	for (size_t i = 0; i < s->table_count; i++)
		table_set(s->tables[i], "table_sealed", NULL);
}

/* 7 -> 8: what older engines kept there, if anything, is not trusted. */
static void
forget_hashes(struct schema *s)
{
	while (s->previous_count > 0)
		free(s->previous_hashes[--s->previous_count]);
}

/* 8 -> 9: tables with row ids have been loaded. */
static void
mark_seen_data(struct schema *s)
{
	for (size_t i = 0; i < s->table_count; i++)
		if (table_column(s->tables[i], "_dlt_id"))
			table_normalizer_set(s->tables[i], "seen-data", "true");
}

/* A key column takes the value of its older hint, false without one. */
static void
rename_hint(struct table *t, const char *column, const char *from,
    const char *to)
{
	struct column *c = table_column(t, column);
	const char *value;

	if (!c || c->hints.count == 0)
		return;
	value = hints_get(&c->hints, from);
	column_set(c, to, value ? value : "false");
}

/* One pass: the document may hold any number of them. */
static void
rename_preferred_types(struct schema *s)
{
	static const char *const path[] = { "preferred_types" };
	struct json_doc doc = { 0 };
	const struct json *types =
	    json_get(json_parse_known(&doc, hints_get(&s->hints, "settings")),
	        path[0]);
	struct buf out = { 0 };

	if (types && types->kind == JSON_OBJECT && types->count > 0) {
		for (const struct json *m = types->child; m; m = m->next) {
			buf_addc(&out, out.len > 0 ? ',' : '{');
			jsonw_quote(&out, m->key, m->key_len);
			buf_addc(&out, ':');
			if (m->kind == JSON_STRING &&
			    strcmp(m->str, "complex") == 0)
				buf_adds(&out, "\"json\"");
			else
				json_write(m, JSON_WRITE_PYTHON, &out);
		}
		buf_addc(&out, '}');
		edit(s, "settings", path, 1, buf_str(&out));
	}
	buf_release(&out);
	json_release(&doc);
}

static void
rename_default_hints(struct schema *s)
{
	static const char *const foreign[] = { "default_hints", "foreign_key" };
	static const char *const row[] = { "default_hints", "row_key" };
	static const char *const parent[] = { "default_hints", "parent_key" };
	struct json_doc doc = { 0 };
	const struct json *hints =
	    json_get(json_parse_known(&doc, hints_get(&s->hints, "settings")),
	        "default_hints");
	bool any = hints && hints->kind == JSON_OBJECT && hints->count > 0;

	json_release(&doc);
	if (!any)
		return;
	edit(s, "settings", foreign, 2, NULL);
	edit(s, "settings", row, 2, "[\"_dlt_id\"]");
	edit(s, "settings", parent, 2, "[\"_dlt_parent_id\"]");
}

/* 9 -> 10: json instead of complex (types of columns were renamed when they
 * were read), keys of rows and parents have hints of their own. */
static void
split_keys(struct schema *s)
{
	static const char *const generate[] = { "json", "config",
		"generate_dlt_id" };

	for (size_t i = 0; i < s->table_count; i++) {
		struct table *t = s->tables[i];

		rename_hint(t, "_dlt_id", "unique", "row_key");
		rename_hint(t, "_dlt_parent_id", "foreign_key", "parent_key");
		for (size_t k = 0; k < t->column_count; k++)
			column_set(t->columns[k], "foreign_key", NULL);
	}
	rename_preferred_types(s);
	rename_default_hints(s);
	edit(s, "normalizers", generate, 3, NULL);
}

/* Always: a mark that earlier versions put on columns that had held only
 * nulls; without a type such a column is no column. */
static void
drop_null_marks(struct table *t)
{
	for (size_t i = t->column_count; i > 0; i--) {
		struct column *c = t->columns[i - 1];
		const char *text = hints_get(&c->hints, "x-normalizer");
		struct json_doc doc = { 0 };
		bool marked;
		char *edited;

		if (!text)
			continue;
		marked = json_get_bool(json_parse_known(&doc, text),
		    "seen-null-first", false);
		json_release(&doc);
		if (!marked)
			continue;
		if (!hints_get(&c->hints, "data_type")) {
			table_remove_column(t, c);
			continue;
		}
		edited = object_edit(text, "seen-null-first", NULL);
		column_set(c, "x-normalizer",
		    strcmp(edited, "{}") == 0 ? NULL : edited);
		free(edited);
	}
}

int
schema_migrate(struct schema *s, struct error *err)
{
	static const char *const whole[] = { "use_break_path_on_normalize" };
	long from = s->engine_version;

	if (from < 5)
		schema_standard_table(s, "_dlt_version");
	if (from < 6)
		schema_standard_table(s, "_dlt_loads");
	if (from < 7)
		drop_seals(s);
	if (from < 8)
		forget_hashes(s);
	if (from < 9)
		mark_seen_data(s);
	if (from < 10)
		split_keys(s);
	if (from < 11)
		edit(s, "normalizers", whole, 1, "false");
	for (size_t i = 0; i < s->table_count; i++)
		drop_null_marks(s->tables[i]);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/format.h"

#include <stdlib.h>
#include <string.h>

#include "common/caps.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-normalize/format_sql.h"

const struct format format_jsonl = {
	.name = "jsonl",
	.change = CHANGE_NOTHING,
	.compressed = true,
};

static const struct format *const formats[] = { &format_jsonl,
	&format_typed_jsonl, &format_insert_values, &format_csv,
	&format_parquet };

const struct format *
format_find(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(formats); i++)
		if (strcmp(formats[i]->name, name) == 0)
			return formats[i];
	return NULL;
}

const char *
format_names(void)
{
	return "jsonl, typed-jsonl, insert_values, csv, parquet";
}

/* ---- plans ---- */

size_t
format_column_count(const struct table *t)
{
	size_t i, n = 0;

	for (i = 0; i < t->column_count; i++)
		n += t->columns[i]->type != TYPE_NONE;
	return n;
}

static void
plan_column(struct format_plan *p, const struct column *c)
{
	struct format_column *out = &p->columns[p->count++];
	struct column *copy = table_add_column(p->table, c->name, c->name_len);
	struct buf key = { 0 };
	size_t i;

	for (i = 0; i < c->hints.count; i++)
		if (strcmp(c->hints.items[i].key, "name") != 0)
			column_set(copy, c->hints.items[i].key,
			    c->hints.items[i].value);
	jsonw_quote(&key, c->name, c->name_len);
	buf_addc(&key, ':');
	out->name = copy->name;
	out->key_len = key.len;
	out->key = buf_take(&key);
	out->type = c->type;
}

struct format_plan *
format_plan_new(const struct format *f, const struct caps *target,
    const struct csv_settings *csv, const struct table *t, size_t count)
{
	struct format_plan *p = xcalloc(1, sizeof(*p));
	size_t i;

	p->refs = 1;
	p->format = f;
	p->dialect = dialect_find(target->dialect);
	p->csv = csv;
	p->table = table_new(t->name);
	p->columns = xcalloc(t->column_count + 1, sizeof(*p->columns));
	for (i = 0; i < t->column_count && p->count < count; i++)
		if (t->columns[i]->type != TYPE_NONE)
			plan_column(p, t->columns[i]);
	return p;
}

struct format_plan *
format_plan_ref(struct format_plan *p)
{
	if (p)
		p->refs++;
	return p;
}

void
format_plan_unref(struct format_plan *p)
{
	size_t i;

	if (!p || --p->refs)
		return;
	for (i = 0; i < p->count; i++)
		free((char *)(uintptr_t)p->columns[i].key);
	free(p->columns);
	table_free(p->table);
	free(p);
}

/* ---- choice ---- */

/* What a destination prefers, or what can be written here at all. */
static const struct format *
preferred(const struct caps *target, const struct table *root)
{
	if (caps_has_format(target, root))
		return &format_parquet;
	return format_find(target->preferred);
}

static const struct format *
hinted(const struct caps *target, const struct table *root,
    const struct table *t, const char *hint)
{
	const struct format *f = format_find(hint);
	struct buf takes = { 0 };

	if (strcmp(hint, "preferred") == 0)
		return NULL;
	if (caps_has_format(target, root) ? f == &format_parquet
	                                  : f && caps_takes(target, hint))
		return f;
	caps_formats(target, &takes);
	msg_warn("table %s: file_format \"%s\" is not for %s, which takes %s; "
	         "its files are %s",
	    t->name, hint, target->name,
	    caps_has_format(target, root) ? "parquet" : buf_str(&takes),
	    preferred(target, root)->name);
	buf_release(&takes);
	return NULL;
}

const struct format *
format_choose(const struct format *given, const struct caps *target,
    const struct schema *s, const struct table *t)
{
	const struct table *root = schema_root(s, t);
	const struct format *f = given;
	char *hint;

	if (f)
		return f;
	hint = hints_get_str(&root->hints, "file_format");
	if (hint)
		f = hinted(target, root, t, hint);
	free(hint);
	return f ? f : preferred(target, root);
}

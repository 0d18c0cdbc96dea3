/* SPDX-License-Identifier: MIT */
/*
 * --plan: the statements that a load would begin with, as SQL, and what it
 * would load, as comments between them. Nothing is changed.
 */
#include "tools/dlt-load/load.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *
what_becomes(struct loader *l, const struct table *root)
{
	static const char *const merges[] = {
		[MERGE_DELETE_INSERT] = "merge by delete-insert",
		[MERGE_UPSERT] = "merge by upsert",
		[MERGE_INSERT_ONLY] = "merge by insert-only",
		[MERGE_SCD2] = "merge by scd2",
	};
	char *how = hints_get_str(&root->hints, "write_disposition");
	const char *text = "append";
	enum merge_kind kind;
	struct error ignored;

	if (how && !strcmp(how, "replace"))
		text = "replace";
	else if (how && !strcmp(how, "skip"))
		text = "skip";
	else if (how && !strcmp(how, "merge") &&
	    merge_kind_of(root, l->dest->ops->caps.merge_strategies, &kind,
	        &ignored) == 0)
		text = merges[kind];
	free(how);
	return text;
}

void
load_plan_job(struct loader *l, const struct table *t)
{
	struct load_plan *p = l->plan;

	for (size_t i = 0; i < p->count; i++) {
		if (!strcmp(p->items[i].table, t->name)) {
			p->items[i].jobs++;
			return;
		}
	}
	p->items = xgrow(p->items, &p->cap, p->count + 1, sizeof(*p->items));
	p->items[p->count++] = (struct load_plan_item){ xstrdup(t->name), 1 };
}

static void
reset_plan(struct load_plan *p)
{
	for (size_t i = 0; i < p->count; i++)
		free(p->items[i].table);
	p->count = 0;
	buf_reset(&p->sql);
}

void
load_plan_release(struct load_plan *p)
{
	reset_plan(p);
	free(p->items);
	buf_release(&p->sql);
	buf_release(&p->seen);
}

static bool
is_seen(const struct load_plan *p, const char *sql)
{
	for (size_t at = 0; at < p->seen.len;
	     at += strlen(p->seen.data + at) + 1)
		if (!strcmp(p->seen.data + at, sql))
			return true;
	return false;
}

/* What an earlier package would have done is not to be done again. */
static void
drop_seen(struct load_plan *p)
{
	struct buf fresh = { 0 };

	for (size_t at = 0; at < p->sql.len;
	     at += strlen(p->sql.data + at) + 1) {
		const char *sql = p->sql.data + at;

		if (!is_seen(p, sql))
			buf_add(&fresh, sql, strlen(sql) + 1);
	}
	if (fresh.len)
		buf_add(&p->seen, fresh.data, fresh.len);
	buf_release(&p->sql);
	p->sql = fresh;
}

/* Tables of the package, and those that begin with _dlt. */
static int
plan_tables(struct loader *l, struct error *err)
{
	struct load_plan *p = l->plan;
	struct dest *d = l->dest;
	int rc;

	d->plan = &p->sql;
	rc = load_migrate_own(l, NULL, err);
	if (rc == 0 && load_needs_refresh(l))
		rc = load_refresh(l, err);
	for (size_t i = 0; i < p->count && rc == 0; i++) {
		const struct table *t = schema_table(l->schema,
		    p->items[i].table);

		if (!strncmp(t->name, "_dlt", 4) ||
		    !strcmp(what_becomes(l, schema_root(l->schema, t)), "skip"))
			continue;
		rc = load_migrate(l, t, NULL, err);
	}
	if (rc == 0)
		rc = load_init_staging(l, err);
	d->plan = NULL;
	return rc;
}

static void
print_text(struct loader *l)
{
	const struct load_plan *p = l->plan;

	printf("-- package %s, schema %s\n", l->load_id, l->schema->name);
	for (size_t at = 0; at < p->sql.len;) {
		const char *sql = p->sql.data + at;

		printf("%s;\n", sql);
		at += strlen(sql) + 1;
	}
	for (size_t i = 0; i < p->count; i++) {
		const struct table *t = schema_table(l->schema,
		    p->items[i].table);

		printf("-- %s: %zu job%s, %s\n", t->name, p->items[i].jobs,
		    p->items[i].jobs > 1 ? "s" : "",
		    what_becomes(l, schema_root(l->schema, t)));
	}
}

static void
print_json(struct loader *l)
{
	const struct load_plan *p = l->plan;
	struct jsonw *w = l->report;

	jsonw_object(w);
	jsonw_key(w, "load_id");
	jsonw_str(w, l->load_id);
	jsonw_key(w, "schema_name");
	jsonw_str(w, l->schema->name);
	jsonw_key(w, "status");
	jsonw_str(w, "planned");
	jsonw_key(w, "sql");
	jsonw_array(w);
	for (size_t at = 0; at < p->sql.len; at += strlen(p->sql.data + at) + 1)
		jsonw_str(w, p->sql.data + at);
	jsonw_end_array(w);
	jsonw_key(w, "tables");
	jsonw_array(w);
	for (size_t i = 0; i < p->count; i++) {
		const struct table *t = schema_table(l->schema,
		    p->items[i].table);

		jsonw_object(w);
		jsonw_key(w, "table");
		jsonw_str(w, t->name);
		jsonw_key(w, "jobs");
		jsonw_int(w, (long long)p->items[i].jobs);
		jsonw_key(w, "how");
		jsonw_str(w, what_becomes(l, schema_root(l->schema, t)));
		jsonw_end_object(w);
	}
	jsonw_end_array(w);
	jsonw_end_object(w);
}

int
load_plan_print(struct loader *l, struct error *err)
{
	struct load_plan *p = l->plan;

	for (size_t i = 0; i < p->count; i++)
		if (!schema_table(l->schema, p->items[i].table))
			return error_set(err, ERR_DATA,
			    "schema.json: table \"%s\" has vanished",
			    p->items[i].table);
	if (plan_tables(l, err) < 0)
		return -1;
	drop_seen(p);
	if (l->report)
		print_json(l);
	else
		print_text(l);
	p->changes = p->changes || p->sql.len;
	reset_plan(p);
	return 0;
}

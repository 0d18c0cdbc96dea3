/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/plan.h"

#include <stdio.h>
#include <string.h>

#include "common/jsonw.h"

/* Is the table new, or was it declared without any column? */
static bool
is_new(const struct evolve *ev, const char *table)
{
	size_t i;

	for (i = 0; i < ev->update_count; i++)
		if (strcmp(ev->updates[i].table->name, table) == 0)
			return ev->updates[i].count ==
			    ev->updates[i].table->column_count;
	return false;
}

/* Names of tables that were announced, each ended by NUL. */
static bool
seen_before(struct buf *seen, const char *table)
{
	size_t at, len = strlen(table) + 1;

	for (at = 0; at < seen->len; at += strlen(seen->data + at) + 1)
		if (strcmp(seen->data + at, table) == 0)
			return true;
	buf_add(seen, table, len);
	return false;
}

static void
add_table(struct plan *p, const char *table)
{
	buf_addf(&p->text, "+ table %s\n", table);
	if (p->tables.len)
		buf_addc(&p->tables, ',');
	jsonw_quote(&p->tables, table, strlen(table));
}

/* A line of provenance.jsonl. */
static void
add_column(struct plan *p, const struct json *c, const char *table)
{
	const char *name = json_get_str(c, "column", "");
	const char *base = json_get_str(c, "instead_of", NULL);

	if (strncmp(name, "_dlt_", 5) == 0)
		return; /* comes with its table */
	buf_addf(&p->text, "+ column %s.%s %s (%s:%lld", table, name,
	    json_get_str(c, "data_type", ""), json_get_str(c, "input", ""),
	    (long long)json_get_int(c, "line", json_get_int(c, "row", 0)));
	if (base)
		buf_addf(&p->text, ", %s.%s cannot hold it", table, base);
	buf_adds(&p->text, ")\n");
}

static void
add_line(struct plan *p, const struct evolve *ev, const char *line, size_t len,
    struct buf *seen)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	const char *table;

	if (json_parse(&doc, line, len, &ignored) == 0) {
		table = json_get_str(doc.root, "table", "");
		if (!seen_before(seen, table) && is_new(ev, table))
			add_table(p, table);
		add_column(p, doc.root, table);
		if (p->columns.len)
			buf_addc(&p->columns, ',');
		buf_add(&p->columns, line, len);
	}
	json_release(&doc);
}

void
plan_add(struct plan *p, const struct evolve *ev)
{
	const char *line = ev->provenance.data;
	const char *end = line + ev->provenance.len, *nl;
	struct buf seen = { 0 };

	for (; line < end; line = nl + 1) {
		nl = memchr(line, '\n', (size_t)(end - line));
		if (!nl)
			break;
		p->changes = true;
		add_line(p, ev, line, (size_t)(nl - line), &seen);
	}
	buf_release(&seen);
	schema_free(p->schema);
	p->schema = schema_copy(ev->schema);
}

static void
print_array(const char *key, const struct buf *members)
{
	printf(",\"%s\":[%s]", key, buf_str(members));
}

void
plan_print(struct plan *p, const struct buf *load_ids)
{
	if (!p->json) {
		fwrite(buf_str(&p->text), 1, p->text.len, stdout);
		return;
	}
	printf("{\"changes\":%s", p->changes ? "true" : "false");
	print_array("packages", load_ids);
	print_array("tables", &p->tables);
	print_array("columns", &p->columns);
	puts("}");
}

void
plan_release(struct plan *p)
{
	buf_release(&p->text);
	buf_release(&p->tables);
	buf_release(&p->columns);
	schema_free(p->schema);
	p->schema = NULL;
}

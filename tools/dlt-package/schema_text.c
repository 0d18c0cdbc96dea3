/* SPDX-License-Identifier: MIT */
/* schema: as JSON, or as a diagram. */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "tools/dlt-package/look.h"

static int
schema_visit(void *arg, struct package_in *in, enum package_event event,
    const struct package_entry *e, struct error *err)
{
	struct schema **s = arg;

	(void)in;
	if (event != PACKAGE_FILE || strcmp(e->name, "schema.json") != 0)
		return 0;
	schema_free(*s);
	*s = schema_parse(e->data, e->len, err);
	return *s ? 0 : error_prefix(err, "schema.json: ");
}

/* Names come from outside: only what both languages take as it is. */
static void
print_name(const char *name)
{
	for (; *name; name++)
		if ((unsigned char)*name >= 0x80 ||
		    strchr("_0123456789abcdefghijklmnopqrstuvwxyz"
		           "ABCDEFGHIJKLMNOPQRSTUVWXYZ",
		        *name))
			putchar(*name);
		else
			putchar('_');
}

static const char *
shown_type(const struct column *c)
{
	return c->type == TYPE_NONE ? "unknown" : type_name(c->type);
}

static void
mermaid(const struct schema *s)
{
	puts("erDiagram");
	for (size_t i = 0; i < s->table_count; i++) {
		const struct table *t = s->tables[i];

		fputs("    ", stdout);
		print_name(t->name);
		puts(" {");
		for (size_t k = 0; k < t->column_count; k++) {
			printf("        %s ", shown_type(t->columns[k]));
			print_name(t->columns[k]->name);
			puts(t->columns[k]->row_key ? " UK" : "");
		}
		puts("    }");
	}
	for (size_t i = 0; i < s->table_count; i++) {
		if (!s->tables[i]->parent)
			continue;
		fputs("    ", stdout);
		print_name(s->tables[i]->parent);
		fputs(" ||--o{ ", stdout);
		print_name(s->tables[i]->name);
		puts(" : _dlt_parent_id");
	}
}

static void
dot(const struct schema *s)
{
	puts("digraph schema {\n\tnode [shape=record];");
	for (size_t i = 0; i < s->table_count; i++) {
		const struct table *t = s->tables[i];

		fputs("\t\"", stdout);
		print_name(t->name);
		fputs("\" [label=\"{", stdout);
		print_name(t->name);
		putchar('|');
		for (size_t k = 0; k < t->column_count; k++) {
			print_name(t->columns[k]->name);
			printf(" : %s\\l", shown_type(t->columns[k]));
		}
		puts("}\"];");
	}
	for (size_t i = 0; i < s->table_count; i++) {
		if (!s->tables[i]->parent)
			continue;
		fputs("\t\"", stdout);
		print_name(s->tables[i]->name);
		fputs("\" -> \"", stdout);
		print_name(s->tables[i]->parent);
		puts("\";");
	}
	puts("}");
}

int
do_schema(const struct look *l, struct error *err)
{
	const char *format = l->format ? l->format : "json";
	struct schema *s = NULL;
	struct buf b = { 0 };
	int rc = 0;

	if (strcmp(format, "json") != 0 && strcmp(format, "mermaid") != 0 &&
	    strcmp(format, "dot") != 0)
		return error_set(err, ERR_USAGE,
		    "--format \"%s\": json, mermaid and dot are there", format);
	if (look_walk(l, schema_visit, &s, err)) {
		schema_free(s);
		return -1;
	}
	if (!s) {
		rc = error_set(err, ERR_DATA, "the package has no schema.json");
	} else if (*format == 'm') {
		mermaid(s);
	} else if (*format == 'd') {
		dot(s);
	} else {
		schema_write(s, true, &b);
		puts(buf_str(&b));
	}
	buf_release(&b);
	schema_free(s);
	return rc;
}

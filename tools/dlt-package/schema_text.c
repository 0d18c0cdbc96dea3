/* SPDX-License-Identifier: MIT */
/* schema: as JSON or YAML, or as a diagram. */
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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
look_schema(const struct look *l, struct schema **s, struct error *err)
{
	struct stat st;

	if (!l->pipeline && l->package && stat(l->package, &st) == 0 &&
	    S_ISREG(st.st_mode)) {
		*s = schema_read(l->package, err);
		if (*s)
			schema_bump(*s); /* migrated, or written by hand */
		return *s ? 0 : -1;
	}
	if (look_walk(l, schema_visit, s, err))
		return -1;
	if (*s)
		return 0;
	return error_set(err, ERR_DATA, "the package has no schema.json");
}

static int
print_export(const struct schema *s, unsigned flags, struct error *err)
{
	struct buf b = { 0 };
	int rc = schema_export(s, flags, &b, NULL, err);

	if (!rc)
		fputs(buf_str(&b), stdout);
	if (!rc && !(flags & SCHEMA_EXPORT_YAML))
		putchar('\n');
	buf_release(&b);
	return rc;
}

int
do_schema(const struct look *l, struct error *err)
{
	static const char *const formats[] = { "json", "yaml", "mermaid", "dot",
		"svg" };
	const char *format = l->format ? l->format : formats[0];
	struct schema *s = NULL;
	bool known = false;
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(formats); i++)
		known = known || strcmp(format, formats[i]) == 0;
	if (!known)
		return error_set(err, ERR_USAGE,
		    "--format \"%s\": json, yaml, mermaid, dot and svg are "
		    "there",
		    format);
	rc = look_schema(l, &s, err);
	if (!rc && *format == 'm')
		mermaid(s);
	else if (!rc && *format == 's')
		schema_svg(s);
	else if (!rc && *format == 'd')
		dot(s);
	else if (!rc && *format == 'y')
		rc = print_export(s,
		    SCHEMA_EXPORT_YAML | SCHEMA_EXPORT_NO_DEFAULTS, err);
	else if (!rc)
		rc = print_export(s,
		    l->remove_defaults ? SCHEMA_EXPORT_NO_DEFAULTS : 0, err);
	schema_free(s);
	return rc;
}

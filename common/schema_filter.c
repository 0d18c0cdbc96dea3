/* SPDX-License-Identifier: MIT */
/*
 * Row filters: the hint "filters" of tables, {"excludes": [...], "includes":
 * [...]} (contract.md 6.7). A filter holds for the table and for all whose name
 * begins with its parts.
 */
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/schema_private.h"

struct pattern_list {
	struct pattern *items;
	size_t count;
};

struct table_filter {
	char *name; /* parts joined, as row_filter_split() has them */
	struct pattern_list excludes, includes;
};

struct row_filter {
	struct naming naming;
	struct table_filter *tables;
	size_t count;
};

static int
list_compile(struct pattern_list *l, const struct json *list, struct error *err)
{
	const struct json *v;

	if (!list)
		return 0;
	if (list->kind != JSON_ARRAY)
		return error_set(err, ERR_SCHEMA, "it is no list");
	l->items = xcalloc(list->count + 1, sizeof(*l->items));
	for (v = list->child; v; v = v->next) {
		if (v->kind != JSON_STRING)
			return error_set(err, ERR_SCHEMA, "it is no string");
		if (pattern_compile(&l->items[l->count++], v->str, err))
			return -1;
	}
	return 0;
}

static void
list_release(struct pattern_list *l)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		pattern_release(&l->items[i]);
	free(l->items);
}

static bool
list_matches(const struct pattern_list *l, const char *path)
{
	size_t i;

	for (i = 0; i < l->count; i++)
		if (pattern_matches(&l->items[i], path))
			return true;
	return false;
}

static int
table_compile(struct row_filter *f, const struct table *t, const char *hint,
    struct error *err)
{
	struct json_doc doc = { 0 };
	const struct json *j = json_parse_known(&doc, hint);
	struct table_filter *tf = &f->tables[f->count];
	int rc = 0;

	if (j && j->kind == JSON_OBJECT && json_get(j, "excludes")) {
		f->count++;
		tf->name = xstrdup(t->name);
		rc = list_compile(&tf->excludes, json_get(j, "excludes"), err);
		if (!rc)
			rc = list_compile(&tf->includes,
			    json_get(j, "includes"), err);
		if (rc)
			error_prefix(err, "table \"%s\": filters: ", t->name);
	}
	json_release(&doc);
	return rc;
}

struct row_filter *
row_filter_new(const struct schema *s, struct error *err)
{
	struct row_filter *f = NULL;
	size_t i;

	for (i = 0; i < s->table_count; i++) {
		const struct table *t = s->tables[i];
		const char *hint = hints_get(&t->hints, "filters");

		if (!hint)
			continue;
		if (!f) {
			f = xcalloc(1, sizeof(*f));
			f->naming = s->naming;
			f->tables = xcalloc(s->table_count, sizeof(*f->tables));
		}
		if (table_compile(f, t, hint, err)) {
			row_filter_free(f);
			return NULL;
		}
	}
	return f;
}

void
row_filter_free(struct row_filter *f)
{
	size_t i;

	if (!f)
		return;
	for (i = 0; i < f->count; i++) {
		free(f->tables[i].name);
		list_release(&f->tables[i].excludes);
		list_release(&f->tables[i].includes);
	}
	free(f->tables);
	free(f);
}

static bool
is_blank(const char *s, size_t len)
{
	while (len && (*s == ' ' || (*s >= '\t' && *s <= '\r')))
		s++, len--;
	return len == 0;
}

static void
add_part(const char *sep, const char *s, size_t len, struct buf *out)
{
	if (is_blank(s, len))
		return;
	if (out->len)
		buf_adds(out, sep);
	buf_add(out, s, len);
}

/* The parts of a path joined again, blank ones left out. */
static void
add_parts(const char *sep, const char *path, struct buf *out)
{
	const char *end;

	for (; (end = strstr(path, sep)); path = end + strlen(sep))
		add_part(sep, path, (size_t)(end - path), out);
	add_part(sep, path, strlen(path), out);
}

/* The rest of a name behind the parts of a filter's table; NULL: the filter
 * does not hold for it. */
static const char *
behind(const char *sep, const char *name, const char *filter)
{
	size_t len = strlen(filter);

	if (strncmp(name, filter, len) != 0)
		return NULL;
	name += len;
	if (*name == '\0')
		return name;
	return strncmp(name, sep, strlen(sep)) == 0 ? name + strlen(sep) : NULL;
}

bool
row_filter_touches(const struct row_filter *f, const char *table,
    struct buf *scratch)
{
	const char *sep;
	size_t i;

	if (!f)
		return false;
	sep = naming_separator(&f->naming);
	buf_reset(scratch);
	add_parts(sep, table, scratch);
	for (i = 0; i < f->count; i++)
		if (behind(sep, buf_str(scratch), f->tables[i].name))
			return true;
	return false;
}

bool
row_filter_excludes(const struct row_filter *f, const char *table,
    const char *field, struct buf *scratch)
{
	const char *sep = naming_separator(&f->naming), *rest, *path;
	size_t i, begin;
	bool out = false;

	buf_reset(scratch);
	add_parts(sep, table, scratch);
	buf_addc(scratch, '\0');
	begin = scratch->len;
	for (i = 0; i < f->count && !out; i++) {
		const struct table_filter *tf = &f->tables[i];

		rest = behind(sep, scratch->data, tf->name);
		if (!rest)
			continue;
		scratch->len = begin;
		if (*rest) {
			char *copy = xstrdup(rest);

			buf_adds(scratch, copy);
			free(copy);
		}
		if (!is_blank(field, strlen(field))) {
			if (scratch->len > begin)
				buf_adds(scratch, sep);
			buf_adds(scratch, field);
		}
		path = buf_str(scratch) + begin;
		out = list_matches(&tf->excludes, path) &&
		    !list_matches(&tf->includes, path);
	}
	return out;
}

/* SPDX-License-Identifier: MIT */
/*
 * Documents of engines 1 and 2: tables were their columns, hints and filters
 * stood at the top (contract.md 8.7; dlt's common/schema/migrations.py).
 */
#include "common/schema_private.h"

#include "common/jsonw.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

static const char propagating[] =
    "{\"names\":\"snake_case\",\"json\":{"
    "\"module\":\"dlt.common.normalizers.json.relational\","
    "\"config\":{\"propagation\":{\"root\":{\"_dlt_id\":\"_dlt_root_id\"}}}}}";

/* A filter list of a table that was found at the top of the document. */
struct old_filter {
	const char *group;
	const char *root, *path;
	size_t root_len, path_len;
	bool done;
};

struct old_layout {
	const struct json *document;
	struct name_map tables; /* names to their nodes */
	struct old_filter *filters;
	size_t filter_count;
};

static void
write_json(struct jsonw *w, const struct json *v)
{
	struct buf text = { 0 };

	json_write(v, JSON_WRITE_PYTHON, &text);
	jsonw_raw(w, buf_str(&text), text.len);
	buf_release(&text);
}

/* "re:" before what is a regex already. */
static void
write_regex(struct jsonw *w, const char *s, size_t len, bool as_key)
{
	struct buf text = { 0 };

	buf_adds(&text, "re:");
	buf_add(&text, s, len);
	if (as_key)
		jsonw_keyn(w, text.data, text.len);
	else
		jsonw_strn(w, text.data, text.len);
	buf_release(&text);
}

/* ---- settings ---- */

static int
write_settings(struct jsonw *w, const struct json *document, struct error *err)
{
	const struct json *hints = json_get(document, "hints");
	const struct json *types = json_get(document, "preferred_types");

	if ((hints && hints->kind != JSON_OBJECT) ||
	    (types && types->kind != JSON_OBJECT))
		return error_set(err, ERR_DATA,
		    "\"hints\" or \"preferred_types\" is no object");
	jsonw_key(w, "settings");
	jsonw_object(w);
	jsonw_key(w, "default_hints");
	jsonw_object(w);
	for (const struct json *h = hints ? hints->child : NULL; h;
	     h = h->next) {
		if (h->kind != JSON_ARRAY)
			return error_set(err, ERR_DATA, "hints.%s is no array",
			    h->key);
		jsonw_keyn(w, h->key, h->key_len);
		jsonw_array(w);
		for (const struct json *v = h->child; v; v = v->next) {
			if (v->kind != JSON_STRING)
				return error_set(err, ERR_DATA,
				    "hints.%s holds what is no string", h->key);
			write_regex(w, v->str, v->len, false);
		}
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
	jsonw_key(w, "preferred_types");
	jsonw_object(w);
	for (const struct json *t = types ? types->child : NULL; t;
	     t = t->next) {
		write_regex(w, t->key, t->key_len, true);
		write_json(w, t);
	}
	jsonw_end_object(w);
	jsonw_end_object(w);
	return 0;
}

/* ---- filters ---- */

/* "^root__path": the first character is skipped, whatever it is. As dlt slices
 * it, without a separator the last character is missing from the root, and the
 * path is all but the first one. */
static void
take_filter(struct old_layout *l, const char *group, const struct json *v)
{
	const char *at = v->len > 0 ? memmem(v->str, v->len, "__", 2) : NULL;
	const char *first = v->str + (v->len > 0), *end = v->str + v->len;
	struct old_filter *f = &l->filters[l->filter_count++];

	while (first < end && ((unsigned char)*first & 0xc0) == 0x80)
		first++;
	f->group = group;
	f->path = at ? at + 2 : first;
	f->path_len = (size_t)(end - f->path);
	if (!at && end > first)
		do
			end--;
		while (end > first && ((unsigned char)*end & 0xc0) == 0x80);
	f->root = first;
	if (at)
		end = at;
	f->root_len = end > first ? (size_t)(end - first) : 0;
}

static int
take_filters(struct old_layout *l, struct error *err)
{
	static const char *const groups[] = { "excludes", "includes" };
	size_t count = 0;

	/* Engine 1 had none. */
	if (json_get_int(l->document, "engine_version", 1) == 1)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct json *g = json_get(l->document, groups[i]);

		if (g && g->kind != JSON_ARRAY)
			return error_set(err, ERR_DATA, "\"%s\" is no array",
			    groups[i]);
		count += g ? g->count : 0;
	}
	l->filters = xcalloc(count + 1, sizeof(*l->filters));
	for (size_t i = 0; i < ARRAY_LEN(groups); i++) {
		const struct json *g = json_get(l->document, groups[i]);

		for (const struct json *v = g ? g->child : NULL; v;
		     v = v->next) {
			if (v->kind != JSON_STRING)
				return error_set(err, ERR_DATA,
				    "\"%s\" holds what is no string",
				    groups[i]);
			take_filter(l, groups[i], v);
		}
	}
	return 0;
}

static bool
filter_is_of(const struct old_filter *f, const char *name, size_t len)
{
	return !f->done && f->root_len == len &&
	    memcmp(f->root, name, len) == 0;
}

/* The filters of a table, group by group; they are marked as written. */
static void
write_filters(struct jsonw *w, struct old_layout *l, const char *name,
    size_t len)
{
	const char *group = NULL;
	struct buf text = { 0 };

	for (size_t i = 0; i < l->filter_count; i++) {
		struct old_filter *f = &l->filters[i];

		if (!filter_is_of(f, name, len))
			continue;
		if (!group) {
			jsonw_key(w, "filters");
			jsonw_object(w);
		}
		if (group != f->group) {
			if (group)
				jsonw_end_array(w);
			jsonw_key(w, f->group);
			jsonw_array(w);
		}
		group = f->group;
		buf_reset(&text);
		buf_adds(&text, "re:^");
		buf_add(&text, f->path, f->path_len);
		jsonw_strn(w, text.data, text.len);
		f->done = true;
	}
	if (group) {
		jsonw_end_array(w);
		jsonw_end_object(w);
	}
	buf_release(&text);
}

/* ---- tables ---- */

/* The longest beginning of a name, cut at the last separators, that names a
 * table; 0: there is none. */
static size_t
parent_len(const struct old_layout *l, const char *name, size_t len)
{
	while (len > 1) {
		size_t cut = len - 2;

		while (cut > 0 && !(name[cut] == '_' && name[cut + 1] == '_'))
			cut--;
		len = cut;
		if (cut > 0 && name_map_get(&l->tables, name, cut))
			return cut;
	}
	return 0;
}

static void
write_table_as(struct jsonw *w, struct old_layout *l, const char *name,
    size_t len, const struct json *columns)
{
	size_t parent = columns ? parent_len(l, name, len) : 0;

	jsonw_keyn(w, name, len);
	jsonw_object(w);
	jsonw_key(w, "name");
	jsonw_strn(w, name, len);
	jsonw_key(w, "columns");
	if (columns) {
		write_json(w, columns);
	} else {
		jsonw_object(w);
		jsonw_end_object(w);
	}
	if (parent > 0) {
		jsonw_key(w, "parent");
		jsonw_strn(w, name, parent);
	} else {
		jsonw_key(w, "write_disposition");
		jsonw_str(w, "append");
		jsonw_key(w, "resource");
		jsonw_strn(w, name, len);
	}
	write_filters(w, l, name, len);
	jsonw_end_object(w);
}

static void
write_tables(struct jsonw *w, struct old_layout *l, const struct json *tables)
{
	jsonw_key(w, "tables");
	jsonw_object(w);
	for (const struct json *t = tables->child; t; t = t->next)
		write_table_as(w, l, t->key, t->key_len, t);
	/* Filters may name what was never a table. */
	for (size_t i = 0; i < l->filter_count; i++)
		if (!l->filters[i].done)
			write_table_as(w, l, l->filters[i].root,
			    l->filters[i].root_len, NULL);
	jsonw_end_object(w);
}

static int
write_layout(struct jsonw *w, struct old_layout *l, struct error *err)
{
	static const char *const moved[] = { "tables", "hints",
		"preferred_types", "excludes", "includes", "normalizers",
		"settings" };
	const struct json *tables = json_get(l->document, "tables");

	if (!tables || tables->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA,
		    "\"tables\" is missing or no object");
	for (const struct json *t = tables->child; t; t = t->next)
		name_map_put(&l->tables, t->key, t->key_len, &l->tables);
	if (take_filters(l, err) < 0)
		return -1;
	jsonw_object(w);
	for (const struct json *m = l->document->child; m; m = m->next) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_LEN(moved); i++)
			skip = skip || strcmp(m->key, moved[i]) == 0;
		if (skip)
			continue;
		jsonw_keyn(w, m->key, m->key_len);
		write_json(w, m);
	}
	write_tables(w, l, tables);
	if (write_settings(w, l->document, err) < 0)
		return -1;
	jsonw_key(w, "normalizers");
	jsonw_raw(w, propagating, sizeof(propagating) - 1);
	jsonw_end_object(w);
	return 0;
}

int
schema_repack(const struct json *document, struct buf *out, struct error *err)
{
	struct old_layout l = { .document = document };
	struct jsonw w;
	int rc;

	jsonw_init(&w, out, false);
	rc = write_layout(&w, &l, err);
	name_map_release(&l.tables);
	free(l.filters);
	return rc;
}

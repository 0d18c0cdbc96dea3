/* SPDX-License-Identifier: MIT */
/*
 * Another naming convention for a schema (contract.md 5.5; update_normalizers()
 * in dlt's common/schema/schema.py).
 */
#include "common/schema.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/schema_private.h"

#include <stdlib.h>
#include <string.h>

static const char keep_break[] = "use_break_path_on_normalize";
static const char keep_allow[] = "allow_identifier_change_on_table_with_data";

/* ---- tables ---- */

static char *
renamed(const struct naming *n, const char *name, size_t len, bool table)
{
	struct buf out = { 0 };
	struct error ignored;

	if (table)
		name_tables_path(n, name, len, &out, &ignored);
	else
		name_path(n, name, len, &out, &ignored);
	return buf_take(&out);
}

static void
write_names(struct jsonw *w, const struct naming *n, const struct json *list)
{
	jsonw_array(w);
	for (const struct json *v = list ? list->child : NULL; v; v = v->next) {
		char *name = renamed(n, v->kind == JSON_STRING ? v->str : "",
		    v->kind == JSON_STRING ? v->len : 0, false);

		jsonw_str(w, name);
		free(name);
	}
	jsonw_end_array(w);
}

/* The hint "references" with new names in it. */
static void
rename_references(struct table *t, const struct naming *n, const char *text)
{
	struct json_doc doc = { 0 };
	const struct json *list = json_parse_known(&doc, text);
	struct buf out = { 0 }, value = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out, false);
	jsonw_array(&w);
	for (const struct json *r = list ? list->child : NULL; r; r = r->next) {
		jsonw_object(&w);
		for (const struct json *m = r->child; m; m = m->next) {
			jsonw_keyn(&w, m->key, m->key_len);
			if (strcmp(m->key, "referenced_table") == 0 &&
			    m->kind == JSON_STRING) {
				char *name = renamed(n, m->str, m->len, true);

				jsonw_str(&w, name);
				free(name);
			} else if (m->kind == JSON_ARRAY) {
				write_names(&w, n, m);
			} else {
				buf_reset(&value);
				json_write(m, JSON_WRITE_PYTHON, &value);
				jsonw_raw(&w, buf_str(&value), value.len);
			}
		}
		jsonw_end_object(&w);
	}
	jsonw_end_array(&w);
	table_set(t, "references", buf_str(&out));
	buf_release(&out);
	buf_release(&value);
	json_release(&doc);
}

static bool
is_dlts(const struct naming *n, const struct table *t)
{
	const char *prefix = n->kind == NAMING_S3_TABLES ? "dlt" : "_dlt";

	return strncmp(t->name, prefix, strlen(prefix)) == 0;
}

/* Where two columns get one name, what is set in the later one wins. */
static void
rename_columns(struct table *to, const struct table *from,
    const struct naming *n, bool anew)
{
	for (size_t i = 0; i < from->column_count; i++) {
		const struct column *c = from->columns[i];
		char *name = renamed(n, c->name, c->name_len, false);
		struct column *put = table_column(to, name);
		bool merged = put != NULL;

		char *quoted = json_quoted(name);

		/* keys stay in their order, the name where it was; but tables
		 * of dlt are made anew */
		if (!put) {
			put = table_add_column(to, name, strlen(name));
			if (!anew)
				hints_release(&put->hints);
		}
		for (size_t k = 0; k < c->hints.count; k++) {
			const struct hint *h = &c->hints.items[k];

			if (strcmp(h->key, "name") == 0)
				hints_set(&put->hints, "name", quoted);
			else if (!merged || column_has(c, h->key))
				hints_set(&put->hints, h->key, h->value);
		}
		column_refresh_all(put);
		free(quoted);
		free(name);
	}
}

static struct table *
renamed_table(const struct table *t, const struct naming *n, bool anew)
{
	char *name = renamed(n, t->name, t->name_len, true);
	struct table *to = table_new(name);
	char *parent = NULL, *quoted = json_quoted(name);

	rename_columns(to, t, n, anew);
	hints_release(&to->hints);
	for (size_t i = 0; i < t->hints.count; i++) {
		const struct hint *h = &t->hints.items[i];

		if (strcmp(h->key, "references") == 0)
			rename_references(to, n, h->value);
		else
			hints_set(&to->hints, h->key,
			    strcmp(h->key, "name") == 0 ? quoted : h->value);
	}
	free(quoted);
	if (t->parent) {
		parent = renamed(n, t->parent, strlen(t->parent), true);
		quoted = json_quoted(parent);
		table_set(to, "parent", quoted);
		free(quoted);
	}
	free(parent);
	free(name);
	return to;
}

/* dlt takes its definition of the table of states anew, with a row id. */
static void
complete_state(const struct schema *s, const struct table *t, struct table *to,
    const struct naming *n)
{
	static const char state[] = "_dlt_pipeline_state", id[] = "_dlt_id";
	static const char *const hints[][2] = { { "data_type", "\"text\"" },
		{ "nullable", "false" }, { "unique", "true" },
		{ "row_key", "true" }, { "precision", "64" } };
	char *name = renamed(&s->naming, state, strlen(state), true);
	char *key = renamed(n, id, strlen(id), false);
	struct column *c = table_column(to, key);

	if (strcmp(t->name, name) == 0) {
		if (!c)
			c = table_add_column(to, key, strlen(key));
		for (size_t i = 0; i < ARRAY_LEN(hints); i++)
			column_set(c, hints[i][0], hints[i][1]);
	}
	free(name);
	free(key);
}

static bool
same_names(const struct table *a, const struct table *b)
{
	if (strcmp(a->name, b->name) != 0 || a->column_count != b->column_count)
		return false;
	for (size_t i = 0; i < a->column_count; i++)
		if (!table_column(b, a->columns[i]->name))
			return false;
	return true;
}

/* Tables with data keep their names, and, as dlt has it, with them all. */
static int
frozen(const struct schema *s, const struct table *t, const char *names,
    struct error *err)
{
	return error_set(err, ERR_SCHEMA,
	    "schema \"%s\" cannot take the naming convention %s: table \"%s\" "
	    "has data; %s = true in [schema] allows it",
	    s->name, names, t->name, keep_allow);
}

/* All tables of s under new names, into to. */
static int
rename_tables(const struct schema *s, struct schema *to,
    const struct naming *naming, const char *names, bool allow,
    struct error *err)
{
	bool any_data = false;

	for (size_t i = 0; i < s->table_count; i++)
		any_data = any_data || table_has_seen_data(s->tables[i]);
	for (int data = 0; data < 2; data++)
		for (size_t i = 0; i < s->table_count; i++) {
			const struct table *t = s->tables[i];
			struct table *n;

			if (is_dlts(&s->naming, t) == (data == 1))
				continue;
			n = renamed_table(t, naming, data == 0);
			if (schema_table(to, n->name)) {
				error_set(err, ERR_SCHEMA,
				    "schema \"%s\": with %s, two tables are "
				    "named \"%s\"",
				    s->name, names, n->name);
				table_free(n);
				return -1;
			}
			complete_state(s, t, n, naming);
			schema_attach(to, n);
			if (allow)
				continue;
			if (data ? table_has_seen_data(t)
			         : any_data && !same_names(t, n))
				return frozen(s, t, names, err);
		}
	return 0;
}

/* ---- settings ---- */

/* A name, or a regex that is a name between "^" and "$" or altogether, under
 * its new name; other regexes stay. */
static void
rename_pattern(const struct naming *n, const char *s, struct buf *out)
{
	static const char special[] = "()[]{}?*+-|^$\\.&~# \t\n\r\v\f";
	size_t len;
	bool exact;

	if (strncmp(s, "re:", 3) == 0) {
		buf_adds(out, "re:");
		s += 3;
	}
	len = strlen(s);
	exact = len >= 2 && s[0] == '^' && s[len - 1] == '$';
	if (exact) {
		buf_addc(out, '^');
		s++;
		len -= 2;
	}
	if (strcspn(s, special) >= len && len > 0) {
		char *name = renamed(n, s, len, false);

		buf_adds(out, name);
		free(name);
	} else {
		buf_add(out, s, len);
	}
	if (exact)
		buf_addc(out, '$');
}

static void
write_patterns(struct jsonw *w, const struct naming *n,
    const struct json *member)
{
	struct buf text = { 0 };
	bool types = strcmp(member->key, "preferred_types") == 0;

	jsonw_object(w);
	for (const struct json *m = member->child; m; m = m->next) {
		buf_reset(&text);
		if (types) {
			rename_pattern(n, m->key, &text);
			jsonw_keyn(w, buf_str(&text), text.len);
			jsonw_str(w, m->kind == JSON_STRING ? m->str : "");
			continue;
		}
		jsonw_keyn(w, m->key, m->key_len);
		jsonw_array(w);
		for (const struct json *v = m->child; v; v = v->next) {
			buf_reset(&text);
			rename_pattern(n, v->kind == JSON_STRING ? v->str : "",
			    &text);
			jsonw_strn(w, buf_str(&text), text.len);
		}
		jsonw_end_array(w);
	}
	jsonw_end_object(w);
	buf_release(&text);
}

static void
rename_settings(struct schema *s, const struct naming *n)
{
	struct json_doc doc = { 0 };
	const struct json *settings = json_parse_known(&doc,
	    hints_get(&s->hints, "settings"));
	struct buf out = { 0 }, value = { 0 };
	struct jsonw w;

	jsonw_init(&w, &out, false);
	jsonw_object(&w);
	for (const struct json *m = settings ? settings->child : NULL; m;
	     m = m->next) {
		jsonw_keyn(&w, m->key, m->key_len);
		if (m->kind == JSON_OBJECT &&
		    (strcmp(m->key, "default_hints") == 0 ||
		        strcmp(m->key, "preferred_types") == 0)) {
			write_patterns(&w, n, m);
			continue;
		}
		buf_reset(&value);
		json_write(m, JSON_WRITE_PYTHON, &value);
		jsonw_raw(&w, buf_str(&value), value.len);
	}
	jsonw_end_object(&w);
	schema_set(s, "settings", buf_str(&out));
	buf_release(&out);
	buf_release(&value);
	json_release(&doc);
}

/* ---- normalizers ---- */

static char *
edited_normalizers(const struct schema *s, const struct naming_settings *set)
{
	char *text = xstrdup(hints_get(&s->hints, "normalizers"));
	char *quoted, *next;

	if (set->names) {
		quoted = json_quoted(set->names);
		next = object_edit(text, "names", quoted);
		free(quoted);
		free(text);
		text = next;
	}
	if (set->allow_given) {
		next = object_edit(text, keep_allow,
		    set->allow ? "true" : "false");
		free(text);
		text = next;
	}
	if (set->break_given) {
		next = object_edit(text, keep_break,
		    set->break_path ? "true" : "false");
		free(text);
		text = next;
	}
	return text;
}

int
schema_apply_naming(struct schema **schema, const struct naming_settings *set,
    size_t max_length, struct error *err)
{
	struct schema *s = *schema, *to = NULL;
	struct naming naming = { .kind = s->naming.kind,
		.max_length = max_length };
	char *normalizers, *allow;
	struct table shim = { 0 };
	int rc = 0;

	if (!set->names && !set->allow_given && !set->break_given)
		return 0;
	if (set->names && naming_parse(set->names, &naming.kind, err) < 0) {
		err->code = ERR_USAGE;
		return error_prefix(err, "schema.naming: ");
	}
	normalizers = edited_normalizers(s, set);
	if (naming.kind == s->naming.kind) {
		schema_set(s, "normalizers", normalizers);
		free(normalizers);
		return 0;
	}
	hints_set(&shim.hints, "x-normalizer", normalizers);
	allow = table_normalizer_get(&shim, keep_allow);
	to = schema_empty_copy(s);
	rc = rename_tables(s, to, &naming, set->names,
	    allow && strcmp(allow, "true") == 0, err);
	if (rc == 0) {
		schema_set(to, "normalizers", normalizers);
		rename_settings(to, &naming);
		schema_free(s);
		*schema = to;
	} else {
		schema_free(to);
	}
	hints_release(&shim.hints);
	free(allow);
	free(normalizers);
	return rc;
}

/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/schema_private.h"

#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- small JSON texts ---- */

char *
json_quoted(const char *s)
{
	struct buf out = { 0 };

	jsonw_quote(&out, s, strlen(s));
	return buf_take(&out);
}

const struct json *
json_parse_known(struct json_doc *doc, const char *text)
{
	struct error ignored = { 0 };

	if (!text || json_parse(doc, text, strlen(text), &ignored) < 0)
		return NULL;
	return doc->root;
}

static void
add_member(struct buf *out, const struct json *m)
{
	if (out->len > 1)
		buf_addc(out, ',');
	jsonw_quote(out, m->key, m->key_len);
	buf_addc(out, ':');
	json_write(m, JSON_WRITE_PYTHON, out);
}

char *
object_edit(const char *object, const char *key, const char *value)
{
	struct json_doc doc = { 0 };
	struct buf out = { 0 };
	const struct json *o = json_parse_known(&doc, object);
	struct json put = { .key = key, .key_len = strlen(key) };
	bool done = false;

	buf_addc(&out, '{');
	for (const struct json *m = o && o->kind == JSON_OBJECT ? o->child
	                                                        : NULL;
	     m; m = m->next) {
		if (m->key_len != put.key_len ||
		    memcmp(m->key, key, put.key_len) != 0) {
			add_member(&out, m);
			continue;
		}
		done = true;
		if (!value)
			continue;
		if (out.len > 1)
			buf_addc(&out, ',');
		jsonw_quote(&out, key, put.key_len);
		buf_addc(&out, ':');
		buf_adds(&out, value);
	}
	if (!done && value) {
		if (out.len > 1)
			buf_addc(&out, ',');
		jsonw_quote(&out, key, put.key_len);
		buf_addc(&out, ':');
		buf_adds(&out, value);
	}
	buf_addc(&out, '}');
	json_release(&doc);
	return buf_take(&out);
}

char *
object_edit_path(const char *object, const char *const *keys, size_t count,
    const char *value)
{
	struct json_doc doc = { 0 };
	struct buf inner = { 0 };
	const struct json *member;
	char *edited, *out;

	if (!value && (!object || object[0] != '{'))
		return xstrdup(object ? object : "{}");
	if (count == 1)
		return object_edit(object, keys[0], value);
	member = json_get(json_parse_known(&doc, object), keys[0]);
	if (member)
		json_write(member, JSON_WRITE_PYTHON, &inner);
	json_release(&doc);
	if (!value && inner.len == 0)
		return xstrdup(object ? object : "{}");
	edited = object_edit_path(inner.len > 0 ? inner.data : NULL, keys + 1,
	    count - 1, value);
	out = object_edit(object, keys[0], edited);
	free(edited);
	buf_release(&inner);
	return out;
}

/* ---- reading ---- */

/* A name from a document: it becomes an identifier and a C string. */
static int
check_name(const char *what, const char *name, size_t len, struct error *err)
{
	if (len > MAX_NAME)
		return error_set(err, ERR_DATA, "a %s name has %zu bytes", what,
		    len);
	if (memchr(name, '\0', len))
		return error_set(err, ERR_DATA,
		    "a %s name holds a NUL character: \"%s\"", what, name);
	return 0;
}

static int
expect(const struct json *v, enum json_kind kind, const char *what,
    const char *kind_name, struct error *err)
{
	if (!v)
		return error_set(err, ERR_DATA, "\"%s\" is missing", what);
	if (v->kind != kind)
		return error_set(err, ERR_DATA, "\"%s\" is not %s", what,
		    kind_name);
	return 0;
}

/* Keep a member as a hint. */
static int
keep(struct hints *h, const struct json *m, struct buf *text, struct error *err)
{
	if (check_name("hint", m->key, m->key_len, err) < 0)
		return -1;
	buf_reset(text);
	json_write(m, JSON_WRITE_PYTHON, text);
	/* Keys of an object differ from each other: no search is needed. */
	h->items = xgrow(h->items, &h->cap, h->count + 1, sizeof(*h->items));
	h->items[h->count].key = xstrdup(m->key);
	h->items[h->count++].value = xstrdup(buf_str(text));
	return 0;
}

/* The data type, with the name that engines before 10 used for json. */
static int
read_type(struct column *c, const struct json *v, bool old_names,
    struct error *err)
{
	const char *name;

	if (v->kind == JSON_NULL)
		return 0;
	if (v->kind != JSON_STRING)
		return error_set(err, ERR_DATA, "data_type is not a string");
	name = old_names && strcmp(v->str, "complex") == 0 ? "json" : v->str;
	if (v->len != strlen(v->str) ||
	    (v->len > 0 && type_parse(name) == TYPE_NONE))
		return error_set(err, ERR_DATA, "unknown data_type \"%s\"",
		    name);
	if (name != v->str)
		hints_set(&c->hints, "data_type", "\"json\"");
	return 0;
}

static int
read_column(struct table *t, const struct json *v, bool old_names,
    struct error *err)
{
	struct buf text = { 0 };
	struct column *c;
	int rc = -1;

	if (check_name("column", v->key, v->key_len, err) < 0)
		return -1;
	if (v->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "column \"%s\" is no object",
		    v->key);
	c = table_add_column(t, v->key, v->key_len);
	/* The name keeps the place that it has in the document; where it has
	 * none it is added after the migrations, as an empty column counts as
	 * none there. */
	hints_release(&c->hints);
	for (const struct json *m = v->child; m; m = m->next)
		if (keep(&c->hints, m, &text, err) < 0 ||
		    (strcmp(m->key, "data_type") == 0 &&
		        read_type(c, m, old_names, err) < 0)) {
			error_prefix(err, "column \"%s\": ", v->key);
			goto out;
		}
	column_refresh_all(c);
	rc = 0;
out:
	buf_release(&text);
	return rc;
}

static int
read_columns(struct table *t, const struct json *columns, bool old_names,
    struct error *err)
{
	if (columns->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "\"columns\" is no object");
	for (const struct json *c = columns->child; c; c = c->next)
		if (read_column(t, c, old_names, err) < 0)
			return -1;
	return 0;
}

/* What Python dlt fills in on reading. */
static void
table_defaults(struct table *t)
{
	char *quoted = json_quoted(t->name);
	const char *value;

	hints_set(&t->hints, "name", quoted);
	if (!t->parent) {
		value = hints_get(&t->hints, "write_disposition");
		if (!value || strcmp(value, "null") == 0)
			table_set(t, "write_disposition", "\"append\"");
		value = hints_get(&t->hints, "resource");
		if (!value || strcmp(value, "null") == 0)
			table_set(t, "resource", quoted);
	}
	free(quoted);
	for (size_t i = 0; i < t->column_count; i++) {
		quoted = json_quoted(t->columns[i]->name);
		hints_set(&t->columns[i]->hints, "name", quoted);
		free(quoted);
	}
}

static bool
lacks_defaults(const struct table *t)
{
	return !t->parent &&
	    (!hints_get(&t->hints, "write_disposition") ||
	        !hints_get(&t->hints, "resource"));
}

static int
read_table(struct schema *s, const struct json *v, struct error *err)
{
	struct buf text = { 0 };
	struct contract contract;
	struct table *t;
	int rc = -1;

	if (check_name("table", v->key, v->key_len, err) < 0)
		return -1;
	if (v->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "table \"%s\" is no object",
		    v->key);
	t = schema_attach(s, table_new(v->key));
	hints_release(&t->hints);
	for (const struct json *m = v->child; m; m = m->next) {
		if (strcmp(m->key, "columns") == 0) {
			hints_set(&t->hints, "columns", PLACE_ONLY);
			if (read_columns(t, m, s->engine_version < 10, err) < 0)
				goto out;
			continue;
		}
		if (keep(&t->hints, m, &text, err) < 0)
			goto out;
		if (strcmp(m->key, "parent") == 0) {
			if (m->kind != JSON_NULL &&
			    (expect(m, JSON_STRING, "parent", "a string",
			         err) ||
			        check_name("table", m->str, m->len, err)))
				goto out;
			table_set(t, "parent", buf_str(&text));
		} else if (strcmp(m->key, "schema_contract") == 0 &&
		    m->kind != JSON_NULL &&
		    contract_parse(buf_str(&text), &contract, err) < 0) {
			goto out;
		}
	}
	if (!hints_get(&t->hints, "columns"))
		hints_set(&t->hints, "columns", PLACE_ONLY);
	rc = 0;
out:
	if (rc < 0)
		error_prefix(err, "table \"%s\": ", v->key);
	buf_release(&text);
	return rc;
}

/* Every parent exists, and no chain is endless or deeper than any JSON. */
static int
check_parents(const struct schema *s, struct error *err)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct table *t = s->tables[i];

		for (size_t depth = 0; t->parent; depth++) {
			const struct table *up = schema_table(s, t->parent);

			if (!up)
				return error_set(err, ERR_DATA,
				    "table \"%s\": its parent \"%s\" is "
				    "missing",
				    t->name, t->parent);
			if (depth > MAX_NESTING)
				return error_set(err, ERR_DATA,
				    "table \"%s\": its chain of parents does "
				    "not end",
				    s->tables[i]->name);
			t = up;
		}
	}
	return 0;
}

static int
read_hash(char out[64], const struct json *v, struct error *err)
{
	out[0] = '\0';
	if (!v || v->kind == JSON_NULL)
		return 0;
	if (v->kind != JSON_STRING || v->len >= 64 || strlen(v->str) != v->len)
		return error_set(err, ERR_DATA, "\"version_hash\" is no hash");
	memcpy(out, v->str, v->len + 1);
	return 0;
}

static int
read_previous(struct schema *s, const struct json *v, struct error *err)
{
	char hash[64];

	if (!v || v->kind == JSON_NULL)
		return 0;
	if (expect(v, JSON_ARRAY, "previous_hashes", "an array", err) < 0)
		return -1;
	for (v = v->child; v; v = v->next) {
		if (v->kind != JSON_STRING || read_hash(hash, v, err) < 0)
			return error_set(err, ERR_DATA,
			    "\"previous_hashes\" holds what is no hash");
		if (s->previous_count < ARRAY_LEN(s->previous_hashes))
			s->previous_hashes[s->previous_count++] = xstrdup(hash);
	}
	return 0;
}

static int
read_numbers(struct schema *s, const struct json *root, struct error *err)
{
	long long engine = json_get_int(root, "engine_version", -1);
	long long version = json_get_int(root, "version", -1);
	const struct json *v = json_get(root, "version");

	if (engine < 1)
		return error_set(err, ERR_DATA,
		    "\"engine_version\" is missing or no number");
	if (engine > SCHEMA_ENGINE)
		return error_set(err, ERR_DATA,
		    "the schema has engine version %lld, newer than %d: a newer "
		    "dlt wrote it",
		    engine, SCHEMA_ENGINE);
	/* A schema that was never saved may have no version yet. */
	if (!v || v->kind == JSON_NULL)
		version = 1;
	else if (version < 1 || version > INT_MAX)
		return error_set(err, ERR_DATA, "\"version\" is no number");
	s->engine_version = (long)engine;
	s->version = (long)version;
	return 0;
}

static int
read_rest(struct schema *s, const struct json *root, struct error *err)
{
	static const char *const elsewhere[] = { "version", "version_hash",
		"engine_version", "name", "tables", "previous_hashes" };
	struct buf text = { 0 };
	int rc = 0;

	for (const struct json *m = root->child; m && rc == 0; m = m->next) {
		bool skip = false;

		for (size_t i = 0; i < ARRAY_LEN(elsewhere); i++)
			skip = skip || strcmp(m->key, elsewhere[i]) == 0;
		if (!skip)
			rc = keep(&s->hints, m, &text, err);
	}
	buf_release(&text);
	return rc;
}

static int
read_document(struct schema *s, const struct json *root, struct error *err)
{
	const struct json *name = json_get(root, "name");
	const struct json *tables = json_get(root, "tables");

	if (root->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "a schema is a JSON object");
	if (read_numbers(s, root, err) < 0 ||
	    expect(name, JSON_STRING, "name", "a string", err) < 0 ||
	    check_name("schema", name->str, name->len, err) < 0)
		return -1;
	s->name = xstrndup(name->str, name->len);
	if (!name_is_schema_name(s->name))
		return error_set(err, ERR_DATA,
		    "\"%s\" is no schema name: an identifier of at most 64 "
		    "characters is wanted",
		    s->name);
	if (read_hash(s->hash, json_get(root, "version_hash"), err) < 0 ||
	    read_previous(s, json_get(root, "previous_hashes"), err) < 0 ||
	    read_rest(s, root, err) < 0 ||
	    expect(tables, JSON_OBJECT, "tables", "an object", err) < 0)
		return -1;
	for (const struct json *t = tables->child; t; t = t->next)
		if (read_table(s, t, err) < 0)
			return -1;
	return 0;
}

static const char default_settings[] =
    "{\"detections\":[\"iso_timestamp\"],\"default_hints\":{"
    "\"not_null\":[\"_dlt_id\",\"_dlt_root_id\",\"_dlt_parent_id\","
    "\"_dlt_list_idx\",\"_dlt_load_id\"],"
    "\"parent_key\":[\"_dlt_parent_id\"],\"root_key\":[\"_dlt_root_id\"],"
    "\"unique\":[\"_dlt_id\"],\"row_key\":[\"_dlt_id\"]}}";
static const char default_normalizers[] =
    "{\"names\":\"snake_case\",\"json\":{"
    "\"module\":\"dlt.common.normalizers.json.relational\"}}";

/* What every schema has: defaults of Python dlt where something is missing,
 * and what is worked out from the hints. */
static int
complete(struct schema *s, struct error *err)
{
	char before[64] = "";
	bool lacks = false;

	if (schema_migrate(s, err) < 0 || check_parents(s, err) < 0)
		return -1;
	for (size_t i = 0; i < s->table_count && !lacks; i++)
		lacks = lacks_defaults(s->tables[i]);
	if (lacks)
		schema_hash(s, before);
	for (size_t i = 0; i < s->table_count; i++)
		table_defaults(s->tables[i]);
	/* As dlt does, which saves tables with keys that hints of nested tables
	 * have made without a disposition. */
	if (lacks && strcmp(before, s->hash) == 0)
		schema_bump(s);
	if (!hints_get(&s->hints, "settings"))
		hints_set(&s->hints, "settings", "{}");
	if (!hints_get(&s->hints, "normalizers"))
		hints_set(&s->hints, "normalizers", default_normalizers);
	return schema_compile(s, err);
}

/* The document in the layout of engine 3 or later. */
static int
read_any(struct schema *s, const struct json *root, struct error *err)
{
	long long engine = json_get_int(root, "engine_version", SCHEMA_ENGINE);
	struct json_doc doc = { 0 };
	struct buf text = { 0 };
	int rc = 0;

	if (root->kind == JSON_OBJECT && (engine == 1 || engine == 2)) {
		rc = schema_repack(root, &text, err);
		if (rc == 0)
			rc = json_parse(&doc, buf_str(&text), text.len, err);
		root = doc.root;
	}
	if (rc == 0)
		rc = read_document(s, root, err);
	if (rc == 0)
		rc = complete(s, err);
	json_release(&doc);
	buf_release(&text);
	return rc;
}

struct schema *
schema_from_json(const struct json *root, struct error *err)
{
	struct schema *s = schema_alloc();

	if (read_any(s, root, err) == 0)
		return s;
	schema_free(s);
	return NULL;
}

struct schema *
schema_parse(const char *text, size_t len, struct error *err)
{
	struct json_doc doc = { 0 };
	struct schema *s = NULL;

	if (json_parse(&doc, text, len, err) == 0)
		s = schema_from_json(doc.root, err);
	json_release(&doc);
	return s;
}

/* ---- the standard tables (contract.md 8.2) ---- */

static const struct standard {
	const char *table, *description;
	struct {
		const char *name, *type;
		bool nullable;
		const char *precision;
	} columns[6];
} standards[] = {
	{ "_dlt_version", "Created by DLT. Tracks schema updates",
	    { { "version", "bigint" }, { "engine_version", "bigint" },
	        { "inserted_at", "timestamp" }, { "schema_name", "text" },
	        { "version_hash", "text" }, { "schema", "text" } } },
	{ "_dlt_loads", "Created by DLT. Tracks completed loads",
	    { { "load_id", "text", false, "64" },
	        { "schema_name", "text", true }, { "status", "bigint" },
	        { "inserted_at", "timestamp" },
	        { "schema_version_hash", "text", true } } },
};

static void
set_text(struct table *t, const char *key, const char *value)
{
	char *quoted = json_quoted(value);

	table_set(t, key, quoted);
	free(quoted);
}

static void
fill_standard(struct table *t, const struct standard *d)
{
	char *quoted;

	for (size_t i = 0; i < ARRAY_LEN(d->columns); i++) {
		const char *name = d->columns[i].name;
		struct column *c;

		if (!name)
			break;
		c = table_add_column(t, name, strlen(name));
		quoted = json_quoted(d->columns[i].type);
		column_set(c, "data_type", quoted);
		free(quoted);
		column_set(c, "nullable",
		    d->columns[i].nullable ? "true" : "false");
		column_set(c, "precision", d->columns[i].precision);
	}
	set_text(t, "write_disposition", "skip");
	set_text(t, "resource", d->table);
	set_text(t, "description", d->description);
}

void
schema_standard_table(struct schema *s, const char *name)
{
	struct table *t = schema_table(s, name);
	char *quoted = json_quoted(name);

	if (!t)
		t = schema_attach(s, table_new(name));
	table_clear_columns(t);
	hints_release(&t->hints);
	free(t->parent);
	t->parent = NULL;
	hints_set(&t->hints, "name", quoted);
	free(quoted);
	hints_set(&t->hints, "columns", PLACE_ONLY);
	for (size_t i = 0; i < ARRAY_LEN(standards); i++)
		if (strcmp(standards[i].table, name) == 0)
			fill_standard(t, &standards[i]);
}

struct schema *
schema_new(const char *name)
{
	struct schema *s = schema_alloc();
	struct error ignored = { 0 };

	s->name = xstrdup(name);
	hints_set(&s->hints, "settings", default_settings);
	hints_set(&s->hints, "normalizers", default_normalizers);
	for (size_t i = 0; i < ARRAY_LEN(standards); i++)
		schema_standard_table(s, standards[i].table);
	schema_compile(s, &ignored);
	return s;
}

/* ---- writing ---- */

static void
write_hint(struct jsonw *w, const struct hint *h)
{
	jsonw_key(w, h->key);
	jsonw_raw(w, h->value, strlen(h->value));
}

static void
write_table(struct jsonw *w, const struct table *t)
{
	jsonw_object(w);
	for (size_t i = 0; i < t->hints.count; i++) {
		if (strcmp(t->hints.items[i].key, "columns") != 0) {
			write_hint(w, &t->hints.items[i]);
			continue;
		}
		jsonw_key(w, "columns");
		jsonw_object(w);
		for (size_t k = 0; k < t->column_count; k++) {
			const struct hints *h = &t->columns[k]->hints;

			jsonw_key(w, t->columns[k]->name);
			jsonw_object(w);
			for (size_t n = 0; n < h->count; n++)
				write_hint(w, &h->items[n]);
			jsonw_end_object(w);
		}
		jsonw_end_object(w);
	}
	jsonw_end_object(w);
}

void
table_write(const struct table *t, struct buf *out)
{
	struct jsonw w;

	jsonw_init(&w, out, false);
	write_table(&w, t);
}

/* Present, and not what Python dlt leaves out. */
static bool
is_written(const struct hint *h)
{
	bool optional = strcmp(h->key, "imported_version_hash") == 0 ||
	    strcmp(h->key, "description") == 0;

	return !optional ||
	    (strcmp(h->value, "null") != 0 && strcmp(h->value, "\"\"") != 0);
}

static void
write_named(struct jsonw *w, const struct schema *s, const char *key)
{
	for (size_t i = 0; i < s->hints.count; i++)
		if (strcmp(s->hints.items[i].key, key) == 0 &&
		    is_written(&s->hints.items[i]))
			write_hint(w, &s->hints.items[i]);
}

void
schema_write(const struct schema *s, bool pretty, struct buf *out)
{
	static const char *const first[] = { "settings", "normalizers" };
	static const char *const last[] = { "imported_version_hash",
		"description" };
	struct jsonw w;

	jsonw_init(&w, out, pretty);
	jsonw_object(&w);
	jsonw_key(&w, "version");
	jsonw_int(&w, s->version);
	jsonw_key(&w, "version_hash");
	jsonw_str(&w, s->hash);
	jsonw_key(&w, "engine_version");
	jsonw_int(&w, SCHEMA_ENGINE);
	jsonw_key(&w, "name");
	jsonw_str(&w, s->name);
	jsonw_key(&w, "tables");
	jsonw_object(&w);
	for (size_t i = 0; i < s->table_count; i++) {
		jsonw_key(&w, s->tables[i]->name);
		write_table(&w, s->tables[i]);
	}
	jsonw_end_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(first); i++)
		write_named(&w, s, first[i]);
	jsonw_key(&w, "previous_hashes");
	jsonw_array(&w);
	for (size_t i = 0; i < s->previous_count; i++)
		jsonw_str(&w, s->previous_hashes[i]);
	jsonw_end_array(&w);
	for (size_t i = 0; i < ARRAY_LEN(last); i++)
		write_named(&w, s, last[i]);
	for (size_t i = 0; i < s->hints.count; i++) {
		const char *key = s->hints.items[i].key;

		if (strcmp(key, first[0]) != 0 && strcmp(key, first[1]) != 0 &&
		    strcmp(key, last[0]) != 0 && strcmp(key, last[1]) != 0)
			write_hint(&w, &s->hints.items[i]);
	}
	jsonw_end_object(&w);
}

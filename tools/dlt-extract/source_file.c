/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/source_file.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/name.h"
#include "common/opt.h"
#include "common/output.h"
#include "common/toml.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)16 << 20)

/* A resource that runs. */
struct entry {
	struct table_hints hints;
	char *disposition, *primary_key, *merge_key;
	const char *table, *table_from;
	uint64_t limit;
};

struct source_file {
	const char *path;
	char *name;
	char *text; /* of the file */
	size_t len;
	struct toml_json toml; /* text NULL: the file is JSON */
	struct json_doc doc;
	const struct json *defaults, *resources;
	struct entry *entries;
	size_t count;
};

/* ---- places ---- */

/* Of a value in JSON. */
static void
place_of_json(const struct source_file *f, const struct json *v, size_t *line,
    size_t *column)
{
	const char *start = f->text;

	*line = 1;
	for (const char *p = f->text; p < v->raw; p++) {
		if (*p == '\n') {
			++*line;
			start = p + 1;
		}
	}
	*column = (size_t)(v->raw - start) + 1;
}

static int
place_cmp(const void *key, const void *item)
{
	size_t a = *(const size_t *)key;
	size_t b = ((const struct toml_place *)item)->offset;

	return a < b ? -1 : a > b;
}

/* "FILE:LINE:COLUMN: " before what err says. key: of the key. */
static int
blame(const struct source_file *f, const struct json *v, bool key,
    struct error *err)
{
	size_t line = 1, column = 1, at = (size_t)(v->raw - f->toml.text);
	const struct toml_place *p;

	if (f->toml.text == NULL) {
		place_of_json(f, v, &line, &column);
	} else {
		p = bsearch(&at, f->toml.places, f->toml.count, sizeof(*p),
		    place_cmp);
		if (p != NULL) {
			key = key && p->key_line != 0;
			line = key ? p->key_line : p->line;
			column = key ? p->key_column : p->column;
		}
	}
	err->code = ERR_USAGE;
	return error_prefix(err, "%s:%zu:%zu: ", f->path, line, column);
}

/* ---- kinds of values ---- */

#define K(kind) (1u << JSON_##kind)

struct key {
	const char *name;
	unsigned kinds;  /* K() of those that it takes */
	const char *why; /* why not, or NULL */
};

static const char later[] = "is not supported by this version";

static const struct key top_keys[] = {
	{ "name", K(STRING), NULL },
	{ "resource_defaults", K(OBJECT), NULL },
	{ "resources", K(ARRAY), NULL },
	{ "client", 0, later },
};

static const struct key resource_keys[] = {
	{ "name", K(STRING), NULL },
	{ "file", K(STRING), NULL },
	{ "files", K(ARRAY), NULL },
	{ "command", K(STRING), NULL },
	{ "selected", K(BOOL), NULL },
	{ "limit", K(NUMBER), NULL },
	{ "table_name", K(STRING) | K(OBJECT), NULL },
	{ "write_disposition", K(STRING) | K(OBJECT), NULL },
	{ "primary_key", K(STRING) | K(ARRAY), NULL },
	{ "merge_key", K(STRING) | K(ARRAY), NULL },
	{ "columns", K(OBJECT) | K(ARRAY), NULL },
	{ "schema_contract", K(STRING) | K(OBJECT), NULL },
	{ "table_format", K(STRING), NULL },
	{ "file_format", K(STRING), NULL },
	{ "description", K(STRING), NULL },
	{ "database", 0, later },
	{ "table", 0, later },
	{ "sql", 0, later },
	{ "typed", 0, later },
	{ "from", 0, later },
	{ "endpoint", 0, later },
	{ "include_from_parent", 0, later },
	{ "processing_steps", 0, later },
	{ "incremental", 0, later },
	{ "parallelized", 0, later },
	{ "max_table_nesting", 0, later },
	{ "nested_hints", 0, later },
	{ "references", 0, later },
};

static const struct key table_name_keys[] = {
	{ "field", K(STRING), NULL },
};

static const struct key disposition_keys[] = {
	{ "disposition", K(STRING), NULL },
	{ "strategy", K(STRING), NULL },
	{ "deduplicated", K(BOOL), NULL },
	{ "row_version_column_name", K(STRING), NULL },
	{ "validity_column_names", K(ARRAY), NULL },
	{ "active_record_timestamp", K(STRING) | K(NULL), NULL },
	{ "boundary_timestamp", K(STRING), NULL },
};

static const struct key contract_keys[] = {
	{ "tables", K(STRING), NULL },
	{ "columns", K(STRING), NULL },
	{ "data_type", K(STRING), NULL },
};

static const struct key column_keys[] = {
	{ "name", K(STRING), NULL },
	{ "data_type", K(STRING), NULL },
	{ "nullable", K(BOOL), NULL },
	{ "description", K(STRING), NULL },
	{ "precision", K(NUMBER), NULL },
	{ "scale", K(NUMBER), NULL },
	{ "timezone", K(BOOL), NULL },
	{ "unique", K(BOOL), NULL },
	{ "primary_key", K(BOOL), NULL },
	{ "merge_key", K(BOOL), NULL },
	{ "row_key", K(BOOL), NULL },
	{ "parent_key", K(BOOL), NULL },
	{ "root_key", K(BOOL), NULL },
	{ "hard_delete", K(BOOL), NULL },
	{ "dedup_sort", K(STRING), NULL },
	{ "sort", K(BOOL), NULL },
	{ "partition", K(BOOL), NULL },
	{ "cluster", K(BOOL), NULL },
	{ "incremental", K(BOOL), NULL },
};

static void
say_kinds(unsigned kinds, char *out, size_t size)
{
	static const char *const names[] = { "null", "a boolean", "a number",
		"a string", "an array", "a table" };

	*out = '\0';
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		size_t n = strlen(out);

		if (kinds & (1u << i))
			snprintf(out + n, size - n, "%s%s",
			    n == 0 ? "" : " or ", names[i]);
	}
}

static int
check_kind(const struct source_file *f, const struct json *v, const char *name,
    unsigned kinds, struct error *err)
{
	char wanted[80];

	if (!(kinds & (1u << v->kind))) {
		say_kinds(kinds, wanted, sizeof(wanted));
		error_set(err, ERR_USAGE, "\"%s\" must be %s", name, wanted);
		return blame(f, v, false, err);
	}
	if (v->kind != JSON_STRING || (v->len > 0 && strlen(v->str) == v->len))
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is %s", name,
	    v->len == 0 ? "empty" : "a string with a NUL character");
	return blame(f, v, false, err);
}

static int
unknown_key(const struct source_file *f, const struct json *v,
    const struct key *keys, size_t count, struct error *err)
{
	const char *names[ARRAY_LEN(resource_keys)], *near;

	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	near = opt_nearest(v->key, names, count);
	error_set(err, ERR_USAGE, "unknown key \"%s\"%s%s%s", v->key,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return blame(f, v, true, err);
}

static int
check_keys(const struct source_file *f, const struct json *object,
    const struct key *keys, size_t count, struct error *err)
{
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		size_t i = 0;

		if (keys == column_keys && strncmp(v->key, "x-", 2) == 0)
			continue;
		while (i < count && strcmp(keys[i].name, v->key) != 0)
			i++;
		if (i == count)
			return unknown_key(f, v, keys, count, err);
		if (keys[i].why != NULL) {
			error_set(err, ERR_USAGE, "\"%s\" %s", v->key,
			    keys[i].why);
			return blame(f, v, true, err);
		}
		if (check_kind(f, v, v->key, keys[i].kinds, err) < 0)
			return -1;
	}
	return 0;
}

static int
need(const struct source_file *f, const struct json *object, const char *key,
    struct error *err)
{
	if (json_get(object, key) != NULL)
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is missing", key);
	return blame(f, object, false, err);
}

/* An array of strings that are not empty. */
static int
check_strings(const struct source_file *f, const struct json *v,
    const char *name, struct error *err)
{
	if (v == NULL || v->kind != JSON_ARRAY)
		return 0;
	if (v->count == 0) {
		error_set(err, ERR_USAGE, "\"%s\" is empty", name);
		return blame(f, v, false, err);
	}
	for (const struct json *i = v->child; i != NULL; i = i->next)
		if (check_kind(f, i, name, K(STRING), err) < 0)
			return -1;
	return 0;
}

/* ---- checks ---- */

static int
check_column(const struct source_file *f, const struct json *c,
    const char *type, struct error *err)
{
	static const char *const types[] = { "text", "double", "bool",
		"timestamp", "bigint", "binary", "json", "decimal", "wei",
		"date", "time" };
	const struct json *v = json_get(c, "data_type");
	const char *near;

	if (check_kind(f, c, type, K(OBJECT), err) < 0 ||
	    check_keys(f, c, column_keys, ARRAY_LEN(column_keys), err) < 0)
		return -1;
	if (v == NULL || type_parse(v->str) != TYPE_NONE)
		return 0;
	near = opt_nearest(v->str, types, ARRAY_LEN(types));
	error_set(err, ERR_USAGE, "\"%s\" is no data type%s%s%s", v->str,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return blame(f, v, false, err);
}

static int
check_columns(const struct source_file *f, const struct json *columns,
    struct error *err)
{
	if (columns == NULL)
		return 0;
	for (const struct json *c = columns->child; c != NULL; c = c->next)
		if (check_column(f, c,
		        columns->kind == JSON_OBJECT ? c->key : "columns",
		        err) < 0 ||
		    (columns->kind == JSON_ARRAY &&
		        need(f, c, "name", err) < 0))
			return -1;
	return 0;
}

static int
check_table(const struct source_file *f, const struct json *v,
    const struct key *keys, size_t count, struct error *err)
{
	if (v == NULL || v->kind != JSON_OBJECT)
		return 0;
	return check_keys(f, v, keys, count, err);
}

static int
check_limit(const struct source_file *f, const struct json *v,
    struct error *err)
{
	if (v == NULL ||
	    (v->raw_len < 19 && strspn(v->raw, "0123456789") >= v->raw_len))
		return 0;
	error_set(err, ERR_USAGE, "\"limit\" is no whole number from 0");
	return blame(f, v, false, err);
}

/* Of a resource, or of resource_defaults. */
static int
check_hints(const struct source_file *f, const struct json *r,
    struct error *err)
{
	const struct json *d = json_get(r, "write_disposition");
	const struct json *t = json_get(r, "table_name");

	if (check_keys(f, r, resource_keys, ARRAY_LEN(resource_keys), err) <
	        0 ||
	    check_columns(f, json_get(r, "columns"), err) < 0 ||
	    check_table(f, d, disposition_keys, ARRAY_LEN(disposition_keys),
	        err) < 0 ||
	    check_table(f, t, table_name_keys, ARRAY_LEN(table_name_keys),
	        err) < 0 ||
	    check_table(f, json_get(r, "schema_contract"), contract_keys,
	        ARRAY_LEN(contract_keys), err) < 0 ||
	    check_limit(f, json_get(r, "limit"), err) < 0 ||
	    check_strings(f, json_get(r, "files"), "files", err) < 0 ||
	    check_strings(f, json_get(r, "primary_key"), "primary_key", err) <
	        0 ||
	    check_strings(f, json_get(r, "merge_key"), "merge_key", err) < 0)
		return -1;
	if (t != NULL && t->kind == JSON_OBJECT && need(f, t, "field", err) < 0)
		return -1;
	if (d != NULL && d->kind == JSON_OBJECT &&
	    (need(f, d, "disposition", err) < 0 ||
	        check_strings(f, json_get(d, "validity_column_names"),
	            "validity_column_names", err) < 0))
		return -1;
	return 0;
}

static int
check_resource(const struct source_file *f, const struct json *r,
    struct error *err)
{
	const char *name;
	int inputs = 0;

	if (check_kind(f, r, "resources", K(OBJECT), err) < 0 ||
	    check_hints(f, r, err) < 0 || need(f, r, "name", err) < 0)
		return -1;
	inputs += json_get(r, "file") != NULL;
	inputs += json_get(r, "files") != NULL;
	inputs += json_get(r, "command") != NULL;
	name = json_get_str(r, "name", "");
	if (inputs != 1) {
		error_set(err, ERR_USAGE,
		    "resource \"%s\" needs one of \"file\", \"files\", "
		    "\"command\"",
		    name);
		return blame(f, r, false, err);
	}
	for (const struct json *o = f->resources->child; o != r; o = o->next) {
		if (strcmp(json_get_str(o, "name", ""), name) != 0)
			continue;
		error_set(err, ERR_USAGE, "a second resource \"%s\"", name);
		return blame(f, json_get(r, "name"), false, err);
	}
	return 0;
}

static int
check_defaults(const struct source_file *f, struct error *err)
{
	static const char *const own[] = { "name", "file", "files", "command" };

	if (f->defaults == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		const struct json *v = json_get(f->defaults, own[i]);

		if (v == NULL)
			continue;
		error_set(err, ERR_USAGE, "\"%s\" is no default", own[i]);
		return blame(f, v, true, err);
	}
	return check_hints(f, f->defaults, err);
}

static int
check(struct source_file *f, struct error *err)
{
	const struct json *root = f->doc.root;

	if (check_kind(f, root, "the source", K(OBJECT), err) < 0 ||
	    check_keys(f, root, top_keys, ARRAY_LEN(top_keys), err) < 0 ||
	    need(f, root, "resources", err) < 0)
		return -1;
	f->defaults = json_get(root, "resource_defaults");
	f->resources = json_get(root, "resources");
	if (check_defaults(f, err) < 0)
		return -1;
	for (const struct json *r = f->resources->child; r; r = r->next)
		if (check_resource(f, r, err) < 0)
			return -1;
	return 0;
}

/* ---- the file ---- */

static int
parse(struct source_file *f, bool is_json, struct error *err)
{
	const char *text = f->text;
	size_t len = f->len;

	if (!is_json) {
		if (toml_to_json(f->text, f->len, f->path, &f->toml, err) < 0)
			return -1;
		text = f->toml.text;
		len = f->toml.len;
	}
	if (json_parse(&f->doc, text, len, err) == 0)
		return 0;
	err->code = ERR_USAGE;
	return error_prefix(err, is_json ? "%s:" : "%s: as JSON: ", f->path);
}

static int
take_name(struct source_file *f, struct error *err)
{
	const struct json *name = json_get(f->doc.root, "name");
	const char *slash = strrchr(f->path, '/');
	const char *stem = slash == NULL ? f->path : slash + 1;

	if (name == NULL) {
		f->name = xstrndup(stem, strcspn(stem, "."));
		return 0;
	}
	f->name = xstrdup(name->str);
	if (name_is_schema_name(f->name))
		return 0;
	error_set(err, ERR_USAGE,
	    "\"%s\" is no identifier of at most 64 characters", f->name);
	return blame(f, name, false, err);
}

struct source_file *
source_file_read(const char *path, struct error *err)
{
	struct source_file *f = xcalloc(1, sizeof(*f));
	size_t n = strlen(path);
	bool is_json = n >= 5 && strcmp(path + n - 5, ".json") == 0;

	f->path = path;
	if (!is_json && (n < 5 || strcmp(path + n - 5, ".toml") != 0))
		error_set(err, ERR_USAGE,
		    "%s: the name of a source file ends in .toml or .json",
		    path);
	else if (read_file(path, MAX_FILE, &f->text, &f->len, err) == 0 &&
	    parse(f, is_json, err) == 0 && check(f, err) == 0 &&
	    take_name(f, err) == 0)
		return f;
	source_file_free(f);
	return NULL;
}

void
source_file_free(struct source_file *f)
{
	if (f == NULL)
		return;
	for (size_t i = 0; i < f->count; i++) {
		struct entry *e = &f->entries[i];

		disposition_release(&e->hints.disposition);
		buf_release(&e->hints.contract);
		free(e->disposition);
		free(e->primary_key);
		free(e->merge_key);
	}
	free(f->entries);
	json_release(&f->doc);
	toml_json_release(&f->toml);
	free(f->text);
	free(f->name);
	free(f);
}

const char *
source_file_name(const struct source_file *f)
{
	return f->name;
}

/* ---- resources that run ---- */

/* Of the resource, or its default. */
static const struct json *
hint(const struct source_file *f, const struct json *r, const char *key)
{
	const struct json *v = json_get(r, key);

	return v != NULL ? v : json_get(f->defaults, key);
}

static const char *
hint_str(const struct source_file *f, const struct json *r, const char *key)
{
	const struct json *v = hint(f, r, key);

	return v == NULL ? NULL : v->str;
}

/* As --write-disposition has it. */
static char *
disposition_text(const struct json *d)
{
	static const char *const keys[] = { "row_version_column_name",
		"active_record_timestamp", "boundary_timestamp" };
	const struct json *v = json_get(d, "validity_column_names");
	struct buf b = { 0 };

	if (d->kind == JSON_STRING)
		return xstrdup(d->str);
	buf_adds(&b, json_get_str(d, "disposition", ""));
	if (json_get(d, "strategy") != NULL)
		buf_addf(&b, ":%s", json_get_str(d, "strategy", ""));
	if (json_get_bool(d, "deduplicated", false))
		buf_adds(&b, ",deduplicated");
	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (json_get(d, keys[i]) != NULL)
			buf_addf(&b, ",%s=%s", keys[i],
			    json_get_str(d, keys[i], "null"));
	if (v != NULL) {
		buf_adds(&b, ",validity_column_names");
		for (const struct json *c = v->child; c; c = c->next)
			buf_addf(&b, "%c%s", c == v->child ? '=' : ':', c->str);
	}
	return buf_take(&b);
}

static int
take_disposition(const struct source_file *f, const struct json *d,
    struct entry *e, struct error *err)
{
	static const char option[] = "--write-disposition: ";

	if (d != NULL && d->kind == JSON_OBJECT && d->count > 1 &&
	    need(f, d, "strategy", err) < 0)
		return -1;
	if (d != NULL)
		e->disposition = disposition_text(d);
	if (disposition_parse(&e->hints.disposition, e->disposition, err) == 0)
		return 0;
	if (strncmp(err->msg, option, strlen(option)) == 0)
		memmove(err->msg, err->msg + strlen(option),
		    strlen(err->msg + strlen(option)) + 1);
	return blame(f, d, false, err);
}

static int
take_contract(const struct source_file *f, const struct json *v,
    struct entry *e, struct error *err)
{
	struct contract parsed;

	json_write(v, 0, &e->hints.contract);
	if (contract_parse(buf_str(&e->hints.contract), &parsed, err) == 0)
		return 0;
	return blame(f, v, false, err);
}

/* "A,B" of a name or an array of them; malloc'd. */
static int
take_keys(const struct source_file *f, const struct json *v, char **out,
    struct error *err)
{
	struct buf b = { 0 };

	if (v == NULL)
		return 0;
	if (v->kind == JSON_STRING)
		buf_adds(&b, v->str);
	for (const struct json *i = v->child; i != NULL; i = i->next)
		buf_addf(&b, "%s%s", b.len == 0 ? "" : ",", i->str);
	*out = buf_take(&b);
	for (const struct json *i = v->child != NULL ? v->child : v; i != NULL;
	     i = v->child != NULL ? i->next : NULL) {
		if (strchr(i->str, ',') == NULL)
			continue;
		error_set(err, ERR_USAGE,
		    "\"%s\": a column's name with a comma", i->str);
		return blame(f, i, false, err);
	}
	return 0;
}

static int
take_hints(const struct source_file *f, const struct json *r,
    const struct table_hints *flags, struct entry *e, struct error *err)
{
	const struct json *contract = hint(f, r, "schema_contract");
	struct table_hints *h = &e->hints;

	*h = *flags;
	h->disposition = (struct disposition){ 0 };
	h->contract = (struct buf){ 0 };
	h->declared = hint(f, r, "columns");
	h->table_format = hint_str(f, r, "table_format");
	h->file_format = hint_str(f, r, "file_format");
	h->description = hint_str(f, r, "description");
	if (flags->schema_contract != NULL)
		buf_add(&h->contract, flags->contract.data,
		    flags->contract.len);
	else if (contract != NULL && take_contract(f, contract, e, err) < 0)
		return -1;
	if (take_keys(f, hint(f, r, "primary_key"), &e->primary_key, err) < 0 ||
	    take_keys(f, hint(f, r, "merge_key"), &e->merge_key, err) < 0)
		return -1;
	if (h->primary_key == NULL)
		h->primary_key = e->primary_key;
	if (h->merge_key == NULL)
		h->merge_key = e->merge_key;
	if (flags->write_disposition != NULL)
		return disposition_parse(&h->disposition,
		    flags->write_disposition, err);
	return take_disposition(f, hint(f, r, "write_disposition"), e, err);
}

static int
take_inputs(const struct source_file *f, const struct json *r,
    struct sources *s, struct error *err)
{
	const char *name = json_get_str(r, "name", "");
	const struct json *one = json_get(r, "file");
	const struct json *many = json_get(r, "files");
	const struct json *command = json_get(r, "command");
	char *text;
	int rc;

	if (command != NULL) {
		text = xasprintf("exec:%s", command->str);
		rc = sources_add(s, name, text, err);
		free(text);
		return rc < 0 ? blame(f, command, false, err) : 0;
	}
	for (const struct json *v = one != NULL ? one : many->child; v != NULL;
	     v = one != NULL ? NULL : v->next) {
		enum err_code code;

		if (sources_add(s, name, v->str, err) == 0)
			continue;
		code = err->code; /* a missing file is no wrong usage */
		blame(f, v, false, err);
		err->code = code;
		return -1;
	}
	return 0;
}

static int
take_resource(struct source_file *f, const struct json *r, struct sources *s,
    const struct table_hints *flags, struct error *err)
{
	const struct json *table = hint(f, r, "table_name");
	struct entry *e = &f->entries[f->count++];

	*e = (struct entry){ .limit = UINT64_MAX };
	if (hint(f, r, "limit") != NULL)
		e->limit = strtoull(hint(f, r, "limit")->raw, NULL, 10);
	if (table != NULL && table->kind == JSON_STRING)
		e->table = table->str;
	else if (table != NULL)
		e->table_from = json_get_str(table, "field", "");
	if (take_hints(f, r, flags, e, err) < 0)
		return -1;
	return take_inputs(f, r, s, err);
}

/* Every name must be that of a resource. */
static int
check_names(const struct source_file *f, const char *const *names, size_t count,
    struct error *err)
{
	const char **all = xcalloc(f->resources->count + 1, sizeof(*all));
	const char *near;
	size_t n = 0, i;

	for (const struct json *r = f->resources->child; r; r = r->next)
		all[n++] = json_get_str(r, "name", "");
	for (i = 0; i < count; i++) {
		size_t k = 0;

		while (k < n && strcmp(all[k], names[i]) != 0)
			k++;
		if (k == n)
			break;
	}
	if (i < count) {
		near = opt_nearest(names[i], all, n);
		error_set(err, ERR_DATA, "%s: no resource \"%s\"%s%s%s",
		    f->path, names[i], near != NULL ? "; did you mean \"" : "",
		    near != NULL ? near : "", near != NULL ? "\"?" : "");
	}
	free(all);
	return i < count ? -1 : 0;
}

static bool
is_wanted(const struct source_file *f, const struct json *r,
    const char *const *names, size_t count)
{
	const struct json *selected = hint(f, r, "selected");

	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], json_get_str(r, "name", "")) == 0)
			return true;
	return count == 0 && (selected == NULL || selected->truth);
}

int
source_file_select(struct source_file *f, struct sources *s,
    const char *const *names, size_t count, const struct table_hints *flags,
    struct error *err)
{
	if (check_names(f, names, count, err) < 0)
		return -1;
	f->entries = xcalloc(f->resources->count + 1, sizeof(*f->entries));
	for (const struct json *r = f->resources->child; r; r = r->next)
		if (is_wanted(f, r, names, count) &&
		    take_resource(f, r, s, flags, err) < 0)
			return -1;
	return f->count != 0
	    ? 0
	    : error_set(err, ERR_DATA, "%s: no resource is selected", f->path);
}

void
source_file_plan(const struct source_file *f, size_t i,
    struct pull_resource *plan)
{
	const struct entry *e = &f->entries[i];

	plan->hints = &e->hints;
	plan->keeps_name = true;
	if (plan->table_from == NULL) {
		plan->table = e->table;
		plan->table_from = e->table_from;
	}
	if (plan->limit == UINT64_MAX)
		plan->limit = e->limit;
}

void
source_file_set_caps(struct source_file *f, const struct caps *caps)
{
	for (size_t i = 0; i < f->count; i++)
		f->entries[i].hints.caps = caps;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/source_check.h"

#include "common/mem.h"
#include "common/opt.h"
#include "common/type.h"
#include "tools/dlt-extract/disposition.h"
#include "tools/dlt-extract/rest/rest_config.h"
#include "tools/dlt-extract/source_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

int
source_blame(const struct source_file *f, const struct json *v, bool key,
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

/* Of one table of keys. */
#define MAX_KEYS 64

static const char later[] = "is not supported by this version";

static const struct source_key top_keys[] = {
	{ "name", K(STRING), NULL },
	{ "resource_defaults", K(OBJECT), NULL },
	{ "resources", K(ARRAY), NULL },
	{ "client", K(OBJECT), NULL },
};

static const struct source_key resource_keys[] = {
	{ "name", K(STRING), NULL },
	{ "file", K(STRING), NULL },
	{ "files", K(ARRAY), NULL },
	{ "command", K(STRING), NULL },
	{ "singer", K(STRING), NULL },
	{ "typed", K(BOOL), NULL },
	{ "from", K(STRING), NULL },
	{ "copies", K(NUMBER), NULL },
	{ "selected", K(BOOL), NULL },
	{ "limit", K(NUMBER) | K(OBJECT), NULL },
	{ "table_name", K(STRING) | K(OBJECT), NULL },
	{ "write_disposition", K(STRING) | K(OBJECT), NULL },
	{ "primary_key", K(STRING) | K(ARRAY), NULL },
	{ "merge_key", K(STRING) | K(ARRAY), NULL },
	{ "columns", K(OBJECT) | K(ARRAY), NULL },
	{ "schema_contract", K(STRING) | K(OBJECT), NULL },
	{ "table_format", K(STRING), NULL },
	{ "file_format", K(STRING), NULL },
	{ "description", K(STRING), NULL },
	{ "database", K(STRING), NULL },
	{ "table", K(STRING), NULL },
	{ "sql", K(STRING), NULL },
	{ "endpoint", K(STRING) | K(OBJECT) | K(NULL), NULL },
	{ "include_from_parent", K(ARRAY) | K(NULL), NULL },
	{ "processing_steps", K(ARRAY), NULL },
	{ "incremental", K(OBJECT) | K(NULL), NULL },
	{ "parallelized", K(BOOL) | K(NULL), NULL },
	{ "max_table_nesting", K(NUMBER), NULL },
	{ "nested_hints", K(OBJECT), NULL },
	{ "references", 0, later },
};

static const struct source_key limit_keys[] = {
	{ "max_items", K(NUMBER), NULL },
	{ "max_time", K(NUMBER), NULL },
	{ "count_rows", K(BOOL), NULL },
};

static const struct source_key nested_keys[] = {
	{ "columns", K(OBJECT) | K(ARRAY), NULL },
	{ "primary_key", K(STRING) | K(ARRAY), NULL },
	{ "merge_key", K(STRING) | K(ARRAY), NULL },
	{ "write_disposition", K(STRING), NULL },
	{ "table_format", K(STRING), NULL },
	{ "file_format", K(STRING), NULL },
	{ "description", K(STRING), NULL },
};

static const struct source_key table_name_keys[] = {
	{ "field", K(STRING), NULL },
};

static const struct source_key disposition_keys[] = {
	{ "disposition", K(STRING), NULL },
	{ "strategy", K(STRING), NULL },
	{ "deduplicated", K(BOOL), NULL },
	{ "row_version_column_name", K(STRING), NULL },
	{ "validity_column_names", K(ARRAY), NULL },
	{ "active_record_timestamp", K(STRING) | K(NULL), NULL },
	{ "boundary_timestamp", K(STRING), NULL },
};

static const struct source_key contract_keys[] = {
	{ "tables", K(STRING), NULL },
	{ "columns", K(STRING), NULL },
	{ "data_type", K(STRING), NULL },
};

static const struct source_key column_keys[] = {
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
	{ "incremental", K(BOOL) | K(OBJECT), NULL },
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

int
source_check_kind(const struct source_file *f, const struct json *v,
    const char *name, unsigned kinds, struct error *err)
{
	char wanted[80];

	if (!(kinds & (1u << v->kind))) {
		say_kinds(kinds, wanted, sizeof(wanted));
		error_set(err, ERR_USAGE, "\"%s\" must be %s", name, wanted);
		return source_blame(f, v, false, err);
	}
	if (v->kind != JSON_STRING || (v->len > 0 && strlen(v->str) == v->len))
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is %s", name,
	    v->len == 0 ? "empty" : "a string with a NUL character");
	return source_blame(f, v, false, err);
}

static int
unknown_key(const struct source_file *f, const struct json *v,
    const struct source_key *keys, size_t count, struct error *err)
{
	const char *names[MAX_KEYS], *near;

	if (count > MAX_KEYS)
		count = MAX_KEYS;
	for (size_t i = 0; i < count; i++)
		names[i] = keys[i].name;
	near = opt_nearest(v->key, names, count);
	error_set(err, ERR_USAGE, "unknown key \"%s\"%s%s%s", v->key,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return source_blame(f, v, true, err);
}

int
source_check_keys(const struct source_file *f, const struct json *object,
    const struct source_key *keys, size_t count, struct error *err)
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
			return source_blame(f, v, true, err);
		}
		if (source_check_kind(f, v, v->key, keys[i].kinds, err) < 0)
			return -1;
	}
	return 0;
}

int
source_need(const struct source_file *f, const struct json *object,
    const char *key, struct error *err)
{
	if (json_get(object, key) != NULL)
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is missing", key);
	return source_blame(f, object, false, err);
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
		return source_blame(f, v, false, err);
	}
	for (const struct json *i = v->child; i != NULL; i = i->next)
		if (source_check_kind(f, i, name, K(STRING), err) < 0)
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

	if (source_check_kind(f, c, type, K(OBJECT), err) < 0 ||
	    source_check_keys(f, c, column_keys, ARRAY_LEN(column_keys), err) <
	        0)
		return -1;
	if (v == NULL || type_parse(v->str) != TYPE_NONE)
		return 0;
	near = opt_nearest(v->str, types, ARRAY_LEN(types));
	error_set(err, ERR_USAGE, "\"%s\" is no data type%s%s%s", v->str,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	return source_blame(f, v, false, err);
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
		        source_need(f, c, "name", err) < 0))
			return -1;
	return 0;
}

static int
check_table(const struct source_file *f, const struct json *v,
    const struct source_key *keys, size_t count, struct error *err)
{
	if (v == NULL || v->kind != JSON_OBJECT)
		return 0;
	return source_check_keys(f, v, keys, count, err);
}

static int
check_whole(const struct source_file *f, const struct json *r, const char *key,
    struct error *err)
{
	const struct json *v = json_get(r, key);

	if (v == NULL ||
	    (v->raw_len < 19 && strspn(v->raw, "0123456789") >= v->raw_len))
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is no whole number from 0", key);
	return source_blame(f, v, false, err);
}

static int
check_limit(const struct source_file *f, const struct json *v,
    const struct json *r, struct error *err)
{
	const struct json *time = json_get(v, "max_time");

	if (v == NULL || v->kind != JSON_OBJECT)
		return check_whole(f, r, "limit", err);
	if (source_check_keys(f, v, limit_keys, ARRAY_LEN(limit_keys), err) <
	        0 ||
	    check_whole(f, v, "max_items", err) < 0)
		return -1;
	if (time == NULL || strtod(time->raw, NULL) > 0)
		return 0;
	error_set(err, ERR_USAGE, "\"max_time\" is no number of seconds");
	return source_blame(f, time, false, err);
}

/* Of one nested table, whose key is the path to it. */
static int
check_nested(const struct source_file *f, const struct json *n,
    struct error *err)
{
	const struct json *how;
	struct disposition d = { 0 };
	int rc;

	if (n->key_len == 0 || n->key[0] == '.' ||
	    n->key[n->key_len - 1] == '.' || strstr(n->key, "..") != NULL) {
		error_set(err, ERR_USAGE, "\"%s\" is no path to a nested table",
		    n->key);
		return source_blame(f, n, true, err);
	}
	if (source_check_kind(f, n, n->key, K(OBJECT), err) < 0 ||
	    source_check_keys(f, n, nested_keys, ARRAY_LEN(nested_keys), err) <
	        0 ||
	    check_columns(f, json_get(n, "columns"), err) < 0 ||
	    check_strings(f, json_get(n, "primary_key"), "primary_key", err) <
	        0 ||
	    check_strings(f, json_get(n, "merge_key"), "merge_key", err) < 0)
		return -1;
	how = json_get(n, "write_disposition");
	rc = disposition_parse(&d, how != NULL ? how->str : NULL, err);
	disposition_release(&d);
	return rc < 0 ? source_blame(f, how, false, err) : 0;
}

/* Of a resource, or of resource_defaults. */
static int
check_hints(const struct source_file *f, const struct json *r,
    struct error *err)
{
	const struct json *d = json_get(r, "write_disposition");
	const struct json *t = json_get(r, "table_name");
	const struct json *nested = json_get(r, "nested_hints");

	if (source_check_keys(f, r, resource_keys, ARRAY_LEN(resource_keys),
	        err) < 0 ||
	    check_columns(f, json_get(r, "columns"), err) < 0 ||
	    check_table(f, d, disposition_keys, ARRAY_LEN(disposition_keys),
	        err) < 0 ||
	    check_table(f, t, table_name_keys, ARRAY_LEN(table_name_keys),
	        err) < 0 ||
	    check_table(f, json_get(r, "schema_contract"), contract_keys,
	        ARRAY_LEN(contract_keys), err) < 0 ||
	    check_limit(f, json_get(r, "limit"), r, err) < 0 ||
	    check_whole(f, r, "max_table_nesting", err) < 0 ||
	    check_strings(f, json_get(r, "files"), "files", err) < 0 ||
	    check_strings(f, json_get(r, "primary_key"), "primary_key", err) <
	        0 ||
	    check_strings(f, json_get(r, "merge_key"), "merge_key", err) < 0)
		return -1;
	if (t != NULL && t->kind == JSON_OBJECT &&
	    source_need(f, t, "field", err) < 0)
		return -1;
	for (const struct json *n = nested != NULL ? nested->child : NULL;
	     n != NULL; n = n->next)
		if (check_nested(f, n, err) < 0)
			return -1;
	if (d != NULL && d->kind == JSON_OBJECT &&
	    (source_need(f, d, "disposition", err) < 0 ||
	        check_strings(f, json_get(d, "validity_column_names"),
	            "validity_column_names", err) < 0))
		return -1;
	return 0;
}

bool
source_is_database(const struct source_file *f, const struct json *r)
{
	static const char *const others[] = { "file", "files", "command",
		"singer", "endpoint" };

	if (json_get(r, "database") != NULL || json_get(r, "table") != NULL ||
	    json_get(r, "sql") != NULL)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (json_get(r, others[i]) != NULL)
			return false;
	return json_get(f->defaults, "database") != NULL;
}

/* A table or a query of a database; the keys go together. */
static int
check_database(const struct source_file *f, const struct json *r,
    struct error *err)
{
	const struct json *table = json_get(r, "table");
	const struct json *sql = json_get(r, "sql");

	if (table == NULL && sql == NULL)
		return 0;
	if (table != NULL && sql != NULL)
		error_set(err, ERR_USAGE,
		    "\"table\" and \"sql\" exclude one another");
	else if (json_get(r, "database") == NULL &&
	    json_get(f->defaults, "database") == NULL)
		error_set(err, ERR_USAGE, "\"%s\" needs a \"database\"",
		    table != NULL ? "table" : "sql");
	else
		return 0;
	return source_blame(f, sql != NULL ? sql : table, true, err);
}

/* Each is one filter or one map. */
static int
check_steps(const struct source_file *f, const struct json *steps,
    struct error *err)
{
	static const struct source_key keys[] = {
		{ "filter", K(STRING), NULL },
		{ "map", K(STRING), NULL },
		{ "yield_map", 0,
		    "is a function of Python: take \"map\", or "
		    "a resource with \"from\"" },
	};

	if (steps == NULL)
		return 0;
	for (const struct json *s = steps->child; s != NULL; s = s->next) {
		if (source_check_kind(f, s, "processing_steps", K(OBJECT),
		        err) < 0 ||
		    source_check_keys(f, s, keys, ARRAY_LEN(keys), err) < 0)
			return -1;
		if (s->count == 1)
			continue;
		error_set(err, ERR_USAGE,
		    "a step has one of \"filter\" and \"map\"");
		return source_blame(f, s, false, err);
	}
	return 0;
}

/* Keys of a command. */
static int
check_command(const struct source_file *f, const struct json *r,
    struct error *err)
{
	static const char *const keys[] = { "typed", "from", "copies" };
	const struct json *copies = json_get(r, "copies");

	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		if (json_get(r, keys[i]) == NULL ||
		    json_get(r, "command") != NULL)
			continue;
		error_set(err, ERR_USAGE, "\"%s\" is for a \"command\"",
		    keys[i]);
		return source_blame(f, json_get(r, keys[i]), true, err);
	}
	if (copies == NULL)
		return 0;
	if (json_get(r, "from") == NULL) {
		error_set(err, ERR_USAGE,
		    "\"copies\" share the rows that come \"from\" another "
		    "resource");
		return source_blame(f, copies, true, err);
	}
	if (json_get_int(r, "copies", 0) >= 1 &&
	    json_get_int(r, "copies", 0) <= 64)
		return 0;
	error_set(err, ERR_USAGE, "\"copies\" is no number from 1 to 64");
	return source_blame(f, copies, false, err);
}

const char *
source_parent(const struct source_file *f, const struct json *r)
{
	const char *from = json_get_str(r, "from", NULL);

	return from != NULL ? from : rest_parent(f, r);
}

const struct json *
source_resource(const struct source_file *f, const char *name)
{
	const struct json *r = f->resources->child;

	while (r != NULL && strcmp(json_get_str(r, "name", ""), name) != 0)
		r = r->next;
	return r;
}

static int
no_parent(const struct source_file *f, const struct json *r, struct error *err)
{
	const char **names = xcalloc(f->resources->count + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	for (const struct json *o = f->resources->child; o; o = o->next)
		names[n++] = json_get_str(o, "name", "");
	near = opt_nearest(json_get_str(r, "from", ""), names, n);
	error_set(err, ERR_USAGE, "no resource \"%s\"%s%s%s",
	    json_get_str(r, "from", ""), near ? "; did you mean \"" : "",
	    near ? near : "", near ? "\"?" : "");
	free(names);
	return source_blame(f, json_get(r, "from"), false, err);
}

/* Each resource has a root. */
static int
check_parents(const struct source_file *f, struct error *err)
{
	for (const struct json *r = f->resources->child; r; r = r->next) {
		const struct json *up = r;
		const char *name = json_get_str(r, "from", NULL);

		if (name != NULL && source_resource(f, name) == NULL)
			return no_parent(f, r, err);
		for (size_t n = 0; up != NULL; n++) {
			name = source_parent(f, up);
			up = name == NULL ? NULL : source_resource(f, name);
			if (n <= f->resources->count)
				continue;
			error_set(err, ERR_USAGE,
			    "resource \"%s\" comes from itself",
			    json_get_str(r, "name", ""));
			return source_blame(f, r, false, err);
		}
	}
	return 0;
}

static int
check_resource(const struct source_file *f, const struct json *r,
    struct error *err)
{
	const char *name;
	int inputs = 0;

	if (source_check_kind(f, r, "resources", K(OBJECT), err) < 0 ||
	    check_hints(f, r, err) < 0 || source_need(f, r, "name", err) < 0)
		return -1;
	inputs += json_get(r, "file") != NULL;
	inputs += json_get(r, "files") != NULL;
	inputs += json_get(r, "command") != NULL;
	inputs += json_get(r, "singer") != NULL;
	inputs += inputs == 0 ? source_is_database(f, r)
	                      : json_get(r, "database") != NULL;
	inputs += rest_is_resource(f, r);
	name = json_get_str(r, "name", "");
	if (inputs != 1) {
		error_set(err, ERR_USAGE,
		    "resource \"%s\" needs one of \"file\", \"files\", "
		    "\"database\", "
		    "\"command\", \"singer\", \"endpoint\"",
		    name);
		return source_blame(f, r, false, err);
	}
	if (check_database(f, r, err) < 0)
		return -1;
	if (check_command(f, r, err) < 0 ||
	    check_steps(f, json_get(r, "processing_steps"), err) < 0)
		return -1;
	for (const struct json *o = f->resources->child; o != r; o = o->next) {
		if (strcmp(json_get_str(o, "name", ""), name) != 0)
			continue;
		error_set(err, ERR_USAGE, "a second resource \"%s\"", name);
		return source_blame(f, json_get(r, "name"), false, err);
	}
	return 0;
}

static int
check_defaults(const struct source_file *f, struct error *err)
{
	static const char *const own[] = { "name", "file", "files", "command",
		"singer", "from", "table", "sql", "processing_steps" };

	if (f->defaults == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(own); i++) {
		const struct json *v = json_get(f->defaults, own[i]);

		if (v == NULL)
			continue;
		error_set(err, ERR_USAGE, "\"%s\" is no default", own[i]);
		return source_blame(f, v, true, err);
	}
	return check_hints(f, f->defaults, err);
}

int
source_check(struct source_file *f, struct error *err)
{
	const struct json *root = f->doc.root;

	rest_config_expand(f);
	if (source_check_kind(f, root, "the source", K(OBJECT), err) < 0 ||
	    source_check_keys(f, root, top_keys, ARRAY_LEN(top_keys), err) <
	        0 ||
	    source_need(f, root, "resources", err) < 0)
		return -1;
	f->defaults = json_get(root, "resource_defaults");
	f->resources = json_get(root, "resources");
	if (check_defaults(f, err) < 0)
		return -1;
	for (const struct json *r = f->resources->child; r; r = r->next)
		if (check_resource(f, r, err) < 0)
			return -1;
	if (rest_config_new(f, &f->rest, err) < 0)
		return -1;
	return check_parents(f, err);
}

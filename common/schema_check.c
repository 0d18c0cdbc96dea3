/* SPDX-License-Identifier: MIT */
/* What a schema that people write must be, key by key: dlt/common/schema/
 * typing.py, which Python dlt validates against. */
#include <string.h>

#include "common/schema_private.h"

enum kind {
	IS_ANY, /* looked at elsewhere */
	IS_BOOL,
	IS_INT,
	IS_STRING,
	IS_ONE_OF,
	IS_OBJECT,
	IS_LIST,
	IS_LIST_OF,
};

struct key_rule {
	const char *key;
	enum kind kind;
	const char *const *words; /* of IS_ONE_OF, IS_LIST_OF */
};

static const char *const types[] = { "text", "double", "bool", "timestamp",
	"bigint", "binary", "json", "decimal", "wei", "date", "time", NULL };
static const char *const orders[] = { "asc", "desc", NULL };
static const char *const dispositions[] = { "skip", "append", "replace",
	"merge", NULL };
static const char *const table_formats[] = { "iceberg", "delta", "hive",
	"native", NULL };
static const char *const file_formats[] = { "preferred", "jsonl", "typed-jsonl",
	"insert_values", "parquet", "csv", "reference", "model", NULL };
static const char *const detections[] = { "timestamp", "iso_timestamp",
	"iso_date", "large_integer", "hexbytes_to_text", "wei_to_double",
	NULL };

static const struct key_rule column_rules[] = {
	{ "name", IS_STRING, NULL },
	{ "data_type", IS_ONE_OF, types },
	{ "nullable", IS_BOOL, NULL },
	{ "precision", IS_INT, NULL },
	{ "scale", IS_INT, NULL },
	{ "timezone", IS_BOOL, NULL },
	{ "description", IS_STRING, NULL },
	{ "partition", IS_BOOL, NULL },
	{ "cluster", IS_BOOL, NULL },
	{ "unique", IS_BOOL, NULL },
	{ "sort", IS_BOOL, NULL },
	{ "primary_key", IS_BOOL, NULL },
	{ "row_key", IS_BOOL, NULL },
	{ "parent_key", IS_BOOL, NULL },
	{ "root_key", IS_BOOL, NULL },
	{ "merge_key", IS_BOOL, NULL },
	{ "variant", IS_BOOL, NULL },
	{ "hard_delete", IS_BOOL, NULL },
	{ "dedup_sort", IS_ONE_OF, orders },
	{ "incremental", IS_BOOL, NULL },
	{ NULL, IS_ANY, NULL },
};

static const struct key_rule table_rules[] = {
	{ "name", IS_STRING, NULL },
	{ "description", IS_STRING, NULL },
	{ "schema_contract", IS_ANY, NULL },
	{ "table_sealed", IS_BOOL, NULL },
	{ "parent", IS_STRING, NULL },
	{ "filters", IS_OBJECT, NULL },
	{ "columns", IS_OBJECT, NULL },
	{ "resource", IS_STRING, NULL },
	{ "table_format", IS_ONE_OF, table_formats },
	{ "file_format", IS_ONE_OF, file_formats },
	{ "write_disposition", IS_ONE_OF, dispositions },
	{ "references", IS_LIST, NULL },
	{ NULL, IS_ANY, NULL },
};

static const struct key_rule settings_rules[] = {
	{ "schema_contract", IS_ANY, NULL },
	{ "detections", IS_LIST_OF, detections },
	{ "default_hints", IS_OBJECT, NULL },
	{ "preferred_types", IS_OBJECT, NULL },
	{ NULL, IS_ANY, NULL },
};

static const struct key_rule schema_rules[] = {
	{ "version", IS_INT, NULL },
	{ "version_hash", IS_STRING, NULL },
	{ "previous_hashes", IS_LIST, NULL },
	{ "imported_version_hash", IS_STRING, NULL },
	{ "engine_version", IS_INT, NULL },
	{ "name", IS_STRING, NULL },
	{ "description", IS_STRING, NULL },
	{ "settings", IS_OBJECT, NULL },
	{ "tables", IS_OBJECT, NULL },
	{ "normalizers", IS_OBJECT, NULL },
	{ NULL, IS_ANY, NULL },
};

struct check {
	bool strict; /* keys that are not known are errors */
	const struct json **where;
	struct error *err;
};

static int
wrong(const struct check *c, const struct json *v, const char *key,
    const char *wanted)
{
	int shown = v->raw_len > 40 ? 40 : (int)v->raw_len;

	*c->where = v;
	return error_set(c->err, ERR_DATA, "%s is %.*s, not %s", key, shown,
	    v->raw, wanted);
}

static bool
is_int(const struct json *v)
{
	return v->kind == JSON_NUMBER &&
	    strspn(v->raw, "-0123456789") >= v->raw_len;
}

static int
check_word(const struct check *c, const struct json *v, const char *key,
    const char *const *words)
{
	struct buf list = { 0 };
	int rc;

	for (const char *const *w = words; *w; w++) {
		if (v->kind == JSON_STRING && strcmp(v->str, *w) == 0) {
			buf_release(&list);
			return 0;
		}
		buf_addf(&list, "%s%s", w == words ? "one of " : ", ", *w);
	}
	rc = wrong(c, v, key, buf_str(&list));
	buf_release(&list);
	return rc;
}

static int
check_words(const struct check *c, const struct json *v, const char *key,
    const char *const *words)
{
	if (v->kind != JSON_ARRAY)
		return wrong(c, v, key, "a list");
	for (const struct json *e = v->child; e; e = e->next)
		if (check_word(c, e, key, words) < 0)
			return -1;
	return 0;
}

static int
check_value(const struct check *c, const struct json *v,
    const struct key_rule *r)
{
	if (v->kind == JSON_NULL)
		return 0;
	switch (r->kind) {
	case IS_BOOL:
		return v->kind == JSON_BOOL
		    ? 0
		    : wrong(c, v, r->key, "true or false");
	case IS_INT:
		return is_int(v) ? 0 : wrong(c, v, r->key, "an integer");
	case IS_STRING:
		return v->kind == JSON_STRING ? 0
		                              : wrong(c, v, r->key, "a string");
	case IS_OBJECT:
		return v->kind == JSON_OBJECT
		    ? 0
		    : wrong(c, v, r->key, "an object");
	case IS_LIST:
		return v->kind == JSON_ARRAY ? 0
		                             : wrong(c, v, r->key, "a list");
	case IS_ONE_OF:
		return check_word(c, v, r->key, r->words);
	case IS_LIST_OF:
		return check_words(c, v, r->key, r->words);
	case IS_ANY:
		break;
	}
	return 0;
}

static int
check_object(const struct check *c, const struct json *o,
    const struct key_rule *rules)
{
	for (const struct json *m = o->child; m; m = m->next) {
		const struct key_rule *r = rules;

		while (r->key && strcmp(r->key, m->key) != 0)
			r++;
		if (!r->key && c->strict && strncmp(m->key, "x-", 2) != 0) {
			*c->where = m;
			return error_set(c->err, ERR_DATA,
			    "\"%s\" is no key that is known here", m->key);
		}
		if (r->key && check_value(c, m, r) < 0)
			return -1;
	}
	return 0;
}

static int
check_table(const struct check *c, const struct json *t)
{
	const struct json *columns = json_get(t, "columns");

	if (t->kind != JSON_OBJECT)
		return wrong(c, t, "it", "an object");
	if (check_object(c, t, table_rules) < 0)
		return -1;
	for (const struct json *m = columns ? columns->child : NULL; m;
	     m = m->next)
		if (m->kind != JSON_OBJECT
		        ? wrong(c, m, "it", "an object")
		        : check_object(c, m, column_rules) < 0)
			return error_prefix(c->err, "column \"%s\": ", m->key);
	return 0;
}

static int
check_settings(const struct check *c, const struct json *s)
{
	const struct json *preferred = json_get(s, "preferred_types");
	const struct json *hints = json_get(s, "default_hints");

	if (check_object(c, s, settings_rules) < 0)
		return -1;
	for (const struct json *m = preferred ? preferred->child : NULL; m;
	     m = m->next)
		if (check_word(c, m, m->key, types) < 0)
			return error_prefix(c->err, "preferred_types: ");
	for (const struct json *m = hints ? hints->child : NULL; m; m = m->next)
		if (m->kind != JSON_ARRAY) {
			wrong(c, m, m->key, "a list");
			return error_prefix(c->err, "default_hints: ");
		}
	return 0;
}

int
schema_check(const struct json *root, bool strict, const struct json **where,
    struct error *err)
{
	const struct check c = { strict, where, err };
	const struct json *tables = json_get(root, "tables");
	const struct json *settings = json_get(root, "settings");

	*where = root;
	if (root->kind == JSON_NULL)
		return error_set(err, ERR_DATA, "there is no schema in it");
	if (root->kind != JSON_OBJECT)
		return wrong(&c, root, "a schema", "an object");
	/* Older ones are read by what was known then. */
	if (json_get_int(root, "engine_version", SCHEMA_ENGINE) !=
	    SCHEMA_ENGINE)
		return 0;
	if (check_object(&c, root, schema_rules) < 0)
		return -1;
	if (settings && check_settings(&c, settings) < 0)
		return error_prefix(err, "settings: ");
	for (const struct json *t = tables ? tables->child : NULL; t;
	     t = t->next)
		if (check_table(&c, t) < 0)
			return error_prefix(err, "table \"%s\": ", t->key);
	return 0;
}

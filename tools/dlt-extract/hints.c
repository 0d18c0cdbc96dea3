/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/hints.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/name.h"
#include "tools/dlt-extract/column_hint.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* dlt's order of a root table's keys. */
static const char *const key_order[] = { "columns", "x-merge-strategy",
	"x-stage-data-deduplicated", "x-boundary-timestamp",
	"write_disposition", "schema_contract", "file_format", "name",
	"resource", "x-normalizer" };

static void
set_string(struct table *t, const char *key, const char *value)
{
	struct buf b = { 0 };

	jsonw_quote(&b, value, strlen(value));
	table_set(t, key, buf_str(&b));
	buf_release(&b);
}

/* ---- flags ---- */

static int
parse_nesting(struct table_hints *h, struct error *err)
{
	char *end;

	h->nesting = -1;
	if (h->max_table_nesting == NULL)
		return 0;
	errno = 0;
	h->nesting = strtol(h->max_table_nesting, &end, 10);
	if (errno != 0 || end == h->max_table_nesting || *end != '\0' ||
	    h->nesting < 0)
		return error_set(err, ERR_USAGE,
		    "--max-table-nesting: \"%s\" is no number from 0",
		    h->max_table_nesting);
	return 0;
}

int
hints_parse(struct table_hints *h, struct error *err)
{
	struct naming naming = { .kind = NAMING_SNAKE_CASE };

	if (disposition_parse(&h->disposition, h->write_disposition, err) < 0 ||
	    parse_nesting(h, err) < 0)
		return -1;
	if (h->schema_contract != NULL &&
	    contract_from_flag(h->schema_contract, &h->contract, err) < 0) {
		err->code = ERR_USAGE;
		return error_prefix(err, "--schema-contract: ");
	}
	for (size_t i = 0; i < h->columns.count; i++) {
		struct table *t = table_new("t");
		int rc = column_hint_add(t, &naming, h->columns.items[i], err);

		table_free(t);
		if (rc < 0)
			return error_prefix(err, "--column: ");
	}
	return 0;
}

void
table_hints_release(struct table_hints *h)
{
	disposition_release(&h->disposition);
	buf_release(&h->contract);
	opt_list_release(&h->columns);
}

/* ---- the schema ---- */

void
hints_apply_schema(const struct table_hints *h, struct schema *s)
{
	s->naming.max_length = h->caps->max_identifier;
	if (h->caps->flat)
		schema_set_max_nesting(s, 0);
	else if (h->nesting >= 0)
		schema_set_max_nesting(s, h->nesting);
}

/* ---- tables ---- */

/* One key of primary_key or merge_key (dlt: _merge_key). */
static int
add_key(struct table *t, const struct naming *naming, const char *name,
    size_t len, const char *hint, struct error *err)
{
	struct buf b = { 0 };
	struct column *c;
	int rc = name_path(naming, name, len, &b, err);

	if (rc == 0) {
		c = table_column_n(t, b.data, b.len);
		if (c == NULL)
			c = table_add_column(t, b.data, b.len);
		if (hints_get(&c->hints, "nullable") == NULL)
			column_set(c, "nullable", "false");
		column_set(c, hint, "true");
	}
	buf_release(&b);
	return rc;
}

static int
add_keys(struct table *t, const struct naming *naming, const char *names,
    const char *hint, struct error *err)
{
	if (names == NULL)
		return 0;
	for (size_t i = 0; i < t->column_count; i++)
		column_set(t->columns[i], hint, NULL);
	for (const char *p = names;; p++) {
		size_t len = strcspn(p, ",");

		if (len == 0)
			return error_set(err, ERR_USAGE,
			    "\"%s\" is no list of columns", names);
		if (add_key(t, naming, p, len, hint, err) < 0)
			return -1;
		p += len;
		if (*p == '\0')
			return 0;
	}
}

/* Is a --column meant for this table? nested: for one below it; then *table is
 * its name. Without a table's name it is for all root tables. */
static bool
column_is_for(const char *text, const char *table, const char *resource,
    bool nested, struct buf *name)
{
	size_t len = column_hint_table(text), n = strlen(table);

	if (len == 0)
		return !nested;
	if (!nested)
		return (strlen(resource) == len &&
		           memcmp(text, resource, len) == 0) ||
		    (n == len && memcmp(text, table, len) == 0);
	if (len <= n + 2 || memcmp(text, table, n) != 0 ||
	    memcmp(text + n, "__", 2) != 0)
		return false;
	buf_reset(name);
	buf_add(name, text, len);
	return true;
}

/* The columns that a source file declares. */
static int
add_declared(struct table *t, const struct naming *naming,
    const struct json *columns, struct error *err)
{
	struct buf b = { 0 };
	int rc = 0;

	if (columns == NULL)
		return 0;
	for (const struct json *c = columns->child; c && rc == 0; c = c->next) {
		const char *name = columns->kind == JSON_OBJECT
		    ? c->key
		    : json_get_str(c, "name", "");
		struct column *to;

		buf_reset(&b);
		rc = name_path(naming, name, strlen(name), &b, err);
		if (rc < 0)
			break;
		to = table_column_n(t, b.data, b.len);
		if (to == NULL)
			to = table_add_column(t, b.data, b.len);
		for (const struct json *v = c->child; v; v = v->next) {
			if (strcmp(v->key, "name") == 0)
				continue;
			buf_reset(&b);
			json_write(v, 0, &b);
			column_set(to, v->key,
			    strcmp(v->key, "incremental") == 0 &&
			            v->kind == JSON_OBJECT
			        ? "true"
			        : buf_str(&b));
		}
	}
	buf_release(&b);
	return rc;
}

/* A column that has a type keeps it, whatever the input says now. */
static void
keep_types(struct table *t, const struct table *existing)
{
	static const char *const props[] = { "data_type", "precision", "scale",
		"timezone" };

	for (size_t i = 0; existing != NULL && i < t->column_count; i++) {
		struct column *c = t->columns[i];
		const struct column *old = table_column(existing, c->name);

		for (size_t k = 0; old != NULL && old->type != TYPE_NONE &&
		     k < ARRAY_LEN(props);
		     k++)
			column_set(c, props[k],
			    hints_get(&old->hints, props[k]));
	}
}

/* What the input says; a primary key that is declared takes the place of its
 * own. */
static int
add_described(struct table *t, const struct naming *naming,
    const struct table_hints *h, const struct table *existing,
    struct error *err)
{
	const struct json *key = json_get(h->described, "primary_key");
	int rc = add_declared(t, naming, json_get(h->described, "columns"),
	    err);

	if (json_get_bool(h->described, "keep_types", false))
		keep_types(t, existing);
	if (key == NULL || h->primary_key != NULL)
		return rc;
	for (const struct json *k = key->child; k && rc == 0; k = k->next)
		rc = add_key(t, naming, k->str, k->len, "primary_key", err);
	return rc;
}

/* The column of an incremental cursor is marked. */
static int
add_cursor(struct table *t, const struct naming *naming, const char *field,
    struct error *err)
{
	struct buf b = { 0 };
	struct column *c;
	int rc;

	if (field == NULL)
		return 0;
	rc = name_path(naming, field, strlen(field), &b, err);
	if (rc == 0) {
		c = table_column_n(t, b.data, b.len);
		if (c == NULL)
			c = table_add_column(t, b.data, b.len);
		column_set(c, "incremental", "true");
	}
	buf_release(&b);
	return rc;
}

static struct table *
make_root(const struct table_hints *h, const struct schema *s,
    const char *table, const char *resource, struct error *err)
{
	struct table *t = table_new(table);
	int rc = add_described(t, &s->naming, h, schema_table(s, table), err);

	if (rc == 0)
		rc = add_declared(t, &s->naming, h->declared, err);
	for (size_t i = 0; i < h->columns.count && rc == 0; i++)
		if (column_is_for(h->columns.items[i], table, resource, false,
		        NULL))
			rc = column_hint_add(t, &s->naming, h->columns.items[i],
			    err);
	if (rc < 0 ||
	    add_keys(t, &s->naming, h->primary_key, "primary_key", err) < 0 ||
	    add_keys(t, &s->naming, h->merge_key, "merge_key", err) < 0) {
		table_free(t);
		return NULL;
	}
	if (disposition_apply(&h->disposition, t, &s->naming, err) < 0 ||
	    add_cursor(t, &s->naming, h->cursor, err) < 0) {
		table_free(t);
		return NULL;
	}
	if (h->contract.len != 0)
		table_set(t, "schema_contract", buf_str(&h->contract));
	if (h->table_format != NULL)
		set_string(t, "table_format", h->table_format);
	if (h->file_format != NULL)
		set_string(t, "file_format", h->file_format);
	if (h->description != NULL)
		set_string(t, "description", h->description);
	if (h->own_nesting != NULL)
		table_normalizer_set(t, "max_nesting", h->own_nesting);
	set_string(t, "resource", resource);
	return t;
}

/* A column's contract: true to keep it, false to drop it; -1 err. */
static int
check_column(const struct contract *c, const struct table *existing,
    const struct column *col, enum contract_mode column_mode, struct error *err)
{
	static const char *const props[] = { "data_type", "nullable",
		"precision", "scale", "timezone" };
	const struct column *old = existing == NULL
	    ? NULL
	    : table_column(existing, col->name);
	bool changed = false;

	if (strncmp(col->name, "_dlt", 4) == 0)
		return 1;
	if (old == NULL || old->type == TYPE_NONE) {
		if (column_mode == CONTRACT_FREEZE)
			return error_set(err, ERR_SCHEMA,
			    "column \"%s\" cannot be added to table \"%s\": "
			    "its columns are frozen",
			    col->name, existing == NULL ? "" : existing->name);
		return column_mode == CONTRACT_EVOLVE;
	}
	for (size_t i = 0; i < ARRAY_LEN(props); i++) {
		const char *a = hints_get(&col->hints, props[i]);
		const char *b = hints_get(&old->hints, props[i]);

		changed = changed ||
		    (a != NULL && (b == NULL || strcmp(a, b) != 0));
	}
	if (!changed || c->data_type == CONTRACT_EVOLVE)
		return 1;
	if (c->data_type == CONTRACT_FREEZE)
		return error_set(err, ERR_SCHEMA,
		    "column \"%s\" of table \"%s\" cannot change: its data "
		    "types are frozen",
		    col->name, existing->name);
	return 0;
}

/* Does the contract let the table in? Drops columns that it does not. */
static int
check_contract(struct table *t, const struct schema *s, bool *filtered,
    struct error *err)
{
	struct table *existing = schema_table(s, t->name);
	bool is_new = existing == NULL || table_is_new(existing);
	struct contract c;
	const char *own = hints_get(&t->hints, "schema_contract");
	enum contract_mode columns;

	/* As in dlt, what is declared now counts, and not what the stored table
	 * says. */
	if (own == NULL || strncmp(t->name, "_dlt", 4) == 0)
		c = schema_contract(s, NULL,
		    t->parent != NULL ? schema_table(s, t->parent) : NULL,
		    t->name);
	else if (contract_parse(own, &c, err) < 0)
		return -1;
	if (is_new && c.columns != CONTRACT_EVOLVE)
		table_set(t, "x-normalizer", "{\"evolve-columns-once\":true}");
	if (is_new && c.tables == CONTRACT_FREEZE)
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\" cannot be added: tables are frozen", t->name);
	if (is_new && c.tables != CONTRACT_EVOLVE) {
		*filtered = true;
		return 0;
	}
	columns = c.columns;
	if (is_new || table_normalizer_flag(existing, "evolve-columns-once"))
		columns = CONTRACT_EVOLVE;
	for (size_t i = 0; i < t->column_count;) {
		int keep = check_column(&c, existing, t->columns[i], columns,
		    err);

		if (keep < 0)
			return -1;
		if (keep)
			i++;
		else
			table_remove_column(t, t->columns[i]);
	}
	return 0;
}

/* Keys of a new table in dlt's order. */
static void
order_keys(struct table *t)
{
	size_t at = 0;

	for (size_t k = 0; k < ARRAY_LEN(key_order); k++) {
		for (size_t i = at; i < t->hints.count; i++) {
			struct hint *h = t->hints.items, hint = h[i];

			if (strcmp(hint.key, key_order[k]) != 0)
				continue;
			memmove(h + at + 1, h + at, (i - at) * sizeof(*h));
			h[at++] = hint;
			break;
		}
	}
}

static int
merge_table(const struct table_hints *h, struct schema *s, struct table *t,
    struct error *err)
{
	bool existed = schema_table(s, t->name) != NULL;
	struct table *merged = schema_merge_table(s, t,
	    SCHEMA_MERGE_TYPES | SCHEMA_MERGE_REPLACE_KEYS, err);

	if (merged == NULL)
		return -1;
	if (!existed && t->parent == NULL)
		order_keys(merged);
	schema_propagate_root_key(s, merged,
	    caps_strategies(h->caps, schema_root(s, merged)));
	return 0;
}

/* The nearest table above a nested one that the schema has. */
static struct table *
parent_of(const struct schema *s, const char *name)
{
	struct table *found = NULL;

	for (size_t i = 0; i < s->table_count; i++) {
		struct table *t = s->tables[i];

		if (strncmp(name, t->name, t->name_len) == 0 &&
		    strncmp(name + t->name_len, "__", 2) == 0 &&
		    (found == NULL || t->name_len > found->name_len))
			found = t;
	}
	return found;
}

static int
apply_nested(const struct table_hints *h, struct schema *s, const char *table,
    const char *resource, struct error *err)
{
	struct buf name = { 0 };
	int rc = 0;

	for (size_t i = 0; i < h->columns.count && rc == 0; i++) {
		const char *text = h->columns.items[i];
		struct table *t, *parent;

		if (!column_is_for(text, table, resource, true, &name))
			continue;
		t = table_new(buf_str(&name));
		parent = parent_of(s, buf_str(&name));
		if (parent != NULL)
			set_string(t, "parent", parent->name);
		rc = column_hint_add(t, &s->naming, text, err) < 0 ||
		        merge_table(h, s, t, err) < 0
		    ? -1
		    : 0;
		table_free(t);
	}
	buf_release(&name);
	return rc;
}

/* ---- hints of nested tables ---- */

static size_t
depth_of(const char *path)
{
	size_t n = 1;

	for (; *path != '\0'; path++)
		n += *path == '.';
	return n;
}

/* The table at the path below one, and *up: the one that it is nested in. */
static void
nested_name(const struct naming *naming, const char *table, const char *path,
    struct buf *name, struct buf *up)
{
	struct buf part = { 0 };

	buf_adds(name, table);
	while (*path != '\0') {
		size_t len = strcspn(path, ".");
		const char *both[2];

		buf_reset(&part);
		name_key(naming, path, len, true, &part);
		buf_reset(up);
		buf_adds(up, buf_str(name));
		both[0] = buf_str(up);
		both[1] = buf_str(&part);
		buf_reset(name);
		name_fragments(naming, both, 2, name);
		path += len + (path[len] == '.');
	}
	buf_release(&part);
}

/* A name, or an array of them; *any: there was one. */
static int
add_nested_keys(struct table *t, const struct naming *naming,
    const struct json *hints, const char *hint, bool *any, struct error *err)
{
	const struct json *v = json_get(hints, hint);
	int rc = 0;

	if (v == NULL)
		return 0;
	*any = true;
	if (v->kind == JSON_STRING)
		return add_key(t, naming, v->str, v->len, hint, err);
	for (const struct json *k = v->child; k && rc == 0; k = k->next)
		rc = add_key(t, naming, k->str, k->len, hint, err);
	return rc;
}

static bool
has_key(const struct table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (column_has(t->columns[i], "primary_key") ||
		    column_has(t->columns[i], "merge_key"))
			return true;
	return false;
}

/* With a key of its own it is a root table: only its rows come from others. */
static int
nested_table(struct table *t, const struct naming *naming,
    const struct json *hints, const char *parent, const char *resource,
    struct error *err)
{
	static const char *const texts[] = { "table_format", "file_format",
		"description" };
	const struct json *how = json_get(hints, "write_disposition");
	struct disposition d = { 0 };
	bool keys = false;
	int rc = 0;

	if (add_declared(t, naming, json_get(hints, "columns"), err) < 0 ||
	    add_nested_keys(t, naming, hints, "primary_key", &keys, err) < 0 ||
	    add_nested_keys(t, naming, hints, "merge_key", &keys, err) < 0)
		return -1;
	keys = keys || has_key(t);
	set_string(t, keys ? "resource" : "parent", keys ? resource : parent);
	if (how != NULL && !keys)
		msg_warn(
		    "table \"%s\": the write disposition of a nested table "
		    "has no effect; with a primary or merge key it is a "
		    "table of its own",
		    t->name);
	if (keys &&
	    (rc = disposition_parse(&d, how ? how->str : NULL, err)) == 0)
		rc = disposition_apply(&d, t, naming, err);
	disposition_release(&d);
	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		if (json_get(hints, texts[i]) != NULL)
			set_string(t, texts[i],
			    json_get_str(hints, texts[i], ""));
	return rc;
}

/* Short paths first: a table comes behind that in which it is nested. */
static int
apply_nested_hints(const struct table_hints *h, struct schema *s,
    const char *table, const char *resource, struct error *err)
{
	struct buf name = { 0 }, up = { 0 };
	size_t left = h->nested != NULL ? h->nested->count : 0;
	int rc = 0;

	for (size_t depth = 1; left != 0 && rc == 0; depth++) {
		for (const struct json *n = h->nested->child; n && rc == 0;
		     n = n->next) {
			struct table *t;

			if (depth_of(n->key) != depth)
				continue;
			left--;
			buf_reset(&name);
			nested_name(&s->naming, table, n->key, &name, &up);
			t = table_new(buf_str(&name));
			rc = nested_table(t, &s->naming, n, buf_str(&up),
			         resource, err) < 0 ||
			        merge_table(h, s, t, err) < 0
			    ? -1
			    : 0;
			table_free(t);
		}
	}
	buf_release(&name);
	buf_release(&up);
	return rc;
}

int
hints_apply(const struct table_hints *h, struct schema *s, const char *table,
    const char *resource, bool *filtered, struct error *err)
{
	struct table *t = make_root(h, s, table, resource, err);
	int rc = -1;

	*filtered = false;
	if (t == NULL)
		return -1;
	if (check_contract(t, s, filtered, err) < 0)
		goto out;
	if (!*filtered &&
	    (merge_table(h, s, t, err) < 0 ||
	        apply_nested_hints(h, s, table, resource, err) < 0 ||
	        apply_nested(h, s, table, resource, err) < 0))
		goto out;
	rc = caps_check(h->caps, s, err);
out:
	table_free(t);
	return rc;
}

int
hints_add_state_table(struct schema *s, struct error *err)
{
	static const struct {
		const char *name, *type;
		bool nullable;
	} columns[] = { { "version", "bigint", false },
		{ "engine_version", "bigint", false },
		{ "pipeline_name", "text", false }, { "state", "text", false },
		{ "created_at", "timestamp", false },
		{ "version_hash", "text", true },
		{ "_dlt_load_id", "text", false } };
	struct table_hints none = { .nesting = -1 };
	struct table *t = table_new("_dlt_pipeline_state");
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(columns); i++) {
		struct column *c = table_add_column(t, columns[i].name,
		    strlen(columns[i].name));
		char *type = xasprintf("\"%s\"", columns[i].type);

		column_set(c, "data_type", type);
		column_set(c, "nullable",
		    columns[i].nullable ? "true" : "false");
		free(type);
		if (i == ARRAY_LEN(columns) - 1)
			column_set(c, "precision", "64");
	}
	set_string(t, "write_disposition", "append");
	set_string(t, "file_format", "preferred");
	set_string(t, "resource", "_dlt_pipeline_state");
	none.caps = caps_find(NULL);
	rc = merge_table(&none, s, t, err);
	table_free(t);
	return rc;
}

/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/schema_private.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEFAULT_NESTING 1000

/* ---- settings and normalizers, worked out ---- */

void
schema_compiled_release(struct schema_private *p)
{
	for (size_t i = 0; i < p->rule_count; i++) {
		for (size_t k = 0; k < p->rules[i].count; k++)
			pattern_release(&p->rules[i].patterns[k]);
		free(p->rules[i].patterns);
		free(p->rules[i].name);
	}
	for (size_t i = 0; i < p->preference_count; i++)
		pattern_release(&p->preferences[i].pattern);
	free(p->rules);
	free(p->preferences);
	p->rules = NULL;
	p->preferences = NULL;
	p->rule_count = p->preference_count = 0;
	json_release(&p->settings);
	json_release(&p->normalizers);
	p->settings = (struct json_doc){ 0 };
	p->normalizers = (struct json_doc){ 0 };
}

static int
compile_rule(struct rule *r, const struct json *list, struct error *err)
{
	int rc = 0;

	r->name = xstrdup(list->key);
	if (list->kind != JSON_ARRAY)
		return error_set(err, ERR_DATA,
		    "settings.default_hints.%s is no array", list->key);
	r->patterns = xcalloc(list->count + 1, sizeof(*r->patterns));
	for (const struct json *v = list->child; v; v = v->next) {
		if (v->kind != JSON_STRING)
			return error_set(err, ERR_DATA,
			    "settings.default_hints.%s holds what is no string",
			    list->key);
		if (pattern_compile(&r->patterns[r->count++], v->str, err) < 0)
			rc = error_prefix(err,
			    "settings.default_hints.%s: ", list->key);
	}
	return rc;
}

static int
compile_rules(struct schema_private *p, const struct json *hints,
    struct error *err)
{
	int rc = 0;

	if (!hints || hints->kind == JSON_NULL)
		return 0;
	if (hints->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA,
		    "settings.default_hints is no object");
	p->rules = xcalloc(hints->count + 1, sizeof(*p->rules));
	for (const struct json *v = hints->child; v; v = v->next)
		if (compile_rule(&p->rules[p->rule_count++], v, err) < 0)
			rc = -1;
	return rc;
}

static int
compile_preferences(struct schema_private *p, const struct json *types,
    struct error *err)
{
	int rc = 0;

	if (!types || types->kind == JSON_NULL)
		return 0;
	if (types->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA,
		    "settings.preferred_types is no object");
	p->preferences = xcalloc(types->count + 1, sizeof(*p->preferences));
	for (const struct json *v = types->child; v; v = v->next) {
		struct preference *n = &p->preferences[p->preference_count++];

		if (v->kind == JSON_STRING)
			n->type = type_parse(v->str);
		if (n->type == TYPE_NONE)
			rc = error_set(err, ERR_DATA,
			    "settings.preferred_types: \"%s\" has no known "
			    "type",
			    v->key);
		if (pattern_compile(&n->pattern, v->key, err) < 0)
			rc = error_prefix(err, "settings.preferred_types: ");
	}
	return rc;
}

static int
compile_detections(struct schema *s, const struct json *list, struct error *err)
{
	s->detection_count = 0;
	if (!list || list->kind == JSON_NULL)
		return 0;
	if (list->kind != JSON_ARRAY)
		return error_set(err, ERR_DATA,
		    "settings.detections is no array");
	for (const struct json *v = list->child; v; v = v->next) {
		enum detection d = DETECT_NONE;
		bool seen = false;

		if (v->kind == JSON_STRING)
			d = detection_parse(v->str);
		if (d == DETECT_NONE)
			return error_set(err, ERR_DATA,
			    "settings.detections: unknown detection \"%s\"",
			    v->kind == JSON_STRING ? v->str : "");
		/* The first hit decides, so a second time changes nothing. */
		for (size_t i = 0; i < s->detection_count; i++)
			seen = seen || s->detections[i] == d;
		if (!seen && s->detection_count < ARRAY_LEN(s->detections))
			s->detections[s->detection_count++] = d;
	}
	return 0;
}

static int
compile_settings(struct schema *s, const struct json *settings,
    struct error *err)
{
	struct schema_private *p = s->index;
	const struct json *contract = json_get(settings, "schema_contract");
	const struct json *detections = json_get(settings, "detections");
	struct contract parsed;
	struct buf text = { 0 };
	int rc = 0;

	if (settings && settings->kind == JSON_NULL)
		settings = NULL;
	if (settings && settings->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "\"settings\" is no object");
	if (compile_rules(p, json_get(settings, "default_hints"), err) < 0)
		rc = -1;
	if (compile_preferences(p, json_get(settings, "preferred_types"), err) <
	    0)
		rc = -1;
	/* Older schemas have their list among the normalizers. */
	if (!detections || detections->count == 0)
		detections = json_get(p->normalizers.root, "detections");
	if (compile_detections(s, detections, err) < 0)
		rc = -1;
	if (contract && contract->kind != JSON_NULL) {
		json_write(contract, 0, &text);
		if (contract_parse(buf_str(&text), &parsed, err) < 0)
			rc = error_prefix(err, "settings: ");
		buf_release(&text);
	}
	return rc;
}

static const struct json *
normalizer_config(const struct schema *s)
{
	const struct schema_private *p = s->index;

	return json_get(json_get(p->normalizers.root, "json"), "config");
}

static int
compile_normalizers(struct schema *s, const struct json *n, struct error *err)
{
	static const char wanted[] = "dlt.common.normalizers.json.relational";
	const char *names, *module;
	long long nesting;

	s->max_nesting = -1;
	s->naming.kind = NAMING_SNAKE_CASE;
	s->naming.no_break_path = false;
	if (!n)
		return 0;
	if (n->kind != JSON_OBJECT)
		return error_set(err, ERR_DATA, "\"normalizers\" is no object");
	s->naming.no_break_path = !json_get_bool(n,
	    "use_break_path_on_normalize", true);
	nesting = json_get_int(normalizer_config(s), "max_nesting", INT64_MIN);
	if (nesting != INT64_MIN)
		s->max_nesting = nesting < 0 ? 0
		    : nesting < INT32_MAX    ? (long)nesting
		                             : INT32_MAX;
	module = json_get_str(json_get(n, "json"), "module", wanted);
	if (strcmp(module, wanted) != 0 && strcmp(module, "relational") != 0)
		return error_set(err, ERR_DATA,
		    "normalizers.json.module \"%s\" is not supported", module);
	names = json_get_str(n, "names", "snake_case");
	if (naming_parse(names, &s->naming.kind, err) < 0)
		return error_prefix(err, "normalizers.names: ");
	return 0;
}

int
schema_compile(struct schema *s, struct error *err)
{
	struct schema_private *p = s->index;
	const struct json *settings, *normalizers;
	int rc = 0;

	schema_compiled_release(p);
	settings = json_parse_known(&p->settings,
	    hints_get(&s->hints, "settings"));
	normalizers = json_parse_known(&p->normalizers,
	    hints_get(&s->hints, "normalizers"));
	if (compile_settings(s, settings, err) < 0)
		rc = -1;
	if (compile_normalizers(s, normalizers, err) < 0)
		rc = -1;
	return rc;
}

/* ---- inference ---- */

static bool
rule_holds(const struct rule *r, const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (pattern_matches(&r->patterns[i], name))
			return true;
	return false;
}

bool
schema_name_is_not_null(const struct schema *s, const char *name)
{
	const struct schema_private *p = s->index;

	for (size_t i = 0; i < p->rule_count; i++)
		if (strcmp(p->rules[i].name, "not_null") == 0)
			return rule_holds(&p->rules[i], name);
	return false;
}

enum data_type
schema_preferred_type(const struct schema *s, const char *name)
{
	const struct schema_private *p = s->index;

	for (size_t i = 0; i < p->preference_count; i++)
		if (pattern_matches(&p->preferences[i].pattern, name))
			return p->preferences[i].type;
	return TYPE_NONE;
}

enum data_type
schema_infer_type(const struct schema *s, const char *name,
    const struct value *v, bool variant)
{
	enum data_type type = TYPE_NONE;

	if (!variant)
		type = schema_preferred_type(s, name);
	for (size_t i = 0; i < s->detection_count && type == TYPE_NONE; i++)
		type = value_detect(v, s->detections[i]);
	return type != TYPE_NONE ? type : v->type;
}

/* Add a hint that is not there yet: what was declared holds. */
static void
column_default(struct column *c, const char *key, const char *value)
{
	if (!hints_get(&c->hints, key))
		column_set(c, key, value);
}

struct column *
schema_infer_column(struct schema *s, struct table *t, const char *name,
    size_t len, enum data_type type, bool variant)
{
	const struct schema_private *p = s->index;
	struct column *c = table_column_n(t, name, len);
	char quoted[32];

	if (c)
		table_move_last(t, c);
	else
		c = table_add_column(t, name, len);
	snprintf(quoted, sizeof(quoted), "\"%s\"", type_name(type));
	column_set(c, "data_type", quoted);
	column_default(c, "nullable",
	    schema_name_is_not_null(s, c->name) ? "false" : "true");
	for (size_t i = 0; i < p->rule_count; i++)
		if (strcmp(p->rules[i].name, "not_null") != 0 &&
		    rule_holds(&p->rules[i], c->name))
			column_default(c, p->rules[i].name, "true");
	if (variant)
		column_default(c, "variant", "true");
	return c;
}

/* ---- processing hints ---- */

char *
table_normalizer_get(const struct table *t, const char *key)
{
	struct json_doc doc = { 0 };
	struct buf out = { 0 };
	const char *text = hints_get(&t->hints, "x-normalizer");
	const struct json *v = NULL;

	if (text)
		v = json_get(json_parse_known(&doc, text), key);
	if (v)
		json_write(v, JSON_WRITE_PYTHON, &out);
	json_release(&doc);
	return v ? buf_take(&out) : NULL;
}

bool
table_normalizer_flag(const struct table *t, const char *key)
{
	char *value = table_normalizer_get(t, key);
	bool is_true = value && strcmp(value, "true") == 0;

	free(value);
	return is_true;
}

void
table_normalizer_set(struct table *t, const char *key, const char *value)
{
	const char *old = hints_get(&t->hints, "x-normalizer");
	char *edited;

	if (!old && !value)
		return;
	edited = object_edit(old, key, value);
	table_set(t, "x-normalizer",
	    strcmp(edited, "{}") == 0 && !value ? NULL : edited);
	free(edited);
}

bool
table_has_seen_data(const struct table *t)
{
	return table_normalizer_flag(t, "seen-data");
}

bool
table_set_seen_data(struct table *t)
{
	char *once = table_normalizer_get(t, "evolve-columns-once");
	bool changed = once || !table_has_seen_data(t);

	if (once)
		table_normalizer_set(t, "evolve-columns-once", NULL);
	if (changed)
		table_normalizer_set(t, "seen-data", "true");
	free(once);
	return changed;
}

bool
table_is_new(const struct table *t)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i]->type != TYPE_NONE)
			return false;
	return true;
}

long
table_max_nesting(const struct schema *s, const struct table *t)
{
	char *own = t ? table_normalizer_get(t, "max_nesting") : NULL;
	char *end;
	long n = s->max_nesting >= 0 ? s->max_nesting : DEFAULT_NESTING;

	if (own && strcmp(own, "null") != 0) {
		long v = strtol(own, &end, 10);

		if (*end == '\0')
			n = v > 0 ? v : 0; /* below zero nothing is left */
	}
	free(own);
	return n;
}

void
schema_set_max_nesting(struct schema *s, long n)
{
	static const char *const path[] = { "json", "config", "max_nesting" };
	char *value, *edited;

	if (s->max_nesting == n)
		return;
	value = xasprintf("%ld", n);
	edited = object_edit_path(hints_get(&s->hints, "normalizers"), path,
	    ARRAY_LEN(path), value);
	schema_set(s, "normalizers", edited);
	s->max_nesting = n;
	free(edited);
	free(value);
}

/* A table of dlt's own: the prefix is normalized as a table is named. */
static bool
is_dlt_name(const struct schema *s, const char *name)
{
	const char *prefix = s->naming.kind == NAMING_S3_TABLES ? "dlt"
	                                                        : "_dlt";

	return strncmp(name, prefix, strlen(prefix)) == 0;
}

/* ---- propagation (contract.md 6.6) ---- */

/* Does the disposition of a root table ask for the root's key below it? */
static bool
merge_wants_root_key(const struct table *root, const char *const *strategies)
{
	static const char *const keyed[] = { "delete-insert", "upsert",
		"insert-only" };
	char *disposition = hints_get_str(&root->hints, "write_disposition");
	char *strategy = hints_get_str(&root->hints, "x-merge-strategy");
	const char *used = strategy;
	bool wanted = false;

	if (!used)
		used = strategies ? strategies[0] : keyed[0];
	/* A destination that cannot merge appends. */
	if (strategies && !strategies[0])
		used = NULL;
	for (size_t i = 0; used && i < ARRAY_LEN(keyed); i++)
		wanted = wanted || strcmp(used, keyed[i]) == 0;
	wanted = wanted && disposition && strcmp(disposition, "merge") == 0;
	free(strategy);
	free(disposition);
	return wanted;
}

/* Has any table of the root's chain a column with root_key? */
static bool
chain_has_root_key(const struct schema *s, const struct table *root)
{
	for (size_t i = 0; i < s->table_count; i++) {
		const struct table_private *p = s->tables[i]->column_index;

		if (p->root_keys > 0 && schema_root(s, s->tables[i]) == root)
			return true;
	}
	return false;
}

/* The column that a root table's rows are known by. */
static const char *
row_key(const struct table *root)
{
	const struct table_private *p = root->column_index;

	for (size_t i = 0; p->row_keys > 0 && i < root->column_count; i++)
		if (root->columns[i]->row_key)
			return root->columns[i]->name;
	return "_dlt_id";
}

/* The normalizers with one more table in propagation.tables, or NULL when that
 * has to be made first or knows the table: where thousands of tables are added
 * it matters that the text is not taken apart for each. */
static char *
map_table(const struct schema *s, const struct json *tables, const char *name,
    const char *key)
{
	const char *text = hints_get(&s->hints, "normalizers");
	struct buf out = { 0 };
	size_t end;

	if (!tables || tables->kind != JSON_OBJECT || tables->count == 0 ||
	    json_get(tables, name))
		return NULL;
	end = (size_t)(tables->raw - text) + tables->raw_len - 1;
	buf_add(&out, text, end);
	buf_addc(&out, ',');
	jsonw_quote(&out, name, strlen(name));
	buf_adds(&out, ":{");
	jsonw_quote(&out, key, strlen(key));
	buf_adds(&out, ":\"_dlt_root_id\"}");
	buf_adds(&out, text + end);
	return buf_take(&out);
}

void
schema_propagate_root_key(struct schema *s, const struct table *t,
    const char *const *strategies)
{
	const struct table *root = schema_root(s, t);
	const struct json *config = normalizer_config(s), *tables;
	const struct json *asked = json_get(config, "root_key_propagation");
	const char *path[6] = { "json", "config", "propagation", "tables" };
	bool wanted = false;
	char *edited;

	if (!root)
		return;
	if (!is_dlt_name(s, root->name))
		wanted = asked && asked->kind == JSON_BOOL
		    ? asked->truth
		    : merge_wants_root_key(root, strategies);
	if (!wanted && !chain_has_root_key(s, root))
		return;
	path[4] = root->name;
	path[5] = row_key(root);
	tables = json_get(json_get(config, "propagation"), "tables");
	if (strcmp(json_get_str(json_get(tables, path[4]), path[5], ""),
	        "_dlt_root_id") == 0)
		return;
	edited = map_table(s, tables, path[4], path[5]);
	if (!edited)
		edited = object_edit_path(hints_get(&s->hints, "normalizers"),
		    path, ARRAY_LEN(path), "\"_dlt_root_id\"");
	schema_set(s, "normalizers", edited);
	free(edited);
}

void
schema_propagation(const struct schema *s, const struct table *t,
    void (*f)(const char *from, const char *as, void *arg), void *arg)
{
	const struct json *config = json_get(normalizer_config(s),
	    "propagation");
	const struct json *root = json_get(config, "root");
	const struct json *own = json_get(json_get(config, "tables"), t->name);

	if (t->parent || !root || root->kind != JSON_OBJECT)
		root = NULL;
	if (own && own->kind != JSON_OBJECT)
		own = NULL;
	for (const struct json *m = root ? root->child : NULL; m; m = m->next)
		if (m->kind == JSON_STRING)
			f(m->key, json_get_str(own, m->key, m->str), arg);
	for (const struct json *m = own ? own->child : NULL; m; m = m->next)
		if (m->kind == JSON_STRING && !json_get(root, m->key))
			f(m->key, m->str, arg);
}

/* ---- contracts (9.1) ---- */

static const char *const mode_names[] = { "evolve", "freeze", "discard_row",
	"discard_value" };

const char *
contract_mode_name(enum contract_mode m)
{
	return mode_names[m];
}

static int
mode_parse(const char *name, size_t len, enum contract_mode *out,
    struct error *err)
{
	for (size_t i = 0; i < ARRAY_LEN(mode_names); i++)
		if (strlen(mode_names[i]) == len &&
		    memcmp(mode_names[i], name, len) == 0) {
			*out = (enum contract_mode)i;
			return 0;
		}
	return error_set(err, ERR_DATA,
	    "schema contract: unknown mode \"%.*s\"; it is evolve, freeze, "
	    "discard_row or discard_value",
	    len < 64 ? (int)len : 64, name);
}

/* The mode of an entity, or NULL for an unknown entity. */
static enum contract_mode *
entity(struct contract *c, const char *name, size_t len)
{
	if (len == 6 && memcmp(name, "tables", 6) == 0)
		return &c->tables;
	if (len == 7 && memcmp(name, "columns", 7) == 0)
		return &c->columns;
	if (len == 9 && memcmp(name, "data_type", 9) == 0)
		return &c->data_type;
	return NULL;
}

static int
entity_unknown(const char *name, size_t len, struct error *err)
{
	return error_set(err, ERR_DATA,
	    "schema contract: unknown entity \"%.*s\"; it is tables, columns or "
	    "data_type",
	    len < 64 ? (int)len : 64, name);
}

static int
contract_from_json(const struct json *v, struct contract *out,
    struct error *err)
{
	struct contract c = { CONTRACT_EVOLVE, CONTRACT_EVOLVE,
		CONTRACT_EVOLVE };
	enum contract_mode *mode;

	if (v->kind == JSON_STRING) {
		if (mode_parse(v->str, v->len, &c.tables, err) < 0)
			return -1;
		c.columns = c.data_type = c.tables;
	} else if (v->kind == JSON_OBJECT) {
		for (const struct json *m = v->child; m; m = m->next) {
			mode = entity(&c, m->key, m->key_len);
			if (!mode)
				return entity_unknown(m->key, m->key_len, err);
			if (m->kind != JSON_STRING)
				return error_set(err, ERR_DATA,
				    "schema contract: the mode of %s is no "
				    "string",
				    m->key);
			if (mode_parse(m->str, m->len, mode, err) < 0)
				return -1;
		}
	} else if (v->kind != JSON_NULL) {
		return error_set(err, ERR_DATA,
		    "schema contract: a mode or an object is wanted");
	}
	*out = c;
	return 0;
}

int
contract_parse(const char *json, struct contract *out, struct error *err)
{
	struct json_doc doc = { 0 };
	int rc = json_parse(&doc, json, strlen(json), err);

	if (rc == 0)
		rc = contract_from_json(doc.root, out, err);
	json_release(&doc);
	return rc;
}

static int
flag_to_json(const char *text, struct buf *json, struct error *err)
{
	struct contract ignored;
	const char *seen[3];
	size_t count = 0;

	if (!strchr(text, '=')) {
		if (mode_parse(text, strlen(text), &ignored.tables, err) < 0)
			return -1;
		buf_addf(json, "\"%s\"", text);
		return 0;
	}
	buf_addc(json, '{');
	for (const char *at = text; at; at = strchr(at, ',')) {
		const char *name = at == text ? at : ++at, *eq, *value;
		size_t len = strcspn(name, "=,");

		eq = name + len;
		if (*eq != '=')
			return error_set(err, ERR_DATA,
			    "schema contract: \"%.64s\" is not ENTITY=MODE",
			    name);
		value = eq + 1;
		if (!entity(&ignored, name, len))
			return entity_unknown(name, len, err);
		if (mode_parse(value, strcspn(value, ","), &ignored.tables,
		        err) < 0)
			return -1;
		for (size_t i = 0; i < count; i++)
			if (strncmp(seen[i], name, len + 1) == 0)
				return error_set(err, ERR_DATA,
				    "schema contract: %.*s is given twice",
				    (int)len, name);
		seen[count++] = name;
		buf_addf(json, "%s\"%.*s\":\"%.*s\"", count > 1 ? "," : "",
		    (int)len, name, (int)strcspn(value, ","), value);
	}
	buf_addc(json, '}');
	return 0;
}

int
contract_from_flag(const char *text, struct buf *json, struct error *err)
{
	if (flag_to_json(text, json, err) == 0)
		return 0;
	err->code = ERR_USAGE;
	return -1;
}

struct contract
schema_contract(const struct schema *s, const struct table *t,
    const struct table *parent, const char *name)
{
	static const struct contract evolve;
	const struct schema_private *p = s->index;
	const struct table *at = t ? t : parent;
	const struct json *set = json_get(p->settings.root, "schema_contract");
	struct contract c = evolve;
	struct error ignored = { 0 };

	if (is_dlt_name(s, name))
		return evolve;
	for (size_t i = 0; at && i <= s->table_count; i++) {
		const char *own = hints_get(&at->hints, "schema_contract");

		if (own)
			return contract_parse(own, &c, &ignored) < 0 ? evolve
			                                             : c;
		at = at->parent ? schema_table(s, at->parent) : NULL;
	}
	if (!set || contract_from_json(set, &c, &ignored) < 0)
		return evolve;
	return c;
}

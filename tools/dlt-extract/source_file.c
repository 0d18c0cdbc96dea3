/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/source_file.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/name.h"
#include "common/opt.h"
#include "common/output.h"
#include "tools/dlt-extract/rest/rest_config.h"
#include "tools/dlt-extract/source_check.h"
#include "tools/dlt-extract/source_private.h"
#include "tools/dlt-extract/step_jq.h"

#include <stdlib.h>
#include <string.h>

#define MAX_FILE ((size_t)16 << 20)

/* A resource that runs. */
struct entry {
	const struct json *declared;
	struct table_hints hints;
	char *disposition, *primary_key, *merge_key, *nesting;
	const char *table, *table_from;
	struct step *steps; /* filters and maps; until a plan takes them */
	uint64_t limit, max_items;
	double max_time_s;
	size_t parent;  /* the entry whose rows it takes; PULL_ROOT: none */
	bool unwritten; /* it runs only for those that take its rows */
};

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
	return source_blame(f, name, false, err);
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
	    parse(f, is_json, err) == 0 && source_check(f, err) == 0 &&
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
		steps_free(e->steps);
		free(e->disposition);
		free(e->primary_key);
		free(e->merge_key);
		free(e->nesting);
	}
	free(f->entries);
	rest_config_free(f->rest);
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

const struct json *
source_file_hint(const struct source_file *f, const struct json *resource,
    const char *key)
{
	const struct rest_resource *rest = rest_config_find(f->rest, resource);

	if (rest != NULL && rest->incremental != NULL &&
	    strcmp(key, "incremental") == 0)
		return rest->incremental;
	return hint(f, resource, key);
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
	    source_need(f, d, "strategy", err) < 0)
		return -1;
	if (d != NULL)
		e->disposition = disposition_text(d);
	if (disposition_parse(&e->hints.disposition, e->disposition, err) == 0)
		return 0;
	if (strncmp(err->msg, option, strlen(option)) == 0)
		memmove(err->msg, err->msg + strlen(option),
		    strlen(err->msg + strlen(option)) + 1);
	return source_blame(f, d, false, err);
}

static int
take_contract(const struct source_file *f, const struct json *v,
    struct entry *e, struct error *err)
{
	struct contract parsed;

	json_write(v, 0, &e->hints.contract);
	if (contract_parse(buf_str(&e->hints.contract), &parsed, err) == 0)
		return 0;
	return source_blame(f, v, false, err);
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
		return source_blame(f, i, false, err);
	}
	return 0;
}

static int
take_hints(const struct source_file *f, const struct json *r,
    const struct table_hints *flags, struct entry *e, struct error *err)
{
	const struct json *contract = hint(f, r, "schema_contract");
	const struct json *nesting = hint(f, r, "max_table_nesting");
	struct table_hints *h = &e->hints;

	*h = *flags;
	h->disposition = (struct disposition){ 0 };
	h->contract = (struct buf){ 0 };
	h->declared = hint(f, r, "columns");
	h->nested = hint(f, r, "nested_hints");
	h->table_format = hint_str(f, r, "table_format");
	h->file_format = hint_str(f, r, "file_format");
	h->description = hint_str(f, r, "description");
	if (nesting != NULL)
		e->nesting = xstrndup(nesting->raw, nesting->raw_len);
	h->own_nesting = e->nesting;
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

/* The query or the table, which has the resource's name if it is not said. */
static const char *
database_part(const struct json *r)
{
	const struct json *sql = json_get(r, "sql");

	if (sql != NULL)
		return sql->str;
	return json_get_str(r, "table", json_get_str(r, "name", ""));
}

/* Of a command. */
static const char *
scheme_of(const struct json *r)
{
	if (json_get(r, "singer") != NULL)
		return "singer";
	return json_get(r, "from") != NULL ? "transform" : "exec";
}

static int
take_inputs(const struct source_file *f, const struct json *r,
    struct sources *s, struct error *err)
{
	const char *name = json_get_str(r, "name", "");
	const struct json *one = json_get(r, "file");
	const struct json *many = json_get(r, "files");
	const struct json *command = json_get(r, "command");
	const struct rest_resource *rest = rest_config_find(f->rest, r);
	struct buf url = { 0 };
	char *text;
	int rc;

	if (rest != NULL) {
		rest_config_url(f->rest, rest, &url);
		rc = sources_add(s, name, buf_str(&url), err);
		buf_release(&url);
		return rc < 0 ? source_blame(f, r, false, err) : 0;
	}

	if (source_is_database(f, r)) {
		one = hint(f, r, "database");
		text = xasprintf("%s::%s", one->str, database_part(r));
		if (strchr(one->str, ':') == NULL) { /* it is configured */
			free(text);
			text = xasprintf("database:%s::%s", one->str,
			    database_part(r));
		}
		rc = input_kind_of(text)->scheme != NULL
		    ? sources_add(s, name, text, err)
		    : error_set(err, ERR_USAGE,
		          "\"%s\" is no URL of a database", one->str);
		free(text);
		return rc < 0 ? source_blame(f, one, false, err) : 0;
	}
	if (command == NULL)
		command = json_get(r, "singer");
	if (command != NULL) {
		text = xasprintf("%s:%s", scheme_of(r), command->str);
		rc = sources_add(s, name, text, err);
		free(text);
		return rc < 0 ? source_blame(f, command, false, err) : 0;
	}
	for (const struct json *v = one != NULL ? one : many->child; v != NULL;
	     v = one != NULL ? NULL : v->next) {
		enum err_code code;

		if (sources_add(s, name, v->str, err) == 0)
			continue;
		code = err->code; /* a missing file is no wrong usage */
		source_blame(f, v, false, err);
		err->code = code;
		return -1;
	}
	return 0;
}

static int
take_steps(const struct source_file *f, const struct json *r, struct entry *e,
    struct error *err)
{
	const struct json *steps = json_get(r, "processing_steps");
	struct step **last = &e->steps;

	for (const struct json *s = steps != NULL ? steps->child : NULL;
	     s != NULL; s = s->next) {
		bool is_map = strcmp(s->child->key, "map") == 0;

		*last = step_jq_new(is_map ? STEP_MAP : STEP_FILTER,
		    s->child->str, err);
		if (*last == NULL)
			return source_blame(f, s->child, false, err);
		last = &(*last)->next;
	}
	return 0;
}

/* A number of rows, or dlt's add_limit(), which counts items. */
static void
take_limit(const struct json *v, struct entry *e)
{
	const struct json *items = json_get(v, "max_items");
	const struct json *time = json_get(v, "max_time");

	if (v == NULL)
		return;
	if (v->kind == JSON_NUMBER)
		items = v;
	if (v->kind == JSON_NUMBER || json_get_bool(v, "count_rows", false)) {
		if (items != NULL)
			e->limit = strtoull(items->raw, NULL, 10);
	} else if (items != NULL) {
		e->max_items = strtoull(items->raw, NULL, 10);
	}
	if (time != NULL)
		e->max_time_s = strtod(time->raw, NULL);
}

static int
take_resource(struct source_file *f, const struct json *r, struct sources *s,
    const struct table_hints *flags, struct error *err)
{
	const struct json *table = hint(f, r, "table_name");
	struct entry *e = &f->entries[f->count++];

	*e = (struct entry){ .declared = r,
		.limit = UINT64_MAX,
		.max_items = UINT64_MAX,
		.parent = PULL_ROOT };
	take_limit(hint(f, r, "limit"), e);
	if (table != NULL && table->kind == JSON_STRING)
		e->table = table->str;
	else if (table != NULL)
		e->table_from = json_get_str(table, "field", "");
	if (take_hints(f, r, flags, e, err) < 0 || take_steps(f, r, e, err) < 0)
		return -1;
	return take_inputs(f, r, s, err);
}

/* Every name must be that of a resource. */
int
source_file_check_names(const struct source_file *f, const char *const *names,
    size_t count, struct error *err)
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

bool
source_file_wants(const struct source_file *f, const struct json *r,
    const char *const *names, size_t count)
{
	const struct json *selected = hint(f, r, "selected");

	for (size_t i = 0; i < count; i++)
		if (strcmp(names[i], json_get_str(r, "name", "")) == 0)
			return true;
	return count == 0 && (selected == NULL || selected->truth);
}

void
source_file_names(const struct source_file *f, const char *const *names,
    size_t count, struct buf *out)
{
	for (const struct json *r = f->resources->child; r; r = r->next) {
		const char *name = json_get_str(r, "name", "");

		if (source_file_wants(f, r, names, count))
			buf_add(out, name, strlen(name) + 1);
	}
}

static size_t
find_entry(const struct source_file *f, const struct json *r)
{
	size_t i = 0;

	while (i < f->count && f->entries[i].declared != r)
		i++;
	return i;
}

/* A resource, behind all that it depends on. */
static int
take_line(struct source_file *f, const struct json *r, struct sources *s,
    const struct table_hints *flags, struct error *err)
{
	while (find_entry(f, r) == f->count) {
		const struct json *next = r, *up = r;

		do {
			const char *parent = source_parent(f, up);

			next = up;
			up = parent == NULL ? NULL : source_resource(f, parent);
		} while (up != NULL && find_entry(f, up) == f->count);
		if (take_resource(f, next, s, flags, err) < 0)
			return -1;
		if (up != NULL)
			f->entries[f->count - 1].parent = find_entry(f, up);
	}
	return 0;
}

int
source_file_select(struct source_file *f, struct sources *s,
    const char *const *names, size_t count, const struct table_hints *flags,
    struct error *err)
{
	if (source_file_check_names(f, names, count, err) < 0)
		return -1;
	f->entries = xcalloc(f->resources->count + 1, sizeof(*f->entries));
	for (const struct json *r = f->resources->child; r; r = r->next)
		if (source_file_wants(f, r, names, count) &&
		    take_line(f, r, s, flags, err) < 0)
			return -1;
	for (size_t i = 0; i < f->count; i++)
		f->entries[i].unwritten = !source_file_wants(f,
		    f->entries[i].declared, names, count);
	return f->count != 0
	    ? 0
	    : error_set(err, ERR_DATA, "%s: no resource is selected", f->path);
}

void
source_file_plan(const struct source_file *f, size_t i,
    struct pull_resource *plan)
{
	struct entry *e = &f->entries[i];

	plan->steps = e->steps;
	e->steps = NULL;
	plan->hints = &e->hints;
	plan->input.file = f;
	plan->input.declared = e->declared;
	plan->keeps_name = true;
	plan->parent = e->parent;
	plan->unwritten = e->unwritten;
	if (plan->table_from == NULL) {
		plan->table = e->table;
		plan->table_from = e->table_from;
	}
	if (plan->limit == UINT64_MAX)
		plan->limit = e->limit;
	plan->max_items = e->max_items;
	plan->max_time_s = e->max_time_s;
}

void
source_file_set_caps(struct source_file *f, const struct caps *caps)
{
	for (size_t i = 0; i < f->count; i++)
		f->entries[i].hints.caps = caps;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/cursors.h"

#include "tools/dlt-extract/cursor/file_times.h"

#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-extract/source_check.h"

#include <stdlib.h>
#include <string.h>

struct cursor {
	struct incremental_spec spec;
	struct row_key key; /* of the resource */
	struct table_hints hints;
	char *field;
	struct incremental *incremental; /* of a step of the plan */
	size_t resource;                 /* among the sources */
	bool replaces; /* its resource's state has been forgotten */
};

/* ---- the command line ---- */

/* Length of the RESOURCE part, which may be a resource or look like one; 0:
 * there is none. */
static size_t
resource_len(const struct sources *s, const char *flag)
{
	size_t n;

	for (size_t i = 0; i < s->count; i++) {
		n = strlen(s->items[i].name);
		if (strncmp(flag, s->items[i].name, n) == 0 && flag[n] == ':')
			return n;
	}
	n = strspn(flag,
	    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
	    "0123456789-");

	return flag[n] == ':' ? n : 0;
}

static int
check_resource(const struct cursors_bind *b, const char *flag,
    struct error *err)
{
	size_t n = resource_len(b->sources, flag), count = b->sources->count;
	const char **names, *near;
	char *name;

	for (size_t i = 0; i < count && n != 0; i++) {
		name = b->sources->items[i].name;
		if (strlen(name) == n && memcmp(name, flag, n) == 0)
			return 0;
	}
	if (n == 0)
		return 0;
	name = xstrndup(flag, n);
	names = xcalloc(count + 1, sizeof(*names));
	for (size_t i = 0; i < count; i++)
		names[i] = b->sources->items[i].name;
	near = opt_nearest(name, names, count);
	error_set(err, ERR_USAGE, "--incremental: no resource \"%s\"%s%s%s",
	    name, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
	free(names);
	free(name);
	return -1;
}

/* The last flag for the resource, or else for all; NULL: none. */
static const char *
flag_for(const struct cursors_bind *b, const char *resource)
{
	const struct opt_list *flags = b->flags;
	const char *found = NULL;
	bool own = false;

	for (size_t i = 0; i < flags->count; i++) {
		const char *flag = flags->items[i];
		size_t n = resource_len(b->sources, flag);

		if (n == 0 && !own)
			found = flag;
		if (n == 0 || strlen(resource) != n ||
		    memcmp(resource, flag, n) != 0)
			continue;
		found = flag + n + 1;
		own = true;
	}
	return found;
}

/* ---- declarations ---- */

/* The first column that is a cursor itself: its table, and its name. */
static const struct json *
column_cursor(const struct json *columns, const char **name)
{
	const struct json *c = columns != NULL ? columns->child : NULL;

	for (; c != NULL; c = c->next) {
		const struct json *v = json_get(c, "incremental");

		if (v == NULL || v->kind != JSON_OBJECT)
			continue;
		*name = columns->kind == JSON_OBJECT
		    ? c->key
		    : json_get_str(c, "name", "");
		return v;
	}
	return NULL;
}

/* 1: the resource has a cursor; 0; -1. */
static int
declare(struct cursor *c, const struct cursors_bind *b, size_t i,
    struct error *err)
{
	const struct json *resource = b->plans[i].input.declared, *where;
	const struct json *declared;
	const char *flag = flag_for(b, b->sources->items[i].name);
	const char *column = NULL;
	bool key;

	if (flag != NULL) {
		if (incremental_spec_parse(&c->spec, flag, err) < 0)
			return error_prefix(err, "--incremental: ");
		return 1;
	}
	if (b->file == NULL || resource == NULL)
		return 0;
	declared = source_file_hint(b->file, resource, "incremental");
	if (declared == NULL)
		declared = column_cursor(source_file_hint(b->file, resource,
		                             "columns"),
		    &column);
	if (declared == NULL || declared->kind == JSON_NULL)
		return 0;
	if (incremental_spec_read(&c->spec, declared, column, &where, &key,
	        err) == 0)
		return 1;
	return source_blame(b->file, where, key, err);
}

static void
add_name(struct row_key *key, const char *name, size_t len)
{
	key->names = xrealloc(key->names,
	    (key->count + 1) * sizeof(*key->names));
	key->names[key->count++] = xstrndup(name, len);
}

/* The resource's primary key. An array of one name makes an array of one value,
 * in dlt's hashes too. */
static void
take_key(struct cursor *c, const struct cursors_bind *b, size_t i)
{
	const char *names = b->plans[i].hints->primary_key;
	const struct json *declared = b->plans[i].input.declared;
	bool array;

	if (names == NULL)
		return;
	if (declared != NULL && !b->has_key)
		declared = source_file_hint(b->file, declared, "primary_key");
	else
		declared = NULL;
	array = declared != NULL && declared->kind == JSON_ARRAY;
	c->key.kind = array || strchr(names, ',') ? KEY_LIST : KEY_ONE;
	for (const char *p = names;; p++) {
		size_t n = strcspn(p, ",");

		add_name(&c->key, p, n);
		p += n;
		if (*p == '\0')
			return;
	}
}

static int
bind_one(struct cursor *c, const struct cursors_bind *b, size_t i,
    const struct state *st, struct error *err)
{
	struct pull_resource *plan = &b->plans[i];
	const char *name = b->sources->items[i].name;
	struct incremental_bind in = { .spec = &c->spec,
		.key = &c->key,
		.resource = name,
		.has_parent = plan->parent != PULL_ROOT };
	struct step **last = &plan->steps;
	bool of_files;

	c->resource = i;
	c->replaces = b->anew ||
	    strcmp(plan->hints->disposition.kind, "replace") == 0;
	if (!c->replaces)
		in.state = state_resource(st, b->source, name);
	take_key(c, b, i);
	of_files = file_times_meant(&c->spec, &b->sources->items[i]);
	if (of_files)
		in.key = &file_times_key;
	c->incremental = incremental_new(&in, err);
	if (c->incremental == NULL)
		return -1;
	while (*last != NULL)
		last = &(*last)->next;
	if (of_files) {
		*last = file_times_step(c->incremental);
		return file_times_select(&b->sources->items[i], c->incremental,
		    err);
	}
	*last = incremental_step(c->incremental);
	plan->input.incremental = c->incremental;
	c->field = incremental_spec_field(&c->spec);
	c->hints = *plan->hints;
	c->hints.cursor = c->field;
	plan->hints = &c->hints;
	return 0;
}

int
cursors_bind(struct cursors *c, const struct cursors_bind *b, struct error *err)
{
	struct state st = { 0 };
	int rc = -1;

	for (size_t i = 0; i < b->flags->count; i++)
		if (check_resource(b, b->flags->items[i], err) < 0)
			return -1;
	c->items = xcalloc(b->sources->count + 1, sizeof(*c->items));
	for (size_t i = 0; i < b->sources->count; i++) {
		int has = declare(&c->items[c->count], b, i, err);

		if (has < 0) {
			c->count++;
			goto out;
		}
		if (has == 0)
			continue;
		if (c->count++ == 0 &&
		    state_begin(b->workdir, b->pipeline, b->stored, &st, err) <
		        0)
			goto out;
		if (bind_one(&c->items[c->count - 1], b, i, &st, err) < 0)
			goto out;
	}
	rc = 0;
out:
	state_release(&st);
	return rc;
}

/* ---- what is kept ---- */

static int
check_same(const struct cursor *c, const struct cursors_bind *b,
    const struct state *st, struct error *err)
{
	const char *name = incremental_resource(c->incremental);

	if (c->replaces ||
	    incremental_is_same(c->incremental,
	        state_resource(st, b->source, name)))
		return 0;
	return error_set(err, ERR_TEMP,
	    "%s: another process has changed the state of this resource", name);
}

/* Later rows may be smaller than those that came. */
static bool
stays(const struct cursor *c, const struct cursors_bind *b)
{
	if (b->cut == NULL || !b->cut[c->resource] ||
	    c->spec.order == ORDER_ASC)
		return false;
	msg_warn("%s: the cursor stays where it was, as not all rows came; "
	         "with row_order=asc it would go on from the last one",
	    incremental_resource(c->incremental));
	return true;
}

int
cursors_values(struct cursors *c, const struct cursors_bind *b, size_t *count,
    struct error *err)
{
	struct state st = { 0 };
	size_t n = 0;
	int rc = 0;

	*count = 0;
	if (c->count == 0)
		return 0;
	c->texts = xcalloc(c->count, sizeof(*c->texts));
	c->values = xcalloc(c->count, sizeof(*c->values));
	rc = state_begin(b->workdir, b->pipeline, b->stored, &st, err);
	for (size_t i = 0; i < c->count && rc == 0; i++) {
		const struct incremental *in = c->items[i].incremental;

		rc = check_same(&c->items[i], b, &st, err);
		if (rc < 0 || stays(&c->items[i], b) ||
		    !incremental_state(in, &c->texts[n]))
			continue;
		c->values[n] = (struct state_value){
			.resource = incremental_resource(in),
			.key = "incremental",
			.member = incremental_cursor(in),
			.json = buf_str(&c->texts[n]),
		};
		n++;
	}
	*count = n;
	state_release(&st);
	return rc;
}

void
cursors_release(struct cursors *c)
{
	for (size_t i = 0; i < c->count; i++) {
		struct cursor *one = &c->items[i];

		incremental_spec_release(&one->spec);
		for (size_t k = 0; k < one->key.count; k++)
			free(one->key.names[k]);
		free(one->key.names);
		free(one->field);
		if (c->texts != NULL)
			buf_release(&c->texts[i]);
	}
	free(c->items);
	free(c->texts);
	free(c->values);
	*c = (struct cursors){ 0 };
}

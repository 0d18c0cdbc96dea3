/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_config_private.h"

#include "common/opt.h"
#include "tools/dlt-extract/rest/rest_detect.h"
#include "tools/dlt-extract/rest/rest_tree.h"
#include "tools/dlt-extract/rest/rest_url.h"
#include "tools/dlt-extract/source_check.h"
#include "tools/dlt-extract/source_private.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* ---- keys ---- */

static const struct source_key client_keys[] = {
	{ "base_url", K(STRING), NULL },
	{ "headers", K(OBJECT) | K(NULL), NULL },
	{ "auth", K(STRING) | K(OBJECT) | K(NULL), NULL },
	{ "paginator", K(STRING) | K(OBJECT) | K(NULL), NULL },
	{ "requests_per_second", K(NUMBER) | K(NULL), NULL },
	{ "session", 0, REST_PYTHON },
};

static const struct source_key endpoint_keys[] = {
	{ "path", K(STRING), NULL },
	{ "method", K(STRING), NULL },
	{ "params", K(OBJECT) | K(NULL), NULL },
	{ "json", K(OBJECT) | K(NULL), NULL },
	{ "data", K(OBJECT) | K(STRING) | K(NULL), NULL },
	{ "headers", K(OBJECT) | K(NULL), NULL },
	{ "auth", K(STRING) | K(OBJECT) | K(NULL), NULL },
	{ "paginator", K(STRING) | K(OBJECT) | K(NULL), NULL },
	{ "data_selector", K(STRING) | K(NULL), NULL },
	{ "response_actions", K(ARRAY) | K(NULL), NULL },
	{ "incremental", K(OBJECT) | K(NULL), NULL },
};

static const struct source_key action_keys[] = {
	{ "status_code", K(NUMBER) | K(STRING) | K(NULL), NULL },
	{ "content", K(STRING) | K(NULL), NULL },
	{ "action", K(STRING), NULL },
};

const struct json *
rest_given(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return v == NULL || v->kind == JSON_NULL ? NULL : v;
}

int
rest_config_blame(const struct rest_config *c, const struct json *v,
    struct error *err)
{
	return source_blame(c->file, v, false, err);
}

bool
rest_is_resource(const struct source_file *f, const struct json *r)
{
	static const char *const others[] = { "file", "files", "command",
		"database", "table", "sql", "from", "singer" };

	if (r->kind != JSON_OBJECT || json_get(r, "endpoint") != NULL)
		return r->kind == JSON_OBJECT;
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		if (json_get(r, others[i]) != NULL)
			return false;
	return json_get(f->doc.root, "client") != NULL &&
	    json_get(f->defaults, "database") == NULL;
}

void
rest_config_expand(struct source_file *f)
{
	const struct json *resources = json_get(f->doc.root, "resources");
	struct json *r = resources == NULL ? NULL : resources->child;

	if (json_get(f->doc.root, "client") == NULL)
		return;
	for (; r != NULL; r = r->next) {
		struct json *object, *next = r->next;

		if (r->kind != JSON_STRING)
			continue;
		object = rest_tree_object(&f->doc.arena, r);
		rest_tree_set(&f->doc.arena, object, "name", r);
		*r = *object;
		r->next = next;
	}
}

/* ---- merging ---- */

void
rest_merge(struct rest_config *c, struct json *out, const struct json *from)
{
	for (const struct json *m = from == NULL ? NULL : from->child;
	     m != NULL; m = m->next)
		rest_tree_set(&c->arena, out, m->key, m);
}

/* Of params and json the members are merged, of the rest the resource's wins. */
static struct json *
merge_endpoint(struct rest_config *c, const struct json *own,
    const struct json *resource)
{
	static const char *const deep[] = { "json", "params" };
	struct json *out = rest_tree_object(&c->arena,
	    own != NULL ? own : resource);

	rest_merge(c, out, c->defaults);
	if (own != NULL && own->kind == JSON_OBJECT)
		rest_merge(c, out, own);
	for (size_t i = 0; i < ARRAY_LEN(deep); i++) {
		const struct json *a = rest_given(c->defaults, deep[i]);
		const struct json *b = rest_given(own, deep[i]);
		struct json *both;

		if (a == NULL && b == NULL)
			continue;
		both = rest_tree_object(&c->arena, b != NULL ? b : a);
		rest_merge(c, both, a);
		rest_merge(c, both, b);
		rest_tree_set(&c->arena, out, deep[i], both);
	}
	return out;
}

/* ---- actions ---- */

static int
take_action(struct rest_config *c, struct rest_resource *r,
    const struct json *v, struct error *err)
{
	struct rest_action *a = &r->actions[r->action_count++];
	const struct json *status = rest_given(v, "status_code");
	const char *action;

	if (source_check_kind(c->file, v, "response_actions", K(OBJECT), err) <
	        0 ||
	    source_check_keys(c->file, v, action_keys, ARRAY_LEN(action_keys),
	        err) < 0 ||
	    source_need(c->file, v, "action", err) < 0)
		return -1;
	status = rest_given(v, "status_code");
	a->content = json_get_str(v, "content", NULL);
	action = json_get_str(v, "action", "");
	if (status != NULL)
		a->status = atoi(status->kind == JSON_STRING ? status->str
		                                             : status->raw);
	a->ignore = strcmp(action, "ignore") == 0;
	if (status != NULL && (a->status < 100 || a->status > 599)) {
		error_set(err, ERR_USAGE, "\"status_code\" is no HTTP status");
		return rest_config_blame(c, status, err);
	}
	if (!a->ignore) {
		error_set(err, ERR_USAGE,
		    "\"%s\" is no action; there is only \"ignore\"", action);
		return rest_config_blame(c, json_get(v, "action"), err);
	}
	if (status != NULL || a->content != NULL)
		return 0;
	error_set(err, ERR_USAGE,
	    "the action needs \"status_code\" or \"content\"");
	return rest_config_blame(c, v, err);
}

static int
take_actions(struct rest_config *c, struct rest_resource *r,
    const struct json *v, struct error *err)
{
	if (v == NULL || v->count == 0)
		return 0;
	r->actions = xcalloc(v->count, sizeof(*r->actions));
	for (const struct json *a = v->child; a != NULL; a = a->next)
		if (take_action(c, r, a, err) < 0)
			return -1;
	return 0;
}

/* ---- endpoints ---- */

static int
check_endpoint(const struct rest_config *c, const struct json *v,
    struct error *err)
{
	if (v == NULL || v->kind != JSON_OBJECT)
		return 0;
	return source_check_keys(c->file, v, endpoint_keys,
	    ARRAY_LEN(endpoint_keys), err);
}

static int
take_method(const struct rest_config *c, struct rest_resource *r,
    const struct json *endpoint, struct error *err)
{
	r->method = json_get_str(endpoint, "method", "GET");
	if (strcasecmp(r->method, "GET") == 0 ||
	    strcasecmp(r->method, "POST") == 0)
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is neither GET nor POST", r->method);
	return rest_config_blame(c, json_get(endpoint, "method"), err);
}

/* Whose is it? As dlt: the endpoint's, unless it is "auto"; of what looks like
 * a single object none; the client's. */
static int
take_pager(struct rest_config *c, struct rest_resource *r,
    const struct json *endpoint, bool single, struct error *err)
{
	const struct json *v = rest_given(endpoint, "paginator");

	if (v == NULL && single) {
		r->pager = rest_pager_make(REST_SINGLE_PAGE, NULL, err);
		return r->pager == NULL ? -1 : 0;
	}
	if (v != NULL && rest_pager_new(c->file, v, &r->pager, err) < 0)
		return -1;
	v = rest_given(c->client, "paginator");
	return v == NULL || r->pager != NULL
	    ? 0
	    : rest_pager_new(c->file, v, &r->pager, err);
}

static int
take_selector(struct rest_config *c, struct rest_resource *r,
    const struct json *endpoint, bool single, struct error *err)
{
	const struct json *v = rest_given(endpoint, "data_selector");

	if (v == NULL && !single)
		return 0;
	r->selector = jsonpath_new(v != NULL ? v->str : "$", err);
	if (r->selector != NULL)
		return 0;
	return v != NULL ? rest_config_blame(c, v, err) : -1;
}

static int
take_body(struct rest_binding *b, const struct json *endpoint,
    struct error *err)
{
	struct rest_config *c = b->config;
	struct rest_resource *r = b->r;

	r->headers = rest_given(endpoint, "headers");
	r->json = rest_given(endpoint, "json");
	r->data = rest_given(endpoint, "data");
	r->auth = json_get(endpoint, "auth");
	if (r->json != NULL && r->data != NULL) {
		error_set(err, ERR_USAGE,
		    "\"json\" and \"data\" exclude each other");
		return rest_config_blame(c, r->data, err);
	}
	b->where = "json";
	if (rest_bind_tree(b, r->json, err) < 0)
		return -1;
	b->where = "data";
	if (rest_bind_tree(b, r->data, err) < 0)
		return -1;
	b->where = "headers";
	return rest_bind_tree(b, r->headers, err);
}

static int
take_include(const struct rest_config *c, struct rest_resource *r,
    struct error *err)
{
	const struct json *v = rest_given(r->declared, "include_from_parent");

	if (v == NULL)
		v = rest_given(c->file->defaults, "include_from_parent");
	if (v == NULL || v->count == 0)
		return 0;
	for (const struct json *i = v->child; i != NULL; i = i->next)
		if (source_check_kind(c->file, i, "include_from_parent",
		        K(STRING), err) < 0)
			return -1;
	r->include = v;
	if (r->parent != NULL)
		return 0;
	error_set(err, ERR_USAGE,
	    "\"include_from_parent\", but \"%s\" has no parent: nothing of its "
	    "endpoint is {resources.RESOURCE.FIELD}",
	    r->name);
	return rest_config_blame(c, v, err);
}

static bool
is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 ||
	    strncmp(text, "https://", 8) == 0;
}

static int
check_url(const struct rest_config *c, const struct rest_resource *r,
    const struct json *path, struct error *err)
{
	if (json_get(c->client, "base_url") != NULL || is_url(r->path))
		return 0;
	error_set(err, ERR_USAGE,
	    "the path \"%s\" is no URL, and the client has no \"base_url\"",
	    r->path);
	return rest_config_blame(c, path, err);
}

static int
take_endpoint(struct rest_config *c, struct rest_resource *r, struct error *err)
{
	const struct json *own = rest_given(r->declared, "endpoint"), *path,
	                  *own_cursor;
	struct rest_binding b = { .config = c, .r = r };
	const struct json *all;
	bool single;

	if (check_endpoint(c, own, err) < 0)
		return -1;
	all = merge_endpoint(c, own, r->declared);
	path = own != NULL && own->kind == JSON_STRING
	    ? own
	    : rest_given(own, "path");
	if (path == NULL)
		path = json_get(r->declared, "name");
	r->path = path->str;
	own_cursor = rest_given(r->declared, "incremental");
	if (own_cursor == NULL)
		own_cursor = rest_given(c->file->defaults, "incremental");
	b.params = rest_given(all, "params");
	b.cursor = rest_given(all, "incremental") != NULL || own_cursor != NULL;
	single = rest_detect_single(r->path);
	if (take_method(c, r, all, err) < 0 ||
	    rest_bind_params(&b, path, err) < 0 ||
	    (r->incremental == NULL &&
	        rest_bind_incremental(c, r, rest_given(all, "incremental"),
	            err) < 0) ||
	    check_url(c, r, path, err) < 0 || take_body(&b, all, err) < 0 ||
	    take_include(c, r, err) < 0 ||
	    take_pager(c, r, all, single, err) < 0 ||
	    take_selector(c, r, all, single, err) < 0)
		return -1;
	if (r->incremental != NULL && rest_given(r->declared, "incremental")) {
		error_set(err, ERR_USAGE, "a second cursor of \"%s\"", r->name);
		return rest_config_blame(c, r->place, err);
	}
	return take_actions(c, r, rest_given(all, "response_actions"), err);
}

/* ---- parents ---- */

static const struct json *
find_named(const struct source_file *f, const char *name)
{
	for (const struct json *r = f->resources->child; r; r = r->next)
		if (strcmp(json_get_str(r, "name", ""), name) == 0)
			return r;
	return NULL;
}

static int
unknown_parent(const struct rest_config *c, const struct rest_resource *r,
    struct error *err)
{
	const struct json *all = c->file->resources;
	const char **names = xcalloc(all->count + 1, sizeof(*names));
	const char *near;
	size_t n = 0;

	for (const struct json *o = all->child; o != NULL; o = o->next)
		names[n++] = json_get_str(o, "name", "");
	near = opt_nearest(r->parent, names, n);
	error_set(err, ERR_USAGE,
	    "\"%s\" asks for each row of \"%s\", but there is no such "
	    "resource%s%s%s",
	    r->name, r->parent, near != NULL ? "; did you mean \"" : "",
	    near != NULL ? near : "", near != NULL ? "\"?" : "");
	free(names);
	return rest_config_blame(c, r->declared, err);
}

static const char *
parent_of(const struct rest_config *c, const struct json *resource)
{
	const struct rest_resource *r = rest_config_find(c, resource);

	return r != NULL ? r->parent : json_get_str(resource, "from", NULL);
}

static int
check_parents(const struct rest_config *c, struct error *err)
{
	for (size_t i = 0; i < c->count; i++) {
		const struct rest_resource *r = &c->items[i];
		const char *up = r->parent;
		size_t steps = 0;

		if (up != NULL && find_named(c->file, up) == NULL)
			return unknown_parent(c, r, err);
		while (up != NULL && steps++ <= c->file->resources->count) {
			const struct json *p = find_named(c->file, up);

			up = p == NULL ? NULL : parent_of(c, p);
		}
		if (up == NULL)
			continue;
		error_set(err, ERR_USAGE,
		    "resource \"%s\" depends on itself, by way of \"%s\"",
		    r->name, r->parent);
		return rest_config_blame(c, r->declared, err);
	}
	return 0;
}

/* ---- the file ---- */

static int
check_client(struct rest_config *c, struct error *err)
{
	const struct source_file *f = c->file;
	const struct json *d = json_get(f->defaults, "endpoint");
	const struct json *base = json_get(c->client, "base_url");
	struct rest_pager *pager = NULL;

	if (c->client != NULL &&
	    source_check_keys(f, c->client, client_keys, ARRAY_LEN(client_keys),
	        err) < 0)
		return -1;
	if (rest_given(c->client, "paginator") != NULL &&
	    rest_pager_new(f, rest_given(c->client, "paginator"), &pager, err) <
	        0)
		return -1;
	rest_pager_free(pager);
	if (base != NULL && !is_url(base->str)) {
		error_set(err, ERR_USAGE, "\"%s\" is no http or https URL",
		    base->str);
		return rest_config_blame(c, base, err);
	}
	if (d == NULL || d->kind == JSON_NULL)
		return 0;
	if (d->kind == JSON_STRING || json_get(d, "path") != NULL) {
		error_set(err, ERR_USAGE,
		    "the path of an endpoint is no default");
		return rest_config_blame(c, d, err);
	}
	c->defaults = d;
	return check_endpoint(c, d, err);
}

static int
fill(struct rest_config *c, struct error *err)
{
	const struct source_file *f = c->file;
	const struct json *v;

	if (check_client(c, err) < 0)
		return -1;
	c->items = xcalloc(f->resources->count + 1, sizeof(*c->items));
	for (const struct json *r = f->resources->child; r; r = r->next) {
		struct rest_resource *item = &c->items[c->count];

		if (!rest_is_resource(f, r))
			continue;
		c->count++;
		item->declared = r;
		item->name = json_get_str(r, "name", "");
		v = json_get(r, "parallelized");
		if (v == NULL)
			v = json_get(f->defaults, "parallelized");
		item->parallelized = v != NULL && v->truth;
		if (take_endpoint(c, item, err) < 0)
			return -1;
	}
	return check_parents(c, err);
}

int
rest_config_new(const struct source_file *f, struct rest_config **config,
    struct error *err)
{
	struct rest_config *c;
	bool any = json_get(f->doc.root, "client") != NULL;

	*config = NULL;
	for (const struct json *r = f->resources->child; r; r = r->next)
		any = any || rest_is_resource(f, r);
	if (!any)
		return 0;
	c = xcalloc(1, sizeof(*c));
	*config = c;
	c->file = f;
	c->client = json_get(f->doc.root, "client");
	return fill(c, err);
}

const char *
rest_parent(const struct source_file *f, const struct json *resource)
{
	const struct rest_resource *r = rest_config_find(f->rest, resource);

	return r == NULL ? NULL : r->parent;
}

void
rest_config_url(const struct rest_config *c, const struct rest_resource *r,
    struct buf *out)
{
	rest_url_join(json_get_str(c->client, "base_url", ""), r->path, out);
}

static void
free_resource(struct rest_resource *r)
{
	for (size_t i = 0; i < r->bind_count; i++) {
		free(r->binds[i].name);
		free(r->binds[i].field);
		jsonpath_free(r->binds[i].path);
	}
	free(r->binds);
	free(r->actions);
	rest_pager_free(r->pager);
	jsonpath_free(r->selector);
}

void
rest_config_free(struct rest_config *c)
{
	if (c == NULL)
		return;
	for (size_t i = 0; i < c->count; i++)
		free_resource(&c->items[i]);
	free(c->items);
	arena_release(&c->arena);
	free(c);
}

const struct rest_resource *
rest_config_find(const struct rest_config *c, const struct json *resource)
{
	for (size_t i = 0; c != NULL && i < c->count; i++)
		if (c->items[i].declared == resource)
			return &c->items[i];
	return NULL;
}

const struct json *
rest_config_client(const struct rest_config *c)
{
	return c->client;
}

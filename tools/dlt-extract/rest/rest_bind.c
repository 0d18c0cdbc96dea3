/* SPDX-License-Identifier: MIT */
/* What fills the placeholders of an endpoint: fields of the parent, the cursor,
 * parameters of the path. */
#include "tools/dlt-extract/rest/rest_config_private.h"

#include "common/opt.h"
#include "tools/dlt-extract/rest/rest_text.h"
#include "tools/dlt-extract/rest/rest_tree.h"
#include "tools/dlt-extract/rest/rest_url.h"
#include "tools/dlt-extract/source_check.h"

#include <stdlib.h>
#include <string.h>

static const struct source_key resolve_keys[] = {
	{ "type", K(STRING), NULL },
	{ "resource", K(STRING), NULL },
	{ "field", K(STRING), NULL },
};

/* ---- placeholders ---- */

static int
set_parent(struct rest_resource *r, const char *parent, struct error *err)
{
	if (r->parent != NULL && strcmp(r->parent, parent) != 0)
		return error_set(err, ERR_USAGE,
		    "resource \"%s\" has two parents, \"%s\" and \"%s\"",
		    r->name, r->parent, parent);
	r->parent = parent;
	return 0;
}

static int
add_bind(struct rest_binding *b, const char *name, const char *parent,
    const char *field, struct error *err)
{
	struct rest_resource *r = b->r;
	struct rest_bind *bind;

	if (set_parent(r, parent, err) < 0)
		return -1;
	for (size_t i = 0; i < r->bind_count; i++)
		if (strcmp(r->binds[i].name, name) == 0)
			return 0;
	r->binds = xrealloc(r->binds, (r->bind_count + 1) * sizeof(*r->binds));
	bind = &r->binds[r->bind_count];
	bind->path = jsonpath_new(field, err);
	if (bind->path == NULL)
		return -1;
	bind->name = xstrdup(name);
	bind->field = xstrdup(field);
	r->bind_count++;
	return 0;
}

/* {resources.PARENT.FIELD} */
static int
bind_parent(struct rest_binding *b, const char *name, struct error *err)
{
	const char *parent = strchr(name, '.') + 1, *dot = strchr(parent, '.');

	if (dot == NULL || dot == parent || dot[1] == '\0')
		return error_set(err, ERR_USAGE,
		    "\"{%s}\" must be {resources.RESOURCE.FIELD}", name);
	return add_bind(b, name,
	    arena_strndup(&b->config->arena, parent, (size_t)(dot - parent)),
	    dot + 1, err);
}

static int
check_cursor(const struct rest_binding *b, const char *name, struct error *err)
{
	static const char *const values[] = { "initial_value", "start_value",
		"last_value", "end_value" };
	const char *value = strchr(name, '.') + 1, *near;

	if (!b->cursor)
		return error_set(err, ERR_USAGE,
		    "\"{%s}\" needs the key \"incremental\"", name);
	for (size_t i = 0; i < ARRAY_LEN(values); i++)
		if (strcmp(values[i], value) == 0)
			return 0;
	near = opt_nearest(value, values, ARRAY_LEN(values));
	return error_set(err, ERR_USAGE,
	    "\"{%s}\": a cursor has no \"%s\"%s%s%s", name, value,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

/* 1: it is that of a context; 0; -1. */
static int
bind_context(struct rest_binding *b, const char *name, struct error *err)
{
	if (strncmp(name, "resources.", 10) == 0)
		return bind_parent(b, name, err) < 0 ? -1 : 1;
	if (strncmp(name, "incremental.", 12) == 0)
		return check_cursor(b, name, err) < 0 ? -1 : 1;
	return 0;
}

/* Parameters that stand in the path go there. */
static int
bind_path(void *arg, const char *name, struct buf *out, struct error *err)
{
	struct rest_binding *b = arg;
	const struct json *v;
	struct buf text = { 0 };
	int rc = bind_context(b, name, err);

	if (rc < 0)
		return -1;
	v = json_get(b->params, name);
	if (rc == 0 && v == NULL)
		return error_set(err, ERR_USAGE,
		    "the path has \"{%s}\", which is no parameter of the "
		    "endpoint; of a parent it is {resources.RESOURCE.FIELD}",
		    name);
	if (rc == 0 && v->kind == JSON_OBJECT &&
	    strcmp(json_get_str(v, "type", ""), "resolve") != 0)
		return error_set(err, ERR_USAGE,
		    "the parameter \"%s\" cannot stand in the path", name);
	if (rc > 0 || v->kind == JSON_OBJECT) {
		buf_addf(out, "{%s}", name);
		return 0;
	}
	rest_str(v, &text);
	for (const char *p = buf_str(&text); *p != '\0'; p++)
		buf_addf(out, *p == '{' || *p == '}' ? "%c%c" : "%c", *p, *p);
	buf_release(&text);
	rest_tree_remove(b->query, name);
	return 0;
}

static int
bind_text(void *arg, const char *name, struct buf *out, struct error *err)
{
	struct rest_binding *b = arg;
	int rc = bind_context(b, name, err);

	(void)out;
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return error_set(err, ERR_USAGE,
	    "\"{%s}\" in %s stands for nothing: placeholders begin with "
	    "\"resources.\" or \"incremental.\", and braces that are meant are "
	    "doubled",
	    name, b->where);
}

int
rest_bind_tree(struct rest_binding *b, const struct json *v, struct error *err)
{
	if (v == NULL)
		return 0;
	if (v->kind == JSON_STRING &&
	    rest_text_map(v->str, bind_text, b, NULL, err) < 0)
		return rest_config_blame(b->config, v, err);
	for (const struct json *c = v->child; c != NULL; c = c->next) {
		if (c->key != NULL &&
		    rest_text_map(c->key, bind_text, b, NULL, err) < 0)
			return source_blame(b->config->file, c, true, err);
		if (rest_bind_tree(b, c, err) < 0)
			return -1;
	}
	return 0;
}

/* ---- cursors ---- */

/* The table without what only a request knows. */
static int
take_cursor(struct rest_config *c, struct rest_resource *r,
    const struct json *v, struct error *err)
{
	static const char *const own[] = { "type", "start_param", "end_param" };
	struct json *table = rest_tree_object(&c->arena, v);

	if (r->incremental != NULL) {
		error_set(err, ERR_USAGE, "a second cursor of \"%s\"", r->name);
		return rest_config_blame(c, v, err);
	}
	for (const struct json *m = v->child; m != NULL; m = m->next) {
		if (strcmp(m->key, "convert") != 0 &&
		    strcmp(m->key, "transform") != 0)
			continue;
		error_set(err, ERR_USAGE,
		    "\"%s\" " REST_PYTHON "; a \"map\" of processing_steps can "
		    "change rows",
		    m->key);
		return source_blame(c->file, m, true, err);
	}
	rest_merge(c, table, v);
	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		rest_tree_remove(table, own[i]);
	r->incremental = table;
	r->place = v;
	return 0;
}

int
rest_bind_incremental(struct rest_config *c, struct rest_resource *r,
    const struct json *v, struct error *err)
{
	static const char *const keys[] = { "start_param", "end_param" };

	if (v == NULL)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		const struct json *p = rest_given(v, keys[i]);

		if (p == NULL)
			continue;
		if (source_check_kind(c->file, p, keys[i], K(STRING), err) < 0)
			return -1;
		*(i == 0 ? &r->start_param : &r->end_param) = p->str;
	}
	return take_cursor(c, r, v, err);
}

/* ---- parameters ---- */

static int
take_resolve(struct rest_binding *b, const struct json *v, struct error *err)
{
	const struct source_file *f = b->config->file;

	if (source_check_keys(f, v, resolve_keys, ARRAY_LEN(resolve_keys),
	        err) < 0 ||
	    source_need(f, v, "resource", err) < 0 ||
	    source_need(f, v, "field", err) < 0)
		return -1;
	rest_tree_remove(b->query, v->key);
	if (add_bind(b, v->key, json_get_str(v, "resource", ""),
	        json_get_str(v, "field", ""), err) < 0)
		return rest_config_blame(b->config, v, err);
	return 0;
}

static int
take_param(struct rest_binding *b, const struct json *v, struct error *err)
{
	const char *type = json_get_str(v, "type", "");
	struct rest_config *c = b->config;

	if (v->kind != JSON_OBJECT)
		return 0;
	if (strcmp(type, "resolve") == 0)
		return take_resolve(b, v, err);
	if (strcmp(type, "incremental") != 0) {
		error_set(err, ERR_USAGE,
		    "the parameter \"%s\" needs a \"type\": \"resolve\" or "
		    "\"incremental\"",
		    v->key);
		return rest_config_blame(c, v, err);
	}
	if (rest_given(v, "end_value") != NULL ||
	    rest_given(v, "end_param") != NULL) {
		error_set(err, ERR_USAGE,
		    "a cursor that ends is no parameter, but the key "
		    "\"incremental\" of the endpoint");
		return rest_config_blame(c, v, err);
	}
	b->r->start_param = v->key;
	return take_cursor(c, b->r, v, err);
}

/* A parameter of the parent has to stand in the path. */
static int
check_resolved(const struct rest_binding *b, struct error *err)
{
	for (const struct json *v = b->params == NULL ? NULL : b->params->child;
	     v != NULL; v = v->next) {
		char *mark;
		bool used;

		if (v->kind != JSON_OBJECT ||
		    strcmp(json_get_str(v, "type", ""), "resolve") != 0)
			continue;
		mark = xasprintf("{%s}", v->key);
		used = strstr(b->r->path, mark) != NULL;
		free(mark);
		if (used)
			continue;
		error_set(err, ERR_USAGE,
		    "the parameter \"%s\" is not in the path; elsewhere "
		    "{resources.RESOURCE.FIELD} has a parent's field",
		    v->key);
		return rest_config_blame(b->config, v, err);
	}
	return 0;
}

int
rest_bind_params(struct rest_binding *b, const struct json *path,
    struct error *err)
{
	struct rest_config *c = b->config;
	struct rest_resource *r = b->r;
	struct buf text = { 0 };
	int rc;

	if (b->params != NULL) {
		b->query = rest_tree_object(&c->arena, b->params);
		rest_merge(c, b->query, b->params);
		for (const struct json *v = b->params->child; v; v = v->next)
			if (take_param(b, v, err) < 0)
				return -1;
	}
	b->where = "path";
	rc = rest_text_map(r->path, bind_path, b, &text, err);
	r->path = arena_strdup(&c->arena, buf_str(&text));
	buf_release(&text);
	if (rc < 0)
		return rest_config_blame(c, path, err);
	b->where = "params";
	if (check_resolved(b, err) < 0)
		return -1;
	for (const struct json *v = b->query == NULL ? NULL : b->query->child;
	     v != NULL; v = v->next)
		if (v->kind != JSON_OBJECT && rest_bind_tree(b, v, err) < 0)
			return -1;
	r->params = b->query;
	return 0;
}

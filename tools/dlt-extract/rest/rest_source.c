/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_source.h"

#include "common/config.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "tools/dlt-extract/cursor/incremental.h"
#include "tools/dlt-extract/rest/rest_auth.h"
#include "tools/dlt-extract/rest/rest_limit.h"
#include "tools/dlt-extract/rest/rest_tree.h"
#include "tools/dlt-extract/source_check.h"
#include "tools/dlt-extract/source_file.h"
#include "tools/dlt-extract/source_private.h"

#include <stdlib.h>
#include <string.h>

#define MAX_WORKERS 256

/* The client of a file, or of an operand: with its authentication, and one
 * without any for resources that say so (auth = null). */
struct api {
	struct api *next;
	struct source_file *made; /* from an operand; owned */
	const struct source_file *file;
	struct rest_client *client, *bare;
	struct rest_limit *pace; /* of both */
	char *base_url;
	struct http_header *headers;
	size_t header_count;
};

struct rest_source {
	struct config *config;
	const struct config_context *where;
	struct arena arena;
	struct rest_settings settings;
	struct rest_limit *limit; /* of all of them together */
	struct api *apis;
	struct rest_input **inputs;
	size_t count, cap;
};

/* resource NULL: of the source. */
static struct config_context
context_of(const struct rest_source *s, const char *resource,
    const char *section)
{
	return (struct config_context){ .pipeline = s->where->pipeline,
		.path = { "sources", s->where->path[1], resource },
		.count = resource != NULL ? 3 : 2,
		.section = section };
}

/* ---- clients ---- */

/* The text of a header; a secret is shown by no message. */
static int
header_text(struct rest_source *s, const struct source_file *f,
    const struct json *v, const char *resource, char **out, bool *secret,
    struct error *err)
{
	struct config_context where = context_of(s, resource, NULL);
	struct buf b = { 0 };

	if (rest_secret(v, s->config, &where, &b, secret, err) < 0) {
		buf_release(&b);
		return source_blame(f, v, false, err);
	}
	*out = arena_strdup(&s->arena, buf_str(&b));
	buf_release(&b);
	return 0;
}

static void
hide(struct api *a, const char *secret)
{
	rest_client_hide(a->client, secret);
	if (a->bare != NULL)
		rest_client_hide(a->bare, secret);
}

/* The key of the client, else the setting. */
static int
find_pace(const struct rest_source *s, struct api *a, struct error *err)
{
	const struct json *v = json_get(rest_config_client(a->file->rest),
	    "requests_per_second");
	double most = s->settings.per_second;

	if (a->pace != NULL)
		return 0;
	if (v != NULL && v->kind == JSON_NUMBER)
		most = strtod(v->raw, NULL);
	if (most < 0) {
		error_set(err, ERR_USAGE,
		    "requests_per_second has to be 0 or more");
		return source_blame(a->file, v, false, err);
	}
	a->pace = rest_limit_new(0, most);
	return 0;
}

static int
make_client(struct rest_source *s, struct api *a, const struct json *auth,
    struct rest_client **client, struct error *err)
{
	struct config_context where = context_of(s, NULL, NULL);
	struct rest_settings set = s->settings;
	struct rest_auth *made = NULL;

	if (find_pace(s, a, err) < 0)
		return -1;
	set.pace = a->pace;
	if (auth != NULL &&
	    rest_auth_new(auth, s->config, &where, &made, err) < 0)
		return source_blame(a->file, auth, false, err);
	*client = rest_client_new(&set, a->base_url, a->headers,
	    a->header_count, made, err);
	return *client == NULL ? -1 : 0;
}

static int
fill_api(struct rest_source *s, struct api *a, struct error *err)
{
	const struct json *c = rest_config_client(a->file->rest);
	const struct json *headers = json_get(c, "headers");
	const char **secrets;
	size_t count = 0;
	int rc = -1;

	a->base_url = xstrdup(json_get_str(c, "base_url", ""));
	if (headers == NULL || headers->kind != JSON_OBJECT)
		return make_client(s, a, json_get(c, "auth"), &a->client, err);
	a->headers = xcalloc(headers->count + 1, sizeof(*a->headers));
	secrets = xcalloc(headers->count + 1, sizeof(*secrets));
	for (const struct json *v = headers->child; v; v = v->next) {
		bool secret = false;
		char *text = NULL;

		if (v->kind == JSON_NULL)
			continue;
		if (header_text(s, a->file, v, NULL, &text, &secret, err) < 0)
			goto out;
		a->headers[a->header_count++] = (struct http_header){ v->key,
			text };
		if (secret)
			secrets[count++] = text;
	}
	rc = make_client(s, a, json_get(c, "auth"), &a->client, err);
	for (size_t i = 0; rc == 0 && i < count; i++)
		hide(a, secrets[i]);
out:
	free(secrets);
	return rc;
}

static struct api *
add_api(struct rest_source *s, const struct source_file *f, struct error *err)
{
	struct api *a = xcalloc(1, sizeof(*a));

	a->file = f;
	a->next = s->apis;
	s->apis = a;
	return fill_api(s, a, err) < 0 ? NULL : a;
}

/* ---- jobs ---- */

/* Braces of a secret are meant. */
static const struct json *
literal(struct rest_source *s, const char *text, const struct json *like)
{
	struct buf b = { 0 };
	struct json *v;

	for (; *text != '\0'; text++)
		buf_addf(&b, *text == '{' || *text == '}' ? "%c%c" : "%c",
		    *text, *text);
	v = rest_tree_string(&s->arena, buf_str(&b), like);
	buf_release(&b);
	return v;
}

static int
take_headers(struct rest_source *s, struct api *a, struct rest_job *job,
    struct error *err)
{
	const struct json *headers = job->resource->headers;
	struct json *out;

	if (headers == NULL)
		return 0;
	out = rest_tree_object(&s->arena, headers);
	for (const struct json *v = headers->child; v; v = v->next) {
		bool secret = false;
		char *text = NULL;

		if (v->kind != JSON_OBJECT) {
			rest_tree_set(&s->arena, out, v->key, v);
			continue;
		}
		if (header_text(s, a->file, v, job->resource->name, &text,
		        &secret, err) < 0)
			return -1;
		if (secret)
			hide(a, text);
		rest_tree_set(&s->arena, out, v->key, literal(s, text, v));
	}
	job->headers = out;
	return 0;
}

/* JSON text of the cursor as a value; a typed value is its text. */
static int
take_value(struct rest_source *s, struct json_doc *doc, const char *text,
    const struct json **out, struct error *err)
{
	const struct json *v;

	*out = NULL;
	if (text == NULL)
		return 0;
	text = arena_strdup(&s->arena, text);
	if (json_parse(doc, text, strlen(text), err) < 0)
		return error_prefix(err, "the cursor: ");
	v = doc->root;
	if (v->kind == JSON_STRING && v->len > 3 &&
	    memcmp(v->str, "\xef\x80", 2) == 0 &&
	    (unsigned char)v->str[2] >= 0xa6 &&
	    (unsigned char)v->str[2] <= 0xae)
		v = rest_tree_string(&s->arena, v->str + 3, v);
	*out = v;
	return 0;
}

static int
take_cursor(struct rest_source *s, struct rest_input *in,
    const struct incremental *cursor, struct error *err)
{
	static const struct json none = {
		.kind = JSON_NULL, .raw = "null", .raw_len = 4
	};
	static const char *const names[] = { "incremental.initial_value",
		"incremental.start_value", "incremental.end_value",
		"incremental.last_value" };
	const struct json *values[4];

	if (cursor == NULL)
		return 0;
	if (take_value(s, &in->docs[0], incremental_initial(cursor), &values[0],
	        err) < 0 ||
	    take_value(s, &in->docs[1], incremental_start(cursor), &values[1],
	        err) < 0 ||
	    take_value(s, &in->docs[2], incremental_end(cursor), &values[2],
	        err) < 0)
		return -1;
	in->job.start = values[1];
	in->job.end = values[2];
	values[3] = values[1];
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		rest_values_add(&in->job.cursor, names[i],
		    values[i] != NULL ? values[i] : &none);
	return 0;
}

static int
take_auth(struct rest_source *s, struct api *a, struct rest_input *in,
    struct error *err)
{
	const struct json *auth = in->job.resource->auth;
	struct config_context where = context_of(s, in->job.resource->name,
	    NULL);

	in->job.client = a->client;
	if (auth == NULL)
		return 0;
	if (auth->kind != JSON_NULL) {
		if (rest_auth_new(auth, s->config, &where, &in->auth, err) < 0)
			return source_blame(a->file, auth, false, err);
		in->job.auth = in->auth;
		return 0;
	}
	if (a->bare == NULL && make_client(s, a, NULL, &a->bare, err) < 0)
		return -1;
	in->job.client = a->bare;
	return 0;
}

static struct rest_limit *
limit_of(long workers, long max_items)
{
	return rest_limit_new(workers < max_items ? workers : max_items, 0);
}

static void
take_limits(struct rest_source *s, struct rest_input *in,
    const struct pull_settings *set)
{
	const long most = MAX_WORKERS, items = 16 * MAX_WORKERS;

	in->workers = set->workers < most ? set->workers : most;
	in->max_items = set->max_items < items ? set->max_items : items;
	in->limits[0] = limit_of(in->workers, in->max_items);
	in->limits[1] = s->limit;
}

static int
add_input(struct rest_source *s, struct api *a, const struct json *declared,
    const char *text, struct pull_resource *plan, struct error *err)
{
	struct rest_input *in = xcalloc(1, sizeof(*in));

	s->inputs = xgrow(s->inputs, &s->cap, s->count + 1, sizeof(*s->inputs));
	s->inputs[s->count++] = in;
	in->text = text;
	in->next = plan->input.rest;
	plan->input.rest = in;
	in->job.resource = rest_config_find(a->file->rest, declared);
	in->job.base_url = a->base_url;
	in->job.told = &in->told;
	take_limits(s, in, &plan->set);
	return take_auth(s, a, in, err) < 0 ||
	        take_headers(s, a, &in->job, err) < 0 ||
	        take_cursor(s, in, plan->input.incremental, err) < 0
	    ? -1
	    : 0;
}

/* ---- operands ---- */

/* A key of the configuration, as a member: JSON, or a text. */
static void
add_setting(struct rest_source *s, const struct config_context *where,
    const char *key, struct jsonw *w)
{
	const char *text = config_get(s->config, where, key, NULL);
	struct json_doc doc = { 0 };
	struct error ignored;

	if (text == NULL)
		return;
	jsonw_key(w, key);
	if (*text != '\0' && strchr("{[", *text) != NULL &&
	    json_parse(&doc, text, strlen(text), &ignored) == 0)
		jsonw_raw(w, text, strlen(text));
	else
		jsonw_str(w, text);
	json_release(&doc);
}

/* {"client":{...},"resources":[{"name":...,"endpoint":{"path":URL,...}}]} */
static char *
operand_text(struct rest_source *s, const char *name, const char *url)
{
	static const char *const client[] = { "headers", "auth" };
	static const char *const endpoint[] = { "method", "params", "json",
		"data", "paginator", "data_selector", "response_actions" };
	struct config_context where = context_of(s, name, NULL);
	struct buf b = { 0 }, path = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "client");
	jsonw_object(&w);
	for (size_t i = 0; i < ARRAY_LEN(client); i++)
		add_setting(s, &where, client[i], &w);
	jsonw_end_object(&w);
	jsonw_key(&w, "resources");
	jsonw_array(&w);
	jsonw_object(&w);
	jsonw_key(&w, "name");
	jsonw_str(&w, name);
	jsonw_key(&w, "endpoint");
	jsonw_object(&w);
	for (; *url != '\0'; url++)
		buf_addf(&path, *url == '{' || *url == '}' ? "%c%c" : "%c",
		    *url, *url);
	jsonw_key(&w, "path");
	jsonw_str(&w, buf_str(&path));
	for (size_t i = 0; i < ARRAY_LEN(endpoint); i++)
		add_setting(s, &where, endpoint[i], &w);
	jsonw_end_object(&w);
	jsonw_end_object(&w);
	jsonw_end_array(&w);
	jsonw_end_object(&w);
	buf_release(&path);
	return buf_take(&b);
}

static int
add_operand(struct rest_source *s, const char *name, const char *url,
    struct pull_resource *plan, struct error *err)
{
	struct api *a = xcalloc(1, sizeof(*a));
	struct source_file *f = xcalloc(1, sizeof(*f));

	a->next = s->apis;
	s->apis = a;
	a->file = a->made = f;
	f->path = "settings of the URL";
	f->text = operand_text(s, name, url);
	f->len = strlen(f->text);
	if (json_parse(&f->doc, f->text, f->len, err) < 0)
		return error_prefix(err, "%s: ", f->path);
	f->resources = json_get(f->doc.root, "resources");
	if (rest_config_new(f, &f->rest, err) < 0 || fill_api(s, a, err) < 0)
		return -1;
	return add_input(s, a, f->resources->child, url, plan, err);
}

/* ---- the run ---- */

static int
begin(struct rest_source *s, struct error *err)
{
	struct config_context runtime = context_of(s, NULL, NULL);

	return rest_settings_init(&s->settings, s->config, &runtime, err);
}

static bool
is_url(const char *text)
{
	return strncmp(text, "http://", 7) == 0 ||
	    strncmp(text, "https://", 8) == 0;
}

static int
add_resource(struct rest_source *s, const struct resource *r,
    struct pull_resource *plan, struct error *err)
{
	const struct source_file *f = plan->input.file;

	for (size_t i = 0; i < r->count; i++) {
		struct api *a = s->apis;

		if (!is_url(r->inputs[i]))
			continue;
		if (f == NULL) {
			if (add_operand(s, r->name, r->inputs[i], plan, err) <
			    0)
				return -1;
			continue;
		}
		while (a != NULL && a->file != f)
			a = a->next;
		if (a == NULL)
			a = add_api(s, f, err);
		if (a == NULL ||
		    add_input(s, a, plan->input.declared, r->inputs[i], plan,
		        err) < 0)
			return -1;
	}
	return 0;
}

static bool
has_urls(const struct sources *sources)
{
	for (size_t i = 0; i < sources->count; i++)
		for (size_t k = 0; k < sources->items[i].count; k++)
			if (is_url(sources->items[i].inputs[k]))
				return true;
	return false;
}

int
rest_source_new(const struct sources *sources, struct pull_resource *plans,
    const struct rest_source_spec *spec, struct rest_source **source,
    struct error *err)
{
	struct rest_source *s;

	*source = NULL;
	if (!has_urls(sources))
		return 0;
	s = xcalloc(1, sizeof(*s));
	*source = s;
	s->config = spec->config;
	s->where = spec->where;
	s->limit = limit_of(spec->workers, spec->max_items);
	if (begin(s, err) < 0)
		return -1;
	for (size_t i = 0; i < sources->count; i++)
		if (add_resource(s, &sources->items[i], &plans[i], err) < 0)
			return -1;
	return 0;
}

static void
free_input(struct rest_input *in)
{
	rest_auth_free(in->auth);
	rest_limit_free(in->limits[0]);
	free(in->job.cursor.items);
	for (size_t i = 0; i < ARRAY_LEN(in->docs); i++)
		json_release(&in->docs[i]);
	free(in);
}

static void
free_api(struct api *a)
{
	rest_client_free(a->client);
	rest_client_free(a->bare);
	rest_limit_free(a->pace);
	free(a->base_url);
	free(a->headers);
	source_file_free(a->made);
	free(a);
}

void
rest_source_free(struct rest_source *s)
{
	if (s == NULL)
		return;
	for (size_t i = 0; i < s->count; i++)
		free_input(s->inputs[i]);
	free(s->inputs);
	for (struct api *a = s->apis, *next; a != NULL; a = next) {
		next = a->next;
		free_api(a);
	}
	rest_limit_free(s->limit);
	arena_release(&s->arena);
	free(s);
}

static int
print_first(const struct rest_job *job, struct buf *out, struct error *err)
{
	const struct rest_resource *r = job->resource;
	struct rest_job copy = *job;
	struct rest_series *series;
	struct arena a = { 0 };
	int rc = -1;

	copy.cursor = (struct rest_values){ 0 };
	for (size_t i = 0; i < job->cursor.count; i++)
		rest_values_add(&copy.cursor, job->cursor.items[i].name,
		    job->cursor.items[i].value);
	for (size_t i = 0; i < r->bind_count; i++) {
		struct buf mark = { 0 };

		buf_addf(&mark, "{%s}", r->binds[i].name);
		rest_values_add(&copy.cursor, r->binds[i].name,
		    rest_tree_string(&a, buf_str(&mark), NULL));
		buf_release(&mark);
	}
	series = rest_series_new(&copy, NULL, 0, err);
	if (series != NULL)
		rc = rest_series_print(series, out, err);
	rest_series_free(series);
	free(copy.cursor.items);
	arena_release(&a);
	return rc;
}

int
rest_source_print(const struct rest_source *s, struct buf *out,
    struct error *err)
{
	for (size_t i = 0; i < s->count; i++) {
		const struct rest_job *j = &s->inputs[i]->job;

		buf_addf(out, "%s# %s", i == 0 ? "" : "\n", j->resource->name);
		if (j->resource->parent != NULL)
			buf_addf(out, ", for each row of %s",
			    j->resource->parent);
		buf_adds(out, "\n");
		if (print_first(j, out, err) < 0)
			return -1;
	}
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_series.h"

#include "common/msg.h"
#include "tools/dlt-extract/rest/rest_detect.h"
#include "tools/dlt-extract/rest/rest_rows.h"
#include "tools/dlt-extract/rest/rest_tree.h"

#include <stdlib.h>
#include <string.h>

struct rest_series {
	const struct rest_job *job;
	struct arena arena;
	/* the parent's row */
	struct buf parent;
	struct json_doc parent_doc;
	struct rest_values values;
	struct rest_member *members;
	size_t member_count;
	/* the request */
	struct buf url, data, body;
	struct json *params, *json, *form;
	struct http_header *headers;
	size_t header_count;
	bool has_data;
	struct rest_pages pages;
	struct jsonpath *selector; /* found by the first answer */
	bool ended;
	/* the answer */
	struct rest_response resp;
	struct json_doc doc;
};

static int
blame(const struct rest_series *s, struct error *err)
{
	return error_prefix(err, "%s: ", s->job->resource->name);
}

/* ---- the parent ---- */

static int
missing_field(const struct rest_series *s, const char *field, struct error *err)
{
	const struct json *row = s->parent_doc.root;
	struct buf keys = { 0 };

	for (const struct json *v = row->child; v != NULL && keys.len < 400;
	     v = v->next)
		if (v->key != NULL)
			buf_addf(&keys, "%s%s", keys.len == 0 ? "" : ", ",
			    v->key);
	error_set(err, ERR_DATA,
	    "a row of its parent \"%s\" has no field \"%s\"; it has %s",
	    s->job->resource->parent, field,
	    keys.len != 0 ? buf_str(&keys) : "none");
	buf_release(&keys);
	return -1;
}

static int
take_members(struct rest_series *s, struct error *err)
{
	const struct rest_resource *r = s->job->resource;
	const struct json *row = s->parent_doc.root;

	if (r->include == NULL)
		return 0;
	s->members = xcalloc(r->include->count, sizeof(*s->members));
	for (const struct json *i = r->include->child; i != NULL; i = i->next) {
		struct rest_member *m = &s->members[s->member_count];

		m->value = json_get(row, i->str);
		if (m->value == NULL)
			return missing_field(s, i->str, err);
		m->key = xasprintf("_%s_%s", r->parent, i->str);
		s->member_count++;
	}
	return 0;
}

static int
take_parent(struct rest_series *s, const char *row, size_t len,
    struct error *err)
{
	const struct rest_resource *r = s->job->resource;

	buf_add(&s->parent, row, len);
	if (json_parse(&s->parent_doc, buf_str(&s->parent), s->parent.len,
	        err) < 0)
		return error_prefix(err, "a row of its parent: ");
	for (size_t i = 0; i < r->bind_count; i++) {
		const struct json *v = jsonpath_first(r->binds[i].path,
		    s->parent_doc.root);

		if (v == NULL)
			return missing_field(s, r->binds[i].field, err);
		rest_values_add(&s->values, r->binds[i].name, v);
	}
	return take_members(s, err);
}

/* ---- the first request ---- */

static int
expand_params(struct rest_series *s, struct error *err)
{
	static const struct json null = {
		.kind = JSON_NULL, .raw = "null", .raw_len = 4
	};
	const struct rest_job *j = s->job;
	const struct rest_resource *r = j->resource;

	if (r->params != NULL &&
	    rest_text_expand_tree(r->params, &s->values, false, &s->arena,
	        &s->params, err) < 0)
		return -1;
	if (s->params == NULL && (r->start_param || r->end_param))
		s->params = rest_tree_object(&s->arena, NULL);
	if (r->start_param != NULL)
		rest_tree_set(&s->arena, s->params, r->start_param,
		    j->start != NULL ? j->start : &null);
	if (r->end_param != NULL)
		rest_tree_set(&s->arena, s->params, r->end_param,
		    j->end != NULL ? j->end : &null);
	return 0;
}

static int
expand_headers(struct rest_series *s, struct error *err)
{
	struct json *tree;

	if (s->job->headers == NULL)
		return 0;
	if (rest_text_expand_tree(s->job->headers, &s->values, false, &s->arena,
	        &tree, err) < 0)
		return -1;
	s->headers = xcalloc(tree->count + 1, sizeof(*s->headers));
	for (const struct json *v = tree->child; v != NULL; v = v->next) {
		struct buf text = { 0 };

		if (v->kind == JSON_NULL)
			continue;
		rest_str(v, &text);
		s->headers[s->header_count++] = (struct http_header){ v->key,
			arena_strdup(&s->arena, buf_str(&text)) };
		buf_release(&text);
	}
	return 0;
}

static int
expand_body(struct rest_series *s, struct error *err)
{
	const struct rest_resource *r = s->job->resource;

	if (r->json != NULL &&
	    rest_text_expand_tree(r->json, &s->values, true, &s->arena,
	        &s->json, err) < 0)
		return -1;
	if (r->data == NULL)
		return 0;
	if (r->data->kind == JSON_OBJECT)
		return rest_text_expand_tree(r->data, &s->values, false,
		    &s->arena, &s->form, err);
	s->has_data = true;
	return rest_text_expand(r->data->str, &s->values, &s->data, err);
}

static int
begin(struct rest_series *s, struct error *err)
{
	const struct rest_resource *r = s->job->resource;
	struct rest_changing request = { .arena = &s->arena, .url = &s->url };
	struct buf path = { 0 };
	int rc = rest_text_expand(r->path, &s->values, &path, err);

	rest_url_join(s->job->base_url, buf_str(&path), &s->url);
	buf_release(&path);
	if (rc < 0 || expand_params(s, err) < 0 || expand_headers(s, err) < 0 ||
	    expand_body(s, err) < 0)
		return -1;
	request.params = s->params;
	request.body = s->json;
	rc = rest_pages_begin(&s->pages, r->pager, &request, err);
	s->params = request.params;
	s->json = request.body;
	return rc;
}

struct rest_series *
rest_series_new(const struct rest_job *job, const char *parent, size_t len,
    struct error *err)
{
	struct rest_series *s = xcalloc(1, sizeof(*s));

	s->job = job;
	for (size_t i = 0; i < job->cursor.count; i++)
		rest_values_add(&s->values, job->cursor.items[i].name,
		    job->cursor.items[i].value);
	if ((parent == NULL || take_parent(s, parent, len, err) == 0) &&
	    begin(s, err) == 0)
		return s;
	blame(s, err);
	rest_series_free(s);
	return NULL;
}

void
rest_series_free(struct rest_series *s)
{
	if (s == NULL)
		return;
	rest_response_release(&s->resp);
	json_release(&s->doc);
	jsonpath_free(s->selector);
	rest_pages_release(&s->pages);
	buf_release(&s->url);
	buf_release(&s->data);
	buf_release(&s->body);
	for (size_t i = 0; i < s->member_count; i++)
		free(s->members[i].key);
	free(s->members);
	free(s->headers);
	free(s->values.items);
	json_release(&s->parent_doc);
	buf_release(&s->parent);
	arena_release(&s->arena);
	free(s);
}

/* ---- requests ---- */

/* Does an action of the resource say that this answer is to be ignored? */
static bool
is_ignored(void *arg, const struct rest_response *resp)
{
	const struct rest_series *s = arg;
	const struct rest_resource *r = s->job->resource;

	for (size_t i = 0; i < r->action_count; i++) {
		const struct rest_action *a = &r->actions[i];

		if (a->ignore &&
		    (a->status == 0 || a->status == resp->http.status) &&
		    (a->content == NULL ||
		        memmem(buf_str(&resp->http.body), resp->http.body.len,
		            a->content, strlen(a->content)) != NULL))
			return true;
	}
	return false;
}

static struct rest_param *
make_params(const struct json *object, size_t *count)
{
	struct rest_param *p;
	size_t n = 0;

	*count = 0;
	if (object == NULL)
		return NULL;
	p = xcalloc(object->count + 1, sizeof(*p));
	for (const struct json *v = object->child; v != NULL; v = v->next)
		p[n++] = (struct rest_param){ .name = v->key, .value = v };
	*count = n;
	return p;
}

static int
with_request(struct rest_series *s, struct rest_caller *caller,
    struct buf *print, struct error *err)
{
	const struct rest_resource *r = s->job->resource;
	struct rest_request req = { .method = r->method,
		.path = buf_str(&s->url),
		.auth = s->job->auth };
	struct rest_param *params = make_params(s->params, &req.param_count);
	struct rest_param *form = make_params(s->form, &req.form_count);
	int rc;

	req.params = params;
	req.form = form;
	req.headers = s->headers;
	req.header_count = s->header_count;
	if (s->json != NULL) {
		buf_reset(&s->body);
		json_write(s->json, 0, &s->body);
		req.json = buf_str(&s->body);
	}
	if (s->has_data)
		req.data = buf_str(&s->data);
	if (r->action_count != 0) {
		req.is_final = is_ignored;
		req.arg = s;
	}
	rc = print != NULL ? rest_print(s->job->client, &req, print, err)
	                   : rest_send(caller, &req, &s->resp, err);
	free(params);
	free(form);
	return rc;
}

/* ---- answers ---- */

static int
parse(struct rest_series *s, struct error *err)
{
	const struct buf *body = &s->resp.http.body;
	const char *p = buf_str(body);
	size_t len = body->len;

	if (len >= 3 && memcmp(p, "\xef\xbb\xbf", 3) == 0) {
		p += 3;
		len -= 3;
	}
	if (p[strspn(p, " \t\r\n")] == '\0')
		return error_set(err, ERR_DATA, "HTTP %d: the answer is empty",
		    s->resp.http.status);
	if (json_parse(&s->doc, p, len, err) == 0)
		return 0;
	err->code = ERR_DATA;
	return error_prefix(err, "the answer is no JSON: ");
}

/* An API whose pages are not recognized looks like one without. */
static void
say_guess(const struct rest_series *s, size_t count)
{
	struct buf url = { 0 };

	if (count < 2 || !rest_pages_is_guess(&s->pages) ||
	    atomic_exchange(s->job->told, true))
		return;
	rest_url_show(buf_str(&s->url), &url);
	msg_warn("%s: no paginator is named, and the answer of %s shows none: "
	         "one page is taken; \"single_page\" says that there is one",
	    s->job->resource->name, buf_str(&url));
	buf_release(&url);
}

static int
take_answer(struct rest_series *s, struct buf *out, struct error *err)
{
	const struct rest_resource *r = s->job->resource;
	struct rest_changing request = { .arena = &s->arena,
		.url = &s->url,
		.params = s->params,
		.body = s->json };
	struct rest_answer answer = { .http = &s->resp.http };
	size_t count = 0, before = out->len;
	int rc;

	if (parse(s, err) < 0)
		return -1;
	answer.json = s->doc.root;
	if (r->selector == NULL && s->selector == NULL) {
		s->selector = rest_detect_selector(s->doc.root, err);
		if (s->selector == NULL)
			return -1;
	}
	if (rest_rows_write(s->doc.root,
	        r->selector != NULL ? r->selector : s->selector, s->members,
	        s->member_count, out, &count, err) < 0)
		return -1;
	answer.empty = count == 0;
	rc = rest_pages_next(&s->pages, &answer, &request, err);
	s->params = request.params;
	s->json = request.body;
	s->ended = rc == 0;
	say_guess(s, count);
	if (rc < 0)
		out->len = before;
	return rc < 0 ? -1 : 1;
}

int
rest_series_next(struct rest_series *s, struct rest_caller *caller,
    struct buf *out, struct error *err)
{
	const struct rest_resource *r = s->job->resource;

	if (s->ended)
		return 0;
	if (with_request(s, caller, NULL, err) < 0)
		return blame(s, err);
	if (r->action_count != 0 && is_ignored(s, &s->resp)) {
		s->ended = true;
		return 0;
	}
	if (rest_check(s->job->client, &s->resp, err) < 0)
		return blame(s, err);
	if (take_answer(s, out, err) == 1)
		return 1;
	rest_blame(s->job->client, &s->resp, err);
	return blame(s, err);
}

int
rest_series_print(struct rest_series *s, struct buf *out, struct error *err)
{
	return with_request(s, NULL, out, err) < 0 ? blame(s, err) : 0;
}

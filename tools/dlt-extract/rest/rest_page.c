/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_page.h"

#include "common/http.h"
#include "common/opt.h"
#include "tools/dlt-extract/jsonpath.h"
#include "tools/dlt-extract/rest/rest_detect.h"
#include "tools/dlt-extract/rest/rest_tree.h"
#include "tools/dlt-extract/rest/rest_url.h"
#include "tools/dlt-extract/source_check.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct rest_pager {
	enum rest_pager_kind kind;
	struct jsonpath *path; /* of the link, the cursor, the total; or NULL */
	struct jsonpath *more; /* has_more_path, or NULL */
	char *header;          /* the relation, or the header of the cursor */
	char *param, *body;    /* where the value goes: one of them */
	char *limit_param, *limit_body;
	long long limit, first, base;
	long long maximum; /* -1: none */
	bool stop_empty;
	char *path_text, *more_text; /* for messages */
};

/* ---- settings ---- */

/* TOML has no null: false stands for it. */
#define ANY_PATH (K(STRING) | K(NULL) | K(BOOL))
#define ANY_INT  (K(NUMBER) | K(NULL) | K(BOOL))

static const struct source_key single_keys[] = { { "type", K(STRING), NULL } };

static const struct source_key json_link_keys[] = {
	{ "type", K(STRING), NULL },
	{ "next_url_path", ANY_PATH, NULL },
};

static const struct source_key header_link_keys[] = {
	{ "type", K(STRING), NULL },
	{ "links_next_key", K(STRING), NULL },
};

static const struct source_key header_cursor_keys[] = {
	{ "type", K(STRING), NULL },
	{ "cursor_key", K(STRING), NULL },
	{ "cursor_param", K(STRING), NULL },
};

static const struct source_key offset_keys[] = {
	{ "type", K(STRING), NULL },
	{ "limit", K(NUMBER), NULL },
	{ "offset", ANY_INT, NULL },
	{ "offset_param", ANY_PATH, NULL },
	{ "offset_body_path", ANY_PATH, NULL },
	{ "limit_param", ANY_PATH, NULL },
	{ "limit_body_path", ANY_PATH, NULL },
	{ "total_path", ANY_PATH, NULL },
	{ "maximum_offset", ANY_INT, NULL },
	{ "stop_after_empty_page", K(BOOL), NULL },
	{ "has_more_path", ANY_PATH, NULL },
};

static const struct source_key page_number_keys[] = {
	{ "type", K(STRING), NULL },
	{ "base_page", ANY_INT, NULL },
	{ "page", ANY_INT, NULL },
	{ "page_param", ANY_PATH, NULL },
	{ "page_body_path", ANY_PATH, NULL },
	{ "total_path", ANY_PATH, NULL },
	{ "maximum_page", ANY_INT, NULL },
	{ "stop_after_empty_page", K(BOOL), NULL },
	{ "has_more_path", ANY_PATH, NULL },
};

static const struct source_key cursor_keys[] = {
	{ "type", K(STRING), NULL },
	{ "cursor_path", ANY_PATH, NULL },
	{ "cursor_param", ANY_PATH, NULL },
	{ "cursor_body_path", ANY_PATH, NULL },
	{ "stop_after_empty_page", K(BOOL), NULL },
	{ "has_more_path", ANY_PATH, NULL },
};

static const struct type {
	const char *name;
	enum rest_pager_kind kind;
	const struct source_key *keys;
	size_t count;
	const char *path_key, *path; /* its JSONPath, and the default */
} types[] = {
	{ "auto", REST_SINGLE_PAGE, single_keys, 1, NULL, NULL },
	{ "single_page", REST_SINGLE_PAGE, single_keys, 1, NULL, NULL },
	{ "json_link", REST_JSON_LINK, json_link_keys,
	    ARRAY_LEN(json_link_keys), "next_url_path", "next" },
	{ "json_response", REST_JSON_LINK, json_link_keys,
	    ARRAY_LEN(json_link_keys), "next_url_path", "next" },
	{ "header_link", REST_HEADER_LINK, header_link_keys,
	    ARRAY_LEN(header_link_keys), NULL, NULL },
	{ "header_cursor", REST_HEADER_CURSOR, header_cursor_keys,
	    ARRAY_LEN(header_cursor_keys), NULL, NULL },
	{ "offset", REST_OFFSET, offset_keys, ARRAY_LEN(offset_keys),
	    "total_path", "total" },
	{ "page_number", REST_PAGE_NUMBER, page_number_keys,
	    ARRAY_LEN(page_number_keys), "total_path", "total" },
	{ "cursor", REST_CURSOR, cursor_keys, ARRAY_LEN(cursor_keys),
	    "cursor_path", "cursors.next" },
};

static const struct type *
type_of(const struct source_file *f, const struct json *value,
    struct error *err)
{
	const struct json *named = value->kind == JSON_OBJECT
	    ? json_get(value, "type")
	    : value;
	const char *names[ARRAY_LEN(types)], *near;

	if (named == NULL)
		return &types[0];
	if (source_check_kind(f, named, "paginator", K(STRING), err) < 0)
		return NULL;
	for (size_t i = 0; i < ARRAY_LEN(types); i++) {
		if (strcmp(types[i].name, named->str) == 0)
			return &types[i];
		names[i] = types[i].name;
	}
	near = opt_nearest(named->str, names, ARRAY_LEN(types));
	error_set(err, ERR_USAGE, "\"%s\" is no paginator%s%s%s", named->str,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	source_blame(f, named, false, err);
	return NULL;
}

/* A member that is neither null nor false. */
static const struct json *
given(const struct json *object, const char *key)
{
	const struct json *v = json_get(object, key);

	return v == NULL || v->kind == JSON_NULL || v->kind == JSON_BOOL ? NULL
	                                                                 : v;
}

static int
take_path(const struct source_file *f, const struct json *object,
    const char *key, const char *fallback, struct jsonpath **path, char **text,
    struct error *err)
{
	const struct json *v = json_get(object, key);
	const char *s = v == NULL  ? fallback
	    : v->kind == JSON_NULL ? NULL
	                           : v->str;

	if (s == NULL)
		return 0;
	*path = jsonpath_new(s, err);
	if (*path == NULL)
		return v != NULL ? source_blame(f, v, false, err) : -1;
	*text = xstrdup(s);
	return 0;
}

static int
take_int(const struct source_file *f, const struct json *object,
    const char *key, long long *out, struct error *err)
{
	const struct json *v = given(object, key);

	if (v == NULL)
		return 0;
	*out = strtoll(v->raw, NULL, 10);
	if (v->raw_len < 19 && strspn(v->raw, "-0123456789") >= v->raw_len)
		return 0;
	error_set(err, ERR_USAGE, "\"%s\" is no whole number", key);
	return source_blame(f, v, false, err);
}

/* In a parameter or in the body, not both. */
static int
take_place(const struct source_file *f, const struct json *object,
    const char *param_key, const char *body_key, const char *fallback,
    char **param, char **body, struct error *err)
{
	const struct json *p = given(object, param_key);
	const struct json *b = given(object, body_key);

	if (p != NULL && b != NULL) {
		error_set(err, ERR_USAGE,
		    "\"%s\" and \"%s\" exclude each other", param_key,
		    body_key);
		return source_blame(f, b, true, err);
	}
	if (b != NULL)
		*body = xstrdup(b->str);
	else
		*param = xstrdup(p != NULL ? p->str : fallback);
	return 0;
}

static int
take_range(const struct source_file *f, const struct json *v,
    struct rest_pager *p, struct error *err)
{
	bool offset = p->kind == REST_OFFSET;

	if (take_int(f, v, offset ? "maximum_offset" : "maximum_page",
	        &p->maximum, err) < 0)
		return -1;
	if (p->path == NULL && p->maximum < 0 && p->more == NULL &&
	    !p->stop_empty) {
		error_set(err, ERR_USAGE,
		    "a paginator that never ends: it needs \"total_path\", "
		    "\"%s\", \"has_more_path\" or \"stop_after_empty_page\"",
		    offset ? "maximum_offset" : "maximum_page");
		return source_blame(f, v, false, err);
	}
	if (!offset) {
		if (take_int(f, v, "base_page", &p->base, err) < 0)
			return -1;
		p->first = p->base;
		p->limit = 1;
		return take_int(f, v, "page", &p->first, err) < 0
		    ? -1
		    : take_place(f, v, "page_param", "page_body_path", "page",
		          &p->param, &p->body, err);
	}
	if (json_get(v, "limit") == NULL) {
		error_set(err, ERR_USAGE,
		    "the paginator \"offset\" needs a \"limit\"");
		return source_blame(f, v, false, err);
	}
	if (take_int(f, v, "offset", &p->first, err) < 0 ||
	    take_int(f, v, "limit", &p->limit, err) < 0 ||
	    take_place(f, v, "offset_param", "offset_body_path", "offset",
	        &p->param, &p->body, err) < 0)
		return -1;
	if (p->limit < 1) {
		error_set(err, ERR_USAGE, "\"limit\" must be at least 1");
		return source_blame(f, json_get(v, "limit"), false, err);
	}
	return take_place(f, v, "limit_param", "limit_body_path", "limit",
	    &p->limit_param, &p->limit_body, err);
}

static int
take_settings(const struct source_file *f, const struct json *v,
    const struct type *t, struct rest_pager *p, struct error *err)
{
	p->maximum = -1;
	p->stop_empty = json_get_bool(v, "stop_after_empty_page",
	    p->kind == REST_OFFSET || p->kind == REST_PAGE_NUMBER);
	if (t->path_key != NULL &&
	    take_path(f, v, t->path_key, t->path, &p->path, &p->path_text,
	        err) < 0)
		return -1;
	if (take_path(f, v, "has_more_path", NULL, &p->more, &p->more_text,
	        err) < 0)
		return -1;
	if (p->path == NULL &&
	    (p->kind == REST_JSON_LINK || p->kind == REST_CURSOR)) {
		error_set(err, ERR_USAGE, "\"%s\" is null", t->path_key);
		return source_blame(f, v, false, err);
	}
	switch (p->kind) {
	case REST_HEADER_LINK:
		p->header = xstrdup(json_get_str(v, "links_next_key", "next"));
		return 0;
	case REST_HEADER_CURSOR:
		p->header = xstrdup(json_get_str(v, "cursor_key", "next"));
		p->param = xstrdup(json_get_str(v, "cursor_param", "cursor"));
		return 0;
	case REST_CURSOR:
		return take_place(f, v, "cursor_param", "cursor_body_path",
		    "cursor", &p->param, &p->body, err);
	case REST_OFFSET:
	case REST_PAGE_NUMBER:
		return take_range(f, v, p, err);
	default:
		return 0;
	}
}

int
rest_pager_new(const struct source_file *f, const struct json *value,
    struct rest_pager **pager, struct error *err)
{
	static const struct json none = { .kind = JSON_OBJECT };
	const struct type *t;

	*pager = NULL;
	if (source_check_kind(f, value, "paginator",
	        K(STRING) | K(OBJECT) | K(NULL), err) < 0)
		return -1;
	if (value->kind == JSON_NULL)
		return 0;
	t = type_of(f, value, err);
	if (t == NULL ||
	    (value->kind == JSON_OBJECT &&
	        source_check_keys(f, value, t->keys, t->count, err) < 0))
		return -1;
	if (t == &types[0])
		return 0;
	if (value->kind == JSON_STRING && t->kind == REST_OFFSET) {
		error_set(err, ERR_USAGE,
		    "the paginator \"offset\" needs a \"limit\": { type = "
		    "\"offset\", limit = 100 }");
		return source_blame(f, value, false, err);
	}
	*pager = xcalloc(1, sizeof(**pager));
	(*pager)->kind = t->kind;
	if (take_settings(f, value->kind == JSON_OBJECT ? value : &none, t,
	        *pager, err) == 0)
		return 0;
	rest_pager_free(*pager);
	*pager = NULL;
	return -1;
}

struct rest_pager *
rest_pager_make(enum rest_pager_kind kind, const char *path, struct error *err)
{
	struct rest_pager *p = xcalloc(1, sizeof(*p));

	p->kind = kind;
	p->maximum = -1;
	p->limit = 1;
	p->stop_empty = kind == REST_PAGE_NUMBER;
	if (kind == REST_HEADER_LINK)
		p->header = xstrdup("next");
	else if (kind == REST_PAGE_NUMBER)
		p->param = xstrdup("page");
	else if (kind == REST_CURSOR)
		p->param = xstrdup("cursor");
	if (path == NULL)
		return p;
	p->path_text = xstrdup(path);
	p->path = jsonpath_new(path, err);
	if (p->path != NULL)
		return p;
	rest_pager_free(p);
	return NULL;
}

void
rest_pager_free(struct rest_pager *p)
{
	if (p == NULL)
		return;
	jsonpath_free(p->path);
	jsonpath_free(p->more);
	free(p->path_text);
	free(p->more_text);
	free(p->header);
	free(p->param);
	free(p->body);
	free(p->limit_param);
	free(p->limit_body);
	free(p);
}

/* ---- headers ---- */

/* All headers of one name, as one; false: there is none. */
static bool
join_headers(const struct http_response *http, const char *name,
    struct buf *out)
{
	const char *p = buf_str(&http->fields), *end = p + http->fields.len;
	bool found = false;

	while (p < end) {
		const char *value = p + strlen(p) + 1;

		if (strcasecmp(p, name) == 0) {
			buf_addf(out, "%s%s", found ? ", " : "", value);
			found = true;
		}
		p = value + strlen(value) + 1;
	}
	return found;
}

/* Cut the characters off both ends; in place. */
static char *
trim(char *s, const char *set)
{
	size_t n;

	s += strspn(s, set);
	n = strlen(s);
	while (n > 0 && strchr(set, s[n - 1]) != NULL)
		n--;
	s[n] = '\0';
	return s;
}

/* One link of the header: is it of the relation? *url is cut from it. */
static bool
is_link(char *text, const char *relation, char **url)
{
	char *params = strchr(text, ';'), *rel = NULL, *save = NULL, *p;

	if (params != NULL)
		*params++ = '\0';
	*url = trim(text, "<> '\"");
	for (p = params != NULL ? strtok_r(params, ";", &save) : NULL;
	     p != NULL; p = strtok_r(NULL, ";", &save)) {
		char *value = strchr(p, '=');

		if (value == NULL || strchr(value + 1, '=') != NULL)
			break;
		*value++ = '\0';
		if (strcmp(trim(p, " '\""), "rel") == 0)
			rel = trim(value, " '\"");
	}
	return strcmp(rel != NULL && *rel != '\0' ? rel : *url, relation) == 0;
}

/* The next ", <" or its like, where a link ends; NULL: none. */
static char *
link_end(char *p, char **next)
{
	for (; (p = strchr(p, ',')) != NULL; p++) {
		char *q = p + 1 + strspn(p + 1, " ");

		if (*q == '<') {
			*next = q + 1;
			return p;
		}
	}
	return NULL;
}

bool
rest_page_link(const struct http_response *http, const char *relation,
    struct buf *url)
{
	struct buf all = { 0 };
	char *p, *next, *end, *found;
	bool hit = false;

	if (join_headers(http, "Link", &all)) {
		for (p = trim(all.data, " '\""); p != NULL && *p != '\0';
		     p = next) {
			end = link_end(p, &next);
			if (end == NULL)
				next = NULL;
			else
				*end = '\0';
			if (!is_link(p, relation, &found))
				continue;
			hit = true; /* the last one counts */
			buf_reset(url);
			buf_adds(url, found);
		}
	}
	buf_release(&all);
	return hit;
}

/* ---- requests ---- */

/* p->value becomes a number. */
static void
set_number(struct rest_pages *p, long long n)
{
	buf_reset(&p->text);
	buf_addf(&p->text, "%lld", n);
	p->value = (struct json){
		.kind = JSON_NUMBER, .raw = p->text.data, .raw_len = p->text.len
	};
}

static void
set_string(struct rest_pages *p, const char *s, size_t len)
{
	buf_reset(&p->text);
	buf_add(&p->text, s, len);
	p->value = (struct json){ .kind = JSON_STRING,
		.raw = "",
		.str = p->text.data,
		.len = p->text.len };
}

/* As it will be when the answer is gone. */
static void
set_value(struct rest_pages *p, const struct json *v)
{
	if (v->kind == JSON_STRING) {
		set_string(p, v->str, v->len);
		return;
	}
	buf_reset(&p->text);
	buf_add(&p->text, v->raw, v->raw_len);
	p->value = (struct json){ .kind = v->kind,
		.truth = v->truth,
		.raw = p->text.data,
		.raw_len = p->text.len };
}

static int
put(struct rest_changing *r, const char *param, const char *body,
    const struct json *value, struct error *err)
{
	struct json **object = body != NULL ? &r->body : &r->params;

	if (*object == NULL)
		*object = rest_tree_object(r->arena, NULL);
	if (body != NULL)
		return rest_tree_set_path(r->arena, *object, body, value, err);
	rest_tree_set(r->arena, *object, param, value);
	return 0;
}

static int
put_range(struct rest_pages *p, struct rest_changing *r, struct error *err)
{
	const struct rest_pager *pager = p->pager;
	struct json limit = { .kind = JSON_NUMBER };
	char *text;

	set_number(p, p->current);
	if (put(r, pager->param, pager->body, &p->value, err) < 0)
		return -1;
	if (pager->kind != REST_OFFSET)
		return 0;
	text = arena_alloc(r->arena, 24);
	limit.raw_len = (size_t)snprintf(text, 24, "%lld", pager->limit);
	limit.raw = text;
	return put(r, pager->limit_param, pager->limit_body, &limit, err);
}

int
rest_pages_begin(struct rest_pages *p, const struct rest_pager *pager,
    struct rest_changing *request, struct error *err)
{
	p->pager = pager;
	if (pager == NULL)
		return 0;
	p->current = pager->first;
	return pager->kind == REST_OFFSET || pager->kind == REST_PAGE_NUMBER
	    ? put_range(p, request, err)
	    : 0;
}

/* ---- answers ---- */

/* has_more_path: 1, 0, -1. */
static int
has_more(const struct rest_pager *pager, const struct json *answer,
    struct error *err)
{
	static const char *const words[] = { "yes", "true", "t", "y", "1", "no",
		"false", "f", "n", "0" };
	const struct json *v = jsonpath_first(pager->more, answer);

	if (v == NULL || v->kind == JSON_NULL)
		return error_set(err, ERR_DATA,
		    "the answer has no \"%s\" to say whether there is more",
		    pager->more_text);
	if (v->kind == JSON_BOOL)
		return v->truth;
	for (size_t i = 0; v->kind == JSON_STRING && i < ARRAY_LEN(words); i++)
		if (strcasecmp(v->str, words[i]) == 0)
			return i < ARRAY_LEN(words) / 2;
	return error_set(err, ERR_DATA,
	    "\"%s\" of the answer is no boolean: %.*s", pager->more_text,
	    (int)(v->raw_len < 60 ? v->raw_len : 60), v->raw);
}

static int
find_total(const struct rest_pager *pager, const struct json *answer,
    long long *total, struct error *err)
{
	const struct json *v = jsonpath_first(pager->path, answer);
	const char *text = "";
	char *end;

	if (v == NULL || v->kind == JSON_NULL)
		return error_set(err, ERR_DATA,
		    "the answer has no \"%s\" with the number of all %s; "
		    "total_path names another place, or with null none",
		    pager->path_text,
		    pager->kind == REST_OFFSET ? "rows" : "pages");
	if (v->kind == JSON_NUMBER) {
		*total = (long long)strtod(v->raw, NULL);
		return 0;
	}
	if (v->kind == JSON_STRING)
		text = v->str;
	*total = strtoll(text, &end, 10);
	if (end > text && end[strspn(end, " \t\r\n")] == '\0')
		return 0;
	return error_set(err, ERR_DATA,
	    "\"%s\" of the answer is no number: %.*s", pager->path_text,
	    (int)(v->raw_len < 60 ? v->raw_len : 60), v->raw);
}

static int
next_range(struct rest_pages *p, const struct rest_answer *a,
    struct rest_changing *r, struct error *err)
{
	const struct rest_pager *pager = p->pager;
	long long total = 0;
	int more = 1;

	if (pager->stop_empty && a->empty)
		return 0;
	if (pager->path != NULL && find_total(pager, a->json, &total, err) < 0)
		return -1;
	if (__builtin_add_overflow(p->current, pager->limit, &p->current))
		return error_set(err, ERR_DATA, "the number is too large");
	if ((pager->path != NULL && p->current - pager->base >= total) ||
	    (pager->maximum >= 0 && p->current >= pager->maximum))
		more = 0;
	if (pager->more != NULL)
		more = has_more(pager, a->json, err);
	if (more <= 0)
		return more;
	return put_range(p, r, err) < 0 ? -1 : 1;
}

static int
go_to(struct rest_changing *r, const char *ref, struct error *err)
{
	struct buf url = { 0 };
	size_t n = strcspn(ref, ":/?#");
	bool same;

	if (ref[n] == ':' && n > 0)
		buf_adds(&url, ref);
	else
		rest_url_resolve(buf_str(r->url), ref, &url);
	same = r->params == NULL && strcmp(buf_str(&url), buf_str(r->url)) == 0;
	buf_release(r->url);
	*r->url = url;
	r->params = NULL;
	return same
	    ? error_set(err, ERR_DATA, "the next page of the answer is itself")
	    : 1;
}

static int
next_json_link(const struct rest_pages *p, const struct rest_answer *a,
    struct rest_changing *r, struct error *err)
{
	const struct json *v = jsonpath_first(p->pager->path, a->json);

	if (v == NULL || v->kind == JSON_NULL ||
	    (v->kind == JSON_STRING && v->len == 0))
		return 0;
	if (v->kind != JSON_STRING || strlen(v->str) != v->len)
		return error_set(err, ERR_DATA,
		    "\"%s\" of the answer is no URL: %.*s", p->pager->path_text,
		    (int)(v->raw_len < 60 ? v->raw_len : 60), v->raw);
	return go_to(r, v->str, err);
}

static int
next_header_link(const struct rest_pages *p, const struct rest_answer *a,
    struct rest_changing *r, struct error *err)
{
	struct buf url = { 0 };
	int rc = 0;

	if (rest_page_link(a->http, p->pager->header, &url))
		rc = go_to(r, buf_str(&url), err);
	buf_release(&url);
	return rc;
}

/* An API that does not heed its cursor would be asked for ever. */
static int
check_new(const struct rest_pages *p, const char *value, size_t len,
    struct error *err)
{
	if (p->text.len != len || len == 0 ||
	    memcmp(p->text.data, value, len) != 0)
		return 0;
	return error_set(err, ERR_DATA,
	    "the cursor of the next page is that of this one, \"%s\"; perhaps "
	    "the API wants it elsewhere than in \"%s\"",
	    buf_str(&p->text),
	    p->pager->param != NULL ? p->pager->param : p->pager->body);
}

static int
next_header_cursor(struct rest_pages *p, const struct rest_answer *a,
    struct rest_changing *r, struct error *err)
{
	struct buf value = { 0 };
	int rc = 0;

	if (join_headers(a->http, p->pager->header, &value)) {
		rc = check_new(p, buf_str(&value), value.len, err);
		set_string(p, buf_str(&value), value.len);
		if (rc == 0)
			rc = put(r, p->pager->param, NULL, &p->value, err);
		rc = rc < 0 ? -1 : 1;
	}
	buf_release(&value);
	return rc;
}

/* Python's truth of a value. */
static bool
is_true(const struct json *v)
{
	switch (v->kind) {
	case JSON_NULL:
		return false;
	case JSON_BOOL:
		return v->truth;
	case JSON_NUMBER:
		return strtod(v->raw, NULL) != 0;
	case JSON_STRING:
		return v->len != 0;
	default:
		return v->count != 0;
	}
}

static int
next_cursor(struct rest_pages *p, const struct rest_answer *a,
    struct rest_changing *r, struct error *err)
{
	const struct rest_pager *pager = p->pager;
	const struct json *v = jsonpath_first(pager->path, a->json);
	int more;

	if (v != NULL && !is_true(v))
		v = NULL;
	if (pager->stop_empty && a->empty)
		return 0;
	more = v != NULL;
	if (pager->more != NULL)
		more = has_more(pager, a->json, err);
	if (more <= 0)
		return more;
	if (v == NULL)
		return error_set(err, ERR_DATA,
		    "the answer says that there is more, but has no cursor "
		    "\"%s\"",
		    pager->path_text);
	if (check_new(p, v->kind == JSON_STRING ? v->str : v->raw,
	        v->kind == JSON_STRING ? v->len : v->raw_len, err) < 0)
		return -1;
	set_value(p, v);
	return put(r, pager->param, pager->body, &p->value, err) < 0 ? -1 : 1;
}

int
rest_pages_next(struct rest_pages *p, const struct rest_answer *answer,
    struct rest_changing *request, struct error *err)
{
	if (p->pager == NULL) {
		p->found = rest_detect_pager(answer, err);
		p->pager = p->found;
		if (p->pager == NULL)
			return -1;
	}
	switch (p->pager->kind) {
	case REST_JSON_LINK:
		return next_json_link(p, answer, request, err);
	case REST_HEADER_LINK:
		return next_header_link(p, answer, request, err);
	case REST_HEADER_CURSOR:
		return next_header_cursor(p, answer, request, err);
	case REST_OFFSET:
	case REST_PAGE_NUMBER:
		return next_range(p, answer, request, err);
	case REST_CURSOR:
		return next_cursor(p, answer, request, err);
	case REST_SINGLE_PAGE:
		break;
	}
	return 0;
}

bool
rest_pages_is_guess(const struct rest_pages *p)
{
	return p->found != NULL && p->found->kind == REST_SINGLE_PAGE;
}

void
rest_pages_release(struct rest_pages *p)
{
	rest_pager_free(p->found);
	buf_release(&p->text);
	*p = (struct rest_pages){ 0 };
}

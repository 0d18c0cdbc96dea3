/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_detect.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* Objects deeper than that are not looked into for pages. dlt has no limit, and
 * does not survive much more. */
#define MAX_DEPTH 200

/* The keys on the way to a value. */
struct trail {
	const struct json *keys[MAX_DEPTH];
	size_t depth;
};

/* As a JSONPath; keys in quotes, so that any of them will do. */
static void
write_trail(const struct trail *t, struct buf *out)
{
	for (size_t i = 0; i < t->depth; i++) {
		buf_adds(out, i == 0 ? "\"" : ".\"");
		for (const char *p = t->keys[i]->key; *p != '\0'; p++) {
			if (*p == '"' || *p == '\\')
				buf_addc(out, '\\');
			buf_addc(out, *p);
		}
		buf_addc(out, '"');
	}
}

/* ---- rows ---- */

struct lists {
	struct trail trail, first, best;
	bool has_first, has_best;
};

static bool
holds_records(const char *key)
{
	static const char *const keys[] = { "data", "items", "results",
		"entries", "records", "rows", "entities", "payload", "content",
		"objects", "values" };

	for (size_t i = 0; i < ARRAY_LEN(keys); i++)
		if (strcmp(keys[i], key) == 0)
			return true;
	return false;
}

/* Arrays at most three keys deep. */
static void
find_lists(struct lists *l, const struct json *object)
{
	struct trail *t = &l->trail;

	if (t->depth > 2)
		return;
	for (const struct json *v = object->child; v != NULL; v = v->next) {
		t->keys[t->depth++] = v;
		if (v->kind == JSON_ARRAY && !l->has_first) {
			l->has_first = true;
			l->first = *t;
		}
		if (v->kind == JSON_ARRAY && !l->has_best &&
		    holds_records(v->key)) {
			l->has_best = true;
			l->best = *t;
		}
		if (v->kind == JSON_OBJECT)
			find_lists(l, v);
		t->depth--;
	}
}

struct jsonpath *
rest_detect_selector(const struct json *answer, struct error *err)
{
	struct lists l = { .trail.depth = 0 };
	struct buf path = { 0 };
	struct jsonpath *p;

	if (answer->kind == JSON_OBJECT)
		find_lists(&l, answer);
	if (l.has_best)
		write_trail(&l.best, &path);
	else if (l.has_first)
		write_trail(&l.first, &path);
	else
		buf_addc(&path, '$');
	p = jsonpath_new(buf_str(&path), err);
	buf_release(&path);
	return p;
}

/* ---- pages ---- */

static bool
is_scalar(const struct json *v)
{
	return v->kind == JSON_STRING || v->kind == JSON_NUMBER ||
	    v->kind == JSON_BOOL;
}

/* A member of v that names a URL. */
static const struct json *
find_href(const struct json *v)
{
	for (const struct json *m = v->child; m != NULL; m = m->next)
		if ((strncasecmp(m->key, "href", 4) == 0 ||
		        strncasecmp(m->key, "url", 3) == 0) &&
		    is_scalar(m))
			return m;
	return NULL;
}

static const struct json *
next_here(const struct json *v, struct trail *t)
{
	const struct json *href;

	if (strncasecmp(v->key, "next", 4) != 0)
		return NULL;
	if (is_scalar(v))
		return v;
	href = v->kind == JSON_OBJECT ? find_href(v) : NULL;
	if (href != NULL && t->depth < MAX_DEPTH)
		t->keys[t->depth++] = href;
	return href;
}

static const struct json *
total_here(const struct json *v, struct trail *t)
{
	(void)t;
	return is_scalar(v) &&
	        (strcasecmp(v->key, "total_pages") == 0 ||
	            strcasecmp(v->key, "pages") == 0 ||
	            strcasecmp(v->key, "totalpages") == 0)
	    ? v
	    : NULL;
}

/* The first member, in order and depth first, that `here` takes. */
static const struct json *
find_page(const struct json *v, struct trail *t,
    const struct json *(*here)(const struct json *v, struct trail *t))
{
	if (v->kind != JSON_OBJECT || t->depth == MAX_DEPTH)
		return NULL;
	for (const struct json *m = v->child; m != NULL; m = m->next) {
		const struct json *found;

		t->keys[t->depth++] = m;
		found = here(m, t);
		if (found == NULL)
			found = find_page(m, t, here);
		if (found != NULL)
			return found;
		t->depth--;
	}
	return NULL;
}

/* Would Python's int() take it? */
static bool
is_int(const struct json *v)
{
	const char *p = v->str, *end;

	if (v->kind != JSON_STRING)
		return true;
	while (isspace((unsigned char)*p))
		p++;
	if (*p == '-' || *p == '+')
		p++;
	end = p + strspn(p, "0123456789");
	return end > p && end[strspn(end, " \t\n\r")] == '\0';
}

static struct rest_pager *
make(enum rest_pager_kind kind, const struct trail *t, struct error *err)
{
	struct buf path = { 0 };
	struct rest_pager *p;

	write_trail(t, &path);
	p = rest_pager_make(kind, buf_str(&path), err);
	buf_release(&path);
	return p;
}

struct rest_pager *
rest_detect_pager(const struct rest_answer *answer, struct error *err)
{
	struct trail next = { .depth = 0 }, total = { .depth = 0 };
	const struct json *link, *pages;
	struct buf url = { 0 };
	bool has_link = rest_page_link(answer->http, "next", &url);

	buf_release(&url);
	if (has_link)
		return rest_pager_make(REST_HEADER_LINK, NULL, err);
	link = find_page(answer->json, &next, next_here);
	if (link != NULL && link->kind == JSON_STRING &&
	    (strncmp(link->str, "http", 4) == 0 || *link->str == '/'))
		return make(REST_JSON_LINK, &next, err);
	pages = find_page(answer->json, &total, total_here);
	if (pages != NULL && is_int(pages))
		return make(REST_PAGE_NUMBER, &total, err);
	if (link != NULL)
		return make(REST_CURSOR, &next, err);
	return rest_pager_make(REST_SINGLE_PAGE, NULL, err);
}

bool
rest_detect_single(const char *path)
{
	const char *end = path + strlen(path), *name, *p;

	while (end > path &&
	    (end[-1] == '/' ||
	        (end[-1] == '.' && end - path > 1 && end[-2] == '/')))
		end--;
	for (name = end; name > path && name[-1] != '/';)
		name--;
	for (p = name; p < end; p++) {
		size_t n;

		if (*p != '{')
			continue;
		n = strspn(p + 1,
		    "abcdefghijklmnopqrstuvwxyz"
		    "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789.-_");
		if (n > 0 && p[1 + n] == '}')
			return true;
	}
	return false;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_text.h"

#include "tools/dlt-extract/rest/rest_tree.h"
#include "tools/dlt-extract/rest/rest_url.h"

#include <stdlib.h>
#include <string.h>

#define NAME_SIZE 256

void
rest_values_add(struct rest_values *v, const char *name,
    const struct json *value)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->items[i].name, name) == 0)
			return;
	v->items = xgrow(v->items, &v->cap, v->count + 1, sizeof(*v->items));
	v->items[v->count++] = (struct rest_value){ name, value };
}

/* What a text begins with: a piece of literal text, or a placeholder (its name
 * is copied). Its length, 0 at the end, -1. */
static long
next_piece(const char *p, const char **literal, size_t *len, char *name,
    struct error *err)
{
	size_t n;

	*literal = p;
	*len = strcspn(p, "{}");
	if (*len > 0 || *p == '\0')
		return (long)*len;
	*len = 1;
	if (p[1] == *p)
		return 2;
	if (*p == '}')
		return error_set(err, ERR_USAGE,
		    "a \"}\" without its \"{\"; a brace that is meant is "
		    "doubled");
	*literal = NULL;
	n = strcspn(p + 1, "{}!:[");
	if (p[1 + n] == '\0' || p[1 + n] == '{')
		return error_set(err, ERR_USAGE,
		    "a \"{\" without its \"}\"; a brace that is meant is "
		    "doubled");
	if (p[1 + n] != '}')
		return error_set(err, ERR_USAGE,
		    "\"{%.*s\": conversions and format specifications are not "
		    "supported",
		    (int)(n < 100 ? n + 1 : 100), p + 1);
	if (n == 0 || n >= NAME_SIZE)
		return error_set(err, ERR_USAGE,
		    n == 0 ? "\"{}\": a placeholder without a name"
		           : "a placeholder that is too long");
	memcpy(name, p + 1, n);
	name[n] = '\0';
	return (long)n + 2;
}

int
rest_text_map(const char *text,
    int (*put)(void *arg, const char *name, struct buf *out, struct error *err),
    void *arg, struct buf *out, struct error *err)
{
	char name[NAME_SIZE];
	struct buf ignored = { 0 };
	const char *literal;
	size_t len;
	long n;

	while ((n = next_piece(text, &literal, &len, name, err)) > 0) {
		if (literal == NULL) {
			if (put(arg, name, out != NULL ? out : &ignored, err) <
			    0) {
				n = -1;
				break;
			}
		} else if (out != NULL) {
			buf_add(out, text, (size_t)n);
		}
		text += n;
	}
	buf_release(&ignored);
	return (int)n;
}

static const struct json *
find_value(const struct rest_values *v, const char *name, struct error *err)
{
	for (size_t i = 0; i < v->count; i++)
		if (strcmp(v->items[i].name, name) == 0)
			return v->items[i].value;
	error_set(err, ERR_USAGE, "\"{%s}\" stands for nothing", name);
	return NULL;
}

int
rest_text_expand(const char *text, const struct rest_values *values,
    struct buf *out, struct error *err)
{
	char name[NAME_SIZE];
	const struct json *v;
	const char *literal;
	size_t len;
	long n;

	while ((n = next_piece(text, &literal, &len, name, err)) > 0) {
		text += n;
		if (literal != NULL) {
			buf_add(out, literal, len);
			continue;
		}
		v = find_value(values, name, err);
		if (v == NULL)
			return -1;
		rest_str(v, out);
	}
	return (int)n;
}

static int
expand_string(const struct json *v, const struct rest_values *values,
    bool keep_types, struct arena *a, struct json **out, struct error *err)
{
	char name[NAME_SIZE];
	const struct json *value;
	const char *literal;
	struct buf b = { 0 };
	size_t len;
	long n = next_piece(v->str, &literal, &len, name, err);

	if (n > 0 && keep_types && literal == NULL && v->str[n] == '\0') {
		value = find_value(values, name, err);
		if (value == NULL)
			return -1;
		*out = rest_tree_copy(a, value);
		(*out)->key = v->key;
		(*out)->key_len = v->key_len;
		return 0;
	}
	if (n < 0 || rest_text_expand(v->str, values, &b, err) < 0) {
		buf_release(&b);
		return -1;
	}
	*out = rest_tree_string(a, buf_str(&b), v);
	buf_release(&b);
	return 0;
}

static int
expand_key(struct json *m, const struct rest_values *values, struct arena *a,
    struct error *err)
{
	struct buf b = { 0 };
	int rc = 0;

	if (m->key == NULL || strpbrk(m->key, "{}") == NULL)
		return 0;
	rc = rest_text_expand(m->key, values, &b, err);
	m->key = arena_strdup(a, buf_str(&b));
	m->key_len = b.len;
	buf_release(&b);
	return rc;
}

int
rest_text_expand_tree(const struct json *v, const struct rest_values *values,
    bool keep_types, struct arena *a, struct json **out, struct error *err)
{
	struct json **last;

	if (v->kind == JSON_STRING)
		return expand_string(v, values, keep_types, a, out, err);
	*out = arena_alloc(a, sizeof(**out));
	**out = *v;
	(*out)->next = NULL;
	last = &(*out)->child;
	*last = NULL;
	for (const struct json *c = v->child; c != NULL; c = c->next) {
		if (rest_text_expand_tree(c, values, keep_types, a, last, err) <
		        0 ||
		    expand_key(*last, values, a, err) < 0)
			return -1;
		last = &(*last)->next;
	}
	return 0;
}

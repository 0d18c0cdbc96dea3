/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_tree.h"

#include <string.h>

struct json *
rest_tree_object(struct arena *a, const struct json *like)
{
	struct json *v = arena_alloc(a, sizeof(*v));

	*v = (struct json){ .kind = JSON_OBJECT, .raw = "{}", .raw_len = 2 };
	if (like != NULL) {
		v->raw = like->raw;
		v->raw_len = like->raw_len;
		v->key = like->key;
		v->key_len = like->key_len;
	}
	return v;
}

struct json *
rest_tree_string(struct arena *a, const char *text, const struct json *like)
{
	struct json *v = arena_alloc(a, sizeof(*v));

	*v = (struct json){ .kind = JSON_STRING };
	v->str = arena_strdup(a, text);
	v->len = strlen(text);
	if (like != NULL) {
		v->raw = like->raw;
		v->raw_len = like->raw_len;
		v->key = like->key;
		v->key_len = like->key_len;
	}
	return v;
}

static bool
has_key(const struct json *m, const char *key)
{
	return m->key_len == strlen(key) &&
	    memcmp(m->key, key, m->key_len) == 0;
}

/* Where the member is, or would be. */
static struct json **
find(struct json *object, const char *key)
{
	struct json **at = &object->child;

	while (*at != NULL && !has_key(*at, key))
		at = &(*at)->next;
	return at;
}

struct json *
rest_tree_set(struct arena *a, struct json *object, const char *key,
    const struct json *value)
{
	struct json **at = find(object, key), *m = *at, *next;

	if (m == NULL) {
		m = arena_alloc(a, sizeof(*m));
		m->next = NULL;
		*at = m;
		object->count++;
	}
	next = m->next;
	*m = *value;
	m->next = next;
	m->key = key;
	m->key_len = strlen(key);
	return m;
}

void
rest_tree_remove(struct json *object, const char *key)
{
	struct json **at = find(object, key);

	if (*at == NULL)
		return;
	*at = (*at)->next;
	object->count--;
}

struct json *
rest_tree_copy(struct arena *a, const struct json *v)
{
	struct json *copy = arena_alloc(a, sizeof(*copy)), **last;

	*copy = *v;
	copy->next = NULL;
	last = &copy->child;
	for (const struct json *c = v->child; c != NULL; c = c->next) {
		*last = rest_tree_copy(a, c);
		last = &(*last)->next;
	}
	*last = NULL;
	return copy;
}

int
rest_tree_set_path(struct arena *a, struct json *object, const char *path,
    const struct json *value, struct error *err)
{
	const char *dot;

	for (; (dot = strchr(path, '.')) != NULL; path = dot + 1) {
		char *key = arena_strndup(a, path, (size_t)(dot - path));
		struct json *next = *find(object, key);

		if (next == NULL)
			next = rest_tree_set(a, object, key,
			    rest_tree_object(a, NULL));
		if (next->kind != JSON_OBJECT)
			return error_set(err, ERR_DATA,
			    "\"%s\" of the body is no object, so nothing can "
			    "be put into it",
			    key);
		object = next;
	}
	rest_tree_set(a, object, path, value);
	return 0;
}

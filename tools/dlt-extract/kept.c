/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/kept.h"

#include "common/mem.h"
#include "common/msg.h"

#include <stdlib.h>
#include <string.h>

struct kept_item {
	const char *key;      /* NULL: nothing is kept */
	const char *resource; /* borrowed */
	char *before;         /* JSON text, or NULL */
	bool replaces;
};

/* JSON text of what the state has, malloc'd, or NULL. */
static char *
find_text(const struct state *st, const char *source,
    const struct kept_item *item)
{
	const struct json *v =
	    json_get(state_resource(st, source, item->resource), item->key);
	struct buf b = { 0 };

	if (v == NULL)
		return NULL;
	json_write(v, 0, &b);
	return buf_take(&b);
}

static int
find_key(const struct resource *r, struct kept_item *item, struct error *err)
{
	item->resource = r->name;
	for (size_t i = 0; i < r->count; i++) {
		const char *key = input_kind_of(r->inputs[i])->keeps;

		if (key == NULL)
			continue;
		if (item->key != NULL)
			return error_set(err, ERR_USAGE,
			    "%s: two inputs of one resource that both keep a "
			    "state; give each a name of its own",
			    r->name);
		item->key = key;
	}
	return 0;
}

int
kept_bind(struct kept *k, const struct cursors_bind *b, bool lost,
    struct error *err)
{
	struct state st = { 0 };
	bool begun = false;
	int rc = 0;

	k->count = b->sources->count;
	k->items = xcalloc(k->count + 1, sizeof(*k->items));
	for (size_t i = 0; i < k->count && rc == 0; i++) {
		struct kept_item *item = &k->items[i];

		rc = find_key(&b->sources->items[i], item, err);
		if (rc < 0 || item->key == NULL)
			continue;
		item->replaces = b->anew ||
		    strcmp(b->plans[i].hints->disposition.kind, "replace") == 0;
		if (!begun)
			rc = state_begin(b->workdir, b->pipeline, b->stored,
			    &st, err);
		if (!begun && lost)
			msg_warn("%s: the state of \"%s\" is not kept for the "
			         "next run; that needs a pipeline (-p) or "
			         "--sync",
			    item->resource, item->key);
		begun = true;
		if (rc == 0 && !item->replaces)
			item->before = find_text(&st, b->source, item);
		b->plans[i].input.kept = item->before;
	}
	state_release(&st);
	return rc;
}

/* Is the state that is to be replaced still what the run began with? */
static int
check_same(const struct kept_item *item, const struct cursors_bind *b,
    const struct state *st, struct error *err)
{
	char *now = item->replaces ? NULL : find_text(st, b->source, item);
	bool same = now == NULL || item->before == NULL
	    ? now == item->before
	    : strcmp(now, item->before) == 0;

	free(now);
	if (same)
		return 0;
	return error_set(err, ERR_TEMP,
	    "%s: another process has changed the state of this resource",
	    item->resource);
}

int
kept_values(const struct kept *k, const struct cursors_bind *b,
    char *const *after, struct state_change *change,
    struct state_value **values, struct error *err)
{
	struct state st = { 0 };
	size_t n = change->value_count;
	int rc = 0;

	*values = xcalloc(n + k->count + 1, sizeof(**values));
	if (n != 0)
		memcpy(*values, change->values, n * sizeof(**values));
	for (size_t i = 0; i < k->count && rc == 0; i++) {
		const struct kept_item *item = &k->items[i];

		if (item->key == NULL || after[i] == NULL)
			continue;
		if (st.doc.root == NULL)
			rc = state_begin(b->workdir, b->pipeline, b->stored,
			    &st, err);
		if (rc == 0)
			rc = check_same(item, b, &st, err);
		(*values)[n++] = (struct state_value){
			.resource = item->resource,
			.key = item->key,
			.json = after[i],
		};
	}
	change->values = *values;
	change->value_count = n;
	state_release(&st);
	return rc;
}

void
kept_release(struct kept *k)
{
	for (size_t i = 0; i < k->count; i++)
		free(k->items[i].before);
	free(k->items);
	*k = (struct kept){ 0 };
}

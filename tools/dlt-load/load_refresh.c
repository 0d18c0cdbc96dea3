/* SPDX-License-Identifier: MIT */
/*
 * What an extract with --refresh does away with in the destination, before
 * anything else of its package is there (contract.md 10.2).
 */
#include "tools/dlt-load/load.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"

#include <stdlib.h>
#include <string.h>

/* The mark of a refresh that was done; no job is called so. */
#define DONE "_refresh"

static int
take_names(const struct json *tables, struct load_names *out, struct error *err)
{
	if (!tables)
		return 0;
	if (tables->kind != JSON_ARRAY)
		return error_set(err, ERR_DATA,
		    "load_package_state.json: \"%s\" is no list", tables->key);
	for (const struct json *t = tables->child; t; t = t->next) {
		const char *name = json_get_str(t, "name", "");

		/* what dlt keeps is not the user's to drop */
		if (!*name || !strncmp(name, "_dlt", 4))
			return error_set(err, ERR_DATA,
			    "load_package_state.json: \"%s\" has no table that "
			    "could be dropped: \"%s\"",
			    tables->key, name);
		out->items = xgrow(out->items, &out->cap, out->count + 1,
		    sizeof(*out->items));
		out->items[out->count++] = xstrdup(name);
	}
	return 0;
}

int
load_take_refresh(struct loader *l, const struct json *state, struct error *err)
{
	struct load_refresh *r = &l->refresh;

	if (r->done)
		return 0;
	load_refresh_release(r);
	return take_names(json_get(state, "dropped_tables"), &r->dropped, err) <
	            0 ||
	        take_names(json_get(state, "truncated_tables"), &r->emptied,
	            err) < 0
	    ? -1
	    : 0;
}

bool
load_needs_refresh(const struct loader *l)
{
	return !l->refresh.done &&
	    (l->refresh.dropped.count || l->refresh.emptied.count);
}

static int
empty(struct loader *l, const char *name, struct error *err)
{
	struct table *known = schema_table(l->schema, name);
	struct table *t = known ? known : table_new(name);
	int rc = l->dest->ops->empty(l->dest, DEST_DATASET, t, err);

	if (!known)
		table_free(t);
	return rc;
}

static int
drop(struct loader *l, const char *name, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;
	bool staging = ops->caps.merge && !ops->caps.private_staging;

	if (ops->drop(l->dest, DEST_DATASET, name, err) < 0)
		return -1;
	return staging ? ops->drop(l->dest, DEST_STAGING, name, err) : 0;
}

int
load_refresh(struct loader *l, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;
	const struct load_refresh *r = &l->refresh;

	for (size_t i = 0; i < r->dropped.count; i++)
		if (drop(l, r->dropped.items[i], err) < 0)
			return -1;
	/* nobody is to begin with a schema whose tables have gone */
	if (r->dropped.count && ops->drop_versions && !l->plan &&
	    ops->drop_versions(l->dest, l->schema->name, err) < 0)
		return -1;
	for (size_t i = 0; i < r->emptied.count && !l->plan; i++)
		if (empty(l, r->emptied.items[i], err) < 0)
			return -1;
	if (!l->plan)
		msg_info("%s: %zu tables dropped, %zu emptied", l->load_id,
		    r->dropped.count, r->emptied.count);
	l->refresh.done = true;
	return 0;
}

int
load_refresh_once(struct loader *l, struct error *err)
{
	char sum[CHECKSUM_SIZE];
	struct dest_mark mark = { l->load_id, DONE, sum, 0 };
	struct buf before = { 0 };
	uint64_t rows;
	int rc;

	if (!load_needs_refresh(l))
		return 0;
	rc = l->dest->ops->marked(l->dest, l->load_id, DONE, &before, &rows,
	    err);
	if (rc == 0 && !before.len) {
		load_fingerprint_end(l, load_fingerprint_new(l), sum);
		rc = load_refresh(l, err) < 0 ||
		        l->dest->ops->mark(l->dest, &mark, err) < 0
		    ? -1
		    : 0;
	}
	buf_release(&before);
	return rc;
}

static void
release_names(struct load_names *n)
{
	for (size_t i = 0; i < n->count; i++)
		free(n->items[i]);
	free(n->items);
}

void
load_refresh_release(struct load_refresh *r)
{
	release_names(&r->dropped);
	release_names(&r->emptied);
	*r = (struct load_refresh){ 0 };
}

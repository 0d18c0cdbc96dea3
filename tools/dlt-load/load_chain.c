/* SPDX-License-Identifier: MIT */
/*
 * Chains: a root table and all that is nested below it, when its rows are not
 * just added: replaced or merged. Old rows stay until all new ones are in, and
 * one transaction brings them over.
 */
#include "tools/dlt-load/load.h"

#include "common/mem.h"
#include "common/msg.h"
#include "common/output.h"
#include "common/testhook.h"
#include "common/timestamp.h"

#include <stdlib.h>
#include <string.h>

bool
load_tables_have(const struct load_tables *l, const struct table *t)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->items[i] == t)
			return true;
	return false;
}

static void
note_table(struct load_tables *l, struct table *t)
{
	l->items = xgrow(l->items, &l->cap, l->count + 1, sizeof(*l->items));
	l->items[l->count++] = t;
}

/* ---- how ---- */

static int
merge_how(struct loader *l, const struct table *root, struct error *err)
{
	const struct dest_caps *caps = &l->dest->ops->caps;
	enum merge_kind unused;

	if (!caps->merge)
		return error_set(err, ERR_REMOTE,
		    "table \"%s\": write disposition \"merge\" is not "
		    "supported by %s",
		    root->name, l->dest->ops->form);
	return merge_kind_of(root, caps->merge_strategies, &unused, err);
}

/* As dlt does; once a table. */
static void
warn_append(struct loader *l, const struct table *root)
{
	if (load_tables_have(&l->fallen, root))
		return;
	note_table(&l->fallen, schema_table(l->schema, root->name));
	msg_warn("table \"%s\": %s cannot merge; rows are appended", root->name,
	    l->dest->ops->form);
}

/* Plain files would not be what the schema asks for. */
static int
check_table_format(struct loader *l, const struct table *root,
    struct error *err)
{
	char *format = hints_get_str(&root->hints, "table_format");
	bool plain = !format || !strcmp(format, "native");
	int rc = 0;

	if (l->dest->ops->copy && !plain)
		rc = error_set(err, ERR_REMOTE,
		    "table \"%s\": table format \"%s\" is not supported by "
		    "%s; nothing was loaded",
		    root->name, format, l->dest->ops->form);
	free(format);
	return rc;
}

int
load_how_of(struct loader *l, const struct table *t, enum load_how *how,
    struct error *err)
{
	const struct table *root = schema_root(l->schema, t);
	char *d;
	int rc = 0;

	if (check_table_format(l, root, err) < 0)
		return -1;
	d = hints_get_str(&root->hints, "write_disposition");
	*how = LOAD_APPEND;
	if (l->dest->ops->add_state && !strcmp(t->name, "_dlt_pipeline_state"))
		*how = LOAD_SKIP; /* it comes from the package's own state */
	else if (d && !strcmp(d, "skip")) {
		*how = LOAD_SKIP;
	} else if (d && !strcmp(d, "replace")) {
		*how = l->dest->ops->caps.isolated &&
		        !strcmp(l->replace_strategy, "truncate-and-insert")
		    ? LOAD_EMPTIED
		    : LOAD_STAGED;
	} else if (d && !strcmp(d, "merge") &&
	    l->dest->ops->caps.append_merges) {
		warn_append(l, root);
	} else if (d && !strcmp(d, "merge")) {
		*how = LOAD_STAGED;
		rc = merge_how(l, root, err);
	} else if (d && strcmp(d, "append") != 0) {
		rc = error_set(err, ERR_REMOTE,
		    "table \"%s\": write disposition \"%s\" is not known; "
		    "nothing was loaded",
		    t->name, d);
	}
	free(d);
	return rc;
}

/* ---- the merge of one chain ---- */

/* The hint x-boundary-timestamp, else when the package was created. */
static int
boundary_of(struct loader *l, const struct table *root, struct buf *out,
    struct error *err)
{
	char *hint = hints_get_str(&root->hints, "x-boundary-timestamp");
	struct buf created = { 0 };
	struct iso iso;
	int rc = 0;

	if (!hint && l->created.len) {
		buf_adds(out, l->created.data);
		return 0;
	}
	if (hint)
		buf_adds(&created, hint);
	else
		load_id_created_at(l->load_id, &created);
	iso_parse(buf_str(&created), created.len, &iso);
	if ((iso.kind == ISO_DATETIME || iso.kind == ISO_DATE) &&
	    timestamp_to_utc(&iso.ts))
		timestamp_format_sql(&iso.ts, out);
	else
		rc = error_set(err, ERR_REMOTE,
		    "table \"%s\": x-boundary-timestamp \"%s\" is no timestamp",
		    root->name, buf_str(&created));
	buf_release(&created);
	free(hint);
	return rc;
}

static int
find_kind(struct loader *l, const struct table *root, enum merge_kind *kind,
    struct error *err)
{
	char *d = hints_get_str(&root->hints, "write_disposition");
	bool replace = d && !strcmp(d, "replace");

	free(d);
	*kind = MERGE_REPLACE;
	if (replace)
		return 0;
	return merge_kind_of(root, l->dest->ops->caps.merge_strategies, kind,
	    err);
}

/* Fills m; release with end_merge(). */
static int
begin_merge(struct loader *l, const struct table *root, struct merge *m,
    struct table ***chain, struct buf *boundary, struct error *err)
{
	*m = (struct merge){ .dialect = l->dest->ops->caps.merge,
		.schema = l->schema,
		.name = l->dest->ops->name,
		.arg = l->dest };
	if (find_kind(l, root, &m->kind, err) < 0 ||
	    boundary_of(l, root, boundary, err) < 0)
		return -1;
	merge_chain(l->schema, root, chain, &m->count);
	m->chain = *chain;
	m->boundary = boundary->data;
	return 0;
}

int
load_check_chain(struct loader *l, const struct table *root, struct error *err)
{
	struct table **chain = NULL;
	struct buf boundary = { 0 };
	struct merge m;
	int rc = begin_merge(l, root, &m, &chain, &boundary, err);

	if (rc == 0)
		rc = merge_check(&m, err);
	free(chain);
	buf_release(&boundary);
	return rc;
}

static int
execute_all(struct loader *l, const struct buf *sql, struct error *err)
{
	for (size_t at = 0; at < sql->len;) {
		const char *one = sql->data + at;

		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (l->dest->ops->execute(l->dest, one, err) < 0)
			return -1;
		TEST_HOOK("load_merge");
		at += strlen(one) + 1;
	}
	return 0;
}

/* Tables that other packages or schemas know need not be there yet. */
static int
ready_chain(struct loader *l, const struct merge *m, struct error *err)
{
	for (size_t i = 0; i < m->count; i++)
		if (load_migrate(l, m->chain[i], NULL, err) < 0 ||
		    load_stage(l, m->chain[i], err) < 0)
			return -1;
	return 0;
}

int
load_merge(struct loader *l, const struct table *root, struct error *err)
{
	struct buf sql = { 0 }, boundary = { 0 };
	struct table **chain = NULL;
	struct merge m;
	int rc = -1;

	if (begin_merge(l, root, &m, &chain, &boundary, err) == 0 &&
	    ready_chain(l, &m, err) == 0 && merge_sql(&m, &sql, err) == 0 &&
	    execute_all(l, &sql, err) == 0)
		rc = 0;
	if (rc < 0 && err->code != ERR_QUIET)
		error_prefix(err, "merge of \"%s\": ", root->name);
	free(chain);
	buf_release(&sql);
	buf_release(&boundary);
	return rc;
}

int
load_merge_all(struct loader *l, struct error *err)
{
	struct load_tables done = { 0 };
	int rc = 0;

	for (size_t i = 0, n = l->staged.count; i < n && rc == 0; i++) {
		struct table *root = schema_root(l->schema, l->staged.items[i]);

		if (load_tables_have(&done, root))
			continue;
		note_table(&done, root);
		rc = load_merge(l, root, err);
	}
	free(done.items);
	return rc;
}

/* ---- tables ---- */

int
load_empty(struct loader *l, const struct table *t, struct error *err)
{
	const struct table *root = schema_root(l->schema, t);

	for (size_t i = 0; i < l->schema->table_count; i++) {
		struct table *each = l->schema->tables[i];

		if (schema_root(l->schema, each) != root ||
		    load_tables_have(&l->emptied, each))
			continue;
		if (l->dest->ops->empty(l->dest, DEST_DATASET, each, err) < 0)
			return -1;
		note_table(&l->emptied, each);
	}
	return 0;
}

/* ---- the staging dataset ---- */

/* Are rows of the table staged, as it is and as the settings are? */
static bool
is_staged(struct loader *l, const struct table *t)
{
	struct error ignored;
	enum load_how how;

	return strncmp(t->name, "_dlt", 4) != 0 && merge_has_part(t) &&
	    load_how_of(l, t, &how, &ignored) == 0 && how == LOAD_STAGED;
}

static bool
has_staging(struct loader *l)
{
	const struct dest_caps *caps = &l->dest->ops->caps;

	if (caps->private_staging || !caps->merge || !l->schema)
		return false;
	for (size_t i = 0; i < l->schema->table_count; i++)
		if (is_staged(l, l->schema->tables[i]))
			return true;
	return false;
}

int
load_claim_staging(struct loader *l, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;

	if (!ops->claim_staging || !has_staging(l))
		return 0;
	return ops->claim_staging(l->dest, err);
}

int
load_init_staging(struct loader *l, struct error *err)
{
	const struct dest_ops *ops = l->dest->ops;
	struct table *versions = schema_table(l->schema, "_dlt_version");

	if (!has_staging(l))
		return 0;
	for (size_t i = 0; i < l->schema->table_count; i++) {
		const struct table *t = l->schema->tables[i];

		if (is_staged(l, t) &&
		    ops->migrate(l->dest, DEST_STAGING, t, NULL, err) < 0)
			return -1;
	}
	if (!ops->staging_version || !versions)
		return 0;
	if (ops->migrate(l->dest, DEST_STAGING, versions, NULL, err) < 0)
		return -1;
	return l->dest->plan ? 0
	                     : ops->staging_version(l->dest, l->schema, err);
}

int
load_truncate_staging(struct loader *l, struct error *err)
{
	if (!l->truncate_staging || !has_staging(l))
		return 0;
	for (size_t i = 0; i < l->schema->table_count; i++) {
		const struct table *t = l->schema->tables[i];

		if (is_staged(l, t) &&
		    l->dest->ops->empty(l->dest, DEST_STAGING, t, err) < 0)
			return -1;
	}
	return 0;
}

int
load_stage(struct loader *l, const struct table *t, struct error *err)
{
	struct table *own = schema_table(l->schema, t->name);
	const struct dest_ops *ops = l->dest->ops;

	if (ops->migrate(l->dest, DEST_STAGING, own, NULL, err) < 0)
		return -1;
	if (load_tables_have(&l->staged, own))
		return 0;
	if (!ops->caps.private_staging &&
	    ops->empty(l->dest, DEST_STAGING, own, err) < 0)
		return -1;
	note_table(&l->staged, own);
	return 0;
}

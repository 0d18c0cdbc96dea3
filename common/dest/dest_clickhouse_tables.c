/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/ddl.h"
#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

#define TABLE_EXISTS 57

/* ---- names ---- */

static const char *
prefix_of(const struct clickhouse_dest *c, enum dest_place place)
{
	return place == DEST_STAGING ? c->staging : c->prefix;
}

void
ch_qualify(const struct clickhouse_dest *c, const char *name, struct buf *out)
{
	ddl_quote(c->database, out);
	buf_addc(out, '.');
	ddl_quote(name, out);
}

/* 16 hexadecimal digits that stand for some texts. */
static void
add_digest(const char *const *texts, size_t count, struct buf *out)
{
	struct hash *h = hash_sha256_new();
	char hex[HASH_HEX_LEN + 1];

	for (size_t i = 0; i < count; i++)
		hash_update(h, texts[i], strlen(texts[i]) + 1);
	hash_final_hex(h, hex);
	buf_add(out, hex, 16);
}

/* Merges of several chains at a time share no tables: the temporary ones have
 * the chain in their names. */
void
ch_name(void *arg, enum dest_place place, const char *table, struct buf *out)
{
	const struct clickhouse_dest *c = arg;
	struct buf name = { 0 };

	buf_addf(&name, "%s%s", prefix_of(c, place), table);
	if (place == DEST_STAGING && c->chain &&
	    !strncmp(table, "_dlt_merge_", 11)) {
		const char *texts[] = { c->chain };

		buf_addc(&name, '_');
		add_digest(texts, 1, &name);
	}
	ch_qualify(c, name.data, out);
	buf_release(&name);
}

/* ---- what is there ---- */

static void
where_table(const struct clickhouse_dest *c, const char *key, const char *name,
    struct buf *sql)
{
	buf_adds(sql, " WHERE database = ");
	ch_literal(c->database, strlen(c->database), sql);
	buf_addf(sql, " AND %s = ", key);
	ch_literal(name, strlen(name), sql);
}

int
ch_exists(struct clickhouse_dest *c, const char *name, bool *found,
    struct error *err)
{
	struct buf sql = { 0 };
	int rc;

	buf_adds(&sql, "SELECT 1 FROM system.tables");
	where_table(c, "name", name, &sql);
	rc = ch_has_row(c, sql.data, found, err);
	buf_release(&sql);
	return rc;
}

static struct column *
column_of(const struct table *t, const struct buf *name)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i]->name_len == name->len &&
		    !memcmp(t->columns[i]->name, buf_str(name), name->len))
			return t->columns[i];
	return NULL;
}

static int
check_type(const struct clickhouse_dest *c, const struct table *t,
    const struct column *column, const struct ch_type *have, const char *name,
    struct error *err)
{
	struct buf want = { 0 };

	if (ch_type_fits(have, column->type))
		return 0;
	if (ch_type_add(c->version, column, &want, err) == 0)
		ddl_refuse_type(t, column, name, want.data, err);
	buf_release(&want);
	return -1;
}

int
ch_columns(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct ch_type *types, bool *have, bool *exists,
    struct error *err)
{
	struct buf sql = { 0 }, out = { 0 }, name = { 0 }, type = { 0 };
	const char *at;
	int rc;

	*exists = false;
	buf_addf(&name, "%s%s", prefix_of(c, place),
	    dest_is_doomed(&c->base, t->name) ? "" : t->name);
	buf_adds(&sql, "SELECT name, type FROM system.columns");
	where_table(c, "table", name.data, &sql);
	rc = ch_query(c, sql.data, NULL, &out, NULL, err);
	for (at = buf_str(&out); *at && rc == 0;) {
		struct column *column;

		*exists = true;
		buf_reset(&name);
		buf_reset(&type);
		ch_field(&at, &name);
		ch_field(&at, &type);
		column = column_of(t, &name);
		if (!column || column->type == TYPE_NONE)
			continue;
		types[column->index] = ch_type_parse(buf_str(&type));
		have[column->index] = true;
		rc = check_type(c, t, column, &types[column->index],
		    buf_str(&type), err);
	}
	buf_release(&sql);
	buf_release(&out);
	buf_release(&name);
	buf_release(&type);
	return rc;
}

/* ---- changes ---- */

/* A staging table is made like the one that its rows are for, so that the two
 * can be exchanged. */
static int
create_table(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 }, target = { 0 };
	bool like = false;
	int rc = 0;

	ch_name(c, place, t->name, &name);
	if (place == DEST_STAGING) {
		buf_addf(&target, "%s%s", c->prefix, t->name);
		rc = ch_exists(c, target.data, &like, err);
	}
	if (rc == 0 && like) {
		buf_addf(&sql, "CREATE TABLE IF NOT EXISTS %s AS ", name.data);
		ch_name(c, DEST_DATASET, t->name, &sql);
	} else if (rc == 0) {
		rc = ch_create_add(c->version, name.data, t, &sql, err);
	}
	if (rc == 0 && !dest_planned(&c->base, sql.data))
		rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	buf_release(&name);
	buf_release(&target);
	return rc;
}

static int
add_columns(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, const bool *have, struct error *err)
{
	const char *between = " ";
	struct buf sql = { 0 };
	int rc = 0;

	buf_adds(&sql, "ALTER TABLE ");
	ch_name(c, place, t->name, &sql);
	for (size_t i = 0; i < t->column_count && rc == 0; i++) {
		if (have[i] || t->columns[i]->type == TYPE_NONE)
			continue;
		/* another run may add the same one; old servers cannot tell */
		buf_addf(&sql, "%sADD COLUMN %s", between,
		    c->version >= CH_TIME64 ? "IF NOT EXISTS " : "");
		between = ", ";
		rc = ch_column_add(c->version, t->columns[i], &sql, err);
	}
	if (rc == 0 && !dest_planned(&c->base, sql.data))
		rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	return rc;
}

static int
change(struct clickhouse_dest *c, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	bool *have = xcalloc(t->column_count + 1, sizeof(*have)), exists;
	struct ch_type *types = xcalloc(t->column_count + 1, sizeof(*types));
	int rc = ch_columns(c, place, t, types, have, &exists, err);

	if (rc == 0 && ddl_lacks(t, have)) {
		rc = exists ? add_columns(c, place, t, have, err)
		            : create_table(c, place, t, err);
		if (rc < 0)
			error_prefix(err, "table \"%s\": ", t->name);
		else
			ddl_note_added(t, have, added);
	}
	free(have);
	free(types);
	return rc;
}

int
ch_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;

	if (!d->plan && ch_insert_end(c, err) < 0)
		return -1;
	if (ch_need_sentinel(c, place, err) < 0 ||
	    (place == DEST_DATASET && ch_need_jobs_table(c, err) < 0))
		return -1;
	return change(c, place, t, added, err);
}

/* ---- emptying ---- */

int
ch_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf sql = { 0 }, name = { 0 };
	bool found;
	int rc;

	buf_addf(&name, "%s%s", prefix_of(c, place), t->name);
	rc = ch_exists(c, name.data, &found, err);
	if (rc == 0 && found && place == DEST_DATASET) {
		buf_adds(&sql, "TRUNCATE TABLE ");
		ch_name(c, place, t->name, &sql);
		rc = ch_run(c, sql.data, err);
	} else if (rc == 0) {
		if (!c->chain)
			c->chain = xstrdup(t->name);
		buf_adds(&sql, "DROP TABLE IF EXISTS ");
		ch_name(c, place, t->name, &sql);
		rc = ch_run(c, sql.data, err);
		if (rc == 0)
			rc = create_table(c, place, t, err);
	}
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

/* At once: there are no transactions to do it in. */
int
ch_drop(struct dest *d, enum dest_place place, const char *table,
    struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct buf sql = { 0 };
	int rc = 0;

	if (d->plan)
		return dest_drop(d, place, table, err);
	buf_adds(&sql, "DROP TABLE IF EXISTS ");
	ch_name(c, place, table, &sql);
	rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	return rc;
}

/* ---- part tables ---- */

static int
drop_part(struct clickhouse_dest *c, const struct ch_part *p, struct error *err)
{
	struct buf sql = { 0 };
	int rc;

	buf_adds(&sql, "DROP TABLE IF EXISTS ");
	ch_qualify(c, p->name, &sql);
	rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	return rc;
}

/* One with another engine, as a view, cannot be copied. What an earlier run has
 * left is in the way. */
static int
create_part(struct clickhouse_dest *c, const struct ch_part *p,
    struct error *err)
{
	struct buf sql = { 0 }, engine = { 0 };
	int rc, code = 0;

	buf_adds(&sql, "SELECT engine FROM system.tables");
	where_table(c, "name", p->target, &sql);
	rc = ch_query(c, sql.data, NULL, &engine, NULL, err);
	buf_reset(&sql);
	buf_adds(&sql, "CREATE TABLE ");
	ch_qualify(c, p->name, &sql);
	buf_adds(&sql, " AS ");
	ch_qualify(c, p->target, &sql);
	if (!strstr(buf_str(&engine), "MergeTree"))
		buf_adds(&sql, " ENGINE = MergeTree ORDER BY tuple()");
	if (rc == 0) {
		rc = ch_query(c, sql.data, NULL, NULL, &code, err);
		if (rc < 0 && code == TABLE_EXISTS && drop_part(c, p, err) == 0)
			rc = ch_run(c, sql.data, err);
	}
	buf_release(&sql);
	buf_release(&engine);
	return rc;
}

int
ch_need_part(struct clickhouse_dest *c, const struct table *t,
    const char **name, struct error *err)
{
	const char *texts[] = { c->prefix, "", "", t->name };
	struct ch_tx *tx = &c->tx;
	struct buf target = { 0 }, part = { 0 };
	struct ch_part *p;

	buf_addf(&target, "%s%s", c->prefix, t->name);
	for (size_t i = 0; i < tx->part_count; i++) {
		if (strcmp(tx->parts[i].target, target.data) != 0)
			continue;
		*name = tx->parts[i].name;
		buf_release(&target);
		return 0;
	}
	texts[1] = c->load_id ? c->load_id : "";
	texts[2] = c->job_id ? c->job_id : "";
	buf_addf(&part, "%s" CH_PART_PREFIX, c->prefix);
	add_digest(texts, ARRAY_LEN(texts), &part);
	tx->parts = xgrow(tx->parts, &tx->part_cap, tx->part_count + 1,
	    sizeof(*tx->parts));
	p = &tx->parts[tx->part_count++];
	p->name = buf_take(&part);
	p->target = buf_take(&target);
	*name = p->name;
	return create_part(c, p, err);
}

/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_duckdb_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <search.h>
#include <stdlib.h>
#include <string.h>

static const struct ddl_type types[] = {
	{ TYPE_TEXT, "VARCHAR", NULL, NULL },
	{ TYPE_BIGINT, "BIGINT", NULL, NULL },
	{ TYPE_DOUBLE, "DOUBLE", NULL, NULL },
	{ TYPE_BOOL, "BOOLEAN", NULL, NULL },
	{ TYPE_TIMESTAMP, "TIMESTAMP WITH TIME ZONE", NULL, NULL },
	{ TYPE_DATE, "DATE", NULL, NULL },
	{ TYPE_TIME, "TIME", NULL, NULL },
	{ TYPE_DECIMAL, "DECIMAL(38,9)", "DECIMAL(%,9)", "DECIMAL(%,%)" },
	{ TYPE_WEI, "DECIMAL(38,0)", "DECIMAL(%,0)", "DECIMAL(%,%)" },
	{ TYPE_BINARY, "BLOB", NULL, NULL },
	{ TYPE_JSON, "JSON", NULL, NULL },
};

static const struct ddl_integer integers[] = {
	{ 8, "TINYINT" },
	{ 16, "SMALLINT" },
	{ 32, "INTEGER" },
	{ 64, "BIGINT" },
	{ 128, "HUGEINT" },
};

static const struct ddl_family families[] = {
	{ "VARCHAR", TYPE_TEXT },
	{ "TINYINT", TYPE_BIGINT },
	{ "SMALLINT", TYPE_BIGINT },
	{ "INTEGER", TYPE_BIGINT },
	{ "BIGINT", TYPE_BIGINT },
	{ "HUGEINT", TYPE_BIGINT },
	{ "UTINYINT", TYPE_BIGINT },
	{ "USMALLINT", TYPE_BIGINT },
	{ "UINTEGER", TYPE_BIGINT },
	{ "UBIGINT", TYPE_BIGINT },
	{ "DOUBLE", TYPE_DOUBLE },
	{ "FLOAT", TYPE_DOUBLE },
	{ "BOOLEAN", TYPE_BOOL },
	{ "TIMESTAMP WITH TIME ZONE", TYPE_TIMESTAMP },
	{ "TIMESTAMP", TYPE_TIMESTAMP },
	{ "TIMESTAMP_S", TYPE_TIMESTAMP },
	{ "TIMESTAMP_MS", TYPE_TIMESTAMP },
	{ "TIMESTAMP_NS", TYPE_TIMESTAMP },
	{ "DATE", TYPE_DATE },
	{ "TIME", TYPE_TIME },
	{ "DECIMAL", TYPE_DECIMAL },
	{ "BLOB", TYPE_BINARY },
	{ "JSON", TYPE_JSON },
};

/* Timestamps without zone: only they have a precision here. */
static bool
special_type(const struct column *c, struct buf *out)
{
	long precision = hints_get_int(&c->hints, "precision", 6);

	if (c->type != TYPE_TIMESTAMP || c->timezone)
		return false;
	buf_adds(out,
	    precision == 0       ? "TIMESTAMP_S"
	        : precision <= 3 ? "TIMESTAMP_MS"
	        : precision <= 6 ? "TIMESTAMP"
	                         : "TIMESTAMP_NS");
	return true;
}

static const struct ddl_dialect dialect = {
	types,
	ARRAY_LEN(types),
	integers,
	ARRAY_LEN(integers),
	NULL,
	families,
	ARRAY_LEN(families),
	.special = special_type,
};

/* ---- what is there ---- */

/* DuckDB's functions that list tables make its own hundred views first, and
 * each call goes through all of them. What is there is asked once, and then
 * known: nobody else has the file. */

static int
compare_names(const void *a, const void *b)
{
	return strcasecmp(a, b);
}

/* No name holds the byte between the two. */
static char *
full_name(const char *schema, size_t schema_len, const char *table,
    size_t table_len)
{
	return xasprintf("%.*s\1%.*s", (int)schema_len, schema, (int)table_len,
	    table);
}

/* Takes the name. */
static void
know(struct duckdb_dest *d, char *name)
{
	char **kept = tsearch(name, &d->known, compare_names);

	if (!kept)
		abort();
	if (*kept != name)
		free(name);
}

void
duckdb_forget(struct duckdb_dest *d)
{
	tdestroy(d->known, free);
	d->known = NULL;
	d->knows = false;
}

static int
learn(struct duckdb_dest *d, struct error *err)
{
	const char *texts[] = { d->catalog };
	struct duck_rows *r;
	int rc = -1;

	if (d->knows)
		return 0;
	if (duckdb_is_blank(d->path) && !d->open) {
		d->knows = true;
		return 0;
	}
	r = duckdb_query(d,
	    "SELECT DISTINCT schema_name, table_name FROM duckdb_columns() "
	    "WHERE database_name = $1",
	    texts, 1, err);
	while (r && (rc = duck_next(r, err)) > 0) {
		size_t schema_len, table_len;
		const char *schema = duck_text(r, 0, &schema_len);
		const char *table = duck_text(r, 1, &table_len);

		know(d,
		    full_name(schema ? schema : "", schema_len,
		        table ? table : "", table_len));
	}
	duck_rows_free(r);
	d->knows = rc == 0;
	return rc;
}

static int
is_known(struct duckdb_dest *d, const char *schema, const char *table,
    bool *found, struct error *err)
{
	char *name;

	*found = false;
	if (learn(d, err) < 0)
		return -1;
	name = full_name(schema, strlen(schema), table, strlen(table));
	*found = tfind(name, &d->known, compare_names) != NULL;
	free(name);
	return 0;
}

int
duckdb_has_table(struct duckdb_dest *d, const char *name, bool *found,
    struct error *err)
{
	*found = d->jobs_table && !strcmp(name, "_dlt_jobs");
	if (*found || !d->duck)
		return 0;
	return is_known(d, d->dataset, name, found, err);
}

void
duckdb_made_table(struct duckdb_dest *d, enum dest_place place,
    const char *table)
{
	const char *schema = duckdb_schema(d, place);

	if (d->knows)
		know(d,
		    full_name(schema, strlen(schema), table, strlen(table)));
}

/* It takes a name, but none that has quotes in it. */
static struct duck_rows *
table_info(struct duckdb_dest *d, enum dest_place place, const char *table,
    struct error *err)
{
	struct buf name = { 0 }, sql = { 0 };
	struct duck_rows *r;

	duckdb_name(d, place, table, &name);
	buf_adds(&sql, "SELECT name, type FROM pragma_table_info(");
	duck_literal(name.data, name.len, &sql);
	buf_adds(&sql, ") ORDER BY cid");
	r = duckdb_query(d, sql.data, NULL, 0, err);
	buf_release(&name);
	buf_release(&sql);
	return r;
}

struct duck_rows *
duckdb_columns(struct duckdb_dest *d, enum dest_place place, const char *table,
    struct error *err)
{
	const char *schema = duckdb_schema(d, place);
	const char *texts[] = { d->catalog, schema, table };
	bool found;

	if (is_known(d, schema, table, &found, err) < 0)
		return NULL;
	if (!found || dest_is_doomed(&d->base, table))
		return duckdb_query(d, "SELECT '', '' WHERE FALSE", NULL, 0,
		    err);
	if (!strchr(d->catalog, '"') && !strchr(schema, '"') &&
	    !strchr(table, '"'))
		return table_info(d, place, table, err);
	return duckdb_query(d,
	    "SELECT column_name, data_type FROM duckdb_columns() "
	    "WHERE database_name = $1 AND lower(schema_name) = lower($2) "
	    "AND lower(table_name) = lower($3) ORDER BY column_index",
	    texts, 3, err);
}

static int
has_schema(struct duckdb_dest *d, const char *name, bool *found,
    struct error *err)
{
	const char *texts[] = { d->catalog, name };

	*found = !strcmp(name, "main");
	if (*found || !d->duck)
		return 0;
	if (duckdb_append_end(d, err) < 0)
		return -1;
	return duck_exec(d->duck,
	    "SELECT 1 FROM duckdb_schemas() WHERE database_name = $1 "
	    "AND lower(schema_name) = lower($2)",
	    texts, 2, found, err);
}

int
duckdb_need_schema(struct duckdb_dest *d, enum dest_place place,
    struct error *err)
{
	const char *name = duckdb_schema(d, place);
	struct buf sql = { 0 };
	bool found;
	int rc;

	if (d->schemas[place])
		return 0;
	rc = has_schema(d, name, &found, err);
	buf_adds(&sql, "CREATE SCHEMA ");
	ddl_quote(d->catalog, &sql);
	buf_addc(&sql, '.');
	ddl_quote(name, &sql);
	if (rc == 0 && !found && !dest_planned(&d->base, sql.data))
		rc = duckdb_run(d, sql.data, NULL, 0, err);
	buf_release(&sql);
	if (rc < 0)
		return error_prefix(err, "dataset \"%s\": ", name);
	d->schemas[place] = true;
	return 0;
}

/* ---- changes ---- */

static struct column *
column_of(const struct table *t, const char *name, size_t len)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (t->columns[i]->name_len == len &&
		    !strncasecmp(t->columns[i]->name, name, len))
			return t->columns[i];
	return NULL;
}

/* Mark what is there; types first, all of them: a refusal leaves the table as
 * it was. */
static int
compare(struct duckdb_dest *d, enum dest_place place, const struct table *t,
    bool *have, bool *exists, struct error *err)
{
	struct duck_rows *r;
	int rc = -1;

	*exists = false;
	if (!d->duck) /* only looked at, and not there */
		return 0;
	r = duckdb_columns(d, place, t->name, err);
	while (r && (rc = duck_next(r, err)) > 0) {
		size_t len, type_len;
		const char *name = duck_text(r, 0, &len);
		const char *type = duck_text(r, 1, &type_len);
		struct column *c = column_of(t, name ? name : "", len);
		char *text;

		*exists = true;
		if (!c || c->type == TYPE_NONE)
			continue;
		text = xstrndup(type ? type : "", type_len);
		rc = ddl_check_type(&dialect, t, c, text, err);
		free(text);
		if (rc)
			break;
		have[c->index] = true;
	}
	duck_rows_free(r);
	return rc;
}

static int
create_table(struct duckdb_dest *d, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	int rc;

	duckdb_name(d, place, t->name, &name);
	rc = ddl_create(&dialect, name.data, t, &sql, err);
	if (rc == 0 && !dest_planned(&d->base, sql.data))
		rc = duckdb_run(d, sql.data, NULL, 0, err);
	if (rc == 0 && !d->base.plan)
		duckdb_made_table(d, place, t->name);
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

/* DuckDB adds no column that must not be null. */
static int
add_columns(struct duckdb_dest *d, enum dest_place place, const struct table *t,
    const bool *have, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	int rc = 0;

	duckdb_name(d, place, t->name, &name);
	for (size_t i = 0; i < t->column_count && rc == 0; i++) {
		if (have[i] || t->columns[i]->type == TYPE_NONE)
			continue;
		buf_reset(&sql);
		rc = ddl_add_column(&dialect, name.data, t, t->columns[i],
		    false, &sql, err);
		if (rc == 0 && !dest_planned(&d->base, sql.data))
			rc = duckdb_run(d, sql.data, NULL, 0, err);
	}
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

static int
change(struct duckdb_dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	bool *have = xcalloc(t->column_count + 1, sizeof(*have)), exists;
	int rc = compare(d, place, t, have, &exists, err);

	if (rc == 0 && ddl_lacks(t, have)) {
		rc = exists ? add_columns(d, place, t, have, err)
		            : create_table(d, place, t, err);
		if (rc < 0)
			error_prefix(err, "table \"%s\": ", t->name);
		else
			ddl_note_added(t, have, added);
	}
	free(have);
	return rc;
}

/* Columns may have changed: who appends must look again. */
static int
forget_append(struct duckdb_dest *d, struct error *err)
{
	if (duckdb_append_end(d, err) < 0)
		return -1;
	d->append_table = NULL;
	return 0;
}

int
duckdb_migrate(struct dest *base, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (ddl_check_names(t, err) < 0)
		return -1;
	if ((!base->plan && forget_append(d, err) < 0) ||
	    duckdb_need_schema(d, place, err) < 0 ||
	    (place == DEST_DATASET && duckdb_ledger.need_jobs(base, err) < 0))
		return -1;
	return change(d, place, t, added, err);
}

int
duckdb_drop(struct dest *base, enum dest_place place, const char *table,
    struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	bool found;

	if (is_known(d, duckdb_schema(d, place), table, &found, err) < 0)
		return -1;
	if (!found)
		return 0;
	if (!base->plan)
		duckdb_forget(d);
	return dest_drop(base, place, table, err);
}

int
duckdb_empty(struct dest *base, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	struct duck_rows *r = duckdb_columns(d, place, t->name, err);
	int rc = r ? duck_next(r, err) : -1;
	struct buf sql = { 0 };

	duck_rows_free(r);
	if (rc > 0) {
		buf_adds(&sql, "DELETE FROM ");
		duckdb_name(d, place, t->name, &sql);
		rc = duckdb_run(d, sql.data, NULL, 0, err);
	}
	buf_release(&sql);
	return rc;
}

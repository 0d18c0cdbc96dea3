/* SPDX-License-Identifier: MIT */
#include "common/caps.h"

#include <stdlib.h>
#include <string.h>

#include "common/buf.h"
#include "common/schema.h"

static const char *const none[] = { NULL };
static const char *const all_four[] = { "delete-insert", "upsert", "scd2",
	"insert-only", NULL };
static const char *const fabric[] = { "delete-insert", "scd2", "upsert",
	"insert-only", NULL };
static const char *const two[] = { "delete-insert", "scd2", NULL };
static const char *const keyed[] = { "upsert", "insert-only", NULL };
static const char *const upsert[] = { "upsert", NULL };
static const char *const dummy[] = { "delete-insert", "upsert", NULL };

static const char *const lakes[] = { "delta", "iceberg", NULL };
static const char *const iceberg[] = { "iceberg", NULL };

static const char *const f_files[] = { "jsonl", "insert_values", "parquet",
	"csv", "model", "reference", NULL };
static const char *const f_sqlalchemy[] = { "typed-jsonl", "parquet", "model",
	NULL };
static const char *const f_custom[] = { "typed-jsonl", "parquet", NULL };
static const char *const f_duckdb[] = { "insert_values", "parquet", "jsonl",
	"model", NULL };
static const char *const f_postgres[] = { "insert_values", "csv", "parquet",
	"model", NULL };
static const char *const f_clickhouse[] = { "parquet", "jsonl", "model", NULL };
static const char *const f_insert[] = { "insert_values", "model", NULL };
static const char *const f_snowflake[] = { "jsonl", "parquet", "csv", "model",
	NULL };
static const char *const f_bigquery[] = { "jsonl", "parquet", "model", NULL };
static const char *const f_mssql[] = { "insert_values", "parquet", "model",
	NULL };
static const char *const f_jsonl[] = { "jsonl", NULL };
static const char *const f_lance[] = { "parquet", "reference", NULL };
/* what goes through a bucket */
static const char *const s_parquet[] = { "parquet", NULL };
static const char *const s_athena[] = { "parquet", "model", NULL };
static const char *const s_json[] = { "jsonl", "parquet", NULL };
static const char *const s_columns[] = { "parquet", "jsonl", NULL };
static const char *const s_snowflake[] = { "jsonl", "parquet", "csv", NULL };

/* A name is that of Python dlt, which loads what it prefers; a URL (the names
 * with a colon) is one of our own, which loads jsonl fastest. */
/* clang-format off */
static const struct caps targets[] = {
	{ "filesystem", 65536, keyed, lakes, "jsonl", f_files,
	    .dialect = "postgres" },
	{ "file", 65536, none, NULL, "jsonl", f_files,
	    .dialect = "postgres" },
	{ "s3", 65536, none, NULL, "jsonl", f_files,
	    .dialect = "postgres" },
	{ "sqlite", 9999, two, NULL, "jsonl", f_sqlalchemy, .extra = "jsonl" },
	/* Its names are as long as the database allows: where nothing tells
	 * which one it is, SQLite. */
	{ "sqlalchemy", 9999, two, NULL, "typed-jsonl", f_sqlalchemy,
	    .extra = "jsonl" },
	{ "mysql", 64, two, NULL, "typed-jsonl", f_sqlalchemy },
	{ "mariadb", 64, two, NULL, "typed-jsonl", f_sqlalchemy },
	{ "destination", 65536, none, NULL, "typed-jsonl", f_custom,
	    .flat = true, .naming = "direct" },
	{ "duckdb", 65536, all_four, NULL, "insert_values", f_duckdb,
	    .dialect = "duckdb" },
	{ "duckdb:", 65536, all_four, NULL, "jsonl", f_duckdb,
	    .dialect = "duckdb" },
	{ "motherduck", 65536, all_four, NULL, "parquet", f_duckdb,
	    .dialect = "duckdb" },
	{ "ducklake", 65536, all_four, NULL, "parquet", f_duckdb,
	    .dialect = "duckdb" },
	{ "postgres", 63, all_four, NULL, "insert_values", f_postgres,
	    .extra = "jsonl", .dialect = "postgres",
	    .fold = 'L' },
	{ "postgresql", 63, all_four, NULL, "insert_values", f_postgres,
	    .extra = "jsonl", .dialect = "postgres",
	    .fold = 'L' },
	{ "postgres:", 63, all_four, NULL, "jsonl", f_postgres,
	    .extra = "jsonl", .dialect = "postgres",
	    .fold = 'L' },
	{ "postgresql:", 63, all_four, NULL, "jsonl", f_postgres,
	    .extra = "jsonl", .dialect = "postgres",
	    .fold = 'L' },
	{ "clickhouse", 255, two, NULL, "jsonl", f_clickhouse, "jsonl",
	    s_columns, .dialect = "clickhouse" },
	{ "redshift", 127, two, NULL, "insert_values", f_insert, "jsonl",
	    s_json, .dialect = "redshift",
	    .fold = 'L' },
	{ "snowflake", 255, all_four, NULL, "jsonl", f_snowflake, "jsonl",
	    s_snowflake, .dialect = "snowflake",
	    .fold = 'U' },
	{ "bigquery", 300, all_four, NULL, "jsonl", f_bigquery, "parquet",
	    s_columns, .dialect = "bigquery", .file_bytes = 1 << 30 },
	{ "mssql", 128, all_four, NULL, "insert_values", f_mssql,
	    .dialect = "mssql" },
	{ "synapse", 128, two, NULL, "insert_values", f_insert, "parquet",
	    s_parquet, .dialect = "synapse" },
	{ "fabric", 128, fabric, NULL, "insert_values", f_insert, "parquet",
	    s_parquet, .dialect = "synapse" },
	{ "databricks", 255, all_four, NULL, "parquet", f_bigquery, "parquet",
	    s_json, .dialect = "databricks",
	    .fold = 'L' },
	{ "athena", 255, all_four, iceberg, NULL, none, "parquet", s_athena,
	    .fold = 'L' },
	{ "dremio", 255, two, NULL, NULL, none, "parquet", f_bigquery },
	{ "lancedb", 200, keyed, NULL, "parquet", f_lance,
	    .file_bytes = 128000000 },
	{ "lance", 200, upsert, NULL, "parquet", f_lance,
	    .file_bytes = 128000000 },
	{ "weaviate", 200, upsert, NULL, "jsonl", f_jsonl },
	{ "qdrant", 200, upsert, NULL, "jsonl", f_jsonl },
	{ "dummy", 127, dummy, NULL, "jsonl", f_jsonl },
};
/* clang-format on */

const struct caps *
caps_at(size_t i)
{
	return i < ARRAY_LEN(targets) ? &targets[i] : NULL;
}

static bool
listed(const char *const *list, const char *word)
{
	for (; list && *list; list++)
		if (strcmp(*list, word) == 0)
			return true;
	return false;
}

static const struct caps *
find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(targets); i++)
		if (strlen(targets[i].name) == len &&
		    strncmp(targets[i].name, name, len) == 0)
			return &targets[i];
	return NULL;
}

const struct caps *
caps_find(const char *name)
{
	const struct caps *t = NULL;
	size_t len;

	if (!name)
		return &targets[0];
	if (strncmp(name, "dlt.destinations.", 17) == 0)
		name = strrchr(name, '.') + 1;
	len = strcspn(name, ":");
	if (name[len])
		t = find(name, len + 1);
	return t ? t : find(name, len);
}

int
caps_unknown(const char *name, struct error *err)
{
	struct buf names = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(targets); i++)
		if (!strchr(targets[i].name, ':'))
			buf_addf(&names, "%s%s", i ? ", " : "",
			    targets[i].name);
	error_set(err, ERR_USAGE,
	    "--for: unknown destination \"%s\"; there are %s", name,
	    buf_str(&names));
	buf_release(&names);
	return -1;
}

bool
caps_stage(const struct caps *t, struct caps *staged)
{
	if (!t->staged)
		return false;
	*staged = *t;
	staged->preferred = t->staged_preferred;
	staged->formats = t->staged;
	staged->extra = NULL;
	return true;
}

bool
caps_takes(const struct caps *t, const char *format)
{
	return listed(t->formats, format) ||
	    (t->extra && strcmp(t->extra, format) == 0);
}

void
caps_formats(const struct caps *t, struct buf *out)
{
	const char *const *f;

	for (f = t->formats; *f; f++) {
		if (f != t->formats)
			buf_adds(out, ", ");
		buf_adds(out, *f);
	}
	if (t->extra)
		buf_addf(out, "%s%s", f == t->formats ? "" : ", ", t->extra);
}

bool
caps_has_format(const struct caps *t, const struct table *root)
{
	char *format = hints_get_str(&root->hints, "table_format");
	bool has = format && listed(t->table_formats, format);

	free(format);
	return has;
}

const char *const *
caps_strategies(const struct caps *t, const struct table *root)
{
	if (t->table_formats && !caps_has_format(t, root))
		return none;
	return t->strategies;
}

static int
check_table(const struct caps *t, const struct table *root, struct error *err)
{
	const char *const *has = caps_strategies(t, root), *const * p;
	char *disposition = hints_get_str(&root->hints, "write_disposition");
	char *strategy = hints_get_str(&root->hints, "x-merge-strategy");
	struct buf list = { 0 };
	int rc = 0;

	if (disposition && strategy && *has && !listed(has, strategy) &&
	    strcmp(disposition, "merge") == 0) {
		for (p = has; *p; p++)
			buf_addf(&list, "%s%s", p == has ? "" : ", ", *p);
		rc = error_set(err, ERR_DATA,
		    "table \"%s\": %s does not have the merge strategy \"%s\", "
		    "but %s",
		    root->name, t->name, strategy, buf_str(&list));
	}
	buf_release(&list);
	free(strategy);
	free(disposition);
	return rc;
}

int
caps_check(const struct caps *t, const struct schema *s, struct error *err)
{
	for (size_t i = 0; i < s->table_count; i++)
		if (schema_root(s, s->tables[i]) == s->tables[i] &&
		    check_table(t, s->tables[i], err))
			return -1;
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/target.h"

#include <string.h>

#include "common/buf.h"
#include "tools/dlt-normalize/format_sql.h"

static const char *const none[] = { NULL };
static const char *const all_four[] = { "delete-insert", "upsert", "scd2",
	"insert-only", NULL };
static const char *const two[] = { "delete-insert", "scd2", NULL };

static const char *const f_files[] = { "jsonl", "insert_values", "parquet",
	"csv", "model", "reference", NULL };
static const char *const f_sqlite[] = { "jsonl", "typed-jsonl", "parquet",
	"model", NULL };
static const char *const f_sqlalchemy[] = { "typed-jsonl", "jsonl", "parquet",
	"model", NULL };
static const char *const f_custom[] = { "typed-jsonl", "parquet", NULL };
static const char *const f_duckdb[] = { "insert_values", "parquet", "jsonl",
	"model", NULL };
/* jsonl: our own loader takes it, Python's does not */
static const char *const f_postgres[] = { "insert_values", "csv", "parquet",
	"model", "jsonl", NULL };
static const char *const f_clickhouse[] = { "parquet", "jsonl", "model", NULL };
static const char *const f_redshift[] = { "insert_values", "model", NULL };
static const char *const f_snowflake[] = { "jsonl", "parquet", "csv", "model",
	NULL };
static const char *const f_bigquery[] = { "jsonl", "parquet", "model", NULL };
static const char *const f_mssql[] = { "insert_values", "parquet", "model",
	NULL };
static const char *const f_jsonl[] = { "jsonl", NULL };
static const char *const f_parquet[] = { "parquet", NULL };
static const char *const f_lance[] = { "parquet", "reference", NULL };

/* A name is that of Python dlt, which loads what it prefers; a URL (the names
 * with a colon) is one of our own, which loads jsonl fastest.
 * Destinations that Python dlt loads by way of a staging bucket take what it
 * puts there. */
static const struct target targets[] = {
	{ "filesystem", 0, none, "jsonl", f_files, &dialect_postgres },
	{ "file", 0, none, "jsonl", f_files, &dialect_postgres },
	{ "s3", 0, none, "jsonl", f_files, &dialect_postgres },
	{ "sqlite", 9999, two, "jsonl", f_sqlite, NULL },
	{ "sqlalchemy", 9999, two, "typed-jsonl", f_sqlalchemy, NULL },
	{ "destination", 0, none, "typed-jsonl", f_custom, NULL },
	{ "duckdb", 65536, all_four, "insert_values", f_duckdb,
	    &dialect_duckdb },
	{ "duckdb:", 65536, all_four, "jsonl", f_duckdb, &dialect_duckdb },
	{ "motherduck", 65536, all_four, "parquet", f_duckdb, &dialect_duckdb },
	{ "postgres", 63, all_four, "insert_values", f_postgres,
	    &dialect_postgres },
	{ "postgresql", 63, all_four, "insert_values", f_postgres,
	    &dialect_postgres },
	{ "postgres:", 63, all_four, "jsonl", f_postgres, &dialect_postgres },
	{ "postgresql:", 63, all_four, "jsonl", f_postgres, &dialect_postgres },
	{ "clickhouse", 255, two, "jsonl", f_clickhouse, &dialect_clickhouse },
	{ "redshift", 127, all_four, "insert_values", f_redshift,
	    &dialect_redshift },
	{ "snowflake", 255, all_four, "jsonl", f_snowflake,
	    &dialect_snowflake },
	{ "bigquery", 300, all_four, "jsonl", f_bigquery, &dialect_bigquery },
	{ "mssql", 128, all_four, "insert_values", f_mssql, &dialect_mssql },
	{ "synapse", 128, two, "insert_values", f_redshift, &dialect_synapse },
	{ "databricks", 255, all_four, "parquet", f_bigquery,
	    &dialect_databricks },
	{ "athena", 255, two, "parquet", f_parquet, NULL },
	{ "dremio", 255, two, "parquet", f_parquet, NULL },
	{ "lancedb", 0, none, "parquet", f_lance, NULL },
	{ "weaviate", 0, none, "jsonl", f_jsonl, NULL },
	{ "qdrant", 0, none, "jsonl", f_jsonl, NULL },
};

static const struct target *
find(const char *name, size_t len)
{
	size_t i;

	for (i = 0; i < ARRAY_LEN(targets); i++)
		if (strlen(targets[i].name) == len &&
		    strncmp(targets[i].name, name, len) == 0)
			return &targets[i];
	return NULL;
}

const struct target *
target_find(const char *name)
{
	const struct target *t = NULL;
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

bool
target_takes(const struct target *t, const char *format)
{
	const char *const *f;

	for (f = t->formats; *f; f++)
		if (strcmp(*f, format) == 0)
			return true;
	return false;
}

void
target_formats(const struct target *t, struct buf *out)
{
	const char *const *f;

	for (f = t->formats; *f; f++) {
		if (f != t->formats)
			buf_adds(out, ", ");
		buf_adds(out, *f);
	}
}

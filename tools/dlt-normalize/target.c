/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tools/dlt-normalize/normalize.h"

static const char *const none[] = { NULL };
static const char *const all_four[] = { "delete-insert", "upsert", "scd2",
	"insert-only", NULL };
static const char *const two[] = { "delete-insert", "scd2", NULL };

/* Contract.md 5.4 and 9.2. */
static const struct target targets[] = {
	{ "filesystem", 0, none },
	{ "file", 0, none },
	{ "s3", 0, none },
	{ "sqlite", 9999, two },
	{ "sqlalchemy", 9999, two },
	{ "duckdb", 65536, all_four },
	{ "motherduck", 65536, all_four },
	{ "postgres", 63, all_four },
	{ "postgresql", 63, all_four },
	{ "clickhouse", 255, two },
	{ "redshift", 127, all_four },
	{ "snowflake", 255, all_four },
	{ "bigquery", 300, all_four },
	{ "mssql", 128, all_four },
	{ "synapse", 128, two },
	{ "databricks", 255, all_four },
	{ "athena", 255, two },
};

const struct target *
target_find(const char *name)
{
	const char *dot;
	size_t i, len;

	if (!name)
		return &targets[0];
	if (strncmp(name, "dlt.destinations.", 17) == 0) {
		dot = strrchr(name, '.');
		name = dot + 1;
	}
	len = strcspn(name, ":");
	for (i = 0; i < ARRAY_LEN(targets); i++)
		if (strlen(targets[i].name) == len &&
		    strncmp(targets[i].name, name, len) == 0)
			return &targets[i];
	return NULL;
}

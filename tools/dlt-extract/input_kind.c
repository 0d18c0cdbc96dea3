/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/input_kind.h"

#include <string.h>
#include <strings.h>

/* ---- kinds that are planned, so that they do not look like files ---- */

static int
not_built(const char *text, struct error *err)
{
	return error_set(err, ERR_USAGE,
	    "inputs of the kind \"%.*s:\" are not supported by this version; "
	    "pipe the rows in: NAME=-",
	    (int)strcspn(text, ":"), text);
}

static const struct input_kind planned[] = {
	{ .scheme = "s3://", .check = not_built },
};

/* A line here wins over one above. */
static const struct input_kind *const kinds[] = {
	&input_file,
	&input_exec,
	&input_transform,
	&input_singer,
	&input_sqlite,
	&input_postgresql,
	&input_postgres,
	&input_duckdb,
	&input_database,
	&input_http,
	&input_https,
};

static bool
is_of(const struct input_kind *kind, const char *text)
{
	return kind->scheme != NULL &&
	    strncmp(text, kind->scheme, strlen(kind->scheme)) == 0;
}

/* Told by its name, as DuckDB reads it at many places at once. */
static bool
is_parquet(const char *text)
{
	size_t len = strlen(text);

	return len > 8 && strcasecmp(text + len - 8, ".parquet") == 0;
}

const struct input_kind *
input_kind_of(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if (is_of(kinds[i], text))
			return kinds[i];
	for (size_t i = 0; i < ARRAY_LEN(planned); i++)
		if (is_of(&planned[i], text))
			return &planned[i];
	return is_parquet(text) ? &input_parquet : &input_file;
}

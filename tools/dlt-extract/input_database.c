/* SPDX-License-Identifier: MIT */
/*
 * SCHEME:PLACE::TABLE and SCHEME:PLACE::SELECT ...: rows of a database.
 */
#include "common/dest/reader.h"
#include "common/mem.h"
#include "tools/dlt-extract/cursor/incremental.h"
#include "tools/dlt-extract/input_kind.h"

#include <stdlib.h>
#include <string.h>

struct database {
	const struct reader_ops *ops;
	void *reader;
	char *name;
	struct buf rows;
	size_t taken;
	bool begun;
};

/* ---- the operand ---- */

static const struct {
	const char *scheme;
	const struct reader_ops *ops;
} readers[] = {
	{ "sqlite:", &reader_sqlite },
	{ "postgresql:", &reader_postgres },
	{ "postgres:", &reader_postgres },
	{ "duckdb:", &reader_duckdb },
};

static const struct reader_ops *
ops_of(const char *text, const char **rest)
{
	for (size_t i = 0; i < ARRAY_LEN(readers); i++) {
		size_t n = strlen(readers[i].scheme);

		*rest = text + n;
		if (strncmp(text, readers[i].scheme, n) == 0)
			return readers[i].ops;
	}
	return NULL;
}

/* Where "::" stands before the table or the query, or NULL. */
static const char *
find_colons(const char *text)
{
	const char *rest;

	ops_of(text, &rest);
	/* an address in brackets has colons, too */
	if (strncmp(rest, "//", 2) == 0) {
		const char *open = rest + strcspn(rest, "[");
		const char *close = open + strcspn(open, "]");
		const char *first = strstr(rest, "::");

		if (*close != '\0' && first != NULL && first > open)
			rest = close;
	}
	return strstr(rest, "::");
}

static int
which_table(const char *text, const char *name, struct error *err)
{
	int scheme = (int)strcspn(text, ":");

	return error_set(err, ERR_USAGE,
	    "which table? Say %s%.*s:PLACE::TABLE, or "
	    "'%s%.*s:PLACE::SELECT ...'",
	    name, scheme, text, name, scheme, text);
}

static int
database_check(const char *text, struct error *err)
{
	const char *colons = find_colons(text), *rest;

	ops_of(text, &rest);
	if (colons == rest || *rest == '\0' ||
	    (colons != NULL && colons[2 + strspn(colons + 2, " \t\n")] == '\0'))
		return which_table(text, "", err);
	return 0;
}

/* database:NAME::TABLE */
static int
configured_check(const char *text, struct error *err)
{
	const char *rest = text + strcspn(text, ":") + 1;
	const char *colons = strstr(rest, "::");

	if (colons == NULL || colons == rest || colons[2] == '\0')
		return error_set(err, ERR_USAGE,
		    "which table? Say NAME=database:NAME::TABLE");
	return 0;
}

/* Every table is a resource. */
static int
expand_all(const char *text, struct buf *resources, struct error *err)
{
	const char *rest;
	const struct reader_ops *ops = ops_of(text, &rest);
	struct buf names = { 0 };
	char *shown = reader_name(text);
	int rc = ops->tables(rest, NULL, &names, err);

	if (rc == 0 && names.len == 0)
		rc = error_set(err, ERR_DATA, "there are no tables");
	if (rc < 0)
		error_prefix(err, "%s: ", shown);
	for (size_t at = 0; at < names.len && rc == 0;) {
		const char *name = names.data + at;

		buf_add(resources, name, strlen(name) + 1);
		buf_addf(resources, "%s::%s", text, name);
		buf_addc(resources, '\0');
		at += strlen(name) + 1;
	}
	buf_release(&names);
	free(shown);
	return rc;
}

static int
database_expand(const char *text, struct buf *resources, struct error *err)
{
	const char *colons = find_colons(text), *name, *dot, *rest;

	if (colons == NULL)
		return expand_all(text, resources, err);
	name = colons + 2;
	if (reader_is_query(name))
		return which_table(text, "NAME=", err);
	dot = strchr(name, '.');
	if (ops_of(text, &rest)->has_schemas && dot != NULL && dot[1] != '\0')
		name = dot + 1;
	buf_add(resources, name, strlen(name) + 1);
	buf_add(resources, text, strlen(text) + 1);
	return 0;
}

/* ---- the cursor ---- */

/* What can be asked of the database; the cursor itself looks at each row that
 * comes. false: nothing. */
static bool
find_range(const struct incremental *i, char **column,
    struct reader_range *range)
{
	const struct incremental_spec *spec;
	bool is_min;

	if (i == NULL)
		return false;
	spec = incremental_declared(i);
	*column = incremental_spec_field(spec);
	if (*column == NULL)
		return false;
	is_min = incremental_is_min(i);
	*range = (struct reader_range){ .column = *column,
		.from = is_min ? incremental_end(i) : incremental_start(i),
		.to = is_min ? incremental_start(i) : incremental_end(i),
		.from_open = is_min ? incremental_end_is_open(i)
		                    : incremental_start_is_open(i),
		.to_open = is_min ? incremental_start_is_open(i)
		                  : incremental_end_is_open(i),
		.with_nulls = spec->missing == MISSING_INCLUDE,
		.no_nulls = spec->missing == MISSING_EXCLUDE };
	switch (spec->order) {
	case ORDER_ASC:
		range->order = is_min ? -1 : 1;
		break;
	case ORDER_DESC:
		range->order = is_min ? 1 : -1;
		break;
	case ORDER_NONE:
		break;
	}
	return true;
}

/* ---- the kind ---- */

static void
database_close(void *self)
{
	struct database *d = self;

	if (d->reader != NULL)
		d->ops->close(d->reader);
	buf_release(&d->rows);
	free(d->name);
	free(d);
}

static void *
database_open(const struct input_context *in, struct error *err)
{
	struct database *d = xcalloc(1, sizeof(*d));
	const char *colons = find_colons(in->text), *rest;
	struct reader_range range;
	struct reader_query query = { 0 };
	char *place, *column = NULL;

	d->ops = ops_of(in->text, &rest);
	d->name = reader_name(in->text);
	if (colons == NULL) {
		which_table(in->text, "NAME=", err);
		database_close(d);
		return NULL;
	}
	place = xstrndup(rest, (size_t)(colons - rest));
	if (json_get(in->declared, "sql") != NULL ||
	    (json_get(in->declared, "table") == NULL &&
	        reader_is_query(colons + 2)))
		query.sql = colons + 2;
	else
		query.table = colons + 2;
	if (find_range(in->incremental, &column, &range))
		query.range = &range;
	d->reader = d->ops->open(place, in->password, &query, err);
	free(place);
	free(column);
	if (d->reader != NULL)
		return d;
	error_prefix(err, "%s: ", d->name);
	database_close(d);
	return NULL;
}

static int
database_next(void *self, const char **name, struct error *err)
{
	struct database *d = self;

	(void)err;
	*name = d->name;
	if (d->begun)
		return 0;
	d->begun = true;
	return 1;
}

static long
database_read(void *self, void *data, size_t len, struct error *err)
{
	struct database *d = self;
	size_t n;
	int rc = 1;

	if (d->taken == d->rows.len) {
		buf_reset(&d->rows);
		d->taken = 0;
		while (rc > 0 && d->rows.len < len)
			rc = d->ops->row(d->reader, &d->rows, err);
		if (rc < 0)
			return error_prefix(err, "%s: ", d->name);
	}
	n = d->rows.len - d->taken;
	n = n < len ? n : len;
	if (n > 0)
		memcpy(data, d->rows.data + d->taken, n);
	d->taken += n;
	return (long)n;
}

static void
database_describe(void *self, struct buf *json)
{
	struct database *d = self;

	d->ops->describe(d->reader, json);
}

static void
database_cancel(void *self)
{
	struct database *d = self;

	d->ops->cancel(d->reader);
}

#define DATABASE(scheme_)                                                  \
	{                                                                  \
		.scheme = scheme_, .typed = true, .check = database_check, \
		.expand = database_expand, .open = database_open,          \
		.next = database_next, .read = database_read,              \
		.describe = database_describe, .cancel = database_cancel,  \
		.close = database_close                                    \
	}

const struct input_kind input_sqlite = DATABASE("sqlite:");
const struct input_kind input_postgresql = DATABASE("postgresql:");
const struct input_kind input_postgres = DATABASE("postgres:");
const struct input_kind input_duckdb = DATABASE("duckdb:");

/* A file of rows with columns. */
static void *
parquet_open(const struct input_context *in, struct error *err)
{
	struct database *d = xcalloc(1, sizeof(*d));
	struct reader_range range;
	struct reader_query query = { 0 };
	char *column = NULL;

	d->ops = &reader_parquet;
	d->name = xstrdup(in->text);
	if (find_range(in->incremental, &column, &range))
		query.range = &range;
	d->reader = d->ops->open(in->text, NULL, &query, err);
	free(column);
	if (d->reader != NULL)
		return d;
	if (strncmp(err->msg, in->text, strlen(in->text)) != 0)
		error_prefix(err, "%s: ", d->name);
	database_close(d);
	return NULL;
}

const struct input_kind input_parquet = {
	.typed = true,
	.open = parquet_open,
	.next = database_next,
	.read = database_read,
	.cancel = database_cancel,
	.close = database_close,
};

/* Another one stands in its place before it is opened. */
static void *
configured_open(const struct input_context *in, struct error *err)
{
	error_set(err, ERR_USAGE, "%s: is not configured", in->text);
	return NULL;
}

const struct input_kind input_database = {
	.scheme = "database:",
	.check = configured_check,
	.open = configured_open,
};

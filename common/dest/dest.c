/* SPDX-License-Identifier: MIT */
#include "common/dest/dest.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

extern const struct dest_ops dest_sqlite, dest_postgresql, dest_postgres,
    dest_duckdb, dest_clickhouse, dest_file, dest_s3;

static const struct dest_ops *const destinations[] = { &dest_sqlite,
	&dest_postgresql, &dest_postgres, &dest_duckdb, &dest_clickhouse,
	&dest_file, &dest_s3 };

static const struct dest_ops *
find_ops(const char *url, const char **rest)
{
	for (size_t i = 0; i < ARRAY_LEN(destinations); i++) {
		const struct dest_ops *ops = destinations[i];
		size_t len = strlen(ops->scheme);

		if (!strncmp(url, ops->scheme, len) && url[len] == ':') {
			*rest = url + len + 1;
			return ops;
		}
	}
	return NULL;
}

bool
dest_is_url(const char *text)
{
	const char *rest;

	return find_ops(text, &rest) != NULL;
}

struct dest *
dest_open(const char *url, const struct dest_settings *settings,
    struct error *err)
{
	static const struct dest_settings none = { .wait_s = -1 };
	const char *rest;
	const struct dest_ops *ops = find_ops(url, &rest);
	struct buf shown = { 0 };
	struct dest *d;

	if (!ops) {
		/* What stands behind the colon may hold a password. */
		size_t len = strcspn(url, ":");

		error_set(err, ERR_USAGE,
		    "no destination \"%.*s%s\": known are sqlite:FILE, "
		    "duckdb:FILE, postgresql://HOST/DATABASE, "
		    "clickhouse://HOST/DATABASE, file:DIR and "
		    "s3://BUCKET",
		    (int)len, url, url[len] ? ":..." : "");
		return NULL;
	}
	dest_mask(url, &shown);
	d = ops->open(rest, settings ? settings : &none, err);
	if (d) {
		if (!d->ops)
			d->ops = ops;
		d->url = buf_take(&shown);
	} else {
		error_prefix(err, "%s: ", shown.data);
	}
	buf_release(&shown);
	return d;
}

bool
dest_planned(struct dest *d, const char *sql)
{
	if (!d->plan)
		return false;
	buf_add(d->plan, sql, strlen(sql) + 1);
	return true;
}

int
dest_drop(struct dest *d, enum dest_place place, const char *table,
    struct error *err)
{
	struct buf sql = { 0 };
	int rc = 0;

	buf_adds(&sql, "DROP TABLE IF EXISTS ");
	d->ops->name(d, place, table, &sql);
	if (!dest_planned(d, buf_str(&sql)))
		rc = d->ops->execute(d, sql.data, err);
	else if (place == DEST_DATASET)
		buf_add(&d->doomed, table, strlen(table) + 1);
	buf_release(&sql);
	return rc;
}

bool
dest_is_doomed(const struct dest *d, const char *table)
{
	for (size_t at = 0; at < d->doomed.len;
	     at += strlen(d->doomed.data + at) + 1)
		if (!strcmp(d->doomed.data + at, table))
			return true;
	return false;
}

void
dest_close(struct dest *d)
{
	if (!d)
		return;
	buf_release(&d->doomed);
	free(d->url);
	d->ops->rollback(d);
	d->ops->close(d);
}

int
dest_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err)
{
	*found = false;
	if (d->ops->stored_schema(d, schema_name, json, found, err) < 0)
		return error_prefix(err, "%s: ", d->url);
	return 0;
}

int
dest_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err)
{
	*found = false;
	if (d->ops->stored_state(d, pipeline_name, doc, found, err) < 0)
		return error_prefix(err, "%s: ", d->url);
	return 0;
}

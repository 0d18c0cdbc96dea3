/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/disposition.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/name.h"
#include "common/timestamp.h"

#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = { "append", "replace", "merge", "skip" };
static const char *const strategies[] = { "delete-insert", "upsert",
	"insert-only", "scd2" };

static bool
is_one_of(const char *word, const char *const *words, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return true;
	return false;
}

/* ---- the option ---- */

static int
take_time(const char *key, const char *value, const char **out,
    struct error *err)
{
	struct iso iso;

	iso_parse(value, strlen(value), &iso);
	if (iso.kind != ISO_DATETIME && iso.kind != ISO_DATE)
		return error_set(err, ERR_USAGE,
		    "--write-disposition: %s: \"%s\" is no time", key, value);
	*out = value;
	return 0;
}

static int
take_scd2(struct disposition *d, const char *key, char *value,
    struct error *err)
{
	char *colon;

	if (strcmp(key, "row_version_column_name") == 0) {
		d->row_version = value;
		return 0;
	}
	if (strcmp(key, "active_record_timestamp") == 0)
		return strcmp(value, "null") == 0
		    ? 0
		    : take_time(key, value, &d->active, err);
	if (strcmp(key, "boundary_timestamp") == 0)
		return take_time(key, value, &d->boundary, err);
	if (strcmp(key, "validity_column_names") != 0)
		return error_set(err, ERR_USAGE,
		    "--write-disposition: \"%s\" is none of "
		    "row_version_column_name, validity_column_names, "
		    "active_record_timestamp, boundary_timestamp, deduplicated",
		    key);
	colon = strchr(value, ':');
	if (!colon || colon == value || !colon[1] || strchr(colon + 1, ':'))
		return error_set(err, ERR_USAGE,
		    "--write-disposition: validity_column_names: \"%s\" is not "
		    "FROM:TO",
		    value);
	*colon = '\0';
	d->from = value;
	d->to = colon + 1;
	return 0;
}

static int
take_option(struct disposition *d, char *word, struct error *err)
{
	char *eq = strchr(word, '=');

	if (strcmp(word, "deduplicated") == 0) {
		d->deduplicated = true;
		return 0;
	}
	if (!eq || !eq[1])
		return error_set(err, ERR_USAGE,
		    "--write-disposition: \"%s\" is not OPTION=VALUE", word);
	if (strcmp(d->strategy, "scd2") != 0)
		return error_set(err, ERR_USAGE,
		    "--write-disposition: only scd2 knows \"%s\"", word);
	*eq = '\0';
	return take_scd2(d, word, eq + 1, err);
}

int
disposition_parse(struct disposition *d, const char *text, struct error *err)
{
	char *p;

	d->text = xstrdup(text ? text : kinds[0]);
	d->kind = d->text;
	p = strchr(d->text, ':');
	if (p)
		*p++ = '\0';
	if (!is_one_of(d->kind, kinds, ARRAY_LEN(kinds)))
		return error_set(err, ERR_USAGE,
		    "--write-disposition: \"%s\" is none of append, replace, "
		    "merge, skip",
		    d->kind);
	if (!p)
		return 0;
	if (strcmp(d->kind, "merge") != 0)
		return error_set(err, ERR_USAGE,
		    "--write-disposition: only merge takes a strategy here; "
		    "the replace strategy is a setting of the destination");
	d->strategy = strsep(&p, ",");
	if (!is_one_of(d->strategy, strategies, ARRAY_LEN(strategies)))
		return error_set(err, ERR_USAGE,
		    "--write-disposition: \"%s\" is none of delete-insert, "
		    "upsert, insert-only, scd2",
		    d->strategy);
	while (p)
		if (take_option(d, strsep(&p, ","), err))
			return -1;
	return 0;
}

void
disposition_release(struct disposition *d)
{
	free(d->text);
	*d = (struct disposition){ 0 };
}

/* ---- the table ---- */

static void
set_string(struct table *t, const char *key, const char *value)
{
	struct buf b = { 0 };

	jsonw_quote(&b, value, strlen(value));
	table_set(t, key, buf_str(&b));
	buf_release(&b);
}

static int
add_column(struct table *t, const struct naming *naming, const char *name,
    const char *const (*pairs)[2], size_t count, struct error *err)
{
	struct buf id = { 0 };
	struct column *c;
	int rc = name_path(naming, name, strlen(name), &id, err);

	if (!rc) {
		c = table_column_n(t, id.data, id.len);
		if (c)
			table_remove_column(t, c);
		c = table_add_column(t, id.data, id.len);
		for (size_t i = 0; i < count; i++)
			column_set(c, pairs[i][0], pairs[i][1]);
	}
	buf_release(&id);
	return rc;
}

static int
add_scd2(const struct disposition *d, struct table *t,
    const struct naming *naming, struct error *err)
{
	struct buf active = { 0 };
	const char *const from[][2] = { { "data_type", "\"timestamp\"" },
		{ "nullable", "true" }, { "x-valid-from", "true" } };
	const char *to[][2] = { { "data_type", "\"timestamp\"" },
		{ "nullable", "true" }, { "x-valid-to", "true" },
		{ "x-active-record-timestamp", "null" } };
	const char *const id[][2] = { { "nullable", "false" },
		{ "x-row-version", "true" }, { "unique", "false" },
		{ "row_key", "false" } };
	int rc;

	if (d->active) {
		jsonw_quote(&active, d->active, strlen(d->active));
		to[3][1] = buf_str(&active);
	}
	rc = add_column(t, naming, d->from ? d->from : "_dlt_valid_from", from,
	         ARRAY_LEN(from), err) ||
	        add_column(t, naming, d->to ? d->to : "_dlt_valid_to",
	            (const char *const(*)[2])to, ARRAY_LEN(to), err) ||
	        add_column(t, naming,
	            d->row_version ? d->row_version : "_dlt_id", id,
	            ARRAY_LEN(id), err)
	    ? -1
	    : 0;
	buf_release(&active);
	return rc;
}

int
disposition_apply(const struct disposition *d, struct table *t,
    const struct naming *naming, struct error *err)
{
	if (d->strategy)
		set_string(t, "x-merge-strategy", d->strategy);
	if (d->deduplicated)
		table_set(t, "x-stage-data-deduplicated", "true");
	if (d->boundary)
		set_string(t, "x-boundary-timestamp", d->boundary);
	if (d->strategy && strcmp(d->strategy, "scd2") == 0 &&
	    add_scd2(d, t, naming, err))
		return -1;
	set_string(t, "write_disposition", d->kind);
	return 0;
}

/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_sqlite_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

/* SQLAlchemy's names, which Python dlt gives the columns. */
static const struct ddl_type types[] = {
	{ TYPE_TEXT, "TEXT", "VARCHAR(%)", NULL },
	{ TYPE_BIGINT, "BIGINT", NULL, NULL },
	{ TYPE_DOUBLE, "DOUBLE", NULL, NULL },
	{ TYPE_BOOL, "BOOLEAN", NULL, NULL },
	{ TYPE_TIMESTAMP, "DATETIME", NULL, NULL },
	{ TYPE_DATE, "DATE", NULL, NULL },
	{ TYPE_TIME, "TIME", NULL, NULL },
	{ TYPE_DECIMAL, "NUMERIC(38, 9)", "NUMERIC(%)", "NUMERIC(%, %)" },
	{ TYPE_WEI, "NUMERIC(38, 0)", NULL, NULL },
	{ TYPE_BINARY, "BLOB", NULL, NULL },
	{ TYPE_JSON, "JSON", NULL, NULL },
};

static const struct ddl_integer integers[] = {
	{ 16, "SMALLINT" },
	{ 32, "INTEGER" },
	{ 64, "BIGINT" },
};

static const struct ddl_family families[] = {
	{ "TEXT", TYPE_TEXT },
	{ "VARCHAR", TYPE_TEXT },
	{ "CHAR", TYPE_TEXT },
	{ "CLOB", TYPE_TEXT },
	{ "BIGINT", TYPE_BIGINT },
	{ "INTEGER", TYPE_BIGINT },
	{ "SMALLINT", TYPE_BIGINT },
	{ "INT", TYPE_BIGINT },
	{ "DOUBLE", TYPE_DOUBLE },
	{ "FLOAT", TYPE_DOUBLE },
	{ "REAL", TYPE_DOUBLE },
	{ "BOOLEAN", TYPE_BOOL },
	{ "DATETIME", TYPE_TIMESTAMP },
	{ "TIMESTAMP", TYPE_TIMESTAMP },
	{ "DATE", TYPE_DATE },
	{ "TIME", TYPE_TIME },
	{ "NUMERIC", TYPE_DECIMAL },
	{ "DECIMAL", TYPE_DECIMAL },
	{ "BLOB", TYPE_BINARY },
	{ "JSON", TYPE_JSON },
};

static const struct ddl_dialect dialect = {
	types,
	ARRAY_LEN(types),
	integers,
	ARRAY_LEN(integers),
	"VARCHAR(128)",
	families,
	ARRAY_LEN(families),
};

struct existing {
	char *name;
	char *type;
};

struct existing_list {
	struct existing *items;
	size_t count, cap;
};

static void
release_existing(struct existing_list *l)
{
	for (size_t i = 0; i < l->count; i++) {
		free(l->items[i].name);
		free(l->items[i].type);
	}
	free(l->items);
}

static int
compare_existing(const void *a, const void *b)
{
	const struct existing *x = a, *y = b;

	return strcasecmp(x->name, y->name);
}

static char *
column_text(sqlite3_stmt *q, int i)
{
	const char *text = (const char *)sqlite3_column_text(q, i);

	return xstrdup(text ? text : "");
}

static int
read_existing(struct sqlite_dest *s, enum dest_place place, const char *table,
    struct existing_list *l, struct error *err)
{
	const char *texts[] = { table, sqlite_place(place) };
	sqlite3_stmt *q;
	int rc;

	/* only looked at, and not there */
	if (!s->db || dest_is_doomed(&s->base, table))
		return 0;
	if (sqlite_query(s, "SELECT name, type FROM pragma_table_info(?1, ?2)",
	        texts, 2, &q, err) < 0)
		return -1;
	while ((rc = sqlite_step(s, q, err)) > 0) {
		l->items = xgrow(l->items, &l->cap, l->count + 1,
		    sizeof(*l->items));
		l->items[l->count].name = column_text(q, 0);
		l->items[l->count++].type = column_text(q, 1);
	}
	sqlite3_finalize(q);
	if (l->count)
		qsort(l->items, l->count, sizeof(*l->items), compare_existing);
	return rc;
}

/* Mark what is there; types first, all of them: a refusal leaves the table as
 * it was. */
static int
compare(const struct table *t, const struct existing_list *l, bool *have,
    struct error *err)
{
	for (size_t i = 0; i < t->column_count && l->count; i++) {
		const struct column *c = t->columns[i];
		struct existing key = { .name = c->name }, *found;

		if (c->type == TYPE_NONE)
			continue;
		found = bsearch(&key, l->items, l->count, sizeof(*l->items),
		    compare_existing);
		have[i] = found != NULL;
		if (found &&
		    ddl_check_type(&dialect, t, c, found->type, err) < 0)
			return -1;
	}
	return 0;
}

/* SQLite cannot add a column that must not be null to rows that are there, so
 * an added one may be null whatever the schema says. */
static int
add_columns(struct sqlite_dest *s, const char *name, const struct table *t,
    const bool *have, struct error *err)
{
	struct buf sql = { 0 };
	int rc = 0;

	for (size_t i = 0; i < t->column_count && rc == 0; i++) {
		if (have[i] || t->columns[i]->type == TYPE_NONE)
			continue;
		buf_reset(&sql);
		rc = ddl_add_column(&dialect, name, t, t->columns[i], false,
		    &sql, err);
		if (rc == 0 && !dest_planned(&s->base, sql.data))
			rc = sqlite_exec(s, sql.data, err);
	}
	buf_release(&sql);
	return rc;
}

static int
create_table(struct sqlite_dest *s, const char *name, const struct table *t,
    struct error *err)
{
	struct buf sql = { 0 };
	int rc = ddl_create(&dialect, name, t, &sql, err);

	if (rc == 0 && !dest_planned(&s->base, sql.data))
		rc = sqlite_exec(s, sql.data, err);
	buf_release(&sql);
	return rc;
}

static int
change(struct sqlite_dest *s, enum dest_place place, const struct table *t,
    const struct existing_list *l, struct buf *added, struct error *err)
{
	bool *have = xcalloc(t->column_count + 1, sizeof(*have));
	struct buf name = { 0 };
	int rc = compare(t, l, have, err);

	s->base.ops->name(s, place, t->name, &name);
	if (rc == 0 && ddl_lacks(t, have)) {
		rc = l->count ? add_columns(s, name.data, t, have, err)
		              : create_table(s, name.data, t, err);
		if (rc < 0)
			error_prefix(err, "table \"%s\": ", t->name);
		else
			ddl_note_added(t, have, added);
	}
	buf_release(&name);
	free(have);
	return rc;
}

int
sqlite_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct existing_list l = { 0 };
	int rc;

	sqlite_rows_forget(s);
	if ((place == DEST_STAGING && sqlite_need_staging(s, err) < 0) ||
	    (place == DEST_DATASET && sqlite_ledger.need_jobs(d, err) < 0) ||
	    ddl_check_names(t, err) < 0)
		return -1;
	rc = read_existing(s, place, t->name, &l, err);
	if (rc == 0)
		rc = change(s, place, t, &l, added, err);
	release_existing(&l);
	return rc;
}

int
sqlite_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct existing_list have = { 0 };
	struct buf sql = { 0 };
	int rc = 0;

	if (place == DEST_STAGING && !s->staging)
		return 0;
	if (read_existing(s, place, t->name, &have, err) < 0) {
		rc = -1;
	} else if (have.count) {
		buf_adds(&sql, "DELETE FROM ");
		s->base.ops->name(s, place, t->name, &sql);
		rc = sqlite_exec(s, sql.data, err);
	}
	buf_release(&sql);
	release_existing(&have);
	return rc;
}

/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_sqlite_private.h"

#include "common/dest/ddl.h"
#include "common/jsonw.h"
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
	struct buf b = { 0 };

	sqlite_column(q, i, &b);
	return buf_take(&b);
}

static int
read_existing(struct sqlite_dest *s, enum dest_place place, const char *table,
    struct existing_list *l, struct error *err)
{
	const char *texts[] = { table, sqlite_place(place) };
	sqlite3_stmt *q;
	int rc;

	if (!s->db) /* only looked at, and not there */
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

static int
check_type(const struct table *t, const struct column *c, const char *have,
    struct error *err)
{
	struct buf want = { 0 };

	if (ddl_type_fits(&dialect, have, c->type))
		return 0;
	if (ddl_type(&dialect, c, &want, err) < 0) {
		buf_release(&want);
		return -1;
	}
	error_set(err, ERR_REMOTE,
	    "table \"%s\": column \"%s\" is %s, but the package needs %s; "
	    "extract with --sync to go on from the schema stored here",
	    t->name, c->name, have, want.data);
	buf_release(&want);
	return -1;
}

static void
note_column(struct buf *members, const struct column *c)
{
	const char *between = "";

	if (members->len)
		buf_addc(members, ',');
	jsonw_quote(members, c->name, c->name_len);
	buf_adds(members, ":{");
	for (size_t i = 0; i < c->hints.count; i++) {
		const struct hint *h = &c->hints.items[i];

		buf_adds(members, between);
		jsonw_quote(members, h->key, strlen(h->key));
		buf_addf(members, ":%s", h->value);
		between = ",";
	}
	buf_addc(members, '}');
}

static void
note_table(struct buf *added, const struct table *t, const struct buf *columns)
{
	if (!added || !columns->len)
		return;
	if (added->len)
		buf_addc(added, ',');
	jsonw_quote(added, t->name, t->name_len);
	buf_adds(added, ":{\"name\":");
	jsonw_quote(added, t->name, t->name_len);
	buf_addf(added, ",\"columns\":{%s}}", columns->data);
}

/* SQLite cannot add a column that must not be null to rows that are there, so
 * an added one may be null whatever the schema says. */
static int
add_column(struct sqlite_dest *s, enum dest_place place, const struct table *t,
    const struct column *c, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	int rc;

	s->base.ops->name(s, place, t->name, &name);
	rc = ddl_add_column(&dialect, name.data, t, c, false, &sql, err) < 0 ||
	        (!dest_planned(&s->base, sql.data) &&
	            sqlite_exec(s, sql.data, err) < 0)
	    ? -1
	    : 0;
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

static int
create_table(struct sqlite_dest *s, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	int rc;

	s->base.ops->name(s, place, t->name, &name);
	rc = ddl_create(&dialect, name.data, t, &sql, err) < 0 ||
	        (!dest_planned(&s->base, sql.data) &&
	            sqlite_exec(s, sql.data, err) < 0)
	    ? -1
	    : 0;
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

/* Types first, all of them: a refusal leaves the table as it was. */
static int
check_existing(const struct table *t, const struct existing_list *have,
    struct error *err)
{
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];
		struct existing key = { .name = c->name }, *found;

		if (c->type == TYPE_NONE || !have->count)
			continue;
		found = bsearch(&key, have->items, have->count,
		    sizeof(*have->items), compare_existing);
		if (found && check_type(t, c, found->type, err) < 0)
			return -1;
	}
	return 0;
}

static int
add_columns(struct sqlite_dest *s, enum dest_place place, const struct table *t,
    const struct existing_list *have, struct buf *columns, struct error *err)
{
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];
		struct existing key = { .name = c->name };

		if (c->type == TYPE_NONE)
			continue;
		if (have->count) {
			if (bsearch(&key, have->items, have->count, sizeof(key),
			        compare_existing))
				continue;
			if (add_column(s, place, t, c, err) < 0)
				return -1;
		}
		note_column(columns, c);
	}
	if (!have->count && columns->len)
		return create_table(s, place, t, err);
	return 0;
}

int
sqlite_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct existing_list have = { 0 };
	struct buf columns = { 0 };
	int rc = -1;

	sqlite_rows_forget(s);
	if ((place == DEST_STAGING && sqlite_need_staging(s, err) < 0) ||
	    (place == DEST_DATASET && sqlite_need_jobs_table(s, err) < 0))
		return -1;
	if (ddl_check_names(t, err) < 0 ||
	    read_existing(s, place, t->name, &have, err) < 0 ||
	    check_existing(t, &have, err) < 0)
		goto out;
	if (add_columns(s, place, t, &have, &columns, err) < 0) {
		error_prefix(err, "table \"%s\": ", t->name);
		goto out;
	}
	note_table(added, t, &columns);
	rc = 0;
out:
	buf_release(&columns);
	release_existing(&have);
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

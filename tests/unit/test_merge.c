/* SPDX-License-Identifier: MIT */
/* The SQL of merges for a destination with MERGE, temporary tables and TRUNCATE;
 * what SQLite makes of its own is run in tests/merge.bats. */
#include "common/dest/ddl.h"
#include "common/dest/merge.h"

#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>

static const struct merge_dialect dialect = {
	.when_true = "TRUE",
	.when_false = "FALSE",
	.any_order = "(SELECT NULL)",
	.time_open = "'",
	.time_close = "'",
	.zone = true,
	.temp_create = "CREATE TEMPORARY TABLE ",
	.temp_suffix = "",
	.empty_open = "TRUNCATE TABLE ",
	.empty_close = "",
	.dedup_nested = true,
};

static void
add_name(void *arg, enum dest_place place, const char *table, struct buf *out)
{
	buf_adds(out, place == DEST_STAGING ? "s." : "d.");
	ddl_quote(table, out);
}

static struct column *
add(struct table *t, const char *name, const char *type, const char *hint)
{
	struct column *c = table_add_column(t, name, strlen(name));

	column_set(c, "data_type", type);
	if (hint)
		column_set(c, hint, "true");
	return c;
}

/* t(id, gone) with t__l(x, _dlt_root_id) */
static struct schema *
make_schema(bool nested)
{
	struct schema *s = schema_new("demo");
	struct table *t = schema_add_table(s, "t", NULL, "t", "merge");

	add(t, "id", "\"bigint\"", "primary_key");
	add(t, "gone", "\"bool\"", "hard_delete");
	add(t, "_dlt_id", "\"text\"", "row_key");
	table_set_seen_data(t);
	if (!nested)
		return s;
	t = schema_add_table(s, "t__l", "t", NULL, NULL);
	add(t, "x", "\"bigint\"", NULL);
	add(t, "_dlt_id", "\"text\"", "row_key");
	add(t, "_dlt_root_id", "\"text\"", "root_key");
	table_set_seen_data(t);
	/* not in the chain: no data, and another root */
	schema_add_table(s, "t__unseen", "t", NULL, NULL);
	schema_add_table(s, "other", NULL, "other", "append");
	return s;
}

/* The statements, a line each; "error: .." */
static char *
sql_of(const struct schema *s, enum merge_kind kind)
{
	struct merge m = { .dialect = &dialect,
		.kind = kind,
		.schema = s,
		.boundary = "2024-01-02 03:04:05.000000",
		.name = add_name };
	struct error err = { 0 };
	struct buf out = { 0 };
	struct table **chain;

	merge_chain(s, schema_table(s, "t"), &chain, &m.count);
	m.chain = chain;
	if (merge_sql(&m, &out, &err) < 0)
		buf_addf(&out, "error: %s", err.msg);
	for (size_t i = 0; i < out.len; i++)
		if (!out.data[i])
			out.data[i] = '\n';
	free(chain);
	return buf_take(&out);
}

static void
is_sql(const struct schema *s, enum merge_kind kind, const char *want,
    const char *what)
{
	char *have = sql_of(s, kind);

	tap_str(have, want, what);
	free(have);
}

static void
test_one_table(void)
{
	struct schema *s = make_schema(false);

	is_sql(s, MERGE_DELETE_INSERT,
	    "DELETE FROM d.\"t\" WHERE \"id\" IN (SELECT \"id\" FROM s.\"t\")\n"
	    "INSERT INTO d.\"t\" (\"id\", \"gone\", \"_dlt_id\") "
	    "SELECT \"id\", \"gone\", \"_dlt_id\" FROM (SELECT \"id\", "
	    "\"gone\", \"_dlt_id\", ROW_NUMBER() OVER (PARTITION BY \"id\" "
	    "ORDER BY (SELECT NULL)) AS \"_dlt_dedup_rn\" FROM s.\"t\") AS "
	    "\"_dlt_dedup_numbered\" WHERE \"_dlt_dedup_rn\" = 1 AND (\"gone\" "
	    "IS NULL OR \"gone\" = FALSE)\n",
	    "delete-insert");
	is_sql(s, MERGE_UPSERT,
	    "MERGE INTO d.\"t\" d USING s.\"t\" s ON d.\"id\" = s.\"id\" WHEN "
	    "MATCHED AND s.\"gone\" = TRUE THEN DELETE WHEN MATCHED THEN "
	    "UPDATE SET \"id\" = s.\"id\", \"gone\" = s.\"gone\", \"_dlt_id\" "
	    "= s.\"_dlt_id\" WHEN NOT MATCHED THEN INSERT (\"id\", \"gone\", "
	    "\"_dlt_id\") VALUES (s.\"id\", s.\"gone\", s.\"_dlt_id\")\n",
	    "upsert");
	is_sql(s, MERGE_INSERT_ONLY,
	    "MERGE INTO d.\"t\" d USING (SELECT * FROM s.\"t\" WHERE \"gone\" "
	    "IS NULL OR \"gone\" = FALSE) s ON d.\"id\" = s.\"id\" WHEN NOT "
	    "MATCHED THEN INSERT (\"id\", \"gone\", \"_dlt_id\") VALUES "
	    "(s.\"id\", s.\"gone\", s.\"_dlt_id\")\n",
	    "insert-only");
	is_sql(s, MERGE_REPLACE,
	    "TRUNCATE TABLE d.\"t\"\n"
	    "INSERT INTO d.\"t\" (\"id\", \"gone\", \"_dlt_id\") SELECT "
	    "\"id\", \"gone\", \"_dlt_id\" FROM s.\"t\"\n",
	    "replace");
	is_sql(s, MERGE_SCD2,
	    "error: table \"t\" cannot be merged by scd2: it has no column "
	    "with the hint x-valid-from",
	    "scd2 lacks its columns");
	schema_free(s);
}

static void
test_nested(void)
{
	struct schema *s = make_schema(true);

	is_sql(s, MERGE_DELETE_INSERT,
	    "CREATE TEMPORARY TABLE \"_dlt_merge_delete\" AS SELECT "
	    "\"_dlt_id\" AS \"id\" FROM d.\"t\" WHERE \"id\" IN (SELECT \"id\" "
	    "FROM s.\"t\")\n"
	    "DELETE FROM d.\"t__l\" WHERE \"_dlt_root_id\" IN (SELECT \"id\" "
	    "FROM \"_dlt_merge_delete\")\n"
	    "DELETE FROM d.\"t\" WHERE \"_dlt_id\" IN (SELECT \"id\" FROM "
	    "\"_dlt_merge_delete\")\n"
	    "DROP TABLE \"_dlt_merge_delete\"\n"
	    "CREATE TEMPORARY TABLE \"_dlt_merge_insert\" AS SELECT "
	    "\"_dlt_id\" AS \"id\" FROM (SELECT \"_dlt_id\" FROM (SELECT "
	    "\"_dlt_id\", \"gone\", ROW_NUMBER() OVER (PARTITION BY \"id\" "
	    "ORDER BY (SELECT NULL)) AS \"_dlt_dedup_rn\" FROM s.\"t\") AS "
	    "\"_dlt_dedup_numbered\" WHERE \"_dlt_dedup_rn\" = 1 AND (\"gone\" "
	    "IS NULL OR \"gone\" = FALSE)) AS \"_dlt_chosen\"\n"
	    "INSERT INTO d.\"t\" (\"id\", \"gone\", \"_dlt_id\") SELECT "
	    "\"id\", \"gone\", \"_dlt_id\" FROM s.\"t\" WHERE \"_dlt_id\" IN "
	    "(SELECT \"id\" FROM \"_dlt_merge_insert\")\n"
	    "INSERT INTO d.\"t__l\" (\"x\", \"_dlt_id\", \"_dlt_root_id\") "
	    "SELECT \"x\", \"_dlt_id\", \"_dlt_root_id\" FROM (SELECT \"x\", "
	    "\"_dlt_id\", \"_dlt_root_id\", ROW_NUMBER() OVER (PARTITION BY "
	    "\"_dlt_id\" ORDER BY (SELECT NULL)) AS \"_dlt_dedup_rn\" FROM "
	    "s.\"t__l\") AS \"_dlt_dedup_numbered\" WHERE \"_dlt_dedup_rn\" = "
	    "1 AND (\"_dlt_root_id\" IN (SELECT \"id\" FROM "
	    "\"_dlt_merge_insert\"))\n"
	    "DROP TABLE \"_dlt_merge_insert\"\n",
	    "delete-insert, nested");
	is_sql(s, MERGE_UPSERT,
	    "MERGE INTO d.\"t\" d USING s.\"t\" s ON d.\"id\" = s.\"id\" WHEN "
	    "MATCHED AND s.\"gone\" = TRUE THEN DELETE WHEN MATCHED THEN "
	    "UPDATE SET \"id\" = s.\"id\", \"gone\" = s.\"gone\", \"_dlt_id\" "
	    "= s.\"_dlt_id\" WHEN NOT MATCHED THEN INSERT (\"id\", \"gone\", "
	    "\"_dlt_id\") VALUES (s.\"id\", s.\"gone\", s.\"_dlt_id\")\n"
	    "MERGE INTO d.\"t__l\" d USING s.\"t__l\" s ON d.\"_dlt_id\" = "
	    "s.\"_dlt_id\" WHEN MATCHED THEN UPDATE SET \"x\" = s.\"x\", "
	    "\"_dlt_id\" = s.\"_dlt_id\", \"_dlt_root_id\" = "
	    "s.\"_dlt_root_id\" WHEN NOT MATCHED THEN INSERT (\"x\", "
	    "\"_dlt_id\", \"_dlt_root_id\") VALUES (s.\"x\", s.\"_dlt_id\", "
	    "s.\"_dlt_root_id\")\n"
	    "DELETE FROM d.\"t__l\" WHERE \"_dlt_root_id\" IN (SELECT "
	    "\"_dlt_id\" FROM s.\"t\") AND \"_dlt_id\" NOT IN (SELECT "
	    "\"_dlt_id\" FROM s.\"t__l\")\n"
	    "DELETE FROM d.\"t__l\" WHERE \"_dlt_root_id\" IN (SELECT "
	    "\"_dlt_id\" FROM s.\"t\" WHERE \"gone\" = TRUE)\n",
	    "upsert, nested");
	schema_free(s);
}

static void
test_scd2(void)
{
	struct schema *s = schema_new("demo");
	struct table *t = schema_add_table(s, "t", NULL, "t", "merge");
	struct column *to;

	add(t, "from", "\"timestamp\"", "x-valid-from");
	to = add(t, "to", "\"timestamp\"", "x-valid-to");
	add(t, "a", "\"bigint\"", "merge_key");
	add(t, "b", "\"bigint\"", "merge_key");
	add(t, "_dlt_id", "\"text\"", "x-row-version");
	table_set_seen_data(t);
	is_sql(s, MERGE_SCD2,
	    "UPDATE d.\"t\" SET \"to\" = '2024-01-02 03:04:05.000000+00:00' "
	    "WHERE \"to\" IS NULL AND \"_dlt_id\" NOT IN (SELECT \"_dlt_id\" "
	    "FROM s.\"t\") AND (\"a\", \"b\") IN (SELECT \"a\", \"b\" FROM "
	    "s.\"t\")\n"
	    "INSERT INTO d.\"t\" (\"a\", \"b\", \"_dlt_id\", \"from\", \"to\") "
	    "SELECT \"a\", \"b\", \"_dlt_id\", '2024-01-02 "
	    "03:04:05.000000+00:00', NULL FROM s.\"t\" WHERE \"_dlt_id\" NOT "
	    "IN (SELECT \"_dlt_id\" FROM d.\"t\" WHERE \"to\" IS NULL)\n",
	    "scd2 with a compound merge key");
	column_set(to, "x-active-record-timestamp", "\"soon\"");
	is_sql(s, MERGE_SCD2,
	    "error: table \"t\": x-active-record-timestamp \"soon\" is no "
	    "timestamp",
	    "a bad time");
	schema_free(s);
}

static void
test_strategy(void)
{
	static const char *const some[] = { "delete-insert", "scd2", NULL };
	static const char *const none[] = { NULL };
	struct schema *s = make_schema(false);
	struct table *t = schema_table(s, "t");
	struct error err = { 0 };
	enum merge_kind kind = MERGE_REPLACE;

	tap_int(merge_kind_of(t, some, &kind, &err), 0, "the default");
	tap_int(kind, MERGE_DELETE_INSERT, "is the first");
	tap_int(merge_kind_of(t, none, &kind, &err), -1, "none at all");
	table_set(t, "x-merge-strategy", "\"scd2\"");
	tap_int(merge_kind_of(t, some, &kind, &err), 0, "its own");
	tap_int(kind, MERGE_SCD2, "is taken");
	table_set(t, "x-merge-strategy", "\"upsert\"");
	tap_int(merge_kind_of(t, some, &kind, &err), -1, "if supported");
	tap_int(err.code, ERR_REMOTE, "else refused");
	schema_free(s);
}

int
main(void)
{
	test_one_table();
	test_nested();
	test_scd2();
	test_strategy();
	return tap_done();
}

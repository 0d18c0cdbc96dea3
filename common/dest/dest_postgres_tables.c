/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include "common/dest/ddl.h"
#include "common/hash.h"
#include "common/mem.h"
#include "common/output.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define KEY_SIZE        32
#define CLAIM_TIMEOUT_S 5.0
#define CLAIM_PAUSE_MS  50

static const struct ddl_type types[] = {
	{ TYPE_TEXT, "varchar", "varchar(%)", NULL },
	{ TYPE_BIGINT, "bigint", NULL, NULL },
	{ TYPE_DOUBLE, "double precision", NULL, NULL },
	{ TYPE_BOOL, "boolean", NULL, NULL },
	{ TYPE_TIMESTAMP, "timestamp with time zone",
	    "timestamp (%) with time zone", NULL },
	{ TYPE_DATE, "date", NULL, NULL },
	{ TYPE_TIME, "time without time zone", "time (%) without time zone",
	    NULL },
	{ TYPE_DECIMAL, "numeric(38,9)", "numeric(%,9)", "numeric(%,%)" },
	{ TYPE_WEI, "numeric(156,78)", "numeric(%,78)", "numeric(%,%)" },
	{ TYPE_BINARY, "bytea", NULL, NULL },
	{ TYPE_JSON, "jsonb", NULL, NULL },
};

static const struct ddl_integer integers[] = {
	{ 16, "smallint" },
	{ 32, "integer" },
	{ 64, "bigint" },
};

/* As format_type() spells them. */
static const struct ddl_family families[] = {
	{ "text", TYPE_TEXT },
	{ "character varying", TYPE_TEXT },
	{ "character", TYPE_TEXT },
	{ "bigint", TYPE_BIGINT },
	{ "integer", TYPE_BIGINT },
	{ "smallint", TYPE_BIGINT },
	{ "double precision", TYPE_DOUBLE },
	{ "real", TYPE_DOUBLE },
	{ "boolean", TYPE_BOOL },
	{ "timestamp", TYPE_TIMESTAMP },
	{ "timestamp with time zone", TYPE_TIMESTAMP },
	{ "timestamp without time zone", TYPE_TIMESTAMP },
	{ "date", TYPE_DATE },
	{ "time", TYPE_TIME },
	{ "time without time zone", TYPE_TIME },
	{ "numeric", TYPE_DECIMAL },
	{ "bytea", TYPE_BINARY },
	{ "jsonb", TYPE_JSON },
	{ "json", TYPE_JSON },
};

/* Only timestamps without zone: the table has no form for them. */
static bool
special_type(const struct column *c, struct buf *out)
{
	long precision = hints_get_int(&c->hints, "precision", -1);

	if (c->type != TYPE_TIMESTAMP || c->timezone)
		return false;
	if (precision >= 0)
		buf_addf(out, "timestamp (%ld) without time zone", precision);
	else
		buf_adds(out, "timestamp without time zone");
	return true;
}

static const struct ddl_dialect dialect = {
	types,
	ARRAY_LEN(types),
	integers,
	ARRAY_LEN(integers),
	NULL,
	families,
	ARRAY_LEN(families),
	.unique = " UNIQUE",
	.special = special_type,
};

/* Staged rows may have what is unique twice: the merge sorts it out. */
static const struct ddl_dialect plain_dialect = {
	types,
	ARRAY_LEN(types),
	integers,
	ARRAY_LEN(integers),
	NULL,
	families,
	ARRAY_LEN(families),
	.special = special_type,
};

static const struct ddl_dialect *
dialect_of(const struct postgres_dest *p, enum dest_place place)
{
	return place == DEST_STAGING || p->no_indexes ? &plain_dialect
	                                              : &dialect;
}

/* ---- the dataset ---- */

static const char *
dataset_of(const struct postgres_dest *p, enum dest_place place)
{
	return place == DEST_STAGING ? p->staging : p->dataset;
}

/* The number of an advisory lock. */
static void
lock_key(const char *kind, const char *name, char key[KEY_SIZE])
{
	char *what = xasprintf("dlt %s %s", kind, name);
	int64_t number;

	hash_shake128(what, strlen(what), &number, sizeof(number));
	free(what);
	snprintf(key, KEY_SIZE, "%lld", (long long)number);
}

int
pg_lock(struct postgres_dest *p, struct error *err)
{
	char key[KEY_SIZE];
	const char *texts[] = { key };

	lock_key("dataset", p->dataset, key);
	if (p->locked)
		return 0;
	if (pg_run(p, "SELECT pg_advisory_xact_lock($1::bigint)", texts, 1,
	        err) < 0)
		return error_prefix(err,
		    "lock of dataset \"%s\": ", p->dataset);
	p->locked = true;
	return 0;
}

/* Tried now and then, not waited for: a wait that ends without it would end the
 * transaction, too. What a killed run has left is gone in a moment. */
int
pg_claim_staging(struct dest *d, struct error *err)
{
	const struct timespec pause = { .tv_nsec = CLAIM_PAUSE_MS * 1000000L };
	struct postgres_dest *p = (struct postgres_dest *)d;
	double left = p->wait_s < 0 ? CLAIM_TIMEOUT_S : p->wait_s;
	char key[KEY_SIZE];
	const char *texts[] = { key };

	lock_key("staging", p->staging, key);
	while (!p->claimed) {
		if (pg_has_row(p,
		        "SELECT 1 WHERE pg_try_advisory_lock($1::bigint)",
		        texts, 1, &p->claimed, err) < 0)
			return -1;
		if (p->claimed)
			break;
		if (left <= 0)
			return error_set(err, ERR_TEMP,
			    "staging dataset \"%s\": another run stages its "
			    "rows there; wait for it (--wait), or give one of "
			    "the two pipelines a staging dataset of its own: "
			    "destination.staging_dataset_name_layout",
			    p->staging);
		nanosleep(&pause, NULL);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		left -= CLAIM_PAUSE_MS / 1e3;
	}
	return 0;
}

/* The server takes its time to see that a connection has gone: the next run is
 * not to meet this one's claim. */
void
pg_unclaim_staging(struct postgres_dest *p)
{
	if (p->claimed && p->conn &&
	    PQtransactionStatus(p->conn) == PQTRANS_IDLE)
		PQclear(PQexec(p->conn,
		    "SELECT pg_catalog.pg_advisory_unlock_all()"));
	p->claimed = false;
}

/* CREATE .. IF NOT EXISTS would need the right to create even if it does. */
int
pg_need_schema(struct postgres_dest *p, enum dest_place place,
    struct error *err)
{
	const char *name = dataset_of(p, place);
	const char *texts[] = { name };
	struct buf sql = { 0 };
	bool found = false;
	int rc;

	if (p->schemas[place])
		return 0;
	if (pg_has_row(p, "SELECT 1 FROM pg_namespace WHERE nspname = $1",
	        texts, 1, &found, err) < 0)
		return -1;
	buf_adds(&sql, "CREATE SCHEMA ");
	ddl_quote(name, &sql);
	rc = found || dest_planned(&p->base, sql.data)
	    ? 0
	    : pg_run(p, sql.data, NULL, 0, err);
	buf_release(&sql);
	if (rc < 0)
		return error_prefix(err, "dataset \"%s\": ", name);
	p->schemas[place] = true;
	return 0;
}

int
pg_has_table(struct postgres_dest *p, const char *name, bool *found,
    struct error *err)
{
	const char *texts[] = { p->dataset, name };

	return pg_has_row(p,
	    "SELECT 1 FROM pg_class AS c JOIN pg_namespace AS n "
	    "ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = $2 "
	    "AND c.relkind IN ('r', 'p', 'v', 'm', 'f')",
	    texts, 2, found, err);
}

/* ---- columns ---- */

/* Rows of name and type; none: there is no such table. */
static PGresult *
read_columns(struct postgres_dest *p, enum dest_place place, const char *table,
    struct error *err)
{
	bool doomed = dest_is_doomed(&p->base, table);
	const char *texts[] = { dataset_of(p, place), doomed ? "" : table };

	return pg_query(p,
	    "SELECT a.attname, format_type(a.atttypid, a.atttypmod) "
	    "FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid "
	    "JOIN pg_namespace AS n ON n.oid = c.relnamespace "
	    "WHERE n.nspname = $1 AND c.relname = $2 "
	    "AND c.relkind IN ('r', 'p', 'v', 'm', 'f') "
	    "AND a.attnum > 0 AND NOT a.attisdropped",
	    texts, 2, err);
}

/* Mark what is there; types first, all of them: a refusal leaves the table as
 * it was. */
static int
compare(const struct table *t, const PGresult *res, bool *have,
    struct error *err)
{
	for (int i = 0; i < PQntuples(res); i++) {
		const struct column *c = table_column(t, PQgetvalue(res, i, 0));

		if (!c || c->type == TYPE_NONE)
			continue;
		if (ddl_check_type(&dialect, t, c, PQgetvalue(res, i, 1), err) <
		    0)
			return -1;
		have[c->index] = true;
	}
	return 0;
}

/* The row key of a new table, when it is all that is unique there: its index is
 * made when the rows are in, which takes a tenth of the time. */
static const struct column *
late_index(const struct postgres_dest *p, enum dest_place place,
    const struct table *t)
{
	const struct column *key = NULL;

	if (place == DEST_STAGING || p->no_indexes || p->base.plan ||
	    !strncmp(t->name, "_dlt", 4))
		return NULL;
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *c = t->columns[i];

		if (c->type == TYPE_NONE ||
		    !hints_get_bool(&c->hints, "unique", false))
			continue;
		if (key || !c->row_key)
			return NULL;
		key = c;
	}
	return key;
}

static int
create_table(struct postgres_dest *p, enum dest_place place,
    const struct table *t, struct error *err)
{
	const struct column *late = late_index(p, place, t);
	struct buf sql = { 0 }, name = { 0 };
	int rc;

	pg_name(p, place, t->name, &name);
	rc = ddl_create(late ? &plain_dialect : dialect_of(p, place), name.data,
	    t, &sql, err);
	if (rc == 0 && !dest_planned(&p->base, sql.data))
		rc = pg_run(p, sql.data, NULL, 0, err);
	if (rc == 0 && late)
		rc = pg_note_index(p, t->name, late->name, err);
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

static int
add_unique(struct postgres_dest *p, const char *table, const char *column,
    struct error *err)
{
	struct buf sql = { 0 };
	bool found;
	int rc = pg_has_table(p, table, &found, err);

	if (rc == 0 && found) {
		buf_adds(&sql, "ALTER TABLE ");
		pg_name(p, DEST_DATASET, table, &sql);
		buf_adds(&sql, " ADD UNIQUE (");
		ddl_quote(column, &sql);
		buf_addc(&sql, ')');
		rc = pg_run(p, sql.data, NULL, 0, err);
	}
	buf_release(&sql);
	return rc < 0 ? error_prefix(err, "table \"%s\": ", table) : 0;
}

/* Another run may be about to do the same, so it is asked again under the
 * lock. */
int
pg_make_indexes(struct postgres_dest *p, struct error *err)
{
	PGresult *res = pg_noted_indexes(p, err);
	int rc = res ? 0 : -1;

	if (res && PQntuples(res)) {
		PQclear(res);
		res = NULL;
		if (pg_lock(p, err) < 0)
			return -1;
		res = pg_noted_indexes(p, err);
		rc = res ? 0 : -1;
		for (int i = 0; res && i < PQntuples(res) && rc == 0; i++)
			rc = add_unique(p, PQgetvalue(res, i, 0),
			    PQgetvalue(res, i, 1), err);
		if (rc == 0 && PQntuples(res))
			rc = ledger_unmark(&p->base, PG_INDEX_MARK, err);
	}
	PQclear(res);
	return rc;
}

static bool
must_not_be_null(const struct table *t, const bool *have)
{
	for (size_t i = 0; i < t->column_count; i++)
		if (!have[i] && t->columns[i]->type != TYPE_NONE &&
		    !t->columns[i]->nullable)
			return true;
	return false;
}

/* A column that must not be null cannot be added to rows that are there: then
 * it may be null whatever the schema says. */
static int
add_columns(struct postgres_dest *p, enum dest_place place,
    const struct table *t, const bool *have, struct error *err)
{
	struct buf sql = { 0 }, name = { 0 };
	bool rows = true;
	int rc = 0;

	pg_name(p, place, t->name, &name);
	if (must_not_be_null(t, have)) {
		buf_addf(&sql, "SELECT 1 FROM %s LIMIT 1", name.data);
		rc = pg_has_row(p, sql.data, NULL, 0, &rows, err);
	}
	for (size_t i = 0; i < t->column_count && rc == 0; i++) {
		if (have[i] || t->columns[i]->type == TYPE_NONE)
			continue;
		buf_reset(&sql);
		rc = ddl_add_column(dialect_of(p, place), name.data, t,
		    t->columns[i], !rows, &sql, err);
		if (rc == 0 && !dest_planned(&p->base, sql.data))
			rc = pg_run(p, sql.data, NULL, 0, err);
	}
	buf_release(&sql);
	buf_release(&name);
	return rc;
}

static int
change(struct postgres_dest *p, enum dest_place place, const struct table *t,
    const PGresult *res, struct buf *added, struct error *err)
{
	bool *have = xcalloc(t->column_count + 1, sizeof(*have));
	int rc = compare(t, res, have, err);

	if (rc == 0 && ddl_lacks(t, have)) {
		rc = PQntuples(res) ? add_columns(p, place, t, have, err)
		                    : create_table(p, place, t, err);
		if (rc < 0)
			error_prefix(err, "table \"%s\": ", t->name);
		else
			ddl_note_added(t, have, added);
	}
	free(have);
	return rc;
}

int
pg_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	PGresult *res;
	int rc;

	if (place == DEST_DATASET && !d->plan && pg_lock(p, err) < 0)
		return -1;
	if (pg_need_schema(p, place, err) < 0 ||
	    (place == DEST_DATASET && pg_ledger.need_jobs(d, err) < 0))
		return -1;
	res = read_columns(p, place, t->name, err);
	if (!res)
		return -1;
	rc = change(p, place, t, res, added, err);
	PQclear(res);
	return rc;
}

/* Readers see the old rows until the commit and never wait; who writes does:
 * of two loads that replace the rows, the second one must see the first's.
 * Nobody reads staged rows: there, TRUNCATE is faster, rows stand in the order
 * in which they came, and who else would use the table waits. */
int
pg_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	PGresult *res = read_columns(p, place, t->name, err);
	struct buf sql = { 0 };
	int rc = res ? 0 : -1;

	if (res && PQntuples(res)) {
		if (place == DEST_DATASET) {
			buf_adds(&sql, "LOCK TABLE ");
			pg_name(p, place, t->name, &sql);
			buf_adds(&sql,
			    " IN SHARE ROW EXCLUSIVE MODE; DELETE FROM ");
		} else {
			buf_adds(&sql, "TRUNCATE TABLE ");
		}
		pg_name(p, place, t->name, &sql);
		rc = pg_run(p, sql.data, NULL, 0, err);
	}
	PQclear(res);
	buf_release(&sql);
	return rc;
}

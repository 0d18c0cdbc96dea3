/* SPDX-License-Identifier: MIT */
/*
 * What stands for transactions; dest_clickhouse_private.h says how.
 *
 * A script is lines of fields as in TabSeparated: "part", its name and target;
 * "sql" and a statement; "mark", load id, job id, checksum and rows.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/ddl.h"
#include "common/dest/merge_private.h"
#include "common/mem.h"
#include "common/output.h"
#include "common/testhook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TAKEN "_r" /* ends the name of a part table that was taken over */

/* ---- beginning ---- */

static void
reset(struct clickhouse_dest *c)
{
	struct ch_tx *tx = &c->tx;

	for (size_t i = 0; i < tx->part_count; i++) {
		free(tx->parts[i].name);
		free(tx->parts[i].target);
	}
	for (size_t i = 0; i < tx->mark_count; i++) {
		free(tx->marks[i].load_id);
		free(tx->marks[i].job_id);
	}
	tx->part_count = tx->mark_count = 0;
	buf_reset(&tx->merges);
	buf_reset(&tx->after);
	free(tx->unmark);
	tx->unmark = NULL;
	free(c->chain);
	c->chain = NULL;
	tx->open = tx->decided = false;
}

int
ch_begin(struct dest *d, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;

	reset(c);
	c->tx.open = true;
	return 0;
}

int
ch_execute(struct dest *d, const char *sql, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;

	buf_add(&c->tx.merges, sql, strlen(sql) + 1);
	return 0;
}

int
ch_after(struct clickhouse_dest *c, const char *sql, struct error *err)
{
	if (!c->tx.open)
		return ch_run(c, sql, err);
	buf_add(&c->tx.after, sql, strlen(sql) + 1);
	return 0;
}

static int
drop_table(struct clickhouse_dest *c, const char *name, struct error *err)
{
	struct buf sql = { 0 };
	int rc;

	buf_adds(&sql, "DROP TABLE IF EXISTS ");
	ch_qualify(c, name, &sql);
	rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	return rc;
}

/* Part tables of a transaction that has got to its intent are needed still. */
void
ch_rollback(struct dest *d)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct error ignored;

	ch_insert_drop(c);
	for (size_t i = 0; i < c->tx.part_count; i++)
		if (c->tx.decided || signal_pending() ||
		    drop_table(c, c->tx.parts[i].name, &ignored) < 0)
			break;
	c->jobs_table = false;
	c->sentinels[DEST_DATASET] = c->sentinels[DEST_STAGING] = false;
	reset(c);
}

/* ---- bringing part tables over ---- */

/* Columns of both; *id: is _dlt_id among them? */
static int
add_columns(struct clickhouse_dest *c, const struct ch_part *p, struct buf *out,
    bool *id, struct error *err)
{
	struct buf sql = { 0 }, names = { 0 }, name = { 0 };
	const char *at;
	int rc;

	buf_adds(&sql, "SELECT name FROM system.columns WHERE database = ");
	ch_literal(c->database, strlen(c->database), &sql);
	buf_adds(&sql, " AND table = ");
	ch_literal(p->name, strlen(p->name), &sql);
	buf_adds(&sql,
	    " AND default_kind NOT IN ('MATERIALIZED', 'ALIAS', 'EPHEMERAL')");
	rc = ch_query(c, sql.data, NULL, &names, NULL, err);
	*id = false;
	for (at = buf_str(&names); rc == 0 && *at;) {
		buf_reset(&name);
		ch_field(&at, &name);
		if (!strcmp(buf_str(&name), "_dlt_id"))
			*id = true;
		if (out->len)
			buf_adds(out, ", ");
		ddl_quote(buf_str(&name), out);
	}
	buf_release(&sql);
	buf_release(&names);
	buf_release(&name);
	return rc;
}

/* What runs under the part table's name, as by a client that is gone, ends. */
static void
stop_others(struct clickhouse_dest *c, const char *id)
{
	struct buf sql = { 0 };
	struct error ignored;

	buf_adds(&sql, "KILL QUERY WHERE query_id = ");
	ch_literal(id, strlen(id), &sql);
	buf_adds(&sql, " SYNC");
	(void)ch_run(c, sql.data, &ignored);
	buf_release(&sql);
}

/* Add the rows that the target has not. by: the name that runs once. */
static int
add_missing(struct clickhouse_dest *c, const struct ch_part *p, const char *by,
    bool all, struct error *err)
{
	struct buf sql = { 0 }, columns = { 0 };
	bool id;
	int rc = add_columns(c, p, &columns, &id, err);

	if (rc == 0 && !id && !all)
		rc = error_set(err, ERR_REMOTE,
		    "a load was interrupted while the rows of table \"%s\" "
		    "were added to \"%s\", which has no _dlt_id: nobody can "
		    "tell which are in. Compare the two, complete \"%s\", and "
		    "then drop the first",
		    p->name, p->target, p->target);
	buf_adds(&sql, "INSERT INTO ");
	ch_qualify(c, p->target, &sql);
	buf_addf(&sql, " (%s) SELECT %s FROM ", buf_str(&columns),
	    buf_str(&columns));
	ch_qualify(c, p->name, &sql);
	if (!all) {
		buf_adds(&sql,
		    " WHERE \"_dlt_id\" NOT IN (SELECT \"_dlt_id\" FROM ");
		ch_qualify(c, p->target, &sql);
		buf_adds(&sql,
		    " WHERE \"_dlt_id\" IN (SELECT \"_dlt_id\" FROM ");
		ch_qualify(c, p->name, &sql);
		buf_adds(&sql, "))");
	}
	if (rc == 0)
		rc = ch_query(c, sql.data, by, NULL, NULL, err);
	buf_release(&sql);
	buf_release(&columns);
	return rc;
}

static int
list_partitions(struct clickhouse_dest *c, const struct ch_part *p,
    struct buf *out, struct error *err)
{
	struct buf sql = { 0 };
	int rc;

	buf_adds(&sql,
	    "SELECT DISTINCT partition_id FROM system.parts WHERE active AND "
	    "database = ");
	ch_literal(c->database, strlen(c->database), &sql);
	buf_adds(&sql, " AND table = ");
	ch_literal(p->name, strlen(p->name), &sql);
	rc = ch_query(c, sql.data, NULL, out, NULL, err);
	buf_release(&sql);
	return rc;
}

/* Targets that are no MergeTree, or have been changed meanwhile, take no part
 * of others: the first refusal is before anything has happened. */
static bool
takes_no_parts(int code)
{
	static const int codes[] = { 1, 36, 48, 122, 344, 371, 390 };

	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i] == code)
			return true;
	return false;
}

static int
attach(struct clickhouse_dest *c, const struct ch_part *p, struct error *err)
{
	struct buf ids = { 0 }, id = { 0 }, sql = { 0 };
	int rc, code = 0;
	bool first = true, found = true;

	rc = list_partitions(c, p, &ids, err);
	if (rc == 0 && !ids.len)
		rc = ch_exists(c, p->name, &found, err);
	if (rc == 0 && !found)
		rc = error_set(err, ERR_TEMP,
		    "another run is completing this load");
	for (const char *at = buf_str(&ids); *at && rc == 0; first = false) {
		buf_reset(&id);
		buf_reset(&sql);
		ch_field(&at, &id);
		buf_adds(&sql, "ALTER TABLE ");
		ch_qualify(c, p->target, &sql);
		buf_adds(&sql, " ATTACH PARTITION ID ");
		ch_literal(buf_str(&id), id.len, &sql);
		buf_adds(&sql, " FROM ");
		ch_qualify(c, p->name, &sql);
		rc = ch_query(c, sql.data, p->name, NULL, &code, err);
		if (rc < 0 && first && takes_no_parts(code)) {
			rc = add_missing(c, p, p->name, true, err);
			break;
		}
		TEST_HOOK("clickhouse_attach");
	}
	buf_release(&ids);
	buf_release(&id);
	buf_release(&sql);
	if (rc < 0)
		error_prefix(err, "table \"%s\": ", p->target);
	return rc;
}

/* ---- the marks ---- */

static int
write_marks(struct clickhouse_dest *c, const struct ch_mark *marks,
    size_t count, const struct buf *script, const struct buf *refer,
    struct error *err)
{
	struct buf sql = { 0 };
	int rc;

	if (!count)
		return 0;
	buf_adds(&sql, "INSERT INTO ");
	ch_name(c, DEST_DATASET, "_dlt_jobs", &sql);
	buf_adds(&sql,
	    " (\"load_id\", \"job_id\", \"checksum\", \"rows\", "
	    "\"inserted_at\", \"script\") FORMAT TabSeparated\n");
	for (size_t i = 0; i < count; i++)
		ch_add_mark(&marks[i], i + 1 < count ? refer : script, &sql);
	rc = ch_run(c, sql.data, err);
	buf_release(&sql);
	return rc;
}

/* In the background: marks of jobs are of no use once their load has one. */
static void
forget_marks(struct clickhouse_dest *c, const char *load_id)
{
	struct buf sql = { 0 };
	struct error ignored;

	buf_adds(&sql, "ALTER TABLE ");
	ch_name(c, DEST_DATASET, "_dlt_jobs", &sql);
	buf_adds(&sql, " DELETE WHERE load_id = ");
	ch_literal(load_id, strlen(load_id), &sql);
	buf_adds(&sql, " AND (job_id != '' OR script != '')");
	if (c->version >= CH_MODERN)
		buf_adds(&sql, " SETTINGS mutations_sync = 0");
	(void)ch_run(c, sql.data, &ignored);
	buf_release(&sql);
}

/* ---- the script ---- */

static void
add_line(struct buf *out, const char *kind, const char *const *fields,
    size_t count)
{
	buf_adds(out, kind);
	for (size_t i = 0; i < count; i++) {
		buf_addc(out, '\t');
		ch_escape(fields[i], strlen(fields[i]), out);
	}
	buf_addc(out, '\n');
}

static void
write_script(const struct ch_tx *tx, struct buf *out)
{
	for (size_t i = 0; i < tx->part_count; i++) {
		const char *fields[] = { tx->parts[i].name,
			tx->parts[i].target };

		add_line(out, "part", fields, 2);
	}
	for (size_t at = 0; at < tx->after.len;
	     at += strlen(tx->after.data + at) + 1) {
		const char *fields[] = { tx->after.data + at };

		add_line(out, "sql", fields, 1);
	}
	for (size_t i = 0; i < tx->mark_count; i++) {
		const struct ch_mark *m = &tx->marks[i];
		char rows[24];
		const char *fields[] = { m->load_id, m->job_id, m->checksum,
			rows };

		snprintf(rows, sizeof(rows), "%llu",
		    (unsigned long long)m->rows);
		add_line(out, "mark", fields, 4);
	}
}

static bool
split_line(const char **at, struct buf *fields)
{
	const char *end = *at + strcspn(*at, "\n"), *p;
	char *line;

	if (!**at)
		return false;
	line = xstrndup(*at, (size_t)(end - *at));
	*at = *end ? end + 1 : end;
	for (size_t i = 0; i < 6; i++)
		buf_reset(&fields[i]);
	p = line;
	for (size_t i = 0; i < 6 && ch_field(&p, &fields[i]); i++)
		;
	free(line);
	return true;
}

/* Whoever renames the part table has it. */
static int
take_over(struct clickhouse_dest *c, const struct ch_part *p, struct error *err)
{
	struct ch_part taken = { xasprintf("%s" TAKEN, p->name), p->target };
	struct buf sql = { 0 };
	bool found = false, renamed = false;
	int rc;

	stop_others(c, p->name);
	rc = ch_exists(c, p->name, &found, err);
	if (rc == 0 && found) {
		buf_adds(&sql, "RENAME TABLE ");
		ch_qualify(c, p->name, &sql);
		buf_adds(&sql, " TO ");
		ch_qualify(c, taken.name, &sql);
		rc = ch_run(c, sql.data, err);
	}
	if (rc == 0)
		rc = ch_exists(c, taken.name, &renamed, err);
	TEST_HOOK("clickhouse_taken");
	if (rc == 0 && renamed)
		rc = add_missing(c, &taken, taken.name, false, err);
	if (rc < 0)
		error_prefix(err, "table \"%s\": ", p->target);
	buf_release(&sql);
	free(taken.name);
	return rc;
}

static int
play_line(struct clickhouse_dest *c, const struct buf *f, struct buf *drops,
    struct error *err)
{
	const char *kind = buf_str(&f[0]);
	struct ch_part p = { f[1].data, f[2].data };
	struct ch_mark m = { f[1].data, f[2].data };
	int rc = 0;

	if (!strcmp(kind, "part") && f[1].len && f[2].len) {
		buf_addf(drops, "%s" TAKEN, f[1].data);
		buf_addc(drops, '\0');
		rc = take_over(c, &p, err);
	} else if (!strcmp(kind, "sql")) {
		rc = ch_run(c, buf_str(&f[1]), err);
	} else if (!strcmp(kind, "mark") && f[3].len &&
	    f[3].len < sizeof(m.checksum)) {
		if (!m.job_id)
			m.job_id = (char *)(uintptr_t) "";
		memcpy(m.checksum, f[3].data, f[3].len + 1);
		m.rows = strtoull(buf_str(&f[4]), NULL, 10);
		rc = write_marks(c, &m, 1, NULL, NULL, err);
	} else {
		rc = error_set(err, ERR_REMOTE,
		    "_dlt_jobs: a script that is not understood");
	}
	return rc;
}

int
ch_recover(struct clickhouse_dest *c, const char *script, struct error *err)
{
	struct buf fields[6] = { 0 }, drops = { 0 };
	struct error ignored;
	int rc = 0;

	while (rc == 0 && split_line(&script, fields))
		rc = play_line(c, fields, &drops, err);
	for (size_t at = 0; at < drops.len && rc == 0;
	     at += strlen(drops.data + at) + 1)
		(void)drop_table(c, drops.data + at, &ignored);
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_release(&fields[i]);
	buf_release(&drops);
	if (rc < 0)
		error_prefix(err, "completing an interrupted load: ");
	return rc;
}

void
ch_clean(struct clickhouse_dest *c, const char *script)
{
	struct buf fields[6] = { 0 };
	struct error ignored;

	while (split_line(&script, fields)) {
		if (strcmp(buf_str(&fields[0]), "part") != 0 || !fields[1].len)
			continue;
		(void)drop_table(c, fields[1].data, &ignored);
		buf_adds(&fields[1], TAKEN);
		(void)drop_table(c, fields[1].data, &ignored);
	}
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		buf_release(&fields[i]);
}

/* Part tables of loads that were interrupted before their intent and never
 * tried again. */
static void
drop_forgotten(struct clickhouse_dest *c)
{
	struct buf sql = { 0 }, names = { 0 }, name = { 0 };
	struct error ignored;
	bool needed;

	buf_adds(&sql, "SELECT name FROM system.tables WHERE database = ");
	ch_literal(c->database, strlen(c->database), &sql);
	buf_adds(&sql,
	    " AND metadata_modification_time < now() - 7 * 86400 AND "
	    "startsWith(name, ");
	buf_addf(&name, "%s" CH_PART_PREFIX, c->prefix);
	ch_literal(name.data, name.len, &sql);
	buf_addc(&sql, ')');
	if (ch_query(c, sql.data, NULL, &names, NULL, &ignored) < 0)
		names.len = 0;
	for (const char *at = buf_str(&names); names.len && *at;) {
		buf_reset(&name);
		buf_reset(&sql);
		ch_field(&at, &name);
		buf_adds(&sql, "SELECT 1 FROM ");
		ch_name(c, DEST_DATASET, "_dlt_jobs", &sql);
		buf_adds(&sql, " WHERE position(script, ");
		ch_literal(buf_str(&name), name.len, &sql);
		buf_adds(&sql, ") > 0 LIMIT 1");
		if (ch_has_row(c, sql.data, &needed, &ignored) == 0 && !needed)
			(void)drop_table(c, buf_str(&name), &ignored);
	}
	buf_release(&sql);
	buf_release(&names);
	buf_release(&name);
}

/* ---- the commit ---- */

static int
run_merges(struct clickhouse_dest *c, struct error *err)
{
	const struct buf *sql = &c->tx.merges;

	for (size_t at = 0; at < sql->len; at += strlen(sql->data + at) + 1) {
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		if (ch_run(c, sql->data + at, err) < 0)
			return error_prefix(err,
			    "merge of \"%s\": ", c->chain ? c->chain : "");
		TEST_HOOK("clickhouse_merge");
	}
	return 0;
}

/* The last mark's row has the script, those of the others name it. */
static int
write_intent(struct clickhouse_dest *c, struct error *err)
{
	struct ch_tx *tx = &c->tx;
	struct buf script = { 0 }, refer = { 0 };
	const struct ch_mark *last;
	const char *fields[1];
	int rc;

	if (!tx->mark_count)
		return error_set(err, ERR_REMOTE, "rows without a mark");
	last = &tx->marks[tx->mark_count - 1];
	fields[0] = last->job_id;
	add_line(&refer, "see", fields, 1);
	write_script(tx, &script);
	tx->decided = true;
	rc = write_marks(c, tx->marks, tx->mark_count, &script, &refer, err);
	buf_release(&script);
	buf_release(&refer);
	return rc;
}

static int
run_after(struct clickhouse_dest *c, struct error *err)
{
	const struct buf *sql = &c->tx.after;

	for (size_t at = 0; at < sql->len; at += strlen(sql->data + at) + 1)
		if (ch_run(c, sql->data + at, err) < 0)
			return -1;
	return 0;
}

int
ch_commit(struct dest *d, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct ch_tx *tx = &c->tx;
	struct error ignored;

	if (ch_insert_end(c, err) < 0 || run_merges(c, err) < 0)
		return -1;
	TEST_HOOK("clickhouse_intent");
	if (tx->part_count && write_intent(c, err) < 0)
		return -1;
	TEST_HOOK("clickhouse_decided");
	for (size_t i = 0; i < tx->part_count; i++)
		if (attach(c, &tx->parts[i], err) < 0)
			return -1;
	if (run_after(c, err) < 0)
		return -1;
	TEST_HOOK("clickhouse_marks");
	if (write_marks(c, tx->marks, tx->mark_count, NULL, NULL, err) < 0)
		return -1;
	TEST_HOOK("clickhouse_marked");
	for (size_t i = 0; i < tx->part_count; i++)
		(void)drop_table(c, tx->parts[i].name, &ignored);
	if (tx->unmark) {
		forget_marks(c, tx->unmark);
		drop_forgotten(c);
	}
	reset(c);
	return 0;
}

/* ---- replaced tables ---- */

static bool
is_partitioned(const struct table *t)
{
	if (hints_get(&t->hints, "x-clickhouse-partition"))
		return true;
	for (size_t i = 0; i < t->column_count; i++)
		if (column_has(t->columns[i], "partition"))
			return true;
	return false;
}

/* All of a chain change places with what was staged, in one statement: readers
 * see the old rows or the new ones. */
static void
exchange(const struct merge *m, struct buf *out)
{
	const char *between = "EXCHANGE TABLES ";

	for (size_t i = 0; i < m->count; i++) {
		buf_adds(out, between);
		m->name(m->arg, DEST_DATASET, m->chain[i]->name, out);
		buf_adds(out, " AND ");
		m->name(m->arg, DEST_STAGING, m->chain[i]->name, out);
		between = ", ";
	}
	merge_end_statement(out);
}

/* Where tables cannot be exchanged: all parts of one are replaced, or three
 * names change in one statement, which a server that is killed in its middle
 * does not take back. */
static void
exchange_old(const struct merge *m, const struct table *t, struct buf *out)
{
	struct buf d = { 0 }, s = { 0 }, x = { 0 };
	char *old = xasprintf("%s_dlt_old", t->name);

	m->name(m->arg, DEST_DATASET, t->name, &d);
	m->name(m->arg, DEST_STAGING, t->name, &s);
	m->name(m->arg, DEST_STAGING, old, &x);
	if (!is_partitioned(t)) {
		buf_addf(out,
		    "ALTER TABLE %s REPLACE PARTITION ID 'all' FROM %s", d.data,
		    s.data);
	} else {
		buf_addf(out, "DROP TABLE IF EXISTS %s", x.data);
		merge_end_statement(out);
		buf_addf(out, "RENAME TABLE %s TO %s, %s TO %s, %s TO %s",
		    d.data, x.data, s.data, d.data, x.data, s.data);
	}
	merge_end_statement(out);
	buf_release(&d);
	buf_release(&s);
	buf_release(&x);
	free(old);
}

/* Then the old rows go. */
static void
swap_tables(const struct merge *m, struct buf *out)
{
	const struct clickhouse_dest *c = m->arg;

	if (c->atomic)
		exchange(m, out);
	for (size_t i = 0; i < m->count && !c->atomic; i++)
		exchange_old(m, m->chain[i], out);
	for (size_t i = 0; i < m->count; i++) {
		buf_adds(out, "TRUNCATE TABLE ");
		m->name(m->arg, DEST_STAGING, m->chain[i]->name, out);
		merge_end_statement(out);
	}
}

const struct merge_dialect ch_merging = {
	.when_true = "true",
	.when_false = "false",
	.any_order = "tuple()",
	.time_open = "toDateTime64('",
	.time_close = "', 6, 'UTC')",
	.temp_create = "CREATE OR REPLACE TABLE ",
	.temp_suffix = " ENGINE = MergeTree ORDER BY tuple()",
	.temp_staged = true,
	.dedup_nested = true,
	.alter_update = true,
	.swap = swap_tables,
};

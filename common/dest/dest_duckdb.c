/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_duckdb_private.h"

#include "common/dest/dataset.h"
#include "common/dest/ddl.h"
#include "common/mem.h"
#include "common/output.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_DATASET "main"
#define BUSY_TIMEOUT_S  5.0
#define BUSY_PAUSE_MS   50
#define NEW_TRIES       3
#define MANY_ROWS       30000 /* worth changing what threads there are */

/* ---- the connection ---- */

/* SQLAlchemy's duckdb:///relative and duckdb:////absolute are understood; all
 * else is a path as it stands. */
static const char *
path_of(const char *rest)
{
	return !strncmp(rest, "///", 3) ? rest + 3 : rest;
}

/* Another process has the file for itself: until it is free, or time is up. */
static int
open_patiently(struct duckdb_dest *d, const struct dest_settings *set,
    struct error *err)
{
	const struct duck_settings how = { .read_only = set->read_only };
	const struct timespec pause = { .tv_nsec = BUSY_PAUSE_MS * 1000000L };
	double left = set->wait_s < 0 ? BUSY_TIMEOUT_S : set->wait_s;

	for (unsigned tries = 0;;) {
		bool fresh = duckdb_is_new(d->path);

		if (!set->read_only && duckdb_finish(d->path, err) < 0)
			return -1;
		d->duck = duck_open(d->path, &how, err);
		if (d->duck)
			return 0;
		/* another process may be making the file */
		if (err->code == ERR_TEMP ? left <= 0
		                          : !fresh || ++tries > NEW_TRIES)
			return -1;
		nanosleep(&pause, NULL);
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		left -= BUSY_PAUSE_MS / 1e3;
	}
}

/* What DuckDB will call the database: its file, without directories and all
 * from the first point on. */
static char *
catalog_of(const char *path)
{
	const char *slash = strrchr(path, '/');
	const char *base = slash ? slash + 1 : path;

	return xstrndup(base, strcspn(base, "."));
}

static int
read_catalog(struct duckdb_dest *d, struct error *err)
{
	struct duck_rows *r = duck_query(d->duck, "SELECT current_database()",
	    NULL, 0, err);
	int rc = r ? duck_next(r, err) : -1;
	const char *name;
	size_t len;

	if (rc > 0) {
		name = duck_text(r, 0, &len);
		d->catalog = xstrndup(name ? name : "", len);
	}
	duck_rows_free(r);
	return rc > 0 ? 0 : -1;
}

/* Rows are compressed in groups of 122,880. By default that begins when there
 * are five groups, or at the commit: all of it, while nothing else is left to
 * do. DuckDB 1.2 has no such setting. */
static void
write_early(struct duckdb_dest *d)
{
	struct error unused;

	(void)duck_run(d->duck, "SET write_buffer_row_group_count = 1",
	    &unused);
}

/* With its write-ahead log. */
static void
remove_file(const char *path)
{
	char *wal = xasprintf("%s.wal", path);

	unlink(path);
	unlink(wal);
	free(wal);
}

static void
append_drop(struct duckdb_dest *d)
{
	duck_appender_free(d->appender);
	free(d->positions);
	d->appender = NULL;
	d->positions = NULL;
	d->append_table = NULL;
	d->appended = false;
	d->append_count = 0;
}

static void
duckdb_close(struct dest *base)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	append_drop(d);
	duckdb_forget(d);
	duck_close(d->duck);
	if (d->created)
		remove_file(d->path);
	free(d->catalog);
	free(d->dataset);
	free(d->staging);
	free(d->path);
	free(d);
}

static struct dest *
duckdb_open(const char *rest, const struct dest_settings *set,
    struct error *err)
{
	const char *path = path_of(rest);
	struct duckdb_dest *d;
	struct stat st;
	bool exists;

	if (!*path || !strncmp(path, "//", 2) || *path == ':') {
		error_set(err, ERR_USAGE, "expected duckdb:FILE");
		return NULL;
	}
	exists = stat(path, &st) == 0;
	if (exists && S_ISDIR(st.st_mode)) {
		error_set(err, ERR_IO, "is a directory");
		return NULL;
	}
	if (exists && duckdb_is_unfinished(path))
		exists = false;
	d = xcalloc(1, sizeof(*d));
	d->path = xstrdup(path);
	d->dataset = xstrdup(set->dataset ? set->dataset : DEFAULT_DATASET);
	d->staging = dataset_staging(set->staging_layout, d->dataset, err);
	if (d->staging && set->read_only && !exists) {
		d->catalog = catalog_of(path);
		return &d->base;
	}
	if (d->staging && open_patiently(d, set, err) == 0) {
		d->created = !exists;
		write_early(d);
		if (read_catalog(d, err) == 0)
			return &d->base;
	}
	duckdb_close(&d->base);
	return NULL;
}

/* ---- statements ---- */

struct duck_rows *
duckdb_query(struct duckdb_dest *d, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	if (duckdb_append_end(d, err) < 0)
		return NULL;
	return duck_query(d->duck, sql, texts, count, err);
}

int
duckdb_run(struct duckdb_dest *d, const char *sql, const char *const *texts,
    size_t count, struct error *err)
{
	if (duckdb_append_end(d, err) < 0)
		return -1;
	return duck_exec(d->duck, sql, texts, count, NULL, err);
}

static int
duckdb_execute(struct dest *base, const char *sql, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (duckdb_append_end(d, err) < 0)
		return -1;
	return duck_run(d->duck, sql, err);
}

const char *
duckdb_schema(const struct duckdb_dest *d, enum dest_place place)
{
	return place == DEST_STAGING ? d->staging : d->dataset;
}

/* All three parts: a database and a schema in it may have one name. */
void
duckdb_name(void *arg, enum dest_place place, const char *table,
    struct buf *out)
{
	const struct duckdb_dest *d = arg;

	ddl_quote(d->catalog, out);
	buf_addc(out, '.');
	ddl_quote(duckdb_schema(d, place), out);
	buf_addc(out, '.');
	ddl_quote(table, out);
}

/* ---- transactions ---- */

/* DuckDB brings appended rows into the table by a query of one task, for which
 * its caller waits busily when there is another thread to run it. Merges and
 * commits do gain from all threads. */
static int
run_alone(struct duckdb_dest *d, bool alone, struct error *err)
{
	if (d->alone == alone)
		return 0;
	d->alone = alone;
	return duck_run(d->duck, alone ? "SET threads = 1" : "RESET threads",
	    err);
}

static int
duckdb_begin(struct dest *base, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (duck_run(d->duck, "BEGIN", err))
		return -1;
	d->open = true;
	return 0;
}

static int
duckdb_commit(struct dest *base, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	if (duckdb_append_end(d, err) < 0)
		return -1;
	append_drop(d);
	if (duck_run(d->duck, "COMMIT", err))
		return -1;
	d->open = d->created = false;
	return 0;
}

static void
duckdb_rollback(struct dest *base)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;
	struct error unused;

	append_drop(d);
	if (d->open) {
		(void)duck_run(d->duck, "ROLLBACK", &unused);
		duckdb_forget(d);
	}
	(void)run_alone(d, false, &unused);
	d->schemas[DEST_DATASET] = d->schemas[DEST_STAGING] = false;
	d->open = d->jobs_table = false;
}

/* ---- rows ---- */

int
duckdb_append_end(struct duckdb_dest *d, struct error *err)
{
	if (!d->appended)
		return 0;
	d->appended = false;
	d->append_count = 0;
	if (duck_appender_flush(d->appender, err) == 0 &&
	    run_alone(d, false, err) == 0)
		return 0;
	error_prefix(err, "table \"%s\": ", d->append_table->name);
	append_drop(d);
	return -1;
}

static int
find_positions(struct duckdb_dest *d, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct duck_rows *r = duckdb_columns(d, place, t->name, err);
	size_t position = 0;
	int rc = -1;

	d->positions = xcalloc(t->column_count + 1, sizeof(*d->positions));
	for (size_t i = 0; i < t->column_count; i++)
		d->positions[i] = SIZE_MAX;
	while (r && (rc = duck_next(r, err)) > 0) {
		size_t len;
		const char *name = duck_text(r, 0, &len);

		for (size_t i = 0; i < t->column_count; i++)
			if (t->columns[i]->name_len == len &&
			    !strncasecmp(t->columns[i]->name, name, len))
				d->positions[i] = position;
		position++;
	}
	duck_rows_free(r);
	return rc;
}

static int
begin_append(struct duckdb_dest *d, enum dest_place place,
    const struct table *t, struct error *err)
{
	if (d->append_table == t && d->append_place == place)
		return 0;
	if (duckdb_append_end(d, err) < 0)
		return -1;
	append_drop(d);
	if (find_positions(d, place, t, err) == 0)
		d->appender = duck_appender_open(d->duck, d->catalog,
		    duckdb_schema(d, place), t->name, err);
	if (!d->appender) {
		append_drop(d);
		return error_prefix(err, "table \"%s\": ", t->name);
	}
	d->append_table = t;
	d->append_place = place;
	return 0;
}

static int
put_cell(struct duck_appender *a, size_t at, const struct cell *c)
{
	switch (c->kind) {
	case CELL_NULL:
		duck_put_null(a, at);
		return 0;
	case CELL_INTEGER:
		return duck_put_integer(a, at, c->integer);
	case CELL_DOUBLE:
		return duck_put_double(a, at, c->number);
	default:
		break;
	}
	switch (duck_appender_kind(a, at)) {
	case DUCK_INTEGER:
	case DUCK_DOUBLE:
	case DUCK_DECIMAL:
		return duck_put_number(a, at, c->text, c->len);
	default:
		return duck_lend_text(a, at, c->text, c->len);
	}
}

static int
bad_cell(const struct table *t, const struct cell *c, struct error *err)
{
	const char *column = t->columns[c->column]->name;

	if (c->kind == CELL_TEXT)
		return error_set(err, ERR_DATA,
		    "column \"%s\" cannot hold %.*s", column,
		    c->len > 40 ? 40 : (int)c->len, c->text);
	if (c->kind == CELL_INTEGER)
		return error_set(err, ERR_DATA,
		    "column \"%s\" cannot hold %lld", column,
		    (long long)c->integer);
	return error_set(err, ERR_DATA, "column \"%s\" cannot hold its value",
	    column);
}

static int
append_rows(struct duckdb_dest *d, const struct rows *rows, size_t *bad,
    struct error *err)
{
	size_t i = 0;

	for (size_t row = 0; row < rows->row_count; row++) {
		if (duck_append_row(d->appender, err))
			return -1;
		d->appended = true;
		for (; i < rows->rows[row].end; i++) {
			const struct cell *c = &rows->cells[i];
			size_t at = d->positions[c->column];

			if (at != SIZE_MAX && put_cell(d->appender, at, c) == 0)
				continue;
			if (c->kind == CELL_NULL)
				continue;
			*bad = row;
			return bad_cell(rows->table, c, err);
		}
	}
	/* the texts are lent, and the caller's again when this returns */
	return duck_appender_take(d->appender, err);
}

/* The table takes rows while the next ones are decoded and appended. */
static int
hurry(struct duckdb_dest *d, struct error *err)
{
	if (run_alone(d, true, err) < 0)
		return -1;
	return duck_appender_thread(d->appender, err);
}

static int
duckdb_insert(struct dest *base, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err)
{
	struct duckdb_dest *d = (struct duckdb_dest *)base;

	*bad = rows->row_count;
	if (begin_append(d, place, rows->table, err) < 0)
		return -1;
	d->append_count += rows->row_count;
	if ((d->append_count < MANY_ROWS || hurry(d, err) == 0) &&
	    append_rows(d, rows, bad, err) == 0)
		return 0;
	append_drop(d);
	return -1;
}

/* ---- what it can do ---- */

static const char *const merge_strategies[] = { "delete-insert", "upsert",
	"scd2", "insert-only", NULL };
static const char *const replace_strategies[] = { "truncate-and-insert",
	"insert-from-staging", NULL };

/* The first of equal rows stays. */
static const struct merge_dialect merging = {
	.when_true = "TRUE",
	.when_false = "FALSE",
	.any_order = "rowid",
	.tie_break = "rowid",
	.time_open = "'",
	.time_close = "'",
	.zone = true,
	.temp_create = "CREATE TEMPORARY TABLE ",
	.temp_suffix = "",
	.empty_open = "DELETE FROM ",
	.empty_close = "",
};

extern const struct dest_ops dest_duckdb;
const struct dest_ops dest_duckdb = {
	.scheme = "duckdb",
	.form = "duckdb:FILE",
	.values = { false, false, false },
	.caps = { merge_strategies, replace_strategies, .isolated = true,
	    .merge = &merging },
	.open = duckdb_open,
	.close = duckdb_close,
	.ledger = &duckdb_ledger,
	.stored_schema = ledger_stored_schema,
	.stored_state = ledger_stored_state,
	.begin = duckdb_begin,
	.commit = duckdb_commit,
	.rollback = duckdb_rollback,
	.has_version = ledger_has_version,
	.add_version = ledger_add_version,
	.drop_versions = ledger_drop_versions,
	.migrate = duckdb_migrate,
	.empty = duckdb_empty,
	.drop = duckdb_drop,
	.insert = duckdb_insert,
	.name = duckdb_name,
	.execute = duckdb_execute,
	.marked = ledger_marked,
	.mark = ledger_mark,
	.each_mark = ledger_each_mark,
	.unmark = ledger_unmark,
	.staging_version = ledger_staging_version,
	.has_load = ledger_has_load,
	.add_load = ledger_add_load,
};

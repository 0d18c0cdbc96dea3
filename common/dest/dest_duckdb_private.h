/* SPDX-License-Identifier: MIT */
/*
 * dest_duckdb: what the files of the DuckDB destination share; for them only.
 *
 * Shape:  dest_duckdb.c holds the connection, transactions and the insert,
 *         _meta the tables that dlt keeps, _tables what creates and changes
 *         tables, _new what a kill leaves of a new file. The dataset is a
 *         schema, and so is the staging dataset, whose rows are written,
 *         brought over and committed in one transaction, and stay there until
 *         the next one.
 */
#ifndef DLT_DEST_DUCKDB_PRIVATE_H
#define DLT_DEST_DUCKDB_PRIVATE_H

#include "common/dest/dest.h"
#include "common/dest/ledger.h"
#include "common/duck.h"

struct duckdb_dest {
	struct dest base;
	struct duck *duck; /* NULL: read only, and there is no such file */
	char *path;
	char *catalog;           /* the database's name in statements */
	char *dataset, *staging; /* the schemas there */
	bool created;    /* by us: removed again when nothing was committed */
	bool open;       /* a transaction is */
	bool schemas[2]; /* of each place: is known to be there */
	bool jobs_table; /* the same */
	void *known;     /* names of tables and views, a tree of search.h */
	bool knows;      /* it has all of them */

	/* the insert in progress */
	struct duck_appender *appender;
	const struct table *append_table;
	enum dest_place append_place;
	size_t *positions; /* of the table's columns there; SIZE_MAX: none */
	bool appended;
	size_t append_count; /* rows since the last flush was asked for */
	bool alone;          /* DuckDB uses this thread only */
};

const char *duckdb_schema(const struct duckdb_dest *d, enum dest_place place);
void
duckdb_name(void *d, enum dest_place place, const char *table, struct buf *out);

/* All rows of the insert in progress are in the table; a no-op without. */
int duckdb_append_end(struct duckdb_dest *d, struct error *err);

/* A statement; what was appended is in the tables before it. */
int duckdb_run(struct duckdb_dest *d, const char *sql, const char *const *texts,
    size_t count, struct error *err);
/* Rows of a query, or NULL. */
struct duck_rows *duckdb_query(struct duckdb_dest *d, const char *sql,
    const char *const *texts, size_t count, struct error *err);

/* dest_duckdb_tables.c */
int duckdb_has_table(struct duckdb_dest *d, const char *name, bool *found,
    struct error *err);
/* It was created. */
void duckdb_made_table(struct duckdb_dest *d, enum dest_place place,
    const char *table);
/* Tables may have gone, or come from elsewhere. */
void duckdb_forget(struct duckdb_dest *d);
int duckdb_need_schema(struct duckdb_dest *d, enum dest_place place,
    struct error *err);
/* Rows of name and type, in the table's order. */
struct duck_rows *duckdb_columns(struct duckdb_dest *d, enum dest_place place,
    const char *table, struct error *err);
int duckdb_migrate(struct dest *base, enum dest_place place,
    const struct table *t, struct buf *added, struct error *err);
int duckdb_drop(struct dest *base, enum dest_place place, const char *table,
    struct error *err);
int duckdb_empty(struct dest *base, enum dest_place place,
    const struct table *t, struct error *err);

/* dest_duckdb_new.c */
/* Was the process that made the file killed before it was one? */
bool duckdb_is_unfinished(const char *path);
/* That, or is it not there, or too small to be one? */
bool duckdb_is_new(const char *path);
/* Is there no table in it, by its size? It may be false for one without. */
bool duckdb_is_blank(const char *path);
/* Make an unfinished one an empty database; nothing where another process is at
 * it. */
int duckdb_finish(const char *path, struct error *err);

/* dest_duckdb_meta.c */
extern const struct ledger duckdb_ledger;

#endif

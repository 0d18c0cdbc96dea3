/* SPDX-License-Identifier: MIT */
/*
 * dest_sqlite: what the files of the SQLite destination share; for them only.
 *
 * Shape:  dest_sqlite.c holds the connection and transactions, _meta the
 *         tables that dlt keeps, _tables what creates and changes tables,
 *         _rows the insert, _image a faster way for many rows.
 */
#ifndef DLT_DEST_SQLITE_PRIVATE_H
#define DLT_DEST_SQLITE_PRIVATE_H

#include "common/dest/dest.h"
#include "common/dest/ledger.h"

#include <sqlite3.h>

struct sqlite_dest {
	struct dest base;
	sqlite3 *db; /* NULL: read only, and there is no such file */
	char *path;
	int cache_kib;
	bool created;    /* by us: removed again when it stays empty */
	bool staging;    /* attached */
	bool jobs_table; /* is known to be there */

	/* the insert in progress (dest_sqlite_rows.c) */
	const struct rows *feed;
	size_t feed_from, feed_row;
	const struct cell **feed_cells; /* by column; of the current row */
	size_t feed_cap;
	sqlite3_stmt *insert;
	const struct table *insert_table;
	enum dest_place insert_place;
	struct images *images; /* dest_sqlite_image.c */
};

/* The attached database of staging tables; "main" or this. */
#define SQLITE_STAGING "dlt_staging"
static inline const char *
sqlite_place(enum dest_place place)
{
	return place == DEST_STAGING ? SQLITE_STAGING : "main";
}
int sqlite_need_staging(struct sqlite_dest *s, struct error *err);

/* Open a file of which nothing will be written, but what a killed writer has
 * left of its transaction: that is rolled back, by who may. SQLite's code; *db
 * is set, as sqlite3_open_v2() sets it. */
int sqlite_open_to_read(const char *path, sqlite3 **db);

/* Fill err from the connection's last error; always returns -1. */
int sqlite_fail(struct sqlite_dest *s, const char *what, struct error *err);

int sqlite_exec(struct sqlite_dest *s, const char *sql, struct error *err);

/* Prepare and bind texts (NULL binds null); the caller finalizes. */
int
sqlite_query(struct sqlite_dest *s, const char *sql, const char *const *texts,
    size_t count, sqlite3_stmt **out, struct error *err);

/* One step: 1 a row, 0 the end, -1. */
int sqlite_step(struct sqlite_dest *s, sqlite3_stmt *q, struct error *err);

/* Run a statement without result, then finalize it. */
int sqlite_run(struct sqlite_dest *s, sqlite3_stmt *q, struct error *err);

/* In the dataset. */
int sqlite_has_table(struct sqlite_dest *s, const char *name, bool *found,
    struct error *err);

/* dest_sqlite_meta.c */
extern const struct ledger sqlite_ledger;

/* dest_sqlite_tables.c */
int sqlite_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err);
int sqlite_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err);

/* dest_sqlite_rows.c */
int sqlite_rows_init(struct sqlite_dest *s, struct error *err);
void sqlite_rows_forget(struct sqlite_dest *s); /* what is kept of tables */
int sqlite_insert(struct dest *d, enum dest_place place,
    const struct rows *rows, size_t *bad, struct error *err);

/* ---- dest_sqlite_image.c: for the insert ---- */

struct image;

/* Of a table of the database; NULL: it has to be done otherwise. Good until
 * images_forget(), which comes before each transaction. */
struct image *
image_of(struct sqlite_dest *s, enum dest_place place, const struct table *t);
void images_forget(struct sqlite_dest *s);

/* Lay out rows from `from` on; feed_cells are null, and again afterwards.
 * Returns how many: all, as many as there is place for, or those before one
 * that cannot be laid out. */
size_t image_fill(struct sqlite_dest *s, struct image *im,
    const struct rows *rows, size_t from);

/* Insert the rows that were laid out. *again: a row is refused; none was
 * inserted, and the usual way says which. */
int image_insert(struct sqlite_dest *s, struct image *im, size_t rows,
    bool *again, struct error *err);

#endif

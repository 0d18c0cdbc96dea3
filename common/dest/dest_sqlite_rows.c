/* SPDX-License-Identifier: MIT */
/*
 * Rows go in by INSERT .. SELECT from a virtual table that hands over the
 * decoded cells: no binding, one statement for a whole batch; twice as fast as
 * one prepared insert for each row. Many rows go in faster still, as an image
 * (dest_sqlite_image.c), unless it cannot hold them.
 */
#include "common/dest/dest_sqlite_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

/* An image is worth its while for so many rows at once. */
#define IMAGE_ROWS 64

struct feed_table {
	sqlite3_vtab base;
	struct sqlite_dest *dest;
};

static int
feed_connect(sqlite3 *db, void *aux, int argc, const char *const *argv,
    sqlite3_vtab **out, char **message)
{
	int columns = sqlite3_limit(db, SQLITE_LIMIT_COLUMN, -1);
	struct buf sql = { 0 };
	struct feed_table *t;
	int rc;

	buf_adds(&sql, "CREATE TABLE x(c0");
	for (int i = 1; i < columns; i++)
		buf_addf(&sql, ",c%d", i);
	buf_adds(&sql, ")");
	rc = sqlite3_declare_vtab(db, sql.data);
	buf_release(&sql);
	if (rc != SQLITE_OK)
		return rc;
	t = sqlite3_malloc(sizeof(*t));
	if (!t)
		return SQLITE_NOMEM;
	memset(t, 0, sizeof(*t));
	t->dest = aux;
	*out = &t->base;
	return SQLITE_OK;
}

static int
feed_disconnect(sqlite3_vtab *t)
{
	sqlite3_free(t);
	return SQLITE_OK;
}

static int
feed_best_index(sqlite3_vtab *t, sqlite3_index_info *info)
{
	info->estimatedCost = 1000;
	return SQLITE_OK;
}

static int
feed_open(sqlite3_vtab *t, sqlite3_vtab_cursor **out)
{
	sqlite3_vtab_cursor *c = sqlite3_malloc(sizeof(*c));

	if (!c)
		return SQLITE_NOMEM;
	memset(c, 0, sizeof(*c));
	*out = c;
	return SQLITE_OK;
}

static int
feed_close(sqlite3_vtab_cursor *c)
{
	sqlite3_free(c);
	return SQLITE_OK;
}

static struct sqlite_dest *
dest_of(sqlite3_vtab_cursor *c)
{
	return ((struct feed_table *)c->pVtab)->dest;
}

static size_t
row_start(const struct rows *rows, size_t row)
{
	return row ? rows->rows[row - 1].end : 0;
}

static void
spread_row(struct sqlite_dest *s, bool set)
{
	const struct rows *rows = s->feed;

	if (s->feed_row >= rows->row_count)
		return;
	for (size_t i = row_start(rows, s->feed_row);
	     i < rows->rows[s->feed_row].end; i++) {
		const struct cell *c = &rows->cells[i];

		s->feed_cells[c->column] = set ? c : NULL;
	}
}

static int
feed_filter(sqlite3_vtab_cursor *c, int number, const char *text, int argc,
    sqlite3_value **argv)
{
	struct sqlite_dest *s = dest_of(c);

	if (!s->feed)
		return SQLITE_MISUSE;
	s->feed_row = s->feed_from;
	spread_row(s, true);
	return SQLITE_OK;
}

static int
feed_next(sqlite3_vtab_cursor *c)
{
	struct sqlite_dest *s = dest_of(c);

	spread_row(s, false);
	s->feed_row++;
	spread_row(s, true);
	return SQLITE_OK;
}

static int
feed_eof(sqlite3_vtab_cursor *c)
{
	struct sqlite_dest *s = dest_of(c);

	return s->feed_row >= s->feed->row_count;
}

static int
feed_column(sqlite3_vtab_cursor *cursor, sqlite3_context *ctx, int i)
{
	const struct cell *c = dest_of(cursor)->feed_cells[i];

	if (!c)
		return SQLITE_OK;
	switch (c->kind) {
	case CELL_INTEGER:
		sqlite3_result_int64(ctx, c->integer);
		break;
	case CELL_DOUBLE:
		sqlite3_result_double(ctx, c->number);
		break;
	case CELL_TEXT:
		sqlite3_result_text(ctx, c->text, (int)c->len, SQLITE_STATIC);
		break;
	case CELL_BLOB:
		sqlite3_result_blob(ctx, c->len ? c->text : "", (int)c->len,
		    SQLITE_STATIC);
		break;
	default:
		break;
	}
	return SQLITE_OK;
}

static int
feed_rowid(sqlite3_vtab_cursor *c, sqlite3_int64 *id)
{
	*id = (sqlite3_int64)dest_of(c)->feed_row;
	return SQLITE_OK;
}

/* No xCreate: the table exists under the module's name, and nowhere else. */
static const sqlite3_module feed_module = {
	.xConnect = feed_connect,
	.xBestIndex = feed_best_index,
	.xDisconnect = feed_disconnect,
	.xOpen = feed_open,
	.xClose = feed_close,
	.xFilter = feed_filter,
	.xNext = feed_next,
	.xEof = feed_eof,
	.xColumn = feed_column,
	.xRowid = feed_rowid,
};

int
sqlite_rows_init(struct sqlite_dest *s, struct error *err)
{
	if (sqlite3_create_module(s->db, "dlt_rows_in", &feed_module, s) !=
	    SQLITE_OK)
		return sqlite_fail(s, "", err);
	return 0;
}

void
sqlite_rows_forget(struct sqlite_dest *s)
{
	sqlite3_finalize(s->insert);
	s->insert = NULL;
	s->insert_table = NULL;
	images_forget(s);
}

static int
prepare_insert(struct sqlite_dest *s, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct buf sql = { 0 }, from = { 0 };
	const char *between = "";
	int rc;

	sqlite3_finalize(s->insert);
	s->insert = NULL;
	s->insert_table = NULL;
	buf_addf(&sql, "INSERT INTO %s.", sqlite_place(place));
	ddl_quote(t->name, &sql);
	buf_adds(&sql, " (");
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		buf_adds(&sql, between);
		ddl_quote(t->columns[i]->name, &sql);
		buf_addf(&from, "%sc%zu", between, i);
		between = ", ";
	}
	buf_addf(&sql, ") SELECT %s FROM dlt_rows_in", buf_str(&from));
	rc = sqlite_query(s, sql.data, NULL, 0, &s->insert, err);
	buf_release(&sql);
	buf_release(&from);
	if (rc < 0)
		return error_prefix(err, "table \"%s\": ", t->name);
	s->insert_table = t;
	s->insert_place = place;
	return 0;
}

static void
ready_cells(struct sqlite_dest *s, size_t columns)
{
	if (s->feed_cap < columns) {
		free(s->feed_cells);
		s->feed_cells = xmalloc(columns * sizeof(*s->feed_cells));
		s->feed_cap = columns;
	}
	for (size_t i = 0; i < s->feed_cap; i++)
		s->feed_cells[i] = NULL;
}

/* Returns how many rows are done: what is left needs the usual way; -1. */
static long
insert_images(struct sqlite_dest *s, enum dest_place place,
    const struct rows *rows, struct error *err)
{
	size_t done = 0, n;
	struct image *im;
	bool again;

	if (rows->row_count < IMAGE_ROWS)
		return 0;
	im = image_of(s, place, rows->table);
	while (im && done < rows->row_count &&
	    (n = image_fill(s, im, rows, done)) > 0) {
		if (image_insert(s, im, n, &again, err) < 0)
			return again ? (long)done : -1;
		done += n;
	}
	return (long)done;
}

static int
insert_fed(struct sqlite_dest *s, enum dest_place place,
    const struct rows *rows, size_t from, size_t *bad, struct error *err)
{
	int rc = 0;

	if ((s->insert_table != rows->table || s->insert_place != place) &&
	    prepare_insert(s, place, rows->table, err) < 0)
		return -1;
	s->feed = rows;
	s->feed_from = from;
	if (sqlite_step(s, s->insert, err) < 0) {
		*bad = s->feed_row;
		rc = -1;
	}
	sqlite3_reset(s->insert);
	s->feed = NULL;
	return rc;
}

int
sqlite_insert(struct dest *d, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	long done;

	*bad = rows->row_count;
	ready_cells(s, rows->table->column_count);
	done = insert_images(s, place, rows, err);
	if (done < 0)
		return -1;
	if ((size_t)done == rows->row_count)
		return 0;
	return insert_fed(s, place, rows, (size_t)done, bad, err);
}

/* SPDX-License-Identifier: MIT */
/*
 * Rows as the pages of a table of a database in memory.
 *
 * SQLite copies the records of a table as they are (its "transfer"
 * optimization) for INSERT INTO t SELECT * FROM u, when the columns of both
 * are alike: two to three times as fast as values handed over one by one. It
 * writes all pages of the destination itself, so the transaction is as safe as
 * any; where it cannot copy records (indexes, triggers, ..) the same statement
 * inserts values.
 *
 * The pages are read in place (mmap_size): what lies there may be replaced
 * between two statements, also within a transaction. That is tried once for
 * each image. Whatever does not fit is left to dest_sqlite_rows.c: rows larger
 * than a page, texts that the type of their column would make numbers, nulls
 * where none may be.
 *
 * Source: sqlite.org/fileformat2.html; contract of records: section 2.1, of
 * pages: 1.6; datatype3.html section 3.1 (affinity).
 */
#include "common/dest/dest_sqlite_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PAGE       65536u
#define PAGES      16u /* one that says what is there, the root, leaves */
#define ROOT       (PAGE * 1u)
#define LEAF_HEAD  8u
#define ROOT_HEAD  12u
#define MAX_RECORD (PAGE - 35u) /* more would need overflow pages */
#define MAX_IMAGES 8u

enum affinity {
	AFF_BLOB,
	AFF_TEXT,
	AFF_NUMERIC,
	AFF_INTEGER,
	AFF_REAL,
};

struct image_column {
	uint32_t from; /* the column of the schema's table; UINT32_MAX: none */
	uint8_t affinity;
	bool not_null;
	/* of the record at hand */
	const struct cell *cell;
	uint32_t serial;
	int64_t integer;
};

struct image {
	const struct table *table; /* NULL: forgotten */
	enum dest_place place;
	bool attached; /* else: not possible for this table */
	unsigned char *pages;
	sqlite3_stmt *insert;
	struct image_column *columns;
	size_t column_count;
	/* while it is filled */
	uint32_t leaf, top, cells;
	uint64_t rows;
};

struct images {
	struct image items[MAX_IMAGES];
};

/* ---- records ---- */

static void
put_be(unsigned char *p, uint64_t v, unsigned bytes)
{
	for (unsigned i = bytes; i-- > 0; v >>= 8)
		p[i] = (unsigned char)v;
}

static unsigned char *
put_varint(unsigned char *p, uint32_t v)
{
	unsigned len = v < 1u << 7 ? 1
	    : v < 1u << 14         ? 2
	    : v < 1u << 21         ? 3
	    : v < 1u << 28         ? 4
	                           : 5;

	for (unsigned i = len; i-- > 0; v >>= 7)
		p[i] = (unsigned char)((v & 0x7f) | (i + 1 < len ? 0x80 : 0));
	return p + len;
}

static unsigned
varint_len(uint32_t v)
{
	return v < 1u << 7 ? 1
	    : v < 1u << 14 ? 2
	    : v < 1u << 21 ? 3
	    : v < 1u << 28 ? 4
	                   : 5;
}

static unsigned
serial_len(uint32_t serial)
{
	static const uint8_t lens[] = { 0, 1, 2, 3, 4, 6, 8, 8, 0, 0, 0, 0 };

	return serial >= 12 ? (serial - 12) / 2 : lens[serial];
}

static uint32_t
integer_serial(int64_t v)
{
	uint64_t u = v < 0 ? ~(uint64_t)v : (uint64_t)v;

	if (u <= 1 && v >= 0)
		return 8 + (uint32_t)u;
	return u <= 0x7f          ? 1
	    : u <= 0x7fff         ? 2
	    : u <= 0x7fffff       ? 3
	    : u <= 0x7fffffff     ? 4
	    : u <= 0x7fffffffffff ? 5
	                          : 6;
}

static void
set_real(struct image_column *c, double number)
{
	memcpy(&c->integer, &number, sizeof(c->integer));
	c->serial = 7;
}

/* A real column keeps whole numbers as integers where they are shorter. */
static void
set_integer(struct image_column *c, int64_t v)
{
	c->integer = v;
	c->serial = integer_serial(v);
	if (c->affinity == AFF_REAL && c->serial == 6)
		set_real(c, (double)v);
}

static bool
set_double(struct image_column *c, double number)
{
	if (isnan(number))
		return false;
	if (c->affinity != AFF_BLOB && number > -0x1p63 && number < 0x1p63 &&
	    (double)(int64_t)number == number) {
		set_integer(c, (int64_t)number);
		return true;
	}
	set_real(c, number);
	return true;
}

static const char *
skip_digits(const char *p, const char *end)
{
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	return p;
}

static const char *
skip_space(const char *p, const char *end)
{
	while (p < end && (*p == ' ' || (*p >= '\t' && *p <= '\r')))
		p++;
	return p;
}

/* Could SQLite take all of it for a number? In doubt yes. */
static bool
like_number(const char *p, size_t len)
{
	const char *end = p + len;

	p = skip_space(p, end);
	if (p < end && (*p == '-' || *p == '+'))
		p++;
	p = skip_digits(p, end);
	if (p < end && *p == '.')
		p = skip_digits(p + 1, end);
	if (p < end && (*p == 'e' || *p == 'E')) {
		p++;
		if (p < end && (*p == '-' || *p == '+'))
			p++;
		p = skip_digits(p, end);
	}
	return skip_space(p, end) == end;
}

/* What the cell is in a column of this affinity; false: SQLite shall see. */
static bool
set_column(struct image_column *c)
{
	const struct cell *cell = c->cell;

	if (!cell || cell->kind == CELL_NULL) {
		c->serial = 0;
		return !c->not_null;
	}
	switch (cell->kind) {
	case CELL_INTEGER:
		set_integer(c, cell->integer);
		return c->affinity != AFF_TEXT;
	case CELL_DOUBLE:
		return c->affinity != AFF_TEXT && set_double(c, cell->number);
	default:
		if (cell->len > MAX_RECORD)
			return false;
		c->serial = cell->len * 2 + (cell->kind == CELL_TEXT ? 13 : 12);
		return cell->kind == CELL_BLOB || c->affinity <= AFF_TEXT ||
		    !like_number(cell->text, cell->len);
	}
}

/* The length of the record, and of its head; 0: it does not fit. */
static uint32_t
measure(struct image *im, uint32_t *head)
{
	size_t body = 0, types = 0;

	for (size_t i = 0; i < im->column_count; i++) {
		struct image_column *c = &im->columns[i];

		if (!set_column(c))
			return 0;
		types += c->serial < 0x80 ? 1 : varint_len(c->serial);
		body += serial_len(c->serial);
		if (body + types > MAX_RECORD)
			return 0;
	}
	*head = (uint32_t)types + (types < 127 ? 1 : types < 16382 ? 2 : 3);
	if (body + *head > MAX_RECORD)
		return 0;
	return (uint32_t)body + *head;
}

static void
put_record(const struct image *im, unsigned char *p, uint32_t head)
{
	unsigned char *body = p + head;

	p = put_varint(p, head);
	for (size_t i = 0; i < im->column_count; i++) {
		const struct image_column *c = &im->columns[i];
		unsigned len = serial_len(c->serial);

		if (c->serial < 0x80)
			*p++ = (unsigned char)c->serial;
		else
			p = put_varint(p, c->serial);
		if (c->serial >= 12) {
			if (len)
				memcpy(body, c->cell->text, len);
		} else {
			put_be(body, (uint64_t)c->integer, len);
		}
		body += len;
	}
}

/* ---- pages ---- */

static void
end_leaf(struct image *im, unsigned char *page)
{
	page[0] = 13;
	memset(page + 1, 0, LEAF_HEAD - 1);
	put_be(page + 3, im->cells, 2);
	put_be(page + 5, im->top & 0xffff, 2);
}

/* The root lists leaves and their last row; or is the only leaf. */
static void
begin_image(struct image *im)
{
	im->leaf = im->cells = 0;
	im->rows = 0;
	im->top = PAGE;
}

static unsigned char *
leaf_page(struct image *im)
{
	return im->pages + ROOT + (size_t)PAGE * (im->leaf + 1);
}

static bool
add_record(struct image *im, uint32_t *ends)
{
	uint32_t head, len = measure(im, &head), cell;
	uint32_t id = (uint32_t)im->rows + 1;
	unsigned char *page, *p;

	if (!len)
		return false;
	cell = varint_len(len) + varint_len(id) + len;
	if (LEAF_HEAD + 2 * (im->cells + 1) + cell > im->top) {
		end_leaf(im, leaf_page(im));
		ends[im->leaf] = (uint32_t)im->rows;
		if (im->leaf + 3 == PAGES)
			return false;
		im->leaf++;
		im->cells = 0;
		im->top = PAGE;
	}
	page = leaf_page(im);
	im->top -= cell;
	p = put_varint(page + im->top, len);
	p = put_varint(p, id);
	put_record(im, p, head);
	put_be(page + LEAF_HEAD + 2 * im->cells, im->top, 2);
	im->cells++;
	im->rows++;
	return true;
}

static void
end_image(struct image *im, const uint32_t *ends)
{
	unsigned char *root = im->pages + ROOT;
	uint32_t top = PAGE;

	end_leaf(im, leaf_page(im));
	if (im->leaf == 0) {
		memcpy(root, leaf_page(im), PAGE);
		return;
	}
	root[0] = 5;
	memset(root + 1, 0, ROOT_HEAD - 1);
	put_be(root + 3, im->leaf, 2);
	for (uint32_t i = 0; i < im->leaf; i++) {
		top -= 4 + varint_len(ends[i]);
		put_be(root + top, 3 + i, 4);
		put_varint(root + top + 4, ends[i]);
		put_be(root + ROOT_HEAD + 2 * i, top, 2);
	}
	put_be(root + 5, top & 0xffff, 2);
	put_be(root + 8, 3 + im->leaf, 4);
}

static void
spread(struct sqlite_dest *s, const struct rows *rows, size_t row, bool set)
{
	size_t i = row ? rows->rows[row - 1].end : 0;

	for (; i < rows->rows[row].end; i++)
		s->feed_cells[rows->cells[i].column] = set ? &rows->cells[i]
		                                           : NULL;
}

size_t
image_fill(struct sqlite_dest *s, struct image *im, const struct rows *rows,
    size_t from)
{
	uint32_t ends[PAGES];
	size_t row = from;
	bool fits = true;

	begin_image(im);
	for (; row < rows->row_count && fits; row += fits) {
		spread(s, rows, row, true);
		for (size_t i = 0; i < im->column_count; i++) {
			struct image_column *c = &im->columns[i];

			c->cell = c->from == UINT32_MAX
			    ? NULL
			    : s->feed_cells[c->from];
		}
		fits = add_record(im, ends);
		spread(s, rows, row, false);
	}
	if (row > from)
		end_image(im, ends);
	return row - from;
}

/* ---- an image for a table ---- */

static uint8_t
affinity_of(const char *type)
{
	static const struct {
		const char *word;
		enum affinity affinity;
	} rules[] = {
		{ "INT", AFF_INTEGER },
		{ "CHAR", AFF_TEXT },
		{ "CLOB", AFF_TEXT },
		{ "TEXT", AFF_TEXT },
		{ "BLOB", AFF_BLOB },
		{ "REAL", AFF_REAL },
		{ "FLOA", AFF_REAL },
		{ "DOUB", AFF_REAL },
	};

	for (size_t i = 0; i < ARRAY_LEN(rules); i++)
		if (strcasestr(type, rules[i].word))
			return rules[i].affinity;
	return *type ? AFF_NUMERIC : AFF_BLOB;
}

/* The next column as it is in the database; false: not for an image. *found:
 * how many of the schema's columns are there. */
static bool
add_column(struct image *im, sqlite3_stmt *q, size_t *cap, size_t *found)
{
	const struct table *t = im->table;
	const char *name = (const char *)sqlite3_column_text(q, 0);
	const char *type = (const char *)sqlite3_column_text(q, 1);
	struct image_column *c;
	size_t next = 0;

	if (!name || sqlite3_column_int(q, 3))
		return false;
	if (im->column_count) {
		c = &im->columns[im->column_count - 1];
		next = c->from == UINT32_MAX ? 0 : c->from + 1;
	}
	im->columns = xgrow(im->columns, cap, im->column_count + 1,
	    sizeof(*im->columns));
	c = &im->columns[im->column_count++];
	*c = (struct image_column){ .from = UINT32_MAX,
		.affinity = affinity_of(type ? type : ""),
		.not_null = sqlite3_column_int(q, 2) };
	for (size_t i = 0; i < t->column_count; i++, next++) {
		const struct column *have;

		next = next < t->column_count ? next : 0;
		have = t->columns[next];
		if (have->type == TYPE_NONE ||
		    sqlite3_stricmp(have->name, name))
			continue;
		c->from = (uint32_t)next;
		++*found;
		break;
	}
	return true;
}

/* The columns of the table, if they are all that the schema has, and nothing
 * is computed from them: no defaults, no keys. */
static bool
read_columns(struct sqlite_dest *s, struct image *im, struct error *err)
{
	const char *texts[] = { im->table->name, sqlite_place(im->place) };
	char *sql = xasprintf(
	    "SELECT name, type, \"notnull\", dflt_value IS NOT NULL OR pk "
	    "FROM pragma_table_info(?1, ?2) WHERE EXISTS (SELECT 1 FROM "
	    "%s.sqlite_master WHERE type = 'table' AND name = ?1 "
	    "COLLATE NOCASE)",
	    sqlite_place(im->place));
	size_t cap = 0, found = 0, want = 0;
	sqlite3_stmt *q;
	int rc = sqlite_query(s, sql, texts, 2, &q, err);

	free(sql);
	if (rc < 0)
		return false;
	while ((rc = sqlite_step(s, q, err)) > 0)
		if (!add_column(im, q, &cap, &found))
			break;
	sqlite3_finalize(q);
	for (size_t i = 0; i < im->table->column_count; i++)
		want += im->table->columns[i]->type != TYPE_NONE;
	return rc == 0 && found == want && want;
}

/* The first pages of an empty database with such a table, by SQLite itself. */
static bool
make_first(const struct image *im, unsigned char *out)
{
	static const char *const types[] = { "BLOB", "TEXT", "NUM", "INT",
		"REAL" };
	struct buf sql = { 0 };
	sqlite3_int64 size = 0;
	unsigned char *made = NULL;
	sqlite3 *db = NULL;

	buf_addf(&sql, "PRAGMA page_size = %u; CREATE TABLE dlt_rows_in_page",
	    PAGE);
	for (size_t i = 0; i < im->column_count; i++)
		buf_addf(&sql, "%sc%zu %s%s", i ? "," : "(", i,
		    types[im->columns[i].affinity],
		    im->columns[i].not_null ? " NOT NULL" : "");
	buf_adds(&sql, ")");
	if (sqlite3_open(":memory:", &db) == SQLITE_OK &&
	    sqlite3_exec(db, sql.data, NULL, NULL, NULL) == SQLITE_OK)
		made = sqlite3_serialize(db, "main", &size, 0);
	if (made && size == 2 * PAGE) {
		memcpy(out, made, 2 * (size_t)PAGE);
		put_be(out + 28, PAGES, 4);
	}
	sqlite3_free(made);
	sqlite3_close(db);
	buf_release(&sql);
	return made && size == 2 * PAGE;
}

static bool
count_is(sqlite3_stmt *q, int want)
{
	bool same = sqlite3_step(q) == SQLITE_ROW &&
	    sqlite3_column_int(q, 0) == want;

	sqlite3_reset(q);
	return same;
}

/* Is a page that is replaced seen? Not where SQLite reads into its cache. */
static bool
is_seen(struct sqlite_dest *s, const struct image *im, const char *name)
{
	unsigned char *root = im->pages + ROOT;
	char *sql = xasprintf("SELECT count(*) FROM %s.dlt_rows_in_page", name);
	sqlite3_stmt *q = NULL;
	bool seen = sqlite3_prepare_v2(s->db, sql, -1, &q, NULL) == SQLITE_OK &&
	    count_is(q, 0);

	if (seen) {
		/* one record, of no column: all are null */
		put_be(root + PAGE - 4, 0x01010100, 4);
		put_be(root + 3, 1, 2);
		put_be(root + 5, PAGE - 4, 2);
		put_be(root + LEAF_HEAD, PAGE - 4, 2);
		seen = count_is(q, 1);
	}
	sqlite3_finalize(q);
	free(sql);
	return seen;
}

static bool
attach(struct sqlite_dest *s, struct image *im, const char *name)
{
	char *sql = xasprintf("ATTACH ':memory:' AS %s", name);
	const sqlite3_int64 size = (sqlite3_int64)PAGE * PAGES;

	im->pages = sqlite3_malloc64((sqlite3_uint64)size);
	if (im->pages && make_first(im, im->pages) &&
	    sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		im->attached = true;
	if (!im->attached) {
		sqlite3_free(im->pages);
		im->pages = NULL;
	}
	free(sql);
	if (!im->attached)
		return false;
	sql = xasprintf("PRAGMA %s.mmap_size = %lld", name, size);
	/* frees the pages at the end, or at once when it fails */
	if (sqlite3_deserialize(s->db, name, im->pages, size, size,
	        SQLITE_DESERIALIZE_FREEONCLOSE) != SQLITE_OK ||
	    sqlite3_exec(s->db, sql, NULL, NULL, NULL) != SQLITE_OK ||
	    !is_seen(s, im, name))
		im->pages = NULL;
	free(sql);
	return im->pages != NULL;
}

static void
name_image(const struct sqlite_dest *s, const struct image *im, char name[32])
{
	snprintf(name, 32, "dlt_rows_%d", (int)(im - s->images->items));
}

/* Without im->insert: not possible for this table. */
static void
make_image(struct sqlite_dest *s, struct image *im)
{
	struct error err = { 0 };
	struct buf sql = { 0 };
	char name[32];

	name_image(s, im, name);
	if (!read_columns(s, im, &err) || !attach(s, im, name))
		return;
	buf_addf(&sql, "INSERT INTO %s.", sqlite_place(im->place));
	ddl_quote(im->table->name, &sql);
	buf_addf(&sql, " SELECT * FROM %s.dlt_rows_in_page", name);
	if (sqlite_query(s, sql.data, NULL, 0, &im->insert, &err) < 0)
		im->insert = NULL;
	buf_release(&sql);
}

struct image *
image_of(struct sqlite_dest *s, enum dest_place place, const struct table *t)
{
	struct image *unused = NULL;

	if (!s->images)
		s->images = xcalloc(1, sizeof(*s->images));
	for (size_t i = 0; i < MAX_IMAGES; i++) {
		struct image *im = &s->images->items[i];

		if (im->table == t && im->place == place)
			return im->insert ? im : NULL;
		if (!im->table && !im->attached && !unused)
			unused = im;
	}
	if (!unused)
		return NULL;
	unused->table = t;
	unused->place = place;
	make_image(s, unused);
	return unused->insert ? unused : NULL;
}

int
image_insert(struct sqlite_dest *s, struct image *im, size_t rows, bool *again,
    struct error *err)
{
	bool whole = !sqlite3_get_autocommit(s->db); /* a transaction */
	int rc = sqlite3_step(im->insert), changes = sqlite3_changes(s->db);

	*again = false;
	if (rc != SQLITE_DONE) {
		/* what went wrong is told with the row, then */
		*again = (rc & 0xff) == SQLITE_CONSTRAINT &&
		    whole == !sqlite3_get_autocommit(s->db);
		sqlite_fail(s, "", err);
	} else if ((size_t)changes != rows) {
		error_set(err, ERR_REMOTE, "%d of %zu rows were inserted",
		    changes, rows);
		rc = SQLITE_ERROR;
	}
	sqlite3_reset(im->insert);
	return rc == SQLITE_DONE ? 0 : -1;
}

/* What is in use by a transaction stays attached until it has ended. */
void
images_forget(struct sqlite_dest *s)
{
	for (size_t i = 0; s->images && i < MAX_IMAGES; i++) {
		struct image *im = &s->images->items[i];
		char sql[64] = "DETACH ";

		sqlite3_finalize(im->insert);
		im->insert = NULL;
		im->table = NULL;
		im->pages = NULL;
		free(im->columns);
		im->columns = NULL;
		im->column_count = 0;
		name_image(s, im, sql + strlen(sql));
		if (im->attached &&
		    sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK)
			im->attached = false;
	}
}

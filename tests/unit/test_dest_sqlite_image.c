/* SPDX-License-Identifier: MIT */
/* Rows laid out as pages are the same rows as those inserted one by one. */
#include "common/dest/dest_sqlite_private.h"

#include "common/mem.h"
#include "tests/unit/tap.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define COLUMNS 11
#define BATCH   400
#define SMALL   50 /* rows for which no image is made */

static uint64_t seed = 1;

static uint32_t
random_below(uint32_t limit)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % limit;
}

static struct schema *
make_schema(void)
{
	static const enum data_type types[COLUMNS] = { TYPE_TEXT, TYPE_BIGINT,
		TYPE_DOUBLE, TYPE_BOOL, TYPE_TIMESTAMP, TYPE_DATE, TYPE_TIME,
		TYPE_DECIMAL, TYPE_WEI, TYPE_BINARY, TYPE_JSON };
	struct schema *s = schema_new("demo");
	struct table *t = schema_add_table(s, "t", NULL, "t", "append");
	char name[16];

	for (size_t i = 0; i < COLUMNS; i++) {
		snprintf(name, sizeof(name), "c%zu", i);
		schema_infer_column(s, t, name, strlen(name), types[i], false);
	}
	schema_bump(s);
	return s;
}

static double
random_double(void)
{
	static const double some[] = { 0.0, -0.0, 1.0, -1.0, 0.5, 1e300, 1e18,
		9007199254740993.0, 140737488355328.0, 9.3e18, -9.3e18,
		-9223372036854775808.0, 9223372036854774784.0, 127, 128, -129,
		5e-324, __builtin_inf(), -__builtin_inf() };

	return some[random_below(sizeof(some) / sizeof(*some))];
}

static int64_t
random_integer(void)
{
	int64_t v = (int64_t)((uint64_t)random_below(2) << random_below(63));

	v += (int64_t)random_below(3) - 1;
	return random_below(2) ? v : -v;
}

static void
random_text(struct arena *arena, struct cell *c, size_t longest)
{
	static const char *const some[] = { "", "1", " 12 ", "1.5e3", "-", ".",
		"2024-01-01", "2024-01-01 00:00:00.000000", "12:00:00.000000",
		"{\"a\": 1}", "[1]", "\"x\"", "1e", "+7", "0x10", "99 bottles",
		"9223372036854775808", "1e400", "inf", "\xc3\xa4\xe2\x82\xac" };
	char *text;

	if (random_below(2)) {
		c->text = some[random_below(sizeof(some) / sizeof(*some))];
		c->len = (uint32_t)strlen(c->text);
		return;
	}
	c->len = random_below((uint32_t)longest);
	text = arena_alloc(arena, c->len + 1u);
	for (uint32_t i = 0; i < c->len; i++)
		text[i] = (char)('a' + random_below(26));
	c->text = text;
}

static void
random_cell(struct arena *arena, struct cell *c, uint32_t column,
    size_t longest)
{
	*c = (struct cell){ .column = column & 0xffffff, .kind = CELL_NULL };
	switch (random_below(5)) {
	case 0:
		c->kind = CELL_INTEGER;
		c->integer = random_integer();
		break;
	case 1:
		c->kind = CELL_DOUBLE;
		c->number = random_double();
		break;
	case 2:
		c->kind = CELL_BLOB;
		random_text(arena, c, longest);
		break;
	case 3:
		c->kind = CELL_TEXT;
		random_text(arena, c, longest);
		break;
	default:
		break;
	}
}

/* As decoders make them: of the kind that the column is for. */
static void
usual_cell(struct arena *arena, struct cell *c, uint32_t column, size_t longest)
{
	*c = (struct cell){ .column = column & 0xffffff };
	switch (column) {
	case 1:
	case 3:
		c->kind = CELL_INTEGER;
		c->integer = random_integer();
		break;
	case 2:
	case 7:
	case 8:
		c->kind = CELL_DOUBLE;
		c->number = random_double();
		break;
	case 9:
		c->kind = CELL_BLOB;
		random_text(arena, c, longest);
		break;
	case 0:
		c->kind = CELL_TEXT;
		random_text(arena, c, longest);
		break;
	default:
		c->kind = CELL_TEXT;
		c->text = "2024-01-01 00:00:00.000000";
		c->len = (uint32_t)strlen(c->text);
	}
}

struct data {
	struct rows rows;
	struct arena arena;
};

static void
make_rows(struct data *d, const struct table *t, bool usual, size_t longest)
{
	struct rows *r = &d->rows;

	memset(d, 0, sizeof(*d));
	r->table = t;
	r->cells = xmalloc(BATCH * (COLUMNS + 1) * sizeof(*r->cells));
	r->rows = xmalloc(BATCH * sizeof(*r->rows));
	for (; r->row_count < BATCH; r->row_count++) {
		for (uint32_t i = 0; i < COLUMNS; i++) {
			struct cell *c = &r->cells[r->cell_count];

			if (!random_below(4))
				continue;
			if (usual)
				usual_cell(&d->arena, c, i, longest);
			else
				random_cell(&d->arena, c, i, longest);
			r->cell_count++;
		}
		if (!random_below(9)) /* twice: the last one counts */
			random_cell(&d->arena, &r->cells[r->cell_count++], 9,
			    longest);
		r->rows[r->row_count].end = (uint32_t)r->cell_count;
		r->rows[r->row_count].line = r->row_count + 1;
	}
}

static void
release_rows(struct data *d)
{
	free(d->rows.cells);
	free(d->rows.rows);
	arena_release(&d->arena);
}

static int
insert_small(struct dest *d, const struct rows *all, struct error *err)
{
	int rc = 0;
	size_t bad;

	for (size_t from = 0; from < all->row_count && rc == 0; from += SMALL) {
		size_t cells = from ? all->rows[from - 1].end : 0;
		struct row rows[SMALL];
		struct rows part = { .table = all->table,
			.cells = all->cells + cells,
			.rows = rows,
			.row_count = SMALL };

		for (size_t i = 0; i < SMALL; i++) {
			rows[i] = all->rows[from + i];
			rows[i].end -= (uint32_t)cells;
		}
		part.cell_count = rows[SMALL - 1].end;
		rc = d->ops->insert(d, DEST_DATASET, &part, &bad, err);
	}
	return rc;
}

static char *
ask(struct dest *d, const char *sql)
{
	struct sqlite_dest *s = (struct sqlite_dest *)d;
	struct error err = { 0 };
	struct buf out = { 0 };
	sqlite3_stmt *q;

	if (sqlite_query(s, sql, NULL, 0, &q, &err) < 0)
		return xstrdup(err.msg);
	while (sqlite_step(s, q, &err) > 0) {
		for (int i = 0; i < sqlite3_column_count(q); i++) {
			const void *text = sqlite3_column_blob(q, i);

			if (text)
				buf_add(&out, text,
				    (size_t)sqlite3_column_bytes(q, i));
			buf_addc(&out, '|');
		}
		buf_addc(&out, '\n');
	}
	sqlite3_finalize(q);
	return buf_take(&out);
}

/* All rows with their ids and types of values. */
static char *
dump(struct dest *d)
{
	struct buf sql = { 0 };
	char *text;

	buf_adds(&sql, "SELECT rowid");
	for (int i = 0; i < COLUMNS; i++)
		buf_addf(&sql, ", typeof(c%d), quote(c%d)", i, i);
	buf_adds(&sql, " FROM t ORDER BY rowid");
	text = ask(d, sql.data);
	buf_release(&sql);
	return text;
}

struct pair {
	char paths[2][32];
	struct dest *dests[2];
};

static void
open_pair(struct pair *p, const struct table *t, const char *before)
{
	struct error err = { 0 };

	for (int i = 0; i < 2; i++) {
		char url[64];

		strcpy(p->paths[i], "/tmp/test_image_XXXXXX");
		close(mkstemp(p->paths[i]));
		snprintf(url, sizeof(url), "sqlite:%s", p->paths[i]);
		p->dests[i] = dest_open(url, NULL, &err);
		if (before)
			p->dests[i]->ops->execute(p->dests[i], before, &err);
		p->dests[i]->ops->begin(p->dests[i], &err);
		if (p->dests[i]->ops->migrate(p->dests[i], DEST_DATASET, t,
		        NULL, &err) < 0)
			tap_ok(false, "%s", err.msg);
	}
}

/* The same in both, and sound? */
static void
close_pair(struct pair *p, const char *what)
{
	struct error err = { 0 };
	char *dumps[2];

	for (int i = 0; i < 2; i++) {
		char *sound;

		tap_int(p->dests[i]->ops->commit(p->dests[i], &err), 0, what);
		sound = ask(p->dests[i], "PRAGMA main.integrity_check");
		tap_str(sound, "ok|\n", what);
		free(sound);
		dumps[i] = dump(p->dests[i]);
		dest_close(p->dests[i]);
		unlink(p->paths[i]);
	}
	tap_ok((!*dumps[0] || *dumps[0] == '1') && !strcmp(dumps[0], dumps[1]),
	    "%s", what);
	free(dumps[0]);
	free(dumps[1]);
}

/* Several batches in one transaction: pages are replaced between them. */
static void
compare(const struct schema *s, const char *before, bool usual, size_t longest,
    bool image, const char *what)
{
	const struct table *t = schema_table(s, "t");
	struct error err = { 0 };
	struct pair p;
	size_t bad;

	open_pair(&p, t, before);
	tap_ok((image_of((struct sqlite_dest *)p.dests[0], DEST_DATASET, t) !=
	           NULL) == image,
	    "%s", what);
	for (int i = 0; i < 4; i++) {
		struct data d;

		make_rows(&d, t, usual, longest);
		tap_int(p.dests[0]->ops->insert(p.dests[0], DEST_DATASET,
		            &d.rows, &bad, &err),
		    0, what);
		tap_int(insert_small(p.dests[1], &d.rows, &err), 0, what);
		release_rows(&d);
	}
	close_pair(&p, what);
}

static void
test_same(const struct schema *s)
{
	compare(s, NULL, true, 40, true, "usual values");
	compare(s, NULL, false, 40, true, "any value in any column");
	compare(s, NULL, true, 3000, true, "long ones");
	compare(s, NULL, true, 70000, true, "more than a page");
	compare(s, "CREATE TABLE t (c3 BOOLEAN, x TEXT, C1 SMALLINT, c0 CHAR)",
	    false, 20, true, "a table that was there");
	compare(s, "CREATE TABLE t (c0 TEXT); CREATE INDEX i ON t (c0)", true,
	    20, true, "with an index");
	compare(s, "CREATE TABLE t (c0 TEXT, x INT DEFAULT 7)", true, 20, false,
	    "with a default");
	compare(s, "CREATE TABLE t (x INTEGER PRIMARY KEY, c0 TEXT)", true, 20,
	    false, "with a key");
	compare(s, "PRAGMA page_size = 512; CREATE TABLE t (c0 TEXT)", true,
	    5000, true, "small pages");
	compare(s, "PRAGMA auto_vacuum = 1; CREATE TABLE t (c0 TEXT)", true,
	    5000, true, "with a map of pages");
	compare(s, "PRAGMA journal_mode = WAL; CREATE TABLE t (c0 TEXT)", true,
	    40, true, "with a log");
}

/* Row 300 of 400 is refused: it is named, and none is left. */
static void
test_refused(const struct schema *s, const char *before, const char *what)
{
	const struct table *t = schema_table(s, "t");
	struct cell cells[BATCH];
	struct row rows[BATCH];
	struct rows all = { t, cells, rows, BATCH, BATCH };
	struct error err = { 0 };
	struct pair p;
	size_t bad = 0;

	for (uint32_t i = 0; i < BATCH; i++) {
		cells[i] = (struct cell){ .column = 3, .kind = CELL_INTEGER };
		cells[i].integer = i;
		rows[i] = (struct row){ i + 1, i + 1 };
	}
	cells[300].kind = CELL_NULL;
	open_pair(&p, t, before);
	for (int i = 0; i < 2; i++) {
		p.dests[i]->ops->commit(p.dests[i], &err);
		p.dests[i]->ops->begin(p.dests[i], &err);
	}
	tap_int(p.dests[0]->ops->insert(p.dests[0], DEST_DATASET, &all, &bad,
	            &err),
	    -1, what);
	tap_int((long long)bad, 300, what);
	tap_int(err.code, ERR_DATA, what);
	p.dests[0]->ops->rollback(p.dests[0]);
	p.dests[0]->ops->begin(p.dests[0], &err);
	close_pair(&p, what);
}

/* More tables in a transaction than databases can be attached. */
static void
test_many(void)
{
	struct schema *s = schema_new("demo");
	struct cell cells[BATCH];
	struct row rows[BATCH];
	struct error err = { 0 };
	struct pair p;
	size_t bad;

	for (uint32_t i = 0; i < BATCH; i++) {
		cells[i] = (struct cell){ .kind = CELL_INTEGER, .integer = i };
		rows[i] = (struct row){ i + 1, i + 1 };
	}
	for (int i = 0; i < 20; i++) {
		char name[16];
		struct table *t;

		snprintf(name, sizeof(name), "t%d", i);
		t = schema_add_table(s, name, NULL, name, "append");
		schema_infer_column(s, t, "id", 2, TYPE_BIGINT, false);
	}
	open_pair(&p, schema_table(s, "t0"), NULL);
	for (int i = 0; i < 60; i++) {
		char *sql = xasprintf("SELECT count(*), sum(id) FROM t%d",
		    i % 20);
		struct rows all = { schema_table(s, strrchr(sql, ' ') + 1),
			cells, rows, BATCH, BATCH };
		char *got,
		    *want = xasprintf("%d|%d|\n", BATCH * (i / 20 + 1),
		        BATCH * (BATCH - 1) / 2 * (i / 20 + 1));

		/* forgets the images of this transaction, the first time */
		if (i < 20)
			p.dests[0]->ops->migrate(p.dests[0], DEST_DATASET,
			    all.table, NULL, &err);
		if (p.dests[0]->ops->insert(p.dests[0], DEST_DATASET, &all,
		        &bad, &err) < 0)
			tap_ok(false, "%s", err.msg);
		got = ask(p.dests[0], sql);
		tap_str(got, want, "one of many tables");
		free(got);
		free(want);
		free(sql);
	}
	for (int i = 0; i < 2; i++) {
		tap_int(p.dests[i]->ops->commit(p.dests[i], &err), 0, "commit");
		dest_close(p.dests[i]);
		unlink(p.paths[i]);
	}
	schema_free(s);
}

int
main(void)
{
	struct schema *s = make_schema();

	test_same(s);
	test_refused(s, "CREATE TABLE t (c3 BOOLEAN NOT NULL)", "a null");
	test_refused(s, "CREATE TABLE t (c3 BOOLEAN CHECK (c3 IS NOT NULL))",
	    "what a table refuses");
	test_many();
	schema_free(s);
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Rows go in by COPY, which stays open from batch to batch of one table; any
 * other statement ends it. The server's errors come with that end: they name
 * the row of the COPY, which is that of the job file.
 */
#include "common/dest/dest_postgres_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"

#include <endian.h>
#include <stdlib.h>
#include <string.h>

#define SEND_SIZE ((size_t)64 << 10)

/* What begins and ends the binary form. */
static const char signature[19] = "PGCOPY\n\377\r\n"; /* and zeros */
static const char trailer[] = "\377\377";

/* Types of the columns as they are in the database: a table that others made
 * may have int where we would take bigint. */
static int
read_types(struct postgres_dest *p, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct pg_copy *c = &p->copy;
	struct buf name = { 0 };
	const char *texts[1];
	PGresult *res;

	pg_name(p, place, t->name, &name);
	texts[0] = name.data;
	res = pg_query(p,
	    "SELECT a.attname, CASE t.typtype WHEN 'd' THEN t.typbasetype "
	    "ELSE t.oid END FROM pg_attribute AS a "
	    "JOIN pg_type AS t ON t.oid = a.atttypid "
	    "WHERE a.attrelid = $1::regclass AND a.attnum > 0 "
	    "AND NOT a.attisdropped",
	    texts, 1, err);
	buf_release(&name);
	if (!res)
		return -1;
	memset(c->types, 0, t->column_count * sizeof(*c->types));
	for (int i = 0; i < PQntuples(res); i++) {
		const struct column *col = table_column(t,
		    PQgetvalue(res, i, 0));

		if (col)
			c->types[col->index] =
			    (uint32_t)strtoul(PQgetvalue(res, i, 1), NULL, 10);
	}
	PQclear(res);
	return 0;
}

static int
begin_copy(struct postgres_dest *p, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct pg_copy *c = &p->copy;
	struct buf sql = { 0 };
	const char *between = " (";
	PGresult *res;

	c->text = false;
	c->columns = 0;
	buf_adds(&sql, "COPY ");
	pg_name(p, place, t->name, &sql);
	for (size_t i = 0; i < t->column_count; i++) {
		const struct column *col = t->columns[i];

		if (col->type == TYPE_NONE)
			continue;
		buf_adds(&sql, between);
		between = ", ";
		ddl_quote(col->name, &sql);
		c->columns++;
		c->text |= !pg_value_fits(col->type, c->types[i]);
	}
	buf_addf(&sql, ") FROM STDIN (FORMAT %s)", c->text ? "text" : "binary");
	res = pg_query(p, sql.data, NULL, 0, err);
	buf_release(&sql);
	if (!res)
		return error_prefix(err, "table \"%s\": ", t->name);
	PQclear(res);
	c->open = true;
	c->table = t;
	c->place = place;
	buf_reset(&c->out);
	if (!c->text)
		buf_add(&c->out, signature, sizeof(signature));
	return 0;
}

static int
open_copy(struct postgres_dest *p, enum dest_place place, const struct table *t,
    struct error *err)
{
	struct pg_copy *c = &p->copy;

	if (c->open && c->table == t && c->place == place)
		return 0;
	if (pg_copy_end(p, err) < 0)
		return -1;
	if (c->cap < t->column_count) {
		c->cap = t->column_count;
		free(c->types);
		free(c->cells);
		c->types = xcalloc(c->cap, sizeof(*c->types));
		c->cells = xcalloc(c->cap, sizeof(*c->cells));
	}
	if (read_types(p, place, t, err) < 0 || begin_copy(p, place, t, err))
		return -1;
	if (place == DEST_STAGING)
		buf_add(&p->staged, t->name, t->name_len + 1);
	return 0;
}

static int
send(struct postgres_dest *p, struct error *err)
{
	struct pg_copy *c = &p->copy;
	int rc;

	if (!c->out.len)
		return 0;
	while ((rc = PQputCopyData(p->conn, c->out.data, (int)c->out.len)) == 0)
		if (pg_wait(p, true, err) < 0)
			return -1;
	buf_reset(&c->out);
	while (rc > 0 && (rc = PQflush(p->conn)) > 0)
		if (pg_wait(p, true, err) < 0)
			return -1;
	return rc < 0 ? pg_fail(p, NULL, err) : 0;
}

static int
bad_value(const struct column *c, struct error *err)
{
	return error_prefix(err, "column \"%s\": ", c->name);
}

static int
add_text_row(struct pg_copy *c, struct error *err)
{
	static const struct cell null;
	const char *between = "";

	for (size_t i = 0; i < c->table->column_count; i++) {
		const struct column *col = c->table->columns[i];
		const struct cell *cell = c->cells[i] ? c->cells[i] : &null;

		if (col->type == TYPE_NONE)
			continue;
		buf_adds(&c->out, between);
		between = "\t";
		if (pg_value_add_text(col->type, cell, &c->out, err) < 0)
			return bad_value(col, err);
	}
	buf_addc(&c->out, '\n');
	return 0;
}

static int
add_row(struct pg_copy *c, struct error *err)
{
	static const struct cell null;
	uint16_t fields = htobe16((uint16_t)c->columns);

	buf_add(&c->out, &fields, sizeof(fields));
	for (size_t i = 0; i < c->table->column_count; i++) {
		const struct column *col = c->table->columns[i];
		const struct cell *cell = c->cells[i] ? c->cells[i] : &null;

		if (col->type != TYPE_NONE &&
		    pg_value_add(col->type, c->types[i], cell, &c->out, err) <
		        0)
			return bad_value(col, err);
	}
	return 0;
}

int
pg_insert(struct dest *d, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err)
{
	struct postgres_dest *p = (struct postgres_dest *)d;
	struct pg_copy *c = &p->copy;
	size_t at = 0;

	*bad = rows->row_count;
	if (open_copy(p, place, rows->table, err) < 0)
		return -1;
	for (size_t i = 0; i < rows->row_count; i++) {
		memset(c->cells, 0,
		    rows->table->column_count * sizeof(*c->cells));
		for (; at < rows->rows[i].end; at++)
			c->cells[rows->cells[at].column] = &rows->cells[at];
		if ((c->text ? add_text_row : add_row)(c, err) < 0) {
			*bad = i;
			return -1;
		}
		if (c->out.len >= SEND_SIZE && send(p, err) < 0)
			return -1;
	}
	return send(p, err);
}

int
pg_copy_end(struct postgres_dest *p, struct error *err)
{
	struct pg_copy *c = &p->copy;
	struct error why = { 0 };
	PGresult *res;
	int rc;

	if (!c->open)
		return 0;
	c->open = false;
	if (!c->text)
		buf_add(&c->out, trailer, sizeof(trailer) - 1);
	if (send(p, err) < 0)
		return -1;
	while ((rc = PQputCopyEnd(p->conn, NULL)) == 0)
		if (pg_wait(p, true, err) < 0)
			return -1;
	if (rc < 0)
		return pg_fail(p, NULL, err);
	rc = 0;
	while ((res = pg_next(p, &why))) {
		if (PQresultStatus(res) != PGRES_COMMAND_OK && !rc)
			rc = pg_fail(p, res, err);
		PQclear(res);
	}
	if (why.code) {
		*err = why;
		rc = -1;
	}
	return rc;
}

void
pg_copy_drop(struct postgres_dest *p)
{
	p->copy.open = false;
	buf_reset(&p->copy.out);
}

void
pg_copy_release(struct postgres_dest *p)
{
	free(p->copy.types);
	free(p->copy.cells);
	buf_release(&p->copy.out);
}

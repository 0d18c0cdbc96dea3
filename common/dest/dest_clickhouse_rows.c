/* SPDX-License-Identifier: MIT */
/*
 * One INSERT for all rows of a table that come in a row, its body written as
 * the rows come. Rows for the dataset go into a part table.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"
#include "common/testhook.h"

#include <stdlib.h>
#include <string.h>

#define SEND_AT ((size_t)1 << 20)

void
ch_insert_drop(struct clickhouse_dest *c)
{
	struct ch_insert *in = &c->insert;

	if (in->open)
		http_abort(c->http);
	in->open = false;
	free(in->types);
	in->types = NULL;
	free(in->url);
	in->url = NULL;
	buf_reset(&in->out);
}

void
ch_insert_release(struct clickhouse_dest *c)
{
	ch_insert_drop(c);
	free(c->insert.cells);
	buf_release(&c->insert.out);
	http_response_release(&c->insert.resp);
}

/* The server may have answered before the end: then it has refused. */
static int
end_request(struct clickhouse_dest *c, struct error *err)
{
	struct ch_insert *in = &c->insert;
	struct error why;

	in->open = false; /* also for what http_end() may call */
	if (http_end(c->http, err) < 0)
		return -1;
	if (ch_check(&in->resp, true, NULL, &why) < 0) {
		*err = why;
		return -1;
	}
	return 0;
}

static int
send_out(struct clickhouse_dest *c, struct error *err)
{
	struct ch_insert *in = &c->insert;
	bool done;

	TEST_RUN("clickhouse_send");
	if (http_write(c->http, in->out.data, in->out.len, &done, err) < 0)
		return -1;
	buf_reset(&in->out);
	if (!done)
		return 0;
	if (end_request(c, err) == 0)
		error_set(err, ERR_TEMP,
		    "the server has not waited for all rows");
	return -1;
}

int
ch_insert_end(struct clickhouse_dest *c, struct error *err)
{
	int rc = 0;

	if (!c->insert.open)
		return 0;
	if (c->insert.out.len)
		rc = send_out(c, err);
	if (rc == 0)
		rc = end_request(c, err);
	if (rc < 0)
		error_prefix(err, "table \"%s\": ", c->insert.table->name);
	ch_insert_drop(c);
	return rc;
}

static void
add_statement(struct clickhouse_dest *c, const char *part,
    enum dest_place place, const struct table *t, struct buf *out)
{
	const char *between = " (";

	buf_adds(out, "INSERT INTO ");
	if (part)
		ch_qualify(c, part, out);
	else
		ch_name(c, place, t->name, out);
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		buf_adds(out, between);
		ddl_quote(t->columns[i]->name, out);
		between = ", ";
	}
	buf_adds(out, ") FORMAT TabSeparated\n");
}

static int
find_types(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct ch_insert *in = &c->insert;
	bool *have = xcalloc(t->column_count + 1, sizeof(*have)), exists;
	int rc;

	in->types = xcalloc(t->column_count + 1, sizeof(*in->types));
	rc = ch_columns(c, place, t, in->types, have, &exists, err);
	for (size_t i = 0; i < t->column_count && rc == 0; i++)
		if (!have[i] && t->columns[i]->type != TYPE_NONE)
			rc = error_set(err, ERR_REMOTE,
			    "column \"%s\" is not there", t->columns[i]->name);
	free(have);
	return rc;
}

/* Old servers parse into blocks of a million rows, whose memory costs more than
 * the rows; written to disk are large ones in any case. */
static char *
insert_url(struct clickhouse_dest *c)
{
	char *url = ch_url(c, NULL, NULL), *more;

	if (c->version >= CH_MODERN)
		return url;
	more = xasprintf("%s&max_insert_block_size=65536", url);
	free(url);
	return more;
}

static int
begin_insert(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct ch_insert *in = &c->insert;
	const char *part = NULL;

	if (ch_insert_end(c, err) < 0)
		return -1;
	ch_insert_drop(c);
	if ((place == DEST_DATASET && ch_need_part(c, t, &part, err) < 0) ||
	    find_types(c, place, t, err) < 0)
		return error_prefix(err, "table \"%s\": ", t->name);
	in->table = t;
	in->place = place;
	in->url = insert_url(c);
	in->req = (struct http_request){ .method = "POST",
		.url = in->url,
		.headers = in->headers,
		.header_count = ch_headers(c, in->headers) };
	if (http_begin(c->http, &in->req, &in->resp, err) < 0)
		return -1;
	in->open = true;
	in->cells = xgrow(in->cells, &in->cap, t->column_count + 1,
	    sizeof(*in->cells));
	add_statement(c, part, place, t, &in->out);
	return 0;
}

static int
add_row(struct ch_insert *in, const struct cell *cells, size_t count,
    struct error *err)
{
	const struct table *t = in->table;
	bool first = true;

	memset(in->cells, 0, t->column_count * sizeof(*in->cells));
	for (size_t i = 0; i < count; i++)
		in->cells[cells[i].column] = &cells[i];
	for (size_t i = 0; i < t->column_count; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		if (!first)
			buf_addc(&in->out, '\t');
		first = false;
		if (ch_value_add(&in->types[i], t->columns[i], in->cells[i],
		        &in->out, err) < 0)
			return -1;
	}
	buf_addc(&in->out, '\n');
	return 0;
}

int
ch_insert(struct dest *d, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err)
{
	struct clickhouse_dest *c = (struct clickhouse_dest *)d;
	struct ch_insert *in = &c->insert;
	size_t cell = 0;

	*bad = rows->row_count;
	if ((!in->open || in->table != rows->table || in->place != place) &&
	    begin_insert(c, place, rows->table, err) < 0)
		return -1;
	for (size_t i = 0; i < rows->row_count; i++) {
		size_t end = rows->rows[i].end;

		if (add_row(in, rows->cells + cell, end - cell, err) < 0) {
			*bad = i;
			return -1;
		}
		cell = end;
		if (in->out.len >= SEND_AT && send_out(c, err) < 0)
			return -1;
	}
	return 0;
}

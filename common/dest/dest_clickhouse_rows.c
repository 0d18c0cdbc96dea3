/* SPDX-License-Identifier: MIT */
/*
 * One INSERT for all rows of a table that come in a row, its body written as
 * the rows come. Rows for the dataset go into a part table. The format is
 * Native where all types of the table are known, else TabSeparated.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/dest/ddl.h"
#include "common/mem.h"
#include "common/testhook.h"

#include <stdlib.h>
#include <string.h>

#define SEND_AT     ((size_t)1 << 20)
#define QUERY_SPARE 4096

/* of compressed frames */
#define METHOD_AT   16
#define METHOD_ZSTD ((char)0x90)
#define HEAD_LEN    25
#define FRAME_MAX   ((size_t)1 << 29)

void
ch_insert_drop(struct clickhouse_dest *c)
{
	struct ch_insert *in = &c->insert;

	if (in->open)
		http_abort(c->http);
	in->open = false;
	free(in->url);
	in->url = NULL;
	buf_reset(&in->out);
	for (size_t i = 0; i < in->lane_count; i++) {
		buf_release(&in->lanes[i].nulls);
		buf_release(&in->lanes[i].data);
	}
	in->lane_count = in->rows = in->bytes = 0;
}

void
ch_insert_release(struct clickhouse_dest *c)
{
	struct ch_insert *in = &c->insert;

	ch_insert_drop(c);
	free(in->cells);
	free(in->lanes);
	buf_release(&in->out);
	buf_release(&in->packed);
	buf_release(&in->scratch);
	compressor_free(in->compressor);
	http_response_release(&in->resp);
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

/* The length of a frame, its head and what it holds, the lowest byte first. */
static void
set_length(struct buf *b, size_t at, size_t len)
{
	for (size_t i = 0; i < 4; i++)
		b->data[at + i] = (char)(len >> 8 * i);
}

/* A frame as the server's own protocol has them: a checksum, which is not
 * looked at as zstd has one, the method, both lengths. */
static int
pack(struct ch_insert *in, struct error *err)
{
	char head[HEAD_LEN] = { 0 };

	if (in->out.len > FRAME_MAX)
		return error_set(err, ERR_DATA, "a row of more than %zu MB",
		    FRAME_MAX >> 20);
	if (!in->compressor)
		in->compressor = compressor_new(CODEC_ZSTD);
	buf_reset(&in->packed);
	head[METHOD_AT] = METHOD_ZSTD;
	buf_add(&in->packed, head, sizeof(head));
	if (compressor_frame(in->compressor, in->out.data, in->out.len,
	        &in->packed, err) < 0)
		return -1;
	set_length(&in->packed, METHOD_AT + 1, in->packed.len - METHOD_AT);
	set_length(&in->packed, METHOD_AT + 5, in->out.len);
	return 0;
}

static int
send_out(struct clickhouse_dest *c, struct error *err)
{
	struct ch_insert *in = &c->insert;
	const struct buf *b = c->packed ? &in->packed : &in->out;
	bool done;

	TEST_RUN("clickhouse_send");
	if (c->packed && pack(in, err) < 0)
		return -1;
	if (http_write(c->http, b->data, b->len, &done, err) < 0)
		return -1;
	buf_reset(&in->out);
	if (!done)
		return 0;
	if (end_request(c, err) == 0)
		error_set(err, ERR_TEMP,
		    "the server has not waited for all rows");
	return -1;
}

static void
end_block(struct ch_insert *in)
{
	if (in->rows)
		ch_native_block(in->lanes, in->lane_count, in->rows, &in->out);
	in->rows = in->bytes = 0;
}

int
ch_insert_end(struct clickhouse_dest *c, struct error *err)
{
	int rc = 0;

	if (!c->insert.open)
		return 0;
	end_block(&c->insert);
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
    enum dest_place place, const struct table *t)
{
	struct ch_insert *in = &c->insert;
	struct buf *out = &in->out;
	const char *between = " (";

	buf_adds(out, "INSERT INTO ");
	if (part)
		ch_qualify(c, part, out);
	else
		ch_name(c, place, t->name, out);
	for (size_t i = 0; i < in->lane_count; i++) {
		buf_adds(out, between);
		ddl_quote(in->lanes[i].column->name, out);
		between = ", ";
	}
	buf_addf(out, ") FORMAT %s\n", in->native ? "Native" : "TabSeparated");
}

/* The table's columns, and how they can be written. */
static int
find_lanes(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct error *err)
{
	struct ch_insert *in = &c->insert;
	bool *have = xcalloc(t->column_count + 1, sizeof(*have)), exists;
	struct ch_type *types = xcalloc(t->column_count + 1, sizeof(*types));
	int rc = ch_columns(c, place, t, types, have, &exists, err);

	in->lanes = xgrow(in->lanes, &in->lane_cap, t->column_count + 1,
	    sizeof(*in->lanes));
	in->native = true;
	for (size_t i = 0; i < t->column_count && rc == 0; i++) {
		if (t->columns[i]->type == TYPE_NONE)
			continue;
		if (!have[i])
			rc = error_set(err, ERR_REMOTE,
			    "column \"%s\" is not there", t->columns[i]->name);
		in->native &= ch_native_type(&types[i], c->utc);
		in->lanes[in->lane_count++] = (struct ch_lane){
			.column = t->columns[i], .type = types[i]
		};
	}
	free(have);
	free(types);
	return rc;
}

/* The server takes as much of the body as a statement may be long before it
 * begins. Old ones parse into blocks of a million rows, whose memory costs more
 * than the rows; written to disk are large ones in any case. */
static char *
insert_url(struct clickhouse_dest *c)
{
	char *url = ch_url(c, c->insert.out.len + QUERY_SPARE, NULL), *full;

	full = xasprintf("%s%s%s", url,
	    c->version < CH_MODERN ? "&max_insert_block_size=65536" : "",
	    c->packed ? "&decompress=1&http_native_compression_disable_"
	                "checksumming_on_decompress=1"
	              : "");
	free(url);
	return full;
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
	    find_lanes(c, place, t, err) < 0)
		return error_prefix(err, "table \"%s\": ", t->name);
	in->table = t;
	in->place = place;
	add_statement(c, part, place, t);
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
	return 0;
}

static int
add_row(struct ch_insert *in, const struct cell *cells, size_t count,
    struct error *err)
{
	memset(in->cells, 0, in->table->column_count * sizeof(*in->cells));
	for (size_t i = 0; i < count; i++)
		in->cells[cells[i].column] = &cells[i];
	for (size_t i = 0; i < in->lane_count; i++) {
		struct ch_lane *l = &in->lanes[i];
		const struct cell *cell = in->cells[l->column->index];
		size_t before = l->data.len;
		int rc;

		if (in->native) {
			rc = ch_native_add(l, cell, &in->scratch, err);
		} else {
			buf_adds(&in->out, i ? "\t" : "");
			rc = ch_value_add(&l->type, l->column, cell, &in->out,
			    err);
		}
		if (rc < 0)
			return -1;
		in->bytes += l->data.len - before;
	}
	if (in->native)
		in->rows++;
	else
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
		if (in->out.len + in->bytes < SEND_AT)
			continue;
		end_block(in);
		if (send_out(c, err) < 0)
			return error_prefix(err,
			    "table \"%s\": ", in->table->name);
	}
	return 0;
}

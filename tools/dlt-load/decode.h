/* SPDX-License-Identifier: MIT */
/*
 * decode: the bytes of job files to cells, in one pass and without a tree.
 *
 * Shape:  jsonl: one object a line; typed-jsonl: lines of arrays of objects
 *         with type markers; insert_values: one INSERT, which is read and not
 *         executed; csv: RFC 4180, as Python's csv module writes it. Names are
 *         those of columns; in jsonl the key that followed this key last time
 *         is tried first.
 * Errors: ERR_DATA "LINE: what" for anything that is no row of the table.
 * Owner:  cells point into the text and the arena of their batch.
 * Source: contract.md sections 4.4 to 4.7, 10.4; RFC 8259, RFC 4180.
 */
#ifndef DLT_LOAD_DECODE_H
#define DLT_LOAD_DECODE_H

#include "common/buf.h"
#include "common/dest/dest.h"
#include "common/json.h"
#include "common/mem.h"

struct batch {
	struct rows rows;
	size_t cell_cap, row_cap;
	struct buf text; /* SCAN_SLACK readable bytes follow */
	struct arena arena;
};

enum decode_format {
	DECODE_NONE, /* not a format that can be read */
	DECODE_JSONL,
	DECODE_TYPED,
	DECODE_INSERTS,
	DECODE_CSV,
	DECODE_PARQUET, /* made jsonl by rowpipe */
};

/* By the name of a job file's format. */
enum decode_format decode_format(const char *name);

/* What the files do not say themselves. */
struct decode_settings {
	enum decode_format format;
	bool no_backslashes; /* insert_values: in '..' they are themselves */
	char delimiter;      /* csv; 0: as the header says */
	bool no_header;      /* csv: the table's columns, in its order */
};

struct decoder {
	const struct table *table;
	struct dest_values values;
	struct decode_settings set;
	bool in_array; /* typed: between the brackets of a line */
	bool after_item;
	uint64_t line;    /* of the next byte, from 1 */
	uint32_t *follow; /* by column: the column that came after it */
	uint32_t at;      /* the column before, or column_count at the start */
	bool *plain;      /* by column: its name stands in JSON as it is */
	struct json_doc doc;
	struct buf scratch;
	/* insert_values and csv: the columns of the file, NULL before it said
	 * them; how many rows there were; was there the end? */
	const struct column **listed;
	size_t listed_count;
	uint64_t rows;
	bool ended;
	bool select_union; /* SELECT .. UNION ALL, not VALUES */
};

void decoder_init(struct decoder *d, const struct table *t,
    const struct dest_values *values, const struct decode_settings *set);
void decoder_release(struct decoder *d);

/* Decode the rows that are complete in b->text; *used bytes of it are done.
 * final: nothing follows. */
int decode_batch(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err);

#endif

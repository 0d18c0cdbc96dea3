/* SPDX-License-Identifier: MIT */
/*
 * decode: the bytes of job files to cells, in one pass and without a tree.
 *
 * Shape:  jsonl: one object a line; typed-jsonl: lines of arrays of objects
 *         with type markers; insert_values: one INSERT. Keys are column names; the key that followed this
 *         key last time is tried first.
 * Errors: ERR_DATA "LINE: what" for anything that is no row of the table.
 * Owner:  cells point into the text and the arena of their batch.
 * Source: contract.md sections 4.4, 4.5, 10.4; RFC 8259.
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
};

/* By the name of a job file's format. */
enum decode_format decode_format(const char *name);

struct decoder {
	const struct table *table;
	struct dest_values values;
	enum decode_format format;
	bool in_array; /* typed: between the brackets of a line */
	bool after_item;
	uint64_t line;    /* of the next byte, from 1 */
	uint32_t *follow; /* by column: the column that came after it */
	uint32_t at;      /* the column before, or column_count at the start */
	struct json_doc doc;
	struct buf scratch;
	/* insert_values: the columns of the statement; NULL before it begins */
	const struct column **listed;
	size_t listed_count;
	bool ended;
};

/* A literal of insert_values, escapes undone. */
enum literal_kind {
	LITERAL_WORD, /* NULL, True, 1.5 */
	LITERAL_TEXT,
	LITERAL_BASE64,
};

struct literal {
	enum literal_kind kind;
	const char *text;
	size_t len;
};

void decoder_init(struct decoder *d, const struct table *t,
    const struct dest_values *values, enum decode_format format);
void decoder_release(struct decoder *d);

/* Decode the rows that are complete in b->text; *used bytes of it are done.
 * final: nothing follows. */
int decode_batch(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err);

/* For the formats: a cell more in the row at hand; and its end. */
struct cell *decode_add_cell(struct batch *b);
void decode_end_row(struct decoder *d, struct batch *b);

/* decode_insert.c */
int decode_inserts(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err);

/* decode_value.c: one value of column c at *p (before end); advances *p. */
int decode_value(struct decoder *d, struct batch *b, const struct column *c,
    const char **p, const char *end, struct cell *out, struct error *err);
/* A typed value, from a parsed row. */
int decode_node(struct decoder *d, struct batch *b, const struct column *c,
    const struct json *node, struct cell *out, struct error *err);

/* A literal; NULL leaves *out alone. */
int decode_literal(struct decoder *d, struct batch *b, const struct column *c,
    const struct literal *v, struct cell *out, struct error *err);

/* The string that begins at *p (at its quote), decoded; advances *p. */
int decode_string(struct batch *b, const char **p, const char *end,
    const char **text, size_t *len, struct error *err);

/* decode_json.c: valid JSON text as Python's json.dumps spells it. */
void json_respell(const char *text, size_t len, struct buf *out);

#endif

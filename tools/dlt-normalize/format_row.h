/* SPDX-License-Identifier: MIT */
/*
 * format_row: the lines of jsonl that the walkers write, as tokens; and what
 * the tokens stand for. Private to format*.c.
 *
 * Shape:  the lines are our own, so they are valid; keys stand as in the plan.
 */
#ifndef DLT_NORMALIZE_FORMAT_ROW_H
#define DLT_NORMALIZE_FORMAT_ROW_H

#include "tools/dlt-normalize/format.h"

/* A value as it stands in the line; NULL where the row has none. */
struct token {
	const char *text;
	size_t len;
};

struct row_reader {
	const struct format_plan *plan;
	struct token *cells; /* by column */
	uint32_t *follow;    /* by column: the one that came after it */
	const char *p, *end;
	uint64_t row; /* of the data, from 1 */
	size_t fields;
};

void row_reader_init(struct row_reader *r, const struct format_plan *p,
    const char *data, size_t len);
/* The next row; false at the end. */
bool row_reader_next(struct row_reader *r);
void row_reader_release(struct row_reader *r);

/* The end of the value at p. */
const char *token_end(const char *p);
static inline bool
token_is_null(const struct token *t)
{
	return !t->text || *t->text == 'n';
}

/* A string token decoded; other tokens as they are. Replaces out. */
void token_text(const struct token *t, struct buf *out);
/* A binary value that is spelt 0x.., as dlt's HexBytes are. */
bool token_is_hex(const struct token *t);
/* The bytes of a binary value (base64, or 0x and digits). Replaces out. */
void token_bytes(const struct token *t, struct buf *out);
/* As Python prints a float: 1e5 is 100000.0. Appends. */
void token_float(const struct token *t, struct buf *out);

#endif

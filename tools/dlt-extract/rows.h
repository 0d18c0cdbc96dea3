/* SPDX-License-Identifier: MIT */
/*
 * rows: JSON text cut into rows; checked, not rebuilt. Or records of delimited
 * text (csv.h).
 *
 * Shape:  values one after the other (JSON lines, concatenated or pretty-printed
 *         documents). An array on one line of at most 1 MiB is a page: its
 *         elements are rows that belong together. Any other array is a stream
 *         of rows. A byte order mark at the start of an input is skipped. Line
 *         breaks between tokens of a row become blanks. Where strings are no
 *         typed values, characters that would mark them as such are escapes.
 * Errors: ERR_DATA "INPUT:LINE:COLUMN: what", both counted from 1 in bytes; a
 *         row above MAX_ROW bytes or MAX_NESTING levels is one.
 * Owner:  rows_free(); the text of a row is valid until the next rows_next().
 */
#ifndef DLT_ROWS_H
#define DLT_ROWS_H

#include "tools/dlt-extract/feed.h"
#include "tools/dlt-extract/row_format.h"

#define PAGE_MAX_BYTES ((size_t)1 << 20)

struct row {
	const char *data;
	size_t len;
	const char *input; /* its input, as long as the feed lives; or NULL */
	uint64_t line;     /* of its first byte, from 1 */
	uint64_t column;   /* of its first byte, from 1 */
	uint64_t byte;     /* its offset in the input (decoded) */
	const struct feed_part *part; /* or NULL */
	bool page;                    /* an element of a page */
	bool last; /* the last of its page; also every row that is none */
};

struct rows;

/* Borrows both. */
struct rows *rows_new(struct feed *feed, const struct row_format *format);
/* 1: a row; 0: no more; 2: as feed_next(), ask again later; -1. */
int rows_next(struct rows *r, struct row *row, struct error *err);
/* Were there more to come when rows_next() said that there are none? */
bool rows_cut(const struct rows *r);
/* What the input keeps of the rows so far (feed.h), or NULL; until the next
 * call. */
const char *rows_kept(const struct rows *r);
/* The last row is not needed any more: give back memory that it took. */
void rows_trim(struct rows *r);
void rows_free(struct rows *r);

#endif

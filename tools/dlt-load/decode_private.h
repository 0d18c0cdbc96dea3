/* SPDX-License-Identifier: MIT */
/*
 * decode_private: what the decode*.c files share; for them only.
 *
 * Owner:  texts of cells belong to the text or the arena of the batch.
 */
#ifndef DLT_LOAD_DECODE_PRIVATE_H
#define DLT_LOAD_DECODE_PRIVATE_H

#include "tools/dlt-load/decode.h"

/* ---- decode.c ---- */

/* A cell more in the row at hand; and its end. */
void decode_add_cell(struct batch *b, const struct column *c,
    const struct cell *cell);
void decode_end_row(struct decoder *d, struct batch *b);

/* What a piece of a file can be. */
enum piece {
	PIECE_BAD = -1,
	PIECE_CUT, /* it goes on behind the end */
	PIECE_OK,
};

/* The name of a column more in d->listed. */
int
decode_list(struct decoder *d, const char *name, size_t len, struct error *err);

/* Takes piece after piece until one is cut; an error has its line. */
int decode_pieces(struct decoder *d, struct batch *b,
    enum piece (*take)(struct decoder *d, struct batch *b, const char **p,
        const char *end, struct error *err),
    size_t *used, struct error *err);

/* ---- decode_insert.c, decode_csv.c: as decode_batch() ---- */

int decode_inserts(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err);
int decode_csv(struct decoder *d, struct batch *b, bool final, size_t *used,
    struct error *err);

/* ---- decode_literal.c ---- */

enum literal_kind {
	LITERAL_WORD,   /* NULL, True, 1.5 */
	LITERAL_TEXT,   /* escapes undone */
	LITERAL_BASE64, /* bytes, as spelt */
	LITERAL_HEX,
};

struct literal {
	enum literal_kind kind;
	const char *text;
	size_t len;
};

/* The value of a literal for a column; NULL leaves *out alone. */
int decode_literal(struct decoder *d, struct batch *b, const struct column *c,
    const struct literal *v, struct cell *out, struct error *err);
/* The same for a field of csv, which is not empty. */
int decode_field(struct decoder *d, struct batch *b, const struct column *c,
    const char *text, size_t len, struct cell *out, struct error *err);

/* Any text as JSON; false, and nothing else: it is none. */
bool cell_json_text(struct decoder *d, struct batch *b, const char *s,
    size_t len, struct cell *out);

/* ---- decode_value.c ---- */

/* One value of column c at *p (before end); advances *p. */
int decode_value(struct decoder *d, struct batch *b, const struct column *c,
    const char **p, const char *end, struct cell *out, struct error *err);
/* A typed value, from a parsed row. */
int decode_node(struct decoder *d, struct batch *b, const struct column *c,
    const struct json *node, struct cell *out, struct error *err);

/* The string that begins at *p (at its quote), decoded; advances *p. */
int decode_string(struct batch *b, const char **p, const char *end,
    const char **text, size_t *len, struct error *err);

/* decode_json.c: valid JSON text as Python's json.dumps spells it. */
void json_respell(const char *text, size_t len, struct buf *out);

/* Values for cells. A text or token stays where it is unless it is changed. */
void cell_text(struct cell *out, const char *text, size_t len);
int cell_number(struct decoder *d, const struct column *c, const char *p,
    size_t len, bool integer, struct cell *out, struct error *err);
int cell_number_text(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err);
int cell_time(struct decoder *d, struct batch *b, const struct column *c,
    const char *s, size_t len, struct cell *out, struct error *err);
/* text: valid JSON. */
void cell_json(struct decoder *d, struct batch *b, const char *text, size_t len,
    struct cell *out);
/* "..." is no timestamp, say. */
int
cell_bad(const struct column *c, const char *s, size_t len, struct error *err);

#endif

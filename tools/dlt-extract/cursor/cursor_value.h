/* SPDX-License-Identifier: MIT */
/*
 * cursor_value: what an incremental cursor finds in a row or in the state, and
 * how Python compares two of them.
 *
 * Shape:  numbers of all kinds compare with one another, exactly; text compares
 *         by code points; timestamps and times compare when both or none of
 *         them have a zone. Everything else compares with its own kind only;
 *         arrays and objects not at all.
 * Owner:  what cursor_value_parse() gives borrows from the text (and from the
 *         value's own buffer, which is kept for the next); cursor_value_keep()
 *         makes it independent of the text. cursor_value_release().
 */
#ifndef DLT_CURSOR_VALUE_H
#define DLT_CURSOR_VALUE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/timestamp.h"

enum cursor_kind {
	CURSOR_NULL,
	CURSOR_BOOL, /* from here to WEI: numbers */
	CURSOR_INTEGER,
	CURSOR_DOUBLE,
	CURSOR_DECIMAL,
	CURSOR_WEI,
	CURSOR_TEXT,
	CURSOR_TIMESTAMP,
	CURSOR_DATE,
	CURSOR_TIME,
	CURSOR_UUID,
	CURSOR_BYTES,
	CURSOR_HEXBYTES,
	CURSOR_JSON, /* an array or an object */
};

struct cursor_value {
	enum cursor_kind kind;
	bool small;       /* BOOL, INTEGER: it is in `integer` */
	int64_t integer;  /* when small */
	double number;    /* DOUBLE */
	const char *text; /* INTEGER, DECIMAL, WEI: digits; TEXT; UUID; bytes;
	                     JSON: as it stands */
	size_t len;
	struct timestamp ts; /* TIMESTAMP, DATE, TIME */
	struct buf own;
};

/* raw: one value of checked JSON. Strings that begin with the bytes of a marker
 * are dlt's typed values. */
void cursor_value_parse(struct cursor_value *v, const char *raw, size_t len);
/* to is a copy that owns its text. */
void cursor_value_keep(struct cursor_value *to, const struct cursor_value *v);
void cursor_value_release(struct cursor_value *v);

/* Text becomes a value of the kind of like, if it reads as one. */
bool
cursor_value_adapt(struct cursor_value *v, const struct cursor_value *like);

/* Less, equal, greater in *order. ERR_DATA where Python has a TypeError. */
int cursor_value_compare(const struct cursor_value *a,
    const struct cursor_value *b, int *order, struct error *err);
bool
cursor_value_equal(const struct cursor_value *a, const struct cursor_value *b);
/* Python's bool(). */
bool cursor_value_is_true(const struct cursor_value *v);

/* JSON text, with markers. */
void cursor_value_write(const struct cursor_value *v, struct buf *out);
/* A float as newer versions of the JSON library of dlt write it: 1e+16,
 * and not 1e16. */
void cursor_value_double(double v, struct buf *out);
/* For messages: "text", "a timestamp without zone", ... */
const char *cursor_value_kind(const struct cursor_value *v);

#endif

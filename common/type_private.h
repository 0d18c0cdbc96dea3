/* SPDX-License-Identifier: MIT */
/*
 * type_private: what the files of the type module share; nobody else includes
 * it.
 *
 * Owner: the bytes of values that are set here belong to the arena, or, where
 *        borrowed, to the caller.
 */
#ifndef DLT_TYPE_PRIVATE_H
#define DLT_TYPE_PRIVATE_H

#include "common/type.h"

/* The prefixes of typed values in the order of their code points, which begin
 * with U+F026. */
enum marker {
	MARK_DECIMAL,
	MARK_TIMESTAMP,
	MARK_DATE,
	MARK_UUID,
	MARK_HEXBYTES,
	MARK_BYTES,
	MARK_WEI,
	MARK_TIME,
	MARK_UNUSED, /* U+F02E: dlt's range is one too wide */
	MARK_NONE,
};

#define MARKER_LEN 3 /* bytes of UTF-8 */

enum numbers {
	NUMBERS_KEPT,   /* tokens as they stand */
	NUMBERS_PYTHON, /* as orjson writes what it has read */
};

static inline void
value_set_borrowed(struct value *out, enum data_type type, const char *s,
    size_t len)
{
	*out = (struct value){ .type = type, .text = s, .len = len };
}

static inline void
value_set_time(struct value *out, enum data_type type,
    const struct timestamp *ts)
{
	*out = (struct value){ .type = type, .ts = *ts };
}

/* Give a copy of the bytes of b to the arena and to out. */
void value_set_text(struct value *out, enum data_type type, const struct buf *b,
    struct arena *a);

/* Of a BIGINT, WEI, DECIMAL or DOUBLE. */
double value_number(const struct value *v);

/* The text of values that JSON has no type for, without quotes. */
void value_put_text(const struct value *v, struct buf *out);

/* A JSON node as compact text. Without an arena strings are written as they
 * are, else markers are decoded and written untyped. */
void value_write_node(const struct json *node, struct arena *a,
    enum numbers numbers, struct buf *out);

/* base64 (RFC 4648, padded) and lower-case hex, appended to out. */
void binary_put_base64(const char *s, size_t len, struct buf *out);
void binary_put_hex(const char *s, size_t len, struct buf *out);

/* Python's binascii.a2b_base64() and bytes.fromhex(): false: not of that form;
 * out may hold a part then. */
bool
binary_from_base64(const char *s, size_t len, bool strict, struct buf *out);
bool binary_from_hex(const char *s, size_t len, struct buf *out);
int binary_hex_digit(char c); /* -1: no hex digit */

#endif

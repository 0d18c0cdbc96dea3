/* SPDX-License-Identifier: MIT */
/*
 * type: dlt's data types, typed values, inference and coercion.
 *
 * Source: contract.md sections 3.2, 7.1, 7.3, 7.4, 7.6, 7.8, appendix C.
 */
#ifndef DLT_TYPE_H
#define DLT_TYPE_H

#include "common/json.h"
#include "common/timestamp.h"

enum data_type {
	TYPE_NONE, /* no type: an incomplete column; as a value: null */
	TYPE_TEXT,
	TYPE_DOUBLE,
	TYPE_BOOL,
	TYPE_TIMESTAMP,
	TYPE_BIGINT,
	TYPE_BINARY,
	TYPE_JSON,
	TYPE_DECIMAL,
	TYPE_WEI,
	TYPE_DATE,
	TYPE_TIME,
};

/* "text", ...; TYPE_NONE is "". type_parse: TYPE_NONE when unknown. */
const char *type_name(enum data_type t);
enum data_type type_parse(const char *name);

/* One value. text/len hold: TEXT the UTF-8 string; BIGINT, WEI and DECIMAL
 * the digits as Python's str() has them (JSON tokens keep theirs); DOUBLE a
 * JSON number token, or NULL and `number`; BINARY the bytes; JSON the compact
 * untyped JSON text. They belong to the arena or the parsed document. */
struct value {
	enum data_type type;
	bool boolean;
	bool hex; /* BINARY: prints as 0x..., not base64 */
	const char *text;
	size_t len;
	double number;       /* DOUBLE when text is NULL (may be NaN, inf) */
	struct timestamp ts; /* TIMESTAMP, DATE (midnight), TIME (us of day) */
};

/* The value of a JSON node, markers decoded (contract.md 3.2); objects and
 * arrays become JSON (markers inside decoded and written untyped, 7.6).
 * Integers beyond 64 bits: WEI, beyond wei's range TEXT (dlt(7) DIFFERENCES).
 * A marked UUID, which dlt cannot store, becomes its TEXT. A marked time or
 * "now" in place of a timestamp, which dlt takes for today's, stays TEXT. */
void
value_from_json(const struct json *node, struct arena *a, struct value *out);

/* The same for an object or array that goes into a json column which is there:
 * strings that begin with a marker and do not decode keep it. */
void
value_json_kept(const struct json *node, struct arena *a, struct value *out);

/* Coerce; the row of the table in contract.md 7.4.
 * 1: done. 0: not possible (ValueError: a variant column takes the value).
 * BIGINT holds what fits int64 or uint64 only: where dlt's bigint outgrows
 * them its writer fails, here the result is 0. The same for epochs that
 * overflow the C library of Python.
 * -1: what makes dlt fail (offset out of range, "12:"), err filled. */
int value_coerce(const struct value *v, enum data_type to, struct arena *a,
    struct value *out, struct error *err);

/* After inference or coercion to TIMESTAMP: to UTC; keep_zone false drops the
 * zone afterwards. -1: overflow, err filled (contract.md 7.5). */
int value_to_utc(struct value *v, bool keep_zone, struct error *err);

/* As written in jsonl (contract.md 4.4) and in typed-jsonl (markers). */
void value_write_jsonl(const struct value *v, struct buf *out);
void value_write_typed(const struct value *v, struct buf *out);

/* Detections (contract.md 7.3), as bits in the order of the list. */
enum detection {
	DETECT_NONE,
	DETECT_ISO_TIMESTAMP,
	DETECT_ISO_DATE,
	DETECT_TIMESTAMP,
	DETECT_LARGE_INTEGER,
	DETECT_HEXBYTES_TO_TEXT,
	DETECT_WEI_TO_DOUBLE,
};
enum detection detection_parse(const char *name); /* DETECT_NONE: unknown */
const char *detection_name(enum detection d);
/* The type that one detection sees in v, or TYPE_NONE. */
enum data_type value_detect(const struct value *v, enum detection d);

#endif

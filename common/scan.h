/* SPDX-License-Identifier: MIT */
/*
 * scan: one JSON value checked strictly and at speed, without building it.
 * For extract: rows are checked (RFC 8259, UTF-8, what orjson refuses) but not
 * rebuilt.
 *
 * Shape:  [p, end) with SCAN_SLACK readable bytes behind end; SSE2 baseline
 *         with a plain C fallback.
 * Errors: SCAN_BAD with the place and a static text.
 */
#ifndef DLT_SCAN_H
#define DLT_SCAN_H

#include "common/base.h"

enum scan_status {
	SCAN_OK,   /* *next is behind the value */
	SCAN_MORE, /* end came before the value did; decide at end of file */
	SCAN_BAD,  /* *next is at the offending byte */
};

struct scan {
	const char *next;
	const char *what; /* SCAN_BAD: "expected ',' or '}'", ... */
	bool has_newline; /* LF or CR between tokens: must become blanks */
};

/* Check one value that begins at p (no white space before it). Numbers at the
 * end of input are SCAN_MORE unless final. At most MAX_NESTING levels. */
enum scan_status
scan_value(const char *p, const char *end, bool final, struct scan *s);

/* Skip white space. */
const char *scan_space(const char *p, const char *end);

/* Find the end of one value of text that is known or later checked to be
 * valid: strings and brackets only, at memory speed. NULL: not in [p, end). */
const char *scan_skip(const char *p, const char *end);

/* Does a valid number token exceed the doubles (1e400)? Exact, without any
 * locale, linear. */
bool scan_number_is_infinite(const char *s, size_t len);

#endif

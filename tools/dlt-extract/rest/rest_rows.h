/* SPDX-License-Identifier: MIT */
/*
 * rest_rows: the rows of an answer, as pages that rows.h reads.
 *
 * Shape:  lines "[row,row,...]" of at most PAGE_MAX_BYTES, unless one row alone
 *         is longer; the text of a row is that of the answer, without its line
 *         breaks and indentation. Of an array that the selector finds the
 *         elements are rows; of several finds each; null is none.
 * Errors: ERR_DATA.
 * Source: dlt 1.26.0, sources/helpers/rest_client/client.py (extract_response);
 *         sources/rest_api/config_setup.py (build_parent_record).
 */
#ifndef DLT_EXTRACT_REST_ROWS_H
#define DLT_EXTRACT_REST_ROWS_H

#include "tools/dlt-extract/jsonpath.h"

/* A member that each row gets: its key, and a value as JSON. */
struct rest_member {
	char *key;
	const struct json *value;
};

/* *count: how many rows there were. */
int rest_rows_write(const struct json *answer, const struct jsonpath *selector,
    const struct rest_member *members, size_t member_count, struct buf *out,
    size_t *count, struct error *err);

#endif

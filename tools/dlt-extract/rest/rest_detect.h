/* SPDX-License-Identifier: MIT */
/*
 * rest_detect: what an answer looks like: where its rows are, and how one gets
 * to the next page.
 *
 * Errors: ERR_DATA.
 * Source: dlt 1.26.0, sources/helpers/rest_client/detector.py.
 */
#ifndef DLT_EXTRACT_REST_DETECT_H
#define DLT_EXTRACT_REST_DETECT_H

#include "tools/dlt-extract/jsonpath.h"
#include "tools/dlt-extract/rest/rest_page.h"

/* Where the rows are; "$" for the whole. */
struct jsonpath *
rest_detect_selector(const struct json *answer, struct error *err);

/* Never "auto": a single page, if nothing else. */
struct rest_pager *
rest_detect_pager(const struct rest_answer *answer, struct error *err);

/* Does dlt think that one object is behind the path? */
bool rest_detect_single(const char *path);

#endif

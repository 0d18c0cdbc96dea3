/* SPDX-License-Identifier: MIT */
/*
 * zlibtext: short texts in the zlib format (RFC 1950), as they stand in the
 * state of a pipeline. The functions live in zio_gzip.c, which is the only
 * includer of zlib.h.
 *
 * Errors: ERR_DATA damaged, cut, followed by something else, or too large.
 * Source: contract.md section 12.2.
 */
#ifndef DLT_ZLIBTEXT_H
#define DLT_ZLIBTEXT_H

#include "common/buf.h"
#include "common/error.h"

/* Append data, compressed at level 9; the same bytes as Python's zlib. */
void zlib_deflate9(const void *data, size_t len, struct buf *out);

/* Append what is in data; at most max bytes. On an error out may have grown. */
int zlib_inflate(const void *data, size_t len, size_t max, struct buf *out,
    struct error *err);

#endif

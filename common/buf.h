/* SPDX-License-Identifier: MIT */
/*
 * buf: a growable run of bytes.
 *
 * Shape:  data[0..len) is the content, data[len] is NUL whenever data is not
 *         NULL; zero-initialised is the empty buffer.
 * Owner:  buf_release() frees; buf_take() hands the bytes to the caller.
 */
#ifndef DLT_BUF_H
#define DLT_BUF_H

#include "common/base.h"

struct buf {
	char *data;
	size_t len;
	size_t cap;
};

void buf_reserve(struct buf *b, size_t more); /* room for `more` plus a NUL */
void buf_add(struct buf *b, const void *data, size_t len);
void buf_addc(struct buf *b, char c);
void buf_adds(struct buf *b, const char *s);
void buf_addf(struct buf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
void buf_reset(struct buf *b);   /* empty, keep memory */
void buf_release(struct buf *b); /* free and zero */
char *buf_take(struct buf *b);   /* the NUL-terminated bytes; b is then empty;
                                    never NULL */
const char *buf_str(const struct buf *b); /* "" when nothing was added */

#endif

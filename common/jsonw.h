/* SPDX-License-Identifier: MIT */
/*
 * jsonw: JSON text from values; one canonical spelling (contract.md 3.4):
 * compact, UTF-8 raw, escapes only \" \\ \b \t \n \f \r and \u00xx.
 * Pretty: two blanks of indentation, as orjson writes it.
 */
#ifndef DLT_JSONW_H
#define DLT_JSONW_H

#include "common/buf.h"

struct jsonw {
	struct buf *out;
	bool pretty;
	int depth;
	bool empty;   /* nothing written yet in the current container */
	bool pending; /* a key has been written, its value not yet */
};

void jsonw_init(struct jsonw *w, struct buf *out, bool pretty);
void jsonw_object(struct jsonw *w);
void jsonw_end_object(struct jsonw *w);
void jsonw_array(struct jsonw *w);
void jsonw_end_array(struct jsonw *w);
void jsonw_key(struct jsonw *w, const char *key);
void jsonw_keyn(struct jsonw *w, const char *key, size_t len);
void jsonw_str(struct jsonw *w, const char *s); /* NULL writes null */
void jsonw_strn(struct jsonw *w, const char *s, size_t len);
void jsonw_int(struct jsonw *w, long long v);
void jsonw_bool(struct jsonw *w, bool v);
void jsonw_null(struct jsonw *w);
/* A value that is JSON text already (compact); pretty re-indents it. */
void jsonw_raw(struct jsonw *w, const char *text, size_t len);

/* Just the quoted, escaped string; U+FFFD stands for bytes that are no UTF-8. */
void jsonw_quote(struct buf *out, const char *s, size_t len);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * row_hash: what dlt keeps of a row to know it again: the digest of its key, or
 * of the whole row.
 *
 * Shape:  20 characters: SHAKE-128, 15 bytes, in base64, of the JSON text with
 *         sorted keys and untyped values: the value of the one column that is
 *         the key, the array of the values of several, or the row.
 * Source: contract.md 12.4; dlt/extract/incremental/transform.py.
 */
#ifndef DLT_ROW_HASH_H
#define DLT_ROW_HASH_H

#include "common/json.h"

#define ROW_HASH_LEN 20

struct row_key {
	enum { KEY_ROW, KEY_ONE, KEY_LIST, KEY_NONE } kind;
	char **names; /* ONE, LIST */
	size_t count;
};

/* Of memory that is used again. */
struct row_hasher {
	struct json_doc doc;
	struct arena arena;
	struct buf text;
};

/* ERR_DATA: a column of the key is not in the row. kind is not KEY_NONE. */
int row_hash(struct row_hasher *h, const char *row, size_t len,
    const struct row_key *key, char out[ROW_HASH_LEN + 1], struct error *err);
void row_hasher_release(struct row_hasher *h);

#endif

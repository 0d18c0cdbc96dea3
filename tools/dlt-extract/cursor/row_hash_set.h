/* SPDX-License-Identifier: MIT */
/*
 * row_hash_set: hashes of rows, in the order in which they came.
 *
 * Owner: zero-initialise it; row_hash_set_release().
 */
#ifndef DLT_ROW_HASH_SET_H
#define DLT_ROW_HASH_SET_H

#include "common/mem.h"

struct row_hash_set {
	const char **items;
	size_t count, cap;
	size_t *slots; /* index + 1 of an item; 0: free */
	size_t slot_count;
	struct arena arena;
};

void row_hash_set_add(struct row_hash_set *s, const char *hash);
bool row_hash_set_has(const struct row_hash_set *s, const char *hash);
/* Empty, keeping memory. */
void row_hash_set_reset(struct row_hash_set *s);
void row_hash_set_release(struct row_hash_set *s);

#endif

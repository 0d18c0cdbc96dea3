/* SPDX-License-Identifier: MIT */
/*
 * checksum: what tells whether a file is the one that was written: the manifest
 * of a package, the marks of what was loaded. checksum.c is the only includer
 * of xxhash.h.
 *
 * Shape:  XXH3-128 (the canonical form of xxHash 0.8, as `xxhsum -H2` prints
 *         it): it runs as fast as memory does, five to ten times as fast as
 *         SHA-256, and a job file is summed up by each tool that writes or
 *         reads it. It finds damage and edits by hand; it is no proof against
 *         somebody who makes a file for another's sum, and neither is a sum
 *         that lies beside its file. Packages that were made before, and marks
 *         in databases, have SHA-256: a text in hex is told by its length.
 */
#ifndef DLT_CHECKSUM_H
#define DLT_CHECKSUM_H

#include "common/base.h"

enum checksum_kind {
	CHECKSUM_NONE = 0,
	CHECKSUM_XXH128 = 1, /* of all that is new */
	CHECKSUM_SHA256 = 2,
};

#define CHECKSUM_HEX_MAX 64
#define CHECKSUM_SIZE    (CHECKSUM_HEX_MAX + 1) /* of a text with its NUL */

struct checksum;
/* kinds: one, several at the same time, or none. */
struct checksum *checksum_new(unsigned kinds);
void checksum_add(struct checksum *c, const void *data, size_t len);
/* Of what was added so far; more may follow. */
void checksum_hex(const struct checksum *c, enum checksum_kind kind,
    char out[CHECKSUM_SIZE]);
void checksum_free(struct checksum *c);

void checksum_of(enum checksum_kind kind, const void *data, size_t len,
    char out[CHECKSUM_SIZE]);

/* 32 or 64 lower-case digits? */
bool checksum_is_valid(const char *hex);
enum checksum_kind checksum_kind_of(const char *hex);

#endif

/* SPDX-License-Identifier: MIT */
#include "common/checksum.h"

#include "common/hash.h"
#include "common/mem.h"

#include <stdlib.h>
#include <string.h>
/* The same with the choice of code for the processor at hand. */
#ifdef HAVE_XXH_DISPATCH
#include <xxh_x86dispatch.h>
#else
#include <xxhash.h>
#endif

#define XXH_HEX_LEN 32

struct checksum {
	XXH3_state_t *xxh;
	struct hash *sha;
};

struct checksum *
checksum_new(unsigned kinds)
{
	struct checksum *c = xcalloc(1, sizeof(*c));

	if (kinds & CHECKSUM_XXH128) {
		c->xxh = XXH3_createState();
		if (!c->xxh)
			abort(); /* out of memory */
		XXH3_128bits_reset(c->xxh);
	}
	if (kinds & CHECKSUM_SHA256)
		c->sha = hash_sha256_new();
	return c;
}

void
checksum_add(struct checksum *c, const void *data, size_t len)
{
	if (c->xxh && len)
		XXH3_128bits_update(c->xxh, data, len);
	if (c->sha)
		hash_update(c->sha, data, len);
}

static void
xxh_hex(XXH128_hash_t h, char *out)
{
	static const char digits[] = "0123456789abcdef";
	XXH128_canonical_t c;

	XXH128_canonicalFromHash(&c, h);
	for (size_t i = 0; i < sizeof(c.digest); i++) {
		*out++ = digits[c.digest[i] >> 4];
		*out++ = digits[c.digest[i] & 15];
	}
	*out = '\0';
}

void
checksum_hex(const struct checksum *c, enum checksum_kind kind,
    char out[CHECKSUM_SIZE])
{
	_Static_assert(HASH_HEX_LEN == CHECKSUM_HEX_MAX, "the longest");
	if (kind == CHECKSUM_SHA256)
		hash_final_hex(hash_copy(c->sha), out);
	else
		xxh_hex(XXH3_128bits_digest(c->xxh), out);
}

void
checksum_free(struct checksum *c)
{
	if (!c)
		return;
	XXH3_freeState(c->xxh);
	hash_free(c->sha);
	free(c);
}

void
checksum_of(enum checksum_kind kind, const void *data, size_t len,
    char out[CHECKSUM_SIZE])
{
	struct checksum *c = checksum_new(kind);

	checksum_add(c, data, len);
	checksum_hex(c, kind, out);
	checksum_free(c);
}

bool
checksum_is_valid(const char *hex)
{
	size_t len = strlen(hex);

	return (len == XXH_HEX_LEN || len == HASH_HEX_LEN) &&
	    strspn(hex, "0123456789abcdef") == len;
}

enum checksum_kind
checksum_kind_of(const char *hex)
{
	return strlen(hex) == HASH_HEX_LEN ? CHECKSUM_SHA256 : CHECKSUM_XXH128;
}

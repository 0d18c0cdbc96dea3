/* SPDX-License-Identifier: MIT */
/*
 * shake: four digests of SHAKE-128 at once, and running ones of SHA3-256. For
 * hash.c; see hash_shake128().
 *
 * Source: FIPS 202.
 */
#ifndef DLT_SHAKE_H
#define DLT_SHAKE_H

#include "common/base.h"

#define SHAKE_LANES 4

/* With which instructions; but for tests, always the best there are. */
enum shake_way {
	SHAKE_BEST,
	SHAKE_AVX2,
	SHAKE_AVX512,
};

/* Are four digests about as cheap as one? */
bool shake_has_lanes(enum shake_way way);

/* out_len bytes of the digest of each text, one after the other. Correct on
 * every machine and for texts of any length. */
void shake128_four(enum shake_way way, const char *const data[SHAKE_LANES],
    const size_t len[SHAKE_LANES], unsigned char *out, size_t out_len);

/* SHA3-256. {0} is a digest of nothing. libcrypto has it, too, but needs a
 * millisecond to get ready. */
struct sha3 {
	uint64_t state[25];
	size_t at; /* where the next byte goes, in a block of 136 */
};

void sha3_add(struct sha3 *s, const void *data, size_t len);
void sha3_end(struct sha3 *s, unsigned char out[32]);

#endif

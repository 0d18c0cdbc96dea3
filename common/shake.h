/* SPDX-License-Identifier: MIT */
/*
 * shake: four digests of SHAKE-128 at once. For hash.c; see hash_shake128().
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

#endif

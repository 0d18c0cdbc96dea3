/* SPDX-License-Identifier: MIT */
/*
 * hash: the digests of the formats, and base64 (RFC 4648, standard alphabet).
 * The only includer of OpenSSL's headers.
 *
 * Source: FIPS 202 (SHA3-256, SHAKE-128), FIPS 180-4 (SHA-256);
 *         contract.md sections 5.3, 6.5, 8.3, 12.1.
 */
#ifndef DLT_HASH_H
#define DLT_HASH_H

#include "common/base.h"

#define HASH_ID_LEN  14 /* 10 bytes in base64 without padding */
#define HASH_B64_LEN 44 /* 32 bytes in base64 with padding */
#define HASH_HEX_LEN 64 /* SHA-256 in hex */

/* out_len bytes of SHAKE-128 of data. */
void hash_shake128(const void *data, size_t len, void *out, size_t out_len);

/* The dlt id of data: SHAKE-128, 10 bytes, base64 without '='; 14 chars and a
 * NUL. Thread-safe; this is on the row path (one per nested row). */
void hash_id(const void *data, size_t len, char out[HASH_ID_LEN + 1]);

/* Ids of several texts at once. Where that pays, they cost about what one
 * costs; elsewhere as many times as much. */
#define HASH_IDS 4
void hash_ids(const char *const data[HASH_IDS], const size_t len[HASH_IDS],
    char out[HASH_IDS][HASH_ID_LEN + 1]);
bool hash_ids_pay(void);

/* The same as hash_id() with n bytes of digest; out holds base64 without '=' and a NUL. */
void hash_digest128(const void *data, size_t len, size_t n, char *out);

/* Cryptographically random id of the same shape. Thread-safe and fast
 * (random bytes are fetched in blocks). */
void hash_random_id(char out[HASH_ID_LEN + 1]);

/* n random bytes as 2n lower-case hex digits and a NUL. */
void hash_random_hex(char *out, size_t n);

/* SHA3-256 over several pieces, result in base64 with padding (44 chars). */
struct hash; /* running digest */
struct hash *hash_sha3_256_new(void);
struct hash *hash_sha256_new(void);
struct hash *hash_copy(const struct hash *h); /* of the state it is in */
void hash_update(struct hash *h, const void *data, size_t len);
void
hash_final_base64(struct hash *h, char out[HASH_B64_LEN + 1]);   /* frees h */
void hash_final_hex(struct hash *h, char out[HASH_HEX_LEN + 1]); /* frees h */
void hash_free(struct hash *h);

/* MD5 in base64, for protocols that insist on it; false where the system
 * forbids it. */
#define HASH_MD5_B64_LEN 24
bool
hash_md5_base64(const void *data, size_t len, char out[HASH_MD5_B64_LEN + 1]);

/* base64 with padding; out needs 4 * ((len + 2) / 3) + 1 bytes. */
size_t hash_base64_encode(const void *data, size_t len, char *out);

/* The value of a digit of the alphabet, 0 to 63, or -1. */
int hash_base64_digit(char c);

/* Strict decode (alphabet and padding exact, as Python's validate=True);
 * out needs len / 4 * 3 bytes. Returns the number of bytes, or -1. */
long hash_base64_decode(const char *s, size_t len, void *out);

#endif

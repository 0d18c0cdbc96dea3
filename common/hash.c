/* SPDX-License-Identifier: MIT */
#include "common/hash.h"

#include "common/mem.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/*
 * SHAKE-128 is written out here: an id is made for every nested row, from some
 * fifty bytes. One permutation on the stack is a little faster than the
 * library's context, and there is no context per thread to keep and to free.
 */
#define SHAKE_RATE 168 /* bytes: 1600 - 2 * 128 bits */
#define LANES      25

static const uint64_t round_constants[24] = {
	0x0000000000000001,
	0x0000000000008082,
	0x800000000000808a,
	0x8000000080008000,
	0x000000000000808b,
	0x0000000080000001,
	0x8000000080008081,
	0x8000000000008009,
	0x000000000000008a,
	0x0000000000000088,
	0x0000000080008009,
	0x000000008000000a,
	0x000000008000808b,
	0x800000000000008b,
	0x8000000000008089,
	0x8000000000008003,
	0x8000000000008002,
	0x8000000000000080,
	0x000000000000800a,
	0x800000008000000a,
	0x8000000080008081,
	0x8000000000008080,
	0x0000000080000001,
	0x8000000080008008,
};

static ALWAYS_INLINE uint64_t
rotate(uint64_t v, int n)
{
	return v << n | v >> (64 - n);
}

/*
 * The steps of a round without loops: with constant indices the compiler keeps
 * the lanes in registers at any level of optimisation.
 */
#define SUM(x)          c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]
#define TURN(x)         d[x] = c[(x + 4) % 5] ^ rotate(c[(x + 1) % 5], 1)
#define MIX(y, p, q, r) a[y + p] = b[y + p] ^ (~b[y + q] & b[y + r])
#define ROW(y)                                                              \
	MIX(y, 0, 1, 2), MIX(y, 1, 2, 3), MIX(y, 2, 3, 4), MIX(y, 3, 4, 0), \
	    MIX(y, 4, 0, 1)
/* Rho and pi of one lane: where it goes, and by how much it turns. */
#define MOVE(to, from, n) b[to] = rotate(a[from] ^ d[(from) % 5], n)

static ALWAYS_INLINE void
keccak_round(uint64_t a[LANES], uint64_t constant)
{
	uint64_t b[LANES], c[5], d[5];

	SUM(0), SUM(1), SUM(2), SUM(3), SUM(4);
	TURN(0), TURN(1), TURN(2), TURN(3), TURN(4);
	b[0] = a[0] ^ d[0];
	MOVE(10, 1, 1), MOVE(7, 10, 3), MOVE(11, 7, 6), MOVE(17, 11, 10);
	MOVE(18, 17, 15), MOVE(3, 18, 21), MOVE(5, 3, 28), MOVE(16, 5, 36);
	MOVE(8, 16, 45), MOVE(21, 8, 55), MOVE(24, 21, 2), MOVE(4, 24, 14);
	MOVE(15, 4, 27), MOVE(23, 15, 41), MOVE(19, 23, 56), MOVE(13, 19, 8);
	MOVE(12, 13, 25), MOVE(2, 12, 43), MOVE(20, 2, 62), MOVE(14, 20, 18);
	MOVE(22, 14, 39), MOVE(9, 22, 61), MOVE(6, 9, 20), MOVE(1, 6, 44);
	ROW(0), ROW(5), ROW(10), ROW(15), ROW(20);
	a[0] ^= constant;
}

static void
keccak(uint64_t state[LANES])
{
	uint64_t a[LANES];

	memcpy(a, state, sizeof(a));
	for (int i = 0; i < 24; i += 2) {
		keccak_round(a, round_constants[i]);
		keccak_round(a, round_constants[i + 1]);
	}
	memcpy(state, a, sizeof(a));
}

/* The format is little-endian, whatever the machine is. */
static uint64_t
lane_swap(uint64_t v)
{
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	return __builtin_bswap64(v);
#else
	return v;
#endif
}

static void
absorb(uint64_t state[LANES], const unsigned char block[SHAKE_RATE])
{
	uint64_t lane;

	for (size_t i = 0; i < SHAKE_RATE / 8; i++) {
		memcpy(&lane, block + 8 * i, 8);
		state[i] ^= lane_swap(lane);
	}
	keccak(state);
}

void
hash_shake128(const void *data, size_t len, void *out, size_t out_len)
{
	uint64_t state[LANES] = { 0 }, lane;
	unsigned char block[SHAKE_RATE], *to = out;
	const unsigned char *from = data;

	for (; len >= SHAKE_RATE; len -= SHAKE_RATE, from += SHAKE_RATE)
		absorb(state, from);
	if (len > 0)
		memcpy(block, from, len);
	memset(block + len, 0, SHAKE_RATE - len);
	block[len] ^= 0x1f;
	block[SHAKE_RATE - 1] ^= 0x80;
	absorb(state, block);
	for (size_t i = 0, n; out_len > 0; out_len -= n, to += n, i++) {
		if (i == SHAKE_RATE / 8) {
			keccak(state);
			i = 0;
		}
		lane = lane_swap(state[i]);
		n = out_len < 8 ? out_len : 8;
		memcpy(to, &lane, n);
	}
}

/* ---- base64 ---- */

static const char alphabet[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Without padding and NUL; returns the length. */
static ALWAYS_INLINE size_t
encode(const unsigned char *data, size_t len, char *out)
{
	char *p = out;
	uint32_t v;

	for (; len >= 3; len -= 3, data += 3) {
		v = (uint32_t)data[0] << 16 | data[1] << 8 | data[2];
		*p++ = alphabet[v >> 18];
		*p++ = alphabet[v >> 12 & 63];
		*p++ = alphabet[v >> 6 & 63];
		*p++ = alphabet[v & 63];
	}
	if (len > 0) {
		v = (uint32_t)data[0] << 16 | (len > 1 ? data[1] << 8 : 0);
		*p++ = alphabet[v >> 18];
		*p++ = alphabet[v >> 12 & 63];
		if (len > 1)
			*p++ = alphabet[v >> 6 & 63];
	}
	return (size_t)(p - out);
}

size_t
hash_base64_encode(const void *data, size_t len, char *out)
{
	size_t n = encode(data, len, out);

	while (n % 4 != 0)
		out[n++] = '=';
	out[n] = '\0';
	return n;
}

int
hash_base64_digit(char c)
{
	if (c >= 'A' && c <= 'Z')
		return c - 'A';
	if (c >= 'a' && c <= 'z')
		return c - 'a' + 26;
	if (c >= '0' && c <= '9')
		return c - '0' + 52;
	return c == '+' ? 62 : c == '/' ? 63 : -1;
}

long
hash_base64_decode(const char *s, size_t len, void *out)
{
	unsigned char *p = out;
	size_t pad = 0;

	if (len % 4 != 0)
		return -1;
	if (len > 0 && s[len - 1] == '=')
		pad = s[len - 2] == '=' ? 2 : 1;
	for (size_t i = 0; i < len; i += 4) {
		size_t chars = i + 4 == len ? 4 - pad : 4;
		uint32_t v = 0;

		for (size_t k = 0; k < 4; k++) {
			int six = k < chars ? hash_base64_digit(s[i + k]) : 0;

			if (six < 0)
				return -1;
			v = v << 6 | (uint32_t)six;
		}
		*p++ = (unsigned char)(v >> 16);
		if (chars > 2)
			*p++ = (unsigned char)(v >> 8);
		if (chars > 3)
			*p++ = (unsigned char)v;
	}
	return (long)(p - (unsigned char *)out);
}

/* ---- ids ---- */

#define ID_BYTES 10

void
hash_id(const void *data, size_t len, char out[HASH_ID_LEN + 1])
{
	unsigned char digest[ID_BYTES];

	hash_shake128(data, len, digest, sizeof(digest));
	out[encode(digest, sizeof(digest), out)] = '\0';
}

void
hash_digest128(const void *data, size_t len, size_t n, char *out)
{
	unsigned char digest[64],
	    *big = n > sizeof(digest) ? xmalloc(n) : digest;

	hash_shake128(data, len, big, n);
	out[encode(big, n, out)] = '\0';
	if (big != digest)
		free(big);
}

static void
fill_random(void *data, size_t len)
{
	unsigned char *p = data;

	while (len > 0) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno == EINTR)
			continue;
		/* Ids that are not random would mix up rows: no way on. */
		if (n <= 0)
			abort();
		p += n;
		len -= (size_t)n;
	}
}

void
hash_random_id(char out[HASH_ID_LEN + 1])
{
	static _Thread_local struct {
		size_t left;
		unsigned char bytes[256 * ID_BYTES];
	} pool;

	if (pool.left == 0) {
		fill_random(pool.bytes, sizeof(pool.bytes));
		pool.left = sizeof(pool.bytes);
	}
	pool.left -= ID_BYTES;
	out[encode(pool.bytes + pool.left, ID_BYTES, out)] = '\0';
}

static void
to_hex(const unsigned char *data, size_t len, char *out)
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < len; i++) {
		*out++ = digits[data[i] >> 4];
		*out++ = digits[data[i] & 15];
	}
	*out = '\0';
}

void
hash_random_hex(char *out, size_t n)
{
	unsigned char block[64];

	for (size_t take; n > 0; n -= take, out += 2 * take) {
		take = n < sizeof(block) ? n : sizeof(block);
		fill_random(block, take);
		to_hex(block, take, out);
	}
	*out = '\0';
}

/* ---- running digests ---- */

struct hash {
	EVP_MD_CTX *ctx;
};

static struct hash *
hash_new(const EVP_MD *md)
{
	struct hash *h = xmalloc(sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	/* Fails only when memory is out or the library is broken. */
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, md, NULL) != 1)
		abort();
	return h;
}

struct hash *
hash_sha3_256_new(void)
{
	return hash_new(EVP_sha3_256());
}

struct hash *
hash_sha256_new(void)
{
	return hash_new(EVP_sha256());
}

void
hash_update(struct hash *h, const void *data, size_t len)
{
	if (len > 0 && EVP_DigestUpdate(h->ctx, data, len) != 1)
		abort();
}

static void
finish(struct hash *h, unsigned char out[32])
{
	if (EVP_DigestFinal_ex(h->ctx, out, NULL) != 1)
		abort();
	hash_free(h);
}

void
hash_final_base64(struct hash *h, char out[HASH_B64_LEN + 1])
{
	unsigned char digest[32];

	finish(h, digest);
	hash_base64_encode(digest, sizeof(digest), out);
}

void
hash_final_hex(struct hash *h, char out[HASH_HEX_LEN + 1])
{
	unsigned char digest[32];

	finish(h, digest);
	to_hex(digest, sizeof(digest), out);
}

void
hash_free(struct hash *h)
{
	if (!h)
		return;
	EVP_MD_CTX_free(h->ctx);
	free(h);
}

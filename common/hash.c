/* SPDX-License-Identifier: MIT */
#include "common/hash.h"

#include "common/mem.h"
#include "common/shake.h"

#include <errno.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

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
hash_ids(const char *const data[HASH_IDS], const size_t len[HASH_IDS],
    char out[HASH_IDS][HASH_ID_LEN + 1])
{
	unsigned char digests[HASH_IDS * ID_BYTES];

	_Static_assert(HASH_IDS == SHAKE_LANES, "as many as there are lanes");
	shake128_four(SHAKE_BEST, data, len, digests, ID_BYTES);
	for (size_t i = 0; i < HASH_IDS; i++)
		out[i][encode(digests + i * ID_BYTES, ID_BYTES, out[i])] = '\0';
}

bool
hash_ids_pay(void)
{
	return shake_has_lanes(SHAKE_BEST);
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
	EVP_MD_CTX *ctx; /* NULL: it is SHA3 */
	struct sha3 sha3;
};

struct hash *
hash_sha3_256_new(void)
{
	return xcalloc(1, sizeof(struct hash));
}

struct hash *
hash_sha256_new(void)
{
	struct hash *h = xcalloc(1, sizeof(*h));

	h->ctx = EVP_MD_CTX_new();
	/* Fails only when memory is out or the library is broken. */
	if (!h->ctx || EVP_DigestInit_ex(h->ctx, EVP_sha256(), NULL) != 1)
		abort();
	return h;
}

struct hash *
hash_copy(const struct hash *h)
{
	struct hash *copy = xmalloc(sizeof(*copy));

	*copy = *h;
	if (!h->ctx)
		return copy;
	copy->ctx = EVP_MD_CTX_new();
	if (!copy->ctx || EVP_MD_CTX_copy_ex(copy->ctx, h->ctx) != 1)
		abort();
	return copy;
}

void
hash_update(struct hash *h, const void *data, size_t len)
{
	if (len == 0)
		return;
	if (!h->ctx)
		sha3_add(&h->sha3, data, len);
	else if (EVP_DigestUpdate(h->ctx, data, len) != 1)
		abort();
}

static void
finish(struct hash *h, unsigned char out[32])
{
	if (!h->ctx)
		sha3_end(&h->sha3, out);
	else if (EVP_DigestFinal_ex(h->ctx, out, NULL) != 1)
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

bool
hash_md5_base64(const void *data, size_t len, char out[HASH_MD5_B64_LEN + 1])
{
	unsigned char digest[16];

	if (EVP_Digest(data, len, digest, NULL, EVP_md5(), NULL) != 1)
		return false;
	hash_base64_encode(digest, sizeof(digest), out);
	return true;
}

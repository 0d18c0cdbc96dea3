/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/hash.h"
#include "common/shake.h"

/*
 * SHAKE-128 is written out here: an id is made for every nested row, from some
 * fifty bytes. One permutation on the stack is a little faster than the
 * library's context, there is no context per thread to keep and to free, and
 * the library cannot do four at once.
 */
#define RATE  168 /* bytes: 1600 - 2 * 128 bits */
#define LANES 25

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

/*
 * The steps of a round without loops: with constant indices the compiler keeps
 * the lanes in registers at any level of optimisation. They are macros so that
 * the same text serves one state and vectors of four.
 */
#define ROTATE(v, n)    ((v) << (n) | (v) >> (64 - (n)))
#define SUM(x)          c[x] = a[x] ^ a[x + 5] ^ a[x + 10] ^ a[x + 15] ^ a[x + 20]
#define TURN(x)         d[x] = c[(x + 4) % 5] ^ ROTATE(c[(x + 1) % 5], 1)
#define MIX(y, p, q, r) a[y + p] = b[y + p] ^ (~b[y + q] & b[y + r])
#define ROW(y)                                                              \
	MIX(y, 0, 1, 2), MIX(y, 1, 2, 3), MIX(y, 2, 3, 4), MIX(y, 3, 4, 0), \
	    MIX(y, 4, 0, 1)
/* Rho and pi of one lane: where it goes, and by how much it turns. */
#define MOVE(to, from, n) \
	(b[to] = a[from] ^ d[(from) % 5], b[to] = ROTATE(b[to], n))
#define ROUND(constant)                                              \
	do {                                                         \
		SUM(0), SUM(1), SUM(2), SUM(3), SUM(4);              \
		TURN(0), TURN(1), TURN(2), TURN(3), TURN(4);         \
		b[0] = a[0] ^ d[0];                                  \
		MOVE(10, 1, 1), MOVE(7, 10, 3), MOVE(11, 7, 6);      \
		MOVE(17, 11, 10), MOVE(18, 17, 15), MOVE(3, 18, 21); \
		MOVE(5, 3, 28), MOVE(16, 5, 36), MOVE(8, 16, 45);    \
		MOVE(21, 8, 55), MOVE(24, 21, 2), MOVE(4, 24, 14);   \
		MOVE(15, 4, 27), MOVE(23, 15, 41), MOVE(19, 23, 56); \
		MOVE(13, 19, 8), MOVE(12, 13, 25), MOVE(2, 12, 43);  \
		MOVE(20, 2, 62), MOVE(14, 20, 18), MOVE(22, 14, 39); \
		MOVE(9, 22, 61), MOVE(6, 9, 20), MOVE(1, 6, 44);     \
		ROW(0), ROW(5), ROW(10), ROW(15), ROW(20);           \
		a[0] ^= constant;                                    \
	} while (0)

static void
keccak(uint64_t state[LANES])
{
	uint64_t a[LANES], b[LANES], c[5], d[5];

	memcpy(a, state, sizeof(a));
	for (int i = 0; i < 24; i++)
		ROUND(round_constants[i]);
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

/* The last block of a message: its rest, 1111 for SHAKE, and the padding. */
static void
pad(const void *rest, size_t len, unsigned char block[RATE])
{
	if (len > 0)
		memcpy(block, rest, len);
	memset(block + len, 0, RATE - len);
	block[len] ^= 0x1f;
	block[RATE - 1] ^= 0x80;
}

static void
absorb(uint64_t state[LANES], const unsigned char block[RATE])
{
	uint64_t lane;

	for (size_t i = 0; i < RATE / 8; i++) {
		memcpy(&lane, block + 8 * i, 8);
		state[i] ^= lane_swap(lane);
	}
	keccak(state);
}

void
hash_shake128(const void *data, size_t len, void *out, size_t out_len)
{
	uint64_t state[LANES] = { 0 }, lane;
	unsigned char block[RATE], *to = out;
	const unsigned char *from = data;

	for (; len >= RATE; len -= RATE, from += RATE)
		absorb(state, from);
	pad(from, len, block);
	absorb(state, block);
	for (size_t i = 0, n; out_len > 0; out_len -= n, to += n, i++) {
		if (i == RATE / 8) {
			keccak(state);
			i = 0;
		}
		lane = lane_swap(state[i]);
		n = out_len < 8 ? out_len : 8;
		memcpy(to, &lane, n);
	}
}

/* ---- SHA3-256 ---- */

#define SHA3_RATE 136 /* bytes: 1600 - 2 * 256 bits */

static void
sha3_byte(struct sha3 *s, unsigned char c)
{
	s->state[s->at / 8] ^= (uint64_t)c << (8 * (s->at % 8));
	s->at++;
}

void
sha3_add(struct sha3 *s, const void *data, size_t len)
{
	const unsigned char *p = data, *end = p + len;
	uint64_t lane;

	while (p < end) {
		if (s->at % 8 == 0 && end - p >= 8) {
			memcpy(&lane, p, 8);
			s->state[s->at / 8] ^= lane_swap(lane);
			s->at += 8;
			p += 8;
		} else {
			sha3_byte(s, *p++);
		}
		if (s->at == SHA3_RATE) {
			keccak(s->state);
			s->at = 0;
		}
	}
}

void
sha3_end(struct sha3 *s, unsigned char out[32])
{
	sha3_byte(s, 0x06); /* 01 for SHA-3, and the padding */
	s->at = SHA3_RATE - 1;
	sha3_byte(s, 0x80);
	keccak(s->state);
	for (size_t i = 0; i < 4; i++) {
		uint64_t lane = lane_swap(s->state[i]);

		memcpy(out + 8 * i, &lane, 8);
	}
}

/* ---- four at once ---- */

typedef void (*permute4)(uint64_t state[LANES][SHAKE_LANES]);

#if defined(__x86_64__)

typedef uint64_t vector __attribute__((vector_size(32)));

/* Four permutations cost hardly more than one. */
__attribute__((target("avx2"))) static void
keccak4_avx2(uint64_t state[LANES][SHAKE_LANES])
{
	vector a[LANES], b[LANES], c[5], d[5];

	memcpy(a, state, sizeof(a));
	for (int i = 0; i < 24; i++)
		ROUND(round_constants[i]);
	memcpy(state, a, sizeof(a));
}

/* It has instructions that turn, and that mix three, and twice the registers:
 * half the time. */
__attribute__((target("avx512f,avx512vl"))) static void
keccak4_avx512(uint64_t state[LANES][SHAKE_LANES])
{
	vector a[LANES], b[LANES], c[5], d[5];

	memcpy(a, state, sizeof(a));
	for (int i = 0; i < 24; i++)
		ROUND(round_constants[i]);
	memcpy(state, a, sizeof(a));
}

static permute4
keccak4_of(enum shake_way way)
{
	if (way != SHAKE_AVX2 && __builtin_cpu_supports("avx512vl"))
		return keccak4_avx512;
	if (way != SHAKE_AVX512 && __builtin_cpu_supports("avx2"))
		return keccak4_avx2;
	return NULL;
}

#else

static permute4
keccak4_of(enum shake_way way)
{
	(void)way;
	return NULL;
}

#endif

bool
shake_has_lanes(enum shake_way way)
{
	return keccak4_of(way) != NULL;
}

static void
shake_each(const char *const data[SHAKE_LANES], const size_t len[SHAKE_LANES],
    unsigned char *out, size_t out_len)
{
	for (size_t k = 0; k < SHAKE_LANES; k++)
		hash_shake128(data[k], len[k], out + k * out_len, out_len);
}

void
shake128_four(enum shake_way way, const char *const data[SHAKE_LANES],
    const size_t len[SHAKE_LANES], unsigned char *out, size_t out_len)
{
	permute4 permute = keccak4_of(way);
	uint64_t state[LANES][SHAKE_LANES] = { { 0 } }, lane;
	unsigned char block[RATE];
	bool fit = permute && out_len <= RATE;

	for (size_t k = 0; k < SHAKE_LANES; k++)
		fit = fit && len[k] < RATE;
	if (!fit) {
		shake_each(data, len, out, out_len);
		return;
	}
	for (size_t k = 0; k < SHAKE_LANES; k++) {
		pad(data[k], len[k], block);
		for (size_t i = 0; i < RATE / 8; i++)
			memcpy(&state[i][k], block + 8 * i, 8);
	}
	permute(state);
	for (size_t k = 0; k < SHAKE_LANES; k++)
		for (size_t i = 0; i < out_len; i += 8) {
			size_t n = out_len - i < 8 ? out_len - i : 8;

			lane = state[i / 8][k];
			memcpy(out + k * out_len + i, &lane, n);
		}
}

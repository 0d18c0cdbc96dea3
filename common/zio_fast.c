/* SPDX-License-Identifier: MIT */
/*
 * Rows repeat each other: the same keys in the same order, and often the same
 * values. So the only candidate for a match is where the same key stood last,
 * and only the starts of fields are looked at. What lies between two fields
 * that both matched is one long match; a value that differs is literals.
 */
#ifdef __SSE2__
#include <immintrin.h>
#endif
#include <stdlib.h>
#include <string.h>

#include "common/mem.h"
#include "common/zio_private.h"

#define KEY_BITS  12
#define MIN_MATCH 6         /* shorter ones cost more than they save */
#define BLOCK     (1 << 17) /* zstd's largest: RFC 8878, section 3.1.1.2.4 */
#define SLACK     64        /* bytes behind a field's start that may be read */
#define CHUNK     4096
#define NOWHERE   UINT32_MAX

struct zio_fast {
	enum zio_fast_way way;
	const unsigned char *data;
	size_t len;
	size_t anchor;    /* where the literals begin that are still to go */
	size_t block_end; /* matches do not reach across it */
	size_t matched;
	struct zio_match *matches;
	size_t count, cap;
	uint32_t last[1 << KEY_BITS]; /* where a field with that key began */
};

struct zio_fast *
zio_fast_new(enum zio_fast_way way)
{
	struct zio_fast *f = xcalloc(1, sizeof(*f));

	f->way = way;
	return f;
}

void
zio_fast_free(struct zio_fast *f)
{
	if (!f)
		return;
	free(f->matches);
	free(f);
}

/* ---- the list ---- */

/* Room for the matches of a chunk, and for the ends of all blocks, which cut
 * one in two. */
static void
reserve(struct zio_fast *f)
{
	size_t most = f->count + CHUNK / 2 + 2 * (f->len / BLOCK + 2);

	if (UNLIKELY(most > f->cap))
		f->matches = xgrow(f->matches, &f->cap, most,
		    sizeof(*f->matches));
}

static void
push(struct zio_fast *f, size_t literals, size_t offset, size_t length)
{
	f->matches[f->count++] = (struct zio_match){
		.offset = (unsigned)offset,
		.literals = (unsigned)literals,
		.length = (unsigned)length,
	};
}

static void
end_block(struct zio_fast *f)
{
	push(f, f->block_end - f->anchor, 0, 0);
	f->anchor = f->block_end;
	f->block_end = f->len - f->anchor > BLOCK ? f->anchor + BLOCK : f->len;
}

/* Note a match, cut where blocks end and where the last one has been. */
static void
add_match(struct zio_fast *f, size_t at, size_t offset, size_t length)
{
	if (LIKELY(at >= f->anchor && at + length <= f->block_end)) {
		push(f, at - f->anchor, offset, length);
		f->matched += length;
		f->anchor = at + length;
		return;
	}
	while (length >= MIN_MATCH) {
		size_t n;

		if (at < f->anchor) {
			n = f->anchor - at;
			length -= n < length ? n : length;
			at = f->anchor;
			continue;
		}
		if (at + MIN_MATCH > f->block_end) {
			if (f->block_end == f->len)
				return;
			end_block(f);
			continue;
		}
		n = f->block_end - at < length ? f->block_end - at : length;
		push(f, at - f->anchor, offset, n);
		f->matched += n;
		at += n;
		f->anchor = at;
		length -= n;
	}
}

static uint64_t
load8(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	v = __builtin_bswap64(v);
#endif
	return v;
}

/* ---- looking at bytes: plain C ---- */

/* How many bytes from a and b on are equal, up to end; b is before a. */
static ALWAYS_INLINE size_t
plain_equal_length(const unsigned char *a, const unsigned char *b,
    const unsigned char *end)
{
	const unsigned char *start = a;

	while (a < end && *a == *b)
		a++, b++;
	return (size_t)(a - start);
}

/* How many bytes before d[at] and d[from], which is the first of them, are
 * equal; `most` at the most. */
static ALWAYS_INLINE size_t
plain_equal_before(const unsigned char *d, size_t at, size_t from, size_t most)
{
	size_t n = 0;

	while (n < most && d[at - 1 - n] == d[from - 1 - n])
		n++;
	return n;
}

/* Where ," and {" are in [at, end); 65 bytes can be read from each. */
static ALWAYS_INLINE size_t
plain_find_fields(const unsigned char *d, size_t at, size_t end,
    uint32_t *found)
{
	size_t n = 0;

	for (; at < end; at++)
		if ((d[at] == ',' || d[at] == '{') && d[at + 1] == '"')
			found[n++] = (uint32_t)at;
	return n;
}

/* Bytes before the quote that ends a key; 32 when it is longer. */
static ALWAYS_INLINE unsigned
plain_key_length(const unsigned char *key)
{
	unsigned n = 0;

	while (n < 32 && key[n] != '"')
		n++;
	return n;
}

#define LANE(name) plain_##name
#define LANE_TARGET
#include "common/zio_fast_search.inc"

#ifdef __SSE2__

/* ---- SSE2, which all of these processors have ---- */

static ALWAYS_INLINE unsigned
sse2_equal_bits(const unsigned char *a, const unsigned char *b)
{
	__m128i x = _mm_loadu_si128((const __m128i *)a);
	__m128i y = _mm_loadu_si128((const __m128i *)b);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
}

/* Most lengths are below 32: looked at at once, with nothing to guess. */
static ALWAYS_INLINE size_t
sse2_equal_length(const unsigned char *a, const unsigned char *b,
    const unsigned char *end)
{
	const unsigned char *start = a;

	for (; end - a >= 32; a += 32, b += 32) {
		unsigned differ = ~(sse2_equal_bits(a, b) |
		    sse2_equal_bits(a + 16, b + 16) << 16);

		if (differ)
			return (size_t)(a - start) +
			    (size_t)__builtin_ctz(differ);
	}
	return (size_t)(a - start) + plain_equal_length(a, b, end);
}

static ALWAYS_INLINE size_t
sse2_equal_before(const unsigned char *d, size_t at, size_t from, size_t most)
{
	unsigned equal;
	size_t n;

	if (UNLIKELY(from < 16))
		return plain_equal_before(d, at, from, most);
	equal = sse2_equal_bits(d + at - 16, d + from - 16);
	n = (size_t)__builtin_clz(~(equal << 16));
	if (LIKELY(n < 16 || n >= most))
		return n < most ? n : most;
	return n + plain_equal_before(d, at - n, from - n, most - n);
}

/* The bytes of 64 that are c. */
static ALWAYS_INLINE uint64_t
sse2_bits_of(const unsigned char *p, char c)
{
	const __m128i want = _mm_set1_epi8(c);
	uint64_t found = 0;

	for (unsigned i = 0; i < 64; i += 16) {
		__m128i x = _mm_loadu_si128((const __m128i *)(p + i));

		found |= (uint64_t)(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x,
		             want))
		    << i;
	}
	return found;
}

static unsigned
count_bits(uint64_t v)
{
	v -= v >> 1 & 0x5555555555555555u;
	v = (v & 0x3333333333333333u) + (v >> 2 & 0x3333333333333333u);
	v = (v + (v >> 4)) & 0x0f0f0f0f0f0f0f0fu;
	return (unsigned)(v * 0x0101010101010101u >> 56);
}

/* The positions of `count` bits, from `at` on. Four are written, as many as
 * there are: nothing to guess. */
static ALWAYS_INLINE void
note_fields(uint64_t bits, unsigned count, size_t at, uint32_t *found)
{
	const uint64_t last = UINT64_C(1) << 63;

	for (unsigned i = 0; i < 4; i++, bits &= bits - 1)
		found[i] = (uint32_t)at +
		    (uint32_t)__builtin_ctzll(bits | last);
	if (LIKELY(count <= 4))
		return;
	for (unsigned i = 4; i < count; i++, bits &= bits - 1)
		found[i] = (uint32_t)at +
		    (uint32_t)__builtin_ctzll(bits | last);
}

static ALWAYS_INLINE size_t
sse2_find_fields(const unsigned char *d, size_t at, size_t end, uint32_t *found)
{
	size_t n = 0;

	for (; at < end; at += 64) {
		uint64_t quotes = sse2_bits_of(d + at, '"') >> 1 |
		    (uint64_t)(d[at + 64] == '"') << 63;
		uint64_t bits = quotes &
		    (sse2_bits_of(d + at, ',') | sse2_bits_of(d + at, '{'));
		unsigned count;

		if (end - at < 64)
			bits &= (UINT64_C(1) << (end - at)) - 1;
		count = count_bits(bits);
		note_fields(bits, count, at, found + n);
		n += count;
	}
	return n;
}

static ALWAYS_INLINE unsigned
sse2_key_length(const unsigned char *key)
{
	const __m128i quote = _mm_set1_epi8('"');
	__m128i x = _mm_loadu_si128((const __m128i *)key);
	__m128i y = _mm_loadu_si128((const __m128i *)(key + 16));
	unsigned lo = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote));
	unsigned hi = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(y, quote));
	unsigned found = lo | hi << 16;

	return found ? (unsigned)__builtin_ctz(found) : 32;
}

#define LANE(name) sse2_##name
#define LANE_TARGET
#include "common/zio_fast_search.inc"

/* ---- AVX2, and the operations on bits that came with it ---- */

#define AVX2 __attribute__((target("avx2,bmi,bmi2,lzcnt,popcnt")))

AVX2 static ALWAYS_INLINE unsigned
avx2_equal_bits(const unsigned char *a, const unsigned char *b)
{
	__m256i x = _mm256_loadu_si256((const __m256i *)a);
	__m256i y = _mm256_loadu_si256((const __m256i *)b);

	return (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x, y));
}

AVX2 static ALWAYS_INLINE size_t
avx2_equal_length(const unsigned char *a, const unsigned char *b,
    const unsigned char *end)
{
	const unsigned char *start = a;

	for (; end - a >= 32; a += 32, b += 32) {
		unsigned differ = ~avx2_equal_bits(a, b);

		if (LIKELY(differ))
			return (size_t)(a - start) +
			    (size_t)__builtin_ctz(differ);
	}
	return (size_t)(a - start) + plain_equal_length(a, b, end);
}

AVX2 static ALWAYS_INLINE size_t
avx2_equal_before(const unsigned char *d, size_t at, size_t from, size_t most)
{
	unsigned differ;
	size_t n;

	if (UNLIKELY(from < 32))
		return plain_equal_before(d, at, from, most);
	differ = ~avx2_equal_bits(d + at - 32, d + from - 32);
	n = differ ? (size_t)__builtin_clz(differ) : 32;
	if (LIKELY(n < 32 || n >= most))
		return n < most ? n : most;
	return n + plain_equal_before(d, at - n, from - n, most - n);
}

/* The bytes of 64 that are c. */
AVX2 static ALWAYS_INLINE uint64_t
avx2_bits(__m256i lo, __m256i hi)
{
	return (uint64_t)(unsigned)_mm256_movemask_epi8(lo) |
	    (uint64_t)(unsigned)_mm256_movemask_epi8(hi) << 32;
}

AVX2 static ALWAYS_INLINE size_t
avx2_find_fields(const unsigned char *d, size_t at, size_t end, uint32_t *found)
{
	const __m256i quote = _mm256_set1_epi8('"');
	const __m256i comma = _mm256_set1_epi8(',');
	const __m256i brace = _mm256_set1_epi8('{');
	size_t n = 0;

	for (; at < end; at += 64) {
		__m256i lo = _mm256_loadu_si256((const __m256i *)(d + at));
		__m256i hi = _mm256_loadu_si256((const __m256i *)(d + at + 32));
		__m256i q_lo =
		    _mm256_loadu_si256((const __m256i *)(d + at + 1));
		__m256i q_hi =
		    _mm256_loadu_si256((const __m256i *)(d + at + 33));
		uint64_t bits;

		q_lo = _mm256_cmpeq_epi8(q_lo, quote);
		q_hi = _mm256_cmpeq_epi8(q_hi, quote);
		lo = _mm256_or_si256(_mm256_cmpeq_epi8(lo, comma),
		    _mm256_cmpeq_epi8(lo, brace));
		hi = _mm256_or_si256(_mm256_cmpeq_epi8(hi, comma),
		    _mm256_cmpeq_epi8(hi, brace));
		bits = avx2_bits(_mm256_and_si256(lo, q_lo),
		    _mm256_and_si256(hi, q_hi));
		if (UNLIKELY(end - at < 64))
			bits &= (UINT64_C(1) << (end - at)) - 1;
		note_fields(bits, (unsigned)__builtin_popcountll(bits), at,
		    found + n);
		n += (unsigned)__builtin_popcountll(bits);
	}
	return n;
}

AVX2 static ALWAYS_INLINE unsigned
avx2_key_length(const unsigned char *key)
{
	__m256i x = _mm256_loadu_si256((const __m256i *)key);
	unsigned found = (unsigned)_mm256_movemask_epi8(_mm256_cmpeq_epi8(x,
	    _mm256_set1_epi8('"')));

	return found ? (unsigned)__builtin_ctz(found) : 32;
}

#define LANE(name)  avx2_##name
#define LANE_TARGET AVX2
#include "common/zio_fast_search.inc"

static bool
has_avx2(void)
{
	return __builtin_cpu_supports("avx2") &&
	    __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
	    __builtin_cpu_supports("popcnt");
}

#endif

/* ---- the search ---- */

static void
search(struct zio_fast *f)
{
#ifdef __SSE2__
	if (f->way == ZIO_FAST_BEST && has_avx2())
		avx2_search(f);
	else if (f->way != ZIO_FAST_PLAIN)
		sse2_search(f);
	else
		plain_search(f);
#else
	plain_search(f);
#endif
}

size_t
zio_fast_find(struct zio_fast *f, const void *data, size_t len,
    const struct zio_match **list, size_t *count)
{
	f->data = data;
	f->len = len;
	f->anchor = 0;
	f->block_end = len > BLOCK ? BLOCK : len;
	f->matched = 0;
	f->count = 0;
	memset(f->last, 0xff, sizeof(f->last));
	search(f);
	reserve(f);
	while (f->block_end < len)
		end_block(f);
	end_block(f);
	*list = f->matches;
	*count = f->count;
	return f->matched;
}

/* SPDX-License-Identifier: MIT */
/*
 * Rows repeat each other: the same keys in the same order, and often the same
 * values. So the only candidate for a match is where the same key stood last,
 * and only the starts of fields are looked at. What lies between two fields
 * that both matched is one long match; a value that differs is literals.
 */
#ifdef __SSE2__
#include <emmintrin.h>
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
zio_fast_new(void)
{
	return xcalloc(1, sizeof(struct zio_fast));
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

static void
push(struct zio_fast *f, size_t literals, size_t offset, size_t length)
{
	if (UNLIKELY(f->count == f->cap))
		f->matches = xgrow(f->matches, &f->cap, f->count + 1,
		    sizeof(*f->matches));
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

/* ---- looking at bytes ---- */

#ifdef __SSE2__

static unsigned
equal_bits(const unsigned char *a, const unsigned char *b)
{
	__m128i x = _mm_loadu_si128((const __m128i *)a);
	__m128i y = _mm_loadu_si128((const __m128i *)b);

	return (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, y));
}

/* Most lengths are below 32: looked at at once, with nothing to guess. */
static size_t
common_length(const unsigned char *a, const unsigned char *b,
    const unsigned char *end)
{
	const unsigned char *start = a;

	for (; end - a >= 32; a += 32, b += 32) {
		unsigned differ = ~(equal_bits(a, b) |
		    equal_bits(a + 16, b + 16) << 16);

		if (differ)
			return (size_t)(a - start) +
			    (size_t)__builtin_ctz(differ);
	}
	while (a < end && *a == *b)
		a++, b++;
	return (size_t)(a - start);
}

/* How many bytes before d[at] and d[from], which is the first of them, are
 * equal; `most` at the most. */
static size_t
common_before(const unsigned char *d, size_t at, size_t from, size_t most)
{
	size_t n = 0;

	if (from >= 16) {
		unsigned equal = equal_bits(d + at - 16, d + from - 16);

		n = (size_t)__builtin_clz(~(equal << 16));
		if (n < 16 || n >= most)
			return n < most ? n : most;
	}
	while (n < most && d[at - 1 - n] == d[from - 1 - n])
		n++;
	return n;
}

/* The bytes of 64 that are c. */
static uint64_t
bits_of(const unsigned char *p, char c)
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

/* Where ," and {" are in [at, end); 65 bytes can be read from each. */
static size_t
find_fields(const unsigned char *d, size_t at, size_t end, uint32_t *found)
{
	size_t n = 0;

	for (; at < end; at += 64) {
		uint64_t quotes = bits_of(d + at, '"') >> 1 |
		    (uint64_t)(d[at + 64] == '"') << 63;
		uint64_t bits = (bits_of(d + at, ',') | bits_of(d + at, '{')) &
		    quotes;
		unsigned count;

		if (end - at < 64)
			bits &= (UINT64_C(1) << (end - at)) - 1;
		count = count_bits(bits);
		/* Four are written, as many as there are: nothing to guess. */
		for (unsigned i = 0; i < 4 || i < count; i++) {
			uint64_t some = bits | UINT64_C(1) << 63;

			found[n + i] = (uint32_t)(at +
			    (size_t)__builtin_ctzll(some));
			bits &= bits - 1;
		}
		n += count;
	}
	return n;
}

/* Bytes before the quote that ends a key; 32 when it is longer. */
static unsigned
key_length(const unsigned char *key)
{
	const __m128i quote = _mm_set1_epi8('"');
	__m128i x = _mm_loadu_si128((const __m128i *)key);
	__m128i y = _mm_loadu_si128((const __m128i *)(key + 16));
	unsigned lo = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(x, quote));
	unsigned hi = (unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(y, quote));
	unsigned found = lo | hi << 16;

	return found ? (unsigned)__builtin_ctz(found) : 32;
}

#else

static size_t
common_length(const unsigned char *a, const unsigned char *b,
    const unsigned char *end)
{
	const unsigned char *start = a;

	while (a < end && *a == *b)
		a++, b++;
	return (size_t)(a - start);
}

static size_t
common_before(const unsigned char *d, size_t at, size_t from, size_t most)
{
	size_t n = 0;

	while (n < most && d[at - 1 - n] == d[from - 1 - n])
		n++;
	return n;
}

static size_t
find_fields(const unsigned char *d, size_t at, size_t end, uint32_t *found)
{
	size_t n = 0;

	for (; at < end; at++)
		if ((d[at] == ',' || d[at] == '{') && d[at + 1] == '"')
			found[n++] = (uint32_t)at;
	return n;
}

static unsigned
key_length(const unsigned char *key)
{
	unsigned n = 0;

	while (n < 32 && key[n] != '"')
		n++;
	return n;
}

#endif

static uint64_t
load8(const unsigned char *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Nested columns share long beginnings: ends and middle count, too. */
static unsigned
key_hash(const unsigned char *key)
{
	unsigned n = key_length(key);
	uint64_t h = n;

	if (n < 8) {
		uint64_t bytes = 0;

		memcpy(&bytes, key, 8);
		/* what is no part of the key is shifted out */
		h += n == 0 ? 0 : bytes << (64 - 8 * n);
	} else {
		h += load8(key) * 0x9e3779b185ebca87u;
		h ^= load8(key + n - 8) * 0xc2b2ae3d27d4eb4fu;
		h ^= load8(key + n / 2 - 4) * 0x165667b19e3779f9u;
	}
	return (unsigned)((h * 0x9e3779b97f4a7c15u) >> (64 - KEY_BITS));
}

/* ---- the search ---- */

/* The field that begins at `at` against the one at `from`; where to go on. */
static size_t
try_field(struct zio_fast *f, size_t at, size_t from)
{
	const unsigned char *d = f->data;
	size_t length = common_length(d + at, d + from, d + f->len);
	size_t next = at + length, most, before;

	if (length < MIN_MATCH)
		return at + 2;
	most = at > f->anchor ? at - f->anchor : 0;
	before = common_before(d, at, from, from < most ? from : most);
	add_match(f, at - before, at - from, length + before);
	/* The next field may begin with the match's last byte. */
	return next - 1;
}

/* Where to go on. */
static size_t
take_field(struct zio_fast *f, size_t at)
{
	uint32_t *last = &f->last[key_hash(f->data + at + 2)];
	uint32_t from = *last;

	*last = (uint32_t)at;
	return from == NOWHERE ? at + 2 : try_field(f, at, from);
}

/* All fields of a chunk are found before they are looked at: the one after the
 * next need not wait until it is known how long the next one's match is. */
size_t
zio_fast_find(struct zio_fast *f, const void *data, size_t len,
    const struct zio_match **list, size_t *count)
{
	size_t at = 0, stop = len > SLACK ? len - SLACK : 0;
	uint32_t fields[CHUNK / 2 + 4];

	f->data = data;
	f->len = len;
	f->anchor = 0;
	f->block_end = len > BLOCK ? BLOCK : len;
	f->matched = 0;
	f->count = 0;
	memset(f->last, 0xff, sizeof(f->last));
	for (size_t chunk = 0; chunk < stop; chunk += CHUNK) {
		size_t end = stop - chunk < CHUNK ? stop : chunk + CHUNK;
		size_t n = find_fields(f->data, chunk, end, fields);

		for (size_t i = 0; i < n; i++)
			if (fields[i] >= at)
				at = take_field(f, fields[i]);
	}
	while (f->block_end < len)
		end_block(f);
	end_block(f);
	*list = f->matches;
	*count = f->count;
	return f->matched;
}

/* SPDX-License-Identifier: MIT */
#include "common/utf8.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* The first byte at or after p that is not ASCII, or end. */
static const unsigned char *
skip_ascii(const unsigned char *p, const unsigned char *end)
{
#ifdef __SSE2__
	while (end - p >= 64) {
		__m128i a = _mm_loadu_si128((const void *)p);
		__m128i b = _mm_loadu_si128((const void *)(p + 16));
		__m128i c = _mm_loadu_si128((const void *)(p + 32));
		__m128i d = _mm_loadu_si128((const void *)(p + 48));

		a = _mm_or_si128(_mm_or_si128(a, b), _mm_or_si128(c, d));
		if (_mm_movemask_epi8(a) != 0)
			break;
		p += 64;
	}
	while (end - p >= 16) {
		int mask = _mm_movemask_epi8(_mm_loadu_si128((const void *)p));

		if (mask != 0)
			return p + __builtin_ctz((unsigned)mask);
		p += 16;
	}
#else
	while (end - p >= 8) {
		uint64_t word;

		memcpy(&word, p, sizeof(word));
		if (word & 0x8080808080808080U)
			break;
		p += 8;
	}
#endif
	while (p < end && *p < 0x80)
		p++;
	return p;
}

static bool
is_tail(unsigned char c)
{
	return (c & 0xC0) == 0x80;
}

/* Length of the well-formed sequence at p, which is not ASCII; 0 when there
 * is none. The ranges are those of RFC 3629 section 4. */
static size_t
sequence_len(const unsigned char *p, size_t room)
{
	unsigned char lead = p[0];

	if (lead < 0xC2 || lead > 0xF4 || room < 2 || !is_tail(p[1]))
		return 0;
	if (lead < 0xE0)
		return 2;
	if (room < 3 || !is_tail(p[2]))
		return 0;
	if (lead < 0xF0) {
		if ((lead == 0xE0 && p[1] < 0xA0) ||
		    (lead == 0xED && p[1] > 0x9F))
			return 0;
		return 3;
	}
	if (room < 4 || !is_tail(p[3]) || (lead == 0xF0 && p[1] < 0x90) ||
	    (lead == 0xF4 && p[1] > 0x8F))
		return 0;
	return 4;
}

size_t
utf8_valid_prefix(const char *s, size_t len)
{
	const unsigned char *start = (const unsigned char *)s;
	const unsigned char *p = start, *end = start + len;

	while (p < end) {
		size_t n;

		if (*p < 0x80) {
			p = skip_ascii(p, end);
			continue;
		}
		n = sequence_len(p, (size_t)(end - p));
		if (n == 0)
			break;
		p += n;
	}
	return (size_t)(p - start);
}

bool
utf8_is_valid(const char *s, size_t len)
{
	return utf8_valid_prefix(s, len) == len;
}

uint32_t
utf8_next(const char **s)
{
	const unsigned char *p = (const unsigned char *)*s;

	if (p[0] < 0x80) {
		*s += 1;
		return p[0];
	}
	if (p[0] < 0xE0) {
		*s += 2;
		return (uint32_t)(p[0] & 0x1F) << 6 | (p[1] & 0x3F);
	}
	if (p[0] < 0xF0) {
		*s += 3;
		return (uint32_t)(p[0] & 0x0F) << 12 |
		    (uint32_t)(p[1] & 0x3F) << 6 | (p[2] & 0x3F);
	}
	*s += 4;
	return (uint32_t)(p[0] & 0x07) << 18 | (uint32_t)(p[1] & 0x3F) << 12 |
	    (uint32_t)(p[2] & 0x3F) << 6 | (p[3] & 0x3F);
}

size_t
utf8_put(char *out, uint32_t cp)
{
	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	if (cp < 0x800) {
		out[0] = (char)(0xC0 | cp >> 6);
		out[1] = (char)(0x80 | (cp & 0x3F));
		return 2;
	}
	if (cp < 0x10000) {
		out[0] = (char)(0xE0 | cp >> 12);
		out[1] = (char)(0x80 | (cp >> 6 & 0x3F));
		out[2] = (char)(0x80 | (cp & 0x3F));
		return 3;
	}
	out[0] = (char)(0xF0 | cp >> 18);
	out[1] = (char)(0x80 | (cp >> 12 & 0x3F));
	out[2] = (char)(0x80 | (cp >> 6 & 0x3F));
	out[3] = (char)(0x80 | (cp & 0x3F));
	return 4;
}

size_t
utf8_count(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += !is_tail((unsigned char)s[i]);
	return n;
}

bool
utf8_is_space(uint32_t cp)
{
	if (cp < 0x80)
		return cp == ' ' || (cp >= 0x09 && cp <= 0x0D) ||
		    (cp >= 0x1C && cp <= 0x1F);
	return cp == 0x85 || cp == 0xA0 || cp == 0x1680 ||
	    (cp >= 0x2000 && cp <= 0x200A) || cp == 0x2028 || cp == 0x2029 ||
	    cp == 0x202F || cp == 0x205F || cp == 0x3000;
}

/* The zeros of the runs of ten decimal digits of Unicode 14.0, the version
 * of Python 3.11; ascending. */
static const uint32_t zeros[] = {
	0x0030,
	0x0660,
	0x06f0,
	0x07c0,
	0x0966,
	0x09e6,
	0x0a66,
	0x0ae6,
	0x0b66,
	0x0be6,
	0x0c66,
	0x0ce6,
	0x0d66,
	0x0de6,
	0x0e50,
	0x0ed0,
	0x0f20,
	0x1040,
	0x1090,
	0x17e0,
	0x1810,
	0x1946,
	0x19d0,
	0x1a80,
	0x1a90,
	0x1b50,
	0x1bb0,
	0x1c40,
	0x1c50,
	0xa620,
	0xa8d0,
	0xa900,
	0xa9d0,
	0xa9f0,
	0xaa50,
	0xabf0,
	0xff10,
	0x104a0,
	0x10d30,
	0x11066,
	0x110f0,
	0x11136,
	0x111d0,
	0x112f0,
	0x11450,
	0x114d0,
	0x11650,
	0x116c0,
	0x11730,
	0x118e0,
	0x11950,
	0x11c50,
	0x11d50,
	0x11da0,
	0x16a60,
	0x16ac0,
	0x16b50,
	0x1d7ce,
	0x1d7d8,
	0x1d7e2,
	0x1d7ec,
	0x1d7f6,
	0x1e140,
	0x1e2f0,
	0x1e950,
	0x1fbf0,
};

int
utf8_digit_value(uint32_t cp)
{
	size_t low = 0, high = ARRAY_LEN(zeros);

	if (cp < 0x80)
		return cp >= '0' && cp <= '9' ? (int)(cp - '0') : -1;
	while (high - low > 1) {
		size_t mid = (low + high) / 2;

		if (zeros[mid] <= cp)
			low = mid;
		else
			high = mid;
	}
	return cp - zeros[low] < 10 ? (int)(cp - zeros[low]) : -1;
}

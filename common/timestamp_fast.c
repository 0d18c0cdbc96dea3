/* SPDX-License-Identifier: MIT */
#include "common/timestamp_private.h"

#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

/* Is s[0..16) of the shape 0000-00-00T00:00? The byte between date and time
 * is left to the caller. */
static bool
has_minute_shape(const char *s)
{
	static const char shape[16] = "0000-00-00T00:00";
	static const unsigned char most[16] = { 9, 9, 9, 9, 0, 9, 9, 0, 9, 9,
		0xFF, 9, 9, 0, 9, 9 };
#ifdef __SSE2__
	__m128i limit = _mm_loadu_si128((const void *)most);
	__m128i diff = _mm_xor_si128(_mm_loadu_si128((const void *)s),
	    _mm_loadu_si128((const void *)shape));

	/* '0' ^ c is at most 9 for digits only */
	return _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_max_epu8(diff, limit),
	           limit)) == 0xFFFF;
#else
	unsigned bad = 0;

	for (int i = 0; i < 16; i++)
		bad |= (unsigned char)(s[i] ^ shape[i]) > most[i];
	return bad == 0;
#endif
}

/* Two digits, as a number that grows with theirs. */
static unsigned
pair(const char *s)
{
	return (unsigned)(unsigned char)s[0] << 8 | (unsigned char)s[1];
}

#define PAIR(tens, ones) ((unsigned)(tens) << 8 | (ones))

/* Of what has the shape: is it a time of a day that all months of all years
 * have? Mostly; the others need a closer look. */
static bool
is_common_day(const char *s)
{
	return pair(s + 5) - PAIR('0', '1') <=
	    PAIR('1', '2') - PAIR('0', '1') &&
	    pair(s + 8) - PAIR('0', '1') <= PAIR('2', '8') - PAIR('0', '1') &&
	    pair(s + 11) <= PAIR('2', '3') && s[14] <= '5' && s[17] <= '5' &&
	    pair(s) != PAIR('0', '0');
}

static int
two(const char *s)
{
	return (s[0] - '0') * 10 + (s[1] - '0');
}

static bool
is_valid(const char *s)
{
	struct parts v = { 0 };

	v.year = two(s) * 100 + two(s + 2);
	v.month = two(s + 5);
	v.day = two(s + 8);
	v.hour = two(s + 11);
	v.minute = two(s + 14);
	v.second = two(s + 17);
	return date_is_valid(&v) && time_is_valid(&v);
}

size_t
iso_utc_fast(const char *s, size_t len, char *out)
{
	const char *end = s + len;
	bool nonzero = false;
	size_t n = 19;

	if (len < 19 || !has_minute_shape(s) || s[16] != ':' ||
	    !is_digit(s[17]) || !is_digit(s[18]) ||
	    (s[10] != 'T' && s[10] != ' '))
		return 0;
	if (UNLIKELY(!is_common_day(s)) && !is_valid(s))
		return 0;
	memcpy(out, s, 19);
	out[10] = 'T';
	s += 19;
	if (s < end && *s == '.') {
		const char *digits = ++s;

		memcpy(out + 19, ".000000", 7);
		for (; s < end && is_digit(*s); s++)
			if (s - digits < 6) {
				out[20 + (s - digits)] = *s;
				nonzero |= *s != '0';
			}
		if (s == digits)
			return 0;
		n += nonzero ? 7 : 0;
	}
	if (s < end && !(end - s == 1 && *s == 'Z') &&
	    !(end - s == 6 && memcmp(s, "+00:00", 6) == 0))
		return 0;
	memcpy(out + n, "+00:00", 6);
	return n + 6;
}

bool
iso_utc_us(const char *s, size_t len, int64_t *us)
{
	struct parts v = { 0 };
	char text[32];
	size_t n = iso_utc_fast(s, len, text);

	if (!n)
		return false;
	v.year = two(text) * 100 + two(text + 2);
	v.month = two(text + 5);
	v.day = two(text + 8);
	v.hour = two(text + 11);
	v.minute = two(text + 14);
	v.second = two(text + 17);
	if (text[19] == '.')
		v.us = two(text + 20) * 10000 + two(text + 22) * 100 +
		    two(text + 24);
	*us = parts_us(&v);
	return true;
}

/* SPDX-License-Identifier: MIT */
/*
 * walk_copy: how the fast lane copies the tokens of a row, and checks them on
 * the way. Private to walk.c.
 *
 * Shape:  from p to w, which is o->w in a register; what succeeds sets o->w
 *         and returns the byte behind the token. NULL: a surprise.
 *         put_prefix() leaves VALUE_ROOM bytes for the value that follows;
 *         only a string needs more. A NUL and SCAN_SLACK follow the input.
 */
#ifndef DLT_NORMALIZE_WALK_COPY_H
#define DLT_NORMALIZE_WALK_COPY_H

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/timestamp.h"
#include "tools/dlt-normalize/walker.h"

#define VALUE_ROOM    64
#define ESCAPE_MAX    12  /* bytes of a pair of surrogates */
#define BIGINT_DIGITS 18  /* always fit int64 */
#define DOUBLE_DIGITS 15  /* integers that a double holds */
#define DOUBLE_SAFE   200 /* digits of a mantissa that cannot overflow */

/* Append n bytes, in blocks: both sides have slack. */
static ALWAYS_INLINE char *
put_block(char *w, const char *s, size_t n)
{
	memcpy(w, s, 32);
	for (size_t i = 32; UNLIKELY(i < n); i += 32)
		memcpy(w + i, s + i, 32);
	return w + n;
}

/* The column's name; the value goes where this returns. */
static ALWAYS_INLINE char *
put_prefix(struct out *o, const struct key *k)
{
	out_reserve(o, k->prefix_len + VALUE_ROOM);
	return put_block(o->w, k->prefix, k->prefix_len);
}

/* ---- strings ---- */

static bool
is_hex(char c)
{
	return (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'f');
}

/* Length of a legal escape at p (a backslash); a pair of surrogates counts as
 * one. 0: a surprise. */
static NOINLINE size_t
escape_len(const char *p)
{
	bool high;

	if (p[1] && strchr("\"\\/bfnrt", p[1]))
		return 2;
	if (p[1] != 'u' || !is_hex(p[2]) || !is_hex(p[3]) || !is_hex(p[4]) ||
	    !is_hex(p[5]))
		return 0;
	if ((p[2] | 32) != 'd' || p[3] < '8')
		return 6;
	high = (p[3] | 32) == '8' || (p[3] | 32) == '9' || (p[3] | 32) == 'a' ||
	    (p[3] | 32) == 'b';
	if (!high || p[6] != '\\' || p[7] != 'u' || (p[8] | 32) != 'd' ||
	    (p[9] | 32) < 'c' || (p[9] | 32) > 'f' || !is_hex(p[10]) ||
	    !is_hex(p[11]))
		return 0;
	return 12;
}

/* May the string (p behind its quote) carry a type marker, U+F026..F02E, as
 * bytes or as an escape? */
static ALWAYS_INLINE bool
may_be_marked(const char *p)
{
	return (unsigned char)*p == 0xef && (unsigned char)p[1] == 0x80;
}

static ALWAYS_INLINE bool
may_be_marked_escape(const char *p)
{
	return p[1] == 'u' && (p[2] | 32) == 'f';
}

#ifdef __SSE2__
/* Bits of the bytes that end or interrupt a string. */
static ALWAYS_INLINE unsigned
string_stops(__m128i v)
{
	__m128i quote = _mm_cmpeq_epi8(v, _mm_set1_epi8('"'));
	__m128i slash = _mm_cmpeq_epi8(v, _mm_set1_epi8('\\'));
	__m128i ctl = _mm_cmpeq_epi8(_mm_min_epu8(v, _mm_set1_epi8(0x1f)), v);

	return (unsigned)
	    _mm_movemask_epi8(_mm_or_si128(_mm_or_si128(quote, slash), ctl));
}
#endif

/* The segment's memory may move: returns where w is then. */
static NOINLINE char *
make_room(struct out *o, char *w)
{
	o->w = w;
	out_grow(o, ROW_SLACK);
	return o->w;
}

/* Plain bytes up to where the string stops; *w moves along, up to 16 bytes
 * behind the limit. */
static ALWAYS_INLINE const char *
copy_plain(struct out *o, char **w, const char *p)
{
	for (;;) {
#ifdef __SSE2__
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		unsigned m = string_stops(v);

		_mm_storeu_si128((__m128i *)(void *)*w, v);
		if (LIKELY(m)) {
			unsigned n = (unsigned)__builtin_ctz(m);

			*w += n;
			return p + n;
		}
		p += 16;
		*w += 16;
#else
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
			return p;
		*(*w)++ = *p++;
#endif
		if (UNLIKELY(*w > o->lim))
			*w = make_room(o, *w);
	}
}

static ALWAYS_INLINE const char *
copy_string(struct out *o, char *w, const char *p)
{
	const char *begin = p + 1;

	if (UNLIKELY(may_be_marked(begin)))
		return NULL;
	*w++ = *p++;
	for (;;) {
		size_t n;

		p = copy_plain(o, &w, p);
		if (LIKELY(*p == '"')) {
			*w++ = '"';
			o->w = w;
			return p + 1;
		}
		n = *p == '\\' ? escape_len(p) : 0;
		if (!n || (p == begin && may_be_marked_escape(p)))
			return NULL;
		memcpy(w, p, ESCAPE_MAX);
		w += n;
		p += n;
		if (UNLIKELY(w > o->lim))
			w = make_room(o, w);
	}
}

/* Where the string (p behind its quote) stops, if within 40 bytes or so. */
static ALWAYS_INLINE size_t
short_length(const char *p)
{
	size_t n = 0;

#ifdef __SSE2__
	for (; n < 48; n += 16) {
		unsigned m = string_stops(_mm_loadu_si128((const __m128i
		        *)(const void *)(p + n)));

		if (m)
			return n + (unsigned)__builtin_ctz(m);
	}
#else
	while (n < 40 && p[n] != '"' && p[n] != '\\' &&
	    (unsigned char)p[n] >= ' ')
		n++;
#endif
	return n;
}

static const char *
copy_timestamp(struct out *o, char *w, const char *p)
{
	const char *s = p + 1;
	size_t len = short_length(s), n;

	if (len > 40 || s[len] != '"')
		return NULL;
	*w++ = '"';
	n = iso_utc_fast(s, len, w);
	if (!n)
		return NULL;
	w += n;
	*w++ = '"';
	o->w = w;
	return s + len + 1;
}

/* ---- numbers ---- */

static ALWAYS_INLINE const char *
digits(const char *p)
{
	while ((unsigned char)(*p - '0') <= 9)
		p++;
	return p;
}

/* The fraction and exponent at q of a number that begins at p; NULL: bad, or
 * so large that it needs a closer look. */
static const char *
float_tail(const char *p, const char *q)
{
	const char *d;

	if (*q == '.') {
		d = q + 1;
		q = digits(d);
		if (q == d)
			return NULL;
	}
	if (q - p > DOUBLE_SAFE)
		return NULL;
	if ((*q | 32) == 'e') {
		d = q + 1;
		d += *d == '+' || *d == '-';
		q = digits(d);
		if (q == d || q - d > 2)
			return NULL;
	}
	return q;
}

/* Any number; copy_number() has those that people write. */
static NOINLINE const char *
copy_long_number(struct out *o, char *w, const struct key *k, const char *p)
{
	const char *first = p + (*p == '-'), *q = digits(first);
	size_t count = (size_t)(q - first), len;
	bool whole = *q != '.' && (*q | 32) != 'e';

	if (UNLIKELY(!count || (*first == '0' && count > 1)))
		return NULL;
	if (LIKELY(whole)) {
		size_t most = k->type == TYPE_BIGINT ? BIGINT_DIGITS
		                                     : DOUBLE_DIGITS;

		/* an integer -0 is 0, and no -0.0 */
		if (UNLIKELY(count > most || (*first == '0' && first != p)))
			return NULL;
	} else {
		if (k->type != TYPE_DOUBLE)
			return NULL;
		q = float_tail(p, q);
		if (!q)
			return NULL;
	}
	len = (size_t)(q - p);
	if (UNLIKELY(len > VALUE_ROOM / 2)) {
		o->w = w;
		out_reserve(o, len + VALUE_ROOM);
		w = o->w;
	}
	w = put_block(w, p, len);
	if (whole && k->type == TYPE_DOUBLE) {
		*w++ = '.';
		*w++ = '0';
	}
	o->w = w;
	return q;
}

#ifdef __SSE2__

/* Bits of the bytes that are no digits. */
static ALWAYS_INLINE unsigned
no_digits(const char *p)
{
	__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
	__m128i d = _mm_sub_epi8(v, _mm_set1_epi8('0'));
	__m128i small = _mm_min_epu8(d, _mm_set1_epi8(9));

	return 0xffff & ~(unsigned)_mm_movemask_epi8(_mm_cmpeq_epi8(d, small));
}

/* Up to 15 digits, with a fraction among them or without. */
static ALWAYS_INLINE const char *
copy_number(struct out *o, char *w, const struct key *k, const char *p)
{
	const char *first = p + (*p == '-'), *q;
	unsigned m = no_digits(first), count, more;
	bool whole = true;

	if (UNLIKELY(!m))
		return copy_long_number(o, w, k, p);
	count = (unsigned)__builtin_ctz(m);
	q = first + count;
	if (UNLIKELY(!count || (*first == '0' && count > 1)))
		return NULL;
	if (*q == '.') {
		m >>= count + 1;
		more = m ? (unsigned)__builtin_ctz(m) : 0;
		if (UNLIKELY(!more || k->type != TYPE_DOUBLE))
			return copy_long_number(o, w, k, p);
		q += 1 + more;
		whole = false;
	} else if (UNLIKELY(*first == '0' && first != p)) {
		return NULL; /* an integer -0 is 0, and no -0.0 */
	}
	if (UNLIKELY((*q | 32) == 'e'))
		return copy_long_number(o, w, k, p);
	w = put_block(w, p, (size_t)(q - p));
	if (whole && k->type == TYPE_DOUBLE) {
		*w++ = '.';
		*w++ = '0';
	}
	o->w = w;
	return q;
}

#else

static ALWAYS_INLINE const char *
copy_number(struct out *o, char *w, const struct key *k, const char *p)
{
	return copy_long_number(o, w, k, p);
}

#endif

static ALWAYS_INLINE const char *
copy_literal(struct out *o, char *w, const char *p, const char *text,
    size_t len)
{
	if (memcmp(p, text, len) != 0)
		return NULL;
	memcpy(w, text, len);
	o->w = w + len;
	return p + len;
}

#endif

/* SPDX-License-Identifier: MIT */
#include "common/scan.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "common/utf8.h"

#define STRINGIFY_(x) #x
#define STRINGIFY(x)  STRINGIFY_(x)

/* Everything between two values; the brackets that are open are bits, 1 for
 * an object. */
struct walk {
	const char *p;
	const char *end;
	bool final;
	struct scan *s;
	size_t depth;
	uint64_t open[MAX_NESTING / 64];
};

static ALWAYS_INLINE bool
is_space(char c)
{
	return c == ' ' || c == '\n' || c == '\r' || c == '\t';
}

static ALWAYS_INLINE bool
is_digit(char c)
{
	return (unsigned char)(c - '0') < 10;
}

static NOINLINE enum scan_status
bad(struct walk *w, const char *at, const char *what)
{
	w->s->next = at;
	w->s->what = what;
	return SCAN_BAD;
}

static ALWAYS_INLINE void
skip_space(struct walk *w)
{
	if (LIKELY(w->p < w->end && (unsigned char)*w->p > ' '))
		return;
	for (; w->p < w->end && is_space(*w->p); w->p++)
		if (*w->p == '\n' || *w->p == '\r')
			w->s->has_newline = true;
}

const char *
scan_space(const char *p, const char *end)
{
	while (p < end && is_space(*p))
		p++;
	return p;
}

/* The first quote, backslash or control byte in [p, end), or end; *high is set
 * when a byte before it is not ASCII. */
static ALWAYS_INLINE const char *
run_end(const char *p, const char *end, bool *high)
{
#ifdef __SSE2__
	const __m128i quote = _mm_set1_epi8('"');
	const __m128i slash = _mm_set1_epi8('\\');
	const __m128i low = _mm_set1_epi8(0x1f);

	/* reads up to 15 bytes behind end: SCAN_SLACK */
	for (; p < end; p += 16) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)p);
		__m128i m = _mm_or_si128(_mm_or_si128(_mm_cmpeq_epi8(v, quote),
		                             _mm_cmpeq_epi8(v, slash)),
		    _mm_cmpeq_epi8(_mm_min_epu8(v, low), v));
		unsigned stop = (unsigned)_mm_movemask_epi8(m);
		unsigned top = (unsigned)_mm_movemask_epi8(v);

		if (LIKELY(stop)) {
			unsigned n = (unsigned)__builtin_ctz(stop);

			*high |= (top & ((1u << n) - 1)) != 0;
			p += n;
			return p < end ? p : end;
		}
		*high |= top != 0;
	}
	return end;
#else
	for (; p < end; p++) {
		unsigned char c = (unsigned char)*p;

		if (c == '"' || c == '\\' || c < 0x20)
			return p;
		*high |= c >= 0x80;
	}
	return end;
#endif
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* \uXXXX at the backslash: its code unit, -1 bad, -2 cut off by end. */
static int
code_unit(const char *p, const char *end)
{
	int v = 0;

	for (int i = 0; i < 6; i++) {
		int digit;

		if (p + i >= end)
			return -2;
		if (i < 2) {
			if (p[i] != "\\u"[i])
				return -1;
			continue;
		}
		digit = hex_value(p[i]);
		if (digit < 0)
			return -1;
		v = v * 16 + digit;
	}
	return v;
}

/* A \u escape, with its second half when it needs one. */
static enum scan_status
scan_unicode(struct walk *w)
{
	const char *at = w->p;
	int unit = code_unit(at, w->end);

	if (unit == -2)
		return SCAN_MORE;
	if (unit < 0)
		return bad(w, at, "\\u needs four hexadecimal digits");
	w->p = at + 6;
	if (unit < 0xd800 || unit > 0xdfff)
		return SCAN_OK;
	if (unit < 0xdc00) {
		unit = code_unit(w->p, w->end);
		if (unit == -2)
			return SCAN_MORE;
		w->p += 6;
		if (unit >= 0xdc00 && unit <= 0xdfff)
			return SCAN_OK;
	}
	return bad(w, at, "lone surrogate in a string");
}

static enum scan_status
scan_escape(struct walk *w)
{
	if (w->p + 1 >= w->end)
		return SCAN_MORE;
	switch (w->p[1]) {
	case 'u':
		return scan_unicode(w);
	case '"':
	case '\\':
	case '/':
	case 'b':
	case 'f':
	case 'n':
	case 'r':
	case 't':
		w->p += 2;
		return SCAN_OK;
	default:
		return bad(w, w->p, "unknown escape in a string");
	}
}

static NOINLINE enum scan_status
scan_string_slow(struct walk *w, const char *start, bool high)
{
	enum scan_status st = SCAN_OK;
	size_t len, good;

	while (w->p < w->end && *w->p != '"') {
		if (*w->p != '\\')
			return bad(w, w->p,
			    "control character in a string (must be escaped)");
		st = scan_escape(w);
		if (st != SCAN_OK)
			return st;
		w->p = run_end(w->p, w->end, &high);
	}
	if (w->p == w->end)
		return SCAN_MORE;
	len = (size_t)(w->p - start);
	if (high) {
		good = utf8_valid_prefix(start, len);
		if (good < len)
			return bad(w, start + good,
			    "invalid UTF-8 in a string");
	}
	w->p++;
	return SCAN_OK;
}

/* At the opening quote; ends behind the closing one. */
static ALWAYS_INLINE enum scan_status
scan_string(struct walk *w)
{
	const char *start = w->p + 1;
	bool high = false;

	w->p = run_end(start, w->end, &high);
	if (LIKELY(w->p < w->end && *w->p == '"' && !high)) {
		w->p++;
		return SCAN_OK;
	}
	return scan_string_slow(w, start, high);
}

/* The digits of 2^1024 - 2^970: from here on a number rounds to infinity. */
static const char infinite_from[] =
    "17976931348623158079372897140530341507993413271003782693617377898044"
    "49682927647509466490179775872070963302864166928879109465555478519404"
    "02630657488671505820681908902000708383676273854845817711531764475730"
    "27006985557136695962284291481986083493647529271907416844436551070434"
    "2711559699508093042880177904174497792";

/* Value of the digits after e or E, with sign; far beyond any text: clamped. */
static long long
exponent_value(const char *p, const char *end)
{
	const long long most = (long long)1 << 60;
	bool minus = false;
	long long v = 0;

	if (p < end && (*p == '+' || *p == '-'))
		minus = *p++ == '-';
	for (; p < end; p++)
		v = v < most / 16 ? v * 10 + (*p - '0') : most;
	return minus ? -v : v;
}

bool
scan_number_is_infinite(const char *s, size_t len)
{
	const char *end = s + len, *p = s, *first = NULL, *stop;
	const char *limit = infinite_from;
	long long whole = 0; /* digits before the point, from the first not 0 */
	bool point = false;

	if (len < 309 && !memchr(s, 'e', len) && !memchr(s, 'E', len))
		return false;
	if (p < end && *p == '-')
		p++;
	for (; p < end && (*p == '.' || is_digit(*p)); p++) {
		if (*p == '.') {
			point = true;
			continue;
		}
		if (!first && *p != '0')
			first = p;
		if (!point)
			whole += first != NULL;
		else
			whole -= first == NULL;
	}
	if (!first)
		return false;
	stop = p;
	if (p < end)
		whole += exponent_value(p + 1, end);
	if (whole != (long long)sizeof(infinite_from) - 1)
		return whole > (long long)sizeof(infinite_from) - 1;
	for (p = first; p < stop && *limit; p++) {
		if (*p == '.')
			continue;
		if (*p != *limit)
			return *p > *limit;
		limit++;
	}
	/* all digits are equal so far: a shorter number ends in zeros */
	return limit[strspn(limit, "0")] == '\0';
}

/* What the end of the input means inside a number. */
static enum scan_status
number_cut(struct walk *w, const char *what)
{
	return w->final ? bad(w, w->p, what) : SCAN_MORE;
}

/* At least one digit. */
static ALWAYS_INLINE enum scan_status
scan_digits(struct walk *w, const char *what)
{
	if (UNLIKELY(w->p >= w->end))
		return number_cut(w, what);
	if (UNLIKELY(!is_digit(*w->p)))
		return bad(w, w->p, what);
	do
		w->p++;
	while (w->p < w->end && is_digit(*w->p));
	return SCAN_OK;
}

/* Fraction and exponent; at '.', 'e' or 'E'. */
static enum scan_status
scan_fraction(struct walk *w)
{
	enum scan_status st;

	if (*w->p == '.') {
		w->p++;
		st = scan_digits(w, "expected a digit after '.'");
		if (st != SCAN_OK)
			return st;
	}
	if (w->p < w->end && (*w->p == 'e' || *w->p == 'E')) {
		w->p++;
		if (w->p < w->end && (*w->p == '+' || *w->p == '-'))
			w->p++;
		return scan_digits(w, "expected a digit in the exponent");
	}
	return SCAN_OK;
}

static ALWAYS_INLINE enum scan_status
scan_number(struct walk *w)
{
	const char *from = w->p;
	enum scan_status st;

	if (*w->p == '-')
		w->p++;
	if (w->p < w->end && *w->p == '0') {
		w->p++;
		if (w->p < w->end && is_digit(*w->p))
			return bad(w, w->p - 1, "number with a leading zero");
	} else {
		st = scan_digits(w, "expected a digit");
		if (st != SCAN_OK)
			return st;
	}
	if (w->p < w->end && (*w->p == '.' || *w->p == 'e' || *w->p == 'E')) {
		st = scan_fraction(w);
		if (st != SCAN_OK)
			return st;
		if (UNLIKELY(scan_number_is_infinite(from,
		        (size_t)(w->p - from))))
			return bad(w, from, "number is too large for a double");
	} else if (UNLIKELY(w->p - from > 308) &&
	    scan_number_is_infinite(from, (size_t)(w->p - from))) {
		return bad(w, from, "number is too large for a double");
	}
	return w->p == w->end && !w->final ? SCAN_MORE : SCAN_OK;
}

static ALWAYS_INLINE enum scan_status
scan_word(struct walk *w, const char *word, size_t n)
{
	size_t have = (size_t)(w->end - w->p);

	if (LIKELY(have >= n)) {
		if (UNLIKELY(memcmp(w->p, word, n) != 0))
			return bad(w, w->p, "expected a value");
		w->p += n;
		return SCAN_OK;
	}
	if (memcmp(w->p, word, have) != 0)
		return bad(w, w->p, "expected a value");
	return SCAN_MORE;
}

static ALWAYS_INLINE enum scan_status
scan_scalar(struct walk *w)
{
	switch (*w->p) {
	case '"':
		return scan_string(w);
	case 't':
		return scan_word(w, "true", 4);
	case 'f':
		return scan_word(w, "false", 5);
	case 'n':
		return scan_word(w, "null", 4);
	case '-':
	case '0':
	case '1':
	case '2':
	case '3':
	case '4':
	case '5':
	case '6':
	case '7':
	case '8':
	case '9':
		return scan_number(w);
	default:
		return bad(w, w->p, "expected a value");
	}
}

/* A key and its colon. */
static ALWAYS_INLINE enum scan_status
scan_key(struct walk *w)
{
	enum scan_status st;

	skip_space(w);
	if (UNLIKELY(w->p >= w->end))
		return SCAN_MORE;
	if (UNLIKELY(*w->p != '"'))
		return bad(w, w->p, "expected a key in quotes");
	st = scan_string(w);
	if (UNLIKELY(st != SCAN_OK))
		return st;
	skip_space(w);
	if (UNLIKELY(w->p >= w->end))
		return SCAN_MORE;
	if (UNLIKELY(*w->p != ':'))
		return bad(w, w->p, "expected ':'");
	w->p++;
	skip_space(w);
	return SCAN_OK;
}

static ALWAYS_INLINE bool
in_object(const struct walk *w)
{
	size_t top = w->depth - 1;

	return w->open[top / 64] >> (top % 64) & 1;
}

/* An opening bracket; *empty: its closing one, too. */
static ALWAYS_INLINE enum scan_status
scan_open(struct walk *w, bool *empty)
{
	bool object = *w->p == '{';
	uint64_t bit = (uint64_t)1 << (w->depth % 64);
	uint64_t *word;

	*empty = false;
	if (UNLIKELY(w->depth == MAX_NESTING))
		return bad(w, w->p,
		    "more than " STRINGIFY(MAX_NESTING) " levels of nesting");
	word = &w->open[w->depth / 64];
	if (w->depth % 64 == 0)
		*word = 0;
	*word = object ? *word | bit : *word & ~bit;
	w->depth++;
	w->p++;
	skip_space(w);
	if (UNLIKELY(w->p >= w->end))
		return SCAN_MORE;
	if (*w->p == (object ? '}' : ']')) {
		w->p++;
		w->depth--;
		*empty = true;
		return SCAN_OK;
	}
	return object ? scan_key(w) : SCAN_OK;
}

/* What follows a value, up to the place of the next; depth 0: finished. */
static ALWAYS_INLINE enum scan_status
scan_after(struct walk *w)
{
	while (w->depth > 0) {
		bool object = in_object(w);

		skip_space(w);
		if (UNLIKELY(w->p >= w->end))
			return SCAN_MORE;
		if (LIKELY(*w->p == ',')) {
			w->p++;
			if (object)
				return scan_key(w);
			skip_space(w);
			return SCAN_OK;
		}
		if (UNLIKELY(*w->p != (object ? '}' : ']')))
			return bad(w, w->p,
			    object ? "expected ',' or '}'"
			           : "expected ',' or ']'");
		w->p++;
		w->depth--;
	}
	return SCAN_OK;
}

static enum scan_status
walk(struct walk *w)
{
	enum scan_status st;

	do {
		bool empty = true;

		if (UNLIKELY(w->p >= w->end))
			return SCAN_MORE;
		if (*w->p == '{' || *w->p == '[')
			st = scan_open(w, &empty);
		else
			st = scan_scalar(w);
		if (UNLIKELY(st != SCAN_OK))
			return st;
		if (!empty)
			continue;
		st = scan_after(w);
		if (UNLIKELY(st != SCAN_OK))
			return st;
	} while (w->depth > 0);
	return SCAN_OK;
}

enum scan_status
scan_value(const char *p, const char *end, bool final, struct scan *s)
{
	struct walk w;
	enum scan_status st;

	w.p = p;
	w.end = end;
	w.final = final;
	w.s = s;
	w.depth = 0;
	w.open[0] = 0;
	*s = (struct scan){ .next = end };
	st = walk(&w);
	if (st == SCAN_OK)
		s->next = w.p;
	return st;
}

/* The place behind a string whose opening quote is before p, or NULL. */
static const char *
skip_string(const char *p, const char *end)
{
	bool high = false;

	for (;;) {
		p = run_end(p, end, &high);
		if (p >= end)
			return NULL;
		if (*p == '"')
			return p + 1;
		p += *p == '\\' ? 2 : 1;
		if (p > end)
			return NULL;
	}
}

#ifdef __SSE2__
/* Where c stands in the 64 bytes at p, as bits; with fold, bit 5 is set first:
 * [ and { are then one byte, and so are ] and }. */
static ALWAYS_INLINE uint64_t
find_bits(const char *p, char c, char fold)
{
	const __m128i want = _mm_set1_epi8(c), bit5 = _mm_set1_epi8(fold);
	uint64_t bits = 0;

	for (int i = 0; i < 4; i++) {
		__m128i v = _mm_loadu_si128((const __m128i *)(const void *)(p +
		    i * 16));
		unsigned m = (unsigned)
		    _mm_movemask_epi8(_mm_cmpeq_epi8(_mm_or_si128(v, bit5),
		        want));

		bits |= (uint64_t)m << (i * 16);
	}
	return bits;
}

/* The bytes that a backslash before them escapes; *carry goes from block to
 * block. */
static uint64_t
escaped_bits(uint64_t slashes, uint64_t *carry)
{
	uint64_t escaped = *carry;

	slashes &= ~*carry;
	*carry = 0;
	while (slashes) {
		uint64_t bit = slashes & -slashes;

		escaped |= bit << 1;
		*carry = bit >> 63;
		slashes &= ~(bit | bit << 1);
	}
	return escaped;
}

/* From each quote to the next: bit n is the parity of the bits 0 to n. */
static ALWAYS_INLINE uint64_t
inside_bits(uint64_t quotes)
{
	for (int shift = 1; shift < 64; shift *= 2)
		quotes ^= quotes << shift;
	return quotes;
}

/* The place behind the container that begins at p, or NULL. 64 bytes at a
 * time; the last block reads up to 63 bytes behind end: SCAN_SLACK. */
static const char *
skip_container(const char *p, const char *end)
{
	uint64_t carry = 0, inside = 0;
	size_t depth = 0;

	for (; p < end; p += 64) {
		uint64_t valid = end - p < 64 ? ((uint64_t)1 << (end - p)) - 1
		                              : ~(uint64_t)0;
		uint64_t slashes = find_bits(p, '\\', 0) & valid;
		uint64_t quotes = find_bits(p, '"', 0) & valid;
		uint64_t open, close, marks;
		size_t closing;

		if (UNLIKELY(slashes | carry))
			quotes &= ~escaped_bits(slashes, &carry);
		inside ^= inside_bits(quotes);
		open = find_bits(p, '{', 0x20) & valid & ~inside;
		close = find_bits(p, '}', 0x20) & valid & ~inside;
		inside = inside >> 63 ? ~(uint64_t)0 : 0;
		closing = (size_t)__builtin_popcountll(close);
		if (LIKELY(closing < depth)) {
			depth += (size_t)__builtin_popcountll(open) - closing;
			continue;
		}
		for (marks = open | close; marks; marks &= marks - 1) {
			int at = __builtin_ctzll(marks);

			if (open >> at & 1)
				depth++;
			else if (--depth == 0)
				return p + at + 1;
		}
	}
	return NULL;
}
#else
static const char *
skip_container(const char *p, const char *end)
{
	size_t depth = 0;

	while (p < end) {
		char c = *p++;

		if (c == '"') {
			p = skip_string(p, end);
			if (!p)
				return NULL;
		} else if (c == '{' || c == '[') {
			depth++;
		} else if ((c == '}' || c == ']') && --depth == 0) {
			return p;
		}
	}
	return NULL;
}
#endif

const char *
scan_skip(const char *p, const char *end)
{
	if (p >= end)
		return NULL;
	if (*p == '"')
		return skip_string(p + 1, end);
	if (*p == '{' || *p == '[')
		return skip_container(p, end);
	while (p < end && !is_space(*p) && *p != ',' && *p != ']' && *p != '}')
		p++;
	return p < end ? p : NULL;
}

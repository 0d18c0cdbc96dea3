/* SPDX-License-Identifier: MIT */
#include "common/decimal.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/utf8.h"

/* Python's sys.int_info.default_max_str_digits. */
#define MAX_INT_DIGITS 4300
/* So many hexadecimal digits may have MAX_INT_DIGITS decimal ones. */
#define MAX_HEX_DIGITS 3570
/* Limits of the exponent in libmpdec on 64-bit machines. */
#define MAX_EXPONENT INT64_C(999999999999999999)

static bool
is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static void
add_zeros(struct buf *out, size_t n)
{
	buf_reserve(out, n);
	for (; n > 0; n--)
		buf_addc(out, '0');
}

/* ---- JSON integer tokens ---- */

const char *
number_token(const char *p, const char *end, bool *integer)
{
	const char *digits;

	*integer = true;
	if (p < end && *p == '-')
		p++;
	digits = p;
	while (p < end && *p >= '0' && *p <= '9')
		p++;
	if (p == digits || (*digits == '0' && p - digits > 1))
		return NULL;
	if (p < end && *p == '.') {
		*integer = false;
		digits = ++p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == digits)
			return NULL;
	}
	if (p < end && (*p == 'e' || *p == 'E')) {
		*integer = false;
		p++;
		if (p < end && (*p == '+' || *p == '-'))
			p++;
		digits = p;
		while (p < end && *p >= '0' && *p <= '9')
			p++;
		if (p == digits)
			return NULL;
	}
	return p;
}

bool
number_is_integer(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] == '.' || s[i] == 'e' || s[i] == 'E')
			return false;
	return true;
}

/* Is |token| at most limit, a decimal number without leading zeros? */
static bool
magnitude_at_most(const char *s, size_t len, const char *limit)
{
	size_t limit_len = strlen(limit);

	while (len > 0 && *s == '0') {
		s++;
		len--;
	}
	if (len != limit_len)
		return len < limit_len;
	return memcmp(s, limit, len) <= 0;
}

bool
integer_fits_int64(const char *s, size_t len)
{
	if (len > 0 && *s == '-')
		return magnitude_at_most(s + 1, len - 1, "9223372036854775808");
	return magnitude_at_most(s, len, "9223372036854775807");
}

bool
integer_fits_uint64(const char *s, size_t len)
{
	if (len > 0 && *s == '-')
		return integer_fits_int64(s, len);
	return magnitude_at_most(s, len, "18446744073709551615");
}

/* ---- decimal numbers in parts ---- */

enum num_kind { NUM_FINITE, NUM_INFINITY, NUM_NAN, NUM_SNAN };

/* (-1)^negative * digits * 10^exponent. */
struct num {
	enum num_kind kind;
	bool negative;
	struct buf digits; /* no leading zeros, zero is "0"; NaN: the payload */
	int64_t exponent;
};

static void
num_release(struct num *n)
{
	buf_release(&n->digits);
}

static bool
has_prefix(const char *s, size_t len, const char *prefix)
{
	size_t n = strlen(prefix);

	return len >= n && strncasecmp(s, prefix, n) == 0;
}

static bool
equals(const char *s, size_t len, const char *word)
{
	return len == strlen(word) && strncasecmp(s, word, len) == 0;
}

/* inf, infinity, nan and snan with digits, in any case. */
static bool
parse_special(const char *s, size_t len, struct num *n)
{
	size_t skip = 3;

	n->kind = NUM_INFINITY;
	if (equals(s, len, "inf") || equals(s, len, "infinity"))
		return true;
	n->kind = NUM_NAN;
	if (has_prefix(s, len, "snan")) {
		n->kind = NUM_SNAN;
		skip = 4;
	} else if (!has_prefix(s, len, "nan")) {
		return false;
	}
	while (skip < len && s[skip] == '0')
		skip++;
	for (size_t i = skip; i < len; i++)
		if (!is_digit(s[i]))
			return false;
	buf_add(&n->digits, s + skip, len - skip);
	return true;
}

/* "[eE][+-]digits" up to the end; the value stops growing at a bound that is
 * far beyond any legal exponent. */
static bool
parse_exponent(const char *s, const char *end, int64_t *out)
{
	bool negative = false;
	int64_t v = 0;

	if (s == end) {
		*out = 0;
		return true;
	}
	if (*s != 'e' && *s != 'E')
		return false;
	s++;
	if (s < end && (*s == '+' || *s == '-'))
		negative = *s++ == '-';
	if (s == end)
		return false;
	for (; s < end; s++) {
		if (!is_digit(*s))
			return false;
		if (v <= MAX_EXPONENT / 5)
			v = v * 10 + (*s - '0');
		else
			v = 3 * MAX_EXPONENT;
	}
	*out = negative ? -v : v;
	return true;
}

/* ASCII text without white space or underscores. */
static bool
num_parse(const char *s, size_t len, struct num *n)
{
	const char *end = s + len;
	bool point = false, any = false;
	int64_t scale = 0;

	if (s < end && (*s == '+' || *s == '-'))
		n->negative = *s++ == '-';
	if (s < end && !is_digit(*s) && *s != '.')
		return parse_special(s, (size_t)(end - s), n);
	buf_reserve(&n->digits, (size_t)(end - s));
	for (; s < end && (is_digit(*s) || (*s == '.' && !point)); s++) {
		if (*s == '.') {
			point = true;
			continue;
		}
		any = true;
		scale += point;
		if (*s != '0' || n->digits.len > 0)
			buf_addc(&n->digits, *s);
	}
	if (!any || !parse_exponent(s, end, &n->exponent))
		return false;
	if (n->digits.len == 0)
		buf_addc(&n->digits, '0');
	n->exponent -= scale;
	return n->exponent + (int64_t)n->digits.len - 1 <= MAX_EXPONENT &&
	    n->exponent >= -2 * MAX_EXPONENT;
}

/* Decimal.__str__(). */
static void
num_format(const struct num *n, struct buf *out)
{
	const char *digits = buf_str(&n->digits);
	int64_t len = (int64_t)n->digits.len;
	int64_t left = n->exponent + len;
	int64_t point = n->exponent <= 0 && left > -6 ? left : 1;

	if (n->negative)
		buf_addc(out, '-');
	if (n->kind != NUM_FINITE) {
		buf_adds(out,
		    n->kind == NUM_INFINITY  ? "Infinity"
		        : n->kind == NUM_NAN ? "NaN"
		                             : "sNaN");
		buf_add(out, digits, n->digits.len);
		return;
	}
	if (point <= 0) {
		buf_adds(out, "0.");
		add_zeros(out, (size_t)-point);
		buf_add(out, digits, (size_t)len);
	} else if (point >= len) {
		buf_add(out, digits, (size_t)len);
	} else {
		buf_add(out, digits, (size_t)point);
		buf_addc(out, '.');
		buf_add(out, digits + point, (size_t)(len - point));
	}
	if (left != point)
		buf_addf(out, "E%+lld", (long long)(left - point));
}

bool
integer_fits_wei(const char *s, size_t len)
{
	static const char most[] = "578960446186580977117854925043439539266";
	static const char least[] = "578960446186580977117854925043439539267";
	struct num n = { 0 };
	const char *limit;
	int64_t whole;
	bool fits = false;

	if (!num_parse(s, len, &n))
		goto out;
	fits = n.kind != NUM_INFINITY;
	if (n.kind != NUM_FINITE || n.digits.data[0] == '0')
		goto out;
	limit = n.negative ? least : most;
	whole = n.exponent + (int64_t)n.digits.len;
	fits = whole < (int64_t)sizeof(most) - 1;
	if (whole == (int64_t)sizeof(most) - 1) {
		size_t common = n.digits.len < (size_t)whole ? n.digits.len
		                                             : (size_t)whole;
		int order = memcmp(n.digits.data, limit, common);

		/* equal so far: only a fraction that is not zero is beyond */
		fits = order < 0 ||
		    (order == 0 &&
		        strspn(n.digits.data + common, "0") ==
		            n.digits.len - common);
	}
out:
	num_release(&n);
	return fits;
}

/* ---- Python's tolerance ---- */

enum underscores {
	UNDERSCORE_BETWEEN, /* int() and float(): single, between digits */
	UNDERSCORE_HEX,     /* int(_, 16): also between a-f */
	UNDERSCORE_ANY,     /* Decimal(): ignored */
};

/* Without white space at both ends. */
static void
strip(const char **s, size_t *len)
{
	const char *begin = NULL, *last = *s, *end = *s + *len;

	for (const char *p = *s; p < end;) {
		const char *at = p;

		if (utf8_is_space(utf8_next(&p)))
			continue;
		if (!begin)
			begin = at;
		last = p;
	}
	*s = begin ? begin : end;
	*len = begin ? (size_t)(last - begin) : 0;
}

static int
hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Strip, digits of all scripts to ASCII, underscores out. False: a character
 * that no number has, or an underscore in the wrong place. */
static bool
fold(const char *s, size_t len, enum underscores mode, struct buf *out)
{
	const char *end;
	bool digit = false, pending = false;

	strip(&s, &len);
	end = s + len;
	buf_reserve(out, len);
	while (s < end) {
		uint32_t cp = utf8_next(&s);
		int value = utf8_digit_value(cp);

		if (value < 0 && (cp <= ' ' || cp >= 0x7F))
			return false;
		if (cp == '_') {
			if (mode == UNDERSCORE_ANY)
				continue;
			if (!digit)
				return false;
			pending = true;
			digit = false;
			continue;
		}
		digit = value >= 0 ||
		    (mode == UNDERSCORE_HEX && hex_value((char)cp) >= 0);
		if (pending && !digit)
			return false;
		pending = false;
		buf_addc(out, value >= 0 ? (char)('0' + value) : (char)cp);
	}
	return !pending;
}

/* str.strip() takes U+001C to U+001F for white space; int() and float(), which
 * strip too, do not. */
static bool
has_separator(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (s[i] >= 0x1C && s[i] <= 0x1F)
			return true;
	return false;
}

/* Hexadecimal digits (at most MAX_HEX_DIGITS) to decimal ones, in limbs of
 * nine digits. */
static void
hex_to_decimal(const char *s, size_t len, struct buf *out)
{
	uint32_t limb[MAX_INT_DIGITS / 9 + 2] = { 0 };
	size_t n = 1;

	for (size_t i = 0; i < len; i++) {
		uint64_t carry = (uint64_t)hex_value(s[i]);

		for (size_t k = 0; k < n; k++) {
			carry += (uint64_t)limb[k] * 16;
			limb[k] = (uint32_t)(carry % 1000000000);
			carry /= 1000000000;
		}
		if (carry > 0)
			limb[n++] = (uint32_t)carry;
	}
	buf_addf(out, "%u", (unsigned)limb[n - 1]);
	for (size_t k = n - 1; k-- > 0;)
		buf_addf(out, "%09u", (unsigned)limb[k]);
}

/* What follows "0x": int(text, 16), which takes white space, a sign, another
 * 0x and underscores. */
static bool
text_hex(const char *s, size_t len, struct buf *out)
{
	struct buf text = { 0 };
	const char *p, *end;
	bool negative = false, ok = false;

	if (has_separator(s, len))
		return false;
	strip(&s, &len);
	if (len > 0 && (*s == '+' || *s == '-')) {
		negative = *s++ == '-';
		len--;
	}
	if (has_prefix(s, len, "0x")) {
		s += 2;
		len -= 2;
		if (len > 0 && *s == '_') {
			s++;
			len--;
		}
	}
	p = s;
	if (len == 0 || utf8_is_space(utf8_next(&p)) ||
	    !fold(s, len, UNDERSCORE_HEX, &text))
		goto out;
	p = buf_str(&text);
	end = p + text.len;
	for (const char *q = p; q < end; q++)
		if (hex_value(*q) < 0)
			goto out;
	if (p == end)
		goto out;
	while (p < end - 1 && *p == '0')
		p++;
	if (end - p > MAX_HEX_DIGITS)
		goto out;
	ok = true;
	if (negative && *p != '0')
		buf_addc(out, '-');
	hex_to_decimal(p, (size_t)(end - p), out);
out:
	buf_release(&text);
	return ok;
}

/* Strips; tells whether "0x" comes first. */
static bool
strip_is_hex(const char **s, size_t *len)
{
	strip(s, len);
	return *len >= 2 && memcmp(*s, "0x", 2) == 0;
}

bool
text_to_integer(const char *s, size_t len, struct buf *out)
{
	struct buf text = { 0 };
	const char *p, *end;
	bool negative = false, ok = false;

	if (strip_is_hex(&s, &len))
		return text_hex(s + 2, len - 2, out);
	if (!fold(s, len, UNDERSCORE_BETWEEN, &text))
		goto out;
	p = buf_str(&text);
	end = p + text.len;
	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	if (p == end || end - p > MAX_INT_DIGITS)
		goto out;
	for (const char *q = p; q < end; q++)
		if (!is_digit(*q))
			goto out;
	while (p < end - 1 && *p == '0')
		p++;
	if (negative && *p != '0')
		buf_addc(out, '-');
	buf_add(out, p, (size_t)(end - p));
	ok = true;
out:
	buf_release(&text);
	return ok;
}

/* strtod() of text that is a decimal number. */
static double
to_double(const char *s, size_t len)
{
	char small[64];
	char *text = small;
	struct buf large = { 0 };
	double v;

	if (len < sizeof(small)) {
		memcpy(small, s, len);
		small[len] = '\0';
	} else {
		buf_add(&large, s, len);
		text = large.data;
	}
	v = strtod(text, NULL);
	buf_release(&large);
	return v;
}

/* Is it float()'s grammar: digits with a point, and an exponent? */
static bool
is_float(const char *s, const char *end)
{
	int64_t exponent;
	bool any = false, point = false;

	for (; s < end && (is_digit(*s) || (*s == '.' && !point)); s++) {
		any |= *s != '.';
		point |= *s == '.';
	}
	return any && parse_exponent(s, end, &exponent);
}

bool
text_to_float(const char *s, size_t len, double *out)
{
	struct buf text = { 0 };
	const char *p, *end;
	bool negative = false, ok = false;
	size_t n;

	if (has_separator(s, len) || !fold(s, len, UNDERSCORE_BETWEEN, &text))
		goto out;
	p = buf_str(&text);
	end = p + text.len;
	if (p < end && (*p == '+' || *p == '-'))
		negative = *p++ == '-';
	n = (size_t)(end - p);
	ok = true;
	if (equals(p, n, "inf") || equals(p, n, "infinity"))
		*out = negative ? -INFINITY : INFINITY;
	else if (equals(p, n, "nan"))
		*out = NAN;
	else if (is_float(p, end))
		*out = to_double(buf_str(&text), text.len);
	else
		ok = false;
out:
	buf_release(&text);
	return ok;
}

bool
text_to_double(const char *s, size_t len, double *out)
{
	struct buf digits = { 0 };
	bool ok;

	if (!strip_is_hex(&s, &len))
		return text_to_float(s, len, out);
	ok = text_hex(s + 2, len - 2, &digits);
	if (ok) {
		*out = to_double(digits.data, digits.len);
		ok = isfinite(*out);
	}
	buf_release(&digits);
	return ok;
}

bool
text_to_decimal(const char *s, size_t len, struct buf *out)
{
	struct buf text = { 0 };
	struct num n = { 0 };
	bool ok;

	if (strip_is_hex(&s, &len))
		return text_hex(s + 2, len - 2, out);
	ok = fold(s, len, UNDERSCORE_ANY, &text) && text.len > 0 &&
	    num_parse(text.data, text.len, &n);
	if (ok)
		num_format(&n, out);
	num_release(&n);
	buf_release(&text);
	return ok;
}

/* ---- decimal strings to other numbers ---- */

bool
decimal_to_integer(const char *s, size_t len, struct buf *out)
{
	struct num n = { 0 };
	bool ok = false;
	size_t digits;

	if (!num_parse(s, len, &n) || n.kind != NUM_FINITE)
		goto out;
	digits = n.digits.len;
	if (n.digits.data[0] == '0') {
		buf_addc(out, '0');
		ok = true;
		goto out;
	}
	for (; n.exponent < 0 && n.digits.data[digits - 1] == '0'; digits--)
		n.exponent++;
	if (n.exponent < 0 || n.exponent + (int64_t)digits > MAX_INT_DIGITS)
		goto out;
	if (n.negative)
		buf_addc(out, '-');
	buf_add(out, n.digits.data, digits);
	add_zeros(out, (size_t)n.exponent);
	ok = true;
out:
	num_release(&n);
	return ok;
}

double
decimal_to_double(const char *s, size_t len)
{
	const char *p = s;
	size_t n = len;

	if (n > 0 && (*p == '+' || *p == '-')) {
		p++;
		n--;
	}
	if (has_prefix(p, n, "nan") || has_prefix(p, n, "snan"))
		return NAN;
	return to_double(s, len);
}

/* ---- doubles ---- */

bool
double_to_integer(double v, struct buf *out)
{
	if (!isfinite(v) || v != trunc(v))
		return false;
	buf_addf(out, "%.0f", v == 0 ? 0.0 : v);
	return true;
}

void
double_to_decimal(double v, struct buf *out)
{
	char text[DBL_MAX_10_EXP + 1100];
	struct num n = { 0 };
	int exponent, decimals = 0, len;

	if (isnan(v)) {
		buf_adds(out, "NaN");
		return;
	}
	if (isfinite(v) && v != trunc(v)) {
		/* v = odd * 2^-decimals, which has so many decimals */
		double m = frexp(v, &exponent);

		for (decimals = -exponent; m != trunc(m); decimals++)
			m *= 2;
	}
	len = snprintf(text, sizeof(text), "%.*f", decimals, v);
	if (num_parse(text, (size_t)len, &n))
		num_format(&n, out);
	num_release(&n);
}

struct shortest {
	char digits[20];
	int count;
	int point; /* 0.digits * 10^point */
};

/* The decimal with so many digits that is nearest to v; does it read back? */
static bool
try_digits(double v, int count, struct shortest *out)
{
	char text[40];

	snprintf(text, sizeof(text), "%.*e", count - 1, v);
	out->digits[0] = text[0];
	if (count > 1)
		memcpy(out->digits + 1, text + 2, (size_t)count - 1);
	out->count = count;
	out->point = atoi(strchr(text, 'e') + 1) + 1;
	return strtod(text, NULL) == v;
}

/* Below a power of two doubles are twice as dense, so the nearest decimal may
 * fail below v where the next one above it still reads back as v. */
static bool
try_next(double v, struct shortest *out)
{
	char text[40];
	int i = out->count - 1;

	while (i > 0 && out->digits[i] == '9')
		out->digits[i--] = '0';
	if (out->digits[i] == '9')
		return false;
	out->digits[i]++;
	snprintf(text, sizeof(text), "0.%.*se%d", out->count, out->digits,
	    out->point);
	return strtod(text, NULL) == v;
}

/* v is finite and positive. */
static void
shortest_digits(double v, struct shortest *out)
{
	int exponent;

	if (v < DBL_MIN) {
		for (int count = 1; count <= 17; count++)
			if (try_digits(v, count, out))
				return;
		return;
	}
	if (!try_digits(v, 15, out) && !try_digits(v, 16, out) &&
	    !(frexp(v, &exponent) == 0.5 && try_next(v, out)))
		try_digits(v, 17, out);
	while (out->count > 1 && out->digits[out->count - 1] == '0')
		out->count--;
}

/* Plain or with an exponent; python: "1e+16", "1e-07", else "1e16", "1e-7". */
static void
put_double(double v, bool python, struct buf *out)
{
	struct shortest s;

	if (signbit(v))
		buf_addc(out, '-');
	if (v == 0) {
		buf_adds(out, "0.0");
		return;
	}
	shortest_digits(fabs(v), &s);
	if (s.point > 16 || s.point <= (python ? -4 : -5)) {
		buf_addc(out, s.digits[0]);
		if (s.count > 1) {
			buf_addc(out, '.');
			buf_add(out, s.digits + 1, (size_t)s.count - 1);
		}
		buf_addf(out, python ? "e%+03d" : "e%d", s.point - 1);
	} else if (s.point <= 0) {
		buf_adds(out, "0.");
		add_zeros(out, (size_t)-s.point);
		buf_add(out, s.digits, (size_t)s.count);
	} else if (s.point >= s.count) {
		buf_add(out, s.digits, (size_t)s.count);
		add_zeros(out, (size_t)(s.point - s.count));
		buf_adds(out, ".0");
	} else {
		buf_add(out, s.digits, (size_t)s.point);
		buf_addc(out, '.');
		buf_add(out, s.digits + s.point, (size_t)(s.count - s.point));
	}
}

void
double_repr(double v, struct buf *out)
{
	if (isnan(v))
		buf_adds(out, "nan");
	else if (isinf(v))
		buf_adds(out, v < 0 ? "-inf" : "inf");
	else
		put_double(v, true, out);
}

void
double_json(double v, struct buf *out)
{
	if (!isfinite(v))
		buf_adds(out, "null");
	else
		put_double(v, false, out);
}

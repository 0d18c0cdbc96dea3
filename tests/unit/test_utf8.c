/* SPDX-License-Identifier: MIT */
#include "common/utf8.h"

#include "tests/unit/tap.h"

static bool
is_scalar(uint32_t cp)
{
	return cp <= 0x10FFFF && (cp < 0xD800 || cp > 0xDFFF);
}

/* Encode any number up to 21 bits in n bytes, legal or not. */
static void
put_raw(char *out, uint32_t cp, int n)
{
	static const unsigned char lead[] = { 0, 0, 0xC0, 0xE0, 0xF0 };

	for (int i = n - 1; i > 0; i--) {
		out[i] = (char)(0x80 | (cp & 0x3F));
		cp >>= 6;
	}
	out[0] = (char)(lead[n] | cp);
}

static void
test_round_trip(void)
{
	size_t bad = 0, wrong = 0;

	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
		char out[4];
		const char *p = out;
		size_t n;

		if (!is_scalar(cp))
			continue;
		n = utf8_put(out, cp);
		bad += !utf8_is_valid(out, n) || utf8_count(out, n) != 1;
		wrong += utf8_next(&p) != cp || p != out + n;
	}
	tap_int((long long)bad, 0, "every scalar value is valid");
	tap_int((long long)wrong, 0, "every scalar value decodes to itself");
}

static void
test_ranges(void)
{
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t wrong = 0;

	for (int n = 2; n <= 4; n++)
		for (uint32_t cp = 0; cp < 1U << (n == 2    ? 11
		                                   : n == 3 ? 16
		                                            : 21);
		     cp++) {
			char out[4];
			bool want = is_scalar(cp) && cp >= least[n];

			put_raw(out, cp, n);
			wrong += utf8_is_valid(out, (size_t)n) != want;
		}
	tap_int((long long)wrong, 0,
	    "overlong forms, surrogates and beyond U+10FFFF are refused");
}

/* A fault is seen wherever it stands in a long run of ASCII. */
static void
test_places(void)
{
	static const char *const faults[] = { "\x80", "\xC3", "\xE2\x82",
		"\xF0\x9F\x98", "\xFF", "\xED\xA0\x80", "\xC0\xAF" };
	size_t wrong = 0;

	for (size_t f = 0; f < ARRAY_LEN(faults); f++)
		for (size_t at = 0; at < 100; at++) {
			char text[120];
			size_t n = strlen(faults[f]);

			memset(text, 'a', sizeof(text));
			memcpy(text + at, faults[f], n);
			wrong += utf8_valid_prefix(text, sizeof(text)) != at;
			wrong += utf8_valid_prefix(text, at + n) != at;
			wrong += utf8_valid_prefix(text, at) != at;
		}
	tap_int((long long)wrong, 0, "the place of the first fault");
	tap_ok(utf8_is_valid("", 0), "nothing is valid");
	tap_ok(utf8_is_valid("a\0b", 3), "NUL is valid");
}

static void
test_classes(void)
{
	int spaces = 0, digits = 0;

	for (uint32_t cp = 0; cp <= 0x10FFFF; cp++) {
		spaces += utf8_is_space(cp);
		digits += utf8_digit_value(cp) >= 0;
	}
	tap_int(spaces, 29, "29 characters are white space");
	tap_int(digits, 660, "660 characters are decimal digits");
	tap_ok(utf8_is_space(0x3000) && utf8_is_space(0x85) &&
	        utf8_is_space(0x1C) && !utf8_is_space(0x200B),
	    "white space as in Python");
	tap_int(utf8_digit_value(0x0663), 3, "ARABIC-INDIC DIGIT THREE");
	tap_int(utf8_digit_value(0xFF19), 9, "FULLWIDTH DIGIT NINE");
	tap_int(utf8_digit_value(0x1D7D7), 9, "bold nine");
	tap_int(utf8_digit_value(0x1D7D8), 0, "double-struck zero");
	tap_int(utf8_digit_value(0xB2), -1, "superscript two is none");
	tap_int(utf8_digit_value('/'), -1, "slash is none");
}

int
main(void)
{
	test_round_trip();
	test_ranges();
	test_places();
	test_classes();
	tap_int((long long)utf8_count("a\xC3\xA4\xE2\x82\xAC\xF0\x9F\x98\x80",
	            10),
	    4, "code points are counted");
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
#include "common/decimal.h"

#include <math.h>
#include <time.h>

#include "tests/unit/tap.h"

static struct buf b;

typedef bool convert(const char *, size_t, struct buf *);

/* NULL: refused. */
static const char *
run(convert *f, const char *text)
{
	buf_reset(&b);
	return f(text, strlen(text), &b) ? buf_str(&b) : NULL;
}

static const char *
as_double(const char *text)
{
	double v;

	buf_reset(&b);
	if (!text_to_double(text, strlen(text), &v))
		return NULL;
	double_repr(v, &b);
	return buf_str(&b);
}

static void
test_text(void)
{
	/* text, int(), float(), Decimal() as dlt's coercion has them */
	static const char *const cases[][4] = {
		{ "1", "1", "1.0", "1" },
		{ " 42 ", "42", "42.0", "42" },
		{ "+7", "7", "7.0", "7" },
		{ "-0", "0", "-0.0", "-0" },
		{ "007", "7", "7.0", "7" },
		{ "1_000", "1000", "1000.0", "1000" },
		{ "1__0", NULL, NULL, "10" },
		{ "_1", NULL, NULL, "1" },
		{ "1_", NULL, NULL, "1" },
		{ "\xD9\xA1\xD9\xA2", "12", "12.0", "12" },
		{ "\xE3\x80\x80"
		  "5\xC2\xA0",
		    "5", "5.0", "5" },
		{ "0x1f", "31", "31.0", "31" },
		{ "0xFFFFFFFFFFFFFFFFFFFF", "1208925819614629174706175",
		    "1.2089258196146292e+24", "1208925819614629174706175" },
		{ "0x", NULL, NULL, NULL },
		{ "0X1f", NULL, NULL, NULL },
		{ "0x-5", "-5", "-5.0", "-5" },
		{ "0x1_f", "31", "31.0", "31" },
		{ "0x_1f", NULL, NULL, NULL },
		{ "0xZZ", NULL, NULL, NULL },
		{ "1.5", NULL, "1.5", "1.5" },
		{ "1.10", NULL, "1.1", "1.10" },
		{ ".5", NULL, "0.5", "0.5" },
		{ "5.", NULL, "5.0", "5" },
		{ ".", NULL, NULL, NULL },
		{ "1e3", NULL, "1000.0", "1E+3" },
		{ "1e-7", NULL, "1e-07", "1E-7" },
		{ "0.000001", NULL, "1e-06", "0.000001" },
		{ "0e5", NULL, "0.0", "0E+5" },
		{ "1e", NULL, NULL, NULL },
		{ "1e400", NULL, "inf", "1E+400" },
		{ "1e99999999999999999999", NULL, "inf", NULL },
		{ "nan", NULL, "nan", "NaN" },
		{ "-NaN12", NULL, NULL, "-NaN12" },
		{ "inf", NULL, "inf", "Infinity" },
		{ "-Infinity", NULL, "-inf", "-Infinity" },
		{ "infinit", NULL, NULL, NULL },
		{ "", NULL, NULL, NULL },
		{ " ", NULL, NULL, NULL },
		{ "-", NULL, NULL, NULL },
		{ "1 2", NULL, NULL, NULL },
		{ "abc", NULL, NULL, NULL },
	};
	char name[128];

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		snprintf(name, sizeof(name), "int(\"%s\")", cases[i][0]);
		tap_str(run(text_to_integer, cases[i][0]), cases[i][1], name);
		snprintf(name, sizeof(name), "float(\"%s\")", cases[i][0]);
		tap_str(as_double(cases[i][0]), cases[i][2], name);
		snprintf(name, sizeof(name), "Decimal(\"%s\")", cases[i][0]);
		tap_str(run(text_to_decimal, cases[i][0]), cases[i][3], name);
	}
}

static void
test_tokens(void)
{
	tap_ok(number_is_integer("-12", 3) && !number_is_integer("1.0", 3) &&
	        !number_is_integer("1e3", 3) && !number_is_integer("1E3", 3),
	    "integers among the tokens");
	tap_ok(integer_fits_int64("9223372036854775807", 19) &&
	        integer_fits_int64("-9223372036854775808", 20) &&
	        !integer_fits_int64("9223372036854775808", 19) &&
	        !integer_fits_int64("-9223372036854775809", 20),
	    "the range of int64");
	tap_ok(integer_fits_uint64("18446744073709551615", 20) &&
	        !integer_fits_uint64("18446744073709551616", 20) &&
	        !integer_fits_uint64("-9223372036854775809", 20) &&
	        integer_fits_uint64("-1", 2),
	    "the range of uint64");
	tap_ok(integer_fits_wei("578960446186580977117854925043439539266",
	           39) &&
	        !integer_fits_wei("578960446186580977117854925043439539267",
	            39) &&
	        integer_fits_wei("-578960446186580977117854925043439539267",
	            40) &&
	        !integer_fits_wei("-578960446186580977117854925043439539268",
	            40),
	    "the range of wei");
	tap_ok(!integer_fits_wei("578960446186580977117854925043439539266.01",
	           42) &&
	        integer_fits_wei("578960446186580977117854925043439539266.00",
	            42) &&
	        !integer_fits_wei("1E+39", 5) && integer_fits_wei("1E+38", 5) &&
	        !integer_fits_wei("Infinity", 8) &&
	        integer_fits_wei("0E+99", 5),
	    "decimals in the range of wei");
}

static void
test_decimals(void)
{
	tap_str(run(decimal_to_integer, "1E+3"), "1000", "1E+3 is integral");
	tap_str(run(decimal_to_integer, "1.500E+2"), "150", "1.500E+2");
	tap_str(run(decimal_to_integer, "-0.00"), "0", "-0.00");
	tap_str(run(decimal_to_integer, "1.10"), NULL, "1.10");
	tap_str(run(decimal_to_integer, "NaN"), NULL, "NaN");
	tap_str(run(decimal_to_integer, "1E+999999999999"), NULL,
	    "too many digits to write out");
	tap_ok(decimal_to_double("1.10", 4) == 1.1, "1.10 as a double");
	tap_ok(decimal_to_double("9007199254740993", 16) == 9007199254740992.0,
	    "halves go to even");
	tap_ok(isnan(decimal_to_double("-sNaN7", 6)), "NaN as a double");
}

static const struct {
	double v;
	const char *repr, *json, *exact;
} doubles[] = {
	{ 0.0, "0.0", "0.0", "0" },
	{ -0.0, "-0.0", "-0.0", "-0" },
	{ 1.0, "1.0", "1.0", "1" },
	{ 1.5, "1.5", "1.5", "1.5" },
	{ 0.1, "0.1", "0.1",
	    "0.10000000000000000555111512312578270211815834045410"
	    "15625" },
	{ 1e16, "1e+16", "1e16", "10000000000000000" },
	{ 1e15, "1000000000000000.0", "1000000000000000.0",
	    "1000000000000000" },
	{ 123456789012345680.0, "1.2345678901234568e+17",
	    "1.2345678901234568e17", "123456789012345680" },
	{ 1e-4, "0.0001", "0.0001", NULL },
	{ 1e-5, "1e-05", "0.00001", NULL },
	{ 1e-6, "1e-06", "1e-6", NULL },
	{ 1e-7, "1e-07", "1e-7",
	    "9.99999999999999954748111825886258685613938723690807819366"
	    "455078125E-8" },
	{ 5e-324, "5e-324", "5e-324", NULL },
	{ 1.7976931348623157e308, "1.7976931348623157e+308",
	    "1.7976931348623157e308", NULL },
	/* 2^-44: the nearest decimal of 16 digits does not read back */
	{ 0x1p-44, "5.684341886080802e-14", "5.684341886080802e-14", NULL },
	{ INFINITY, "inf", "null", "Infinity" },
	{ -INFINITY, "-inf", "null", "-Infinity" },
	{ NAN, "nan", "null", "NaN" },
};

static void
test_doubles(void)
{
	for (size_t i = 0; i < ARRAY_LEN(doubles); i++) {
		buf_reset(&b);
		double_repr(doubles[i].v, &b);
		tap_str(buf_str(&b), doubles[i].repr, "repr");
		buf_reset(&b);
		double_json(doubles[i].v, &b);
		tap_str(buf_str(&b), doubles[i].json, "json");
		if (!doubles[i].exact)
			continue;
		buf_reset(&b);
		double_to_decimal(doubles[i].v, &b);
		tap_str(buf_str(&b), doubles[i].exact, "exact");
	}
	buf_reset(&b);
	tap_ok(double_to_integer(1e22, &b), "1e22 is integral");
	tap_str(buf_str(&b), "10000000000000000000000", "all its digits");
	tap_ok(!double_to_integer(1.5, &b) && !double_to_integer(NAN, &b) &&
	        !double_to_integer(INFINITY, &b),
	    "1.5, nan and inf are not");
}

static void
test_round_trip(void)
{
	uint64_t state = 88172645463325252U;
	int wrong = 0;

	for (int i = 0; i < 200000; i++) {
		double v;

		state ^= state << 13;
		state ^= state >> 7;
		state ^= state << 17;
		memcpy(&v, &state, sizeof(v));
		if (!isfinite(v))
			continue;
		buf_reset(&b);
		double_json(v, &b);
		wrong += strtod(buf_str(&b), NULL) != v;
		if (i % 16 != 0)
			continue;
		buf_reset(&b);
		double_to_decimal(v, &b);
		wrong += decimal_to_double(b.data, b.len) != v;
	}
	tap_int(wrong, 0, "random doubles read back");
}

/* Whatever the digits, the work is bounded by the length. */
static void
test_long(void)
{
	const size_t len = 4 << 20;
	char *text = malloc(len);
	clock_t start = clock();
	double v;

	memset(text, '7', len);
	buf_reset(&b);
	tap_ok(!text_to_integer(text, len, &b), "int() refuses 4300 digits");
	tap_ok(text_to_decimal(text, len, &b) && b.len == len,
	    "Decimal() keeps them");
	tap_ok(text_to_double(text, len, &v) && isinf(v), "float() is inf");
	tap_ok(!decimal_to_integer(text, len, &b), "not written out");
	memcpy(text, "0x", 2);
	tap_ok(!text_to_decimal(text, len, &b), "so many hex digits");
	memcpy(text, "0.", 2);
	tap_ok(text_to_double(text, len, &v) && v == 7.0 / 9, "a fraction");
	tap_ok(clock() - start < 5 * CLOCKS_PER_SEC, "in linear time");
	free(text);
}

int
main(void)
{
	test_text();
	test_tokens();
	test_decimals();
	test_doubles();
	test_round_trip();
	test_long();
	buf_release(&b);
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
#include "common/dest/dest_postgres_private.h"

#include "tests/unit/tap.h"

#include <stdio.h>
#include <string.h>

static const char *
hex(const struct buf *b)
{
	static char text[512];
	size_t n = 0;

	text[0] = '\0';
	for (size_t i = 0; i < b->len && n + 3 < sizeof(text); i++)
		n += (size_t)snprintf(text + n, sizeof(text) - n, "%02x",
		    (unsigned char)b->data[i]);
	return text;
}

/* count, weight, sign, scale, then groups of four digits. */
static void
test_numeric(void)
{
	static const struct {
		const char *text, *want;
	} cases[] = {
		{ "0", "0000000000000000" },
		{ "-0", "0000000000000000" },
		{ "0.00", "0000000000000002" },
		{ "1", "00010000000000000001" },
		{ "-1", "00010000400000000001" },
		{ "1.10",
		    "000200000000000200"
		    "0103e8" },
		{ "10000", "00010001000000000001" },
		{ "12345.678",
		    "000300010000000300010929"
		    "1a7c" },
		{ "0.0001", "0001ffff000000040001" },
		{ "0.00001",
		    "0001fffe000000"
		    "0503e8" },
		{ "1E+5", "0001000100000000000a" },
		{ "1e5", "0001000100000000000a" },
		{ "1.5E-3", "0001ffff00000004000f" },
		{ "000123", "0001000000000000007b" },
		{ "NaN", "00000000c0000000" },
		{ "Infinity", "00000000d0000000" },
		{ "-Infinity", "00000000f0000000" },
		{ "1E-20000", "0000000000003fff" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { 0 };
		struct error err = { 0 };

		tap_int(pg_numeric_add(cases[i].text, strlen(cases[i].text),
		            &out, &err),
		    0, cases[i].text);
		tap_str(hex(&out), cases[i].want, cases[i].text);
		buf_release(&out);
	}
}

static void
test_bad_numeric(void)
{
	static const char *const bad[] = { "", "-", ".", "1x", "1e5x", "--1",
		"1.2.3", "E5", "1E+200000" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf out = { 0 };
		struct error err = { 0 };

		tap_int(pg_numeric_add(bad[i], strlen(bad[i]), &out, &err), -1,
		    bad[i]);
		tap_int(err.code, ERR_DATA, "is bad data");
		buf_release(&out);
	}
}

static void
add(enum data_type type, uint32_t oid, struct cell c, const char *want)
{
	struct buf out = { 0 };
	struct error err = { 0 };

	tap_int(pg_value_add(type, oid, &c, &out, &err), want ? 0 : -1,
	    type_name(type));
	if (want)
		tap_str(hex(&out), want, "its bytes");
	buf_release(&out);
}

static void
test_values(void)
{
	struct cell integer = { .kind = CELL_INTEGER, .integer = 1 };
	struct cell large = { .kind = CELL_INTEGER, .integer = 40000 };
	struct cell number = { .kind = CELL_DOUBLE, .number = 1.5 };
	struct cell text = { .kind = CELL_TEXT, .len = 2, .text = "{}" };
	struct cell null = { .kind = CELL_NULL };

	add(TYPE_BIGINT, PG_INT8, integer, "000000080000000000000001");
	add(TYPE_BIGINT, PG_INT4, large, "0000000400009c40");
	add(TYPE_BIGINT, PG_INT2, integer, "000000020001");
	add(TYPE_BIGINT, PG_INT2, large, NULL);
	add(TYPE_BOOL, PG_BOOL, integer, "0000000101");
	add(TYPE_DATE, PG_DATE, integer, "00000004ffffd534");
	add(TYPE_TIME, PG_TIME, integer, "000000080000000000000001");
	add(TYPE_TIMESTAMP, PG_TIMESTAMPTZ, integer,
	    "00000008fffca2fec4c82001");
	add(TYPE_DOUBLE, PG_FLOAT8, number, "000000083ff8000000000000");
	add(TYPE_DOUBLE, PG_FLOAT4, number, "000000043fc00000");
	add(TYPE_DECIMAL, PG_NUMERIC, number,
	    "0000000c00020000000000010001"
	    "1388");
	add(TYPE_TEXT, PG_VARCHAR, text, "000000027b7d");
	add(TYPE_JSON, PG_JSONB, text, "00000003017b7d");
	add(TYPE_JSON, PG_JSON, text, "000000027b7d");
	add(TYPE_TEXT, PG_TEXT, null, "ffffffff");
	tap_ok(!pg_value_fits(TYPE_TEXT, 2950),
	    "a uuid takes no bytes of text");
	tap_ok(!pg_value_fits(TYPE_TIMESTAMP, PG_DATE),
	    "nor a date a timestamp");
}

static void
test_mask(void)
{
	static const char *const cases[][2] = {
		{ "postgresql://u:p@h/d", "postgresql://u:***@h/d" },
		{ "postgresql://u:p@x/y@h/d", "postgresql://u:***@h/d" },
		{ "postgresql://u@h:5432/d", "postgresql://u@h:5432/d" },
		{ "postgresql://h/d?password=x&user=u",
		    "postgresql://h/d?password=***&user=u" },
		{ "postgresql:host=h password='a b' user=u",
		    "postgresql:host=h password=*** user=u" },
		{ "postgresql:password=a sslpassword=b",
		    "postgresql:password=*** sslpassword=***" },
		{ "sqlite:a@b:c.db", "sqlite:a@b:c.db" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct buf out = { 0 };

		dest_mask(cases[i][0], &out);
		tap_str(out.data, cases[i][1], cases[i][1]);
		buf_release(&out);
	}
}

int
main(void)
{
	test_numeric();
	test_bad_numeric();
	test_values();
	test_mask();
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
/*
 * Types and values of ClickHouse, without a server.
 */
#include "common/dest/dest_clickhouse_private.h"

#include "common/mem.h"

#include "tests/unit/tap.h"

static struct column
column(enum data_type type, const char *name)
{
	return (struct column){ .name = xstrdup(name),
		.name_len = strlen(name),
		.type = type,
		.nullable = true };
}

static void
test_types(void)
{
	static const struct {
		int version;
		enum data_type type;
		const char *want;
	} cases[] = {
		{ 26009, TYPE_TEXT, "String" },
		{ 26009, TYPE_BIGINT, "Int64" },
		{ 26009, TYPE_DOUBLE, "Float64" },
		{ 26009, TYPE_BOOL, "Bool" },
		{ 18016, TYPE_BOOL, "UInt8" },
		{ 26009, TYPE_TIMESTAMP, "DateTime64(6,'UTC')" },
		{ 18016, TYPE_TIMESTAMP, "String" },
		{ 26009, TYPE_DATE, "Date" },
		{ 26009, TYPE_TIME, "String" },
		{ 26009, TYPE_DECIMAL, "Decimal(38,9)" },
		{ 26009, TYPE_WEI, "Decimal(76,0)" },
		{ 18016, TYPE_WEI, "String" },
		{ 26009, TYPE_BINARY, "String" },
		{ 26009, TYPE_JSON, "String" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct column c = column(cases[i].type, "c");
		struct buf out = { 0 };
		struct error err;

		ch_type_add(cases[i].version, &c, &out, &err);
		tap_str(buf_str(&out), cases[i].want, cases[i].want);
		buf_release(&out);
		free(c.name);
	}
}

static void
test_parse(void)
{
	struct ch_type t = ch_type_parse("Nullable(Decimal(38, 9))");

	tap_ok(t.kind == CH_DECIMAL && t.nullable && t.precision == 38 &&
	        t.scale == 9,
	    "a decimal");
	t = ch_type_parse("LowCardinality(Nullable(String))");
	tap_ok(t.kind == CH_STRING && t.nullable, "wrapped twice");
	t = ch_type_parse("DateTime64(6, 'UTC')");
	tap_ok(t.kind == CH_DATETIME64 && !t.nullable, "a time");
	t = ch_type_parse("UInt16");
	tap_ok(t.kind == CH_UINT && t.bits == 16, "an integer");
	t = ch_type_parse("Array(Int8)");
	tap_ok(t.kind == CH_OTHER, "another one");
	t = ch_type_parse("");
	tap_ok(t.kind == CH_OTHER, "none");
	t = ch_type_parse("Int64");
	tap_ok(ch_type_fits(&t, TYPE_BIGINT) && !ch_type_fits(&t, TYPE_TEXT),
	    "what fits");
}

/* A value as text in a column of that type; NULL: it is refused. */
static void
check_value(const char *type, enum data_type dlt, const char *value,
    const char *want)
{
	struct ch_type t = ch_type_parse(type);
	struct column c = column(dlt, "c");
	struct cell cell = {
		.kind = CELL_TEXT, .len = (uint32_t)strlen(value), .text = value
	};
	struct buf out = { 0 };
	struct error err = { 0 };
	int rc = ch_value_add(&t, &c, &cell, &out, &err);

	if (want)
		tap_str(buf_str(&out), want, value);
	else
		tap_ok(rc < 0 && err.code == ERR_DATA, "%s: %s", value,
		    err.msg);
	buf_release(&out);
	free(c.name);
}

static void
test_values(void)
{
	static const char *const decimals[][2] = {
		{ "0", "0" },
		{ "-0", "0" },
		{ "1", "1" },
		{ "-1.5", "-1.5" },
		{ "0.005", "0.01" },
		{ "-0.004", "0" },
		{ "0.0049999", "0" },
		{ "9.999", "10.00" },
		{ "0.999", "1.00" },
		{ "0.099", "0.10" },
		{ "-0.005", "-0.01" },
		{ "0.0005", "0" },
		{ "12345", "12345" },
		{ "1E+4", "10000" },
		{ "99999.99", "99999.99" },
		{ "99999.994", "99999.99" },
		{ "99999.995", NULL },
		{ "100000", NULL },
		{ "1E+3", "1000" },
		{ "1E-1", "0.1" },
		{ "12.5e-1", "1.25" },
		{ "1e-999999999", "0" },
		{ "1e99999999999999999999", NULL },
		{ "00012", "12" },
		{ "x", NULL },
		{ "NaN", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(decimals); i++)
		check_value("Decimal(7, 2)", TYPE_DECIMAL, decimals[i][0],
		    decimals[i][1]);
	check_value("Int64", TYPE_BIGINT, "9223372036854775808", NULL);
	check_value("UInt64", TYPE_BIGINT, "18446744073709551615",
	    "18446744073709551615");
	check_value("Date", TYPE_DATE, "1969-12-31", NULL);
	check_value("Date", TYPE_DATE, "2024-02-29", "2024-02-29");
	check_value("Date", TYPE_DATE, "9999-12-31", NULL);
	check_value("Date", TYPE_DATE, "", NULL);
	check_value("DateTime", TYPE_TIMESTAMP, "2024-02-29 01:02:03.400000",
	    "2024-02-29 01:02:03");
	check_value("DateTime64(6, 'UTC')", TYPE_TIMESTAMP,
	    "1899-12-31 23:59:59.999999", NULL);
	check_value("String", TYPE_TEXT, "a\tb\\c\nd", "a\\tb\\\\c\\nd");
}

static void
test_text(void)
{
	const char *at = "a\\tb\\\\\t\\N\n\nlast";
	struct buf b = { 0 };

	tap_ok(ch_field(&at, &b), "a field");
	tap_str(b.data, "a\tb\\", "unescaped");
	buf_reset(&b);
	tap_ok(ch_field(&at, &b) && ch_field(&at, &b), "two more");
	buf_reset(&b);
	tap_ok(ch_field(&at, &b), "the last one");
	tap_str(b.data, "last", "its text");
	tap_ok(!ch_field(&at, &b), "the end");
	buf_reset(&b);
	ch_literal("a'b\\c\0d", 7, &b);
	tap_str(b.data, "'a\\'b\\\\c\\0d'", "a literal");
	buf_release(&b);
}

static void
test_urls(void)
{
	static const char *const bad[] = { "clickhouse:", "clickhouse://",
		"clickhouse://:8123/d", "clickhouse://h:0/d",
		"clickhouse://h:99999/d", "clickhouse://h:1x/d",
		"clickhouse://h/d?secure=2", "clickhouse://h/d?x",
		"clickhouse://h/d?x=1", "clickhouse://u:%zz@h/d",
		"clickhouse://h/a%22b", "clickhouse://[::1]8/d",
		"clickhouse://a b/d" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = { 0 };
		struct dest *d = dest_open(bad[i], NULL, &err);

		tap_ok(!d && err.code == ERR_USAGE, "%s: %s", bad[i], err.msg);
		dest_close(d);
	}
}

/* ---- Native ---- */

static void
hex_of(const struct buf *b, struct buf *out)
{
	for (size_t i = 0; i < b->len; i++)
		buf_addf(out, "%02x", (unsigned char)b->data[i]);
}

/* A value in a column of that type, as bytes; NULL: it is refused. */
static void
check_bytes(const char *type, enum data_type dlt, struct cell cell,
    const char *want)
{
	struct column c = column(dlt, "c");
	struct ch_lane lane = { .column = &c, .type = ch_type_parse(type) };
	struct buf scratch = { 0 }, hex = { 0 };
	struct error err = { 0 };
	int rc = ch_native_add(&lane, &cell, &scratch, &err);

	hex_of(&lane.data, &hex);
	if (want)
		tap_str(rc < 0 ? err.msg : buf_str(&hex), want, type);
	else
		tap_ok(rc < 0 && err.code == ERR_DATA, "%s: %s", type, err.msg);
	tap_ok(ch_native_type(&lane.type, true), "%s has bytes", type);
	buf_release(&lane.nulls);
	buf_release(&lane.data);
	buf_release(&scratch);
	buf_release(&hex);
	free(c.name);
}

static struct cell
text_cell(const char *text)
{
	return (struct cell){
		.kind = CELL_TEXT, .len = (uint32_t)strlen(text), .text = text
	};
}

static void
test_native_texts(void)
{
	static const struct {
		const char *type;
		enum data_type dlt;
		const char *text, *want;
	} cases[] = {
		{ "String", TYPE_TEXT, "", "00" },
		{ "String", TYPE_TEXT, "a\tb", "03610962" },
		{ "UInt64", TYPE_BIGINT, "18446744073709551615",
		    "ffffffffffffffff" },
		{ "Int64", TYPE_BIGINT, "9223372036854775808", NULL },
		{ "Date", TYPE_DATE, "1970-01-02", "0100" },
		{ "Date", TYPE_DATE, "2105-12-31", "08c2" },
		{ "Date", TYPE_DATE, "1969-12-31", NULL },
		{ "Date32", TYPE_DATE, "1969-12-31", "ffffffff" },
		{ "DateTime", TYPE_TIMESTAMP, "1970-01-01 00:01:00.999999",
		    "3c000000" },
		{ "DateTime64(6, 'UTC')", TYPE_TIMESTAMP,
		    "1970-01-01 00:00:00.000002", "0200000000000000" },
		{ "DateTime64(6, 'UTC')", TYPE_TIMESTAMP,
		    "1969-12-31 23:59:59.999999", "ffffffffffffffff" },
		{ "DateTime64(3)", TYPE_TIMESTAMP, "1970-01-01 00:00:01.234567",
		    "d204000000000000" },
		{ "DateTime64(9)", TYPE_TIMESTAMP, "1970-01-01 00:00:00.000001",
		    "e803000000000000" },
		{ "DateTime64(9)", TYPE_TIMESTAMP, "2299-01-01 00:00:00.000000",
		    NULL },
		{ "DateTime64(0)", TYPE_TIMESTAMP, "1900-01-01 00:00:00.000000",
		    "8081557cffffffff" },
		{ "Decimal(9, 2)", TYPE_DECIMAL, "1.5", "96000000" },
		{ "Decimal(9, 2)", TYPE_DECIMAL, "-1.005", "9bffffff" },
		{ "Decimal(18, 0)", TYPE_DECIMAL, "-2", "feffffffffffffff" },
		{ "Decimal(38, 9)", TYPE_DECIMAL, "0.000000001",
		    "01000000000000000000000000000000" },
		{ "Decimal(38, 0)", TYPE_DECIMAL, "18446744073709551616",
		    "00000000000000000100000000000000" },
		{ "Decimal(38, 0)", TYPE_DECIMAL, "-18446744073709551616",
		    "0000000000000000ffffffffffffffff" },
		{ "Decimal(76, 0)", TYPE_WEI, "-1",
		    "ffffffffffffffffffffffffffffffffffffffffffffffffffffffff"
		    "ffffffff" },
		{ "Decimal(9, 2)", TYPE_DECIMAL, "10000000", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_bytes(cases[i].type, cases[i].dlt,
		    text_cell(cases[i].text), cases[i].want);
}

static void
test_native_numbers(void)
{
	static const struct {
		const char *type;
		enum data_type dlt;
		int64_t v;
		const char *want;
	} cases[] = {
		{ "Int8", TYPE_BIGINT, -128, "80" },
		{ "Int8", TYPE_BIGINT, 128, NULL },
		{ "Int16", TYPE_BIGINT, 258, "0201" },
		{ "Int32", TYPE_BIGINT, -2, "feffffff" },
		{ "Int64", TYPE_BIGINT, INT64_MIN, "0000000000000080" },
		{ "UInt8", TYPE_BOOL, 1, "01" },
		{ "UInt32", TYPE_BIGINT, -1, NULL },
		{ "Bool", TYPE_BOOL, 1, "01" },
		{ "Bool", TYPE_BOOL, 0, "00" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		check_bytes(cases[i].type, cases[i].dlt,
		    (struct cell){
		        .kind = CELL_INTEGER, .integer = cases[i].v },
		    cases[i].want);
	check_bytes("Float64", TYPE_DOUBLE,
	    (struct cell){ .kind = CELL_DOUBLE, .number = -0.5 },
	    "000000000000e0bf");
	check_bytes("Float32", TYPE_DOUBLE,
	    (struct cell){ .kind = CELL_DOUBLE, .number = 1.5 }, "0000c03f");
	check_bytes("Int64", TYPE_BIGINT,
	    (struct cell){ .kind = CELL_DOUBLE, .number = 1.5 }, NULL);
	check_bytes("Int64", TYPE_BIGINT, (struct cell){ .kind = CELL_NULL },
	    NULL);
}

static void
test_native_types(void)
{
	static const struct {
		const char *type;
		bool anywhere, in_utc;
	} cases[] = {
		{ "Nullable(String)", true, true },
		{ "LowCardinality(String)", false, false },
		{ "FixedString(3)", false, false },
		{ "Array(Int8)", false, false },
		{ "DateTime64(6)", false, true },
		{ "DateTime64(6, 'UTC')", true, true },
		{ "DateTime('Asia/Tokyo')", true, true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct ch_type t = ch_type_parse(cases[i].type);

		tap_ok(ch_native_type(&t, false) == cases[i].anywhere &&
		        ch_native_type(&t, true) == cases[i].in_utc,
		    "bytes of %s", cases[i].type);
	}
}

static void
test_native_block(void)
{
	struct column a = column(TYPE_BIGINT, "a"), b = column(TYPE_TEXT, "b");
	struct ch_lane lanes[] = {
		{ .column = &a, .type = ch_type_parse("Nullable(Int16)") },
		{ .column = &b, .type = ch_type_parse("String") },
	};
	struct cell n = { .kind = CELL_INTEGER, .integer = 3 },
	            t = text_cell("xy");
	struct buf scratch = { 0 }, out = { 0 }, hex = { 0 };
	struct error err;

	ch_native_add(&lanes[0], &n, &scratch, &err);
	ch_native_add(&lanes[0], NULL, &scratch, &err);
	ch_native_add(&lanes[1], &t, &scratch, &err);
	ch_native_add(&lanes[1], &t, &scratch, &err);
	tap_ok(ch_native_size(lanes, 2) == 12, "its size");
	ch_native_block(lanes, 2, 2, &out);
	hex_of(&out, &hex);
	tap_str(buf_str(&hex),
	    "0202"
	    "0161"
	    "0f4e756c6c61626c6528496e74313629"
	    "0001"
	    "03000000"
	    "0162"
	    "06537472696e67"
	    "027879027879",
	    "a block");
	tap_ok(ch_native_size(lanes, 2) == 0, "then the lanes are empty");
	for (size_t i = 0; i < 2; i++) {
		buf_release(&lanes[i].nulls);
		buf_release(&lanes[i].data);
	}
	buf_release(&scratch);
	buf_release(&out);
	buf_release(&hex);
	free(a.name);
	free(b.name);
}

int
main(void)
{
	test_native_texts();
	test_native_numbers();
	test_native_types();
	test_native_block();
	test_types();
	test_parse();
	test_values();
	test_text();
	test_urls();
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
#include "common/type.h"

#include "tests/unit/tap.h"

#define UUID_TEXT "00000000-0000-0000-0000-00000000abcd"

/* Markers: U+F026 and so on. */
#define M6 "\xEF\x80\xA6"
#define M7 "\xEF\x80\xA7"
#define M8 "\xEF\x80\xA8"
#define M9 "\xEF\x80\xA9"
#define MA "\xEF\x80\xAA"
#define MB "\xEF\x80\xAB"
#define MC "\xEF\x80\xAC"
#define MD "\xEF\x80\xAD"
#define ME "\xEF\x80\xAE"

/* ---- what Python answered ---- */

static bool
check_outcome(const struct json *line, int rc, const struct value *out,
    struct buf *typed, struct buf *untyped)
{
	const struct json *t = json_get(line, "typed");
	const struct json *u = json_get(line, "untyped");

	if (json_get(line, "error"))
		return rc != 1;
	if (rc != 1 || !t || !u)
		return false;
	value_write_typed(out, typed);
	value_write_jsonl(out, untyped);
	return strcmp(buf_str(typed), t->str) == 0 &&
	    strcmp(buf_str(untyped), u->str) == 0;
}

static bool
check_line(const struct json *line, int number)
{
	const char *from = json_get_str(line, "from", "");
	const char *to = json_get_str(line, "to", "");
	const struct json *text = json_get(line, "value");
	struct buf typed = { 0 }, untyped = { 0 };
	struct json_doc doc = { 0 };
	struct arena a = { 0 };
	struct error err = { 0 };
	struct value v, out = { 0 };
	int rc;
	bool ok = false;

	if (json_parse(&doc, text->str, text->len, &err) != 0)
		goto out;
	value_from_json(doc.root, &a, &v);
	/* empty bytes have a marker and nothing else, which no reader decodes:
	 * the oracle had the value itself */
	if (strcmp(from, "binary") == 0 && v.type == TYPE_TEXT && v.len == 3)
		v = (struct value){ .type = TYPE_BINARY, .text = "" };
	if (strcmp(type_name(v.type), from) != 0)
		goto out;
	rc = value_coerce(&v, type_parse(to), &a, &out, &err);
	ok = check_outcome(line, rc, &out, &typed, &untyped);
out:
	if (!ok)
		tap_ok(false, "line %d: %.*s -> %s", number, (int)line->raw_len,
		    line->raw, buf_str(&typed));
	buf_release(&typed);
	buf_release(&untyped);
	arena_release(&a);
	json_release(&doc);
	return ok;
}

static void
test_oracle(void)
{
	const char *dir = getenv("TEST_DATA");
	struct json_doc doc = { 0 };
	struct error err;
	char path[4096], *text = NULL;
	size_t cap = 0;
	ssize_t len;
	int lines = 0, good = 0;
	FILE *f;

	snprintf(path, sizeof(path), "%s/oracles/coercion.jsonl",
	    dir ? dir : ".");
	f = fopen(path, "r");
	if (!f) {
		tap_skip("oracle", "no TEST_DATA");
		return;
	}
	while ((len = getline(&text, &cap, f)) > 0) {
		lines++;
		if (json_parse(&doc, text, (size_t)len, &err) != 0)
			tap_ok(false, "line %d: %s", lines, err.msg);
		else
			good += check_line(doc.root, lines);
	}
	tap_ok(lines > 500 && good == lines, "oracle: %d of %d lines agree",
	    good, lines);
	json_release(&doc);
	free(text);
	fclose(f);
}

/* ---- values from JSON ---- */

struct fixture {
	struct json_doc doc;
	struct arena arena;
	struct value value;
	struct error err;
};

static struct value *
from_json(struct fixture *f, const char *text)
{
	f->value = (struct value){ 0 };
	if (json_parse(&f->doc, text, strlen(text), &f->err) == 0)
		value_from_json(f->doc.root, &f->arena, &f->value);
	return &f->value;
}

static void
test_from_json(struct fixture *f)
{
	static const struct {
		const char *json;
		enum data_type type;
		const char *want; /* written as jsonl; NULL: as it stands */
	} cases[] = {
		{ "null", TYPE_NONE, NULL },
		{ "true", TYPE_BOOL, NULL },
		{ "1", TYPE_BIGINT, NULL },
		{ "-0", TYPE_BIGINT, "0" },
		{ "-9223372036854775808", TYPE_BIGINT, NULL },
		{ "18446744073709551615", TYPE_BIGINT, NULL },
		{ "18446744073709551616", TYPE_WEI,
		    "\"18446744073709551616\"" },
		{ "-9223372036854775809", TYPE_WEI,
		    "\"-9223372036854775809\"" },
		{ "578960446186580977117854925043439539266", TYPE_WEI,
		    "\"578960446186580977117854925043439539266\"" },
		{ "578960446186580977117854925043439539267", TYPE_TEXT,
		    "\"578960446186580977117854925043439539267\"" },
		{ "-578960446186580977117854925043439539267", TYPE_WEI,
		    "\"-578960446186580977117854925043439539267\"" },
		{ "-578960446186580977117854925043439539268", TYPE_TEXT,
		    "\"-578960446186580977117854925043439539268\"" },
		{ "1.50", TYPE_DOUBLE, NULL },
		{ "1E3", TYPE_DOUBLE, NULL },
		{ "\"x\\u0041\"", TYPE_TEXT, "\"xA\"" },
		{ "[1, 1.50, {\"a\": null}]", TYPE_JSON,
		    "[1,1.50,{\"a\":null}]" },
		{ "{\"a\":1,\"b\":2,\"a\":3}", TYPE_JSON, "{\"a\":3,\"b\":2}" },
		/* markers */
		{ "\"" M6 "1E+3\"", TYPE_DECIMAL, "\"1E+3\"" },
		{ "\"" M6 " 1_0 \"", TYPE_DECIMAL, "\"10\"" },
		{ "\"" M6 "abc\"", TYPE_TEXT,
		    "\"\xEF\x80\xA6"
		    "abc\"" },
		{ "\"" M6 "0x1f\"", TYPE_TEXT,
		    "\"\xEF\x80\xA6"
		    "0x1f\"" },
		{ "\"" M7 "2024-01-02T03:04:05Z\"", TYPE_TIMESTAMP,
		    "\"2024-01-02T03:04:05+00:00\"" },
		{ "\"" M7 "2024-01-02 03:04\"", TYPE_TIMESTAMP,
		    "\"2024-01-02T03:04:00\"" },
		{ "\"" M7 "2024-01-02T03:04:05+24:00\"", TYPE_TEXT, NULL },
		{ "\"" M8 "2024-01-02\"", TYPE_DATE, "\"2024-01-02\"" },
		{ "\"" M9 "{0000000000000000000000000000ABCD}\"", TYPE_TEXT,
		    "\"" UUID_TEXT "\"" },
		{ "\"" MA "0x01ff\"", TYPE_BINARY, "\"0x01ff\"" },
		{ "\"" MA "01 FF\"", TYPE_BINARY, "\"0x01ff\"" },
		{ "\"" MB "YW!I=\"", TYPE_BINARY, "\"YWI=\"" },
		{ "\"" MB "YW\"", TYPE_TEXT, "\"\xEF\x80\xABYW\"" },
		{ "\"" MC "5\"", TYPE_WEI, "\"5\"" },
		{ "\"" MD "01:02:03.000045\"", TYPE_TIME,
		    "\"01:02:03.000045\"" },
		{ "\"" ME "x\"", TYPE_TEXT, "\"\xEF\x80\xAEx\"" },
		{ "\"" M6 "\"", TYPE_TEXT, "\"\xEF\x80\xA6\"" },
		{ "[\"" M6 "1.10\",\"" M6 "abc\",\"" ME "x\","
		  "\"" M6 "\"]",
		    TYPE_JSON, "[\"1.10\",\"abc\",\"x\",\"\xEF\x80\xA6\"]" },
		/* as escapes they are text */
		{ "\"\\uf0261.10\"", TYPE_TEXT, "\"" M6 "1.10\"" },
		{ "[\"\\uf0261.10\",\"" M6 "1.10\"]", TYPE_JSON,
		    "[\"" M6 "1.10\",\"1.10\"]" },
		{ "{\"" M6 "k\":{\"d\":\"" M8 "2024-01-02\"}}", TYPE_JSON,
		    "{\"\xEF\x80\xA6k\":{\"d\":\"2024-01-02\"}}" },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct value *v = from_json(f, cases[i].json);
		bool type_ok = v->type == cases[i].type;

		buf_reset(&b);
		value_write_jsonl(v, &b);
		tap_ok(type_ok &&
		        (!cases[i].want && v->type == TYPE_TEXT
		                ? true
		                : strcmp(buf_str(&b),
		                      cases[i].want ? cases[i].want
		                                    : cases[i].json) == 0),
		    "from %s: %s %s", cases[i].json, type_name(v->type),
		    buf_str(&b));
	}
	buf_release(&b);
}

static void
test_typed(struct fixture *f)
{
	static const char *const texts[] = { "\"\xEF\x80\xA6"
		                             "1E+3\"",
		"\"\xEF\x80\xA7"
		"2024-01-02T03:04:05+00:00\"",
		"\"\xEF\x80\xA8"
		"2024-01-02\"",
		"\"\xEF\x80\xAA"
		"0x01ff\"",
		"\"\xEF\x80\xABYWI=\"",
		"\"\xEF\x80\xAC"
		"5\"",
		"\"\xEF\x80\xAD"
		"01:02:03\"",
		"\"a\\\"b\"", "[1,\"x\"]", "1.5", "true", "null", "7" };
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		buf_reset(&b);
		value_write_typed(from_json(f, texts[i]), &b);
		tap_str(buf_str(&b), texts[i], "typed text comes back");
	}
	buf_release(&b);
}

/* ---- coercion beyond the oracle ---- */

static void
test_coerce(struct fixture *f)
{
	static const struct {
		const char *json;
		enum data_type to;
		int rc;
		const char *want;
	} cases[] = {
		/* integers beyond 64 bits behave like Python's */
		{ "18446744073709551616", TYPE_TEXT, 1,
		    "\"18446744073709551616\"" },
		{ "18446744073709551616", TYPE_DOUBLE, 1,
		    "1.8446744073709552e19" },
		{ "18446744073709551616", TYPE_BOOL, 1, "true" },
		{ "18446744073709551616", TYPE_DECIMAL, 1,
		    "\"18446744073709551616\"" },
		{ "18446744073709551616", TYPE_BIGINT, 0, NULL },
		{ "1e22", TYPE_BIGINT, 0, NULL },
		{ "\"" M6 "1E+999999999\"", TYPE_BIGINT, 0, NULL },
		{ "\"" M6 "1E+3\"", TYPE_BIGINT, 1, "1000" },
		{ "9223372036854775807", TYPE_TIMESTAMP, 0, NULL },
		{ "-9223372036854775808", TYPE_TIMESTAMP, 0, NULL },
		{ "253402300799", TYPE_TIMESTAMP, 1,
		    "\"9999-12-31T23:59:59+00:00\"" },
		{ "\"nan\"", TYPE_DOUBLE, 1, "null" },
		{ "\"-Infinity\"", TYPE_DOUBLE, 1, "null" },
		{ "\"" M6 "sNaN\"", TYPE_DOUBLE, 0, NULL },
		{ "\"" M6 "-0.00\"", TYPE_BOOL, 1, "false" },
		{ "\"" M6 "NaN\"", TYPE_BOOL, 1, "true" },
		{ "\" {\\\"a\\\" : [1.50, 1e3, -0]} \"", TYPE_JSON, 1,
		    "{\"a\":[1.5,1000.0,0]}" },
		{ "\"{\"", TYPE_JSON, 0, NULL },
		{ "\"0x30 31\"", TYPE_BINARY, 1, "\"MDE=\"" },
		{ "\"0x3\"", TYPE_BINARY, 0, NULL },
		{ "\"=\"", TYPE_BINARY, 0, NULL },
		{ "\"YWJj=\"", TYPE_BINARY, 1, "\"YWJj\"" },
		{ "\"YWJj=YWJj\"", TYPE_BINARY, 0, NULL },
		{ "\"YWI=YWI=\"", TYPE_BINARY, 0, NULL },
		{ "\"YQ==\"", TYPE_BINARY, 1, "\"YQ==\"" },
		{ "\"12:\"", TYPE_TIMESTAMP, -1, NULL },
		{ "\"12:\"", TYPE_DATE, -1, NULL },
		{ "\"12:\"", TYPE_TIME, -1, NULL },
		{ "\"2024-01-15T10:20:30+24:00\"", TYPE_TIMESTAMP, -1, NULL },
		{ "\"2024-01-15T10:20:30+24:00\"", TYPE_DATE, 0, NULL },
		{ "\"9999-12-31T23:59:59-01:00\"", TYPE_TIMESTAMP, 1,
		    "\"9999-12-31T23:59:59-01:00\"" },
		{ "\"9999-12-31T23:59:59-01:00\"", TYPE_DATE, 0, NULL },
		{ "\"10:20:30+24:00\"", TYPE_TIME, 0, NULL },
		{ "\"01:20:30+02:00\"", TYPE_TIME, 1, "\"23:20:30\"" },
		{ "\"2024011858\"", TYPE_DATE, 1, "\"2024-01-18\"" },
		{ "true", TYPE_BIGINT, 0, NULL },
		{ "{}", TYPE_TEXT, 1, "\"{}\"" },
		{ "null", TYPE_TEXT, 1, "null" },
	};
	struct buf b = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct value *v = from_json(f, cases[i].json), out;
		int rc = value_coerce(v, cases[i].to, &f->arena, &out, &f->err);

		buf_reset(&b);
		if (rc == 1)
			value_write_jsonl(&out, &b);
		tap_ok(rc == cases[i].rc &&
		        (rc != 1 || strcmp(buf_str(&b), cases[i].want) == 0),
		    "%s to %s: %d %s", cases[i].json, type_name(cases[i].to),
		    rc, buf_str(&b));
	}
	buf_release(&b);
}

static void
test_utc(struct fixture *f)
{
	struct buf b = { 0 };
	struct value v;

	v = *from_json(f, "\"" M7 "2024-01-01T10:00:00+05:00\"");
	tap_int(value_to_utc(&v, true, &f->err), 0, "to UTC");
	value_write_jsonl(&v, &b);
	tap_str(buf_str(&b), "\"2024-01-01T05:00:00+00:00\"", "in UTC");
	buf_reset(&b);
	tap_int(value_to_utc(&v, false, &f->err), 0, "without the zone");
	value_write_jsonl(&v, &b);
	tap_str(buf_str(&b), "\"2024-01-01T05:00:00\"", "naive");
	v = *from_json(f, "\"" M7 "9999-12-31T23:59:59-01:00\"");
	tap_int(value_to_utc(&v, true, &f->err), -1, "past year 9999");
	tap_ok(strstr(f->err.msg, "9999-12-31T23:59:59-01:00") != NULL,
	    "the message names it: %s", f->err.msg);
	buf_release(&b);
}

static void
test_names(void)
{
	tap_str(type_name(TYPE_TIMESTAMP), "timestamp", "name of a type");
	for (int t = TYPE_TEXT; t <= TYPE_TIME; t++)
		tap_int(type_parse(type_name((enum data_type)t)), t,
		    type_name((enum data_type)t));
	tap_int(type_parse("complex"), TYPE_NONE, "an unknown type");
	tap_int(type_parse(""), TYPE_NONE, "no type");
	tap_int(detection_parse("iso_date"), DETECT_ISO_DATE, "iso_date");
	tap_int(detection_parse("x"), DETECT_NONE, "an unknown detection");
}

static void
test_detect(struct fixture *f)
{
	char text[64];

	snprintf(text, sizeof(text), "%lld",
	    (long long)(timestamp_now().us / 1000000));
	tap_int(value_detect(from_json(f, text), DETECT_TIMESTAMP),
	    TYPE_TIMESTAMP, "a number near now");
	tap_int(value_detect(from_json(f, "5"), DETECT_TIMESTAMP), TYPE_NONE,
	    "a number far from now");
	tap_int(value_detect(from_json(f, "\"2024-01-15T10:20:30+24:00\""),
	            DETECT_ISO_TIMESTAMP),
	    TYPE_TIMESTAMP, "an offset out of range is detected");
	tap_int(value_detect(from_json(f, "\"12:\""), DETECT_ISO_TIMESTAMP),
	    TYPE_NONE, "a time without minutes is not");
	tap_int(value_detect(from_json(f, "\"1975/05/01\""), DETECT_ISO_DATE),
	    TYPE_DATE, "a date");
	tap_int(value_detect(from_json(f, "9223372036854775808"),
	            DETECT_LARGE_INTEGER),
	    TYPE_WEI, "a large integer");
	tap_int(value_detect(from_json(f, "9223372036854775807"),
	            DETECT_LARGE_INTEGER),
	    TYPE_NONE, "an integer of 63 bits");
	tap_int(value_detect(from_json(f, "\"" MA "0x01\""),
	            DETECT_HEXBYTES_TO_TEXT),
	    TYPE_TEXT, "hexbytes");
	tap_int(value_detect(from_json(f, "\"" MB "YWI=\""),
	            DETECT_HEXBYTES_TO_TEXT),
	    TYPE_NONE, "bytes are not hexbytes");
	tap_int(value_detect(from_json(f, "\"" MC "5\""), DETECT_WEI_TO_DOUBLE),
	    TYPE_DOUBLE, "wei");
}

int
main(void)
{
	struct fixture f = { 0 };

	test_names();
	test_from_json(&f);
	test_typed(&f);
	test_coerce(&f);
	test_utc(&f);
	test_detect(&f);
	json_release(&f.doc);
	arena_release(&f.arena);
	test_oracle();
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/tap.h"

#include "common/jsonw.h"

static void
write_sample(struct jsonw *w)
{
	static const char raw[] = "{\"x\":[1,\"a,{\\\"\"],\"y\":{},\"z\":[]}";

	jsonw_object(w);
	jsonw_key(w, "a");
	jsonw_array(w);
	jsonw_int(w, -1);
	jsonw_bool(w, true);
	jsonw_str(w, NULL);
	jsonw_end_array(w);
	jsonw_key(w, "e");
	jsonw_object(w);
	jsonw_end_object(w);
	jsonw_keyn(w, "fg", 1);
	jsonw_array(w);
	jsonw_end_array(w);
	jsonw_key(w, "r");
	jsonw_raw(w, raw, strlen(raw));
	jsonw_key(w, "s");
	jsonw_strn(w, "text", 3);
	jsonw_end_object(w);
}

static void
test_quote(const char *s, size_t len, const char *want, const char *name)
{
	struct buf b = { 0 };

	jsonw_quote(&b, s, len);
	tap_str(b.data, want, name);
	buf_release(&b);
}

int
main(void)
{
	struct buf b = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	write_sample(&w);
	tap_str(b.data,
	    "{\"a\":[-1,true,null],\"e\":{},\"f\":[],"
	    "\"r\":{\"x\":[1,\"a,{\\\"\"],\"y\":{},\"z\":[]},\"s\":\"tex\"}",
	    "compact");
	buf_reset(&b);
	jsonw_init(&w, &b, true);
	write_sample(&w);
	tap_str(b.data,
	    "{\n  \"a\": [\n    -1,\n    true,\n    null\n  ],\n  \"e\": {},\n"
	    "  \"f\": [],\n  \"r\": {\n    \"x\": [\n      1,\n"
	    "      \"a,{\\\"\"\n    ],\n    \"y\": {},\n    \"z\": []\n  },\n"
	    "  \"s\": \"tex\"\n}",
	    "pretty, ready text is indented");
	buf_reset(&b);
	jsonw_init(&w, &b, true);
	jsonw_int(&w, 5);
	tap_str(b.data, "5", "a lone scalar");
	buf_release(&b);

	test_quote("", 0, "\"\"", "empty string");
	test_quote("a\"b\\c/d", 7, "\"a\\\"b\\\\c/d\"", "quote and backslash");
	test_quote("\b\t\n\f\r", 5, "\"\\b\\t\\n\\f\\r\"", "short escapes");
	test_quote("\0\x01\x0b\x1f\x7f", 5,
	    "\"\\u0000\\u0001\\u000b\\u001f\x7f\"", "long escapes");
	test_quote("\xc3\xa4\xe2\x80\xa8", 5, "\"\xc3\xa4\xe2\x80\xa8\"",
	    "UTF-8 stands as it is");
	return tap_done();
}

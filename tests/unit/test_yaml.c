/* SPDX-License-Identifier: MIT */
#include "common/yaml.h"

#include "tests/unit/tap.h"

/* What PyYAML's safe_load makes of it, as JSON. */
static const struct {
	const char *yaml, *json;
} good[] = {
	{ "", "null" },
	{ "a: 1\nb:\n- x\n- yes\n- ~\n-\n",
	    "{\"a\":1,\"b\":[\"x\",true,null,null]}" },
	{ "{a: off, b: 'off', c: \"off\", d: OFf}",
	    "{\"a\":false,\"b\":\"off\",\"c\":\"off\",\"d\":\"OFf\"}" },
	{ "[010, 0x1f, 0b11, 1_000, +5, -0x10, 1:30, 0, -0]",
	    "[8,31,3,1000,5,-16,90,0,0]" },
	{ "[1.5, .5, 1., 1e3, 1.0e+3, -1_0.5, 1:30.5]",
	    "[1.5,0.5,1.0,\"1e3\",1000.0,-10.5,90.5]" },
	{ "[12345678901234567890123, 08, 0o7, 1.2.3, -, +]",
	    "[12345678901234567890123,\"08\",\"0o7\",\"1.2.3\",\"-\",\"+\"]" },
	{ "when: 2024-01-01T10:00:00Z\nday: 2024-01-01\n",
	    "{\"when\":\"2024-01-01T10:00:00Z\",\"day\":\"2024-01-01\"}" },
	{ "a: |\n  two\n  lines\nb: >\n  folded\n  line\n",
	    "{\"a\":\"two\\nlines\\n\",\"b\":\"folded line\\n\"}" },
	{ "a: &x {k: 1}\nb: *x\nc:\n  <<: *x\n  k: 2\n  l: 3\n",
	    "{\"a\":{\"k\":1},\"b\":{\"k\":1},\"c\":{\"k\":1,\"k\":2,\"l\":3}}" },
	{ "c:\n  <<: [{a: 1}, {a: 2, b: 3}]\n",
	    "{\"c\":{\"a\":2,\"b\":3,\"a\":1}}" },
	{ "a: !!str x\nb: !!int 5\nc: !!null ''\n",
	    "{\"a\":\"x\",\"b\":5,\"c\":null}" },
	{ "'on': 1\n\"1\": 2\n", "{\"on\":1,\"1\":2}" },
	{ "# a comment\n---\na: \"\\u00fc\\t\"\n...\n",
	    "{\"a\":\"\xc3\xbc\\t\"}" },
	{ "a: []\nb: {}\n", "{\"a\":[],\"b\":{}}" },
};

static const struct {
	const char *yaml, *error;
} bad[] = {
	{ "a: [1\nb: 2\n", "2:2: " },
	{ "a: 1\n---\nb: 2\n", "3:1: a second document begins" },
	{ "on: 1\n", "1:1: the key on is no string in YAML" },
	{ "1: 1\n", "1:1: the key 1 is no string in YAML" },
	{ "[a]: 1\n", "1:1: a key is no string" },
	{ "a: .inf\n", "1:4: .inf is no number of JSON" },
	{ "a: -.Inf\n", "no number of JSON" },
	{ "a: .nan\n", "1:4: .nan is no number of JSON" },
	{ "a: *x\n", "undefined alias" },
	{ "a: !!python/object:os.system x\n",
	    "the tag tag:yaml.org,2002:pyth" },
	{ "a: !!int x\n", "1:4: the tag tag:yaml.org,2002:int" },
	{ "a: =\n", "1:4: = has a meaning of its own" },
	{ "a: &x [*x]\n", "too deep" },
	{ "a: &x {b: *x}\n", "too deep" },
	{ "&x\n<<: *x\n", "too deep" },
	{ "a: \"\xff\"\n", "byte 4: " },
	{ "\ta: 1\n", "1:1: " },
	{ "<<: 1\n", "1:5: << names neither" },
	{ "0xfffffffffffffffff", "too large" },
};

/* In the square of the depth, this would take minutes. */
static void
test_depth(void)
{
	static const char marks[] = "[{-?";
	size_t len = 400000;
	char *text = malloc(len + 1);

	for (const char *m = marks; text && *m; m++) {
		struct buf out = { 0 };
		struct error err = { 0 };

		for (size_t i = 0; i < len; i += 2)
			memcpy(text + i, (char[]){ *m, ' ' }, 2);
		text[len] = '\0';
		tap_ok(yaml_to_json(text, len, &out, NULL, &err) < 0, "%c", *m);
		tap_ok(strstr(err.msg, "deep") != NULL, "%s", err.msg);
		buf_release(&out);
	}
	free(text);
}

static void
test_reading(void)
{
	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct buf out = { 0 };
		struct error err = { 0 };
		int rc = yaml_to_json(good[i].yaml, strlen(good[i].yaml), &out,
		    NULL, &err);

		tap_ok(rc == 0, "reads %zu %s", i, err.msg);
		tap_str(buf_str(&out), good[i].json, "as PyYAML");
		buf_release(&out);
	}
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct buf out = { 0 };
		struct error err = { 0 };
		int rc = yaml_to_json(bad[i].yaml, strlen(bad[i].yaml), &out,
		    NULL, &err);

		if (!tap_ok(rc < 0 && err.code == ERR_DATA &&
		            strstr(err.msg, bad[i].error),
		        "refuses %zu: %s", i, bad[i].error))
			printf("# %s %s\n", err.msg, buf_str(&out));
		buf_release(&out);
	}
}

/* Ten aliases of ten aliases of ... */
static void
test_bomb(void)
{
	struct buf text = { 0 }, out = { 0 };
	struct error err = { 0 };

	buf_adds(&text, "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
	for (int i = 1; i < 12; i++) {
		buf_addf(&text, "a%d: &a%d [", i, i);
		for (int k = 0; k < 10; k++)
			buf_addf(&text, "%s*a%d", k ? ", " : "", i - 1);
		buf_adds(&text, "]\n");
	}
	tap_ok(yaml_to_json(text.data, text.len, &out, NULL, &err) < 0 &&
	        strstr(err.msg, "too much of aliases"),
	    "aliases of aliases are refused");
	buf_reset(&text);
	buf_reset(&out);
	for (int i = 0; i < 100000; i++)
		buf_addc(&text, '[');
	tap_ok(yaml_to_json(text.data, text.len, &out, NULL, &err) < 0,
	    "so are endless brackets");
	buf_release(&text);
	buf_release(&out);
}

/* As PyYAML's dump(). */
static void
test_writing(void)
{
	static const char json[] =
	    "{\"name\":\"x\",\"on\":true,\"list\":[1,[],{\"a\":null}],"
	    "\"none\":{},\"text\":\"yes\",\"num\":\"12\",\"f\":1e-07,"
	    "\"two\":\"a\\nb\",\"empty\":\"\",\"u\":\"\xc3\xbc\",\"g\":0.5}";
	static const char yaml[] =
	    "name: x\n'on': true\nlist:\n- 1\n- []\n- a: null\nnone: {}\n"
	    "text: 'yes'\nnum: '12'\nf: 1.0e-07\ntwo: 'a\n\n  b'\nempty: ''\n"
	    "u: \xc3\xbc\ng: 0.5\n";
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	struct buf out = { 0 };

	tap_ok(json_parse(&doc, json, strlen(json), &err) == 0 &&
	        yaml_from_json(doc.root, &out, &err) == 0,
	    "writes %s", err.msg);
	tap_str(buf_str(&out), yaml, "as PyYAML");
	json_release(&doc);
	buf_release(&out);
}

int
main(void)
{
	struct buf out = { 0 };
	struct error err = { 0 };

	if (yaml_to_json("a", 1, &out, NULL, &err) < 0) {
		tap_ok(err.code == ERR_USAGE && strstr(err.msg, "libyaml-dev"),
		    "without libyaml: says what to install");
		return tap_done();
	}
	buf_release(&out);
	test_reading();
	test_depth();
	test_bomb();
	test_writing();
	return tap_done();
}

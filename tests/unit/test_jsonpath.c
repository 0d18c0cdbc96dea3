/* SPDX-License-Identifier: MIT */
/* Expected values are those of jsonpath_ng.ext as dlt 1.26.0 calls it. */
#include "tools/dlt-extract/jsonpath.h"

#include "tap.h"

static const char document[] =
    "{\"a\":{\"b\":[1,2,3,4],\"c\":null,\"x-y\":\"z\"},\"na.me\":5,"
    "\"*\":6,\"e\":[],\"o\":[{\"id\":1,\"n\":{\"id\":2}},{\"id\":3}],"
    "\"0\":7,\"f\":1.5,\"s\":\"t\",\"zero\":0,\"@t\":8}";

static bool
collect(void *arg, const struct json *v)
{
	struct buf *b = arg;

	if (b->len != 0)
		buf_addc(b, ' ');
	json_write(v, 0, b);
	return true;
}

static void
finds(const char *path, const char *want)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	struct buf b = { 0 };
	struct jsonpath *p = jsonpath_new(path, &err);

	if (json_parse(&doc, document, sizeof(document) - 1, &err) < 0)
		tap_ok(false, "the document: %s", err.msg);
	else if (p == NULL)
		tap_ok(false, "%s: %s", path, err.msg);
	else
		jsonpath_each(p, doc.root, collect, &b);
	if (p != NULL)
		tap_str(buf_str(&b), want, path);
	jsonpath_free(p);
	buf_release(&b);
	json_release(&doc);
}

static void
refused(const char *path, const char *want)
{
	struct error err = { 0 };
	struct jsonpath *p = jsonpath_new(path, &err);
	char name[200];

	snprintf(name, sizeof(name), "refused: %s", path);
	tap_str(p == NULL ? err.msg : "(taken)", want, name);
	jsonpath_free(p);
}

static void
field(const char *path, const char *want)
{
	struct error err = { 0 };
	struct jsonpath *p = jsonpath_new(path, &err);
	char name[200];

	snprintf(name, sizeof(name), "field of %s", path);
	tap_str(p == NULL ? NULL : jsonpath_field(p), want, name);
	jsonpath_free(p);
}

static void
test_find(void)
{
	finds("a.b", "[1,2,3,4]");
	finds("$.a.b[0]", "1");
	finds(" $ . a . b [ 1 ] ", "2");
	finds("a.b[-1]", "4");
	finds("a.b[4]", "");
	finds("a.b[-9]", "");
	finds("a.b[*]", "1 2 3 4");
	finds("a.b[1:3]", "2 3");
	finds("a.b[-2:]", "3 4");
	finds("a.b[::2]", "1 3");
	finds("a.b[::-1]", "4 3 2 1");
	finds("a.b[2:0:-1]", "3 2");
	finds("a.b[:-9]", "");
	finds("a.c", "null");
	finds("a.c[*]", "");
	finds("a.x-y", "\"z\"");
	finds("a['x-y']", "\"z\"");
	finds("a[\"x-y\",c]", "\"z\" null");
	finds("\"na.me\"", "5");
	finds("na.me", "");
	finds("a.*", "[1,2,3,4] null \"z\"");
	finds("e[*]", "");
	finds("s[*]", "\"t\"");
	finds("f[*]", "1.5");
	finds("zero[*]", "");
	finds("a[*].c", "null");
	finds("o[*].id", "1 3");
	finds("o..id", "1 2 3");
	finds("$..id", "1 2 3");
	finds("o[*].n.id", "2");
	finds("o.id", "");
	finds("$.0", "7");
	finds("@t", "8");
	finds("@.f", "1.5");
	finds("f,s", "1.5 \"t\"");
	finds("'wh\\'ere'", "");
	finds("missing.a[*]..b", "");
}

static void
test_refused(void)
{
	refused("", "JSONPath \"\": character 1: it is empty");
	refused("a.", "JSONPath \"a.\": character 3: a name is missing");
	refused("a[", "JSONPath \"a[\": character 3: a name is missing");
	refused("a[1",
	    "JSONPath \"a[1\": character 2: a bracket that is not closed");
	refused("a['x",
	    "JSONPath \"a['x\": character 3: a quote that is not "
	    "closed");
	refused("a[?(@.b==1)]",
	    "JSONPath \"a[?(@.b==1)]\": character 3: "
	    "filters and sorting are not supported");
	refused("a.`len`",
	    "JSONPath \"a.`len`\": character 3: a name is "
	    "missing");
	refused("`this`",
	    "JSONPath \"`this`\": character 1: functions and "
	    "operators are not supported");
	refused("a|b",
	    "JSONPath \"a|b\": character 2: functions and operators "
	    "are not supported");
	refused("a b",
	    "JSONPath \"a b\": character 3: a dot or a bracket is "
	    "missing");
	refused("\xc3\xa4.b",
	    "JSONPath \"\xc3\xa4.b\": character 1: a name is "
	    "missing");
	refused("'\xc3\xa4'x",
	    "JSONPath \"'\xc3\xa4'x\": character 4: a dot "
	    "or a bracket is missing");
	refused("a.where",
	    "JSONPath \"a.where\": character 3: this word has "
	    "to be in quotes to be a name");
	refused("a[::0]", "JSONPath \"a[::0]\": character 5: a step of 0");
	refused("a[9999999999999999]",
	    "JSONPath \"a[9999999999999999]\": character 3: a number that is "
	    "too large");
}

int
main(void)
{
	test_find();
	test_refused();
	field("id", "id");
	field("\"na.me\"", "na.me");
	field("$.id", NULL);
	field("a,b", NULL);
	field("*", NULL);
	field("a.b", NULL);
	return tap_done();
}

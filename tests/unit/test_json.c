/* SPDX-License-Identifier: MIT */
#include "tests/unit/tap.h"

#include <dirent.h>
#include <time.h>
#include <unistd.h>

#include "common/json.h"

static void
refuse(const char *text, const char *want)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };

	if (json_parse(&doc, text, strlen(text), &err) == 0)
		tap_ok(false, "refuses %s", text);
	else
		tap_str(err.msg, want, want);
	json_release(&doc);
}

static void
rewrite(const char *text, unsigned flags, const char *want)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	struct buf out = { 0 };

	if (json_parse(&doc, text, strlen(text), &err) == 0)
		json_write(doc.root, flags, &out);
	else
		buf_adds(&out, err.msg);
	tap_str(buf_str(&out), want, want);
	buf_release(&out);
	json_release(&doc);
}

static void
test_errors(void)
{
	refuse("", "1:1: expected a value, but the text ends");
	refuse("{\n \"a\": 1,\n \"b\" 2}", "3:6: expected ':'");
	refuse("[1,]", "1:4: expected a value");
	refuse("[1 2]", "1:4: expected ',' or ']'");
	refuse("{\"a\":1,}", "1:8: expected a key in quotes");
	refuse("{\"a\":1", "1:7: expected ',' or '}'");
	refuse("{\"a\":tru}", "1:6: expected a value");
	refuse("[01]", "1:2: number with a leading zero");
	refuse("[1.]", "1:4: expected a digit after '.'");
	refuse("[1e]", "1:4: expected a digit in the exponent");
	refuse("[-]", "1:3: expected a digit");
	refuse("[1e400]", "1:2: number is too large for a double");
	refuse("[NaN]", "1:2: expected a value");
	refuse("1 2", "1:3: something follows the value");
	refuse("{}{}", "1:3: something follows the value");
	refuse("\xef\xbb\xbf{}", "1:1: a byte order mark is not allowed");
	refuse("[\"abc", "1:6: the text ends within a string");
	refuse("[\"a\tb\"]",
	    "1:4: control character in a string (must be escaped)");
	refuse("[\"\\x\"]", "1:3: unknown escape in a string");
	refuse("[\"\\u12g4\"]", "1:3: \\u needs four hexadecimal digits");
	refuse("[\"\\ud800\"]", "1:3: lone surrogate in a string");
	refuse("[\"\\ud800\\u0041\"]", "1:3: lone surrogate in a string");
	refuse("[\"\\udc00\"]", "1:3: lone surrogate in a string");
	refuse("[\n\"a\xff\"]", "2:3: invalid UTF-8 in a string");
}

static void
test_write(void)
{
	rewrite(" { \"b\" : [ 1 , 2.50 ] , \"a\" : null } ", 0,
	    "{\"b\":[1,2.50],\"a\":null}");
	rewrite("{\"b\":{\"z\":1,\"y\":[{\"d\":1,\"c\":2}]},\"ab\":1,\"a\":2}",
	    JSON_WRITE_SORTED,
	    "{\"a\":2,\"ab\":1,\"b\":{\"y\":[{\"c\":2,\"d\":1}],\"z\":1}}");
	rewrite("[1.50,1e3,-0,-0.0,123456789012345678901234567890,7]",
	    JSON_WRITE_PYTHON,
	    "[1.5,1000.0,0,-0.0,123456789012345678901234567890,7]");
	rewrite("\"\\u00e4\\ud83d\\ude00\\/\\u0001\"", 0,
	    "\"\xc3\xa4\xf0\x9f\x98\x80/\\u0001\"");
	rewrite("{\"a\":1,\"b\":2,\"a\":{\"c\":1,\"c\":2}}", 0,
	    "{\"a\":{\"c\":2},\"b\":2}");
	rewrite("{\"a\":1,\"a\":2,\"a\":3}", 0, "{\"a\":3}");
	rewrite("{\"a\":1,\"\\u0061\":2}", 0, "{\"a\":2}");
	rewrite(" 12 ", 0, "12");
	rewrite("[1.7976931348623157e308,1.7976931348623158e308,0e999]", 0,
	    "[1.7976931348623157e308,1.7976931348623158e308,0e999]");
}

static void
test_get(void)
{
	static const char text[] =
	    "{\"s\":\"x\\u0000y\",\"i\":-5,\"f\":1.5,\"b\":true,"
	    "\"big\":99999999999999999999}";
	struct json_doc doc = { 0 };
	struct error err;
	const struct json *s;

	tap_int(json_parse(&doc, text, strlen(text), &err), 0, "parse");
	s = json_get(doc.root, "s");
	tap_ok(s && s->len == 3 && !memcmp(s->str, "x\0y", 4), "NUL inside");
	tap_ok(s && s->raw_len == 10 && s->raw[0] == '"', "raw text");
	tap_int((long long)doc.root->count, 5, "count");
	tap_int(json_get_int(doc.root, "i", 7), -5, "integer");
	tap_int(json_get_int(doc.root, "f", 7), 7, "no integer");
	tap_int(json_get_int(doc.root, "big", 7), 7, "too large an integer");
	tap_int(json_get_bool(doc.root, "b", false), true, "boolean");
	tap_str(json_get_str(doc.root, "i", "-"), "-", "no string");
	tap_ok(!json_get(doc.root, "x") && !json_get(NULL, "x") &&
	        !json_get(s, "x"),
	    "missing members");
	json_release(&doc);
}

/* The reused doc keeps its memory: the nodes come to the same place. */
static void
test_reuse(void)
{
	static const char text[] = "{\"a\":[1,2,3],\"b\":\"c\"}";
	struct json_doc doc = { 0 };
	struct error err;
	const struct json *root;
	const void *tokens;
	bool same = true;

	json_parse(&doc, text, strlen(text), &err);
	root = doc.root;
	tokens = doc.tokens;
	for (int i = 0; i < 1000; i++) {
		json_parse(&doc, "[", 1, &err);
		same &= !doc.root;
		json_parse(&doc, text, strlen(text), &err);
		same &= doc.root == root && doc.tokens == tokens;
	}
	tap_ok(same, "parsing again does not allocate");
	json_release(&doc);
}

static void
test_depth(void)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	size_t n = 1 << 20;
	char *text = xmalloc(n);

	memset(text, '[', n);
	tap_ok(json_parse(&doc, text, n, &err) != 0, "1 MiB of '['");
	tap_str(err.msg, "1:1025: more than 1024 levels of nesting", "message");
	memset(text + MAX_NESTING, ']', MAX_NESTING);
	tap_ok(json_parse(&doc, text, 2 * MAX_NESTING, &err) == 0, "1024");
	free(text);
	json_release(&doc);
}

/* Quadratic behaviour would take minutes here: the bound is generous. */
static void
test_linear(const char *name, const char *fmt, int mod, size_t want)
{
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	struct buf b = { 0 };
	bool object = fmt[0] == '"';
	clock_t from;

	buf_addc(&b, object ? '{' : '[');
	for (int i = 0; i < 300000; i++) {
		if (i)
			buf_addc(&b, ',');
		buf_adds(&b, object ? "\"" : "{\"a\":");
		buf_addf(&b, "%d", i % mod);
		buf_adds(&b, object ? "\":1" : "}");
	}
	buf_addc(&b, object ? '}' : ']');
	from = clock();
	tap_ok(json_parse(&doc, b.data, b.len, &err) == 0 &&
	        doc.root->count == want,
	    "%s", name);
	tap_ok(clock() - from < 10 * CLOCKS_PER_SEC, "%s: linear", name);
	buf_release(&b);
	json_release(&doc);
}

static void
test_file(void)
{
	char path[] = "/tmp/test_json.XXXXXX", want[64];
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	char *text = NULL;
	int fd = mkstemp(path);

	tap_ok(fd >= 0 && write(fd, "[1,\n2}", 6) == 6, "a bad file");
	tap_ok(json_read_file(&doc, path, &text, &err) != 0 && !text, "fails");
	snprintf(want, sizeof(want), "%s:2:2: expected ',' or ']'", path);
	tap_str(err.msg, want, "with path, line and column");
	tap_ok(pwrite(fd, "]", 1, 5) == 1, "a good file");
	tap_int(json_read_file(&doc, path, &text, &err), 0, "is read");
	tap_int(doc.root ? (long long)doc.root->count : -1, 2, "two elements");
	json_release(&doc);
	free(text);
	close(fd);
	unlink(path);
	tap_ok(json_read_file(&doc, path, &text, &err) != 0 &&
	        err.code == ERR_IO && strstr(err.msg, path),
	    "a missing file");
	json_release(&doc);
}

static void
suite_file(struct json_doc *doc, const char *dir, const char *name)
{
	static char text[1 << 20];
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	struct error err = { 0 };
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
	bool ok = json_parse(doc, text, n, &err) == 0;

	if (name[0] == 'y')
		tap_ok(f && ok, "accepts %s", name);
	else if (name[0] == 'n')
		tap_ok(f && !ok && err.code == ERR_DATA, "refuses %s", name);
	else
		tap_ok(f != NULL, "%s %s", ok ? "takes" : "leaves", name);
	if (f)
		fclose(f);
	free(path);
}

static void
test_suite(void)
{
	const char *data = getenv("TEST_DATA");
	struct json_doc doc = { 0 };
	struct dirent **list;
	char *dir;
	int n;

	if (!data) {
		tap_skip("JSONTestSuite", "no TEST_DATA");
		return;
	}
	dir = xasprintf("%s/JSONTestSuite/test_parsing", data);
	n = scandir(dir, &list, NULL, alphasort);
	tap_ok(n > 300, "JSONTestSuite is there");
	for (int i = 0; i < n; i++) {
		if (list[i]->d_name[0] != '.')
			suite_file(&doc, dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	free(dir);
	json_release(&doc);
}

int
main(void)
{
	test_errors();
	test_write();
	test_get();
	test_reuse();
	test_depth();
	test_linear("array of small objects", "{", 1000, 300000);
	test_linear("object with many keys", "\"", 300000, 300000);
	test_linear("object with many equal keys", "\"", 7, 7);
	test_file();
	test_suite();
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
#include "tests/unit/tap.h"

#include <dirent.h>

#include "common/json.h"
#include "common/scan.h"
#include "tests/fuzz/mutate.h"

/* A copy with slack, allocated to the byte for the sanitizer. */
static char *
padded(const char *text, size_t len)
{
	char *p = xcalloc(1, len + SCAN_SLACK);

	if (len)
		memcpy(p, text, len);
	return p;
}

static bool
accepts(const char *text, size_t len)
{
	char *copy = padded(text, len);
	const char *end = copy + len;
	struct scan s;
	bool ok = scan_value(scan_space(copy, end), end, true, &s) == SCAN_OK &&
	    scan_space(s.next, end) == end;

	free(copy);
	return ok;
}

static void
expect(const char *text, bool final, enum scan_status want, long next,
    const char *what)
{
	char *copy = padded(text, strlen(text));
	struct scan s;
	enum scan_status st = scan_value(copy, copy + strlen(text), final, &s);

	tap_ok(st == want, "status of %s", text);
	if (next >= 0)
		tap_int(s.next - copy, next, "place");
	if (what)
		tap_str(s.what, what, what);
	free(copy);
}

static void
test_values(void)
{
	expect("{\"a\":1}\n{", false, SCAN_OK, 7, NULL);
	expect("12", false, SCAN_MORE, -1, NULL);
	expect("12", true, SCAN_OK, 2, NULL);
	expect("12 ", false, SCAN_OK, 2, NULL);
	expect("-", false, SCAN_MORE, -1, NULL);
	expect("-", true, SCAN_BAD, 1, "expected a digit");
	expect("[1.", false, SCAN_MORE, -1, NULL);
	expect("[1e+", false, SCAN_MORE, -1, NULL);
	expect("tru", false, SCAN_MORE, -1, NULL);
	expect("trx", false, SCAN_BAD, 0, "expected a value");
	expect("[\"\\u12", false, SCAN_MORE, -1, NULL);
	expect("[\"\\ud83d\\ude", false, SCAN_MORE, -1, NULL);
	expect("[\"\\ud83dx", false, SCAN_BAD, 2, "lone surrogate in a string");
	expect("[1 2]", false, SCAN_BAD, 3, "expected ',' or ']'");
	expect("{\"a\" 1}", false, SCAN_BAD, 5, "expected ':'");
	expect("{\"a\":1,}", false, SCAN_BAD, 7, "expected a key in quotes");
	expect("[\"0123456789abcdefg\xff\"]", false, SCAN_BAD, 19,
	    "invalid UTF-8 in a string");
	expect("[\"0123456789abcdefg\x01\"]", false, SCAN_BAD, 19,
	    "control character in a string (must be escaped)");
	expect("[1e400]", false, SCAN_BAD, 1,
	    "number is too large for a double");
}

static void
test_prefixes(void)
{
	bool more = true;

	for (size_t i = 0; i < ARRAY_LEN(mutate_seeds); i++) {
		const char *seed = mutate_seeds[i];
		size_t from = strspn(seed, " "), len = strlen(seed + from);
		struct scan s;

		while (seed[from + len - 1] == ' ' ||
		    seed[from + len - 1] == '\n')
			len--;
		for (size_t n = 0; n < len; n++) {
			char *copy = padded(seed + from, n);

			more &= scan_value(copy, copy + n, false, &s) ==
			    SCAN_MORE;
			free(copy);
		}
	}
	tap_ok(more, "every cut document asks for more");
}

static void
test_newlines(void)
{
	static const char *const text[] = { "{\"a\": 1}", "{\n\"a\":1}",
		"[1,\r2]", "[1 \n]", "[\n]", "{\"a\"\n:1}", "{\"a\":\n1}",
		"[\"\\n\"]" };
	static const char want[] = "01111110";

	for (size_t i = 0; i < ARRAY_LEN(text); i++) {
		char *copy = padded(text[i], strlen(text[i]));
		struct scan s;

		scan_value(copy, copy + strlen(text[i]), true, &s);
		tap_int(s.has_newline, want[i] - '0', "newline in a row");
		free(copy);
	}
}

static void
test_skip(void)
{
	static const struct {
		const char *text;
		long next; /* -1: NULL */
	} cases[] = {
		{ "{\"a\":[1,{\"b\":\"}]\"}]} x", 20 },
		{ "[]", 2 },
		{ "\"a\\\"b\\\\\",1", 8 },
		{ "12,", 2 },
		{ "12", -1 },
		{ "null]", 4 },
		{ "[[]", -1 },
		{ "\"ab\\", -1 },
		{ "{\"a\":\"", -1 },
		{ "[\"0123456789012345678901234567890123\"]1", 38 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		size_t len = strlen(cases[i].text);
		char *copy = padded(cases[i].text, len);
		const char *next = scan_skip(copy, copy + len);

		tap_int(next ? next - copy : -1, cases[i].next, cases[i].text);
		free(copy);
	}
}

/* Runs of backslashes before a quote, at every place of a block of 64. */
static void
test_skip_blocks(void)
{
	bool same = true;

	for (size_t at = 0; at < 140; at++) {
		for (size_t run = 0; run < 9; run++) {
			struct buf b = { 0 };
			struct scan s;
			const char *end;

			buf_adds(&b, "[{\"");
			for (size_t i = 0; i < at; i++)
				buf_addc(&b, 'x');
			for (size_t i = 0; i < run; i++)
				buf_addc(&b, '\\');
			buf_adds(&b,
			    run % 2 ? "\"]}\":[\"}\"]}]]}" : "\":\"]\"}]]");
			buf_reserve(&b, SCAN_SLACK);
			end = b.data + b.len;
			same &= scan_value(b.data, end, true, &s) == SCAN_OK &&
			    scan_skip(b.data, end) == s.next &&
			    !scan_skip(b.data, s.next - 1);
			buf_release(&b);
		}
	}
	tap_ok(same, "scan_skip finds the end as scan_value does");
}

static void
test_infinite(void)
{
	static const struct {
		const char *text;
		bool want;
	} cases[] = {
		{ "1e308", false },
		{ "1.7976931348623158e308", false },
		{ "1.7976931348623159e308", true },
		{ "-2e308", true },
		{ "1e309", true },
		{ "0e999999999999999999999", false },
		{ "1e-99999999999999999999", false },
		{ "1e99999999999999999999", true },
		{ "0.00001e313", false },
		{ "0.00001e314", true },
		{ "17976931348623158e292", false },
		{ "17976931348623159e292", true },
		{ "1E0000000000000000000000400", true },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		tap_int(scan_number_is_infinite(cases[i].text,
		            strlen(cases[i].text)),
		    cases[i].want, cases[i].text);
}

static void
test_depth(void)
{
	size_t n = 1 << 20;
	char *text = xcalloc(1, n + SCAN_SLACK);
	struct scan s;

	memset(text, '[', n);
	tap_ok(scan_value(text, text + n, false, &s) == SCAN_BAD &&
	        s.next == text + MAX_NESTING,
	    "1 MiB of '['");
	memset(text + MAX_NESTING, ']', MAX_NESTING);
	tap_ok(scan_value(text, text + n, false, &s) == SCAN_OK &&
	        s.next == text + 2 * MAX_NESTING,
	    "1024 levels");
	free(text);
}

/* Two independent checks have to agree. */
static void
test_mutations(void)
{
	struct json_doc doc = { 0 };
	struct error err;
	char text[MUTATE_MAX];
	uint64_t state = 42;
	int differ = 0, good = 0;

	for (int i = 0; i < 100000; i++) {
		size_t n = mutate(&state, text);
		bool json = json_parse(&doc, text, n, &err) == 0;

		good += json;
		if (json == accepts(text, n))
			continue;
		if (differ++ < 5)
			printf("# differ (json %d): %.*s\n", json, (int)n,
			    text);
	}
	tap_ok(differ == 0, "json and scan agree on 100000 documents");
	tap_ok(good > 10000 && good < 90000, "%d of them are valid", good);
	json_release(&doc);
}

static void
suite_file(const char *dir, const char *name)
{
	static char text[1 << 20];
	char *path = xasprintf("%s/%s", dir, name);
	FILE *f = fopen(path, "rb");
	size_t n = f ? fread(text, 1, sizeof(text), f) : 0;
	bool ok = accepts(text, n);

	if (name[0] == 'i')
		tap_ok(f != NULL, "%s %s", ok ? "takes" : "leaves", name);
	else
		tap_ok(f && ok == (name[0] == 'y'), "%s", name);
	if (f)
		fclose(f);
	free(path);
}

static void
test_suite(void)
{
	const char *data = getenv("TEST_DATA");
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
			suite_file(dir, list[i]->d_name);
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	free(dir);
}

int
main(void)
{
	test_values();
	test_prefixes();
	test_newlines();
	test_skip();
	test_skip_blocks();
	test_infinite();
	test_depth();
	test_mutations();
	test_suite();
	return tap_done();
}

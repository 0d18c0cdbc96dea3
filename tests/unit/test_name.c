/* SPDX-License-Identifier: MIT */
#include "common/name.h"

#include "common/json.h"
#include "tests/unit/tap.h"

typedef int (*name_fn)(const struct naming *, const char *, size_t,
    struct buf *, struct error *);

static const struct {
	const char *key;
	name_fn fn;
} operations[] = {
	{ "normalize_identifier", name_identifier },
	{ "normalize_path", name_path },
	{ "normalize_tables_path", name_tables_path },
};

static bool
agrees(const struct naming *m, const struct json *line, size_t op)
{
	const struct json *in = json_get(line, "in");
	const char *want = json_get_str(line, operations[op].key, NULL);
	struct buf got = { 0 };
	struct error err = { 0 };
	int rc = operations[op].fn(m, in->str, in->len, &got, &err);
	bool ok = want ? rc == 0 && strcmp(buf_str(&got), want) == 0 : rc != 0;

	if (!ok)
		printf("# %s of \"%s\": got \"%s\", want \"%s\"\n",
		    operations[op].key, in->str, buf_str(&got),
		    want ? want : "(an error)");
	buf_release(&got);
	return ok;
}

/* What Python dlt makes of names; null stands for an error. */
static void
test_oracle(void)
{
	const char *data = getenv("TEST_DATA");
	char path[4096], *line = NULL;
	size_t cap = 0, lines = 0, wrong = 0;
	struct json_doc doc = { 0 };
	struct error err = { 0 };
	ssize_t n;
	FILE *f;

	snprintf(path, sizeof(path), "%s/oracles/naming.jsonl",
	    data ? data : ".");
	f = fopen(path, "r");
	if (!tap_ok(f != NULL, "the oracle is there"))
		return;
	while ((n = getline(&line, &cap, f)) > 0) {
		struct naming m = { 0 };

		lines++;
		if (json_parse(&doc, line, (size_t)n, &err) < 0 ||
		    naming_parse(json_get_str(doc.root, "naming", ""), &m.kind,
		        &err) < 0) {
			wrong++;
			continue;
		}
		m.max_length = (size_t)json_get_int(doc.root, "max_length", 0);
		for (size_t i = 0; i < ARRAY_LEN(operations); i++)
			wrong += !agrees(&m, doc.root, i);
	}
	tap_int((long long)lines, 9762, "lines of the oracle");
	tap_int((long long)wrong, 0, "names agree with the oracle");
	json_release(&doc);
	free(line);
	fclose(f);
}

static void
test_fragments(void)
{
	static const struct {
		enum naming_kind kind;
		size_t max;
		const char *parts[3], *want;
	} cases[] = {
		{ NAMING_SNAKE_CASE, 0, { "confidence", "v_bool" },
		    "confidence__v_bool" },
		{ NAMING_SNAKE_CASE, 9, { "confidence", "v_bool" },
		    "coevcf0al" },
		{ NAMING_SNAKE_CASE, 7, { "confidence", "v_bool" }, "cevcf0a" },
		{ NAMING_SNAKE_CASE, 6, { "confidence", "v_bool" }, "evcf0a" },
		{ NAMING_SNAKE_CASE, 63,
		    { "table_of_long_names",
		        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		        "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx" },
		    "table_of_long_names__xxxxxxxxe7epwaxxxxxxxxxxxxxxxxxxxxxxx"
		    "xxxxx" },
		{ NAMING_SNAKE_CASE, 0, { "a", "", "b" }, "a__b" },
		{ NAMING_SNAKE_CASE, 0, { "", " ", "" }, "" },
		{ NAMING_DIRECT, 0, { "a", "b" },
		    "a\xe2\x96\xb6"
		    "b" },
		/* The length counts code points. */
		{ NAMING_DIRECT, 10,
		    { "\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4"
		      "\xc3\xa4\xc3\xa4",
		        "b" },
		    "\xc3\xa4\xc3\xa4"
		    "e1es4w\xe2\x96\xb6"
		    "b" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct naming n = { cases[i].kind, cases[i].max, false };
		struct buf got = { 0 };
		size_t count = 0;

		while (count < 3 && cases[i].parts[count])
			count++;
		buf_adds(&got, ">");
		name_fragments(&n, cases[i].parts, count, &got);
		tap_str(buf_str(&got) + 1, cases[i].want, "fragments");
		buf_release(&got);
	}
}

static void
test_keys(void)
{
	static const struct {
		const char *key, *whole, *unbroken, *s3_table;
	} cases[] = {
		{ "a__b", "a__b", "a_b", "a__b" },
		{ "a___b", "a___b", "a_b", "a__b" },
		{ "__", "", "xx", "" },
		{ "__a", "a", "_a", "a" },
		{ "a__", "a", "axx", "a" },
		{ "A b__C", "a_b__c", "a_b_c", "a_b__c" },
		{ "aB", "a_b", "a_b", "a_b" },
		{ "_", "x", "x", "x" },
		{ "x_", "xx", "xx", "xx" },
		{ "plain_1", "plain_1", "plain_1", "plain_1" },
		{ "_dlt_id", "_dlt_id", "_dlt_id", "dlt_id" },
		{ "", "_empty", "_empty", "_empty" },
		{ " \t", "_empty", "_empty", "_empty" },
	};
	struct naming whole = { NAMING_SNAKE_CASE, 0, false };
	struct naming unbroken = { NAMING_SNAKE_CASE, 0, true };
	struct naming s3 = { NAMING_S3_TABLES, 0, false };
	struct buf got = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const char *key = cases[i].key;

		name_key(&whole, key, strlen(key), false, &got);
		tap_str(buf_str(&got), cases[i].whole, "a key");
		buf_reset(&got);
		name_key(&unbroken, key, strlen(key), false, &got);
		tap_str(buf_str(&got), cases[i].unbroken, "with whole paths");
		buf_reset(&got);
		name_key(&s3, key, strlen(key), true, &got);
		tap_str(buf_str(&got), cases[i].s3_table, "as an s3 table");
		buf_reset(&got);
	}
	buf_release(&got);
}

static void
test_table_identifiers(void)
{
	struct naming s3 = { NAMING_S3_TABLES, 0, false };
	struct naming snake = { NAMING_SNAKE_CASE, 0, false };
	struct error err = { 0 };
	struct buf got = { 0 };
	char longest[301];

	name_table_identifier(&s3, "__dlt_Loads", 11, &got, &err);
	tap_str(buf_str(&got), "dlt_loads", "an s3 table");
	buf_reset(&got);
	name_table_identifier(&snake, "_dlt_Loads", 10, &got, &err);
	tap_str(buf_str(&got), "_dlt_loads", "other tables");
	buf_reset(&got);
	memset(longest, 'a', 300);
	name_identifier(&s3, longest, 300, &got, &err);
	tap_int((long long)got.len, 255, "s3 names have a limit");
	tap_ok(strstr(buf_str(&got), "a1ftuiwa") != NULL, "and are tagged");
	tap_int(name_table_identifier(&snake, " ", 1, &got, &err), -1,
	    "a blank identifier");
	tap_int(name_identifier(&snake, "", 0, &got, &err), -1,
	    "an empty identifier");
	buf_release(&got);
}

static void
test_default_schema(void)
{
	static const char *const cases[][2] = { { "x_pipeline", "x" },
		{ "My Pipeline", "my_pipeline" },
		{ "chess_pipeline_pipeline", "chess_pipeline" },
		{ "pipeline", "pipeline" }, { "1a", "_1a" },
		{ "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
		  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
		    "aaaaaaaaaaaaaaaaaaaaaaaaaaaaak4ukyaaaaaaaaaaaaaaaaaaaaaaa"
		    "aaaaaaa" },
		/* dlt has no name for it and fails. */
		{ "_pipeline", "_pipeline" } };
	struct buf got = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		name_default_schema(cases[i][0], &got);
		tap_str(buf_str(&got), cases[i][1], "a default schema name");
		buf_reset(&got);
	}
	buf_release(&got);
}

static void
test_schema_names(void)
{
	char longest[66];

	memset(longest, 'a', 65);
	longest[65] = '\0';
	tap_ok(!name_is_schema_name(longest), "65 characters are too many");
	longest[64] = '\0';
	tap_ok(name_is_schema_name(longest), "64 characters are a name");
	tap_ok(name_is_schema_name("_a1"), "an identifier is a name");
	tap_ok(!name_is_schema_name("1a"), "a digit in front is not");
	tap_ok(!name_is_schema_name("a-b"), "nor is a hyphen");
	tap_ok(!name_is_schema_name(""), "nor the empty name");
}

static void
test_unknown(void)
{
	enum naming_kind kind = NAMING_SNAKE_CASE;
	struct error err = { 0 };

	tap_int(naming_parse("no_case", &kind, &err), -1,
	    "an unknown convention is refused");
	tap_int(err.code, ERR_DATA, "as bad data");
}

int
main(void)
{
	test_oracle();
	test_fragments();
	test_keys();
	test_table_identifiers();
	test_default_schema();
	test_schema_names();
	test_unknown();
	return tap_done();
}

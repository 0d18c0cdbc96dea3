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
	test_schema_names();
	test_unknown();
	return tap_done();
}

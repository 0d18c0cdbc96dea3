/* SPDX-License-Identifier: MIT */
#include "common/schema.h"

#include "tests/unit/tap.h"

#include <glob.h>

/* Appendix F: the schema "event" without data. */
#define FRESH_HASH "9807so/3pqwqiNZ1kUh6Lq8Ny0D3QQ67QYNnsDuLDsU="

static struct buf
read_file(const char *path)
{
	struct buf out = { 0 };
	char block[65536];
	FILE *f = fopen(path, "r");
	size_t n;

	while (f && (n = fread(block, 1, sizeof(block), f)) > 0)
		buf_add(&out, block, n);
	if (f)
		fclose(f);
	return out;
}

static bool
round_trip(const char *path)
{
	struct buf text = read_file(path), out = { 0 };
	struct error err = { 0 };
	struct schema *s = schema_read(path, &err);
	char hash[64] = "";
	bool ok;

	if (s) {
		schema_hash(s, hash);
		schema_write(s, false, &out);
	}
	ok = s && strcmp(hash, s->hash) == 0 && out.len == text.len &&
	    memcmp(out.data, text.data, out.len) == 0;
	if (!ok)
		printf("# %s: %s\n", path, s ? "differs" : err.msg);
	schema_free(s);
	buf_release(&text);
	buf_release(&out);
	return ok;
}

/* Whatever Python dlt wrote comes out again, byte for byte. */
static void
test_golden(void)
{
	const char *data = getenv("TEST_DATA");
	char pattern[4096];
	size_t wrong = 0, all = 0;
	glob_t found = { 0 };

	/* Packages lie at different depths. */
	for (int depth = 1; depth <= 6; depth++) {
		snprintf(pattern, sizeof(pattern), "%s/packages",
		    data ? data : ".");
		for (int i = 0; i < depth; i++)
			strcat(pattern, "/*");
		strcat(pattern, "/schema.json");
		if (glob(pattern, 0, NULL, &found) != 0)
			continue;
		for (size_t i = 0; i < found.gl_pathc; i++)
			wrong += !round_trip(found.gl_pathv[i]);
		all += found.gl_pathc;
		globfree(&found);
	}
	tap_ok(all > 0, "%zu golden schemas", all);
	tap_int((long long)wrong, 0, "golden schemas are written as read");
}

static void
test_fresh(void)
{
	struct schema *s = schema_new("event"), *copy;
	char hash[64], again[64];

	schema_hash(s, hash);
	tap_str(hash, FRESH_HASH, "hash of a fresh schema");
	schema_bump(s);
	tap_int(s->version, 1, "its version");
	tap_str(s->hash, FRESH_HASH, "its stored hash");
	tap_int((long long)s->previous_count, 0, "nothing before it");
	tap_ok(!schema_bump(s), "nothing changed");
	copy = schema_copy(s);
	schema_add_table(copy, "t", NULL, "t", "append");
	tap_ok(schema_bump(copy), "a table is a change");
	tap_int(copy->version, 2, "version grows");
	tap_int((long long)copy->previous_count, 1, "the old hash is kept");
	tap_str(copy->previous_hashes[0], FRESH_HASH, "in front");
	schema_hash(s, again);
	tap_str(again, FRESH_HASH, "the original of a copy stays");
	tap_ok(schema_copy(NULL) == NULL, "no copy of nothing");
	schema_free(copy);
	schema_free(s);
}

static void
test_previous_hashes(void)
{
	struct schema *s = schema_new("event");
	char name[16], last[64];

	schema_bump(s);
	for (int i = 0; i < 14; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		snprintf(last, sizeof(last), "%s", s->hash);
		schema_add_table(s, name, NULL, name, "append");
		schema_bump(s);
	}
	tap_int(s->version, 15, "a version for each bump");
	tap_int((long long)s->previous_count, 10, "ten hashes are kept");
	tap_str(s->previous_hashes[0], last, "the newest in front");
	schema_free(s);
}

static void
test_merge(void)
{
	struct schema *s = schema_new("event");
	struct table *t = schema_add_table(s, "t", NULL, "t", "append");
	struct table *p = table_new("t");
	struct column *c = table_add_column(t, "a", 1);
	struct error err = { 0 };
	char before[64], after[64];

	column_set(c, "data_type", "\"bigint\"");
	schema_hash(s, before);
	c = table_add_column(p, "a", 1);
	column_set(c, "data_type", "\"text\"");
	table_add_column(p, "b", 1);
	tap_ok(schema_merge_table(s, p, 0, &err) == NULL,
	    "a complete column keeps its type");
	tap_int(err.code, ERR_SCHEMA, "error of the schema");
	schema_hash(s, after);
	tap_str(after, before, "nothing has changed");
	tap_ok(schema_merge_table(s, p, SCHEMA_MERGE_TYPES, &err) == t,
	    "unless that is allowed");
	tap_int(table_column(t, "a")->type, TYPE_TEXT, "the new type");
	tap_ok(table_column(t, "b") != NULL, "the new column");
	table_free(p);
	schema_free(s);
}

static void
test_infer(void)
{
	struct schema *s = schema_new("event");
	struct table *t = schema_add_table(s, "t", NULL, "t", "append");
	struct column *c = table_add_column(t, "id", 2);

	column_set(c, "nullable", "false");
	column_set(c, "primary_key", "true");
	schema_infer_column(s, t, "x", 1, TYPE_TEXT, false);
	schema_infer_column(s, t, "id", 2, TYPE_BIGINT, false);
	tap_str(t->columns[1]->name, "id", "a completed column moves last");
	tap_ok(!t->columns[1]->nullable, "and keeps its hints");
	c = schema_infer_column(s, t, "_dlt_id", 7, TYPE_TEXT, false);
	tap_ok(c->row_key && !c->nullable && column_has(c, "unique"),
	    "default hints by name");
	c = schema_infer_column(s, t, "x__v_bool", 9, TYPE_BOOL, true);
	tap_ok(c->variant && c->nullable, "a variant");
	schema_free(s);
}

static void
test_contracts(void)
{
	struct contract k;
	struct error err = { 0 };
	struct buf json = { 0 };

	tap_int(contract_parse("\"freeze\"", &k, &err), 0, "one mode");
	tap_ok(k.tables == CONTRACT_FREEZE && k.columns == CONTRACT_FREEZE &&
	        k.data_type == CONTRACT_FREEZE,
	    "holds for all");
	tap_int(contract_parse("{\"columns\":\"discard_value\"}", &k, &err), 0,
	    "one entity");
	tap_ok(k.tables == CONTRACT_EVOLVE &&
	        k.columns == CONTRACT_DISCARD_VALUE &&
	        k.data_type == CONTRACT_EVOLVE,
	    "the others evolve");
	tap_int(contract_parse("\"melt\"", &k, &err), -1, "an unknown mode");
	tap_int(contract_from_flag("columns=freeze", &json, &err), 0, "a flag");
	tap_int(contract_parse(buf_str(&json), &k, &err), 0, "is JSON");
	tap_int(k.columns, CONTRACT_FREEZE, "with its mode");
	tap_int(contract_from_flag("rows=freeze", &json, &err), -1,
	    "an unknown entity");
	buf_release(&json);
}

static void
test_hostile(void)
{
	static const char *const bad[] = { "", "[]", "1", "{}", "null",
		"{\"tables\":[]}",
		"{\"engine_version\":11,\"name\":\"a\",\"tables\":[]}",
		"{\"engine_version\":11,\"name\":\"a\",\"version\":1,"
		"\"tables\":{\"t\":{\"columns\":1}},\"settings\":{},"
		"\"normalizers\":{}}",
		"{\"engine_version\":99,\"name\":\"a\",\"tables\":{}}" };
	struct schema *s = schema_new("event");
	struct buf text = { 0 };
	size_t taken = 0;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = { 0 };
		struct schema *b = schema_parse(bad[i], strlen(bad[i]), &err);

		tap_ok(!b && err.msg[0] != '\0', "refused: %.40s", bad[i]);
		schema_free(b);
	}
	schema_bump(s);
	schema_write(s, false, &text);
	for (size_t n = 0; n < text.len; n++) {
		struct error err = { 0 };
		char *cut = xstrndup(text.data, n);
		struct schema *b = schema_parse(cut, n, &err);

		taken += b != NULL;
		schema_free(b);
		free(cut);
	}
	tap_int((long long)taken, 0, "no cut document is taken");
	buf_release(&text);
	schema_free(s);
}

int
main(void)
{
	test_golden();
	test_fresh();
	test_previous_hashes();
	test_merge();
	test_infer();
	test_contracts();
	test_hostile();
	return tap_done();
}

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

/* ---- merging ---- */

/* A schema of these tables, nothing else. */
static struct schema *
schema_of(const char *tables)
{
	struct buf text = { 0 };
	struct error err = { 0 };
	struct schema *s;

	buf_addf(&text,
	    "{\"version\":1,\"version_hash\":\"\",\"engine_version\":11,"
	    "\"name\":\"event\",\"tables\":%s,\"settings\":{},"
	    "\"normalizers\":{}}",
	    tables);
	s = schema_parse(text.data, text.len, &err);
	if (!s)
		printf("# %s\n", err.msg);
	buf_release(&text);
	return s;
}

/* Merge the second document's tables into the first one's; the tables after
 * it, or the error. */
static char *
merged(const char *into, const char *from, unsigned flags)
{
	struct schema *s = schema_of(into), *f = schema_of(from);
	struct buf text = { 0 };
	struct error err = { 0 };
	char *out, *end;

	if (schema_merge(s, f, flags, &err) < 0) {
		out = xstrdup(err.msg);
	} else {
		schema_write(s, false, &text);
		out = xstrdup(strstr(text.data, "\"tables\":") + 9);
		end = strstr(out, ",\"settings\":");
		*end = '\0';
	}
	buf_release(&text);
	schema_free(f);
	schema_free(s);
	return out;
}

#define ROOT(columns)                                  \
	"{\"t\":{\"name\":\"t\",\"columns\":{" columns \
	"},\"write_disposition\":\"append\",\"resource\":\"t\""
#define CHILD(columns) \
	"{\"name\":\"c\",\"columns\":{" columns "},\"parent\":\"t\"}"

static const struct {
	const char *what, *into, *from, *want;
	unsigned flags;
} merges[] = {
	{ "an incomplete column moves behind when it is completed",
	    ROOT(
	        "\"a\":{\"name\":\"a\",\"x-a\":1},\"b\":{\"name\":\"b\"}") "}}",
	    ROOT("\"a\":{\"data_type\":\"text\"},\"c\":{}") "}}",
	    ROOT("\"b\":{\"name\":\"b\"},\"a\":{\"name\":\"a\",\"x-a\":1,"
	         "\"data_type\":\"text\"},\"c\":{\"name\":\"c\"}") "}}",
	    0 },
	{ "hints of columns are overwritten one by one",
	    ROOT("\"a\":{\"name\":\"a\",\"data_type\":\"text\","
	         "\"nullable\":true,\"sort\":true}") "}}",
	    ROOT("\"a\":{\"data_type\":\"text\",\"nullable\":false}") "}}",
	    ROOT("\"a\":{\"name\":\"a\",\"data_type\":\"text\","
	         "\"nullable\":false,\"sort\":true}") "}}",
	    0 },
	{ "keys are added",
	    ROOT("\"a\":{\"name\":\"a\",\"primary_key\":true},"
	         "\"b\":{\"name\":\"b\",\"merge_key\":true}") "}}",
	    ROOT("\"b\":{\"primary_key\":true}") "}}",
	    ROOT("\"a\":{\"name\":\"a\",\"primary_key\":true},"
	         "\"b\":{\"name\":\"b\",\"merge_key\":true,"
	         "\"primary_key\":true}") "}}",
	    0 },
	{ "keys are replaced, those that are set",
	    ROOT("\"a\":{\"name\":\"a\",\"primary_key\":true,\"sort\":true},"
	         "\"b\":{\"name\":\"b\",\"merge_key\":true,"
	         "\"cluster\":true}") "}}",
	    ROOT("\"b\":{\"primary_key\":true,\"merge_key\":false}") "}}",
	    ROOT("\"a\":{\"name\":\"a\",\"sort\":true},\"b\":{\"name\":\"b\","
	         "\"merge_key\":false,\"cluster\":true,"
	         "\"primary_key\":true}") "}}",
	    SCHEMA_MERGE_REPLACE_KEYS },
	{ "a nested table waits for its parent", "{}",
	    "{\"c\":" CHILD("") ","
	                        "\"t\":{}}",
	    "{\"t\":{\"columns\":{},\"name\":\"t\",\"write_disposition\":"
	    "\"append\",\"resource\":\"t\"},\"c\":" CHILD("") "}",
	    0 },
	{ "a root table does not become nested", "{\"t\":{},\"c\":{}}",
	    "{\"t\":{},\"c\":" CHILD("") "}",
	    "table \"c\" has the parent (none), it cannot become nested in \"t\"",
	    0 },
	{ "nor a nested one a root table", "{\"t\":{},\"c\":" CHILD("") "}",
	    "{\"c\":{}}",
	    "table \"c\" is nested in \"t\", it cannot become a root table",
	    0 },
	{ "nor does the parent change",
	    "{\"t\":{},\"u\":{},\"c\":" CHILD("") "}",
	    "{\"u\":{},\"c\":{\"parent\":\"u\"}}",
	    "table \"c\" has the parent t, it cannot become nested in \"u\"",
	    0 },
	{ "a nested table has no resource", "{\"t\":{},\"c\":" CHILD("") "}",
	    "{\"t\":{},\"c\":{\"parent\":\"t\",\"resource\":\"r\"}}",
	    "table \"c\" is nested in \"t\", it cannot have a resource", 0 },
	{ "types are kept", ROOT("\"a\":{\"data_type\":\"text\"}") "}}",
	    ROOT("\"a\":{\"data_type\":\"bool\"}") "}}",
	    "table \"t\": column \"a\" has type text, it cannot become bool",
	    0 },
	{ "references: another table is added",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\"],\"referenced_columns\":[\"b\"]}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"y\","
	             "\"columns\":[\"a\"],\"referenced_columns\":[\"b\"]}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\"],\"referenced_columns\":[\"b\"]},"
	             "{\"referenced_table\":\"y\",\"columns\":[\"a\"],"
	             "\"referenced_columns\":[\"b\"]}]}}",
	    0 },
	{ "references: other columns replace in place",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\"],\"referenced_columns\":[\"b\"]},"
	             "{\"referenced_table\":\"y\"}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"c\"],\"referenced_columns\":[\"b\"]}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"c\"],\"referenced_columns\":[\"b\"]},"
	             "{\"referenced_table\":\"y\"}]}}",
	    0 },
	{ "references: the same pairs are no news",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\",\"b\"],"
	             "\"referenced_columns\":[\"c\",\"d\"]}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"b\",\"a\"],"
	             "\"referenced_columns\":[\"d\",\"c\"],\"label\":\"l\"}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\",\"b\"],"
	             "\"referenced_columns\":[\"c\",\"d\"]}]}}",
	    0 },
	{ "references: of two to one table the later holds", ROOT("") "}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\"},"
	             "{\"referenced_table\":\"x\",\"columns\":[\"a\"]}]}}",
	    ROOT("") ",\"references\":[{\"referenced_table\":\"x\","
	             "\"columns\":[\"a\"]}]}}",
	    0 },
	{ "references: an empty list and a hint of null add nothing",
	    ROOT("") "}}", ROOT("") ",\"references\":[],\"x-a\":null}}",
	    ROOT("") "}}", 0 },
	{ "null takes a hint away that is there", ROOT("") ",\"x-a\":1}}",
	    ROOT("") ",\"x-a\":null}}", ROOT("") ",\"x-a\":null}}", 0 },
};

static void
test_merges(void)
{
	for (size_t i = 0; i < ARRAY_LEN(merges); i++) {
		char *got = merged(merges[i].into, merges[i].from,
		    merges[i].flags);

		tap_str(got, merges[i].want, merges[i].what);
		free(got);
	}
}

static void
test_missing_parent(void)
{
	struct schema *s = schema_new("event");
	struct table *t = table_new("c");
	struct error err = { 0 };

	table_set(t, "parent", "\"t\"");
	tap_ok(!schema_merge_table(s, t, 0, &err) && err.code == ERR_SCHEMA,
	    "the parent must be there");
	tap_ok(!schema_table(s, "c"), "nothing is added");
	table_set(t, "parent", "\"\"");
	tap_ok(schema_merge_table(s, t, 0, &err) != NULL,
	    "an empty parent is none");
	table_free(t);
	schema_free(s);
}

/* ---- migrations; hashes are those of dlt 1.26.0 ---- */

static const struct {
	const char *what, *in, *hash;
	long version;
	size_t previous;
} migrations[] = {
	{ "1, hints and nested tables",
	    "{\"version\":7,\"engine_version\":1,\"name\":\"event\",\"ta"
	    "bles\":{\"event\":{\"_dlt_id\":{\"data_type\":\"text\",\"nul"
	    "lable\":false},\"data\":{\"data_type\":\"complex\"}},\"eve"
	    "nt__user__roles\":{\"value\":{\"data_type\":\"text\"}},\"e"
	    "vent__user\":{\"_dlt_parent_id\":{\"data_type\":\"text\","
	    "\"foreign_key\":true}}},\"hints\":{\"foreign_key\":[\"^_d"
	    "lt_parent_id$\"],\"unique\":[\"^_dlt_id$\"]},\"preferred"
	    "_types\":{\"^ts$\":\"timestamp\",\"^data\":\"complex\"}}",
	    "83nMg4JBm0L4cZLbpcHWvh2I/EVSY49t0Xsmx/rwqqk=", 7, 0 },
	{ "2, filters",
	    "{\"version\":3,\"engine_version\":2,\"name\":\"event\",\"ta"
	    "bles\":{\"event\":{\"id\":{\"data_type\":\"bigint\"}},\"even"
	    "t__a___b\":{\"_dlt_id\":{\"data_type\":\"text\",\"unique\":"
	    "true}},\"x__y\":{}},\"excludes\":[\"^event__a__\",\"^new_"
	    "_b\",\"nosep\"],\"includes\":[\"^event__a__id\"],\"hints\":"
	    "{},\"preferred_types\":{}}",
	    "bYTqkN4hGge1qmcXvwhU29Q2AxvMA7OPJ8fmoirSo0o=", 3, 0 },
	{ "3, all of it",
	    "{\"version\":2,\"engine_version\":3,\"name\":\"event\",\"t"
	    "ables\":{\"_dlt_version\":{\"columns\":{}},\"_dlt_loads\":"
	    "{\"columns\":{}},\"t\":{\"columns\":{\"_dlt_id\":{\"data_t"
	    "ype\":\"text\",\"unique\":true,\"nullable\":false,\"foreig"
	    "n_key\":false},\"c\":{\"data_type\":\"complex\"},\"f\":{\""
	    "foreign_key\":true}},\"table_sealed\":true},\"t__l\":{\"pa"
	    "rent\":\"t\",\"columns\":{\"_dlt_parent_id\":{\"data_type"
	    "\":\"text\",\"foreign_key\":true},\"_dlt_id\":{\"data_type"
	    "\":\"text\"}}}},\"settings\":{\"schema_sealed\":true,\"def"
	    "ault_hints\":{\"foreign_key\":[\"_dlt_parent_id\"],\"uniqu"
	    "e\":[\"_dlt_id\"]},\"preferred_types\":{\"re:^c\":\"comple"
	    "x\",\"b\":\"bool\"}},\"normalizers\":{\"names\":\"dlt.comm"
	    "on.normalizers.names.snake_case\",\"detections\":[\"timest"
	    "amp\"],\"json\":{\"module\":\"dlt.common.normalizers.json."
	    "relational\",\"config\":{\"generate_dlt_id\":true,\"max_ne"
	    "sting\":3}}}}",
	    "0aZaOKC8II/R3au2L8FHz2zsNLB9cqOg1UasybtesRk=", 2, 0 },
	{ "4, old standard tables",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":4,\"name\":\"eve"
	    "nt\",\"tables\":{\"_dlt_version\":{\"columns\":{\"x\":{\"d"
	    "ata_type\":\"text\"}},\"resource\":\"r\"},\"_dlt_loads\":{"
	    "\"columns\":{}},\"t\":{\"columns\":{\"_dlt_id\":{\"data_ty"
	    "pe\":\"text\",\"unique\":true,\"nullable\":false,\"foreign"
	    "_key\":false},\"c\":{\"data_type\":\"complex\"},\"f\":{\"f"
	    "oreign_key\":true}},\"table_sealed\":true},\"t__l\":{\"par"
	    "ent\":\"t\",\"columns\":{\"_dlt_parent_id\":{\"data_type\""
	    ":\"text\",\"foreign_key\":true},\"_dlt_id\":{\"data_type\""
	    ":\"text\"}}}},\"settings\":{\"schema_sealed\":true,\"defau"
	    "lt_hints\":{\"foreign_key\":[\"_dlt_parent_id\"],\"unique"
	    "\":[\"_dlt_id\"]},\"preferred_types\":{\"re:^c\":\"complex"
	    "\",\"b\":\"bool\"}},\"normalizers\":{\"names\":\"snake_cas"
	    "e\",\"json\":{\"module\":\"dlt.common.normalizers.json.rel"
	    "ational\"}}}",
	    "K9osuiJUIEu3jzQvSrhuTfKBLGVW4SHi2MplyekjM2w=", 3, 1 },
	{ "5, _dlt_version stays",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":5,\"name\":\"eve"
	    "nt\",\"tables\":{\"_dlt_version\":{\"columns\":{\"x\":{\"d"
	    "ata_type\":\"text\"}}},\"_dlt_loads\":{\"columns\":{}}},\""
	    "settings\":{},\"normalizers\":{\"names\":\"snake_case\",\""
	    "json\":{\"module\":\"dlt.common.normalizers.json.relationa"
	    "l\"}}}",
	    "Gs1Zm0S8y49d1hMnoyhfT2te5NC28CFWXNUUbIHaJVU=", 3, 1 },
	{ "6, sealed",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":6,\"name\":\"eve"
	    "nt\",\"tables\":{\"_dlt_version\":{\"columns\":{}},\"_dlt_"
	    "loads\":{\"columns\":{}},\"t\":{\"columns\":{\"_dlt_id\":{"
	    "\"data_type\":\"text\",\"unique\":true,\"nullable\":false,"
	    "\"foreign_key\":false},\"c\":{\"data_type\":\"complex\"},"
	    "\"f\":{\"foreign_key\":true}},\"table_sealed\":true},\"t__"
	    "l\":{\"parent\":\"t\",\"columns\":{\"_dlt_parent_id\":{\"d"
	    "ata_type\":\"text\",\"foreign_key\":true},\"_dlt_id\":{\"d"
	    "ata_type\":\"text\"}}}},\"settings\":{\"schema_sealed\":tr"
	    "ue,\"default_hints\":{\"foreign_key\":[\"_dlt_parent_id\"]"
	    ",\"unique\":[\"_dlt_id\"]},\"preferred_types\":{\"re:^c\":"
	    "\"complex\",\"b\":\"bool\"}},\"normalizers\":{\"names\":\""
	    "snake_case\",\"json\":{\"module\":\"dlt.common.normalizers"
	    ".json.relational\"}}}",
	    "0A5kUlJ7d3mtaAJ5LDxdOvSFgbQBgBXANqTAZJxmCiw=", 3, 1 },
	{ "7, hashes are forgotten",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":7,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	    "bbbbbbbbbbbbb=\"],\"tables\":{\"_dlt_version\":{\"columns"
	    "\":{}},\"_dlt_loads\":{\"columns\":{}},\"t\":{\"columns\":"
	    "{\"_dlt_id\":{\"data_type\":\"text\",\"unique\":true,\"nul"
	    "lable\":false,\"foreign_key\":false},\"c\":{\"data_type\":"
	    "\"complex\"},\"f\":{\"foreign_key\":true}}},\"t__l\":{\"pa"
	    "rent\":\"t\",\"columns\":{\"_dlt_parent_id\":{\"data_type"
	    "\":\"text\",\"foreign_key\":true},\"_dlt_id\":{\"data_type"
	    "\":\"text\"}}}},\"settings\":{},\"normalizers\":{\"names\""
	    ":\"snake_case\",\"json\":{\"module\":\"dlt.common.normaliz"
	    "ers.json.relational\"}}}",
	    "lfQUQASLhknFAM3V/3+GkSkWO0BfxVbldHE5o+M87mY=", 3, 1 },
	{ "8, seen data",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":8,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	    "bbbbbbbbbbbbb=\"],\"tables\":{\"_dlt_version\":{\"columns"
	    "\":{}},\"_dlt_loads\":{\"columns\":{}},\"t\":{\"columns\":"
	    "{\"_dlt_id\":{\"name\":\"_dlt_id\"}},\"x-normalizer\":{\"m"
	    "ax_nesting\":2}},\"u\":{\"columns\":{\"a\":{\"name\":\"a\""
	    "}}}},\"settings\":{},\"normalizers\":{\"names\":\"snake_ca"
	    "se\",\"json\":{\"module\":\"dlt.common.normalizers.json.re"
	    "lational\"}}}",
	    "EcF+bufbUrgBG+hgD9lfgnUbaT1Un1IKtjLkEOsJsbI=", 3, 2 },
	{ "9, keys without older hints",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":9,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":{"
	    "\"columns\":{}},\"_dlt_loads\":{\"columns\":{}},\"t\":{\"c"
	    "olumns\":{\"_dlt_id\":{\"name\":\"_dlt_id\"},\"_dlt_parent"
	    "_id\":{\"name\":\"_dlt_parent_id\"}}}},\"settings\":{},\"n"
	    "ormalizers\":{\"names\":\"snake_case\",\"json\":{\"module"
	    "\":\"dlt.common.normalizers.json.relational\"}}}",
	    "asO30KaL89LzoSkZpCGPCYmjgobkBjvM5QoUxt9d2Q4=", 3, 1 },
	{ "9, empty columns are none",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":9,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":{"
	    "\"columns\":{}},\"_dlt_loads\":{\"columns\":{}},\"t\":{\"c"
	    "olumns\":{\"_dlt_id\":{},\"_dlt_parent_id\":{}}}},\"settin"
	    "gs\":{},\"normalizers\":{\"names\":\"snake_case\",\"json\""
	    ":{\"module\":\"dlt.common.normalizers.json.relational\"}}}",
	    "uB5nJbQ2uuWYjoEpXHsF/pcIWhUMfGDJ3013AA75WIg=", 3, 1 },
	{ "9, empty default hints stay",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":9,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":{"
	    "\"columns\":{}},\"_dlt_loads\":{\"columns\":{}}},\"setting"
	    "s\":{\"default_hints\":{},\"preferred_types\":{}},\"normal"
	    "izers\":{\"names\":\"snake_case\",\"json\":{\"module\":\"d"
	    "lt.common.normalizers.json.relational\"}}}",
	    "abH5KYxvNqbPp5n9SlJEcBIAqoABBJ18LZIJUrcpNtk=", 3, 1 },
	{ "9, no default hints, no config",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":9,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":{"
	    "\"columns\":{}},\"_dlt_loads\":{\"columns\":{}}},\"setting"
	    "s\":{\"detections\":[]},\"normalizers\":{\"names\":\"direc"
	    "t\",\"json\":{\"module\":\"dlt.common.normalizers.json.rel"
	    "ational\",\"config\":null}}}",
	    "Brnhs9VwcXDJ+9HUQ/lRp3XuR6NHjIBWjP5JSaGd2+Q=", 3, 1 },
	{ "9, generated ids in the config",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":9,\"name\":\"eve"
	    "nt\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":{"
	    "\"columns\":{}},\"_dlt_loads\":{\"columns\":{}}},\"setting"
	    "s\":{},\"normalizers\":{\"names\":\"dlt.common.normalizers"
	    ".names.snake_case\",\"detections\":[\"timestamp\"],\"json"
	    "\":{\"module\":\"dlt.common.normalizers.json.relational\","
	    "\"config\":{\"generate_dlt_id\":true,\"max_nesting\":3}}}}",
	    "pSrPwOY1RG7c3V8OC/GVHYAbsweN7hkcLzEPxnzJbbA=", 3, 1 },
	{ "10, whole paths",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":10,\"name\":\"ev"
	    "ent\",\"previous_hashes\":[],\"tables\":{\"_dlt_version\":"
	    "{\"columns\":{}},\"_dlt_loads\":{\"columns\":{}}},\"settin"
	    "gs\":{},\"normalizers\":{\"names\":\"snake_case\",\"json\""
	    ":{\"module\":\"dlt.common.normalizers.json.relational\"},"
	    "\"use_break_path_on_normalize\":true}}",
	    "VBgjLG5hyoOT2Gc7V5P+IVzdVBS0pd334ye6y+6DboE=", 3, 1 },
	{ "11, marks of nulls",
	    "{\"version\":2,\"version_hash\":\"aaaaaaaaaaaaaaaaaaaaaaaa"
	    "aaaaaaaaaaaaaaaaaaa=\",\"engine_version\":11,\"name\":\"ev"
	    "ent\",\"previous_hashes\":[\"bbbbbbbbbbbbbbbbbbbbbbbbbbbbb"
	    "bbbbbbbbbbbbbb=\"],\"tables\":{\"_dlt_version\":{\"columns"
	    "\":{}},\"_dlt_loads\":{\"columns\":{}},\"t\":{\"columns\":"
	    "{\"a\":{\"x-normalizer\":{\"seen-null-first\":true}},\"b\""
	    ":{\"data_type\":\"text\",\"x-normalizer\":{\"seen-null-fir"
	    "st\":true}},\"c\":{\"data_type\":\"text\",\"x-normalizer\""
	    ":{\"seen-null-first\":true,\"z\":1}},\"d\":{\"x-normalizer"
	    "\":{\"seen-null-first\":false}}}}},\"settings\":{},\"norma"
	    "lizers\":{\"names\":\"snake_case\",\"json\":{\"module\":\""
	    "dlt.common.normalizers.json.relational\"}}}",
	    "s59z2InylyLJr3id2ivf7X8MTl4+JsQZCOfPrfbjZDg=", 3, 2 },
};

static void
test_migrations(void)
{
	for (size_t i = 0; i < ARRAY_LEN(migrations); i++) {
		struct error err = { 0 };
		struct schema *s = schema_parse(migrations[i].in,
		    strlen(migrations[i].in), &err);

		if (!tap_ok(s != NULL, "engine %s", migrations[i].what)) {
			printf("# %s\n", err.msg);
			continue;
		}
		schema_bump(s);
		tap_ok(strcmp(s->hash, migrations[i].hash) == 0 &&
		        s->version == migrations[i].version &&
		        s->previous_count == migrations[i].previous,
		    "as dlt migrates it");
		schema_free(s);
	}
}

/* ---- size ---- */

#define MANY 10000

static void
test_many(void)
{
	static const char *const strategies[] = { "delete-insert", NULL };
	struct schema *s = schema_new("event"), *again;
	struct table *t = schema_add_table(s, "wide", NULL, NULL, NULL);
	struct buf text = { 0 };
	struct error err = { 0 };
	char name[32], hash[64];

	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		schema_add_table(s, name, NULL, NULL,
		    i % 10 ? "append" : "merge");
		table_add_column(t, name, strlen(name));
	}
	for (int i = 0; i < MANY; i++) {
		snprintf(name, sizeof(name), "t%d", i);
		schema_infer_column(s, t, name, strlen(name), TYPE_TEXT, false);
	}
	for (size_t i = 0; i < s->table_count; i++)
		schema_propagate_root_key(s, s->tables[i], strategies);
	schema_bump(s);
	schema_write(s, true, &text);
	tap_ok(strstr(text.data,
	           "\"t9990\": {\n              "
	           "\"_dlt_id\": \"_dlt_root_id\"\n") != NULL,
	    "many tables pass on their keys");
	again = schema_parse(text.data, text.len, &err);
	if (tap_ok(again != NULL, "many tables and columns are read")) {
		schema_hash(again, hash);
		tap_str(hash, s->hash, "with the same hash");
		tap_int(schema_merge(s, again, 0, &err), 0, "and merged");
		tap_ok(!schema_bump(s), "which changes nothing");
	}
	schema_free(again);
	schema_free(s);
	buf_release(&text);
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
	test_merges();
	test_missing_parent();
	test_migrations();
	test_infer();
	test_contracts();
	test_hostile();
	test_many();
	return tap_done();
}

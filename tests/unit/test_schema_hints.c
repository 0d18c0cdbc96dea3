/* SPDX-License-Identifier: MIT */
#include "common/mem.h"
#include "common/schema.h"

#include "tests/unit/tap.h"

/* A schema with other settings or normalizers. */
static struct schema *
schema_with(const char *settings, const char *normalizers)
{
	struct schema *s = schema_new("event");

	if (settings)
		schema_set(s, "settings", settings);
	if (normalizers)
		schema_set(s, "normalizers", normalizers);
	return s;
}

/* ---- simple regexes; the answers are those of Python's re.search() ---- */

static const char *const names[] = { "ts", "ts_x", "a_ts", "json", "x_json",
	"abc", "aéc", "a_c", "id1", "_", "]", "[", "^", "-", "a", "x", "é",
	"éx", "éé", "xx", "^x", "user_id", "key", "my-key", "xy", "aaa", "aaaa",
	"a{", "a.b", "aab", "ab", "ab_", "é1", "Z", "\\", ":" };
static const struct {
	const char *regex, *answers;
} regexes[] = {
	{ "^ts", "110000000000000000000000000000000000" },
	{ "json$", "000110000000000000000000000000000000" },
	{ "a.c", "000001110000000000000000000000000000" },
	{ "\\d+", "000000001000000000000000000000001000" },
	{ "^\\w+$", "111111111100001111110110111001111100" },
	{ "[^a-z]", "011010111111110011101101000110011111" },
	{ "[]a]$", "000000000010001000000000011000000000" },
	{ "[^]a]$", "111111111101110111111111100111111111" },
	{ "[a^]x", "000000000000000000001000000000000000" },
	{ "[-^]", "000000000000110000001001000000000000" },
	{ "[^-^]", "111111111111001111111111111111111111" },
	{ "[\\]-a]", "011011110110101000001100011111110000" },
	{ "[!-^]$", "000000001011110000000000000000001111" },
	{ "[[-a]$", "000000000111101000000000011000010010" },
	{ "(?:id|key)$", "000000000000000000000111000000000000" },
	{ "(?P<n>x)y", "000000000000000000000000100000000000" },
	{ "(?i)ABC", "000001000000000000000000000000000000" },
	{ "é?x$", "010000000000000101011000000000000000" },
	{ "^.$", "000000000111111110000000000000000111" },
	{ "^[^a]$", "000000000111110110000000000000000111" },
	{ "^\\D\\S$", "100000000000000001111000100100101000" },
	{ "a{2,3}$", "000000000000000000000000011000000000" },
	{ "a{", "000000000000000000000000000100000000" },
	{ "\\bkey\\b", "000000000000000000000011000000000000" },
	{ "^(a|b)+?$", "000000000000001000000000011001100000" },
	{ "a\\.b", "000000000000000000000000000010000000" },
	{ "^\\W$", "000000000011110000000000000000000011" },
	{ "[\\w-]$", "111111111100011111111111111011111100" },
	{ "^[^\\w]$", "000000000011110000000000000000000011" },
	{ "\\Aab\\Z", "000000000000000000000000000000100000" },
	{ "x|y", "010010000000000101011011100000000000" },
	{ "a{,2}b$", "000000000000000000000000000011100000" },
	{ "[a\\-z]$", "000000000000011000000000011000000000" },
	{ "^[ab]{2}$", "000000000000000000000000000000100000" },
	{ "", "111111111111111111111111111111111111" },
	{ "[.[:]$", "000000000001000000000000000000000001" },
	{ "^..$", "100000000000000001111000100100101000" },
	{ "^[^x]{2}$", "100000000000000000100000000100101000" },
	{ "^\\w{2}$", "100000000000000001110000100000101000" },
	{ "^.{3}$", "000001111000000000000010010011010000" },
};

/* {"preferred_types":{"re:REGEX":"bool"}} */
static char *
preferring(const char *regex)
{
	struct buf out = { 0 };

	buf_adds(&out, "{\"preferred_types\":{\"re:");
	for (const char *p = regex; *p; p++) {
		if (*p == '"' || *p == '\\')
			buf_addc(&out, '\\');
		buf_addc(&out, *p);
	}
	buf_adds(&out, "\":\"bool\"}}");
	return buf_take(&out);
}

static void
test_regexes(void)
{
	for (size_t i = 0; i < ARRAY_LEN(regexes); i++) {
		char *settings = preferring(regexes[i].regex);
		struct schema *s = schema_with(settings, NULL);
		char got[ARRAY_LEN(names) + 1] = "";

		for (size_t k = 0; k < ARRAY_LEN(names); k++)
			got[k] = schema_preferred_type(s, names[k]) == TYPE_BOOL
			    ? '1'
			    : '0';
		if (!tap_ok(strcmp(got, regexes[i].answers) == 0, "regex %s",
		        regexes[i].regex))
			printf("#   got:  %s\n#   want: %s\n", got,
			    regexes[i].answers);
		schema_free(s);
		free(settings);
	}
}

/* A schema document with these settings; the error is that of the parser. */
static bool
is_refused(const char *settings, const char *why)
{
	struct buf text = { 0 };
	struct error err = { 0 };
	struct schema *s;
	bool ok;

	buf_addf(&text,
	    "{\"version\":1,\"version_hash\":\"\",\"engine_version\":11,"
	    "\"name\":\"event\",\"tables\":{},\"settings\":%s,"
	    "\"normalizers\":{}}",
	    settings);
	s = schema_parse(text.data, text.len, &err);
	ok = !s && err.code == ERR_DATA && strstr(err.msg, why);
	if (!ok)
		printf("# %s: %s\n", settings, s ? "taken" : err.msg);
	schema_free(s);
	buf_release(&text);
	return ok;
}

static void
test_bad_regexes(void)
{
	static const struct {
		const char *regex, *why;
	} bad[] = { { "a(?=b)", "not supported" },
		{ "(a)\\1", "not supported" }, { "a++", "possessive" },
		{ "[a", "open" }, { "[\\", "open" }, { "a\\", "backslash" },
		{ "a)", "parenthesis" }, { "(a", "" }, { "[z-a]", "range" },
		{ "[\\W]", "negated" }, { "[\xc3\xa9]", "ASCII" }, { "*a", "" },
		{ "a{9999}", "repetitions" },
		{ "a{99999999999999999999}", "repetitions" },
		{ "(a{100}){100}", "repetitions" }, { "a{3,2}", "repetitions" },
		/* Each "+" doubles what is in front of it. */
		{ "(((((((((((((((((((((a+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+)+"
		  ")+)+",
		    "repetitions" } };
	char deep[202], *settings;

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		settings = preferring(bad[i].regex);
		tap_ok(is_refused(settings, bad[i].why), "refused: %s",
		    bad[i].regex);
		free(settings);
	}
	for (size_t i = 0; i < 100; i++) {
		deep[i] = '(';
		deep[101 + i] = ')';
	}
	deep[100] = 'a';
	deep[201] = '\0';
	settings = preferring(deep);
	tap_ok(is_refused(settings, "groups"), "refused: deep groups");
	free(settings);
	tap_ok(is_refused("{\"preferred_types\":{\"a\":\"x\"}}",
	           "no known type"),
	    "a preferred type must exist");
	tap_ok(is_refused("{\"default_hints\":{\"unique\":\"a\"}}", "no array"),
	    "hints are lists");
	tap_ok(is_refused("{\"default_hints\":{\"unique\":[1]}}", "no string"),
	    "of strings");
	tap_ok(is_refused("{\"detections\":[\"x\"]}", "unknown detection"),
	    "a detection must exist");
	tap_ok(is_refused("{\"schema_contract\":\"x\"}", "unknown mode"),
	    "a contract must be one");
	tap_ok(is_refused("[]", "no object"), "settings are an object");
}

/* ---- inference ---- */

static void
test_types(void)
{
	struct schema *s =
	    schema_with("{\"detections\":[\"iso_timestamp\"],"
	                "\"preferred_types\":{\"amount\":\"decimal\","
	                "\"re:^a\":\"wei\",\"re:_at$\":\"date\"}}",
	        NULL);
	static const char iso[] = "2024-01-01T00:00:00Z";
	struct value v = { .type = TYPE_TEXT, .text = iso, .len = 20 };

	tap_int(schema_preferred_type(s, "amount"), TYPE_DECIMAL,
	    "a name without re: is exact, the first one wins");
	tap_int(schema_preferred_type(s, "amounts"), TYPE_WEI,
	    "an exact name is no prefix");
	tap_int(schema_preferred_type(s, "b"), TYPE_NONE, "nothing preferred");
	tap_int(schema_infer_type(s, "made_at", &v, false), TYPE_DATE,
	    "a preferred type goes before detections");
	tap_int(schema_infer_type(s, "made_at", &v, true), TYPE_TIMESTAMP,
	    "but not for a variant");
	tap_int(schema_infer_type(s, "b", &v, false), TYPE_TIMESTAMP,
	    "a detection goes before the own type");
	v.text = "x";
	v.len = 1;
	tap_int(schema_infer_type(s, "b", &v, false), TYPE_TEXT,
	    "the own type");
	schema_free(s);

	v = (struct value){ .type = TYPE_TEXT, .text = iso, .len = 20 };
	s = schema_with("{}", "{\"detections\":[\"iso_timestamp\"]}");
	tap_int(schema_infer_type(s, "b", &v, false), TYPE_TIMESTAMP,
	    "detections among the normalizers");
	schema_free(s);
	s = schema_with("{\"detections\":[]}", NULL);
	tap_int(schema_infer_type(s, "b", &v, false), TYPE_TEXT,
	    "no detections");
	schema_free(s);
}

static void
test_default_hints(void)
{
	struct schema *s = schema_with("{\"default_hints\":{"
	                               "\"not_null\":[\"id\",\"re:_key$\"],"
	                               "\"unique\":[\"re:^i\"],\"sort\":[]}}",
	    NULL);
	struct table *t = schema_add_table(s, "t", NULL, NULL, NULL);
	struct column *c;

	tap_ok(schema_name_is_not_null(s, "id"), "not null by name");
	tap_ok(schema_name_is_not_null(s, "a_key"), "not null by regex");
	tap_ok(!schema_name_is_not_null(s, "ids"), "nullable");
	c = schema_infer_column(s, t, "id", 2, TYPE_BIGINT, false);
	tap_str(hints_get(&c->hints, "nullable"), "false", "nullable is said");
	tap_str(hints_get(&c->hints, "unique"), "true", "so are other hints");
	tap_ok(!hints_get(&c->hints, "sort"), "if they match");
	c = table_add_column(t, "ix", 2);
	column_set(c, "unique", "false");
	schema_infer_column(s, t, "ix", 2, TYPE_BIGINT, false);
	tap_str(hints_get(&c->hints, "unique"), "false",
	    "what was declared holds");
	schema_free(s);
	s = schema_with("{}", NULL);
	tap_ok(!schema_name_is_not_null(s, "_dlt_id"), "no hints at all");
	schema_free(s);
}

/* ---- processing hints ---- */

static void
test_normalizer_hints(void)
{
	struct table *t = table_new("t");
	char *value;

	tap_ok(!table_has_seen_data(t), "no data seen");
	tap_ok(!table_normalizer_get(t, "a"), "no hint");
	table_normalizer_set(t, "a", NULL);
	tap_ok(!hints_get(&t->hints, "x-normalizer"), "removing makes nothing");
	table_normalizer_set(t, "evolve-columns-once", "true");
	table_normalizer_set(t, "max_nesting", "3");
	value = table_normalizer_get(t, "max_nesting");
	tap_str(value, "3", "a member");
	free(value);
	tap_ok(table_normalizer_flag(t, "evolve-columns-once"), "a flag");
	tap_ok(!table_normalizer_flag(t, "max_nesting"), "3 is not true");
	tap_ok(table_set_seen_data(t), "data is seen");
	tap_str(hints_get(&t->hints, "x-normalizer"),
	    "{\"max_nesting\":3,\"seen-data\":true}", "columns evolved once");
	tap_ok(!table_set_seen_data(t), "nothing new");
	table_normalizer_set(t, "max_nesting", NULL);
	table_normalizer_set(t, "seen-data", NULL);
	tap_ok(!hints_get(&t->hints, "x-normalizer"),
	    "the hint goes with its last member");
	table_set(t, "x-normalizer", "[1]");
	tap_ok(!table_has_seen_data(t), "a hint that is no object");
	table_normalizer_set(t, "seen-data", "true");
	tap_ok(table_has_seen_data(t), "is replaced");
	table_free(t);
}

static void
test_new_tables(void)
{
	struct table *t = table_new("t");
	struct column *c;

	tap_ok(table_is_new(t), "a table without columns is new");
	c = table_add_column(t, "a", 1);
	column_set(c, "primary_key", "true");
	tap_ok(table_is_new(t), "with incomplete ones as well");
	column_set(c, "data_type", "\"text\"");
	tap_ok(!table_is_new(t), "with a complete one it is not");
	table_free(t);
}

static void
test_max_nesting(void)
{
	static const char config[] =
	    "{\"json\":{\"config\":{\"max_nesting\":%s}}}";
	static const struct {
		const char *schema, *table;
		long want;
	} cases[] = { { NULL, NULL, 1000 }, { "2", NULL, 2 }, { "2", "5", 5 },
		{ "2", "0", 0 }, { "2", "null", 2 }, { "2", "\"x\"", 2 },
		{ "-1", NULL, 0 }, { "0", "-3", 0 }, { "\"2\"", NULL, 1000 },
		{ "99999999999", NULL, INT32_MAX } };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *n = cases[i].schema ? xasprintf(config, cases[i].schema)
		                          : NULL;
		struct schema *s = schema_with(NULL, n);
		struct table *t = schema_add_table(s, "t", NULL, NULL, NULL);

		if (cases[i].table)
			table_normalizer_set(t, "max_nesting", cases[i].table);
		tap_int(table_max_nesting(s, t), cases[i].want, "max_nesting");
		schema_free(s);
		free(n);
	}
}

/* ---- root keys (contract.md 6.6, appendix D.11) ---- */

static const char *const sqlite_strategies[] = { "delete-insert", "scd2",
	NULL };
static const char *const no_strategies[] = { NULL };

/* The normalizers that a root table t with a nested one ends up with. */
static char *
propagated(const char *config, const char *name, const char *disposition,
    const char *strategy, const char *const *strategies)
{
	char *n = xasprintf("{\"json\":{\"config\":%s}}", config);
	struct schema *s = schema_with(NULL, n);
	struct table *t = schema_add_table(s, name, NULL, NULL, disposition);
	struct table *child = schema_add_table(s, "child", name, NULL, NULL);
	char *out;

	if (strategy)
		table_set(t, "x-merge-strategy", strategy);
	schema_propagate_root_key(s, child, strategies);
	out = xstrdup(hints_get(&s->hints, "normalizers"));
	schema_free(s);
	free(n);
	return out;
}

static void
test_root_keys(void)
{
	static const struct {
		const char *config, *table, *disposition, *strategy;
		const char *const *strategies;
		bool wanted;
	} cases[] = {
		{ "{}", "t", "merge", NULL, NULL, true },
		{ "{}", "t", "append", NULL, NULL, false },
		{ "{}", "t", "replace", NULL, NULL, false },
		{ "{}", "t", "merge", "\"delete-insert\"", NULL, true },
		{ "{}", "t", "merge", "\"upsert\"", NULL, true },
		{ "{}", "t", "merge", "\"insert-only\"", NULL, true },
		{ "{}", "t", "merge", "\"scd2\"", NULL, false },
		{ "{}", "t", "merge", "null", NULL, true },
		{ "{}", "t", "merge", NULL, sqlite_strategies, true },
		{ "{}", "t", "merge", NULL, no_strategies, false },
		{ "{\"root_key_propagation\":true}", "t", "append", NULL, NULL,
		    true },
		{ "{\"root_key_propagation\":true}", "t", "merge", "\"scd2\"",
		    NULL, true },
		{ "{\"root_key_propagation\":false}", "t", "merge", NULL, NULL,
		    false },
		{ "{\"root_key_propagation\":false}", "t", "merge",
		    "\"upsert\"", NULL, false },
		{ "{\"root_key_propagation\":null}", "t", "merge", NULL, NULL,
		    true },
		{ "{}", "_dlt_t", "merge", NULL, NULL, false },
		{ "{\"root_key_propagation\":true}", "_dlt_t", "append", NULL,
		    NULL, false },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		char *got = propagated(cases[i].config, cases[i].table,
		    cases[i].disposition, cases[i].strategy,
		    cases[i].strategies);

		tap_ok((strstr(got, "{\"t\":{\"_dlt_id\":\"_dlt_root_id\"}}") !=
		           NULL) == cases[i].wanted &&
		        (strstr(got, "_dlt_root_id") != NULL) ==
		            cases[i].wanted,
		    "%s %s%s%s with %s: %s root key", cases[i].table,
		    cases[i].disposition, cases[i].strategy ? " " : "",
		    cases[i].strategy ? cases[i].strategy : "", cases[i].config,
		    cases[i].wanted ? "a" : "no");
		free(got);
	}
}

static void
test_root_key_columns(void)
{
	struct schema *s = schema_new("event");
	struct table *t = schema_add_table(s, "t", NULL, NULL, "append");
	struct table *child = schema_add_table(s, "t__l", "t", NULL, NULL);
	struct column *c = table_add_column(child, "k", 1);
	char before[64], after[64];

	schema_propagate_root_key(s, t, NULL);
	tap_ok(!strstr(hints_get(&s->hints, "normalizers"), "propagation"),
	    "no column asks for a root key");
	column_set(c, "root_key", "true");
	schema_propagate_root_key(s, t, NULL);
	tap_ok(
	    strstr(hints_get(&s->hints, "normalizers"),
	        "\"config\":{\"propagation\":{\"tables\":{\"t\":{\"_dlt_id\":"
	        "\"_dlt_root_id\"}}}}") != NULL,
	    "an incomplete column of a nested table does");
	schema_hash(s, before);
	schema_propagate_root_key(s, child, NULL);
	schema_hash(s, after);
	tap_str(after, before, "a second time changes nothing");
	column_set(c, "root_key", "false");
	schema_propagate_root_key(s, t, NULL);
	schema_hash(s, after);
	tap_str(after[0] ? "kept" : "", "kept", "and is not taken back");
	tap_ok(strstr(hints_get(&s->hints, "normalizers"), "_dlt_root_id") !=
	        NULL,
	    "when nobody asks any more");
	c = table_add_column(t, "my_key", 6);
	column_set(c, "row_key", "true");
	table_set(t, "write_disposition", "\"merge\"");
	schema_propagate_root_key(s, t, NULL);
	tap_ok(strstr(hints_get(&s->hints, "normalizers"),
	           "{\"_dlt_id\":\"_dlt_root_id\",\"my_key\":"
	           "\"_dlt_root_id\"}") != NULL,
	    "the row key of the root is what is passed on");
	t = schema_add_table(s, "a\"b", NULL, NULL, "merge");
	schema_propagate_root_key(s, t, NULL);
	schema_propagate_root_key(s, t, NULL);
	tap_ok(strstr(hints_get(&s->hints, "normalizers"),
	           "\"my_key\":\"_dlt_root_id\"},\"a\\\"b\":{\"_dlt_id\":"
	           "\"_dlt_root_id\"}}}}}}") != NULL,
	    "another table is added once");
	schema_free(s);
}

static void
note(const char *from, const char *as, void *arg)
{
	buf_addf(arg, "%s>%s ", from, as);
}

static void
test_propagation(void)
{
	struct schema *s = schema_with(NULL,
	    "{\"json\":{\"config\":{\"propagation\":{\"root\":{\"ts\":\"_ts\","
	    "\"a\":\"_a\",\"bad\":1},\"tables\":{\"t\":{\"b\":\"_b\",\"a\":\"_A\"},"
	    "\"t__l\":{\"vx\":\"_vx\"},\"odd\":[1]}}}}}");
	struct buf got = { 0 };

	schema_propagation(s, schema_add_table(s, "t", NULL, NULL, NULL), note,
	    &got);
	tap_str(buf_str(&got), "ts>_ts a>_A b>_b ",
	    "a root table: its own mapping over the general one");
	buf_reset(&got);
	schema_propagation(s, schema_add_table(s, "t__l", "t", NULL, NULL),
	    note, &got);
	tap_str(buf_str(&got), "vx>_vx ", "a nested table: only its own");
	buf_reset(&got);
	schema_propagation(s, schema_add_table(s, "odd", NULL, NULL, NULL),
	    note, &got);
	tap_str(buf_str(&got), "ts>_ts a>_a ", "what is no mapping is none");
	buf_release(&got);
	schema_free(s);
}

/* ---- contracts (contract.md 9.1, appendix I) ---- */

static bool
contract_is(struct contract c, enum contract_mode tables,
    enum contract_mode columns, enum contract_mode data_type)
{
	return c.tables == tables && c.columns == columns &&
	    c.data_type == data_type;
}

static void
test_contract_of_tables(void)
{
	struct schema *s = schema_new("event");
	struct table *t = schema_add_table(s, "t", NULL, NULL, NULL);
	struct table *l = schema_add_table(s, "t__l", "t", NULL, NULL);
	struct table *m = schema_add_table(s, "t__l__m", "t__l", NULL, NULL);
	struct table *own = schema_add_table(s, "_dlt_t", NULL, NULL, NULL);

	tap_ok(contract_is(schema_contract(s, t, NULL, "t"), CONTRACT_EVOLVE,
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE),
	    "all evolves by default");
	schema_set(s, "settings",
	    "{\"schema_contract\":{\"columns\":\"discard_row\"}}");
	tap_ok(contract_is(schema_contract(s, m, NULL, m->name),
	           CONTRACT_EVOLVE, CONTRACT_DISCARD_ROW, CONTRACT_EVOLVE),
	    "the schema's settings, completed");
	table_set(t, "schema_contract",
	    "{\"tables\":\"freeze\",\"columns\":\"discard_value\"}");
	tap_ok(contract_is(schema_contract(s, t, NULL, "t"), CONTRACT_FREEZE,
	           CONTRACT_DISCARD_VALUE, CONTRACT_EVOLVE),
	    "a table's settings, completed");
	tap_ok(contract_is(schema_contract(s, m, NULL, m->name),
	           CONTRACT_FREEZE, CONTRACT_DISCARD_VALUE, CONTRACT_EVOLVE),
	    "are inherited over two levels");
	table_set(l, "schema_contract", "{\"data_type\":\"freeze\"}");
	tap_ok(contract_is(schema_contract(s, m, NULL, m->name),
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE, CONTRACT_FREEZE),
	    "the nearest replaces, nothing is mixed");
	tap_ok(contract_is(schema_contract(s, NULL, l, "t__l__x"),
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE, CONTRACT_FREEZE),
	    "a table to come takes those of its parent");
	tap_ok(contract_is(schema_contract(s, NULL, NULL, "x"), CONTRACT_EVOLVE,
	           CONTRACT_DISCARD_ROW, CONTRACT_EVOLVE),
	    "without one those of the schema");
	table_set(l, "schema_contract", "null");
	tap_ok(contract_is(schema_contract(s, m, NULL, m->name),
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE, CONTRACT_EVOLVE),
	    "null is a setting too");
	table_set(own, "schema_contract", "\"freeze\"");
	schema_set(s, "settings", "{\"schema_contract\":\"freeze\"}");
	tap_ok(contract_is(schema_contract(s, own, NULL, own->name),
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE, CONTRACT_EVOLVE),
	    "dlt's own tables are exempt");
	tap_ok(contract_is(schema_contract(s, NULL, NULL, "dlt_t"),
	           CONTRACT_FREEZE, CONTRACT_FREEZE, CONTRACT_FREEZE),
	    "without the prefix they are not");
	schema_set(s, "normalizers", "{\"names\":\"s3_tables\"}");
	tap_ok(contract_is(schema_contract(s, NULL, NULL, "dlt_t"),
	           CONTRACT_EVOLVE, CONTRACT_EVOLVE, CONTRACT_EVOLVE),
	    "s3_tables drops the underscore of the prefix");
	schema_free(s);
}

static void
test_contract_texts(void)
{
	static const char *const bad[] = { "\"\"", "1", "[]",
		"{\"rows\":\"freeze\"}", "{\"tables\":1}", "{\"tables\":\"x\"}",
		"{", "\"freeze\\u0000\"" };
	static const char *const flags[] = { "", "x", "tables=", "=freeze",
		"tables", "tables=freeze,", "tables=freeze,tables=evolve",
		"tables=freeze columns=evolve" };
	struct contract k;
	struct buf json = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct error err = { 0 };

		tap_ok(contract_parse(bad[i], &k, &err) < 0 && err.msg[0],
		    "no contract: %s", bad[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		struct error err = { 0 };

		tap_ok(contract_from_flag(flags[i], &json, &err) < 0 &&
		        err.code == ERR_USAGE,
		    "no contract: --schema-contract \"%s\"", flags[i]);
	}
	for (int m = CONTRACT_EVOLVE; m <= CONTRACT_DISCARD_VALUE; m++) {
		struct error err = { 0 };

		buf_reset(&json);
		tap_ok(contract_from_flag(contract_mode_name(m), &json, &err) ==
		            0 &&
		        contract_parse(buf_str(&json), &k, &err) == 0 &&
		        contract_is(k, m, m, m),
		    "%s is a mode", contract_mode_name(m));
	}
	buf_release(&json);
}

int
main(void)
{
	test_regexes();
	test_bad_regexes();
	test_types();
	test_default_hints();
	test_normalizer_hints();
	test_new_tables();
	test_max_nesting();
	test_root_keys();
	test_root_key_columns();
	test_propagation();
	test_contract_of_tables();
	test_contract_texts();
	return tap_done();
}

/* SPDX-License-Identifier: MIT */
/* Job files to cells: seeded changes of good ones, whole and in two pieces,
 * which must come to the same. */
#include "tools/dlt-load/decode.h"

#include "tests/fuzz/mutate.h"
#include "tests/unit/tap.h"

#define ROUNDS 200000

struct seed {
	enum decode_format format;
	const char *text;
	size_t rows;
};

static const struct seed seeds[] = {
	{ DECODE_JSONL, "{\"i\":1,\"t\":\"\\u00e4\"}\n{\"j\":[1,{}]}\n", 2 },
	{ DECODE_TYPED, "[{\"i\":1,\"t\":\"x\"},{}]\n[{\"b\":true}]\n", 3 },
	{ DECODE_INSERTS,
	    "INSERT INTO {}(\"i\",\"d\",\"t\",\"j\",\"x\",\"s\",\"b\",\"n\")\n"
	    "VALUES\n"
	    "(1,-inf,E'a''\\\\\\n',E'{\"a\":1}','\\x0x01ff',"
	    "'2024-01-02T03:04:05+00:00',True,1E+3),\n"
	    "(NULL,1e+22,'\\t',json_parse('[]'),from_hex('00'),NULL,1,-1.5);",
	    2 },
	{ DECODE_INSERTS,
	    "INSERT INTO {}(`t`,`x`,`j`)\nSELECT N'a' + CHAR(10) + N'b',"
	    "CONVERT(VARBINARY(2), '01ff', 2),N'1' UNION ALL\n"
	    "SELECT NULL,FROM_BASE64('YWI='),N'[]' UNION ALL\n"
	    "SELECT 'x\ny',X'6162',True;",
	    3 },
	{ DECODE_CSV,
	    "\"i\",\"d\",\"t\",\"j\",\"x\",\"s\",\"b\",\"n\"\n"
	    "1,nan,\"a\"\"\nb\",\"[\"\"x\"\"]\",\"\\x6162\","
	    "\"2024-01-02 03:04:05.000006+00:00\",True,1.10\n"
	    ",,,,,,,\r\n",
	    2 },
	{ DECODE_CSV, "i;t\n1;x y\n2;\"\"\n", 2 },
};

static struct schema *
make_schema(void)
{
	static const struct {
		const char *name;
		enum data_type type;
	} columns[] = { { "i", TYPE_BIGINT }, { "d", TYPE_DOUBLE },
		{ "t", TYPE_TEXT }, { "j", TYPE_JSON }, { "x", TYPE_BINARY },
		{ "s", TYPE_TIMESTAMP }, { "b", TYPE_BOOL },
		{ "n", TYPE_DECIMAL } };
	struct schema *s = schema_new("demo");
	struct table *t = schema_add_table(s, "t", NULL, "t", "append");

	for (size_t i = 0; i < ARRAY_LEN(columns); i++)
		schema_infer_column(s, t, columns[i].name, 1, columns[i].type,
		    false);
	return s;
}

/* A sum over the cells that does not depend on where their texts are. */
static uint64_t
sum_cells(const struct rows *r, uint64_t sum)
{
	for (size_t i = 0; i < r->cell_count; i++) {
		const struct cell *c = &r->cells[i];

		sum = sum * 31 + c->kind + c->column * 7;
		if (c->kind == CELL_TEXT || c->kind == CELL_BLOB)
			for (size_t k = 0; k < c->len; k++)
				sum = sum * 31 + (unsigned char)c->text[k];
		else if (c->kind != CELL_NULL)
			sum = sum * 31 + (uint64_t)c->integer;
	}
	return sum;
}

struct outcome {
	int rc;
	size_t rows;
	uint64_t sum;
	struct error err;
};

/* One call of decode_batch() in memory that is exactly as large as promised. */
static int
decode_part(struct decoder *d, const char *text, size_t len, bool final,
    size_t *used, struct outcome *o)
{
	struct batch b = { 0 };
	int rc;

	b.text.data = xcalloc(1, len + SCAN_SLACK);
	memcpy(b.text.data, text, len);
	b.text.len = len;
	b.text.cap = len + SCAN_SLACK;
	*used = 0;
	rc = decode_batch(d, &b, final, used, &o->err);
	if (rc == 0) {
		o->rows += b.rows.row_count;
		o->sum = sum_cells(&b.rows, o->sum);
	}
	free(b.rows.cells);
	free(b.rows.rows);
	free(b.text.data);
	arena_release(&b.arena);
	return rc;
}

/* first: how much of it is there at first; all of it at len. */
static struct outcome
decode(const struct table *t, const struct dest_values *values,
    enum decode_format format, const char *text, size_t len, size_t first)
{
	const struct decode_settings set = { .format = format };
	struct outcome o = { 0 };
	struct decoder d;
	size_t used = 0;

	decoder_init(&d, t, values, &set);
	if (first < len)
		o.rc = decode_part(&d, text, first, false, &used, &o);
	if (!o.rc)
		o.rc = decode_part(&d, text + used, len - used, true, &used,
		    &o);
	decoder_release(&d);
	return o;
}

static void
test_seeds(const struct table *t, const struct dest_values *values)
{
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		const struct seed *s = &seeds[i];
		size_t len = strlen(s->text), split, same = 0;
		struct outcome all = decode(t, values, s->format, s->text, len,
		    len);

		tap_int((long long)all.rows, (long long)s->rows, s->text);
		tap_str(all.rc ? all.err.msg : "", "", "without an error");
		for (split = 0; split < len; split++) {
			struct outcome two = decode(t, values, s->format,
			    s->text, len, split);

			same += two.rc == all.rc &&
			    (all.rc ||
			        (two.rows == all.rows && two.sum == all.sum));
		}
		tap_int((long long)same, (long long)len, "cut anywhere");
	}
}

/* What is cut is never taken for the whole. */
static void
test_cut(const struct table *t, const struct dest_values *values)
{
	for (size_t i = 0; i < ARRAY_LEN(seeds); i++) {
		const struct seed *s = &seeds[i];
		size_t len = strlen(s->text), wrong = 0;

		for (size_t cut = 1; cut < len; cut++) {
			struct outcome o = decode(t, values, s->format, s->text,
			    cut, cut);

			/* between two lines there is no telling */
			wrong += !o.rc && o.rows && s->text[cut - 1] != '\n' &&
			    s->text[cut] != '\n' && s->format != DECODE_JSONL;
			wrong += !o.rc && o.rows && s->format == DECODE_INSERTS;
		}
		tap_int((long long)wrong, 0, "cut off is an error");
	}
}

static void
test_mutations(const struct table *t, const struct dest_values *values)
{
	uint64_t state = 1;
	size_t differ = 0;

	for (int i = 0; i < ROUNDS; i++) {
		const struct seed *s =
		    &seeds[mutate_random(&state) % ARRAY_LEN(seeds)];
		char text[MUTATE_MAX];
		size_t len = strlen(s->text);
		struct outcome all, two;

		memcpy(text, s->text, len);
		for (unsigned n = mutate_random(&state) % 4 + 1; n; n--)
			mutate_once(&state, text, &len);
		all = decode(t, values, s->format, text, len, len);
		two = decode(t, values, s->format, text, len,
		    len ? mutate_random(&state) % len : 0);
		if (all.rc == two.rc &&
		    (all.rc || (all.rows == two.rows && all.sum == two.sum)))
			continue;
		if (!differ++)
			printf("# %d: %.*s\n# %s\n# %s\n", s->format, (int)len,
			    text, all.rc ? all.err.msg : "fine",
			    two.rc ? two.err.msg : "fine");
	}
	tap_int((long long)differ, 0, "changed files, whole and in pieces");
}

int
main(void)
{
	struct dest_values sqlite = { true, true, true }, duck = { 0 };
	struct schema *s = make_schema();
	const struct table *t = schema_table(s, "t");

	test_seeds(t, &sqlite);
	test_seeds(t, &duck);
	test_cut(t, &sqlite);
	test_mutations(t, &sqlite);
	test_mutations(t, &duck);
	schema_free(s);
	return tap_done();
}

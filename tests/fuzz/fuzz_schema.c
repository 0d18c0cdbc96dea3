/* SPDX-License-Identifier: MIT */
/* What schema_parse() takes is written and parsed again: the same hash and the
 * same text must come out. The input stands for itself, and for a value at some
 * places of a schema. */
#include <stdlib.h>
#include <string.h>

#include "common/schema.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a user of a schema asks for. */
static void
ask(struct schema *s)
{
	struct value v = { .type = TYPE_TEXT, .text = "x", .len = 1 };

	for (size_t i = 0; i < s->table_count; i++) {
		struct table *t = s->tables[i];

		schema_contract(s, t, NULL, t->name);
		table_max_nesting(s, t);
		table_set_seen_data(t);
		schema_propagate_root_key(s, t, NULL);
		schema_infer_type(s, t->name, &v, false);
		schema_infer_column(s, t, "x", 1, TYPE_TEXT, true);
	}
}

/* Returns true when the text is a schema. */
static bool
round_trip(const char *text, size_t len)
{
	struct buf one = { 0 }, two = { 0 };
	struct error err = { 0 };
	struct schema *s = schema_parse(text, len, &err), *again, *copy;
	char before[64], after[64];

	if (!s)
		return false;
	schema_bump(s);
	schema_hash(s, before);
	schema_write(s, false, &one);
	again = schema_parse(one.data, one.len, &err);
	if (!again)
		abort();
	schema_hash(again, after);
	schema_write(again, false, &two);
	if (strcmp(before, after) != 0 || strcmp(one.data, two.data) != 0)
		abort();
	copy = schema_copy(s);
	if (schema_merge(copy, again, 0, &err) < 0)
		abort();
	schema_hash(copy, after);
	if (strcmp(before, after) != 0)
		abort();
	ask(copy);
	schema_free(copy);
	schema_free(again);
	schema_free(s);
	buf_release(&one);
	buf_release(&two);
	return true;
}

/* The frame with the input at each '@'. */
static void
try_frame(const char *frame, const char *text, size_t len)
{
	struct buf out = { 0 };

	for (; *frame; frame++)
		if (*frame == '@')
			buf_add(&out, text, len);
		else
			buf_addc(&out, *frame);
	round_trip(out.data, out.len);
	buf_release(&out);
}

#define BEGIN(engine) \
	"{\"engine_version\":" engine ",\"name\":\"a\",\"tables\":"

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const char *const frames[] = {
		BEGIN("11") "@}",
		BEGIN("11") "{\"t\":@}}",
		BEGIN("9") "{\"t\":{\"columns\":@}}}",
		BEGIN("3") "{\"t\":{\"columns\":{\"_dlt_id\":@}}}}",
		BEGIN("11") "{\"t\":{\"x-normalizer\":@,\"references\":@}}}",
		BEGIN("3") "{},\"settings\":@,\"previous_hashes\":[\"@\"]}",
		BEGIN("9") "{\"t\":{}},\"settings\":{\"default_hints\":@}}",
		BEGIN("9") "{\"t\":{}},\"settings\":{\"preferred_types\":@}}",
		BEGIN("9") "{\"t\":{}},\"settings\":{\"preferred_types\":{"
		           "\"re:@\":\"text\"}}}",
		BEGIN("9") "{\"t\":{}},\"normalizers\":@}",
		BEGIN("9") "{\"t\":{\"write_disposition\":\"merge\"}},"
		           "\"normalizers\":{\"json\":{\"config\":@}}}",
		BEGIN("9") "{\"t\":{\"write_disposition\":\"merge\"}},"
		           "\"normalizers\":{\"json\":{\"config\":{"
		           "\"propagation\":@}}}}",
	};
	char *text = xstrndup((const char *)data, size);

	if (!round_trip(text, size))
		try_frame(frames[size % ARRAY_LEN(frames)], text, size);
	free(text);
	return 0;
}

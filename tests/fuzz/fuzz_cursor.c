/* SPDX-License-Identifier: MIT */
/* Values of cursors: what is written is read as the same, and compares so; a
 * member is found where a parser finds it; a row has the hash of its sorted
 * text. */
#include "common/mem.h"
#include "common/scan.h"
#include "common/utf8.h"
#include "tools/dlt-extract/cursor/cursor_lag.h"
#include "tools/dlt-extract/cursor/row_hash.h"
#include "tools/dlt-extract/row_field.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
check_value(const char *text, size_t len)
{
	struct cursor_value v = { 0 }, again = { 0 }, lag = { 0 }, out = { 0 };
	struct buf first = { 0 }, second = { 0 };
	struct error err;
	int order = 0;

	cursor_value_parse(&v, text, len);
	cursor_value_write(&v, &first);
	cursor_value_parse(&again, buf_str(&first), first.len);
	cursor_value_write(&again, &second);
	/* a marker without anything behind it is text */
	if (v.len == 0 && (v.kind == CURSOR_BYTES || v.kind == CURSOR_HEXBYTES))
		goto out;
	if (v.kind != again.kind || first.len != second.len ||
	    memcmp(first.data, second.data, first.len) != 0)
		abort();
	if (cursor_value_compare(&v, &again, &order, &err) == 0 && order != 0)
		abort();
	cursor_value_parse(&lag, "1.5", 3);
	if (cursor_lag(&v, &lag, true, &out, &err) == 0 &&
	    cursor_value_compare(&out, &out, &order, &err) == 0 && order != 0)
		abort();
	cursor_value_is_true(&v);
out:
	cursor_value_release(&v);
	cursor_value_release(&again);
	cursor_value_release(&lag);
	cursor_value_release(&out);
	buf_release(&first);
	buf_release(&second);
}

static void
check_members(const char *text, size_t len)
{
	struct json_doc doc = { 0 };
	struct error err;

	if (json_parse(&doc, text, len, &err) == 0 &&
	    doc.root->kind == JSON_OBJECT) {
		for (const struct json *m = doc.root->child; m; m = m->next) {
			size_t n = 0;
			const char *raw = row_member(text, len, m->key,
			    m->key_len, &n);

			if (raw != m->raw || n != m->raw_len)
				abort();
		}
	}
	json_release(&doc);
}

static void
check_hash(const char *text, size_t len)
{
	const struct row_key key = { .kind = KEY_ROW };
	char one[ROW_HASH_LEN + 1], two[ROW_HASH_LEN + 1];
	struct row_hasher h = { 0 };
	struct error err;
	char *sorted;

	if (row_hash(&h, text, len, &key, one, &err) == 0) {
		sorted = xstrndup(h.text.data, h.text.len);
		if (row_hash(&h, sorted, strlen(sorted), &key, two, &err) < 0 ||
		    strcmp(one, two) != 0)
			abort();
		free(sorted);
	}
	row_hasher_release(&h);
}

/* The input as the text behind each marker. */
static void
check_typed(const char *data, size_t size)
{
	struct buf b = { 0 };

	for (size_t i = 0; i < size; i++)
		if ((unsigned char)data[i] < ' ' || data[i] == '"' ||
		    data[i] == '\\')
			return;
	if (!utf8_is_valid(data, size))
		return;
	for (int mark = 0xa5; mark < 0xb0; mark++) {
		buf_reset(&b);
		buf_addf(&b, "\"\xef\x80%c", mark);
		buf_add(&b, data, size);
		buf_addc(&b, '"');
		check_value(b.data, b.len);
	}
	buf_release(&b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = xcalloc(1, size + SCAN_SLACK);
	struct scan s;

	memcpy(text, data, size);
	if (scan_value(text, text + size, true, &s) == SCAN_OK &&
	    s.next == text + size && !s.has_newline) {
		check_value(text, size);
		check_members(text, size);
		check_hash(text, size);
	}
	check_typed(text, size);
	free(text);
	return 0;
}

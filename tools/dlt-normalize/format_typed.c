/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "tools/dlt-normalize/format_row.h"

#define LINE_MAX_BYTES ((size_t)256 << 10) /* about; rows are not split */

/* The character that marks a string as a value of the type, or NULL. */
static const char *
marker(enum data_type type, const struct token *t)
{
	if (*t->text != '"')
		return NULL;
	switch (type) {
	case TYPE_DECIMAL:
		return "\xef\x80\xa6";
	case TYPE_TIMESTAMP:
		return "\xef\x80\xa7";
	case TYPE_DATE:
		return "\xef\x80\xa8";
	case TYPE_BINARY:
		return token_is_hex(t) ? "\xef\x80\xaa" : "\xef\x80\xab";
	case TYPE_WEI:
		return "\xef\x80\xac";
	case TYPE_TIME:
		return "\xef\x80\xad";
	default:
		return NULL;
	}
}

/* Text that begins with a marker is marked as text by an escape. */
static void
add_unmarked(struct buf *out, const char *p, size_t len)
{
	const char *end = p + len, *hit;

	while ((hit = memmem(p, (size_t)(end - p), "\xef\x80", 2)) != NULL) {
		buf_add(out, p, (size_t)(hit - p));
		buf_addf(out, "\\uf0%02x", (unsigned char)hit[2] & 0x3fU);
		p = hit + 3;
	}
	buf_add(out, p, (size_t)(end - p));
}

static void
typed_row(const struct row_reader *r, struct buf *out)
{
	const struct format_plan *p = r->plan;
	bool first = true;
	size_t i;

	buf_addc(out, '{');
	for (i = 0; i < p->count; i++) {
		const struct token *t = &r->cells[i];
		const char *mark;

		if (!t->text)
			continue;
		if (!first)
			buf_addc(out, ',');
		first = false;
		buf_add(out, p->columns[i].key, p->columns[i].key_len);
		mark = marker(p->columns[i].type, t);
		if (mark) {
			buf_addc(out, '"');
			buf_adds(out, mark);
			buf_add(out, t->text + 1, t->len - 1);
		} else {
			add_unmarked(out, t->text, t->len);
		}
	}
	buf_addc(out, '}');
}

static int
typed_rows(const struct format_plan *p, const char *data, size_t len,
    struct buf *out, struct error *err)
{
	struct row_reader r;
	size_t line = 0;

	(void)err;
	row_reader_init(&r, p, data, len);
	while (row_reader_next(&r)) {
		buf_addc(out, line ? ',' : '[');
		if (!line)
			line = out->len;
		typed_row(&r, out);
		if (out->len - line > LINE_MAX_BYTES) {
			buf_adds(out, "]\n");
			line = 0;
		}
	}
	if (line)
		buf_adds(out, "]\n");
	row_reader_release(&r);
	return 0;
}

const struct format format_typed_jsonl = {
	.name = "typed-jsonl",
	.change = CHANGE_NOTHING,
	.columns = true,
	.compressed = true,
	.rows = typed_rows,
};

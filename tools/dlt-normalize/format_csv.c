/* SPDX-License-Identifier: MIT */
#include <string.h>

#include "common/utf8.h"
#include "tools/dlt-normalize/format_row.h"

/* What a field is to Python's csv module. */
enum field_kind {
	FIELD_TEXT,
	FIELD_NUMBER, /* and bool */
	FIELD_NONE,
};

static int
field(const struct format_column *c, const struct token *t, struct buf *out,
    enum field_kind *kind, struct error *err)
{
	buf_reset(out);
	*kind = FIELD_NONE;
	if (token_is_null(t))
		return 0;
	*kind = FIELD_NUMBER;
	switch (c->type) {
	case TYPE_BOOL:
		buf_adds(out, *t->text == 't' ? "True" : "False");
		return 0;
	case TYPE_DOUBLE:
		token_float(t, out);
		return 0;
	case TYPE_BIGINT:
	case TYPE_DECIMAL:
	case TYPE_WEI:
		token_text(t, out);
		return 0;
	case TYPE_BINARY:
		*kind = FIELD_TEXT;
		token_bytes(t, out);
		if (utf8_is_valid(buf_str(out), out->len))
			return 0;
		return error_set(err, ERR_DATA,
		    "column %s: bytes that are no UTF-8 text cannot be written "
		    "as csv",
		    c->name);
	case TYPE_JSON:
		*kind = FIELD_TEXT;
		buf_add(out, t->text, t->len);
		return 0;
	case TYPE_TIMESTAMP:
		*kind = FIELD_TEXT;
		token_text(t, out);
		if (out->len > 10)
			out->data[10] = ' ';
		return 0;
	default:
		*kind = FIELD_TEXT;
		token_text(t, out);
		return 0;
	}
}

static bool
is_special(const struct csv_settings *s, const struct buf *text)
{
	size_t i;

	for (i = 0; i < text->len; i++) {
		char c = text->data[i];

		if (c == s->delimiter || c == '"' || c == '\n' || c == '\r' ||
		    strchr(s->line_end, c))
			return true;
	}
	return false;
}

static int
write_field(const struct format_plan *p, size_t column, const struct buf *text,
    enum field_kind kind, struct buf *out, struct error *err)
{
	const struct csv_settings *s = p->csv;
	bool alone = p->count == 1 && !text->len;
	bool special = alone || is_special(s, text), quoted = false;
	size_t i;

	switch (s->quoting) {
	case QUOTE_NEEDED:
		quoted = kind != FIELD_NUMBER || special;
		break;
	case QUOTE_ALL:
		quoted = true;
		break;
	case QUOTE_MINIMAL:
		quoted = special;
		break;
	case QUOTE_NONE:
		if (special)
			return error_set(err, ERR_DATA,
			    "column %s: the value needs quotes, and "
			    "data_writer.quoting is quote_none",
			    p->columns[column].name);
		break;
	}
	if (!quoted) {
		buf_add(out, buf_str(text), text->len);
		return 0;
	}
	buf_addc(out, '"');
	for (i = 0; i < text->len; i++) {
		if (text->data[i] == '"')
			buf_addc(out, '"');
		buf_addc(out, text->data[i]);
	}
	buf_addc(out, '"');
	return 0;
}

static void
csv_header(const struct format_plan *p, struct buf *out)
{
	struct csv_settings names = *p->csv;
	struct format_plan plan = *p;
	size_t i;

	if (!p->csv->header)
		return;
	/* a name never fails: it is quoted rather */
	if (names.quoting == QUOTE_NONE)
		names.quoting = QUOTE_MINIMAL;
	plan.csv = &names;
	for (i = 0; i < p->count; i++) {
		const struct buf name = { (char *)(uintptr_t)p->columns[i].name,
			strlen(p->columns[i].name), 0 };

		if (i)
			buf_addc(out, p->csv->delimiter);
		write_field(&plan, i, &name, FIELD_TEXT, out,
		    &(struct error){ 0 });
	}
	buf_adds(out, p->csv->line_end);
}

static int
csv_rows(const struct format_plan *p, const char *data, size_t len,
    struct buf *out, struct error *err)
{
	struct buf text = { 0 };
	struct row_reader r;
	enum field_kind kind;
	size_t i;
	int rc = 0;

	row_reader_init(&r, p, data, len);
	while (!rc && row_reader_next(&r)) {
		for (i = 0; !rc && i < p->count; i++) {
			if (i)
				buf_addc(out, p->csv->delimiter);
			rc = field(&p->columns[i], &r.cells[i], &text, &kind,
			    err);
			if (!rc)
				rc = write_field(p, i, &text, kind, out, err);
		}
		buf_adds(out, p->csv->line_end);
	}
	row_reader_release(&r);
	buf_release(&text);
	return rc;
}

const struct format format_csv = {
	.name = "csv",
	.change = CHANGE_ANY,
	.columns = true,
	.cells = true,
	.compressed = true,
	.header = csv_header,
	.rows = csv_rows,
};

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/format_sql.h"

#include <stdio.h>
#include <string.h>

#include "common/hash.h"
#include "tools/dlt-normalize/format_row.h"

/* What stands for a character within a literal or a name. */
struct spelling {
	char from;
	const char *to;
};

enum bytes_style {
	BYTES_ESCAPED, /* '\x..' */
	BYTES_BASE64,  /* function('base64') */
	BYTES_HEX,     /* function('hex') */
	BYTES_CONVERT, /* CONVERT(VARBINARY(n), 'hex', 2) */
};

struct dialect {
	const char *name;
	char name_quote;
	bool name_slashes; /* `\`` for a quote in a name, not "``" */
	const char *text;  /* what opens a text literal */
	const struct spelling *escapes;
	const char *json, *json_end; /* what opens and ends one of json */
	enum bytes_style bytes;
	const char *bytes_open, *bytes_end;
	const char *yes, *no;
	bool select_union; /* SELECT .. UNION ALL instead of VALUES */
};

static const struct spelling slashes[] = { { '\'', "''" }, { '\\', "\\\\" },
	{ '\n', "\\n" }, { '\r', "\\r" }, { 0, NULL } };
static const struct spelling quotes[] = { { '\'', "''" }, { 0, NULL } };
static const struct spelling spark[] = { { '\'', "\\'" }, { '\\', "\\\\" },
	{ '\n', "\\n" }, { '\r', "\\r" }, { 0, NULL } };
static const struct spelling chars[] = { { '\'', "''" },
	{ '\n', "' + CHAR(10) + N'" }, { '\r', "' + CHAR(13) + N'" },
	{ '\t', "' + CHAR(9) + N'" }, { 0, NULL } };
static const struct spelling clickhouse[] = { { '\'', "''" }, { '\\', "\\\\" },
	{ '\n', "\\n" }, { '\t', "\\t" }, { '\b', "\\b" }, { '\f', "\\f" },
	{ '\r', "\\r" }, { '\a', "\\a" }, { '\v', "\\v" }, { '\0', "\\0" },
	{ 0, NULL } };
static const struct spelling bigquery[] = { { '\'', "\\'" }, { '\\', "\\\\" },
	{ '\n', "\\n" }, { '\t', "\\t" }, { '\b', "\\b" }, { '\f', "\\f" },
	{ '\r', "\\r" }, { '\a', "\\a" }, { '\v', "\\v" }, { 0, NULL } };

static const struct dialect dialects[] = {
	{ "postgres", '"', false, "E'", slashes, "E'", "'", BYTES_ESCAPED,
	    "'\\x", "'", "True", "False", false },
	{ "duckdb", '"', false, "E'", slashes, "E'", "'", BYTES_BASE64,
	    "from_base64('", "')", "True", "False", false },
	{ "redshift", '"', false, "'", slashes, "json_parse('", "')", BYTES_HEX,
	    "from_hex('", "')", "True", "False", false },
	{ "clickhouse", '`', false, "'", clickhouse, "'", "'", BYTES_HEX, "'",
	    "'", "True", "False", false },
	{ "mssql", '"', false, "N'", chars, "N'", "'", BYTES_CONVERT, NULL,
	    NULL, "1", "0", false },
	{ "synapse", '"', false, "N'", chars, "N'", "'", BYTES_CONVERT, NULL,
	    NULL, "1", "0", true },
	{ "snowflake", '"', false, "'", quotes, "'", "'", BYTES_HEX, "X'", "'",
	    "True", "False", false },
	{ "bigquery", '`', true, "'", bigquery, "'", "'", BYTES_BASE64,
	    "FROM_BASE64('", "')", "TRUE", "FALSE", false },
	{ "databricks", '`', true, "'", spark, "'", "'", BYTES_HEX, "X'", "'",
	    "True", "False", false },
};

const struct dialect *
dialect_find(const char *name)
{
	for (size_t i = 0; name && i < ARRAY_LEN(dialects); i++)
		if (strcmp(dialects[i].name, name) == 0)
			return &dialects[i];
	return NULL;
}

/* ---- names ---- */

static void
write_name(const struct dialect *d, const char *name, struct buf *out)
{
	buf_addc(out, d->name_quote);
	for (; *name; name++) {
		if (*name == d->name_quote)
			buf_addc(out, d->name_slashes ? '\\' : *name);
		else if (*name == '\\')
			buf_addc(out, '\\');
		buf_addc(out, *name);
	}
	buf_addc(out, d->name_quote);
}

static void
sql_header(const struct format_plan *p, struct buf *out)
{
	size_t i;

	buf_adds(out, "INSERT INTO {}(");
	for (i = 0; i < p->count; i++) {
		if (i)
			buf_addc(out, ',');
		write_name(p->dialect, p->columns[i].name, out);
	}
	buf_adds(out, p->dialect->select_union ? ")\n" : ")\nVALUES\n");
}

static void
sql_separator(const struct format_plan *p, struct buf *out)
{
	buf_adds(out, p->dialect->select_union ? " UNION ALL\n" : ",\n");
}

static void
sql_footer(const struct format_plan *p, struct buf *out)
{
	(void)p;
	buf_addc(out, ';');
}

/* ---- literals ---- */

/* For each byte that is not written as it is, its spelling. */
static void
spelling_table(const struct dialect *d, const char *table[256])
{
	const struct spelling *s;

	memset(table, 0, 256 * sizeof(*table));
	for (s = d->escapes; s->to; s++)
		table[(unsigned char)s->from] = s->to;
}

static void
write_escaped(const char *table[256], const struct buf *text, struct buf *out)
{
	const char *p = text->data, *end = p + text->len, *run = p;

	for (; p < end; p++) {
		const char *to = table[(unsigned char)*p];

		if (!to)
			continue;
		buf_add(out, run, (size_t)(p - run));
		buf_adds(out, to);
		run = p + 1;
	}
	buf_add(out, run, (size_t)(end - run));
}

static void
write_hex(const struct buf *bytes, struct buf *out)
{
	static const char digits[] = "0123456789abcdef";
	size_t i;

	for (i = 0; i < bytes->len; i++) {
		buf_addc(out, digits[(unsigned char)bytes->data[i] >> 4]);
		buf_addc(out, digits[bytes->data[i] & 15]);
	}
}

/* bytes: what token_bytes() gave, or for base64 the text itself. */
static void
write_bytes(const struct dialect *d, const struct token *t, struct buf *scratch,
    struct buf *out)
{
	if (d->bytes == BYTES_BASE64) {
		struct buf text = { 0 };

		token_bytes(t, scratch);
		buf_reserve(&text, scratch->len * 4 / 3 + 8);
		text.len = hash_base64_encode(buf_str(scratch), scratch->len,
		    text.data);
		buf_adds(out, d->bytes_open);
		buf_add(out, text.data, text.len);
		buf_adds(out, d->bytes_end);
		buf_release(&text);
		return;
	}
	token_bytes(t, scratch);
	if (d->bytes != BYTES_CONVERT) {
		buf_adds(out, d->bytes_open);
		write_hex(scratch, out);
		buf_adds(out, d->bytes_end);
		return;
	}
	/* 8000 is the most that a sized varbinary can hold */
	if (scratch->len <= 8000)
		buf_addf(out, "CONVERT(VARBINARY(%zu), '", scratch->len);
	else
		buf_adds(out, "CONVERT(VARBINARY(MAX), '");
	write_hex(scratch, out);
	buf_adds(out, "', 2)");
}

static void
write_literal(const struct dialect *d, const char *table[256],
    enum data_type type, const struct token *t, struct buf *scratch,
    struct buf *out)
{
	if (token_is_null(t)) {
		buf_adds(out, "NULL");
		return;
	}
	switch (type) {
	case TYPE_BOOL:
		buf_adds(out, *t->text == 't' ? d->yes : d->no);
		return;
	case TYPE_BIGINT:
		buf_add(out, t->text, t->len);
		return;
	case TYPE_DOUBLE:
		token_float(t, out);
		return;
	case TYPE_DECIMAL:
	case TYPE_WEI:
		token_text(t, scratch);
		buf_add(out, scratch->data, scratch->len);
		return;
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		token_text(t, scratch);
		buf_addc(out, '\'');
		buf_add(out, scratch->data, scratch->len);
		buf_addc(out, '\'');
		return;
	case TYPE_BINARY:
		write_bytes(d, t, scratch, out);
		return;
	case TYPE_JSON:
		buf_reset(scratch);
		buf_add(scratch, t->text, t->len);
		/* a string is text, as it is for Python */
		if (*t->text == '"')
			break;
		buf_adds(out, d->json);
		write_escaped(table, scratch, out);
		buf_adds(out, d->json_end);
		return;
	default:
		break;
	}
	token_text(t, scratch);
	buf_adds(out, d->text);
	write_escaped(table, scratch, out);
	buf_addc(out, '\'');
}

static int
sql_rows(const struct format_plan *p, const char *data, size_t len,
    struct buf *out, struct error *err)
{
	const struct dialect *d = p->dialect;
	const char *table[256];
	struct buf scratch = { 0 };
	struct row_reader r;
	size_t i;

	(void)err;
	spelling_table(d, table);
	row_reader_init(&r, p, data, len);
	while (row_reader_next(&r)) {
		if (r.row > 1)
			sql_separator(p, out);
		buf_adds(out, d->select_union ? "SELECT " : "(");
		for (i = 0; i < p->count; i++) {
			if (i)
				buf_addc(out, ',');
			write_literal(d, table, p->columns[i].type, &r.cells[i],
			    &scratch, out);
		}
		if (!d->select_union)
			buf_addc(out, ')');
	}
	row_reader_release(&r);
	buf_release(&scratch);
	return 0;
}

const struct format format_insert_values = {
	.name = "insert_values",
	.change = CHANGE_WRITTEN,
	.columns = true,
	.compressed = true,
	.header = sql_header,
	.separator = sql_separator,
	.footer = sql_footer,
	.rows = sql_rows,
};

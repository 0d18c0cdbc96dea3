/* SPDX-License-Identifier: MIT */
#include "common/dest/reader.h"

#include "common/decimal.h"
#include "common/dest/dest.h"
#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/opt.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_MAX_BYTES 120

bool
reader_is_query(const char *text)
{
	static const char *const words[] = { "SELECT", "WITH", "VALUES" };

	text += strspn(text, " \t\r\n(");
	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		size_t n = strlen(words[i]);

		if (strncasecmp(text, words[i], n) == 0 && text[n] != '\0' &&
		    strchr(" \t\r\n(*", text[n]) != NULL)
			return true;
	}
	return false;
}

char *
reader_name(const char *text)
{
	struct buf b = { 0 };

	dest_mask(text, &b);
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < ' ')
			b.data[i] = ' ';
	if (b.len > NAME_MAX_BYTES) {
		b.len = NAME_MAX_BYTES;
		while ((b.data[b.len] & 0xc0) == 0x80)
			b.len--;
		buf_adds(&b, "...");
	}
	return buf_take(&b);
}

/* ---- values ---- */

void
reader_put_text(struct buf *out, const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	struct buf rest = { 0 };

	if (len < 3 || p[0] != 0xef || p[1] != 0x80 || p[2] < 0xa6 ||
	    p[2] > 0xae) {
		jsonw_quote(out, s, len);
		return;
	}
	jsonw_quote(&rest, s + 3, len - 3);
	buf_addf(out, "\"\\uf0%02x", p[2] - 0x80u);
	buf_add(out, rest.data + 1, rest.len - 1);
	buf_release(&rest);
}

/* Strings in it that begin like typed values are spelled as escapes, too. */
bool
reader_put_json(struct buf *out, const char *s, size_t len)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	struct buf text = { 0 };
	bool ok = json_parse(&doc, s, len, &ignored) == 0;

	if (ok) {
		const char *at, *p;

		json_write(doc.root, 0, &text);
		p = buf_str(&text);
		while ((at = strstr(p, "\"\xef\x80")) != NULL) {
			unsigned char c = (unsigned char)at[3];

			buf_add(out, p, (size_t)(at + 1 - p));
			p = at + 1;
			if (c >= 0xa6 && c <= 0xae) {
				buf_addf(out, "\\uf0%02x", c - 0x80u);
				p = at + 4;
			}
		}
		buf_adds(out, p);
	}
	json_release(&doc);
	buf_release(&text);
	return ok;
}

void
reader_put_typed(struct buf *out, enum data_type type, const char *s,
    size_t len)
{
	static const char *const markers[] = {
		[TYPE_DECIMAL] = "\"\xef\x80\xa6",
		[TYPE_TIMESTAMP] = "\"\xef\x80\xa7",
		[TYPE_DATE] = "\"\xef\x80\xa8",
		[TYPE_WEI] = "\"\xef\x80\xac",
		[TYPE_TIME] = "\"\xef\x80\xad",
	};

	buf_adds(out, markers[type]);
	buf_add(out, s, len);
	buf_addc(out, '"');
}

bool
reader_put_time(struct buf *out, enum data_type type, const char *s, size_t len)
{
	bool utc = len > 13 && memcmp(s + len - 3, "+00", 3) == 0;
	struct iso iso = { 0 };
	struct buf text = { 0 };
	bool ok;

	if (type == TYPE_TIMESTAMP) {
		iso_parse(s, utc ? len - 3 : len, &iso);
		ok = iso.kind == ISO_DATETIME || iso.kind == ISO_DATE;
		iso.ts.has_zone = iso.ts.has_zone || utc;
		if (ok)
			timestamp_format(&iso.ts, &text);
	} else if (type == TYPE_DATE) {
		ok = date_from_iso(s, len, &iso.ts);
		if (ok)
			date_format(iso.ts.us, &text);
	} else {
		ok = time_from_iso(s, len, &iso.ts);
		if (ok)
			time_format(&iso.ts, &text);
	}
	if (ok)
		reader_put_typed(out, type, text.data, text.len);
	buf_release(&text);
	return ok;
}

bool
reader_put_decimal(struct buf *out, const char *s, size_t len)
{
	struct buf text = { 0 };
	bool ok = text_to_decimal(s, len, &text);

	if (ok)
		reader_put_typed(out, TYPE_DECIMAL, text.data, text.len);
	buf_release(&text);
	return ok;
}

void
reader_put_binary(struct buf *out, const void *data, size_t len)
{
	buf_adds(out, "\"\xef\x80\xab");
	buf_reserve(out, 4 * ((len + 2) / 3) + 1);
	out->len += hash_base64_encode(data, len, out->data + out->len);
	buf_addc(out, '"');
}

void
reader_put(struct buf *out, enum reader_form form, const char *s, size_t len)
{
	bool done = false;
	double v;

	switch (form) {
	case FORM_NUMBER:
		buf_add(out, s, len);
		return;
	case FORM_DOUBLE:
		if (text_to_float(s, len, &v))
			double_json(v, out);
		else
			buf_adds(out, "null");
		return;
	case FORM_DECIMAL:
		done = reader_put_decimal(out, s, len);
		break;
	case FORM_TIMESTAMP:
		done = reader_put_time(out, TYPE_TIMESTAMP, s, len);
		break;
	case FORM_DATE:
		done = reader_put_time(out, TYPE_DATE, s, len);
		break;
	case FORM_TIME:
		done = reader_put_time(out, TYPE_TIME, s, len);
		break;
	case FORM_JSON:
		done = reader_put_json(out, s, len);
		break;
	case FORM_BINARY:
		reader_put_binary(out, s, len);
		return;
	case FORM_TEXT:
		break;
	}
	if (!done)
		reader_put_text(out, s, len);
}

/* ---- statements ---- */

static void
quote(char by, const char *s, size_t len, struct buf *out)
{
	buf_addc(out, by);
	for (size_t i = 0; i < len; i++) {
		if (s[i] == by)
			buf_addc(out, by);
		buf_addc(out, s[i]);
	}
	buf_addc(out, by);
}

void
reader_quote(const char *name, struct buf *out)
{
	quote('"', name, strlen(name), out);
}

void
reader_quote_text(const char *s, size_t len, struct buf *out)
{
	quote('\'', s, len, out);
}

void
reader_quote_in_schema(const char *text, struct buf *out)
{
	const char *dot = strchr(text, '.');

	quote('"', text, (size_t)(dot - text), out);
	buf_addc(out, '.');
	reader_quote(dot + 1, out);
}

void
reader_numbered(size_t count, struct buf *sql)
{
	for (size_t i = 0; i < count; i++)
		buf_addf(sql, "%sc%zu", i == 0 ? "" : ", ", i);
}

bool
reader_plain_literal(const struct value *v, struct buf *out)
{
	struct buf text = { 0 };

	switch (v->type) {
	case TYPE_BIGINT:
	case TYPE_WEI:
		buf_add(out, v->text, v->len);
		return true;
	case TYPE_BOOL:
		buf_adds(out, v->boolean ? "true" : "false");
		return true;
	case TYPE_TEXT:
		buf_add(&text, v->text, v->len);
		break;
	case TYPE_TIMESTAMP:
		timestamp_format(&v->ts, &text);
		break;
	case TYPE_DATE:
		date_format(v->ts.us, &text);
		break;
	case TYPE_TIME:
		time_format(&v->ts, &text);
		break;
	default:
		return false;
	}
	reader_quote_text(text.data, text.len, out);
	buf_release(&text);
	return true;
}

/* The value of JSON text as a literal. */
static bool
literal_of(const char *json, bool upper, reader_literal literal,
    struct buf *out)
{
	struct json_doc doc = { 0 };
	struct arena a = { 0 };
	struct error ignored;
	struct value v;
	bool ok = false;

	if (json_parse(&doc, json, strlen(json), &ignored) == 0) {
		value_from_json(doc.root, &a, &v);
		ok = v.type != TYPE_NONE &&
		    (v.text == NULL || memchr(v.text, '\0', v.len) == NULL) &&
		    literal(&v, upper, out);
	}
	json_release(&doc);
	arena_release(&a);
	return ok;
}

/* A bound that cannot be said in SQL is left to who gets the rows. */
static bool
bound(const struct reader_range *r, bool upper, reader_literal literal,
    struct buf *out)
{
	const char *value = upper ? r->to : r->from;
	bool open = upper ? r->to_open : r->from_open;
	struct buf text = { 0 };
	bool ok = value != NULL && literal_of(value, upper, literal, &text);

	if (ok) {
		buf_adds(out, out->len == 0 ? "" : " AND ");
		reader_quote(r->column, out);
		buf_adds(out, upper ? " <" : " >");
		buf_adds(out, open ? " " : "= ");
		buf_add(out, text.data, text.len);
	}
	buf_release(&text);
	return ok;
}

static void
add_range(const struct reader_range *r, reader_literal literal, struct buf *sql)
{
	struct buf where = { 0 };
	bool any = bound(r, false, literal, &where);

	any = bound(r, true, literal, &where) || any;
	if (any && r->with_nulls) {
		buf_adds(&where, " OR ");
		reader_quote(r->column, &where);
		buf_adds(&where, " IS NULL");
	} else if (r->no_nulls) {
		buf_adds(&where, any ? " AND " : "");
		reader_quote(r->column, &where);
		buf_adds(&where, " IS NOT NULL");
	}
	if (where.len != 0)
		buf_addf(sql, " WHERE %s", buf_str(&where));
	if (r->order != 0) {
		buf_adds(sql, " ORDER BY ");
		reader_quote(r->column, sql);
		buf_adds(sql, r->order > 0 ? " ASC" : " DESC");
	}
	buf_release(&where);
}

void
reader_select(const struct reader_query *q, const char *from,
    reader_literal literal, struct buf *sql)
{
	size_t len;

	if (from != NULL) {
		buf_addf(sql, "SELECT * FROM %s", from);
	} else {
		len = strlen(q->sql);
		while (len > 0 && strchr(" \t\r\n;", q->sql[len - 1]) != NULL)
			len--;
		if (q->range != NULL)
			buf_adds(sql, "SELECT * FROM (");
		buf_add(sql, q->sql, len);
		/* the line may end in a comment */
		if (q->range != NULL)
			buf_adds(sql, "\n) AS \"rows\"");
	}
	if (q->range != NULL)
		add_range(q->range, literal, sql);
}

int
reader_no_table(const char *table, const struct buf *names, struct error *err)
{
	const char **all = NULL, *near;
	size_t count = 0, cap = 0;

	for (size_t at = 0; at < names->len;
	     at += strlen(names->data + at) + 1) {
		all = xgrow(all, &cap, count + 1, sizeof(*all));
		all[count++] = names->data + at;
	}
	near = opt_nearest(table, all, count);
	error_set(err, ERR_DATA, "no table \"%s\"%s%s%s", table,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	free(all);
	return -1;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/rest/rest_rows.h"

#include "common/jsonw.h"
#include "tools/dlt-extract/rows.h"

#include <string.h>

struct page {
	const struct rest_member *members;
	size_t member_count;
	struct buf *out;
	size_t line;  /* where it began in out */
	size_t count; /* rows of all lines */
	bool open;
	bool failed;
	struct error *err;
	/* what the selector has found */
	const struct json *first;
	size_t found;
};

/* JSON on one line: white space between its tokens is left out if there is a
 * line break in it. */
static void
add_text(const char *p, size_t len, struct buf *out)
{
	const char *end = p + len;
	bool quoted = false;

	if (memchr(p, '\n', len) == NULL && memchr(p, '\r', len) == NULL) {
		buf_add(out, p, len);
		return;
	}
	buf_reserve(out, len);
	for (; p < end; p++) {
		if (quoted && *p == '\\') {
			buf_add(out, p++, 2);
			continue;
		}
		if (*p == '"')
			quoted = !quoted;
		if (quoted || strchr(" \t\r\n", *p) == NULL)
			buf_addc(out, *p);
	}
}

static const struct rest_member *
find_member(const struct page *p, const struct json *v)
{
	for (size_t i = 0; i < p->member_count; i++)
		if (strlen(p->members[i].key) == v->key_len &&
		    memcmp(p->members[i].key, v->key, v->key_len) == 0)
			return &p->members[i];
	return NULL;
}

static void
add_member(struct buf *out, const char *key, size_t len, const struct json *v)
{
	if (out->data[out->len - 1] != '{')
		buf_addc(out, ',');
	jsonw_quote(out, key, len);
	buf_addc(out, ':');
	add_text(v->raw, v->raw_len, out);
}

/* With the members of the parent: in the place of those that it has. */
static int
add_child(struct page *p, const struct json *row)
{
	if (row->kind != JSON_OBJECT)
		return error_set(p->err, ERR_DATA,
		    "a row that is no object cannot include fields of its "
		    "parent: %.*s",
		    (int)(row->raw_len < 60 ? row->raw_len : 60), row->raw);
	buf_addc(p->out, '{');
	for (const struct json *v = row->child; v != NULL; v = v->next) {
		const struct rest_member *m = find_member(p, v);

		add_member(p->out, v->key, v->key_len,
		    m != NULL ? m->value : v);
	}
	for (size_t i = 0; i < p->member_count; i++)
		if (json_get(row, p->members[i].key) == NULL)
			add_member(p->out, p->members[i].key,
			    strlen(p->members[i].key), p->members[i].value);
	buf_addc(p->out, '}');
	return 0;
}

static void
end_line(struct page *p)
{
	if (p->open)
		buf_adds(p->out, "]\n");
	p->open = false;
}

static int
add_row(struct page *p, const struct json *row)
{
	size_t at;

	if (!p->open)
		p->line = p->out->len;
	buf_addc(p->out, p->open ? ',' : '[');
	p->open = true;
	at = p->out->len;
	if (p->member_count == 0)
		add_text(row->raw, row->raw_len, p->out);
	else if (add_child(p, row) < 0)
		return -1;
	p->count++;
	if (p->out->len - p->line + 1 <= PAGE_MAX_BYTES || at == p->line + 1)
		return 0;
	/* too long with this one: it begins the next line */
	buf_adds(p->out, "  ");
	memmove(p->out->data + at + 2, p->out->data + at, p->out->len - 2 - at);
	memcpy(p->out->data + at - 1, "]\n[", 3);
	p->line = at + 1;
	return 0;
}

static bool
found_value(void *arg, const struct json *v)
{
	struct page *p = arg;

	if (p->found++ == 0) {
		p->first = v;
		return true;
	}
	p->failed = (p->found == 2 && add_row(p, p->first) < 0) ||
	    add_row(p, v) < 0;
	return !p->failed;
}

int
rest_rows_write(const struct json *answer, const struct jsonpath *selector,
    const struct rest_member *members, size_t member_count, struct buf *out,
    size_t *count, struct error *err)
{
	struct page p = { .members = members,
		.member_count = member_count,
		.out = out,
		.err = err };

	jsonpath_each(selector, answer, found_value, &p);
	if (p.found == 1 && p.first->kind == JSON_ARRAY) {
		for (const struct json *v = p.first->child;
		     v != NULL && !p.failed; v = v->next)
			p.failed = add_row(&p, v) < 0;
	} else if (p.found == 1 && p.first->kind != JSON_NULL) {
		p.failed = add_row(&p, p.first) < 0;
	}
	end_line(&p);
	*count = p.count;
	return p.failed ? -1 : 0;
}

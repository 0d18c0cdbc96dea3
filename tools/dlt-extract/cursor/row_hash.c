/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/row_hash.h"

#include "common/decimal.h"
#include "common/hash.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/type.h"
#include "tools/dlt-extract/cursor/cursor_value.h"

#include <stdlib.h>
#include <string.h>

static void write_node(struct row_hasher *h, const struct json *v);

/* As Python reads it: integers beyond 64 bits are floats. */
static void
write_number(struct buf *out, const char *s, size_t len)
{
	if (!number_is_integer(s, len) || !integer_fits_uint64(s, len))
		cursor_value_double(decimal_to_double(s, len), out);
	else if (len == 2 && memcmp(s, "-0", 2) == 0)
		buf_addc(out, '0');
	else
		buf_add(out, s, len);
}

/* dlt writes the timestamps of the standard library, which drivers of databases
 * give, with Z for UTC. */
static void
write_string(struct row_hasher *h, const struct json *v)
{
	struct value typed;

	if (v->len < 4 || memcmp(v->str, "\xef\x80", 2) != 0) {
		jsonw_quote(&h->text, v->str, v->len);
		return;
	}
	value_from_json(v, &h->arena, &typed);
	value_write_jsonl(&typed, &h->text);
	if (typed.type == TYPE_TIMESTAMP && typed.ts.has_zone &&
	    typed.ts.offset_s == 0) {
		h->text.len -= strlen("+00:00\"");
		buf_adds(&h->text, "Z\"");
	}
}

static int
by_key(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a;
	const struct json *y = *(const struct json *const *)b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, n);

	return c != 0 ? c
	              : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

static void
write_object(struct row_hasher *h, const struct json *v)
{
	const struct json **list = xcalloc(v->count + 1, sizeof(struct json *));
	size_t n = 0;

	for (const struct json *m = v->child; m != NULL; m = m->next)
		list[n++] = m;
	if (n > 1)
		qsort(list, n, sizeof(struct json *), by_key);
	buf_addc(&h->text, '{');
	for (size_t i = 0; i < n; i++) {
		if (i != 0)
			buf_addc(&h->text, ',');
		jsonw_quote(&h->text, list[i]->key, list[i]->key_len);
		buf_addc(&h->text, ':');
		write_node(h, list[i]);
	}
	buf_addc(&h->text, '}');
	free(list);
}

/* Recursion is bounded by the parser's MAX_NESTING. */
static void
write_node(struct row_hasher *h, const struct json *v)
{
	switch (v->kind) {
	case JSON_NUMBER:
		write_number(&h->text, v->raw, v->raw_len);
		return;
	case JSON_STRING:
		write_string(h, v);
		return;
	case JSON_OBJECT:
		write_object(h, v);
		return;
	case JSON_ARRAY:
		break;
	default:
		buf_add(&h->text, v->raw, v->raw_len);
		return;
	}
	buf_addc(&h->text, '[');
	for (const struct json *m = v->child; m != NULL; m = m->next) {
		write_node(h, m);
		if (m->next != NULL)
			buf_addc(&h->text, ',');
	}
	buf_addc(&h->text, ']');
}

static int
write_key(struct row_hasher *h, const struct row_key *key, struct error *err)
{
	if (key->kind == KEY_LIST)
		buf_addc(&h->text, '[');
	for (size_t i = 0; i < key->count; i++) {
		const struct json *v = json_get(h->doc.root, key->names[i]);

		if (v == NULL)
			return error_set(err, ERR_DATA,
			    "no field \"%s\", which is of the primary key",
			    key->names[i]);
		if (i != 0)
			buf_addc(&h->text, ',');
		write_node(h, v);
	}
	if (key->kind == KEY_LIST)
		buf_addc(&h->text, ']');
	return 0;
}

int
row_hash(struct row_hasher *h, const char *row, size_t len,
    const struct row_key *key, char out[ROW_HASH_LEN + 1], struct error *err)
{
	arena_reset(&h->arena);
	buf_reset(&h->text);
	if (json_parse(&h->doc, row, len, err) < 0)
		return -1;
	if (key->kind == KEY_ROW)
		write_node(h, h->doc.root);
	else if (write_key(h, key, err) < 0)
		return -1;
	hash_digest128(h->text.data, h->text.len, 15, out);
	return 0;
}

void
row_hasher_release(struct row_hasher *h)
{
	json_release(&h->doc);
	arena_release(&h->arena);
	buf_release(&h->text);
}

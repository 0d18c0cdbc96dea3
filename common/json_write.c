/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/json.h"
#include "common/jsonw.h"

static int
compare_keys(const void *a, const void *b)
{
	const struct json *x = *(const struct json *const *)a;
	const struct json *y = *(const struct json *const *)b;
	size_t n = x->key_len < y->key_len ? x->key_len : y->key_len;
	int c = memcmp(x->key, y->key, n);

	return c ? c : (x->key_len > y->key_len) - (x->key_len < y->key_len);
}

/* As Python writes a float. Its JSON library has changed from "1e16" to
 * "1e+16": what is spelt in either way stays. */
static void
write_double(const struct json *v, struct buf *out)
{
	const char *plus = memmem(v->raw, v->raw_len, "e+", 2);
	size_t begin = out->len, head = plus ? (size_t)(plus + 1 - v->raw) : 0;

	double_json(decimal_to_double(v->raw, v->raw_len), out);
	if (plus && out->len - begin == v->raw_len - 1 &&
	    memcmp(out->data + begin, v->raw, head) == 0 &&
	    memcmp(out->data + begin + head, plus + 2, v->raw_len - head - 1) ==
	        0) {
		out->len = begin;
		buf_add(out, v->raw, v->raw_len);
	}
}

static void
write_number(const struct json *v, unsigned flags, struct buf *out)
{
	if (!(flags & JSON_WRITE_PYTHON))
		buf_add(out, v->raw, v->raw_len);
	else if (!number_is_integer(v->raw, v->raw_len))
		write_double(v, out);
	else if (v->raw_len == 2 && memcmp(v->raw, "-0", 2) == 0)
		buf_addc(out, '0'); /* Python's int has no negative zero */
	else
		buf_add(out, v->raw, v->raw_len);
}

static void
write_member(const struct json *v, unsigned flags, struct buf *out)
{
	if (v->key) {
		jsonw_quote(out, v->key, v->key_len);
		buf_addc(out, ':');
	}
	json_write(v, flags, out);
}

static void
write_sorted(const struct json *obj, unsigned flags, struct buf *out)
{
	const struct json **list = xcalloc(obj->count, sizeof(struct json *));
	size_t n = 0;

	for (const struct json *v = obj->child; v; v = v->next)
		list[n++] = v;
	qsort(list, n, sizeof(struct json *), compare_keys);
	for (size_t i = 0; i < n; i++) {
		if (i)
			buf_addc(out, ',');
		write_member(list[i], flags, out);
	}
	free(list);
}

static void
write_container(const struct json *v, unsigned flags, struct buf *out)
{
	bool object = v->kind == JSON_OBJECT;

	buf_addc(out, object ? '{' : '[');
	if (object && v->count > 1 && (flags & JSON_WRITE_SORTED)) {
		write_sorted(v, flags, out);
	} else {
		for (const struct json *m = v->child; m; m = m->next) {
			write_member(m, flags, out);
			if (m->next)
				buf_addc(out, ',');
		}
	}
	buf_addc(out, object ? '}' : ']');
}

void
json_write(const struct json *v, unsigned flags, struct buf *out)
{
	switch (v->kind) {
	case JSON_NULL:
		buf_add(out, "null", 4);
		break;
	case JSON_BOOL:
		buf_adds(out, v->truth ? "true" : "false");
		break;
	case JSON_NUMBER:
		write_number(v, flags, out);
		break;
	case JSON_STRING:
		jsonw_quote(out, v->str, v->len);
		break;
	case JSON_ARRAY:
	case JSON_OBJECT:
		write_container(v, flags, out);
		break;
	}
}

/* SPDX-License-Identifier: MIT */
/*
 * The fast lane's way for a scalar whose column has another type: numbers that
 * are moments, dates as text, all that detections and preferred types bring.
 * It does what slow_emit.c does where the column is complete, and leaves alone
 * what that would put into a variant column.
 */
#include "tools/dlt-normalize/walker.h"

#include <string.h>

#include "common/type.h"

/* Longer ones are no numbers that are worth the haste. */
#define NUMBER_MAX 40

static const char *
take_string(struct walker *w, const char *p, struct json *v)
{
	const char *s = p + 1, *q = s;

	while (*q != '"') {
		if (*q == '\\' || (unsigned char)*q < ' ')
			return NULL;
		q++;
	}
	/* it may be a typed value, or look like one */
	if (memmem(s, (size_t)(q - s), "\xEF\x80", 2))
		return NULL;
	v->kind = JSON_STRING;
	v->len = (size_t)(q - s);
	v->str = arena_strndup(&w->row_arena, s, v->len);
	v->raw = p;
	v->raw_len = v->len + 2;
	return q + 1;
}

static const char *
some_digits(const char *q)
{
	const char *first = q;

	while (*q >= '0' && *q <= '9')
		q++;
	return q > first ? q : NULL;
}

static const char *
take_number(const char *p, struct json *v)
{
	const char *first = p + (*p == '-'), *q = some_digits(first);

	if (!q || (*first == '0' && q - first > 1))
		return NULL;
	if (*q == '.')
		q = some_digits(q + 1);
	if (q && (*q | 32) == 'e') {
		q += q[1] == '+' || q[1] == '-' ? 2 : 1;
		q = some_digits(q);
	}
	if (!q || q - p > NUMBER_MAX)
		return NULL;
	v->kind = JSON_NUMBER;
	v->raw = p;
	v->raw_len = (size_t)(q - p);
	return q;
}

static const char *
take_scalar(struct walker *w, const char *p, struct json *v)
{
	if (*p == '"')
		return take_string(w, p, v);
	if (strncmp(p, "true", 4) == 0 || strncmp(p, "false", 5) == 0) {
		v->kind = JSON_BOOL;
		v->truth = *p == 't';
		v->raw = p;
		v->raw_len = v->truth ? 4 : 5;
		return p + v->raw_len;
	}
	return take_number(p, v);
}

const char *
walk_coerce(struct walker *w, const struct key *k, const char *p, struct out *o)
{
	const struct column *c = k->slot->column;
	struct value given, v;
	struct json node = { 0 };
	struct error ignored;
	const char *end;

	/* json is parsed, and wei has a range */
	if (k->type == TYPE_JSON || k->type == TYPE_WEI)
		return NULL;
	arena_reset(&w->row_arena);
	end = take_scalar(w, p, &node);
	if (!end)
		return NULL;
	value_from_json(&node, &w->row_arena, &given);
	if (given.type == k->type ||
	    value_coerce(&given, k->type, &w->row_arena, &v, &ignored) <= 0)
		return NULL;
	if (k->type == TYPE_TIMESTAMP &&
	    value_to_utc(&v, c->timezone, &ignored))
		return NULL;
	buf_reset(&w->id_buf);
	value_write_jsonl(&v, &w->id_buf);
	out_reserve(o, w->id_buf.len);
	memcpy(o->w, w->id_buf.data, w->id_buf.len);
	o->w += w->id_buf.len;
	return end;
}

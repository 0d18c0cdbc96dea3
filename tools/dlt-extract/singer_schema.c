/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/singer_schema.h"

#include "common/jsonw.h"

#include <stdlib.h>
#include <string.h>

#define MAX_DEPTH     16 /* of anyOf and $ref */
#define MAX_PRECISION 38 /* digits of a decimal */
#define MAX_SCALE     18

/* What a schema allows. */
enum {
	IS_TEXT = 1 << 0,
	IS_TIMESTAMP = 1 << 1,
	IS_DATE = 1 << 2,
	IS_TIME = 1 << 3,
	IS_INTEGER = 1 << 4,
	IS_NUMBER = 1 << 5,
	IS_DECIMAL = 1 << 6,
	IS_BOOL = 1 << 7,
	IS_NESTED = 1 << 8,
	IS_NULL = 1 << 9,
	IS_ANY = 1 << 10, /* nothing is said of the type */
};

struct found {
	unsigned types;
	long precision, scale; /* -1: not known */
};

static bool
is_str(const struct json *v, const char *s)
{
	return v != NULL && v->kind == JSON_STRING && strcmp(v->str, s) == 0;
}

static unsigned
string_type(const struct json *schema)
{
	const struct json *format = json_get(schema, "format");

	if (is_str(format, "date-time"))
		return IS_TIMESTAMP;
	if (is_str(format, "date"))
		return IS_DATE;
	if (is_str(format, "time"))
		return IS_TIME;
	return is_str(format, "singer.decimal") ? IS_DECIMAL : IS_TEXT;
}

/* Digits behind the point of 0.01 or 1e-2; -1: it is no such number. */
static long
digits_behind(const struct json *v)
{
	const char *p, *end;
	long n = 0;

	if (v == NULL || v->kind != JSON_NUMBER)
		return -1;
	p = v->raw;
	end = p + v->raw_len;
	while (p < end && *p != '.' && *p != 'e' && *p != 'E')
		p++;
	if (p < end && *p == '.') {
		for (p++; p < end && *p != 'e' && *p != 'E'; p++)
			n++;
		if (n == 1 && p[-1] == '0')
			n = 0;
	}
	if (p < end)
		n -= strtol(p + 1, NULL, 10);
	return n < 0 ? 0 : n;
}

static void
add_number(const struct json *schema, struct found *f)
{
	const struct json *of = json_get(schema, "multipleOf");

	if (is_str(json_get(schema, "format"), "singer.decimal")) {
		f->types |= IS_DECIMAL;
		return;
	}
	if (of == NULL)
		of = json_get(schema, "divisibleBy");
	if (digits_behind(of) < 0) {
		f->types |= IS_NUMBER;
		return;
	}
	f->types |= IS_DECIMAL;
	f->scale = digits_behind(of);
	f->precision = MAX_PRECISION;
	if (f->scale > MAX_SCALE) /* room for what is before the point */
		f->scale = f->precision = -1;
}

static bool
is_number(const struct json *v, const char *text)
{
	return v != NULL && v->kind == JSON_NUMBER &&
	    v->raw_len == strlen(text) && memcmp(v->raw, text, v->raw_len) == 0;
}

static bool
is_beyond_int64(const struct json *v)
{
	const char *p;
	size_t len;

	if (v == NULL || v->kind != JSON_NUMBER)
		return false;
	p = v->raw;
	len = v->raw_len - (*p == '-');
	p += *p == '-';
	if (memchr(p, '.', len) || memchr(p, 'e', len) || memchr(p, 'E', len))
		return false;
	return len > 19 ||
	    (len == 19 && memcmp(p, "9223372036854775808", 19) > 0);
}

static void
add_integer(const struct json *schema, struct found *f)
{
	const struct json *min = json_get(schema, "minimum");
	const struct json *max = json_get(schema, "maximum");

	if (is_beyond_int64(min) || is_beyond_int64(max)) {
		f->types |= IS_DECIMAL;
		f->precision = MAX_PRECISION;
		f->scale = 0;
		return;
	}
	f->types |= IS_INTEGER;
	if (is_number(min, "-32768") && is_number(max, "32767"))
		f->precision = 16;
	else if (is_number(min, "-2147483648") && is_number(max, "2147483647"))
		f->precision = 32;
}

static void
add_type(const struct json *schema, const struct json *type, struct found *f)
{
	if (is_str(type, "null")) {
		f->types |= IS_NULL;
	} else if (is_str(type, "string")) {
		f->types |= string_type(schema);
		f->precision = (long)json_get_int(schema, "maxLength", -1);
		if (f->precision <= 0 ||
		    f->types != (f->types & (IS_TEXT | IS_NULL)))
			f->precision = -1;
	} else if (is_str(type, "integer")) {
		add_integer(schema, f);
	} else if (is_str(type, "number")) {
		add_number(schema, f);
	} else if (is_str(type, "boolean")) {
		f->types |= IS_BOOL;
	} else if (is_str(type, "object") || is_str(type, "array")) {
		f->types |= IS_NESTED;
	} else {
		f->types |= IS_ANY;
	}
}

/* "#/a/b" in the root, or NULL. */
static const struct json *
follow(const struct json *root, const struct json *ref)
{
	const char *p;

	if (ref->kind != JSON_STRING || strncmp(ref->str, "#/", 2) != 0)
		return NULL;
	for (p = ref->str + 2; root != NULL;) {
		size_t n = strcspn(p, "/");
		char *key = xstrndup(p, n);

		root = json_get(root, key);
		free(key);
		if (p[n] == '\0')
			break;
		p += n + 1;
	}
	return root;
}

static void
find_types(const struct json *root, const struct json *schema, int depth,
    struct found *f)
{
	static const char *const lists[] = { "anyOf", "oneOf", "allOf" };
	const struct json *type = json_get(schema, "type");
	const struct json *ref = json_get(schema, "$ref");
	bool known = type != NULL;

	if (schema == NULL || schema->kind != JSON_OBJECT ||
	    depth == MAX_DEPTH) {
		f->types |= IS_ANY;
		return;
	}
	if (type != NULL && type->kind == JSON_ARRAY)
		for (const struct json *t = type->child; t; t = t->next)
			add_type(schema, t, f);
	else if (type != NULL)
		add_type(schema, type, f);
	if (known)
		return;
	if (ref != NULL) {
		find_types(root, follow(root, ref), depth + 1, f);
		return;
	}
	for (size_t i = 0; i < ARRAY_LEN(lists); i++) {
		const struct json *list = json_get(schema, lists[i]);

		for (const struct json *s = list ? list->child : NULL; s;
		     s = s->next) {
			known = true;
			find_types(root, s, depth + 1, f);
		}
	}
	if (!known)
		f->types |= json_get(schema, "properties") != NULL ? IS_NESTED
		                                                   : IS_ANY;
}

/* dlt's type for all that is allowed beside null, or NULL. */
static const char *
type_of(const struct found *f)
{
	unsigned types = f->types & ~(unsigned)IS_NULL;

	switch (types) {
	case IS_TEXT:
	case IS_TEXT | IS_TIMESTAMP:
	case IS_TEXT | IS_DATE:
	case IS_TEXT | IS_TIME:
		return "text";
	case IS_TIMESTAMP:
	case IS_TIMESTAMP | IS_DATE:
		return "timestamp";
	case IS_DATE:
		return "date";
	case IS_TIME:
		return "time";
	case IS_INTEGER:
		return "bigint";
	case IS_NUMBER:
	case IS_NUMBER | IS_INTEGER:
		return "double";
	case IS_DECIMAL:
	case IS_DECIMAL | IS_INTEGER:
		return "decimal";
	case IS_BOOL:
		return "bool";
	default:
		return NULL;
	}
}

static bool
is_required(const struct json *schema, const struct json *property)
{
	const struct json *list = json_get(schema, "required");

	for (const struct json *v = list ? list->child : NULL; v; v = v->next)
		if (is_str(v, property->key))
			return true;
	return false;
}

static void
write_column(const struct json *root, const struct json *property,
    struct jsonw *w)
{
	struct found f = { .precision = -1, .scale = -1 };
	const char *type;

	find_types(root, property, 0, &f);
	type = type_of(&f);
	if (type == NULL || property->key_len == 0)
		return;
	jsonw_keyn(w, property->key, property->key_len);
	jsonw_object(w);
	jsonw_key(w, "data_type");
	jsonw_str(w, type);
	/* a property that is not required may be missing */
	if (!(f.types & IS_NULL) && is_required(root, property)) {
		jsonw_key(w, "nullable");
		jsonw_bool(w, false);
	}
	if (f.precision > 0 && strcmp(type, "double") != 0) {
		jsonw_key(w, "precision");
		jsonw_int(w, f.precision);
	}
	if (f.scale >= 0 && strcmp(type, "decimal") == 0) {
		jsonw_key(w, "scale");
		jsonw_int(w, f.scale);
	}
	jsonw_end_object(w);
}

void
singer_schema_hints(const struct json *schema, const struct json *keys,
    struct buf *out)
{
	const struct json *p = json_get(schema, "properties");
	struct jsonw w;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "columns");
	jsonw_object(&w);
	if (p != NULL && p->kind == JSON_OBJECT)
		for (p = p->child; p != NULL; p = p->next)
			write_column(schema, p, &w);
	jsonw_end_object(&w);
	jsonw_key(&w, "primary_key");
	jsonw_array(&w);
	for (const struct json *k = keys ? keys->child : NULL; k; k = k->next)
		if (k->kind == JSON_STRING && k->len != 0)
			jsonw_strn(&w, k->str, k->len);
	jsonw_end_array(&w);
	jsonw_key(&w, "keep_types");
	jsonw_bool(&w, true);
	jsonw_end_object(&w);
}

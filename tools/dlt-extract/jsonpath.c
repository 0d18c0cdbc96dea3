/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/jsonpath.h"

#include "common/mem.h"

#include <stdlib.h>
#include <string.h>

enum part_kind {
	PART_FIELDS,
	PART_ANY,  /* every field */
	PART_DEEP, /* the value and all below */
	PART_INDEX,
	PART_SLICE,
};

struct part {
	enum part_kind kind;
	char **names; /* PART_FIELDS */
	size_t *lens;
	size_t count;
	long long from, to, step; /* from: PART_INDEX */
	bool has_from, has_to;
};

struct jsonpath {
	struct part *parts;
	size_t count, cap;
	bool rooted;
};

/* ---- the text ---- */

struct reader {
	const char *text, *p;
	struct jsonpath *path;
	struct error *err;
};

static int
refuse(struct reader *r, const char *at, const char *what)
{
	size_t column = 1;

	for (const char *c = r->text; c < at; c++)
		column += (*c & 0xc0) != 0x80;
	return error_set(r->err, ERR_USAGE,
	    "JSONPath \"%s\": character %zu: %s", r->text, column, what);
}

static void
skip_space(struct reader *r)
{
	r->p += strspn(r->p, " \t\n");
}

static bool
is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

static bool
is_name(char c)
{
	return is_name_start(c) || (c >= '0' && c <= '9') || c == '@' ||
	    c == '-';
}

static struct part *
add_part(struct jsonpath *p, enum part_kind kind)
{
	p->parts = xgrow(p->parts, &p->cap, p->count + 1, sizeof(*p->parts));
	p->parts[p->count] = (struct part){ .kind = kind, .step = 1 };
	return &p->parts[p->count++];
}

static void
add_name(struct part *part, char *name, size_t len)
{
	size_t n = part->count + 1;

	/* as in dlt, in quotes or not */
	if (len == 1 && *name == '*')
		part->kind = PART_ANY;
	part->names = xrealloc(part->names, n * sizeof(*part->names));
	part->lens = xrealloc(part->lens, n * sizeof(*part->lens));
	part->names[part->count] = name;
	part->lens[part->count++] = len;
}

static int
read_quoted(struct reader *r, struct part *part)
{
	const char *start = r->p;
	char quote = *r->p++;
	struct buf b = { 0 };
	size_t len;

	for (; *r->p != quote; r->p++) {
		if (*r->p == '\\' && r->p[1] != '\0')
			r->p++;
		if (*r->p == '\0') {
			buf_release(&b);
			return refuse(r, start, "a quote that is not closed");
		}
		buf_addc(&b, *r->p);
	}
	r->p++;
	len = b.len;
	add_name(part, buf_take(&b), len);
	return 0;
}

/* A bare name, or digits. */
static int
read_name(struct reader *r, struct part *part)
{
	static const char *const words[] = { "where", "wherenot", "true",
		"false" };
	const char *start = r->p;
	size_t len;

	if (*r->p == '"' || *r->p == '\'')
		return read_quoted(r, part);
	if (*r->p == '@' && is_name_start(r->p[1]))
		r->p++;
	if (is_name_start(*r->p)) {
		while (is_name(*r->p))
			r->p++;
	} else {
		r->p += strspn(r->p, "0123456789");
	}
	len = (size_t)(r->p - start);
	if (len == 0)
		return refuse(r, start, "a name is missing");
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		if (strlen(words[i]) == len &&
		    strncmp(words[i], start, len) == 0)
			return refuse(r, start,
			    "this word has to be in quotes to be a name");
	add_name(part, xstrndup(start, len), len);
	return 0;
}

/* a,b */
static int
read_names(struct reader *r, struct part *part)
{
	for (;;) {
		if (read_name(r, part) < 0)
			return -1;
		skip_space(r);
		if (*r->p != ',')
			return 0;
		r->p++;
		skip_space(r);
	}
}

/* 1: a number; 0: none here; -1. */
static int
read_number(struct reader *r, long long *out)
{
	const char *start = r->p;
	size_t digits = strspn(r->p + (*r->p == '-'), "0123456789");

	if (digits == 0)
		return 0;
	if (digits > 15)
		return refuse(r, start, "a number that is too large");
	*out = strtoll(r->p, NULL, 10);
	r->p += digits + (*start == '-');
	skip_space(r);
	return 1;
}

/* The first number has been read, if there is one. */
static int
read_slice(struct reader *r, struct part *part, bool has_from)
{
	const char *at;
	int rc;

	part->kind = PART_SLICE;
	part->has_from = has_from;
	r->p++;
	skip_space(r);
	rc = read_number(r, &part->to);
	if (rc < 0)
		return -1;
	part->has_to = rc > 0;
	if (*r->p != ':')
		return 0;
	r->p++;
	skip_space(r);
	at = r->p;
	if (read_number(r, &part->step) < 0)
		return -1;
	return part->step != 0 ? 0 : refuse(r, at, "a step of 0");
}

static int
read_brackets(struct reader *r)
{
	const char *start = r->p++;
	struct part *part = add_part(r->path, PART_FIELDS);
	int rc;

	skip_space(r);
	rc = read_number(r, &part->from);
	if (rc < 0)
		return -1;
	if (*r->p == '?' || *r->p == '/' || *r->p == '\\')
		return refuse(r, r->p, "filters and sorting are not supported");
	if (*r->p == ':') {
		if (read_slice(r, part, rc > 0) < 0)
			return -1;
	} else if (rc > 0) {
		part->kind = PART_INDEX;
	} else if (*r->p == '*') {
		part->kind = PART_SLICE;
		r->p++;
		skip_space(r);
	} else if (read_names(r, part) < 0) {
		return -1;
	}
	if (*r->p == '\0')
		return refuse(r, start, "a bracket that is not closed");
	if (*r->p++ != ']')
		return refuse(r, r->p - 1, "\"]\" is missing");
	return 0;
}

/* What begins a path or follows a dot. */
static int
read_step(struct reader *r)
{
	struct part *part;

	if (*r->p == '[')
		return read_brackets(r);
	part = add_part(r->path, PART_FIELDS);
	if (*r->p != '*')
		return read_names(r, part);
	part->kind = PART_ANY;
	r->p++;
	return 0;
}

static int
read_steps(struct reader *r)
{
	for (skip_space(r); *r->p != '\0'; skip_space(r)) {
		if (*r->p == '[') {
			if (read_brackets(r) < 0)
				return -1;
			continue;
		}
		if (*r->p != '.')
			return refuse(r, r->p,
			    *r->p == '`' || strchr("|&+-/*()=", *r->p) != NULL
			        ? "functions and operators are not supported"
			        : "a dot or a bracket is missing");
		if (*++r->p == '.') {
			add_part(r->path, PART_DEEP);
			r->p++;
		}
		skip_space(r);
		if (read_step(r) < 0)
			return -1;
	}
	return 0;
}

static int
read_path(struct reader *r)
{
	skip_space(r);
	if (*r->p == '\0')
		return refuse(r, r->p, "it is empty");
	if (*r->p == '`' || *r->p == '(')
		return refuse(r, r->p,
		    "functions and operators are not supported");
	r->path->rooted = *r->p == '$' ||
	    (*r->p == '@' && !is_name_start(r->p[1]));
	if (r->path->rooted)
		r->p++;
	else if (read_step(r) < 0)
		return -1;
	return read_steps(r);
}

struct jsonpath *
jsonpath_new(const char *text, struct error *err)
{
	struct jsonpath *p = xcalloc(1, sizeof(*p));
	struct reader r = { text, text, p, err };

	if (read_path(&r) == 0)
		return p;
	jsonpath_free(p);
	return NULL;
}

void
jsonpath_free(struct jsonpath *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->count; i++) {
		for (size_t k = 0; k < p->parts[i].count; k++)
			free(p->parts[i].names[k]);
		free(p->parts[i].names);
		free(p->parts[i].lens);
	}
	free(p->parts);
	free(p);
}

const char *
jsonpath_field(const struct jsonpath *p)
{
	return !p->rooted && p->count == 1 && p->parts[0].kind == PART_FIELDS &&
	        p->parts[0].count == 1
	    ? p->parts[0].names[0]
	    : NULL;
}

/* ---- values ---- */

struct search {
	const struct jsonpath *path;
	bool (*found)(void *arg, const struct json *v);
	void *arg;
};

static bool walk(const struct search *s, size_t at, const struct json *v);

static bool
walk_fields(const struct search *s, size_t at, const struct json *v)
{
	const struct part *part = &s->path->parts[at];

	if (v->kind != JSON_OBJECT)
		return true;
	for (size_t i = 0; i < part->count; i++)
		for (const struct json *m = v->child; m != NULL; m = m->next)
			if (m->key_len == part->lens[i] &&
			    memcmp(m->key, part->names[i], m->key_len) == 0) {
				if (!walk(s, at + 1, m))
					return false;
				break;
			}
	return true;
}

static bool
walk_children(const struct search *s, size_t at, const struct json *v)
{
	for (const struct json *m = v->child; m != NULL; m = m->next)
		if (!walk(s, at, m))
			return false;
	return true;
}

/* The part at is PART_DEEP: what follows it matches here, then below. */
static bool
walk_deep(const struct search *s, size_t at, const struct json *v)
{
	return walk(s, at + 1, v) && walk_children(s, at, v);
}

static const struct json *
element(const struct json *v, long long i)
{
	const struct json *e = v->child;

	if (i < 0 || (unsigned long long)i >= v->count)
		return NULL;
	while (i-- > 0)
		e = e->next;
	return e;
}

static bool
walk_index(const struct search *s, size_t at, const struct json *v)
{
	long long i = s->path->parts[at].from;
	const struct json *e;

	if (v->kind != JSON_ARRAY)
		return true;
	e = element(v, i < 0 ? i + (long long)v->count : i);
	return e == NULL || walk(s, at + 1, e);
}

/* Python's idea of what is empty. */
static bool
is_empty(const struct json *v)
{
	switch (v->kind) {
	case JSON_NULL:
		return true;
	case JSON_BOOL:
		return !v->truth;
	case JSON_NUMBER:
		return strspn(v->raw, "-0.") >= v->raw_len ||
		    strtod(v->raw, NULL) == 0;
	case JSON_STRING:
		return v->len == 0;
	default:
		return v->count == 0;
	}
}

static long long
clamp(long long i, long long count, long long low, long long high)
{
	if (i < 0)
		i += count;
	return i < low ? low : i > high ? high : i;
}

static bool
walk_slice(const struct search *s, size_t at, const struct json *v)
{
	const struct part *part = &s->path->parts[at];
	long long n = v->kind == JSON_ARRAY ? (long long)v->count : 1;
	long long low = part->step > 0 ? 0 : -1, high = n + low;
	long long from = part->step > 0 ? low : high;
	long long to = part->step > 0 ? high : low;

	if (is_empty(v))
		return true;
	if (v->kind == JSON_ARRAY && !part->has_from && !part->has_to &&
	    part->step == 1)
		return walk_children(s, at + 1, v);
	if (part->has_from)
		from = clamp(part->from, n, low, high);
	if (part->has_to)
		to = clamp(part->to, n, low, high);
	for (; part->step > 0 ? from < to : from > to; from += part->step)
		if (!walk(s, at + 1,
		        v->kind == JSON_ARRAY ? element(v, from) : v))
			return false;
	return true;
}

/* The parts from `at` on, on v; false: enough. */
static bool
walk(const struct search *s, size_t at, const struct json *v)
{
	if (at == s->path->count)
		return s->found(s->arg, v);
	switch (s->path->parts[at].kind) {
	case PART_FIELDS:
		return walk_fields(s, at, v);
	case PART_ANY:
		return v->kind != JSON_OBJECT || walk_children(s, at + 1, v);
	case PART_DEEP:
		return walk_deep(s, at, v);
	case PART_INDEX:
		return walk_index(s, at, v);
	case PART_SLICE:
		break;
	}
	return walk_slice(s, at, v);
}

void
jsonpath_each(const struct jsonpath *p, const struct json *value,
    bool (*found)(void *arg, const struct json *v), void *arg)
{
	struct search s = { p, found, arg };

	walk(&s, 0, value);
}

static bool
take_first(void *arg, const struct json *v)
{
	*(const struct json **)arg = v;
	return false;
}

const struct json *
jsonpath_first(const struct jsonpath *p, const struct json *value)
{
	const struct json *first = NULL;

	jsonpath_each(p, value, take_first, &first);
	return first;
}

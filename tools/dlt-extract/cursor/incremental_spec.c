/* SPDX-License-Identifier: MIT */
/* How a cursor is declared. */
#include "tools/dlt-extract/cursor/incremental.h"

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/opt.h"
#include "tools/dlt-extract/cursor/cursor_value.h"
#include "tools/dlt-extract/jsonpath.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What a word may be, in the order of its values. */
static const char *const functions[] = { "max", "min" };
static const char *const orders[] = { "", "asc", "desc" };
static const char *const missings[] = { "raise", "include", "exclude" };
static const char *const ranges[] = { "closed", "open" };

static void
release_key(struct row_key *key)
{
	for (size_t i = 0; i < key->count; i++)
		free(key->names[i]);
	free(key->names);
	*key = (struct row_key){ 0 };
}

void
incremental_spec_release(struct incremental_spec *s)
{
	free(s->cursor);
	free(s->initial);
	free(s->end);
	free(s->lag);
	release_key(&s->key);
	*s = (struct incremental_spec){ 0 };
}

char *
incremental_spec_field(const struct incremental_spec *s)
{
	struct error ignored;
	struct jsonpath *p = jsonpath_new(s->cursor, &ignored);
	const char *field = p != NULL ? jsonpath_field(p) : NULL;
	char *copy = field != NULL ? xstrdup(field) : NULL;

	jsonpath_free(p);
	return copy;
}

/* ---- what holds for both ways ---- */

static int
choose(const char *word, const char *name, const char *const *words,
    size_t count, size_t *out, struct error *err)
{
	const char *near;

	for (size_t i = 0; i < count; i++) {
		if (*word != '\0' && strcmp(word, words[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	near = opt_nearest(word, words, count);
	error_set(err, ERR_USAGE, "\"%s\" is no %s", word, name);
	if (near != NULL && *near != '\0') {
		size_t n = strlen(err->msg);

		snprintf(err->msg + n, sizeof(err->msg) - n,
		    "; did you mean \"%s\"?", near);
	}
	return -1;
}

/* One setting that is a word. 0: it is none of those; 1; -1. */
static int
set_word(struct incremental_spec *s, const char *name, const char *word,
    struct error *err)
{
	size_t n = 0;
	int rc;

	if (strcmp(name, "last_value_func") == 0) {
		rc = choose(word, name, functions, 2, &n, err);
		s->is_min = n == 1;
	} else if (strcmp(name, "row_order") == 0) {
		rc = choose(word, name, orders, 3, &n, err);
		s->order = (int)n;
	} else if (strcmp(name, "on_cursor_value_missing") == 0) {
		rc = choose(word, name, missings, 3, &n, err);
		s->missing = (int)n;
	} else if (strcmp(name, "range_start") == 0) {
		rc = choose(word, name, ranges, 2, &n, err);
		s->start_open = n == 1;
	} else if (strcmp(name, "range_end") == 0) {
		rc = choose(word, name, ranges, 2, &n, err);
		s->end_closed = n == 0;
	} else {
		return 0;
	}
	return rc < 0 ? -1 : 1;
}

/* A lag of 0 is none. */
static int
set_lag(struct incremental_spec *s, const char *text, size_t len,
    struct error *err)
{
	bool integer;
	const char *end = number_token(text, text + len, &integer);

	if (end != text + len || len > 64)
		return error_set(err, ERR_USAGE, "\"%.*s\" is no number",
		    (int)(len < 80 ? len : 80), text);
	free(s->lag);
	s->lag = decimal_to_double(text, len) != 0 ? xstrndup(text, len) : NULL;
	if (integer && s->lag != NULL && !integer_fits_int64(text, len))
		return error_set(err, ERR_USAGE, "\"%s\" exceeds 64 bits",
		    s->lag);
	return 0;
}

static int
check(struct incremental_spec *s, struct error *err)
{
	struct cursor_value from = { 0 }, to = { 0 };
	struct jsonpath *path = jsonpath_new(s->cursor, err);
	int order, rc = -1;

	if (path == NULL)
		return error_prefix(err, "the cursor \"%s\": ", s->cursor);
	jsonpath_free(path);
	if (s->end == NULL)
		return 0;
	if (s->initial == NULL)
		return error_set(err, ERR_USAGE,
		    "an end value needs an initial value");
	cursor_value_parse(&from, s->initial, strlen(s->initial));
	cursor_value_parse(&to, s->end, strlen(s->end));
	if (cursor_value_compare(&to, &from, &order, err) < 0)
		error_prefix(err, "the end value and the initial value: ");
	else if (s->is_min ? order > 0 : order < 0)
		error_set(err, ERR_USAGE,
		    "the end value %s is %s than the initial value %s", s->end,
		    s->is_min ? "higher" : "lower", s->initial);
	else
		rc = 0;
	if (rc < 0)
		err->code = ERR_USAGE;
	cursor_value_release(&from);
	cursor_value_release(&to);
	return rc;
}

static void
add_key(struct row_key *key, const char *name, size_t len)
{
	key->names = xrealloc(key->names,
	    (key->count + 1) * sizeof(*key->names));
	key->names[key->count++] = xstrndup(name, len);
}

/* ---- of a source file ---- */

static const char *const keys[] = { "cursor_path", "initial_value", "end_value",
	"last_value_func", "primary_key", "row_order",
	"on_cursor_value_missing", "lag", "range_start", "range_end",
	"allow_external_schedulers" };

static int
bad_kind(const struct json *v, const char *wanted, struct error *err)
{
	return error_set(err, ERR_USAGE, "\"%s\" must be %s", v->key, wanted);
}

static int
read_key(struct incremental_spec *s, const struct json *v, struct error *err)
{
	s->has_key = v->kind != JSON_NULL;
	release_key(&s->key);
	if (v->kind == JSON_NULL)
		return 0;
	if (v->kind == JSON_STRING && v->len != 0) {
		s->key.kind = KEY_ONE;
		add_key(&s->key, v->str, v->len);
		return 0;
	}
	if (v->kind != JSON_ARRAY)
		return bad_kind(v, "a string or an array of strings", err);
	s->key.kind = v->count == 0 ? KEY_NONE : KEY_LIST;
	for (const struct json *c = v->child; c != NULL; c = c->next) {
		if (c->kind != JSON_STRING || c->len == 0)
			return bad_kind(v, "a string or an array of strings",
			    err);
		add_key(&s->key, c->str, c->len);
	}
	return 0;
}

static char *
value_text(const struct json *v)
{
	struct buf b = { 0 };

	if (v->kind == JSON_NULL)
		return NULL;
	json_write(v, 0, &b);
	return buf_take(&b);
}

static int
read_member(struct incremental_spec *s, const struct json *v, struct error *err)
{
	int rc = 0;

	if (strcmp(v->key, "cursor_path") == 0) {
		if (v->kind != JSON_STRING || v->len == 0)
			return bad_kind(v, "a string", err);
		free(s->cursor);
		s->cursor = xstrdup(v->str);
		return 0;
	}
	if (strcmp(v->key, "initial_value") == 0) {
		free(s->initial);
		s->initial = value_text(v);
		return 0;
	}
	if (strcmp(v->key, "end_value") == 0) {
		free(s->end);
		s->end = value_text(v);
		return 0;
	}
	if (strcmp(v->key, "primary_key") == 0)
		return read_key(s, v, err);
	if (strcmp(v->key, "lag") == 0) {
		if (v->kind != JSON_NUMBER && v->kind != JSON_NULL)
			return bad_kind(v, "a number", err);
		rc = v->kind == JSON_NULL ? 0
		                          : set_lag(s, v->raw, v->raw_len, err);
		return rc < 0 ? error_prefix(err, "\"lag\": ") : 0;
	}
	if (strcmp(v->key, "allow_external_schedulers") == 0) {
		if (v->kind != JSON_BOOL || v->truth)
			return error_set(err, ERR_USAGE,
			    "\"%s\" is not supported: give initial_value and "
			    "end_value instead",
			    v->key);
		return 0;
	}
	if (v->kind == JSON_NULL && strcmp(v->key, "row_order") == 0)
		return 0;
	if (v->kind != JSON_STRING)
		return bad_kind(v, "a string", err);
	return set_word(s, v->key, v->str, err) < 0 ? -1 : 0;
}

int
incremental_spec_read(struct incremental_spec *s, const struct json *o,
    const char *column, const struct json **where, bool *key, struct error *err)
{
	const char *near;

	*where = o;
	*key = false;
	if (column != NULL)
		s->cursor = xstrdup(column);
	for (const struct json *v = o->child; v != NULL; v = v->next) {
		size_t i = 0;

		while (i < ARRAY_LEN(keys) && strcmp(keys[i], v->key) != 0)
			i++;
		*where = v;
		*key = i == ARRAY_LEN(keys);
		if (*key) {
			near = opt_nearest(v->key, keys, ARRAY_LEN(keys));
			return error_set(err, ERR_USAGE,
			    "unknown key \"%s\"%s%s%s", v->key,
			    near != NULL ? "; did you mean \"" : "",
			    near != NULL ? near : "",
			    near != NULL ? "\"?" : "");
		}
		if (read_member(s, v, err) < 0)
			return -1;
	}
	*where = o;
	if (s->cursor == NULL)
		return error_set(err, ERR_USAGE, "\"cursor_path\" is missing");
	return check(s, err);
}

/* ---- of the command line ---- */

static const struct {
	const char *word, *name; /* name: as in a source file */
} words[] = {
	{ "initial", "initial_value" },
	{ "end", "end_value" },
	{ "func", "last_value_func" },
	{ "key", "primary_key" },
	{ "order", "row_order" },
	{ "missing", "on_cursor_value_missing" },
	{ "lag", "lag" },
	{ "start", "range_start" },
	{ "range-end", "range_end" },
};

/* Up to the next comma that stands in no quotes. */
static size_t
part_len(const char *p)
{
	const char *s = p;
	char quote = '\0';

	for (; *s != '\0' && (quote != '\0' || *s != ','); s++) {
		if (*s == '\\' && quote != '\0' && s[1] != '\0')
			s++;
		else if (quote != '\0')
			quote = *s == quote ? '\0' : quote;
		else if (*s == '"' || *s == '\'')
			quote = *s;
	}
	return (size_t)(s - p);
}

/* A value that is JSON is one, everything else is text. */
static char *
flag_value(const char *p, size_t len)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	struct buf b = { 0 };
	bool integer;

	if (len != 0 && number_token(p, p + len, &integer) == p + len) {
		buf_add(&b, p, len);
	} else if (len > 1 && *p == '"' &&
	    json_parse(&doc, p, len, &ignored) == 0) {
		buf_add(&b, p, len);
	} else {
		jsonw_quote(&b, p, len);
	}
	json_release(&doc);
	return buf_take(&b);
}

static int
flag_word(struct incremental_spec *s, const char *name, const char *value,
    size_t len, struct error *err)
{
	char *word;
	int rc;

	if (strcmp(name, "initial_value") == 0) {
		free(s->initial);
		s->initial = flag_value(value, len);
		return 0;
	}
	if (strcmp(name, "end_value") == 0) {
		free(s->end);
		s->end = flag_value(value, len);
		return 0;
	}
	if (strcmp(name, "lag") == 0)
		return set_lag(s, value, len, err);
	word = xstrndup(value, len);
	if (strcmp(name, "primary_key") == 0) {
		s->has_key = true;
		release_key(&s->key);
		s->key.kind = len == 0  ? KEY_NONE
		    : strchr(word, ':') ? KEY_LIST
		                        : KEY_ONE;
		for (char *p = word; len != 0; p++) {
			size_t n = strcspn(p, ":");

			add_key(&s->key, p, n);
			p += n;
			if (*p == '\0')
				break;
		}
		rc = 1;
	} else {
		rc = set_word(s, name, word, err);
	}
	free(word);
	return rc < 0 ? -1 : 0;
}

static bool
is_word(const char *word, const char *p, size_t len)
{
	return strlen(word) == len && memcmp(word, p, len) == 0;
}

static int
flag_part(struct incremental_spec *s, const char *p, size_t len,
    struct error *err)
{
	const char *all[ARRAY_LEN(words)], *near, *equals = memchr(p, '=', len);
	size_t n = equals != NULL ? (size_t)(equals - p) : len;
	char *word;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		all[i] = words[i].word;
		if (equals == NULL ||
		    (!is_word(words[i].word, p, n) &&
		        !is_word(words[i].name, p, n)))
			continue;
		if (flag_word(s, words[i].name, equals + 1, len - n - 1, err) <
		    0)
			return error_prefix(err, "%s: ", all[i]);
		return 0;
	}
	word = xstrndup(p, n);
	near = opt_nearest(word, all, ARRAY_LEN(all));
	error_set(err, ERR_USAGE, "\"%s\" is no WORD=VALUE%s%s%s", word,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
	free(word);
	return -1;
}

int
incremental_spec_parse(struct incremental_spec *s, const char *text,
    struct error *err)
{
	size_t n = part_len(text);

	if (n == 0)
		return error_set(err, ERR_USAGE, "no cursor is named");
	s->cursor = xstrndup(text, n);
	for (const char *p = text + n; *p == ','; p += n) {
		n = part_len(++p);
		if (flag_part(s, p, n, err) < 0)
			return -1;
	}
	return check(s, err);
}

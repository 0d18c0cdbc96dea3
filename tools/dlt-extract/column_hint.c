/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/column_hint.h"

#include "common/jsonw.h"
#include "common/opt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Hints that are true or not set. */
static const char *const flags[] = { "unique", "primary_key", "merge_key",
	"row_key", "parent_key", "root_key", "hard_delete", "sort", "partition",
	"cluster", "incremental" };

/* Words that stand for a key and its value. */
static const struct {
	const char *word, *key, *value;
} words[] = { { "nullable", "nullable", "true" },
	{ "not_null", "nullable", "false" }, { "timezone", "timezone", "true" },
	{ "no_timezone", "timezone", "false" },
	{ "dedup_sort", "dedup_sort", "\"asc\"" } };

size_t
column_hint_table(const char *text)
{
	size_t colon = strcspn(text, ":"), dot = strcspn(text, ".");

	return dot < colon ? dot : 0;
}

static int
no_number(const char *word, struct error *err)
{
	return error_set(err, ERR_USAGE,
	    "\"%s\" is not TYPE, TYPE(PRECISION) or TYPE(PRECISION,SCALE)",
	    word);
}

/* TYPE, TYPE(P) or TYPE(P,S): 1; 0: it is no type; -1. */
static int
add_type(struct column *c, char *word, struct error *err)
{
	size_t len = strcspn(word, "(");
	static const char *const keys[] = { "precision", "scale" };
	char *p = word + len, end = *p;
	struct buf quoted = { 0 };
	enum data_type type;

	*p = '\0';
	type = type_parse(word);
	if (type != TYPE_NONE)
		jsonw_quote(&quoted, word, len);
	*p = end;
	if (type == TYPE_NONE)
		return 0;
	column_set(c, "data_type", buf_str(&quoted));
	buf_release(&quoted);
	if (end == '\0')
		return 1;
	for (size_t i = 0; i < ARRAY_LEN(keys); i++) {
		char number[8];
		size_t digits = strspn(++p, "0123456789");

		if (digits == 0 || digits > 6)
			return no_number(word, err);
		snprintf(number, sizeof(number), "%ld", atol(p));
		column_set(c, keys[i], number);
		p += digits;
		if (*p == ')')
			break;
		if (*p != ',' || i == 1)
			return no_number(word, err);
	}
	return p[0] == ')' && p[1] == '\0' ? 1 : no_number(word, err);
}

/* KEY=VALUE: numbers and booleans as they are, other values as strings. */
static void
add_pair(struct column *c, char *word, char *eq)
{
	const char *v = eq + 1;
	struct buf b = { 0 };

	*eq = '\0';
	if (strcmp(v, "true") == 0 || strcmp(v, "false") == 0 ||
	    strcmp(v, "null") == 0 ||
	    (*v != '\0' && strspn(v, "0123456789") == strlen(v) &&
	        strlen(v) < 10 && (v[0] != '0' || v[1] == '\0')))
		buf_adds(&b, v);
	else
		jsonw_quote(&b, v, strlen(v));
	column_set(c, word, buf_str(&b));
	buf_release(&b);
}

static int
unknown_word(const char *word, struct error *err)
{
	static const char *const all[] = { "text", "double", "bool",
		"timestamp", "bigint", "binary", "json", "decimal", "wei",
		"date", "time", "nullable", "not_null", "timezone",
		"no_timezone", "unique", "primary_key", "merge_key", "row_key",
		"parent_key", "root_key", "hard_delete", "dedup_sort", "sort",
		"partition", "cluster", "incremental" };
	const char *near = opt_nearest(word, all, ARRAY_LEN(all));

	return error_set(err, ERR_USAGE,
	    "\"%s\" is neither a data type nor a hint%s%s%s", word,
	    near != NULL ? "; did you mean \"" : "", near != NULL ? near : "",
	    near != NULL ? "\"?" : "");
}

static int
add_word(struct column *c, char *word, struct error *err)
{
	char *eq = strchr(word, '=');
	int rc;

	for (size_t i = 0; i < ARRAY_LEN(words); i++) {
		if (strcmp(word, words[i].word) == 0) {
			column_set(c, words[i].key, words[i].value);
			return 0;
		}
	}
	for (size_t i = 0; i < ARRAY_LEN(flags); i++) {
		if (strcmp(word, flags[i]) == 0) {
			column_set(c, word, "true");
			return 0;
		}
	}
	if (eq != NULL && eq != word && strncmp(word, "name=", 5) != 0) {
		add_pair(c, word, eq);
		return 0;
	}
	rc = add_type(c, word, err);
	if (rc != 0)
		return rc < 0 ? -1 : 0;
	return unknown_word(word, err);
}

/* The words behind the colon; commas inside of brackets do not part them. */
static int
add_words(struct column *c, char *p, struct error *err)
{
	for (;;) {
		char *end = p, last;
		int depth = 0;

		while (*end != '\0' && (*end != ',' || depth > 0)) {
			depth += *end == '(' ? 1 : *end == ')' ? -1 : 0;
			end++;
		}
		last = *end;
		*end = '\0';
		if (*p != '\0' && add_word(c, p, err) < 0)
			return -1;
		if (last == '\0')
			return 0;
		p = end + 1;
	}
}

int
column_hint_add(struct table *t, const struct naming *naming, const char *text,
    struct error *err)
{
	struct buf name = { 0 }, copy = { 0 };
	size_t table = column_hint_table(text);
	const char *from = text + (table == 0 ? 0 : table + 1);
	const char *colon = strchr(from, ':');
	struct column *c;
	int rc = -1;

	if (colon == NULL || colon == from || colon[1] == '\0')
		return error_set(err, ERR_USAGE,
		    "\"%s\" is not [TABLE.]COLUMN:TYPE[,HINT...]", text);
	if (name_path(naming, from, (size_t)(colon - from), &name, err) < 0)
		goto out;
	c = table_column_n(t, name.data, name.len);
	if (c == NULL)
		c = table_add_column(t, name.data, name.len);
	buf_adds(&copy, colon + 1);
	rc = add_words(c, copy.data, err);
	if (rc < 0)
		error_prefix(err, "\"%s\": ", text);
out:
	buf_release(&name);
	buf_release(&copy);
	return rc;
}

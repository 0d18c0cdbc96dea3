/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/sql_select.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "common/mem.h"

enum kind {
	T_END,
	T_WORD,
	T_NAME, /* quoted */
	T_TEXT,
	T_NUMBER,
	T_SIGN,
};

struct token {
	enum kind kind;
	const char *p;
	size_t len;
};

struct lexer {
	const char *p, *end;
	bool ticks;    /* names stand in `; "..." is a text with backslashes */
	bool brackets; /* names stand in [] */
	bool slashes;  /* texts have backslashes */
};

static bool
one_of(const char *word, const char *const *list)
{
	for (; *list; list++)
		if (strcasecmp(*list, word) == 0)
			return true;
	return false;
}

static bool
has_ticks(const char *dialect)
{
	static const char *const ticks[] = { "bigquery", "databricks", "hive",
		"spark", "spark2", "mysql", "starrocks", "doris", NULL };

	return one_of(dialect, ticks);
}

static bool
has_brackets(const char *dialect)
{
	static const char *const brackets[] = { "tsql", "fabric", NULL };

	return one_of(dialect, brackets);
}

/* ---- tokens ---- */

static bool
is_word(unsigned char c)
{
	return isalnum(c) || c == '_' || c == '$' || c == '@' || c >= 0x80;
}

static void
skip_blanks(struct lexer *l)
{
	for (;;) {
		size_t left = (size_t)(l->end - l->p);
		const char *stop;

		if (left && isspace((unsigned char)*l->p)) {
			l->p++;
		} else if ((left > 1 && !memcmp(l->p, "--", 2)) ||
		    (left && l->ticks && *l->p == '#')) {
			stop = memchr(l->p, '\n', left);
			l->p = stop ? stop : l->end;
		} else if (left > 1 && !memcmp(l->p, "/*", 2)) {
			stop = memmem(l->p + 2, left - 2, "*/", 2);
			l->p = stop ? stop + 2 : l->end;
		} else {
			return;
		}
	}
}

/* Behind the opening quote; NULL: it does not end. */
static const char *
end_of_quotes(const struct lexer *l, const char *p, char quote, bool slashes)
{
	for (; p < l->end; p++) {
		if (slashes && *p == '\\' && p + 1 < l->end)
			p++;
		else if (*p == quote && p + 1 < l->end && p[1] == quote)
			p++;
		else if (*p == quote)
			return p + 1;
	}
	return NULL;
}

/* $tag$ ... $tag$ */
static const char *
end_of_dollars(const struct lexer *l)
{
	const char *tag = l->p + 1, *stop;
	size_t n;

	while (tag < l->end && (isalnum((unsigned char)*tag) || *tag == '_'))
		tag++;
	if (tag >= l->end || *tag != '$')
		return NULL;
	n = (size_t)(tag + 1 - l->p);
	stop = memmem(tag + 1, (size_t)(l->end - tag - 1), l->p, n);
	return stop ? stop + n : NULL;
}

static int
quoted(struct lexer *l, struct token *t, enum kind kind, char quote,
    bool slashes, struct error *err)
{
	const char *stop = end_of_quotes(l, l->p + 1, quote, slashes);

	if (!stop)
		return error_set(err, ERR_DATA, "a quote is not closed");
	t->kind = kind;
	l->p = stop;
	return 0;
}

static int
next_token(struct lexer *l, struct token *t, struct error *err)
{
	bool escapes = l->slashes;
	const char *stop;
	int rc = 0;

	skip_blanks(l);
	*t = (struct token){ .kind = T_END, .p = l->p };
	if (l->p >= l->end)
		return 0;
	/* e'..' and the like: the letter belongs to the text */
	if (l->end - l->p > 1 && l->p[1] == '\'' &&
	    isalpha((unsigned char)*l->p)) {
		escapes = escapes || *l->p == 'e' || *l->p == 'E';
		l->p++;
	}
	if (*l->p == '\'')
		rc = quoted(l, t, T_TEXT, '\'', escapes, err);
	else if (*l->p == '"')
		rc = quoted(l, t, l->ticks ? T_TEXT : T_NAME, '"', l->ticks,
		    err);
	else if (*l->p == '`')
		rc = quoted(l, t, T_NAME, '`', false, err);
	else if (*l->p == '[' && l->brackets)
		rc = quoted(l, t, T_NAME, ']', false, err);
	else if (*l->p == '$' && (stop = end_of_dollars(l)) != NULL)
		t->kind = T_TEXT, l->p = stop;
	else if (is_word((unsigned char)*l->p)) {
		t->kind = isdigit((unsigned char)*l->p) ? T_NUMBER : T_WORD;
		while (l->p < l->end && is_word((unsigned char)*l->p))
			l->p++;
	} else {
		t->kind = T_SIGN;
		l->p++;
	}
	t->len = (size_t)(l->p - t->p);
	return rc;
}

static bool
is_word_of(const struct token *t, const char *const *list)
{
	for (; t->kind == T_WORD && *list; list++)
		if (strlen(*list) == t->len &&
		    strncasecmp(*list, t->p, t->len) == 0)
			return true;
	return false;
}

static bool
is_the(const struct token *t, const char *word)
{
	const char *const list[] = { word, NULL };

	return is_word_of(t, list);
}

static bool
is_sign(const struct token *t, char c)
{
	return t->kind == T_SIGN && *t->p == c;
}

static bool
is_name(const struct token *t)
{
	return t->kind == T_WORD || t->kind == T_NAME;
}

/* ---- what is selected ---- */

/* Of an item: how it begins and ends, and whether it is a.b.c. */
struct item {
	struct token first, before, last; /* before: the last but one */
	size_t tokens;
	bool chain, chain_before; /* all of them; but for the last */
};

static void
item_add(struct item *i, const struct token *t)
{
	bool wants_name = i->tokens % 2 == 0;

	if (i->tokens++ == 0) {
		i->first = *t;
		i->chain = true;
	}
	i->chain_before = i->chain && !wants_name;
	i->chain = i->chain && (wants_name ? is_name(t) : is_sign(t, '.'));
	i->before = i->last;
	i->last = *t;
}

static int
item_fail(const struct item *i, const char *why, struct error *err)
{
	const char *end = i->last.p + i->last.len;
	int len = i->tokens ? (int)(end - i->first.p) : 0;

	return error_set(err, ERR_DATA, "\"%.*s\" %s", len > 80 ? 80 : len,
	    i->tokens ? i->first.p : "", why);
}

/* The name that the item gives its column. */
static int
item_name(const struct item *i, struct error *err)
{
	static const char *const values[] = { "null", "true", "false",
		"current_date", "current_time", "current_timestamp",
		"localtime", "localtimestamp", "default", NULL };
	static const char *const ends[] = { "null", "true", "false", "end",
		"unknown", "isnull", "notnull", NULL };

	if (i->tokens == 0)
		return error_set(err, ERR_DATA, "nothing is selected");
	if (is_sign(&i->first, '*') ||
	    (is_sign(&i->last, '*') && is_sign(&i->before, '.')))
		return item_fail(i,
		    "selects all columns: each of them has to be named", err);
	if (is_name(&i->last) && is_the(&i->before, "as") && i->tokens > 2)
		return 0;
	if (i->chain && i->tokens % 2 == 1 &&
	    !(i->tokens == 1 && is_word_of(&i->last, values)))
		return 0;
	/* An alias without AS: where nothing else can stand. */
	if (is_name(&i->last) && i->tokens > 1 && !is_word_of(&i->last, ends) &&
	    (is_sign(&i->before, ')') || i->before.kind == T_NUMBER ||
	        i->before.kind == T_TEXT ||
	        (i->chain_before && !is_the(&i->first, "not"))))
		return 0;
	return item_fail(i,
	    "has no name: only columns, and expressions with AS, can be "
	    "selected",
	    err);
}

/* A name without its quotes. */
static char *
plain_name(const struct token *t)
{
	struct buf out = { 0 };
	char close = t->p[t->len - 1];

	if (t->kind == T_WORD)
		return xstrndup(t->p, t->len);
	for (size_t i = 1; i + 1 < t->len; i++) {
		buf_addc(&out, t->p[i]);
		i += t->p[i] == close;
	}
	return out.len ? buf_take(&out) : xstrdup("");
}

static int
take_item(struct sql_select *s, struct item *i, struct error *err)
{
	if (item_name(i, err) < 0)
		return -1;
	s->names = xgrow(s->names, &s->cap, s->count + 1, sizeof(*s->names));
	s->names[s->count++] = plain_name(&i->last);
	*i = (struct item){ 0 };
	return 0;
}

/* ---- the statement ---- */

struct scan {
	struct lexer lexer;
	struct token t, last; /* last: before the end of the statement */
	size_t depth;
};

/* The next token; depth: of the brackets around it, an opening one is within
 * its own. */
static int
step(struct scan *c, struct error *err)
{
	if (c->t.kind != T_END && !is_sign(&c->t, ';'))
		c->last = c->t;
	if (is_sign(&c->t, '(') || is_sign(&c->t, '['))
		c->depth++;
	if (next_token(&c->lexer, &c->t, err) < 0)
		return -1;
	if (is_sign(&c->t, ')') || is_sign(&c->t, ']')) {
		if (c->depth == 0)
			return error_set(err, ERR_DATA,
			    "a bracket is closed that was not opened");
		c->depth--;
	}
	if (c->t.kind == T_END && c->depth > 0)
		return error_set(err, ERR_DATA, "a bracket is not closed");
	return 0;
}

/* To the first word of what is selected. */
static int
to_items(struct scan *c, bool top, struct error *err)
{
	static const char *const all[] = { "all", "distinct", NULL };

	if (is_the(&c->t, "with"))
		while (c->t.kind != T_END &&
		    !(c->depth == 0 && is_the(&c->t, "select")))
			if (step(c, err) < 0)
				return -1;
	if (!is_the(&c->t, "select"))
		return error_set(err, ERR_DATA, "it is no SELECT statement");
	if (step(c, err) < 0)
		return -1;
	if (!is_word_of(&c->t, all) && !(top && is_the(&c->t, "top")))
		return 0;
	top = is_the(&c->t, "top");
	if (step(c, err) < 0)
		return -1;
	if (!top && !is_the(&c->t, "on"))
		return 0;
	/* ON (..), or TOP n: a number or (..) */
	if (!top && step(c, err) < 0)
		return -1;
	do
		if (step(c, err) < 0)
			return -1;
	while (c->depth > 0);
	return is_sign(&c->t, ')') ? step(c, err) : 0;
}

static int
read_items(struct sql_select *s, struct scan *c, struct error *err)
{
	static const char *const behind[] = { "from", "where", "group",
		"having", "order", "limit", "qualify", "window", "union",
		"intersect", "except", "into", "fetch", "offset", "sample",
		NULL };
	struct item item = { 0 };

	while (c->t.kind != T_END &&
	    (c->depth > 0 ||
	        (!is_word_of(&c->t, behind) && !is_sign(&c->t, ';')) ||
	        is_sign(&c->last, '.'))) {
		if (c->depth == 0 && is_sign(&c->t, ',')) {
			if (take_item(s, &item, err) < 0)
				return -1;
		} else {
			item_add(&item, &c->t);
		}
		if (step(c, err) < 0)
			return -1;
	}
	return take_item(s, &item, err);
}

static int
read_rest(struct scan *c, struct error *err)
{
	static const char *const sets[] = { "union", "intersect", "except",
		"minus", NULL };

	for (; c->t.kind != T_END;) {
		if (c->depth == 0 && is_word_of(&c->t, sets) &&
		    !is_sign(&c->last, '.'))
			return error_set(err, ERR_DATA,
			    "it is no single SELECT statement (%.*s)",
			    (int)c->t.len, c->t.p);
		if (is_sign(&c->t, ';')) {
			if (step(c, err) < 0)
				return -1;
			if (c->t.kind != T_END)
				return error_set(err, ERR_DATA,
				    "there is more than one statement");
			break;
		}
		if (step(c, err) < 0)
			return -1;
	}
	return 0;
}

int
sql_select_parse(struct sql_select *s, const char *dialect, const char *sql,
    size_t len, struct error *err)
{
	static const char *const slashes[] = { "clickhouse", "snowflake",
		"redshift", NULL };
	struct scan c = { .lexer = { sql, sql + len, has_ticks(dialect),
		              has_brackets(dialect),
		              has_ticks(dialect) ||
		                  one_of(dialect, slashes) } };

	*s = (struct sql_select){ 0 };
	if (step(&c, err) < 0)
		return -1;
	s->text = c.t.p;
	if (to_items(&c, c.lexer.brackets, err) < 0 ||
	    read_items(s, &c, err) < 0 || read_rest(&c, err) < 0)
		return -1;
	s->len = (size_t)(c.last.p + c.last.len - s->text);
	return 0;
}

void
sql_select_release(struct sql_select *s)
{
	for (size_t i = 0; i < s->count; i++)
		free(s->names[i]);
	free(s->names);
	*s = (struct sql_select){ 0 };
}

/* ---- writing ---- */

void
sql_quote_name(const char *dialect, const char *name, struct buf *out)
{
	char open = '"', close = '"';

	if (has_ticks(dialect))
		open = close = '`';
	else if (has_brackets(dialect))
		open = '[', close = ']';
	buf_addc(out, open);
	for (; *name; name++) {
		if (*name == close)
			buf_addc(out, close);
		buf_addc(out, *name);
	}
	buf_addc(out, close);
}

void
sql_quote_text(const char *text, struct buf *out)
{
	buf_addc(out, '\'');
	for (; *text; text++) {
		if (*text == '\'')
			buf_addc(out, '\'');
		buf_addc(out, *text);
	}
	buf_addc(out, '\'');
}

/* SPDX-License-Identifier: MIT */
/* state: what the resources of a pipeline keep between runs (contract.md 12). */
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "common/type.h"
#include "tools/dlt-package/look.h"

/* ---- a walk through the state ---- */

/* One thing that is kept: a cursor of a resource, or whatever else stands under
 * a key of the state of a resource or source. */
struct kept {
	const char *source;
	const char *resource; /* NULL: of the source */
	const char *key;
	bool is_cursor;
	const struct json *value;
};

typedef int (*kept_visit)(void *arg, const struct kept *k, struct error *err);

static const struct json *
members(const struct json *object)
{
	return object && object->kind == JSON_OBJECT ? object->child : NULL;
}

static int
walk_resource(struct kept *k, const struct json *resource, kept_visit visit,
    void *arg, struct error *err)
{
	int rc = 0;

	k->resource = resource->key;
	for (const struct json *m = members(resource); m && !rc; m = m->next) {
		k->is_cursor = strcmp(m->key, "incremental") == 0 &&
		    m->kind == JSON_OBJECT;
		k->key = m->key;
		k->value = m;
		if (!k->is_cursor)
			rc = visit(arg, k, err);
		for (const struct json *c = m->child; k->is_cursor && c && !rc;
		     c = c->next) {
			k->key = c->key;
			k->value = c;
			rc = visit(arg, k, err);
		}
	}
	return rc;
}

/* Until visit() returns something else than 0. */
static int
walk(const struct state *st, kept_visit visit, void *arg, struct error *err)
{
	const struct json *s = members(json_get(st->doc.root, "sources"));
	int rc = 0;

	for (; s && !rc; s = s->next) {
		for (const struct json *m = members(s); m && !rc; m = m->next) {
			struct kept k = { s->key, NULL, m->key, false, m };
			const struct json *r = members(m);

			if (strcmp(m->key, "resources") != 0)
				rc = visit(arg, &k, err);
			else
				for (; r && !rc; r = r->next)
					rc = walk_resource(&k, r, visit, arg,
					    err);
		}
	}
	return rc;
}

/* ---- print ---- */

struct show {
	const struct look *look;
	size_t found;
};

/* A value without the marks of types. */
static void
add_plain(struct buf *b, const struct json *v)
{
	struct arena a = { 0 };
	struct value typed;

	value_from_json(v, &a, &typed);
	if (typed.type == TYPE_TEXT)
		jsonw_quote(b, typed.text, typed.len);
	else
		value_write_jsonl(&typed, b);
	arena_release(&a);
}

static void
add_member(struct jsonw *w, const char *key, const struct json *v)
{
	struct buf b = { 0 };

	jsonw_key(w, key);
	if (v)
		add_plain(&b, v);
	else
		buf_adds(&b, "null");
	jsonw_raw(w, buf_str(&b), b.len);
	buf_release(&b);
}

static void
show_json(const struct look *l, const struct kept *k)
{
	static const char *const keys[] = { "initial_value", "last_value",
		"start_value", "unique_hashes" };
	struct buf b = { 0 };
	struct jsonw w;

	jsonw_init(&w, &b, false);
	jsonw_object(&w);
	jsonw_key(&w, "source");
	jsonw_str(&w, k->source);
	if (k->resource) {
		jsonw_key(&w, "resource");
		jsonw_str(&w, k->resource);
	}
	jsonw_key(&w, k->is_cursor ? "cursor" : "key");
	jsonw_str(&w, k->key);
	if (!k->is_cursor)
		add_member(&w, "value", k->value);
	for (size_t i = 0; k->is_cursor && i < ARRAY_LEN(keys); i++)
		add_member(&w, keys[i], json_get(k->value, keys[i]));
	jsonw_end_object(&w);
	look_line(l, &b);
	buf_release(&b);
}

/* As --set and --reset take it. */
static void
show_line(const struct look *l, const struct kept *k)
{
	const struct json *last = json_get(k->value, "last_value");
	const struct json *hashes = json_get(k->value, "unique_hashes");
	struct buf b = { 0 };

	buf_addf(&b, "%s/%s%s%s\t", k->source, k->resource ? k->resource : "",
	    k->resource ? "." : "", k->key);
	if (!k->is_cursor)
		add_plain(&b, k->value);
	else if (last)
		add_plain(&b, last);
	else
		buf_adds(&b, "null");
	if (hashes && hashes->count)
		buf_addf(&b, "\t%zu hash%s", hashes->count,
		    hashes->count == 1 ? "" : "es");
	for (size_t i = 0; i < b.len; i++)
		if ((unsigned char)b.data[i] < ' ' && b.data[i] != '\t')
			b.data[i] = '?';
	look_line(l, &b);
	buf_release(&b);
}

static int
show_visit(void *arg, const struct kept *k, struct error *err)
{
	struct show *s = arg;

	(void)err;
	if (s->look->package &&
	    (!k->resource || strcmp(k->resource, s->look->package) != 0))
		return 0;
	s->found++;
	if (s->look->json)
		show_json(s->look, k);
	else
		show_line(s->look, k);
	return 0;
}

static int
show(const struct look *l, const struct workdir *w, const struct state *st,
    struct error *err)
{
	struct show s = { l, 0 };

	if (walk(st, show_visit, &s, err) < 0)
		return -1;
	if (l->package && !s.found)
		return error_set(err, ERR_DATA,
		    "pipeline \"%s\" keeps nothing for a resource \"%s\"",
		    w->name, l->package);
	return 0;
}

/* ---- what is meant by [SOURCE/]RESOURCE[.CURSOR] ---- */

struct find {
	const char *text; /* up to the end, or (set) up to = */
	bool set;
	struct kept hit;
	const char *value; /* behind = */
	size_t hits;
	bool whole; /* a resource without a cursor */
};

/* How much of text the name is, with what must follow; 0: it is not. */
static const char *
skip_name(const char *text, const char *name)
{
	size_t n = strlen(name);

	return strncmp(text, name, n) == 0 ? text + n : NULL;
}

static int
find_visit(void *arg, const struct kept *k, struct error *err)
{
	struct find *f = arg;
	const char *p = skip_name(f->text, k->source), *rest;

	(void)err;
	if (!k->resource)
		return 0;
	p = p && *p == '/' ? p + 1 : f->text;
	rest = skip_name(p, k->resource);
	if (!rest)
		return 0;
	if (!f->set && *rest == '\0') {
		if (f->hits && f->whole &&
		    strcmp(f->hit.source, k->source) == 0)
			return 0; /* another cursor of the same */
		f->whole = true;
	} else {
		rest = *rest == '.' ? skip_name(rest + 1, k->key) : NULL;
		if (!rest || !k->is_cursor || *rest != (f->set ? '=' : '\0'))
			return 0;
	}
	f->hits++;
	f->hit = *k;
	f->value = rest + f->set;
	return 0;
}

static int
find(const struct state *st, const char *text, struct find *f,
    struct error *err)
{
	const char *option = f->set ? "--set" : "--reset";

	f->text = text;
	if (f->set && !strchr(text, '='))
		return error_set(err, ERR_USAGE,
		    "--set: \"%s\" is no RESOURCE.CURSOR=VALUE", text);
	if (walk(st, find_visit, f, err) < 0)
		return -1;
	if (f->hits == 1)
		return 0;
	if (f->hits)
		return error_set(err, ERR_DATA,
		    "%s: \"%s\" is in the state of several sources; put one "
		    "before it, as in SOURCE/RESOURCE",
		    option, text);
	return error_set(err, ERR_DATA,
	    "%s: \"%.*s\" is not in the state; `dlt-package state -p NAME` "
	    "lists what is",
	    option, f->set ? (int)strcspn(text, "=") : (int)strlen(text), text);
}

/* ---- edits ---- */

static bool
set_time(const char *text, enum data_type type, struct value *v)
{
	size_t len = strlen(text);
	struct iso iso;

	v->type = type;
	if (type == TYPE_DATE)
		return date_from_iso(text, len, &v->ts);
	if (type == TYPE_TIME)
		return time_from_iso(text, len, &v->ts);
	iso_parse(text, len, &iso);
	v->ts = iso.ts;
	return iso.kind == ISO_DATETIME || iso.kind == ISO_DATE;
}

/* The text of a JSON string, or text as it is; malloc'd. */
static char *
plain_text(const char *text)
{
	struct json_doc doc = { 0 };
	struct error ignored;
	char *out = NULL;

	if (*text == '"' && json_parse(&doc, text, strlen(text), &ignored) == 0)
		out = xstrndup(doc.root->str, doc.root->len);
	json_release(&doc);
	return out ? out : xstrdup(text);
}

/* The value as JSON text, of the kind of the one that is there. */
static int
new_value(const struct json *old, const char *text, struct buf *out,
    struct error *err)
{
	struct arena a = { 0 };
	struct value was = { 0 }, now = { 0 };
	bool integer, ok = true;
	const char *end = text + strlen(text);
	bool number = number_token(text, end, &integer) == end;
	char *plain = plain_text(text);
	struct buf digits = { 0 };

	if (old)
		value_from_json(old, &a, &was);
	switch (was.type) {
	case TYPE_TIMESTAMP:
	case TYPE_DATE:
	case TYPE_TIME:
		ok = set_time(plain, was.type, &now);
		break;
	case TYPE_DECIMAL:
		ok = text_to_decimal(plain, strlen(plain), &digits);
		now = (struct value){ .type = TYPE_DECIMAL,
			.text = buf_str(&digits),
			.len = digits.len };
		break;
	case TYPE_NONE:
	case TYPE_TEXT:
		now.type = TYPE_TEXT;
		break;
	case TYPE_BIGINT:
	case TYPE_DOUBLE:
	case TYPE_WEI:
	case TYPE_BOOL:
		ok = number;
		break;
	default:
		ok = false;
		break;
	}
	if (ok && (now.type == TYPE_NONE || (was.type == TYPE_NONE && number)))
		buf_adds(out, text);
	else if (ok && now.type == TYPE_TEXT)
		jsonw_quote(out, plain, strlen(plain));
	else if (ok)
		value_write_typed(&now, out);
	buf_release(&digits);
	arena_release(&a);
	free(plain);
	if (!ok)
		return error_set(err, ERR_DATA,
		    "\"%s\" is not of the kind of the last value, %s", text,
		    was.type == TYPE_BIGINT || was.type == TYPE_DOUBLE ||
		            was.type == TYPE_WEI || was.type == TYPE_BOOL
		        ? "a number"
		        : type_name(was.type));
	return 0;
}

/* The cursor's entry with another last value. Its hashes are those of rows with
 * the old one. */
static int
new_entry(const struct find *f, struct buf *out, struct error *err)
{
	struct buf value = { 0 };
	struct jsonw w;

	if (new_value(json_get(f->hit.value, "last_value"), f->value, &value,
	        err) < 0) {
		buf_release(&value);
		return error_prefix(err, "--set %s.%s: ", f->hit.resource,
		    f->hit.key);
	}
	jsonw_init(&w, out, false);
	jsonw_object(&w);
	for (const struct json *m = members(f->hit.value); m; m = m->next) {
		jsonw_keyn(&w, m->key, m->key_len);
		if (strcmp(m->key, "last_value") == 0) {
			jsonw_raw(&w, value.data, value.len);
		} else if (strcmp(m->key, "unique_hashes") == 0) {
			jsonw_raw(&w, "[]", 2);
		} else {
			struct buf kept = { 0 };

			json_write(m, 0, &kept);
			jsonw_raw(&w, kept.data, kept.len);
			buf_release(&kept);
		}
	}
	jsonw_end_object(&w);
	buf_release(&value);
	return 0;
}

/* st becomes the state with one more edit; text owns what it points to. */
static int
edit(struct state *st, const char *what, bool set, struct error *err)
{
	struct find f = { .set = set };
	struct buf entry = { 0 }, out = { 0 };
	struct state_value value = { .key = "incremental" };
	struct state_change change = { 0 };
	int rc = find(st, what, &f, err);

	if (rc == 0 && set)
		rc = new_entry(&f, &entry, err);
	if (rc < 0)
		goto out;
	change.source = f.hit.source;
	if (f.whole) {
		change.resources = &f.hit.resource;
		change.count = 1;
	} else {
		value.resource = f.hit.resource;
		value.member = f.hit.key;
		value.json = set ? buf_str(&entry) : NULL;
		change.values = &value;
		change.value_count = 1;
	}
	rc = state_edit(st, &change, &out, err);
	if (rc < 0)
		goto out;
	state_release(st);
	st->text = buf_take(&out);
	rc = json_parse(&st->doc, st->text, strlen(st->text), err);
out:
	buf_release(&entry);
	buf_release(&out);
	return rc;
}

static int
edit_all(const struct look *l, struct workdir *w, struct state *st,
    struct error *err)
{
	struct buf text = { 0 };
	int rc = 0;

	for (size_t i = 0; i < l->reset->count && !rc; i++)
		rc = edit(st, l->reset->items[i], false, err);
	for (size_t i = 0; i < l->set->count && !rc; i++)
		rc = edit(st, l->set->items[i], true, err);
	if (!rc)
		rc = workdir_lock(w, STAGE_COMMIT, WAIT_FOREVER, err);
	if (rc)
		return rc;
	buf_adds(&text, st->text);
	rc = workdir_save_state(w, &text, err);
	buf_release(&text);
	return rc;
}

int
do_state(const struct look *l, struct error *err)
{
	bool change = l->set->count || l->reset->count;
	double wait = isinf(l->wait) ? WAIT_FOREVER : l->wait;
	struct workdir w = { 0 };
	struct state st = { 0 };
	int rc = -1;

	if (!l->pipeline)
		return error_set(err, ERR_USAGE,
		    "pipelines keep a state: name one with -p");
	if (change && l->package)
		return error_set(err, ERR_USAGE,
		    "--set and --reset name the resource themselves");
	if (workdir_open(&w, l->pipeline, false, err) < 0)
		return -1;
	if (change && workdir_lock(&w, STAGE_EXTRACT, wait, err) < 0)
		goto out;
	if (workdir_state(&w, &st, err) < 0)
		goto out;
	rc = change ? edit_all(l, &w, &st, err) : show(l, &w, &st, err);
out:
	state_release(&st);
	workdir_close(&w);
	return rc;
}

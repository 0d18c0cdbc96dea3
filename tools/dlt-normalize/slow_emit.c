/* SPDX-License-Identifier: MIT */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/decimal.h"
#include "common/jsonw.h"
#include "common/mem.h"
#include "tools/dlt-normalize/slow.h"

#define MAX_VARIANTS 64 /* of variants; short names could go round in circles */

int
slow_refuse(struct slow *s, const char *table, const char *column,
    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	s->w->bad_table = arena_strdup(s->arena, table);
	s->w->bad_column = column ? arena_strdup(s->arena, column) : NULL;
	return error_set(s->err, ERR_DATA, "%s", text);
}

void
propagation_for(struct slow *s, const char *table, bool is_root,
    void (*f)(const char *from, const char *as, void *arg), void *arg)
{
	struct table *t = schema_table(s->w->schema, table), none = { 0 };
	char *name;

	if (s->w->evolve->late_root_key)
		return;
	name = arena_strdup(s->arena, table);
	if (!t) {
		none.name = name;
		none.name_len = strlen(name);
		none.parent = is_root ? NULL : name;
		t = &none;
	}
	schema_propagation(s->w->schema, t, f, arg);
}

/* ---- coercion (7.2) ---- */

static void
want_column(struct slow *s, const char *name, enum data_type type,
    const char *base, const struct json *cause)
{
	struct new_column *n = s->added, *end;

	/* Asked for twice by one row (once as a variant): the later one, in
	 * the place of the first. */
	s->added_variant |= base != NULL;
	end = n + s->added_count;
	while (n < end && !(s->added_variant && strcmp(n->name, name) == 0))
		n = s->added_variant ? n + 1 : end;
	if (n == end) {
		s->added = xgrow(s->added, &s->added_cap, s->added_count + 1,
		    sizeof(*s->added));
		n = &s->added[s->added_count++];
	}
	*n = (struct new_column){ .name = name,
		.len = strlen(name),
		.type = type,
		.variant = base != NULL,
		.base = base,
		.cause = cause };
}

static const char *
variant_name(struct slow *s, const struct row *r, const char *name,
    const char *type)
{
	struct buf *b = &s->w->name_buf;
	char tail[32];
	const char *parts[2] = { name, tail };
	struct column *old;

	if (strcmp(type, "json") == 0 && r->table) {
		buf_reset(b);
		strcpy(tail, "v_complex");
		name_fragments(&s->w->schema->naming, parts, 2, b);
		old = table_column(r->table, buf_str(b));
		if (old && old->variant)
			return old->name;
	}
	buf_reset(b);
	tail[0] = 'v';
	tail[1] = '_';
	strcpy(tail + 2, type);
	name_fragments(&s->w->schema->naming, parts, 2, b);
	return arena_strndup(s->arena, buf_str(b), b->len);
}

/* Types whose values dlt puts into a column that is there on a shorter way,
 * where the range of wei is not looked at. */
static bool
is_common(enum data_type type)
{
	return type != TYPE_WEI && type != TYPE_DECIMAL && type != TYPE_BINARY;
}

/* Has a value that went into a wei column to be within its range? dlt does not
 * look where the column is there; but it knows no numbers of that size. */
static bool
has_range(const struct field *f, const struct value *v, bool complete)
{
	return !complete || !is_common(v->type) ||
	    (v->type == TYPE_TEXT && f->node && f->node->kind == JSON_NUMBER);
}

/* Into a column of that type; where dlt gives up on the whole job, here the
 * value goes on to a variant column, too. False: it does; *v may have changed,
 * as a moment that UTC has no year for goes on as text. */
static bool
fits(struct slow *s, struct field *f, enum data_type type, bool keep_zone,
    struct value *v)
{
	struct error ignored;
	struct value text;

	if (value_coerce(v, type, s->arena, &f->value, &ignored) <= 0)
		return false;
	if (type != TYPE_TIMESTAMP ||
	    value_to_utc(&f->value, keep_zone, &ignored) == 0)
		return true;
	if (v->type != TYPE_TEXT &&
	    value_coerce(v, TYPE_TEXT, s->arena, &text, &ignored) > 0)
		*v = text;
	return false;
}

static int variant(struct slow *s, struct row *r, struct field *f,
    const char *name, const char *type, const struct value *v);

static int
coerce(struct slow *s, struct row *r, struct field *f, const char *name,
    const struct value *given, const char *base)
{
	struct column *c = r->table ? table_column(r->table, name) : NULL;
	/* a column without a name counts as incomplete, whatever its type */
	bool complete = c && c->type != TYPE_NONE && *name;
	struct value v = *given;
	enum data_type type;

	if (!*name && c && c->type != TYPE_NONE && is_common(v.type)) {
		f->out_name = name;
		if (value_coerce(&v, c->type, s->arena, &f->value,
		        &(struct error){ 0 }) > 0)
			return 0;
	}
	if (complete && !base && c->type == v.type && v.type != TYPE_WEI) {
		f->value = v;
		if (v.type == TYPE_JSON && f->node &&
		    memmem(f->node->raw, f->node->raw_len, "\xEF\x80", 2))
			value_json_kept(f->node, s->arena, &f->value);
		f->out_name = name;
		return 0;
	}
	type = complete
	    ? c->type
	    : schema_infer_type(s->w->schema, name, &v, base != NULL);
	if (!fits(s, f, type, c ? c->timezone : true, &v)) {
		if (complete || !base || v.type != given->type)
			return variant(s, r, f, name, type_name(v.type), &v);
		/* the variant's type was detected, and was not right */
		type = v.type;
		f->value = v;
	}
	if (f->value.type == TYPE_WEI && has_range(f, &v, complete) &&
	    !integer_fits_wei(f->value.text, f->value.len)) {
		v = f->value;
		v.type = TYPE_TEXT;
		return variant(s, r, f, name, "str", &v);
	}
	f->out_name = name;
	if (!complete)
		want_column(s, name, type, base, f->node);
	return 0;
}

/* A variant of a variant is where dlt stops. */
static int
variant(struct slow *s, struct row *r, struct field *f, const char *name,
    const char *type, const struct value *v)
{
	if (++s->variants > MAX_VARIANTS)
		return slow_refuse(s, r->name, f->name,
		    "column \"%s.%s\" has more than %d variants", r->name,
		    f->name, MAX_VARIANTS);
	return coerce(s, r, f, variant_name(s, r, name, type), v, name);
}

static int
coerce_null(struct slow *s, struct row *r, struct field *f)
{
	struct column *c = r->table ? table_column(r->table, f->name) : NULL;
	bool complete = c && c->type != TYPE_NONE;

	f->dropped = true;
	if (complete ? c->nullable
	             : c || !schema_name_is_not_null(s->w->schema, f->name))
		return 0;
	return slow_refuse(s, r->name, f->name,
	    "column \"%s.%s\" is not nullable and the row has null", r->name,
	    f->name);
}

static int
coerce_field(struct slow *s, struct row *r, struct field *f)
{
	struct value v = f->value;

	if (f->dropped)
		return 0;
	if (f->node)
		value_from_json(f->node, s->arena, &v);
	if (v.type == TYPE_NONE)
		return coerce_null(s, r, f);
	s->variants = 0;
	if (coerce(s, r, f, f->name, &v, NULL))
		return -1;
	f->raw = f->node && f->node->kind == JSON_STRING &&
	    f->value.type == TYPE_TEXT && f->value.text == f->node->str;
	return 0;
}

/* ---- row filters (6.7) ---- */

/* False: no field is left. */
static bool
exclude_fields(struct slow *s, struct row *r)
{
	const struct row_filter *rf = s->w->evolve->row_filter;
	bool any = false;
	size_t i;

	if (!row_filter_touches(rf, r->name, &s->w->name_buf))
		return true;
	for (i = 0; i < r->count; i++) {
		struct field *f = &r->fields[i];

		f->dropped = row_filter_excludes(rf, r->name, f->name,
		    &s->w->name_buf);
		any |= !f->dropped;
	}
	return any;
}

/* ---- contracts (9.1) ---- */

/* False: the row is discarded. by_name: fields as they came (before coercion),
 * else as columns. */
static bool
filter_columns(struct slow *s, struct row *r, bool by_name)
{
	const struct evolve *ev = s->w->evolve;
	bool any = false;
	size_t i;

	if (!ev->filter_count)
		return true;
	for (i = 0; i < r->count; i++) {
		struct field *f = &r->fields[i];
		const char *name = by_name ? f->name : f->out_name;

		if (f->dropped || !name)
			continue;
		switch (evolve_filter(ev, r->name, name)) {
		case CONTRACT_DISCARD_ROW:
			return false;
		case CONTRACT_DISCARD_VALUE:
			f->dropped = true;
			break;
		case CONTRACT_EVOLVE:
		case CONTRACT_FREEZE:
			any = true;
			break;
		}
	}
	return any;
}

/* A frozen contract: named by err. */
static int
check_row(struct slow *s, struct row *r, const char *parent)
{
	const struct new_column *bad = NULL;

	if (evolve_check(s->w->evolve, r->name, parent, s->added,
	        s->added_count, &bad, s->err) == 0)
		return 0;
	s->w->bad_table = r->name;
	s->w->bad_column = bad ? bad->name : NULL;
	return -1;
}

/* May the row be refused after this change? Not when no child rows follow. */
static bool
must_try(const struct walker *w, const struct frame *f, const struct row *r)
{
	return w->cfg->rejects && !w->tried && (!f->is_item || r->list_count);
}

static int
evolve_row(struct slow *s, const struct frame *f, struct row *r)
{
	struct walker *w = s->w;
	struct buf *b = &w->name_buf;
	struct place at;
	char *parent = NULL;

	if (f->parent_len) {
		buf_reset(b);
		name_fragments(&w->schema->naming, f->parent_path,
		    f->parent_len, b);
		parent = arena_strndup(s->arena, buf_str(b), b->len);
	}
	if (check_row(s, r, parent))
		return -1;
	if (!w->live || must_try(w, f, r)) {
		s->change = true;
		return -1;
	}
	walk_place(w->job, w->place_row + w->res->rows + 1,
	    w->block_offset + (uint64_t)(s->row_begin - w->block), &at);
	return evolve_apply(w->evolve, r->name, parent, s->added,
	    s->added_count, &at, s->err);
}

/* ---- writing ---- */

static bool
before(const struct field *a, const struct field *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank;
	if (!a->node || !b->node)
		return false;
	return (uintptr_t)a->node->raw < (uintptr_t)b->node->raw;
}

static int
compare_fields(const void *a, const void *b)
{
	const struct field *x = *(const struct field *const *)a;
	const struct field *y = *(const struct field *const *)b;

	return before(x, y) ? -1 : before(y, x);
}

/* Two values for one column (a variant and a key of the same name): the later
 * one stays, as in a dict. */
static void
drop_doubles(struct row *r)
{
	size_t i, k;

	for (i = 0; i < r->count; i++) {
		const struct field *v = &r->fields[i];

		if (v->dropped || v->out_name == v->name)
			continue;
		for (k = 0; k < r->count; k++)
			if (k != i && !r->fields[k].dropped &&
			    strcmp(r->fields[k].out_name, v->out_name) == 0)
				r->fields[k < i ? k : i].dropped = true;
	}
}

static void
write_row(struct slow *s, struct row *r)
{
	struct out *o = out_get(s->w, r->table);
	struct buf b = { 0 };
	struct field **order = arena_alloc(s->arena,
	    (r->count + 1) * sizeof(struct field *));
	size_t i, n = 0;

	drop_doubles(r);
	for (i = 0; i < r->count; i++)
		if (!r->fields[i].dropped)
			order[n++] = &r->fields[i];
	qsort(order, n, sizeof(struct field *), compare_fields);
	buf_addc(&b, '{');
	for (i = 0; i < n; i++) {
		if (i)
			buf_addc(&b, ',');
		jsonw_quote(&b, order[i]->out_name, strlen(order[i]->out_name));
		buf_addc(&b, ':');
		if (order[i]->raw)
			buf_add(&b, order[i]->node->raw,
			    order[i]->node->raw_len);
		else
			value_write_jsonl(&order[i]->value, &b);
	}
	out_touch(s->w, o);
	out_reserve(o, b.len);
	memcpy(o->w, b.data, b.len);
	o->w += b.len;
	out_row_end(o);
	buf_release(&b);
}

int
emit_row(struct slow *s, const struct frame *f, struct row *r)
{
	size_t i;
	int rc;

	if (evolve_filter(s->w->evolve, r->name, NULL) != CONTRACT_EVOLVE)
		return 0;
	if (!exclude_fields(s, r))
		return 0;
	if (!filter_columns(s, r, true))
		return 0;
	s->added_count = 0;
	s->added_variant = false;
	for (i = 0; i < r->count; i++)
		if (coerce_field(s, r, &r->fields[i]))
			return -1;
	if (s->added_count || !r->table) {
		rc = evolve_row(s, f, r);
		if (rc <= 0)
			return rc;
		r->table = schema_table(s->w->schema, r->name);
		if (!filter_columns(s, r, false))
			return 0;
	}
	if (!s->skip_write)
		write_row(s, r);
	return 1;
}

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-normalize/evolve.h"

#include <stdlib.h>
#include <string.h>

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"

#define PROVENANCE_VALUE 80 /* bytes of a value that are shown */

static void
propagate(struct evolve *ev, const struct table *t)
{
	schema_propagate_root_key(ev->schema, t,
	    caps_strategies(ev->target, schema_root(ev->schema, t)));
}

void
evolve_init(struct evolve *ev, struct schema *s, const struct caps *target)
{
	*ev = (struct evolve){ .schema = s, .target = target };
	for (size_t i = 0; i < s->table_count; i++)
		propagate(ev, s->tables[i]);
	ev->version = ev->json_version = 1;
	ev->row_filter = row_filter_new(s, &ev->row_filter_error);
}

void
evolve_release(struct evolve *ev)
{
	size_t i;

	for (i = 0; i < ev->filter_count; i++) {
		free(ev->filters[i].table);
		free(ev->filters[i].column);
	}
	for (i = 0; i < ev->update_count; i++)
		free(ev->updates[i].columns);
	for (i = 0; i < ev->contract_count; i++)
		free(ev->contract_names[i]);
	free(ev->filters);
	free(ev->updates);
	free(ev->contracts);
	free(ev->contract_names);
	if (ev->trial)
		schema_free(ev->schema);
	else
		row_filter_free(ev->row_filter);
	buf_release(&ev->provenance);
	*ev = (struct evolve){ 0 };
}

enum contract_mode
evolve_filter(const struct evolve *ev, const char *table, const char *column)
{
	size_t i;

	for (i = 0; i < ev->filter_count; i++) {
		const struct filter *f = &ev->filters[i];

		if (strcmp(f->table, table) != 0 || !f->column != !column)
			continue;
		if (!column || strcmp(f->column, column) == 0)
			return f->mode;
	}
	return CONTRACT_EVOLVE;
}

static void
add_filter(struct evolve *ev, const char *table, const char *column,
    enum contract_mode mode)
{
	struct filter *f;
	size_t i;

	for (i = 0; i < ev->filter_count; i++) {
		f = &ev->filters[i];
		if (column && f->column && strcmp(f->table, table) == 0 &&
		    strcmp(f->column, column) == 0)
			return;
	}
	ev->filters = xgrow(ev->filters, &ev->filter_cap, ev->filter_count + 1,
	    sizeof(*ev->filters));
	f = &ev->filters[ev->filter_count++];
	f->table = xstrdup(table);
	f->column = column ? xstrdup(column) : NULL;
	f->mode = mode;
}

static const struct contract *
known_contract(const struct evolve *ev, const char *name)
{
	size_t i;

	for (i = 0; i < ev->contract_count; i++)
		if (strcmp(ev->contract_names[i], name) == 0)
			return &ev->contracts[i];
	return NULL;
}

/* Settings of a table are looked up once per run and kept, as dlt does. */
static struct contract
contract_of(const struct evolve *ev, const char *name, const char *parent)
{
	const struct contract *known = known_contract(ev, name);

	if (known)
		return *known;
	return schema_contract(ev->schema, schema_table(ev->schema, name),
	    parent ? schema_table(ev->schema, parent) : NULL, name);
}

static void
keep_contract(struct evolve *ev, const char *name, const struct contract *k)
{
	size_t n = ev->contract_count, cap = ev->contract_cap;

	if (known_contract(ev, name))
		return;
	ev->contract_names = xgrow(ev->contract_names, &cap, n + 1,
	    sizeof(*ev->contract_names));
	ev->contracts = xgrow(ev->contracts, &ev->contract_cap, n + 1,
	    sizeof(*ev->contracts));
	ev->contract_names[n] = xstrdup(name);
	ev->contracts[n] = *k;
	ev->contract_count++;
}

void
evolve_fork(struct evolve *ev, const struct evolve *from)
{
	size_t i;

	*ev = (struct evolve){ .schema = schema_copy(from->schema),
		.version = from->version,
		.json_version = from->json_version,
		.row_filter = from->row_filter,
		.propagates = from->propagates,
		.late_root_key = from->late_root_key,
		.target = from->target,
		.any_strategy = from->any_strategy,
		.trial = true };
	for (i = 0; i < from->filter_count; i++)
		add_filter(ev, from->filters[i].table, from->filters[i].column,
		    from->filters[i].mode);
	for (i = 0; i < from->contract_count; i++)
		keep_contract(ev, from->contract_names[i], &from->contracts[i]);
}

static int
frozen(struct error *err, const char *what, const char *table,
    const struct new_column *c)
{
	if (!c)
		return error_set(err, ERR_SCHEMA,
		    "table \"%s\": the schema contract freezes %s", table,
		    what);
	return error_set(err, ERR_SCHEMA,
	    "column \"%s.%.*s\" (%s): the schema contract freezes %s", table,
	    (int)c->len, c->name, type_name(c->type), what);
}

/* What holds for one column (contract.md 9.1, items 3 and 4). */
static enum contract_mode
column_mode(const struct contract *k, const struct table *t, bool is_new,
    const struct new_column *c)
{
	if (c->len >= 4 && memcmp(c->name, "_dlt", 4) == 0)
		return CONTRACT_EVOLVE;
	if (c->variant)
		return k->data_type;
	if (is_new || table_normalizer_flag(t, "evolve-columns-once"))
		return CONTRACT_EVOLVE;
	return k->columns;
}

int
evolve_check(const struct evolve *ev, const char *name, const char *parent,
    const struct new_column *columns, size_t count,
    const struct new_column **bad, struct error *err)
{
	struct table *t = schema_table(ev->schema, name);
	struct contract k = contract_of(ev, name, parent);
	bool is_new = !t || table_is_new(t);
	size_t i;

	if (is_new && k.tables == CONTRACT_FREEZE)
		return frozen(err, "tables", name, NULL);
	if (is_new && k.tables != CONTRACT_EVOLVE)
		return 0;
	for (i = 0; i < count; i++)
		if (column_mode(&k, t, is_new, &columns[i]) ==
		    CONTRACT_FREEZE) {
			*bad = &columns[i];
			return frozen(err,
			    columns[i].variant ? "data types" : "columns", name,
			    *bad);
		}
	return 0;
}

/* After evolve_check(). False: the contract discards the row. */
static bool
set_filters(struct evolve *ev, const char *name, const char *parent,
    struct new_column *columns, size_t count)
{
	struct table *t = schema_table(ev->schema, name);
	struct contract k = contract_of(ev, name, parent);
	bool is_new = !t || table_is_new(t);
	size_t i;

	keep_contract(ev, name, &k);
	if (is_new && k.tables != CONTRACT_EVOLVE) {
		add_filter(ev, name, NULL, k.tables);
		return false;
	}
	for (i = 0; i < count; i++) {
		struct new_column *c = &columns[i];
		enum contract_mode mode = column_mode(&k, t, is_new, c);
		char *column;

		if (mode == CONTRACT_EVOLVE)
			continue;
		column = xstrndup(c->name, c->len);
		add_filter(ev, name, column, mode);
		free(column);
		c->dropped = true;
	}
	return true;
}

/* A partial table for schema_updates.json; c NULL: none of its columns was let
 * in. */
static void
add_update(struct evolve *ev, struct table *t, struct column *c)
{
	struct update *u = NULL;
	size_t i;

	for (i = 0; i < ev->update_count && !u; i++)
		if (ev->updates[i].table == t)
			u = &ev->updates[i];
	if (!u) {
		ev->updates = xgrow(ev->updates, &ev->update_cap,
		    ev->update_count + 1, sizeof(*ev->updates));
		u = &ev->updates[ev->update_count++];
		*u = (struct update){ .table = t };
	}
	if (!c)
		return;
	for (i = 0; !*c->name && i < u->count; i++)
		if (u->columns[i] == c)
			return;
	u->columns = xgrow(u->columns, &u->cap, u->count + 1,
	    sizeof(*u->columns));
	u->columns[u->count++] = c;
}

void
evolve_added(struct evolve *ev, struct table *t, struct column *c)
{
	add_update(ev, t, c);
}

static size_t
cut_utf8(const char *s, size_t len, size_t max)
{
	if (len <= max)
		return len;
	while (max && ((unsigned char)s[max] & 0xc0) == 0x80)
		max--;
	return max;
}

static void
add_provenance(struct evolve *ev, const struct table *t,
    const struct new_column *c, const struct place *at)
{
	struct jsonw w;

	jsonw_init(&w, &ev->provenance, false);
	jsonw_object(&w);
	jsonw_key(&w, "table");
	jsonw_str(&w, t->name);
	jsonw_key(&w, "column");
	jsonw_strn(&w, c->name, c->len);
	jsonw_key(&w, "data_type");
	jsonw_str(&w, type_name(c->type));
	jsonw_key(&w, "input");
	jsonw_str(&w, at->file);
	jsonw_key(&w, "row");
	jsonw_int(&w, (long long)at->row);
	if (at->line) {
		jsonw_key(&w, "line");
		jsonw_int(&w, (long long)at->line);
	}
	if (at->byte != UINT64_MAX) {
		jsonw_key(&w, "byte");
		jsonw_int(&w, (long long)at->byte);
	}
	if (c->cause) {
		jsonw_key(&w, "value");
		jsonw_strn(&w, c->cause->raw,
		    cut_utf8(c->cause->raw, c->cause->raw_len,
		        PROVENANCE_VALUE));
	}
	if (c->base) {
		jsonw_key(&w, "instead_of");
		jsonw_str(&w, c->base);
	}
	jsonw_end_object(&w);
	buf_addc(&ev->provenance, '\n');
}

static void
warn_variant(const struct table *t, const struct new_column *c,
    const struct column *base, const struct place *at)
{
	msg_warn("%s:%llu: %s.%s is %s: a %s value goes to column \"%.*s\"; "
	         "--column %s.%s:%s at extract would avoid it",
	    at->file, (unsigned long long)(at->line ? at->line : at->row),
	    t->name, c->base, base ? type_name(base->type) : "of another type",
	    type_name(c->type), (int)c->len, c->name, t->name, c->base,
	    type_name(c->type));
}

static bool
schema_propagates(const struct schema *s)
{
	const char *text = hints_get(&s->hints, "normalizers");
	struct json_doc doc = { 0 };
	const struct json *p;
	struct error err;
	bool yes = false;

	if (text && json_parse(&doc, text, strlen(text), &err) == 0) {
		p = json_get(json_get(json_get(doc.root, "json"), "config"),
		    "propagation");
		yes = p && p->kind == JSON_OBJECT && p->count > 0;
	}
	json_release(&doc);
	return yes;
}

/* After a new table or key. Where a key in the rows is what makes a schema
 * propagate, dlt does so from the next run on. */
static void
propagate_root_key(struct evolve *ev, const struct table *t)
{
	ev->propagates = ev->propagates || schema_propagates(ev->schema);
	propagate(ev, t);
	if (!ev->propagates && schema_propagates(ev->schema))
		ev->propagates = ev->late_root_key = true;
}

int
evolve_apply(struct evolve *ev, const char *name, const char *parent,
    struct new_column *columns, size_t count, const struct place *at,
    struct error *err)
{
	const struct new_column *bad = NULL;
	struct table *t;
	bool added, root_key;
	size_t i;

	if (evolve_check(ev, name, parent, columns, count, &bad, err))
		return -1;
	ev->version++;
	if (!set_filters(ev, name, parent, columns, count))
		return 0;
	t = schema_table(ev->schema, name);
	added = root_key = !t;
	if (added)
		t = schema_add_table(ev->schema, name, parent,
		    parent ? NULL : name, parent ? NULL : "append");
	add_update(ev, t, NULL);
	for (i = 0; i < count; i++) {
		struct new_column *n = &columns[i];
		struct column *c;

		if (n->dropped)
			continue;
		c = table_column_n(t, n->name, n->len);
		if (c && c->type != TYPE_NONE) {
			/* dlt never takes a column without a name for whole */
			if (!n->len)
				add_update(ev, t, c);
			continue;
		}
		c = schema_infer_column(ev->schema, t, n->name, n->len, n->type,
		    n->variant);
		root_key |= c->root_key || c->row_key;
		add_update(ev, t, c);
		if (n->type == TYPE_JSON)
			ev->json_version++;
		if (ev->trial)
			continue;
		add_provenance(ev, t, n, at);
		if (n->variant)
			warn_variant(t, n, table_column(t, n->base), at);
	}
	if (root_key)
		propagate_root_key(ev, t);
	return 1;
}

static void
write_hints(struct jsonw *w, const struct hints *h)
{
	size_t i;

	for (i = 0; i < h->count; i++) {
		if (strcmp(h->items[i].key, "columns") == 0)
			continue;
		jsonw_key(w, h->items[i].key);
		jsonw_raw(w, h->items[i].value, strlen(h->items[i].value));
	}
}

void
evolve_write_updates(const struct evolve *ev, struct buf *out)
{
	struct jsonw w;
	size_t i, k;

	jsonw_init(&w, out, false);
	jsonw_object(&w);
	for (i = 0; i < ev->update_count; i++) {
		const struct update *u = &ev->updates[i];

		jsonw_key(&w, u->table->name);
		jsonw_object(&w);
		jsonw_key(&w, "columns");
		jsonw_object(&w);
		for (k = 0; k < u->count; k++) {
			jsonw_key(&w, u->columns[k]->name);
			jsonw_object(&w);
			write_hints(&w, &u->columns[k]->hints);
			jsonw_end_object(&w);
		}
		jsonw_end_object(&w);
		write_hints(&w, &u->table->hints);
		jsonw_end_object(&w);
	}
	jsonw_end_object(&w);
}

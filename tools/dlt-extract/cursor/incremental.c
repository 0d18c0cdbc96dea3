/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/cursor/incremental.h"

#include "common/jsonw.h"
#include "common/mem.h"
#include "common/msg.h"
#include "tools/dlt-extract/cursor/cursor_lag.h"
#include "tools/dlt-extract/cursor/cursor_value.h"
#include "tools/dlt-extract/cursor/row_hash_set.h"
#include "tools/dlt-extract/jsonpath.h"
#include "tools/dlt-extract/row_field.h"

#include <stdlib.h>
#include <string.h>

/* Rows whose hashes may be wanted are kept as they are up to so many bytes. */
#define PENDING_BYTES ((size_t)1 << 20)
#define MANY_HASHES   200

/* A row with the last value. */
struct pending {
	size_t at, len;
	const char *input;
	uint64_t line, column;
};

struct incremental {
	const struct incremental_spec *spec;
	const struct row_key *key;
	const char *resource;
	bool has_parent;
	bool dedups;
	struct jsonpath *path;
	const char *field;   /* the path is this field; or NULL */
	struct json_doc doc; /* of a row, where it is not */
	/* as it was bound */
	char *start_text;  /* or NULL */
	char *old_state;   /* what the state had, as text; or NULL */
	char *old_initial; /* of it; NULL: that of spec */
	char *old_start;   /* of it; NULL: none */
	char *bound_last;  /* last_value, without the lag */
	struct row_hash_set start_hashes;
	/* as it goes on */
	struct cursor_value start, last, end, stored, value;
	bool has_end;
	bool seen;                 /* a value has been compared */
	bool filled;               /* the page has rows */
	bool produced;             /* a page has left rows */
	bool leaves;               /* this page has */
	bool end_seen, start_seen; /* in a page: a row was out of range */
	bool closed;               /* no more rows are wanted */
	bool has_row_cursor;       /* last is of a row */
	struct row_hash_set hashes;
	struct pending *pending;
	size_t pending_count, pending_cap;
	struct buf pending_text;
	struct row_hasher hasher;
};

/* ---- comparing ---- */

/* How far b is behind a in the order of the cursor: negative, 0, positive. */
static int
compare(const struct incremental *i, const struct cursor_value *a,
    const struct cursor_value *b, int *order, struct error *err)
{
	if (cursor_value_compare(a, b, order, err) < 0)
		return -1;
	if (i->spec->is_min)
		*order = -*order;
	return 0;
}

/* compare() of the row's value, whose error says with what. */
static int
compare_row(const struct incremental *i, const struct cursor_value *with,
    const char *what, int *order, struct error *err)
{
	struct buf text = { 0 };

	if (compare(i, &i->value, with, order, err) == 0)
		return 0;
	cursor_value_write(with, &text);
	error_prefix(err,
	    "the cursor \"%s\" and the %s %.*s: ", i->spec->cursor, what,
	    (int)(text.len < 80 ? text.len : 80), buf_str(&text));
	buf_release(&text);
	return -1;
}

/* A timestamp from elsewhere gets or loses its zone as the rows have it. */
static void
adapt_zone(const struct incremental *i, struct cursor_value *v,
    const char *what)
{
	const struct timestamp *row = &i->value.ts;

	if (v->kind != CURSOR_TIMESTAMP || i->value.kind != CURSOR_TIMESTAMP ||
	    v->ts.has_zone == row->has_zone)
		return;
	msg_warn("%s: the %s of \"%s\" has %s time zone, its rows have %s; "
	         "taken as the rows have it",
	    i->resource, what, i->spec->cursor, v->ts.has_zone ? "a" : "no",
	    row->has_zone ? "one" : "none");
	if (row->has_zone)
		v->ts.offset_s = row->offset_s;
	else
		v->ts.us -= (int64_t)v->ts.offset_s * 1000000;
	v->ts.has_zone = row->has_zone;
}

/* Before the first value is compared. */
static void
adapt(struct incremental *i)
{
	if (i->start.kind != CURSOR_NULL) {
		cursor_value_adapt(&i->start, &i->value);
		adapt_zone(i, &i->start, "start value");
		cursor_value_keep(&i->last, &i->start);
	}
	if (i->stored.kind == CURSOR_TEXT)
		cursor_value_adapt(&i->stored, &i->value);
	else if (i->stored.kind == CURSOR_TIMESTAMP &&
	    i->value.kind == CURSOR_TIMESTAMP &&
	    i->stored.ts.has_zone != i->start.ts.has_zone) {
		i->stored.ts.us -= i->stored.ts.has_zone
		    ? (int64_t)i->stored.ts.offset_s * 1000000
		    : 0;
		i->stored.ts.offset_s = i->start.ts.offset_s;
		i->stored.ts.has_zone = i->start.ts.has_zone;
	}
	if (i->has_end) {
		cursor_value_adapt(&i->end, &i->value);
		adapt_zone(i, &i->end, "end value");
	}
}

/* ---- rows with the last value ---- */

static int
hash_of(struct incremental *i, const char *data, size_t len,
    char hash[ROW_HASH_LEN + 1], struct error *err)
{
	return row_hash(&i->hasher, data, len, i->key, hash, err);
}

static int
hash_pending(struct incremental *i, struct error *err)
{
	char hash[ROW_HASH_LEN + 1];

	for (size_t k = 0; k < i->pending_count; k++) {
		const struct pending *p = &i->pending[k];

		if (hash_of(i, i->pending_text.data + p->at, p->len, hash,
		        err) < 0)
			return error_prefix(err, "%s:%llu:%llu: ",
			    p->input != NULL ? p->input : i->resource,
			    (unsigned long long)p->line,
			    (unsigned long long)p->column);
		row_hash_set_add(&i->hashes, hash);
	}
	i->pending_count = 0;
	buf_reset(&i->pending_text);
	return 0;
}

static int
remember(struct incremental *i, const struct row *row, struct error *err)
{
	struct pending *p;

	if (!i->dedups)
		return 0;
	if (i->pending_text.len > PENDING_BYTES && hash_pending(i, err) < 0)
		return -1;
	i->pending = xgrow(i->pending, &i->pending_cap, i->pending_count + 1,
	    sizeof(*i->pending));
	p = &i->pending[i->pending_count++];
	*p = (struct pending){ i->pending_text.len, row->len, row->input,
		row->line, row->column };
	buf_add(&i->pending_text, row->data, row->len);
	return 0;
}

static void
forget_hashes(struct incremental *i)
{
	i->pending_count = 0;
	buf_reset(&i->pending_text);
	row_hash_set_reset(&i->hashes);
}

/* ---- the algorithm ---- */

/* The cursor of a row as it stands there; NULL: there is none. */
static int
find_raw(struct incremental *i, const struct row *row, const char **raw,
    size_t *len, struct error *err)
{
	const struct json *v;

	*raw = NULL;
	if (i->field != NULL) {
		*raw = row_member(row->data, row->len, i->field,
		    strlen(i->field), len);
		return 0;
	}
	if (json_parse(&i->doc, row->data, row->len, err) < 0)
		return -1;
	v = jsonpath_first(i->path, i->doc.root);
	if (v != NULL) {
		*raw = v->raw;
		*len = v->raw_len;
	}
	return 0;
}

/* The row's cursor into value: 1; or 0 or 1 for a row without, as is wanted for
 * those, and *missing. */
static int
find_value(struct incremental *i, const struct row *row, bool *missing,
    struct error *err)
{
	const char *raw;
	size_t len = 0;

	if (find_raw(i, row, &raw, &len, err) < 0)
		return -1;
	*missing = raw == NULL || *raw == 'n';
	if (!*missing) {
		cursor_value_parse(&i->value, raw, len);
		return 1;
	}
	if (i->spec->missing == MISSING_RAISE)
		return error_set(err, ERR_DATA,
		    "%s \"%s\", the cursor; rows may be without where "
		    "on_cursor_value_missing is \"include\" or \"exclude\"",
		    raw == NULL ? "no field" : "null in", i->spec->cursor);
	return i->spec->missing == MISSING_INCLUDE;
}

/* 1: the row is not behind the end. */
static int
check_end(struct incremental *i, struct error *err)
{
	int order;

	if (!i->has_end)
		return 1;
	if (compare_row(i, &i->end, "end value", &order, err) < 0)
		return -1;
	if (order < 0 || (order == 0 && i->spec->end_closed))
		return 1;
	i->end_seen = true;
	return 0;
}

/* The value is not beyond the last one: 1: the row goes on. */
static int
check_start(struct incremental *i, const struct row *row, struct error *err)
{
	char hash[ROW_HASH_LEN + 1];
	int order = 1;

	if (i->start.kind != CURSOR_NULL &&
	    compare_row(i, &i->start, "start value", &order, err) < 0)
		return -1;
	if (order == 0 && !i->spec->start_open) {
		if (!i->dedups || i->start_hashes.count == 0)
			return 1;
		if (hash_of(i, row->data, row->len, hash, err) < 0)
			return -1;
		if (!row_hash_set_has(&i->start_hashes, hash))
			return 1;
	}
	if (order > 0)
		return 1;
	i->start_seen = true;
	return 0;
}

static int
pass(struct incremental *i, const struct row *row, struct error *err)
{
	bool missing;
	int order = 1, rc;

	rc = find_value(i, row, &missing, err);
	if (rc < 0 || missing)
		return rc;
	if (!i->seen)
		adapt(i);
	rc = check_end(i, err);
	if (rc <= 0)
		return rc;
	i->seen = true;
	if (i->last.kind != CURSOR_NULL &&
	    compare_row(i, &i->last,
	        i->has_row_cursor ? "value before" : "start value", &order,
	        err) < 0)
		return -1;
	if (order <= 0) {
		rc = check_start(i, row, err);
		if (rc == 1 && order == 0)
			rc = remember(i, row, err) < 0 ? -1 : 1;
		return rc;
	}
	cursor_value_keep(&i->last, &i->value);
	i->has_row_cursor = true;
	forget_hashes(i);
	return remember(i, row, err) < 0 ? -1 : 1;
}

static bool
is_out(const struct incremental *i)
{
	return !i->has_parent &&
	    ((i->spec->order == ORDER_ASC && i->end_seen) ||
	        (i->spec->order == ORDER_DESC && i->start_seen));
}

static int
apply(void *self, struct row *row, struct error *err)
{
	struct incremental *i = self;
	int rc;

	if (i->closed || (row->len == 4 && row->data[0] == 'n'))
		return 0;
	i->filled = true;
	rc = pass(i, row, err);
	if (rc == 1)
		i->leaves = true;
	/* The page that has the row is taken to its end. */
	if (row->last && is_out(i))
		i->closed = true;
	return rc;
}

/* With a lag rows lie before the last value that is stored, which must not move
 * back. */
static int
keep_forward(struct incremental *i, struct error *err)
{
	int order;

	if (i->spec->lag == NULL || i->last.kind == CURSOR_NULL ||
	    !cursor_value_is_true(&i->stored))
		return 0;
	if (compare(i, &i->stored, &i->last, &order, err) < 0)
		return -1;
	if (order > 0)
		cursor_value_keep(&i->last, &i->stored);
	return 0;
}

static int
page(void *self, struct error *err)
{
	struct incremental *i = self;
	size_t before = i->hashes.count;

	if (!i->filled)
		return i->closed;
	if (keep_forward(i, err) < 0 || hash_pending(i, err) < 0)
		return -1;
	cursor_value_keep(&i->stored, &i->last);
	i->produced |= i->leaves;
	i->filled = i->leaves = false;
	i->start_seen = i->end_seen = false;
	if (!i->dedups)
		row_hash_set_reset(&i->hashes);
	else if (before <= MANY_HASHES && i->hashes.count > MANY_HASHES)
		msg_warn("%s: %zu rows share the last value of the cursor "
		         "\"%s\", and the state keeps a hash of each; a cursor "
		         "of higher resolution would keep less",
		    i->resource, i->hashes.count, i->spec->cursor);
	return i->closed;
}

/* ---- bound to a state ---- */

static char *
copy_text(const struct json *v)
{
	struct buf b = { 0 };

	if (v == NULL)
		return NULL;
	json_write(v, 0, &b);
	return buf_take(&b);
}

static void
parse_text(struct cursor_value *v, const char *text)
{
	if (text == NULL)
		return;
	cursor_value_parse(v, text, strlen(text));
	/* what an escape was decoded to is its own already */
	if (v->text != v->own.data)
		cursor_value_keep(v, v);
}

static void
take_state(struct incremental *i, const struct json *state)
{
	const struct json *e, *hashes;

	e = json_get(json_get(state, "incremental"), i->spec->cursor);
	if (e != NULL && e->kind == JSON_OBJECT && e->count != 0) {
		i->old_state = copy_text(e);
		i->old_initial = copy_text(json_get(e, "initial_value"));
		i->old_start = copy_text(json_get(e, "start_value"));
		i->bound_last = copy_text(json_get(e, "last_value"));
		hashes = json_get(e, "unique_hashes");
		if (hashes == NULL || hashes->kind != JSON_ARRAY)
			return;
		for (hashes = hashes->child; hashes; hashes = hashes->next) {
			if (hashes->kind != JSON_STRING)
				continue;
			row_hash_set_add(&i->hashes, hashes->str);
			row_hash_set_add(&i->start_hashes, hashes->str);
		}
	}
}

/* The last value less the lag, but not before the initial one. */
static int
begin_with_lag(struct incremental *i, struct error *err)
{
	struct cursor_value lag = { 0 }, initial = { 0 };
	int order, rc = -1;

	parse_text(&lag, i->spec->lag);
	if (cursor_lag(&i->stored, &lag, i->spec->is_min, &i->start, err) < 0)
		goto out;
	parse_text(&initial, i->spec->initial);
	if (initial.kind != CURSOR_NULL) {
		cursor_value_adapt(&initial, &i->start);
		if (compare(i, &initial, &i->start, &order, err) < 0)
			goto out;
		if (order >= 0)
			cursor_value_keep(&i->start, &initial);
	}
	rc = 0;
out:
	cursor_value_release(&lag);
	cursor_value_release(&initial);
	return rc;
}

static int
begin(struct incremental *i, struct error *err)
{
	struct buf b = { 0 };

	parse_text(&i->stored, i->bound_last);
	cursor_value_keep(&i->start, &i->stored);
	parse_text(&i->end, i->spec->end);
	i->has_end = i->end.kind != CURSOR_NULL;
	if (i->spec->lag != NULL && !i->has_end &&
	    i->stored.kind != CURSOR_NULL && begin_with_lag(i, err) < 0)
		return error_prefix(err,
		    "%s: the lag of the cursor \"%s\": ", i->resource,
		    i->spec->cursor);
	cursor_value_keep(&i->last, &i->start);
	if (i->start.kind != CURSOR_NULL) {
		cursor_value_write(&i->start, &b);
		i->start_text = buf_take(&b);
	}
	i->dedups = !i->spec->start_open && !i->has_end &&
	    i->spec->lag == NULL && i->key->kind != KEY_NONE;
	return 0;
}

static void
release(void *self)
{
	struct incremental *i = self;

	jsonpath_free(i->path);
	json_release(&i->doc);
	free(i->start_text);
	free(i->old_state);
	free(i->old_initial);
	free(i->old_start);
	free(i->bound_last);
	row_hash_set_release(&i->start_hashes);
	row_hash_set_release(&i->hashes);
	cursor_value_release(&i->start);
	cursor_value_release(&i->last);
	cursor_value_release(&i->end);
	cursor_value_release(&i->stored);
	cursor_value_release(&i->value);
	free(i->pending);
	buf_release(&i->pending_text);
	row_hasher_release(&i->hasher);
	free(i);
}

struct incremental *
incremental_new(const struct incremental_bind *b, struct error *err)
{
	struct incremental *i = xcalloc(1, sizeof(*i));
	const struct incremental_spec *s = b->spec;

	i->spec = s;
	i->key = s->has_key ? &s->key : b->key;
	i->resource = b->resource;
	i->has_parent = b->has_parent;
	i->path = jsonpath_new(s->cursor, err);
	if (i->path == NULL) {
		release(i);
		return NULL;
	}
	i->field = jsonpath_field(i->path);
	/* With an end nothing is kept, and only the initial value counts. */
	if (s->end == NULL)
		take_state(i, b->state);
	if (i->old_state == NULL && s->initial != NULL)
		i->bound_last = xstrdup(s->initial);
	if (begin(i, err) == 0)
		return i;
	release(i);
	return NULL;
}

struct step *
incremental_step(struct incremental *i)
{
	static const struct step_kind kind = { apply, page, release };
	struct step *s = xcalloc(1, sizeof(*s));

	s->kind = &kind;
	s->self = i;
	return s;
}

/* ---- what is kept ---- */

bool
incremental_state(const struct incremental *i, struct buf *out)
{
	struct jsonw w;
	struct buf last = { 0 };
	const char *initial = i->old_state != NULL ? i->old_initial
	                                           : i->spec->initial;
	const char *start = i->produced || i->old_state == NULL ? i->bound_last
	                                                        : i->old_start;

	if (i->has_end)
		return false;
	cursor_value_write(&i->stored, &last);
	jsonw_init(&w, out, false);
	jsonw_object(&w);
	jsonw_key(&w, "initial_value");
	if (initial == NULL)
		initial = "null";
	jsonw_raw(&w, initial, strlen(initial));
	jsonw_key(&w, "last_value");
	jsonw_raw(&w, last.data, last.len);
	jsonw_key(&w, "unique_hashes");
	jsonw_array(&w);
	for (size_t k = 0; k < i->hashes.count; k++)
		jsonw_str(&w, i->hashes.items[k]);
	jsonw_end_array(&w);
	jsonw_key(&w, "start_value");
	if (start == NULL)
		start = "null";
	jsonw_raw(&w, start, strlen(start));
	jsonw_end_object(&w);
	buf_release(&last);
	return true;
}

bool
incremental_is_same(const struct incremental *i, const struct json *state)
{
	const struct json *e = json_get(json_get(state, "incremental"),
	    i->spec->cursor);
	char *now = e != NULL && e->kind == JSON_OBJECT && e->count != 0
	    ? copy_text(e)
	    : NULL;
	bool same = i->has_end || (now == NULL) == (i->old_state == NULL);

	if (same && now != NULL && !i->has_end)
		same = strcmp(now, i->old_state) == 0;
	free(now);
	return same;
}

const char *
incremental_resource(const struct incremental *i)
{
	return i->resource;
}

/* ---- for inputs ---- */

const char *
incremental_cursor(const struct incremental *i)
{
	return i->spec->cursor;
}

const char *
incremental_start(const struct incremental *i)
{
	return i->start_text;
}

const char *
incremental_end(const struct incremental *i)
{
	return i->spec->end;
}

const char *
incremental_initial(const struct incremental *i)
{
	return i->spec->initial;
}

bool
incremental_start_is_open(const struct incremental *i)
{
	return i->spec->start_open;
}

bool
incremental_end_is_open(const struct incremental *i)
{
	return !i->spec->end_closed;
}

bool
incremental_is_min(const struct incremental *i)
{
	return i->spec->is_min;
}

const struct incremental_spec *
incremental_declared(const struct incremental *i)
{
	return i->spec;
}

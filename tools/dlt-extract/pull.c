/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/pull.h"

#include "common/json.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/name.h"
#include "common/output.h"
#include "common/timestamp.h"
#include "tools/dlt-extract/channel.h"
#include "tools/dlt-extract/row_field.h"

#include <stdlib.h>
#include <string.h>

/* A resource that is being read. */
struct pipe {
	const struct resource *resource;
	const struct pull_resource *plan;
	struct pipe *parent, *child, *sibling;
	struct channel *channel; /* from the parent; NULL: a root */
	/* The plan's, and what the input says of its columns. */
	struct table_hints hints;
	struct json_doc described;
	struct feed *feed;
	struct rows *rows; /* NULL: it has ended */
	uint64_t *taken;
	char **kept;
	bool *cut;
	double until;        /* of CLOCK_MONOTONIC; 0: any time */
	uint64_t items;      /* taken: pages, and rows that came alone */
	struct part **parts; /* by index; NULL: not declared */
	size_t part_count;
	bool declared;
	bool full;         /* no more is wanted, though there may be some */
	struct lane *lane; /* NULL: a contract drops the rows */
};

/* Where the rows of a part of an input go. */
struct part {
	struct table_hints hints;
	struct json_doc described;
	struct lane *lane; /* NULL: a contract drops the rows */
};

/* Where the rows of a resource with one value of table_from go. */
struct route {
	char *value; /* NULL: free */
	const struct pull_resource *plan;
	struct lane *lane;
};

/* ---- tables ---- */

/* Declare a table unless it has been (anew: in any case); *lane NULL: its rows
 * are dropped. */
static int
declare(struct pull *p, const struct pull_resource *plan,
    const struct table_hints *hints, const char *table, const char *resource,
    bool anew, struct lane **lane, struct error *err)
{
	struct buf name = { 0 };
	bool filtered = false;
	struct declared *d;
	int rc = -1;

	if (name_tables_path(&p->schema->naming, table, strlen(table), &name,
	        err) < 0)
		goto out;
	for (size_t i = 0; i < p->declared_count && !anew; i++) {
		if (strcmp(p->declared[i].table, buf_str(&name)) == 0) {
			*lane = writer_lane(p->writer, buf_str(&name),
			    &plan->set.files);
			rc = 0;
			goto out;
		}
	}
	if (strncmp(buf_str(&name), "_dlt", 4) == 0) {
		error_set(err, ERR_DATA,
		    "\"%s\" cannot name a table: names that begin with _dlt "
		    "are taken",
		    table);
		goto out;
	}
	if (hints_apply(hints, p->schema, buf_str(&name), resource, &filtered,
	        err) < 0)
		goto out;
	*lane = NULL;
	rc = 0;
	if (filtered)
		goto out;
	p->declared = xgrow(p->declared, &p->declared_cap,
	    p->declared_count + 1, sizeof(*p->declared));
	d = &p->declared[p->declared_count++];
	d->table = xstrdup(buf_str(&name));
	d->resource = xstrdup(resource);
	d->hints = hints;
	*lane = writer_lane(p->writer, d->table, &plan->set.files);
out:
	buf_release(&name);
	return rc;
}

static size_t
route_slot(const struct pull *p, const struct pull_resource *plan,
    const char *value)
{
	size_t h = 14695981039346656037u + (size_t)(plan - p->plans), i;

	for (const char *c = value; *c != '\0'; c++)
		h = (h ^ (unsigned char)*c) * 1099511628211u;
	i = h & (p->route_slots - 1);
	while (p->routes[i].value != NULL &&
	    (p->routes[i].plan != plan ||
	        strcmp(p->routes[i].value, value) != 0))
		i = (i + 1) & (p->route_slots - 1);
	return i;
}

static void
grow_routes(struct pull *p)
{
	struct route *old = p->routes;
	size_t count = p->route_slots;

	if ((p->route_count + 1) * 2 <= count)
		return;
	p->route_slots = count == 0 ? 64 : count * 2;
	p->routes = xcalloc(p->route_slots, sizeof(*p->routes));
	for (size_t i = 0; i < count; i++)
		if (old[i].value != NULL)
			p->routes[route_slot(p, old[i].plan, old[i].value)] =
			    old[i];
	free(old);
}

static int
place(const struct row *row, struct error *err)
{
	return error_prefix(err, "%s:%llu:%llu: ", row->input,
	    (unsigned long long)row->line, (unsigned long long)row->column);
}

/* The table that a row names itself. */
static int
route(struct pull *p, const struct pipe *pipe, const struct row *row,
    struct lane **lane, struct error *err)
{
	const struct pull_resource *plan = pipe->plan;
	struct buf value = { 0 };
	struct route *r;
	int rc = -1;

	if (row_field(row->data, row->len, plan->table_from, &value, err) < 0)
		goto out;
	grow_routes(p);
	r = &p->routes[route_slot(p, plan, buf_str(&value))];
	if (r->value == NULL) {
		if (declare(p, plan, plan->hints, buf_str(&value),
		        plan->keeps_name ? pipe->resource->name
		                         : buf_str(&value),
		        false, &r->lane, err) < 0)
			goto out;
		r->plan = plan;
		r->value = buf_take(&value);
		p->route_count++;
	}
	*lane = r->lane;
	rc = 0;
out:
	buf_release(&value);
	return rc < 0 ? place(row, err) : rc;
}

/* ---- rows ---- */

/* 1: the row is wanted; 0; -1. */
static int
apply_steps(const struct pipe *pipe, struct row *row, struct error *err)
{
	const struct step *s = pipe->plan->steps;
	int rc = 1;

	for (; s != NULL && rc == 1; s = s->next)
		rc = s->kind->apply(s->self, row, err);
	return rc < 0 ? place(row, err) : rc;
}

/* The first row has come: the input has said what it knows of them. */
static const struct table_hints *
hints_of(struct pipe *pipe)
{
	const char *text = feed_described(pipe->feed);
	struct error ignored;

	if (text == NULL ||
	    json_parse(&pipe->described, text, strlen(text), &ignored) < 0)
		return pipe->plan->hints;
	pipe->hints = *pipe->plan->hints;
	pipe->hints.described = pipe->described.root;
	return &pipe->hints;
}

/* The table of a part of the input, declared with its first row. */
static int
part_lane(struct pull *p, struct pipe *pipe, const struct feed_part *from,
    struct lane **lane, struct error *err)
{
	size_t i = from->index;
	struct part *part;

	if (i >= pipe->part_count) {
		pipe->parts = xrealloc(pipe->parts,
		    (i + 1) * sizeof(*pipe->parts));
		while (pipe->part_count <= i)
			pipe->parts[pipe->part_count++] = NULL;
	}
	part = pipe->parts[i];
	if (part == NULL) {
		const char *table = pipe->plan->table;

		part = pipe->parts[i] = xcalloc(1, sizeof(*part));
		part->hints = *pipe->plan->hints;
		if (json_parse(&part->described, from->described,
		        strlen(from->described), err) < 0)
			return -1;
		part->hints.described = part->described.root;
		if (declare(p, pipe->plan, &part->hints,
		        table != NULL ? table : from->table, from->table, true,
		        &part->lane, err) < 0)
			return error_prefix(err, "%s: ", from->name);
	}
	*lane = part->lane;
	return 0;
}

static int
write_row(struct pull *p, struct pipe *pipe, const struct row *row, bool last,
    struct error *err)
{
	const struct pull_resource *plan = pipe->plan;
	struct lane *lane = NULL;

	if (plan->table_from != NULL) {
		if (route(p, pipe, row, &lane, err) < 0)
			return -1;
		last = true; /* dlt writes such rows one by one */
	} else if (row->part != NULL) {
		if (part_lane(p, pipe, row->part, &lane, err) < 0)
			return -1;
	} else {
		if (!pipe->declared &&
		    declare(p, plan, hints_of(pipe),
		        plan->table != NULL ? plan->table
		                            : pipe->resource->name,
		        pipe->resource->name, false, &pipe->lane, err) < 0)
			return -1;
		pipe->declared = true;
		lane = pipe->lane;
	}
	return lane == NULL ? 0 : lane_add(lane, row, last, err);
}

static int
put_row(struct pull *p, struct pipe *pipe, struct row *row, struct error *err)
{
	int rc = apply_steps(pipe, row, err);

	if (rc < 0)
		return -1;
	if (rc == 0)
		return row->last && pipe->lane != NULL
		    ? lane_end_item(pipe->lane, err)
		    : 0;
	pipe->items += row->last;
	pipe->full = ++*pipe->taken >= pipe->plan->limit ||
	    pipe->items >= pipe->plan->max_items;
	for (struct pipe *c = pipe->child; c != NULL; c = c->sibling)
		channel_put(c->channel, row->data, row->len);
	if (pipe->plan->unwritten)
		return 0;
	return write_row(p, pipe, row, row->last || pipe->full, err);
}

static int
end_page(struct pipe *pipe, struct error *err)
{
	for (struct step *s = pipe->plan->steps; s != NULL; s = s->next) {
		int rc = s->kind->page != NULL ? s->kind->page(s->self, err)
		                               : 0;

		if (rc < 0)
			return error_prefix(err, "%s: ", pipe->resource->name);
		if (rc > 0)
			pipe->full = true;
	}
	return pipe->full ? 0 : 1;
}

/* A page of a resource: 1; 2: less, rows of its parent come first; 0 when it
 * has ended; -1. */
static int
pull_page(struct pull *p, struct pipe *pipe, struct error *err)
{
	struct row row = { .last = true };
	int rc = 1, end;

	if (*pipe->taken >= pipe->plan->limit ||
	    pipe->items >= pipe->plan->max_items)
		return 0;
	for (size_t n = 0; n < PULL_PAGE_ROWS || !row.last; n++) {
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		rc = rows_next(pipe->rows, &row, err);
		if (rc != 1)
			break;
		if (put_row(p, pipe, &row, err) < 0)
			return -1;
		if (pipe->full || (row.page && row.last))
			break;
	}
	if (rc < 0)
		return -1;
	end = end_page(pipe, err);
	return end <= 0 ? end : rc;
}

/* ---- turns ---- */

/* Of the run, and of the resource, whose time begins now. Who follows a resource
 * has what that left to work on, however late it is. */
static double
until_of(const struct pull *p, const struct pipe *pipe)
{
	double own = pipe->plan->max_time_s > 0
	    ? time_monotonic() + pipe->plan->max_time_s
	    : 0;
	double all = pipe->parent == NULL ? p->until : 0;

	return own > 0 && (all <= 0 || own < all) ? own : all;
}

static struct pipe *
open_pipe(struct pull *p, size_t i)
{
	const struct resource *r = &p->sources->items[i];
	bool alone = p->fifo || p->sources->count == 1;
	struct pipe *pipe = xcalloc(1, sizeof(*pipe));
	struct input_context in = p->plans[i].input;

	pipe->resource = r;
	pipe->plan = &p->plans[i];
	if (pipe->plan->parent != PULL_ROOT) {
		pipe->parent = p->pipes[pipe->plan->parent];
		pipe->sibling = pipe->parent->child;
		pipe->parent->child = pipe;
		pipe->channel = channel_new();
	}
	in.resource = r->name;
	in.workers = pipe->plan->set.workers;
	if (in.workers > pipe->plan->set.max_items)
		in.workers = pipe->plan->set.max_items;
	in.parent = pipe->channel;
	pipe->feed = feed_new(&in, (const char *const *)r->inputs, r->count,
	    alone ? IO_BLOCK : IO_BLOCK / 4, alone ? 4 : 2,
	    pipe->plan->set.max_expansion);
	pipe->until = until_of(p, pipe);
	feed_until(pipe->feed, pipe->until);
	pipe->rows = rows_new(pipe->feed, p->format);
	pipe->taken = &p->rows[i];
	pipe->kept = &p->kept[i];
	pipe->cut = &p->cut[i];
	p->pipes[i] = pipe;
	return pipe;
}

static size_t
root_of(const struct pull *p, size_t i)
{
	while (p->plans[i].parent != PULL_ROOT)
		i = p->plans[i].parent;
	return i;
}

/* A root and all that depends on it take turns from now on. */
static int
activate(struct pull *p, size_t root, struct error *err)
{
	for (size_t i = root; i < p->sources->count; i++)
		if (root_of(p, i) == root)
			p->active[p->active_count++] = open_pipe(p, i);
	/* children work while their parent is still at its first page */
	for (size_t i = root + 1; i < p->sources->count; i++)
		if (p->pipes[i] != NULL && p->pipes[i]->channel != NULL &&
		    feed_start(p->pipes[i]->feed, err) < 0)
			return -1;
	return 0;
}

/* The time was over before its first page. */
static void
skip_root(struct pull *p, size_t root)
{
	for (size_t i = root; i < p->sources->count; i++)
		if (root_of(p, i) == root)
			p->cut[i] = true;
}

/* Is a turn of no use? */
static bool
must_wait(const struct pipe *pipe)
{
	for (const struct pipe *c = pipe->child; c != NULL; c = c->sibling)
		if (channel_is_full(c->channel))
			return true;
	return false;
}

/* Nobody wants rows of it. */
static bool
is_useless(const struct pipe *pipe)
{
	if (!pipe->plan->unwritten)
		return false;
	for (const struct pipe *c = pipe->child; c != NULL; c = c->sibling)
		if (c->rows != NULL)
			return false;
	return true;
}

static void
end_pipe(struct pipe *pipe)
{
	const char *kept = rows_kept(pipe->rows);

	if (kept != NULL)
		*pipe->kept = xstrdup(kept);
	rows_free(pipe->rows);
	pipe->rows = NULL;
	if (pipe->channel != NULL)
		channel_cancel(pipe->channel);
	for (struct pipe *c = pipe->child; c != NULL; c = c->sibling)
		channel_close(c->channel);
}

static bool
is_over(const struct pipe *pipe)
{
	return pipe->until > 0 && time_monotonic() >= pipe->until;
}

static void
cut_short(struct pipe *pipe)
{
	pipe->full = true;
	*pipe->cut = true;
	feed_stop(pipe->feed);
}

/* The error is told, and what came before it stays. */
static int
leave(struct pull *p, struct pipe *pipe, struct error *err)
{
	const char *kind = pipe->plan->hints->disposition.kind;

	if (!p->keep_going || err->code == ERR_QUIET || err->code == ERR_USAGE)
		return -1;
	if (strcmp(kind, "replace") == 0) {
		error_prefix(err,
		    "%s: a part of its rows cannot replace its table: ",
		    pipe->resource->name);
		return -1;
	}
	msg_error("%s: %s", pipe->resource->name, err->msg);
	p->failed++;
	cut_short(pipe);
	/* of its parents' rows some have no children yet */
	for (struct pipe *up = pipe->parent; up != NULL; up = up->parent)
		*up->cut = true;
	*err = (struct error){ 0 };
	return pipe->lane != NULL ? lane_end_item(pipe->lane, err) : 0;
}

/* 1; 0: the resource has ended; -1. */
static int
take_turn(struct pull *p, struct pipe *pipe, struct error *err)
{
	int rc;

	if (is_over(pipe))
		feed_stop(pipe->feed); /* and what it has read is taken */
	if (must_wait(pipe))
		return 1;
	if (is_useless(pipe)) {
		pipe->full = true;
		return 0;
	}
	rc = pull_page(p, pipe, err);
	if (rc < 0)
		return leave(p, pipe, err);
	if (rc == 1)
		rows_trim(pipe->rows);
	if (rc == 0 && rows_cut(pipe->rows))
		cut_short(pipe);
	return rc != 0;
}

int
pull_run(struct pull *p, struct error *err)
{
	size_t n = p->sources->count, max = p->fifo ? 1 : PULL_ACTIVE;
	size_t roots = 0, next = 0;

	p->pipes = xcalloc(n + 1, sizeof(*p->pipes));
	p->active = xcalloc(n + 1, sizeof(*p->active));
	p->rows = xcalloc(n + 1, sizeof(*p->rows));
	p->kept = xcalloc(n + 1, sizeof(*p->kept));
	p->cut = xcalloc(n + 1, sizeof(*p->cut));
	if (p->max_time_s > 0)
		p->until = time_monotonic() + p->max_time_s;
	for (;;) {
		for (; roots < max && next < n; next++) {
			if (p->plans[next].parent != PULL_ROOT)
				continue;
			if (p->until > 0 && time_monotonic() >= p->until) {
				skip_root(p, next);
			} else {
				if (activate(p, next, err) < 0)
					return -1;
				roots++;
			}
		}
		if (p->active_count == 0)
			return 0;
		for (size_t i = 0; i < p->active_count;) {
			struct pipe *pipe = p->active[i];
			int rc = take_turn(p, pipe, err);

			if (rc < 0)
				return -1;
			if (rc == 1) {
				i++;
				continue;
			}
			end_pipe(pipe);
			roots -= pipe->parent == NULL;
			memmove(p->active + i, p->active + i + 1,
			    (--p->active_count - i) * sizeof(*p->active));
		}
	}
}

static void
stop_pipe(struct pipe *pipe)
{
	if (pipe == NULL)
		return;
	if (pipe->channel != NULL)
		channel_cancel(pipe->channel);
	feed_stop(pipe->feed);
}

static void
free_parts(struct pipe *pipe)
{
	for (size_t i = 0; i < pipe->part_count; i++) {
		if (pipe->parts[i] == NULL)
			continue;
		json_release(&pipe->parts[i]->described);
		free(pipe->parts[i]);
	}
	free(pipe->parts);
}

void
pull_release(struct pull *p, bool failed)
{
	for (size_t i = 0; p->pipes != NULL && i < p->sources->count; i++)
		stop_pipe(p->pipes[i]);
	for (size_t i = 0; p->pipes != NULL && i < p->sources->count; i++) {
		struct pipe *pipe = p->pipes[i];

		if (pipe == NULL)
			continue;
		rows_free(pipe->rows);
		if (failed || pipe->full)
			feed_abandon(pipe->feed);
		else
			feed_free(pipe->feed);
		channel_free(pipe->channel);
		json_release(&pipe->described);
		free_parts(pipe);
		free(p->kept[i]);
		free(pipe);
	}
	for (size_t i = 0; i < p->declared_count; i++) {
		free(p->declared[i].table);
		free(p->declared[i].resource);
	}
	for (size_t i = 0; i < p->route_slots; i++)
		free(p->routes[i].value);
	free(p->routes);
	free(p->declared);
	free(p->pipes);
	free(p->active);
	free(p->kept);
	free(p->cut);
	free(p->rows);
}

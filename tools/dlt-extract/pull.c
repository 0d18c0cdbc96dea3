/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/pull.h"

#include "common/mem.h"
#include "common/name.h"
#include "common/output.h"
#include "tools/dlt-extract/row_field.h"

#include <stdlib.h>
#include <string.h>

/* A resource that is being read. */
struct pipe {
	const struct resource *resource;
	const struct pull_resource *plan;
	struct feed *feed;
	struct rows *rows;
	uint64_t *taken;
	bool declared;
	struct lane *lane; /* NULL: a contract drops the rows */
};

/* Where the rows of a resource with one value of table_from go. */
struct route {
	char *value; /* NULL: free */
	const struct pull_resource *plan;
	struct lane *lane;
};

/* ---- tables ---- */

/* Declare a table unless it has been; *lane NULL: its rows are dropped. */
static int
declare(struct pull *p, const struct pull_resource *plan, const char *table,
    const char *resource, struct lane **lane, struct error *err)
{
	struct buf name = { 0 };
	bool filtered = false;
	struct declared *d;
	int rc = -1;

	if (name_tables_path(&p->schema->naming, table, strlen(table), &name,
	        err) < 0)
		goto out;
	for (size_t i = 0; i < p->declared_count; i++) {
		if (strcmp(p->declared[i].table, buf_str(&name)) == 0) {
			*lane = writer_lane(p->writer, buf_str(&name));
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
	if (hints_apply(plan->hints, p->schema, buf_str(&name), resource,
	        &filtered, err) < 0)
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
	d->hints = plan->hints;
	*lane = writer_lane(p->writer, d->table);
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
		if (declare(p, plan, buf_str(&value),
		        plan->keeps_name ? pipe->resource->name
		                         : buf_str(&value),
		        &r->lane, err) < 0)
			goto out;
		r->plan = plan;
		r->value = buf_take(&value);
		p->route_count++;
	}
	*lane = r->lane;
	rc = 0;
out:
	buf_release(&value);
	if (rc < 0)
		error_prefix(err, "%s:%llu:%llu: ", row->input,
		    (unsigned long long)row->line,
		    (unsigned long long)row->column);
	return rc;
}

/* ---- rows ---- */

static int
put_row(struct pull *p, struct pipe *pipe, const struct row *row,
    struct error *err)
{
	struct lane *lane;
	const struct pull_resource *plan = pipe->plan;
	bool last = ++*pipe->taken >= plan->limit || row->last;

	if (plan->table_from != NULL) {
		if (route(p, pipe, row, &lane, err) < 0)
			return -1;
		last = true; /* dlt writes such rows one by one */
	} else {
		if (!pipe->declared &&
		    declare(p, plan,
		        plan->table != NULL ? plan->table
		                            : pipe->resource->name,
		        pipe->resource->name, &pipe->lane, err) < 0)
			return -1;
		pipe->declared = true;
		lane = pipe->lane;
	}
	return lane == NULL ? 0 : lane_add(lane, row, last, err);
}

/* A page of a resource: 1, or 0 when it has ended. */
static int
pull_page(struct pull *p, struct pipe *pipe, struct error *err)
{
	struct row row = { .last = true };

	for (size_t n = 0; n < PULL_PAGE_ROWS || !row.last; n++) {
		int rc;

		if (*pipe->taken >= pipe->plan->limit)
			return 0;
		if (signal_pending())
			return error_set(err, ERR_QUIET, "interrupted");
		rc = rows_next(pipe->rows, &row, err);
		if (rc <= 0)
			return rc;
		if (put_row(p, pipe, &row, err) < 0)
			return -1;
		if (row.page && row.last)
			return 1;
	}
	return 1;
}

static struct pipe *
open_pipe(struct pull *p, size_t i)
{
	const struct resource *r = &p->sources->items[i];
	bool alone = p->fifo || p->sources->count == 1;
	struct pipe *pipe = xcalloc(1, sizeof(*pipe));

	pipe->resource = r;
	pipe->plan = &p->plans[i];
	pipe->feed = feed_new(r->name, (const char *const *)r->inputs, r->count,
	    alone ? IO_BLOCK : IO_BLOCK / 4, alone ? 4 : 2, p->max_expansion);
	pipe->rows = rows_new(pipe->feed, p->format);
	pipe->taken = &p->rows[i];
	p->pipes[i] = pipe;
	return pipe;
}

int
pull_run(struct pull *p, struct error *err)
{
	struct pipe *active[PULL_ACTIVE];
	size_t max = p->fifo ? 1 : PULL_ACTIVE, count = 0, next = 0;

	p->pipes = xcalloc(p->sources->count + 1, sizeof(*p->pipes));
	p->rows = xcalloc(p->sources->count + 1, sizeof(*p->rows));
	while (count > 0 || next < p->sources->count) {
		while (count < max && next < p->sources->count)
			active[count++] = open_pipe(p, next++);
		for (size_t i = 0; i < count;) {
			int rc = pull_page(p, active[i], err);

			if (rc < 0)
				return -1;
			if (rc == 1) {
				rows_trim(active[i++]->rows);
				continue;
			}
			rows_free(active[i]->rows);
			active[i]->rows = NULL;
			memmove(active + i, active + i + 1,
			    (--count - i) * sizeof(*active));
		}
	}
	return 0;
}

void
pull_release(struct pull *p, bool failed)
{
	for (size_t i = 0; p->pipes != NULL && i < p->sources->count; i++)
		if (p->pipes[i] != NULL)
			feed_stop(p->pipes[i]->feed);
	for (size_t i = 0; p->pipes != NULL && i < p->sources->count; i++) {
		struct pipe *pipe = p->pipes[i];

		if (pipe == NULL)
			continue;
		rows_free(pipe->rows);
		if (failed || *pipe->taken >= pipe->plan->limit)
			feed_abandon(pipe->feed);
		else
			feed_free(pipe->feed);
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
	free(p->rows);
}

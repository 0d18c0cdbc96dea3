/* SPDX-License-Identifier: MIT */
/* http:// and https://: the rows of a REST API, as rest_source.c has prepared it. */
#include "common/mem.h"
#include "tools/dlt-extract/channel.h"
#include "tools/dlt-extract/input_kind.h"
#include "tools/dlt-extract/rest/rest_crew.h"
#include "tools/dlt-extract/rest/rest_source.h"

#include <stdlib.h>
#include <string.h>

struct reader {
	const struct rest_input *in;
	struct rest_caller *caller;
	struct channel *parent;     /* NULL: a root */
	struct rest_series *series; /* that is read */
	struct rest_crew *crew;     /* NULL: one request after the other */
	struct buf row;             /* of the parent */
	struct buf name, out;
	size_t at; /* bytes of out that have been read */
	bool begun, root_done;
};

static void *
open_rest(const struct input_context *in, struct error *err)
{
	const struct rest_input *i = in->rest;
	struct reader *r;

	while (i != NULL && strcmp(i->text, in->text) != 0)
		i = i->next;
	if (i == NULL) {
		error_set(err, ERR_USAGE, "%s: this URL was not prepared",
		    in->resource);
		return NULL;
	}
	r = xcalloc(1, sizeof(*r));
	r->in = i;
	r->caller = rest_caller_new(i->job.client, i->limits,
	    ARRAY_LEN(i->limits));
	r->parent = in->parent;
	rest_url_show(in->text, &r->name);
	if (r->parent != NULL && i->job.resource->parallelized)
		r->crew = rest_crew_new(&i->job, r->caller, r->parent,
		    i->workers, i->max_items);
	return r;
}

static int
next_rest(void *self, const char **name, struct error *err)
{
	struct reader *r = self;

	(void)err;
	if (r->begun)
		return 0;
	r->begun = true;
	*name = buf_str(&r->name);
	return 1;
}

/* Of a root once, of a child for each row of the parent. 0: no more. */
static int
next_series(struct reader *r, struct error *err)
{
	int rc = 1;

	rest_series_free(r->series);
	r->series = NULL;
	if (r->parent == NULL && r->root_done)
		return 0;
	r->root_done = true;
	if (r->parent != NULL)
		rc = channel_take(r->parent, true, &r->row, err);
	if (rc != 1)
		return rc;
	r->series = rest_series_new(&r->in->job,
	    r->parent != NULL ? buf_str(&r->row) : NULL, r->row.len, err);
	return r->series == NULL ? -1 : 1;
}

/* 1: r->out has bytes. */
static int
fetch(struct reader *r, struct error *err)
{
	int rc;

	buf_reset(&r->out);
	r->at = 0;
	while (r->out.len == 0) {
		if (r->crew != NULL) {
			rc = rest_crew_read(r->crew, &r->out, err);
			if (rc <= 0)
				return rc;
			continue;
		}
		rc = r->series == NULL
		    ? 0
		    : rest_series_next(r->series, r->caller, &r->out, err);
		if (rc == 0)
			rc = next_series(r, err);
		if (rc <= 0)
			return rc;
	}
	return 1;
}

static long
read_rest(void *self, void *data, size_t len, struct error *err)
{
	struct reader *r = self;

	if (r->at == r->out.len) {
		int rc = fetch(r, err);

		if (rc <= 0)
			return rc;
	}
	if (len > r->out.len - r->at)
		len = r->out.len - r->at;
	memcpy(data, r->out.data + r->at, len);
	r->at += len;
	return (long)len;
}

static void
cancel_rest(void *self)
{
	struct reader *r = self;

	rest_caller_cancel(r->caller);
	if (r->crew != NULL)
		rest_crew_cancel(r->crew);
}

static void
close_rest(void *self)
{
	struct reader *r = self;

	rest_caller_cancel(r->caller);
	rest_crew_free(r->crew);
	rest_series_free(r->series);
	rest_caller_free(r->caller);
	buf_release(&r->row);
	buf_release(&r->name);
	buf_release(&r->out);
	free(r);
}

const struct input_kind input_http = {
	.scheme = "http://",
	.open = open_rest,
	.next = next_rest,
	.read = read_rest,
	.cancel = cancel_rest,
	.close = close_rest,
};

const struct input_kind input_https = {
	.scheme = "https://",
	.open = open_rest,
	.next = next_rest,
	.read = read_rest,
	.cancel = cancel_rest,
	.close = close_rest,
};

/* SPDX-License-Identifier: MIT */
/* Rows that cannot be placed, as a result keeps them. */
#include <stdio.h>
#include <stdlib.h>

#include "common/mem.h"
#include "tools/dlt-normalize/walker.h"

static void
result_reject(struct result *res, const struct reject *r)
{
	res->rejects = xgrow(res->rejects, &res->reject_cap,
	    res->reject_count + 1, sizeof(*res->rejects));
	res->rejects[res->reject_count++] = (struct reject){
		.row = r->row,
		.byte = r->byte,
		.reason = xstrdup(r->reason),
		.table = r->table ? xstrdup(r->table) : NULL,
		.column = r->column ? xstrdup(r->column) : NULL,
		.data = xstrndup(r->data, r->len),
		.len = r->len,
		.large = r->large,
	};
}

void
result_drop_rejects(struct result *res)
{
	size_t i;

	for (i = 0; i < res->reject_count; i++) {
		free(res->rejects[i].reason);
		free(res->rejects[i].table);
		free(res->rejects[i].column);
		free(res->rejects[i].data);
	}
	res->reject_count = 0;
}

void
reject_bytes(struct walker *w, const char *row, size_t len,
    const struct error *err)
{
	char reason[sizeof(err->msg) + 16];
	struct reject r = { .row = w->res->rows,
		.byte = w->block_offset + (uint64_t)(row - w->block),
		.reason = reason,
		.table = (char *)(uintptr_t)w->bad_table,
		.column = (char *)(uintptr_t)w->bad_column,
		.data = (char *)(uintptr_t)row,
		.len = len };

	if (len > MAX_ROW) {
		r.large = len;
		r.len = 0;
	}
	snprintf(reason, sizeof(reason), "%s%s",
	    err->msg[0] >= '0' && err->msg[0] <= '9' ? "position " : "",
	    err->msg);
	result_reject(w->res, &r);
	w->res->rows++;
	w->res->depends = true;
}

void
reject_large(struct walker *w, const struct block *b)
{
	char reason[64];
	struct reject r = { .row = w->res->rows,
		.byte = b->offset + b->large_at,
		.reason = reason,
		.data = b->data,
		.large = b->large };

	snprintf(reason, sizeof(reason), ROW_TOO_LARGE, MAX_ROW >> 20);
	result_reject(w->res, &r);
	w->res->rows++;
}

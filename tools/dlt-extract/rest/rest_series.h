/* SPDX-License-Identifier: MIT */
/*
 * rest_series: the requests for all pages of an endpoint; of a child those for
 * one row of its parent.
 *
 * Errors: as rest_client.h says, and ERR_DATA for answers; messages begin with
 *         the resource's name and hold no secret.
 * Thread: a series belongs to one; several may share a struct rest_job.
 * Owner:  rest_series_new() -> rest_series_free(); borrows the job.
 */
#ifndef DLT_EXTRACT_REST_SERIES_H
#define DLT_EXTRACT_REST_SERIES_H

#include <stdatomic.h>

#include "tools/dlt-extract/rest/rest_client.h"
#include "tools/dlt-extract/rest/rest_config.h"
#include "tools/dlt-extract/rest/rest_text.h"

/* What the requests of a resource have in common. */
struct rest_job {
	const struct rest_resource *resource;
	struct rest_client *client;
	const char *base_url;
	struct rest_auth *auth;     /* its own, or NULL */
	const struct json *headers; /* without secrets to look up; or NULL */
	struct rest_values cursor;  /* {incremental.*} */
	const struct json *start, *end; /* for start_param and end_param */
	atomic_bool *told;              /* that its one page is a guess */
};

struct rest_series;

/* parent: a row of the parent, or NULL. */
struct rest_series *rest_series_new(const struct rest_job *job,
    const char *parent, size_t len, struct error *err);
void rest_series_free(struct rest_series *s); /* NULL is legal */

/* 1: the rows of the next page are appended (rest_rows.h), perhaps none; 0:
 * there are no more pages; -1. */
int rest_series_next(struct rest_series *s, struct rest_caller *caller,
    struct buf *out, struct error *err);
/* The request that would be next, for people (rest_print()). */
int
rest_series_print(struct rest_series *s, struct buf *out, struct error *err);

#endif

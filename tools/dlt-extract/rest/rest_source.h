/* SPDX-License-Identifier: MIT */
/*
 * rest_source: what the REST resources of a run need to ask their API: clients,
 * secrets, limits, cursors. Made before any of them is pulled, because the
 * configuration belongs to one thread.
 *
 * Shape:  sources.NAME.RESOURCE, sources.NAME have the settings of resources
 *         of a file. An operand NAME=URL is a resource whose endpoint has that
 *         path, and the keys of a resource that stand there, as JSON or text:
 *         -c 'sources.NAME.paginator={"type":"offset","limit":100}'.
 * Errors: ERR_USAGE.
 * Owner:  rest_source_new() -> rest_source_free() after the run; borrows from
 *         the source file, the plans and the sources.
 */
#ifndef DLT_EXTRACT_REST_SOURCE_H
#define DLT_EXTRACT_REST_SOURCE_H

#include "tools/dlt-extract/pull.h"
#include "tools/dlt-extract/rest/rest_series.h"

struct rest_source;

/* An input of a resource. */
struct rest_input {
	struct rest_input *next; /* of the same resource */
	const char *text;
	struct rest_job job;
	struct rest_limit *limits[3];
	long workers;   /* requests at once, if parallelized */
	long max_items; /* rows of the parent that are worked on at once */
	/* private */
	atomic_bool told;
	struct rest_auth *auth;
	struct json_doc docs[3]; /* values of the cursor */
};

struct rest_source_spec {
	struct config *config;
	/* The source in it; borrowed for as long as the rest_source lives. */
	const struct config_context *where;
	long workers, max_items; /* requests at once, of all resources */
};

/* Fills in plans[].input.rest. *source is NULL when no input is one of an API; else it is to be
 * freed, also after a failure. */
int rest_source_new(const struct sources *sources, struct pull_resource *plans,
    const struct rest_source_spec *spec, struct rest_source **source,
    struct error *err);
void rest_source_free(struct rest_source *s); /* NULL is legal */

/* The first requests, as a person would like to see them: those of children
 * have their placeholders. */
int rest_source_print(const struct rest_source *s, struct buf *out,
    struct error *err);

#endif

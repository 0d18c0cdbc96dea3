/* SPDX-License-Identifier: MIT */
/*
 * rest_config: the resources of a source file that are endpoints of a REST API,
 * with dlt's keys: checked, merged with the defaults, bound to their parents.
 *
 * Shape:  { client = { base_url, headers, auth, paginator }, resource_defaults,
 *         resources = [ "NAME" | { name, endpoint = "PATH" | { path, method,
 *         params, json, data, headers, auth, paginator, data_selector,
 *         response_actions, incremental }, include_from_parent } ] }
 * Errors: ERR_USAGE "FILE:LINE:COLUMN: what".
 * Thread: does not change once it is made.
 * Owner:  rest_config_new() -> rest_config_free(); borrows from the file.
 * Source: dlt 1.26.0, sources/rest_api/{typing,config_setup}.py.
 */
#ifndef DLT_EXTRACT_REST_CONFIG_H
#define DLT_EXTRACT_REST_CONFIG_H

#include "tools/dlt-extract/jsonpath.h"
#include "tools/dlt-extract/rest/rest_page.h"

struct rest_config;
struct source_file;

/* A field of the parent's rows, and the placeholder that it fills. */
struct rest_bind {
	char *name;
	struct jsonpath *path;
	char *field; /* its text */
};

struct rest_action {
	int status; /* 0: any */
	const char *content;
	bool ignore;
};

/* Trees may hold placeholders; NULL: nothing. */
struct rest_resource {
	const char *name;
	const struct json *declared;
	const char *path;
	const char *method;
	const struct json *params, *headers, *json, *data;
	const struct json *auth; /* its own, perhaps null; NULL: the client's */
	struct rest_pager *pager;    /* NULL: found by the first answer */
	struct jsonpath *selector;   /* the same */
	struct rest_action *actions; /* NULL: none */
	size_t action_count;
	const char *parent; /* the resource that it asks for each row of */
	struct rest_bind *binds;
	size_t bind_count;
	const struct json *include; /* include_from_parent, strings */
	bool parallelized;
	/* The cursor: the table that the key `incremental` of a resource
	 * takes, and the parameters that it goes into. */
	const struct json *incremental;
	const char *start_param, *end_param;
	const struct json *place; /* of it in the file */
};

/* Is the resource one of an API? */
bool rest_is_resource(const struct source_file *f, const struct json *resource);

/* Names that stand for resources become such; before anything else looks at
 * them. */
void rest_config_expand(struct source_file *f);

/* *config is NULL when the file has no client and no endpoint. */
int rest_config_new(const struct source_file *f, struct rest_config **config,
    struct error *err);
void rest_config_free(struct rest_config *c); /* NULL is legal */

/* NULL: it is none of them; also when c is. */
const struct rest_resource *
rest_config_find(const struct rest_config *c, const struct json *resource);
/* The resource that this one asks for each row of; NULL: none. Whether it is
 * there, and that nothing depends on itself, has been checked. */
const char *
rest_parent(const struct source_file *f, const struct json *resource);
/* The URL of the resource with its placeholders, appended; for messages, and to
 * tell what kind of input it is. */
void rest_config_url(const struct rest_config *c, const struct rest_resource *r,
    struct buf *out);
/* `client`, or NULL. */
const struct json *rest_config_client(const struct rest_config *c);

#endif

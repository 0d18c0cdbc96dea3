/* SPDX-License-Identifier: MIT */
/* rest_config.c and rest_bind.c share this. */
#ifndef DLT_EXTRACT_REST_CONFIG_PRIVATE_H
#define DLT_EXTRACT_REST_CONFIG_PRIVATE_H

#include "common/mem.h"
#include "tools/dlt-extract/rest/rest_config.h"

#define REST_PYTHON "is Python, and has no place in a source file"

struct rest_config {
	const struct source_file *file;
	struct arena arena;
	const struct json *client;   /* or NULL */
	const struct json *defaults; /* the endpoint of resource_defaults */
	struct rest_resource *items;
	size_t count;
};

struct rest_binding {
	struct rest_config *config;
	struct rest_resource *r;
	const struct json *params; /* as they were given */
	struct json *query;        /* what is left of them */
	bool cursor;               /* {incremental.*} stands for something */
	const char *where;         /* "path", "params", ... */
};

/* A member that is not null. */
const struct json *rest_given(const struct json *object, const char *key);
/* err's message is about v; -1. */
int rest_config_blame(const struct rest_config *c, const struct json *v,
    struct error *err);
/* Members of from, or of nothing (NULL), that win. */
void
rest_merge(struct rest_config *c, struct json *out, const struct json *from);

/* The parameters, and the path: what it takes of them. */
int rest_bind_params(struct rest_binding *b, const struct json *path,
    struct error *err);
/* The placeholders of a tree; NULL is legal. */
int
rest_bind_tree(struct rest_binding *b, const struct json *v, struct error *err);
/* `incremental` of an endpoint; NULL is legal. */
int rest_bind_incremental(struct rest_config *c, struct rest_resource *r,
    const struct json *v, struct error *err);

#endif

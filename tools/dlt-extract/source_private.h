/* SPDX-License-Identifier: MIT */
/* source_file.c and source_check.c share this. */
#ifndef DLT_SOURCE_PRIVATE_H
#define DLT_SOURCE_PRIVATE_H

#include "common/json.h"
#include "common/toml.h"

struct rest_config;

struct source_file {
	const char *path;
	char *name;
	char *text; /* of the file */
	size_t len;
	struct toml_json toml; /* text NULL: the file is JSON */
	struct json_doc doc;
	const struct json *defaults, *resources;
	struct rest_config *rest; /* NULL: nothing of an API */
	struct entry *entries;    /* private to source_file.c */
	size_t count;
};

/* The resource whose rows it takes, or NULL. */
const char *source_parent(const struct source_file *f, const struct json *r);
/* By its name, or NULL. */
const struct json *
source_resource(const struct source_file *f, const char *name);

/* The whole document; finds defaults and resources. */
int source_check(struct source_file *f, struct error *err);

#endif

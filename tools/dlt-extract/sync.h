/* SPDX-License-Identifier: MIT */
/*
 * sync: schema and state that a destination has stored (--sync).
 */
#ifndef DLT_EXTRACT_SYNC_H
#define DLT_EXTRACT_SYNC_H

#include "common/buf.h"
#include "common/schema.h"

struct config;

struct sync_source {
	const char *destination; /* a URL, or the name of a configured one */
	const char *dataset, *password_file; /* or NULL */
	const char *working;                 /* the pipeline of -p, or NULL */
};

/* The stored schema in *s (NULL: there is none), and the stored document of the
 * pipeline's state in *state (empty: there is none). Nothing is changed. */
int sync_read(const struct sync_source *from, struct config *c,
    const char *schema_name, const char *pipeline, struct schema **s,
    struct buf *state, struct error *err);

#endif

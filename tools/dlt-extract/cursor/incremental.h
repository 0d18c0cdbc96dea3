/* SPDX-License-Identifier: MIT */
/*
 * incremental: a cursor over the rows of a resource, which lets through what is
 * new since the last run.
 *
 * Shape:  a step (step.h) that comes last. What it keeps between runs is
 *         { initial_value, last_value, unique_hashes, start_value } under the
 *         cursor's name in the state of the resource.
 * Errors: ERR_DATA for rows without a cursor, values that do not compare, and
 *         rows without their primary key.
 * Source: contract.md 12.4 to 12.6; dlt/extract/incremental.
 */
#ifndef DLT_INCREMENTAL_H
#define DLT_INCREMENTAL_H

#include "common/json.h"
#include "tools/dlt-extract/cursor/row_hash.h"
#include "tools/dlt-extract/step.h"

/* As it is declared (incremental_spec.c). Values are JSON text. */
struct incremental_spec {
	char *cursor;        /* a name, or a JSONPath */
	char *initial, *end; /* NULL: none */
	char *lag;           /* a number that is not 0; NULL: none */
	bool is_min, start_open, end_closed;
	enum { ORDER_NONE, ORDER_ASC, ORDER_DESC } order;
	enum { MISSING_RAISE, MISSING_INCLUDE, MISSING_EXCLUDE } missing;
	bool has_key; /* its own primary key; else that of the resource */
	struct row_key key;
};

/* Of a source file: an object with dlt's names. *where (in o, or o itself): what
 * is wrong; key: its key is. column: the cursor where o need not name it, or
 * NULL. ERR_USAGE. To be released in any case. */
int incremental_spec_read(struct incremental_spec *s, const struct json *o,
    const char *column, const struct json **where, bool *key,
    struct error *err);
/* Of the command line: CURSOR[,WORD=VALUE...]. ERR_USAGE. */
int incremental_spec_parse(struct incremental_spec *s, const char *text,
    struct error *err);
void incremental_spec_release(struct incremental_spec *s);
/* The one field that the cursor is, malloc'd; NULL: it is a path. */
char *incremental_spec_field(const struct incremental_spec *s);

struct incremental;

struct incremental_bind {
	const struct incremental_spec *spec;
	const struct json *state;  /* of the resource, or NULL */
	const struct row_key *key; /* the resource's primary key */
	const char *resource;
	bool has_parent; /* a transformer: its input is not ended early */
};

/* Borrows spec, key and resource. */
struct incremental *
incremental_new(const struct incremental_bind *b, struct error *err);
/* A step, which owns it. */
struct step *incremental_step(struct incremental *i);
/* What is to be kept, as JSON text; false: nothing is. */
bool incremental_state(const struct incremental *i, struct buf *out);
/* Is what is to be replaced still what it began with? */
bool incremental_is_same(const struct incremental *i, const struct json *state);
const char *incremental_resource(const struct incremental *i);

/* For inputs that can ask for less. Values are JSON text, strings perhaps
 * dlt's typed values; they do not change while the inputs are open. */

/* The field as it was given: a name, or a JSONPath. */
const char *incremental_cursor(const struct incremental *i);
/* From here on, with the lag: NULL: all. */
const char *incremental_start(const struct incremental *i);
/* Up to here; NULL: no end. */
const char *incremental_end(const struct incremental *i);
const char *incremental_initial(const struct incremental *i);
bool incremental_start_is_open(const struct incremental *i);
bool incremental_end_is_open(const struct incremental *i);
/* 1: the least is wanted (last_value_func "min"), values fall. */
bool incremental_is_min(const struct incremental *i);
/* How it was declared. */
const struct incremental_spec *
incremental_declared(const struct incremental *i);

#endif

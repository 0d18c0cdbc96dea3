/* SPDX-License-Identifier: MIT */
/*
 * rest_text: texts with placeholders, as Python's str.format() has them.
 *
 * Shape:  {resources.PARENT.FIELD}, {incremental.start_value}, {NAME}; braces
 *         that are meant are doubled. Conversions and format specifications
 *         ({x!r}, {x:>5}) are refused.
 * Errors: ERR_USAGE for texts that are wrong; ERR_DATA for values.
 * Source: dlt 1.26.0, sources/rest_api/config_setup.py (expand_placeholders).
 */
#ifndef DLT_EXTRACT_REST_TEXT_H
#define DLT_EXTRACT_REST_TEXT_H

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"
#include "common/mem.h"

struct rest_value {
	const char *name; /* of the placeholder */
	const struct json *value;
};

struct rest_values {
	struct rest_value *items;
	size_t count, cap;
};

/* A name that is given already is left alone. */
void rest_values_add(struct rest_values *v, const char *name,
    const struct json *value);

/* Copy a text; what placeholders become, put() appends, with braces doubled if
 * they are meant. It may return -1. out may be NULL. */
int rest_text_map(const char *text,
    int (*put)(void *arg, const char *name, struct buf *out, struct error *err),
    void *arg, struct buf *out, struct error *err);

int rest_text_expand(const char *text, const struct rest_values *values,
    struct buf *out, struct error *err);

/* All texts of a tree, keys too; others are borrowed. keep_types: a text that
 * is nothing but one placeholder becomes the value itself. */
int
rest_text_expand_tree(const struct json *v, const struct rest_values *values,
    bool keep_types, struct arena *a, struct json **out, struct error *err);

#endif

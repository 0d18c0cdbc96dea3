/* SPDX-License-Identifier: MIT */
/*
 * rest_tree: JSON values that are made or changed: merged settings, parameters
 * and bodies of requests.
 *
 * Shape:  nodes of an arena; what they point to (texts, children that were not
 *         copied) belongs to the document that they came from and stays there.
 *         A copy keeps raw, so that it can be blamed in its file.
 */
#ifndef DLT_EXTRACT_REST_TREE_H
#define DLT_EXTRACT_REST_TREE_H

#include "common/error.h"
#include "common/json.h"
#include "common/mem.h"

/* {}; raw: as that of `like` (NULL: "{}"). */
struct json *rest_tree_object(struct arena *a, const struct json *like);
/* text is copied. */
struct json *
rest_tree_string(struct arena *a, const char *text, const struct json *like);
/* The member is replaced where it stands, or comes last. Of the value the node
 * is copied, and returned; the key is borrowed. */
struct json *rest_tree_set(struct arena *a, struct json *object,
    const char *key, const struct json *value);
void rest_tree_remove(struct json *object, const char *key);
/* Copy all levels. */
struct json *rest_tree_copy(struct arena *a, const struct json *v);
/* The same at "a.b.c", as dlt's set_value_at_path(): objects that are missing
 * are made. ERR_DATA where another value is in the way. */
int rest_tree_set_path(struct arena *a, struct json *object, const char *path,
    const struct json *value, struct error *err);

#endif

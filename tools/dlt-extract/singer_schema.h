/* SPDX-License-Identifier: MIT */
/*
 * singer_schema: a SCHEMA message of Singer as hints of a table.
 *
 * Shape:  out gets {"columns":{..},"primary_key":[..],"keep_types":true}, as
 *         hints.h has it. A property has a type only where all that its schema
 *         allows beside null is of one type of column; objects and arrays have
 *         none, they are normalized as their values say.
 * Source: hub.singer.io/docs/spec; JSON Schema, drafts 4 to 2020-12.
 */
#ifndef DLT_SINGER_SCHEMA_H
#define DLT_SINGER_SCHEMA_H

#include "common/json.h"

/* schema: the message's "schema"; keys: its "key_properties", or NULL. */
void singer_schema_hints(const struct json *schema, const struct json *keys,
    struct buf *out);

#endif

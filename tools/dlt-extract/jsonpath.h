/* SPDX-License-Identifier: MIT */
/*
 * jsonpath: places in JSON values, in the language that dlt takes wherever it
 * asks for a JSONPath.
 *
 * Shape:  names divided by dots; `$` or `@` first for the whole value; "name"
 *         or 'name' in quotes (a backslash takes the next character as it is);
 *         `*`; a,b; [name], ["a","b"]; [n], from the end if negative;
 *         [from:to:step], [*]; `..` for the value and all below it. A name
 *         that is not in quotes has letters, digits, _, @ and -. As in dlt, [*]
 *         and slices see what is no array as an array of it, and of null and
 *         what is empty nothing; fields are those of objects only.
 *         Filters, sorting, `|`, `&`, where, arithmetic and functions are
 *         refused.
 * Errors: ERR_USAGE, with the place in the text, from 1 in characters.
 * Thread: a compiled path does not change.
 * Owner:  jsonpath_new() -> jsonpath_free().
 * Source: dlt 1.26.0, common/jsonpath.py; jsonpath-ng 1.7, ext/parser.py.
 */
#ifndef DLT_EXTRACT_JSONPATH_H
#define DLT_EXTRACT_JSONPATH_H

#include "common/error.h"
#include "common/json.h"

struct jsonpath;

struct jsonpath *jsonpath_new(const char *text, struct error *err);
void jsonpath_free(struct jsonpath *p); /* NULL is legal */

/* Of one field's name: the name; else NULL. */
const char *jsonpath_field(const struct jsonpath *p);

/* Values in the order in which they are found, until found() returns false. */
void jsonpath_each(const struct jsonpath *p, const struct json *value,
    bool (*found)(void *arg, const struct json *v), void *arg);
/* The first of them, or NULL. */
const struct json *
jsonpath_first(const struct jsonpath *p, const struct json *value);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * yaml: YAML documents as JSON text, and back; yaml.c is the only includer of
 * <yaml.h>.
 *
 * Shape:  one document. Scalars are taken for what YAML 1.1 says, as PyYAML's
 *         safe_load does (yes is true, 010 is 8), but dates stay strings.
 *         Anchors, aliases and merge keys (<<) are resolved.
 *         Written in blocks, keys in their order, as PyYAML's dump() writes.
 * Limits: documents of at most 16 MiB, which unfold to at most 64 MiB.
 * Errors: ERR_DATA "LINE:COLUMN: what"; ERR_USAGE where the program was built
 *         without libyaml: it says what to install.
 * Source: YAML 1.1; PyYAML's resolver.py and emitter.py; yaml.h 0.2.5.
 */
#ifndef DLT_YAML_H
#define DLT_YAML_H

#include "common/json.h"

/* Where the values of the JSON text stood: for errors that are found later. */
struct yaml_place {
	size_t at; /* offset in the JSON text */
	size_t line, column;
};

struct yaml_places {
	struct yaml_place *items; /* by offset */
	size_t count, cap;
};

/* Append the document as JSON text; an empty one is null. places may be NULL;
 * its items are to be freed. */
int yaml_to_json(const char *text, size_t len, struct buf *json,
    struct yaml_places *places, struct error *err);
/* Append a value as a YAML document. */
int yaml_from_json(const struct json *v, struct buf *out, struct error *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * schema_private: what the files of the schema module share; nobody else
 * includes it.
 */
#ifndef DLT_SCHEMA_PRIVATE_H
#define DLT_SCHEMA_PRIVATE_H

#include "common/schema.h"

#include <regex.h>

/* Longest table or column name taken from a document, in bytes. */
#define MAX_NAME ((size_t)1 << 18)

/* Names to items. The names are borrowed from the items. */
struct name_slot {
	const char *name;
	size_t len;
	void *item; /* NULL: free */
};

struct name_map {
	struct name_slot *slots;
	size_t cap, count;
	uint64_t seed;
};

void *name_map_get(const struct name_map *m, const char *name, size_t len);
void name_map_put(struct name_map *m, const char *name, size_t len, void *item);
void name_map_remove(struct name_map *m, const char *name, size_t len);
void name_map_release(struct name_map *m);

/* table.column_index */
struct table_private {
	struct name_map map;
	struct column **removed; /* kept: somebody may hold a pointer */
	size_t removed_count, removed_cap;
	size_t root_keys, row_keys; /* columns with these hints set */
};

/* A simple regex: an exact name, or what follows "re:". */
struct pattern {
	char *exact; /* NULL: re holds */
	regex_t re;
	bool broken; /* did not compile: matches nothing */
};

struct rule {       /* a category of settings.default_hints */
	char *name; /* "not_null", ... */
	struct pattern *patterns;
	size_t count;
};

struct preference { /* a line of settings.preferred_types */
	struct pattern pattern;
	enum data_type type;
};

/* schema.index */
struct schema_private {
	struct name_map map;
	struct rule *rules;
	size_t rule_count;
	struct preference *preferences;
	size_t preference_count;
	struct json_doc normalizers; /* parsed hints, for lookups */
	struct json_doc settings;
};

/* Set or add; value is copied, NULL removes the key. */
void hints_set(struct hints *h, const char *key, const char *value);
/* Append copies; none of the keys may be there yet. */
void hints_copy(struct hints *to, const struct hints *from);
void hints_release(struct hints *h);

/* Value text of a key that stands in some place only. */
#define PLACE_ONLY ""

/* An empty schema: no tables, no hints. */
struct schema *schema_alloc(void);
/* All but the tables. */
struct schema *schema_empty_copy(const struct schema *s);
struct table *schema_attach(struct schema *s, struct table *t);
void table_clear_columns(struct table *t);
/* Work out again what is cached, after the hints were filled directly. */
void column_refresh_all(struct column *c);
struct table *table_copy(const struct table *t);

/* The pattern of a simple regex (schema_regex.c). -1 ERR_DATA: not understood,
 * it then matches nothing. */
int pattern_compile(struct pattern *p, const char *text, struct error *err);
bool pattern_matches(const struct pattern *p, const char *name);
void pattern_release(struct pattern *p);

/* Read settings and normalizers again after they changed (schema_hints.c).
 * -1: a regex, naming, type or contract that is not understood; what could be
 * read is in force all the same. */
int schema_compile(struct schema *s, struct error *err);
void schema_compiled_release(struct schema_private *p);

/* A schema from its document, migrated and completed. */
struct schema *schema_from_json(const struct json *root, struct error *err);

/* The document of engine 1 or 2 in the layout of engine 3; its engine_version
 * stays (schema_layout.c). */
int
schema_repack(const struct json *document, struct buf *out, struct error *err);
/* Are the values of a document what their keys want (schema_check.c)? strict:
 * keys that are not known are errors, too. Documents of older engines pass.
 * *where: what is wrong. */
int schema_check(const struct json *root, bool strict,
    const struct json **where, struct error *err);
/* Bring the document of an older engine up to date (schema_migrate.c). The
 * schema holds it as it was read. */
int schema_migrate(struct schema *s, struct error *err);
/* Replace a table by its current standard definition (schema_json.c). */
void schema_standard_table(struct schema *s, const char *name);

/* The object text with one member replaced, added behind, or (value NULL)
 * removed; object NULL or no object counts as {}. Malloc'd. */
char *object_edit(const char *object, const char *key, const char *value);
/* The same below a path of count keys; missing objects are made. Removing
 * makes nothing, and leaves alone what is no object. */
char *object_edit_path(const char *object, const char *const *keys,
    size_t count, const char *value);
char *json_quoted(const char *s); /* malloc'd */
/* Parse text that was checked before; NULL if it is no JSON. */
const struct json *json_parse_known(struct json_doc *doc, const char *text);

#endif

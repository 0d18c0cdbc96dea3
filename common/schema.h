/* SPDX-License-Identifier: MIT */
/*
 * schema: tables, columns and hints of a stored schema (engine 11); read,
 * write, hash, version, evolve.
 *
 * Shape:  every key of the document is kept, known or not, in its order: a
 *         hint is a key with its value as compact JSON text. What the code
 *         needs often is cached beside (type, nullable, ...), so change hints
 *         only by the functions here. Columns and tables are never freed or
 *         moved while the schema lives: pointers to them stay good.
 * Errors: ERR_DATA for a malformed document, a newer engine, a merge that
 *         would change a complete column's type.
 * Owner:  schema_free() releases all.
 * Source: contract.md sections 6.6, 7.7, 8; appendix F and J.
 */
#ifndef DLT_SCHEMA_H
#define DLT_SCHEMA_H

#include "common/buf.h"
#include "common/error.h"
#include "common/json.h"
#include "common/name.h"
#include "common/type.h"

#define SCHEMA_ENGINE 11

struct hint {
	char *key;
	char *value; /* compact JSON text */
};

struct hints {
	struct hint *items;
	size_t count, cap;
};

struct table;

struct column {
	char *name;
	size_t name_len;
	struct table *table; /* that it belongs (or belonged) to */
	struct hints hints;  /* all keys but none twice: name, data_type, ... */
	enum data_type type; /* TYPE_NONE: incomplete */
	bool nullable;       /* absent means true */
	bool variant;
	bool timezone;          /* absent means true */
	bool row_key, root_key; /* set hints */
	size_t index;           /* position among the table's columns */
};

struct table {
	char *name;
	size_t name_len;
	struct hints hints; /* all keys; "columns" is "", for its place only */
	struct column **columns;
	size_t column_count, column_cap;
	char *parent;       /* NULL: a root table */
	void *column_index; /* private */
};

struct schema {
	char *name;
	long version;
	char hash[64];       /* version_hash as stored; "" when none */
	long engine_version; /* of the document that was read */
	struct hints hints;  /* top-level keys but version..name, tables and
	                        previous_hashes */
	struct table **tables;
	size_t table_count, table_cap;
	char *previous_hashes[10];
	size_t previous_count;
	struct naming naming; /* from normalizers.names */
	enum detection detections[8];
	size_t detection_count;
	long max_nesting; /* normalizers.json.config; -1: unset */
	void *index;      /* private */
};

/* ---- documents ---- */

/* A fresh schema with the two standard tables (contract.md 8.2). */
struct schema *schema_new(const char *name);
void schema_free(struct schema *s); /* NULL is legal */

/* From schema.json text; older engines are migrated, newer refused. */
struct schema *schema_parse(const char *text, size_t len, struct error *err);
/* From a file; YAML where its name ends in .yaml or .yml. */
struct schema *schema_read(const char *path, struct error *err);
struct schema *schema_copy(const struct schema *s); /* NULL gives NULL */
/* A copy without some of the tables: those below them must be among them. */
struct schema *schema_copy_without(const struct schema *s,
    bool (*without)(const struct table *t, void *arg), void *arg);

/* The stored document; compact, or pretty as in schemas/. */
void schema_write(const struct schema *s, bool pretty, struct buf *out);
/* The object of one table in it, compact. */
void table_write(const struct table *t, struct buf *out);

enum schema_export_flags {
	/* without what reading fills in: the names in tables and columns, and
	 * imported_version_hash */
	SCHEMA_EXPORT_NO_DEFAULTS = 1 << 0,
	/* without the marks of processing (x-normalizer, ...); version and hash
	 * are those of what is left */
	SCHEMA_EXPORT_NO_PROCESSING = 1 << 1,
	SCHEMA_EXPORT_YAML = 1 << 2,
};
/* The document as Python dlt exports it. hash, unless NULL: of the content
 * that was written. */
int schema_export(const struct schema *s, unsigned flags, struct buf *out,
    char hash[64], struct error *err);

/* contract.md 8.3; does not change the schema. A document that was read and
 * whose schema_hash() differs from s->hash has been changed by somebody else
 * (or migrated: s->engine_version tells what it was); schema_bump() repairs it
 * as Python dlt does. */
void schema_hash(const struct schema *s, char out[64]);
/* contract.md 8.4: bump version and hash if the content changed. Call once
 * before each save. Returns true when it changed. */
bool schema_bump(struct schema *s);
/* The schema replaces one with this hash: it goes to the front of the previous
 * hashes, without a new version. Nothing where it is known, or "". */
void schema_link(struct schema *s, const char *hash);

/* ---- lookup ---- */

struct table *schema_table(const struct schema *s, const char *name);
struct column *table_column(const struct table *t, const char *name);
struct column *
table_column_n(const struct table *t, const char *name, size_t len);
/* Root of the chain; the table itself when it has no parent. */
struct table *schema_root(const struct schema *s, const struct table *t);

/* Raw JSON text of a hint, or NULL. */
const char *hints_get(const struct hints *h, const char *key);
/* String value of a hint decoded into a malloc'd copy, or NULL. */
char *hints_get_str(const struct hints *h, const char *key);
bool hints_get_bool(const struct hints *h, const char *key, bool fallback);
long hints_get_int(const struct hints *h, const char *key, long fallback);

/* ---- change ---- */

/* Add a table: a root table gets columns, write_disposition, name, resource
 * in that order; a nested one name, columns, parent (contract.md 8.2). */
struct table *schema_add_table(struct schema *s, const char *name,
    const char *parent, const char *resource, const char *disposition);
/* Set or add a hint (value: compact JSON text); NULL removes it. "name" and
 * "columns" cannot be set. */
void table_set(struct table *t, const char *key, const char *value);
void column_set(struct column *c, const char *key, const char *value);
void schema_set(struct schema *s, const char *key, const char *value);

/* A column with only its name; appended. It must not exist. */
struct column *table_add_column(struct table *t, const char *name, size_t len);
/* Move a column behind all others (an incomplete one that was completed). */
void table_move_last(struct table *t, struct column *c);
void table_remove_column(struct table *t, struct column *c);

/* ---- processing hints: the members of "x-normalizer" ---- */

/* JSON text of a member, malloc'd, or NULL. */
char *table_normalizer_get(const struct table *t, const char *key);
/* A member that is true. */
bool table_normalizer_flag(const struct table *t, const char *key);
/* Set a member; NULL removes it, and the hint with its last member. */
void table_normalizer_set(struct table *t, const char *key, const char *value);
bool table_has_seen_data(const struct table *t);
/* A file of the table was written (contract.md 6.9): seen-data is set,
 * evolve-columns-once removed. True when that changed something. */
bool table_set_seen_data(struct table *t);
/* No complete column yet: contracts take it for a new table. */
bool table_is_new(const struct table *t);
/* The nesting limit for rows of a root table: its own, else the schema's, else
 * 1000 (contract.md 6.1). */
long table_max_nesting(const struct schema *s, const struct table *t);

/* ---- merging (contract.md 8.6) ---- */

/* A table of no schema, for hints and columns that are to be merged; its
 * hints are name and columns. */
struct table *table_new(const char *name);
void table_free(struct table *t);

enum schema_merge_flags {
	SCHEMA_MERGE_TYPES = 1 << 0, /* a complete column may change its type */
	SCHEMA_MERGE_REPLACE_KEYS = 1
	    << 1, /* primary_key and the other compound
	                                       hints of the partial table replace
	                                       those of the table */
};

/* Merge a partial table into the table of that name, or add a copy of it; names
 * are normalized already. ERR_SCHEMA: a complete column would change its type
 * (named: table, column, both types), another parent, a resource on a nested
 * table, an unknown parent. On an error nothing has changed. Returns the
 * schema's table. Root keys are not propagated. */
struct table *schema_merge_table(struct schema *s, const struct table *partial,
    unsigned flags, struct error *err);
/* All tables of another schema, parents first. */
int schema_merge(struct schema *s, const struct schema *from, unsigned flags,
    struct error *err);

/* Is the hint set, that is present and not its default (contract.md 8.1)? */
bool column_has(const struct column *c, const char *key);

/* ---- naming (contract.md 5.5) ---- */

/* What the configuration says of a schema's normalizers. */
struct naming_settings {
	const char *names; /* NULL: the schema's own */
	bool break_given, break_path;
	bool allow_given, allow; /* other names for tables with data */
};

/* Give the schema the settings. Another convention renames all tables and
 * columns: *schema is then another one, the old one is freed. ERR_SCHEMA: its
 * tables have data. Nothing has changed on an error. */
int schema_apply_naming(struct schema **schema,
    const struct naming_settings *set, size_t max_length, struct error *err);

/* ---- inference ---- */

/* The definition that inference gives a column (contract.md 7.7): default
 * hints by name, keys of an incomplete column kept; the column is added, or
 * completed and moved to the end. */
struct column *schema_infer_column(struct schema *s, struct table *t,
    const char *name, size_t len, enum data_type type, bool variant);

/* Does a not_null default hint match the name? */
bool schema_name_is_not_null(const struct schema *s, const char *name);
/* settings.preferred_types: TYPE_NONE when none matches. */
enum data_type schema_preferred_type(const struct schema *s, const char *name);
/* 7.3: preferred type (unless variant), then detections, then v's own type. */
enum data_type schema_infer_type(const struct schema *s, const char *name,
    const struct value *v, bool variant);

/* normalizers.json.config.max_nesting, for tables that have none of their own;
 * n from 0. */
void schema_set_max_nesting(struct schema *s, long n);

/* The root key propagation of contract.md 6.6 for the chain of t, after its
 * hints changed; strategies: the destination's merge strategies, first =
 * default (NULL: delete-insert). */
void schema_propagate_root_key(struct schema *s, const struct table *t,
    const char *const *strategies);

/* normalizers.json.config.propagation as pairs; calls f for each mapping that
 * holds for rows of t. */
void schema_propagation(const struct schema *s, const struct table *t,
    void (*f)(const char *from, const char *as, void *arg), void *arg);

/* ---- row filters (6.7) ---- */

/* What the hints "filters" of the tables say; NULL: nothing, or (err is set)
 * a filter that is not understood. */
struct row_filter *row_filter_new(const struct schema *s, struct error *err);
void row_filter_free(struct row_filter *f); /* NULL is legal */
/* May a field of the table be excluded at all? f NULL: no. */
bool row_filter_touches(const struct row_filter *f, const char *table,
    struct buf *scratch);
bool row_filter_excludes(const struct row_filter *f, const char *table,
    const char *field, struct buf *scratch);

/* ---- contracts (9.1) ---- */

enum contract_mode {
	CONTRACT_EVOLVE,
	CONTRACT_FREEZE,
	CONTRACT_DISCARD_ROW,
	CONTRACT_DISCARD_VALUE,
};

struct contract {
	enum contract_mode tables, columns, data_type;
};

/* Settings that hold for a table (t may be NULL: new table below parent). */
struct contract schema_contract(const struct schema *s, const struct table *t,
    const struct table *parent, const char *name);
/* "evolve" or {"columns":"freeze",...} as JSON text; -1 ERR_DATA. */
int contract_parse(const char *json, struct contract *out, struct error *err);
/* "MODE" or "ENTITY=MODE,..." from the command line as JSON text. */
int contract_from_flag(const char *text, struct buf *json, struct error *err);
const char *contract_mode_name(enum contract_mode m);

#endif

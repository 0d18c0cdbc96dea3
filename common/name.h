/* SPDX-License-Identifier: MIT */
/*
 * name: naming conventions; from any string to an identifier.
 *
 * Shape:  inputs are UTF-8 with a length; results are appended to a buf.
 * Errors: ERR_DATA for an empty identifier.
 * Source: contract.md section 5, appendix A.
 */
#ifndef DLT_NAME_H
#define DLT_NAME_H

#include "common/buf.h"
#include "common/error.h"

enum naming_kind {
	NAMING_SNAKE_CASE,
	NAMING_DIRECT,
	NAMING_SQL_CS_V1,
	NAMING_SQL_CI_V1,
	NAMING_DUCK_CASE,
	NAMING_S3_TABLES,
};

struct naming {
	enum naming_kind kind;
	size_t max_length; /* code points; 0: unlimited */
	bool
	    no_break_path; /* normalizers.use_break_path_on_normalize is false */
};

/* "snake_case", or a full module path that ends in a known name; -1 with
 * ERR_DATA when unknown. */
int naming_parse(const char *name, enum naming_kind *out, struct error *err);
const char *naming_separator(const struct naming *n); /* "__", or U+25B6 */

int name_identifier(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err);
int name_table_identifier(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err);
int name_path(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err);
int name_tables_path(const struct naming *n, const char *s, size_t len,
    struct buf *out, struct error *err);

/* A key of a data item: "_empty" when blank, else name_path() (or
 * name_identifier() with no_break_path); as_table uses the table rules. May
 * yield the empty name (keys like "__"). Cannot fail. */
void name_key(const struct naming *n, const char *s, size_t len, bool as_table,
    struct buf *out);

/* shorten_fragments: parts already normalized; blank ones are dropped. */
void name_fragments(const struct naming *n, const char *const *parts,
    size_t count, struct buf *out);

/* Default schema name of a pipeline (contract.md 1.9). */
void name_default_schema(const char *pipeline, struct buf *out);
/* A schema name must be a Python identifier of at most 64 characters. */
bool name_is_schema_name(const char *s);

#endif

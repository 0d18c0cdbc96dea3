/* SPDX-License-Identifier: MIT */
/*
 * ddl: the SQL that makes tables and columns, from a schema and a dialect.
 * A dialect is data: its types and what they are called when read back.
 *
 * Errors: ERR_DATA for a column that the dialect cannot hold, and for names
 *         that differ in case only.
 * Source: contract.md section 10.4.
 */
#ifndef DLT_DDL_H
#define DLT_DDL_H

#include "common/buf.h"
#include "common/error.h"
#include "common/schema.h"

struct ddl_type {
	enum data_type type;
	const char *plain;  /* without precision */
	const char *sized;  /* % stands for the precision; NULL: as plain */
	const char *scaled; /* two %: precision, scale; NULL: as plain */
};

/* Integer types by precision in bits; the first that is wide enough. */
struct ddl_integer {
	long bits;
	const char *name;
};

/* What a type of the database holds; base name without parentheses. */
struct ddl_family {
	const char *base;
	enum data_type type;
};

struct ddl_dialect {
	const struct ddl_type *types;
	size_t type_count;
	const struct ddl_integer *integers;
	size_t integer_count;
	const char *unique_text; /* of a unique column without precision */
	const struct ddl_family *families;
	size_t family_count;
	const char *unique; /* of columns with that hint; NULL: nothing */
	/* Types that the tables above cannot say: true when it has appended
	 * one. NULL: there are none. */
	bool (*special)(const struct column *c, struct buf *out);
};

/* The type of a column, appended. */
int ddl_type(const struct ddl_dialect *d, const struct column *c,
    struct buf *out, struct error *err);

/* Can a column of the database type `have` take values of type `want`? Types
 * that the dialect does not know hold anything. */
bool ddl_type_fits(const struct ddl_dialect *d, const char *have,
    enum data_type want);

/* The name in double quotes, those in it doubled. */
void ddl_quote(const char *name, struct buf *out);

/* CREATE TABLE with all complete columns; name: of the table, as the database
 * needs it (quoted, with its schema). */
int ddl_create(const struct ddl_dialect *d, const char *name,
    const struct table *t, struct buf *out, struct error *err);

/* ALTER TABLE that adds one column; not null only where asked for. */
int ddl_add_column(const struct ddl_dialect *d, const char *name,
    const struct table *t, const struct column *c, bool not_null,
    struct buf *out, struct error *err);

/* ERR_REMOTE for a column whose database type `have` cannot take its values. */
int ddl_check_type(const struct ddl_dialect *d, const struct table *t,
    const struct column *c, const char *have, struct error *err);
/* The same where it is decided elsewhere; always returns -1. */
int ddl_refuse_type(const struct table *t, const struct column *c,
    const char *have, const char *want, struct error *err);

/* have: for each column of the table, is it in the database? */
bool ddl_lacks(const struct table *t, const bool *have);
/* The columns that were added, as struct dest_ops wants them of migrate();
 * added may be NULL. */
void ddl_note_added(const struct table *t, const bool *have, struct buf *added);

/* Names of complete columns that differ in case (of ASCII letters) only. */
int ddl_check_names(const struct table *t, struct error *err);

#endif

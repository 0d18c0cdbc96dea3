/* SPDX-License-Identifier: MIT */
/*
 * sql_select: which columns a SELECT statement gives, by its first line of
 * tokens: no parser of SQL.
 *
 * Errors: ERR_DATA, saying what is not understood.
 */
#ifndef DLT_NORMALIZE_SQL_SELECT_H
#define DLT_NORMALIZE_SQL_SELECT_H

#include "common/buf.h"
#include "common/error.h"

struct sql_select {
	const char *text; /* the statement, without what stands behind it */
	size_t len;
	char **names; /* of the columns, as they are written */
	size_t count, cap;
};

/* sql stays with the caller and must outlive s, which is to be released even
 * after an error. dialect: a name of sqlglot's. */
int sql_select_parse(struct sql_select *s, const char *dialect, const char *sql,
    size_t len, struct error *err);
void sql_select_release(struct sql_select *s);

/* A name in the quotes of the dialect; a string. */
void sql_quote_name(const char *dialect, const char *name, struct buf *out);
void sql_quote_text(const char *text, struct buf *out);

#endif

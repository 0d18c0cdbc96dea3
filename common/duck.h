/* SPDX-License-Identifier: MIT */
/*
 * duck: DuckDB, opened at run time; the only file that knows it.
 *
 * Shape:  the library is found by DLT_LIBDUCKDB, else as libduckdb.so on the
 *         loader's path, and used through our own declarations of that part of
 *         its C API which is stable since 1.2. No extension is installed or
 *         loaded from elsewhere, so nothing touches the network.
 * Errors: ERR_USAGE when the library is missing or too old, with what to do;
 *         ERR_TEMP another process holds the file, or a conflict with another
 *         transaction; ERR_DATA values and constraints; ERR_IO files;
 *         ERR_REMOTE all else that DuckDB refuses.
 * Owner:  duck_open() -> duck_close(), after all that was made with it. One
 *         struct duck is one connection, used by one thread at a time.
 * Source: duckdb.h 1.2 to 1.5.
 */
#ifndef DLT_DUCK_H
#define DLT_DUCK_H

#include "common/buf.h"
#include "common/error.h"

struct duck;

struct duck_settings {
	bool read_only;
	unsigned threads; /* 0: as many as there are cores */
};

/* NULL path: a database in memory, which spills nothing to disk. settings may
 * be NULL. */
struct duck *duck_open(const char *path, const struct duck_settings *settings,
    struct error *err);
void duck_close(struct duck *d); /* NULL is legal */

/* One or more statements without parameters; results are dropped. */
int duck_run(struct duck *d, const char *sql, struct error *err);

/* From any thread: what runs now fails soon. */
void duck_interrupt(struct duck *d);

/* "name" and 'text', as SQL needs them. */
void duck_quote(const char *name, struct buf *out);
void duck_literal(const char *text, size_t len, struct buf *out);

/* ---- results ---- */

struct duck_rows;

/* One statement; texts are its parameters $1.. (NULL binds null). */
struct duck_rows *duck_query(struct duck *d, const char *sql,
    const char *const *texts, size_t count, struct error *err);
/* The same without parameters, for results larger than memory: rows are made
 * as they are taken. No other statement may run until it is freed. */
struct duck_rows *
duck_stream(struct duck *d, const char *sql, struct error *err);
int duck_next(struct duck_rows *r, struct error *err); /* 1, 0 at the end */
size_t duck_width(const struct duck_rows *r);          /* columns */
const char *duck_name(struct duck_rows *r, size_t column);
/* Of the current row. Null, and any other type, is 0 or NULL. */
int64_t duck_integer(const struct duck_rows *r, size_t column);
const char *duck_text(const struct duck_rows *r, size_t column, size_t *len);
void duck_rows_free(struct duck_rows *r); /* NULL is legal */

/* Run a query and drop what it gives; *any (may be NULL): had it a row? */
int duck_exec(struct duck *d, const char *sql, const char *const *texts,
    size_t count, bool *any, struct error *err);

/* ---- rows in ---- */

/* What a column of the table takes. */
enum duck_kind {
	DUCK_OTHER, /* only nulls can be appended */
	DUCK_BOOL,
	DUCK_INTEGER, /* of any width, signed or not */
	DUCK_DOUBLE,  /* and float */
	DUCK_DECIMAL,
	DUCK_TEXT,
	DUCK_BLOB,
	DUCK_TIMESTAMP, /* of any unit; given in microseconds */
	DUCK_DATE,
	DUCK_TIME,
};

struct duck_appender;

/* A table by its full name (catalog NULL: the database that was opened); its
 * columns in their order there. */
struct duck_appender *duck_appender_open(struct duck *d, const char *catalog,
    const char *schema, const char *table, struct error *err);
size_t duck_appender_width(const struct duck_appender *a);
enum duck_kind duck_appender_kind(const struct duck_appender *a, size_t column);
/* A new row, all null. */
int duck_append_row(struct duck_appender *a, struct error *err);
/* Values of the current row; -1: out of the column's range, or not of its
 * kind. Numbers are given as they are spelled: digits, point, exponent. */
int duck_put_integer(struct duck_appender *a, size_t column, int64_t value);
int duck_put_double(struct duck_appender *a, size_t column, double value);
int duck_put_number(struct duck_appender *a, size_t column, const char *text,
    size_t len);
int duck_put_text(struct duck_appender *a, size_t column, const char *text,
    size_t len);
/* The same without a copy: the text, UTF-8 where the column is not a blob, must
 * stay where it is until duck_appender_take() or duck_appender_flush(). */
int duck_lend_text(struct duck_appender *a, size_t column, const char *text,
    size_t len);
void duck_put_null(struct duck_appender *a, size_t column);
/* All texts that were lent have been copied when it succeeds. */
int duck_appender_take(struct duck_appender *a, struct error *err);
/* From now on a thread of its own brings the rows into the table, in their
 * order, while more are appended: no statement may run on the connection until
 * duck_appender_flush(). What fails there fails a later call. Again is a no-op.
 */
int duck_appender_thread(struct duck_appender *a, struct error *err);
/* All rows so far are in the table when it succeeds. */
int duck_appender_flush(struct duck_appender *a, struct error *err);
void duck_appender_free(struct duck_appender *a); /* NULL is legal; what was
                                                     not flushed is dropped */

#endif

/* SPDX-License-Identifier: MIT */
/*
 * reader: rows of a table or query of a database, one connection each, for what
 * extracts them.
 *
 * Shape:  a row is a JSON object on a line of its own, keys in the order of the
 *         columns, nulls included; dlt's typed values (contract.md 3.2) stand
 *         where JSON has no type. Nothing is written to the database, and rows
 *         are made as they are taken: memory does not grow with their number.
 * Thread: one at a time; cancel() from any, between open and close.
 * Errors: ERR_DATA no such table, or what is no query; ERR_TEMP locked, lost;
 *         ERR_IO files; ERR_REMOTE what the database refuses; ERR_QUIET
 *         canceled; ERR_USAGE for the place.
 *
 * To add one: write reader_NAME.c beside the destination that includes the
 * client library's header, and a kind in tools/dlt-extract/input_database.c.
 */
#ifndef DLT_READER_H
#define DLT_READER_H

#include "common/buf.h"
#include "common/error.h"
#include "common/type.h"

/* The rows of an incremental cursor. Values are JSON text. */
struct reader_range {
	const char *column;
	const char *from, *to; /* NULL: no bound */
	bool from_open, to_open;
	bool with_nulls; /* rows without a value are wanted, too */
	bool no_nulls;
	int order; /* 1 rising, -1 falling, 0 any */
};

struct reader_query {
	const char *table; /* [SCHEMA.]TABLE; or NULL: */
	const char *sql;
	const struct reader_range *range; /* or NULL */
};

struct reader_ops {
	bool has_schemas; /* SCHEMA.TABLE is one called TABLE */
	/* rest: what follows "SCHEME:". password: beats that of the URL; or
	 * NULL. */
	void *(*open)(const char *rest, const char *password,
	    const struct reader_query *q, struct error *err);
	/* What its catalogue says of a table, as dlt reflects it:
	 * {"columns":{NAME:{"name":..}..},"primary_key":[..]}; empty: a query.
	 */
	void (*describe)(void *self, struct buf *json);
	/* Append a row. 1; 0: no more; -1. */
	int (*row)(void *self, struct buf *out, struct error *err);
	void (*cancel)(void *self);
	void (*close)(void *self);
	/* The names of all tables, each ended by a NUL. */
	int (*tables)(const char *rest, const char *password, struct buf *names,
	    struct error *err);
};

extern const struct reader_ops reader_sqlite, reader_postgres, reader_duckdb;
/* A Parquet file, by DuckDB; the query's range counts only. */
extern const struct reader_ops reader_parquet;

/* Of an input, for messages: on one line, not too long, *** for passwords;
 * malloc'd. */
char *reader_name(const char *text);

/* ---- for readers ---- */

/* Does it begin like a query, and not like the name of a table? */
bool reader_is_query(const char *text);

/* Strings as they are: in rows with typed values, what begins like one of them
 * is spelled as an escape. */
void reader_put_text(struct buf *out, const char *s, size_t len);
void reader_put_binary(struct buf *out, const void *data, size_t len);
/* On one line; false: it is no JSON, nothing was added. */
bool reader_put_json(struct buf *out, const char *s, size_t len);
/* A TIMESTAMP, DATE or TIME in ISO's spelling, a zone +00 allowed; false: Python
 * has no such time, nothing was added. */
bool reader_put_time(struct buf *out, enum data_type type, const char *s,
    size_t len);
/* As Python's Decimal spells it; false: it is no number. */
bool reader_put_decimal(struct buf *out, const char *s, size_t len);
/* What the text of a value is, as the database spells it. */
enum reader_form {
	FORM_TEXT,
	FORM_NUMBER, /* digits, as they are; also true and false */
	FORM_DOUBLE,
	FORM_DECIMAL,
	FORM_TIMESTAMP,
	FORM_DATE,
	FORM_TIME,
	FORM_JSON,
	FORM_BINARY, /* the bytes */
};

/* What its form does not fit is a text. */
void
reader_put(struct buf *out, enum reader_form form, const char *s, size_t len);
/* Of a text that needs no escapes. */
void reader_put_typed(struct buf *out, enum data_type type, const char *s,
    size_t len);

/* As SQL of a database: a value, a bit before it or (upper) after it where its
 * order is not exact; false: it has no such values. */
typedef bool (*reader_literal)(const struct value *v, bool upper,
    struct buf *out);

/* A literal where all databases with types agree: integers, booleans, and what
 * stands in quotes as text; false: another type. */
bool reader_plain_literal(const struct value *v, struct buf *out);

/* The statement. from: the table's name as SQL, or NULL with q->sql. */
void reader_select(const struct reader_query *q, const char *from,
    reader_literal literal, struct buf *sql);

/* "c0, c1, ..": names for columns whose own may stand twice. */
void reader_numbered(size_t count, struct buf *sql);

/* "text" */
void reader_quote(const char *name, struct buf *out);
/* "SCHEMA"."TABLE", around the first dot of a text that has one. */
void reader_quote_in_schema(const char *text, struct buf *out);
/* 'text' */
void reader_quote_text(const char *s, size_t len, struct buf *out);

/* "no table "userz"; did you mean "users"?" of names as tables() gives them. */
int
reader_no_table(const char *table, const struct buf *names, struct error *err);

#endif

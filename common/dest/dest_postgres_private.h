/* SPDX-License-Identifier: MIT */
/*
 * dest_postgres: what the files of the PostgreSQL destination share; for them
 * only.
 *
 * Shape:  dest_postgres.c holds the connection, statements and transactions,
 *         _meta the tables that dlt keeps, _tables what creates and changes
 *         tables, _copy the insert, _value the binary form of values.
 *         The dataset is a schema, and so is the staging dataset. Its rows are
 *         written, brought over and committed in one transaction, and stay
 *         there until the next one: no other connection ever sees those of a
 *         load that is not through. All names are qualified: search_path holds
 *         pg_catalog only.
 * Units:  times on the wire count from 2000-01-01.
 * Source: PostgreSQL 15 manual, "libpq", "COPY", "Frontend/Backend Protocol".
 */
#ifndef DLT_DEST_POSTGRES_PRIVATE_H
#define DLT_DEST_POSTGRES_PRIVATE_H

#include "common/dest/dest.h"
#include "common/dest/ledger.h"

#include <libpq-fe.h>
#include <stdatomic.h>

/* Of pg_type; they never change. */
enum pg_oid {
	PG_BOOL = 16,
	PG_BYTEA = 17,
	PG_INT8 = 20,
	PG_INT2 = 21,
	PG_INT4 = 23,
	PG_TEXT = 25,
	PG_JSON = 114,
	PG_FLOAT4 = 700,
	PG_FLOAT8 = 701,
	PG_BPCHAR = 1042,
	PG_VARCHAR = 1043,
	PG_DATE = 1082,
	PG_TIME = 1083,
	PG_TIMESTAMP = 1114,
	PG_TIMESTAMPTZ = 1184,
	PG_NUMERIC = 1700,
	PG_JSONB = 3802,
};

/* A COPY that goes on over several batches of rows. */
struct pg_copy {
	bool open;
	bool text; /* a column has a type whose binary form is not known */
	const struct table *table;
	enum dest_place place;
	uint32_t *types; /* by column; 0 for incomplete ones */
	const struct cell **cells;
	size_t cap;
	size_t columns; /* complete ones */
	struct buf out;
};

struct postgres_dest {
	struct dest base;
	PGconn *conn;
	PQconninfoOption *options;
	char *dataset, *staging;
	double wait_s; /* for locks; negative: as long as it takes */
	bool read_only;
	bool no_indexes;
	bool locked;     /* the dataset, until the transaction ends */
	bool jobs_table; /* is known to be there */
	bool schemas[2]; /* of each place: is known to be there */
	bool claimed;    /* the staging dataset, for this connection */
	/* Staging tables that got rows: to be analyzed before a merge. */
	struct buf staged; /* names, each ended by a NUL byte */
	struct pg_copy copy;
	/* A reader keeps the search_path that it finds. */
	bool reader;
	atomic_bool stop; /* for any thread: end a wait, as a signal does */
};

/* Fill err from a result (NULL: from the connection); always returns -1. */
int pg_fail(struct postgres_dest *p, const PGresult *res, struct error *err);

/* Run one statement with text parameters (NULL binds null); NULL on failure.
 * A COPY that is open is ended first. PQclear() what it returns. */
PGresult *pg_query(struct postgres_dest *p, const char *sql,
    const char *const *texts, size_t count, struct error *err);
/* The same without result. */
int pg_run(struct postgres_dest *p, const char *sql, const char *const *texts,
    size_t count, struct error *err);
/* Is there a row? */
int pg_has_row(struct postgres_dest *p, const char *sql,
    const char *const *texts, size_t count, bool *found, struct error *err);

/* Within the query loop: wait for the socket; ERR_QUIET after a signal. */
int pg_wait(struct postgres_dest *p, bool writing, struct error *err);
/* The next result of what was sent; NULL with err set, or at the end. */
PGresult *pg_next(struct postgres_dest *p, struct error *err);
/* The last result, or NULL. */
PGresult *pg_last_result(struct postgres_dest *p, struct error *err);

/* A connection for reading; pg_close_reader(). */
struct postgres_dest *
pg_open_reader(const char *rest, const char *password, struct error *err);
void pg_close_reader(struct postgres_dest *p); /* NULL is legal */

void
pg_name(void *d, enum dest_place place, const char *table, struct buf *out);

/* dest_postgres_meta.c */
/* Indexes to be made at the end of a load stand in _dlt_jobs, too, so that a
 * later load makes them when this one does not get there. */
#define PG_INDEX_MARK "_dlt_index"
int pg_note_index(struct postgres_dest *p, const char *table,
    const char *column, struct error *err);
/* Rows of table and column. */
PGresult *pg_noted_indexes(struct postgres_dest *p, struct error *err);
int pg_mark(struct dest *d, const struct dest_mark *m, struct error *err);
extern const struct ledger pg_ledger;

/* dest_postgres_tables.c */
/* Whoever creates or changes tables of a dataset waits for the others. */
int pg_lock(struct postgres_dest *p, struct error *err);
int pg_need_schema(struct postgres_dest *p, enum dest_place place,
    struct error *err);
int pg_claim_staging(struct dest *d, struct error *err);
/* After claiming, before the connection ends in peace. */
void pg_unclaim_staging(struct postgres_dest *p);
/* In the dataset. */
int pg_has_table(struct postgres_dest *p, const char *name, bool *found,
    struct error *err);
int pg_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err);
int pg_make_indexes(struct postgres_dest *p, struct error *err);
int pg_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err);

/* dest_postgres_copy.c */
int pg_insert(struct dest *d, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err);
/* Send what is left and take the server's verdict; nothing when none is open.
 */
int pg_copy_end(struct postgres_dest *p, struct error *err);
/* After a failure: forget it. */
void pg_copy_drop(struct postgres_dest *p);
void pg_copy_release(struct postgres_dest *p);

/* dest_postgres_value.c */
/* Can a COPY in binary form put values of this dlt type into that type? */
bool pg_value_fits(enum data_type type, uint32_t oid);
/* Append the length and the bytes of a value. */
int pg_value_add(enum data_type type, uint32_t oid, const struct cell *c,
    struct buf *out, struct error *err);
/* The same for COPY's text form, escaped. */
int pg_value_add_text(enum data_type type, const struct cell *c,
    struct buf *out, struct error *err);
/* Append a number in the binary form of numeric, without length. */
int
pg_numeric_add(const char *s, size_t len, struct buf *out, struct error *err);

#endif

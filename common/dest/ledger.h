/* SPDX-License-Identifier: MIT */
/*
 * ledger: the tables that dlt keeps beside the data (_dlt_version, _dlt_loads,
 * _dlt_pipeline_state) and our _dlt_jobs, in destinations that speak SQL; for
 * destinations only.
 *
 * Shape:  a destination says in a struct ledger how its SQL differs and how a
 *         statement is run, and takes the functions below for its own in its
 *         struct dest_ops. What is asked of a table that is not there has no
 *         rows.
 * Errors: as the destination's.
 * Source: contract.md 10.2-10.4.
 */
#ifndef DLT_LEDGER_H
#define DLT_LEDGER_H

#include "common/dest/dest.h"
#include "common/timestamp.h"

/* A row of a query, each field as text; NULL: null. Until the function returns. */
struct ledger_row {
	const char *const *fields;
	const size_t *lens;
};
typedef int
ledger_row_fn(const struct ledger_row *row, void *arg, struct error *err);

#define LEDGER_COLUMNS 7 /* at most */

struct ledger {
	/* Parameters: %d stands for the number. A time may be an expression
	 * without one: then the database's clock is read. */
	const char *text, *number, *time;
	void (*format_time)(const struct timestamp *t, struct buf *out);
	const char *bytewise; /* behind a text to sort by: " COLLATE .." */
	const char *utc;      /* a time (%s) as text: ISO, in UTC */
	int (*has_table)(struct dest *d, const char *table, bool *found,
	    struct error *err);
	/* Run a statement with text parameters; f is called for each row, of so
	 * many columns. Without columns: it has no rows. */
	int (*run)(struct dest *d, const char *sql, const char *const *texts,
	    size_t count, size_t columns, ledger_row_fn *f, void *arg,
	    struct error *err);
	/* Create _dlt_jobs unless it is there. */
	int (*need_jobs)(struct dest *d, struct error *err);
};

/* ---- as struct dest_ops describes them ---- */

int ledger_stored_schema(struct dest *d, const char *schema_name,
    struct buf *json, bool *found, struct error *err);
int ledger_stored_state(struct dest *d, const char *pipeline_name,
    struct buf *doc, bool *found, struct error *err);
int ledger_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err);
int
ledger_add_version(struct dest *d, const struct schema *s, struct error *err);
int ledger_drop_versions(struct dest *d, const char *schema_name,
    struct error *err);
int ledger_staging_version(struct dest *d, const struct schema *s,
    struct error *err);
int ledger_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err);
int ledger_mark(struct dest *d, const struct dest_mark *m, struct error *err);
int ledger_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err);
int ledger_unmark(struct dest *d, const char *load_id, struct error *err);
int ledger_has_load(struct dest *d, const char *load_id,
    const char *schema_name, bool *found, struct error *err);
int ledger_add_load(struct dest *d, const char *load_id, const struct schema *s,
    struct error *err);

/* ---- for those that do it in another way ---- */

/* A stored schema as JSON: base64 of zlib, or plain (contract.md 10.3). */
int ledger_schema_text(const char *text, size_t len, struct buf *json,
    struct error *err);

/* version, engine_version, pipeline_name, state, created_at, version_hash and
 * _dlt_load_id as the document of dest_stored_state(). */
void ledger_state_document(const char *const fields[7], struct buf *doc);

#endif

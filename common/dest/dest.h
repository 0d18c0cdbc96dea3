/* SPDX-License-Identifier: MIT */
/*
 * dest: destinations, where packages are loaded and from where schema and state
 * are taken back.
 *
 * To add one (git's builtin.h was the model for this recipe):
 *   1. write dest_NAME.c, the only includer of the client library's header,
 *      with a `const struct dest_ops dest_NAME`;
 *   2. declare it in dest.c and add it to the table there;
 *   3. give its types and quoting as a `struct ddl_dialect` (ddl.h), what it
 *      can do as a `struct dest_caps`, and how its SQL for merges differs as a
 *      `struct merge_dialect` (merge.h): the statements are generated; so
 *      are those on the tables that dlt keeps, by a `struct ledger`
 *      (ledger.h);
 *   4. tests/unit/test_dest_NAME.c for the parts, a section of
 *      tests/dlt-load.bats for the tool; compare.py for what comes out.
 * Everything else (packages, jobs, retries, decoding rows) is common.
 *
 * Shape:  one struct dest is one connection, used by one thread at a time.
 *         All changes happen between begin and commit; a rollback, a kill or a
 *         power failure before commit leaves everything as it was.
 *         Rows that are to be merged (or swapped) are inserted into the
 *         staging place and brought over by merge_sql() in the transaction
 *         that also marks their jobs. Staging tables may be private to the
 *         connection and gone after the transaction (SQLite), or a dataset of
 *         their own: rows that an earlier load has left there go with empty()
 *         before new ones come.
 * Errors: ERR_TEMP when trying again may help (locked, busy); ERR_IO disks and
 *         files; ERR_REMOTE what the destination refuses; ERR_DATA rows.
 * Owner:  dest_open() -> dest_close().
 * Source: contract.md sections 10.2-10.4; design sections 3.3 and 8.
 */
#ifndef DLT_DEST_H
#define DLT_DEST_H

#include "common/buf.h"
#include "common/dest/merge.h"
#include "common/error.h"
#include "common/json.h"
#include "common/schema.h"
#include "common/zio.h"

struct dest;

struct dest_settings {
	double wait_s;  /* for a lock of the destination; < 0: its default */
	bool read_only; /* for --sync: nothing is created or changed */
	const char *dataset;        /* where the tables go; NULL: its default */
	const char *staging_layout; /* see dataset_staging(); NULL: dlt's */
	const char *password; /* beats that of the URL; NULL: none given */
	bool no_indexes;      /* none for columns that are unique */
	const char *layout;   /* of files; NULL: dlt's default */
	long state_files;     /* kept for each pipeline; 0: dlt's default,
	                         < 0: all */
	const struct s3_account *s3; /* of buckets; NULL: nobody */
	size_t cache; /* bytes for pages of a database in a file; 0: 16 MiB */
	/* A connection of the same run, which outlives this one; or NULL. */
	struct dest *first;
};

/* ---- rows, as decoded from job files ---- */

enum cell_kind {
	CELL_NULL,
	CELL_INTEGER,
	CELL_DOUBLE,
	CELL_TEXT,
	CELL_BLOB,
};

struct cell {
	uint32_t column : 24; /* index among the schema table's columns */
	uint32_t kind : 8;    /* enum cell_kind */
	uint32_t len;         /* of TEXT and BLOB, bytes */
	union {
		const char *text;
		int64_t integer;
		double number;
	};
};

struct row {
	uint32_t
	    end; /* one past its last cell; it begins where the last ended */
	uint64_t line; /* in the job file, from 1 */
};

/* Some rows of one table. A column that has no cell in a row is null there; if
 * it has several the last one counts. */
struct rows {
	const struct table *table;
	struct cell *cells;
	struct row *rows;
	size_t cell_count, row_count;
};

/* How values are to be handed over (what Python dlt hands to its driver). */
struct dest_values {
	/* "YYYY-MM-DD HH:MM:SS.ffffff" in UTC, no zone; else CELL_INTEGER:
	 * timestamps as microseconds and dates as days since 1970-01-01 (UTC),
	 * times as microseconds of the day. */
	bool sql_time;
	/* JSON as Python's json.dumps spells it; else as in the file. */
	bool spaced_json;
	/* Decimals and wei as doubles; else CELL_TEXT, as text_to_decimal()
	 * spells them, or the token of a JSON number. */
	bool double_number;
};

/* ---- job files, as they are ---- */

/* What is not decoded but copied. */
struct dest_file {
	const char *schema_name, *load_id, *table, *file_id;
	const char *ext;    /* format and compression, as "jsonl.gz" */
	int64_t created_us; /* the package, since 1970-01-01 UTC */
	zin_source source;  /* of its bytes */
	void *arg;
};

/* ---- what a destination can do ---- */

struct dest_caps {
	/* Ended by NULL, the first is the default; empty: none. */
	const char *const *merge_strategies;
	const char *const *replace_strategies;
	/* Emptying tables and inserting rows is hidden from readers until the
	 * commit: truncate-and-insert then needs no staging. */
	bool isolated;
	/* Staging tables are private and vanish with the transaction; else
	 * they are in a dataset of their own, and stay there. */
	bool private_staging;
	const struct merge_dialect *merge; /* NULL: no merges */
	/* Connections that may load at the same time; 0: one, and what fails
	 * for now is not tried again in the same run. */
	size_t connections;
	/* Without merges: what is to be merged is added, with a warning. */
	bool append_merges;
	/* Job files are copied: these formats, ended by NULL. */
	const char *const *copied;
	bool case_counts; /* T and t are two tables, and two columns */
};

/* ---- marks of finished work, in the table _dlt_jobs ---- */

struct dest_mark {
	const char *load_id;
	const char *job_id;   /* "" stands for the whole package */
	const char *checksum; /* of the job file as stored: checksum.h */
	uint64_t rows;
};

struct dest_ops {
	const char *scheme; /* "sqlite", as in "sqlite:FILE" */
	const char *form;   /* "sqlite:FILE", for messages */
	struct dest_values values;
	struct dest_caps caps;
	const struct ledger *ledger; /* with ledger.h's functions, else NULL */

	/* rest: what follows "SCHEME:"; returns NULL on failure. May set
	 * its ops, where they depend on what is found there. */
	struct dest *(*open)(const char *rest, const struct dest_settings *set,
	    struct error *err);
	void (*close)(struct dest *d);

	/* contract.md 10.3; see dest_stored_schema() and dest_stored_state(). */
	int (*stored_schema)(struct dest *d, const char *schema_name,
	    struct buf *json, bool *found, struct error *err);
	int (*stored_state)(struct dest *d, const char *pipeline_name,
	    struct buf *doc, bool *found, struct error *err);

	int (*begin)(struct dest *d, struct error *err);
	int (*commit)(struct dest *d, struct error *err);
	void (*rollback)(struct dest *d); /* nothing when none is open */

	/* Is the version hash in _dlt_version? */
	int (*has_version)(struct dest *d, const char *hash, bool *found,
	    struct error *err);
	int (*add_version)(struct dest *d, const struct schema *s,
	    struct error *err);
	/* Delete those of a schema; NULL: they do no harm. */
	int (*drop_versions)(struct dest *d, const char *schema_name,
	    struct error *err);
	/* Create the table or add what columns it lacks (complete ones only;
	 * names differ in more than case, unless it counts); an existing column of another type
	 * is ERR_REMOTE. Appends what was done to *added, as members of a JSON
	 * object "table":{"name":..,"columns":{..}}; NULL: not wanted. */
	int (*migrate)(struct dest *d, enum dest_place place,
	    const struct table *t, struct buf *added, struct error *err);
	/* Delete all rows, if the table exists. */
	int (*empty)(struct dest *d, enum dest_place place,
	    const struct table *t, struct error *err);
	/* Drop a table, if it exists. With a plan, migrate() takes it for
	 * dropped from then on. */
	int (*drop)(struct dest *d, enum dest_place place, const char *table,
	    struct error *err);
	/* Insert; on failure *bad is the offending row, or row_count. */
	int (*insert)(struct dest *d, enum dest_place place,
	    const struct rows *rows, size_t *bad, struct error *err);
	/* With caps.copied, instead of insert(). */
	int (*copy)(struct dest *d, struct dest_file *f, struct error *err);
	/* The quoted name of a table, with what must stand before it. */
	void (*name)(void *d, enum dest_place place, const char *table,
	    struct buf *out);
	/* Run one statement that merge_sql() made. */
	int (*execute)(struct dest *d, const char *sql, struct error *err);

	/* The mark of a job: its checksum in *checksum, or empty. */
	int (*marked)(struct dest *d, const char *load_id, const char *job_id,
	    struct buf *checksum, uint64_t *rows, struct error *err);
	int (*mark)(struct dest *d, const struct dest_mark *m,
	    struct error *err);
	/* Calls f for the marks of a load, by job id, without that of "". */
	int (*each_mark)(struct dest *d, const char *load_id,
	    void (*f)(const struct dest_mark *m, void *arg), void *arg,
	    struct error *err);
	int (*unmark)(struct dest *d, const char *load_id, struct error *err);
	/* NULL: nothing to do. Keep other runs out of the staging dataset until
	 * this connection ends; ERR_TEMP: one is in there. Before the first
	 * transaction that stages rows; again is a no-op. */
	int (*claim_staging)(struct dest *d, struct error *err);
	/* NULL: there is none. The schema's row of _dlt_version in the staging
	 * dataset, unless it is there; the table is. */
	int (*staging_version)(struct dest *d, const struct schema *s,
	    struct error *err);
	/* _dlt_loads: is the load there, and adding it with status 0. */
	int (*has_load)(struct dest *d, const char *load_id,
	    const char *schema_name, bool *found, struct error *err);
	int (*add_load)(struct dest *d, const char *load_id,
	    const struct schema *s, struct error *err);
	/* Not NULL: the pipeline's state comes from the package's own state,
	 * not from jobs of its table; before add_load(). */
	int (*add_state)(struct dest *d, const char *load_id,
	    const struct schema *s, const struct json *doc, struct error *err);
};

/* Embed it first in a destination's own struct. */
struct dest {
	const struct dest_ops *ops;
	char *url;                   /* for messages: no secrets */
	const struct schema *schema; /* of the package at hand, or NULL */
	/* Not NULL: migrate() runs nothing that changes something, and appends
	 * it here instead, each statement ended by a NUL. */
	struct buf *plan;
	struct buf doomed; /* tables that it drops, each ended by a NUL */
};

/* The URL as it may be shown: *** stands for passwords. */
void dest_mask(const char *url, struct buf *out);

/* For the statements of migrate(): true when it was noted and is not to run. */
bool dest_planned(struct dest *d, const char *sql);

/* drop() by a statement for execute(). */
int dest_drop(struct dest *d, enum dest_place place, const char *table,
    struct error *err);
/* Has the plan dropped the table? */
bool dest_is_doomed(const struct dest *d, const char *table);

/* Does the text begin with the scheme of a known destination? */
bool dest_is_url(const char *text);

/* "sqlite:FILE" (also "sqlite:///FILE", as SQLAlchemy spells it); ERR_USAGE
 * for an unknown scheme or an empty FILE. settings may be NULL. */
struct dest *dest_open(const char *url, const struct dest_settings *settings,
    struct error *err);
void dest_close(struct dest *d); /* NULL is legal; rolls back */

/* The newest stored schema of that name (by inserted_at), as JSON text. found
 * is false when there is none, or no table _dlt_version, or no database. */
int dest_stored_schema(struct dest *d, const char *schema_name,
    struct buf *json, bool *found, struct error *err);

/* The newest state of a pipeline whose load has completed, as one JSON object
 * {"version","engine_version","pipeline_name","state","created_at",
 * "version_hash","_dlt_load_id"}; "state" is as stored (base64 of zlib). */
int dest_stored_state(struct dest *d, const char *pipeline_name,
    struct buf *doc, bool *found, struct error *err);

#endif

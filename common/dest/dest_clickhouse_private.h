/* SPDX-License-Identifier: MIT */
/*
 * dest_clickhouse: what the files of the ClickHouse destination share; for them
 * only.
 *
 * Shape:  dest_clickhouse.c holds the URL, requests and their errors, _tables
 *         what creates and changes tables, _type the types by the server's
 *         version, _rows the insert, _native its blocks of columns, _meta the
 *         tables that dlt keeps, _commit what makes a transaction of many
 *         statements.
 *         A dataset is a prefix of the names of tables in one database.
 *
 * Job files are decoded, not passed on as JSONEachRow, though servers read them
 * compressed: these (tried with 18.16 and 26.9) take an integer beyond 64 bits
 * for another one, a null or nothing for 0 or "" where it must not be, and a
 * date before 1970 for 1970-01-01, all without a word; and parsing text costs
 * them more than Native blocks cost both sides. To other machines blocks go
 * compressed.
 *
 * There are no transactions, so a commit is made of steps that may be done
 * twice. Rows that are to be added go into a table of their own (a "part
 * table"), which has the columns and keys of its target. When all is there, one
 * row of _dlt_jobs, the intent, names the part tables and all that is to follow
 * (its script): from then on the transaction will be completed, by this run or
 * the next one that asks for the mark of the job. Part tables are brought over
 * by ATTACH PARTITION, which copies no rows; who completes what somebody else
 * has begun adds only those rows whose _dlt_id the target has not. A statement
 * that brings a part table over has a query id made of its name, which the
 * server allows to run but once at a time, and first renames it: who comes too
 * late finds nothing to bring over. Last come the marks, then the part tables
 * are dropped. Merges are statements that may be done again from their
 * beginning, as may swaps for replaced tables: they need no intent.
 * Source: ClickHouse documentation, "HTTP Interface", "ALTER .. PARTITION",
 *         "EXCHANGE"; tried with 18.16 and 26.9; contract.md 9.7 and 10.
 */
#ifndef DLT_DEST_CLICKHOUSE_PRIVATE_H
#define DLT_DEST_CLICKHOUSE_PRIVATE_H

#include "common/dest/dest.h"
#include "common/http.h"

/* major * 1000 + minor of the server from which on something is there. */
enum ch_since {
	CH_TIME64 = 20001,   /* DateTime64 */
	CH_WIDE = 21006,     /* Decimal of 76 digits */
	CH_BOOL = 21012,     /* Bool */
	CH_MODERN = 23003,   /* DELETE FROM, and all that merges need */
	CH_DROP_ANY = 23012, /* max_table_size_to_drop is a setting */
	CH_KEY_ALONE = 19015 /* PRIMARY KEY without ORDER BY */
};

#define CH_UNKNOWN_TABLE 60 /* the server's number of this error */

enum ch_kind {
	CH_OTHER, /* as it comes */
	CH_STRING,
	CH_INT,
	CH_UINT,
	CH_FLOAT,
	CH_BOOLEAN,
	CH_DATE,
	CH_DATE32,
	CH_DATETIME,
	CH_DATETIME64,
	CH_DECIMAL,
};

/* A column of the database. */
struct ch_type {
	enum ch_kind kind;
	bool nullable;
	bool wrapped;         /* LowCardinality */
	bool zoned;           /* a time whose type names a zone */
	int bits;             /* of integers and floats */
	int precision, scale; /* of decimals; scale: of DateTime64 */
};

/* One column of a block in the format Native. */
struct ch_lane {
	const struct column *column;
	struct ch_type type;
	struct buf nulls; /* a byte for each row; empty unless nullable */
	struct buf data;
};

/* An INSERT whose request goes on over several batches of rows. */
struct ch_insert {
	bool open;
	const struct table *table;
	enum dest_place place;
	const struct cell **cells;
	size_t cap;
	/* Columns that are written, with those of Native; else TabSeparated. */
	bool native;
	struct ch_lane *lanes;
	size_t lane_count, lane_cap;
	size_t rows, bytes; /* in the block */
	struct buf scratch;
	char *url;
	struct http_request req;
	struct http_response resp;
	struct http_header headers[2];
	struct buf out;
	struct compressor *compressor;
	struct buf packed;
};

/* What the names of part tables begin with, behind the dataset's prefix. */
#define CH_PART_PREFIX "_dlt_part_"

struct ch_part {
	char *name;   /* of the part table, without database */
	char *target; /* of the target, in the same way */
};

struct ch_mark {
	char *load_id, *job_id;
	char checksum[65];
	uint64_t rows;
};

/* What the open transaction will do when it is committed. */
struct ch_tx {
	bool open;
	bool decided; /* the intent may have been written */
	struct ch_part *parts;
	size_t part_count, part_cap;
	struct buf merges; /* statements, each ended by a NUL */
	struct buf after;  /* the same: what stands beside the rows */
	struct ch_mark *marks;
	size_t mark_count, mark_cap;
	char *unmark; /* a load id, or NULL */
};

struct clickhouse_dest {
	struct dest base;
	struct http *http;
	char *address; /* http[s]://host:port/ */
	char *user, *password, *database;
	char *prefix, *staging; /* of names of tables, "dataset___" or "" */
	bool read_only;
	bool packed; /* rows are compressed on their way */
	bool atomic; /* the database can exchange tables */
	bool utc;    /* is the zone of times that name none */
	int version; /* major * 1000 + minor */
	/* What is known to be there. */
	bool jobs_table, sentinels[2];
	/* The job that was asked for last; names part tables. */
	char *load_id, *job_id;
	char *chain; /* the first table that the transaction has staged */
	struct ch_insert insert;
	struct ch_tx tx;
};

/* ---- dest_clickhouse.c ---- */

/* Run one statement; what it answers is added to out (NULL: nothing is wanted)
 * in the format TabSeparated. id: NULL, or what at most one running query may
 * have. An INSERT that is open is ended first. *code: ClickHouse's number of
 * the error, or 0; NULL: not wanted. */
int ch_query(struct clickhouse_dest *c, const char *sql, const char *id,
    struct buf *out, int *code, struct error *err);
int ch_run(struct clickhouse_dest *c, const char *sql, struct error *err);
/* Is there any answer? */
int ch_has_row(struct clickhouse_dest *c, const char *sql, bool *found,
    struct error *err);
/* The URL of a statement that stands in the body, malloc'd; query_max: what it
 * may be long, without rows. */
char *ch_url(const struct clickhouse_dest *c, size_t query_max, const char *id);
/* The headers that every request has; returns how many. */
size_t ch_headers(const struct clickhouse_dest *c, struct http_header out[2]);
/* What an answer says, as ch_query(). rows: of an INSERT of rows. */
int ch_check(const struct http_response *resp, bool rows, int *code,
    struct error *err);
/* One field of an answer, appended unescaped; moves *at behind it. False at the
 * end of the answer. */
bool ch_field(const char **at, struct buf *out);
/* 'text', for SQL. */
void ch_literal(const char *text, size_t len, struct buf *out);

/* ---- dest_clickhouse_tables.c ---- */

void
ch_name(void *arg, enum dest_place place, const char *table, struct buf *out);
/* The database's and a table's name that has its prefix already. */
void
ch_qualify(const struct clickhouse_dest *c, const char *name, struct buf *out);
int ch_exists(struct clickhouse_dest *c, const char *name, bool *found,
    struct error *err);
/* Types of the table's columns where they are in the database; false in have:
 * not there. *exists: the table. */
int ch_columns(struct clickhouse_dest *c, enum dest_place place,
    const struct table *t, struct ch_type *types, bool *have, bool *exists,
    struct error *err);
int ch_migrate(struct dest *d, enum dest_place place, const struct table *t,
    struct buf *added, struct error *err);
int ch_drop(struct dest *d, enum dest_place place, const char *table,
    struct error *err);
int ch_empty(struct dest *d, enum dest_place place, const struct table *t,
    struct error *err);
/* An empty part table for the table's rows, in the open transaction; *name is
 * borrowed. */
int ch_need_part(struct clickhouse_dest *c, const struct table *t,
    const char **name, struct error *err);

/* ---- dest_clickhouse_type.c ---- */

/* The column's type in SQL; ERR_DATA: there is none. */
int ch_type_add(int version, const struct column *c, struct buf *out,
    struct error *err);
/* By the name that the database has for it. */
struct ch_type ch_type_parse(const char *name);
/* Can it take values of that type? */
bool ch_type_fits(const struct ch_type *have, enum data_type want);
/* CREATE TABLE with all complete columns. */
int ch_create_add(int version, const char *name, const struct table *t,
    struct buf *out, struct error *err);
/* A definition of one column. */
int ch_column_add(int version, const struct column *c, struct buf *out,
    struct error *err);
/* A value in the format TabSeparated. */
int ch_value_add(const struct ch_type *type, const struct column *column,
    const struct cell *cell, struct buf *out, struct error *err);
void ch_escape(const char *text, size_t len, struct buf *out);

/* ---- dest_clickhouse_native.c ---- */

/* Can all values of the type be written as bytes? utc: what the server takes
 * for times that name no zone is UTC. */
bool ch_native_type(const struct ch_type *type, bool utc);
/* A value, at the end of its lane; checked as by ch_value_add(). */
int ch_native_add(struct ch_lane *lane, const struct cell *cell,
    struct buf *scratch, struct error *err);
/* What the lanes hold, in bytes. */
size_t ch_native_size(const struct ch_lane *lanes, size_t count);
/* Append the rows of all lanes as one block, and empty these. */
void ch_native_block(struct ch_lane *lanes, size_t count, size_t rows,
    struct buf *out);

/* ---- dest_clickhouse_rows.c ---- */

int ch_insert(struct dest *d, enum dest_place place, const struct rows *rows,
    size_t *bad, struct error *err);
/* Send what is left and take the server's verdict; nothing when none is open.
 */
int ch_insert_end(struct clickhouse_dest *c, struct error *err);
void ch_insert_drop(struct clickhouse_dest *c);
void ch_insert_release(struct clickhouse_dest *c);

/* ---- dest_clickhouse_commit.c ---- */

int ch_begin(struct dest *d, struct error *err);
int ch_commit(struct dest *d, struct error *err);
void ch_rollback(struct dest *d);
/* A statement of a merge: at the commit. */
int ch_execute(struct dest *d, const char *sql, struct error *err);
/* A statement that may be done twice, after the rows; without a transaction at
 * once. */
int ch_after(struct clickhouse_dest *c, const char *sql, struct error *err);
/* Complete what an intent has begun. */
int
ch_recover(struct clickhouse_dest *c, const char *script, struct error *err);
/* Drop what a script that is done may have left. */
void ch_clean(struct clickhouse_dest *c, const char *script);
extern const struct merge_dialect ch_merging;

/* ---- dest_clickhouse_meta.c ---- */

int ch_need_jobs_table(struct clickhouse_dest *c, struct error *err);
/* What marks the dataset as one. */
int ch_need_sentinel(struct clickhouse_dest *c, enum dest_place place,
    struct error *err);
/* One row of _dlt_jobs. */
void
ch_add_mark(const struct ch_mark *m, const struct buf *script, struct buf *sql);
int ch_stored_schema(struct dest *d, const char *schema_name, struct buf *json,
    bool *found, struct error *err);
int ch_stored_state(struct dest *d, const char *pipeline_name, struct buf *doc,
    bool *found, struct error *err);
int ch_has_version(struct dest *d, const char *hash, bool *found,
    struct error *err);
int
ch_add_version(struct dest *d, const struct schema *schema, struct error *err);
int ch_marked(struct dest *d, const char *load_id, const char *job_id,
    struct buf *checksum, uint64_t *rows, struct error *err);
int ch_mark(struct dest *d, const struct dest_mark *m, struct error *err);
int ch_each_mark(struct dest *d, const char *load_id,
    void (*f)(const struct dest_mark *m, void *arg), void *arg,
    struct error *err);
int ch_unmark(struct dest *d, const char *load_id, struct error *err);
int ch_has_load(struct dest *d, const char *load_id, const char *schema_name,
    bool *found, struct error *err);
int ch_add_load(struct dest *d, const char *load_id,
    const struct schema *schema, struct error *err);

#endif

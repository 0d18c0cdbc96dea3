/* SPDX-License-Identifier: MIT */
/*
 * walk: from a block of rows to the rows of tables, in one streaming pass.
 *
 * Shape:  a row never becomes a tree on the fast lane: the walk predicts the
 *         key that follows a key, checks as it goes, and copies raw value
 *         bytes behind a prepared column name. Whatever is new, odd or wrong
 *         is a surprise: the buffers are cut back to the begin of the row, and
 *         the slow lane (slow.h) does it again to the letter of the contract.
 *         Both lanes write the same bytes for the same row.
 *         Written rows: {system columns, then values in the order of the
 *         input}\n.
 * Owner:  a walker belongs to one thread; results to the caller.
 */
#ifndef DLT_NORMALIZE_WALK_H
#define DLT_NORMALIZE_WALK_H

#include "common/hash.h"
#include "tools/dlt-normalize/evolve.h"
#include "tools/dlt-normalize/reader.h"

#define ROW_SLACK 512 /* bytes that may be written behind a segment's limit */

enum lane {
	LANE_BOTH,
	LANE_SLOW, /* every row by the slow lane: for tests */
};

/* Rows of one table out of one block. */
struct segment {
	struct table *table;
	char *data;
	size_t len, cap;
	uint32_t *ends; /* of each row */
	size_t rows, rows_cap;
	/* live walks: the table has so many complete columns from a row on; at
	 * the begin of a result without any: as many as when it is committed */
	struct columns_from {
		size_t row;
		size_t columns;
	} * changes;
	size_t change_count, change_cap;
};

/* What may come next in a job file. */
enum row_state {
	ROWS_LINE,  /* a line */
	ROWS_FIRST, /* the first row of a line's array, or its end */
	ROWS_NEXT,  /* a row, after a comma */
	ROWS_AFTER, /* a comma or the array's end */
};

/* A row that cannot be placed. */
struct reject {
	uint64_t row;  /* of the block, from 0 */
	uint64_t byte; /* offset in the job file, decoded */
	char *reason;
	char *table, *column; /* where it did not fit; NULL: not known */
	char *data; /* the row as it stands, or the rest of its line */
	size_t len;
	uint64_t large; /* instead of data: its size, above MAX_ROW */
};

struct result {
	struct segment **segments; /* in the order of first use */
	size_t count, cap;         /* the rest up to cap is spare memory */
	const struct table **was;  /* of each: its table, now or last time */
	uint64_t version;          /* of the schema that it was made with */
	bool depends;              /* on something that the schema lacks */
	bool stopped;              /* at a row that would change the schema */
	size_t at;                 /* where: offset in the block */
	enum row_state state;      /* there */
	uint64_t rows;             /* root rows done, rejects included */
	uint64_t slow_rows;        /* of them by the slow lane */
	struct reject *rejects;    /* of them */
	size_t reject_count, reject_cap;
};

/* How root rows of a table get their ids (contract.md 6.5). */
enum row_id {
	ROW_ID_RANDOM,
	ROW_ID_KEY_HASH,
	ROW_ID_ROW_HASH,
};

/* What holds for a whole package. */
struct walk_config {
	struct evolve *evolve;
	const char *load_id;
	bool deterministic;
	enum lane lane;
	bool rejects; /* rows that cannot be placed do not end the run */
};

struct walker;

struct walker *walker_new(const struct walk_config *cfg);
void walker_free(struct walker *w);

/* Walk a block from `from` (0, or where a result stopped) and append to res.
 * live: the caller holds the schema exclusively, surprises change it (res never
 * stops); first_row: number of the block's first row in its job, for places.
 * 0, or -1 with err (live only: workers stop at a bad row instead). */
int walker_block(struct walker *w, const struct job *job, const struct block *b,
    bool live, uint64_t first_row, struct result *res, struct error *err);

/* An empty job file: make the table's system columns (contract.md 6.9). */
int walker_empty(struct walker *w, const struct job *job, struct error *err);

void result_reset(struct result *res);
void result_release(struct result *res);

/* The place of a row for people: the user's file and line where the manifest
 * knows them. Frees nothing; `file` lives as long as job. */
void walk_place(const struct job *job, uint64_t row, uint64_t byte,
    struct place *out);

#endif

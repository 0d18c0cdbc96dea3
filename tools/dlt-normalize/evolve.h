/* SPDX-License-Identifier: MIT */
/*
 * evolve: the schema of a run while it changes: new tables and columns,
 * contracts with their filters, provenance.
 *
 * Shape:  workers read it under a shared lock while they walk a block; only
 *         the committer changes it, in input order, under the exclusive lock.
 * Source: contract.md sections 7.2, 7.7, 9.1; jsonl lane of dlt's normalize.
 */
#ifndef DLT_NORMALIZE_EVOLVE_H
#define DLT_NORMALIZE_EVOLVE_H

#include "common/caps.h"
#include "common/schema.h"

/* A column that a row asks for. */
struct new_column {
	const char *name;
	size_t len;
	enum data_type type;
	bool variant;
	const char *base; /* variant: the column that it could not enter */
	const struct json *cause; /* the value, for provenance */
	bool dropped;             /* by the contract; set by evolve_apply() */
};

/* Where a row stands, for provenance and messages. */
struct place {
	const char *file; /* job file, or the user's input when known */
	uint64_t row;     /* in the job file, from 1 */
	uint64_t line;    /* of the user's input; 0: not known */
	uint64_t byte; /* offset of the row in that file, decoded; UINT64_MAX:
	                     not known */
};

struct update { /* for schema_updates.json */
	struct table *table;
	struct column **columns;
	size_t count, cap;
};

struct filter {
	char *table;
	char *column; /* NULL: the whole table */
	enum contract_mode mode;
};

struct evolve {
	struct schema *schema;
	uint64_t version;       /* +1 with each change */
	uint64_t json_version;  /* +1 when a json column appears */
	struct filter *filters; /* set by contracts, for the rest of the run */
	size_t filter_count, filter_cap;
	struct row_filter *row_filter; /* NULL: none */
	struct error row_filter_error; /* why one cannot be used */
	struct update *updates;
	size_t update_count, update_cap;
	struct buf provenance;     /* JSON lines */
	bool propagates;           /* the schema does, as far as was looked */
	bool late_root_key;        /* by a key in the rows: not in this run */
	const struct caps *target; /* whose merge strategies count */
	bool any_strategy; /* it is not known: tables say what they want */
	struct contract *contracts;
	char **contract_names;
	size_t contract_count, contract_cap;
	bool trial; /* a fork: says nothing */
};

/* Lets the schema propagate the keys that its merges need. */
void
evolve_init(struct evolve *ev, struct schema *s, const struct caps *target);
void evolve_release(struct evolve *ev); /* not the schema, but a fork's */

/* A copy to try a row with, that shares nothing that changes; it may not
 * outlive `from`. */
void evolve_fork(struct evolve *ev, const struct evolve *from);

/* A column has come into the schema, for schema_updates.json. */
void evolve_added(struct evolve *ev, struct table *t, struct column *c);

/* May rows of the table (column NULL) or the column's values go in?
 * CONTRACT_EVOLVE: no filter. */
enum contract_mode
evolve_filter(const struct evolve *ev, const char *table, const char *column);

/* Does a frozen contract forbid these columns of one row? Changes nothing. 0,
 * or -1: err names table and column, *bad is the column (NULL: the table). */
int evolve_check(const struct evolve *ev, const char *name, const char *parent,
    const struct new_column *columns, size_t count,
    const struct new_column **bad, struct error *err);

/* Bring the new columns of one row into table `name` (made when missing, below
 * `parent`, NULL for a root table), as far as the contract allows.
 * 1: the row goes on (dropped columns are marked), 0: the row is discarded,
 * -1: a frozen contract, err names table and column. */
int evolve_apply(struct evolve *ev, const char *name, const char *parent,
    struct new_column *columns, size_t count, const struct place *at,
    struct error *err);

/* schema_updates.json (contract.md 1.7). */
void evolve_write_updates(const struct evolve *ev, struct buf *out);

#endif

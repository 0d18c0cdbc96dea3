/* SPDX-License-Identifier: MIT */
/*
 * merge: the SQL that brings a chain of tables (a root table and what is nested
 * below it) from where it was staged into the dataset. Text only; who runs it,
 * where and in which transaction is not known here. A dialect is data.
 *
 * Shape:  statements in their order, each ended by a NUL byte. They belong in
 *         one transaction where there are any. Keys that are null match
 *         nothing; of rows with equal primary keys one is kept.
 * Errors: ERR_REMOTE for what the destination or the chain's hints do not
 *         allow: merge_check() finds all of it before anything is touched.
 * Source: contract.md sections 9.2-9.7.
 */
#ifndef DLT_MERGE_H
#define DLT_MERGE_H

#include "common/buf.h"
#include "common/error.h"
#include "common/schema.h"

/* Where a table is. */
enum dest_place {
	DEST_DATASET,
	DEST_STAGING,
};

enum merge_kind {
	MERGE_DELETE_INSERT,
	MERGE_UPSERT,
	MERGE_INSERT_ONLY,
	MERGE_SCD2,
	MERGE_REPLACE, /* swap: out with all rows, in with the staged ones */
};

struct merge;

struct merge_dialect {
	const char *when_true, *when_false; /* what a boolean equals */
	/* A window's order where any row will do, and what makes the choice
	 * among equals certain; NULL: nothing does. */
	const char *any_order, *tie_break;
	/* Around "YYYY-MM-DD HH:MM:SS.ffffff+00:00"; zone false: without the
	 * offset. */
	const char *time_open, *time_close;
	bool zone;
	/* CREATE .. NAME suffix AS SELECT; temporary tables stand in the
	 * staging place, or have no place. */
	const char *temp_create, *temp_suffix;
	bool temp_staged;
	/* Filled in order, they are looked up in less time. */
	bool temp_sorted;
	const char *empty_open, *empty_close; /* around a table's name */
	/* Staging may hold nested rows twice (loaded again after a crash). */
	bool dedup_nested;
	/* ALTER TABLE .. UPDATE a = b, not UPDATE .. SET a = b. */
	bool alter_update;
	/* The statements that replace a chain, where they are of another kind;
	 * NULL: out with all rows, in with the staged ones. */
	void (*swap)(const struct merge *m, struct buf *out);
};

struct merge {
	const struct merge_dialect *dialect;
	enum merge_kind kind;
	const struct schema *schema;
	struct table *const *chain; /* from merge_chain() */
	size_t count;
	const char *boundary; /* scd2: "YYYY-MM-DD HH:MM:SS.ffffff", UTC */
	/* Appends the table's name as the database needs it, quoted. */
	void (*name)(void *arg, enum dest_place place, const char *table,
	    struct buf *out);
	void *arg;
};

/* "delete-insert" and so on; -1 for none of them. */
int merge_kind_parse(const char *strategy);

/* The strategy of a root table: its hint, else the first that is supported
 * (NULL at the end); ERR_REMOTE when its own is not supported. */
int merge_kind_of(const struct table *root, const char *const *supported,
    enum merge_kind *kind, struct error *err);

/* Is the table part of a chain: does it have columns and has it seen data? */
bool merge_has_part(const struct table *t);

/* The root and all tables below it that have part, parents first, in the
 * schema's order. *chain is the caller's to free. */
void merge_chain(const struct schema *s, const struct table *root,
    struct table ***chain, size_t *count);

/* Does the chain have the keys that its merge needs? */
int merge_check(const struct merge *m, struct error *err);

int merge_sql(const struct merge *m, struct buf *out, struct error *err);

#endif

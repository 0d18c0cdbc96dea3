/* SPDX-License-Identifier: MIT */
/*
 * slow: what slow.c (flattening) and slow_emit.c (coercion, writing) share.
 */
#ifndef DLT_NORMALIZE_SLOW_H
#define DLT_NORMALIZE_SLOW_H

#include "tools/dlt-normalize/walker.h"

/* Where a value stands in a written row: system columns first, then data in
 * the order of the input, as the fast lane writes them. */
enum rank {
	RANK_ROOT_ID,
	RANK_LOAD_ID,
	RANK_PARENT_ID,
	RANK_LIST_IDX,
	RANK_ID,
	RANK_DATA,
};

struct field {
	const char *name;
	const struct json *node; /* NULL: value is set */
	struct value value;      /* after coercion: what is written */
	const char *out_name;    /* after coercion: the column */
	enum rank rank;
	bool raw;     /* written as it stands in the input */
	bool dropped; /* null, or by a contract */
};

struct list {
	const char **path;
	size_t len;
	const struct json *node;
};

/* A row of a table being built. */
struct row {
	const char *name;
	struct table *table; /* NULL: not in the schema yet */
	struct field *fields;
	size_t count, cap;
	struct list *lists;
	size_t list_count, list_cap;
	uint32_t *index; /* of fields by name, when there are many */
	size_t index_size;
};

/* Where a row comes from. */
struct frame {
	const char *const *path; /* normalized parts of the table's name */
	size_t len;
	const char *const *parent_path;
	size_t parent_len;
	const char *parent_id;
	const struct json *parent_typed; /* it was no string: as it came */
	uint64_t index;
	long level;
	bool is_item; /* an item of the job, not of a list */
};

/* Values that go down to the rows below (a chain, innermost first). */
struct extend {
	const char *name;
	struct field field;
	struct extend *next;
};

struct slow {
	struct walker *w;
	struct arena *arena; /* of the row */
	struct node *root;
	const char *row_begin;
	struct error *err;
	bool change;     /* the schema would, and may not yet */
	bool skip_write; /* only the schema matters */
	struct new_column *added;
	size_t added_count, added_cap;
	bool added_variant; /* one of them is a variant */
	unsigned variants;  /* of the value being placed */
};

/* The row cannot be placed, because of that column (or NULL); -1. */
int slow_refuse(struct slow *s, const char *table, const char *column,
    const char *fmt, ...) PRINTF_LIKE(4, 5);

struct field *row_find(const struct row *r, const char *name);

/* Filters, coercion, evolution, writing. 1: written (go down into its lists),
 * 0: discarded, -1: error or change. */
int emit_row(struct slow *s, const struct frame *f, struct row *r);

/* The mappings of contract.md 6.6 for a table that may not be in the schema
 * yet. */
void propagation_for(struct slow *s, const char *table, bool is_root,
    void (*f)(const char *from, const char *as, void *arg), void *arg);

#endif

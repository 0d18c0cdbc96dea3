/* SPDX-License-Identifier: MIT */
/*
 * merge_private: what the files of merge share; for them only.
 *
 * Shape:  merge.c holds strategies, chains and their checks, _text the pieces
 *         of statements, _delete the strategy delete-insert, _history upsert,
 *         insert-only and scd2.
 */
#ifndef DLT_MERGE_PRIVATE_H
#define DLT_MERGE_PRIVATE_H

#include "common/dest/merge.h"

/* merge_text.c */
bool merge_is_complete(const struct column *c);
/* The first complete column with a hint, or NULL. */
const struct column *merge_first_with(const struct table *t, const char *hint);
/* What tells rows apart: the row key, else a unique column, else a primary key
 * of one column. */
const struct column *merge_row_key(const struct table *t);
/* What leads to the row of the root table. */
const struct column *
merge_root_key(const struct merge *m, const struct table *t);

void
merge_add_quoted(struct buf *out, const char *alias, const struct column *c);
void merge_add_table(const struct merge *m, enum dest_place place,
    const struct table *t, struct buf *out);
/* The columns with a hint, or all (hint NULL), but for a and b. */
size_t
merge_add_columns(struct buf *out, const struct table *t, const char *hint,
    const char *alias, const struct column *a, const struct column *b);
/* ("a", "b") IN (SELECT "a", "b" FROM staging), for the columns of a hint. */
void merge_add_key_match(const struct merge *m, const struct table *t,
    const char *hint, struct buf *out);
/* Is the row, by its hard_delete column, one to delete, or one to keep? */
void merge_add_condition(const struct merge *m, const char *alias, bool deleted,
    struct buf *out);
void
merge_add_insert(const struct merge *m, const struct table *t, struct buf *out);
void merge_add_select_all(const struct merge *m, const struct table *t,
    struct buf *out);
void merge_delete_from(const struct merge *m, const struct table *t,
    struct buf *out);
void merge_end_statement(struct buf *out);

/* merge_delete.c */
void merge_delete_insert(const struct merge *m, struct buf *out);

/* merge_history.c */
void merge_upsert(const struct merge *m, struct buf *out);
int merge_scd2(const struct merge *m, struct buf *out, struct error *err);
/* The value of the hint x-active-record-timestamp; empty: null. */
int
merge_active_time(const struct table *root, struct buf *out, struct error *err);

#endif

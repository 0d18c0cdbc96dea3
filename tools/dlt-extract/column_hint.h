/* SPDX-License-Identifier: MIT */
/*
 * column_hint: the argument of --column.
 *
 *	[TABLE.]COLUMN:WORD[,WORD...]
 *
 * A WORD is a data type, with precision and scale as in decimal(38,9),
 * text(64) or timestamp(3); or one of nullable, not_null, no_timezone; or a
 * hint that is set to true (unique, primary_key, merge_key, ...); or KEY=VALUE
 * (dedup_sort=desc, description=..., x-...).
 *
 * Errors: ERR_USAGE.
 */
#ifndef DLT_COLUMN_HINT_H
#define DLT_COLUMN_HINT_H

#include "common/schema.h"

/* Length of the TABLE part at the start of the text; 0: there is none. */
size_t column_hint_table(const char *text);

/* Add the column to a table, or the words to the column. */
int column_hint_add(struct table *t, const struct naming *naming,
    const char *text, struct error *err);

#endif

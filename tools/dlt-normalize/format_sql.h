/* SPDX-License-Identifier: MIT */
/*
 * format_sql: how the destinations spell names and literals in insert_values
 * (contract.md section 4.6).
 */
#ifndef DLT_NORMALIZE_FORMAT_SQL_H
#define DLT_NORMALIZE_FORMAT_SQL_H

/* By the names in common/caps.c; NULL for others, and for NULL. */
const struct dialect *dialect_find(const char *name);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * parquet: what its two files share; for them only.
 */
#ifndef DLT_PARQUET_PRIVATE_H
#define DLT_PARQUET_PRIVATE_H

#include "common/parquet.h"

/* The DuckDB type of a column of a file, appended. */
void parquet_type(const struct column *c, struct buf *out);

#endif

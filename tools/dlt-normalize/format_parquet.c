/* SPDX-License-Identifier: MIT */
/*
 * Parquet is written by DuckDB, from the rows of a whole file.
 */
#include "tools/dlt-normalize/format.h"

#include "common/parquet.h"

static int
write_file(const struct format_plan *p, const char *rows, const char *out,
    struct error *err)
{
	return parquet_write(p->table, rows, out, err);
}

const struct format format_parquet = {
	.name = "parquet",
	.change = CHANGE_WRITTEN,
	.columns = true,
	.file = write_file,
	.check = parquet_check,
};

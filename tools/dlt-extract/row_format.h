/* SPDX-License-Identifier: MIT */
/*
 * row_format: is an input JSON or delimited text, and of which dialect? By
 * options, else by the end of its name.
 */
#ifndef DLT_ROW_FORMAT_H
#define DLT_ROW_FORMAT_H

#include "tools/dlt-extract/csv.h"

/* As given on the command line; NULL: not at all. */
struct row_format_options {
	const char *format, *delimiter, *quote, *names, *ragged, *types;
};

struct row_format {
	enum { ROWS_BY_NAME, ROWS_JSON, ROWS_CSV, ROWS_TSV } kind;
	struct csv_format csv; /* delimiter NUL: by kind */
};

/* What is borrowed from the options stays so. */
int row_format_parse(struct row_format *f, const struct row_format_options *o,
    struct error *err);

/* Is the input of that name delimited text? Then *csv has its dialect. */
bool row_format_is_csv(const struct row_format *f, const char *name,
    struct csv_format *csv);

#endif

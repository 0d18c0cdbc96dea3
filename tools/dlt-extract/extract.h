/* SPDX-License-Identifier: MIT */
/*
 * extract: one run of dlt-extract: rows in, one load package out.
 *
 * Errors: as struct error says; nothing is left behind on failure.
 * Owner:  strings of the options are borrowed for the run.
 */
#ifndef DLT_EXTRACT_H
#define DLT_EXTRACT_H

#include "common/opt.h"
#include "tools/dlt-extract/hints.h"
#include "tools/dlt-extract/row_format.h"

struct extract_options {
	struct opt_common common;
	struct opt_list operands;
	struct table_hints hints;
	const char *name, *source, *output;
	const char *compression, *table_from, *limit;
	const char *files0_from, *max_memory;
	const char *max_time, *on_error;
	const char *schema_name, *load_id, *sync;
	const char *dataset, *password_file; /* of sync */
	struct opt_list incremental;         /* cursors.h */
	struct row_format_options input;
	bool deterministic, allow_empty, print, print0;
	bool dry_run;    /* show requests, send none */
	bool components; /* show what must run together */
};

int extract_run(struct extract_options *o, struct error *err);

#endif

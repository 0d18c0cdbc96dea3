/* SPDX-License-Identifier: MIT */
/*
 * run: one run of dlt-load: which destination, which packages.
 */
#ifndef DLT_LOAD_RUN_H
#define DLT_LOAD_RUN_H

#include "common/opt.h"

struct load_options {
	struct opt_common common;
	struct opt_list operands;
	const char *packages_from;
	const char *dataset, *password_file, *max_memory;
	bool print, zero, plan;
};

/* *changes: with --plan, the schema would change. */
int load_run(const struct load_options *o, bool *changes, struct error *err);

#endif

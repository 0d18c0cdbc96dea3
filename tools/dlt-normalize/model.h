/* SPDX-License-Identifier: MIT */
/*
 * model: job files of one SELECT statement, which Python dlt extracts from
 * queries on a dataset, and the destination runs.
 *
 * Shape:  the statement stays as it is, within one that has the columns of the
 *         schema in their order and adds _dlt_load_id (and, where it is asked
 *         for, _dlt_id). Of the statement only the list of what it selects is
 *         taken apart: columns and aliases.
 * Errors: ERR_DATA for what dlt refuses, too: "*", expressions without alias,
 *         no SELECT; and for aliases without AS behind an expression, where
 *         words could mean something else.
 * Source: dlt/normalize/items_normalizers/model.py; dlt/common/libs/sqlglot.py.
 */
#ifndef DLT_NORMALIZE_MODEL_H
#define DLT_NORMALIZE_MODEL_H

#include "common/package.h"
#include "tools/dlt-normalize/evolve.h"
#include "tools/dlt-normalize/normalize.h"
#include "tools/dlt-normalize/reader.h"
#include "tools/dlt-normalize/writer.h"

struct model {
	const struct normalize_settings *set;
	struct evolve *evolve; /* with the schema */
	struct writer *writer; /* NULL: nothing is written (--plan) */
	const char *load_id;
};

/* *changed: columns came into the schema. */
int model_take(const struct model *m, const struct job *job, const char *path,
    bool *changed, struct error *err);

#endif

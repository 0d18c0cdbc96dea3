/* SPDX-License-Identifier: MIT */
/*
 * step_jq: filters and maps of rows as programs of jq. step_jq.c is the only
 * includer of jq.h; step_jq_none.c stands in where libjq is missing.
 *
 * Shape:  a filter lets a row pass when the first output is neither null nor
 *         false, and leaves it as it is. A map puts its one output in the row's
 *         place; no output drops the row, several are an error.
 *         jq counts in doubles: a map of a row with a number that would change
 *         is an error.
 * Errors: ERR_USAGE for programs that do not compile; rows as step.h says.
 * Source: jq 1.6, jq.h and jv.h.
 */
#ifndef DLT_STEP_JQ_H
#define DLT_STEP_JQ_H

#include "tools/dlt-extract/step.h"

enum step_jq { STEP_FILTER, STEP_MAP };

/* NULL with err; to be freed by steps_free(). */
struct step *
step_jq_new(enum step_jq kind, const char *program, struct error *err);

#endif

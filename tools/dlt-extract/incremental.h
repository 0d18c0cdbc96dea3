/* SPDX-License-Identifier: MIT */
/*
 * incremental: a cursor over the rows of a resource, which lets through what is
 * new since the last run.
 *
 * Source: contract.md 12.4 to 12.6; dlt/extract/incremental.
 */
#ifndef DLT_INCREMENTAL_H
#define DLT_INCREMENTAL_H

#include "common/error.h"

struct incremental;

/* For inputs that can ask for less. Values are JSON text, strings perhaps
 * dlt's typed values; they do not change while the inputs are open. */

/* The field as it was given: a name, or a JSONPath. */
const char *incremental_cursor(const struct incremental *i);
/* From here on, with the lag: NULL: all. */
const char *incremental_start(const struct incremental *i);
/* Up to here; NULL: no end. */
const char *incremental_end(const struct incremental *i);
const char *incremental_initial(const struct incremental *i);
bool incremental_start_is_open(const struct incremental *i);
bool incremental_end_is_open(const struct incremental *i);
/* 1: the least is wanted (last_value_func "min"), values fall. */
bool incremental_is_min(const struct incremental *i);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * pylen: how many bytes Python dlt would have written for a row.
 *
 * dlt parses rows and writes them anew, so its file_max_bytes counts compact
 * text: no blanks between tokens, escapes undone, floats in their shortest
 * form. Not followed: of duplicate keys dlt keeps one.
 */
#ifndef DLT_PYLEN_H
#define DLT_PYLEN_H

#include "common/base.h"

/* data: checked JSON. */
size_t python_length(const char *data, size_t len);

#endif

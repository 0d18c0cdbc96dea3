/* SPDX-License-Identifier: MIT */
/*
 * cursor_lag: how far before its last value a cursor begins.
 *
 * Units:  seconds for timestamps, days for dates, else what the number counts.
 *         Text that is written as a date or a timestamp comes back in the same
 *         form; dates as such, all others by seconds.
 * Errors: ERR_DATA for what has no lag: other text, other kinds, years before 1
 *         or after 9999.
 * Source: contract.md 12.6; dlt/extract/incremental/lag.py.
 */
#ifndef DLT_CURSOR_LAG_H
#define DLT_CURSOR_LAG_H

#include "tools/dlt-extract/cursor/cursor_value.h"

/* v less (or, with add, plus) the lag; out owns its text. */
int cursor_lag(const struct cursor_value *v, const struct cursor_value *lag,
    bool add, struct cursor_value *out, struct error *err);

#endif

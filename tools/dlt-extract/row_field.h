/* SPDX-License-Identifier: MIT */
/*
 * row_field: one member of a row, for --table-from and cursors.
 */
#ifndef DLT_ROW_FIELD_H
#define DLT_ROW_FIELD_H

#include "common/buf.h"
#include "common/error.h"

/* The raw value of the last member called `field` of an object of checked JSON,
 * without building it; NULL: no object, or no such member. */
const char *row_member(const char *data, size_t data_len, const char *field,
    size_t field_len, size_t *len);

/* The decoded string that the last member called `field` of the object holds;
 * data is checked JSON. ERR_DATA: no object, no such member, no string, or an
 * empty one. */
int row_field(const char *data, size_t len, const char *field, struct buf *out,
    struct error *err);

#endif

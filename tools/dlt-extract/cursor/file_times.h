/* SPDX-License-Identifier: MIT */
/*
 * file_times: an incremental cursor over the files of a resource, by when they
 * were last changed: those that were read before are left out.
 *
 * Shape:  each file counts as a row { file_url, modification_date }, as in dlt's
 *         filesystem source, and is a boundary row by its file_url.
 * Errors: ERR_IO for files that are gone.
 */
#ifndef DLT_FILE_TIMES_H
#define DLT_FILE_TIMES_H

#include "tools/dlt-extract/cursor/incremental.h"
#include "tools/dlt-extract/source_files.h"

#define FILE_TIMES_CURSOR "modification_date"

/* Is it such a cursor? All inputs are files then. */
bool
file_times_meant(const struct incremental_spec *s, const struct resource *r);
/* By which a file is known. */
extern const struct row_key file_times_key;
/* Take the files that are not wanted out of r. A file that changes afterwards
 * comes again next time. */
int
file_times_select(struct resource *r, struct incremental *i, struct error *err);
/* A step that owns the cursor, and lets all rows pass. */
struct step *file_times_step(struct incremental *i);

#endif

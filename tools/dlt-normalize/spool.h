/* SPDX-License-Identifier: MIT */
/*
 * spool: files on the way, in $TMPDIR or /var/tmp.
 *
 * Owner:  spool_remove() removes a file and frees its path; what is left at
 *         exit or a signal is removed then.
 */
#ifndef DLT_NORMALIZE_SPOOL_H
#define DLT_NORMALIZE_SPOOL_H

#include "common/error.h"

/* A new, empty file; returns its descriptor. *path is malloc'd. */
int spool_make(char **path, struct error *err);
int spool_write(int fd, const char *path, const char *data, size_t len,
    struct error *err);
void spool_remove(char *path); /* NULL is legal */

#endif

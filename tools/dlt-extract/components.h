/* SPDX-License-Identifier: MIT */
/*
 * components: resources of a source file that must run together, because rows
 * of one are the input of another.
 *
 * Shape:  a line for each: the name of a pipeline of its own, and the resources,
 *         separated by tabs; in the order of the file. The names depend on
 *         nothing but base and resources.
 * Source: dlt/extract/source.py, decompose("scc").
 */
#ifndef DLT_COMPONENTS_H
#define DLT_COMPONENTS_H

#include "common/buf.h"
#include "common/opt.h"
#include "tools/dlt-extract/source_file.h"

/* Of the resources that the names select, or all that are selected. base: of
 * the pipelines' names. */
int components_write(struct source_file *f, const char *base,
    const char *const *names, size_t count, struct buf *out, struct error *err);
/* The same for a file, to standard output; base NULL: the name of the source. */
int components_show(const char *path, const char *base,
    const struct opt_list *names, struct error *err);

#endif

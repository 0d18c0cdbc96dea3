/* SPDX-License-Identifier: MIT */
/*
 * source_file: resources and their hints as a file declares them, in TOML or
 * JSON (by the end of its name).
 *
 * Shape:  { name, resource_defaults, resources = [{ name, file | files |
 *         command, hints... }] }. Keys of resource_defaults hold where a
 *         resource says nothing itself.
 * Errors: ERR_USAGE "FILE:LINE:COLUMN: what" for all that the document says
 *         wrongly; ERR_IO for files.
 * Owner:  source_file_free(), after the run: hints borrow from it.
 * Source: design.md 3.1; contract.md 8.2.
 */
#ifndef DLT_SOURCE_FILE_H
#define DLT_SOURCE_FILE_H

#include "tools/dlt-extract/hints.h"
#include "tools/dlt-extract/pull.h"
#include "tools/dlt-extract/source_files.h"

struct source_file;

struct source_file *source_file_read(const char *path, struct error *err);
void source_file_free(struct source_file *f);

/* The source's name: what the file says, else the stem of its own name. */
const char *source_file_name(const struct source_file *f);

/* Each name must be that of a resource. */
int source_file_check_names(const struct source_file *f,
    const char *const *names, size_t count, struct error *err);
/* Is the resource one of the names, or without any, selected? */
bool source_file_wants(const struct source_file *f, const struct json *r,
    const char *const *names, size_t count);
/* The names of the resources to run are appended, each ended by a NUL. */
void source_file_names(const struct source_file *f, const char *const *names,
    size_t count, struct buf *out);
/* Add the inputs of the resources to run, in the file's order: the named ones,
 * or all that are selected. flags: of the command line; they win over the
 * file's, and declare columns beside its own. */
int source_file_select(struct source_file *f, struct sources *s,
    const char *const *names, size_t count, const struct table_hints *flags,
    struct error *err);

/* How the i-th of these is pulled; *plan holds what the command line says. */
void source_file_plan(const struct source_file *f, size_t i,
    struct pull_resource *plan);

/* The destination is known now. */
void source_file_set_caps(struct source_file *f, const struct caps *caps);

/* What a resource (an object of the file) says under a key, or its default; or
 * NULL. */
const struct json *source_file_hint(const struct source_file *f,
    const struct json *resource, const char *key);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * exchange: schemas that people edit: files NAME.schema.yaml in a directory to
 * import from and in one to export to (contract.md 8.6; dlt's
 * common/storages/schema_storage.py).
 *
 * Shape:  A file to import holds from the time it is there or was changed: it
 *         replaces the schema of the pipeline, which keeps its hash as
 *         imported_version_hash. Where none is, extract writes the first one.
 *         Each schema that normalize changes is exported.
 * Errors: as struct error, with the path of the file.
 */
#ifndef DLT_EXCHANGE_H
#define DLT_EXCHANGE_H

#include "common/config.h"
#include "common/workdir.h"

struct exchange {
	const char *import_dir, *export_dir; /* NULL: not asked for */
	bool json;                           /* instead of YAML */
	bool keep_defaults;
	bool look_only; /* nothing is saved nor written */
	/* by exchange_schema() */
	char *imported; /* the file that it took, or NULL */
	bool replaced;  /* another schema of the pipeline */
	char *affected; /* its tables with data, "a, b" */
};

/* import_schema_path and export_schema_path of a pipeline (or NULL), and
 * schema.external_schema_format[_remove_defaults]. The strings are of c. */
int exchange_settings(struct exchange *x, struct config *c,
    const char *pipeline, struct error *err);
/* [sources.NAME.schema] naming, ... of the schema NAME. */
int exchange_naming(struct naming_settings *n, struct config *c,
    const char *pipeline, const char *schema, struct error *err);
void exchange_release(struct exchange *x);

/* workdir_schema() (w NULL: none is stored), or the file to import where it is
 * newer; that is saved, exported and named in x->imported. */
struct schema *exchange_schema(struct exchange *x, struct workdir *w,
    const char *name, bool *missing, struct error *err);
/* Link the schema, which is to be saved, to the file that is there now: it was
 * seen, and shall not replace what is saved. */
int
exchange_link(const struct exchange *x, struct schema *s, struct error *err);
/* Write the schema as the file to import if there is none, and link it. */
int
exchange_offer(const struct exchange *x, struct schema *s, struct error *err);
int exchange_export(const struct exchange *x, const struct schema *s,
    struct error *err);

#endif

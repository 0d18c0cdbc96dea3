/* SPDX-License-Identifier: MIT */
/*
 * dataset: the name of the place that the tables of a destination are in, and
 * what a configured destination is reached by.
 *
 * Source: contract.md section 11; design sections 2.1 and 6.
 */
#ifndef DLT_DATASET_H
#define DLT_DATASET_H

#include "common/config.h"
#include "common/json.h"

/* The flag, else the setting dataset_name, else that of the state (NULL: there
 * is none), else with a pipeline its name and "_dataset"; made an identifier.
 * *out is malloc'd, or NULL: the destination's own default. */
int dataset_name(struct config *c, const char *flag, const char *pipeline,
    const struct json *state, char **out, struct error *err);

/* That of a schema which is not the default one and is not to share it: the
 * dataset's name, "_" and the schema's, made an identifier; malloc'd. */
int dataset_of_schema(const char *dataset, const char *schema, char **out,
    struct error *err);

/* Where the rows of a dataset are staged: the layout with the dataset's name for
 * "%s" (NULL: dlt's, "%s_staging"), made an identifier; malloc'd. NULL, with
 * ERR_USAGE, when it is the dataset itself. */
char *
dataset_staging(const char *layout, const char *dataset, struct error *err);

/* A configured destination: destination.NAME.credentials, a URL or a table of
 * database, username, host and port; or its bucket_url, of files. *url is
 * malloc'd, or NULL: not configured. *password is the credentials' own,
 * malloc'd, or NULL. */
int dataset_credentials(struct config *c, const char *pipeline,
    const char *name, char **url, char **password, struct error *err);

/* The same of a database that is read: sources.NAME.credentials, else the
 * destination of that name. */
int dataset_source_credentials(struct config *c, const char *pipeline,
    const char *name, char **url, char **password, struct error *err);

/* The first line of a file. */
int dataset_password(const char *path, char **password, struct error *err);

/* "duckdb" of "dlt.destinations.duckdb"; others as they are. In type. */
const char *dataset_short_name(const char *type);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * config: settings with dlt's names and dlt's lookup rule, from flags, the
 * environment, .dlt/secrets.toml, .dlt/config.toml and the global folder.
 * toml.cc is the only includer of toml++.
 *
 * Shape:  a key is looked up in a context (contract.md 11.2): sections from
 *         the most specific to the least, per provider in order.
 * Errors: ERR_USAGE with file:line or variable name for a wrong type or bad
 *         TOML.
 * Owner:  config_free().
 */
#ifndef DLT_CONFIG_H
#define DLT_CONFIG_H

#include <stdio.h>

#include "common/error.h"

struct config;

/* dir: the -C directory (NULL: $DLT_PROJECT_DIR, else the current one); its
 * $DLT_CONFIG_FOLDER (.dlt) is read, then the global one under it. */
struct config *config_load(const char *dir, struct error *err);
void config_free(struct config *c);

/* "normalize.workers=3" from -c, or from a flag (origin "-j"): beats all
 * other providers, and is found by the same rule. */
int config_set(struct config *c, const char *key_value, const char *origin,
    struct error *err);

struct config_context {
	const char *pipeline;  /* or NULL: tried first as a prefix (rule 5) */
	const char *path[4];   /* E, e.g. {"sources", "mod", "name"} */
	size_t count;
	const char *section;   /* C, e.g. "data_writer"; NULL: bare keys */
};

/* The text of a value (TOML strings unquoted, others as written) and where it
 * came from, or NULL. Borrowed until config_free(). Every key asked for is
 * remembered for config_show(). */
const char *config_get(struct config *c, const struct config_context *ctx,
    const char *key, const char **origin);

/* Typed; *out is left alone when the key is not set anywhere (the default that
 * is in *out is then what config_show() prints). Coercion by contract.md 11.3. */
int config_int(struct config *c, const struct config_context *ctx,
    const char *key, long *out, struct error *err);
int config_bool(struct config *c, const struct config_context *ctx,
    const char *key, bool *out, struct error *err);
int config_string(struct config *c, const struct config_context *ctx,
    const char *key, const char **out, struct error *err);

/* --show-config: each setting asked for so far, its value and origin; secrets
 * masked. As text, or one JSON object. */
void config_show(struct config *c, bool json, FILE *out);

/* The nearest section path for messages: "normalize.data_writer.file_max_items"
 * is not done here; see man dlt-config(5). */

/* Settings of a data writer (contract.md 4.1); 0 = none. */
struct writer_settings {
	long buffer_max_items;
	long file_max_items;
	long file_max_bytes;
	bool disable_compression;
};
int config_writer(struct config *c, const struct config_context *ctx,
    struct writer_settings *out, struct error *err);

#endif

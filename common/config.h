/* SPDX-License-Identifier: MIT */
/*
 * config: settings with dlt's names and dlt's lookup rule, from flags, the
 * environment, .dlt/secrets.toml, .dlt/config.toml and the global folder.
 * toml.cc is the only includer of toml++.
 *
 * Shape:  a key is looked up in a context (contract.md 11.2): sections from
 *         the most specific to the least, per provider in order. Where a
 *         pipeline is named, all that is first done below its name. Flags and
 *         -c stand before all of that.
 * Errors: ERR_USAGE with file:line, variable or flag for a wrong type or bad
 *         TOML; ERR_IO for a file that is there and cannot be read.
 * Owner:  config_free(); every string handed out lives until then.
 *         Lookups are remembered for config_show(), so one config belongs to
 *         one thread: read what workers need before they start.
 *
 *	struct config *c = config_load(opts.directory, &err);
 *	if (!c || config_set_all(c, &opts.config, &err)) ...
 *	struct config_context normalize = {
 *		.pipeline = name, .path = { "normalize" }, .count = 1 };
 *	long workers = 1;
 *	struct writer_settings files;
 *	if (config_int(c, &normalize, "workers", &workers, &err) ||
 *	    config_writer(c, &normalize, &files, &err)) ...
 *	if (opts.show_config)
 *		config_show(c, opts.json, stdout);
 *
 * The data writer of extract has .path = { "sources", section, schema name },
 * .count = 3 (design section 6 says what the section is).
 */
#ifndef DLT_CONFIG_H
#define DLT_CONFIG_H

#include <stdio.h>

#include "common/error.h"

struct config;
struct opt_list;

/* dir: the -C directory (NULL: $DLT_PROJECT_DIR, else the current one); its
 * $DLT_CONFIG_FOLDER (.dlt) is read, then the global one under it. */
struct config *config_load(const char *dir, struct error *err);
/* The same with the folders named (tests); any of them may be NULL. secrets is
 * the place of mounted secrets, /run/secrets else. */
struct config *config_open(const char *settings, const char *global,
    const char *secrets, struct error *err);
void config_free(struct config *c);

/* "normalize.workers=3" from -c, or from a flag (origin "-j"): beats all
 * other providers, and is found by the same rule. Of the same key the last one
 * counts. A part of the key with dots in it is written in double quotes. */
int config_set(struct config *c, const char *key_value, const char *origin,
    struct error *err);
/* Each item of a list that opt_parse() filled. */
int config_set_all(struct config *c, const struct opt_list *settings,
    struct error *err);
/* The next -c (not: flag) that no lookup has asked for so far, or NULL; start
 * with *at = 0. For a warning after everything has been looked up. */
const char *config_unused(const struct config *c, size_t *at);

/* Warns of keys of the files, in sections of the stage ("extract", ..), that are
 * settings neither of the tools nor of Python dlt. Sections of sources,
 * destinations and others may be anybody's. */
void config_check(struct config *c, const char *stage);

struct config_context {
	const char *pipeline; /* or NULL: tried first as a prefix (rule 5) */
	const char *path[4];  /* E, e.g. {"sources", "mod", "name"} */
	size_t count;
	const char *section; /* C, e.g. "data_writer"; NULL: bare keys */
	/* One of those of the source {"sources", "mod", "name"}, or NULL; which
	 * Python dlt has not: "sources.mod.RESOURCE" comes before
	 * "sources.mod.name", and "sources.RESOURCE" before "sources.name". */
	const char *resource;
};

/* The text of a value (TOML strings unquoted, others as written, arrays as
 * JSON) and where it came from, or NULL when it is not set, or a table. Every
 * key asked for is remembered for config_show(). origin may be NULL. */
const char *config_get(struct config *c, const struct config_context *ctx,
    const char *key, const char **origin);

/* Typed; *out is left alone when the key is not set anywhere (the default that
 * is in *out is then what config_show() prints). Coercion by contract.md 11.3:
 * int takes "1_000", "0x10", 5.0; bool takes yes, no, t, f, 1, 0, ...
 * A number given as a flag or by -c may have a unit (opt_size()). */
int config_int(struct config *c, const struct config_context *ctx,
    const char *key, long *out, struct error *err);
/* A whole number of at least min. */
int config_count(struct config *c, const struct config_context *ctx,
    const char *key, long min, long *out, struct error *err);
int config_double(struct config *c, const struct config_context *ctx,
    const char *key, double *out, struct error *err);
int config_bool(struct config *c, const struct config_context *ctx,
    const char *key, bool *out, struct error *err);
int config_string(struct config *c, const struct config_context *ctx,
    const char *key, const char **out, struct error *err);
/* One of count words, as its index. */
int config_choice(struct config *c, const struct config_context *ctx,
    const char *key, const char *const *words, size_t count, size_t *out,
    struct error *err);
/* A secret: mounted secrets are asked before the environment, config.toml may
 * not hold it, config_show() does not print it. */
int config_secret(struct config *c, const struct config_context *ctx,
    const char *key, const char **out, struct error *err);

/*
 * --show-config: each setting asked for so far, its value and origin; secrets
 * and passwords in URLs masked. As a table of key, value and origin; or as
 * one JSON object:
 *
 *	{"files": ["..."], "settings": [{"key": "normalize.workers",
 *	"value": 3, "origin": ".dlt/config.toml:12",
 *	"found_as": "normalize.workers", "is_default": false}, ...]}
 *
 * key has the most specific path, found_as the one that was set (null for a
 * default); a value that is not set is null. Origins: FILE:LINE, the name of
 * the variable, the flag, "default".
 */
void config_show(struct config *c, bool json, FILE *out);

/* Settings of a data writer (contract.md 4.1); 0 = none. */
struct writer_settings {
	long buffer_max_items;
	long file_max_items;
	long file_max_bytes;
	bool disable_compression;
};
/* Reads them in the section data_writer of ctx (its own section is not
 * looked at), after filling in dlt's defaults. Negative numbers are errors. */
int config_writer(struct config *c, const struct config_context *ctx,
    struct writer_settings *out, struct error *err);

#endif

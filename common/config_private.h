/* SPDX-License-Identifier: MIT */
/*
 * config_private: what the parts of config share: config.c finds values,
 * config_value.c gives them types, config_show.c prints them.
 */
#ifndef DLT_CONFIG_PRIVATE_H
#define DLT_CONFIG_PRIVATE_H

#include "common/config.h"
#include "common/mem.h"
#include "common/opt.h"
#include "common/toml.h"

/* One value that somebody has set. */
struct entry {
	const char *const *parts; /* of the key, from the root */
	size_t depth;
	enum toml_type type;
	const char *text; /* NULL: a table */
	int64_t integer;
	double number;
	bool boolean;
	const char *origin; /* FILE:LINE, variable, flag */
	bool asked;         /* a lookup has passed here */
};

struct provider {
	struct entry *entries;
	size_t count, cap;
	size_t sorted; /* of a file: how many can be searched by halves */
	bool is_file;
};

/* What was asked for, for config_show(). */
struct setting {
	const char *key, *found_as, *value, *origin;
	enum toml_type type; /* of value */
	bool is_default;
};

struct config {
	struct arena arena; /* all strings */
	struct provider flags, secrets, config;
	const char *mounted; /* where secrets are mounted */
	struct setting *settings;
	size_t setting_count, setting_cap;
	struct opt_list files; /* those that were read */
};

enum secrecy { OPEN, SECRET };

/* The entry that counts, or NULL; *most is its most specific key. */
struct entry *config_search(struct config *c, const struct config_context *ctx,
    const char *key, enum secrecy secrecy, const char **most);

/* "a.b", parts with dots quoted as in TOML; in the arena. */
char *config_join(struct config *c, const char *const *parts, size_t depth);

/* For config_show(). e NULL: the default, spelt as value (NULL: none). */
void config_remember(struct config *c, const char *most, const struct entry *e,
    const char *value, enum toml_type type);

/* The text, or a copy in the arena whose URL has no password. */
const char *config_mask(struct config *c, const char *text);

#endif

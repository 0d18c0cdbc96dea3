/* SPDX-License-Identifier: MIT */
/*
 * settings: what a run is asked to do, from options and configuration.
 *
 * Owner: settings_release().
 */
#ifndef DLT_EXTRACT_SETTINGS_H
#define DLT_EXTRACT_SETTINGS_H

#include "common/config.h"
#include "common/exchange.h"
#include "common/workdir.h"
#include "common/zio.h"
#include "tools/dlt-extract/extract.h"
#include "tools/dlt-extract/pull.h"
#include "tools/dlt-extract/refresh.h"

struct settings {
	struct config *config;
	/* Of the source, in the configuration: it has no section of its own. */
	struct config_context where;
	struct pull_settings own; /* of the source */
	struct exchange exchange;
	struct naming_settings naming;
	struct refresh refresh;
	struct row_format format; /* of the inputs */
	bool fifo;
	uint64_t limit;
	double max_time_s; /* 0: any */
	bool keep_going;   /* --on-error keep */
	size_t memory;     /* --max-memory, or 0 */
	double wait_s;
	enum codec codec;
	bool codec_is_default; /* nobody asked for it */
	const char *source;    /* name of the source file's source, or NULL */
	char *schema_name;
	char *load_id;
};

/* What needs no working directory; the names of flags are in the messages. */
int settings_parse(struct settings *s, const struct extract_options *o,
    struct error *err);

/* Schema name and configuration; w is NULL without -p. default_schema: from
 * state.json, or NULL. */
int settings_look_up(struct settings *s, const struct extract_options *o,
    const char *pipeline, const char *default_schema, struct error *err);

/* Those of a resource (NULL: of the source). */
int settings_resource(const struct settings *s, const char *resource,
    struct pull_settings *out, struct error *err);

void settings_release(struct settings *s);

#endif

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

struct settings {
	struct config *config;
	struct writer_settings writer;
	struct exchange exchange;
	struct naming_settings naming;
	struct row_format format; /* of the inputs */
	long workers, max_expansion;
	bool fifo;
	uint64_t limit;
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

void settings_release(struct settings *s);

#endif

/* SPDX-License-Identifier: MIT */
#include "tools/dlt-extract/settings.h"

#include "common/budget.h"
#include "common/mem.h"
#include "common/name.h"
#include "common/package.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Whole seconds as dlt spells a load id: "1700000000.0". */
static int
load_id_of_epoch(const char *text, char **out, struct error *err)
{
	char *end;
	long long t;

	errno = 0;
	t = strtoll(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || t < 0 ||
	    t > 253402300799)
		return error_set(err, ERR_USAGE,
		    "SOURCE_DATE_EPOCH is \"%s\", which is no number of "
		    "seconds",
		    text);
	*out = xasprintf("%lld.0", t);
	return 0;
}

static bool
has_control(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f)
			return true;
	return false;
}

static int
parse_load_id(struct settings *s, const struct extract_options *o,
    struct error *err)
{
	const char *epoch = getenv("SOURCE_DATE_EPOCH");

	if (o->load_id != NULL) {
		if (o->load_id[0] == '\0' || o->load_id[0] == '.' ||
		    strchr(o->load_id, '/') != NULL ||
		    strlen(o->load_id) > 255 || has_control(o->load_id))
			return error_set(err, ERR_USAGE,
			    "--load-id: \"%s\" cannot be the name of a folder",
			    o->load_id);
		s->load_id = xstrdup(o->load_id);
		return 0;
	}
	if (!o->deterministic) {
		s->load_id = load_id_now();
		return 0;
	}
	if (epoch == NULL)
		return error_set(err, ERR_USAGE,
		    "--deterministic needs --load-id or SOURCE_DATE_EPOCH");
	return load_id_of_epoch(epoch, &s->load_id, err);
}

static int
check_target(const struct extract_options *o, struct error *err)
{
	bool stream = o->output == NULL && o->common.pipeline == NULL;

	if (o->output != NULL && o->common.pipeline != NULL)
		return error_set(err, ERR_USAGE,
		    "-o and -p exclude each other");
	if (stream && o->common.json && !o->common.show_config)
		return error_set(err, ERR_USAGE,
		    "--json needs -o or -p: standard output carries the "
		    "package");
	if (stream && (o->print || o->print0))
		return error_set(err, ERR_USAGE,
		    "--print needs -o or -p: standard output carries the "
		    "package");
	if (o->common.json && (o->print || o->print0))
		return error_set(err, ERR_USAGE,
		    "--json and --print exclude each other");
	if (o->source != NULL && (o->name != NULL || o->files0_from != NULL))
		return error_set(err, ERR_USAGE,
		    "-s takes inputs from its file: no -n or --files0-from");
	return 0;
}

int
settings_parse(struct settings *s, const struct extract_options *o,
    struct error *err)
{
	if (check_target(o, err) < 0 ||
	    row_format_parse(&s->format, &o->input, err) < 0 ||
	    opt_wait(o->common.wait, &s->wait_s, err) < 0)
		return -1;
	if (s->wait_s > 1e9)
		s->wait_s = WAIT_FOREVER;
	s->limit = UINT64_MAX;
	if (o->limit != NULL && opt_size(o->limit, &s->limit, err) < 0)
		return error_prefix(err, "--limit: ");
	if (o->max_time != NULL &&
	    opt_duration(o->max_time, &s->max_time_s, err) < 0)
		return error_prefix(err, "--max-time: ");
	s->keep_going = o->on_error != NULL && strcmp(o->on_error, "keep") == 0;
	if (o->on_error != NULL && !s->keep_going &&
	    strcmp(o->on_error, "drop") != 0)
		return error_set(err, ERR_USAGE,
		    "--on-error: \"%s\" is neither drop nor keep", o->on_error);
	if (budget_parse(o->max_memory, &s->memory, err) < 0)
		return -1;
	s->codec = CODEC_ZSTD;
	s->codec_is_default = o->compression == NULL;
	if (o->compression != NULL &&
	    codec_parse(o->compression, &s->codec, err) < 0)
		return error_prefix(err, "--compression: ");
	if (o->schema_name != NULL && !name_is_schema_name(o->schema_name))
		return error_set(err, ERR_USAGE,
		    "--schema-name: \"%s\" is no identifier of at most 64 "
		    "characters",
		    o->schema_name);
	return parse_load_id(s, o, err);
}

static void
choose_schema_name(struct settings *s, const struct extract_options *o,
    const char *pipeline, const char *default_schema)
{
	struct buf b = { 0 };

	if (o->schema_name != NULL)
		buf_adds(&b, o->schema_name);
	else if (default_schema != NULL)
		buf_adds(&b, default_schema);
	else if (pipeline != NULL)
		name_default_schema(pipeline, &b);
	else
		buf_adds(&b, s->source != NULL ? s->source : "dlt");
	s->schema_name = buf_take(&b);
}

int
settings_resource(const struct settings *s, const char *resource,
    struct pull_settings *out, struct error *err)
{
	struct config_context writer = s->where, extract;
	long max_expansion = 1000;

	writer.resource = resource;
	extract = writer;
	extract.section = "extract";
	out->workers = 5;
	out->max_items = 20;
	if (config_writer(s->config, &writer, &out->files.rotation, err) < 0 ||
	    config_count(s->config, &extract, "workers", 1, &out->workers,
	        err) < 0 ||
	    config_count(s->config, &extract, "max_parallel_items", 1,
	        &out->max_items, err) < 0 ||
	    config_count(s->config, &extract, "max_expansion", 0,
	        &max_expansion, err) < 0)
		return -1;
	out->workers = budget_workers(s->memory, out->workers);
	out->max_expansion = (uint64_t)max_expansion;
	out->files.codec = s->codec;
	if (s->codec_is_default && out->files.rotation.disable_compression)
		out->files.codec = CODEC_NONE;
	return 0;
}

/* Of the whole source. */
static int
look_up(struct settings *s, struct error *err)
{
	static const char *const modes[] = { "round_robin", "fifo" };
	struct config_context extract = s->where;
	size_t mode = 0;

	extract.section = "extract";
	if (settings_resource(s, NULL, &s->own, err) < 0 ||
	    config_choice(s->config, &extract, "next_item_mode", modes,
	        ARRAY_LEN(modes), &mode, err) < 0)
		return -1;
	s->fifo = mode == 1;
	return 0;
}

int
settings_look_up(struct settings *s, const struct extract_options *o,
    const char *pipeline, const char *default_schema, struct error *err)
{
	choose_schema_name(s, o, pipeline, default_schema);
	s->config = config_load(o->common.directory, err);
	if (s->config == NULL ||
	    config_set_all(s->config, &o->common.config, err) < 0 ||
	    exchange_settings(&s->exchange, s->config, pipeline, err) < 0 ||
	    exchange_naming(&s->naming, s->config, pipeline, s->schema_name,
	        err) < 0)
		return -1;
	s->where = (struct config_context){ .pipeline = pipeline,
		.path = { "sources", NULL, s->schema_name },
		.count = 3 };
	s->where.path[1] = o->common.section != NULL ? o->common.section
	    : s->source != NULL                      ? s->source
	    : pipeline != NULL                       ? pipeline
	                                             : s->schema_name;
	return refresh_look_up(&s->refresh, s->config, pipeline, err) < 0
	    ? -1
	    : look_up(s, err);
}

void
settings_release(struct settings *s)
{
	exchange_release(&s->exchange);
	refresh_release(&s->refresh);
	config_free(s->config);
	free(s->schema_name);
	free(s->load_id);
}

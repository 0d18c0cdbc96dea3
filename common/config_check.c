/* SPDX-License-Identifier: MIT */
/*
 * config_check: keys of the files that nobody reads, neither a tool nor Python
 * dlt. Sections are told by their names alone, so what may be a parameter of
 * somebody's source is a mistake only where a setting has nearly its name.
 */
#include "common/config_private.h"

#include <string.h>

#include "common/msg.h"

/* Those of dlt 1.26.0, and ours. */
static const char *const data_writer[] = { "buffer_max_items", "file_max_items",
	"file_max_bytes", "disable_compression", "compression", "delimiter",
	"include_header", "quoting", "lineterminator", "on_error_continue",
	"encoding", "backslashes", "flavor", "version", "data_page_size",
	"timestamp_timezone", "row_group_size", "coerce_timestamps",
	"allow_truncated_timestamps", "use_compliant_nested_type",
	"write_page_index", "use_content_defined_chunking",
	"supports_dictionary_encoding", "arrow_concat_promote_options" };
static const char *const extract[] = { "workers", "max_parallel_items",
	"futures_poll_interval", "copy_on_fork", "next_item_mode",
	"max_expansion" };
static const char *const normalize[] = { "workers", "pool_type", "start_method",
	"run_sleep", "destination_capabilities", "loader_file_format",
	"max_memory", "normalize_volume_path", "load_volume_path",
	"delete_completed_jobs", "add_dlt_id", "add_dlt_load_id" };
static const char *const load[] = { "workers", "pool_type", "start_method",
	"run_sleep", "parallelism_strategy", "raise_on_failed_jobs",
	"raise_on_max_retries", "truncate_staging_dataset",
	"start_new_jobs_on_signal", "delete_completed_jobs",
	"load_volume_path" };
static const char *const schema[] = { "naming", "json_normalizer",
	"allow_identifier_change_on_table_with_data",
	"use_break_path_on_normalize", "external_schema_format",
	"external_schema_format_remove_defaults", "schema_volume_path",
	"import_schema_path", "export_schema_path" };
static const char *const runtime[] = { "pipeline_name", "sentry_dsn",
	"slack_incoming_hook", "dlthub_telemetry", "dlthub_telemetry_endpoint",
	"dlthub_telemetry_segment_write_key", "log_format", "log_level",
	"request_timeout", "request_max_attempts", "request_backoff_factor",
	"request_max_retry_delay", "requests_per_second",
	"config_files_storage_path", "dlthub_dsn", "run_id",
	"http_show_error_body", "http_max_error_body_length",
	"pluggable_run_context", "intercept_signals" };

static const struct section {
	const char *name, *stage; /* who tells about it */
	const char *const *keys;
	size_t count;
} sections[] = {
	{ "data_writer", NULL, data_writer, ARRAY_LEN(data_writer) },
	{ "extract", "extract", extract, ARRAY_LEN(extract) },
	{ "normalize", "normalize", normalize, ARRAY_LEN(normalize) },
	{ "load", "load", load, ARRAY_LEN(load) },
	{ "schema", "extract", schema, ARRAY_LEN(schema) },
	{ "runtime", "extract", runtime, ARRAY_LEN(runtime) },
};

/* Job files are written by extract, if nothing above says other. */
static const char *
stage_of(const struct section *s, const struct entry *e)
{
	if (s->stage)
		return s->stage;
	for (size_t i = 0; i + 2 < e->depth; i++)
		if (!strcmp(e->parts[i], "normalize") ||
		    !strcmp(e->parts[i], "load"))
			return e->parts[i];
	return "extract";
}

static void
check(struct config *c, const struct entry *e, const char *stage)
{
	const char *key = e->parts[e->depth - 1], *near;
	const struct section *s = sections;
	size_t i = 0;

	while (s < sections + ARRAY_LEN(sections) &&
	    strcmp(s->name, e->parts[e->depth - 2]) != 0)
		s++;
	if (s == sections + ARRAY_LEN(sections) ||
	    strcmp(stage_of(s, e), stage) != 0)
		return;
	while (i < s->count && strcmp(s->keys[i], key) != 0)
		i++;
	if (i < s->count)
		return;
	near = opt_nearest(key, s->keys, s->count);
	if (near)
		msg_warn("%s: no setting \"%s\"; did you mean \"%s\"?",
		    e->origin, config_join(c, e->parts, e->depth), near);
	else if (e->depth == 2)
		msg_warn("%s: no setting \"%s\"", e->origin,
		    config_join(c, e->parts, e->depth));
}

void
config_check(struct config *c, const char *stage)
{
	const struct provider *files[] = { &c->secrets, &c->config };

	for (size_t i = 0; i < ARRAY_LEN(files); i++)
		for (size_t k = 0; k < files[i]->count; k++)
			if (files[i]->entries[k].text &&
			    files[i]->entries[k].depth >= 2)
				check(c, &files[i]->entries[k], stage);
}

/* SPDX-License-Identifier: MIT */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/config.h"
#include "common/mem.h"
#include "common/msg.h"
#include "common/opt.h"
#include "common/output.h"
#include "common/runtime.h"
#include "common/workdir.h"
#include "tools/dlt-normalize/wiring.h"

static struct {
	struct opt_common common;
	const char *output, *packages_from, *format, *target, *schema;
	const char *max_memory, *rejects, *max_rejects;
	bool print, nul, deterministic, plan;
} cfg;

static const struct opt options[] = {
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Input and output", NULL },
	{ 'o', "output", "DIR", OPT_STRING, &cfg.output,
	    "write the package to DIR, whole or not at all", NULL },
	{ 'T', "packages-from", "FILE|-", OPT_STRING, &cfg.packages_from,
	    "take the packages that FILE lists, one a line", NULL },
	{ 0, "print", NULL, OPT_FLAG, &cfg.print,
	    "print the path of each committed package", NULL },
	{ '0', "null", NULL, OPT_FLAG, &cfg.nul,
	    "paths, read or printed, are ended by NUL bytes", NULL },
	{ 0, "plan", NULL, OPT_FLAG, &cfg.plan,
	    "only print what would change in the schema", NULL },
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Normalizing", NULL },
	{ 0, "for", "DESTINATION", OPT_STRING, &cfg.target,
	    "names and ids as this destination wants them", NULL },
	{ 0, "schema", "FILE", OPT_STRING, &cfg.schema,
	    "begin with this schema, not the package's", NULL },
	{ 0, "import-schema", "DIR", OPT_CONFIG, &cfg.common.config,
	    "begin with the schema that DIR/NAME.schema.yaml has",
	    "import_schema_path" },
	{ 0, "export-schema", "DIR", OPT_CONFIG, &cfg.common.config,
	    "write each new schema to DIR/NAME.schema.yaml",
	    "export_schema_path" },
	{ 0, "format", "jsonl|insert_values|csv|typed-jsonl|parquet",
	    OPT_STRING, &cfg.format, "format of the job files", NULL },
	{ 0, "compression", "zstd|fast|gzip|none", OPT_CONFIG,
	    &cfg.common.config, "of the job files",
	    "normalize.data_writer.compression" },
	{ 0, "file-max-items", "N", OPT_CONFIG, &cfg.common.config,
	    "begin a new file after N rows",
	    "normalize.data_writer.file_max_items" },
	{ 0, "file-max-bytes", "N", OPT_CONFIG, &cfg.common.config,
	    "begin a new file after N uncompressed bytes",
	    "normalize.data_writer.file_max_bytes" },
	{ 0, "buffer-max-items", "N", OPT_CONFIG, &cfg.common.config,
	    "look at these limits every N rows",
	    "normalize.data_writer.buffer_max_items" },
	{ 0, "rejects", "FILE|-", OPT_STRING, &cfg.rejects,
	    "rows that cannot be placed go to FILE, the rest goes on", NULL },
	{ 0, "max-rejects", "N", OPT_STRING, &cfg.max_rejects,
	    "fail if a package has more than N of them", NULL },
	{ 0, "deterministic", NULL, OPT_FLAG, &cfg.deterministic,
	    "row ids from content and position", NULL },
	{ 0, "max-memory", "SIZE", OPT_STRING, &cfg.max_memory,
	    "take at most SIZE of memory (at least 64M)", NULL },
	OPT_STAGE(cfg.common),
	OPT_COMMON(cfg.common, "normalize.workers"),
};

static const struct opt_spec spec = {
	.tool = "dlt-normalize",
	.summary = "turns the nested rows of a load package into tables",
	.usage = "[OPTION]... [PACKAGE]...\n-p NAME [OPTION]...\n",
	.examples =
	    "dlt-extract events=FILE | dlt-normalize | dlt-load sqlite:FILE\n"
	    "dlt-normalize -o normalized extracted\n"
	    "dlt-normalize -p github\n",
	.options = options,
	.count = ARRAY_LEN(options),
};

static int
check_format(struct wiring *w, struct error *err)
{
	struct buf takes = { 0 };
	struct caps staged;

	if (!cfg.format)
		return 0;
	w->set.format = format_find(cfg.format);
	if (!w->set.format)
		return error_set(err, ERR_USAGE,
		    "--format: no format \"%s\"; there are %s", cfg.format,
		    format_names());
	/* jsonl is what rows are at first; and there are literals for a
	 * database whose own loader does not take such files */
	if (!cfg.target || caps_takes(w->set.target, cfg.format) ||
	    w->set.format == &format_jsonl ||
	    (w->set.format == &format_insert_values &&
	        w->set.target->dialect) ||
	    (caps_stage(w->set.target, &staged) &&
	        caps_takes(&staged, cfg.format)))
		return 0;
	caps_formats(w->set.target, &takes);
	error_set(err, ERR_USAGE, "--format: %s does not take %s, but %s",
	    w->set.target->name, cfg.format, buf_str(&takes));
	buf_release(&takes);
	return -1;
}

static int
check_options(struct wiring *w, struct error *err)
{
	const struct caps *target = caps_find(cfg.target);

	w->set.target = target;
	w->target_given = cfg.target != NULL;
	if (!target)
		return caps_unknown(cfg.target, err);
	if (cfg.target)
		wiring_target(w, target, false);
	if (check_format(w, err))
		return -1;
	if (cfg.output && cfg.common.pipeline)
		return error_set(err, ERR_USAGE,
		    "--output and --pipeline exclude each other");
	if (cfg.print && !cfg.output && !cfg.common.pipeline)
		return error_set(err, ERR_USAGE,
		    "--print needs --output or "
		    "--pipeline: the package itself goes to standard output");
	if (cfg.plan && (cfg.output || cfg.print || cfg.rejects))
		return error_set(err, ERR_USAGE,
		    "--plan writes nothing: --output, --print and --rejects do "
		    "not go with it");
	if (!cfg.plan && !cfg.output && !cfg.common.pipeline &&
	    isatty(STDOUT_FILENO))
		return error_set(err, ERR_USAGE,
		    "a package stream is not "
		    "written to a terminal; use --output DIR or a pipe");
	return 0;
}

static int
check_rejects(struct wiring *w, struct error *err)
{
	uint64_t max = UINT64_MAX;

	if (cfg.max_rejects && !cfg.rejects)
		return error_set(err, ERR_USAGE,
		    "--max-rejects needs --rejects FILE");
	if (cfg.max_rejects && opt_size(cfg.max_rejects, &max, err))
		return error_prefix(err, "--max-rejects: ");
	if (cfg.rejects && strcmp(cfg.rejects, "-") == 0 &&
	    ((!cfg.output && !cfg.common.pipeline) || cfg.print ||
	        cfg.common.json))
		return error_set(err, ERR_USAGE,
		    "--rejects -: standard output is taken; name a file");
	/* a package of a pipeline is gone once it is committed */
	w->rejects = (struct rejects_spec){ .path = cfg.rejects,
		.append = cfg.common.pipeline != NULL,
		.max = max };
	return 0;
}

static int
stdin_is_terminal(const struct wiring *w, struct error *err)
{
	if (w->pipeline || w->packages_from || w->operands.count ||
	    !isatty(STDIN_FILENO))
		return 0;
	return error_set(err, ERR_USAGE,
	    "standard input is a terminal; give "
	    "a PACKAGE, or a package stream from dlt-extract");
}

static int
run(struct config *c, struct opt_list *operands, int *status, struct error *err)
{
	struct plan plan = { .json = cfg.common.json };
	struct wiring w = { .pipeline = cfg.common.pipeline,
		.output = cfg.output,
		.packages_from = cfg.packages_from,
		.schema_file = cfg.schema,
		.print = cfg.print,
		.nul = cfg.nul,
		.plan = cfg.plan ? &plan : NULL,
		.operands = *operands };
	const struct progress_spec what = { "normalize", cfg.common.pipeline,
		.upstream = !cfg.output && !cfg.common.pipeline };
	const char *unused;
	size_t at = 0;
	int rc;

	w.set.deterministic = cfg.deterministic;
	if (opt_wait(cfg.common.wait, &w.wait, err) ||
	    config_set_all(c, &cfg.common.config, err) ||
	    settings_read(c, cfg.common.pipeline, cfg.max_memory, &w, err))
		return -1;
	if (isinf(w.wait))
		w.wait = WAIT_FOREVER;
	if (cfg.common.show_config) {
		runtime_begin(c, &cfg.common, &what, &w.set.progress, err);
		config_show(c, cfg.common.json, stdout);
		return 0;
	}
	if (check_options(&w, err) || check_rejects(&w, err) ||
	    stdin_is_terminal(&w, err) ||
	    runtime_begin(c, &cfg.common, &what, &w.set.progress, err))
		return -1;
	while ((unused = config_unused(c, &at)))
		msg_warn("-c %s: no setting of dlt-normalize", unused);
	rc = wiring_run(&w, err);
	runtime_end(w.set.progress, &cfg.common, rc ? err : NULL);
	if (!rc && cfg.plan) {
		plan_print(&plan, &w.totals.load_ids);
		*status = plan.changes ? EXIT_SCHEMA : EXIT_DONE;
	} else if (!rc) {
		wiring_report(&w, cfg.common.json);
	}
	plan_release(&plan);
	buf_release(&w.totals.load_ids);
	return rc;
}

int
main(int argc, char **argv)
{
	struct opt_list operands = { 0 };
	struct error err = { 0 };
	struct config *c;
	int status = EXIT_DONE;

	if (opt_begin(&spec, &cfg.common, argc, argv, &operands, &status)) {
		signals_init();
		mem_return_large(1 << 20);
		c = config_load(cfg.common.directory, &err);
		if (!c || run(c, &operands, &status, &err))
			status = msg_fail(&err);
		config_free(c);
	}
	opt_list_release(&operands);
	opt_common_release(&cfg.common);
	signal_reraise();
	return msg_close(status);
}

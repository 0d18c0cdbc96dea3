/* SPDX-License-Identifier: MIT */
#include "common/msg.h"
#include "common/opt.h"
#include "common/output.h"
#include "common/secret.h"
#include "tools/dlt-load/run.h"

static struct load_options cfg;

static const char usage[] = "[options] [DESTINATION] [PACKAGE...]";

static const char examples[] =
    "dlt-extract events=events.jsonl | dlt-normalize | dlt-load sqlite:my.db\n"
    "dlt-load sqlite:my.db pkg\n"
    "dlt-load -p shop sqlite:shop.db\n"
    "dlt-normalize -p shop --print | dlt-load -p shop sqlite:shop.db -T -";

/* clang-format off */
static const struct opt options[] = {
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Destination", NULL },
	{ 0, "dataset", "NAME", OPT_STRING, &cfg.dataset,
	    "load into this dataset (a schema of the database)", NULL },
	{ 0, "password-file", "FILE", OPT_STRING, &cfg.password_file,
	    "take the destination's password from the first line of FILE",
	    NULL },
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Packages", NULL },
	{ 'T', "packages-from", "FILE|-", OPT_STRING, &cfg.packages_from,
	    "load the packages whose paths FILE holds, one a line", NULL },
	{ 0, "plan", NULL, OPT_FLAG, &cfg.plan,
	    "print what would be done, and end with 3 if that is DDL", NULL },
	{ 0, "print", NULL, OPT_FLAG, &cfg.print,
	    "print the path of each loaded package", NULL },
	{ '0', "null", NULL, OPT_FLAG, &cfg.zero,
	    "paths, read or printed, are ended by NUL bytes", NULL },
	{ 0, "max-memory", "SIZE", OPT_STRING, &cfg.max_memory,
	    "take at most SIZE of memory (at least 64M; not with DuckDB)",
	    NULL },
	OPT_STAGE(cfg.common),
	OPT_COMMON(cfg.common, "load.workers"),
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Settings without an option", NULL },
	{ 0, "load.truncate_staging_dataset", "BOOL", OPT_KEY, NULL,
	    "empty the staging dataset when a package is in", NULL },
	{ 0, "load.raise_on_max_retries", "N", OPT_KEY, NULL,
	    "give up for now after N tries", NULL },
	{ 0, "load.parallelism_strategy", "WORD", OPT_KEY, NULL,
	    "parallel, table-sequential or sequential", NULL },
	{ 0, "destination.staging_dataset_name_layout", "TEXT", OPT_KEY, NULL,
	    "name of the staging dataset; %s: that of the dataset", NULL },
	{ 0, "use_single_dataset", "BOOL", OPT_KEY, NULL,
	    "all schemas of a pipeline share one dataset", NULL },
	{ 0, "destination.create_indexes", "BOOL", OPT_KEY, NULL,
	    "an index for each unique column (PostgreSQL)", NULL },
	{ 0, "destination.filesystem.layout", "TEXT", OPT_KEY, NULL,
	    "the names of files (file:DIR, s3://BUCKET)", NULL },
	{ 0, "destination.filesystem.max_state_files", "N", OPT_KEY, NULL,
	    "states that are kept of each pipeline (of files)", NULL },
	{ 0, "destination.filesystem.credentials.endpoint_url", "URL", OPT_KEY,
	    NULL, "where S3 is, if not at Amazon's", NULL },
	{ 0, "destination.filesystem.credentials.region_name", "NAME", OPT_KEY,
	    NULL, "of the bucket", NULL },
	{ 0, "destination.filesystem.credentials.profile_name", "NAME",
	    OPT_KEY, NULL, "of the keys in ~/.aws/credentials", NULL },
	{ 0, "load.delete_completed_jobs", "BOOL", OPT_KEY, NULL,
	    "remove the jobs of loaded packages", NULL },
	{ 0, "load.raise_on_failed_jobs", "BOOL", OPT_KEY, NULL,
	    "abort a package when one of its jobs is bad", NULL },
	{ 0, "load.data_writer.delimiter", "CHAR", OPT_KEY, NULL,
	    "of csv; else as its header says", NULL },
	{ 0, "load.data_writer.include_header", "BOOL", OPT_KEY, NULL,
	    "whether csv has one", NULL },
	{ 0, "load.data_writer.backslashes", "BOOL", OPT_KEY, NULL,
	    "whether they escape in '..' of insert_values", NULL },
};
/* clang-format on */

static const struct opt_spec spec = {
	.tool = "dlt-load",
	.usage = usage,
	.examples = examples,
	.options = options,
	.count = ARRAY_LEN(options),
	.summary = "load normalized packages into a destination",
};

int
main(int argc, char **argv)
{
	char **args = secret_hide(argc, argv);
	struct error err = { 0 };
	bool changes = false;
	int status = EXIT_USAGE;

	if (opt_begin(&spec, &cfg.common, argc, args, &cfg.operands, &status)) {
		signals_init();
		status = EXIT_DONE;
		if (load_run(&cfg, &changes, &err) < 0)
			status = msg_fail(&err);
		else if (changes)
			status = EXIT_SCHEMA;
		signal_reraise();
	}
	opt_list_release(&cfg.operands);
	opt_common_release(&cfg.common);
	secret_release(argc, args);
	return msg_close(status);
}

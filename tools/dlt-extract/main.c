/* SPDX-License-Identifier: MIT */
#include "common/mem.h"
#include "common/msg.h"
#include "common/opt.h"
#include "common/output.h"
#include "common/secret.h"
#include "tools/dlt-extract/extract.h"

static struct extract_options cfg;

static const char usage[] = "[options] [NAME=]INPUT...\n"
                            "[options] -n NAME INPUT...\n"
                            "[options] -s FILE [RESOURCE]...";

static const char examples[] =
    "dlt-extract events=events.jsonl | dlt-normalize | dlt-load sqlite:my.db\n"
    "dlt-extract -o pkg orders='orders-*.json.gz' users=-\n"
    "find logs -name '*.jsonl' -print0 | xargs -0 dlt-extract -p web -n hits\n"
    "dlt-extract -p shop --write-disposition replace "
    "items=items.json";

/* clang-format off */
static const struct opt options[] = {
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Input", NULL },
	{ 'n', "name", "NAME", OPT_STRING, &cfg.name,
	    "all operands are inputs of the resource NAME, taken literally",
	    NULL },
	{ 's', "source", "FILE", OPT_STRING, &cfg.source,
	    "take the resources from a source file; operands select some", NULL },
	{ 0, "files0-from", "FILE", OPT_STRING, &cfg.files0_from,
	    "take the NUL-ended names in FILE as inputs; - is standard input",
	    NULL },
	{ 0, "input-format", "FORMAT", OPT_STRING, &cfg.input.format,
	    "auto (by the end of the name), jsonl, csv or tsv", NULL },
	{ 0, "csv-delimiter", "C", OPT_STRING, &cfg.input.delimiter,
	    "between the fields of delimited text", NULL },
	{ 0, "csv-quote", "C|none", OPT_STRING, &cfg.input.quote,
	    "around fields (a double quote)", NULL },
	{ 0, "csv-names", "A,B", OPT_STRING, &cfg.input.names,
	    "the columns; the first line is no header", NULL },
	{ 0, "csv-ragged", "HOW[,HOW]", OPT_STRING, &cfg.input.ragged,
	    "error (default), missing, drop-extra, keep-extra", NULL },
	{ 0, "csv-types", "auto|text", OPT_STRING, &cfg.input.types,
	    "numbers and booleans by column, or all values as text", NULL },
	{ 0, "limit", "N", OPT_STRING, &cfg.limit,
	    "stop after N rows of each resource", NULL },
	{ 0, "max-time", "TIME", OPT_STRING, &cfg.max_time,
	    "after TIME (90s, 5m, 2h) take what has been read, and no more",
	    NULL },
	{ 0, "on-error", "drop|keep", OPT_STRING, &cfg.on_error,
	    "when a resource fails, drop all rows (default) or keep those that "
	    "came", NULL },
	{ 0, "incremental", "[RESOURCE:]CURSOR[,WORD=VALUE...]", OPT_LIST,
	    &cfg.incremental,
	    "take only rows whose CURSOR is new since the last run", NULL },
	{ 0, "next-item-mode", "MODE", OPT_CONFIG, &cfg.common.config,
	    "order of several resources: round_robin or fifo",
	    "extract.next_item_mode" },
	{ 0, "max-memory", "SIZE", OPT_STRING, &cfg.max_memory,
	    "take at most SIZE of memory (at least 64M)", NULL },
	{ 0, "components", NULL, OPT_FLAG, &cfg.components,
	    "print which resources of a file must run together", NULL },
	{ 0, "dry-run", NULL, OPT_FLAG, &cfg.dry_run,
	    "print the first request of each resource, and send none", NULL },
	{ 0, "allow-empty", NULL, OPT_FLAG, &cfg.allow_empty,
	    "standard input without rows may empty a table", NULL },
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Output", NULL },
	{ 'o', "output", "DIR", OPT_STRING, &cfg.output,
	    "write the package as this directory, whole or not at all", NULL },
	{ 0, "compression", "KIND", OPT_STRING, &cfg.compression,
	    "zstd (default), fast, gzip or none", NULL },
	{ 0, "file-max-items", "N", OPT_CONFIG, &cfg.common.config,
	    "begin a new file after N rows", "data_writer.file_max_items" },
	{ 0, "file-max-bytes", "N", OPT_CONFIG, &cfg.common.config,
	    "begin a new file after N uncompressed bytes",
	    "data_writer.file_max_bytes" },
	{ 0, "buffer-max-items", "N", OPT_CONFIG, &cfg.common.config,
	    "rows in a buffer; files end where a buffer does",
	    "data_writer.buffer_max_items" },
	{ 0, "load-id", "ID", OPT_STRING, &cfg.load_id,
	    "name of the package, instead of the time", NULL },
	{ 0, "deterministic", NULL, OPT_FLAG, &cfg.deterministic,
	    "same input, same bytes; load id from SOURCE_DATE_EPOCH", NULL },
	{ 0, "print", NULL, OPT_FLAG, &cfg.print,
	    "print the path of the committed package", NULL },
	{ '0', "null", NULL, OPT_FLAG, &cfg.print0,
	    "the same, ended by a NUL byte", NULL },
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Tables and schema", NULL },
	{ 0, "table-from", "FIELD", OPT_STRING, &cfg.table_from,
	    "each row's FIELD names its table", NULL },
	{ 0, "write-disposition", "KIND[:STRATEGY[,...]]", OPT_STRING,
	    &cfg.hints.write_disposition,
	    "append (default), replace, merge or skip", NULL },
	{ 0, "primary-key", "A,B", OPT_STRING, &cfg.hints.primary_key,
	    "columns that make a row unique", NULL },
	{ 0, "merge-key", "A,B", OPT_STRING, &cfg.hints.merge_key,
	    "columns whose values are replaced together", NULL },
	{ 0, "column", "[TABLE.]COLUMN:TYPE[,HINT...]", OPT_LIST,
	    &cfg.hints.columns, "declare a column", NULL },
	{ 0, "schema-contract", "MODE|ENTITY=MODE,...", OPT_STRING,
	    &cfg.hints.schema_contract,
	    "evolve, freeze, discard_row, discard_value for tables, columns, "
	    "data_type", NULL },
	{ 0, "max-table-nesting", "N", OPT_STRING, &cfg.hints.max_table_nesting,
	    "levels of nested tables; below them values are kept as json",
	    NULL },
	{ 0, "refresh", "MODE", OPT_CONFIG, &cfg.common.config,
	    "begin anew: drop_sources, drop_resources or drop_data", "refresh" },
	{ 0, "import-schema", "DIR", OPT_CONFIG, &cfg.common.config,
	    "begin with the schema that DIR/NAME.schema.yaml has",
	    "import_schema_path" },
	{ 0, "export-schema", "DIR", OPT_CONFIG, &cfg.common.config,
	    "write each new schema to DIR/NAME.schema.yaml",
	    "export_schema_path" },
	{ 0, "schema-name", "NAME", OPT_STRING, &cfg.schema_name,
	    "name of the schema", NULL },
	{ 0, "sync", "DESTINATION", OPT_STRING, &cfg.sync,
	    "begin with the schema and state that DESTINATION has stored",
	    NULL },
	{ 0, "dataset", "NAME", OPT_STRING, &cfg.dataset,
	    "look into this dataset of the --sync destination", NULL },
	{ 0, "password-file", "FILE", OPT_STRING, &cfg.password_file,
	    "password of the --sync destination: the first line of FILE",
	    NULL },
	OPT_STAGE(cfg.common),
	OPT_COMMON(cfg.common, "extract.workers"),
};
/* clang-format on */

static const struct opt_spec spec = {
	.tool = "dlt-extract",
	.usage = usage,
	.examples = examples,
	.options = options,
	.count = ARRAY_LEN(options),
	.summary = "take rows from files and pipes into a load package",
};

static int
run(void)
{
	struct error err = { 0 };

	if (cfg.operands.count == 0 && cfg.files0_from == NULL &&
	    cfg.source == NULL && !cfg.common.show_config)
		error_set(&err, ERR_USAGE,
		    "no input given; name one, as in "
		    "NAME=FILE or NAME=-");
	else if (extract_run(&cfg, &err) == 0)
		return EXIT_DONE;
	return msg_fail(&err);
}

int
main(int argc, char **argv)
{
	char **args = secret_hide(argc, argv);
	int status = EXIT_USAGE;

	/* what one huge row took goes back to the system */
	mem_return_large(4 << 20);
	if (opt_begin(&spec, &cfg.common, argc, args, &cfg.operands, &status)) {
		signals_init();
		status = run();
		signal_reraise();
	}
	table_hints_release(&cfg.hints);
	opt_list_release(&cfg.operands);
	opt_list_release(&cfg.incremental);
	opt_common_release(&cfg.common);
	secret_release(argc, args);
	return msg_close(status);
}

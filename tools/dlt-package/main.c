/* SPDX-License-Identifier: MIT */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "common/msg.h"
#include "common/output.h"
#include "tools/dlt-package/look.h"

static struct {
	struct opt_common common;
	const char *format, *compression;
	const char *keep, *older;
	bool remove_defaults, null;
	struct opt_list set, reset;
	bool yes, dry_run;
	bool list_commands, list_pipelines; /* for completion */
} cfg;

static const struct opt options[] = {
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Output", NULL },
	{ 0, "format", "json|yaml|mermaid|dot|svg", OPT_STRING, &cfg.format,
	    "how `schema` writes the schema", NULL },
	{ 0, "remove-defaults", NULL, OPT_FLAG, &cfg.remove_defaults,
	    "`schema` writes JSON without what is known", NULL },
	{ 0, "compression", "KIND", OPT_STRING, &cfg.compression,
	    "zstd, fast, gzip or none: what `convert` makes", NULL },
	{ '0', "null", NULL, OPT_FLAG, &cfg.null,
	    "lines of lists end with a NUL, not a newline", NULL },
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Changes", NULL },
	{ 0, "set", "RESOURCE.CURSOR=VALUE", OPT_LIST, &cfg.set,
	    "`state` gets another last value of a cursor", NULL },
	{ 0, "reset", "RESOURCE[.CURSOR]", OPT_LIST, &cfg.reset,
	    "`state` forgets a cursor, or all of a resource", NULL },
	{ 'y', "yes", NULL, OPT_FLAG, &cfg.yes,
	    "`drop` a package without asking", NULL },
	{ 0, "keep", "N", OPT_STRING, &cfg.keep,
	    "`gc` leaves the N newest loaded packages", NULL },
	{ 0, "older", "DAYS", OPT_STRING, &cfg.older,
	    "`gc` removes what was loaded so long ago", NULL },
	{ 'n', "dry-run", NULL, OPT_FLAG, &cfg.dry_run,
	    "`gc` prints what it would remove", NULL },
	{ 0, "list-commands", NULL, OPT_FLAG, &cfg.list_commands, NULL, NULL },
	{ 0, "list-pipelines", NULL, OPT_FLAG, &cfg.list_pipelines, NULL,
	    NULL },
	OPT_COMMON(cfg.common, "normalize.workers"),
};

static const struct opt_spec spec = {
	.tool = "dlt-package",
	.summary = "looks into load packages",
	.usage = "ls|info|verify|schema [OPTION]... [PACKAGE]\n"
	         "cat TABLE [PACKAGE]\n"
	         "why TABLE.COLUMN [PACKAGE]\n"
	         "diff OLD NEW\n"
	         "seal PACKAGE\n"
	         "failed|retry|drop -p NAME [LOAD_ID]\n"
	         "gc -p NAME [--keep N] [--older DAYS] [--dry-run]\n"
	         "state -p NAME [RESOURCE]\n"
	         "convert --compression KIND PACKAGE\n"
	         "COMMAND -p NAME [LOAD_ID]\n",
	.examples = "dlt-package ls -p github\n"
	            "dlt-package cat events extracted | head\n"
	            "dlt-extract events=FILE | dlt-package info\n",
	.options = options,
	.count = ARRAY_LEN(options),
};

struct command {
	const char *name;
	int (*run)(const struct look *l, struct error *err);
	const char *subject; /* what stands behind the name, or NULL */
	bool lists;          /* prints a list: -0 is for it */
};

static const struct command commands[] = {
	{ "ls", do_ls, NULL, true },
	{ "info", do_info, NULL, false },
	{ "cat", do_cat, "a TABLE", false },
	{ "verify", do_verify, NULL, false },
	{ "seal", do_seal, NULL, false },
	{ "schema", do_schema, NULL, false },
	{ "why", do_why, "a TABLE.COLUMN", true },
	{ "failed", do_failed, NULL, true },
	{ "retry", do_retry, NULL, false },
	{ "drop", do_drop, NULL, false },
	{ "convert", do_convert, NULL, false },
	{ "state", do_state, NULL, true },
	{ "diff", do_diff, "an OLD package or schema", true },
	{ "gc", do_gc, NULL, true },
};

static int
list(void)
{
	char *dir = workdir_pipelines();
	struct dirent *e;
	DIR *d;

	for (size_t i = 0; cfg.list_commands && i < ARRAY_LEN(commands); i++)
		puts(commands[i].name);
	d = cfg.list_pipelines ? opendir(dir) : NULL;
	while (d != NULL && (e = readdir(d)) != NULL)
		if (e->d_name[0] != '.')
			puts(e->d_name);
	if (d != NULL)
		closedir(d);
	free(dir);
	return 0;
}

static const struct command *
find_command(const char *name, struct error *err)
{
	const char *names[ARRAY_LEN(commands)], *near;

	for (size_t i = 0; i < ARRAY_LEN(commands); i++) {
		names[i] = commands[i].name;
		if (strcmp(name, names[i]) == 0)
			return &commands[i];
	}
	near = opt_nearest(name, names, ARRAY_LEN(names));
	error_set(err, ERR_USAGE, "unknown command \"%s\"%s%s%s", name,
	    near ? "; did you mean \"" : "; see dlt-package --help",
	    near ? near : "", near ? "\"?" : "");
	return NULL;
}

static bool
is_package(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISDIR(st.st_mode) &&
	    !package_is_foreign(path);
}

/* Are there only options that the command has? */
static int
check_options(const struct command *c, const struct look *l, struct error *err)
{
	if ((l->format || l->remove_defaults) && c->run != do_schema)
		return error_set(err, ERR_USAGE,
		    "--%s is an option of schema only",
		    l->format ? "format" : "remove-defaults");
	if ((cfg.set.count || cfg.reset.count) && c->run != do_state)
		return error_set(err, ERR_USAGE,
		    "--%s is an option of state only",
		    cfg.set.count ? "set" : "reset");
	if (l->compression && c->run != do_convert)
		return error_set(err, ERR_USAGE,
		    "--compression is an option of convert only");
	if ((l->keep || l->older || l->dry_run) && c->run != do_gc)
		return error_set(err, ERR_USAGE, "--%s is an option of gc only",
		    l->keep        ? "keep"
		        : l->older ? "older"
		                   : "dry-run");
	if (l->null && !c->lists)
		return error_set(err, ERR_USAGE, "%s prints no list: not -0",
		    c->name);
	if (l->null && l->json)
		return error_set(err, ERR_USAGE,
		    "--json and --null exclude each other");
	return 0;
}

static int
run(const struct opt_list *operands, bool *differs, struct error *err)
{
	struct look l = { .pipeline = cfg.common.pipeline,
		.format = cfg.format,
		.compression = cfg.compression,
		.remove_defaults = cfg.remove_defaults,
		.set = &cfg.set,
		.reset = &cfg.reset,
		.yes = cfg.yes,
		.keep = cfg.keep,
		.older = cfg.older,
		.dry_run = cfg.dry_run,
		.differs = differs,
		.json = cfg.common.json,
		.null = cfg.null };
	const struct command *c;
	size_t at = 1;

	if (cfg.list_commands || cfg.list_pipelines)
		return list();
	if (!operands->count)
		return error_set(err, ERR_USAGE,
		    "a command is missing; see dlt-package --help");
	c = find_command(operands->items[0], err);
	if (!c)
		return -1;
	if (c->subject && at == operands->count)
		return error_set(err, ERR_USAGE, "%s needs %s", c->name,
		    c->subject);
	if (c->subject && c->run != do_diff && !l.pipeline &&
	    operands->count == 2 && is_package(operands->items[1]))
		return error_set(err, ERR_USAGE,
		    "%s needs %s before the package %s; `dlt-package info %s` "
		    "lists the tables",
		    c->name, c->subject, operands->items[1],
		    operands->items[1]);
	if (c->subject)
		l.subject = operands->items[at++];
	if (at < operands->count)
		l.package = operands->items[at++];
	if (at < operands->count)
		return error_set(err, ERR_USAGE,
		    "%s: \"%s\" is one operand too many", c->name,
		    operands->items[at]);
	if (check_options(c, &l, err))
		return -1;
	if (cfg.common.wait && opt_wait(cfg.common.wait, &l.wait, err))
		return -1;
	return c->run(&l, err);
}

int
main(int argc, char **argv)
{
	struct opt_list operands = { 0 };
	struct error err = { 0 };
	int status = EXIT_DONE;
	bool differs = false;

	if (opt_begin(&spec, &cfg.common, argc, argv, &operands, &status)) {
		signals_init();
		if (run(&operands, &differs, &err))
			status = msg_fail(&err);
		else if (differs)
			status = EXIT_SCHEMA;
	}
	opt_list_release(&operands);
	opt_list_release(&cfg.set);
	opt_list_release(&cfg.reset);
	opt_common_release(&cfg.common);
	signal_reraise();
	return msg_close(status);
}

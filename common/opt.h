/* SPDX-License-Identifier: MIT */
/*
 * opt: one table of options per tool; from it parsing, --help and the hidden
 * --list-options (for completion and the man page check) come.
 *
 * Shape:  options and operands in any order, "--" ends options, "-" is an
 *         operand; --opt=VALUE, --opt VALUE, -oVALUE, -o VALUE and clusters
 *         (-qj4) work. Names are never abbreviated. A wrong option gets a hint
 *         with the nearest right name. The last of several wins, except for
 *         OPT_LIST, OPT_CONFIG and OPT_COUNT, which add up.
 * Errors: ERR_USAGE.
 * Owner:  strings point into argv, except the items of OPT_CONFIG lists;
 *         opt_list_release() frees a list, opt_common_release() those of
 *         struct opt_common.
 *
 * The main() of a tool:
 *
 *	static struct tool_options {
 *		struct opt_common common;
 *		const char *output;
 *	} cfg;
 *	static const struct opt options[] = {
 *		{ 0, NULL, NULL, OPT_GROUP, NULL, "Output", NULL },
 *		{ 'o', "output", "DIR", OPT_STRING, &cfg.output,
 *		    "write the package here", NULL },
 *		{ 0, "file-max-items", "N", OPT_CONFIG, &cfg.common.config,
 *		    "begin a new file after N rows",
 *		    "data_writer.file_max_items" },
 *		OPT_COMMON(cfg.common, "normalize.workers"),
 *	};
 *	static const struct opt_spec spec = { .tool = "dlt-x", ... };
 *
 *	if (!opt_begin(&spec, &cfg.common, argc, argv, &operands, &status))
 *		return msg_close(status);
 */
#ifndef DLT_OPT_H
#define DLT_OPT_H

#include "common/error.h"

enum opt_kind {
	OPT_FLAG,   /* bool */
	OPT_COUNT,  /* int, +1 each time */
	OPT_STRING, /* const char * */
	OPT_LIST,   /* struct opt_list: given several times */
	OPT_CONFIG, /* a setting: "KEY=VALUE" is added to a struct opt_list; with
	               .config NULL the argument is that text already (-c); with
	               .arg NULL the value is "true" */
	OPT_GROUP,  /* a heading in --help (.help); nothing to parse */
	OPT_KEY,    /* a setting that has no flag: .name is its key; for --help
	               and --list-options only */
};

/* Zero-initialise. origins is NULL except in lists filled by OPT_CONFIG, where
 * it runs parallel to items and holds the option's name ("-c", "--workers"),
 * and the items are owned; hand these to config_set_all(). */
struct opt_list {
	const char **items;
	size_t count, cap;
	const char **origins;
	size_t origins_cap;
};

struct opt {
	int letter;       /* 'o', or 0 */
	const char *name; /* "output"; NULL when there is only the letter */
	const char *arg;  /* "DIR", or NULL: takes no argument */
	enum opt_kind kind;
	void *target;
	const char *help;   /* one line, no full stop; NULL hides the option */
	const char *config; /* OPT_CONFIG: the key, e.g. "normalize.workers" */
};

struct opt_spec {
	const char *tool;
	const char *usage;    /* lines, each without "usage: " and tool name */
	const char *examples; /* lines, shown first by --help */
	const struct opt *options;
	size_t count;
	const char *summary; /* what the tool does, one line; may be NULL */
};

/* The options that all tools have: OPT_COMMON() in each table. workers_key is
 * the setting that -j stands for ("normalize.workers"), never NULL. */
struct opt_common {
	const char *pipeline, *directory, *section, *wait, *log_format,
	    *metrics, *trace;
	struct opt_list config;
	bool json, quiet, help, version, show_config, list_options;
	bool no_progress;
	int verbose;
};

/* clang-format off */
#define OPT_COMMON(var, workers_key)                                         \
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Common options", NULL },          \
	{ 'p', "pipeline", "NAME|DIR/", OPT_STRING, &(var).pipeline,         \
	    "use the working directory of this pipeline", NULL },            \
	{ 'C', "directory", "DIR", OPT_STRING, &(var).directory,             \
	    "take the configuration of DIR, not of the current directory",   \
	    NULL },                                                          \
	{ 'c', "config", "KEY=VALUE", OPT_CONFIG, &(var).config,             \
	    "set any configuration key for this run", NULL },                \
	{ 0, "section", "NAME", OPT_STRING, &(var).section,                  \
	    "configuration section of the source, as in [sources.NAME]",     \
	    NULL },                                                          \
	{ 'j', "workers", "N", OPT_CONFIG, &(var).config,                    \
	    "work with N threads", workers_key },                            \
	{ 0, "wait", "SECONDS|inf", OPT_STRING, &(var).wait,                 \
	    "wait for another run on the pipeline, not exit 75", NULL },     \
	{ 0, "json", NULL, OPT_FLAG, &(var).json,                            \
	    "print one JSON object as a report at the end", NULL },          \
	{ 'q', "quiet", NULL, OPT_FLAG, &(var).quiet,                        \
	    "print errors only", NULL },                                     \
	{ 'v', "verbose", NULL, OPT_COUNT, &(var).verbose,                   \
	    "say what is done; twice: in detail", NULL },                    \
	{ 0, "log-format", "text|logfmt|json", OPT_STRING,                   \
	    &(var).log_format, "how messages look", NULL },                  \
	{ 'h', "help", NULL, OPT_FLAG, &(var).help,                          \
	    "print this help and exit", NULL },                              \
	{ 'V', "version", NULL, OPT_FLAG, &(var).version,                    \
	    "print the version and exit", NULL },                            \
	{ 0, "list-options", NULL, OPT_FLAG, &(var).list_options, NULL, NULL }
/* Those of the three stages, before OPT_COMMON(). */
#define OPT_STAGE(var)                                                       \
	{ 0, NULL, NULL, OPT_GROUP, NULL, "Progress, settings", NULL },      \
	{ 0, "metrics", "FILE", OPT_STRING, &(var).metrics,                  \
	    "write what the run has done to FILE, for Prometheus", NULL },   \
	{ 0, "trace", "FILE", OPT_STRING, &(var).trace,                      \
	    "write each step, job and change of the schema to FILE, as JSON",\
	    NULL },                                                          \
	{ 0, "no-progress", NULL, OPT_FLAG, &(var).no_progress,              \
	    "show no progress on a terminal, and log none", NULL },          \
	{ 0, "show-config", NULL, OPT_FLAG, &(var).show_config,              \
	    "print each setting, its value and its origin, and exit", NULL }
/* clang-format on */

/*
 * What every main() does first: msg_init(), signals are not touched; parse;
 * set the verbosity; do --help, --version and --list-options; print the usage
 * when there are no arguments at all and stdin is a terminal. Returns true when
 * the tool has work to do. Else everything has been said and main() ends with
 * `return msg_close(status)` (0, or EXIT_USAGE after a wrong command line).
 * Either way the lists are to be released.
 */
bool opt_begin(const struct opt_spec *spec, struct opt_common *common, int argc,
    char **argv, struct opt_list *operands, int *status);

/* Parse; operands are added to *operands (pointing into argv). An error text
 * names the option as it was written. */
int opt_parse(const struct opt_spec *spec, int argc, char **argv,
    struct opt_list *operands, struct error *err);

void opt_help(const struct opt_spec *spec); /* to stdout, 80 columns */

/* To stdout, TSV: -x, --name, ARG, help, key; empty fields stay empty. Hidden
 * options and headings are left out; an OPT_KEY is "-c", "", "KEY=ARG", help,
 * key. */
void opt_list_all(const struct opt_spec *spec);

/* At most 15 lines on stderr, the pipeline of the three tools first. */
void opt_usage(const struct opt_spec *spec);

void opt_list_add(struct opt_list *l, const char *item); /* borrows item */
void opt_list_release(struct opt_list *l);
void opt_common_release(struct opt_common *common);

/* The name that is most like word (one of count), or NULL when none is near
 * enough to be what was meant. For hints: "; did you mean ...?". */
const char *
opt_nearest(const char *word, const char *const *names, size_t count);

/* "inf" or seconds ("2.5"), as seconds; NULL is 0; inf is INFINITY. */
int opt_wait(const char *text, double *out, struct error *err);

/* A positive time: seconds ("2.5"), or with a unit: s, m, h, d; as seconds. */
int opt_duration(const char *text, double *out, struct error *err);

/* Bytes or counts: digits, with "_" between them, and a unit: k, M, G, T (also
 * kB, MB, ...) are powers of 1000, Ki, Mi, Gi, Ti (also KiB, ...) of 1024; case
 * does not matter, a space may stand before the unit. */
int opt_size(const char *text, uint64_t *out, struct error *err);

#endif

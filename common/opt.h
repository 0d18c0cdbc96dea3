/* SPDX-License-Identifier: MIT */
/*
 * opt: one table of options per tool; from it parsing, --help and the hidden
 * --list-options (for completion and the man page check) come.
 *
 * Shape:  options in any order, "--" ends them, --opt=VALUE and clusters work;
 *         a wrong option gets a hint with the nearest right name.
 * Errors: ERR_USAGE.
 */
#ifndef DLT_OPT_H
#define DLT_OPT_H

#include "common/error.h"

enum opt_kind {
	OPT_FLAG,   /* bool */
	OPT_COUNT,  /* int, +1 each time */
	OPT_STRING, /* const char * */
	OPT_LIST,   /* struct opt_list: given several times */
	OPT_CONFIG, /* a setting: stored in opt_list as KEY=VALUE of `config` */
	OPT_GROUP,  /* a heading in --help; help only */
};

struct opt_list {
	const char **items;
	size_t count, cap;
};

struct opt {
	int letter;         /* 'o', or 0 */
	const char *name;   /* "output" */
	const char *arg;    /* "DIR", or NULL */
	enum opt_kind kind;
	void *target;
	const char *help;   /* one line, no full stop */
	const char *config; /* OPT_CONFIG: the key, e.g. "normalize.workers" */
};

struct opt_spec {
	const char *tool;
	const char *usage;    /* lines after "usage: " */
	const char *examples; /* shown first by --help */
	const struct opt *options;
	size_t count;
};

/* Parse; operands are moved to *operands (pointing into argv). -h, -V and
 * --list-options are handled by the caller through OPT_FLAG targets. */
int opt_parse(const struct opt_spec *spec, int argc, char **argv,
    struct opt_list *operands, struct error *err);
void opt_help(const struct opt_spec *spec);  /* to stdout, 80 columns */
void opt_list_all(const struct opt_spec *spec); /* TSV: -x, --name, ARG, help */
/* At most 15 lines on stderr: usage, the pipeline of three tools first. */
void opt_usage(const struct opt_spec *spec);
void opt_list_add(struct opt_list *l, const char *item);
void opt_list_release(struct opt_list *l);

/* The common ones: -p -C -c --section -j --wait --json -q -v -h -V
 * --show-config --list-options. Use the macro in each tool's table. */
struct opt_common {
	const char *pipeline, *directory, *section, *wait;
	struct opt_list config;
	bool json, quiet, help, version, show_config, list_options;
	int verbose;
};

/* "inf" or seconds; NULL is 0. */
int opt_wait(const char *text, double *out, struct error *err);
/* 64MiB, 10k, 1_000: bytes or counts. */
int opt_size(const char *text, uint64_t *out, struct error *err);

#endif

/* SPDX-License-Identifier: MIT */
/*
 * look: the commands of dlt-package, and what they share: one walk through the
 * package that the operands name.
 *
 * Shape:  a command is a function of struct look; reports go to stdout.
 * Errors: as struct error.
 */
#ifndef DLT_PACKAGE_LOOK_H
#define DLT_PACKAGE_LOOK_H

#include <stdio.h>

#include "common/opt.h"
#include "common/package.h"
#include "common/workdir.h"

struct look {
	const char *pipeline;    /* -p, or NULL */
	const char *subject;     /* TABLE or TABLE.COLUMN of cat and why */
	const char *package;     /* operand; NULL: stdin, or the newest of -p */
	const char *format;      /* of schema */
	bool remove_defaults;    /* of schema */
	const char *compression; /* of convert */
	double wait;             /* of convert: seconds for locks */
	const struct opt_list *set, *reset; /* of state */
	bool json;
	bool null; /* lines of lists end with a NUL */
	bool yes;  /* drop without asking */
	/* of gc */
	const char *keep, *older;
	bool dry_run;
	bool *differs; /* of diff: what it found */
};

typedef int (*look_visit)(void *arg, struct package_in *in,
    enum package_event event, const struct package_entry *e, struct error *err);

/* Each event of each package goes to visit. */
int
look_walk(const struct look *l, look_visit visit, void *arg, struct error *err);
/* The last schema of the package, or the operand is a schema file itself; to be
 * freed even on an error. */
int look_schema(const struct look *l, struct schema **s, struct error *err);
/* The directory that the operands mean, malloc'd; "-" for a stream. */
char *look_path(const struct look *l, struct error *err);

/* Prints a line of a list, or a report, and empties b. */
void look_line(const struct look *l, struct buf *b);
/* The report of a command that changes: with --json one line, {"KEY":name,
 * "DONE":true}; else nothing. */
void look_done(const struct look *l, const char *key, const char *name,
    const char *done);

/* Rows of a JSON job file, which is the current one of in: each goes to out
 * (NULL: they are only counted), one a line. */
int
rows_copy(struct package_in *in, FILE *out, uint64_t *rows, struct error *err);
bool rows_are_json(const struct job_name *job);

int do_state(const struct look *l, struct error *err);
/* A drawing of the schema's tables, to stdout. */
void schema_svg(const struct schema *s);

int do_ls(const struct look *l, struct error *err);
int do_info(const struct look *l, struct error *err);
int do_cat(const struct look *l, struct error *err);
int do_verify(const struct look *l, struct error *err);
int do_seal(const struct look *l, struct error *err);
int do_schema(const struct look *l, struct error *err);
int do_why(const struct look *l, struct error *err);
int do_failed(const struct look *l, struct error *err);
int do_retry(const struct look *l, struct error *err);
int do_drop(const struct look *l, struct error *err);
int do_convert(const struct look *l, struct error *err);
int do_diff(const struct look *l, struct error *err);
int do_gc(const struct look *l, struct error *err);

#endif
